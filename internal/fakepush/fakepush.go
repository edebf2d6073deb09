// Package fakepush stands in for the push services: FCM HTTP v1 with its OAuth token endpoint, APNs over HTTP/2, and a Web Push
// service. Each is as strict about its protocol as the real one, and in places stricter (APNs lets a missing apns-expiration
// pass), because what a fake forgives is found out by a phone that stays silent. They run in tests and, by cmd/fakepush, beside a
// whole installation; the product reaches them through its ordinary settings and knows nothing of fakes.
//
// The package imports nothing of the product, so that it cannot share its mistakes.
package fakepush

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// Options are where and as what the fakes appear. The zero value is good for tests: loopback, ports of the system's choice.
type Options struct {
	FCMAddr, APNsAddr, APNsSandboxAddr, WebPushAddr, ControlAddr string // host:port; empty means 127.0.0.1:0

	Hosts   []string         // further names or addresses for the certificate, besides localhost and the loopback addresses
	Project string           // Firebase project; empty means "fake-project"
	Topic   string           // bundle id of the iPhone app; empty means "test.countersign.companion"
	Now     func() time.Time // the services' clock; nil means time.Now
}

// Fake is the running services. Make it with New, end it with Close.
type Fake struct {
	FCMURL         string // without /v1; see FCMEndpoint
	APNsURL        string // production
	APNsSandboxURL string
	WebPushURL     string
	ControlURL     string // plain http, see control.go

	Project, Topic        string
	APNsKeyID, APNsTeamID string

	now       func() time.Time
	authority *authority
	book      *book
	keys      keyPair
	oauth     *oauth
	browsers  *browsers
	apnsEnvs  *environments
	servers   map[Service]*server
}

// Service names one of the servers.
type Service string

const (
	FCM         Service = "fcm"
	APNs        Service = "apns"
	APNsSandbox Service = "apns-sandbox"
	WebPush     Service = "webpush"
	Control     Service = "control"
)

// TokenEndpoint is the address to script (and count) FCM's OAuth endpoint by; see Script.
const TokenEndpoint = "oauth"

// New starts the services.
func New(o Options) (*Fake, error) {
	f := &Fake{
		Project: o.Project, Topic: o.Topic, APNsKeyID: "FAKEKEY123", APNsTeamID: "FAKETEAM12",
		now: o.Now, book: newBook(), oauth: newOAuth(), browsers: newBrowsers(), apnsEnvs: newEnvironments(), servers: map[Service]*server{},
	}
	if f.now == nil {
		f.now = time.Now
	}
	if f.Project == "" {
		f.Project = "fake-project"
	}
	if f.Topic == "" {
		f.Topic = "test.countersign.companion"
	}
	var err error
	if f.keys, err = keys(); err != nil {
		return nil, err
	}
	if f.authority, err = newAuthority(o.Hosts); err != nil {
		return nil, err
	}
	if err := f.start(o); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (f *Fake) start(o Options) error {
	onlyHTTP2 := new(http.Protocols)
	onlyHTTP2.SetHTTP2(true)
	for _, s := range []struct {
		name    Service
		addr    string
		url     *string
		handler http.Handler
		config  *tls.Config
		speaks  *http.Protocols
	}{
		{FCM, o.FCMAddr, &f.FCMURL, f.fcmHandler(), f.authority.config(), nil},
		{APNs, o.APNsAddr, &f.APNsURL, f.apnsHandler("production"), f.authority.config(), onlyHTTP2},
		{APNsSandbox, o.APNsSandboxAddr, &f.APNsSandboxURL, f.apnsHandler("sandbox"), f.authority.config(), onlyHTTP2},
		{WebPush, o.WebPushAddr, &f.WebPushURL, f.webPushHandler(), f.authority.config(), nil},
		{Control, o.ControlAddr, &f.ControlURL, f.controlHandler(), nil, nil},
	} {
		running, err := serve(s.addr, s.handler, s.config, s.speaks)
		if err != nil {
			return err
		}
		f.servers[s.name] = running
		*s.url = running.url
	}
	return nil
}

// Close ends the services and every connection to them.
func (f *Fake) Close() error {
	var errs []error
	for _, s := range f.servers {
		errs = append(errs, s.http.Close())
	}
	for _, s := range f.servers {
		<-s.done
	}
	return errors.Join(errs...)
}

// FCMEndpoint is the value for FCM_ENDPOINT.
func (f *Fake) FCMEndpoint() string { return f.FCMURL + "/v1" }

// Connections counts the connections that a service has accepted so far.
func (f *Fake) Connections(s Service) int { return int(f.servers[s].accepted.Load()) }

// server is one listener with what serves it.
type server struct {
	http     *http.Server
	url      string
	accepted atomic.Int64
	done     chan struct{}
}

func serve(addr string, h http.Handler, config *tls.Config, speaks *http.Protocols) (*server, error) {
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", addr)
	if err != nil {
		return nil, err
	}
	s := &server{done: make(chan struct{})}
	s.http = &http.Server{
		Handler: h, TLSConfig: config, Protocols: speaks, ConnContext: withConn,
		ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0), // clients hang up on purpose
	}
	watched := &listener{Listener: l, accepted: &s.accepted}
	run := func() error { return s.http.Serve(watched) }
	scheme := "http://"
	if config != nil {
		scheme = "https://"
		run = func() error { return s.http.ServeTLS(watched, "", "") }
	}
	s.url = scheme + l.Addr().String()
	go func() {
		defer close(s.done)
		_ = run() // ends with ErrServerClosed
	}()
	return s, nil
}

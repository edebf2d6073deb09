package push

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// Transport is the connection pool of a sender. It differs from http.Transport in one thing:
// when a request runs out of time, the pool is replaced. A connection that a firewall has forgotten swallows requests silently;
// HTTP/2 pings find that out in 20 seconds, but a question lives five minutes and is pushed twice at most, so the very next push
// must not be lost on the same connection. Requests under way finish on the old pool.
type Transport struct {
	build func() *http.Transport

	mu      sync.Mutex
	current *http.Transport
}

// NewTransport returns a pool whose generations build makes.
func NewTransport(build func() *http.Transport) *Transport {
	return &Transport{build: build, current: build()}
}

// HTTPTransport is what all senders' connections have in common: they trust roots (nil: the system's), dialling obeys the context
// (the libraries' own gives up after 20 seconds), silence is noticed by pings, and no answer has more than 64 KiB of headers. A
// burst over a cold pool would open a connection for each push; with eight allowed, the others wait for the first that is ready
// and share it.
func HTTPTransport(roots *x509.CertPool) *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
		TLSClientConfig:        &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    5 * time.Second,
		MaxConnsPerHost:        8,
		MaxIdleConnsPerHost:    8,
		IdleConnTimeout:        10 * time.Minute, // rapid opening and closing is read as an attack by Apple
		MaxResponseHeaderBytes: 64 << 10,
		ForceAttemptHTTP2:      true,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 5 * time.Second},
	}
}

// RoundTrip does one request; see http.RoundTripper.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	pool := t.pool()
	res, err := pool.RoundTrip(r)
	if err != nil && errors.Is(r.Context().Err(), context.DeadlineExceeded) {
		t.replace(pool)
	}
	return res, err
}

// Redial makes later requests use new connections, for a service that said it is shutting this one down.
func (t *Transport) Redial() { t.replace(t.pool()) }

// CloseIdleConnections closes what is not in use; see http.Transport.
func (t *Transport) CloseIdleConnections() { t.pool().CloseIdleConnections() }

func (t *Transport) pool() *http.Transport {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.current
}

// replace installs a new pool unless somebody else already replaced this one: a hundred pushes that time out together redial once.
func (t *Transport) replace(old *http.Transport) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.current == old {
		t.current = t.build()
		old.CloseIdleConnections()
	}
}

// NoRedirects is an http.Client.CheckRedirect: no push service redirects, and following would send a credential elsewhere.
func NoRedirects(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// Roots returns the system's certificate authorities and, besides, those in extra (PEM; PUSH_CA in wire.md §1). Without extra it
// returns nil, which means the system's.
func Roots(extra []byte) (*x509.CertPool, error) {
	if len(extra) == 0 {
		return nil, nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("push: system certificate authorities: %w", err)
	}
	if !pool.AppendCertsFromPEM(extra) {
		return nil, errors.New("push: no certificate found in the extra authorities")
	}
	return pool, nil
}

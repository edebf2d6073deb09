// Package fcm sends to Android (and, through Firebase, to iOS) by FCM HTTP v1. It uses Google's Admin SDK for the message and
// the error codes and takes three things away from it: retries (the SDK sends up to five times for one call, without jitter),
// unbounded waiting, and credentials fetched without regard to the caller's deadline. It does not know what a failed push means
// for a phone; it says Dead, Retry and so on, and the caller acts.
package fcm

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	firebase "firebase.google.com/go/v4"
	"firebase.google.com/go/v4/messaging"
	"golang.org/x/oauth2/google"
	"google.golang.org/api/option"

	"github.com/countersign/countersign/internal/push"
)

// DefaultEndpoint is the service itself. The SDK appends /projects/{project}/messages:send, so an endpoint ends in /v1.
const DefaultEndpoint = "https://fcm.googleapis.com/v1"

const scope = "https://www.googleapis.com/auth/firebase.messaging"

// Config is what a Sender needs. CredentialsJSON is the service account's key file as Google gives it out; access tokens are
// fetched at its token_uri. An empty Endpoint means DefaultEndpoint, nil RootCAs the system's, nil Now time.Now.
type Config struct {
	CredentialsJSON []byte
	Endpoint        string
	RootCAs         *x509.CertPool
	Now             func() time.Time
}

// Sender sends to FCM; see push.Sender.
type Sender struct {
	client *messaging.Client
	bearer *bearer
	now    func() time.Time
	worked atomic.Bool // one message was taken since the start: project, key and payload are right
}

// New checks the credentials as far as that goes without the network, so that a wrong file stops the service at its start and not
// the first push.
func New(ctx context.Context, c Config) (*Sender, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	endpoint := strings.TrimSuffix(c.Endpoint, "/")
	if endpoint == "" {
		endpoint = DefaultEndpoint
	}
	if err := checkURL(endpoint); err != nil {
		return nil, fmt.Errorf("fcm: endpoint: %w", err)
	}
	account, err := readAccount(c.CredentialsJSON)
	if err != nil {
		return nil, fmt.Errorf("fcm: credentials: %w", err)
	}
	signer, err := google.JWTConfigFromJSON(c.CredentialsJSON, scope)
	if err != nil {
		return nil, fmt.Errorf("fcm: credentials: %w", err)
	}
	pool := push.NewTransport(func() *http.Transport { return push.HTTPTransport(c.RootCAs) })
	tokens := newBearer(signer, pool, c.Now)
	client := &http.Client{Transport: once{base: authorized{base: pool, bearer: tokens}}, CheckRedirect: push.NoRedirects}
	app, err := firebase.NewApp(ctx, &firebase.Config{ProjectID: account.ProjectID}, option.WithEndpoint(endpoint), option.WithHTTPClient(client))
	if err != nil {
		return nil, fmt.Errorf("fcm: %w", err)
	}
	m, err := app.Messaging(ctx)
	if err != nil {
		return nil, fmt.Errorf("fcm: %w", err)
	}
	return &Sender{client: m, bearer: tokens, now: c.Now}, nil
}

// Send makes exactly one request, or none when the question is over; see push.Sender.
func (s *Sender) Send(ctx context.Context, to push.Address, m push.Message) push.Result {
	life := m.Life(s.now())
	if life <= 0 {
		return push.Result{Outcome: push.Expired, Reason: "expired"}
	}
	ctx, cancel := context.WithTimeout(ctx, push.Timeout)
	defer cancel()
	a := new(attempt)
	id, err := s.client.Send(context.WithValue(ctx, attemptKey{}, a), message(to.Token, m, s.now().Add(life), life))
	if err == nil {
		s.worked.Store(true)
		s.bearer.accepted(a.bearer)
		return push.Result{Outcome: push.Sent, ProviderID: push.Word(id[strings.LastIndexByte(id, '/')+1:], "")}
	}
	return s.failure(ctx, a, err)
}

type account struct {
	Type       string `json:"type"`
	ProjectID  string `json:"project_id"`
	Email      string `json:"client_email"`
	PrivateKey string `json:"private_key"`
	TokenURI   string `json:"token_uri"`
}

// readAccount refuses a file that could not work. Its errors name fields, never values.
func readAccount(b []byte) (account, error) {
	var a account
	if err := json.Unmarshal(b, &a); err != nil {
		return a, errors.New("not a JSON object of the expected form")
	}
	if a.Type != "service_account" {
		return a, errors.New(`type is not "service_account"`)
	}
	if a.ProjectID == "" || a.Email == "" {
		return a, errors.New("project_id or client_email is missing")
	}
	if err := checkURL(a.TokenURI); err != nil {
		return a, fmt.Errorf("token_uri: %w", err)
	}
	block, _ := pem.Decode([]byte(a.PrivateKey))
	if block == nil {
		return a, errors.New("private_key is not PEM")
	}
	if _, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return a, nil
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return a, errors.New("private_key cannot be read")
	}
	if _, ok := key.(*rsa.PrivateKey); !ok {
		return a, errors.New("private_key is not an RSA key")
	}
	return a, nil
}

// checkURL wants https; plain http only towards this machine, since what is sent there is a credential.
func checkURL(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return errors.New("not an absolute URL")
	}
	ip, _ := netip.ParseAddr(u.Hostname())
	if u.Scheme == "https" || u.Scheme == "http" && (u.Hostname() == "localhost" || ip.IsLoopback()) {
		return nil
	}
	return errors.New("not https")
}

// Check says whether Google gives an access token for the credentials: Sent when it does. It sends nothing to a phone.
func (s *Sender) Check(ctx context.Context) push.Result {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	if _, err := s.bearer.get(ctx); err != nil {
		return noToken(ctx, err)
	}
	return push.Result{Outcome: push.Sent}
}

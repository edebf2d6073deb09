// Package webpush sends to browsers: the message encrypted for one subscription (RFC 8291), signed with the service's VAPID key
// (RFC 8292), to the endpoint that the browser named (RFC 8030). Because a client chooses the endpoint, the package also guards
// where this machine may be made to connect. It does not know who subscribed, nor where the VAPID key lives.
package webpush

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/countersign/countersign/internal/push"
)

const answerLimit = 64 << 10

// How long to leave a service alone that gave no Retry-After.
const (
	quotaWait = time.Minute
	faultWait = 10 * time.Second
)

// Config is what a Sender needs. Key returns the VAPID private key (P-256) that a subscription was made with, by its id; "" means the
// current one. It is asked at every Send, so that a rotated key is used at once, and should remember it. Subject is where a push service complains: a mailto: or https: address. AllowHosts are
// the hosts ("host" or "host:port") that may be reached even at private addresses; nil RootCAs means the system's, nil Now
// time.Now.
type Config struct {
	Key        func(ctx context.Context, id string) (*ecdsa.PrivateKey, error)
	Subject    string
	RootCAs    *x509.CertPool
	AllowHosts []string
	Now        func() time.Time
}

// Sender sends web pushes; see push.Sender.
type Sender struct {
	key     func(context.Context, string) (*ecdsa.PrivateKey, error)
	subject string
	guard   *Guard
	client  *http.Client
	now     func() time.Time
}

// New refuses a subject that some push service would refuse later.
func New(c Config) (*Sender, error) {
	if c.Key == nil {
		return nil, errors.New("webpush: no key")
	}
	if err := checkSubject(c.Subject); err != nil {
		return nil, err
	}
	guard, err := NewGuard(c.AllowHosts)
	if err != nil {
		return nil, err
	}
	return newSender(c, guard), nil
}

func newSender(c Config, guard *Guard) *Sender {
	if c.Now == nil {
		c.Now = time.Now
	}
	pool := push.NewTransport(func() *http.Transport { return guard.Transport(c.RootCAs) })
	return &Sender{
		key: c.Key, subject: c.Subject, guard: guard, now: c.Now,
		client: &http.Client{Transport: pool, CheckRedirect: push.NoRedirects},
	}
}

// Send makes exactly one request, or none when the question is over or the endpoint is refused; see push.Sender.
func (s *Sender) Send(ctx context.Context, to push.Address, m push.Message) push.Result {
	life := m.Life(s.now())
	if life <= 0 {
		return push.Result{Outcome: push.Expired, Reason: "expired"}
	}
	ctx, cancel := context.WithTimeout(ctx, push.Timeout)
	defer cancel()
	key, err := s.key(ctx, to.VAPID)
	if err != nil {
		return push.Result{Outcome: push.Retry, Reason: "vapid_key"}
	}
	authorization, err := vapid(key, to.Endpoint, s.subject, s.now())
	if err != nil {
		return push.Result{Outcome: push.Misconfigured, Reason: "vapid_key"}
	}
	req, err := s.request(ctx, to, m, life)
	if err != nil {
		return refused(err)
	}
	req.Header.Set("Authorization", authorization)
	res, err := s.client.Do(req)
	if errors.Is(err, push.ErrEndpoint) {
		return refused(err)
	}
	if err != nil {
		return push.Unreached(ctx, err)
	}
	defer func() { _ = res.Body.Close() }()
	body, _ := io.ReadAll(io.LimitReader(res.Body, answerLimit)) // the status is the answer, with or without its reason
	return s.result(res, body)
}

// refused is the result for an address that nothing is sent to. It is not Dead: a name server that lies for a minute must not cost
// a phone its registration.
func refused(err error) push.Result {
	if errors.Is(err, push.ErrEndpoint) {
		return push.Result{Outcome: push.Rejected, Reason: "endpoint_refused"}
	}
	return push.Result{Outcome: push.Rejected, Reason: "bad_address"}
}

func (s *Sender) request(ctx context.Context, to push.Address, m push.Message, life time.Duration) (*http.Request, error) {
	if err := s.guard.checkName(to.Endpoint); err != nil {
		return nil, err
	}
	point, secret, err := to.Keys()
	if err != nil {
		return nil, err
	}
	body, err := encrypt(m.Payload(), point, secret)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to.Endpoint, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Encoding", "aes128gcm")
	req.Header.Set("Content-Type", "application/octet-stream")
	req.Header.Set("TTL", strconv.FormatInt(int64(life/time.Second), 10))
	req.Header.Set("Urgency", "high")
	req.Header.Set("Topic", topic(m.Confirmation))
	return req, nil
}

// topic makes a withdrawal replace a question that was not delivered yet. RFC 8030 §5.4 allows 32 characters of base64url, so it
// is 22 of the hash: the id itself may hold other characters and is nothing for the push service to know.
func topic(confirmation string) string {
	sum := sha256.Sum256([]byte(confirmation))
	return base64.RawURLEncoding.EncodeToString(sum[:])[:22]
}

// result classifies an answer (protocol.md §6.1, §7.3).
func (s *Sender) result(res *http.Response, body []byte) push.Result {
	r := push.Result{Outcome: push.Rejected, Reason: push.Word(refusalWord(body), push.HTTPReason(res.StatusCode))}
	switch code := res.StatusCode; {
	case code >= 200 && code < 300:
		return push.Result{Outcome: push.Sent}
	case code == http.StatusNotFound, code == http.StatusGone:
		r.Outcome = push.Dead
	case code == http.StatusUnauthorized, code == http.StatusForbidden:
		r.Outcome = push.Misconfigured // our signature, subject or key
	case code == http.StatusTooManyRequests:
		r.Outcome, r.RetryAfter = push.Retry, s.wait(res.Header, quotaWait)
	case code >= 500:
		r.Outcome, r.RetryAfter = push.Retry, s.wait(res.Header, faultWait)
	}
	return r
}

func (s *Sender) wait(h http.Header, least time.Duration) time.Duration {
	if asked := push.RetryAfter(h, s.now()); asked > 0 {
		return asked
	}
	return least
}

// refusalWord is what Apple ("reason") or Mozilla ("error") call the refusal; others answer prose.
func refusalWord(body []byte) string {
	var answer struct{ Reason, Error string }
	if json.Unmarshal(body, &answer) != nil {
		return ""
	}
	if answer.Reason != "" {
		return answer.Reason
	}
	return answer.Error
}

// Transport connects through the guard and through nothing else: a proxy would make the connection where the guard cannot see.
func (g *Guard) Transport(roots *x509.CertPool) *http.Transport {
	t := push.HTTPTransport(roots)
	t.Proxy = nil
	t.DialContext = g.dial
	t.DisableCompression = true
	t.IdleConnTimeout = 90 * time.Second
	return t
}

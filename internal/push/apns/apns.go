// Package apns sends to iPhones by Apple's push service over HTTP/2, with a provider token. The client library does the requests;
// this package decides everything that the library leaves open or gets wrong: which host, when the token is renewed, that an
// expiration is always set, what a 502 of a proxy means. It does not know what a dead registration means for a phone.
package apns

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/sideshow/apns2"

	"github.com/countersign/countersign/internal/push"
)

// Config is what a Sender needs: the .p8 key as Apple gives it out, its id, the team's id and the app's bundle id. Host, when
// set, replaces both of Apple's hosts ("https://host:port" or "host:port"). Nil RootCAs means the system's, nil Now time.Now.
type Config struct {
	KeyPEM  []byte
	KeyID   string
	TeamID  string
	Topic   string
	Host    string
	RootCAs *x509.CertPool
	Now     func() time.Time
}

// Sender sends to APNs; see push.Sender.
type Sender struct {
	topic        string
	tokens       *tokens
	environments map[string]*environment
	now          func() time.Time
}

// environment is one of Apple's two worlds. Each has connections of its own: a token of one is a BadDeviceToken in the other.
type environment struct {
	host string
	pool *push.Transport
	http *http.Client
}

var (
	appleID  = regexp.MustCompile(`^[A-Za-z0-9]{1,20}$`)
	bundleID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.-]{0,154}$`)
)

// New signs a first provider token, so that a wrong key stops the service at its start; the library would send an empty one.
func New(c Config) (*Sender, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if !appleID.MatchString(c.KeyID) || !appleID.MatchString(c.TeamID) {
		return nil, errors.New("apns: key id or team id is missing or has other characters than letters and digits")
	}
	if !bundleID.MatchString(c.Topic) {
		return nil, errors.New("apns: topic is not a bundle id")
	}
	hosts := map[string]string{push.Production: apns2.HostProduction, push.Sandbox: apns2.HostDevelopment}
	if c.Host != "" {
		host, err := readHost(c.Host)
		if err != nil {
			return nil, fmt.Errorf("apns: host: %w", err)
		}
		hosts = map[string]string{push.Production: host, push.Sandbox: host}
	}
	t, err := newTokens(c)
	if err != nil {
		return nil, err
	}
	s := &Sender{topic: c.Topic, tokens: t, environments: map[string]*environment{}, now: c.Now}
	for name, host := range hosts {
		pool := push.NewTransport(func() *http.Transport { return onlyHTTP2(push.HTTPTransport(c.RootCAs)) })
		s.environments[name] = &environment{
			host: host, pool: pool,
			http: &http.Client{Transport: faithful{pool}, CheckRedirect: push.NoRedirects},
		}
	}
	return s, nil
}

// onlyHTTP2 never offers HTTP/1.1, which Apple does not speak and a proxy in between might.
func onlyHTTP2(t *http.Transport) *http.Transport {
	t.Protocols = new(http.Protocols)
	t.Protocols.SetHTTP2(true)
	return t
}

func readHost(s string) (string, error) {
	if !strings.Contains(s, "://") {
		s = "https://" + s
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil {
		return "", errors.New("not https://host[:port]")
	}
	return "https://" + u.Host, nil
}

// Send makes one push for a question. A withdrawal is two: a silent text that replaces the question on the screen, and a
// background push that lets a living app take it away. Only the first of them counts for the result.
func (s *Sender) Send(ctx context.Context, to push.Address, m push.Message) push.Result {
	life := m.Life(s.now())
	if life <= 0 {
		return push.Result{Outcome: push.Expired, Reason: "expired"}
	}
	env, known := s.environments[to.Env]
	if !known || to.Validate() != nil {
		return push.Result{Outcome: push.Rejected, Reason: "bad_address"}
	}
	if to.Topic != s.topic {
		// Another app of the same team, or somebody's invention. Apple would refuse it; one registration is no reason for an alarm.
		return push.Result{Outcome: push.Rejected, Reason: apns2.ReasonDeviceTokenNotForTopic}
	}
	ctx, cancel := context.WithTimeout(ctx, push.Timeout)
	defer cancel()
	expires := s.now().Add(life)
	switch m.Type {
	case push.Confirm:
		return s.deliver(ctx, env, question(to, m, expires))
	case push.Test:
		return s.deliver(ctx, env, trial(to, m, expires))
	case push.News:
		return s.deliver(ctx, env, news(to, m, expires))
	}
	r := s.deliver(ctx, env, withdrawal(to, m, expires))
	if r.Outcome == push.Sent {
		_ = s.deliver(ctx, env, wakeUp(to, m, expires)) // best effort: Apple throttles these anyway
	}
	return r
}

// deliver sends one notification, and once more under a new provider token when Apple finds the old one too old.
func (s *Sender) deliver(ctx context.Context, env *environment, n *apns2.Notification) push.Result {
	if err := check(n); err != nil {
		return push.Result{Outcome: push.Rejected, Reason: "bad_message"}
	}
	t, err := s.tokens.get()
	if err != nil {
		return push.Result{Outcome: push.Misconfigured, Reason: "provider_token"}
	}
	r := s.try(ctx, env, t, n)
	if r.Reason != apns2.ReasonExpiredProviderToken {
		return r
	}
	if t, renewed := s.tokens.renew(t); renewed {
		return s.try(ctx, env, t, n)
	}
	return r
}

// nobody is a device token that no phone has.
const nobody = "0000000000000000000000000000000000000000000000000000000000000000"

// Check says whether Apple takes the key, team and topic: Sent when it does. It asks for a phone that does not exist, which Apple refuses for
// the phone's sake only where everything else is right.
func (s *Sender) Check(ctx context.Context) push.Result {
	ctx, cancel := context.WithTimeout(ctx, push.Timeout)
	defer cancel()
	to := push.Address{Kind: push.APNs, Token: nobody, Env: push.Production, Topic: s.topic}
	expires := s.now().Add(time.Minute)
	r := s.deliver(ctx, s.environments[push.Production], question(to, push.Message{Type: push.Confirm, Confirmation: "cnf_check", Workspace: "wsp_check", Expires: expires}, expires))
	if r.Outcome == push.Dead {
		r = push.Result{Outcome: push.Sent}
	}
	return r
}

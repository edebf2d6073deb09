package webpush

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"net"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/fakepush"
	"github.com/countersign/countersign/internal/push"
)

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func start(t *testing.T, o fakepush.Options) *fakepush.Fake {
	t.Helper()
	f, err := fakepush.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

// config lets the fake through the guard as an operator would, by its host and port.
func config(t *testing.T, f *fakepush.Fake, key *ecdsa.PrivateKey) Config {
	t.Helper()
	u, err := url.Parse(f.WebPushURL)
	if err != nil {
		t.Fatal(err)
	}
	return Config{
		Key: func(context.Context, string) (*ecdsa.PrivateKey, error) { return key, nil }, Subject: "mailto:ops@acme.test",
		RootCAs: f.Pool(), AllowHosts: []string{u.Host},
	}
}

func sender(t *testing.T, c Config) *Sender {
	t.Helper()
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// browser subscribes with the sender's key.
func browser(t *testing.T, f *fakepush.Fake, key *ecdsa.PrivateKey) push.Address {
	t.Helper()
	public, err := PublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	s := f.Subscribe(public)
	return push.Address{Kind: push.WebPush, Endpoint: s.Endpoint, P256DH: s.Keys.P256DH, Auth: s.Keys.Auth}
}

func address(t *testing.T, endpoint string) push.Address {
	t.Helper()
	return push.Address{
		Kind: push.WebPush, Endpoint: endpoint, Auth: "BTBZMqHH6r4Tts7J_aSIgg",
		P256DH: "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
	}
}

func confirm() push.Message {
	return push.Message{Type: push.Confirm, Confirmation: "cnf_4Kq8", Workspace: "wsp_1", Expires: time.Now().Add(5 * time.Minute)}
}

func TestTheBrowserReadsExactlyThePayload(t *testing.T) {
	f, key := start(t, fakepush.Options{}), newKey(t)
	to, m := browser(t, f, key), confirm()
	s := sender(t, config(t, f, key))
	if r := s.Send(t.Context(), to, m); r != (push.Result{Outcome: push.Sent}) {
		t.Fatalf("%+v", r)
	}
	d, err := f.Wait(t.Context(), to.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	if string(d.Payload) != string(m.Payload()) {
		t.Errorf("payload %s, want %s", d.Payload, m.Payload())
	}
	ttl, err := strconv.Atoi(d.Header["ttl"])
	if err != nil || ttl < 295 || ttl > 300 {
		t.Errorf("ttl %q, want what is left of five minutes", d.Header["ttl"])
	}
	if d.Header["urgency"] != "high" || d.Header["topic"] != topic(m.Confirmation) {
		t.Errorf("headers %v", d.Header)
	}
}

func TestAWithdrawalReplacesAQuestionThatWaits(t *testing.T) {
	f, key := start(t, fakepush.Options{}), newKey(t)
	to, m := browser(t, f, key), confirm()
	s := sender(t, config(t, f, key))
	f.SwitchOff(to.Endpoint)
	s.Send(t.Context(), to, m)
	m.Type = push.Done
	s.Send(t.Context(), to, m)
	f.SwitchOn(to.Endpoint)
	got := f.Delivered(to.Endpoint)
	if len(got) != 1 || string(got[0].Payload) != `{"t":"done","cid":"cnf_4Kq8"}` {
		t.Errorf("delivered %v", got)
	}
}

func TestEachAnswerHasItsOutcomeAndIsAskedForOnce(t *testing.T) {
	f, key := start(t, fakepush.Options{}), newKey(t)
	to, s := browser(t, f, key), sender(t, config(t, f, key))
	for _, c := range []struct {
		step fakepush.Step
		want push.Result
	}{
		{fakepush.Step{Do: fakepush.OK}, push.Result{Outcome: push.Sent}},
		{fakepush.Step{Do: "404"}, push.Result{Outcome: push.Dead, Reason: "Scripted404"}},
		{fakepush.Step{Do: "410"}, push.Result{Outcome: push.Dead, Reason: "Scripted410"}},
		{fakepush.Step{Do: "400"}, push.Result{Outcome: push.Rejected, Reason: "Scripted400"}},
		{fakepush.Step{Do: "413"}, push.Result{Outcome: push.Rejected, Reason: "Scripted413"}},
		{fakepush.Step{Do: "401"}, push.Result{Outcome: push.Misconfigured, Reason: "Scripted401"}},
		{fakepush.Step{Do: "403"}, push.Result{Outcome: push.Misconfigured, Reason: "Scripted403"}},
		{fakepush.Step{Do: "429", RetryAfter: 7}, push.Result{Outcome: push.Retry, Reason: "Scripted429", RetryAfter: 7 * time.Second}},
		{fakepush.Step{Do: "429"}, push.Result{Outcome: push.Retry, Reason: "Scripted429", RetryAfter: time.Minute}},
		{fakepush.Step{Do: "500"}, push.Result{Outcome: push.Retry, Reason: "Scripted500", RetryAfter: 10 * time.Second}},
		{fakepush.Step{Do: "503", RetryAfter: 30}, push.Result{Outcome: push.Retry, Reason: "Scripted503", RetryAfter: 30 * time.Second}},
		{fakepush.Step{Do: fakepush.HTML502}, push.Result{Outcome: push.Retry, Reason: "http_502", RetryAfter: 10 * time.Second}},
		{fakepush.Step{Do: fakepush.Flood}, push.Result{Outcome: push.Retry, Reason: "http_500", RetryAfter: 10 * time.Second}},
		{fakepush.Step{Do: fakepush.Redirect}, push.Result{Outcome: push.Rejected, Reason: "http_307"}},
		{fakepush.Step{Do: fakepush.Garbage}, push.Result{Outcome: push.Sent}}, // any 2xx is
		{fakepush.Step{Do: fakepush.Drop}, push.Result{Outcome: push.Retry, Reason: "connection"}},
		{fakepush.Step{Do: fakepush.GoAway}, push.Result{Outcome: push.Sent}},
		{fakepush.Step{Do: fakepush.OK, DelayMS: 1}, push.Result{Outcome: push.Sent}},
	} {
		t.Run(c.step.Do, func(t *testing.T) {
			before := f.Requests(to.Endpoint)
			f.Script(to.Endpoint, c.step)
			if got := s.Send(t.Context(), to, confirm()); got != c.want {
				t.Errorf("%+v, want %+v", got, c.want)
			}
			if n := f.Requests(to.Endpoint) - before; n != 1 {
				t.Errorf("asked %d times", n)
			}
		})
	}
}

func TestAnswersThatTheProtocolRefuses(t *testing.T) {
	f, key := start(t, fakepush.Options{}), newKey(t)
	to := browser(t, f, key)
	gone := to
	gone.Endpoint = f.WebPushURL + "/wp/UNKNOWN"
	other := newKey(t)
	for _, c := range []struct {
		name string
		key  *ecdsa.PrivateKey
		to   push.Address
		want push.Outcome
	}{
		{"a subscription that never was", key, gone, push.Dead},
		{"a subscription made with another key", other, to, push.Misconfigured},
		{"keys of another browser", key, push.Address{Kind: push.WebPush, Endpoint: to.Endpoint, P256DH: address(t, "").P256DH, Auth: to.Auth}, push.Rejected},
		{"keys that are none", key, push.Address{Kind: push.WebPush, Endpoint: to.Endpoint, P256DH: "x", Auth: "y"}, push.Rejected},
	} {
		t.Run(c.name, func(t *testing.T) {
			if r := sender(t, config(t, f, c.key)).Send(t.Context(), c.to, confirm()); r.Outcome != c.want {
				t.Errorf("%+v", r)
			}
		})
	}
}

func TestSendEndsWithItsContext(t *testing.T) {
	f, key := start(t, fakepush.Options{}), newKey(t)
	to := browser(t, f, key)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	deaf := to
	deaf.Endpoint = "https://" + l.Addr().String() + "/x"
	for _, c := range []struct {
		name string
		to   push.Address
		step string
	}{
		{"while the service is silent", to, fakepush.Hold},
		{"on a connection that died", to, fakepush.BlackHole},
		{"before TLS is finished", deaf, fakepush.OK},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := config(t, f, key)
			cfg.AllowHosts = append(cfg.AllowHosts, l.Addr().String())
			s := sender(t, cfg)
			f.Script(to.Endpoint, fakepush.Step{Do: c.step})
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			began := time.Now()
			if r := s.Send(ctx, c.to, confirm()); r.Outcome != push.Retry || r.Reason != "timeout" {
				t.Errorf("%+v", r)
			}
			if took := time.Since(began); took > 2*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

func TestADeadConnectionCostsOnePush(t *testing.T) {
	f, key := start(t, fakepush.Options{}), newKey(t)
	to, s := browser(t, f, key), sender(t, config(t, f, key))
	if r := s.Send(t.Context(), to, confirm()); r.Outcome != push.Sent {
		t.Fatalf("%+v", r)
	}
	f.Script(to.Endpoint, fakepush.Step{Do: fakepush.BlackHole})
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if r := s.Send(ctx, to, confirm()); r.Reason != "timeout" {
		t.Errorf("%+v", r)
	}
	if r := s.Send(t.Context(), to, confirm()); r.Outcome != push.Sent {
		t.Errorf("the next push: %+v", r)
	}
}

func TestAFakeOnLoopbackIsRefusedUnlessTheOperatorNamesIt(t *testing.T) {
	f, key := start(t, fakepush.Options{}), newKey(t)
	c := config(t, f, key)
	c.AllowHosts = nil
	to := browser(t, f, key)
	if r := sender(t, c).Send(t.Context(), to, confirm()); r.Outcome != push.Rejected || r.Reason != "endpoint_refused" {
		t.Errorf("%+v", r)
	}
	if n := f.Connections(fakepush.WebPush); n != 0 {
		t.Errorf("%d connections", n)
	}
}

func TestWhatIsNotSent(t *testing.T) {
	f, key := start(t, fakepush.Options{}), newKey(t)
	to, over := browser(t, f, key), confirm()
	over.Expires = time.Now()
	if r := sender(t, config(t, f, key)).Send(t.Context(), to, over); r.Outcome != push.Expired {
		t.Errorf("a question that ended: %+v", r)
	}
	c := config(t, f, key)
	c.Key = func(context.Context, string) (*ecdsa.PrivateKey, error) {
		return nil, errors.New("the database is away")
	}
	if r := sender(t, c).Send(t.Context(), to, confirm()); r.Outcome != push.Retry || r.Reason != "vapid_key" {
		t.Errorf("no key: %+v", r)
	}
	if n := f.Requests(to.Endpoint); n != 0 {
		t.Errorf("%d requests", n)
	}
}

func TestNewRefusesWhatCouldNotWork(t *testing.T) {
	f, key := start(t, fakepush.Options{}), newKey(t)
	for _, c := range []struct {
		name   string
		change func(*Config)
	}{
		{"no key", func(c *Config) { c.Key = nil }},
		{"no subject", func(c *Config) { c.Subject = "" }},
		{"an allowed host that is a URL", func(c *Config) { c.AllowHosts = []string{f.WebPushURL} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := config(t, f, key)
			c.change(&cfg)
			if _, err := New(cfg); err == nil {
				t.Error("accepted")
			}
		})
	}
}

func FuzzRefusalWord(f *testing.F) {
	f.Add([]byte(`{"reason":"BadJwtToken"}`))
	f.Add([]byte(`{"errno":103,"error":"Gone"}`))
	f.Add([]byte(`<html>`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if w := push.Word(refusalWord(body), "http_400"); len(w) > 64 || strings.ContainsAny(w, " \r\n\t<>\"'\x00") {
			t.Errorf("%q came through", w)
		}
	})
}

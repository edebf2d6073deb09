package apns

import (
	"context"
	"encoding/json"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sideshow/apns2"

	"github.com/countersign/countersign/internal/fakepush"
	"github.com/countersign/countersign/internal/push"
)

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

func config(f *fakepush.Fake) Config {
	return Config{KeyPEM: f.APNsKeyPEM(), KeyID: f.APNsKeyID, TeamID: f.APNsTeamID, Topic: f.Topic, Host: f.APNsURL, RootCAs: f.Pool()}
}

func sender(t *testing.T, c Config) *Sender {
	t.Helper()
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func iphone(f *fakepush.Fake) push.Address {
	return push.Address{Kind: push.APNs, Token: f.APNsToken(push.Production), Env: push.Production, Topic: f.Topic}
}

func confirm() push.Message {
	return push.Message{Type: push.Confirm, Confirmation: "cnf_4Kq8", Workspace: "wsp_1", Expires: time.Now().Add(5 * time.Minute)}
}

func sameJSON(t *testing.T, got []byte, want string) {
	t.Helper()
	var a, b any
	if json.Unmarshal(got, &a) != nil || json.Unmarshal([]byte(want), &b) != nil {
		t.Fatalf("not JSON: %s", got)
	}
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	if string(x) != string(y) {
		t.Errorf("got  %s\nwant %s", x, y)
	}
}

func TestAQuestionOnTheWire(t *testing.T) {
	f := start(t, fakepush.Options{})
	to, m := iphone(f), confirm()
	m.Expires = time.Unix(m.Expires.Unix(), 0)
	r := sender(t, config(f)).Send(t.Context(), to, m)
	if r.Outcome != push.Sent || r.ProviderID == "" {
		t.Fatalf("%+v", r)
	}
	d, err := f.Wait(t.Context(), to.Token)
	if err != nil {
		t.Fatal(err)
	}
	sameJSON(t, d.Payload, string(m.Payload()))
	var whole map[string]json.RawMessage
	if err := json.Unmarshal(d.Raw, &whole); err != nil {
		t.Fatal(err)
	}
	sameJSON(t, whole["aps"], `{"alert":{"title":"Confirmation Request","body":"Open to review"},"category":"CONFIRM","mutable-content":1,
		"interruption-level":"time-sensitive","relevance-score":1,"sound":"default"}`)
	h := d.Header
	if h["apns-priority"] != "10" || h["apns-push-type"] != "alert" || h["apns-collapse-id"] != m.Confirmation || h["apns-topic"] != f.Topic {
		t.Errorf("headers %v", h)
	}
	if off := d.Expires.Sub(m.Expires).Abs(); off > time.Second {
		t.Errorf("expiration is %v off", off)
	}
}

func TestAWithdrawalReplacesAndWakes(t *testing.T) {
	f := start(t, fakepush.Options{})
	to, m := iphone(f), confirm()
	m.Type = push.Done
	if r := sender(t, config(f)).Send(t.Context(), to, m); r.Outcome != push.Sent {
		t.Fatalf("%+v", r)
	}
	got := f.Delivered(to.Token)
	if len(got) != 2 {
		t.Fatalf("%d notifications, want a silent text and a wake-up", len(got))
	}
	sameJSON(t, got[0].Raw, `{"aps":{"alert":{"title":"Confirmation Request","body":"Already answered"},"interruption-level":"passive"},"t":"done","cid":"cnf_4Kq8"}`)
	sameJSON(t, got[1].Raw, `{"aps":{"content-available":1},"t":"done","cid":"cnf_4Kq8"}`)
	if got[0].Collapse != m.Confirmation || got[0].Header["apns-priority"] != "5" || got[0].Header["apns-push-type"] != "alert" {
		t.Errorf("text: %v", got[0].Header)
	}
	if got[1].Header["apns-push-type"] != "background" || got[1].Header["apns-priority"] != "5" {
		t.Errorf("wake-up: %v", got[1].Header)
	}
}

func TestEachAnswerHasItsOutcomeAndIsAskedForOnce(t *testing.T) {
	f := start(t, fakepush.Options{})
	s, to := sender(t, config(f)), iphone(f)
	died := time.UnixMilli(1700000000999).UTC()
	for _, c := range []struct {
		step fakepush.Step
		want push.Result
	}{
		{fakepush.Step{Do: fakepush.OK}, push.Result{Outcome: push.Sent}},
		{fakepush.Step{Do: "Unregistered", Timestamp: 1700000000999}, push.Result{Outcome: push.Dead, Reason: "Unregistered", DeadSince: died}},
		{fakepush.Step{Do: "ExpiredToken", Timestamp: 1700000000999}, push.Result{Outcome: push.Dead, Reason: "ExpiredToken", DeadSince: died}},
		{fakepush.Step{Do: "BadDeviceToken"}, push.Result{Outcome: push.Dead, Reason: "BadDeviceToken"}},
		{fakepush.Step{Do: "DeviceTokenNotForTopic"}, push.Result{Outcome: push.Misconfigured, Reason: "DeviceTokenNotForTopic"}},
		{fakepush.Step{Do: "TopicDisallowed"}, push.Result{Outcome: push.Misconfigured, Reason: "TopicDisallowed"}},
		{fakepush.Step{Do: "InvalidProviderToken"}, push.Result{Outcome: push.Misconfigured, Reason: "InvalidProviderToken"}},
		{fakepush.Step{Do: "BadEnvironmentKeyIdInToken"}, push.Result{Outcome: push.Misconfigured, Reason: "BadEnvironmentKeyIdInToken"}},
		{fakepush.Step{Do: "UnrelatedKeyIdInToken"}, push.Result{Outcome: push.Misconfigured, Reason: "UnrelatedKeyIdInToken"}},
		{fakepush.Step{Do: "Forbidden"}, push.Result{Outcome: push.Misconfigured, Reason: "Forbidden"}},
		{fakepush.Step{Do: "PayloadTooLarge"}, push.Result{Outcome: push.Rejected, Reason: "PayloadTooLarge"}},
		{fakepush.Step{Do: "BadCollapseId"}, push.Result{Outcome: push.Rejected, Reason: "BadCollapseId"}},
		{fakepush.Step{Do: "BadPath"}, push.Result{Outcome: push.Rejected, Reason: "BadPath"}},
		{fakepush.Step{Do: "IdleTimeout"}, push.Result{Outcome: push.Retry, Reason: "IdleTimeout", RetryAfter: 10 * time.Second}},
		{fakepush.Step{Do: "TooManyRequests", RetryAfter: 7}, push.Result{Outcome: push.Retry, Reason: "TooManyRequests", RetryAfter: 7 * time.Second}},
		{fakepush.Step{Do: "TooManyRequests"}, push.Result{Outcome: push.Retry, Reason: "TooManyRequests", RetryAfter: 10 * time.Second}},
		{fakepush.Step{Do: "TooManyProviderTokenUpdates"}, push.Result{Outcome: push.Retry, Reason: "TooManyProviderTokenUpdates", RetryAfter: time.Minute}},
		{fakepush.Step{Do: "InternalServerError"}, push.Result{Outcome: push.Retry, Reason: "InternalServerError", RetryAfter: 10 * time.Second}},
		{fakepush.Step{Do: "ServiceUnavailable"}, push.Result{Outcome: push.Retry, Reason: "ServiceUnavailable", RetryAfter: 10 * time.Second}},
		{fakepush.Step{Do: "Shutdown"}, push.Result{Outcome: push.Retry, Reason: "Shutdown", RetryAfter: 10 * time.Second}},
		{fakepush.Step{Do: fakepush.HTML502}, push.Result{Outcome: push.Retry, Reason: "http_502", RetryAfter: 10 * time.Second}},
		{fakepush.Step{Do: fakepush.Flood}, push.Result{Outcome: push.Retry, Reason: "http_500", RetryAfter: 10 * time.Second}},
		{fakepush.Step{Do: fakepush.Redirect}, push.Result{Outcome: push.Misconfigured, Reason: "http_307"}},
		{fakepush.Step{Do: fakepush.Garbage}, push.Result{Outcome: push.Sent}}, // 200 is all that Apple promises
		{fakepush.Step{Do: fakepush.Drop}, push.Result{Outcome: push.Retry, Reason: "connection"}},
		{fakepush.Step{Do: fakepush.OK, DelayMS: 1}, push.Result{Outcome: push.Sent}},
	} {
		t.Run(c.step.Do, func(t *testing.T) {
			before := f.Requests(to.Token)
			f.Script(to.Token, c.step)
			got := s.Send(t.Context(), to, confirm())
			got.ProviderID = ""
			if got != c.want {
				t.Errorf("%+v, want %+v", got, c.want)
			}
			if n := f.Requests(to.Token) - before; n != 1 {
				t.Errorf("asked %d times", n)
			}
		})
	}
}

func TestConnections(t *testing.T) {
	f := start(t, fakepush.Options{})
	to := iphone(f)
	for _, c := range []struct {
		name  string
		step  fakepush.Step
		first string // reason
	}{
		{"ended in an orderly way", fakepush.Step{Do: fakepush.GoAway}, ""},
		{"that Apple is shutting down", fakepush.Step{Do: "Shutdown"}, "Shutdown"},
		{"spoilt by too many tokens", fakepush.Step{Do: "TooManyProviderTokenUpdates"}, "TooManyProviderTokenUpdates"},
		{"cut off", fakepush.Step{Do: fakepush.Drop}, "connection"},
		{"gone silent", fakepush.Step{Do: fakepush.BlackHole}, "timeout"},
	} {
		t.Run(c.name+" costs one push at most", func(t *testing.T) {
			s := sender(t, config(f))
			if r := s.Send(t.Context(), to, confirm()); r.Outcome != push.Sent {
				t.Fatalf("%+v", r)
			}
			before := f.Connections(fakepush.APNs)
			f.Script(to.Token, c.step)
			ctx, cancel := context.WithCancel(t.Context())
			if c.step.Do == fakepush.BlackHole {
				ctx, cancel = context.WithTimeout(t.Context(), 300*time.Millisecond)
			}
			defer cancel()
			began := time.Now()
			if r := s.Send(ctx, to, confirm()); r.Reason != c.first {
				t.Errorf("%+v", r)
			}
			if took := time.Since(began); took > 2*time.Second {
				t.Errorf("took %v", took)
			}
			if r := s.Send(t.Context(), to, confirm()); r.Outcome != push.Sent {
				t.Errorf("the next push: %+v", r)
			}
			if n := f.Connections(fakepush.APNs) - before; n != 1 {
				t.Errorf("%d new connections, want 1", n)
			}
		})
	}
}

func TestAPeerThatNeverFinishesTLS(t *testing.T) {
	f := start(t, fakepush.Options{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	c := config(f)
	c.Host = l.Addr().String()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	began := time.Now()
	if r := sender(t, c).Send(ctx, iphone(f), confirm()); r.Outcome != push.Retry || r.Reason != "timeout" {
		t.Errorf("%+v", r)
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("took %v", took)
	}
}

func TestTheEnvironmentOfTheTokenChoosesTheHost(t *testing.T) {
	c := Config{KeyPEM: start(t, fakepush.Options{}).APNsKeyPEM(), KeyID: "K", TeamID: "T", Topic: "a.b"}
	apple := sender(t, c).environments
	if apple[push.Production].host != apns2.HostProduction || apple[push.Sandbox].host != apns2.HostDevelopment {
		t.Errorf("hosts %s and %s", apple[push.Production].host, apple[push.Sandbox].host)
	}

	f := start(t, fakepush.Options{})
	s := sender(t, config(f))
	s.environments[push.Sandbox].host = f.APNsSandboxURL
	for _, env := range []string{push.Production, push.Sandbox} {
		to := push.Address{Kind: push.APNs, Token: f.APNsToken(env), Env: env, Topic: f.Topic}
		if r := s.Send(t.Context(), to, confirm()); r.Outcome != push.Sent {
			t.Errorf("%s: %+v", env, r)
		}
		to.Token = f.APNsToken(map[string]string{push.Production: push.Sandbox, push.Sandbox: push.Production}[env])
		if r := s.Send(t.Context(), to, confirm()); r.Outcome != push.Dead || r.Reason != "BadDeviceToken" {
			t.Errorf("a token of the other environment at %s: %+v", env, r)
		}
	}
}

func TestWhatIsNotEvenSent(t *testing.T) {
	f := start(t, fakepush.Options{})
	s, good := sender(t, config(f)), iphone(f)
	over := confirm()
	over.Expires = time.Now()
	with := func(change func(*push.Address)) push.Address { a := good; change(&a); return a }
	for _, c := range []struct {
		name string
		to   push.Address
		m    push.Message
		want push.Outcome
	}{
		{"a question that ended", good, over, push.Expired},
		{"a token with a path in it", with(func(a *push.Address) { a.Token = "aa/../../evil?x=1" }), confirm(), push.Rejected},
		{"an environment that does not exist", with(func(a *push.Address) { a.Env = "staging" }), confirm(), push.Rejected},
		{"another app's topic", with(func(a *push.Address) { a.Topic = "com.example.other" }), confirm(), push.Rejected},
	} {
		t.Run(c.name, func(t *testing.T) {
			if r := s.Send(t.Context(), c.to, c.m); r.Outcome != c.want {
				t.Errorf("%+v", r)
			}
		})
	}
	if n := f.Connections(fakepush.APNs); n != 0 {
		t.Errorf("%d connections", n)
	}
}

func TestManyPushesAtOnce(t *testing.T) {
	f := start(t, fakepush.Options{})
	s, to := sender(t, config(f)), iphone(f)
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() {
			if r := s.Send(t.Context(), to, confirm()); r.Outcome != push.Sent {
				t.Errorf("%+v", r)
			}
		})
	}
	all.Wait()
	if n := f.Requests(to.Token); n != 64 {
		t.Errorf("%d requests for 64 pushes", n)
	}
	if n := f.Connections(fakepush.APNs); n > 24 { // eight at a time, and some given up when another was ready first
		t.Errorf("%d connections for 64 pushes; Apple takes many for an attack", n)
	}
}

// clock is one that a test moves, for the sender and the fake together.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time       { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) move(d time.Duration) { c.ahead.Add(int64(d)) }

func TestProviderTokens(t *testing.T) {
	shared, apple := new(clock), new(clock) // signing uses the machine's clock, so Apple's must not go as far as ours
	f := start(t, fakepush.Options{Now: apple.now})
	c := config(f)
	c.Now = shared.now
	s, to := sender(t, c), iphone(f)
	first, err := s.tokens.get()
	if err != nil {
		t.Fatal(err)
	}
	shared.move(48 * time.Minute)
	if again, _ := s.tokens.get(); again != first {
		t.Error("renewed after 48 minutes")
	}
	shared.move(2 * time.Minute)
	second, _ := s.tokens.get()
	if second == first {
		t.Error("not renewed after 50 minutes")
	}

	m := confirm()
	m.Expires = shared.now().Add(time.Minute)
	f.Script(to.Token, fakepush.Step{Do: "ExpiredProviderToken"})
	if r := s.Send(t.Context(), to, m); r.Outcome != push.Misconfigured || f.Requests(to.Token) != 1 {
		t.Errorf("a token just made was called expired: %+v after %d requests", r, f.Requests(to.Token))
	}
	shared.move(21 * time.Minute)
	apple.move(21 * time.Minute)
	m.Expires = shared.now().Add(time.Minute)
	before := f.Requests(to.Token)
	f.Script(to.Token, fakepush.Step{Do: "ExpiredProviderToken"})
	if r := s.Send(t.Context(), to, m); r.Outcome != push.Sent {
		t.Errorf("%+v", r)
	}
	if n := f.Requests(to.Token) - before; n != 2 {
		t.Errorf("%d requests, want one repetition", n)
	}
	if third, _ := s.tokens.get(); third == second {
		t.Error("the expired token is still in use")
	}
}

func TestATokenThatAppleFindsTooOldIsReplacedOnce(t *testing.T) {
	apple, ours := new(clock), new(clock)
	f := start(t, fakepush.Options{Now: apple.now})
	c := config(f)
	c.Now = ours.now
	s, to := sender(t, c), iphone(f)
	// Apple's clock is 61 minutes past the signing, ours 30: the wire says expired although we would keep it.
	apple.move(61 * time.Minute)
	ours.move(30 * time.Minute)
	m := confirm()
	m.Expires = ours.now().Add(time.Hour)
	r := s.Send(t.Context(), to, m)
	if r.Outcome != push.Misconfigured || r.Reason != "ExpiredProviderToken" || f.Requests(to.Token) != 2 {
		t.Errorf("%+v after %d requests", r, f.Requests(to.Token))
	}
	apple.move(-61 * time.Minute)
	if r := s.Send(t.Context(), to, m); r.Outcome != push.Sent {
		t.Errorf("%+v", r)
	}
}

func TestPushesGoOnWhileTokensAreReplaced(t *testing.T) {
	f := start(t, fakepush.Options{})
	shared := new(clock)
	c := config(f)
	c.Now = shared.now
	s := sender(t, c)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 20 {
				shared.move(25 * time.Minute)
				t1, err := s.tokens.get()
				if err != nil || t1.GenerateIfExpired() == "" {
					t.Errorf("no token: %v", err)
				}
				s.tokens.renew(t1)
			}
		})
	}
	all.Wait()
}

func TestCheckRefusesWhatTheLibraryLetsThrough(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*apns2.Notification)
		ok     bool
	}{
		{"a question", func(*apns2.Notification) {}, true},
		{"no expiration", func(n *apns2.Notification) { n.Expiration = time.Time{} }, false},
		{"expiration 0, which would not be sent", func(n *apns2.Notification) { n.Expiration = time.Unix(0, 0) }, false},
		{"no priority", func(n *apns2.Notification) { n.Priority = 0 }, false},
		{"no push type", func(n *apns2.Notification) { n.PushType = "" }, false},
		{"a hurried background push", func(n *apns2.Notification) { n.PushType = apns2.PushTypeBackground }, false},
		{"a long collapse id", func(n *apns2.Notification) { n.CollapseID = strings.Repeat("a", 65) }, false},
		{"no topic", func(n *apns2.Notification) { n.Topic = "" }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := confirm()
			n := notification(push.Address{Token: "aa", Topic: "a.b"}, m, m.Expires)
			c.change(n)
			if err := check(n); (err == nil) != c.ok {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestNewRefusesWhatCouldNotWork(t *testing.T) {
	f := start(t, fakepush.Options{})
	for _, c := range []struct {
		name   string
		change func(*Config)
		ok     bool
	}{
		{"the fake's own", func(*Config) {}, true},
		{"a host without scheme", func(c *Config) { c.Host = "api.push.apple.com:2197" }, true},
		{"Apple's hosts", func(c *Config) { c.Host = "" }, true},
		{"no key", func(c *Config) { c.KeyPEM = nil }, false},
		{"a key of another kind", func(c *Config) { c.KeyPEM = f.CAPEM() }, false},
		{"no key id", func(c *Config) { c.KeyID = "" }, false},
		{"a team id with a line end", func(c *Config) { c.TeamID = "A\n" }, false},
		{"no topic", func(c *Config) { c.Topic = "" }, false},
		{"a host over plain http", func(c *Config) { c.Host = "http://localhost" }, false},
		{"a host with a path", func(c *Config) { c.Host = "https://localhost/x" }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := config(f)
			c.change(&cfg)
			if _, err := New(cfg); (err == nil) != c.ok {
				t.Errorf("error %v", err)
			}
		})
	}
}

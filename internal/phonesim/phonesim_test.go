package phonesim_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/phonesim"
)

// paired is a phone that has claimed, matched and activated.
func paired(t *testing.T, o phonesim.Options) (*server, *phonesim.Phone) {
	t.Helper()
	s := newServer(t)
	p := phonesim.New(s.http.URL, o)
	if _, err := p.Pair(t.Context(), s.link()); err != nil {
		t.Fatal(err)
	}
	s.match(true)
	if err := p.WaitMatched(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s, p
}

func wantCode(t *testing.T, err error, status int, code string) {
	t.Helper()
	if !phonesim.HasCode(err, status, code) {
		t.Errorf("want %d %s, got %v", status, code, err)
	}
}

func TestPairing(t *testing.T) {
	t.Run("by a link", func(t *testing.T) {
		s := newServer(t)
		p := phonesim.New("", phonesim.Options{Push: &phonesim.Push{Kind: "fcm", Token: "tok"}})
		sas, err := p.Pair(t.Context(), s.link())
		if err != nil || len(sas) != 6 {
			t.Fatalf("sas %q, %v", sas, err)
		}
		if string(s.push) != `{"kind":"fcm","token":"tok"}` {
			t.Errorf("the claim registered %s", s.push)
		}
		done := make(chan error, 1)
		go func() { done <- p.WaitMatched(t.Context()) }()
		s.match(true)
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if q := s.question("cnf_activate"); q.state != "approved" || q.opened != 0 {
			t.Errorf("the activation is %s and was on a screen %d times", q.state, q.opened)
		}
		id := p.Identity()
		if id.Device != deviceID || id.Workspace.ID != "wsp_test" || id.Person.Name != "Ana Kovač" || id.SAS != sas {
			t.Errorf("the phone knows %+v", id)
		}
	})
	t.Run("by a code in another spelling", func(t *testing.T) {
		s := newServer(t)
		p := phonesim.New(s.http.URL, phonesim.Options{})
		if _, err := p.PairCode(t.Context(), "k7qx-93md"); err != nil {
			t.Fatal(err)
		}
		if to, err := p.Resolve(t.Context(), "K7QX93MD"); err != nil || to.ID != pairingID || to.Workspace.Name != "Acme" {
			t.Errorf("resolved %+v, %v", to, err)
		}
	})
	t.Run("a code that nobody made", func(t *testing.T) {
		_, err := phonesim.New(newServer(t).http.URL, phonesim.Options{}).PairCode(t.Context(), "XXXX-XXXX")
		wantCode(t, err, 404, "not_found")
	})
	t.Run("too many codes", func(t *testing.T) {
		_, err := phonesim.New(newServer(t).http.URL, phonesim.Options{}).PairCode(t.Context(), "BUSY-0000")
		wantCode(t, err, 429, "rate_limited")
		if p, ok := errors.AsType[*phonesim.Problem](err); !ok || p.RetryAfter != 7*time.Second {
			t.Errorf("Retry-After is %v", p.RetryAfter)
		}
	})
	t.Run("refused in the console", func(t *testing.T) {
		s := newServer(t)
		p := phonesim.New(s.http.URL, phonesim.Options{})
		if _, err := p.Pair(t.Context(), s.link()); err != nil {
			t.Fatal(err)
		}
		s.match(false)
		if err := p.WaitMatched(t.Context()); !errors.Is(err, phonesim.ErrRefused) {
			t.Errorf("want refused, got %v", err)
		}
	})
	t.Run("forgotten after a No", func(t *testing.T) {
		s := newServer(t)
		p := phonesim.New(s.http.URL, phonesim.Options{})
		if _, err := p.Pair(t.Context(), s.link()); err != nil {
			t.Fatal(err)
		}
		s.set(func() { s.removed = true })
		err := p.WaitMatched(t.Context())
		wantCode(t, err, 401, "unauthorized")
		if !errors.Is(err, phonesim.ErrRefused) {
			t.Errorf("want refused, got %v", err)
		}
	})
	t.Run("run out", func(t *testing.T) {
		s := newServer(t)
		p := phonesim.New(s.http.URL, phonesim.Options{})
		if _, err := p.Pair(t.Context(), s.link()); err != nil {
			t.Fatal(err)
		}
		s.set(func() { s.state = "expired" })
		if err := p.WaitMatched(t.Context()); !errors.Is(err, phonesim.ErrPairingExpired) {
			t.Errorf("want expired, got %v", err)
		}
	})
	t.Run("digits that are not those of the keys", func(t *testing.T) {
		s := newServer(t)
		s.wrongSAS = true
		if _, err := phonesim.New("", phonesim.Options{}).Pair(t.Context(), s.link()); !errors.Is(err, phonesim.ErrSAS) {
			t.Errorf("want a mismatch, got %v", err)
		}
	})
	for _, link := range []string{"", "https://x/", "https://x/#pair=", "https://x/#pair=a.", "https://x/#pair=.b", "#pair=a.b", "::"} {
		if _, _, err := phonesim.ParseLink(link); !errors.Is(err, phonesim.ErrLink) {
			t.Errorf("%q is read as a link", link)
		}
	}
}

func TestBadClaims(t *testing.T) {
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		edit   func(*phonesim.Claiming)
		status int
		code   string
	}{
		{"another secret", func(c *phonesim.Claiming) { c.Secret = "x" }, 404, "not_found"},
		{"one key twice", func(c *phonesim.Claiming) { c.Poll = c.UV }, 400, "bad_key"},
		{"a P-384 key", func(c *phonesim.Claiming) { c.UV = p384 }, 400, "bad_key"},
		{"another domain", func(c *phonesim.Claiming) { c.Domain = phonesim.DomainResponse }, 400, "bad_signature"},
		{"a raw signature", func(c *phonesim.Claiming) {
			c.Tamper = func(c *phonesim.Claiming) { c.SigUV = phonesim.RawForm(c.SigUV) }
		}, 400, "bad_signature"},
		{"a trailing byte", func(c *phonesim.Claiming) {
			c.Tamper = func(c *phonesim.Claiming) { c.SigPoll = phonesim.Trailing(c.SigPoll) }
		}, 400, "bad_signature"},
		{"an edited payload", func(c *phonesim.Claiming) {
			c.Tamper = func(c *phonesim.Claiming) {
				c.Payload = bytes.Replace(c.Payload, []byte("iPhone"), []byte("aPhone"), 1)
			}
		}, 400, "bad_signature"},
		{"a repeated field", func(c *phonesim.Claiming) {
			c.EditPayload = func(b []byte) []byte { return phonesim.Member(b, "name", `"x"`) }
		}, 400, "malformed"},
		{"an unknown field", func(c *phonesim.Claiming) {
			c.EditPayload = func(b []byte) []byte { return phonesim.Member(b, "admin", "true") }
		}, 400, "unknown_field"},
		{"an unknown field outside", func(c *phonesim.Claiming) {
			c.EditBody = func(b []byte) []byte { return phonesim.Member(b, "admin", "true") }
		}, 400, "unknown_field"},
		{"too large a body", func(c *phonesim.Claiming) {
			c.EditBody = func(b []byte) []byte { return phonesim.Padded(b, 16<<10+1) }
		}, 413, "too_large"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newServer(t)
			p := phonesim.New(s.http.URL, phonesim.Options{})
			to, _, err := phonesim.ParseLink(s.link())
			if err != nil {
				t.Fatal(err)
			}
			_, err = p.Claim(t.Context(), to, c.edit)
			wantCode(t, err, c.status, c.code)
			if _, err := p.Claim(t.Context(), to); err != nil {
				t.Errorf("the pairing is not open any more: %v", err)
			}
		})
	}
}

func TestAnswering(t *testing.T) {
	for _, c := range []struct {
		name, mode, code string
		answer           func(context.Context, *phonesim.Phone) (string, error)
		state, uv, why   string
	}{
		{"It's me!", "tap", "", func(ctx context.Context, p *phonesim.Phone) (string, error) {
			return p.Approve(ctx, "cnf_1", phonesim.ApproveOptions{})
		}, "approved", "biometric", "<nil>"},
		{"It's me! with the six digits", "code", "048213", func(ctx context.Context, p *phonesim.Phone) (string, error) {
			return p.Approve(ctx, "cnf_1", phonesim.ApproveOptions{Code: "048213"})
		}, "approved", "biometric", "<nil>"},
		{"It's not me", "code", "048213", func(ctx context.Context, p *phonesim.Phone) (string, error) {
			return p.Deny(ctx, "cnf_1", "not_me")
		}, "denied", "none", "not_me"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, p := paired(t, phonesim.Options{})
			s.set(func() { s.ask("cnf_1", "scim.token.reveal", c.mode, c.code) })
			items, err := p.Pending(t.Context())
			if err != nil || len(items) != 1 || items[0].CID != "cnf_1" || time.Until(items[0].Exp) < time.Minute {
				t.Fatalf("pending %+v, %v", items, err)
			}
			asked, err := p.Open(t.Context(), "cnf_1")
			if err != nil || asked.Mode != c.mode || asked.Ctx.Person != "Ana Kovač" || asked.Ctx.New[0] != "browser" {
				t.Fatalf("opened %+v, %v", asked, err)
			}
			if err := p.Opened(t.Context(), "cnf_1"); err != nil {
				t.Fatal(err)
			}
			state, err := c.answer(t.Context(), p)
			if err != nil || state != c.state {
				t.Fatalf("state %s, %v", state, err)
			}
			if q := s.question("cnf_1"); q.state != c.state || q.lastUV != c.uv || q.lastWhy != c.why || q.opened != 1 {
				t.Errorf("the server has %+v", q)
			}
			if again, err := c.answer(t.Context(), p); err != nil || again != c.state || s.question("cnf_1").counted != 1 {
				t.Errorf("the second time: %s, %v", again, err)
			}
		})
	}
}

func TestRefusedAnswers(t *testing.T) {
	stranger := phonesim.NewKey()
	for _, c := range []struct {
		name   string
		answer phonesim.Answer
		edit   func(*phonesim.Answering)
		status int
		code   string
	}{
		{"wrong digits", phonesim.Answer{Decision: "approve", Code: "000000"}, nil, 422, "wrong_code"},
		{"no digits", phonesim.Answer{Decision: "approve"}, nil, 422, "wrong_code"},
		{"a stranger's key", phonesim.Answer{Decision: "deny"}, func(a *phonesim.Answering) { a.Key = stranger }, 401, "unauthorized"},
		{"another domain", phonesim.Answer{Decision: "deny"}, func(a *phonesim.Answering) { a.Domain = phonesim.DomainChallenge }, 401, "unauthorized"},
		{"another challenge", phonesim.Answer{Decision: "deny"}, func(a *phonesim.Answering) { a.Challenge = []byte("{}") }, 401, "unauthorized"},
		{"a raw signature", phonesim.Answer{Decision: "deny"}, func(a *phonesim.Answering) { a.EditSignature = phonesim.RawForm }, 401, "unauthorized"},
		{"a trailing byte", phonesim.Answer{Decision: "deny"}, func(a *phonesim.Answering) { a.EditSignature = phonesim.Trailing }, 401, "unauthorized"},
		{"an edited response", phonesim.Answer{Decision: "deny"}, func(a *phonesim.Answering) {
			a.Tamper = func(a *phonesim.Answering) {
				a.Response = bytes.Replace(a.Response, []byte("deny"), []byte("approve"), 1)
			}
		}, 401, "unauthorized"},
		{"a repeated field", phonesim.Answer{Decision: "deny"}, func(a *phonesim.Answering) { a.Response = phonesim.Member(a.Response, "dec", `"approve"`) }, 400, "malformed"},
		{"an unknown field", phonesim.Answer{Decision: "deny"}, func(a *phonesim.Answering) { a.Response = phonesim.Member(a.Response, "mode", `"tap"`) }, 400, "unknown_field"},
		{"an unknown field outside", phonesim.Answer{Decision: "deny"}, func(a *phonesim.Answering) {
			a.EditBody = func(b []byte) []byte { return phonesim.Member(b, "mode", `"tap"`) }
		}, 400, "unknown_field"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, p := paired(t, phonesim.Options{})
			s.set(func() { s.ask("cnf_1", "scim.token.reveal", "code", "048213") })
			var edits []func(*phonesim.Answering)
			if c.edit != nil {
				edits = append(edits, c.edit)
			}
			_, err := p.Answer(t.Context(), "cnf_1", c.answer, edits...)
			wantCode(t, err, c.status, c.code)
			if refusal, _ := errors.AsType[*phonesim.Problem](err); c.status == 422 && refusal.Int("tries_left") != 2 {
				t.Errorf("tries_left is %d", refusal.Int("tries_left"))
			}
			if q := s.question("cnf_1"); q.state != "pending" {
				t.Errorf("the server has %s", q.state)
			}
		})
	}
	t.Run("an approval by the key that needs no unlock", func(t *testing.T) {
		s, p := paired(t, phonesim.Options{})
		s.set(func() { s.ask("cnf_1", "scim.token.reveal", "tap", "") })
		_, poll := p.Keys()
		_, err := p.Approve(t.Context(), "cnf_1", phonesim.ApproveOptions{}, func(a *phonesim.Answering) { a.Key = poll })
		wantCode(t, err, 401, "unauthorized")
	})
	t.Run("the other decision afterwards", func(t *testing.T) {
		s, p := paired(t, phonesim.Options{})
		s.set(func() { s.ask("cnf_1", "scim.token.reveal", "tap", "") })
		if _, err := p.Deny(t.Context(), "cnf_1", ""); err != nil {
			t.Fatal(err)
		}
		_, err := p.Approve(t.Context(), "cnf_1", phonesim.ApproveOptions{})
		wantCode(t, err, 409, "already_answered")
		if refusal, _ := errors.AsType[*phonesim.Problem](err); refusal.Fields["state"] != "denied" {
			t.Errorf("the problem says %v", refusal.Fields)
		}
	})
}

func TestFingers(t *testing.T) {
	t.Run("a double tap counts once", func(t *testing.T) {
		s, p := paired(t, phonesim.Options{DoubleTap: true})
		s.set(func() { s.ask("cnf_1", "scim.token.reveal", "tap", "") })
		state, err := p.Approve(t.Context(), "cnf_1", phonesim.ApproveOptions{})
		if err != nil || state != "approved" {
			t.Fatalf("%s, %v", state, err)
		}
		if n := s.called("POST /v1/device/confirmations/cnf_1/respond"); n != 2 || s.question("cnf_1").counted != 1 {
			t.Errorf("%d taps, counted %d", n, s.question("cnf_1").counted)
		}
	})
	t.Run("a late phone", func(t *testing.T) {
		late := phonesim.Options{}
		var s *server
		late.BeforeAnswer = func(_ context.Context, c phonesim.Challenge) error {
			if c.Act != phonesim.ActionActivate {
				s.set(func() { s.asked["cnf_1"].exp = s.now() })
			}
			return nil
		}
		var p *phonesim.Phone
		s, p = paired(t, late)
		s.set(func() { s.ask("cnf_1", "scim.token.reveal", "tap", "") })
		_, err := p.Approve(t.Context(), "cnf_1", phonesim.ApproveOptions{})
		wantCode(t, err, 410, "confirmation_expired")
	})
}

func TestWrongClock(t *testing.T) {
	for _, c := range []struct {
		name   string
		offset time.Duration
	}{{"an hour slow", -time.Hour}, {"a day fast", 24 * time.Hour}} {
		t.Run(c.name, func(t *testing.T) {
			s, p := paired(t, phonesim.Options{ClockOffset: c.offset})
			if n := s.called("GET /v1/device/confirmations"); n != 1 {
				t.Errorf("the clock was not kept: %d calls for one list", n)
			}
			if d := time.Since(p.Now()).Abs(); d > 10*time.Second {
				t.Errorf("the clock is still wrong by %v", d)
			}
			before := s.called("GET /v1/device")
			_, err := p.Do(t.Context(), "GET", "/v1/device", nil, phonesim.At(time.Now().Add(-61*time.Second)))
			wantCode(t, err, 401, "clock_skew")
			if n := s.called("GET /v1/device") - before; n != 1 {
				t.Errorf("an edited call was sent %d times", n)
			}
		})
	}
}

func TestBadRequests(t *testing.T) {
	s, p := paired(t, phonesim.Options{})
	uv, _ := p.Keys()
	const target = "/v1/device/confirmations?state=pending"
	put := map[string]phonesim.Push{"push": {Kind: "fcm", Token: "a"}}
	for _, c := range []struct {
		name           string
		method, target string
		body           any
		edit           func(*phonesim.Request)
		status         int
		code           string
	}{
		{"another key", "GET", target, nil, phonesim.SignedBy(uv), 401, "unauthorized"},
		{"another device", "GET", target, nil, phonesim.AsDevice("dev_other"), 401, "unauthorized"},
		{"another domain", "GET", target, nil, phonesim.InDomain(phonesim.DomainResponse), 401, "unauthorized"},
		{"a raw signature", "GET", target, nil, phonesim.BadSignature(phonesim.RawForm), 401, "unauthorized"},
		{"a trailing byte", "GET", target, nil, phonesim.BadSignature(phonesim.Trailing), 401, "unauthorized"},
		{"no signature", "GET", target, nil, phonesim.WithoutSignature(), 401, "unauthorized"},
		{"rubbish for a signature", "GET", target, nil, phonesim.SignatureHeader("v1;dev="), 401, "unauthorized"},
		{"a short jti", "GET", target, nil, phonesim.WithJTI([]byte("short")), 401, "unauthorized"},
		{"an old time", "GET", target, nil, phonesim.At(time.Now().Add(-2 * time.Minute)), 401, "clock_skew"},
		{"another body", "PUT", "/v1/device/push", put, phonesim.SendBody([]byte(`{"push":{}}`)), 401, "unauthorized"},
		{"another query", "GET", target, nil, phonesim.SendTarget("/v1/device/confirmations"), 401, "unauthorized"},
		{"another method", "GET", "/v1/device", nil, phonesim.SendMethod("DELETE"), 401, "unauthorized"},
		{"another content type", "PUT", "/v1/device/push", put, phonesim.ContentType("text/plain"), 415, "malformed"},
		{"an unknown field", "PUT", "/v1/device/push", phonesim.Member([]byte(`{"push":null}`), "admin", "1"), nil, 400, "unknown_field"},
		{"a repeated field", "PUT", "/v1/device/push", phonesim.Member([]byte(`{"push":null}`), "push", "1"), nil, 400, "malformed"},
		{"too large a body", "PUT", "/v1/device/push", phonesim.Padded([]byte(`{}`), 8<<10+1), nil, 413, "too_large"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var edits []func(*phonesim.Request)
			if c.edit != nil {
				edits = append(edits, c.edit)
			}
			_, err := p.Do(t.Context(), c.method, c.target, c.body, edits...)
			wantCode(t, err, c.status, c.code)
		})
	}
	t.Run("a replay", func(t *testing.T) {
		var jti []byte
		if _, err := p.Do(t.Context(), "GET", target, nil, phonesim.KeepJTI(&jti)); err != nil {
			t.Fatal(err)
		}
		_, err := p.Do(t.Context(), "GET", "/v1/device", nil, phonesim.WithJTI(jti))
		wantCode(t, err, 401, "replayed")
	})
	t.Run("a good one that something on the way sends twice", func(t *testing.T) {
		saved, err := p.Save()
		if err != nil {
			t.Fatal(err)
		}
		doubled := false
		twice, err := phonesim.Load(saved, phonesim.Options{HTTP: &http.Client{Transport: trip(func(r *http.Request) (*http.Response, error) {
			if !doubled {
				doubled = true
				first, err := http.DefaultTransport.RoundTrip(r.Clone(r.Context()))
				if err != nil {
					return nil, err
				}
				_ = first.Body.Close()
			}
			return http.DefaultTransport.RoundTrip(r)
		})}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := twice.Do(t.Context(), "GET", target, nil); err != nil {
			t.Errorf("not signed anew: %v", err)
		}
	})
	t.Run("a good one afterwards", func(t *testing.T) {
		reply, err := p.Do(t.Context(), "GET", target, nil)
		if err != nil || reply.Status != http.StatusOK {
			t.Errorf("%+v, %v", reply, err)
		}
		if s.removed {
			t.Error("an evil call removed the phone")
		}
	})
}

func TestChallengesThatAreNotBelieved(t *testing.T) {
	stranger := phonesim.NewKey()
	edited := func(s *server, r *phonesim.Challenge, from, to string) []byte {
		return bytes.Replace(r.Bytes, []byte(from), []byte(to), 1)
	}
	for _, c := range []struct {
		name  string
		forge func(*server, []byte) reply
		want  error
	}{
		{"signed by a stranger", func(s *server, b []byte) reply {
			r := s.sign(b)
			r.ServerSig = b64(phonesim.Sign(stranger, phonesim.ChallengeMessage(b)))
			return r
		}, phonesim.ErrServerSignature},
		{"edited after signing", func(s *server, b []byte) reply {
			r := s.sign(b)
			r.Challenge = b64(edited(s, &phonesim.Challenge{Bytes: b}, "203.0.113.7", "203.0.113.8"))
			return r
		}, phonesim.ErrServerSignature},
		{"a raw signature", func(s *server, b []byte) reply {
			r := s.sign(b)
			der, _ := base64.RawURLEncoding.DecodeString(r.ServerSig)
			r.ServerSig = b64(phonesim.RawForm(der))
			return r
		}, phonesim.ErrServerSignature},
		{"by a key that is not pinned", func(s *server, b []byte) reply { r := s.sign(b); r.KID = "srv_2"; return r }, phonesim.ErrServerKey},
		{"for another phone", func(s *server, b []byte) reply {
			return s.sign(edited(s, &phonesim.Challenge{Bytes: b}, deviceID, "dev_other"))
		}, phonesim.ErrChallenge},
		{"of another workspace", func(s *server, b []byte) reply {
			return s.sign(edited(s, &phonesim.Challenge{Bytes: b}, "wsp_test", "wsp_other"))
		}, phonesim.ErrChallenge},
		{"another than asked for", func(s *server, b []byte) reply {
			return s.sign(edited(s, &phonesim.Challenge{Bytes: b}, "cnf_1", "cnf_2"))
		}, phonesim.ErrChallenge},
		{"a mode nobody knows", func(s *server, b []byte) reply {
			return s.sign(edited(s, &phonesim.Challenge{Bytes: b}, `"mode":"tap"`, `"mode":"nod"`))
		}, phonesim.ErrChallenge},
		{"a newer version", func(s *server, b []byte) reply {
			return s.sign(edited(s, &phonesim.Challenge{Bytes: b}, `"v":1`, `"v":2`))
		}, phonesim.ErrChallenge},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, p := paired(t, phonesim.Options{})
			s.set(func() { s.ask("cnf_1", "scim.token.reveal", "tap", "") })
			s.set(func() { s.forge = func(r *reply) { *r = c.forge(s, s.asked["cnf_1"].challenge) } })
			if _, err := p.Open(t.Context(), "cnf_1"); !errors.Is(err, c.want) {
				t.Errorf("want %v, got %v", c.want, err)
			}
			if _, err := p.Approve(t.Context(), "cnf_1", phonesim.ApproveOptions{}); !errors.Is(err, c.want) {
				t.Errorf("the phone answers what it does not believe: %v", err)
			}
		})
	}
}

// trip is a client's way to the server.
type trip func(*http.Request) (*http.Response, error)

func (f trip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

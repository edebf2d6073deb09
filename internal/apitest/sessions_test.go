package apitest_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/apitest"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
	"github.com/countersign/countersign/internal/phonesim"
)

// limits changes how long sessions last, as the Owner would.
func limits(t *testing.T, s *apitest.Site, b *apitest.Browser, p *phonesim.Phone, idle, life int) apitest.Reply {
	t.Helper()
	return b.Do("PUT", "/v1/session-limits", confirmedLimits(t, s, b, p, idle, life))
}

// confirmedLimits is the body of a change that a phone has confirmed.
func confirmedLimits(t *testing.T, s *apitest.Site, b *apitest.Browser, p *phonesim.Phone, idle, life int) map[string]any {
	t.Helper()
	body := map[string]any{"idle_seconds": idle, "life_seconds": life}
	r := b.Do("POST", "/v1/confirmations", map[string]any{"action": "session.limits", "params": body})
	if r.Status != http.StatusCreated {
		t.Fatalf("asking: %d %s", r.Status, r.Body)
	}
	if state, err := p.Approve(s.Ctx, r.Text("id"), phonesim.ApproveOptions{Code: r.Text("code")}); err != nil || state != "approved" {
		t.Fatalf("approving: %s %v", state, err)
	}
	body["confirmation_id"] = r.Text("id")
	return body
}

// state is how a browser's session stands.
func state(t *testing.T, b *apitest.Browser) string {
	t.Helper()
	r := b.Do("GET", "/v1/session/state", nil)
	if r.Status != http.StatusOK {
		t.Errorf("the session's state: %d %s", r.Status, r.Body)
	}
	return r.Text("state")
}

func TestSessionLimitsHoldForOpenSessionsAtOnce(t *testing.T) {
	apitest.Doors(t, func(t *testing.T, s *apitest.Site) {
		ana := s.Owner("acme")
		phone := ana.Pair(phonesim.Options{})
		second := func() *apitest.Browser {
			b := s.Browser()
			b.SignIn("acme", "ana@acme.test")
			return b
		}
		now := ana.Do("GET", "/v1/session-limits", nil)
		if now.JSON["idle_seconds"] != 43200.0 || now.JSON["life_seconds"] != 604800.0 {
			t.Errorf("without a rule: %s", now.Body)
		}
		for _, tc := range []struct {
			name       string
			idle, life int
		}{
			{"an idle time under five minutes", 299, 3600}, {"an idle time over the service's", 43201, 86400}, {"a life under an hour", 300, 3599},
			{"a life over the service's", 300, 604801}, {"nothing", 0, 0}, {"numbers below nothing", -300, -3600},
		} {
			if r := ana.Do("PUT", "/v1/session-limits", map[string]any{"idle_seconds": tc.idle, "life_seconds": tc.life}); r.Code() != "bad_session_limits" {
				t.Errorf("%s: %d %s", tc.name, r.Status, r.Body)
			}
			if r := ana.Do("POST", "/v1/confirmations", map[string]any{"action": "session.limits", "params": map[string]any{"idle_seconds": tc.idle, "life_seconds": tc.life}}); r.Code() != "bad_session_limits" {
				t.Errorf("%s is asked for: %d %s", tc.name, r.Status, r.Body)
			}
		}
		if r := ana.Do("PUT", "/v1/session-limits", map[string]any{"idle_seconds": 600, "life_seconds": 3600}); r.Code() != "confirmation_required" {
			t.Errorf("without a confirmation: %d %s", r.Status, r.Body)
		}

		left := second()
		elsewhere := s.Owner("beta") // another workspace has its own rules
		s.Offset.Advance(20 * time.Minute)
		ana.SignIn("acme", "ana@acme.test")
		signed := confirmedLimits(t, s, ana, phone, 600, 3600)
		signed["was"] = map[string]any{"idle_seconds": 1800, "life_seconds": 604800}
		r := ana.Do("PUT", "/v1/session-limits", signed)
		if met, _ := r.JSON["now"].(map[string]any); r.Status != http.StatusConflict || r.Code() != "edit_conflict" || met["idle_seconds"] != 43200.0 || met["life_seconds"] != 604800.0 {
			t.Errorf("begun with what did not hold any more: %d %s", r.Status, r.Body)
		}
		signed["was"] = map[string]any{"idle_seconds": 43200, "life_seconds": 604800} // the refusal has spent nothing
		if r := ana.Do("PUT", "/v1/session-limits", signed); r.Status != http.StatusOK || r.JSON["idle_seconds"] != 600.0 {
			t.Fatalf("%d %s", r.Status, r.Body)
		}
		if got := state(t, left); got != "ended" {
			t.Errorf("a session that was left for 20 minutes is %s", got)
		}
		if r := left.Do("GET", "/v1/session", nil); r.Status != http.StatusUnauthorized {
			t.Errorf("it opens: %d", r.Status)
		}
		if got := state(t, elsewhere); got != "open" {
			t.Errorf("in another workspace it is %s", got)
		}
		// The newest notice tells the admins, and the audit has both numbers.
		if r := ana.Do("GET", "/v1/notices", nil); first(t, r, "kind") != "session.limits_changed" {
			t.Errorf("notices: %s", r.Body)
		}

		kept, idle := second(), second()
		for range 5 { // used every nine minutes
			s.Offset.Advance(9 * time.Minute)
			if r := kept.Do("GET", "/v1/session", nil); r.Status != http.StatusOK {
				t.Fatalf("in use: %d", r.Status)
			}
		}
		if got := state(t, idle); got != "ended" {
			t.Errorf("unused it is %s", got)
		}
		s.Offset.Advance(9 * time.Minute)
		if got := state(t, kept); got != "open" {
			t.Errorf("after 54 minutes of use it is %s", got)
		}
		kept.Do("GET", "/v1/session", nil)
		s.Offset.Advance(6 * time.Minute)
		if got := state(t, kept); got != "ended" {
			t.Errorf("after an hour of use it is %s", got)
		}

		ana.SignIn("acme", "ana@acme.test")
		if r := limits(t, s, ana, phone, 43200, 604800); r.Status != http.StatusOK {
			t.Fatalf("back to the longest: %d %s", r.Status, r.Body)
		}
		long := second()
		s.Offset.Advance(11 * time.Hour)
		if r := long.Do("GET", "/v1/sessions", nil); r.Status != http.StatusOK {
			t.Errorf("eleven hours unused: %d %s", r.Status, r.Body)
		}
		if err := s.Signin.Sweep(s.Ctx); err != nil {
			t.Error(err)
		}
	})
}

// A person whom the directory deactivates at one replica has lost everything at the other when the call is answered, open pages included.
func TestDeactivationByTheDirectoryEndsSessionsOnEveryReplica(t *testing.T) {
	url := dbtest.URL(t, database.Postgres)
	here := apitest.Make(t, apitest.Setup{URL: url, Listen: url}).Serve()
	there := here.Replica(nil).Serve()
	here.Owner("acme")
	p := provisioned(t, here)
	p.token("acme", "ana@acme.test")
	id := p.made("acme", "/Users", `{"userName":"ben@acme.test","displayName":"Ben","active":true}`)
	ana := here.Browser()
	ana.SignIn("acme", "ana@acme.test")
	ana.Do("PATCH", "/v1/people/"+id, map[string]string{"role": "admin"})
	ben := there.Browser()
	setPassword(t, ben, ana.Do("POST", "/v1/people/"+id+"/password-link", map[string]string{}).Text("link"))
	ben.SignIn("acme", "ben@acme.test")
	phone := ben.Pair(phonesim.Options{})
	asked := ben.Ask()
	dialog, _, err := ben.Dial(asked.Text("id"), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dialog.Close() })
	if got := state(t, ben); got != "open" {
		t.Fatalf("before, the session is %s", got)
	}
	began := time.Now()
	if status, doc := p.as("acme", "PATCH", "/Users/"+id, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"Replace","path":"active","value":"False"}]}`); status != http.StatusOK {
		t.Fatalf("%d %v", status, doc)
	}
	if got := state(t, ben); got != "deactivated" {
		t.Errorf("an open page is told that the session is %s", got)
	}
	if r := ben.Do("GET", "/v1/session", nil); r.Status != http.StatusUnauthorized {
		t.Errorf("the session opens: %d", r.Status)
	}
	if _, err := phone.Me(there.Ctx); !phonesim.HasCode(err, 401, "unauthorized") {
		t.Errorf("the phone: %v", err)
	}
	if err := dialog.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	for {
		var f struct {
			Confirmation struct{ State, Reason string }
		}
		if err := dialog.ReadJSON(&f); err != nil {
			t.Fatalf("the open dialog heard nothing: %v", err)
		}
		if f.Confirmation.State == "cancelled" {
			if f.Confirmation.Reason != "deactivated" {
				t.Errorf("the reason is %q", f.Confirmation.Reason)
			}
			break
		}
	}
	t.Logf("everything of Ben's at the other replica was over %v after the directory's call began", time.Since(began).Round(time.Millisecond))
	if got := state(t, there.Browser()); got != "ended" {
		t.Errorf("a stranger is told %s", got)
	}
}

func setPassword(t *testing.T, b *apitest.Browser, link string) {
	t.Helper()
	for i := range link {
		if link[i] == '#' {
			if r := b.Do("POST", "/v1/session/password", map[string]string{"token": link[i+1:], "password": apitest.Password}); r.Status != http.StatusNoContent {
				t.Fatalf("password: %d %s", r.Status, r.Body)
			}
			return
		}
	}
	t.Fatalf("no link: %q", link)
}

package apitest_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/apikey"
	"github.com/countersign/countersign/internal/apitest"
	"github.com/countersign/countersign/internal/consoleapi"
	"github.com/countersign/countersign/internal/phonesim"
)

func init() {
	owned["key"] = maker{"api_keys", "session", func(t *testing.T, m *stage) string {
		second := m.Browser() // in a session of its own, so that what the stage has asked waits on
		second.SignIn("acme", "ana@acme.test")
		return m.makeKey(t, second, m.phone, apikey.PeopleRead).Text("id")
	}}
}

// makeKey makes an API key as a person does, with a phone.
func (m *stage) makeKey(t *testing.T, b *apitest.Browser, p *phonesim.Phone, scopes ...apikey.Scope) apitest.Reply {
	t.Helper()
	return makeKey(t, m.Site, b, p, scopes...)
}

func makeKey(t *testing.T, s *apitest.Site, b *apitest.Browser, p *phonesim.Phone, scopes ...apikey.Scope) apitest.Reply {
	t.Helper()
	want := map[string]any{"name": "Nightly report", "scopes": scopes}
	asked := b.Do("POST", "/v1/confirmations", map[string]any{"action": "apikey.create", "params": want})
	if asked.Status != http.StatusCreated {
		t.Fatalf("asking: %d %s", asked.Status, asked.Body)
	}
	if _, err := p.Approve(s.Ctx, asked.Text("id"), phonesim.ApproveOptions{Code: asked.Text("code")}); err != nil {
		t.Fatal(err)
	}
	want["confirmation_id"] = asked.Text("id")
	r := b.Do("POST", "/v1/api-keys", want)
	if r.Status != http.StatusCreated || !strings.HasPrefix(r.Text("key"), "cs_key_") {
		t.Fatalf("making a key: %d %s", r.Status, r.Body)
	}
	return r
}

func with(key string) http.Header {
	return http.Header{"Authorization": {"Bearer " + key}, "Content-Type": {"application/json"}}
}

func TestEveryRouteSaysWhetherKeysMayCallIt(t *testing.T) {
	s := apitest.New(t, "sqlite", nil).Serve()
	for _, r := range routes(s) {
		if r.auth == phone || strings.HasPrefix(r.pattern, "/v1/device/") {
			continue
		}
		scope, known := consoleapi.KeyScope(r.method, r.pattern)
		switch {
		case !known:
			t.Errorf("%s: say in internal/consoleapi/keyscopes.go which scope an API key needs for it, or never", r.name)
		case scope != "" && !slices.Contains(apikey.Scopes, scope):
			t.Errorf("%s needs the scope %s, which no key can have", r.name, scope)
		case scope != "" && r.auth == anyone:
			t.Errorf("%s is open to everybody: a key has no place there", r.name)
		case scope != "" && r.method == http.MethodGet != strings.HasSuffix(string(scope), ":read") && !strings.HasSuffix(r.pattern, "/preview") && r.pattern != "/v1/activity/exports":
			t.Errorf("%s needs the scope %s", r.name, scope)
		}
	}
}

// TestKeysReachNothingThatIsNotTheirs: every route with every kind of wrong key, and with keys of all scopes on what no key may do and on another
// workspace's objects. Nothing changes.
func TestKeysReachNothingThatIsNotTheirs(t *testing.T) {
	apitest.Doors(t, func(t *testing.T, s *apitest.Site) {
		m := newStage(t, s)
		s.Offset.Advance(11 * time.Minute) // so that the limits on asking do not count what the stage has asked
		m.ana.SignIn("acme", "ana@acme.test")
		all := m.makeKey(t, m.ana, m.phone, apikey.Scopes...).Text("key")
		poor := m.makeKey(t, m.ana, m.phone, apikey.AuditRead).Text("key")
		dead := m.makeKey(t, m.ana, m.phone, apikey.Scopes...)
		if r := m.ana.Do("DELETE", "/v1/api-keys/"+dead.Text("id"), nil); r.Status != http.StatusNoContent {
			t.Fatalf("revoking: %d %s", r.Status, r.Body)
		}
		eve := m.strange["another workspace"]
		foreign := m.makeKey(t, eve, m.phones["another workspace's phone"], apikey.Scopes...).Text("key")
		m.objects["confirmation"] = m.ana.Ask().Text("id")
		before, nobody := m.rows(t), s.Browser()
		for _, c := range m.calls() {
			if c.auth != session {
				continue
			}
			body := ""
			if c.body != nil {
				raw, err := json.Marshal(c.body)
				if err != nil {
					t.Fatal(err)
				}
				body = string(raw)
			}
			pattern := ""
			for _, r := range routes(s) {
				if r.name == c.name {
					pattern = r.pattern
				}
			}
			send := func(key string) apitest.Reply { return nobody.Send(c.method, c.path, body, with(key)) }
			for _, wrong := range []string{"", "nonsense", "cs_scim_" + all[7:], all[:len(all)-1], dead.Text("key")} {
				refusal(t, c.name+" with a wrong key", send(wrong), 401, "unauthorized")
			}
			scope, _ := consoleapi.KeyScope(c.method, pattern)
			if scope == "" {
				refusal(t, c.name+" with a key", send(all), 403, "not_for_keys")
				continue
			}
			if scope != apikey.AuditRead {
				refusal(t, c.name+" without its scope", send(poor), 403, "missing_scope")
			}
			if r := m.ana.Send(c.method, c.path, body, with(all)); r.Status != 400 || r.Code() != "mixed_credentials" {
				t.Errorf("%s with a key and a cookie: %d %s", c.name, r.Status, r.Body)
			}
			if c.object != "" {
				refusal(t, c.name+" with another workspace's key", send(foreign), 404, "not_found")
			}
			if after := m.rows(t); after != before {
				t.Fatalf("%s changed something:\n%s\nwas\n%s", c.name, after, before)
			}
		}
	})
}

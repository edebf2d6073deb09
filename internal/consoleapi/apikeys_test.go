package consoleapi_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/countersign/countersign/internal/apitest"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/phonesim"
)

// byKey makes a call as a program does: with a key and nothing else.
func byKey(s *apitest.Site, key, method, path, body string) apitest.Reply {
	return s.Browser().Send(method, path, body, http.Header{"Authorization": {"bearer " + key}, "Content-Type": {"application/json"}})
}

func TestAKeyIsMadeOnThePhoneAndWorksUntilItIsRevoked(t *testing.T) {
	apitest.Doors(t, func(t *testing.T, s *apitest.Site) {
		ana := s.Owner("acme")
		cleo, dora := member(t, s, ana, "cleo", directory.SuperAdmin), member(t, s, ana, "dora", directory.User)
		phone := ana.Pair(phonesim.Options{})
		wanted := func(scopes ...string) map[string]any {
			return map[string]any{"name": "Nightly report", "scopes": scopes, "days": 30}
		}
		with := func(w map[string]any, confirmation string) map[string]any {
			w["confirmation_id"] = confirmation
			return w
		}
		want(t, ana.Do("POST", "/v1/api-keys", wanted("people:read")), 403, "confirmation_required")
		want(t, dora.Do("POST", "/v1/api-keys", wanted("people:read")), 403, "forbidden")
		want(t, dora.Do("GET", "/v1/api-keys", nil), 403, "forbidden")
		want(t, ana.Do("POST", "/v1/confirmations", map[string]any{"action": "apikey.create"}), 400, "bad_scopes")
		want(t, ana.Do("POST", "/v1/confirmations", map[string]any{"action": "apikey.create", "params": wanted("token:reveal")}), 400, "bad_scopes")
		asked := want(t, ana.Do("POST", "/v1/confirmations", map[string]any{"action": "apikey.create", "params": wanted("people:write", "people:read")}), 201, "")
		shown, err := phone.Open(s.Ctx, asked.Text("id"))
		if err != nil || asked.Text("mode") != "code" || shown.Ctx.Action != "Make the API key “Nightly report” for 30 days, to read people; change people" {
			t.Fatalf("the phone shows %q in mode %s (%v)", shown.Ctx.Action, asked.Text("mode"), err)
		}
		if _, err := phone.Approve(s.Ctx, asked.Text("id"), phonesim.ApproveOptions{Code: asked.Text("code")}); err != nil {
			t.Fatal(err)
		}
		want(t, ana.Do("POST", "/v1/api-keys", with(wanted("people:read", "people:write", "audit:read"), asked.Text("id"))), 403, "confirmation_required")
		want(t, cleo.Do("POST", "/v1/api-keys", with(wanted("people:write", "people:read"), asked.Text("id"))), 403, "confirmation_required")
		made := want(t, ana.Do("POST", "/v1/api-keys", with(wanted("people:write", "people:read"), asked.Text("id"))), 201, "")
		want(t, ana.Do("POST", "/v1/api-keys", with(wanted("people:write", "people:read"), asked.Text("id"))), 403, "confirmation_required")
		key := made.Text("key")
		if list := ana.Do("GET", "/v1/api-keys", nil); !strings.HasPrefix(key, "cs_key_") || strings.Contains(string(list.Body), key) || !strings.Contains(string(list.Body), made.Text("id")) {
			t.Errorf("listed: %s", list.Body)
		}

		want(t, byKey(s, key, "GET", "/v1/people", ""), 200, "")
		for _, c := range []struct{ method, path, body, code string }{
			{"POST", "/v1/confirmations", `{"action":"scim.token.reveal"}`, "not_for_keys"},
			{"POST", "/v1/api-keys", `{"name":"x","scopes":["people:read"]}`, "not_for_keys"},
			{"POST", "/v1/people", `{"name":"Eve","email":"eve@acme.test","role":"super_admin"}`, "not_for_keys"},
			{"POST", "/v1/people/" + me(dora) + "/password-link", `{}`, "not_for_keys"},
			{"POST", "/v1/pairings", `{}`, "not_for_keys"},
			{"GET", "/v1/policy", "", "missing_scope"},
			{"PATCH", "/v1/people/" + me(dora), `{"role":"super_admin"}`, "not_for_keys"},
			{"PATCH", "/v1/people/" + me(cleo), `{"active":false}`, "not_for_keys"},
			{"PATCH", "/v1/people/" + me(cleo), `{"role":"user"}`, "not_for_keys"},
		} {
			if r := byKey(s, key, c.method, c.path, c.body); r.Status != 403 || r.Code() != c.code {
				t.Errorf("%s %s with a key: %d %s, want %s", c.method, c.path, r.Status, r.Body, c.code)
			}
		}
		finn := member(t, s, ana, "finn", directory.User)
		left := me(finn)
		changed := byKey(s, key, "PATCH", "/v1/people/"+left, `{"active":false}`)
		if want(t, changed, 200, ""); changed.Header.Get("Set-Cookie") != "" {
			t.Error("a program is given a cookie")
		}
		var detail string
		if err := s.DB.Read(s.Ctx).Raw("SELECT detail FROM audit_events WHERE event = 'person.deactivated' AND subject = ?", left).Scan(&detail).Error; err != nil || !strings.Contains(detail, made.Text("id")) {
			t.Errorf("the audit says %s (%v)", detail, err)
		}
		r := s.Browser().Send("GET", "/v1/people", "", http.Header{"Authorization": {"Bearer " + key}, "Countersign-Workspace": {"evil"}})
		want(t, r, 404, "not_found")
		if r := s.Browser().Send("GET", "/v1/people", "", http.Header{"Authorization": {"Basic YTpi"}}); r.Status != 401 {
			t.Errorf("another scheme: %d", r.Status)
		}
		if r := ana.Send("GET", "/v1/people", "", http.Header{"Authorization": {"Basic YTpi"}}); r.Status != 200 {
			t.Errorf("a proxy's own scheme beside the cookie: %d", r.Status)
		}

		want(t, ana.Do("DELETE", "/v1/api-keys/"+made.Text("id"), nil), 204, "")
		want(t, byKey(s, key, "GET", "/v1/people", ""), 401, "unauthorized")
		want(t, ana.Do("DELETE", "/v1/api-keys/"+made.Text("id"), nil), 409, "key_ended")
		want(t, ana.Do("DELETE", "/v1/api-keys/key_x", nil), 404, "not_found")
		item, _ := ana.Do("GET", "/v1/api-keys", nil).JSON["items"].([]any)[0].(map[string]any)
		if item["state"] != "ended" || item["ended_because"] != "revoked" || item["last_used_at"] == nil {
			t.Errorf("listed as %v", item)
		}
	})
}

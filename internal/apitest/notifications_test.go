package apitest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/countersign/countersign/internal/apitest"
)

func TestNotificationsAndWebhooksByTheConsole(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		s := w.Serve()
		ana := s.Owner("acme")
		do := func(method, path string, body any, status int, code string) apitest.Reply {
			t.Helper()
			r := ana.Do(method, path, body)
			if r.Status != status || r.Code() != code {
				t.Errorf("%s %s: %d %q, want %d %q: %s", method, path, r.Status, r.Code(), status, code, r.Body)
			}
			return r
		}
		if r := do("GET", "/v1/notifications", nil, 200, ""); !strings.Contains(string(r.Body), `"on":false`) {
			t.Errorf("mail without a server: %s", r.Body)
		}
		choose := func(language string, off ...string) map[string]any {
			return map[string]any{"language": language, "off": append([]string{}, off...)}
		}
		do("PUT", "/v1/notifications", choose("de", "removal.held"), 200, "")
		if r := do("GET", "/v1/notifications", nil, 200, ""); r.Text("language") != "de" || !strings.Contains(string(r.Body), `"event":"removal.held","push":false,"news":true,"mail":false`) {
			t.Errorf("the choice is not kept: %s", r.Body)
		}
		do("PUT", "/v1/notifications", choose("de", "token.viewed"), 422, "enforced")
		do("PUT", "/v1/notifications", choose("de", "nothing"), 422, "unknown_event")
		do("PUT", "/v1/notifications", choose("fr"), 422, "unknown_language")
		do("POST", "/v1/notifications/test", empty, 409, "mail_off")
		do("POST", "/v1/people", map[string]any{"name": "Ben", "email": "ben@acme.test", "role": "admin", "mail": true}, 409, "mail_off")
		do("POST", "/v1/people", map[string]any{"name": "Ben", "email": "ben@acme.test", "role": "admin"}, 201, "") // nothing was half-written

		added := do("POST", "/v1/webhooks", map[string]any{"url": "https://8.8.8.8/hook", "events": []string{"user", "token"}}, 201, "")
		secret := added.Text("secret")
		hook, _ := added.JSON["webhook"].(map[string]any)
		id, _ := hook["id"].(string)
		if !strings.HasPrefix(secret, "whsec_") || id == "" {
			t.Fatalf("%s", added.Body)
		}
		if r := do("GET", "/v1/webhooks", nil, 200, ""); strings.Contains(string(r.Body), secret) || !strings.Contains(string(r.Body), id) {
			t.Errorf("the list: %s", r.Body)
		}
		do("POST", "/v1/webhooks", map[string]any{"url": "https://192.168.1.1/hook", "events": []string{"user"}}, 422, "bad_url")
		do("PATCH", "/v1/webhooks/"+id, map[string]any{"events": []string{}}, 422, "bad_events")
		do("PATCH", "/v1/webhooks/"+id, map[string]any{"stopped": true}, 200, "")
		if r := do("POST", "/v1/webhooks/"+id+"/secret", empty, 201, ""); r.Text("secret") == secret {
			t.Error("the new secret is the old one")
		}
		test := do("POST", "/v1/webhooks/"+id+"/test", empty, 202, "")
		if r := do("GET", "/v1/webhooks/"+id+"/deliveries", nil, 200, ""); !strings.Contains(string(r.Body), test.Text("id")) {
			t.Errorf("the log: %s", r.Body)
		}
		do("POST", "/v1/webhooks/"+id+"/deliveries/"+test.Text("id")+"/resend", empty, 202, "")
		do("POST", "/v1/webhooks/"+id+"/deliveries/msg_none/resend", empty, 404, "not_found")
		if r := do("DELETE", "/v1/webhooks/"+id, nil, http.StatusNoContent, ""); len(r.Body) != 0 {
			t.Errorf("%s", r.Body)
		}
		do("GET", "/v1/webhooks/"+id+"/deliveries", nil, 404, "not_found")
	})
}

package dialogapi_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/countersign/countersign/internal/apitest"
	"github.com/countersign/countersign/internal/phonesim"
)

type object = map[string]any

func rules(change object) object {
	p := object{"mode": "risk", "pending_seconds": 300, "show_once": false, "two_admins": false, "same_network": false, "freeze_on_report": false}
	for k, v := range change {
		p[k] = v
	}
	return p
}

// confirmed asks for an action and approves it on the phone.
func confirmed(t *testing.T, s *apitest.Site, b *apitest.Browser, p *phonesim.Phone, ask object) string {
	t.Helper()
	r := b.Do("POST", "/v1/confirmations", ask)
	if r.Status != http.StatusCreated {
		t.Fatalf("%v: %d %s", ask, r.Status, r.Body)
	}
	if state, err := p.Approve(s.Ctx, r.Text("id"), phonesim.ApproveOptions{Code: r.Text("code")}); err != nil || state != "approved" {
		t.Fatalf("%v: %s %v", ask, state, err)
	}
	return r.Text("id")
}

// setPolicy changes the policy as the Owner would.
func setPolicy(t *testing.T, s *apitest.Site, b *apitest.Browser, p *phonesim.Phone, change object) apitest.Reply {
	t.Helper()
	id := confirmed(t, s, b, p, object{"action": "policy.change", "params": rules(change)})
	body := rules(change)
	body["confirmation_id"] = id
	r := b.Do("PUT", "/v1/policy", body)
	if r.Status != http.StatusOK {
		t.Fatalf("PUT /v1/policy: %d %s", r.Status, r.Body)
	}
	return r
}

// colleague makes one more person with a password, signed in with a browser of their own.
func colleague(t *testing.T, s *apitest.Site, by *apitest.Browser, name, role string) *apitest.Browser {
	t.Helper()
	r := by.Do("POST", "/v1/people", object{"name": name, "email": name + "@acme.test", "role": role})
	_, secret, found := strings.Cut(r.Text("link"), "#")
	if r.Status != http.StatusCreated || !found {
		t.Fatalf("%d %s", r.Status, r.Body)
	}
	b := s.Browser()
	if r := b.Do("POST", "/v1/session/password", object{"token": secret, "password": apitest.Password}); r.Status != http.StatusNoContent {
		t.Fatalf("%d %s", r.Status, r.Body)
	}
	b.SignIn("acme", name+"@acme.test")
	return b
}

func TestThePolicyIsWhatThePhoneSigned(t *testing.T) {
	apitest.Doors(t, func(t *testing.T, s *apitest.Site) {
		ana := s.Owner("acme")
		phone := ana.Pair(phonesim.Options{})
		now := ana.Do("GET", "/v1/policy", nil)
		if now.Status != http.StatusOK || now.Text("mode") != "risk" || now.JSON["pending_seconds"] != 300.0 || now.JSON["frozen"] != nil ||
			now.JSON["can"].(object)["change"] != true {
			t.Fatalf("%d %s", now.Status, now.Body)
		}
		for name, tc := range map[string]struct {
			body   object
			status int
			code   string
		}{
			"without a confirmation":  {rules(object{"mode": "tap"}), 403, "confirmation_required"},
			"with one of no action":   {object{"mode": "tap", "pending_seconds": 300, "show_once": false, "two_admins": false, "same_network": false, "freeze_on_report": false, "confirmation_id": "cnf_x"}, 403, "confirmation_required"},
			"with a member missing":   {object{"mode": "tap"}, 400, "bad_policy"},
			"with an unknown mode":    {rules(object{"mode": "none"}), 400, "bad_policy"},
			"with eleven minutes":     {rules(object{"pending_seconds": 660}), 400, "bad_policy"},
			"with half a minute":      {rules(object{"pending_seconds": 30}), 400, "bad_policy"},
			"with half of what held":  {rules(object{"was": object{"mode": "risk"}}), 400, "bad_policy"},
			"with an unknown member":  {rules(object{"surprise": true}), 400, "unknown_field"},
			"with a number for a yes": {rules(object{"show_once": 1}), 400, "malformed"},
		} {
			if r := ana.Do("PUT", "/v1/policy", tc.body); r.Status != tc.status || r.Code() != tc.code {
				t.Errorf("%s: %d %s", name, r.Status, r.Body)
			}
		}
		id := confirmed(t, s, ana, phone, object{"action": "policy.change", "params": rules(object{"mode": "code"})})
		other := rules(object{"mode": "tap"})
		other["confirmation_id"] = id
		if r := ana.Do("PUT", "/v1/policy", other); r.Code() != "confirmation_required" {
			t.Errorf("another policy than the one that was signed: %d %s", r.Status, r.Body)
		}
		signed := rules(object{"mode": "code"})
		signed["confirmation_id"] = id
		signed["was"] = rules(object{"two_admins": true, "passkeys": false, "max_token_days": 0})
		r := ana.Do("PUT", "/v1/policy", signed)
		if r.Status != http.StatusConflict || r.Code() != "edit_conflict" || r.JSON["now"].(object)["mode"] != "risk" || r.JSON["now"].(object)["two_admins"] != false {
			t.Errorf("begun with what did not hold any more: %d %s", r.Status, r.Body)
		}
		signed["was"] = rules(object{"passkeys": false, "max_token_days": 0})
		if r := ana.Do("PUT", "/v1/policy", signed); r.Status != http.StatusOK || r.Text("mode") != "code" {
			t.Errorf("%d %s", r.Status, r.Body)
		}
		if r := ana.Do("PUT", "/v1/policy", signed); r.Code() != "confirmation_required" {
			t.Errorf("spent twice: %d %s", r.Status, r.Body)
		}
		if r := ana.Ask(); r.Text("mode") != "code" {
			t.Errorf("the next question is in mode %s", r.Text("mode"))
		}
		cleo := colleague(t, s, ana, "cleo", "admin")
		if r := cleo.Do("GET", "/v1/policy", nil); r.Status != http.StatusOK || r.JSON["can"].(object)["change"] != false {
			t.Errorf("%d %s", r.Status, r.Body)
		}
		if r := cleo.Do("PUT", "/v1/policy", signed); r.Code() != "forbidden" || r.JSON["allowed_roles"] == nil {
			t.Errorf("%d %s", r.Status, r.Body)
		}
		dora := colleague(t, s, ana, "dora", "user")
		if r := dora.Do("GET", "/v1/policy", nil); r.Code() != "forbidden" {
			t.Errorf("%d %s", r.Status, r.Body)
		}
	})
}

func TestAReportFreezesTokensUntilTheOwnerLiftsIt(t *testing.T) {
	apitest.Doors(t, func(t *testing.T, s *apitest.Site) {
		ana := s.Owner("acme")
		phone := ana.Pair(phonesim.Options{})
		setPolicy(t, s, ana, phone, object{"freeze_on_report": true})
		cleo := colleague(t, s, ana, "cleo", "super_admin")
		cleos := cleo.Pair(phonesim.Options{})
		asked := cleo.Ask()
		dialog, _, err := cleo.Dial(asked.Text("id"), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := cleos.Deny(s.Ctx, asked.Text("id"), "not_me"); err != nil {
			t.Fatal(err)
		}
		last := until(t, dialog, "denied") // the dialog is told, although its session is over
		if last.Confirmation["reason"] != "denied" {
			t.Errorf("%v", last.Confirmation)
		}
		if r := cleo.Do("GET", "/v1/session", nil); r.Status != http.StatusUnauthorized {
			t.Errorf("the session that asked: %d", r.Status)
		}
		if r := ana.Do("POST", "/v1/confirmations", object{"action": "scim.token.reveal"}); r.Status != http.StatusLocked || r.Code() != "frozen" || r.Text("since") == "" {
			t.Errorf("%d %s", r.Status, r.Body)
		}
		now := ana.Do("GET", "/v1/policy", nil)
		if now.JSON["frozen"].(object)["confirmation"] != asked.Text("id") || now.JSON["can"].(object)["unfreeze"] != true {
			t.Errorf("%s", now.Body)
		}
		if r := ana.Do("GET", "/v1/notices", nil); !strings.Contains(string(r.Body), `"confirmation.reported"`) {
			t.Errorf("%s", r.Body)
		}
		cleo.SignIn("acme", "cleo@acme.test")
		if r := cleo.Do("POST", "/v1/policy/unfreeze", object{}); r.Code() != "forbidden" {
			t.Errorf("%d %s", r.Status, r.Body)
		}
		if r := ana.Do("POST", "/v1/policy/unfreeze", object{}); r.Code() != "confirmation_required" {
			t.Errorf("%d %s", r.Status, r.Body)
		}
		id := confirmed(t, s, ana, phone, object{"action": "policy.unfreeze"})
		if r := ana.Do("POST", "/v1/policy/unfreeze", object{"confirmation_id": id}); r.Status != http.StatusOK || r.JSON["frozen"] != nil {
			t.Errorf("%d %s", r.Status, r.Body)
		}
		ana.Ask()
	})
}

func TestTheDialogShowsWhoHasApproved(t *testing.T) {
	apitest.Doors(t, func(t *testing.T, s *apitest.Site) {
		ana := s.Owner("acme")
		phone := ana.Pair(phonesim.Options{})
		setPolicy(t, s, ana, phone, object{"two_admins": true})
		if r := ana.Do("POST", "/v1/confirmations", object{"action": "scim.token.reveal"}); r.Code() != "no_second_admin" {
			t.Fatalf("%d %s", r.Status, r.Body)
		}
		cleo := colleague(t, s, ana, "cleo", "admin")
		cleos := cleo.Pair(phonesim.Options{})
		asked := ana.Ask()
		dialog, _, err := ana.Dial(asked.Text("id"), nil)
		if err != nil {
			t.Fatal(err)
		}
		code := phonesim.ApproveOptions{Code: asked.Text("code")}
		if state, err := cleos.Approve(s.Ctx, asked.Text("id"), code); err != nil || state != "pending" {
			t.Fatalf("%s %v", state, err)
		}
		for {
			f := next(t, dialog)
			q := f.Confirmation["quorum"].(object)
			if f.Confirmation["code"] != nil || q["needed"] != 2.0 {
				t.Fatalf("%v", f.Confirmation)
			}
			if all := q["approvals"].([]any); len(all) == 1 {
				if all[0].(object)["person"] != "cleo" {
					t.Errorf("%v", all)
				}
				break
			}
		}
		if state, err := phone.Approve(s.Ctx, asked.Text("id"), code); err != nil || state != "approved" {
			t.Fatalf("%s %v", state, err)
		}
		until(t, dialog, "approved")
		if r := ana.Do("POST", "/v1/confirmations/"+asked.Text("id")+"/reveal", object{}); r.Status != http.StatusOK {
			t.Errorf("%d %s", r.Status, r.Body)
		}
	})
}

func TestATokenIsRevokedAndAPersonUnlockedOverHTTP(t *testing.T) {
	apitest.Doors(t, func(t *testing.T, s *apitest.Site) {
		ana := s.Owner("acme")
		phone := ana.Pair(phonesim.Options{})
		token := ana.Do("GET", "/v1/directory", nil).JSON["token"].(object)["id"].(string)
		revoke := "/v1/tokens/" + token + "/revoke"
		id := confirmed(t, s, ana, phone, object{"action": "scim.token.revoke", "resource": "scim_token:" + token, "params": object{"reason": "it stood in a ticket"}})
		for want, body := range map[string]object{
			"confirmation_required": {"confirmation_id": id, "reason": "another reason"},
			"unknown_field":         {"confirmation_id": id, "why": "x"},
		} {
			if r := ana.Do("POST", revoke, body); r.Code() != want {
				t.Errorf("%v: %d %s", body, r.Status, r.Body)
			}
		}
		if r := ana.Do("POST", revoke, object{"confirmation_id": id, "reason": "it stood in a ticket"}); r.Status != http.StatusNoContent {
			t.Errorf("%d %s", r.Status, r.Body)
		}
		if r := ana.Do("POST", revoke, object{"confirmation_id": id}); r.Code() != "no_token" {
			t.Errorf("%d %s", r.Status, r.Body)
		}
		if r := ana.Do("POST", "/v1/tokens/tok_none/revoke", object{}); r.Code() != "not_found" {
			t.Errorf("%d %s", r.Status, r.Body)
		}
		colleague(t, s, ana, "cleo", "admin")
		var people struct {
			Items []struct{ ID, Email string }
		}
		if err := json.Unmarshal(ana.Do("GET", "/v1/people", nil).Body, &people); err != nil {
			t.Fatal(err)
		}
		for _, p := range people.Items {
			if p.Email != "cleo@acme.test" {
				continue
			}
			id := confirmed(t, s, ana, phone, object{"action": "person.unlock", "resource": "person:" + p.ID})
			if r := ana.Do("POST", "/v1/people/"+p.ID+"/unlock", object{"confirmation_id": id}); r.Status != http.StatusNoContent {
				t.Errorf("%d %s", r.Status, r.Body)
			}
		}
		me := ana.Do("GET", "/v1/session", nil).JSON["person"].(object)["id"].(string)
		if r := ana.Do("POST", "/v1/people/"+me+"/unlock", object{}); r.Code() != "unlock_self" {
			t.Errorf("%d %s", r.Status, r.Body)
		}
	})
}

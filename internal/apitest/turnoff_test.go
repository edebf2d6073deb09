package apitest_test

import (
	"net/http"
	"testing"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/apitest"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/phonesim"
)

// turnOff turns directory sync off, as the Owner would.
func turnOff(t *testing.T, s *apitest.Site, b *apitest.Browser, p *phonesim.Phone, asked, done string) apitest.Reply {
	t.Helper()
	r := b.Do("POST", "/v1/confirmations", map[string]any{"action": "directory.turn_off", "params": map[string]any{"people": asked}})
	if r.Status != http.StatusCreated || r.Text("mode") != "code" {
		t.Fatalf("asking: %d %s", r.Status, r.Body)
	}
	if state, err := p.Approve(s.Ctx, r.Text("id"), phonesim.ApproveOptions{Code: r.Text("code")}); err != nil || state != "approved" {
		t.Fatalf("approving: %s %v", state, err)
	}
	return b.Do("POST", "/v1/directory/turn-off", map[string]any{"people": done, "confirmation_id": r.Text("id")})
}

// TestTurningTheDirectoryOff: R-42. What is kept becomes local and can be changed here; what is removed goes the way of a SCIM DELETE; a new
// token turns it on again and finds who is there.
func TestTurningTheDirectoryOff(t *testing.T) {
	apitest.Doors(t, func(t *testing.T, s *apitest.Site) {
		ana := s.Owner("acme")
		phone := ana.Pair(phonesim.Options{})
		m := &stage{demo: demo{Site: s, ana: ana}}
		p := provisioned(t, s)
		who := p.token("acme", "ana@acme.test")
		ben := m.colleague(t, actor.Actor{Workspace: who.Workspace}, "ben", directory.Admin)
		cleo := m.colleague(t, actor.Actor{Workspace: who.Workspace}, "cleo", directory.User)
		made := func() (ids []string, team string) {
			for _, name := range []string{"ana", "cleo", "dora"} {
				ids = append(ids, p.made("acme", "/Users", `{"userName":"`+name+`@acme.test","externalId":"`+name+`"}`))
			}
			return ids, p.made("acme", "/Groups", `{"displayName":"Marketing"}`)
		}
		ids, team := made()
		if status, _ := p.as("acme", "PATCH", "/Groups/"+team, `{"Operations":[{"op":"add","path":"members","value":[{"value":"`+ids[1]+`"},{"value":"`+ids[2]+`"},{"value":"nobody yet"}]}]}`); status != http.StatusNoContent {
			t.Fatal(status)
		}
		preview := func(on bool, people, teams, tokens, removed float64) {
			t.Helper()
			r := ana.Do("GET", "/v1/directory/turn-off", nil)
			gone, _ := r.JSON["remove"].(map[string]any)
			if r.Status != http.StatusOK || r.JSON["on"] != on || r.JSON["people"] != people || r.JSON["teams"] != teams || r.JSON["tokens"] != tokens || gone["people"] != removed {
				t.Errorf("%d %s", r.Status, r.Body)
			}
		}
		preview(true, 3, 1, 1, 2)
		for what, b := range map[string]*apitest.Browser{"an Admin": ben, "a User": cleo} {
			if r := b.Do("GET", "/v1/directory/turn-off", nil); r.Status != http.StatusForbidden {
				t.Errorf("%s looks: %d", what, r.Status)
			}
			if r := b.Do("POST", "/v1/directory/turn-off", map[string]any{"people": "keep"}); r.Status != http.StatusForbidden {
				t.Errorf("%s turns it off: %d", what, r.Status)
			}
		}
		for want, body := range map[string]map[string]any{"confirmation_required": {"people": "keep"}, "malformed": {"people": "sell"}, "unknown_field": {"people": "keep", "really": true}} {
			if r := ana.Do("POST", "/v1/directory/turn-off", body); r.Code() != want {
				t.Errorf("%s: %d %s", want, r.Status, r.Body)
			}
		}
		if r := ana.Do("POST", "/v1/confirmations", map[string]any{"action": "directory.turn_off"}); r.Code() != "malformed" {
			t.Errorf("asking without saying what: %d %s", r.Status, r.Body)
		}
		if r := turnOff(t, s, ana, phone, "keep", "remove"); r.Code() != "confirmation_required" {
			t.Errorf("what was confirmed is to keep: %d %s", r.Status, r.Body)
		}
		preview(true, 3, 1, 1, 2)

		r := turnOff(t, s, ana, phone, "keep", "keep")
		if r.Status != http.StatusOK || r.JSON["kept"] != 3.0 || r.JSON["removed"] != 0.0 || r.JSON["teams"] != 1.0 || r.JSON["tokens"] != 1.0 {
			t.Fatalf("%d %s", r.Status, r.Body)
		}
		preview(false, 0, 0, 0, 0)
		if status, _ := p.as("acme", "GET", "/Users", ""); status != http.StatusUnauthorized {
			t.Errorf("the old token: %d", status)
		}
		if r := ana.Do("POST", "/v1/confirmations", map[string]any{"action": "directory.turn_off", "params": map[string]any{"people": "keep"}}); r.Status != http.StatusConflict || r.Code() != "already_off" {
			t.Errorf("twice: %d %s", r.Status, r.Body)
		}
		if r := ana.Do("GET", "/v1/people/"+ids[1], nil); r.Text("source") != "local" || r.JSON["active"] != true {
			t.Errorf("kept: %s", r.Body)
		}
		if r := ana.Do("PATCH", "/v1/people/"+ids[2], map[string]any{"active": false}); r.Status != http.StatusOK {
			t.Errorf("a kept person is managed here: %d %s", r.Status, r.Body)
		}
		if r := ana.Do("GET", "/v1/teams/"+team, nil); r.Text("source") != "local" || r.JSON["members"] != 2.0 {
			t.Errorf("the kept team: %s", r.Body)
		}
		if r := cleo.Do("GET", "/v1/session", nil); r.Status != http.StatusOK {
			t.Errorf("a kept person's session: %d", r.Status)
		}

		p.token("acme", "ana@acme.test")
		if status, doc := p.as("acme", "GET", "/Users", ""); status != http.StatusOK || doc["totalResults"] != 0.0 {
			t.Errorf("local people are invisible: %d %v", status, doc)
		}
		again, same := made()
		if again[0] != ids[0] || again[1] != ids[1] || again[2] != ids[2] || same != team {
			t.Errorf("adopted: %v %s, want %v %s", again, same, ids, team)
		}
		_, doc := p.as("acme", "GET", "/Groups/"+team, "")
		if list, _ := doc["members"].([]any); len(list) != 2 {
			t.Errorf("the adopted team: %v", doc)
		}
		if status, doc := p.as("acme", "POST", "/Groups", `{"displayName":"marketing"}`); status != http.StatusConflict || doc["scimType"] != "uniqueness" {
			t.Errorf("a team of the directory is not adopted: %d %v", status, doc)
		}

		r = turnOff(t, s, ana, phone, "remove", "remove")
		if r.Status != http.StatusOK || r.JSON["kept"] != 1.0 || r.JSON["removed"] != 2.0 || r.JSON["teams"] != 1.0 || r.JSON["tokens"] != 1.0 {
			t.Fatalf("%d %s", r.Status, r.Body)
		}
		if r := ana.Do("GET", "/v1/session", nil); r.Status != http.StatusOK || r.Text("role") != "owner" && r.JSON["person"] == nil {
			t.Errorf("the Owner stays: %d %s", r.Status, r.Body)
		}
		if r := cleo.Do("GET", "/v1/session", nil); r.Status != http.StatusUnauthorized {
			t.Errorf("a removed person's session: %d", r.Status)
		}
		r = ana.Do("GET", "/v1/offboardings?person="+ids[1], nil)
		if items, _ := r.JSON["items"].([]any); len(items) != 1 || items[0].(map[string]any)["cause"] != "deleted" {
			t.Errorf("the receipt: %s", r.Body)
		}
		if r := ana.Do("GET", "/v1/removals?state=held", nil); len(r.JSON["items"].([]any)) != 0 {
			t.Errorf("what a person confirmed is not held: %s", r.Body)
		}
		if r := ana.Do("POST", "/v1/people/"+ids[1]+"/restore", map[string]any{}); r.Status != http.StatusOK || r.Text("source") != "local" {
			t.Errorf("restored: %d %s", r.Status, r.Body)
		}
		if r := ana.Do("POST", "/v1/teams/"+team+"/restore", map[string]any{}); r.Status != http.StatusOK || r.Text("source") != "local" {
			t.Errorf("restored: %d %s", r.Status, r.Body)
		}
		r = ana.Do("GET", "/v1/activity?kind=directory.turned_off", nil)
		if items, _ := r.JSON["items"].([]any); len(items) != 2 {
			t.Errorf("the activity: %s", r.Body)
		}
	})
}

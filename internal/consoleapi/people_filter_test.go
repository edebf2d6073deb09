package consoleapi_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/countersign/countersign/internal/directory"
)

func TestPeopleAreFilteredAndTeamsAreShown(t *testing.T) {
	onBoth(t, func(w *world) {
		acme := w.workspace("acme", "ana@acme.test")
		ana := w.signedIn("acme", "ana@acme.test")
		w.person(acme.Workspace, "dora@acme.test", directory.User)
		call := w.scim(acme.Workspace.ID)
		call("POST", "/Users", `{"userName":"ben@acme.test","displayName":"Ben","externalId":"b1"}`)
		call("POST", "/Users", `{"userName":"cleo@acme.test","displayName":"Cleo","active":false}`)
		ben := ana.get("/v1/people?q=ben@").is(200).text("items.0.id")
		call("POST", "/Groups", `{"displayName":"Marketing","externalId":"g1","members":[{"value":"`+ben+`"}]}`)
		call("POST", "/Groups", `{"displayName":"Sales"}`)
		for query, want := range map[string][]string{
			"":                       {"ana@acme.test", "dora@acme.test", "ben@acme.test", "cleo@acme.test"},
			"source=directory":       {"ben@acme.test", "cleo@acme.test"},
			"source=local&role=user": {"dora@acme.test"},
			"status=inactive":        {"cleo@acme.test"},
			"status=active&source=directory&role=user": {"ben@acme.test"},
			"role=owner":             {"ana@acme.test"},
			"role=guest":             nil,
			"q=c&status=inactive":    {"cleo@acme.test"},
			"q=c&status=active":      nil,
			"q=ben&source=directory": {"ben@acme.test"},
		} {
			if got := ana.get("/v1/people?"+query).is(200).texts("items", "user_name"); !slices.Equal(got, want) {
				w.Errorf("%s: %v, want %v", query, got, want)
			}
		}
		if status := call("PATCH", "/Users/"+ben, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"userName","value":"cleo@acme.test"}]}`); status != http.StatusConflict {
			w.Fatalf("a taken name: %d", status)
		}
		if got := ana.get("/v1/people?problem=failed_call").is(200).texts("items", "user_name"); !slices.Equal(got, []string{"ben@acme.test"}) {
			w.Errorf("people with a problem: %v", got)
		}
		for _, query := range []string{"problem=hair", "role=boss", "source=ldap", "status=gone", "team=a%20b"} {
			ana.get("/v1/people?"+query).is(http.StatusBadRequest, "malformed")
		}
		if a := ana.get("/v1/people?q=ben").is(200); a.text("items.0.last_synced_at") == "" || ana.get("/v1/people?q=dora").at("items.0.last_synced_at") != nil {
			w.Errorf("last synced: %s", a.raw)
		}
		teams := ana.get("/v1/teams?q=mark").is(200)
		if got := teams.texts("items", "name"); !slices.Equal(got, []string{"Marketing"}) || teams.at("items.0.members") != float64(1) {
			w.Fatalf("teams: %s", teams.raw)
		}
		id := teams.text("items.0.id")
		if a := ana.get("/v1/teams/" + id).is(200); a.text("name") != "Marketing" || a.text("external_id") != "g1" || a.text("changed_at") == "" {
			w.Errorf("team: %s", a.raw)
		}
		if got := ana.get("/v1/people?team="+id).is(200).texts("items", "user_name"); !slices.Equal(got, []string{"ben@acme.test"}) {
			w.Errorf("members: %v", got)
		}
		if a := ana.patch("/v1/teams/"+id, map[string]string{"alias": " Market people "}).is(200); a.text("alias") != "Market people" || a.text("name") != "Marketing" {
			w.Errorf("named: %s", a.raw)
		}
		if got := ana.get("/v1/teams?q=market%20p").is(200).texts("items", "id"); !slices.Equal(got, []string{id}) {
			w.Errorf("by its alias: %v", got)
		}
		if got := ana.get("/v1/teams?q=market").is(200).texts("items", "id"); !slices.Equal(got, []string{id}) {
			w.Errorf("by its name and its alias: %v", got)
		}
		if a := ana.get("/v1/people/" + ben).is(200); a.text("teams.0.name") != "Market people" {
			w.Errorf("a member: %s", a.raw)
		}
		for _, bad := range []any{map[string]string{"alias": strings.Repeat("a", 101)}, map[string]string{"alias": "a\u0007b"}, map[string]string{}} {
			ana.patch("/v1/teams/"+id, bad).is(400)
		}
		if a := ana.patch("/v1/teams/"+id, map[string]string{"alias": ""}).is(200); a.at("alias") != nil {
			w.Errorf("the alias taken away: %s", a.raw)
		}
		var members []string
		for _, name := range []string{"d1", "d2", "d3", "d4", "d5", "d6"} {
			call("POST", "/Users", `{"userName":"`+name+`@acme.test"}`)
			members = append(members, `{"value":"`+ana.get("/v1/people?q="+name).is(200).text("items.0.id")+`"}`)
		}
		if a, all := ana.get("/v1/people?q=d&limit=2").is(200), ana.get("/v1/people?q=d1").is(200); len(a.texts("items", "id")) != 2 || a.at("partial") != true || all.at("partial") != nil {
			w.Errorf("two of seven: %s, all: %s", a.raw, all.raw)
		}
		call("POST", "/Groups", `{"displayName":"Large","externalId":"g9","members":[`+strings.Join(members, ",")+`]}`)
		large := ana.get("/v1/teams?q=large").is(200).text("items.0.id")
		replace := func(left string) answer {
			call("PUT", "/Groups/"+large, `{"displayName":"Large","externalId":"g9","members":[`+left+`]}`)
			ana.get("/v1/provisioning/log").is(200) // has read what was written last
			return ana.get("/v1/teams/" + large).is(200)
		}
		if a := replace(members[0]); a.at("lost") != float64(5) || ana.get("/v1/teams?q=large").is(200).at("items.0.lost") != float64(5) {
			w.Errorf("five of six have gone: %s", a.raw)
		}
		if a := replace(strings.Join(members[:3], ",")); a.at("lost") != nil {
			w.Errorf("three of six are there again: %s", a.raw)
		}
		w.signedIn("acme", "dora@acme.test").patch("/v1/teams/"+id, map[string]string{"alias": "Mine"}).is(403, "forbidden")
		ana.get("/v1/teams/tea_nothing").is(404, "not_found")
		w.workspace("globex", "gus@globex.test")
		gus := w.signedIn("globex", "gus@globex.test")
		gus.get("/v1/teams/"+id).is(404, "not_found")
		gus.patch("/v1/teams/"+id, map[string]string{"alias": "Mine"}).is(404, "not_found")
		if a := gus.get("/v1/people?team=" + id).is(200); len(a.texts("items", "id")) != 0 {
			w.Errorf("another workspace's team: %s", a.raw)
		}
	})
}

func TestSetUpTicksOnlyWhatCallsWithTheTokenProve(t *testing.T) {
	onBoth(t, func(w *world) {
		acme := w.workspace("acme", "ana@acme.test")
		ana := w.signedIn("acme", "ana@acme.test")
		proven := func() map[string]string {
			a := ana.get("/v1/provisioning/setup").is(200)
			out := map[string]string{}
			for _, s := range items(a, "steps") {
				id := ""
				if call, ok := s["call"].(map[string]any); ok {
					id = call["id"].(string)
				}
				out[s["step"].(string)] = id
			}
			return out
		}
		call := w.scim(acme.Workspace.ID)
		if p := proven(); len(p) != 6 || p["called"] != "" {
			w.Fatalf("before any call: %v", p)
		}
		good := w.bearer
		w.bearer = `Bearer "` + good[len("Bearer "):] + `"`
		call("GET", "/ServiceProviderConfig", "")
		a := ana.get("/v1/provisioning/setup").is(200)
		if p := proven(); p["called"] != "" || p["tested"] != "" || a.text("problem.result") != "rejected" {
			w.Errorf("a call that was not let in: %v, %s", p, a.raw)
		}
		w.bearer = good
		call("GET", "/ServiceProviderConfig", "")
		call("GET", "/Users?filter=userName%20eq%20%22x%22", "")
		first := proven()
		if first["called"] == "" || first["tested"] != first["called"] || first["person"] != "" || ana.get("/v1/provisioning/setup").at("problem") != nil {
			w.Errorf("after Test Connection: %v", first)
		}
		call("POST", "/Users", `{"userName":"ben@acme.test","displayName":"Ben"}`)
		call("POST", "/Users", `{"userName":"cleo@acme.test","displayName":"Cleo"}`)
		ben := ana.get("/v1/people?q=ben@").is(200).text("items.0.id")
		call("POST", "/Groups", `{"displayName":"Marketing","members":[{"value":"`+ben+`"}]}`)
		call("PATCH", "/Users/"+ben, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","value":{"active":false}}]}`)
		p := proven()
		for _, step := range []string{"called", "tested", "person", "team", "member", "deactivated"} {
			if p[step] == "" {
				w.Errorf("%s is not proven: %v", step, p)
			}
		}
		if d := ana.get("/v1/provisioning/log/" + p["person"]).is(200); d.text("subject.name") != "Ben" {
			w.Errorf("the first person: %s", d.raw)
		}
		ana.get("/v1/provisioning/setup?token=tok_nothing").is(404, "not_found")
		ana.get("/v1/provisioning/setup?token=a%20b").is(400, "malformed")
		w.person(acme.Workspace, "dora@acme.test", directory.User)
		w.signedIn("acme", "dora@acme.test").get("/v1/provisioning/setup").is(403, "forbidden")
	})
}

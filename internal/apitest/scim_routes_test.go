package apitest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/apitest"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/ident"
	"github.com/countersign/countersign/internal/phonesim"
	"github.com/countersign/countersign/internal/scimapi"
)

// The directory's part of the route matrix: its console routes, and what a provider's token opens.

func init() {
	for kind, table := range map[string]string{"schema": "scim_schemas", "removal": "held_removals", "offboarding": "offboardings", "team": "teams"} {
		owned[kind] = maker{table, "workspace", func(t *testing.T, m *stage) string { return m.inDirectory(t, kind) }}
	}
}

// inDirectory writes one row of Ana's workspace.
func (m *stage) inDirectory(t *testing.T, kind string) string {
	t.Helper()
	id, ws, now := ident.New("obj"), m.owner.Workspace, time.Now().UTC()
	statements := map[string][]any{
		"schema":  {"INSERT INTO scim_schemas (id, workspace_id, resource_type, urn, urn_key, name, attributes, created_at) VALUES (?, ?, 'User', 'urn:acme:x', 'urn:acme:x', 'X', '[]', ?)", id, ws, now},
		"removal": {"INSERT INTO held_removals (id, workspace_id, kind, state, opened_at) VALUES (?, ?, 'people', 'held', ?)", id, ws, now},
		"offboarding": {"INSERT INTO offboardings (id, workspace_id, person_id, person_name, user_name, cause, actor_kind, requested_at, ended_at) VALUES (?, ?, 'ppl_x', 'X', 'x', 'deleted', 'provider', ?, ?)",
			id, ws, now, now},
		"team": {"INSERT INTO teams (id, workspace_id, display_name, display_name_key, created_at, updated_at, deleted_at) VALUES (?, ?, 'T', 't', ?, ?, ?)", id, ws, now, now, now},
	}
	sql := statements[kind]
	m.InTx(func(tx database.Tx) error { return tx.Exec(sql[0].(string), sql[1:]...).Error })
	return id
}

// scim is the provider's door of a site, with a token for each workspace.
type scim struct {
	*apitest.Site
	url    string
	tokens map[string]string
}

// provisioned opens the provider's door.
func provisioned(t *testing.T, s *apitest.Site) *scim {
	t.Helper()
	e := gin.New()
	srv := httptest.NewServer(e)
	t.Cleanup(srv.Close)
	p := &scim{Site: s, url: srv.URL + "/v1/scim/v2", tokens: map[string]string{}}
	scimapi.New(scimapi.Deps{Directory: directory.NewProvisioning(s.Directory, p.url, []byte("a key of the test"), time.Now), Base: p.url,
		Authenticate: s.Workspaces.Authenticate, Log: s.SyncLog, Now: time.Now}).Mount(e.Group("/v1/scim/v2"))
	return p
}

// token makes the workspace's token anew.
func (p *scim) token(slug, email string) directory.Person {
	p.T.Helper()
	who := owner(p.T.(*testing.T), p.World, slug, email)
	p.InTx(func(tx database.Tx) error {
		plain, _, _, err := p.Workspaces.Regenerate(tx, actor.Actor{Kind: actor.Operator, Workspace: who.Workspace}, who.Workspace, "", 0)
		p.tokens[slug] = plain
		return err
	})
	return who
}

func (p *scim) call(auth, method, path, body string) (int, map[string]any) {
	p.T.Helper()
	ctx, cancel := context.WithTimeout(p.Ctx, time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, p.url+path, bytes.NewReader([]byte(body)))
	if err != nil {
		p.T.Fatal(err)
	}
	if auth != "" {
		req.Header.Set("Authorization", auth)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/scim+json")
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		p.T.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		p.T.Fatal(err)
	}
	var out map[string]any
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &out); err != nil {
			p.T.Errorf("%s %s: not JSON: %s", method, path, raw)
		}
	}
	return res.StatusCode, out
}

// as is call with the token of a workspace.
func (p *scim) as(slug, method, path, body string) (int, map[string]any) {
	p.T.Helper()
	return p.call("Bearer "+p.tokens[slug], method, path, body)
}

func (p *scim) made(slug, path, body string) string {
	p.T.Helper()
	status, doc := p.as(slug, "POST", path, body)
	if status != http.StatusCreated {
		p.T.Fatalf("%s %s: %d %v", path, body, status, doc)
	}
	return doc["id"].(string)
}

// Every SCIM route: without a token, with a wrong one, a revoked one, a console's cookie or another workspace's token it gives nothing.
func TestNoTokenOpensAnotherDirectory(t *testing.T) {
	apitest.Doors(t, func(t *testing.T, s *apitest.Site) {
		ana := s.Owner("acme")
		s.Owner("evil")
		p := provisioned(t, s)
		p.token("acme", "ana@acme.test")
		p.token("evil", "ana@evil.test")
		old := p.tokens["evil"]
		p.token("evil", "ana@evil.test") // replaces it at once
		user := p.made("acme", "/Users", `{"userName":"ben","externalId":"e1"}`)
		group := p.made("acme", "/Groups", `{"displayName":"T","members":[{"value":"`+user+`"}]}`)
		mine := p.made("evil", "/Groups", `{"displayName":"M"}`)
		_, before := p.as("acme", "GET", "/Users/"+user, "")
		_, teamBefore := p.as("acme", "GET", "/Groups/"+group, "")
		patch := `{"Operations":[{"op":"replace","path":"externalId","value":"stolen"}]}`
		routes := []struct{ method, path, body string }{
			{"GET", "/Users/" + user, ""}, {"PUT", "/Users/" + user, `{"userName":"stolen"}`}, {"PATCH", "/Users/" + user, patch}, {"DELETE", "/Users/" + user, ""},
			{"GET", "/Groups/" + group, ""}, {"PUT", "/Groups/" + group, `{"displayName":"stolen","members":[]}`}, {"PATCH", "/Groups/" + group, patch}, {"DELETE", "/Groups/" + group, ""},
		}
		open := []struct{ method, path, body string }{
			{"GET", "/Users", ""}, {"POST", "/Users", `{"userName":"x"}`}, {"POST", "/Users/.search", `{}`}, {"GET", "/Groups", ""}, {"POST", "/Groups", `{"displayName":"x"}`},
			{"POST", "/Groups/.search", `{}`}, {"POST", "/Bulk", `{"Operations":[]}`}, {"GET", "/Me", ""}, {"GET", "/Schemas", ""}, {"GET", "/ResourceTypes", ""},
			{"GET", "/ServiceProviderConfig", ""}, {"GET", "/Roles", ""}, {"GET", "/nonsense", ""}, {"DELETE", "/Users", ""},
		}
		for _, r := range append(open, routes...) {
			for how, auth := range map[string]string{"no token": "", "a wrong one": "Bearer cs_scim_x", "one that was replaced": "Bearer " + old, "another scheme": "Basic " + p.tokens["acme"],
				"the token as a cookie": "Cookie " + p.tokens["acme"]} {
				if status, doc := p.call(auth, r.method, r.path, r.body); status != http.StatusUnauthorized || doc["status"] != "401" {
					t.Errorf("%s %s with %s: %d %v", r.method, r.path, how, status, doc)
				}
			}
		}
		for _, r := range routes {
			if status, doc := p.as("evil", r.method, r.path, r.body); status != http.StatusNotFound || doc["status"] != "404" {
				t.Errorf("%s %s with another workspace's token: %d %v", r.method, r.path, status, doc)
			}
		}
		// Naming another workspace's people in one's own: accepted, as every unknown id, and nothing comes of it.
		for _, body := range []string{`{"Operations":[{"op":"add","path":"members","value":[{"value":"` + user + `"}]}]}`, `{"Operations":[{"op":"replace","path":"members","value":["` + user + `"]}]}`} {
			if status, doc := p.as("evil", "PATCH", "/Groups/"+mine, body); status != http.StatusNoContent {
				t.Errorf("%d %v", status, doc)
			}
		}
		thief := p.made("evil", "/Users", `{"userName":"ben","externalId":"e1","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"manager":{"value":"`+user+`"}}}`)
		if _, doc := p.as("evil", "GET", "/Users/"+thief, ""); fmt.Sprint(doc["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"]) != "map[manager:map[value:"+user+"]]" || thief == user {
			t.Errorf("a foreign manager shows %v", doc)
		}
		for filter, n := range map[string]float64{`id eq "` + user + `"`: 0, `externalId eq "e1"`: 1, `userName pr`: 1} {
			if _, doc := p.as("evil", "POST", "/Users/.search", fmt.Sprintf(`{"filter":%q}`, filter)); doc["totalResults"] != n {
				t.Errorf("%s: %v", filter, doc)
			}
		}
		if _, doc := p.as("evil", "GET", "/Groups/"+mine, ""); doc["members"] != nil {
			t.Errorf("%v", doc)
		}
		_, after := p.as("acme", "GET", "/Users/"+user, "")
		_, teamAfter := p.as("acme", "GET", "/Groups/"+group, "")
		if fmt.Sprint(before, teamBefore) != fmt.Sprint(after, teamAfter) {
			t.Errorf("something changed: %v\n%v", after, teamAfter)
		}
		if r := ana.Do("GET", "/v1/people/"+thief, nil); r.Status != http.StatusNotFound {
			t.Errorf("the other workspace's person is %d in the console", r.Status)
		}
	})
}

// confirmed asks for a confirmation and taps.
func confirmed(t *testing.T, b *apitest.Browser, phone *phonesim.Phone, action, resource string) string {
	t.Helper()
	r := b.Do("POST", "/v1/confirmations", map[string]string{"action": action, "resource": resource})
	if r.Status != http.StatusCreated || r.Text("mode") != "code" {
		t.Fatalf("%s: %d %s", action, r.Status, r.Body)
	}
	if state, err := phone.Approve(t.Context(), r.Text("id"), phonesim.ApproveOptions{Code: r.Text("code")}); err != nil || state != "approved" {
		t.Fatalf("%s: %s %v", action, state, err)
	}
	return r.Text("id")
}

func TestAMassRemovalWaitsForAPhone(t *testing.T) {
	apitest.Doors(t, func(t *testing.T, s *apitest.Site) {
		ana := s.Owner("acme")
		phone := ana.Pair(phonesim.Options{})
		p := provisioned(t, s)
		p.token("acme", "ana@acme.test")
		var ids []string
		for i := range 8 {
			ids = append(ids, p.made("acme", "/Users", fmt.Sprintf(`{"userName":"u%d"}`, i)))
		}
		for _, id := range ids[:6] {
			if status, doc := p.as("acme", "DELETE", "/Users/"+id, ""); status != http.StatusNoContent {
				t.Fatalf("%d %v", status, doc)
			}
			if status, _ := p.as("acme", "GET", "/Users/"+id, ""); status != http.StatusNotFound {
				t.Errorf("a held person is %d for the provider", status)
			}
		}
		id := first(t, ana.Do("GET", "/v1/removals?state=held", nil), "id")
		path := "/v1/removals/" + id
		for what, body := range map[string]any{"keep": map[string]string{}, "allow": map[string]string{"confirmation_id": "cnf_nonsense"}} {
			if r := ana.Do("POST", path+"/"+what, body); r.Status != http.StatusForbidden || r.Code() != "confirmation_required" {
				t.Errorf("%s without a confirmation: %d %s", what, r.Status, r.Body)
			}
		}
		allow := confirmed(t, ana, phone, "directory.removal.allow", "removal:"+id)
		if r := ana.Do("POST", path+"/keep", map[string]string{"confirmation_id": allow}); r.Code() != "confirmation_required" {
			t.Errorf("the confirmation of allowing keeps: %d %s", r.Status, r.Body)
		}
		keep := confirmed(t, ana, phone, "directory.removal.keep", "removal:"+id)
		r := ana.Do("POST", path+"/keep", map[string]string{"confirmation_id": keep})
		if r.Status != http.StatusOK || r.Text("state") != "kept" || len(r.JSON["removed"].([]any)) != 6 {
			t.Errorf("%d %s", r.Status, r.Body)
		}
		for _, id := range ids {
			if status, doc := p.as("acme", "GET", "/Users/"+id, ""); status != http.StatusOK || doc["active"] != true {
				t.Errorf("kept: %d %v", status, doc)
			}
		}
		if r := ana.Do("POST", path+"/allow", map[string]string{"confirmation_id": allow}); r.Status != http.StatusConflict || r.Code() != "already_decided" {
			t.Errorf("decided twice: %d %s", r.Status, r.Body)
		}
		if r := ana.Do("GET", "/v1/offboardings?limit=1", nil); r.Status != http.StatusOK || r.Text("next") == "" {
			t.Errorf("%d %s", r.Status, r.Body)
		}
	})
}

func TestARuleChangesARoleOfAnOpenSessionAndALeaverLosesAllOfIt(t *testing.T) {
	apitest.Doors(t, func(t *testing.T, s *apitest.Site) {
		ana := s.Owner("acme")
		ana.Pair(phonesim.Options{})
		m := &stage{demo: demo{Site: s, ana: ana}}
		p := provisioned(t, s)
		who := p.token("acme", "ana@acme.test")
		ben := m.colleague(t, actor.Actor{Workspace: who.Workspace}, "ben", directory.User)
		phone := ben.Pair(phonesim.Options{})
		id := p.made("acme", "/Users", `{"userName":"ben@acme.test"}`)
		team := p.made("acme", "/Groups", `{"displayName":"Admins"}`)
		rules := map[string]any{"rules": []any{map[string]string{"team_id": team, "role": "admin"}}}
		if r := ana.Do("POST", "/v1/directory/role-mapping/preview", rules); r.Status != http.StatusOK || r.JSON["changed"] != 0.0 {
			t.Errorf("%d %s", r.Status, r.Body)
		}
		previewRolesOfOne(t, p, ana, team)
		if r := ana.Do("PUT", "/v1/directory/role-mapping", rules); r.Status != http.StatusOK {
			t.Fatalf("%d %s", r.Status, r.Body)
		}
		sees := func(want int) {
			t.Helper()
			if r := ben.Do("GET", "/v1/removals", nil); r.Status != want {
				t.Errorf("%d %s, want %d", r.Status, r.Body, want)
			}
		}
		sees(http.StatusForbidden)
		member := func(op string) string {
			return `{"Operations":[{"op":"` + op + `","path":"members","value":[{"value":"` + id + `"}]}]}`
		}
		p.as("acme", "PATCH", "/Groups/"+team, member("add"))
		sees(http.StatusOK)
		asked := ben.Ask()
		p.as("acme", "PATCH", "/Groups/"+team, member("remove"))
		sees(http.StatusForbidden)
		if _, err := phone.Approve(s.Ctx, asked.Text("id"), phonesim.ApproveOptions{Code: asked.Text("code")}); err == nil {
			if r := ben.Do("POST", "/v1/confirmations/"+asked.Text("id")+"/reveal", map[string]string{}); r.Status != http.StatusForbidden {
				t.Errorf("an admin no more, and the token is shown: %d", r.Status)
			}
		}
		if status, doc := p.as("acme", "PATCH", "/Users/"+id, `{"Operations":[{"op":"replace","value":{"active":false}}]}`); status != http.StatusOK {
			t.Fatalf("%d %v", status, doc)
		}
		sees(http.StatusUnauthorized)
		if _, err := phone.Me(s.Ctx); !phonesim.HasCode(err, 401, "unauthorized") {
			t.Errorf("the leaver's phone: %v", err)
		}
		r := ana.Do("GET", "/v1/offboardings?person="+id, nil)
		items, _ := r.JSON["items"].([]any)
		if r.Status != http.StatusOK || len(items) != 1 {
			t.Fatalf("%d %s", r.Status, r.Body)
		}
		for _, e := range items[0].(map[string]any)["ended"].([]any) {
			e := e.(map[string]any)
			if what := e["what"]; (what == "sessions" || what == "phones") && e["count"] != 1.0 {
				t.Errorf("%v", e)
			}
		}
		one := items[0].(map[string]any)
		if r := ana.Do("GET", "/v1/offboardings/"+one["id"].(string), nil); r.Status != http.StatusOK || r.Text("cause") != "deactivated" || one["seconds"].(float64) < 0 {
			t.Errorf("%d %s", r.Status, r.Body)
		}
		// A team that is pushed after the rules changed gives the role of the new rules.
		if r := ana.Do("GET", "/v1/people/"+id+"/profile", nil); r.Status != http.StatusOK || r.Text("user_name") != "ben@acme.test" {
			t.Errorf("%d %s", r.Status, r.Body)
		}
	})
}

func TestASchemaAndAMappingByTheConsole(t *testing.T) {
	apitest.Doors(t, func(t *testing.T, s *apitest.Site) {
		ana := s.Owner("acme")
		p := provisioned(t, s)
		p.token("acme", "ana@acme.test")
		const urn = "urn:ietf:params:scim:schemas:extension:acme:2.0:User"
		p.made("acme", "/Users", `{"userName":"before","`+urn+`":{"badge":"1"}}`)
		r := ana.Do("POST", "/v1/directory/schemas", map[string]any{"resource_type": "User", "urn": urn, "name": "Acme", "attributes": []any{map[string]any{"name": "badge", "type": "string"}}})
		if r.Status != http.StatusCreated {
			t.Fatalf("%d %s", r.Status, r.Body)
		}
		id := p.made("acme", "/Users", `{"userName":"ben","displayName":"Ben","`+urn+`":{"badge":"B 7"}}`)
		if _, doc := p.as("acme", "GET", "/Users/"+id, ""); fmt.Sprint(doc[urn]) != "map[badge:B 7]" {
			t.Errorf("%v", doc)
		}
		if status, doc := p.as("acme", "GET", "/Schemas/"+urn, ""); status != http.StatusOK || doc["name"] != "Acme" {
			t.Errorf("%d %v", status, doc)
		}
		if _, doc := p.as("acme", "GET", "/ResourceTypes/User", ""); !strings.Contains(fmt.Sprint(doc["schemaExtensions"]), urn) {
			t.Errorf("%v", doc)
		}
		body := map[string]any{"mapping": map[string]any{"name": []string{"{displayName} ({" + urn + ":badge})"}}}
		preview := map[string]any{"mapping": body["mapping"], "sample": map[string]any{"userName": "x", "displayName": "X", urn: map[string]any{"badge": 9}}}
		if r := ana.Do("POST", "/v1/directory/mapping/preview", preview); r.Status != http.StatusOK || r.JSON["changed"] != 1.0 || !strings.Contains(string(r.Body), `"X (9)"`) {
			t.Errorf("%d %s", r.Status, r.Body)
		}
		if r := ana.Do("PUT", "/v1/directory/mapping", body); r.Status != http.StatusOK || r.JSON["changed"] != 1.0 {
			t.Errorf("%d %s", r.Status, r.Body)
		}
		if r := ana.Do("GET", "/v1/people/"+id, nil); r.Text("name") != "Ben (B 7)" {
			t.Errorf("%s", r.Body)
		}
		for path, bad := range map[string]any{"/v1/directory/mapping": map[string]any{"mapping": map[string]any{"x": []string{"title"}}},
			"/v1/directory/role-mapping": map[string]any{"rules": []any{map[string]string{"app_role": "x", "role": "owner"}}},
			"/v1/directory/guard":        map[string]any{"enabled": true, "count": -1, "percent": 1}} {
			if r := ana.Do("PUT", path, bad); r.Status != http.StatusBadRequest {
				t.Errorf("%s: %d %s", path, r.Status, r.Body)
			}
		}
		if status, _ := p.as("acme", "GET", "/Roles", ""); status != http.StatusNotFound {
			t.Errorf("/Roles is there unasked: %d", status)
		}
		if r := ana.Do("PUT", "/v1/directory/role-mapping", map[string]any{"rules": []any{}, "offer_roles": true}); r.Status != http.StatusOK || r.JSON["offer_roles"] != true {
			t.Errorf("%d %s", r.Status, r.Body)
		}
		if status, doc := p.as("acme", "GET", "/Roles?startIndex=2&count=1", ""); status != http.StatusOK || doc["totalResults"] != 4.0 || doc["itemsPerPage"] != 1.0 {
			t.Errorf("%d %v", status, doc)
		}
		if status, doc := p.as("acme", "GET", "/Roles/admin", ""); status != http.StatusOK || doc["displayName"] != "Admin" {
			t.Errorf("%d %v", status, doc)
		}
		if _, doc := p.as("acme", "GET", "/ResourceTypes", ""); doc["totalResults"] != 3.0 {
			t.Errorf("%v", doc)
		}
	})
}

// previewRolesOfOne asks for the role of one user: of one in the request, and of the one that a stored call made.
func previewRolesOfOne(t *testing.T, p *scim, ana *apitest.Browser, team string) {
	t.Helper()
	ask := func(with map[string]any, status int, says string) {
		t.Helper()
		with["rules"] = []any{map[string]string{"app_role": "boss", "role": "super_admin"}, map[string]string{"team_id": team, "role": "admin"}}
		if r := ana.Do("POST", "/v1/directory/role-mapping/preview", with); r.Status != status || !strings.Contains(string(r.Body), says) {
			t.Errorf("%v: %d %s, want %d and %s", with, r.Status, r.Body, status, says)
		}
	}
	id := p.made("acme", "/Users", `{"userName":"cleo@acme.test","roles":[{"value":"Boss"}]}`)
	rows := ana.Do("GET", "/v1/provisioning/log?person="+id, nil)
	var log struct {
		Items []struct{ ID, Operation string }
	}
	if err := json.Unmarshal(rows.Body, &log); err != nil || len(log.Items) != 1 {
		t.Fatalf("%v %s", err, rows.Body)
	}
	ask(map[string]any{"call_id": log.Items[0].ID}, http.StatusOK, `"sample":{"user_name":"cleo@acme.test","role":"super_admin","person_id":"`+id+`","app_role":"boss"}`)
	ask(map[string]any{"sample": map[string]any{"userName": "new@acme.test"}}, http.StatusOK, `"sample":{"user_name":"new@acme.test","role":"user"}`)
	ask(map[string]any{"sample": map[string]any{"userName": "ana@acme.test", "roles": []any{"boss"}}}, http.StatusOK, `"role":"owner"`)
	ask(map[string]any{"sample": map[string]any{"userName": ""}}, http.StatusBadRequest, "bad_mapping")
	ask(map[string]any{"call_id": "plg_nobody"}, http.StatusNotFound, "not_found")
}

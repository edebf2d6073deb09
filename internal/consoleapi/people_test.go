package consoleapi_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/signin"
)

func actorOf(c signin.Created) actor.Actor {
	return actor.Actor{Kind: actor.Person, Workspace: c.Workspace.ID, Person: c.Owner.ID, Name: c.Owner.Name, Role: string(c.Owner.Role)}
}

func TestPeople(t *testing.T) {
	onBoth(t, func(w *world) {
		acme := w.workspace("acme", "ana@acme.test")
		b := w.signedIn("acme", "ana@acme.test")
		a := b.post("/v1/people", map[string]any{"name": "Cleo", "email": "cleo@acme.test", "role": "admin"}).is(201)
		id, link := a.text("person.id"), a.text("link")
		if u, err := url.Parse(link); err != nil || u.Scheme+"://"+u.Host != w.public || u.Path != "/w/acme/set-password" || len(u.Fragment) != 43 {
			w.Errorf("link %s", link)
		}
		if at, err := time.Parse(time.RFC3339Nano, a.text("expires_at")); err != nil || time.Until(at) < 23*time.Hour {
			w.Errorf("expires %s", a.text("expires_at"))
		}
		if a.at("person.has_password") != false || a.text("person.user_name") != "cleo@acme.test" || a.text("person.source") != "local" || a.at("person.teams.0") != nil {
			w.Errorf("made %s", a.raw)
		}
		b.post("/v1/people", map[string]any{"name": "Cleo", "email": "CLEO@acme.test", "role": "user"}).is(409, "email_taken")
		b.post("/v1/people", map[string]any{"name": "Eve", "email": "eve@acme.test", "role": "owner"}).is(409, "one_owner")
		b.post("/v1/people", map[string]any{"name": "Eve", "email": "eve@acme.test", "role": "boss"}).is(400, "bad_role")
		b.post("/v1/people", map[string]any{"name": "Eve", "email": "eve", "role": "user"}).is(400, "bad_email")
		b.post("/v1/people", map[string]any{"name": "", "email": "eve@acme.test", "role": "user"}).is(400, "bad_name")

		w.browser().post("/v1/session/password", map[string]any{"token": secret(link), "password": password}).is(204)
		w.signedIn("acme", "cleo@acme.test")
		if a := b.get("/v1/people/" + id).is(200); a.at("has_password") != true || a.text("last_sign_in_at") == "" || a.text("role") != "admin" {
			w.Errorf("shown %s", a.raw)
		}
		if a := b.patch("/v1/people/"+id, map[string]any{"role": "user"}).is(200); a.text("role") != "user" || a.at("has_password") != true {
			w.Errorf("changed %s", a.raw)
		}
		if a := b.patch("/v1/people/"+id, map[string]any{"role": "admin", "was": map[string]any{"role": "guest"}}).is(409, "edit_conflict"); a.text("now.role") != "user" {
			w.Errorf("both versions: %s", a.raw)
		}
		b.patch("/v1/people/"+id, map[string]any{"role": "user", "was": map[string]any{"role": "guest"}}).is(200)                   // both wanted the same
		b.patch("/v1/people/"+id, map[string]any{"active": false, "was": map[string]any{"role": "guest"}}).is(409, "edit_conflict") // somebody with another role is meant
		b.patch("/v1/people/"+id, map[string]any{"active": true, "was": map[string]any{"role": "user"}}).is(200)
		b.patch("/v1/people/"+id, map[string]any{"role": "guest", "was": map[string]any{"role": "user"}}).is(200)
		b.patch("/v1/people/"+id, map[string]any{"role": "user", "was": map[string]any{"role": "guest", "name": "x"}}).is(400, "unknown_field")
		b.patch("/v1/people/"+id, map[string]any{"role": "user"}).is(200)
		b.patch("/v1/people/"+acme.Owner.ID, map[string]any{"role": "user"}).is(409, "one_owner")
		b.patch("/v1/people/"+acme.Owner.ID, map[string]any{"active": false}).is(409, "own_account")

		page := b.get("/v1/people?limit=1").is(200)
		if got := page.texts("items", "name"); !slices.Equal(got, []string{"Ana Kovač"}) || page.text("next") == "" {
			w.Errorf("first page %s", page.raw)
		}
		page = b.get("/v1/people?limit=1&after=" + page.text("next")).is(200)
		if got := page.texts("items", "name"); !slices.Equal(got, []string{"Cleo"}) || page.at("next") != nil {
			w.Errorf("second page %s", page.raw)
		}
		if got := b.get("/v1/people?q=ana").is(200).texts("items", "name"); !slices.Equal(got, []string{"Ana Kovač"}) {
			w.Errorf("found %v", got)
		}
		b.get("/v1/people?limit=x").is(400, "malformed")
		b.get("/v1/people?limit=-1").is(400, "malformed")
		b.get("/v1/people?after=x").is(400, "bad_cursor")
		if a := b.get("/v1/people?q=%00").is(200); len(a.texts("items", "id")) != 0 || !strings.Contains(a.raw, `"items":[]`) {
			w.Errorf("NUL: %s", a.raw)
		}
		if a := b.get("/v1/teams").is(200); !strings.Contains(a.raw, `"items":[]`) {
			w.Errorf("teams: %s", a.raw)
		}
	})
}

func TestPasswordLinks(t *testing.T) {
	onBoth(t, func(w *world) {
		acme := w.workspace("acme", "ana@acme.test")
		dan := w.person(acme.Workspace, "dan@acme.test", directory.User)
		owner := w.signedIn("acme", "ana@acme.test")
		newLink := func() string {
			return secret(owner.post("/v1/people/"+dan.ID+"/password-link", nil).is(201).text("link"))
		}
		set := func(b *browser, token, password string) answer {
			return b.post("/v1/session/password", map[string]any{"token": token, "password": password})
		}
		const fresh = "another horse battery"

		here, elsewhere := w.signedIn("acme", "dan@acme.test"), w.signedIn("acme", "dan@acme.test")
		token := newLink()
		set(here, token, "short").is(400, "weak_password")
		set(here, token, strings.Repeat("x", 129)).is(400, "weak_password")
		set(here, "nobody was given this", fresh).is(404, "not_found")
		set(here, "", fresh).is(404, "not_found")
		if a := set(here, token, fresh).is(204); len(a.cookies) != 0 {
			w.Errorf("cookies: %v", a.cookies)
		}
		set(here, token, fresh).is(410, "link_expired")
		here.get("/v1/session").is(200)
		elsewhere.get("/v1/session").is(401, "unauthorized")
		w.browser().post("/v1/session", map[string]any{"workspace": "acme", "email": "dan@acme.test", "password": password}).is(401, "wrong_credentials")
		w.browser().post("/v1/session", map[string]any{"workspace": "acme", "email": "dan@acme.test", "password": fresh}).is(200)

		older := newLink()
		newer := newLink()
		nobody := w.browser()
		set(nobody, older, fresh).is(410, "link_expired")
		w.ahead.Store(int64(24*time.Hour + time.Second))
		set(nobody, newer, fresh).is(410, "link_expired")
		owner = w.signedIn("acme", "ana@acme.test")
		set(nobody, newLink(), fresh).is(204)
		nobody.get("/v1/session").is(401, "unauthorized")

		var kept []string
		w.must(w.db.Read(w.Context()).Raw("SELECT detail FROM audit_events").Scan(&kept).Error)
		if all := strings.Join(kept, ""); strings.Contains(all, token) || strings.Contains(all, newer) {
			w.Error("a link's secret is in the audit")
		}
	})
}

// TestOneLinkOnePassword: of two who use a link at once one is too late.
func TestOneLinkOnePassword(t *testing.T) {
	onBoth(t, func(w *world) {
		acme := w.workspace("acme", "ana@acme.test")
		link, err := w.signIn.PasswordLink(w.Context(), actorOf(acme), acme.Owner.ID)
		w.must(err)
		statuses := make(chan int, 4)
		for range cap(statuses) {
			b := w.browser()
			go func() {
				statuses <- b.post("/v1/session/password", map[string]any{"token": secret(link.URL), "password": password}).status
			}()
		}
		got := map[int]int{}
		for range cap(statuses) {
			got[<-statuses]++
		}
		if got[204] != 1 || got[410] != 3 {
			w.Errorf("answers: %v", got)
		}
	})
}

// TestRoles is the table of who may call what.
func TestRoles(t *testing.T) {
	all := []string{"owner", "super_admin", "admin", "user", "guest"}
	upTo := func(role string) []string { return all[:slices.Index(all, role)+1] }
	onBoth(t, func(w *world) {
		acme := w.workspace("acme", "ana@acme.test")
		target := w.person(acme.Workspace, "tom@acme.test", directory.User)
		browsers := map[string]*browser{"owner": w.signedIn("acme", "ana@acme.test")}
		for _, role := range all[1:] {
			w.person(acme.Workspace, role+"@acme.test", directory.Role(role))
			browsers[role] = w.signedIn("acme", role+"@acme.test")
		}
		for _, tt := range []struct {
			method, path string
			body         func(role string) map[string]any
			status       int
			roles        []string
		}{
			{method: "GET", path: "/v1/session", status: 200, roles: all},
			{method: "GET", path: "/v1/devices", status: 200, roles: all},
			{method: "GET", path: "/v1/directory", status: 200, roles: upTo("admin")},
			{method: "GET", path: "/v1/people", status: 200, roles: upTo("user")},
			{method: "GET", path: "/v1/people/" + target.ID, status: 200, roles: upTo("user")},
			{method: "GET", path: "/v1/teams", status: 200, roles: upTo("user")},
			{method: "POST", path: "/v1/people", status: 201, roles: upTo("super_admin"),
				body: func(role string) map[string]any {
					return map[string]any{"name": "New", "email": "by-" + role + "@acme.test", "role": "user"}
				}},
			{method: "PATCH", path: "/v1/people/" + target.ID, status: 200, roles: upTo("super_admin"),
				body: func(string) map[string]any { return map[string]any{"role": "guest"} }},
			{method: "POST", path: "/v1/people/" + target.ID + "/password-link", status: 201, roles: upTo("super_admin")},
			{method: "POST", path: "/v1/people/" + acme.Owner.ID + "/password-link", status: 201, roles: []string{"owner"}},
		} {
			for _, role := range all {
				var a answer
				switch {
				case tt.method == "GET":
					a = browsers[role].get(tt.path)
				case tt.body != nil:
					a = browsers[role].json(tt.method, tt.path, tt.body(role))
				default:
					a = browsers[role].json(tt.method, tt.path, nil)
				}
				if slices.Contains(tt.roles, role) {
					a.is(tt.status)
					continue
				}
				a.is(403, "forbidden")
				if role == "super_admin" || !strings.HasSuffix(tt.path, acme.Owner.ID+"/password-link") {
					a.allows(tt.roles...)
				}
			}
		}
		if a := browsers["user"].get("/v1/people/" + target.ID).is(200); a.at("has_password") != nil || a.at("last_sign_in_at") != nil {
			w.Errorf("a User is shown how others sign in: %s", a.raw)
		}
	})
}

func TestDirectoryPeople(t *testing.T) {
	onBoth(t, func(w *world) {
		acme := w.workspace("acme", "ana@acme.test")
		dan := w.person(acme.Workspace, "dan@acme.test", directory.User)
		w.must(w.db.InTx(w.Context(), func(tx database.Tx) error {
			return tx.Exec("UPDATE people SET source = 'directory' WHERE id = ?", dan.ID).Error
		}))
		b := w.signedIn("acme", "ana@acme.test")
		b.patch("/v1/people/"+dan.ID, map[string]any{"active": false}).is(200)
		b.patch("/v1/people/"+dan.ID, map[string]any{"active": true}).is(200)
		b.patch("/v1/people/"+dan.ID, map[string]any{"role": "admin"}).is(200)
		b.post("/v1/people/"+dan.ID+"/password-link", nil).is(201)
		if a := b.get("/v1/directory").is(200); a.number("counts.people") != 1 || a.number("counts.teams") != 0 {
			w.Errorf("counts: %s", a.raw)
		}
	})
}

func TestDirectory(t *testing.T) {
	onBoth(t, func(w *world) {
		acme := w.workspace("acme", "ana@acme.test")
		b := w.signedIn("acme", "ana@acme.test")
		a := b.get("/v1/directory").is(200)
		if a.text("tenant_url") != w.public+"/v1/scim/v2" || a.text("tenant_url_strict") != w.public+"/v1/scim/v2?aadOptscim062020" ||
			a.text("idp.sso") != "not_configured" || !strings.Contains(a.raw, `"name":null`) || a.text("status.state") != "waiting" ||
			a.text("token.id") != acme.Token.ID || a.text("tokens.0.hint") != acme.Token.Hint || a.at("phone.ready") != false ||
			a.at("can.view") != true || a.at("can.regenerate") != true {
			w.Errorf("fresh: %s", a.raw)
		}
		w.must(w.workspaces.Used(w.Context(), acme.Token.ID, "Entra ID"))
		if a := b.get("/v1/directory").is(200); a.text("status.state") != "healthy" || a.text("status.last_client") != "Entra ID" ||
			a.text("idp.name") != "Entra ID" || a.text("token.last_used_by") != "Entra ID" || a.text("status.last_request_at") == "" {
			w.Errorf("used: %s", a.raw)
		}
		w.ahead.Store(int64(25 * time.Hour))
		b = w.signedIn("acme", "ana@acme.test")
		if a := b.get("/v1/directory").is(200); a.text("status.state") != "silent" {
			w.Errorf("a day later: %s", a.raw)
		}
		var plain string
		w.must(w.db.InTx(w.Context(), func(tx database.Tx) (err error) {
			plain, _, _, err = w.workspaces.Regenerate(tx, actorOf(acme), acme.Workspace.ID, "test", time.Hour)
			return err
		}))
		if a := b.get("/v1/directory").is(200); !slices.Equal(a.texts("tokens", "state"), []string{"active", "replaced"}) || strings.Contains(a.raw, plain) {
			w.Errorf("regenerated: %s", a.raw)
		}
		w.must(w.db.InTx(w.Context(), func(tx database.Tx) error {
			return tx.Exec("UPDATE scim_tokens SET state = 'revoked'").Error
		}))
		if a := b.get("/v1/directory").is(200); a.text("status.state") != "not_set_up" || !strings.Contains(a.raw, `"token":null`) {
			w.Errorf("revoked: %s", a.raw)
		}
	})
}

package consoleapi_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/scim"
)

// directoryRoutes are the calls about the directory's rules, and who may make them.
func directoryRoutes(id string) map[[2]string][]string {
	admins, managers := []string{"owner", "super_admin", "admin"}, []string{"owner", "super_admin"}
	return map[[2]string][]string{
		{"GET", "/v1/directory/schemas"}: admins, {"POST", "/v1/directory/schemas"}: managers, {"DELETE", "/v1/directory/schemas/" + id}: managers,
		{"GET", "/v1/directory/mapping"}: admins, {"PUT", "/v1/directory/mapping"}: managers, {"POST", "/v1/directory/mapping/preview"}: admins,
		{"GET", "/v1/directory/role-mapping"}: admins, {"PUT", "/v1/directory/role-mapping"}: managers, {"POST", "/v1/directory/role-mapping/preview"}: admins,
		{"GET", "/v1/directory/guard"}: admins, {"PUT", "/v1/directory/guard"}: managers, {"GET", "/v1/removals"}: admins, {"GET", "/v1/removals/" + id}: admins,
		{"POST", "/v1/removals/" + id + "/allow"}: managers, {"POST", "/v1/removals/" + id + "/keep"}: managers, {"GET", "/v1/deleted/people"}: admins, {"GET", "/v1/deleted/teams"}: admins,
		{"POST", "/v1/people/" + id + "/restore"}: managers, {"POST", "/v1/teams/" + id + "/restore"}: managers, {"GET", "/v1/offboardings"}: admins, {"GET", "/v1/offboardings/" + id}: admins,
		{"GET", "/v1/ownership"}: admins, {"POST", "/v1/ownership/take-over"}: {"super_admin"},
	}
}

func TestWhoMayArrangeTheDirectory(t *testing.T) {
	onBoth(t, func(w *world) {
		acme := w.workspace("acme", "ana@acme.test")
		browsers := map[string]*browser{"owner": w.signedIn("acme", "ana@acme.test")}
		for role, email := range map[directory.Role]string{directory.SuperAdmin: "ben@acme.test", directory.Admin: "cleo@acme.test", directory.User: "dora@acme.test", directory.Guest: "emil@acme.test"} {
			w.person(acme.Workspace, email, role)
			browsers[string(role)] = w.signedIn("acme", email)
		}
		for role, b := range browsers {
			for route, allowed := range directoryRoutes("obj_nobody") {
				a := b.call(route, nil)
				may := false
				for _, r := range allowed {
					may = may || r == role
				}
				switch {
				case !may:
					a.is(http.StatusForbidden, "forbidden").allows(allowed...)
				case a.status == http.StatusForbidden || a.status >= 500:
					w.Errorf("%s as %s: %d %s", a.what, role, a.status, a.raw)
				}
			}
		}
	})
}

// provision makes and deletes people as a provider does.
func (w *world) provision(workspace string) *provisioned {
	return &provisioned{w: w, p: directory.NewProvisioning(w.directory, "http://scim", []byte("a key of the test"), time.Now),
		by: actor.Actor{Kind: actor.Provider, Workspace: workspace, Token: "tok_1", Name: "SCIM token"}}
}

type provisioned struct {
	w  *world
	p  *directory.Provisioning
	by actor.Actor
}

func (p *provisioned) user(name string) string {
	p.w.Helper()
	r, err := p.p.CreateUser(p.w.Context(), p.by, scim.Incoming{Resource: scim.Resource{"userName": name, "displayName": name, "title": "Boss"}})
	p.w.must(err)
	return scim.Text(r, "id")
}

func TestDeletedPeopleAndTeamsComeBackByTheConsole(t *testing.T) {
	onBoth(t, func(w *world) {
		acme := w.workspace("acme", "ana@acme.test")
		ana, p := w.signedIn("acme", "ana@acme.test"), w.provision(acme.Workspace.ID)
		ben, cleo := p.user("ben"), p.user("cleo")
		team, err := p.p.CreateGroup(w.Context(), p.by, scim.Incoming{Resource: scim.Resource{"displayName": "T"}, Members: []string{ben}})
		w.must(err)
		w.must(p.p.DeleteUser(w.Context(), p.by, ben, nil))
		w.must(p.p.DeleteUser(w.Context(), p.by, cleo, nil))
		w.must(p.p.DeleteGroup(w.Context(), p.by, scim.Text(team, "id"), nil))
		page := ana.get("/v1/deleted/people?limit=1").is(200)
		if page.text("items.0.id") != cleo || page.text("next") == "" {
			w.Errorf("%s", page.raw)
		}
		if next := ana.get("/v1/deleted/people?limit=1&after=" + page.text("next")).is(200); next.text("items.0.id") != ben {
			w.Errorf("%s", next.raw)
		}
		ana.get("/v1/deleted/people?after=x").is(400, "bad_cursor")
		if a := ana.post("/v1/teams/"+scim.Text(team, "id")+"/restore", nil).is(200); a.number("members") != 0 {
			w.Errorf("%s", a.raw)
		}
		if a := ana.post("/v1/people/"+ben+"/restore", nil).is(200); a.text("teams.0.name") != "T" || a.at("active") != true {
			w.Errorf("%s", a.raw)
		}
		ana.post("/v1/people/"+ben+"/restore", nil).is(404, "not_found")
		p.user("CLEO")
		ana.post("/v1/people/"+cleo+"/restore", nil).is(409, "user_name_taken")
		if a := ana.get("/v1/people/" + ben + "/profile").is(200); a.text("fields.2.value") != "Boss" || a.text("fields.2.source") != "title" || a.text("source") != "directory" {
			w.Errorf("%s", a.raw)
		}
		receipts := ana.get("/v1/offboardings?person=" + ben).is(200)
		if receipts.text("items.0.cause") != "deleted" || receipts.text("items.0.actor_kind") != "provider" {
			w.Errorf("%s", receipts.raw)
		}
		ana.get("/v1/offboardings/" + receipts.text("items.0.id")).is(200)
		w.ahead.Store(int64(31 * 24 * time.Hour))
		ana.signIn("acme", "ana@acme.test")
		ana.post("/v1/people/"+cleo+"/restore", nil).is(410, "restore_expired")
	})
}

func TestAFrozenOwnershipIsTakenOverByTheConsole(t *testing.T) {
	onBoth(t, func(w *world) {
		acme := w.workspace("acme", "ana@acme.test")
		ben, cleo := w.person(acme.Workspace, "ben@acme.test", directory.SuperAdmin), w.person(acme.Workspace, "cleo@acme.test", directory.SuperAdmin)
		bens, cleos, p := w.signedIn("acme", "ben@acme.test"), w.signedIn("acme", "cleo@acme.test"), w.provision(acme.Workspace.ID)
		take := func(b *browser, id string) answer {
			return b.post("/v1/ownership/take-over", map[string]any{"candidate_id": ben.ID, "confirmation_id": id})
		}
		w.confirms.approved = map[string]string{"cnf_1": "ownership.takeover person:" + ben.ID, "cnf_2": "ownership.takeover person:" + ben.ID, "cnf_3": "ownership.takeover person:" + cleo.ID}
		take(bens, "cnf_1").is(409, "not_frozen")
		_, err := p.p.CreateUser(w.Context(), p.by, scim.Incoming{Resource: scim.Resource{"userName": "ana@acme.test", "active": false}})
		w.must(err)
		if a := bens.get("/v1/ownership").is(200); a.at("frozen") != true || a.number("super_admins") != 2 || a.text("owner.name") == "" {
			w.Errorf("%s", a.raw)
		}
		w.confirms.approved["cnf_1"] = "ownership.takeover person:" + ben.ID
		take(bens, "cnf_nonsense").is(403, "confirmation_required")
		take(bens, "cnf_3").is(403, "confirmation_required")
		if a := take(bens, "cnf_1").is(200); a.at("frozen") != true || a.text("candidate.id") != ben.ID {
			w.Errorf("%s", a.raw)
		}
		if a := take(cleos, "cnf_2").is(200); a.at("frozen") != false || a.text("owner.id") != ben.ID {
			w.Errorf("%s", a.raw)
		}
		if a := bens.get("/v1/session").is(200); a.text("person.role") != "owner" {
			w.Errorf("the session does not have the role: %s", a.raw)
		}
	})
}

func TestTheConsoleDecidesAboutAHeldRemoval(t *testing.T) {
	onBoth(t, func(w *world) {
		acme := w.workspace("acme", "ana@acme.test")
		ana, p := w.signedIn("acme", "ana@acme.test"), w.provision(acme.Workspace.ID)
		var ids []string
		for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
			ids = append(ids, p.user(name))
		}
		for _, id := range ids[:5] {
			w.must(p.p.DeleteUser(w.Context(), p.by, id, nil))
		}
		list := ana.get("/v1/removals?state=held").is(200)
		path := "/v1/removals/" + list.text("items.0.id")
		ana.get("/v1/removals?state=x").is(400, "malformed")
		one := ana.get(path + "?limit=2").is(200)
		if one.at("more") != true || len(one.at("removed").([]any)) != 2 {
			w.Errorf("%s", one.raw)
		}
		if next := ana.get(path + "?after_person=" + one.text("removed.1.person_id")).is(200); len(next.at("removed").([]any)) != 3 || next.at("more") != false {
			w.Errorf("%s", next.raw)
		}
		ana.get(path+"?after_team=%00").is(400, "malformed")
		ana.post(path+"/allow", map[string]any{"confirmation_id": "cnf_1"}).is(403, "confirmation_required")
		w.confirms.approved = map[string]string{"cnf_1": "directory.removal.allow removal:" + list.text("items.0.id")}
		if a := ana.post(path+"/allow", map[string]any{"confirmation_id": "cnf_1"}).is(200); a.text("state") != "allowed" || a.text("removed.0.outcome") != "removed" {
			w.Errorf("%s", a.raw)
		}
		ana.get("/v1/removals/rmv_nobody").is(404, "not_found")
	})
}

func TestWhatSomebodyElseArrangedMeanwhileIsNotOverwritten(t *testing.T) {
	onBoth(t, func(w *world) {
		acme := w.workspace("acme", "ana@acme.test")
		ana, p := w.signedIn("acme", "ana@acme.test"), w.provision(acme.Workspace.ID)
		p.user("ben")
		type fields = map[string][]string
		type m = map[string]any
		nick, title := fields{"name": {"nickName"}}, fields{"name": {"title"}}
		mapping := func(was, want any) answer { return ana.put("/v1/directory/mapping", m{"mapping": want, "was": was}) }
		mapping(fields{}, nick).is(200)
		if a := mapping(fields{"name": {"displayName"}}, title).is(409, "edit_conflict"); a.text("now.mapping.name.0") != "nickName" || a.text("now.mapping.email.0") != "emails" {
			w.Errorf("%s", a.raw)
		}
		mapping(fields{}, nick).is(200) // both wanted the same
		effective := directory.AttributeMapping{"name": {"nickName"}}
		for _, field := range directory.MappedFields[1:] {
			effective[field] = directory.DefaultMapping[field]
		}
		if a := mapping(effective, title).is(200); a.number("changed") != 1 {
			w.Errorf("%s", a.raw)
		}
		ana.put("/v1/directory/mapping", m{"mapping": nick}).is(200) // nobody says what it was

		rule := func(name, role string) []m { return []m{{"app_role": name, "role": role}} }
		roles := func(was, rules any, offer bool) answer {
			return ana.put("/v1/directory/role-mapping", m{"rules": rules, "offer_roles": offer, "was": was})
		}
		nothing := m{"rules": []m{}, "offer_roles": false, "keep_on_return": false}
		roles(nothing, rule("Boss", "admin"), true).is(200)
		if a := roles(nothing, rule("Boss", "guest"), true).is(409, "edit_conflict"); a.text("now.rules.0.role") != "admin" || a.at("now.offer_roles") != true || a.at("now.keep_on_return") != false {
			w.Errorf("%s", a.raw)
		}
		roles(nothing, rule("Boss", "admin"), true).is(200)
		roles(m{"rules": rule("Boss", "admin"), "offer_roles": false}, rule("Boss", "guest"), false).is(409, "edit_conflict")
		roles(m{"rules": rule("Boss", "admin")}, rule("Boss", "guest"), false).is(200)
		roles(m{}, rule("Boss", "admin"), false).is(400, "malformed")
		if a := ana.get("/v1/directory/role-mapping").is(200); a.text("rules.0.role") != "guest" || a.at("offer_roles") != false {
			w.Errorf("%s", a.raw)
		}
	})
}

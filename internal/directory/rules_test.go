package directory_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/scim"
)

// console is a person signed in to the console.
func (h *house) console(p directory.Person) actor.Actor {
	return actor.Actor{Kind: actor.Person, Workspace: h.by.Workspace, Person: p.ID, Name: p.Name, Role: string(p.Role)}
}

// arranged is the directory under the rules that the workspace has now.
func (h *house) arranged() {
	h.t.Helper()
	p, err := h.p.For(h.t.Context(), h.by.Workspace)
	if err != nil {
		h.t.Fatal(err)
	}
	h.p = p
}

func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) person(id string) directory.Person {
	h.t.Helper()
	p, err := directory.Find(h.db.Read(h.t.Context()), h.by.Workspace, id)
	if err != nil {
		h.t.Fatalf("%s: %v", id, err)
	}
	return p
}

func isFault(t *testing.T, err error, want *fault.Error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%v, want %s", err, want.Code)
	}
}

const acmeURN = "urn:ietf:params:scim:schemas:extension:acme:2.0:User"

func acme() directory.Schema {
	return directory.Schema{ResourceType: directory.UserResource, URN: acmeURN, Name: "Acme", Attributes: []directory.SchemaAttribute{
		{Name: "badge", Type: scim.String}, {Name: "floor", Type: scim.Integer}, {Name: "remote", Type: scim.Boolean}, {Name: "since", Type: scim.DateTime},
		{Name: "skills", Type: scim.String, MultiValued: true},
		{Name: "desk", Type: scim.Complex, SubAttributes: []directory.SchemaAttribute{{Name: "value", Type: scim.String}, {Name: "plug", Type: scim.String}}},
		{Name: "keys", Type: scim.Complex, MultiValued: true, SubAttributes: []directory.SchemaAttribute{{Name: "value", Type: scim.String}, {Name: "door", Type: scim.Decimal}}},
	}}
}

func TestASchemaOfTheWorkspaceIsStoredFilteredAndShown(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		h := newHouse(t, db)
		ana := h.console(h.local("ana", directory.Owner))
		before := h.user(`{"userName":"before","` + acmeURN + `":{"badge":"0"}}`)
		made, err := h.dir.DefineSchema(t.Context(), ana, acme())
		h.must(err)
		h.arranged()
		id := h.user(`{"userName":"ada","` + acmeURN + `":{"BADGE":7,"floor":"3","remote":"True","since":"2026-01-02T03:04:05Z","skills":["Go","SQL"],"desk":{"plug":"B"},"keys":[{"value":"k1","door":1.5}],"unknown":1}}`)
		want := map[string]any{"badge": "7", "remote": true, "since": "2026-01-02T03:04:05Z", "skills": []any{"Go", "SQL"}, "desk": map[string]any{"plug": "B"}}
		got, _ := h.read(id)[acmeURN].(map[string]any)
		if fmt.Sprint(got["floor"]) != "3" || fmt.Sprint(got["keys"]) != "[map[door:1.5 value:k1]]" {
			t.Errorf("%v", got)
		}
		delete(got, "floor")
		delete(got, "keys")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if schemas := fmt.Sprint(h.read(id)["schemas"]); schemas != "["+scim.UserURN+" "+acmeURN+"]" {
			t.Errorf("schemas %s", schemas)
		}
		if h.read(before)[acmeURN] != nil {
			t.Error("what was sent before the schema was there is shown")
		}
		for filter, n := range map[string]int{
			acmeURN + `:badge eq "7"`: 1, acmeURN + `:floor gt 2`: 1, acmeURN + `:floor gt 3`: 0, `floor le 3`: 1, `remote eq true`: 1, `since lt "2026-02-01T00:00:00Z"`: 1,
			`skills eq "go"`: 1, acmeURN + `:keys[door gt 1].value eq "K1"`: 1, `desk.plug pr`: 1, `schemas eq "` + acmeURN + `"`: 1, `not (badge pr)`: 1,
		} {
			if found := h.find(filter); len(found) != n {
				t.Errorf("%s finds %d, want %d", filter, len(found), n)
			}
		}
		r, err := h.patch(id, `{"op":"replace","path":"`+acmeURN+`:badge","value":"8"},{"op":"add","value":{"`+acmeURN+`:skills":["C"]}},{"op":"remove","path":"`+acmeURN+`:desk"}`)
		h.must(err)
		ext := r[acmeURN].(map[string]any)
		if ext["badge"] != "8" || fmt.Sprint(ext["skills"]) != "[Go SQL C]" || ext["desk"] != nil {
			t.Errorf("%v", ext)
		}
		_, err = h.patch(id, `{"op":"replace","path":"`+acmeURN+`:floor","value":"ground"}`)
		isFault(t, err, fault.New(fault.Invalid, scim.InvalidValue, ""))
		if docs := scim.SchemaDocs("x", h.p.UserType()); docs[len(docs)-1].ID != acmeURN || len(docs[len(docs)-1].Attributes) != 7 {
			t.Errorf("/Schemas would show %v", docs[len(docs)-1])
		}

		other := newHouse(t, db)
		if r := other.read(other.user(`{"userName":"ada","` + acmeURN + `":{"badge":"7"}}`)); r[acmeURN] != nil {
			t.Errorf("another workspace has it: %v", r)
		}
		_, err = other.dir.DropSchema(t.Context(), other.console(other.local("eve", directory.Owner)), made.ID)
		isFault(t, err, fault.ErrNotFound)

		cleared, err := h.dir.DropSchema(t.Context(), ana, made.ID)
		h.must(err)
		if h.arranged(); cleared != 1 || h.read(id)[acmeURN] != nil {
			t.Errorf("cleared %d, %v", cleared, h.read(id))
		}
		again := acme()
		again.Attributes = []directory.SchemaAttribute{{Name: "badge", Type: scim.Integer}}
		_, err = h.dir.DefineSchema(t.Context(), ana, again)
		h.must(err)
		if h.arranged(); len(h.find(acmeURN+`:badge gt 1`)) != 0 || h.read(id)[acmeURN] != nil {
			t.Error("what the old schema held came back under the new one")
		}
	})
}

func TestASchemaOfTeams(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		h := newHouse(t, db)
		const urn = "urn:acme:scim:Team"
		_, err := h.dir.DefineSchema(t.Context(), h.console(h.local("ana", directory.Owner)), directory.Schema{ResourceType: directory.GroupResource, URN: urn, Name: "T",
			Attributes: []directory.SchemaAttribute{{Name: "cost", Type: scim.Decimal}}})
		h.must(err)
		h.arranged()
		id := h.group(`{"displayName":"T","` + urn + `":{"cost":2.5}}`)
		h.must(h.patchTeam(id, `{"op":"replace","path":"`+urn+`:cost","value":3}`))
		r, err := h.p.Group(t.Context(), h.by, id, scim.Projection{})
		h.must(err)
		if fmt.Sprint(r[urn], r["schemas"]) != "map[cost:3] ["+scim.GroupURN+" "+urn+"]" {
			t.Errorf("%v", r)
		}
		e, err := h.p.GroupType().ParseFilter(urn + ":cost ge 3")
		h.must(err)
		if page, err := h.p.Groups(t.Context(), h.by, directory.Query{Filter: e, Count: 10}); err != nil || len(page.Resources) != 1 {
			t.Errorf("%v %v", page, err)
		}
	})
}

func TestSchemasThatAreRefused(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		h := newHouse(t, db)
		ana, ben := h.console(h.local("ana", directory.Owner)), h.console(h.local("ben", directory.Admin))
		_, err := h.dir.DefineSchema(t.Context(), ana, acme())
		h.must(err)
		_, err = h.dir.DefineSchema(t.Context(), ben, directory.Schema{ResourceType: "User", URN: "urn:acme:x", Name: "X", Attributes: acme().Attributes})
		isFault(t, err, directory.ErrForbidden)
		for name, change := range map[string]func(*directory.Schema){
			"a resource type that is none":   func(s *directory.Schema) { s.ResourceType = "Role" },
			"no URN":                         func(s *directory.Schema) { s.URN = "acme" },
			"a quote in the URN":             func(s *directory.Schema) { s.URN = "urn:acme:x'); --" },
			"the standard's URN":             func(s *directory.Schema) { s.URN = scim.EnterpriseURN },
			"a URN within the standard's":    func(s *directory.Schema) { s.URN = scim.UserURN + ":mine" },
			"a message's URN":                func(s *directory.Schema) { s.URN = scim.ListURN },
			"no name":                        func(s *directory.Schema) { s.Name = "" },
			"no attributes":                  func(s *directory.Schema) { s.Attributes = nil },
			"a name with a blank":            func(s *directory.Schema) { s.Attributes[0].Name = "a b" },
			"a name twice":                   func(s *directory.Schema) { s.Attributes[1].Name = "BADGE" },
			"a type that is none":            func(s *directory.Schema) { s.Attributes[0].Type = "text" },
			"a complex one without parts":    func(s *directory.Schema) { s.Attributes[0].Type = scim.Complex },
			"parts of what is not complex":   func(s *directory.Schema) { s.Attributes[0].SubAttributes = s.Attributes[5].SubAttributes },
			"complex within complex":         func(s *directory.Schema) { s.Attributes[5].SubAttributes[0].Type = scim.Complex },
			"a NUL":                          func(s *directory.Schema) { s.Attributes[0].Description = "\x00" },
			"a name that is not UTF-8":       func(s *directory.Schema) { s.Name = "\xff" },
			"a canonical value that is none": func(s *directory.Schema) { s.Attributes[0].CanonicalValues = []string{""} },
		} {
			s := acme()
			s.URN = "urn:acme:other"
			change(&s)
			if _, err := h.dir.DefineSchema(t.Context(), ana, s); !errors.Is(err, directory.ErrSchema) {
				t.Errorf("%s: %v", name, err)
			}
		}
		for _, urn := range []string{acmeURN, "URN:IETF:params:scim:schemas:extension:ACME:2.0:User", acmeURN + ":more"} {
			s := acme()
			s.URN = urn
			_, err := h.dir.DefineSchema(t.Context(), ana, s)
			isFault(t, err, directory.ErrSchemaTaken)
		}
		for i := range 19 {
			s := acme()
			s.URN = fmt.Sprintf("urn:acme:s%d", i)
			_, err := h.dir.DefineSchema(t.Context(), ana, s)
			h.must(err)
		}
		s := acme()
		s.URN = "urn:acme:one-more"
		_, err = h.dir.DefineSchema(t.Context(), ana, s)
		isFault(t, err, directory.ErrSchemas)
	})
}

func TestAMappingFeedsNameAndAddress(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		h := newHouse(t, db)
		ana := h.console(h.local("ana", directory.Owner))
		id := h.user(`{"userName":"u1","displayName":"Shown","nickName":"Nick","title":"Boss","name":{"givenName":"Given","familyName":"Family"},
			"emails":[{"value":"work@acme.test","type":"work","primary":true},{"value":"Home@acme.test","type":"home"}]}`)
		other := h.user(`{"userName":"u2","displayName":"Two"}`)
		want := directory.AttributeMapping{"name": {"nickName", "{name.familyName}, {name.givenName}"}, "email": {`emails[type eq "home"].value`}, "title": {"userType", "title"}}

		preview, err := h.dir.PreviewMapping(t.Context(), h.by.Workspace, want, map[string]any{"userName": "x", "name": map[string]any{"familyName": "F", "givenName": "G"}})
		h.must(err)
		if preview.People != 2 || preview.Changed != 1 || len(preview.Changes) != 2 || preview.Changes[0].From != "Shown" || preview.Changes[0].To != "Nick" ||
			preview.Sample[0].Value != "F, G" || preview.Sample[0].Source != "{name.familyName}, {name.givenName}" {
			t.Errorf("%+v", preview)
		}
		if p := h.person(id); p.Name != "Shown" || p.Email != "work@acme.test" {
			t.Errorf("the preview wrote %+v", p)
		}
		changed, err := h.dir.SetMapping(t.Context(), ana, want)
		h.must(err)
		h.arranged()
		if p := h.person(id); changed != 1 || p.Name != "Nick" || p.Email != "Home@acme.test" || h.person(other).Name != "Two" {
			t.Errorf("%d %+v", changed, p)
		}
		for _, filter := range []string{`emails eq "work@acme.test"`, `emails[type eq "home"].value eq "home@acme.test"`, `displayName eq "shown"`} {
			if got := h.find(filter); !cmp.Equal(got, []string{id}) {
				t.Errorf("%s finds %v", filter, got)
			}
		}
		if p, err := directory.ByLogin(db.Read(t.Context()), h.by.Workspace, "home@acme.test"); err != nil || p.ID != id {
			t.Errorf("%v %v", p, err)
		}
		_, err = h.patch(id, `{"op":"remove","path":"nickName"},{"op":"replace","path":"emails[type eq \"home\"].value","value":"new@acme.test"}`)
		h.must(err)
		if p := h.person(id); p.Name != "Family, Given" || p.Email != "new@acme.test" || len(h.find(`emails eq "home@acme.test"`)) != 0 || len(h.find(`emails eq "work@acme.test"`)) != 1 {
			t.Errorf("%+v", p)
		}
		fresh := h.person(h.user(`{"userName":"u3","name":{"familyName":"F3"},"emails":[{"value":"a@b.test","type":"work"}]}`))
		if fresh.Name != ", " && fresh.Name != "F3," || fresh.Email != "a@b.test" {
			t.Errorf("%+v", fresh)
		}
		_, fields, err := h.dir.Profile(t.Context(), h.by.Workspace, id)
		h.must(err)
		if fields[0] != (directory.FieldValue{Field: "name", Value: "Family, Given", Source: "{name.familyName}, {name.givenName}"}) || fields[2] != (directory.FieldValue{Field: "title", Value: "Boss", Source: "title"}) {
			t.Errorf("%+v", fields)
		}
		if _, err = h.dir.SetMapping(t.Context(), ana, directory.AttributeMapping{}); err != nil {
			t.Fatal(err)
		}
		if p := h.person(id); p.Name != "Shown" || p.Email != "work@acme.test" {
			t.Errorf("without a mapping again: %+v", p)
		}
	})
}

func TestMappingsThatAreRefused(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		h := newHouse(t, db)
		ana, ben := h.console(h.local("ana", directory.Owner)), h.console(h.local("ben", directory.Admin))
		for _, m := range []directory.AttributeMapping{
			{"nonsense": {"title"}}, {"name": {"nonsense"}}, {"name": {""}}, {"name": {"{title"}}, {"name": {"title}"}}, {"name": {"{nonsense}"}}, {"name": {"password"}}, {"name": {"groups"}},
			{"name": {"name"}}, {"name": {scim.EnterpriseURN}}, {"email": {`emails[type eq "work"`}}, {"name": {"title", "title", "title", "title", "title", "title", "title", "title", "title", "title", "title"}},
			{"name": {"\x00"}}, {"name": {string(make([]byte, 400))}},
		} {
			if _, err := h.dir.SetMapping(t.Context(), ana, m); !errors.Is(err, directory.ErrMapping) {
				t.Errorf("%v: %v", m, err)
			}
			if _, err := h.dir.PreviewMapping(t.Context(), h.by.Workspace, m, nil); !errors.Is(err, directory.ErrMapping) {
				t.Errorf("preview of %v: %v", m, err)
			}
		}
		_, err := h.dir.SetMapping(t.Context(), ben, directory.AttributeMapping{"name": {"title"}})
		isFault(t, err, directory.ErrForbidden)
	})
}

func TestRolesByTeamsAndAppRoles(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		h := newHouse(t, db)
		owner := h.local("ana", directory.Owner)
		ana := h.console(owner)
		ben, cleo := h.user(`{"userName":"ben"}`), h.user(`{"userName":"cleo","roles":[{"value":"{\"value\":\"Auditor\",\"displayName\":\"A\"}"}]}`)
		admins, supers := h.group(`{"displayName":"Admins","members":["`+ben+`"]}`), h.group(`{"displayName":"Supers"}`)
		want := directory.RoleMapping{Rules: []directory.RoleRule{{Team: supers, Role: directory.SuperAdmin}, {Team: admins, Role: directory.Admin}, {AppRole: "auditor", Role: directory.Guest}}}
		roles := func(says string, want ...directory.Role) {
			t.Helper()
			got := []directory.Role{h.person(ben).Role, h.person(cleo).Role}
			if !cmp.Equal(got, want) {
				t.Errorf("%s: %v, want %v", says, got, want)
			}
		}
		changes, err := h.dir.PreviewRoles(t.Context(), h.by.Workspace, want)
		h.must(err)
		if len(changes) != 2 {
			t.Errorf("%+v", changes)
		}
		roles("the preview writes nothing", directory.User, directory.User)
		n, err := h.dir.SetRoles(t.Context(), ana, want, nil)
		h.must(err)
		h.arranged()
		if n != 2 {
			t.Errorf("%d changed", n)
		}
		roles("applied to who is there", directory.Admin, directory.Guest)
		h.must(h.patchTeam(supers, `{"op":"add","path":"members","value":[{"value":"`+ben+`"},{"value":"`+cleo+`"}]}`))
		roles("the first rule counts", directory.SuperAdmin, directory.SuperAdmin)
		h.must(h.patchTeam(supers, `{"op":"remove","path":"members[value eq \"`+ben+`\"]"}`))
		roles("the next one counts", directory.Admin, directory.SuperAdmin)
		h.must(h.patchTeam(admins, `{"op":"replace","path":"members","value":[]}`))
		roles("no rule any more", directory.User, directory.SuperAdmin)
		_, err = h.patch(cleo, `{"op":"replace","path":"roles","value":[{"value":"other"}]}`)
		h.must(err)
		h.must(h.p.DeleteGroup(t.Context(), h.by, supers, nil))
		roles("the team is gone", directory.User, directory.User)
		_, err = h.dir.RestoreTeam(t.Context(), ana, supers)
		h.must(err)
		roles("the team is back", directory.User, directory.SuperAdmin)
		role := directory.Admin
		_, err = h.dir.Change(t.Context(), ana, cleo, &role, nil)
		isFault(t, err, directory.ErrRoleMapped)
		_, err = h.dir.Change(t.Context(), ana, ben, &role, nil)
		h.must(err)
		h.must(h.patchTeam(admins, `{"op":"add","path":"externalId","value":"x"}`))
		roles("a role given by hand stays", directory.Admin, directory.SuperAdmin)
		if dora := h.user(`{"userName":"dora","roles":[{"value":"AUDITOR"}]}`); h.person(dora).Role != directory.Guest {
			t.Errorf("a new person has %s", h.person(dora).Role)
		}
		h.user(`{"userName":"ana@acme.test"}`) // adopted
		h.must(h.patchTeam(admins, `{"op":"add","path":"members","value":[{"value":"`+owner.ID+`"}]}`))
		if h.person(owner.ID).Role != directory.Owner {
			t.Error("a rule took the Owner's role")
		}
		_, err = h.dir.SetRoles(t.Context(), ana, directory.RoleMapping{}, nil)
		h.must(err)
		roles("without rules", directory.Admin, directory.User)
	})
}

func TestARuleNeverTakesTheLastAdmin(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		h := newHouse(t, db)
		ana := h.local("ana", directory.Owner)
		ben := h.user(`{"userName":"ben"}`)
		team := h.group(`{"displayName":"Admins","members":["` + ben + `"]}`)
		_, err := h.dir.SetRoles(t.Context(), h.console(ana), directory.RoleMapping{Rules: []directory.RoleRule{{Team: team, Role: directory.Admin}}}, nil)
		h.must(err)
		h.arranged()
		h.user(`{"userName":"ana@acme.test"}`)
		_, err = h.patch(ana.ID, `{"op":"replace","path":"active","value":false}`)
		h.must(err)
		h.must(h.patchTeam(team, `{"op":"remove","path":"members","value":[{"value":"`+ben+`"}]}`))
		if h.person(ben).Role != directory.Admin || len(h.members(team)) != 0 || !slices.Contains(h.events(), "person.role_kept") {
			t.Errorf("%s, %v, %v", h.person(ben).Role, h.members(team), h.events())
		}
	})
}

func TestRoleMappingsThatAreRefused(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		h, other := newHouse(t, db), newHouse(t, db)
		ana, ben := h.console(h.local("ana", directory.Owner)), h.console(h.local("ben", directory.Admin))
		team, foreign := h.group(`{"displayName":"T"}`), other.group(`{"displayName":"T"}`)
		for name, rules := range map[string][]directory.RoleRule{
			"an Owner": {{Team: team, Role: directory.Owner}}, "no role": {{Team: team}}, "another workspace's team": {{Team: foreign, Role: directory.Admin}},
			"neither": {{Role: directory.Admin}}, "both": {{Team: team, AppRole: "x", Role: directory.Admin}}, "twice": {{AppRole: "x", Role: directory.Admin}, {AppRole: "X", Role: directory.User}},
			"a NUL": {{Team: "\x00", Role: directory.Admin}},
		} {
			_, err := h.dir.SetRoles(t.Context(), ana, directory.RoleMapping{Rules: rules}, nil)
			_, perr := h.dir.PreviewRoles(t.Context(), h.by.Workspace, directory.RoleMapping{Rules: rules})
			if f := fault.From(err); f.Kind != fault.Invalid || fault.From(perr).Kind != fault.Invalid {
				t.Errorf("%s: %v, %v", name, err, perr)
			}
		}
		_, err := h.dir.SetRoles(t.Context(), ben, directory.RoleMapping{}, nil)
		isFault(t, err, directory.ErrForbidden)
	})
}

// TestRulesOfAnotherProcessAreSeenWithinASecond uses two services on one database.
func TestRulesOfAnotherProcessAreSeenWithinASecond(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		h := newHouse(t, db)
		ana := h.console(h.local("ana", directory.Owner))
		h.arranged() // what there is, is remembered
		second := directory.New(db)
		_, err := second.DefineSchema(t.Context(), ana, acme())
		h.must(err)
		deadline := time.Now().Add(time.Minute) // a slow machine may be slow
		for h.p.UserType().Extension(acmeURN) == nil {
			if time.Now().After(deadline) {
				t.Fatal("never seen")
			}
			h.arranged()
		}
	})
}

func TestWhoComesBackGetsTheirRightsAnew(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		h := newHouse(t, db)
		ana := h.console(h.local("ana", directory.Owner))
		ben := h.local("ben", directory.SuperAdmin).ID
		h.user(`{"userName":"ben@acme.test","externalId":"b"}`)
		if h.person(ben).Role != directory.SuperAdmin {
			t.Errorf("adopted as %s", h.person(ben).Role)
		}
		back := func(says string, want directory.Role, on func() error) {
			t.Helper()
			role := directory.Admin
			if h.person(ben).Role == directory.User {
				_, err := h.dir.Change(t.Context(), ana, ben, &role, nil)
				h.must(err)
			}
			_, err := h.patch(ben, `{"op":"replace","path":"active","value":false}`)
			h.must(err)
			h.must(on())
			if p := h.person(ben); p.Role != want || !p.Active {
				t.Errorf("%s: %+v", says, p)
			}
		}
		patched := func() error { _, err := h.patch(ben, `{"op":"replace","path":"active","value":true}`); return err }
		back("switched on", directory.User, patched)
		back("revived by a POST", directory.User, func() error { return h.try(`{"userName":"benjamin","externalId":"b","active":true}`) })
		_, err := h.dir.SetRoles(t.Context(), ana, directory.RoleMapping{KeepOnReturn: true}, nil)
		h.must(err)
		h.arranged()
		back("where the workspace keeps roles", directory.Admin, patched)
		team := h.group(`{"displayName":"T","members":["` + ben + `"]}`)
		_, err = h.dir.SetRoles(t.Context(), ana, directory.RoleMapping{Rules: []directory.RoleRule{{Team: team, Role: directory.SuperAdmin}}}, nil)
		h.must(err)
		h.arranged()
		back("a role by a rule", directory.SuperAdmin, patched)
	})
}

func TestRolesSettleAfterAChangeElsewhere(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		h := newHouse(t, db)
		ana := h.console(h.local("ana", directory.Owner))
		ben := h.user(`{"userName":"ben"}`)
		team := h.group(`{"displayName":"T"}`)
		_, err := h.dir.SetRoles(t.Context(), ana, directory.RoleMapping{Rules: []directory.RoleRule{{Team: team, Role: directory.Admin}}}, nil)
		h.must(err)
		h.must(h.patchTeam(team, `{"op":"add","path":"members","value":"`+ben+`"}`)) // by a process that does not know the rule yet
		if h.person(ben).Role != directory.User {
			t.Fatalf("the rule was known: %s", h.person(ben).Role)
		}
		h.must(h.dir.Settle(t.Context()))
		if h.person(ben).Role != directory.Admin {
			t.Errorf("%s", h.person(ben).Role)
		}
	})
}

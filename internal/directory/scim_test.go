package directory_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/scim"
)

// local makes a person in the console.
func (h *house) local(name string, role directory.Role) directory.Person {
	h.t.Helper()
	var p directory.Person
	err := h.db.InTx(h.t.Context(), func(tx database.Tx) (err error) {
		by := actor.Actor{Kind: actor.Operator, Workspace: h.by.Workspace}
		if role == directory.Owner {
			p, err = directory.AddOwner(tx, by, h.by.Workspace, name, name+"@acme.test")
		} else {
			p, err = directory.Add(tx, by, name, name+"@acme.test", role)
		}
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return p
}

func (h *house) try(body string) error {
	_, err := h.p.CreateUser(h.t.Context(), h.by, incoming(h.t, h.p.UserType(), body))
	return err
}

// patch applies one operation to a person.
func (h *house) patch(id, op string) (scim.Resource, error) {
	h.t.Helper()
	return h.p.PatchUser(h.t.Context(), h.by, id, operations(h.t, op), nil)
}

func (h *house) patchTeam(id, op string) error {
	h.t.Helper()
	_, err := h.p.PatchGroup(h.t.Context(), h.by, id, operations(h.t, op), nil, scim.Projection{})
	return err
}

func operations(t testing.TB, ops string) []scim.Operation {
	t.Helper()
	body, err := scim.ParseObject([]byte(`{"Operations":[` + ops + `]}`))
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := scim.ParsePatch(body)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func (h *house) read(id string) scim.Resource {
	h.t.Helper()
	r, err := h.p.User(h.t.Context(), h.by, id, scim.Projection{})
	if err != nil {
		h.t.Fatal(err)
	}
	return r
}

// find lists the ids of the people that a filter finds.
func (h *house) find(filter string) []string {
	h.t.Helper()
	q := directory.Query{Count: 100}
	if filter != "" {
		e, err := h.p.UserType().ParseFilter(filter)
		if err != nil {
			h.t.Fatal(err)
		}
		q.Filter = e
	}
	page, err := h.p.Users(h.t.Context(), h.by, q)
	if err != nil {
		h.t.Fatal(err)
	}
	var ids []string
	for _, r := range page.Resources {
		ids = append(ids, scim.Text(r, "id"))
	}
	return ids
}

// members lists the ids of a team's members as SCIM shows them.
func (h *house) members(team string) []string {
	h.t.Helper()
	r, err := h.p.Group(h.t.Context(), h.by, team, scim.Projection{})
	if err != nil {
		h.t.Fatal(err)
	}
	list, _ := r["members"].([]any)
	ids := []string{}
	for _, m := range list {
		ids = append(ids, scim.Text(m.(map[string]any), "value"))
	}
	return ids
}

func (h *house) events() []string {
	h.t.Helper()
	rows, err := audit.Newest(h.db.Read(h.t.Context()), h.by.Workspace, 100)
	if err != nil {
		h.t.Fatal(err)
	}
	var names []string
	for _, r := range rows {
		names = append(names, r.Event)
	}
	return names
}

func TestLocalPeopleAreInvisibleUntilAdopted(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		h := newHouse(t, db)
		owner := h.local("ana", directory.Owner)
		if got := h.find(""); got != nil {
			t.Errorf("an empty directory lists %v", got)
		}
		for name, err := range map[string]error{
			"read": func() error { _, err := h.p.User(t.Context(), h.by, owner.ID, scim.Projection{}); return err }(),
			"patch": func() error {
				_, err := h.patch(owner.ID, `{"op":"replace","path":"active","value":false}`)
				return err
			}(),
			"delete": h.p.DeleteUser(t.Context(), h.by, owner.ID, nil),
		} {
			if !errors.Is(err, directory.ErrNoUser) {
				t.Errorf("%s: %v, want no such user", name, err)
			}
		}
		id := h.user(`{"userName":"ANA@acme.test","externalId":"e1","displayName":"Ana K."}`)
		if id != owner.ID {
			t.Errorf("adopted as %s, want %s", id, owner.ID)
		}
		p, err := directory.Find(db.Read(t.Context()), h.by.Workspace, owner.ID)
		if err != nil || p.Source != directory.Provider || p.Role != directory.Owner || p.Name != "Ana K." || p.Email != "ANA@acme.test" || !p.Active {
			t.Errorf("%+v, %v", p, err)
		}
		if got := h.find(`userName eq "ana@ACME.test"`); !cmp.Equal(got, []string{owner.ID}) {
			t.Errorf("found %v", got)
		}
		if h.events()[0] != "person.adopted" {
			t.Errorf("events %v", h.events())
		}
	})
}

func TestWhomAPOSTMeans(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		h := newHouse(t, db)
		ben := h.user(`{"userName":"ben","externalId":"e1"}`)
		cleo := h.user(`{"userName":"cleo","externalId":"e2","title":"old","emails":[{"value":"c@acme.test"},{"value":"c2@acme.test"}],"active":false}`)
		taken := []struct{ name, body string }{
			{"the userName of an active person, in other letters", `{"userName":"BEN","externalId":"e9"}`},
			{"the userName and externalId of an active person", `{"userName":"ben","externalId":"e1"}`},
			{"the userName of an inactive person with another externalId", `{"userName":"cleo","externalId":"e9"}`},
			{"the userName of an inactive person without an externalId", `{"userName":"cleo"}`},
			{"the userName of one person and the externalId of another", `{"userName":"ben","externalId":"e2"}`},
		}
		for _, c := range taken {
			if err := h.try(c.body); !errors.Is(err, directory.ErrUserNameTaken) {
				t.Errorf("%s: %v, want a clash", c.name, err)
			}
		}
		if id := h.user(`{"userName":"ben2","externalId":"e1"}`); id == ben {
			t.Error("an active person was taken for another by externalId")
		}
		if id := h.user(`{"userName":"dora","emails":[{"value":"c@acme.test"}]}`); id == cleo {
			t.Error("a person was matched by e-mail address")
		}
		id := h.user(`{"userName":"cleo.new","externalId":"e2"}`)
		r := h.read(id)
		if id != cleo || r["active"] != true || r["title"] != nil || r["userName"] != "cleo.new" {
			t.Errorf("revived as %v", r)
		}
		if got := h.find(`emails.value eq "c2@acme.test"`); got != nil {
			t.Errorf("the old address still finds %v", got)
		}
		eva := h.user(`{"userName":"eva","externalId":"shared","active":false}`)
		h.user(`{"userName":"finn","externalId":"other"}`)
		finn := h.user(`{"userName":"gina","externalId":"other","active":false}`)
		if id := h.user(`{"userName":"eva.new","externalId":"shared"}`); id != eva {
			t.Error("the externalId of one inactive person alone did not revive them")
		}
		if id := h.user(`{"userName":"hana","externalId":"other"}`); id == finn {
			t.Error("an externalId that somebody active has as well says who is meant")
		}
		other := newHouse(t, db)
		if id := other.user(`{"userName":"cleo.new","externalId":"e2"}`); id == cleo {
			t.Error("a person was matched across workspaces")
		}
	})
}

func TestOneOfManyPOSTsOfAUserNameWins(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		h := newHouse(t, db)
		var wg sync.WaitGroup
		results := make([]error, 16)
		for i := range results {
			wg.Go(func() { results[i] = h.try(fmt.Sprintf(`{"userName":"ada","externalId":"e%d"}`, i)) })
		}
		wg.Wait()
		won := 0
		for _, err := range results {
			if err == nil {
				won++
			} else if !errors.Is(err, directory.ErrUserNameTaken) {
				t.Errorf("%v, want a clash", err)
			}
		}
		if won != 1 {
			t.Errorf("%d won", won)
		}
	})
}

func TestDeactivationEndsEverythingInItsTransaction(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		var ended []string
		var refuse error
		h := newHouse(t, db, func(_ database.Tx, by actor.Actor, p directory.Person, at time.Time) error {
			if p.Active || at.IsZero() || by.Token != "tok_test" {
				t.Errorf("ended %+v at %v by %+v", p, at, by)
			}
			ended = append(ended, p.UserName)
			return refuse
		})
		ada := h.user(`{"userName":"ada"}`)
		must := func(_ scim.Resource, err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		must(h.patch(ada, `{"op":"replace","path":"title","value":"x"}`))
		if len(ended) != 0 {
			t.Fatalf("ended %v", ended)
		}
		refuse = errors.New("no")
		if _, err := h.patch(ada, `{"op":"replace","value":{"active":false}}`); !errors.Is(err, refuse) || h.read(ada)["active"] != true {
			t.Errorf("%v; a refusal must undo the deactivation", err)
		}
		refuse = nil
		must(h.patch(ada, `{"op":"replace","value":{"active":"False"}}`))
		must(h.patch(ada, `{"op":"replace","value":{"active":"False"}}`))
		must(h.patch(ada, `{"op":"replace","value":{"active":true}}`))
		must(h.p.ReplaceUser(t.Context(), h.by, ada, incoming(t, h.p.UserType(), `{"userName":"ada","active":false}`), nil))
		if diff := cmp.Diff([]string{"ada", "ada", "ada"}, ended); diff != "" {
			t.Error(diff)
		}
		want := []string{"person.deactivated", "person.reactivated", "person.deactivated", "person.changed", "person.created"}
		if diff := cmp.Diff(want, h.events()); diff != "" {
			t.Error(diff)
		}
		if err := h.p.DeleteUser(t.Context(), h.by, ada, nil); err != nil || len(ended) != 4 {
			t.Errorf("deleting: %v, ended %v", err, ended)
		}
	})
}

func TestTheLastActiveAdminStays(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		h := newHouse(t, db)
		owner, admin := h.local("ana", directory.Owner), h.local("ben", directory.Admin)
		h.user(`{"userName":"ana@acme.test"}`)
		h.user(`{"userName":"ben@acme.test"}`)
		off := `{"op":"replace","value":{"active":false}}`
		if _, err := h.patch(owner.ID, off); err != nil {
			t.Fatalf("with another admin there: %v", err)
		}
		for name, err := range map[string]error{
			"deactivated": func() error { _, err := h.patch(admin.ID, off); return err }(),
			"deleted":     h.p.DeleteUser(t.Context(), h.by, admin.ID, nil),
		} {
			if !errors.Is(err, directory.ErrLastAdmin) {
				t.Errorf("%s: %v, want last_admin", name, err)
			}
		}
		if h.read(admin.ID)["active"] != true {
			t.Error("the last admin is inactive")
		}
	})
}

func TestAdminsDeactivatedAtOnceLeaveOne(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		h := newHouse(t, db)
		ids := []string{h.local("ana", directory.Owner).ID}
		for _, name := range []string{"ben", "cleo", "dora"} {
			ids = append(ids, h.local(name, directory.Admin).ID)
		}
		for _, name := range []string{"ana", "ben", "cleo", "dora"} {
			h.user(`{"userName":"` + name + `@acme.test"}`)
		}
		var wg sync.WaitGroup
		for _, id := range ids {
			wg.Go(func() {
				_, err := h.p.PatchUser(context.Background(), h.by, id, operations(t, `{"op":"replace","value":{"active":false}}`), nil)
				if err != nil && !errors.Is(err, directory.ErrLastAdmin) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if got := h.find(`active eq true`); len(got) != 1 {
			t.Errorf("%d admins are left, want 1", len(got))
		}
	})
}

func TestDeletingFreesTheNameAndHides(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		h := newHouse(t, db)
		boss := h.user(`{"userName":"boss","displayName":"Boss"}`)
		ada := h.user(`{"userName":"ada","` + scim.EnterpriseURN + `":{"manager":{"value":"` + boss + `"}}}`)
		team := h.group(`{"displayName":"Support","members":[{"value":"` + ada + `"},{"value":"` + boss + `"}]}`)
		manager := func() map[string]any {
			return h.read(ada)[scim.EnterpriseURN].(map[string]any)["manager"].(map[string]any)
		}
		if want := map[string]any{"value": boss, "$ref": base + "/Users/" + boss, "displayName": "Boss"}; !cmp.Equal(want, manager()) {
			t.Errorf("manager %v", manager())
		}
		version := h.read(ada)["meta"]
		if err := h.p.DeleteUser(t.Context(), h.by, boss, nil); err != nil {
			t.Fatal(err)
		}
		if err := h.p.DeleteUser(t.Context(), h.by, boss, nil); !errors.Is(err, directory.ErrNoUser) {
			t.Errorf("a second time: %v", err)
		}
		if want := map[string]any{"value": boss}; !cmp.Equal(want, manager()) || !cmp.Equal(version, h.read(ada)["meta"]) {
			t.Errorf("manager %v, want the value alone and nothing else changed", manager())
		}
		if got := h.members(team); !cmp.Equal(got, []string{ada}) {
			t.Errorf("members %v", got)
		}
		if err := h.patchTeam(team, `{"op":"remove","path":"members[value eq \"`+boss+`\"]"}`); err != nil {
			t.Errorf("removing a deleted person: %v", err)
		}
		if again := h.user(`{"userName":"boss"}`); again == boss {
			t.Error("a deleted person's id was given away")
		}
	})
}

func TestWhatChangesNothingWritesNothing(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		h := newHouse(t, db)
		ada := h.user(`{"userName":"Ada","active":true,"title":"x","emails":[{"value":"a@acme.test","type":"work","primary":true}],"` + scim.EnterpriseURN + `":{"manager":{"value":"m"}}}`)
		team := h.group(`{"displayName":"Support","externalId":"g1","members":["` + ada + `"]}`)
		before, events := h.read(ada), len(h.events())
		for _, op := range []string{
			`{"op":"replace","path":"active","value":"True"}`, `{"op":"add","path":"emails","value":[{"value":"a@acme.test","type":"work"}]}`,
			`{"op":"replace","path":"manager","value":"m"}`, `{"op":"remove","path":"nickName"}`, `{"op":"replace","value":{"password":"p","id":"x"}}`,
		} {
			if _, err := h.patch(ada, op); err != nil {
				t.Errorf("%s: %v", op, err)
			}
		}
		if _, err := h.p.ReplaceUser(t.Context(), h.by, ada, incoming(t, h.p.UserType(),
			`{"userName":"Ada","title":"x","emails":[{"value":"a@acme.test","type":"work","primary":true}]}`), nil); err != nil {
			t.Error(err)
		}
		for _, op := range []string{
			`{"op":"add","path":"members","value":[{"value":"` + ada + `"}]}`, `{"op":"remove","path":"members","value":[{"value":"nobody"}]}`,
			`{"op":"replace","path":"members","value":[{"value":"` + ada + `"}]}`, `{"op":"replace","value":{"id":"x","displayName":"Support"}}`,
			`{"op":"remove","path":"members[display eq \"nobody\"]"}`,
		} {
			if err := h.patchTeam(team, op); err != nil {
				t.Errorf("%s: %v", op, err)
			}
		}
		if diff := cmp.Diff(before["meta"], h.read(ada)["meta"]); diff != "" {
			t.Error(diff)
		}
		r, err := h.p.Group(t.Context(), h.by, team, scim.Projection{})
		if err != nil || r["meta"].(map[string]any)["version"] != `W/"1"` {
			t.Errorf("team %v, %v", r["meta"], err)
		}
		if got := len(h.events()); got != events {
			t.Errorf("%d events were written", got-events)
		}
	})
}

func TestAChangeMayDependOnTheVersion(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		h := newHouse(t, db)
		ada := h.user(`{"userName":"ada"}`)
		only := func(v string) directory.IfMatch { return func(version string) bool { return version == v } }
		for i, want := range []error{nil, directory.ErrVersion} {
			op := fmt.Sprintf(`{"op":"replace","path":"title","value":"%d"}`, i)
			if _, err := h.p.PatchUser(t.Context(), h.by, ada, operations(t, op), only(`W/"1"`)); !errors.Is(err, want) {
				t.Errorf("patch %d: %v, want %v", i, err, want)
			}
		}
		if err := h.p.DeleteUser(t.Context(), h.by, ada, only(`W/"1"`)); !errors.Is(err, directory.ErrVersion) {
			t.Errorf("delete: %v", err)
		}
		// Of many changes of one version exactly one is made.
		var wg sync.WaitGroup
		var mu sync.Mutex
		won := 0
		for i := range 16 {
			wg.Go(func() {
				op := fmt.Sprintf(`{"op":"replace","path":"nickName","value":"%d"}`, i)
				_, err := h.p.PatchUser(context.Background(), h.by, ada, operations(t, op), only(`W/"2"`))
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					won++
				} else if !errors.Is(err, directory.ErrVersion) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if won != 1 {
			t.Errorf("%d changes won", won)
		}
	})
}

func TestNothingCrossesWorkspaces(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		h, evil := newHouse(t, db), newHouse(t, db)
		ada := h.user(`{"userName":"ada"}`)
		team := h.group(`{"displayName":"Support","members":["` + ada + `"]}`)
		ctx, nothing := t.Context(), func(_ scim.Resource, err error) error { return err }
		for name, err := range map[string]error{
			"read a user":    nothing(evil.p.User(ctx, evil.by, ada, scim.Projection{})),
			"patch a user":   nothing(evil.patch(ada, `{"op":"replace","path":"title","value":"x"}`)),
			"replace a user": nothing(evil.p.ReplaceUser(ctx, evil.by, ada, incoming(t, evil.p.UserType(), `{"userName":"x"}`), nil)),
			"delete a user":  evil.p.DeleteUser(ctx, evil.by, ada, nil),
			"read a team":    nothing(evil.p.Group(ctx, evil.by, team, scim.Projection{})),
			"patch a team":   evil.patchTeam(team, `{"op":"remove","path":"members"}`),
			"delete a team":  evil.p.DeleteGroup(ctx, evil.by, team, nil),
		} {
			if f := fault.From(err); f.Kind != fault.NotFound {
				t.Errorf("%s: %v, want not found", name, err)
			}
		}
		mine := evil.group(`{"displayName":"Support","members":["` + ada + `"]}`)
		if got := evil.members(mine); len(got) != 0 {
			t.Errorf("a foreign person became a member: %v", got)
		}
		if got := h.members(team); !cmp.Equal(got, []string{ada}) {
			t.Errorf("members %v", got)
		}
		if got := evil.find(fmt.Sprintf(`id eq "%s" or groups eq "%s"`, ada, team)); got != nil {
			t.Errorf("found %v", got)
		}
	})
}

func TestLongAndStrangeValuesAreKept(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		h := newHouse(t, db)
		long := strings.Repeat("ẞ", 60_000)
		id := h.user(`{"userName":"😀'\"\\","displayName":"` + long + `","name":{"formatted":"x"}}`)
		if r := h.read(id); r["displayName"] != long || r["userName"] != `😀'"\` {
			t.Error("the values came back otherwise")
		}
		if got := h.find(`userName eq "😀'\"\\" and displayName co "ssssss"`); !cmp.Equal(got, []string{id}) {
			t.Errorf("found %v", got)
		}
		team := h.group(`{"displayName":"T","members":["` + id + `"]}`)
		if got := h.members(team); len(got) != 1 {
			t.Errorf("members %v", got)
		}
	})
}

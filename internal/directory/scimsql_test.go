package directory_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/ident"
	"github.com/countersign/countersign/internal/scim"
)

const base = "https://acme.test/v1/scim/v2"

// house is a directory with an empty workspace of its own.
type house struct {
	t   testing.TB
	db  *database.DB
	dir *directory.Service
	p   *directory.Provisioning
	by  actor.Actor
}

func newHouse(t testing.TB, db *database.DB, ends ...directory.Deactivated) *house {
	t.Helper()
	dir := directory.New(db, ends...)
	h := &house{t: t, db: db, dir: dir, p: directory.NewProvisioning(dir, base, []byte("a key of the test"), time.Now)}
	h.by = actor.Actor{Kind: actor.Provider, Workspace: workspace(t, db), Token: "tok_test", Name: "test"}
	return h
}

func workspace(t testing.TB, db *database.DB) string {
	t.Helper()
	id := ident.New("wsp")
	err := db.InTx(t.Context(), func(tx database.Tx) error {
		return tx.Exec("INSERT INTO workspaces (id, slug, name, created_at) VALUES (?, ?, 'Acme', ?)", id, strings.ToLower(id), time.Now()).Error
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func incoming(t testing.TB, rt *scim.ResourceType, body string) scim.Incoming {
	t.Helper()
	m, err := scim.ParseObject([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	in, err := rt.Read(m)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// user creates a person and gives the id.
func (h *house) user(body string) string {
	h.t.Helper()
	r, err := h.p.CreateUser(h.t.Context(), h.by, incoming(h.t, h.p.UserType(), body))
	if err != nil {
		h.t.Fatal(err)
	}
	return scim.Text(r, "id")
}

func (h *house) group(body string) string {
	h.t.Helper()
	r, err := h.p.CreateGroup(h.t.Context(), h.by, incoming(h.t, h.p.GroupType(), body))
	if err != nil {
		h.t.Fatal(err)
	}
	return scim.Text(r, "id")
}

// words are values that databases and careless code treat differently.
var words = []string{"ada", "ADA", "Ada", "Straße", "STRASSE", "a%c", "a_c", "abc", `a\c`, `"`, "ÉCOLE", "école", "E\u0301cole", "😀", "10", "9", "true", "x@acme.test", "X@Acme.test", "y@acme.test", "work", "home", "Work"}

func word(t *rapid.T, label string) string { return rapid.SampledFrom(words).Draw(t, label) }

// person draws a body for POST /Users; managers names people who may be the manager.
func person(t *rapid.T, n int, managers []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `{"userName":%q`, word(t, "userName")+fmt.Sprint(n))
	for _, name := range []string{"externalId", "displayName", "title", "nickName", "userType"} {
		if rapid.Bool().Draw(t, name+"?") {
			fmt.Fprintf(&b, `,%q:%q`, name, word(t, name))
		}
	}
	if rapid.Bool().Draw(t, "active?") {
		fmt.Fprintf(&b, `,"active":%v`, rapid.Bool().Draw(t, "active"))
	}
	if rapid.Bool().Draw(t, "name?") {
		fmt.Fprintf(&b, `,"name":{"familyName":%q}`, word(t, "familyName"))
	}
	var emails []string
	for range rapid.IntRange(0, 3).Draw(t, "emails") {
		emails = append(emails, fmt.Sprintf(`{"value":%q,"type":%q,"primary":%v}`, word(t, "email"), word(t, "type"), rapid.Bool().Draw(t, "primary")))
	}
	fmt.Fprintf(&b, `,"emails":[%s]`, strings.Join(emails, ","))
	if rapid.Bool().Draw(t, "enterprise?") {
		fmt.Fprintf(&b, `,%q:{"department":%q,"manager":{"value":%q}}`, scim.EnterpriseURN, word(t, "department"), rapid.SampledFrom(append(managers, "nobody")).Draw(t, "manager"))
	}
	return b.String() + "}"
}

var (
	textPaths = []string{"userName", "externalId", "displayName", "title", "nickName", "userType", "name.familyName", "emails", "emails.type", "emails[type eq \"work\"].value",
		"emails[primary eq true].value", "emails[not (value co \"acme\")].type", "department", "manager", "manager.displayName", "manager.$ref", "manager[value pr].value", "name[familyName pr].familyName",
		"groups", "groups.display", "groups.type", "groups.$ref", "id", "meta.version", "meta.location", "meta.resourceType", "schemas", "emails[type eq \"home\" or value eq \"ada\"].value"}
	groupPaths = []string{"displayName", "externalId", "members", "members.display", "members.type", "members.$ref", "members[type eq \"User\"].display", "members[display co \"a\"].value", "schemas", "meta.location"}
	presents   = []string{"name", "emails", "groups", "manager", "meta", "title", "emails[type eq \"work\"]", "active", "addresses", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager"}
)

// filter draws a filter of at most depth brackets.
func filter(t *rapid.T, paths, presence []string, ids []string, depth int) string {
	kinds := []string{"text", "text", "text", "present", "null", "id"}
	if len(presence) > 2 {
		kinds = append(kinds, "bool", "time")
	}
	if depth > 0 {
		kinds = append(kinds, "and", "or", "not", "not")
	}
	more := func() string { return filter(t, paths, presence, ids, depth-1) }
	switch rapid.SampledFrom(kinds).Draw(t, "kind") {
	case "present":
		return rapid.SampledFrom(append(presence, paths...)).Draw(t, "path") + " pr"
	case "null":
		return rapid.SampledFrom(paths).Draw(t, "path") + rapid.SampledFrom([]string{" eq null", " ne null"}).Draw(t, "op")
	case "bool":
		return rapid.SampledFrom([]string{"active", "emails.primary", "emails[type eq \"work\"].primary"}).Draw(t, "path") + rapid.SampledFrom([]string{" eq true", " ne true", " eq false"}).Draw(t, "op")
	case "time":
		at := time.Now().Add(time.Duration(rapid.IntRange(-1, 1).Draw(t, "hours")) * time.Hour)
		return rapid.SampledFrom([]string{"meta.created gt ", "meta.lastModified le ", "meta.created ne "}).Draw(t, "op") + fmt.Sprintf("%q", at.Format(time.RFC3339Nano))
	case "id":
		return rapid.SampledFrom(paths).Draw(t, "path") + fmt.Sprintf(" eq %q", rapid.SampledFrom(ids).Draw(t, "id"))
	case "and":
		return more() + " and " + more()
	case "or":
		return "(" + more() + " or " + more() + ")"
	case "not":
		return "not (" + more() + ")"
	}
	op := rapid.SampledFrom([]string{"eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"}).Draw(t, "op")
	value := word(t, "value")
	if cut := []rune(value); len(cut) > 1 && rapid.Bool().Draw(t, "part") {
		value = string(cut[:len(cut)-1])
	}
	return fmt.Sprintf("%s %s %q", rapid.SampledFrom(paths).Draw(t, "path"), op, value)
}

func TestTheFilterMeansTheSameInMemoryAndInSQL(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		rapid.Check(t, func(rt *rapid.T) {
			h := newHouse(t, db)
			var people, teams []string
			for n := range rapid.IntRange(1, 4).Draw(rt, "people") {
				if id := h.user(person(rt, n, people)); !slices.Contains(people, id) { // an inactive one may be revived
					people = append(people, id)
				}
			}
			for n := range rapid.IntRange(1, 2).Draw(rt, "teams") {
				members := rapid.SliceOfNDistinct(rapid.SampledFrom(people), 0, len(people), rapid.ID[string]).Draw(rt, "members")
				teams = append(teams, h.group(fmt.Sprintf(`{"displayName":%q,"externalId":%q,"members":["%s"]}`, word(rt, "team")+fmt.Sprint(n), word(rt, "externalId"), strings.Join(members, `","`))))
			}
			ids := append(slices.Clone(people), teams...)
			for range 6 {
				h.agree(rt, h.p.UserType(), people, filter(rt, textPaths, presents, ids, 3), h.p.User, h.p.Users)
				h.agree(rt, h.p.GroupType(), teams, filter(rt, groupPaths, []string{"members", "meta"}, ids, 2), h.p.Group, h.p.Groups)
			}
		})
	})
}

func (h *house) agree(t *rapid.T, rt *scim.ResourceType, ids []string, text string,
	one func(context.Context, actor.Actor, string, scim.Projection) (scim.Resource, error),
	all func(context.Context, actor.Actor, directory.Query) (directory.Page, error)) {
	e, err := rt.ParseFilter(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	var want []string
	for _, id := range ids {
		r, err := one(h.t.Context(), h.by, id, scim.Projection{})
		if err != nil {
			t.Fatal(err)
		}
		if scim.Match(e, r) {
			want = append(want, id)
		}
	}
	page, err := all(h.t.Context(), h.by, directory.Query{Filter: e, Count: 50})
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	var got []string
	for _, r := range page.Resources {
		got = append(got, scim.Text(r, "id"))
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) || int(page.Total) != len(want) {
		t.Fatalf("%s\nSQL finds %v (%d), memory %v", text, got, page.Total, want)
	}
}

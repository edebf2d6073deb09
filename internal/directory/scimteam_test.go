package directory_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gorm.io/gorm"
	"pgregory.net/rapid"

	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/scim"
)

func TestMembersAreRemovedInEveryShape(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		h := newHouse(t, db)
		a, b, c := h.user(`{"userName":"a","displayName":"Ada"}`), h.user(`{"userName":"b","displayName":"Ben"}`), h.user(`{"userName":"c","displayName":"Cleo"}`)
		for i, shape := range []string{
			`{"op":"Remove","path":"members","value":[{"$ref":null,"value":"A"}]}`,
			`{"op":"remove","path":"members[value eq \"A\"]"}`,
			`{"op":"replace","path":"members","value":[{"value":"B"},{"value":"C"}]}`,
			`{"op":"remove","path":"members[display sw \"ad\" and type eq \"User\"]"}`,
			`{"op":"remove","path":"members[not (value eq \"B\" or value eq \"C\")]"}`,
		} {
			team := h.group(fmt.Sprintf(`{"displayName":"T%d","members":["%s","%s","%s"]}`, i, a, b, c))
			shape = strings.NewReplacer(`"A`, `"`+a, `"B`, `"`+b, `"C`, `"`+c, `\"A\`, `\"`+a+`\`, `\"B\`, `\"`+b+`\`, `\"C\`, `\"`+c+`\`).Replace(shape)
			if err := h.patchTeam(team, shape); err != nil {
				t.Errorf("%s: %v", shape, err)
			}
			want := []string{b, c}
			slices.Sort(want)
			if got := h.members(team); !cmp.Equal(got, want) {
				t.Errorf("%s leaves %v, want %v", shape, got, want)
			}
		}
		team := h.group(fmt.Sprintf(`{"displayName":"P","members":["%s","%s"]}`, a, b))
		put := func(body string) []string {
			t.Helper()
			if _, err := h.p.ReplaceGroup(t.Context(), h.by, team, incoming(t, h.p.GroupType(), body), nil, scim.Projection{}); err != nil {
				t.Fatal(err)
			}
			return h.members(team)
		}
		if got := put(`{"displayName":"P2"}`); len(got) != 2 {
			t.Errorf("a PUT that does not speak of members leaves %v", got)
		}
		if got := put(`{"displayName":"P2","members":["` + b + `"]}`); !cmp.Equal(got, []string{b}) {
			t.Errorf("PUT leaves %v", got)
		}
		if got := put(`{"displayName":"P2","members":[]}`); len(got) != 0 {
			t.Errorf("PUT of nobody leaves %v", got)
		}
	})
}

func TestMembersWhoAreNotThereYetJoinWhenTheyCome(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		h := newHouse(t, db)
		owner := h.local("ana", directory.Owner)
		ada := h.user(`{"userName":"ada"}`)
		team := h.group(fmt.Sprintf(`{"displayName":"T","members":["%s","e-later","%s","e-never","e-gone"]}`, ada, owner.ID))
		if got := h.members(team); !cmp.Equal(got, []string{ada}) {
			t.Errorf("members %v, want the known alone", got)
		}
		if err := h.patchTeam(team, `{"op":"remove","path":"members","value":["e-gone"]}`); err != nil {
			t.Fatal(err)
		}
		later, gone := h.user(`{"userName":"later","externalId":"e-later"}`), h.user(`{"userName":"gone","externalId":"e-gone"}`)
		if got := h.members(team); !slices.Contains(got, later) || slices.Contains(got, gone) {
			t.Errorf("members %v; %s should have joined, %s not", got, later, gone)
		}
		groups, _ := h.read(later)["groups"].([]any)
		if len(groups) != 1 {
			t.Errorf("groups %v", groups)
		}
		if id := h.user(`{"userName":"ana@acme.test"}`); id != owner.ID || !slices.Contains(h.members(team), owner.ID) {
			t.Errorf("members %v; the adopted person %s should have joined", h.members(team), owner.ID)
		}
	})
}

func TestTeamsInTeamsAreRefused(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		h := newHouse(t, db)
		inner, outer := h.group(`{"displayName":"Inner"}`), h.group(`{"displayName":"Outer"}`)
		if err := h.patchTeam(outer, `{"op":"replace","path":"displayName","value":"New"},{"op":"add","path":"members","value":["`+inner+`"]}`); !errors.Is(err, directory.ErrNestedTeam) {
			t.Errorf("%v", err)
		}
		r, err := h.p.Group(t.Context(), h.by, outer, scim.Projection{})
		if err != nil || r["displayName"] != "Outer" {
			t.Errorf("half of a refused PATCH stayed: %v, %v", r, err)
		}
	})
}

func TestTeamNamesAreUniqueWithoutRegardToCase(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		h := newHouse(t, db)
		first := h.group(`{"displayName":"Überprüfung"}`)
		second := h.group(`{"displayName":"Other"}`)
		_, err := h.p.CreateGroup(t.Context(), h.by, incoming(t, h.p.GroupType(), `{"displayName":"ÜBERPRÜFUNG"}`))
		if !errors.Is(err, directory.ErrTeamNameTaken) {
			t.Errorf("creating: %v", err)
		}
		if err := h.patchTeam(second, `{"op":"replace","path":"displayName","value":"überprüfung"}`); !errors.Is(err, directory.ErrTeamNameTaken) {
			t.Errorf("renaming: %v", err)
		}
		if err := h.patchTeam(first, `{"op":"replace","path":"displayName","value":"ÜBERPRÜFUNG"}`); err != nil {
			t.Errorf("its own name in other letters: %v", err)
		}
		if err := h.p.DeleteGroup(t.Context(), h.by, first, nil); err != nil {
			t.Fatal(err)
		}
		if again := h.group(`{"displayName":"überprüfung"}`); again == first {
			t.Error("a deleted team's id was given away")
		}
	})
}

func TestConcurrentAddsLoseNobody(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		h := newHouse(t, db)
		team := h.group(`{"displayName":"T"}`)
		ids := make([]string, 64)
		for i := range ids {
			ids[i] = h.user(fmt.Sprintf(`{"userName":"u%d"}`, i))
		}
		var wg sync.WaitGroup
		for _, id := range ids {
			wg.Go(func() {
				if _, err := h.p.PatchGroup(context.Background(), h.by, team, operations(t, `{"op":"add","path":"members","value":["`+id+`"]}`), nil, scim.Projection{}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		slices.Sort(ids)
		if diff := cmp.Diff(ids, h.members(team)); diff != "" {
			t.Error(diff)
		}
	})
}

// TestMembershipIsASet holds the rows against a set in memory.
func TestMembershipIsASet(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		h := newHouse(t, db)
		var all []string
		for i := range 6 {
			all = append(all, h.user(fmt.Sprintf(`{"userName":"u%d"}`, i)))
		}
		n := 0
		rapid.Check(t, func(rt *rapid.T) {
			n++
			team := h.group(fmt.Sprintf(`{"displayName":"T%d"}`, n))
			want := map[string]bool{}
			for range rapid.IntRange(1, 8).Draw(rt, "operations") {
				ids := rapid.SliceOfN(rapid.SampledFrom(all), 0, 4).Draw(rt, "ids")
				op := rapid.SampledFrom([]string{"add", "remove", "replace", "clear", "filter"}).Draw(rt, "op")
				list := `["` + strings.Join(ids, `","`) + `"]`
				if len(ids) == 0 {
					list = "[]"
				}
				text := fmt.Sprintf(`{"op":%q,"path":"members","value":%s}`, op, list)
				switch op {
				case "replace":
					clear(want)
				case "clear":
					text, ids = `{"op":"remove","path":"members"}`, nil
					clear(want)
				case "filter":
					ids = ids[:min(1, len(ids))]
					text = fmt.Sprintf(`{"op":"remove","path":"members[value eq \"%s\"]"}`, strings.Join(ids, ""))
				}
				for _, id := range ids {
					if want[id] = op == "add" || op == "replace"; !want[id] {
						delete(want, id)
					}
				}
				if err := h.patchTeam(team, text); err != nil {
					rt.Fatalf("%s: %v", text, err)
				}
			}
			got := h.members(team)
			if len(got) != len(want) || slices.ContainsFunc(got, func(id string) bool { return !want[id] }) {
				rt.Fatalf("members %v, want %v", got, want)
			}
		})
	})
}

// statements counts the statements that do runs.
func (h *house) statements(do func()) int64 {
	h.t.Helper()
	var n atomic.Int64
	count := func(*gorm.DB) { n.Add(1) }
	for i, g := range []*gorm.DB{h.db.Read(h.t.Context()), h.writer()} {
		name := fmt.Sprintf("test:count%d", i)
		c := g.Callback()
		for what, err := range map[string]error{
			"row": c.Row().Before("gorm:row").Register(name, count), "query": c.Query().Before("gorm:query").Register(name, count),
			"raw": c.Raw().Before("gorm:raw").Register(name, count), "update": c.Update().Before("gorm:update").Register(name, count),
		} {
			if err != nil {
				h.t.Fatal(what, err)
			}
		}
		defer func() {
			for _, err := range []error{c.Row().Remove(name), c.Query().Remove(name), c.Raw().Remove(name), c.Update().Remove(name)} {
				if err != nil {
					h.t.Error(err)
				}
			}
		}()
		if h.db.Dialect == database.Postgres {
			break // one handle reads and writes
		}
	}
	do()
	return n.Load()
}

func (h *house) writer() *gorm.DB {
	h.t.Helper()
	var g *gorm.DB
	if err := h.db.InTx(h.t.Context(), func(tx database.Tx) error { g = tx.DB; return nil }); err != nil {
		h.t.Fatal(err)
	}
	return g
}

func TestHowManyStatementsACallTakes(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		h := newHouse(t, db)
		boss := h.user(`{"userName":"boss"}`)
		var ids []string
		for i := range 30 {
			ids = append(ids, h.user(fmt.Sprintf(`{"userName":"u%d","%s":{"manager":{"value":"%s"}}}`, i, scim.EnterpriseURN, boss)))
		}
		var team string
		for i := range 5 {
			team = h.group(fmt.Sprintf(`{"displayName":"T%d","members":["%s"]}`, i, strings.Join(ids, `","`)))
		}
		without := h.p.GroupType().ParseProjection(nil, []string{"members"})
		list := func(q directory.Query) func() {
			return func() {
				if _, err := h.p.Users(t.Context(), h.by, q); err != nil {
					t.Error(err)
				}
			}
		}
		for _, c := range []struct {
			name string
			most int64
			do   func()
		}{
			{"reading a person with teams and manager", 1, func() { h.read(ids[0]) }},
			{"finding a person", 1, list(directory.Query{Filter: h.filter(`userName eq "u1"`), Count: 100})},
			{"a page with its total", 2, list(directory.Query{Count: 10})},
			{"a page that is all", 1, list(directory.Query{Count: 100})},
			{"a team with its members", 2, func() { h.members(team) }},
			{"a team without members", 1, func() { _, _ = h.p.Group(t.Context(), h.by, team, without) }},
			{"a page of teams with members", 2, func() { _, _ = h.p.Groups(t.Context(), h.by, directory.Query{Count: 100}) }},
			{"a page of teams without members", 1, func() { _, _ = h.p.Groups(t.Context(), h.by, directory.Query{Count: 100, Projection: without}) }},
			{"creating a person", 5, func() { h.user(`{"userName":"new","externalId":"e","emails":[{"value":"x@acme.test"}]}`) }},
			{"changing a person", 5, func() { _, _ = h.patch(ids[0], `{"op":"replace","path":"title","value":"x"}`) }},
			{"removing one of 30 members, which the guard counts", 7, func() {
				_, _ = h.p.PatchGroup(t.Context(), h.by, team, operations(t, `{"op":"remove","path":"members","value":["`+ids[3]+`"]}`), nil, without)
			}},
			{"adding one to 29 members", 5, func() {
				_, _ = h.p.PatchGroup(t.Context(), h.by, team, operations(t, `{"op":"add","path":"members","value":["`+ids[3]+`"]}`), nil, without)
			}},
		} {
			if got := h.statements(c.do); got > c.most || got == 0 {
				t.Errorf("%s takes %d statements, want at most %d", c.name, got, c.most)
			}
		}
	})
}

func (h *house) filter(text string) scim.Expr {
	h.t.Helper()
	e, err := h.p.UserType().ParseFilter(text)
	if err != nil {
		h.t.Fatal(err)
	}
	return e
}

func TestAPageShowsOnlySoManyMembers(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		h := newHouse(t, db)
		one := h.user(`{"userName":"one"}`)
		var teams []string
		for i := range 3 {
			teams = append(teams, h.group(fmt.Sprintf(`{"displayName":"T%d","members":["%s"]}`, i, one)))
		}
		slices.Sort(teams)
		big := teams[1]
		err := db.InTx(t.Context(), func(tx database.Tx) error {
			now := time.Now()
			for range directory.MaxListedMembers / 500 {
				rows, args := []string(nil), []any(nil)
				for range 500 {
					id := fmt.Sprintf("ppl_%d", len(args)+int(time.Now().UnixNano()))
					rows = append(rows, "(?, ?, 'directory', 'user', ?, ?, '', '', ?, ?)")
					args = append(args, id, h.by.Workspace, id, id, now, now)
				}
				err := tx.Exec("INSERT INTO people (id, workspace_id, source, role, user_name, user_name_key, name, name_key, created_at, updated_at) VALUES "+strings.Join(rows, ", "), args...).Error
				if err != nil {
					return err
				}
			}
			return tx.Exec("INSERT INTO team_members (team_id, person_id, workspace_id) SELECT ?, id, workspace_id FROM people WHERE workspace_id = ? ON CONFLICT DO NOTHING", big, h.by.Workspace).Error
		})
		if err != nil {
			t.Fatal(err)
		}
		page, err := h.p.Groups(t.Context(), h.by, directory.Query{Count: 10})
		if err != nil || len(page.Resources) != 3 {
			t.Fatal(err)
		}
		for _, r := range page.Resources {
			list, _ := r["members"].([]any)
			if id := scim.Text(r, "id"); id == teams[0] && len(list) != 1 || id == big && list != nil {
				t.Errorf("team %s shows %d members", id, len(list))
			}
		}
		if got := len(h.members(big)); got != directory.MaxListedMembers+1 {
			t.Errorf("by itself it shows %d", got)
		}
	})
}

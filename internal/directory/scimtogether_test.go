package directory_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/ident"
	"github.com/countersign/countersign/internal/scim"
)

// neighbours is another workspace of the same database, with a token of its own.
func neighbours(h *house) *house {
	other := newHouse(h.t, h.db)
	other.by.Token = ident.New("tok")
	h.exec("INSERT INTO scim_tokens (id, workspace_id, digest, sealed, hint, state, created_at, created_by) SELECT ?, ?, ?, sealed, hint, state, created_at, created_by FROM scim_tokens",
		other.by.Token, other.by.Workspace, []byte(other.by.Token))
	return other
}

// dead is who calls with a token that was never made.
func dead(by actor.Actor) actor.Actor {
	by.Token = "tok_gone"
	return by
}

// TestWhoIsChangedTogetherIsChangedAsIfAlone: one statement locks the people of a batch and one or two write them, with the rows that tell of it;
// whoever is not plain is left alone and harms nobody.
func TestWhoIsChangedTogetherIsChangedAsIfAlone(t *testing.T) {
	h, _ := quick(t)
	h.dir.Witness("teams", "SELECT count(*) FROM team_members WHERE person_id = ?")
	h.dir.Trace("SELECT FROM team_members WHERE person_id = ?")
	q, other := h.p.Quick(), neighbours(h)
	make1 := func(name string) string {
		return h.user(fmt.Sprintf(`{"userName":"%s","displayName":"%s","title":"CTO","externalId":"e-%s"}`, name, name, name))
	}
	bound, admin := make1("bound"), make1("admin")
	h.group(`{"displayName":"Support","members":["` + bound + `"]}`)
	h.exec("UPDATE people SET role = 'admin' WHERE id = ?", admin)
	twice, foreign := make1("twice"), other.user(`{"userName":"foreign","title":"CTO"}`)
	const leave, title = `{"op":"replace","path":"active","value":false}`, `{"op":"replace","path":"title","value":"%s"}`
	none := func(string) bool { return false }
	cases := []struct {
		name    string
		by      actor.Actor
		id, ops string
		match   directory.IfMatch
		done    bool
		event   string // "" for nothing
		leaves  bool
	}{
		{"a title", h.by, make1("ana"), fmt.Sprintf(title, "Zoë's \\\"x\\\""), nil, true, "person.changed", false},
		{"another title", h.by, make1("ben"), fmt.Sprintf(title, "CFO"), nil, true, "person.changed", false},
		{"no title any more and no externalId", h.by, make1("cleo"), `{"op":"remove","path":"title"},{"op":"remove","path":"externalId"}`, nil, true, "person.changed", false},
		{"what is so already", h.by, make1("dora"), fmt.Sprintf(title, "CTO"), nil, true, "", false},
		{"who leaves", h.by, make1("emil"), leave, nil, true, "person.deactivated", true},
		{"who leaves too", h.by, make1("finn"), leave, nil, true, "person.deactivated", true},
		{"who leaves with a title", h.by, make1("gina"), `{"op":"replace","value":{"active":false,"title":"gone"}}`, nil, true, "person.deactivated", true},
		{"somebody in a neighbours' token's hands", other.by, foreign, fmt.Sprintf(title, "CEO"), nil, true, "person.changed", false},
		{"somebody of the neighbours", h.by, foreign, leave, nil, false, "", false},
		{"nobody", h.by, "ppl_nobody", leave, nil, false, "", false},
		{"who has something that ends", h.by, bound, leave, nil, false, "", false},
		{"an admin", h.by, admin, leave, nil, false, "", false},
		{"another version", h.by, make1("late"), fmt.Sprintf(title, "CFO"), none, false, "", false},
		{"a wrong value", h.by, make1("wrong"), `{"op":"replace","path":"active","value":"perhaps"}`, nil, false, "", false},
		{"a dead token", dead(h.by), make1("dead"), fmt.Sprintf(title, "CFO"), nil, false, "", false},
		{"one person", h.by, twice, fmt.Sprintf(title, "first"), nil, true, "person.changed", false},
		{"the same person", h.by, twice, fmt.Sprintf(title, "second"), nil, false, "", false},
	}
	var in []directory.Patch
	versions := map[string]int64{}
	for _, c := range cases {
		in = append(in, directory.Patch{By: c.by, ID: c.id, Ops: operations(t, c.ops), Match: c.match})
		versions[c.id] = h.number("SELECT version FROM people WHERE id = ?", c.id)
	}
	kept := func(c directory.Change) (directory.Row, error) {
		return directory.Row{Insert: "unused", Into: "counters (key, count, expires_at)", Values: []any{c.ID, 1, c.At}}, nil
	}
	out, err := q.PatchTogether(directory.Recording(t.Context(), kept), in...)
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]int64{} // how often of whom
	for i, c := range cases {
		if (out[i] != nil) != c.done {
			t.Errorf("%s: done %v", c.name, out[i] != nil)
			continue
		}
		if c.event != "" {
			told[c.id]++
		}
		if !c.done {
			continue
		}
		read, err := h.p.User(t.Context(), c.by, c.id, scim.Projection{})
		if diff := cmp.Diff(plain(t, read), plain(t, out[i])); err != nil || diff != "" {
			t.Errorf("%s: %v (- ordinary, + quick)\n%s", c.name, err, diff)
		}
		if c.event != "" && h.number("SELECT count(*) FROM audit_events WHERE event = ? AND subject = ? AND workspace_id = ?", c.event, c.id, c.by.Workspace) != 1 {
			t.Errorf("%s: the audit has no %s", c.name, c.event)
		}
		receipts := h.number("SELECT count(*) FROM offboardings WHERE person_id = ? AND workspace_id = ? AND cause = 'deactivated'", c.id, c.by.Workspace)
		if (receipts == 1) != c.leaves || out[i]["active"] == c.leaves {
			t.Errorf("%s: %d receipts, active %v", c.name, receipts, out[i]["active"])
		}
	}
	for id, was := range versions {
		for what, sql := range map[string]string{"version": "SELECT version - ? FROM people WHERE id = ?", "row of the log": "SELECT count(*) + 0 * ? FROM counters WHERE key = ?"} {
			if got := h.number(sql, was, id); id != "ppl_nobody" && got != told[id] || what == "version" && id == "ppl_nobody" && got != 0 {
				t.Errorf("%s of %s: %d more, want %d", what, id, got, told[id])
			}
		}
	}
	if got := h.find(`title eq "Zoë's \"x\"" and externalId eq "e-ana"`); !cmp.Equal(got, []string{cases[0].id}) {
		t.Errorf("found %v", got)
	}
}

// TestWhoIsSoughtTogetherIsFoundAsIfAlone: one statement for each form of search, whose rows come to the call that asked for them.
func TestWhoIsSoughtTogetherIsFoundAsIfAlone(t *testing.T) {
	h, q := quick(t)
	other := neighbours(h)
	const manager = `"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"manager":{"value":"%s"}}`
	boss := h.user(`{"userName":"boss","displayName":"Boss","externalId":"e1","emails":[{"value":"boss@acme.test","type":"work"}]}`)
	ana := h.user(fmt.Sprintf(`{"userName":"Ana","externalId":"e2","emails":[{"value":"us@acme.test","type":"home"},{"value":"ana@acme.test","type":"work"}],`+manager+`}`, boss))
	h.user(fmt.Sprintf(`{"userName":"ben","externalId":"e3","emails":[{"value":"us@acme.test","type":"work"}],`+manager+`}`, "nobody"))
	h.user(`{"userName":"cleo","emails":[{"value":"us@acme.test","type":"work"}]}`)
	foreign := other.user(fmt.Sprintf(`{"userName":"ana","externalId":"e2","emails":[{"value":"us@acme.test","type":"work"}],`+manager+`}`, boss))
	h.group(`{"displayName":"Second line","members":["` + ana + `"]}`)
	h.group(`{"displayName":"A","members":["` + ana + `","` + boss + `"]}`)
	h.must(h.p.DeleteGroup(t.Context(), h.by, h.group(`{"displayName":"Gone","members":["`+ana+`"]}`), nil))
	none := h.p.UserType().ParseProjection(nil, []string{"groups"})
	var in []directory.Search
	for _, by := range []actor.Actor{h.by, other.by, dead(h.by)} {
		for _, projection := range []scim.Projection{{}, none} {
			for _, id := range []string{ana, boss, foreign, "ppl_nobody"} {
				in = append(in, directory.Search{By: by, ID: id, Query: directory.Query{Projection: projection}})
			}
			for _, filter := range []string{`userName eq "ANA"`, `userName eq "ben"`, `userName eq "nobody"`, `externalId eq "e2"`, `externalId eq "e1"`,
				`emails[type eq "work"].value eq "us@acme.test"`, `emails[type eq "home"].value eq "us@acme.test"`, `emails.value eq "boss@acme.test"`,
				`externalId eq "e2" and active eq true`, `id eq "` + ana + `"`} {
				in = append(in, directory.Search{By: by, Query: directory.Query{Count: 10, Projection: projection, Filter: h.filter(filter), Said: filter}})
			}
		}
	}
	in = append(in, directory.Search{By: h.by, Query: directory.Query{Count: 1, Filter: h.filter(`emails[type eq "work"].value eq "us@acme.test"`)}}) // and one more, which shows that a page follows
	out, err := q.SearchTogether(t.Context(), in...)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for i, s := range in {
		if s.By.Token == "tok_gone" {
			if out[i] != nil {
				t.Errorf("%q %q with a dead token: %v", s.ID, s.Query.Said, out[i])
			}
			continue
		}
		want := []scim.Resource{}
		if s.ID == "" {
			s.Query.Count = 10
			page, err := h.p.Users(t.Context(), s.By, s.Query)
			h.must(err)
			want = page.Resources
		} else if r, err := h.p.User(t.Context(), s.By, s.ID, s.Query.Projection); err == nil {
			want = append(want, r)
		}
		found += len(want)
		if len(want) != len(out[i]) {
			t.Errorf("%q %q: %d found, want %d", s.ID, s.Query.Said, len(out[i]), len(want))
			continue
		}
		for n := range want {
			if diff := cmp.Diff(plain(t, want[n]), plain(t, out[i][n])); diff != "" {
				t.Errorf("%q %q (- ordinary, + quick):\n%s", s.ID, s.Query.Said, diff)
			}
		}
	}
	if found < 20 {
		t.Errorf("only %d were found", found)
	}
	for _, filter := range []string{`title eq "CTO"`, `userName sw "a"`, `not (userName eq "ana")`, `userName eq "ana" or externalId eq "e1"`, `externalId ne "e1"`, `active eq true`} {
		if _, err := q.SearchTogether(t.Context(), directory.Search{By: h.by, Query: directory.Query{Count: 10, Filter: h.filter(filter)}}); err == nil {
			t.Errorf("%s finds few", filter)
		}
	}
}

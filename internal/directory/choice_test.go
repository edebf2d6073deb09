package directory_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
	"github.com/countersign/countersign/internal/directory"
)

// listed is one person of a crowd as a test knows them.
type listed struct {
	id, name     string
	role         directory.Role
	source       directory.Source
	active, team bool
}

func (p listed) chosen(c directory.Choice) bool {
	return (c.Role == "" || c.Role == p.role) && (c.Source == "" || c.Source == p.source) && (c.Active == nil || *c.Active == p.active) &&
		(c.Team == "" || c.Team == "tea_crowd" && p.team) && (c.Among == nil || slices.Contains(c.Among, p.id)) && strings.HasPrefix(p.name, c.Text)
}

// crowd adds 60 people of every kind, in the order in which it gives them; the Owner comes before them. Some share the instant of their creation.
func (h localWorld) crowd() []listed {
	h.Helper()
	roles := []directory.Role{directory.User, directory.Guest, directory.User, directory.Admin, directory.SuperAdmin}
	all := []listed{{id: h.owner.Person, name: "ana kovač", role: directory.Owner, source: directory.Local, active: true}}
	h.in(func(tx database.Tx) error {
		now, err := tx.Now()
		if err != nil {
			return err
		}
		if err := tx.Exec("INSERT INTO teams (id, workspace_id, display_name, display_name_key, created_at, updated_at) VALUES ('tea_crowd', ?, 'Crowd', 'crowd', ?, ?)", h.id, now, now).Error; err != nil {
			return err
		}
		for i := range 60 {
			p := listed{id: fmt.Sprintf("ppl_c%02d", i), name: fmt.Sprintf("%c person %02d", 'a'+i%3, i), role: roles[i%5], source: directory.Provider, active: i%7 != 0, team: i%2 == 0}
			if i%4 == 0 {
				p.source = directory.Local
			}
			var gone *time.Time
			if i%10 == 8 {
				gone = &now
			}
			at := now.Add(time.Duration(1+i/3) * time.Second)
			err := tx.Exec("INSERT INTO people (id, workspace_id, source, role, active, user_name, user_name_key, name, name_key, email, email_key, external_id, created_at, updated_at, deleted_at)"+
				" VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", p.id, h.id, string(p.source), string(p.role), p.active, p.id+"@acme.test", p.id+"@acme.test", strings.ToUpper(p.name), p.name,
				p.id+"@mail.test", p.id+"@mail.test", "x"+p.id, at, at, gone).Error
			if err != nil {
				return err
			}
			if p.team {
				if err := tx.Exec("INSERT INTO team_members (team_id, person_id, workspace_id) VALUES ('tea_crowd', ?, ?)", p.id, h.id).Error; err != nil {
					return err
				}
			}
			if gone == nil {
				all = append(all, p)
			}
		}
		return nil
	})
	return all
}

// pages are the ids of all pages of a choice, and how many pages there were.
func (h localWorld) pages(c directory.Choice, size int) (ids []string, n int) {
	h.Helper()
	for after := ""; ; n++ {
		page, err := directory.List(h.db.Read(h.Context()), h.id, c, after, size)
		if err != nil {
			h.Fatalf("%+v: %v", c, err)
		}
		if len(page.Items) > size {
			h.Fatalf("%+v: %d people on a page of %d", c, len(page.Items), size)
		}
		for _, m := range page.Items {
			ids = append(ids, m.ID)
		}
		if after = page.Next; after == "" || n > 200 {
			return ids, n + 1
		}
	}
}

func TestFiltersChooseTheSamePeopleHoweverTheyAreFound(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		h := newLocal(t, db)
		all := h.crowd()
		yes, no := true, false
		choices := []directory.Choice{{Source: directory.Local}, {Source: directory.Provider, Active: &yes}, {Active: &no, Team: "tea_crowd", Source: directory.Local}, {Role: directory.Owner}}
		for _, role := range []directory.Role{"", directory.User, directory.Guest, directory.Admin} {
			for _, team := range []string{"", "tea_crowd"} {
				choices = append(choices, directory.Choice{Role: role, Team: team}, directory.Choice{Role: role, Team: team, Active: &no},
					directory.Choice{Role: role, Team: team, Source: directory.Local, Active: &yes})
			}
		}
		choices = append(choices, directory.Choice{Among: []string{}}, directory.Choice{Among: []string{"ppl_c09", "ppl_c11", "ppl_c06", "ppl_other"}},
			directory.Choice{Among: []string{"ppl_c11", "ppl_c06"}, Role: directory.Guest}, directory.Choice{Team: "tea_nothing"})
		for _, c := range choices {
			var want []string
			for _, p := range all {
				if p.chosen(c) {
					want = append(want, p.id)
				}
			}
			for _, way := range []struct {
				name string
				c    directory.Choice
				size int
			}{{"one filter is read whole, by pages", c, 17}, {"people are looked through", c.Within(1, 19), 17}} {
				if got, _ := h.pages(way.c, way.size); !slices.Equal(got, want) {
					t.Errorf("%s, %+v: %v, want %v", way.name, c, got, want)
				}
			}
		}
		if got, n := h.pages(directory.Choice{Role: directory.User, Team: "tea_crowd"}.Within(1, 5), 50); n < 10 {
			t.Errorf("a page looks through 5 of 55 people, and there were %d pages: %v", n, got)
		}
	})
}

func TestASearchFindsAmongTheChosen(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		h := newLocal(t, db)
		all := h.crowd()
		no := false
		for _, c := range []directory.Choice{
			{Text: "b p"}, {Text: "b p", Role: directory.Guest}, {Text: "b p", Role: directory.User}, {Text: "a", Active: &no}, {Text: "c person 2", Team: "tea_crowd"},
			{Text: "b p", Source: directory.Local, Team: "tea_crowd"}, {Text: "z"}, {Text: "a p", Role: directory.Admin}, {Text: "b p", Among: []string{"ppl_c01", "ppl_c04", "ppl_c02"}},
		} {
			var want []listed
			for _, p := range all {
				if p.chosen(c) {
					want = append(want, p)
				}
			}
			slices.SortFunc(want, func(a, b listed) int { return cmp.Compare(a.name, b.name) })
			for name, c := range map[string]directory.Choice{"one filter is read whole": c, "names are looked through": c.Within(1, 100)} {
				page, err := directory.List(h.db.Read(h.Context()), h.id, c, "", 50)
				if err != nil {
					t.Fatal(err)
				}
				if page.Part {
					t.Errorf("%s, %q of %+v: all are there, and there may be more", name, c.Text, c)
				}
				if !slices.EqualFunc(page.Items, want, func(m directory.Member, p listed) bool { return m.ID == p.id }) {
					t.Errorf("%s, %q of %+v: %d people, want %d: %v", name, c.Text, c, len(page.Items), len(want), page.Items)
				}
			}
		}
		for _, tt := range []struct {
			name  string
			c     directory.Choice
			limit int
			part  bool
		}{
			{name: "as many as match", c: directory.Choice{Text: "b p"}, limit: 18},
			{name: "fewer than match", c: directory.Choice{Text: "b p"}, limit: 17, part: true},
			{name: "one of several guests", c: directory.Choice{Text: "b p", Role: directory.Guest}, limit: 1, part: true},
			{name: "only the first five who match are filtered", c: directory.Choice{Text: "b p", Role: directory.User}.Within(1, 5), limit: 50, part: true},
			{name: "as many as match are filtered", c: directory.Choice{Text: "b p", Role: directory.User}.Within(1, 18), limit: 50},
		} {
			page, err := directory.List(h.db.Read(h.Context()), h.id, tt.c, "", tt.limit)
			if err != nil || len(page.Items) == 0 || len(page.Items) > tt.limit || page.Part != tt.part {
				t.Errorf("%s: %d people, part %v, %v", tt.name, len(page.Items), page.Part, err)
			}
		}
		for _, text := range []string{"ppl_c17@mail.test", "PPL_C17@acme", "c person 17"} { // by each of the three
			page, err := directory.List(h.db.Read(h.Context()), h.id, directory.Choice{Text: text, Team: ""}, "", 50)
			if err != nil || len(page.Items) != 1 || page.Items[0].ID != "ppl_c17" {
				t.Errorf("%q: %+v, %v", text, page.Items, err)
			}
		}
	})
}

func TestSomebodyIsSoughtByEachTrait(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		h, other := newLocal(t, db), newLocal(t, db)
		h.crowd()
		other.add("stranger@acme.test", directory.User)
		h.in(func(tx database.Tx) error {
			if err := tx.Exec("INSERT INTO person_emails (person_id, value_key, workspace_id) VALUES ('ppl_c05', 'five@home.test', ?)", h.id).Error; err != nil {
				return err
			}
			if err := tx.Exec("DELETE FROM team_members WHERE person_id = 'ppl_c48'").Error; err != nil {
				return err
			}
			return tx.Exec("UPDATE people SET forgotten_at = deleted_at WHERE id = 'ppl_c48'").Error
		})
		for text, want := range map[string][]string{
			"ppl_c04": {"ppl_c04"}, "PPL_C04@ACME.TEST": {"ppl_c04"}, "ppl_c04@mail.test": {"ppl_c04"}, "xppl_c04": {"ppl_c04"}, " B Person 04 ": {"ppl_c04"}, "five@home.test": {"ppl_c05"},
			"ppl_c18": {"ppl_c18"}, "ppl_c18@acme.test": {"ppl_c18"}, "ppl_c18@mail.test": {"ppl_c18"}, "xppl_c18": {"ppl_c18"}, "a person 18": {"ppl_c18"}, // deleted
			"ppl_c48": nil, "ppl_c48@mail.test": nil, "stranger@acme.test": nil, "ppl": nil,
		} {
			found, err := directory.Seek(db.Read(t.Context()), h.id, text)
			if err != nil || !slices.EqualFunc(found, want, func(s directory.Sought, id string) bool { return s.ID == id }) {
				t.Errorf("%q: %+v, %v", text, found, err)
			}
		}
		team, err := directory.FindTeam(db.Read(t.Context()), h.id, "tea_crowd")
		if err != nil || team.Members != 24 {
			t.Errorf("members of the team: %d, %v", team.Members, err)
		}
	})
}

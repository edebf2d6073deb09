package directory_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/ident"
)

// localWorld is a workspace with its Owner.
type localWorld struct {
	*testing.T
	db    *database.DB
	s     *directory.Service
	id    string
	owner actor.Actor
	ended *[]string
}

func newLocal(t *testing.T, db *database.DB) localWorld {
	t.Helper()
	h := localWorld{T: t, db: db, id: ident.New("wsp"), ended: &[]string{}}
	h.s = directory.New(db, func(_ database.Tx, _ actor.Actor, p directory.Person, _ time.Time) error {
		*h.ended = append(*h.ended, p.ID)
		return nil
	})
	h.in(func(tx database.Tx) error {
		now, err := tx.Now()
		if err != nil {
			return err
		}
		if err := tx.Exec("INSERT INTO workspaces (id, slug, name, created_at) VALUES (?, ?, 'Acme', ?)", h.id, ident.Base62(8), now).Error; err != nil {
			return err
		}
		p, err := directory.AddOwner(tx, actor.Actor{Kind: actor.Operator}, h.id, "Ana Kovač", "ana@acme.test")
		h.owner = actorOf(p)
		return err
	})
	return h
}

func actorOf(p directory.Person) actor.Actor {
	return actor.Actor{Kind: actor.Person, Workspace: p.Workspace, Person: p.ID, Name: p.Name, Role: string(p.Role)}
}

func (h localWorld) in(do func(tx database.Tx) error) {
	h.Helper()
	if err := h.db.InTx(h.Context(), do); err != nil {
		h.Fatal(err)
	}
}

func (h localWorld) try(by actor.Actor, name, email string, role directory.Role) (p directory.Person, err error) {
	err = h.db.InTx(h.Context(), func(tx database.Tx) (err error) {
		p, err = directory.Add(tx, by, name, email, role)
		return err
	})
	return p, err
}

func (h localWorld) add(email string, role directory.Role) directory.Person {
	h.Helper()
	p, err := h.try(h.owner, "Somebody", email, role)
	if err != nil {
		h.Fatal(err)
	}
	return p
}

// provide makes a person look as if the identity provider had sent them.
func (h localWorld) provide(p directory.Person) {
	h.Helper()
	h.in(func(tx database.Tx) error {
		return tx.Exec("UPDATE people SET source = 'directory' WHERE id = ?", p.ID).Error
	})
}

func TestAdd(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		h := newLocal(t, db)
		other := newLocal(t, db)
		h.add("ben@acme.test", directory.SuperAdmin)
		for _, tt := range []struct {
			name  string
			by    actor.Actor
			shown string
			email string
			role  directory.Role
			want  error
		}{
			{name: "the Owner adds", by: h.owner, shown: "Cleo", email: "cleo@acme.test", role: directory.Admin},
			{name: "the operator adds", by: actor.Actor{Kind: actor.Operator, Workspace: h.id}, shown: "Dan", email: "dan@acme.test", role: directory.User},
			{name: "blanks around", by: h.owner, shown: " Eva ", email: " eva@acme.test ", role: directory.Guest},
			{name: "the same address in another letter case", by: h.owner, shown: "Ben", email: "BEN@acme.test", role: directory.User, want: directory.ErrEmailTaken},
			{name: "the Owner's address", by: h.owner, shown: "Ana", email: "ana@acme.test", role: directory.User, want: directory.ErrEmailTaken},
			{name: "a second Owner", by: h.owner, shown: "Eve", email: "eve@acme.test", role: directory.Owner, want: directory.ErrOneOwner},
			{name: "a role nobody knows", by: h.owner, shown: "Eve", email: "eve@acme.test", role: "root", want: directory.ErrRole},
			{name: "no name", by: h.owner, shown: " ", email: "eve@acme.test", role: directory.User, want: directory.ErrName},
			{name: "NUL in the name", by: h.owner, shown: "E\x00ve", email: "eve@acme.test", role: directory.User, want: directory.ErrName},
			{name: "no address", by: h.owner, shown: "Eve", email: "eve", role: directory.User, want: directory.ErrEmail},
			{name: "an address with a display name", by: h.owner, shown: "Eve", email: "Eve <eve@acme.test>", role: directory.User, want: directory.ErrEmail},
			{name: "two addresses", by: h.owner, shown: "Eve", email: "eve@acme.test, x@acme.test", role: directory.User, want: directory.ErrEmail},
			{name: "another workspace's Owner", by: actor.Actor{Kind: actor.Person, Workspace: h.id, Person: other.owner.Person, Role: "owner"}, shown: "Eve",
				email: "eve@acme.test", role: directory.User, want: directory.ErrForbidden},
		} {
			t.Run(tt.name, func(t *testing.T) {
				p, err := h.try(tt.by, tt.shown, tt.email, tt.role)
				if !errors.Is(err, tt.want) {
					t.Fatalf("got %v, want %v", err, tt.want)
				}
				if err != nil {
					return
				}
				read, err := directory.Find(db.Read(t.Context()), h.id, p.ID)
				if err != nil || cmp.Diff(p, read) != "" || p.Source != directory.Local || !p.Active || p.UserName != p.Email {
					t.Errorf("made %+v, read %+v, %v", p, read, err)
				}
				if _, err := directory.Find(db.Read(t.Context()), other.id, p.ID); !errors.Is(err, fault.ErrNotFound) {
					t.Errorf("another workspace: %v", err)
				}
			})
		}
		if _, err := other.try(other.owner, "Ben", "ben@acme.test", directory.User); err != nil {
			t.Errorf("the same address in another workspace: %v", err)
		}
	})
}

func TestRolesMayAdd(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		h := newLocal(t, db)
		for role, want := range map[directory.Role]error{directory.SuperAdmin: nil, directory.Admin: directory.ErrForbidden,
			directory.User: directory.ErrForbidden, directory.Guest: directory.ErrForbidden} {
			by := actorOf(h.add(string(role)+"@acme.test", role))
			if _, err := h.try(by, "New", "new-by-"+string(role)+"@acme.test", directory.User); !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", role, err, want)
			}
			by.Role = "owner" // an actor's role is from before; the row counts
			if _, err := h.try(by, "New", "again-by-"+string(role)+"@acme.test", directory.User); !errors.Is(err, want) {
				t.Errorf("%s that says owner: %v, want %v", role, err, want)
			}
		}
	})
}

func TestChange(t *testing.T) {
	role := func(r directory.Role) *directory.Role { return &r }
	on, off := new(true), new(false)
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		for _, tt := range []struct {
			name   string
			by     directory.Role
			target directory.Role
			self   bool
			from   directory.Source
			role   *directory.Role
			active *bool
			want   error
		}{
			{name: "the Owner gives a role", by: directory.Owner, target: directory.User, role: role(directory.Admin)},
			{name: "a Super Admin gives their own role", by: directory.SuperAdmin, target: directory.User, role: role(directory.SuperAdmin)},
			{name: "a Super Admin takes another's role", by: directory.SuperAdmin, target: directory.SuperAdmin, role: role(directory.Guest)},
			{name: "a Super Admin takes their own", by: directory.SuperAdmin, self: true, role: role(directory.User)},
			{name: "the same role again", by: directory.Owner, target: directory.User, role: role(directory.User)},
			{name: "an Admin gives a role", by: directory.Admin, target: directory.User, role: role(directory.Admin), want: directory.ErrForbidden},
			{name: "a User raises themselves", by: directory.User, self: true, role: role(directory.SuperAdmin), want: directory.ErrForbidden},
			{name: "a second Owner", by: directory.Owner, target: directory.User, role: role(directory.Owner), want: directory.ErrOneOwner},
			{name: "the Owner steps down", by: directory.Owner, self: true, role: role(directory.User), want: directory.ErrOneOwner},
			{name: "a Super Admin takes the Owner's role", by: directory.SuperAdmin, target: directory.Owner, role: role(directory.User), want: directory.ErrOneOwner},
			{name: "a role nobody knows", by: directory.Owner, target: directory.User, role: role("root"), want: directory.ErrRole},
			{name: "switching off", by: directory.Owner, target: directory.Admin, active: off},
			{name: "switching on what is on", by: directory.Owner, target: directory.Admin, active: on},
			{name: "a Super Admin switches another off", by: directory.SuperAdmin, target: directory.SuperAdmin, active: off},
			{name: "switching oneself off", by: directory.SuperAdmin, self: true, active: off, want: directory.ErrSelf},
			{name: "the Owner switches themselves off", by: directory.Owner, self: true, active: off, want: directory.ErrSelf},
			{name: "a Super Admin switches the Owner off", by: directory.SuperAdmin, target: directory.Owner, active: off, want: directory.ErrOwnerOnly},
			{name: "an Admin switches a User off", by: directory.Admin, target: directory.User, active: off, want: directory.ErrForbidden},
			{name: "a directory person's role", by: directory.Owner, target: directory.User, from: directory.Provider, role: role(directory.Admin)},
			{name: "switching a directory person off", by: directory.Owner, target: directory.User, from: directory.Provider, active: off},
			{name: "role and active, one of them refused", by: directory.SuperAdmin, self: true, role: role(directory.Admin), active: off, want: directory.ErrSelf},
		} {
			t.Run(tt.name, func(t *testing.T) {
				h := newLocal(t, db)
				by := h.owner
				if tt.by != directory.Owner {
					by = actorOf(h.add("by@acme.test", tt.by))
				}
				target := by.Person
				switch {
				case tt.self:
				case tt.target == directory.Owner:
					target = h.owner.Person
				default:
					p := h.add("target@acme.test", tt.target)
					target = p.ID
					if tt.from == directory.Provider {
						h.provide(p)
					}
				}
				before, err := directory.Find(db.Read(t.Context()), h.id, target)
				if err != nil {
					t.Fatal(err)
				}
				got, err := h.s.Change(t.Context(), by, target, tt.role, tt.active)
				if !errors.Is(err, tt.want) {
					t.Fatalf("got %v, want %v", err, tt.want)
				}
				after, ferr := directory.Find(db.Read(t.Context()), h.id, target)
				if ferr != nil {
					t.Fatal(ferr)
				}
				switch {
				case err != nil:
					if diff := cmp.Diff(before, after); diff != "" || len(*h.ended) != 0 {
						t.Errorf("refused, but changed:\n%s", diff)
					}
					return
				case cmp.Diff(got, after) != "":
					t.Errorf("answered %+v, kept %+v", got, after)
				case tt.role != nil && after.Role != *tt.role, tt.active != nil && after.Active != *tt.active:
					t.Errorf("kept %+v", after)
				}
				ended := !after.Active && before.Active
				if ended != slices.Contains(*h.ended, target) {
					t.Errorf("ended: %v", *h.ended)
				}
			})
		}
	})
}

func TestChangeInAnotherWorkspace(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		h, other := newLocal(t, db), newLocal(t, db)
		p := other.add("dan@acme.test", directory.User)
		role := directory.Admin
		for name, id := range map[string]string{"another workspace's": p.ID, "unknown": "ppl_none"} {
			if _, err := h.s.Change(t.Context(), h.owner, id, &role, nil); !errors.Is(err, fault.ErrNotFound) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func TestDeactivationIsOneTransaction(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		h := newLocal(t, db)
		p := h.add("dan@acme.test", directory.User)
		broken := errors.New("a phone cannot be ended")
		s := directory.New(db, func(database.Tx, actor.Actor, directory.Person, time.Time) error { return broken })
		if _, err := s.Change(t.Context(), h.owner, p.ID, nil, new(false)); !errors.Is(err, broken) {
			t.Fatal(err)
		}
		if got, err := directory.Find(db.Read(t.Context()), h.id, p.ID); err != nil || !got.Active {
			t.Errorf("%+v, %v", got, err)
		}
		events, err := audit.Newest(db.Read(t.Context()), h.id, 1)
		if err != nil || events[0].Event != "person.added" {
			t.Errorf("%+v, %v", events, err)
		}
	})
}

// TestLastAdmin: the directory may deactivate the Owner; then the last admin left can neither step down nor be switched off, not even by two
// who do it to each other at once.
func TestLastAdmin(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		h := newLocal(t, db)
		ben, cleo := h.add("ben@acme.test", directory.SuperAdmin), h.add("cleo@acme.test", directory.SuperAdmin)
		h.in(func(tx database.Tx) error {
			return tx.Exec("UPDATE people SET active = false WHERE id = ?", h.owner.Person).Error
		})
		user := directory.User
		var left, refused atomic.Int64
		var wg sync.WaitGroup
		for _, pair := range [][2]directory.Person{{ben, cleo}, {cleo, ben}} {
			wg.Go(func() {
				_, err := h.s.Change(t.Context(), actorOf(pair[0]), pair[1].ID, &user, nil)
				switch {
				case err == nil:
					left.Add(1)
				case errors.Is(err, directory.ErrLastAdmin), errors.Is(err, directory.ErrForbidden):
					refused.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if left.Load() != 1 || refused.Load() != 1 {
			t.Fatalf("%d stepped down, %d refused", left.Load(), refused.Load())
		}
		last := ben
		if p, err := directory.Find(db.Read(t.Context()), h.id, ben.ID); err != nil || p.Role != directory.SuperAdmin {
			last = cleo
		}
		if _, err := h.s.Change(t.Context(), actorOf(last), last.ID, &user, nil); !errors.Is(err, directory.ErrLastAdmin) {
			t.Errorf("the last one steps down: %v", err)
		}
	})
}

func TestByLogin(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		h := newLocal(t, db)
		dan, eva := h.add("dan@acme.test", directory.User), h.add("eva@acme.test", directory.User)
		h.add("twin@acme.test", directory.User)
		h.in(func(tx database.Tx) error { // as a directory may send them: a userName that is no address, an address that two share
			if err := tx.Exec("UPDATE people SET user_name = 'Eva.Ú', user_name_key = ? WHERE id = ?", directory.Key("Eva.Ú"), eva.ID).Error; err != nil {
				return err
			}
			return tx.Exec("UPDATE people SET email_key = 'shared@acme.test' WHERE id IN ?", []string{dan.ID, eva.ID}).Error
		})
		for _, tt := range []struct{ name, login, want string }{
			{name: "userName", login: "dan@acme.test", want: dan.ID},
			{name: "userName in another letter case", login: " DAN@Acme.Test", want: dan.ID},
			{name: "userName that is no address", login: "EVA.ú", want: eva.ID},
			{name: "an address that two share", login: "shared@acme.test"},
			{name: "nobody's", login: "nobody@acme.test"},
			{name: "nothing", login: " "},
			{name: "NUL", login: "dan\x00@acme.test"},
			{name: "not UTF-8", login: "dan\xff@acme.test"},
			{name: "a wildcard", login: "%"},
		} {
			got, err := directory.ByLogin(db.Read(t.Context()), h.id, tt.login)
			if got.ID != tt.want || (tt.want == "") != errors.Is(err, fault.ErrNotFound) {
				t.Errorf("%s: %q, %v", tt.name, got.ID, err)
			}
		}
	})
}

func TestListPages(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		h, other := newLocal(t, db), newLocal(t, db)
		other.add("stranger@acme.test", directory.User)
		want := []string{h.owner.Person}
		for i := range 7 {
			want = append(want, h.add(fmt.Sprintf("p%d@acme.test", i), directory.User).ID)
		}
		h.in(func(tx database.Tx) error { // the same instant: the id decides
			return tx.Exec("UPDATE people SET created_at = (SELECT min(created_at) FROM people) WHERE workspace_id = ?", h.id).Error
		})
		slices.Sort(want)
		for _, size := range []int{1, 3, 8, 50} {
			var got []string
			after := ""
			for range 20 {
				page, err := directory.List(db.Read(t.Context()), h.id, directory.Choice{}, after, size)
				if err != nil {
					t.Fatal(err)
				}
				for _, m := range page.Items {
					got = append(got, m.ID)
				}
				if after = page.Next; after == "" {
					break
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("pages of %d: %v, want %v", size, got, want)
			}
		}
		for _, bad := range []string{"x", "!!", "bm90aGluZw", "MS4"} {
			if _, err := directory.List(db.Read(t.Context()), h.id, directory.Choice{}, bad, 1); !errors.Is(err, directory.ErrCursor) {
				t.Errorf("cursor %q: %v", bad, err)
			}
		}
	})
}

func TestListSearches(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		h, other := newLocal(t, db), newLocal(t, db)
		for _, p := range []struct{ name, email string }{{"Ben Žák", "ben@acme.test"}, {"Benedikta", "zoe@acme.test"}, {"Cleo", "bella@acme.test"}, {"100% Dan", "dan@acme.test"}} {
			if _, err := h.try(h.owner, p.name, p.email, directory.User); err != nil {
				t.Fatal(err)
			}
		}
		other.add("ben@acme.test", directory.User)
		for _, tt := range []struct {
			q    string
			want []string
		}{
			{q: "BEN", want: []string{"Ben Žák", "Benedikta"}},
			{q: "be", want: []string{"Ben Žák", "Benedikta", "Cleo"}},
			{q: "ben ž", want: []string{"Ben Žák"}},
			{q: "100%", want: []string{"100% Dan"}},
			{q: "%", want: nil},
			{q: "acme", want: nil},
			{q: "b\x00", want: nil},
		} {
			page, err := directory.List(db.Read(t.Context()), h.id, directory.Choice{Text: tt.q}, "", 10)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, m := range page.Items {
				got = append(got, m.Name)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("%q: %v, want %v", tt.q, got, tt.want)
			}
		}
	})
}

func TestTeamsOfPeople(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		h, other := newLocal(t, db), newLocal(t, db)
		dan, eva := h.add("dan@acme.test", directory.User), h.add("eva@acme.test", directory.User)
		stranger := other.add("stranger@acme.test", directory.User)
		h.in(func(tx database.Tx) error {
			now, err := tx.Now()
			if err != nil {
				return err
			}
			for _, team := range []struct {
				id, workspace, name string
				deleted             bool
				members             []string
			}{
				{id: "tem_sales", workspace: h.id, name: "Sales", members: []string{dan.ID, eva.ID}},
				{id: "tem_art", workspace: h.id, name: "art", members: []string{dan.ID}},
				{id: "tem_gone", workspace: h.id, name: "Gone", deleted: true, members: []string{dan.ID}},
				{id: "tem_other", workspace: other.id, name: "Other", members: []string{stranger.ID}},
			} {
				err := tx.Exec(`INSERT INTO teams (id, workspace_id, display_name, display_name_key, created_at, updated_at, deleted_at)
					VALUES (?, ?, ?, ?, ?, ?, ?)`, team.id, team.workspace, team.name, directory.Key(team.name), now, now, map[bool]*time.Time{true: &now}[team.deleted]).Error
				if err != nil {
					return err
				}
				for _, m := range team.members {
					if err := tx.Exec("INSERT INTO team_members (team_id, person_id, workspace_id) VALUES (?, ?, ?)", team.id, m, team.workspace).Error; err != nil {
						return err
					}
				}
			}
			return tx.Exec("UPDATE people SET deleted_at = ? WHERE id = ?", now, eva.ID).Error
		})
		got, err := directory.FindMember(db.Read(t.Context()), h.id, dan.ID)
		if want := []directory.TeamRef{{ID: "tem_art", Name: "art"}, {ID: "tem_sales", Name: "Sales"}}; err != nil || !slices.Equal(got.Teams, want) {
			t.Errorf("one person: %+v, %v", got.Teams, err)
		}
		page, err := directory.List(db.Read(t.Context()), h.id, directory.Choice{}, "", 10)
		if err != nil || len(page.Items) != 2 || len(page.Items[0].Teams) != 0 || len(page.Items[1].Teams) != 2 {
			t.Errorf("list: %+v, %v", page, err)
		}
		first, err := directory.ListTeams(db.Read(t.Context()), h.id, "", "", 1)
		if err != nil || len(first.Items) != 1 || first.Next == "" {
			t.Fatalf("first page: %+v, %v", first, err)
		}
		second, err := directory.ListTeams(db.Read(t.Context()), h.id, "", first.Next, 1)
		if err != nil || len(second.Items) != 1 || second.Next != "" {
			t.Fatalf("second page: %+v, %v", second, err)
		}
		members := map[string]int{first.Items[0].Name: first.Items[0].Members, second.Items[0].Name: second.Items[0].Members}
		if diff := cmp.Diff(map[string]int{"Sales": 1, "art": 1}, members); diff != "" {
			t.Errorf("members, the deleted ones left out:\n%s", diff)
		}
		h.provide(dan)
		counts, err := directory.Count(db.Read(t.Context()), h.id)
		if err != nil || counts != (directory.Counts{People: 1, Teams: 2}) {
			t.Errorf("counts: %+v, %v", counts, err)
		}
	})
}

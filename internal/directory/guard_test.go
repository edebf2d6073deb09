package directory_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
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

func freely(database.Tx) error { return nil }

// users makes n people named u0 …, in bulk.
func (h *house) users(n int) []string {
	h.t.Helper()
	ids := make([]string, n)
	for i := range ids {
		ids[i] = h.user(fmt.Sprintf(`{"userName":"u%d","displayName":"U%d"}`, i, i))
	}
	return ids
}

// urgent notes whom the directory wants told soon, by their ids, one list for each time.
func (h *house) urgent() *[][]string {
	var told [][]string
	h.dir.OnUrgent(func(_ database.Tx, workspace string, people []string, _ time.Time) error {
		if workspace != h.by.Workspace {
			h.t.Errorf("told people of %s", workspace)
		}
		slices.Sort(people)
		told = append(told, people)
		return nil
	})
	return &told
}

// removals are the workspace's removals, newest first.
func (h *house) removals() []directory.Removal {
	h.t.Helper()
	all, _, err := directory.Removals(h.db.Read(h.t.Context()), h.by.Workspace, false, "", 0)
	h.must(err)
	return all
}

func TestDeletingTooManyIsHeldAndKept(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		h := newHouse(t, db)
		owner := h.local("ana", directory.Owner)
		ana, told := h.console(owner), h.urgent()
		h.local("dora", directory.Admin) // who may not decide it
		ids := h.users(45)
		team := h.group(`{"displayName":"T","members":["` + strings.Join(ids, `","`) + `"]}`)
		_, err := h.patch(ids[0], `{"op":"replace","path":"active","value":false}`)
		h.must(err)
		for i, id := range ids[:6] { // 10 % of 45 are 4.5
			h.must(h.p.DeleteUser(t.Context(), h.by, id, nil))
			if held := len(h.removals()) > 0; held != (i >= 4) {
				t.Errorf("after %d deletions held is %v", i+1, held)
			}
			if _, err := h.p.User(t.Context(), h.by, id, scim.Projection{}); !errors.Is(err, directory.ErrNoUser) {
				t.Errorf("the provider still sees %s: %v", id, err)
			}
		}
		r := h.removals()[0]
		if r.Kind != directory.HeldPeople || r.State != "held" || r.Items != 6 || !strings.Contains(r.Reason, "10 percent") {
			t.Errorf("%+v", r)
		}
		if want := [][]string{{owner.ID}}; !cmp.Equal(*told, want) {
			t.Errorf("told soon: %v, want %v", *told, want)
		}
		if got := len(h.members(team)); got != 39 {
			t.Errorf("%d members", got)
		}
		taken := h.user(`{"userName":"u5"}`) // the provider made one of them anew
		var refused = errors.New("no")
		if err := h.dir.KeepRemoval(t.Context(), ana, r.ID, func(database.Tx) error { return refused }); !errors.Is(err, refused) || h.removals()[0].State != "held" {
			t.Errorf("without a confirmation: %v", err)
		}
		h.must(h.dir.KeepRemoval(t.Context(), ana, r.ID, freely))
		for i, id := range ids[:5] {
			if p := h.person(id); p.Active != (i != 0) || p.Role != directory.User {
				t.Errorf("%d came back as %+v", i, p)
			}
		}
		if got := len(h.members(team)); got != 44 {
			t.Errorf("%d members afterwards", got)
		}
		items, more, err := directory.RemovalItems(db.Read(t.Context()), h.by.Workspace, r.ID, directory.RemovalItem{}, 0)
		h.must(err)
		outcomes := map[string]int{}
		for _, i := range items {
			outcomes[i.Outcome]++
		}
		if more || !cmp.Equal(outcomes, map[string]int{"restored": 5, "user_name_taken": 1}) || !h.person(taken).Active {
			t.Errorf("%v %v", more, outcomes)
		}
		isFault(t, h.dir.AllowRemoval(t.Context(), ana, r.ID, freely), directory.ErrDecided)
	})
}

// A provider deletes with many connections at once: one removal holds them all, and one decision brings all of them back.
func TestManyDeletionsAtOnceAreOneRemoval(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		h := newHouse(t, db)
		ana := h.console(h.local("ana", directory.Owner))
		ids := h.users(60)
		var wg sync.WaitGroup
		for some := range slices.Chunk(ids[:48], 6) {
			wg.Go(func() {
				for _, id := range some {
					if err := h.p.DeleteUser(t.Context(), h.by, id, nil); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		r := h.removals()
		if len(r) != 1 || r[0].Items != 48 {
			t.Fatalf("%+v", r)
		}
		h.user(`{"userName":"u3"}`)
		again := h.user(`{"userName":"u4"}`)
		h.must(h.p.DeleteUser(t.Context(), h.by, again, nil)) // two of one name: the later one comes back
		h.must(h.dir.KeepRemoval(t.Context(), ana, r[0].ID, freely))
		if got := len(h.find("")); got != 60 || !h.person(again).Active {
			t.Errorf("%d people", got)
		}
	})
}

func TestAHeldDeletionThatIsAllowedStaysDeleted(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		h := newHouse(t, db)
		owner := h.local("ana", directory.Owner)
		ids := h.users(8)
		for _, id := range ids[:5] {
			h.must(h.p.DeleteUser(t.Context(), h.by, id, nil))
		}
		r := h.removals()[0]
		h.must(h.dir.AllowRemoval(t.Context(), h.console(owner), r.ID, freely))
		if got := h.removals()[0]; got.State != "allowed" || got.DecidedBy != owner.Name || got.DecidedAt == nil {
			t.Errorf("%+v", got)
		}
		if _, err := h.dir.RestorePerson(t.Context(), h.console(owner), ids[0]); err != nil {
			t.Errorf("allowed, and restorable for 30 days all the same: %v", err)
		}
		h.must(h.p.DeleteUser(t.Context(), h.by, ids[5], nil))
		if got := h.removals(); len(got) != 2 || got[0].Items == 0 {
			t.Errorf("the next one within the hour: %+v", got)
		}
	})
}

func TestDeactivationsAndAFewDeletionsAreNeverHeld(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		h := newHouse(t, db)
		ana := h.console(h.local("ana", directory.Owner))
		ids := h.users(30)
		for _, id := range ids {
			_, err := h.patch(id, `{"op":"replace","value":{"active":false}}`)
			h.must(err)
		}
		for _, id := range ids[:3] {
			h.must(h.p.DeleteUser(t.Context(), h.by, id, nil))
		}
		if got := h.removals(); len(got) != 0 {
			t.Errorf("%+v", got)
		}
		h.must(h.dir.SetGuard(t.Context(), ana, directory.GuardPolicy{Enabled: false, Count: 1, Percent: 1}))
		h.arranged()
		for _, id := range ids[3:20] {
			h.must(h.p.DeleteUser(t.Context(), h.by, id, nil))
		}
		if got := h.removals(); len(got) != 0 {
			t.Errorf("switched off: %+v", got)
		}
		isFault(t, h.dir.SetGuard(t.Context(), ana, directory.GuardPolicy{Percent: 101}), directory.ErrGuard)
		isFault(t, h.dir.SetGuard(t.Context(), h.console(h.local("ben", directory.Admin)), directory.DefaultGuard), directory.ErrForbidden)
	})
}

func TestEmptyingTeamsIsHeld(t *testing.T) {
	shapes := map[string]func(h *house, team string, ids []string) error{
		"replaced by nobody": func(h *house, team string, _ []string) error {
			return h.patchTeam(team, `{"op":"replace","path":"members","value":[]}`)
		},
		"removed in one list": func(h *house, team string, ids []string) error {
			return h.patchTeam(team, `{"op":"remove","path":"members","value":[{"value":"`+strings.Join(ids, `"},{"value":"`)+`"}]}`)
		},
		"removed by a filter": func(h *house, team string, _ []string) error {
			return h.patchTeam(team, `{"op":"remove","path":"members[display sw \"u\"]"}`)
		},
		"put without them": func(h *house, team string, _ []string) error {
			_, err := h.p.ReplaceGroup(h.t.Context(), h.by, team, incoming(h.t, h.p.GroupType(), `{"displayName":"T","members":[]}`), nil, scim.Projection{})
			return err
		},
	}
	for name, wipe := range shapes {
		t.Run(name, func(t *testing.T) {
			dbtest.Each(t, func(t *testing.T, db *database.DB) {
				h := newHouse(t, db)
				ana := h.console(h.local("ana", directory.Owner))
				ids := h.users(12)
				team := h.group(`{"displayName":"T","members":["` + strings.Join(ids, `","`) + `"]}`)
				_, err := h.dir.SetRoles(t.Context(), ana, directory.RoleMapping{Rules: []directory.RoleRule{{Team: team, Role: directory.Admin}}}, nil)
				h.must(err)
				h.arranged()
				h.must(wipe(h, team, ids))
				r := h.removals()
				if len(r) != 1 || r[0].Kind != directory.HeldMembers || r[0].Items != 12 || len(h.members(team)) != 0 {
					t.Fatalf("%+v, %d members", r, len(h.members(team)))
				}
				if h.person(ids[0]).Role != directory.Admin {
					t.Error("the role did not wait for the decision")
				}
				h.must(h.dir.KeepRemoval(t.Context(), ana, r[0].ID, freely))
				got, want := h.members(team), slices.Clone(ids)
				if slices.Sort(want); !cmp.Equal(got, want) || h.person(ids[0]).Role != directory.Admin {
					t.Errorf("kept: %d members, role %s", len(got), h.person(ids[0]).Role)
				}
				h.must(wipe(h, team, ids))
				h.must(h.dir.AllowRemoval(t.Context(), ana, h.removals()[0].ID, freely))
				if len(h.members(team)) != 0 || h.person(ids[0]).Role != directory.User {
					t.Errorf("allowed: %d members, role %s", len(h.members(team)), h.person(ids[0]).Role)
				}
			})
		})
	}
}

func TestMembersRemovedOneByOneAreHeldFromTheThresholdOn(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		h := newHouse(t, db)
		ana := h.console(h.local("ana", directory.Owner))
		h.must(h.dir.SetGuard(t.Context(), ana, directory.GuardPolicy{Enabled: true, Count: 5}))
		h.arranged()
		ids := h.users(9)
		team := h.group(`{"displayName":"T","members":["` + strings.Join(ids, `","`) + `"]}`)
		for _, id := range ids[:8] {
			h.must(h.patchTeam(team, `{"op":"remove","path":"members[value eq \"`+id+`\"]"}`))
		}
		h.must(h.patchTeam(team, `{"op":"remove","path":"members","value":[{"value":"`+ids[0]+`"}]}`)) // not a member any more
		r := h.removals()
		if len(r) != 1 || r[0].Items != 3 || len(h.members(team)) != 1 {
			t.Fatalf("%+v, %d members", r, len(h.members(team)))
		}
		h.must(h.patchTeam(team, `{"op":"add","path":"members","value":"`+ids[7]+`"}`)) // the provider thought better of it
		h.must(h.dir.KeepRemoval(t.Context(), ana, r[0].ID, freely))
		want := append(slices.Clone(ids[5:8]), ids[8])
		slices.Sort(want)
		if got := h.members(team); !cmp.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
	})
}

// What one replica has taken out of teams counts for all of them.
func TestReplicasCountTogether(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		h := newHouse(t, db)
		ids := h.users(12)
		team := h.group(`{"displayName":"T","members":["` + strings.Join(ids, `","`) + `"]}`)
		replica := *h
		replica.p = directory.NewProvisioning(directory.New(db), "https://acme.test/v1/scim/v2", []byte("key"), time.Now)
		for i, id := range ids[:5] {
			on := []*house{h, &replica}[i%2]
			h.must(on.patchTeam(team, `{"op":"remove","path":"members","value":["`+id+`"]}`))
		}
		if r := h.removals(); len(r) != 1 || r[0].Items != 2 {
			t.Errorf("%+v", r)
		}
	})
}

func TestDeletingATeamOfManyIsHeld(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		h := newHouse(t, db)
		ana := h.console(h.local("ana", directory.Owner))
		ids := h.users(12)
		team := h.group(`{"displayName":"T","members":["` + strings.Join(ids, `","`) + `"]}`)
		_, err := h.dir.SetRoles(t.Context(), ana, directory.RoleMapping{Rules: []directory.RoleRule{{Team: team, Role: directory.SuperAdmin}}}, nil)
		h.must(err)
		h.arranged()
		h.must(h.p.DeleteGroup(t.Context(), h.by, team, nil))
		r := h.removals()
		if len(r) != 1 || r[0].Items != 1 || h.person(ids[3]).Role != directory.SuperAdmin {
			t.Fatalf("%+v %s", r, h.person(ids[3]).Role)
		}
		if _, err := h.p.Group(t.Context(), h.by, team, scim.Projection{}); !errors.Is(err, directory.ErrNoGroup) {
			t.Errorf("the provider still sees it: %v", err)
		}
		h.must(h.dir.KeepRemoval(t.Context(), ana, r[0].ID, freely))
		if len(h.members(team)) != 12 || h.person(ids[3]).Role != directory.SuperAdmin {
			t.Errorf("%d members, %s", len(h.members(team)), h.person(ids[3]).Role)
		}
		h.must(h.p.DeleteGroup(t.Context(), h.by, team, nil))
		h.must(h.dir.AllowRemoval(t.Context(), ana, h.removals()[0].ID, freely))
		if h.person(ids[3]).Role != directory.User {
			t.Errorf("allowed, and still %s", h.person(ids[3]).Role)
		}
	})
}

func TestTakingTheRolesOfManyIsHeld(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		h := newHouse(t, db)
		ana := h.console(h.local("ana", directory.Owner))
		_, err := h.dir.SetRoles(t.Context(), ana, directory.RoleMapping{Rules: []directory.RoleRule{{AppRole: "Admin", Role: directory.Admin}}}, nil)
		h.must(err)
		h.arranged()
		var ids []string
		for i := range 6 {
			ids = append(ids, h.user(fmt.Sprintf(`{"userName":"a%d","roles":[{"value":"Admin"}]}`, i)))
		}
		for i, id := range ids {
			_, err := h.patch(id, `{"op":"remove","path":"roles"}`)
			h.must(err)
			if got, want := h.person(id).Role, map[bool]directory.Role{true: directory.User, false: directory.Admin}[i < 3]; got != want {
				t.Errorf("%d is %s, want %s", i, got, want)
			}
		}
		r := h.removals()[0]
		if r.Kind != directory.HeldRoles || r.Items != 3 {
			t.Fatalf("%+v", r)
		}
		_, err = h.patch(ids[5], `{"op":"add","path":"roles","value":"x"}`)
		h.must(err)
		if h.person(ids[5]).Role != directory.Admin {
			t.Error("a role that waits was taken by the next change")
		}
		h.must(h.dir.AllowRemoval(t.Context(), ana, r.ID, freely))
		if h.person(ids[5]).Role != directory.User {
			t.Errorf("allowed, and still %s", h.person(ids[5]).Role)
		}
	})
}

func TestRemovalsOfAnotherWorkspaceAreNotThere(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		h, other := newHouse(t, db), newHouse(t, db)
		for _, id := range h.users(8)[:5] {
			h.must(h.p.DeleteUser(t.Context(), h.by, id, nil))
		}
		eve, r := other.console(other.local("eve", directory.Owner)), h.removals()[0]
		isFault(t, other.dir.KeepRemoval(t.Context(), eve, r.ID, freely), fault.ErrNotFound)
		isFault(t, other.dir.AllowRemoval(t.Context(), eve, r.ID, freely), fault.ErrNotFound)
		_, err := directory.FindRemoval(db.Read(t.Context()), eve.Workspace, r.ID)
		isFault(t, err, fault.ErrNotFound)
		isFault(t, h.dir.KeepRemoval(t.Context(), h.console(h.local("ben", directory.Admin)), r.ID, freely), directory.ErrForbidden)
	})
}

func TestARestoredPersonIsAsTheyWere(t *testing.T) {
	ahead := time.Duration(0)
	for _, dialect := range dbtest.Dialects {
		t.Run(dialect, func(t *testing.T) {
			ahead = 0
			db := dbtest.Open(t, dbtest.URL(t, dialect), database.WithClockOffset(func() time.Duration { return ahead }))
			h := newHouse(t, db)
			ana := h.console(h.local("ana", directory.Owner))
			id, away := h.user(`{"userName":"ada","title":"x"}`), h.user(`{"userName":"ben","active":false}`)
			team := h.group(`{"displayName":"T","members":["` + id + `"]}`)
			before := h.read(id)
			h.must(h.p.DeleteUser(t.Context(), h.by, id, nil))
			h.must(h.p.DeleteUser(t.Context(), h.by, away, nil))
			people, next, err := directory.DeletedPeople(db.Read(t.Context()), h.by.Workspace, time.Now().Add(ahead), "", 1)
			h.must(err)
			if len(people) != 1 || people[0].ID != away || next == "" {
				t.Errorf("%+v %q", people, next)
			}
			if people, _, err = directory.DeletedPeople(db.Read(t.Context()), h.by.Workspace, time.Now().Add(ahead), next, 1); err != nil || len(people) != 1 || people[0].ID != id {
				t.Errorf("%+v %v", people, err)
			}
			for _, person := range []string{id, away} {
				_, err := h.dir.RestorePerson(t.Context(), ana, person)
				h.must(err)
			}
			after := h.read(id)
			delete(before, "meta")
			delete(after, "meta")
			if diff := cmp.Diff(before, after); diff != "" || !h.person(id).Active || h.person(away).Active || len(h.members(team)) != 1 {
				t.Error(diff)
			}
			_, err = h.dir.RestorePerson(t.Context(), ana, id)
			isFault(t, err, fault.ErrNotFound)
			h.must(h.p.DeleteUser(t.Context(), h.by, id, nil))
			h.user(`{"userName":"ADA"}`)
			_, err = h.dir.RestorePerson(t.Context(), ana, id)
			isFault(t, err, directory.ErrNameInUse)
			_, err = h.dir.RestorePerson(t.Context(), h.console(h.local("dora", directory.Admin)), id)
			isFault(t, err, directory.ErrForbidden)
			h.must(h.p.DeleteGroup(t.Context(), h.by, team, nil))
			h.group(`{"displayName":"t"}`)
			_, err = h.dir.RestoreTeam(t.Context(), ana, team)
			isFault(t, err, directory.ErrTeamInUse)
			ahead = 31 * 24 * time.Hour
			_, err = h.dir.RestorePerson(t.Context(), ana, id)
			isFault(t, err, directory.ErrRestoreLate)
			_, err = h.dir.RestoreTeam(t.Context(), ana, team)
			isFault(t, err, directory.ErrRestoreLate)
		})
	}
}

func TestOffboardingLeavesAReceipt(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		h := newHouse(t, db)
		h.dir.Witness("teams", "SELECT count(*) FROM team_members WHERE person_id = ?")
		id := h.user(`{"userName":"ada","displayName":"Ada"}`)
		h.group(`{"displayName":"T","members":["` + id + `"]}`)
		came := time.Now().Add(-2 * time.Second).UTC().Truncate(time.Microsecond)
		_, err := h.p.PatchUser(directory.Arrived(t.Context(), came), h.by, id, operations(t, `{"op":"replace","path":"active","value":false}`), nil)
		h.must(err)
		h.must(h.p.DeleteUser(t.Context(), h.by, id, nil))
		all, next, err := directory.Offboardings(db.Read(t.Context()), h.by.Workspace, id, "", 0)
		h.must(err)
		if len(all) != 2 || next != "" || all[0].Cause != "deleted" || all[1].Cause != "deactivated" {
			t.Fatalf("%+v", all)
		}
		o := all[1]
		if o.PersonName != "Ada" || o.UserName != "ada" || o.ActorKind != string(actor.Provider) || !o.RequestedAt.Equal(came) || o.EndedAt.Before(came) ||
			len(o.Ended) != 1 || o.Ended[0].What != "teams" || o.Ended[0].Count != 1 || o.Ended[0].At.Before(o.EndedAt) {
			t.Errorf("%+v", o)
		}
		if got, err := directory.FindOffboarding(db.Read(t.Context()), h.by.Workspace, o.ID); err != nil || !cmp.Equal(got, o) {
			t.Errorf("%v %v", got, err)
		}
		_, err = directory.FindOffboarding(db.Read(t.Context()), "wsp_other", o.ID)
		isFault(t, err, fault.ErrNotFound)
	})
}

func TestTheOwnershipOfAWorkspaceIsFrozenAndTakenOver(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		h := newHouse(t, db)
		owner := h.local("ana", directory.Owner)
		ben, cleo, dora := h.local("ben", directory.SuperAdmin), h.local("cleo", directory.SuperAdmin), h.local("dora", directory.Admin)
		told := h.urgent()
		h.user(`{"userName":"ana@acme.test"}`)
		take := func(by directory.Person, whom string) (bool, error) {
			return h.dir.TakeOver(t.Context(), h.console(by), whom, freely, nil)
		}
		_, err := take(ben, ben.ID)
		isFault(t, err, directory.ErrNotFrozen)
		off, on := `{"op":"replace","path":"active","value":false}`, `{"op":"replace","path":"active","value":true}`
		state := func(says string, want bool) directory.Ownership {
			t.Helper()
			o, err := directory.OwnershipOf(db.Read(t.Context()), h.by.Workspace)
			h.must(err)
			if o.Frozen != want {
				t.Errorf("%s: frozen is %v", says, o.Frozen)
			}
			return o
		}
		_, err = h.patch(owner.ID, off)
		h.must(err)
		state("deactivated", true)
		_, err = h.patch(owner.ID, on)
		h.must(err)
		state("back", false)
		_, err = h.patch(owner.ID, off)
		h.must(err)

		supers := []string{ben.ID, cleo.ID}
		slices.Sort(supers)
		if want := [][]string{supers, supers}; !cmp.Equal(*told, want) {
			t.Errorf("told soon: %v, want %v", *told, want)
		}
		_, err = take(dora, ben.ID)
		isFault(t, err, directory.ErrSuperAdmin)
		_, err = take(ben, dora.ID)
		isFault(t, err, directory.ErrCandidate)
		if moved, err := take(ben, ben.ID); moved || err != nil {
			t.Errorf("one alone: %v %v", moved, err)
		}
		_, err = take(ben, ben.ID)
		isFault(t, err, directory.ErrSecondVoice)
		if o := state("proposed", true); o.Candidate == nil || o.Candidate.ID != ben.ID || o.ProposedBy.ID != ben.ID || o.SuperAdmins != 2 || o.Owner == nil {
			t.Errorf("%+v", o)
		}
		refused := errors.New("no")
		if _, err := h.dir.TakeOver(t.Context(), h.console(cleo), ben.ID, func(database.Tx) error { return refused }, nil); !errors.Is(err, refused) {
			t.Errorf("without a confirmation: %v", err)
		}
		if moved, err := take(cleo, ben.ID); !moved || err != nil {
			t.Errorf("%v %v", moved, err)
		}
		state("taken over", false)
		if h.person(ben.ID).Role != directory.Owner || h.person(owner.ID).Role != directory.User {
			t.Errorf("%s and %s", h.person(ben.ID).Role, h.person(owner.ID).Role)
		}
		if h.events()[0] != "ownership.taken_over" {
			t.Errorf("%v", h.events())
		}
		_, err = take(cleo, cleo.ID)
		isFault(t, err, directory.ErrNotFrozen)
	})
}

func TestADeletedOwnerComesBackAsWhatIsLeft(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		h := newHouse(t, db)
		owner, ben := h.local("ana", directory.Owner), h.local("ben", directory.SuperAdmin)
		h.user(`{"userName":"ana@acme.test"}`)
		h.must(h.p.DeleteUser(t.Context(), h.by, owner.ID, nil))
		p, err := h.dir.RestorePerson(t.Context(), h.console(ben), owner.ID)
		h.must(err)
		if frozen, err := directory.Frozen(db.Read(t.Context()), h.by.Workspace); err != nil || frozen || p.Role != directory.Owner {
			t.Errorf("%v %v %+v", frozen, err, p)
		}
		h.must(h.p.DeleteUser(t.Context(), h.by, owner.ID, nil))
		if moved, err := h.dir.TakeOver(t.Context(), h.console(ben), ben.ID, freely, freely); !moved || err != nil {
			t.Fatalf("with a recovery code: %v %v", moved, err)
		}
		if p, err = h.dir.RestorePerson(t.Context(), h.console(h.person(ben.ID)), owner.ID); err != nil || p.Role != directory.User {
			t.Errorf("%+v %v", p, err)
		}
	})
}

package directory_test

import (
	"fmt"
	"testing"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
	"github.com/countersign/countersign/internal/directory"
)

// TestTotalsFollowEveryChange: whatever comes, goes, comes back or is adopted, in whichever way, the kept totals are what counting would say.
func TestTotalsFollowEveryChange(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		h := newHouse(t, db)
		check := func(what string) {
			t.Helper()
			for _, kind := range []string{"people", "teams"} {
				want := h.number("SELECT count(*) FROM "+kind+" WHERE workspace_id = ? AND source = 'directory' AND deleted_at IS NULL", h.by.Workspace)
				got := h.number("SELECT COALESCE(sum(total), 0) FROM scim_totals WHERE workspace_id = ? AND kind = ?", h.by.Workspace, kind)
				if got != want {
					t.Errorf("%s: the total of %s is %d, want %d", what, kind, got, want)
				}
			}
		}
		check("nothing")
		h.local("ana", directory.Owner)
		h.local("ben", directory.Admin)
		check("local people")
		h.user(`{"userName":"ben@acme.test"}`)
		check("adopted")
		var ids []string
		for i := range 7 {
			ids = append(ids, h.user(fmt.Sprintf(`{"userName":"u%d"}`, i)))
		}
		team := h.group(`{"displayName":"Support"}`)
		h.group(`{"displayName":"Sales"}`)
		check("created")
		if err := h.try(`{"userName":"u1"}`); err == nil {
			t.Error("a clash was accepted")
		}
		check("a clash")
		for _, id := range ids[:3] {
			if err := h.p.DeleteUser(t.Context(), h.by, id, nil); err != nil {
				t.Fatal(err)
			}
		}
		if err := h.p.DeleteGroup(t.Context(), h.by, team, nil); err != nil {
			t.Fatal(err)
		}
		check("deleted")
		h.exec("UPDATE people SET deleted_at = NULL WHERE id IN ?", ids[:2])
		check("restored")
		h.exec("DELETE FROM people WHERE id = ?", ids[2])
		h.exec("DELETE FROM people WHERE id = ?", ids[3])
		check("gone for good")
		h.exec("INSERT INTO people (id, workspace_id, source, role, user_name, user_name_key, name, created_at, updated_at)"+
			" SELECT id || 'x', workspace_id, source, role, user_name, user_name_key || 'x', name, created_at, updated_at FROM people WHERE workspace_id = ? AND role <> 'owner'", h.by.Workspace)
		check("many at once")
		h.exec("UPDATE scim_totals SET shard = -shard - 1") // as if all connections had ended
		if err := h.dir.FoldTotals(t.Context()); err != nil {
			t.Fatal(err)
		}
		check("folded")
		if n := h.number("SELECT count(*) FROM scim_totals WHERE shard < 0"); db.Dialect == database.Postgres && n != 0 {
			t.Errorf("%d shards of ended connections are left", n)
		}
		h.user(`{"userName":"after"}`)
		check("after the fold")
		for i := range 5 {
			if err := h.p.DeleteUser(t.Context(), h.by, h.user(fmt.Sprintf(`{"userName":"mass%d"}`, i)), nil); err != nil {
				t.Fatal(err)
			}
		}
		held, _, err := directory.Removals(db.Read(t.Context()), h.by.Workspace, true, "", 10)
		if err != nil || len(held) != 1 {
			t.Fatal(held, err)
		}
		owner := actor.Actor{Kind: actor.Operator, Workspace: h.by.Workspace, Name: "test"}
		nothing := func(database.Tx) error { return nil }
		if err := h.dir.KeepRemoval(t.Context(), owner, held[0].ID, nothing); err != nil {
			t.Fatal(err)
		}
		check("a removal is kept")
		h.user(`{"userName":"one more"}`)
		check("counted by itself again")
		_, page := h.names(directory.Query{Start: 1, Count: 2})
		if want := h.number("SELECT count(*) FROM people WHERE workspace_id = ? AND source = 'directory' AND deleted_at IS NULL", h.by.Workspace); page.Total != want {
			t.Errorf("a page says %d, want %d", page.Total, want)
		}
		for _, what := range []string{directory.KeepPeople, directory.RemovePeople} {
			h.user(`{"userName":"last ` + what + `"}`)
			h.group(`{"displayName":"last ` + what + `"}`)
			if _, err := h.dir.TurnOff(t.Context(), owner, what, nothing); err != nil {
				t.Fatal(err)
			}
			check("turned off: " + what)
		}
	})
}

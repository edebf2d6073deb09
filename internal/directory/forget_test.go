package directory_test

import (
	"strings"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/fault"
)

const aDay = 24 * time.Hour

// TestWhatCannotComeBackIsForgotten: deleted people and teams for 30 days, what a removal holds until somebody decides, receipts for 400 days.
func TestWhatCannotComeBackIsForgotten(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		t.Run(dialect, func(t *testing.T) {
			ahead := time.Duration(0)
			db := dbtest.Open(t, dbtest.URL(t, dialect), database.WithClockOffset(func() time.Duration { return ahead }))
			h := newHouse(t, db)
			h.dir.Forgets("DELETE FROM team_pending WHERE member_id IN ?") // for what lies in tables that the directory does not know
			ana := h.console(h.local("ana", directory.Owner))
			ids := h.users(12)
			team, other := h.group(`{"displayName":"T","members":["`+strings.Join(ids, `","`)+`"]}`), h.group(`{"displayName":"O","members":["`+ids[11]+`"]}`)
			left := h.user(`{"userName":"emil","displayName":"Emil","externalId":"e7","title":"Cook","emails":[{"value":"emil@acme.test"},{"value":"e@home.test"}]}`)
			h.exec("INSERT INTO team_pending (team_id, member_id, workspace_id, created_at) VALUES (?, ?, ?, ?)", other, left, h.by.Workspace, time.Now())
			back := h.user(`{"userName":"finn"}`)
			h.must(h.p.DeleteUser(t.Context(), h.by, left, nil))
			h.must(h.p.DeleteUser(t.Context(), h.by, back, nil))
			h.must(h.p.DeleteGroup(t.Context(), h.by, other, nil))
			ahead = 2 * time.Hour // what follows is a mass removal by itself
			for _, id := range ids[:5] {
				h.must(h.p.DeleteUser(t.Context(), h.by, id, nil))
			}
			removal := h.removals()[0]
			sum := func() (n int64) {
				return h.number("SELECT count(*) FROM people WHERE forgotten_at IS NOT NULL")
			}
			forget := func(at time.Duration, want int64) {
				t.Helper()
				ahead = at
				h.must(h.dir.Forget(t.Context()))
				if got := sum(); got != want {
					t.Errorf("after %v %d people are forgotten, want %d", at, got, want)
				}
			}
			forget(30*aDay-time.Hour, 0)
			_, err := h.dir.RestorePerson(t.Context(), ana, back)
			h.must(err)
			forget(30*aDay+3*time.Hour, 1)
			if n := h.number("SELECT count(*) FROM people WHERE id = ? AND name = '' AND email = '' AND user_name = '' AND external_id IS NULL AND deleted_at IS NOT NULL", left); n != 1 {
				t.Error("something of a forgotten person is left")
			}
			for _, sql := range []string{"SELECT count(*) FROM person_emails WHERE person_id = ?", "SELECT count(*) FROM team_members WHERE person_id = ?",
				"SELECT count(*) FROM team_pending WHERE member_id = ?", "SELECT count(*) FROM people WHERE id = ? AND (CAST(attributes AS text) LIKE '%Cook%' OR CAST(search AS text) LIKE '%cook%')"} {
				if n := h.number(sql, left); n != 0 {
					t.Errorf("%s: %d", sql, n)
				}
			}
			if n := h.number("SELECT count(*) FROM teams WHERE id = ?", other) + h.number("SELECT count(*) FROM team_members WHERE team_id = ?", other); n != 0 {
				t.Errorf("%d rows of the deleted team are left", n)
			}
			if found, err := directory.Seek(db.Read(t.Context()), h.by.Workspace, left); err != nil || len(found) != 0 {
				t.Errorf("%+v %v", found, err)
			}
			_, err = h.dir.RestorePerson(t.Context(), ana, left)
			isFault(t, err, directory.ErrRestoreLate)
			h.must(h.dir.KeepRemoval(t.Context(), ana, removal.ID, freely)) // late, and all come back
			if got := len(h.members(team)); got != 12 {
				t.Errorf("%d members", got)
			}
			forget(30*aDay+4*time.Hour, 1)
			if n := h.number("SELECT count(*) FROM audit_events WHERE event = 'person.forgotten' AND subject = ? AND actor_kind = ?", left, string(actor.System)); n != 1 {
				t.Errorf("the audit tells of it %d times", n)
			}
			forget(400*aDay, 1)
			if n := h.number("SELECT count(*) FROM offboardings"); n == 0 {
				t.Error("receipts went too early")
			}
			forget(431*aDay, 1)
			if n := h.number("SELECT count(*) FROM offboardings") + h.number("SELECT count(*) FROM held_items") + h.number("SELECT count(*) FROM held_removals") +
				h.number("SELECT count(*) FROM removal_counts"); n != 0 {
				t.Errorf("%d rows are left", n)
			}
			_, err = directory.FindRemoval(db.Read(t.Context()), h.by.Workspace, removal.ID)
			isFault(t, err, fault.ErrNotFound)
		})
	}
}

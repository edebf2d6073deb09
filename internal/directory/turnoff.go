package directory

import (
	"context"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/fault"
)

// ErrAlreadyOff says that there is nothing to turn off.
var ErrAlreadyOff = fault.New(fault.Conflict, "already_off", "Directory sync is off: no token is live, and nobody and no team comes from an identity provider.")

// What becomes of the directory's people and teams when it is turned off.
const (
	KeepPeople   = "keep"   // they become local
	RemovePeople = "remove" // they are deleted as the provider would delete them
)

// Leaving is what turning the directory off would do, or has done.
type Leaving struct {
	People  int // of the directory
	Active  int // of them
	Teams   int
	Removed int    // people who are, or would be, deleted by RemovePeople
	Stays   []Stay // who becomes local also with RemovePeople
}

// None says that there is nothing to leave.
func (l Leaving) None() bool { return l.People == 0 && l.Teams == 0 }

// Stay is a person of the directory whom turning it off never deletes.
type Stay struct {
	Person Person
	Reason string // owner, or you for whoever turns it off
}

// LeavingOf says what turning the directory off would do when by does it. It changes nothing.
func LeavingOf(db *gorm.DB, by actor.Actor) (Leaving, error) {
	n, err := keptCounts(db, by.Workspace)
	l := Leaving{People: n.People, Teams: n.Teams}
	if err != nil {
		return l, err
	}
	var off int
	err = db.Raw("SELECT count(*) FROM people p"+database.Along(db, "people_inactive")+" WHERE p.workspace_id = ? AND "+isLive+" AND "+isInactive+" AND p.source = 'directory'", by.Workspace).Scan(&off).Error
	if err != nil {
		return l, err
	}
	l.Active = n.People - off
	var rows []personRow
	err = db.Raw("SELECT "+memberColumns+" FROM (SELECT o.id FROM people o WHERE o.workspace_id = ? AND o.role = 'owner' AND o.deleted_at IS NULL UNION SELECT CAST(? AS text)) i"+
		" CROSS JOIN people p WHERE p.id = i.id AND p.workspace_id = ? AND p.source = 'directory' AND "+isLive+" ORDER BY p.id", by.Workspace, by.Person, by.Workspace).Scan(&rows).Error
	for _, r := range rows {
		reason := "you"
		if Role(r.Role) == Owner {
			reason = "owner"
		}
		l.Stays = append(l.Stays, Stay{r.person(), reason})
	}
	l.Removed = l.People - len(l.Stays)
	return l, err
}

// TurnOff ends the directory of a workspace. spend consumes the confirmation and ends the tokens in the same transaction. With KeepPeople its people
// and teams become local, with their ids, roles and memberships; a role that a rule gave is theirs from then on. With RemovePeople they are
// deleted in the way of a SCIM DELETE: their access ends, each has a receipt, and can be restored for 30 days, as a local person. The Owner and
// whoever does it are never deleted. Who was deleted before is local too when somebody restores them.
func (s *Service) TurnOff(ctx context.Context, by actor.Actor, what string, spend func(database.Tx) error) (Leaving, error) {
	var done Leaving
	err := s.db.InTx(ctx, func(tx database.Tx) error {
		if err := spend(tx); err != nil {
			return err
		}
		if err := asManager(tx, by); err != nil {
			return err
		}
		now, err := tx.Now()
		if err != nil {
			return err
		}
		if done, err = LeavingOf(tx.DB, by); err != nil {
			return err
		}
		if what == RemovePeople {
			err = s.removeAll(tx, by, done.Stays, now)
		} else {
			done.Removed = 0
		}
		if err != nil {
			return err
		}
		if err := makeLocal(tx, by.Workspace, now); err != nil {
			return err
		}
		return audit.RecordAt(tx, by, "directory.turned_off", by.Workspace, audit.Detail{"people": what, "kept": done.People - done.Removed,
			"removed": done.Removed, "teams": done.Teams}, now)
	})
	return done, err
}

// makeLocal takes what is left from the directory.
func makeLocal(tx database.Tx, workspace string, now time.Time) error {
	for _, table := range []string{"people", "teams"} {
		err := counted(tx, workspace, table, func() (int64, error) {
			res := tx.Exec("UPDATE "+table+" SET source = 'local', version = version + 1, updated_at = ? WHERE workspace_id = ? AND source = 'directory' AND deleted_at IS NULL", now, workspace)
			return -res.RowsAffected, res.Error
		})
		if err != nil {
			return err
		}
		if err := tx.Exec("UPDATE "+table+" SET source = 'local' WHERE workspace_id = ? AND source = 'directory'", workspace).Error; err != nil {
			return err
		}
	}
	if err := tx.Exec("UPDATE people SET role_mapped = ? WHERE workspace_id = ? AND role_mapped", false, workspace).Error; err != nil {
		return err
	}
	return tx.Exec("DELETE FROM team_pending WHERE workspace_id = ?", workspace).Error
}

// removeAll deletes the teams of the directory, and its people but those who stay.
func (s *Service) removeAll(tx database.Tx, by actor.Actor, stays []Stay, now time.Time) error {
	keep := []string{""}
	for _, st := range stays {
		keep = append(keep, st.Person.ID)
	}
	var rows []personRow
	err := tx.Lock().Omit("attributes").Where("workspace_id = ? AND source = 'directory' AND deleted_at IS NULL AND id NOT IN ?", by.Workspace, keep).Order("id").Find(&rows).Error
	if err != nil {
		return err
	}
	for some := range slices.Chunk(rows, atOnce) {
		ids := make([]string, len(some))
		for i, r := range some {
			ids[i] = r.ID
		}
		err := counted(tx, by.Workspace, "people", func() (int64, error) {
			res := tx.Exec("UPDATE people SET deleted_at = ?, active_before = active, active = ?, source = 'local', version = version + 1, updated_at = ? WHERE id IN ?",
				now, false, now, ids)
			return -res.RowsAffected, res.Error
		})
		if err != nil {
			return err
		}
		free, err := s.free(tx, ids)
		if err != nil {
			return err
		}
		if err := s.removed(tx, by, some, free, now); err != nil {
			return err
		}
		if err := audit.RecordEach(tx, by, "person.deleted", ids, nil, now); err != nil {
			return err
		}
	}
	return removeTeams(tx, by, now)
}

// free are those among people who have, and had, nothing that ends with them.
func (s *Service) free(tx database.Tx, ids []string) (map[string]bool, error) {
	if len(s.traces) == 0 && len(s.onDeactivated)+len(s.witnesses) > 0 {
		return nil, nil //nolint:nilnil // that is not known of everything
	}
	sql := "SELECT p.id FROM people p WHERE p.id IN ?"
	for _, trace := range s.traces {
		sql += " AND NOT EXISTS (" + strings.ReplaceAll(trace, "?", "p.id") + ")"
	}
	var found []string
	if err := tx.Raw(sql, ids).Scan(&found).Error; err != nil {
		return nil, err
	}
	out := make(map[string]bool, len(found))
	for _, id := range found {
		out[id] = true
	}
	return out, nil
}

// removed does what ends with people who have just been deleted, and writes their receipts: one by one for those with whom something may end, and
// together for the many others.
func (s *Service) removed(tx database.Tx, by actor.Actor, people []personRow, free map[string]bool, now time.Time) error {
	var rows []string
	var args []any
	for _, r := range people {
		r.Active = false
		p := r.person()
		if !free[p.ID] || p.Role.Admin() {
			if err := s.offboard(tx, by, p, causeDeleted, now); err != nil {
				return err
			}
			continue
		}
		values, err := s.receipt(tx.Statement.Context, by, p, causeDeleted, make([]int, len(s.witnesses)), now, now)
		if err != nil {
			return err
		}
		rows, args = append(rows, "("+marks(len(values))+")"), append(args, values...)
	}
	if len(rows) == 0 {
		return nil
	}
	return tx.Exec("INSERT INTO "+receiptColumns+" VALUES "+strings.Join(rows, ", "), args...).Error
}

// removeTeams deletes the teams of the directory, to be restored as local ones.
func removeTeams(tx database.Tx, by actor.Actor, now time.Time) error {
	var ids []string
	err := counted(tx, by.Workspace, "teams", func() (int64, error) {
		err := tx.Raw("UPDATE teams SET deleted_at = ?, source = 'local', version = version + 1, updated_at = ? WHERE workspace_id = ? AND source = 'directory'"+
			" AND deleted_at IS NULL RETURNING id", now, now, by.Workspace).Scan(&ids).Error
		return -int64(len(ids)), err
	})
	if err != nil {
		return err
	}
	slices.Sort(ids)
	return audit.RecordEach(tx, by, "team.deleted", ids, nil, now)
}

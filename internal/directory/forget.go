package directory

import (
	"context"
	"errors"
	"time"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
)

// ReceiptsFor is how long receipts of offboardings and removals that somebody has decided about are kept.
const ReceiptsFor = 400 * 24 * time.Hour

const (
	forgetPeople = 200 // people that one transaction forgets
	forgetTeams  = 20  // teams, whose memberships go with them
	forgetRows   = 1000
	forgetRounds = 50 // transactions of a kind that one sweep makes; the next one goes on
)

// Forgets adds what has to go when a person is forgotten: a DELETE that ends in "IN ?", the argument being people's ids. It is called while the
// service is put together.
func (s *Service) Forgets(statement string) { s.forgets = append(s.forgets, statement) }

// Forget ends what can be brought back no longer. People whose deletion is more than 30 days old are forgotten: their row stays, without anything of
// theirs, for what refers to its id. Teams go for good. Whoever is part of a removal that nobody has decided about yet is kept, and so is an Owner
// whom nobody has followed. Receipts and decided removals go after ReceiptsFor, counts for the guard after an hour. Each transaction is small.
func (s *Service) Forget(ctx context.Context) error {
	now, err := s.db.Now(ctx)
	if err != nil {
		return err
	}
	var failed error
	for _, some := range []func(tx database.Tx, now time.Time) (bool, error){s.forgetPeople, forgetDeletedTeams, forgetReceipts, forgetRemovals, forgetCounts} {
		for more, n := true, 0; more && n < forgetRounds && ctx.Err() == nil; n++ {
			err := s.db.InTx(ctx, func(tx database.Tx) (err error) {
				more, err = some(tx, now)
				return err
			})
			if err != nil {
				failed, more = errors.Join(failed, err), false
			}
		}
	}
	return failed
}

// gone is a row that is forgotten, and whose it was.
type gone struct{ ID, WorkspaceID string }

// undecided is the condition that r is not part of a removal that waits for a decision; item says which item names r.
func undecided(item string) string {
	return " AND NOT EXISTS (SELECT 1 FROM held_items i JOIN held_removals h ON h.id = i.removal_id AND h.state = 'held' WHERE i.workspace_id = r.workspace_id AND " + item + ")"
}

// skipLocked lets replicas that sweep at the same time take different rows.
func skipLocked(tx database.Tx) string {
	if tx.Dialect() == database.Postgres {
		return " FOR UPDATE OF r SKIP LOCKED"
	}
	return ""
}

func (s *Service) forgetPeople(tx database.Tx, now time.Time) (more bool, err error) {
	var people []gone
	err = tx.Raw("SELECT r.id, r.workspace_id FROM people r WHERE r.deleted_at <= ? AND r.deleted_at IS NOT NULL AND r.forgotten_at IS NULL AND r.role <> 'owner'"+
		undecided("i.person_id = r.id")+" ORDER BY r.deleted_at, r.id LIMIT ?"+skipLocked(tx), now.Add(-RestoreWithin), forgetPeople).Scan(&people).Error
	if err != nil || len(people) == 0 {
		return false, err
	}
	ids := idsOf(people)
	for _, statement := range append([]string{"DELETE FROM person_emails WHERE person_id IN ?", "DELETE FROM team_members WHERE person_id IN ?"}, s.forgets...) {
		if err := tx.Exec(statement, ids).Error; err != nil {
			return false, err
		}
	}
	err = tx.Exec("UPDATE people SET forgotten_at = ?, role = 'user', role_mapped = ?, user_name = '', user_name_key = '', name = '', name_key = '', email = '', email_key = '',"+
		" external_id = NULL, manager_id = NULL, attributes = '{}', search = '{}', version = version + 1, updated_at = ? WHERE id IN ?", now, false, now, ids).Error
	if err != nil {
		return false, err
	}
	return len(people) == forgetPeople, toldForgotten(tx, "person.forgotten", people, now)
}

func forgetDeletedTeams(tx database.Tx, now time.Time) (more bool, err error) {
	var teams []gone
	err = tx.Raw("SELECT r.id, r.workspace_id FROM teams r WHERE r.deleted_at <= ? AND r.deleted_at IS NOT NULL"+undecided("i.team_id = r.id")+
		" ORDER BY r.deleted_at, r.id LIMIT ?"+skipLocked(tx), now.Add(-RestoreWithin), forgetTeams).Scan(&teams).Error
	if err != nil || len(teams) == 0 {
		return false, err
	}
	ids := idsOf(teams)
	for _, statement := range []string{"DELETE FROM team_members WHERE team_id IN ?", "DELETE FROM team_pending WHERE team_id IN ?", "DELETE FROM teams WHERE id IN ?"} {
		if err := tx.Exec(statement, ids).Error; err != nil {
			return false, err
		}
	}
	return len(teams) == forgetTeams, toldForgotten(tx, "team.forgotten", teams, now)
}

func idsOf(all []gone) []string {
	ids := make([]string, len(all))
	for i, g := range all {
		ids[i] = g.ID
	}
	return ids
}

func toldForgotten(tx database.Tx, event string, all []gone, now time.Time) error {
	for _, g := range all {
		by := actor.Actor{Kind: actor.System, Workspace: g.WorkspaceID, Name: "Countersign"}
		if err := audit.RecordAt(tx, by, event, g.ID, nil, now); err != nil {
			return err
		}
	}
	return nil
}

func forgetReceipts(tx database.Tx, now time.Time) (more bool, err error) {
	res := tx.Exec("DELETE FROM offboardings WHERE id IN (SELECT id FROM offboardings WHERE ended_at <= ? ORDER BY ended_at, id LIMIT ?)", now.Add(-ReceiptsFor), forgetRows)
	return res.RowsAffected == forgetRows, res.Error
}

// forgetRemovals takes the items first, of which a removal may have many, and the removals when theirs are gone.
func forgetRemovals(tx database.Tx, now time.Time) (more bool, err error) {
	const old = "SELECT id FROM held_removals WHERE decided_at IS NOT NULL AND decided_at <= ?"
	const item = "removal_id, person_id, team_id"
	res := tx.Exec("DELETE FROM held_items WHERE ("+item+") IN (SELECT "+item+" FROM held_items WHERE removal_id IN ("+old+") LIMIT ?)", now.Add(-ReceiptsFor), forgetRows)
	if res.Error != nil || res.RowsAffected == forgetRows {
		return res.Error == nil, res.Error
	}
	return false, tx.Exec("DELETE FROM held_removals WHERE id IN ("+old+") AND NOT EXISTS (SELECT 1 FROM held_items i WHERE i.removal_id = held_removals.id)", now.Add(-ReceiptsFor)).Error
}

func forgetCounts(tx database.Tx, now time.Time) (more bool, err error) {
	return false, tx.Exec("DELETE FROM removal_counts WHERE minute <= ?", now.Add(-window)).Error
}

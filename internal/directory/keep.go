package directory

import (
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/fault"
)

// bringBack undoes a held removal, in a number of statements that does not grow with it where that can be, and writes what became of each item.
func (s *Service) bringBack(tx database.Tx, by actor.Actor, r removalRow, items []RemovalItem, now time.Time) error {
	switch r.Kind {
	case HeldPeople:
		return s.bringPeopleBack(tx, by, r, items, now)
	case HeldRoles:
		return bringRolesBack(tx, r)
	}
	for _, i := range items { // teams first, so that their members find them
		if i.PersonID != "" {
			continue
		}
		_, err := s.restoreTeam(tx, by, i.TeamID, time.Time{}, now)
		if err := outcome(tx, r, i, err); err != nil {
			return err
		}
	}
	return bringMembersBack(tx, by, r, now)
}

// outcome writes what became of one item; a refusal is an outcome too.
func outcome(tx database.Tx, r removalRow, i RemovalItem, err error) error {
	word := "restored"
	var f *fault.Error
	if errors.As(err, &f) && (f.Kind == fault.Conflict || f.Kind == fault.NotFound) {
		word, err = f.Code, nil
	}
	if err != nil {
		return err
	}
	return tx.Exec("UPDATE held_items SET outcome = ? WHERE removal_id = ? AND person_id = ? AND team_id = ?", word, r.ID, i.PersonID, i.TeamID).Error
}

// bringPeopleBack restores everybody whose userName is free: not taken by somebody who is there, and not by another one of the removal who was
// deleted later.
func (s *Service) bringPeopleBack(tx database.Tx, by actor.Actor, r removalRow, items []RemovalItem, now time.Time) error {
	back, err := comingBack(tx, by.Workspace, r.ID)
	if err != nil {
		return err
	}
	for some := range slices.Chunk(back, atOnce) {
		err := counted(tx, by.Workspace, "people", func() (seen int64, err error) {
			var sources []string
			err = tx.Raw("UPDATE people SET deleted_at = NULL, active = active_before, version = version + 1, updated_at = ? WHERE id IN ? AND workspace_id = ? RETURNING source",
				now, some, by.Workspace).Scan(&sources).Error
			for _, source := range sources { // a directory that was turned off meanwhile has made them local
				if Source(source) == Provider {
					seen++
				}
			}
			return seen, err
		})
		if err != nil {
			return err
		}
	}
	restored := make(map[string]bool, len(back))
	for _, id := range back {
		restored[id] = true
	}
	if err := audit.RecordEach(tx, by, "person.restored", back, audit.Detail{"removal": r.ID}, now); err != nil {
		return err
	}
	err = tx.Exec("UPDATE held_items SET outcome = 'restored' WHERE removal_id = ?", r.ID).Error
	if err != nil {
		return err
	}
	for _, i := range items { // the Owner, and those who cannot come back
		if restored[i.PersonID] {
			continue
		}
		_, err := s.restorePerson(tx, by, i.PersonID, time.Time{}, now)
		if err := outcome(tx, r, i, err); err != nil {
			return err
		}
	}
	return nil
}

// comingBack are the people of a removal who can simply come back, sorted.
func comingBack(tx database.Tx, workspace, removal string) ([]string, error) {
	var rows []struct {
		ID, UserNameKey string
		DeletedAt       time.Time
		Taken           bool
	}
	err := tx.Raw(`SELECT r.id, r.user_name_key, r.deleted_at, EXISTS (SELECT 1 FROM people o WHERE o.workspace_id = r.workspace_id AND o.user_name_key = r.user_name_key
		AND o.deleted_at IS NULL) AS taken FROM people r WHERE r.id IN (SELECT i.person_id FROM held_items i WHERE i.removal_id = ?) AND r.workspace_id = ?
		AND r.deleted_at IS NOT NULL AND r.role <> 'owner' ORDER BY r.deleted_at, r.id`+forUpdate(tx), removal, workspace).Scan(&rows).Error
	if err != nil {
		return nil, err
	}
	last := make(map[string]string, len(rows)) // who was deleted last, by userName
	for _, row := range rows {
		if !row.Taken {
			last[row.UserNameKey] = row.ID
		}
	}
	return slices.Sorted(maps.Values(last)), nil
}

func bringRolesBack(tx database.Tx, r removalRow) error {
	err := tx.Exec(`UPDATE people SET role_mapped = ?, role = (SELECT i.role FROM held_items i WHERE i.removal_id = ? AND i.person_id = people.id AND i.team_id = '')
		WHERE id IN (SELECT person_id FROM held_items WHERE removal_id = ?) AND role <> 'owner' AND deleted_at IS NULL`, false, r.ID, r.ID).Error
	if err != nil {
		return err
	}
	return tx.Exec("UPDATE held_items SET outcome = 'restored' WHERE removal_id = ?", r.ID).Error
}

// bringMembersBack puts everybody back into their teams, where both are still there.
func bringMembersBack(tx database.Tx, by actor.Actor, r removalRow, now time.Time) error {
	err := tx.Exec(`INSERT INTO team_members (team_id, person_id, workspace_id) SELECT t.id, p.id, t.workspace_id FROM held_items i
		JOIN teams t ON t.id = i.team_id AND t.deleted_at IS NULL JOIN people p ON p.id = i.person_id AND p.deleted_at IS NULL AND p.workspace_id = t.workspace_id
		WHERE i.removal_id = ? AND t.workspace_id = ? ORDER BY t.id, p.id ON CONFLICT DO NOTHING`, r.ID, by.Workspace).Error
	if err != nil {
		return err
	}
	err = tx.Exec("UPDATE teams SET version = version + 1, updated_at = ? WHERE workspace_id = ? AND id IN (SELECT team_id FROM held_items WHERE removal_id = ? AND person_id <> '')",
		now, by.Workspace, r.ID).Error
	if err != nil {
		return err
	}
	return tx.Exec(`UPDATE held_items SET outcome = CASE WHEN EXISTS (SELECT 1 FROM team_members tm WHERE tm.team_id = held_items.team_id AND tm.person_id = held_items.person_id)
		THEN 'restored' ELSE 'not_found' END WHERE removal_id = ? AND person_id <> ''`, r.ID).Error
}

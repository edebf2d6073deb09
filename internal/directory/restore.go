package directory

import (
	"context"
	"errors"
	"time"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/scim"
)

// RestoreWithin is how long a deleted person or team can be brought back.
const RestoreWithin = 30 * 24 * time.Hour

// What a restoration refuses.
var (
	ErrRestoreLate = fault.New(fault.Expired, "restore_expired", "This was deleted more than 30 days ago and cannot be brought back.")
	ErrNameInUse   = fault.New(fault.Conflict, "user_name_taken", "Another person has this userName by now. Rename or remove them first.")
	ErrTeamInUse   = fault.New(fault.Conflict, "team_name_taken", "Another team has this name by now. Rename or remove it first.")
)

// Deleted is a person or team that can be brought back.
type Deleted struct {
	ID, Name  string
	UserName  string // of a person
	Role      Role   // of a person
	DeletedAt time.Time
	Until     time.Time // until when
}

// DeletedPeople is a page of people who can be brought back, the latest first.
func DeletedPeople(db *gorm.DB, workspace string, now time.Time, after string, limit int) ([]Deleted, string, error) {
	return deleted(db, "SELECT id, name, user_name, role, deleted_at FROM people", workspace, now, after, limit)
}

// DeletedTeams is a page of teams that can be brought back, the latest first.
func DeletedTeams(db *gorm.DB, workspace string, now time.Time, after string, limit int) ([]Deleted, string, error) {
	return deleted(db, "SELECT id, display_name AS name, deleted_at FROM teams", workspace, now, after, limit)
}

func deleted(db *gorm.DB, sql, workspace string, now time.Time, after string, limit int) ([]Deleted, string, error) {
	limit = pageSize(limit)
	sql += " WHERE workspace_id = ? AND deleted_at > ?"
	args := []any{workspace, now.Add(-RestoreWithin)}
	if after != "" {
		at, id, err := parseCursor(after)
		if err != nil {
			return nil, "", err
		}
		sql, args = sql+" AND (deleted_at, id) < (?, ?)", append(args, at, id)
	}
	var rows []Deleted
	if err := db.Raw(sql+" ORDER BY deleted_at DESC, id DESC LIMIT ?", append(args, limit+1)...).Scan(&rows).Error; err != nil {
		return nil, "", err
	}
	next := ""
	if len(rows) > limit {
		rows = rows[:limit]
		next = cursor(rows[limit-1].DeletedAt, rows[limit-1].ID)
	}
	for i := range rows {
		rows[i].Until = rows[i].DeletedAt.Add(RestoreWithin)
	}
	return rows, next, nil
}

// RestorePerson brings a deleted person back as they were: id, role, attributes, memberships, active or not. Sessions and phones stay ended.
func (s *Service) RestorePerson(ctx context.Context, by actor.Actor, id string) (Person, error) {
	var p Person
	err := s.restore(ctx, by, func(tx database.Tx, now time.Time) (err error) {
		if p, err = s.restorePerson(tx, by, id, now.Add(-RestoreWithin), now); err != nil {
			return err
		}
		return s.rolesOfPeople(tx, by, []string{id}, now)
	})
	return p, duplicate(err, ErrNameInUse)
}

// RestoreTeam brings a deleted team back with its members.
func (s *Service) RestoreTeam(ctx context.Context, by actor.Actor, id string) (Team, error) {
	var t Team
	err := s.restore(ctx, by, func(tx database.Tx, now time.Time) (err error) {
		if t, err = s.restoreTeam(tx, by, id, now.Add(-RestoreWithin), now); err != nil {
			return err
		}
		members, err := membersAmong(tx, id, nil, true)
		if err != nil {
			return err
		}
		t.Members = len(members)
		return s.rolesOfPeople(tx, by, members, now)
	})
	return t, duplicate(err, ErrTeamInUse)
}

func (s *Service) restore(ctx context.Context, by actor.Actor, do func(database.Tx, time.Time) error) error {
	return s.db.InTx(ctx, func(tx database.Tx) error {
		if err := asManager(tx, by); err != nil {
			return err
		}
		now, err := tx.Now()
		if err != nil {
			return err
		}
		return do(tx, now)
	})
}

// restorePerson brings back one person who was deleted after oldest. The workspace is locked.
func (s *Service) restorePerson(tx database.Tx, by actor.Actor, id string, oldest, now time.Time) (Person, error) {
	var r personRow
	var before bool
	if !scim.Storable(id) {
		return Person{}, fault.ErrNotFound
	}
	err := tx.Lock().Where("workspace_id = ? AND id = ? AND deleted_at IS NOT NULL", by.Workspace, id).Take(&r).Error
	if err == nil {
		err = tx.Raw("SELECT active_before FROM people WHERE id = ?", id).Scan(&before).Error
	}
	switch {
	case errors.Is(err, gorm.ErrRecordNotFound):
		return Person{}, fault.ErrNotFound
	case err != nil:
		return Person{}, err
	case r.DeletedAt.Before(oldest):
		return Person{}, ErrRestoreLate
	}
	var other string
	err = tx.Raw("SELECT id FROM people WHERE workspace_id = ? AND user_name_key = ? AND deleted_at IS NULL", by.Workspace, r.UserNameKey).Scan(&other).Error
	if err != nil || other != "" {
		return Person{}, cmpErr(err, ErrNameInUse)
	}
	if Role(r.Role) == Owner {
		err = tx.Raw("SELECT id FROM people WHERE workspace_id = ? AND role = 'owner' AND deleted_at IS NULL", by.Workspace).Scan(&other).Error
		if err != nil {
			return Person{}, err
		}
		if other != "" { // somebody else is the Owner by now
			r.Role = string(User)
		}
	}
	r.Active, r.DeletedAt, r.Version, r.UpdatedAt = before, nil, r.Version+1, now
	err = tx.Exec("UPDATE people SET deleted_at = NULL, active = ?, role = ?, version = ?, updated_at = ? WHERE id = ?", r.Active, r.Role, r.Version, now, id).Error
	if err != nil {
		return Person{}, err
	}
	if err := audit.RecordAt(tx, by, "person.restored", id, audit.Detail{"active": r.Active}, now); err != nil {
		return Person{}, err
	}
	if Role(r.Role) == Owner && r.Active {
		err = ownerReturned(tx, by, id, now)
	}
	return r.person(), err
}

// restoreTeam brings back one team that was deleted after oldest. The workspace is locked.
func (s *Service) restoreTeam(tx database.Tx, by actor.Actor, id string, oldest, now time.Time) (Team, error) {
	var r struct {
		ID, DisplayName, DisplayNameKey, Source string
		CreatedAt, DeletedAt                    time.Time
	}
	if !scim.Storable(id) {
		return Team{}, fault.ErrNotFound
	}
	res := tx.Raw("SELECT id, display_name, display_name_key, source, created_at, deleted_at FROM teams r WHERE workspace_id = ? AND id = ? AND deleted_at IS NOT NULL"+
		forUpdate(tx), by.Workspace, id).Scan(&r)
	switch {
	case res.Error != nil || r.ID == "":
		return Team{}, cmpErr(res.Error, fault.ErrNotFound)
	case r.DeletedAt.Before(oldest):
		return Team{}, ErrRestoreLate
	}
	var other string
	err := tx.Raw("SELECT id FROM teams WHERE workspace_id = ? AND display_name_key = ? AND deleted_at IS NULL", by.Workspace, r.DisplayNameKey).Scan(&other).Error
	if err != nil || other != "" {
		return Team{}, cmpErr(err, ErrTeamInUse)
	}
	if err := tx.Exec("UPDATE teams SET deleted_at = NULL, version = version + 1, updated_at = ? WHERE id = ?", now, id).Error; err != nil {
		return Team{}, err
	}
	return Team{ID: r.ID, Name: r.DisplayName, Source: Source(r.Source), CreatedAt: r.CreatedAt}, audit.RecordAt(tx, by, "team.restored", id, nil, now)
}

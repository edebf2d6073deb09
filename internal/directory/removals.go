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

// ErrDecided says that somebody has decided about a removal before.
var ErrDecided = fault.New(fault.Conflict, "already_decided", "Somebody has decided about this removal already.")

// Removal is a mass removal that was held, or has been decided.
type Removal struct {
	ID        string
	Kind      string // HeldPeople, HeldMembers or HeldRoles
	State     string // held, allowed or kept
	OpenedAt  time.Time
	OpenedBy  string // shown name of the token it came by
	Reason    string // which threshold it crossed
	DecidedAt *time.Time
	DecidedBy string
	Items     int // at most CountMost+1
}

func (r removalRow) removal() Removal {
	return Removal{ID: r.ID, Kind: r.Kind, State: r.State, OpenedAt: r.OpenedAt, OpenedBy: r.OpenedBy, Reason: r.Reason, DecidedAt: r.DecidedAt, DecidedBy: r.DecidedBy}
}

// RemovalItem is one person or team of a removal.
type RemovalItem struct {
	PersonID, PersonName, UserName string // "" where a whole team was deleted
	TeamID, TeamName               string // "" where the person was deleted
	Role                           string // of the person when it was taken
	At                             time.Time
	Outcome                        string // after a decision: removed, restored, or why it could not be
}

// Removals is a page of a workspace's removals, newest first; those that are held only, where held is set.
func Removals(db *gorm.DB, workspace string, held bool, after string, limit int) ([]Removal, string, error) {
	limit = pageSize(limit)
	find := db.Where("workspace_id = ?", workspace).Order("opened_at DESC, id DESC").Limit(limit + 1)
	if held {
		find = find.Where("state = 'held'")
	}
	if after != "" {
		at, id, err := parseCursor(after)
		if err != nil {
			return nil, "", err
		}
		find = find.Where("(opened_at, id) < (?, ?)", at, id)
	}
	var rows []removalRow
	if err := find.Find(&rows).Error; err != nil {
		return nil, "", err
	}
	next := ""
	if len(rows) > limit {
		rows = rows[:limit]
		next = cursor(rows[limit-1].OpenedAt, rows[limit-1].ID)
	}
	out := make([]Removal, len(rows))
	for i, r := range rows {
		out[i] = r.removal()
		err := db.Raw("SELECT count(*) FROM (SELECT 1 FROM held_items WHERE removal_id = ? LIMIT ?) a", r.ID, CountMost+1).Scan(&out[i].Items).Error
		if err != nil {
			return nil, "", err
		}
	}
	return out, next, nil
}

// FindRemoval reads one removal of a workspace.
func FindRemoval(db *gorm.DB, workspace, id string) (Removal, error) {
	r, err := findRemoval(db, workspace, id)
	if err != nil {
		return Removal{}, err
	}
	out := r.removal()
	return out, db.Raw("SELECT count(*) FROM (SELECT 1 FROM held_items WHERE removal_id = ? LIMIT ?) a", id, CountMost+1).Scan(&out.Items).Error
}

func findRemoval(db *gorm.DB, workspace, id string) (removalRow, error) {
	var r removalRow
	err := db.Where("workspace_id = ? AND id = ?", workspace, id).Take(&r).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return r, fault.ErrNotFound
	}
	return r, err
}

// RemovalItems is a page of what a removal took, in the order of people and teams; after is the last item of the page before.
func RemovalItems(db *gorm.DB, workspace, id string, after RemovalItem, limit int) ([]RemovalItem, bool, error) {
	limit = pageSize(limit)
	var rows []RemovalItem
	err := db.Raw(`SELECT i.person_id, COALESCE(p.name, '') AS person_name, COALESCE(p.user_name, '') AS user_name, i.team_id, COALESCE(t.display_name, '') AS team_name,
		i.role, i.at, i.outcome FROM held_items i LEFT JOIN people p ON p.id = i.person_id LEFT JOIN teams t ON t.id = i.team_id
		WHERE i.removal_id = ? AND i.workspace_id = ? AND (i.person_id, i.team_id) > (?, ?) ORDER BY i.person_id, i.team_id LIMIT ?`,
		id, workspace, after.PersonID, after.TeamID, limit+1).Scan(&rows).Error
	if len(rows) > limit {
		return rows[:limit], true, err
	}
	return rows, false, err
}

// AllowRemoval lets a held removal be what the provider believes it is. spend consumes the confirmation in the same transaction.
func (s *Service) AllowRemoval(ctx context.Context, by actor.Actor, id string, spend func(database.Tx) error) error {
	return s.decide(ctx, by, id, "allowed", spend, func(tx database.Tx, r removalRow, items []RemovalItem, now time.Time) error {
		if err := tx.Exec("UPDATE held_items SET outcome = 'removed' WHERE removal_id = ?", r.ID).Error; err != nil {
			return err
		}
		ids, err := roleHolders(tx, items)
		if err != nil || r.Kind == HeldPeople || len(ids) == 0 {
			return err
		}
		return s.rolesOfPeople(tx, by, ids, now)
	})
}

// roleHolders are the people whose role waited for a decision about the items.
func roleHolders(tx database.Tx, items []RemovalItem) ([]string, error) {
	var ids []string
	for _, i := range items {
		if i.PersonID != "" {
			ids = append(ids, i.PersonID)
			continue
		}
		members, err := membersAmong(tx, i.TeamID, nil, true)
		if err != nil {
			return nil, err
		}
		ids = append(ids, members...)
	}
	return ids, nil
}

// rolesOfPeople gives people their role by the workspace's rules; the workspace is locked.
func (s *Service) rolesOfPeople(tx database.Tx, by actor.Actor, ids []string, now time.Time) error {
	m, err := roleMappingIn(tx.DB, by.Workspace)
	if err != nil {
		return err
	}
	by.Kind = actor.Person // what somebody has decided is not held again
	_, err = s.giveRoles(tx, by, m, GuardPolicy{}, ids, true, now)
	return err
}

// KeepRemoval brings back what a held removal took: people as they were, memberships, teams and roles. What cannot come back, because its name
// is taken by now, is left out, and its outcome says so.
func (s *Service) KeepRemoval(ctx context.Context, by actor.Actor, id string, spend func(database.Tx) error) error {
	return s.decide(ctx, by, id, "kept", spend, func(tx database.Tx, r removalRow, items []RemovalItem, now time.Time) error {
		if err := s.bringBack(tx, by, r, items, now); err != nil {
			return err
		}
		ids, err := roleHolders(tx, items)
		if err != nil || r.Kind == HeldRoles || len(ids) == 0 {
			return err
		}
		return s.rolesOfPeople(tx, by, ids, now)
	})
}

func (s *Service) decide(ctx context.Context, by actor.Actor, id, state string, spend func(database.Tx) error,
	do func(database.Tx, removalRow, []RemovalItem, time.Time) error) error {
	if !scim.Storable(id) {
		return fault.ErrNotFound
	}
	return s.db.InTx(ctx, func(tx database.Tx) error {
		if _, err := findRemoval(tx.DB, by.Workspace, id); err != nil {
			return err
		}
		if err := spend(tx); err != nil {
			return err
		}
		if err := asManager(tx, by); err != nil {
			return err
		}
		r, err := findRemoval(tx.Lock(), by.Workspace, id)
		if err != nil {
			return err
		}
		if r.State != "held" {
			return ErrDecided
		}
		now, err := tx.Now()
		if err != nil {
			return err
		}
		err = tx.Exec("UPDATE held_removals SET state = ?, decided_at = ?, decided_by = ? WHERE id = ?", state, now, by.Name, id).Error
		if err != nil {
			return err
		}
		items, err := allItems(tx.DB, by.Workspace, id)
		if err != nil {
			return err
		}
		if err := do(tx, r, items, now); err != nil {
			return err
		}
		return audit.RecordAt(tx, by, "removal."+state, id, audit.Detail{"kind": r.Kind, "items": len(items)}, now)
	})
}

func allItems(db *gorm.DB, workspace, id string) ([]RemovalItem, error) {
	var all []RemovalItem
	for more := true; more; {
		var last RemovalItem
		if len(all) > 0 {
			last = all[len(all)-1]
		}
		page, further, err := RemovalItems(db, workspace, id, last, pageMost)
		if err != nil {
			return nil, err
		}
		all, more = append(all, page...), further
	}
	return all, nil
}

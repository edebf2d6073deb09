package directory

import (
	"context"
	"time"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/ident"
	"github.com/countersign/countersign/internal/notice"
	"github.com/countersign/countersign/internal/scim"
)

// What taking over a workspace refuses.
var (
	ErrNotFrozen   = fault.New(fault.Conflict, "not_frozen", "The workspace has an active Owner. There is nothing to take over.")
	ErrCandidate   = fault.New(fault.Conflict, "bad_candidate", "The new Owner is an active Super Admin of this workspace.")
	ErrSecondVoice = fault.New(fault.Conflict, "second_person", "You have proposed this yourself. Another Super Admin has to agree.")
	ErrSuperAdmin  = fault.New(fault.Forbidden, "forbidden", "This needs a Super Admin.").With("allowed_roles", []Role{SuperAdmin})
)

// Ownership is who owns a workspace, and whether that is frozen because the directory took the Owner away (rule O1).
type Ownership struct {
	Owner       *Person // nil when they were deleted
	Frozen      bool
	FrozenAt    time.Time
	Candidate   *Person // whom somebody has proposed
	ProposedBy  *Person
	ProposedAt  time.Time
	SuperAdmins int // active ones, who can propose and agree
}

type takeoverRow struct {
	ID          string
	WorkspaceID string
	OwnerID     string
	State       string
	FrozenAt    time.Time
	CandidateID string
	ProposedBy  string
	ProposedAt  *time.Time
	ApprovedBy  string
	EndedAt     *time.Time
}

func (takeoverRow) TableName() string { return "ownership_takeovers" }

// ownerGone freezes the ownership of a workspace whose Owner has just lost their access.
func (s *Service) ownerGone(tx database.Tx, by actor.Actor, p Person, now time.Time) error {
	if p.Role != Owner {
		return nil
	}
	res := tx.Exec("INSERT INTO ownership_takeovers (id, workspace_id, owner_id, state, frozen_at) VALUES (?, ?, ?, 'frozen', ?) ON CONFLICT DO NOTHING",
		ident.New("own"), p.Workspace, p.ID, now)
	if res.Error != nil || res.RowsAffected == 0 {
		return res.Error
	}
	if err := s.tellUrgently(tx, p.Workspace, []Role{SuperAdmin}, "ownership.frozen", notice.Params{"owner": p.Name}, now); err != nil {
		return err
	}
	return audit.RecordAt(tx, by, "ownership.frozen", p.ID, nil, now)
}

// tellAll tells everybody active who has one of the roles.
func tellAll(tx database.Tx, workspace string, roles []Role, kind string, params notice.Params, now time.Time) error {
	ids, err := having(tx, workspace, roles)
	if err != nil {
		return err
	}
	return notice.Tell(tx, workspace, ids, kind, params, now)
}

// tellUrgently is tellAll for what somebody has to look at soon.
func (s *Service) tellUrgently(tx database.Tx, workspace string, roles []Role, kind string, params notice.Params, now time.Time) error {
	ids, err := having(tx, workspace, roles)
	if err != nil {
		return err
	}
	if err := notice.Tell(tx, workspace, ids, kind, params, now); err != nil || s.urgent == nil {
		return err
	}
	return s.urgent(tx, workspace, ids, now)
}

// having are the ids of everybody active who has one of the roles, which are those of admins.
func having(tx database.Tx, workspace string, roles []Role) (ids []string, err error) {
	err = tx.Raw("SELECT id FROM people WHERE workspace_id = ? AND role IN ('owner', 'super_admin', 'admin') AND role IN ? AND active = true AND deleted_at IS NULL",
		workspace, roles).Scan(&ids).Error
	return ids, err
}

// ownerReturned thaws it when the Owner is back.
func ownerReturned(tx database.Tx, by actor.Actor, id string, now time.Time) error {
	res := tx.Exec("UPDATE ownership_takeovers SET state = 'returned', ended_at = ? WHERE workspace_id = ? AND owner_id = ? AND state = 'frozen'", now, by.Workspace, id)
	if res.Error != nil || res.RowsAffected == 0 {
		return res.Error
	}
	return audit.RecordAt(tx, by, "ownership.returned", id, nil, now)
}

// OwnershipOf tells how the ownership of a workspace stands.
func OwnershipOf(db *gorm.DB, workspace string) (Ownership, error) {
	var o Ownership
	var owner personRow
	res := db.Where("workspace_id = ? AND role = 'owner' AND deleted_at IS NULL", workspace).Limit(1).Find(&owner)
	if res.Error != nil {
		return o, res.Error
	}
	if res.RowsAffected > 0 {
		p := owner.person()
		o.Owner = &p
	}
	var admins int64
	err := db.Model(&personRow{}).Where("workspace_id = ? AND role = 'super_admin' AND active AND deleted_at IS NULL", workspace).Count(&admins).Error
	if err != nil {
		return o, err
	}
	o.SuperAdmins = int(admins)
	var t takeoverRow
	res = db.Where("workspace_id = ? AND state = 'frozen'", workspace).Limit(1).Find(&t)
	if res.Error != nil || res.RowsAffected == 0 {
		return o, res.Error
	}
	o.Frozen, o.FrozenAt = true, t.FrozenAt
	if t.ProposedAt != nil {
		o.ProposedAt = *t.ProposedAt
	}
	o.Candidate, o.ProposedBy = maybe(db, workspace, t.CandidateID), maybe(db, workspace, t.ProposedBy)
	return o, nil
}

// maybe is a person who may be gone by now.
func maybe(db *gorm.DB, workspace, id string) *Person {
	p, err := Find(db, workspace, id)
	if err != nil {
		return nil
	}
	return &p
}

// TakeOver proposes candidate, an active Super Admin, as the new Owner of a frozen workspace, or agrees to what another Super Admin has
// proposed; with that the ownership moves. spend consumes by's confirmation in the same transaction. alone, where it is not nil, consumes one of
// by's recovery codes, which stands for the second person.
func (s *Service) TakeOver(ctx context.Context, by actor.Actor, candidate string, spend, alone func(database.Tx) error) (moved bool, err error) {
	if !scim.Storable(candidate) {
		return false, ErrCandidate
	}
	err = s.db.InTx(ctx, func(tx database.Tx) error {
		if err := spend(tx); err != nil {
			return err
		}
		if err := lockWorkspace(tx, by.Workspace); err != nil {
			return err
		}
		t, next, err := takeoverOf(tx, by, candidate)
		if err != nil {
			return err
		}
		now, err := tx.Now()
		if err != nil {
			return err
		}
		switch {
		case alone != nil:
			if err := alone(tx); err != nil {
				return err
			}
		case t.CandidateID != candidate || !stillSuperAdmin(tx.DB, by.Workspace, t.ProposedBy):
			return propose(tx, by, t, candidate, now)
		case t.ProposedBy == by.Person:
			return ErrSecondVoice
		}
		moved = true
		return s.move(tx, by, t, next, now)
	})
	return moved && err == nil, err
}

// takeoverOf locks a frozen ownership, and checks who asks and who is to be the Owner.
func takeoverOf(tx database.Tx, by actor.Actor, candidate string) (takeoverRow, Person, error) {
	var t takeoverRow
	if !stillSuperAdmin(tx.DB, by.Workspace, by.Person) {
		return t, Person{}, ErrSuperAdmin
	}
	res := tx.Lock().Where("workspace_id = ? AND state = 'frozen'", by.Workspace).Limit(1).Find(&t)
	if res.Error != nil || res.RowsAffected == 0 {
		return t, Person{}, cmpErr(res.Error, ErrNotFrozen)
	}
	next, err := Find(tx.Lock(), by.Workspace, candidate)
	if err != nil || !next.Active || next.Role != SuperAdmin {
		return t, next, ErrCandidate.Because(err)
	}
	return t, next, nil
}

func stillSuperAdmin(db *gorm.DB, workspace, id string) bool {
	p, err := Find(db, workspace, id)
	return err == nil && p.Active && p.Role == SuperAdmin
}

func propose(tx database.Tx, by actor.Actor, t takeoverRow, candidate string, now time.Time) error {
	err := tx.Exec("UPDATE ownership_takeovers SET candidate_id = ?, proposed_by = ?, proposed_at = ? WHERE id = ?", candidate, by.Person, now, t.ID).Error
	if err != nil {
		return err
	}
	return audit.RecordAt(tx, by, "ownership.proposed", candidate, nil, now)
}

// move makes next the Owner. Who was it comes back, if ever, as a user.
func (s *Service) move(tx database.Tx, by actor.Actor, t takeoverRow, next Person, now time.Time) error {
	if err := endTransfersOf(tx, by, t.OwnerID, "taken_over", now); err != nil {
		return err
	}
	err := tx.Exec("UPDATE people SET role = 'user', role_mapped = ? WHERE workspace_id = ? AND role = 'owner'", false, by.Workspace).Error
	if err != nil {
		return err
	}
	err = tx.Exec("UPDATE people SET role = 'owner', role_mapped = ?, version = version + 1, updated_at = ? WHERE id = ?", false, now, next.ID).Error
	if err != nil {
		return err
	}
	err = tx.Exec("UPDATE ownership_takeovers SET state = 'taken_over', candidate_id = ?, approved_by = ?, ended_at = ? WHERE id = ?", next.ID, by.Person, now, t.ID).Error
	if err != nil {
		return err
	}
	return audit.RecordAt(tx, by, "ownership.taken_over", next.ID, audit.Detail{"from": t.OwnerID, "proposed_by": t.ProposedBy}, now)
}

// Frozen says whether the ownership of a workspace is frozen.
func Frozen(db *gorm.DB, workspace string) (bool, error) {
	var id string
	err := db.Raw("SELECT id FROM ownership_takeovers WHERE workspace_id = ? AND state = 'frozen'", workspace).Scan(&id).Error
	return id != "", err
}

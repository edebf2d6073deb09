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
	"github.com/countersign/countersign/internal/ident"
	"github.com/countersign/countersign/internal/notice"
	"github.com/countersign/countersign/internal/scim"
)

// transferLife is how long an offer of the ownership waits for the other one.
const transferLife = 24 * time.Hour

// What giving the ownership away refuses.
var (
	ErrReceiver     = fault.New(fault.Conflict, "bad_receiver", "The new Owner is an active Super Admin or Admin of this workspace, somebody else than you.")
	ErrTransferOpen = fault.New(fault.Conflict, "transfer_open", "You have offered the ownership already. Cancel that offer first.")
	ErrNoTransfer   = fault.New(fault.Conflict, "no_transfer", "There is no open offer of the ownership. It has ended, or was never made.")
	ErrFrozenOwner  = fault.New(fault.Conflict, "ownership_frozen", "The ownership of this workspace is frozen. Super Admins take it over.")
	errOnlyOwner    = fault.New(fault.Forbidden, "forbidden", "Only the Owner can give the ownership away.").With("allowed_roles", []Role{Owner})
)

// Transfer is an Owner's offer of the ownership.
type Transfer struct {
	ID        string
	From, To  Person
	CreatedAt time.Time
	ExpiresAt time.Time
}

type transferRow struct {
	ID          string
	WorkspaceID string
	FromID      string
	ToID        string
	State       string
	Reason      string
	CreatedAt   time.Time
	ExpiresAt   time.Time
	EndedAt     *time.Time
}

func (transferRow) TableName() string { return "ownership_transfers" }

// OpenTransfer is the offer that is open in a workspace at an instant; ErrNoTransfer where there is none.
func OpenTransfer(db *gorm.DB, workspace string, now time.Time) (Transfer, error) {
	var r transferRow
	err := db.Where("workspace_id = ? AND state = 'open' AND expires_at > ?", workspace, now).Take(&r).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return Transfer{}, ErrNoTransfer
	}
	if err != nil {
		return Transfer{}, err
	}
	return r.transfer(db)
}

func (r transferRow) transfer(db *gorm.DB) (Transfer, error) {
	t := Transfer{ID: r.ID, CreatedAt: r.CreatedAt, ExpiresAt: r.ExpiresAt}
	var err error
	if t.From, err = Find(db, r.WorkspaceID, r.FromID); err != nil {
		return t, err
	}
	t.To, err = Find(db, r.WorkspaceID, r.ToID)
	return t, err
}

// Receiver is somebody to whom by, who has to be the Owner, may offer the ownership.
func Receiver(db *gorm.DB, by actor.Actor, id string) (Person, error) {
	if !scim.Storable(id) {
		return Person{}, fault.ErrNotFound
	}
	owner, err := Find(db, by.Workspace, by.Person)
	if err != nil {
		return Person{}, err
	}
	if !owner.Active || owner.Role != Owner {
		return Person{}, errOnlyOwner
	}
	p, err := Find(db, by.Workspace, id)
	if err != nil {
		return p, err
	}
	if !p.Active || !p.Role.Admin() || p.ID == by.Person {
		return p, ErrReceiver
	}
	return p, nil
}

// Offer offers the ownership to a person, who has to accept it within a day. spend consumes by's confirmation in the same transaction.
func (s *Service) Offer(ctx context.Context, by actor.Actor, to string, spend func(database.Tx) error) (t Transfer, err error) {
	err = s.db.InTx(ctx, func(tx database.Tx) error {
		if err := spend(tx); err != nil {
			return err
		}
		if err := lockWorkspace(tx, by.Workspace); err != nil {
			return err
		}
		next, err := Receiver(tx.DB, by, to)
		if err != nil {
			return err
		}
		now, err := tx.Now()
		if err != nil {
			return err
		}
		if err := endOverdue(tx, tx.Where("workspace_id = ?", by.Workspace), now); err != nil {
			return err
		}
		r := transferRow{ID: ident.New("own"), WorkspaceID: by.Workspace, FromID: by.Person, ToID: next.ID, State: "open", CreatedAt: now, ExpiresAt: now.Add(transferLife)}
		err = tx.Create(&r).Error
		if errors.Is(err, gorm.ErrDuplicatedKey) {
			return ErrTransferOpen
		}
		if err != nil {
			return err
		}
		if t, err = r.transfer(tx.DB); err != nil {
			return err
		}
		err = notice.Tell(tx, by.Workspace, []string{next.ID}, "ownership.offered", notice.Params{"owner": t.From.Name, "expires_at": r.ExpiresAt}, now)
		if err != nil {
			return err
		}
		return audit.RecordAt(tx, by, "ownership.offered", next.ID, audit.Detail{"transfer": r.ID}, now)
	})
	return t, err
}

// Accept makes by, to whom it was offered, the Owner; who was it becomes a Super Admin. spend consumes by's confirmation, whose resource names
// the offer, in the same transaction. Everything is checked again.
func (s *Service) Accept(ctx context.Context, by actor.Actor, spend func(tx database.Tx, transfer string) error) (t Transfer, err error) {
	err = s.db.InTx(ctx, func(tx database.Tx) error {
		now, err := tx.Now()
		if err != nil {
			return err
		}
		if t, err = OpenTransfer(tx.DB, by.Workspace, now); err != nil {
			return err
		}
		if t.To.ID != by.Person {
			return ErrNoTransfer
		}
		if err := spend(tx, t.ID); err != nil {
			return err
		}
		if err := lockWorkspace(tx, by.Workspace); err != nil {
			return err
		}
		r, now, err := openFor(tx, by, "to_id")
		if err != nil {
			return err
		}
		if r.ID != t.ID {
			return ErrNoTransfer
		}
		if t, err = swap(tx, r, now); err != nil {
			return err
		}
		return audit.RecordAt(tx, by, "ownership.transferred", by.Person, audit.Detail{"from": r.FromID, "transfer": r.ID}, now)
	})
	return t, err
}

// openFor locks the open offer in which by has a part: column says which.
func openFor(tx database.Tx, by actor.Actor, column string) (transferRow, time.Time, error) {
	var r transferRow
	err := tx.Lock().Where("workspace_id = ? AND "+column+" = ? AND state = 'open'", by.Workspace, by.Person).Take(&r).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return r, time.Time{}, ErrNoTransfer
	}
	if err != nil {
		return r, time.Time{}, err
	}
	now, err := tx.Now()
	if err == nil && !now.Before(r.ExpiresAt) {
		err = ErrNoTransfer
	}
	return r, now, err
}

// swap moves the ownership of a locked workspace, and tells every admin.
func swap(tx database.Tx, r transferRow, now time.Time) (Transfer, error) {
	var people []personRow
	err := tx.Lock().Where("workspace_id = ? AND id IN ? AND deleted_at IS NULL", r.WorkspaceID, []string{r.FromID, r.ToID}).Order("id").Find(&people).Error
	if err != nil {
		return Transfer{}, err
	}
	t, err := r.transfer(tx.DB)
	if err != nil {
		return t, ErrNoTransfer.Because(err)
	}
	frozen, err := Frozen(tx.DB, r.WorkspaceID)
	switch {
	case err != nil:
		return t, err
	case frozen:
		return t, ErrFrozenOwner
	case !t.From.Active || t.From.Role != Owner:
		return t, ErrNoTransfer
	case !t.To.Active || !t.To.Role.Admin():
		return t, ErrReceiver
	}
	for _, change := range []struct {
		id   string
		role Role
	}{{t.From.ID, SuperAdmin}, {t.To.ID, Owner}} { // in this order: there is one Owner at every moment
		err := tx.Exec("UPDATE people SET role = ?, role_mapped = ?, version = version + 1, updated_at = ? WHERE id = ?", string(change.role), false, now, change.id).Error
		if err != nil {
			return t, err
		}
	}
	if err := endTransfer(tx, r.ID, "done", "", now); err != nil {
		return t, err
	}
	t.From.Role, t.To.Role = SuperAdmin, Owner
	return t, tellAll(tx, r.WorkspaceID, AdminRoles, "ownership.transferred", notice.Params{"from": t.From.Name, "to": t.To.Name}, now)
}

func endTransfer(tx database.Tx, id, state, reason string, now time.Time) error {
	return tx.Model(&transferRow{}).Where("id = ? AND state = 'open'", id).Updates(map[string]any{"state": state, "reason": reason, "ended_at": now}).Error
}

// Decline is the receiver saying no; the Owner is told.
func (s *Service) Decline(ctx context.Context, by actor.Actor) error {
	return s.leave(ctx, by, "to_id", "declined", func(r transferRow) string { return r.FromID })
}

// Withdraw takes the Owner's own offer back; who was to receive it is told.
func (s *Service) Withdraw(ctx context.Context, by actor.Actor) error {
	return s.leave(ctx, by, "from_id", "cancelled", func(r transferRow) string { return r.ToID })
}

func (s *Service) leave(ctx context.Context, by actor.Actor, column, state string, told func(transferRow) string) error {
	return s.db.InTx(ctx, func(tx database.Tx) error {
		if err := lockWorkspace(tx, by.Workspace); err != nil {
			return err
		}
		r, now, err := openFor(tx, by, column)
		if err != nil {
			return err
		}
		if err := endTransfer(tx, r.ID, state, "", now); err != nil {
			return err
		}
		if err := notice.Tell(tx, r.WorkspaceID, []string{told(r)}, "ownership.offer_"+state, notice.Params{"person": by.Name}, now); err != nil {
			return err
		}
		return audit.RecordAt(tx, by, "ownership.offer_"+state, r.ToID, audit.Detail{"transfer": r.ID}, now)
	})
}

// endTransfersOf ends what a person has offered or was offered, because they cannot own or give any more.
func endTransfersOf(tx database.Tx, by actor.Actor, person, reason string, now time.Time) error {
	var rows []transferRow
	if err := tx.Lock().Where("state = 'open' AND (from_id = ? OR to_id = ?)", person, person).Order("id").Find(&rows).Error; err != nil {
		return err
	}
	for _, r := range rows {
		if err := endTransfer(tx, r.ID, "cancelled", reason, now); err != nil {
			return err
		}
		if err := audit.RecordAt(tx, by, "ownership.offer_cancelled", r.ToID, audit.Detail{"transfer": r.ID, "reason": reason}, now); err != nil {
			return err
		}
	}
	return nil
}

// endOverdue writes the end of offers whose time is over.
func endOverdue(tx database.Tx, which *gorm.DB, now time.Time) error {
	var rows []transferRow
	if err := tx.Lock().Where(which).Where("state = 'open' AND expires_at <= ?", now).Order("id").Limit(atOnce).Find(&rows).Error; err != nil {
		return err
	}
	for _, r := range rows {
		if err := endTransfer(tx, r.ID, "expired", "", now); err != nil {
			return err
		}
		if err := notice.Tell(tx, r.WorkspaceID, []string{r.FromID, r.ToID}, "ownership.offer_expired", nil, now); err != nil {
			return err
		}
		by := actor.Actor{Kind: actor.System, Workspace: r.WorkspaceID, Name: "Countersign"}
		if err := audit.RecordAt(tx, by, "ownership.offer_expired", r.ToID, audit.Detail{"transfer": r.ID}, now); err != nil {
			return err
		}
	}
	return nil
}

// SweepTransfers ends offers of the ownership that nobody accepted in time.
func (s *Service) SweepTransfers(ctx context.Context) error {
	return s.db.InTx(ctx, func(tx database.Tx) error {
		now, err := tx.Now()
		if err != nil {
			return err
		}
		return endOverdue(tx, tx.Where("1 = 1"), now)
	})
}

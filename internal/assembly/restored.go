package assembly

import (
	"context"
	"time"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/restored"
)

// Held is how many of each a restore holds back.
type Held struct {
	Tokens   int64 `json:"scim_tokens"`
	APIKeys  int64 `json:"api_keys"`
	Phones   int64 `json:"phones"`
	Passkeys int64 `json:"passkeys"`
}

// MarkRestored notes, while no service runs, that the database was brought back from a backup: sessions end, and what it holds of tokens, phones
// and approvals is refused until ConfirmRestored. It says where the cut is.
func (m *Domains) MarkRestored(ctx context.Context, by actor.Actor) (cut time.Time, h Held, err error) {
	err = m.DB.InTx(ctx, func(tx database.Tx) error {
		if cut, err = restored.Mark(tx, by.Name); err != nil {
			return err
		}
		if err := m.Signin.EndEverything(tx); err != nil {
			return err
		}
		if h, err = held(tx, cut); err != nil {
			return err
		}
		return everywhere(tx, by, "restore.made", cut)
	})
	return cut, h, err
}

// ConfirmRestored lets everything be used again.
func (m *Domains) ConfirmRestored(ctx context.Context, by actor.Actor) (cut time.Time, h Held, err error) {
	err = m.DB.InTx(ctx, func(tx database.Tx) error {
		if cut, err = restored.Cut(tx.DB); err != nil {
			return err
		}
		if h, err = held(tx, cut); err != nil {
			return err
		}
		if err := restored.Confirm(tx, by.Name); err != nil {
			return err
		}
		return everywhere(tx, by, "restore.confirmed", cut)
	})
	return cut, h, err
}

// held counts what is of before the cut.
func held(tx database.Tx, cut time.Time) (h Held, err error) {
	for _, c := range []struct {
		of    *int64
		table string
		live  *gorm.DB
	}{
		{&h.Tokens, "scim_tokens", tx.Where("state = 'active' OR state = 'replaced' AND valid_until > ?", cut)},
		{&h.APIKeys, "api_keys", tx.Where("ended_at IS NULL")},
		{&h.Phones, "devices", tx.Where("state <> 'removed'")},
		{&h.Passkeys, "passkeys", tx.Where("1 = 1")},
	} {
		if err := tx.Table(c.table).Where("created_at <= ?", cut).Where(c.live).Count(c.of).Error; err != nil {
			return h, err
		}
	}
	return h, nil
}

// everywhere tells the audit of every workspace.
func everywhere(tx database.Tx, by actor.Actor, event string, cut time.Time) error {
	var all []string
	if err := tx.Table("workspaces").Order("id").Pluck("id", &all).Error; err != nil {
		return err
	}
	for _, ws := range all {
		by.Workspace = ws
		if err := audit.Record(tx, by, event, ws, audit.Detail{"cut": cut}); err != nil {
			return err
		}
	}
	return nil
}

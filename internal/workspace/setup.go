package workspace

import (
	"context"
	"time"

	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/ident"
	"github.com/countersign/countersign/internal/limit"
)

const (
	setupLife   = 24 * time.Hour   // of a code
	setupWindow = 15 * time.Minute // in which wrong codes of one network are counted
	setupTries  = 5
)

// What the first run refuses.
var (
	ErrSetUp         = fault.New(fault.Conflict, "already_set_up", "This server has a workspace already. Sign in there, or make another one with `countersign workspace create`.")
	ErrSetupCode     = fault.New(fault.Unprocessable, "wrong_setup_code", "This is not a set-up code of this server. It is printed where the server was started and is valid for 24 hours.")
	ErrTooManySetups = fault.New(fault.Limited, "rate_limited", "Too many wrong set-up codes. Wait, then try again.")
)

type setupRow struct {
	CodeHash  []byte
	CreatedAt time.Time
}

func (setupRow) TableName() string { return "setup_codes" }

// NewSetupCode makes one more code that may claim this fresh server, in the groups that people read; "" when a workspace exists already.
// Codes of earlier starts stay valid for 24 hours, because replicas start one after the other.
func NewSetupCode(ctx context.Context, db *database.DB) (string, error) {
	code := ""
	err := db.InTx(ctx, func(tx database.Tx) error {
		if made, err := Any(tx.DB); err != nil || made {
			return err
		}
		now, err := tx.Now()
		if err != nil {
			return err
		}
		if err := tx.Where("created_at <= ?", now.Add(-setupLife)).Delete(&setupRow{}).Error; err != nil {
			return err
		}
		first, second := ident.Code(), ident.Code()
		code = ident.ShownCode(first) + "-" + ident.ShownCode(second)
		return tx.Create(&setupRow{CodeHash: ident.Hash(first + second), CreatedAt: now}).Error
	})
	if err != nil {
		return "", err
	}
	return code, nil
}

// CheckSetupCode says whether a typed code may claim this server. Wrong ones are counted for the network they come from: the answer names how
// many tries are left, and after the fifth the network waits. It commits what it counts, so it runs in a transaction of its own, before Claim.
func CheckSetupCode(ctx context.Context, db *database.DB, typed, ip string) error {
	var refused error // a wrong code is counted, so its transaction commits
	err := db.InTx(ctx, func(tx database.Tx) error {
		if made, err := Any(tx.DB); err != nil {
			return err
		} else if made {
			return ErrSetUp
		}
		key := "setup|" + limit.Network(ip)
		n, in, err := limit.Count(tx, key, setupWindow)
		if err != nil {
			return err
		}
		if n > setupTries {
			refused = ErrTooManySetups.After(in)
			return nil
		}
		good, err := setupCode(tx, typed)
		if err != nil {
			return err
		}
		if good {
			return limit.Uncount(tx, key)
		}
		refused = ErrSetupCode.With("tries_left", setupTries-n)
		return nil
	})
	if err != nil {
		return err
	}
	return refused
}

// Claim uses a code up, and with it every other one, in the transaction that makes the first workspace. Of several that claim at once one
// wins: the others wait here until it has committed and then find a workspace.
func Claim(tx database.Tx, typed string) error {
	good, err := setupCode(tx, typed)
	if err != nil {
		return err
	}
	if err := tx.Where("1 = 1").Delete(&setupRow{}).Error; err != nil {
		return err
	}
	if made, err := Any(tx.DB); err != nil {
		return err
	} else if made {
		return ErrSetUp
	}
	if !good {
		return ErrSetupCode
	}
	return nil
}

func setupCode(tx database.Tx, typed string) (bool, error) {
	now, err := tx.Now()
	if err != nil {
		return false, err
	}
	var n int64
	err = tx.Model(&setupRow{}).Where("code_hash = ? AND created_at > ?", ident.Hash(ident.NormalCode(typed)), now.Add(-setupLife)).Count(&n).Error
	return n > 0, err
}

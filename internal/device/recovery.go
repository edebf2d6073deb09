package device

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
)

const (
	recoveryLife = 10 * time.Minute // of the link
	recoveryPair = time.Hour        // to pair a phone once the link was used
)

// ErrRecoveryLink says that a recovery link is used up, too old or for somebody else.
var ErrRecoveryLink = fault.New(fault.Expired, "recovery_expired", "This recovery link has ended or is for somebody else. Ask the operator for a new one.")

type recoveryRow struct {
	SecretHash  []byte
	WorkspaceID string
	PersonID    string
	SessionHash []byte
	CreatedAt   time.Time
	ExpiresAt   time.Time
	PairUntil   *time.Time
	EndedAt     *time.Time
}

func (recoveryRow) TableName() string { return "recoveries" }

// OpenRecovery makes a one-time secret with which a person, signed in with their password, may pair a new phone. The operator's command
// calls it; the secret goes into a link's fragment.
func (s *Service) OpenRecovery(tx database.Tx, by actor.Actor, person string) (secret string, expires time.Time, err error) {
	now, err := tx.Now()
	if err != nil {
		return "", now, err
	}
	secret, expires = ident.Secret(32), now.Add(recoveryLife)
	r := recoveryRow{SecretHash: ident.Hash(secret), WorkspaceID: by.Workspace, PersonID: person, CreatedAt: now, ExpiresAt: expires}
	if err := tx.Create(&r).Error; err != nil {
		return "", now, err
	}
	return secret, expires, audit.RecordAt(tx, by, "recovery.opened", person, nil, now)
}

// UseRecovery binds a recovery to the session that shows its secret; that session may pair one phone within an hour.
func (s *Service) UseRecovery(ctx context.Context, by actor.Actor, secret string) error {
	return s.DB.InTx(ctx, func(tx database.Tx) error {
		now, err := tx.Now()
		if err != nil {
			return err
		}
		if now.Sub(by.Verified) > freshFor {
			return ErrReauthenticate
		}
		res := tx.Model(&recoveryRow{}).Where("secret_hash = ? AND workspace_id = ? AND person_id = ? AND expires_at > ? AND pair_until IS NULL",
			ident.Hash(secret), by.Workspace, by.Person, now).Updates(map[string]any{"session_hash": by.Session, "pair_until": now.Add(recoveryPair)})
		if res.Error != nil {
			return res.Error
		}
		if res.RowsAffected == 0 {
			return ErrRecoveryLink
		}
		return audit.RecordAt(tx, by, "recovery.used", by.Person, nil, now)
	})
}

func (s *Service) recovering(tx database.Tx, by actor.Actor, now time.Time) (bool, error) {
	var n int64
	err := tx.Model(&recoveryRow{}).Where("session_hash = ? AND person_id = ? AND workspace_id = ? AND pair_until > ? AND ended_at IS NULL",
		by.Session, by.Person, by.Workspace, now).Count(&n).Error
	return n > 0, err
}

// endRecovery: the phone that a recovery paired replaces those that were lost.
func (s *Service) endRecovery(tx database.Tx, by actor.Actor, device string, p pairingRow, now time.Time) error {
	var r recoveryRow
	err := tx.Where("session_hash = ? AND person_id = ? AND workspace_id = ? AND pair_until > ? AND ended_at IS NULL",
		p.SessionHash, p.PersonID, p.WorkspaceID, now).Take(&r).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := tx.Model(&recoveryRow{}).Where("secret_hash = ?", r.SecretHash).Updates(map[string]any{"ended_at": now}).Error; err != nil {
		return err
	}
	return s.endOthers(tx, by, p.WorkspaceID, p.PersonID, device, "replaced_by_recovery")
}

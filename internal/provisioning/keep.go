package provisioning

import (
	"context"
	"errors"
	"time"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
)

// Keeping is how long a workspace keeps its log.
type Keeping struct {
	Retention time.Duration
	Raw       time.Duration
}

const (
	sweepMost = 2000                 // rows that one transaction cleans up
	countsFor = 400 * 24 * time.Hour // how long the counts by minute are kept
)

type keepingRow struct {
	RetentionDays int
	UnsealedTo    string
}

// KeepingOf is how long a workspace keeps its log.
func KeepingOf(db *gorm.DB, workspace string) (Keeping, error) {
	r, err := keepingOf(db, workspace)
	return Keeping{time.Duration(r.RetentionDays) * 24 * time.Hour, RawFor}, err
}

func keepingOf(db *gorm.DB, workspace string) (keepingRow, error) {
	r := keepingRow{RetentionDays: int(DefaultRetention / (24 * time.Hour))}
	err := db.Raw("SELECT retention_days, unsealed_to FROM provisioning_keeping WHERE workspace_id = ?", workspace).Scan(&r).Error
	return r, err
}

// Keep sets how many days a workspace keeps its log: 30 to 730. The caller has checked who asks.
func (l *Log) Keep(ctx context.Context, by actor.Actor, days int) error {
	if days < 30 || days > 730 {
		return ErrKeeping
	}
	return l.db.InTx(ctx, func(tx database.Tx) error {
		err := tx.Exec("INSERT INTO provisioning_keeping (workspace_id, retention_days) VALUES (?, ?)"+
			" ON CONFLICT (workspace_id) DO UPDATE SET retention_days = excluded.retention_days", by.Workspace, days).Error
		if err != nil {
			return err
		}
		return audit.Record(tx, by, "provisioning_log.retention_changed", by.Workspace, audit.Detail{"days": days})
	})
}

// Sweep deletes rows that are older than their workspace keeps them, and takes the sealed request out of those older than 30 days. It goes
// along the primary key in small steps, and comes again in a minute for the rest.
func (l *Log) Sweep(ctx context.Context) error {
	now, err := l.db.Now(ctx)
	if err != nil {
		return err
	}
	var workspaces []string
	if err := l.db.Read(ctx).Raw("SELECT id FROM workspaces ORDER BY id").Scan(&workspaces).Error; err != nil {
		return err
	}
	failed := l.db.InTx(ctx, func(tx database.Tx) error { // this service's own beats
		return tx.Exec("DELETE FROM provisioning_awake WHERE until < ?", now.Add(-countsFor)).Error
	})
	for _, w := range workspaces {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		failed = errors.Join(failed, l.sweepOne(ctx, w, now))
	}
	return failed
}

func (l *Log) sweepOne(ctx context.Context, workspace string, now time.Time) error {
	keeping, err := keepingOf(l.db.Read(ctx), workspace)
	if err != nil {
		return err
	}
	if err := l.purge(ctx, workspace, now, time.Duration(keeping.RetentionDays)*24*time.Hour); err != nil {
		return err
	}
	return l.unseal(ctx, workspace, keeping.UnsealedTo, since(now.Add(-RawFor)))
}

func (l *Log) purge(ctx context.Context, workspace string, now time.Time, retention time.Duration) error {
	cut := since(now.Add(-retention))
	var old string
	err := l.db.Read(ctx).Raw("SELECT id FROM provisioning_log WHERE workspace_id = ? AND id < ? ORDER BY id LIMIT 1", workspace, cut).Scan(&old).Error
	if err != nil {
		return err
	}
	var counted int64
	err = l.db.Read(ctx).Raw("SELECT COUNT(*) FROM (SELECT 1 FROM provisioning_minutes WHERE workspace_id = ? AND minute < ? LIMIT 1) x", workspace, now.Add(-countsFor)).
		Scan(&counted).Error
	if err != nil || old == "" && counted == 0 {
		return err
	}
	return l.db.InTx(ctx, func(tx database.Tx) error {
		err := tx.Exec("DELETE FROM provisioning_log WHERE workspace_id = ? AND id IN (SELECT id FROM provisioning_log WHERE workspace_id = ? AND id < ? ORDER BY id LIMIT ?)",
			workspace, workspace, cut, sweepMost).Error
		if err != nil {
			return err
		}
		return tx.Exec("DELETE FROM provisioning_minutes WHERE workspace_id = ? AND minute < ?", workspace, now.Add(-countsFor)).Error
	})
}

// unseal forgets the requests of rows between from, how far it came before, and cut.
func (l *Log) unseal(ctx context.Context, workspace, from, cut string) error {
	var ids []string
	err := l.db.Read(ctx).Raw("SELECT id FROM provisioning_log WHERE workspace_id = ? AND id > ? AND id < ? ORDER BY id LIMIT ?", workspace, from, cut, sweepMost).Scan(&ids).Error
	if err != nil || len(ids) == 0 {
		return err
	}
	last := ids[len(ids)-1]
	return l.db.InTx(ctx, func(tx database.Tx) error {
		err := tx.Exec("UPDATE provisioning_log SET sealed = NULL WHERE workspace_id = ? AND id > ? AND id <= ? AND sealed IS NOT NULL", workspace, from, last).Error
		if err != nil {
			return err
		}
		return tx.Exec("INSERT INTO provisioning_keeping (workspace_id, unsealed_to) VALUES (?, ?)"+
			" ON CONFLICT (workspace_id) DO UPDATE SET unsealed_to = excluded.unsealed_to", workspace, last).Error
	})
}

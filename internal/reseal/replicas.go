package reseal

import (
	"context"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/ident"
	"github.com/countersign/countersign/internal/vault"
)

const (
	lookEvery = time.Second      // how often a process looks whether its keyset has changed
	beatEvery = 15 * time.Second // how often it says that it runs
	// Alive is for how long a process that has said nothing is taken to run.
	Alive = time.Minute
	// forgetAfter is when the row of a process goes that ended without saying so.
	forgetAfter = 24 * time.Hour
	beatTime    = 5 * time.Second // bounds one beat
)

// Replica is a process of this service on the database.
type Replica struct {
	ID        string    `json:"id"`
	Host      string    `json:"host"`
	Keys      []uint32  `json:"keys"` // of the keyset that it can open with
	StartedAt time.Time `json:"started_at"`
	SeenAt    time.Time `json:"seen_at"`
}

type replicaRow struct {
	ID        string
	Host      string
	Keys      string // ids with commas between
	StartedAt time.Time
	SeenAt    time.Time
}

func (replicaRow) TableName() string { return "replicas" }

// Beat says that this process runs and which keys its keyset has: at once, when the keyset changes, and every quarter of a minute. When ctx ends
// it says that it is gone.
func Beat(ctx context.Context, db *database.DB, v *vault.Vault, log *slog.Logger) {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	r := replicaRow{ID: ident.New("rep"), Host: host}
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	var last time.Time
	for {
		if keys := listed(v.Info().Keys); keys != r.Keys || time.Since(last) >= beatEvery {
			r.Keys, last = keys, time.Now()
			if err := beat(ctx, db, &r); err != nil && ctx.Err() == nil {
				log.Warn("replicas: not noted that this process runs", "err", err)
			}
		}
		select {
		case <-ctx.Done():
			leave(ctx, db, r.ID, log)
			return
		case <-tick.C:
		}
	}
}

func beat(ctx context.Context, db *database.DB, r *replicaRow) error {
	ctx, cancel := context.WithTimeout(ctx, beatTime)
	defer cancel()
	return db.InTx(ctx, func(tx database.Tx) error {
		now, err := tx.Now()
		if err != nil {
			return err
		}
		if r.StartedAt.IsZero() {
			r.StartedAt = now
		}
		r.SeenAt = now
		if err := tx.Exec("DELETE FROM replicas WHERE seen_at < ?", now.Add(-forgetAfter)).Error; err != nil {
			return err
		}
		return tx.Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "id"}}, DoUpdates: clause.AssignmentColumns([]string{"keys", "seen_at"})}).Create(r).Error
	})
}

func leave(ctx context.Context, db *database.DB, id string, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), beatTime)
	defer cancel()
	if err := db.InTx(ctx, func(tx database.Tx) error { return tx.Where("id = ?", id).Delete(&replicaRow{}).Error }); err != nil {
		log.Warn("replicas: not noted that this process ends", "err", err)
	}
}

// Replicas are the processes that run at now, the oldest first.
func Replicas(db *gorm.DB, now time.Time) ([]Replica, error) {
	var rows []replicaRow
	err := db.Where("seen_at > ?", now.Add(-Alive)).Order("started_at, id").Find(&rows).Error
	out := make([]Replica, len(rows))
	for i, r := range rows {
		out[i] = Replica{ID: r.ID, Host: r.Host, StartedAt: r.StartedAt, SeenAt: r.SeenAt}
		for id := range strings.SplitSeq(r.Keys, ",") {
			if n, err := strconv.ParseUint(id, 10, 32); err == nil {
				out[i].Keys = append(out[i].Keys, uint32(n))
			}
		}
	}
	return out, err
}

// Without are the processes that could not open what the key sealed.
func Without(all []Replica, key uint32) []Replica {
	return slices.DeleteFunc(slices.Clone(all), func(r Replica) bool { return slices.Contains(r.Keys, key) })
}

func listed(keys []uint32) string {
	out := make([]string, len(keys))
	for i, k := range keys {
		out[i] = strconv.FormatUint(uint64(k), 10)
	}
	return strings.Join(out, ",")
}

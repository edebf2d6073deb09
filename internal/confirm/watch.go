package confirm

import (
	"context"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/database"
)

// safetyPoll is how often rows that somebody here waits for are read without having been announced: a lost hint costs at most this.
const safetyPoll = 1500 * time.Millisecond

// roundTime bounds one safety poll and one sweep; they take milliseconds.
const roundTime = 5 * time.Second

// sweepBatch bounds one step of the sweeper.
const sweepBatch = 200

// Watch runs until ctx ends: it ends confirmations whose time is over, so that dialogs hear it, and reads again, in one query, all rows that
// this process waits for.
func (s *Service) Watch(ctx context.Context) {
	tick := time.NewTicker(safetyPoll)
	defer tick.Stop()
	seen := map[string]polled{}
	for round := int64(1); ; round++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		// First what has ended by itself, so that the same round tells it also where the hint about it was lost.
		s.within(ctx, "sweep", s.sweep)
		s.within(ctx, "safety poll", func(ctx context.Context) error { return s.poll(ctx, seen, round) })
	}
}

// within does one round and gives up on it in time for the next: a database connection that a firewall forgot would wait for ever.
func (s *Service) within(ctx context.Context, what string, do func(context.Context) error) {
	bounded, cancel := context.WithTimeout(ctx, roundTime)
	defer cancel()
	if err := do(bounded); err != nil && ctx.Err() == nil {
		s.Log.Error("confirmations: "+what, "err", err)
	}
}

// polled is what the safety poll knows of a row that somebody here waits for.
type polled struct{ version, round int64 }

// pollRow is all that the poll reads: there may be tens of thousands.
type pollRow struct {
	ID      string
	Version int64
}

// poll publishes what changed without having been heard of.
func (s *Service) poll(ctx context.Context, seen map[string]polled, round int64) error {
	ids := s.Hub.Topics()
	ids = slices.DeleteFunc(ids, func(t string) bool { return !strings.HasPrefix(t, Topic("")) })
	for i, t := range ids {
		ids[i] = t[len(Topic("")):]
		seen[ids[i]] = polled{seen[ids[i]].version, round}
	}
	for id, p := range seen {
		if p.round != round {
			delete(seen, id)
		}
	}
	for part := range slices.Chunk(ids, 1000) {
		var rows []pollRow
		if err := s.DB.Read(ctx).Model(&row{}).Select("id, version").Where("id IN ?", part).Find(&rows).Error; err != nil {
			return err
		}
		for _, r := range rows {
			if p, waited := seen[r.ID]; waited && p.version != r.Version {
				seen[r.ID] = polled{r.Version, round} // the key stays the hub's own text
				s.Hub.Publish(Topic(r.ID), r.Version)
			}
		}
	}
	return nil
}

// sweep writes down what time has ended. The reader sees it without this; the dialog that waits needs to hear it.
func (s *Service) sweep(ctx context.Context) error {
	now, err := s.DB.Now(ctx)
	if err != nil {
		return err
	}
	over := func(db *gorm.DB) *gorm.DB {
		return db.Where("(state = ? AND expires_at <= ?) OR (state = ? AND decided_at <= ?)", Pending, now, Approved, now.Add(-collectFor))
	}
	var due []row
	if err := over(s.DB.Read(ctx).Select("id")).Limit(1).Find(&due).Error; err != nil || len(due) == 0 {
		return err
	}
	return s.DB.InTx(ctx, func(tx database.Tx) error {
		var rows []row
		if err := over(tx.SkipLocked()).Limit(sweepBatch).Find(&rows).Error; err != nil {
			return err
		}
		for _, r := range rows {
			if err := s.expire(tx, r, now); err != nil {
				return err
			}
		}
		return nil
	})
}

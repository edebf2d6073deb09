package confirm

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
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

// pollRows reads where rows stand, each by its place in the array that is asked for; 0 for one that is gone. There may be tens of thousands, in each
// round: they are asked for in one argument, and nothing comes back that is known.
var pollRows = map[string]string{
	database.SQLite: "SELECT k.key, COALESCE(c.version, 0) FROM json_each(?) k LEFT JOIN confirmations c ON c.id = k.value",
	database.Postgres: `SELECT k.n - 1, COALESCE(c.version, 0) FROM json_array_elements_text((SELECT ?::json)) WITH ORDINALITY AS k (id, n)
		LEFT JOIN confirmations c ON c.id = k.id`,
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
		if err := s.pollPart(ctx, part, seen, round); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) pollPart(ctx context.Context, ids []string, seen map[string]polled, round int64) error {
	asked, err := json.Marshal(ids)
	if err != nil {
		return err
	}
	rows, err := s.DB.Read(ctx).Raw(pollRows[s.DB.Dialect], string(asked)).Rows()
	if err != nil {
		return err
	}
	changed, err := differing(rows, ids, seen)
	if err != nil {
		return err
	}
	for id, version := range changed { // nobody is told while the connection is held
		seen[id] = polled{version, round} // the key stays the hub's own text
		s.Hub.Publish(Topic(id), version)
	}
	return nil
}

// differing reads the rows whose version is not the one that was seen, and those that are gone.
func differing(rows *sql.Rows, ids []string, seen map[string]polled) (changed map[string]int64, err error) {
	defer func() { err = errors.Join(err, rows.Close()) }()
	var n, version int64
	for rows.Next() {
		if err := rows.Scan(&n, &version); err != nil {
			return nil, err
		}
		if version == 0 || seen[ids[n]].version != version { // until who waits for what is gone has left
			if changed == nil {
				changed = map[string]int64{}
			}
			changed[ids[n]] = version
		}
	}
	return changed, rows.Err()
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

package database

import (
	"context"
	"sync"
	"time"
)

// lookFor is how long a look at the database's clock serves: the process's monotonic clock carries it on meanwhile.
const lookFor = 5 * time.Second

// lookedAt is the last look at the database's clock.
type lookedAt struct {
	mu    sync.Mutex
	clock time.Time // what the database said
	at    time.Time // when, on this process's monotonic clock
}

// Now is the database's clock for reads outside a transaction, exact to half a round trip: the database is asked every few seconds and the
// process's monotonic clock counts in between, so that a replica whose clock is wrong shows and checks the same times as the others. What
// judges a deadline asks Tx.Now.
func (db *DB) Now(ctx context.Context) (time.Time, error) {
	if db.Dialect == SQLite {
		return db.now(nil)
	}
	db.seen.mu.Lock()
	defer db.seen.mu.Unlock()
	if since := time.Since(db.seen.at); !db.seen.at.IsZero() && since < lookFor {
		return utc(db.clock(db.seen.clock.Add(since))), nil
	}
	asked := time.Now()
	now, err := clock(db.Read(ctx))
	if err != nil {
		return now, err
	}
	back := time.Since(asked)
	db.seen.clock, db.seen.at = now, asked.Add(back/2) // the database answered about half way: its answer has aged by the way back
	return utc(db.clock(now.Add(back - back/2))), nil
}

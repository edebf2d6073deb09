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

// Now is the database's clock for reads outside a transaction, exact to a round trip: the database is asked every few seconds and the
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
	now, err := clock(db.Read(ctx))
	if err != nil {
		return now, err
	}
	db.seen.clock, db.seen.at = now, time.Now()
	return utc(db.clock(now)), nil
}

package database

import "time"

// At is what Now would have said when a statement of tx read the database's clock as clock: for a statement that takes a lock and reads the
// clock after it in one round trip.
func (tx Tx) At(clock time.Time) time.Time { return utc(tx.db.clock(clock)) }

// At is Tx.At for a transaction that is sent statement by statement.
func (db *DB) At(clock time.Time) time.Time { return utc(db.clock(clock)) }

// Moved says whether the clock is a test's own and may show anything from one moment to the next; a program's is the database's.
func (db *DB) Moved() bool { return db.moved }

// Ahead is by how much such a clock is ahead of the database's at this moment; a program's never is.
func (db *DB) Ahead() time.Duration {
	if !db.moved {
		return 0
	}
	now := time.Now()
	return db.clock(now).Sub(now)
}

package database

import "time"

// At is what Now would have said when a statement of tx read the database's clock as clock: for a statement that takes a lock and reads the
// clock after it in one round trip.
func (tx Tx) At(clock time.Time) time.Time { return utc(tx.db.clock(clock)) }

// At is Tx.At for a transaction that is sent statement by statement.
func (db *DB) At(clock time.Time) time.Time { return utc(db.clock(clock)) }

package database

import (
	"runtime"
	"time"
)

// AwaitWaiting returns once n transactions wait for SQLite's connection.
func AwaitWaiting(db *DB, n int) {
	for {
		db.turns.mu.Lock()
		waiting := len(db.turns.waiting)
		db.turns.mu.Unlock()
		if waiting >= n {
			return
		}
		runtime.Gosched()
	}
}

// AwaitGathered returns once n calls wait for the next batch.
func AwaitGathered[In, Out any](g *Gather[In, Out], n int) {
	for {
		g.mu.Lock()
		waiting := len(g.waiting)
		g.mu.Unlock()
		if waiting >= n {
			return
		}
		runtime.Gosched()
	}
}

// Patient makes groups wait for everybody, so that a slow machine makes the same groups as a fast one.
func Patient(db *DB) { db.turns.patience = time.Hour }

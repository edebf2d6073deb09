package database

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/countersign/countersign/internal/fault"
)

// ErrBusy says that the database could not give a lock in time. Nothing was changed.
var ErrBusy = fault.New(fault.Unavailable, "busy", "The server is busy. Nothing was changed. Try again in a moment.")

// Tx is what a function that writes asks for. Everything inside a transaction runs on it: another handle would wait for a second connection.
type Tx struct {
	*gorm.DB
	db    *DB
	after *[]func()
}

// InTx runs do in one transaction; an error rolls all of it back. Functions given to AfterCommit run once it is committed. On SQLite do may
// share its commit with others that wait at the same time: it must not wait for anything that they, or the caller, do outside of it.
func (db *DB) InTx(ctx context.Context, do func(Tx) error) error {
	var after []func()
	run := func(g *gorm.DB) error { return do(Tx{DB: g, db: db, after: &after}) }
	var err error
	if db.Dialect == SQLite {
		err = db.inGroup(ctx, run)
	} else {
		err = db.w.WithContext(ctx).Transaction(run)
	}
	if err != nil {
		return busy(err)
	}
	for _, f := range after {
		f()
	}
	return nil
}

// Lock keeps rows for this transaction alone: FOR NO KEY UPDATE on Postgres, which waits for every other writer but not for the foreign keys
// of rows that only point here. On SQLite BEGIN IMMEDIATE has locked the file already and the dialector drops the clause.
func (tx Tx) Lock() *gorm.DB { return tx.Clauses(clause.Locking{Strength: "NO KEY UPDATE"}) }

// LockShare keeps a row from changing without keeping others from locking it so too.
func (tx Tx) LockShare() *gorm.DB { return tx.Clauses(clause.Locking{Strength: "SHARE"}) }

// SkipLocked is Lock that passes over rows another transaction holds, for workers that share a queue.
func (tx Tx) SkipLocked() *gorm.DB {
	return tx.Clauses(clause.Locking{Strength: "UPDATE", Options: clause.LockingOptionsSkipLocked})
}

// Now is the one clock that judges deadlines (wire.md §6); read it after the lock is held.
func (tx Tx) Now() (time.Time, error) { return tx.db.now(tx.DB) }

// AfterCommit keeps f until the transaction is committed; nobody may hear of what was rolled back.
func (tx Tx) AfterCommit(f func()) { *tx.after = append(*tx.after, f) }

// Notify tells every replica at commit, and only then. On SQLite one process has everything, so it does nothing.
func (tx Tx) Notify(channel, payload string) error {
	if tx.db.Dialect == SQLite {
		return nil
	}
	return tx.Exec("SELECT pg_notify(?, ?)", channel, payload).Error
}

// Dialect is Postgres or SQLite, for the rare statement that has to be written twice.
func (tx Tx) Dialect() string { return tx.db.Dialect }

func busy(err error) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) && (pg.Code == "55P03" || pg.Code == "40P01" || pg.Code == "40001") {
		return ErrBusy.After(time.Second).Because(err)
	}
	var lite *sqlite.Error
	if errors.As(err, &lite) && lite.Code()&0xff == sqlite3.SQLITE_BUSY {
		return ErrBusy.After(time.Second).Because(err)
	}
	return Lost(err)
}

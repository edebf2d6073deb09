package database

import (
	"context"
	"database/sql"
	"errors"
	"time"

	gsqlite "gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// gate sends every time argument as UTC in whole microseconds: SQLite stores text with a zone and would not find the same instant in another
// one, and Postgres keeps no more than microseconds.
type gate struct{ gorm.ConnPool }

func (g gate) ExecContext(ctx context.Context, q string, args ...any) (sql.Result, error) {
	return g.ConnPool.ExecContext(ctx, q, gated(args)...)
}

func (g gate) QueryContext(ctx context.Context, q string, args ...any) (*sql.Rows, error) {
	return g.ConnPool.QueryContext(ctx, q, gated(args)...)
}

func (g gate) QueryRowContext(ctx context.Context, q string, args ...any) *sql.Row {
	return g.ConnPool.QueryRowContext(ctx, q, gated(args)...)
}

// BeginTx is gorm.ConnPoolBeginner.
func (g gate) BeginTx(ctx context.Context, opts *sql.TxOptions) (gorm.ConnPool, error) {
	b, ok := g.ConnPool.(gorm.TxBeginner)
	if !ok {
		return nil, gorm.ErrInvalidTransaction
	}
	tx, err := b.BeginTx(ctx, opts)
	if err != nil {
		return nil, err
	}
	return &gateTx{gate{tx}, tx}, nil // gorm asks whether it is nil, so a pointer
}

// GetDBConn is gorm.GetDBConnector.
func (g gate) GetDBConn() (*sql.DB, error) {
	if db, ok := g.ConnPool.(*sql.DB); ok {
		return db, nil
	}
	return nil, gorm.ErrInvalidDB
}

type gateTx struct {
	gate
	tx *sql.Tx
}

func (g *gateTx) Commit() error   { return g.tx.Commit() }
func (g *gateTx) Rollback() error { return g.tx.Rollback() }

func gated(args []any) []any {
	for i, a := range args {
		switch t := a.(type) {
		case time.Time:
			args[i] = utc(t)
		case *time.Time:
			if t != nil {
				args[i] = utc(*t)
			}
		case sql.NullTime:
			t.Time = utc(t.Time)
			args[i] = t
		}
	}
	return args
}

// dialector is gorm's SQLite dialector with modernc's errors translated; its own translation knows only the cgo driver.
type dialector struct{ gsqlite.Dialector }

// Translate is gorm.ErrorTranslator.
func (d dialector) Translate(err error) error {
	var e *sqlite.Error
	if errors.As(err, &e) {
		switch e.Code() {
		case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
			return gorm.ErrDuplicatedKey
		case sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
			return gorm.ErrForeignKeyViolated
		case sqlite3.SQLITE_CONSTRAINT_CHECK:
			return gorm.ErrCheckConstraintViolated
		}
	}
	return err
}

package database

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	gsqlite "gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// gate makes both databases take the same arguments. Times go as UTC in whole microseconds: SQLite stores text with a zone and would not find
// the same instant in another one, and Postgres keeps no more than microseconds. Text goes as what Postgres can keep: it ends a statement with
// an error at a NUL or at bytes that are no UTF-8, and those come in the ids, queries and headers of anybody's requests.
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
		case string:
			args[i] = storable(t)
		case []string:
			for n, one := range t {
				t[n] = storable(one)
			}
		case *string:
			if t != nil {
				args[i] = storable(*t)
			}
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

// storable is text with U+FFFD for what no text has, so that it is kept, or simply not found.
func storable(s string) string {
	if utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 {
		return s
	}
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
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

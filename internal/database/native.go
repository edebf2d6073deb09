package database

import (
	"context"
	sqldriver "database/sql/driver"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// Native lends one of the pool's connections to do in the driver's own form, for the few paths where a round trip or a copy of a row counts.
// There is no transaction but those that do begins and ends itself. Postgres only. Arguments go through Args.
func (db *DB) Native(ctx context.Context, do func(*pgx.Conn) error) error {
	if db.Dialect != Postgres {
		return errors.New("only Postgres is spoken to natively")
	}
	c, err := db.writer.Conn(ctx)
	if err != nil {
		return err
	}
	var failed error
	err = c.Raw(func(driver any) error {
		conn := driver.(*stdlib.Conn).Conn() // the only driver that openPostgres opens
		failed = do(conn)
		if conn.IsClosed() {
			return sqldriver.ErrBadConn // the pool forgets it
		}
		return nil
	})
	if closed := c.Close(); failed == nil && err == nil {
		err = closed
	}
	if failed != nil {
		err = failed
	}
	return busy(err)
}

// Pipelined is Native for a do that sends its BEGIN with its first statements and its COMMIT with its last: what an error leaves open is rolled
// back.
func (db *DB) Pipelined(ctx context.Context, do func(*pgx.Conn) error) error {
	return db.Native(ctx, func(c *pgx.Conn) error {
		err := do(c)
		if err == nil || c.IsClosed() || c.PgConn().TxStatus() == 'I' {
			return err
		}
		if _, undone := c.Exec(ctx, "ROLLBACK"); undone != nil {
			return errors.Join(err, undone, c.Close(ctx)) // the server rolls back what nobody commits
		}
		return err
	})
}

// Args makes arguments what both databases can keep, as other ways do by themselves: times in UTC and whole microseconds, text that is text.
func Args(args ...any) []any { return gated(args) }

// Refused says whether a native statement was refused by the server, which has then certainly changed nothing by it. After other errors, such
// as a broken connection, nobody knows.
func Refused(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg)
}

package database

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/countersign/countersign/internal/fault"
)

// ErrLost says that the database cannot be reached, or went away in the middle. It does not say that nothing was changed: a connection that
// breaks while a transaction commits leaves that open.
var ErrLost = fault.New(fault.Unavailable, "database_unavailable", "The server cannot reach its database at the moment. Try again in a few seconds.")

// Lost gives ErrLost for an error that means that the connection to the database is gone, and every other error as it is. Reads outside a
// transaction pass their errors through it; InTx does so by itself.
func Lost(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.DeadlineExceeded) && !classified(err):
		return ErrBusy.Saying("The server did not get it done in time. Try again in a moment.").After(time.Second).Because(err)
	case !lost(err):
		return err
	}
	return ErrLost.After(5 * time.Second).Because(err)
}

// classified says whether somebody knows already what err is to a caller.
func classified(err error) bool {
	var f *fault.Error
	return errors.As(err, &f)
}

func lost(err error) bool {
	if classified(err) {
		return false
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		switch {
		case strings.HasPrefix(pg.Code, "08"), strings.HasPrefix(pg.Code, "57P"): // connection exceptions; shut down, crashed, starting up
			return true
		case pg.Code == "53300": // too many connections
			return true
		case pg.Code == "25006": // a standby: the primary has moved
			return true
		}
		return false
	}
	var connect *pgconn.ConnectError
	var network net.Error
	for _, is := range []bool{
		errors.As(err, &connect), errors.As(err, &network) && !errors.Is(err, context.DeadlineExceeded), errors.Is(err, driver.ErrBadConn), errors.Is(err, sql.ErrConnDone), errors.Is(err, io.EOF),
		errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE),
		strings.Contains(err.Error(), "conn closed"), strings.Contains(err.Error(), "sql: database is closed"),
	} {
		if is {
			return true
		}
	}
	return false
}

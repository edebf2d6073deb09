package database_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/database"
)

func TestWhatPassesIsToldFromWhatIsWrong(t *testing.T) {
	for name, tc := range map[string]struct {
		err  error
		want bool
	}{
		"nothing":                           {nil, false},
		"a lock that was not given in time": {database.ErrBusy, true},
		"a connection that broke":           {driver.ErrBadConn, true},
		"the other end hung up":             {fmt.Errorf("read: %w", io.ErrUnexpectedEOF), true},
		"nobody answers":                    {&net.OpError{Op: "dial", Err: errors.New("connection refused")}, true},
		"it took too long":                  {context.DeadlineExceeded, true},
		"Postgres is being stopped":         {&pgconn.PgError{Code: "57P01"}, true},
		"Postgres has no connection left":   {&pgconn.PgError{Code: "53300"}, true},
		"a wrong statement":                 {&pgconn.PgError{Code: "42601"}, false},
		"a duplicate":                       {gorm.ErrDuplicatedKey, false},
		"nothing found":                     {gorm.ErrRecordNotFound, false},
		"anything else":                     {errors.New("refused"), false},
	} {
		if got := database.Passing(tc.err); got != tc.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

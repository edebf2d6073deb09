package database

import (
	"context"
	"database/sql"
	"errors"
)

// Passing says whether an error is the connection's or the moment's and not the statement's: the same call may well succeed in a while. It
// says nothing about whether a commit that was under way has happened.
func Passing(err error) bool {
	err = Lost(busy(err))
	return errors.Is(err, ErrBusy) || errors.Is(err, ErrLost) || errors.Is(err, sql.ErrConnDone) || errors.Is(err, context.Canceled)
}

package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
)

// ErrInUse says that a SQLite file cannot be had for oneself.
var ErrInUse = errors.New("another process has the database open: stop the service first")

// CopyFile writes the SQLite database in the file from, as it is at this instant, to the new file to (mode 0600) and checks the copy. Others may
// read and write from meanwhile. Nothing is left of a copy that failed.
func CopyFile(ctx context.Context, from, to string) (err error) {
	if _, err := os.Stat(from); err != nil { // SQLite would make it
		return err
	}
	f, err := os.OpenFile(filepath.Clean(to), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(to))
		}
	}()
	if err := f.Close(); err != nil {
		return err
	}
	if err := onFile(ctx, from, "ro", func(c *sql.Conn) error {
		_, err := c.ExecContext(ctx, "VACUUM INTO ?", to)
		return err
	}); err != nil {
		return fmt.Errorf("copy %s: %w", from, err)
	}
	return errors.Join(Settle(ctx, to), sound(ctx, to), synced(to))
}

// Settle brings what is in the write-ahead log of a SQLite database into its file, so that the file alone is the database. Where somebody has it
// open it is ErrInUse.
func Settle(ctx context.Context, file string) error {
	return onFile(ctx, file, "rw", func(c *sql.Conn) error {
		var mode string
		// Leaving the write-ahead log needs the file for oneself: it is refused while anybody has it open.
		err := c.QueryRowContext(ctx, "PRAGMA journal_mode = DELETE").Scan(&mode)
		if errors.Is(busy(err), ErrBusy) || err == nil && mode != "delete" {
			return ErrInUse
		}
		return err
	})
}

// sound checks every page of a SQLite file.
func sound(ctx context.Context, file string) error {
	return onFile(ctx, file, "ro", func(c *sql.Conn) error {
		var said string
		err := c.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&said)
		if err == nil && said != "ok" {
			err = fmt.Errorf("%s is damaged: %s", file, said)
		}
		return err
	})
}

// onFile runs do on a connection of its own to a SQLite file that is there; mode is SQLite's "ro" or "rw".
func onFile(ctx context.Context, file, mode string, do func(*sql.Conn) error) (err error) {
	q := url.Values{"mode": {mode}, "_pragma": {"busy_timeout(2000)"}}
	connect, err := newKeeping("file:" + uriPath.Replace(file) + "?" + q.Encode())
	if err != nil {
		return err
	}
	pool := sql.OpenDB(connect)
	defer func() { err = errors.Join(err, pool.Close()) }()
	c, err := pool.Conn(ctx)
	if err != nil {
		return err
	}
	return errors.Join(do(c), c.Close())
}

// Replace puts the settled file next in the place of the file current, which nobody has open and which is kept under the name kept: at no moment
// is there no database. A current that is not there is nothing to keep. A log that a damaged or missing one left is kept under the same name with its
// own ending: it is none of next's.
func Replace(next, current, kept string) error {
	if err := os.Link(current, kept); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for _, beside := range []string{"-wal", "-shm"} {
		if err := os.Rename(current+beside, kept+beside); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	if err := os.Rename(next, current); err != nil {
		return err
	}
	return synced(filepath.Dir(current))
}

// synced waits until a file, or what a folder lists, is on the disk.
func synced(name string) error {
	f, err := os.Open(filepath.Clean(name))
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

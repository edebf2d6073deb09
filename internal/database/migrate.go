package database

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/pressly/goose/v3"

	"github.com/countersign/countersign/migrations"
)

// lockPoll is how often a replica looks whether another one has finished migrating.
const lockPoll = 50 * time.Millisecond

// Migrate brings the schema up to date and says how many steps it took and which version it is at now. Several processes may call it at
// once: they wait for each other.
func (db *DB) Migrate(ctx context.Context) (steps int, version int64, err error) {
	if db.direct != "" { // the lock belongs to a session
		past, err := Open(ctx, db.direct)
		if err != nil {
			return 0, 0, err
		}
		steps, version, err = past.Migrate(ctx)
		return steps, version, errors.Join(err, past.Close())
	}
	unlock := func() error { return nil }
	if db.Dialect == SQLite {
		if unlock, err = fileLock(ctx, db.file+".lock"); err != nil {
			return 0, 0, err
		}
	}
	defer func() { err = errors.Join(err, unlock()) }()
	p, err := db.provider()
	if err != nil {
		return 0, 0, err
	}
	done, err := p.Up(ctx)
	if err != nil {
		return len(done), 0, err
	}
	version, err = p.GetDBVersion(ctx)
	return len(done), version, err
}

// SchemaVersion is the version the database is at, and the one this program wants.
func (db *DB) SchemaVersion(ctx context.Context) (has, wants int64, err error) {
	p, err := db.provider()
	if err != nil {
		return 0, 0, err
	}
	sources := p.ListSources()
	if len(sources) > 0 {
		wants = sources[len(sources)-1].Version
	}
	has, err = p.GetDBVersion(ctx)
	return has, wants, err
}

func (db *DB) provider() (*goose.Provider, error) {
	files, err := migrations.For(db.Dialect)
	if err != nil {
		return nil, err
	}
	opts := []goose.ProviderOption{goose.WithDisableGlobalRegistry(true), goose.WithSlog(slog.New(slog.DiscardHandler))}
	dialect := goose.DialectSQLite3
	if db.Dialect == Postgres {
		dialect = goose.DialectPostgres
		opts = append(opts, goose.WithSessionLocker(schemaLock{}))
	}
	return goose.NewProvider(dialect, db.writer, files, opts...)
}

// schemaLock is goose's session lock with two differences: one lock for each schema, so that schemas of one database do not queue behind each
// other, and a poll of 50 ms instead of whole seconds. It polls and does not wait in SQL, because a waiting statement holds a snapshot.
type schemaLock struct{}

const lockKey = "hashtextextended('countersign migrate ' || current_schema(), 0)"

func (schemaLock) SessionLock(ctx context.Context, c *sql.Conn) error {
	for {
		var got bool
		if err := c.QueryRowContext(ctx, "SELECT pg_try_advisory_lock("+lockKey+")").Scan(&got); err != nil || got {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lockPoll):
		}
	}
}

func (schemaLock) SessionUnlock(ctx context.Context, c *sql.Conn) error {
	_, err := c.ExecContext(ctx, "SELECT pg_advisory_unlock("+lockKey+")")
	return err
}

func fileLock(ctx context.Context, name string) (func() error, error) {
	f, err := os.OpenFile(filepath.Clean(name), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) //nolint:gosec // a file descriptor fits an int
		if err == nil {
			return f.Close, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errors.Join(err, f.Close())
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), f.Close())
		case <-time.After(lockPoll):
		}
	}
}

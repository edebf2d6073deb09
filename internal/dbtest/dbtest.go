// Package dbtest gives each test an empty, migrated database of its own, on SQLite and on Postgres. It starts a private Postgres from the
// machine's own binaries, also as root. A machine without Postgres fails the tests; it never skips them.
package dbtest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	// The driver "pgx" for the administrator's connection.
	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/countersign/countersign/internal/database"
)

var databases atomic.Int64

// Dialects are the databases that every database test runs on.
var Dialects = []string{database.SQLite, database.Postgres}

// Each runs do on both databases, each time with an empty, migrated one.
func Each(t *testing.T, do func(t *testing.T, db *database.DB)) {
	t.Helper()
	for _, d := range Dialects {
		t.Run(d, func(t *testing.T) { do(t, Open(t, URL(t, d))) })
	}
}

// Open opens the database at rawURL, as URL gives it, and closes it after the test.
func Open(t testing.TB, rawURL string, opts ...database.Option) *database.DB {
	t.Helper()
	db, err := database.Open(context.Background(), rawURL, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// URL is the address of a migrated database that is gone after the test: a copy of one that this process migrates once, because a migration
// takes a quarter of a second and a copy some milliseconds.
func URL(t testing.TB, dialect string) string {
	t.Helper()
	migrated, err := migrated[dialect]()
	if err != nil {
		t.Fatalf("no migrated %s to copy: %v", dialect, err)
	}
	if dialect == database.SQLite {
		name := filepath.Join(t.TempDir(), "test.db")
		if err := os.WriteFile(name, migrated, 0o600); err != nil {
			t.Fatal(err)
		}
		return "sqlite://" + name
	}
	return create(t, " TEMPLATE "+string(migrated))
}

// Empty is the address of a database without a schema, for tests of the migration itself. It is gone after the test.
func Empty(t testing.TB, dialect string) string {
	t.Helper()
	if dialect == database.SQLite {
		return "sqlite://" + filepath.Join(t.TempDir(), "test.db")
	}
	return create(t, "")
}

// create makes a Postgres database, empty or from a template.
func create(t testing.TB, from string) string {
	t.Helper()
	name := fmt.Sprintf("t%d_%d", os.Getpid(), databases.Add(1))
	if err := admin("CREATE DATABASE " + name + from); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := admin("DROP DATABASE " + name + " WITH (FORCE)"); err != nil {
			t.Error(err)
		}
	})
	address, err := at(name)
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// migrated makes what URL copies: the bytes of a SQLite file, the name of a Postgres database.
var migrated = map[string]func() ([]byte, error){
	database.SQLite: sync.OnceValues(func() (_ []byte, err error) {
		dir, err := os.MkdirTemp("", "countersign-migrated")
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
		name := filepath.Join(dir, "test.db")
		if err := migrate("sqlite://" + name); err != nil {
			return nil, err
		}
		return os.ReadFile(filepath.Clean(name))
	}),
	database.Postgres: sync.OnceValues(func() ([]byte, error) {
		const name = "migrated"
		if err := admin("CREATE DATABASE " + name); err != nil {
			return nil, err
		}
		address, err := at(name)
		if err != nil {
			return nil, err
		}
		return []byte(name), migrate(address)
	}),
}

func migrate(address string) error {
	db, err := database.Open(context.Background(), address)
	if err != nil {
		return err
	}
	_, _, err = db.Migrate(context.Background())
	return errors.Join(err, db.Close())
}

// at is the address of a database of this process's server.
func at(name string) (string, error) {
	server, err := postgres()
	if err != nil {
		return "", err
	}
	u, err := url.Parse(server)
	if err != nil {
		return "", err
	}
	u.Path = "/" + name
	return u.String(), nil
}

func admin(statement string) error {
	server, err := postgres()
	if err != nil {
		return fmt.Errorf("Postgres is needed for the tests (apt-get install postgresql): %w", err)
	}
	db, err := sql.Open("pgx", server)
	if err != nil {
		return err
	}
	_, err = db.ExecContext(context.Background(), statement)
	return errors.Join(err, db.Close())
}

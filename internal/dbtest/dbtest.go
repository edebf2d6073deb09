// Package dbtest gives each test an empty, migrated database of its own, on SQLite and on Postgres. It starts a private Postgres from the
// machine's own binaries, also as root. A machine without Postgres fails the tests; it never skips them.
package dbtest

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	// The driver "pgx" for the administrator's connection.
	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/countersign/countersign/internal/database"
)

var schemas atomic.Int64

// Dialects are the databases that every database test runs on.
var Dialects = []string{database.SQLite, database.Postgres}

// Each runs do on both databases, each time with an empty, migrated one.
func Each(t *testing.T, do func(t *testing.T, db *database.DB)) {
	t.Helper()
	for _, d := range Dialects {
		t.Run(d, func(t *testing.T) { do(t, Open(t, URL(t, d))) })
	}
}

// Open opens and migrates the database at rawURL and closes it after the test.
func Open(t testing.TB, rawURL string, opts ...database.Option) *database.DB {
	t.Helper()
	ctx := context.Background()
	db, err := database.Open(ctx, rawURL, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, _, err := db.Migrate(ctx); err != nil {
		t.Fatal(err)
	}
	return db
}

// URL is the address of an empty database that is gone after the test.
func URL(t testing.TB, dialect string) string {
	t.Helper()
	if dialect == database.SQLite {
		return "sqlite://" + filepath.Join(t.TempDir(), "test.db")
	}
	server, err := postgres()
	if err != nil {
		t.Fatalf("Postgres is needed for the tests (apt-get install postgresql): %v", err)
	}
	name := fmt.Sprintf("t%d_%d_%d", os.Getpid(), time.Now().UnixNano(), schemas.Add(1))
	admin(t, server, "CREATE SCHEMA "+name)
	t.Cleanup(func() { admin(t, server, "DROP SCHEMA "+name+" CASCADE") })
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("search_path", name)
	u.RawQuery = q.Encode()
	return u.String()
}

func admin(t testing.TB, server, statement string) {
	t.Helper()
	db, err := sql.Open("pgx", server)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(statement); err != nil {
		t.Error(err)
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}

package relay

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
)

func TestASilentConnectionIsAskedAndAForgottenOneGivenUp(t *testing.T) {
	address := dbtest.URL(t, database.Postgres)
	conns := make([]*pgx.Conn, 2)
	for i := range conns {
		c, err := pgx.Connect(t.Context(), address)
		if err != nil {
			t.Fatal(err)
		}
		defer hangUp(context.Background(), c)
		conns[i] = c
	}
	listening, other := conns[0], conns[1]
	if _, err := listening.Exec(t.Context(), "LISTEN news"); err != nil {
		t.Fatal(err)
	}
	// It is asked every few milliseconds for as long as nothing comes, and hears all the same.
	heard := make(chan error, 1)
	go func() {
		_, err := next(t.Context(), listening, 5*time.Millisecond, time.Minute)
		heard <- err
	}()
	select {
	case err := <-heard:
		t.Fatalf("it gave up: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	if _, err := other.Exec(t.Context(), "NOTIFY news"); err != nil {
		t.Fatal(err)
	}
	if err := <-heard; err != nil {
		t.Fatal(err)
	}
	if _, err := other.Exec(t.Context(), "SELECT pg_terminate_backend($1)", listening.PgConn().PID()); err != nil {
		t.Fatal(err)
	}
	if _, err := next(t.Context(), listening, 5*time.Millisecond, 50*time.Millisecond); err == nil {
		t.Error("it waits on a connection that is gone")
	}
}

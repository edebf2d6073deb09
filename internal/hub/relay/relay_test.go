package relay_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
	"github.com/countersign/countersign/internal/hub"
	"github.com/countersign/countersign/internal/hub/relay"
)

var quiet = slog.New(slog.DiscardHandler)

// replica is a hub that hears what others decide on the same Postgres.
func replica(t *testing.T, address string) *hub.Hub {
	t.Helper()
	h := hub.New()
	first := h.Subscribe("first") // every connection wakes everybody, so this says that it listens
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan error, 1)
	go func() { over <- relay.New(h, address, quiet).Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-over; err != nil {
			t.Error(err)
		}
	})
	await(t, first)
	return h
}

func await(t *testing.T, l *hub.Listener) {
	t.Helper()
	select {
	case <-l.Woken():
	case <-time.After(20 * time.Second):
		t.Fatal("nobody was woken")
	}
}

func notify(t *testing.T, db *database.DB, topic string, version int64, err error) {
	t.Helper()
	got := db.InTx(t.Context(), func(tx database.Tx) error {
		return errors.Join(relay.New(hub.New(), "", quiet).Publish(tx, topic, version), err)
	})
	if !errors.Is(got, err) {
		t.Fatal(got)
	}
}

func TestADecisionIsHeardByEveryReplicaWhenItIsCommittedAndOnlyThen(t *testing.T) {
	address := dbtest.URL(t, database.Postgres)
	db := dbtest.Open(t, address)
	for _, h := range []*hub.Hub{replica(t, address), replica(t, address)} {
		versions := make(chan int64, 10)
		h.Call("confirmation:c1", func(v int64) { versions <- v })
		notify(t, db, "confirmation:c1", 6, errors.New("rolled back"))
		notify(t, db, "confirmation:other", 1, nil)
		notify(t, db, "confirmation:c1", 7, nil)
		select {
		case v := <-versions:
			if v != 7 {
				t.Errorf("heard version %d", v)
			}
		case <-time.After(20 * time.Second):
			t.Fatal("the decision was not heard")
		}
	}
}

func TestALostConnectionIsMadeAnewAndEverybodyReadsAgain(t *testing.T) {
	address := dbtest.URL(t, database.Postgres)
	db := dbtest.Open(t, address)
	h := replica(t, address)
	l := h.Subscribe("confirmation:c1")
	err := db.InTx(t.Context(), func(tx database.Tx) error {
		return tx.Exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND pid <> pg_backend_pid()").Error
	})
	if err != nil {
		t.Fatal(err)
	}
	await(t, l) // hints may have been missed meanwhile
	notify(t, db, "confirmation:c1", 8, nil)
	await(t, l)
}

func TestAnAddressThatIsNoneIsAnError(t *testing.T) {
	if err := relay.New(hub.New(), "postgres://u:hush@%zz", quiet).Run(t.Context()); err == nil || strings.Contains(err.Error(), "hush") {
		t.Error("it listens nowhere")
	}
}

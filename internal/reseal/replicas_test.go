package reseal_test

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
	"github.com/countersign/countersign/internal/reseal"
	"github.com/countersign/countersign/internal/vault"
)

func TestAProcessSaysWhichKeysItHasUntilItEnds(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		file, v := keyset(t)
		_, copied := keyset(t) // on a machine where the new file never comes
		old := v.Info().Primary
		beating := func(v *vault.Vault) (stop func()) {
			ctx, cancel := context.WithCancel(t.Context())
			over := make(chan struct{})
			go func() { defer close(over); reseal.Beat(ctx, db, v, slog.New(slog.DiscardHandler)) }()
			return func() { cancel(); <-over }
		}
		// until waits until the processes that run are as wanted.
		until := func(what string, wanted func([]reseal.Replica) bool) []reseal.Replica {
			for end := time.Now().Add(time.Minute); ; {
				now, err := db.Now(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				all, err := reseal.Replicas(db.Read(t.Context()), now)
				if err != nil || time.Now().After(end) {
					t.Fatalf("waited in vain for %s: %+v %v", what, all, err)
				}
				if wanted(all) {
					return all
				}
			}
		}
		stopFirst, stopSecond := beating(v), beating(copied)
		defer stopSecond()
		all := until("both", func(r []reseal.Replica) bool { return len(r) == 2 })
		if behind := reseal.Without(all, old); len(behind) != 1 || behind[0].Host == "" || !slices.Equal(behind[0].Keys, copied.Info().Keys) {
			t.Errorf("without %d: %+v", old, behind)
		}
		if err := vault.Stage(file); err != nil {
			t.Fatal(err)
		}
		until("the new key", func(r []reseal.Replica) bool {
			return slices.ContainsFunc(r, func(r reseal.Replica) bool { return len(r.Keys) == 2 && r.Keys[0] == old })
		})
		stopFirst()
		until("the end", func(r []reseal.Replica) bool { return len(r) == 1 && r[0].Keys[0] == copied.Info().Primary })
	})
}

func TestAProcessThatWasKilledIsTakenToRunForAMinute(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		now, err := db.Now(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := db.InTx(t.Context(), func(tx database.Tx) error {
			return tx.Exec("INSERT INTO replicas (id, host, keys, started_at, seen_at) VALUES ('rep_1', 'h', '7,8', ?, ?)", now, now).Error
		}); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			after time.Duration
			runs  int
		}{{reseal.Alive - time.Microsecond, 1}, {reseal.Alive, 0}} {
			if all, err := reseal.Replicas(db.Read(t.Context()), now.Add(c.after)); err != nil || len(all) != c.runs {
				t.Errorf("after %v: %+v %v", c.after, all, err)
			}
		}
	})
}

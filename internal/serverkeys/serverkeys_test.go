package serverkeys_test

import (
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
	"github.com/countersign/countersign/internal/serverkeys"
	"github.com/countersign/countersign/internal/vault"
)

func keyset(t *testing.T) *vault.Vault {
	t.Helper()
	file := filepath.Join(t.TempDir(), "keyset.json")
	if err := vault.Create(file); err != nil {
		t.Fatal(err)
	}
	v, err := vault.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestReplicasThatStartTogetherShareOneKey(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		v := keyset(t)
		var mu sync.Mutex
		ids := map[string]bool{}
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				k, err := serverkeys.New(db, v, time.Now).Current(t.Context(), serverkeys.Challenge)
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				ids[k.ID] = true
			})
		}
		wg.Wait()
		if len(ids) != 1 {
			t.Errorf("%d keys, want one", len(ids))
		}
	})
}

func TestEachPurposeHasItsOwnKey(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		keys := serverkeys.New(db, keyset(t), time.Now)
		seen := map[string]bool{}
		for _, p := range []serverkeys.Purpose{serverkeys.Challenge, serverkeys.VAPID, serverkeys.Cursor} {
			k, err := keys.Current(t.Context(), p)
			if err != nil {
				t.Fatal(err)
			}
			if seen[string(k.SPKI)] {
				t.Errorf("%s shares a key", p)
			}
			seen[string(k.SPKI)] = true
		}
		if err := keys.Check(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestAnotherKeysetOpensNoKeyAndMakesNone(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		if _, err := serverkeys.New(db, keyset(t), time.Now).Current(t.Context(), serverkeys.Challenge); err != nil {
			t.Fatal(err)
		}
		strange := serverkeys.New(db, keyset(t), time.Now)
		if k, err := strange.Current(t.Context(), serverkeys.Challenge); err == nil {
			t.Errorf("got %s; phones pin the first key", k.ID)
		}
		if strange.Check(t.Context()) == nil {
			t.Error("the keyset passes the check")
		}
	})
}

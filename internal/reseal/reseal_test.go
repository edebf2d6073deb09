package reseal_test

import (
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
	"github.com/countersign/countersign/internal/reseal"
	"github.com/countersign/countersign/internal/vault"
)

// things is a table with a key of two columns, as some real ones have.
var things = vault.Place{Name: "things", Table: "things", Column: "sealed", Key: []string{"owner", "id"},
	About: func(key []string) string { return "thing|" + key[0] + "|" + key[1] }}

func keyset(t *testing.T) (string, *vault.Vault) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "keyset.json")
	if err := vault.Create(file); err != nil {
		t.Fatal(err)
	}
	return file, open(t, file)
}

func open(t *testing.T, file string) *vault.Vault {
	t.Helper()
	v, err := vault.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// filled is a database with n things that v sealed, and one that holds nothing.
func filled(t *testing.T, db *database.DB, v *vault.Vault, n int) {
	t.Helper()
	bytes := map[string]string{database.SQLite: "blob", database.Postgres: "bytea"}[db.Dialect]
	err := db.InTx(t.Context(), func(tx database.Tx) error {
		if err := tx.Exec("CREATE TABLE things (owner text NOT NULL, id text NOT NULL, sealed " + bytes + ", PRIMARY KEY (owner, id))").Error; err != nil {
			return err
		}
		for i := range n {
			owner, id := fmt.Sprintf("o%d", i%7), fmt.Sprintf("t%03d", i)
			sealed, err := v.Seal([]byte("secret of "+id), things.About([]string{owner, id}))
			if err != nil {
				return err
			}
			if err := tx.Exec("INSERT INTO things (owner, id, sealed) VALUES (?, ?, ?)", owner, id, sealed).Error; err != nil {
				return err
			}
		}
		return tx.Exec("INSERT INTO things (owner, id) VALUES ('o0', 'nothing')").Error
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestAllBatchesMoveAndOpenUnderTheNewKey(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		const n = 250 // three batches
		file, v := keyset(t)
		old := v.Info().Primary
		filled(t, db, v, n)
		if err := vault.Rotate(file); err != nil {
			t.Fatal(err)
		}
		v = open(t, file)
		done, unopened, err := reseal.Run(t.Context(), db, v, things)
		if done != n || unopened != 0 || err != nil {
			t.Fatalf("%d moved, %d not opened, %v", done, unopened, err)
		}
		counts, err := reseal.Count(db.Read(t.Context()), things)
		if err != nil || counts[old] != 0 || counts[v.Info().Primary] != n || len(counts) != 1 {
			t.Errorf("%v (%v)", counts, err)
		}
		if err := vault.Remove(file, old); err != nil {
			t.Fatal(err)
		}
		var sealed []byte
		if err := db.Read(t.Context()).Raw("SELECT sealed FROM things WHERE id = 't123'").Row().Scan(&sealed); err != nil {
			t.Fatal(err)
		}
		if got, err := open(t, file).Open(sealed, things.About([]string{fmt.Sprintf("o%d", 123%7), "t123"})); err != nil || string(got) != "secret of t123" {
			t.Errorf("%q %v", got, err)
		}
	})
}

func TestWhatCannotBeOpenedIsCountedAndLeftAlone(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		file, v := keyset(t)
		filled(t, db, v, 120)
		_, strange := keyset(t)
		foreign, err := strange.Seal([]byte("x"), things.About([]string{"o0", "t000"}))
		if err != nil {
			t.Fatal(err)
		}
		err = db.InTx(t.Context(), func(tx database.Tx) error {
			return tx.Exec("UPDATE things SET sealed = ? WHERE id = 't000'", foreign).Error
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := vault.Rotate(file); err != nil {
			t.Fatal(err)
		}
		for _, want := range []int{119, 0} {
			if done, unopened, err := reseal.Run(t.Context(), db, open(t, file), things); done != want || unopened != 1 || err != nil {
				t.Errorf("%d moved, %d not opened, %v; want %d and 1", done, unopened, err, want)
			}
		}
		counts, err := reseal.Count(db.Read(t.Context()), things)
		if err != nil || counts[strange.Info().Primary] != 1 {
			t.Errorf("%v (%v)", counts, err)
		}
	})
}

func TestManyProcessesResealAtOnceWhileValuesChange(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		const n = 150
		file, v := keyset(t)
		filled(t, db, v, n)
		if err := vault.Rotate(file); err != nil {
			t.Fatal(err)
		}
		fresh := open(t, file)
		changed, err := fresh.Seal([]byte("changed"), things.About([]string{"o0", "t000"}))
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		var mu sync.Mutex
		total := 0
		for range 4 {
			wg.Go(func() {
				done, _, err := reseal.Run(t.Context(), db, fresh, things)
				mu.Lock()
				defer mu.Unlock()
				if total += done; err != nil {
					t.Error(err)
				}
			})
		}
		wg.Go(func() {
			err := db.InTx(t.Context(), func(tx database.Tx) error {
				return tx.Exec("UPDATE things SET sealed = ? WHERE id = 't000'", changed).Error
			})
			if err != nil {
				t.Error(err)
			}
		})
		wg.Wait()
		if total < n-1 || total > n { // the one that changed may have been first
			t.Errorf("%d values were moved, each should be once", total)
		}
		var sealed []byte
		if err := db.Read(t.Context()).Raw("SELECT sealed FROM things WHERE id = 't000'").Row().Scan(&sealed); err != nil {
			t.Fatal(err)
		}
		if got, err := fresh.Open(sealed, things.About([]string{"o0", "t000"})); err != nil || string(got) != "changed" {
			t.Errorf("a value that changed meanwhile was written over: %q %v", got, err)
		}
	})
}

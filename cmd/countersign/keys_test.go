package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
	"github.com/countersign/countersign/internal/serverkeys"
)

// keysOf is what `keys status` prints.
func keysOf(t *testing.T, env map[string]string) keysResult {
	t.Helper()
	o := countersign(t, env, "", "keys", "status").must(t, done)
	var k keysResult
	if err := json.Unmarshal([]byte(o.stdout), &k); err != nil {
		t.Fatalf("%v: %s", err, o.stdout)
	}
	return k
}

// sealedBy counts everything that a key of the keyset has sealed.
func (k keysResult) sealedBy(id uint32) (n int64) {
	for _, counts := range k.Sealed {
		n += counts[id]
	}
	return n
}

func TestTheKeysetIsRotatedAndTheOldKeyGoesOnlyWhenNothingNeedsIt(t *testing.T) {
	everyDatabase(t, func(t *testing.T, env map[string]string) {
		makeWorkspace(t, env).must(t, done)
		useServerKeys(t, env)
		before := keysOf(t, env)
		old := before.Primary
		if before.sealedBy(old) < 2 || before.Database != "" {
			t.Fatalf("%+v", before)
		}
		countersign(t, env, "", "keys", "rotate").must(t, done)
		if early := countersign(t, env, "", "keys", "remove", fmt.Sprint(old)); early.code != failed || !strings.Contains(early.stderr, "keys reseal") {
			t.Errorf("removed while it is needed: %d %s", early.code, early.stderr)
		}
		if o := countersign(t, env, "", "keys", "remove", fmt.Sprint(keysOf(t, env).Primary)); o.code != failed {
			t.Errorf("the key that seals was removed: %s", o.stdout)
		}
		countersign(t, env, "", "keys", "reseal").must(t, done)
		after := keysOf(t, env)
		if after.sealedBy(old) != 0 || after.sealedBy(after.Primary) != before.sealedBy(old) {
			t.Errorf("before %+v, after %+v", before.Sealed, after.Sealed)
		}
		countersign(t, env, "", "keys", "remove", fmt.Sprint(old)).must(t, done)
		if last := keysOf(t, env); len(last.Keys) != 1 || last.Primary == old {
			t.Errorf("%+v", last)
		}
		if d := countersign(t, env, "", "doctor"); state(t, d, "server keys") != "ok" {
			t.Errorf("the server's keys do not open any more: %s", d.stdout)
		}
	})
}

func TestAStagedKeyIsCopiedBeforeItSeals(t *testing.T) {
	everyDatabase(t, func(t *testing.T, env map[string]string) {
		makeWorkspace(t, env).must(t, done)
		first := keysOf(t, env).Primary
		countersign(t, env, "", "keys", "rotate", "--stage").must(t, done)
		if k := keysOf(t, env); k.Primary != first || len(k.Keys) != 2 {
			t.Errorf("staged: %+v", k.Info)
		}
		file := filepath.Join(env["COUNTERSIGN_DATA_DIR"], "keyset.json")
		staged, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		copied := filepath.Join(t.TempDir(), "keyset.json") // on the second machine
		if err := os.WriteFile(copied, staged, 0o600); err != nil {
			t.Fatal(err)
		}
		onAnother(t, env, first) // it runs, and the copy has not reached it
		if early := countersign(t, env, "", "keys", "promote"); early.code != failed || !strings.Contains(early.stderr, "other.acme.test") {
			t.Errorf("promoted before it is everywhere: %d %s", early.code, early.stderr)
		}
		if k := keysOf(t, env); k.Primary != first || len(k.Replicas) != 1 {
			t.Errorf("after a refused promotion: %+v %+v", k.Info, k.Replicas)
		}
		onAnother(t, env, keysOf(t, env).Keys...)
		countersign(t, env, "", "keys", "promote").must(t, done)
		countersign(t, env, "", "keys", "reseal").must(t, done)
		there := map[string]string{"COUNTERSIGN_KEYSET": copied, "COUNTERSIGN_DATABASE_URL": env["COUNTERSIGN_DATABASE_URL"], "COUNTERSIGN_DATA_DIR": t.TempDir()}
		useServerKeys(t, env)
		if d := countersign(t, there, "", "doctor"); state(t, d, "server keys") != "ok" {
			t.Errorf("the replica with the staged copy cannot open what was sealed: %s", d.stdout)
		}
		if again := countersign(t, env, "", "keys", "promote"); again.code != failed || !strings.Contains(again.stderr, "--stage") {
			t.Errorf("promoted twice: %d %s", again.code, again.stderr)
		}
		countersign(t, env, "", "keys", "rotate", "--stage").must(t, done)
		countersign(t, env, "", "keys", "promote", "--force").must(t, done)
		if o := countersign(t, env, "", "keys", "rotate", "challenge", "--stage"); o.code != wrongUse {
			t.Errorf("a challenge key was staged: %d", o.code)
		}
	})
}

// onAnother makes a process on another machine that runs with these keys.
func onAnother(t *testing.T, env map[string]string, keys ...uint32) {
	t.Helper()
	db, err := database.Open(t.Context(), env["COUNTERSIGN_DATABASE_URL"])
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if err := db.InTx(t.Context(), func(tx database.Tx) error {
		now, err := tx.Now()
		text := strings.Trim(strings.ReplaceAll(fmt.Sprint(keys), " ", ","), "[]")
		return errors.Join(err, tx.Exec("DELETE FROM replicas").Error,
			tx.Exec("INSERT INTO replicas (id, host, keys, started_at, seen_at) VALUES ('rep_1', 'other.acme.test', ?, ?, ?)", text, now, now.Add(time.Hour)).Error)
	}); err != nil {
		t.Fatal(err)
	}
}

func TestKeysOfTheServerAreRotatedAndEnded(t *testing.T) {
	everyDatabase(t, func(t *testing.T, env map[string]string) {
		makeWorkspace(t, env).must(t, done)
		if none := countersign(t, env, "", "keys", "rotate", "vapid"); none.code != failed || !strings.Contains(none.stderr, "first needed") {
			t.Errorf("a key that is not there was rotated: %d %s", none.code, none.stderr)
		}
		useServerKeys(t, env)
		rotated := countersign(t, env, "", "keys", "rotate", "challenge").must(t, done)
		old, fresh := fmt.Sprint(rotated.field(t, "old")), fmt.Sprint(rotated.field(t, "new"))
		states := map[string]serverKey{}
		for _, k := range keysOf(t, env).ServerKeys {
			states[k.Kid] = k
		}
		if k := states[old]; k.Successor != fresh || k.RetiredAt == nil || k.EndedAt != nil || k.Purpose != serverkeys.Challenge {
			t.Errorf("the old key: %+v", k)
		}
		if k := states[fresh]; k.RetiredAt != nil {
			t.Errorf("the new key: %+v", k)
		}
		if o := countersign(t, env, "", "keys", "end", fresh, "--yes"); o.code != failed || !strings.Contains(o.stderr, "replace it first") {
			t.Errorf("the current key was ended: %d %s", o.code, o.stderr)
		}
		if asked := countersign(t, env, "", "keys", "end", old).must(t, done); asked.field(t, "ended") != false || !strings.Contains(asked.stderr, "--yes") {
			t.Errorf("without --yes: %s %s", asked.stdout, asked.stderr)
		}
		countersign(t, env, "", "keys", "end", old, "--yes").must(t, done)
		for _, k := range keysOf(t, env).ServerKeys {
			if k.Kid == old && k.EndedAt == nil {
				t.Error("it was not ended")
			}
		}
		if o := countersign(t, env, "", "keys", "end", "key_none"); o.code != failed {
			t.Error("a key that is none was ended")
		}
	})
}

func TestKeysStatusLooksAndChangesNothing(t *testing.T) {
	dir := t.TempDir()
	env := map[string]string{"COUNTERSIGN_DATA_DIR": dir}
	countersign(t, env, "", "keys", "init").must(t, done)
	if k := keysOf(t, env); !strings.Contains(k.Database, "no database") {
		t.Errorf("%+v", k)
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 1 {
		t.Errorf("%d files (%v)", len(files), err)
	}
	env["COUNTERSIGN_DATABASE_URL"] = dbtest.Empty(t, dbtest.Dialects[0])
	for _, c := range [][]string{{"keys", "reseal"}, {"keys", "remove", "1"}, {"keys", "rotate", "challenge"}} {
		if o := countersign(t, env, "", c...); o.code != failed {
			t.Errorf("%v without a database: %d", c, o.code)
		}
	}
}

package audit_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
)

func TestCommittedEventsAreChainedAndSigned(t *testing.T) {
	onBoth(t, func(w *world) {
		other := ana
		other.Workspace = "wsp_b"
		w.record(ana, 5)
		w.record(other, 3)
		if tail, err := w.chains.Unsealed(w.Context(), ws); err != nil || tail.Events != 5 {
			w.Fatalf("%d events wait, %v", tail.Events, err)
		}
		w.seal()
		w.seal() // nothing is there to be done
		w.record(ana, 2)
		w.seal()
		r := w.whole()
		if r.Events != 7 || r.First != 1 || r.Last != 7 || r.Unsealed.Events != 0 || r.Key != w.keys.fingerprint(0) {
			w.Errorf("the report is %+v", r)
		}
		if n := w.number("SELECT count(*) FROM audit_seals WHERE workspace_id = ?", ws); n != 2 {
			w.Errorf("%d seals for two runs", n)
		}
		if r, err := w.chains.VerifyDatabase(w.Context(), "wsp_b", "b", "", ""); err != nil || !r.OK || r.Events != 3 {
			w.Errorf("the other workspace: %+v, %v", r, err)
		}
		if tail, err := w.chains.Unsealed(w.Context(), ""); err != nil || tail.Events != 0 || tail.Oldest != 0 {
			w.Errorf("the tail is %+v, %v", tail, err)
		}
	})
}

// TestALateCommitIsSealedOnce: a transaction that began before others and ends after them has an older time and a smaller place in every
// order by time or id, and still its own place at the end of the chain.
func TestALateCommitIsSealedOnce(t *testing.T) {
	w := newWorld(t, dbtest.URL(t, database.Postgres), &keyring{}) // SQLite has one writer: nothing can be late there
	written, finish, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		done <- w.db.InTx(w.Context(), func(tx database.Tx) error {
			err := audit.Record(tx, ana, "policy.changed", "late", nil)
			close(written)
			<-finish
			return err
		})
	}()
	<-written
	w.record(ana, 3)
	w.seal() // does not wait for the one that is open
	if r := w.whole(); r.Events != 3 {
		w.Errorf("%d events sealed", r.Events)
	}
	close(finish)
	w.must(<-done)
	w.record(ana, 1)
	w.seal()
	if r := w.whole(); r.Events != 5 {
		w.Errorf("%d events sealed", r.Events)
	}
	if at := w.number("SELECT position FROM audit_events WHERE subject = 'late'"); at != 4 {
		w.Errorf("the late one stands at %d", at)
	}
}

// TestWritersDoNotWaitForTheSealer: while a sealer holds a chain, events of that workspace are written and another sealer passes it over.
func TestWritersDoNotWaitForTheSealer(t *testing.T) {
	w := newWorld(t, dbtest.URL(t, database.Postgres), &keyring{})
	w.record(ana, 3)
	w.seal()
	letGo := w.holdChain()
	w.record(ana, 4)
	w.seal() // comes back at once
	if n := w.number("SELECT count(*) FROM audit_events WHERE position IS NULL"); n != 4 {
		w.Errorf("%d events wait", n)
	}
	letGo()
	w.seal() // takes over
	if r := w.whole(); r.Events != 7 || r.Unsealed.Events != 0 {
		w.Errorf("the report is %+v", r)
	}
}

// TestManySealersAndWritersMakeOneChain: three replicas seal while eight writers write.
func TestManySealersAndWritersMakeOneChain(t *testing.T) {
	onBoth(t, func(w *world) {
		const writers, each = 8, 20
		var wg sync.WaitGroup
		var failed sync.Map
		for n := range writers {
			wg.Go(func() {
				for i := range each {
					err := w.db.InTx(w.Context(), func(tx database.Tx) error {
						return audit.Record(tx, ana, "token.copied", fmt.Sprintf("w%d_%d", n, i), nil)
					})
					if err != nil {
						failed.Store(n, err)
					}
				}
			})
		}
		stop := make(chan struct{})
		var sealers sync.WaitGroup
		for range 3 {
			sealers.Go(func() {
				for {
					if err := w.chains.Seal(w.Context()); err != nil && !errors.Is(err, database.ErrBusy) {
						failed.Store("seal", err)
					}
					select {
					case <-stop:
						return
					default:
					}
				}
			})
		}
		wg.Wait()
		close(stop)
		sealers.Wait()
		failed.Range(func(k, err any) bool { w.Errorf("%v: %v", k, err); return true })
		w.seal()
		if r := w.whole(); r.Events != writers*each || r.Unsealed.Events != 0 {
			w.Errorf("the report is %+v", r)
		}
	})
}

// TestWhatWasThereBeforeTheUpgradeIsSealed: rows without a place are sealed however many they are, in the order of their time.
func TestWhatWasThereBeforeTheUpgradeIsSealed(t *testing.T) {
	onBoth(t, func(w *world) {
		w.fill(1203)
		w.seal()
		if r := w.whole(); r.Events != 1203 {
			w.Errorf("the report is %+v", r)
		}
		if n := w.number("SELECT count(*) FROM audit_events a JOIN audit_events b ON b.workspace_id = a.workspace_id AND b.position = a.position + 1 WHERE b.at < a.at"); n != 0 {
			w.Errorf("%d events stand before older ones", n)
		}
	})
}

func TestTheDatabaseRefusesToChangeEvents(t *testing.T) {
	onBoth(t, func(w *world) {
		w.record(ana, 3)
		w.seal()
		w.record(ana, 1)
		for _, sql := range []string{
			"UPDATE audit_events SET event = 'token.revoked' WHERE position = 2",
			"UPDATE audit_events SET actor_name = 'Ben' WHERE position = 2",
			"UPDATE audit_events SET ip = '198.51.100.1' WHERE position = 2",
			"UPDATE audit_events SET ip = '' WHERE position = 2",
			"UPDATE audit_events SET actor_id = 'ppl_ben' WHERE position = 2",
			"UPDATE audit_events SET subject = 'x' WHERE position = 2",
			"UPDATE audit_events SET detail = '{\"n\": 9}' WHERE position = 2",
			"UPDATE audit_events SET position = 9 WHERE position = 2",
			"UPDATE audit_events SET position = NULL WHERE position = 2",
			"UPDATE audit_events SET workspace_id = 'x' WHERE position = 2",
			"UPDATE audit_events SET event = 'x' WHERE position IS NULL",
			"UPDATE audit_events SET detail = '{}', what_hash = '' WHERE position IS NULL",
			"DELETE FROM audit_events WHERE position = 3",
			"DELETE FROM audit_events WHERE position IS NULL",
			"DELETE FROM audit_events",
			"UPDATE audit_seals SET first = 2",
			"DELETE FROM audit_seals",
			"UPDATE audit_chains SET position = 1",
			"UPDATE audit_chains SET pruned_to = 9",
			"DELETE FROM audit_chains",
			"INSERT INTO audit_events (id, workspace_id, at, event, actor_kind, position) SELECT 'evt_x', workspace_id, at, event, actor_kind, 99 FROM audit_events WHERE position = 1",
		} {
			if err := w.exec(sql); err == nil || !strings.Contains(err.Error(), "audit: ") {
				w.Errorf("%s: %v", sql, err)
			}
		}
		w.seal()
		if r := w.whole(); r.Events != 4 {
			w.Errorf("the report is %+v", r)
		}
	})
}

// TestTheVerifierNamesWhatSomebodyChangedInTheDatabase: whoever owns the database gets past its guards, and not past the chain.
func TestTheVerifierNamesWhatSomebodyChangedInTheDatabase(t *testing.T) {
	for name, c := range map[string]struct {
		sql  string
		at   int64
		says string
	}{
		"event":            {"UPDATE audit_events SET event = 'token.copied' WHERE position = 3", 3, "changed"},
		"time":             {"UPDATE audit_events SET at = (SELECT at FROM audit_events WHERE position = 6) WHERE position = 3", 3, "changed"},
		"actor":            {"UPDATE audit_events SET actor_id = 'ppl_ben' WHERE position = 3", 3, "changed"},
		"kind of actor":    {"UPDATE audit_events SET actor_kind = 'operator' WHERE position = 3", 3, "changed"},
		"name":             {"UPDATE audit_events SET actor_name = 'Ben' WHERE position = 3", 3, "changed"},
		"address":          {"UPDATE audit_events SET ip = '198.51.100.9' WHERE position = 3", 3, "changed"},
		"browser":          {"UPDATE audit_events SET user_agent = 'curl' WHERE position = 3", 3, "changed"},
		"object":           {"UPDATE audit_events SET subject = 'tok_9' WHERE position = 3", 3, "changed"},
		"detail":           {`UPDATE audit_events SET detail = '{"n": 7}' WHERE position = 3`, 3, "changed"},
		"salt":             {"UPDATE audit_events SET salt = (SELECT salt FROM audit_events WHERE position = 4) WHERE position = 3", 3, "changed"},
		"hash":             {"UPDATE audit_events SET hash = (SELECT hash FROM audit_events WHERE position = 4) WHERE position = 3", 3, "changed"},
		"deleted":          {"DELETE FROM audit_events WHERE position = 3", 3, "missing"},
		"deleted first":    {"DELETE FROM audit_events WHERE position = 1", 1, "missing"},
		"deleted at end":   {"DELETE FROM audit_events WHERE position = 6", 6, "missing"},
		"seal gone":        {"DELETE FROM audit_seals WHERE last = 3", 1, "seal"},
		"last seal gone":   {"DELETE FROM audit_seals WHERE last = 6", 4, "no seal"},
		"seal of another":  {"UPDATE audit_seals SET sig = (SELECT sig FROM audit_seals WHERE last = 6) WHERE last = 3", 1, "signature"},
		"unknown key":      {"UPDATE audit_seals SET kid = 'key_9' WHERE last = 3", 1, "unknown"},
		"chain cut off":    {"UPDATE audit_chains SET position = 3, head = (SELECT hash FROM audit_events WHERE position = 3)", 0, ""},
		"a made up prune":  {"UPDATE audit_chains SET pruned_to = 3, pruned_hash = (SELECT hash FROM audit_events WHERE position = 3)", 0, "checkpoint"},
		"head of the last": {"UPDATE audit_chains SET head = (SELECT hash FROM audit_events WHERE position = 3)", 6, "end"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, dbtest.URL(t, database.SQLite), &keyring{})
			w.record(ana, 3)
			w.seal()
			w.record(ana, 3)
			w.seal()
			noted := w.whole()
			w.unguarded(c.sql)
			r, err := w.chains.VerifyDatabase(w.Context(), ws, "acme", "", fmt.Sprintf("%d:%s", noted.Last, noted.Head))
			w.must(err)
			if r.OK || r.Broken.Position != c.at || !strings.Contains(r.Broken.Error(), c.says) {
				w.Errorf("found %+v", r.Broken)
			}
		})
	}
}

// TestSwappedEventsAreFound on Postgres as well, where a detail is stored in another form.
func TestSwappedEventsAreFound(t *testing.T) {
	onBoth(t, func(w *world) {
		w.record(ana, 6)
		w.seal()
		w.whole()
		w.unguarded("UPDATE audit_events SET position = CASE position WHEN 2 THEN 30 ELSE 20 END WHERE position IN (2, 3)")
		w.unguarded("UPDATE audit_events SET position = position / 10 WHERE position IN (20, 30)")
		r, err := w.chains.VerifyDatabase(w.Context(), ws, "acme", "", "")
		w.must(err)
		if r.OK || r.Broken.Position != 2 {
			w.Errorf("found %+v", r.Broken)
		}
	})
}

func TestSealsFollowTheKeysThatWereAnnounced(t *testing.T) {
	onBoth(t, func(w *world) {
		w.record(ana, 2)
		w.seal()
		w.keys.rotate()
		w.record(ana, 2)
		w.seal()
		for n, want := range []bool{true, true} {
			r, err := w.chains.VerifyDatabase(w.Context(), ws, "acme", w.keys.fingerprint(n), "")
			if err != nil || r.OK != want || r.Pinned != want {
				w.Errorf("pinned to key %d: %+v, %v", n, r, err)
			}
		}
		strange := &keyring{}
		strange.rotate()
		if r, err := w.chains.VerifyDatabase(w.Context(), ws, "acme", strange.fingerprint(0), ""); err != nil || r.OK || !strings.Contains(r.Broken.Why, "key you gave") {
			w.Errorf("pinned to a strange key: %+v, %v", r.Broken, err)
		}
	})
}

func TestRetentionLeavesASignedCheckpoint(t *testing.T) {
	onBoth(t, func(w *world) {
		w.record(ana, 4)
		w.seal()
		w.must(w.chains.Retain(w.Context(), ana, 100))
		if err := w.chains.Retain(w.Context(), ana, 89); !errors.Is(err, audit.ErrRetention) {
			w.Errorf("89 days: %v", err)
		}
		w.must(w.chains.Retain(w.Context(), ana, 100)) // the same again tells nothing
		w.seal()
		w.ahead.Store(int64(60 * 24 * time.Hour))
		w.record(ana, 3)
		w.seal()
		w.ahead.Store(int64(101 * 24 * time.Hour))
		w.must(w.chains.Sweep(w.Context()))
		r := w.whole()
		if r.Deleted != 5 || r.Events != 3 || r.First != 6 {
			w.Errorf("the report is %+v", r)
		}
		w.record(ana, 1)
		w.seal()
		w.must(w.chains.Sweep(w.Context()))
		if r := w.whole(); r.Events != 4 {
			w.Errorf("the report is %+v", r)
		}
		if days, err := audit.Retention(w.db.Read(w.Context()), ws); err != nil || days != 100 {
			w.Errorf("%d days, %v", days, err)
		}
		if days, err := audit.Retention(w.db.Read(w.Context()), "wsp_b"); err != nil || days != audit.RetentionDays {
			w.Errorf("%d days where nobody chose, %v", days, err)
		}
	})
}

// TestRetentionDeletesNoEvidence: a chain that does not fit where retention would cut it stays.
func TestRetentionDeletesNoEvidence(t *testing.T) {
	onBoth(t, func(w *world) {
		w.record(ana, 4)
		w.seal()
		w.unguarded("UPDATE audit_events SET ip = '198.51.100.9' WHERE position = 2")
		w.ahead.Store(int64(500 * 24 * time.Hour))
		if err := w.chains.Sweep(w.Context()); err == nil || !strings.Contains(err.Error(), "broken") {
			w.Errorf("swept: %v", err)
		}
		if n := w.number("SELECT count(*) FROM audit_events"); n != 4 {
			w.Errorf("%d events are left", n)
		}
	})
}

func TestAnErasedPersonLeavesAWholeChain(t *testing.T) {
	onBoth(t, func(w *world) {
		ben := actor.Actor{Kind: actor.Person, Workspace: ws, Person: "ppl_ben", Name: "Ben Novak", IP: "192.0.2.9", UserAgent: "Chrome"}
		tell := func(by actor.Actor, event, subject string, d audit.Detail) {
			w.must(w.db.InTx(w.Context(), func(tx database.Tx) error { return audit.Record(tx, by, event, subject, d) }))
		}
		tell(ben, "device.added", "dev_1", audit.Detail{"name": "Ben's phone"})
		tell(ana, "person.role_changed", "ppl_ben", audit.Detail{"from": "user"})
		tell(ana, "recovery.asked", "rcv_1", audit.Detail{"approver": "Ben Novak"})
		w.seal()
		tell(ana, "token.viewed", "tok_1", audit.Detail{"n": 100})
		tell(ben, "session.started", "ppl_ben", nil)
		done, err := w.chains.Erase(w.Context(), ana, "ppl_ben", "Ben Novak", "", "100%")
		w.must(err)
		if done != (audit.Erased{Actors: 2, Details: 3}) {
			w.Errorf("erased %+v", done)
		}
		w.seal()
		r := w.whole()
		if r.Events != 6 || r.Erased != 4 {
			w.Errorf("the report is %+v", r)
		}
		if n := w.number("SELECT count(*) FROM audit_events WHERE actor_name LIKE 'Ben%' OR ip = '192.0.2.9' OR user_agent = 'Chrome' OR CAST(detail AS text) LIKE '%Ben%'"); n != 0 {
			w.Errorf("%d events hold something of Ben's", n)
		}
		if again, err := w.chains.Erase(w.Context(), ana, "ppl_ben", "Ben Novak"); err != nil || again != (audit.Erased{}) {
			w.Errorf("erased again: %+v, %v", again, err)
		}
		w.unguarded("UPDATE audit_events SET actor_name = 'Ben' WHERE position = 1")
		if r, err := w.chains.VerifyDatabase(w.Context(), ws, "acme", "", ""); err != nil || r.OK || r.Broken.Position != 1 {
			w.Errorf("put back: %+v, %v", r.Broken, err)
		}
	})
}

// TestADetailNeverEndsATransaction: what a person typed may hold what Postgres cannot keep.
func TestADetailNeverEndsATransaction(t *testing.T) {
	onBoth(t, func(w *world) {
		w.must(w.db.InTx(w.Context(), func(tx database.Tx) error {
			return audit.Record(tx, ana, "token.revoked", "tok_1", audit.Detail{"reason": "a\x00b\\u0000", "nested": map[string]any{"\x00": []any{"\x00", 1.5}}})
		}))
		w.seal()
		w.whole()
	})
}

// TestARestoredDatabaseGoesOnWithItsChain: a copy of before is whole and is sealed on, and the head of after the copy shows that it is one.
func TestARestoredDatabaseGoesOnWithItsChain(t *testing.T) {
	w := newWorld(t, dbtest.URL(t, database.SQLite), &keyring{})
	w.record(ana, 3)
	w.seal()
	w.record(ana, 1) // not sealed when the copy is made
	copied := filepath.Join(t.TempDir(), "copy.db")
	for _, part := range []string{"", "-wal"} { // nobody writes meanwhile
		b, err := os.ReadFile(filepath.Clean(strings.TrimPrefix(w.url, "sqlite://") + part))
		if part == "" || err == nil {
			w.must(err)
			w.must(os.WriteFile(copied+part, b, 0o600))
		}
	}
	w.record(ana, 2)
	w.seal()
	noted := w.whole()
	restored := newWorld(t, "sqlite://"+copied, w.keys)
	restored.record(ana, 5)
	restored.seal()
	if r := restored.whole(); r.Events != 9 {
		t.Errorf("the report is %+v", r)
	}
	r, err := restored.chains.VerifyDatabase(t.Context(), ws, "acme", "", fmt.Sprintf("%d:%s", noted.Last, noted.Head))
	if err != nil || r.OK || !strings.Contains(r.Broken.Why, "noted earlier") {
		t.Errorf("with the head of after the copy: %+v, %v", r.Broken, err)
	}
}

// holdChain is another sealer at work: it holds the chain until the function is called.
func (w *world) holdChain() (letGo func()) {
	w.Helper()
	held, finish, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		done <- w.db.InTx(w.Context(), func(tx database.Tx) error {
			err := tx.Exec("SELECT 1 FROM audit_chains WHERE workspace_id = ? FOR UPDATE", ws).Error
			close(held)
			<-finish
			return err
		})
	}()
	<-held
	return func() {
		w.Helper()
		close(finish)
		w.must(<-done)
	}
}

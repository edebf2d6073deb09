package audit_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
	"github.com/countersign/countersign/internal/signing"
)

const ws = "wsp_a"

// world is an audit on one database, with keys and a clock of the test's own.
type world struct {
	*testing.T
	db     *database.DB
	url    string
	chains *audit.Chains
	keys   *keyring
	ahead  *atomic.Int64
	log    *bytes.Buffer
}

// onBoth runs do on both databases.
func onBoth(t *testing.T, do func(w *world)) {
	t.Helper()
	for _, d := range dbtest.Dialects {
		t.Run(d, func(t *testing.T) { do(newWorld(t, dbtest.URL(t, d), &keyring{})) })
	}
}

func newWorld(t *testing.T, url string, keys *keyring) *world {
	w := &world{T: t, url: url, keys: keys, ahead: &atomic.Int64{}, log: &bytes.Buffer{}}
	w.db = dbtest.Open(t, url, database.WithClockOffset(func() time.Duration { return time.Duration(w.ahead.Load()) }))
	if len(keys.all) == 0 {
		keys.rotate()
	}
	w.chains = audit.NewChains(audit.Deps{DB: w.db, Current: keys.current, Public: keys.public, Log: slog.New(slog.NewTextHandler(w.log, nil))})
	return w
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) seal() { w.Helper(); w.must(w.chains.Seal(w.Context())) }

// ana acts in the test's workspace.
var ana = actor.Actor{Kind: actor.Person, Workspace: ws, Person: "ppl_ana", Name: "Ana Kovač", IP: "192.0.2.7", UserAgent: "Firefox"}

// record writes n events in a transaction each.
func (w *world) record(by actor.Actor, n int) {
	w.Helper()
	for i := range n {
		w.must(w.db.InTx(w.Context(), func(tx database.Tx) error {
			return audit.Record(tx, by, "token.viewed", fmt.Sprintf("tok_%d", i), audit.Detail{"n": i, "who": "Ben", "list": []string{"<x>", "ü"}})
		}))
	}
}

// fill puts many events there in a few statements.
func (w *world) fill(n int) {
	w.Helper()
	now, err := w.db.Now(w.Context())
	w.must(err)
	for done := 0; done < n; {
		w.must(w.db.InTx(w.Context(), func(tx database.Tx) error {
			var rows strings.Builder
			var args []any
			for range min(500, n-done) {
				row, err := audit.Row(ana, "token.viewed", fmt.Sprintf("tok_%d", done%7), nil, now.Add(-time.Duration(n-done)*time.Second))
				if err != nil {
					return err
				}
				rows.WriteString(", (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
				args, done = append(args, row...), done+1
			}
			return tx.Exec("INSERT INTO audit_events ("+audit.Columns+") VALUES "+rows.String()[2:], args...).Error
		}))
	}
}

func (w *world) exec(sql string, args ...any) error {
	return w.db.InTx(w.Context(), func(tx database.Tx) error { return tx.Exec(sql, args...).Error })
}

func (w *world) number(sql string, args ...any) (n int64) {
	w.Helper()
	w.must(w.db.Read(w.Context()).Raw(sql, args...).Scan(&n).Error)
	return n
}

// whole wants the chain of the test's workspace to be whole.
func (w *world) whole() audit.Report {
	w.Helper()
	r, err := w.chains.VerifyDatabase(w.Context(), ws, "acme", "", "")
	w.must(err)
	if !r.OK {
		w.Fatalf("the chain is broken: %v", r.Broken)
	}
	return r
}

// unguarded lets sql through the guards of the database, as somebody could who owns it.
func (w *world) unguarded(sql string, args ...any) {
	w.Helper()
	w.must(w.db.InTx(w.Context(), func(tx database.Tx) error {
		if tx.Dialect() == database.Postgres {
			return all(tx, "ALTER TABLE audit_events DISABLE TRIGGER USER", "ALTER TABLE audit_seals DISABLE TRIGGER USER",
				"ALTER TABLE audit_chains DISABLE TRIGGER USER", func() error { return tx.Exec(sql, args...).Error }, "ALTER TABLE audit_events ENABLE TRIGGER USER",
				"ALTER TABLE audit_seals ENABLE TRIGGER USER", "ALTER TABLE audit_chains ENABLE TRIGGER USER")
		}
		var guards []struct{ Name, SQL string }
		if err := tx.Raw("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'audit_%'").Scan(&guards).Error; err != nil {
			return err
		}
		for _, g := range guards {
			if err := tx.Exec("DROP TRIGGER " + g.Name).Error; err != nil {
				return err
			}
		}
		if err := tx.Exec(sql, args...).Error; err != nil {
			return err
		}
		for _, g := range guards {
			if err := tx.Exec(g.SQL).Error; err != nil {
				return err
			}
		}
		return nil
	}))
}

func all(tx database.Tx, steps ...any) error {
	for _, s := range steps {
		var err error
		switch do := s.(type) {
		case string:
			err = tx.Exec(do).Error
		case func() error:
			err = do()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// signed is a signed export of the test's workspace.
func (w *world) signed(about audit.About) []byte {
	w.Helper()
	about.Workspace, about.Slug, about.Name, about.By = ws, "acme", "Acme", "Ana Kovač"
	if about.MadeAt.IsZero() {
		now, err := w.db.Now(w.Context())
		w.must(err)
		about.MadeAt = now
	}
	var b bytes.Buffer
	w.must(w.chains.WriteSigned(w.Context(), &b, about))
	return b.Bytes()
}

// keyring is the server's audit keys.
type keyring struct {
	all     []audit.PublicKey
	private []*ecdsa.PrivateKey
}

func (k *keyring) rotate() {
	p, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	next := audit.PublicKey{Kid: fmt.Sprintf("key_%d", len(k.all)+1), SPKI: signing.SPKI(&p.PublicKey)}
	if n := len(k.all); n > 0 {
		was := &k.all[n-1]
		was.Announcement, _ = json.Marshal(map[string]any{"v": 1, "kid": was.Kid, "new": map[string]string{"kid": next.Kid, "spki": signing.B64(next.SPKI)}})
		was.Sig, _ = signing.Sign(k.private[n-1], signing.ServerKey(was.Announcement))
	}
	k.all, k.private = append(k.all, next), append(k.private, p)
}

func (k *keyring) current(context.Context) (audit.Key, error) {
	n := len(k.all) - 1
	return audit.Key{Kid: k.all[n].Kid, Sign: func(m []byte) ([]byte, error) { return signing.Sign(k.private[n], m) }}, nil
}

func (k *keyring) public(*gorm.DB) ([]audit.PublicKey, error) { return k.all, nil }

func (k *keyring) fingerprint(n int) string { return audit.Fingerprint(k.all[n].SPKI) }

// recorder keeps the statements that gorm runs.
type recorder struct{ seen *[]string }

func (r recorder) LogMode(logger.LogLevel) logger.Interface { return r }
func (recorder) Info(context.Context, string, ...any)       {}
func (recorder) Warn(context.Context, string, ...any)       {}
func (recorder) Error(context.Context, string, ...any)      {}
func (r recorder) Trace(_ context.Context, _ time.Time, sql func() (string, int64), _ error) {
	text, _ := sql()
	*r.seen = append(*r.seen, text)
}

// recorded is db with every statement noted, its arguments filled in.
func recorded(db *gorm.DB) (*gorm.DB, *[]string) {
	seen := &[]string{}
	return db.Session(&gorm.Session{Logger: recorder{seen}}), seen
}

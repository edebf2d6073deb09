package bench

import (
	"database/sql"
	"fmt"
	"net/http"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	// The driver of the bare inserts.
	_ "modernc.org/sqlite"
)

const liteInsert = `INSERT INTO people (id, workspace_id, source, role, user_name, user_name_key, name, name_key, email, email_key, external_id, attributes, search,
	created_at, updated_at) VALUES (?, ?, 'directory', 'user', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

// singleInserts are single rows inserted one after the other by one connection, each durable before the next. The table and its indexes are
// the product's; its triggers are dropped.
func singleInserts(b *testing.B, db *sql.DB, workspace string) float64 {
	b.Helper()
	attributes := string(user("someone"))
	began, n := time.Now(), 0
	for ; time.Since(began) < lasting; n++ {
		u, now := name(), time.Now().UTC()
		if _, err := db.Exec(liteInsert, "ppl_bare"+u, workspace, u, u, u, u, u, u, u, attributes, attributes, now, now); err != nil {
			b.Fatal(err)
		}
	}
	return float64(n) / time.Since(began).Seconds()
}

// BenchmarkSCIMSQLite: sixteen create people at once on the embedded database; what waits together commits together.
func BenchmarkSCIMSQLite(b *testing.B) {
	w := &world{scimStage: newSCIMStage(b)}
	open := func(dir string) (store []string, token string, db *sql.DB) {
		store = []string{"--database-url", "sqlite://" + filepath.Join(dir, "countersign.db"), "--data-dir", dir}
		token = w.prepare(b, store)
		db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "countersign.db")+"?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)")
		if err != nil {
			b.Fatal(err)
		}
		db.SetMaxOpenConns(1)
		b.Cleanup(func() { _ = db.Close() })
		return store, token, db
	}
	_, _, bare := open(b.TempDir())
	bareWorkspace := w.workspace
	for _, event := range []string{"inserted", "changed", "deleted"} {
		exec1(b, bare, "DROP TRIGGER people_total_"+event)
	}
	store, token, db := open(b.TempDir())
	t := w.serve(b, token, store...)
	var made atomic.Int64
	create := creates(t, "/Users", http.StatusCreated, &made)
	var ratios, rates []float64
	for n := 0; n < most && len(ratios) < rounds; n++ {
		before := singleInserts(b, bare, bareWorkspace)
		began := time.Now()
		rate := float64(len(drive(b, 16, lasting, create))) / time.Since(began).Seconds()
		after := singleInserts(b, bare, bareWorkspace)
		if max(before, after) <= drift*min(before, after) {
			ratios, rates = append(ratios, rate/((before+after)/2)), append(rates, rate, before, after)
		}
	}
	if len(ratios) == 0 {
		b.Fatal("no round was steady")
	}
	ratio := median(ratios)
	fmt.Printf("SQLite, creates at C=16 beside single-row inserts of one connection, synchronous=FULL: ratio %.2f ≥ 1.00%s; product, before, after: %.0f\n",
		ratio, flag(ratio >= 1), rates)
	if there := count(b, db, "SELECT count(*) FROM people WHERE user_name LIKE 'n%'"); there != int(made.Load()) {
		b.Errorf("%d people were acknowledged and %d are there", made.Load(), there)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(ratio, "ratio")
}

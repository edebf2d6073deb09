// Package bench measures what a person waits for, beside what the machine can do at best in the same run. Nothing here fails for being slow.
package bench

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/jackc/pgx/v5"

	// The driver of the bare transaction.
	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/apitest"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
	"github.com/countersign/countersign/internal/ident"
	"github.com/countersign/countersign/internal/signing"
)

// taps is how many phones answer in a round, five thousand in all of them.
const taps = 1000

// mostDialogs is how many dialogs wait at once at the mostDialogs: both ends are here, and a process has 20,000 descriptors.
const mostDialogs = 9500

// sessions says who a dialog belongs to by a header; signing in a thousand people would measure password hashing.
type sessions map[string]actor.Actor

func (s sessions) Who(r *http.Request) (actor.Actor, error) {
	by, ok := s[r.Header.Get("X-Bench")]
	if !ok {
		return by, errors.New("nobody")
	}
	return by, nil
}

func (s sessions) In(r *http.Request, _ string) (actor.Actor, error) { return s.Who(r) }

// stage is a service with people waiting before their dialogs. As soon as one is answered the next one comes.
type stage struct {
	phones, dialogs *httptest.Server // the same, or two replicas
	all             []member
	opened          int
	arrived         chan time.Time // when a respond came in
	heard           chan time.Time // when its dialog said so
}

// newStage has `waiting` dialogs open. apart: phones answer at another replica than the one that holds the dialogs.
func newStage(b *testing.B, dialect string, waiting int, apart bool) *stage {
	b.Helper()
	url := fresh(b, dialect)
	setup := apitest.Setup{URL: url}
	if apart {
		setup.Listen = url
	}
	w := apitest.Make(b, setup)
	s := &stage{all: crowd(b, w, waiting+repeats*taps), arrived: make(chan time.Time, 1), heard: make(chan time.Time, 1)}
	who := sessions{}
	for _, m := range s.all {
		who[m.key] = m.by
	}
	s.phones = doors(b, w, who, s.arrived)
	s.dialogs = s.phones
	if apart {
		s.dialogs = doors(b, w.Replica(nil), who, nil)
	}
	for range waiting {
		s.open(b)
	}
	return s
}

// open opens the next dialog's websocket and waits for its first frame.
func (s *stage) open(b *testing.B) {
	b.Helper()
	m := s.all[s.opened]
	s.opened++
	h := http.Header{}
	h.Set("Origin", apitest.PublicURL)
	h.Set("X-Bench", m.key)
	h.Set("Sec-WebSocket-Protocol", "countersign.v1")
	small := websocket.Dialer{ReadBufferSize: 1024, WriteBufferSize: 256}
	c, _, err := small.Dial(strings.Replace(s.dialogs.URL, "http", "ws", 1)+"/v1/confirmations/"+m.id+"/ws", h)
	if err != nil {
		b.Fatal(err)
	}
	if _, _, err := c.ReadMessage(); err != nil {
		b.Fatal(err)
	}
	go func() {
		defer func() { _ = c.Close() }()
		for {
			_, text, err := c.ReadMessage()
			at := time.Now()
			if err != nil {
				return
			}
			if bytes.Contains(text, []byte(`"state":"approved"`)) {
				s.heard <- at
				return // an approved dialog stays open for its token; here it makes room for the next one's descriptors
			}
		}
	}()
}

// tap sends one phone's answer and says how long it took from its arrival at the door to the frame at the dialog.
func (s *stage) tap(b *testing.B, m member) time.Duration {
	b.Helper()
	a := m.phone.Answer(m.id, "approve", "", "", m.phone.UV)
	body, err := json.Marshal(map[string]string{"response": signing.B64(a.Response), "sig": signing.B64(a.Sig)})
	if err != nil {
		b.Fatal(err)
	}
	path := "/v1/device/confirmations/" + m.id + "/respond"
	req, err := http.NewRequest(http.MethodPost, s.phones.URL+path, bytes.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Device-Sig", m.phone.Header(http.MethodPost, path, ident.Secret(16), body))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		b.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK {
		b.Fatalf("respond: %d", res.StatusCode)
	}
	return (<-s.heard).Sub(<-s.arrived)
}

// round is one round of taps; a dialog that was answered makes room for the next.
func (s *stage) round(b *testing.B, n int) spread {
	b.Helper()
	took := make([]time.Duration, 0, taps)
	for _, m := range s.all[n*taps : (n+1)*taps] {
		took = append(took, s.tap(b, m))
		s.open(b)
	}
	return of(took)
}

// spread is the median and the 99th percentile.
type spread struct{ p50, p99 time.Duration }

func of(d []time.Duration) spread {
	slices.Sort(d)
	return spread{d[len(d)/2], d[len(d)*99/100]}
}

// middle is the median of several rounds, for each of the two by itself.
func middle(all []spread) spread {
	var p50, p99 []time.Duration
	for _, s := range all {
		p50, p99 = append(p50, s.p50), append(p99, s.p99)
	}
	return spread{middleOf(p50), middleOf(p99)}
}

// bareHub is the least a push to one of many websockets can cost: a channel, a goroutine, a write.
type bareHub struct {
	mu      sync.Mutex
	slots   map[string]chan []byte
	heard   chan time.Time
	opened  int
	payload []byte
}

func newBareHub(b *testing.B, n int, payload []byte) *bareHub {
	b.Helper()
	h := &bareHub{slots: map[string]chan []byte{}, heard: make(chan time.Time, 1), opened: n, payload: payload}
	up := websocket.Upgrader{ReadBufferSize: 512, WriteBufferSize: 1024}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := up.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		slot := make(chan []byte, 1)
		h.mu.Lock()
		h.slots[r.URL.Path] = slot
		h.mu.Unlock()
		for m := range slot {
			if c.WriteMessage(websocket.TextMessage, m) != nil {
				return
			}
		}
	}))
	b.Cleanup(server.Close)
	for i := range n {
		c, _, err := websocket.DefaultDialer.Dial(strings.Replace(server.URL, "http", "ws", 1)+fmt.Sprint("/", i), nil)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = c.Close() })
		go func() {
			for {
				if _, _, err := c.ReadMessage(); err != nil {
					return
				}
				h.heard <- time.Now()
			}
		}()
	}
	return h
}

func (h *bareHub) round() spread {
	var took []time.Duration
	for i := range taps {
		var slot chan []byte
		for slot == nil { // the server side of the last handshakes may lag behind
			h.mu.Lock()
			slot = h.slots[fmt.Sprint("/", i%h.opened)]
			h.mu.Unlock()
		}
		began := time.Now()
		slot <- h.payload
		took = append(took, (<-h.heard).Sub(began))
	}
	return of(took)
}

// bareRows is the least a guarded decision can cost: lock a row, change it, write one more.
type bareRows struct {
	pool *sql.DB
	lock string
	made int
}

func newBareRows(b *testing.B, dialect string, connections int) *bareRows {
	b.Helper()
	db := dbtest.Open(b, fresh(b, dialect))
	driver, source := "pgx", db.URL()
	r := &bareRows{lock: "SELECT count FROM counters WHERE key = $1 FOR UPDATE"}
	if dialect == database.SQLite {
		driver = "sqlite"
		source = "file:" + strings.TrimPrefix(db.URL(), "sqlite://") + "?_txlock=immediate&_pragma=busy_timeout(10000)&_pragma=synchronous(FULL)"
		r.lock = strings.TrimSuffix(r.lock, " FOR UPDATE")
	}
	var err error
	if r.pool, err = sql.Open(driver, source); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = r.pool.Close() })
	r.pool.SetMaxOpenConns(connections)
	r.pool.SetMaxIdleConns(connections)
	for i := range taps {
		if _, err := r.pool.Exec("INSERT INTO counters (key, count, expires_at) VALUES ($1, 0, $2)", fmt.Sprint("k", i), time.Now().UTC()); err != nil {
			b.Fatal(err)
		}
	}
	return r
}

func (r *bareRows) one(n int) error {
	tx, err := r.pool.Begin()
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	var count int
	if err := tx.QueryRow(r.lock, fmt.Sprint("k", n%taps)).Scan(&count); err != nil {
		return err
	}
	if _, err := tx.Exec("UPDATE counters SET count = count + 1 WHERE key = $1", fmt.Sprint("k", n%taps)); err != nil {
		return err
	}
	if _, err := tx.Exec("INSERT INTO counters (key, count, expires_at) VALUES ($1, 0, $2)", fmt.Sprint("new", n), time.Now().UTC()); err != nil {
		return err
	}
	return tx.Commit()
}

func (r *bareRows) round(b *testing.B) spread {
	b.Helper()
	var took []time.Duration
	for range taps {
		began := time.Now()
		if err := r.one(r.made); err != nil {
			b.Fatal(err)
		}
		r.made++
		took = append(took, time.Since(began))
	}
	return of(took)
}

// BenchmarkTapToDialog: dialogs wait; phones answer one after the other, five rounds of a thousand. It prints the time from a phone's respond
// arriving at the door to the frame at its dialog, the decision committed first, beside a bare hub and a bare transaction on the same machine,
// database and run. The aim: median ≤ hub + 1.5 transactions, 99th percentile ≤ twice the sum of both; with many waiting ≤ 1.25 × with 100.
func BenchmarkTapToDialog(b *testing.B) {
	for _, dialect := range dbtest.Dialects {
		hundred := time.Duration(0)
		for _, waiting := range []int{100, mostDialogs} {
			b.Run(fmt.Sprint(dialect, "/", waiting), func(b *testing.B) {
				hub, rows, s := newBareHub(b, 100, make([]byte, 600)), newBareRows(b, dialect, 1), newStage(b, dialect, waiting, false)
				var hubs, txs, all []spread
				for n := range repeats {
					hubs, txs, all = append(hubs, hub.round()), append(txs, rows.round(b)), append(all, s.round(b, n))
				}
				tap := told(b, middle(hubs), middle(txs), middle(all))
				if waiting == 100 {
					hundred = tap.p50
				} else if hundred > 0 {
					b.ReportMetric(float64(tap.p50)/float64(hundred), "p50-of-100's")
				}
			})
		}
	}
}

// told prints a tap beside its limit.
func told(b *testing.B, hub, tx, tap spread) spread {
	b.Helper()
	b.ReportMetric(0, "ns/op")
	busy(b)
	b.ReportMetric(us(hub.p50), "hub-p50-µs")
	b.ReportMetric(us(hub.p99), "hub-p99-µs")
	b.ReportMetric(us(tx.p50), "tx-p50-µs")
	b.ReportMetric(us(tx.p99), "tx-p99-µs")
	b.ReportMetric(us(tap.p50), "tap-p50-µs")
	b.ReportMetric(us(tap.p99), "tap-p99-µs")
	b.ReportMetric(float64(tap.p50)/(float64(hub.p50)+1.5*float64(tx.p50)), "p50-of-aim")
	b.ReportMetric(float64(tap.p99)/(2*float64(hub.p99+tx.p99)), "p99-of-aim")
	return tap
}

// BenchmarkTapAcrossReplicas is the same with the answer at one replica and the dialog at another. The aim has one NOTIFY round trip and one
// select more.
func BenchmarkTapAcrossReplicas(b *testing.B) {
	hub, rows, s := newBareHub(b, 100, make([]byte, 600)), newBareRows(b, database.Postgres, 1), newStage(b, database.Postgres, 100, true)
	var hubs, txs, hints, all []spread
	for n := range repeats {
		hubs, txs, hints, all = append(hubs, hub.round()), append(txs, rows.round(b)), append(hints, bareNotify(b)), append(all, s.round(b, n))
	}
	hint, h := middle(hints), middle(hubs)
	b.ReportMetric(us(hint.p50), "notify+select-p50-µs")
	b.ReportMetric(us(hint.p99), "notify+select-p99-µs")
	told(b, spread{h.p50 + hint.p50, h.p99 + hint.p99}, middle(txs), middle(all))
}

// bareNotify is NOTIFY on one connection until another has it and has read a row.
func bareNotify(b *testing.B) spread {
	b.Helper()
	server, err := durable()
	if err != nil {
		b.Fatal(err)
	}
	ctx := context.Background()
	saying, err := pgx.Connect(ctx, server.URL)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = saying.Close(ctx) }()
	hearing, err := pgx.Connect(ctx, server.URL)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = hearing.Close(ctx) }()
	if _, err := hearing.Exec(ctx, "LISTEN bench"); err != nil {
		b.Fatal(err)
	}
	var took []time.Duration
	for range taps {
		began := time.Now()
		if _, err := saying.Exec(ctx, "SELECT pg_notify('bench', 'x')"); err != nil {
			b.Fatal(err)
		}
		if _, err := hearing.WaitForNotification(ctx); err != nil {
			b.Fatal(err)
		}
		var one string
		if err := hearing.QueryRow(ctx, "SELECT typname FROM pg_type WHERE oid = $1", 16).Scan(&one); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(began))
	}
	return of(took)
}

func us(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }

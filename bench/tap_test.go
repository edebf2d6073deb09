// Package bench measures what a person waits for, beside what the machine can do at best in the same run. Nothing here fails for being slow.
package bench

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/gorilla/websocket"

	// The driver of the bare transaction.
	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/apitest"
	"github.com/countersign/countersign/internal/confirm"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
	"github.com/countersign/countersign/internal/dialogapi"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/ident"
	"github.com/countersign/countersign/internal/signing"
	"github.com/countersign/countersign/mobileapi"
)

// dialogs is how many wait at once.
const dialogs = 1000

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

type waiting struct {
	by    actor.Actor
	phone *apitest.Phone
	id    string
	heard chan time.Time
}

// stage is a service with a thousand people waiting before their dialogs.
type stage struct {
	w       *apitest.World
	server  *httptest.Server
	all     []*waiting
	arrived chan time.Time // when a respond came in
}

func newStage(b *testing.B, dialect string) *stage {
	b.Helper()
	gin.SetMode(gin.ReleaseMode)
	s := &stage{w: apitest.New(b, dialect, nil), arrived: make(chan time.Time, 1)}
	owner := s.w.Workspace("bench")
	who := sessions{}
	for i := range dialogs {
		by := s.w.Colleague(owner, fmt.Sprint("p", i), directory.Admin)
		who[fmt.Sprint(i)] = by
		s.all = append(s.all, &waiting{by: by, phone: s.w.Phone(by), heard: make(chan time.Time, 1)})
	}
	doors := dialogapi.New(dialogapi.Deps{Confirms: s.w.Confirms, Hub: s.w.Hub, Sessions: who, PublicURL: apitest.PublicURL, Log: slog.New(slog.DiscardHandler)})
	e := gin.New()
	e.Use(func(c *gin.Context) {
		if strings.HasSuffix(c.Request.URL.Path, "/respond") {
			s.arrived <- time.Now()
		}
	})
	mobileapi.New(mobileapi.Deps{Devices: s.w.Devices, Confirms: s.w.Confirms}).Mount(e.Group("/v1/device"))
	doors.Mount(e.Group("/v1/confirmations"))
	s.server = httptest.NewServer(e)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { doors.Run(ctx) })
	wg.Go(func() { s.w.Run(ctx) })
	b.Cleanup(func() { cancel(); wg.Wait(); s.server.Close() })
	for i, p := range s.all {
		s.wait(b, i, p)
	}
	if dialect == database.Postgres { // the test's server has no autovacuum, so the planner has to be told what autovacuum would tell it
		s.w.InTx(func(tx database.Tx) error { return tx.Exec("ANALYZE").Error })
	}
	return s
}

// wait asks and opens the dialog's websocket.
func (s *stage) wait(b *testing.B, i int, p *waiting) {
	b.Helper()
	v, _, err := s.w.Confirms.Ask(s.w.Ctx, p.by, confirm.Ask{Action: confirm.RevealToken})
	if err != nil {
		b.Fatal(err)
	}
	p.id = v.ID
	h := http.Header{}
	h.Set("Origin", apitest.PublicURL)
	h.Set("X-Bench", fmt.Sprint(i))
	h.Set("Sec-WebSocket-Protocol", "countersign.v1")
	c, _, err := websocket.DefaultDialer.Dial(strings.Replace(s.server.URL, "http", "ws", 1)+"/v1/confirmations/"+p.id+"/ws", h)
	if err != nil {
		b.Fatal(err)
	}
	first := make(chan struct{})
	go func() {
		for n := 0; ; n++ {
			_, text, err := c.ReadMessage()
			at := time.Now()
			if err != nil {
				return
			}
			if n == 0 {
				close(first)
			}
			if bytes.Contains(text, []byte(`"state":"approved"`)) {
				p.heard <- at
			}
		}
	}()
	<-first
	b.Cleanup(func() { _ = c.Close() })
}

// tap sends one phone's answer and says how long it took from its arrival at the door to the frame at the dialog.
func (s *stage) tap(b *testing.B, p *waiting) time.Duration {
	b.Helper()
	a := p.phone.Answer(p.id, "approve", "", "", p.phone.UV)
	body, err := json.Marshal(map[string]string{"response": signing.B64(a.Response), "sig": signing.B64(a.Sig)})
	if err != nil {
		b.Fatal(err)
	}
	path := "/v1/device/confirmations/" + p.id + "/respond"
	req, err := http.NewRequest(http.MethodPost, s.server.URL+path, bytes.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	jti := ident.Secret(16)
	req.Header.Set("X-Device-Sig", p.phone.Header(http.MethodPost, path, jti, body))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		b.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK {
		b.Fatalf("respond: %d", res.StatusCode)
	}
	return (<-p.heard).Sub(<-s.arrived)
}

// spread is the median and the 99th percentile.
type spread struct{ p50, p99 time.Duration }

func of(d []time.Duration) spread {
	slices.Sort(d)
	return spread{d[len(d)/2], d[len(d)*99/100]}
}

// bareHub is the least a push to one of a thousand websockets can cost: a channel, a goroutine, a write.
func bareHub(b *testing.B) spread {
	b.Helper()
	var mu sync.Mutex
	slots := map[string]chan []byte{}
	up := websocket.Upgrader{ReadBufferSize: 512, WriteBufferSize: 1024}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := up.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		slot := make(chan []byte, 1)
		mu.Lock()
		slots[r.URL.Path] = slot
		mu.Unlock()
		for m := range slot {
			if c.WriteMessage(websocket.TextMessage, m) != nil {
				return
			}
		}
	}))
	defer server.Close()
	heard := make(chan time.Time, 1)
	for i := range dialogs {
		c, _, err := websocket.DefaultDialer.Dial(strings.Replace(server.URL, "http", "ws", 1)+fmt.Sprint("/", i), nil)
		if err != nil {
			b.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		go func() {
			for {
				if _, _, err := c.ReadMessage(); err != nil {
					return
				}
				heard <- time.Now()
			}
		}()
	}
	payload := bytes.Repeat([]byte("x"), 500)
	var took []time.Duration
	for i := range dialogs {
		var slot chan []byte
		for slot == nil { // the server side of the last handshakes may lag behind
			mu.Lock()
			slot = slots[fmt.Sprint("/", i)]
			mu.Unlock()
		}
		began := time.Now()
		slot <- payload
		took = append(took, (<-heard).Sub(began))
	}
	return of(took)
}

// bareTransaction is the least a guarded decision can cost: lock a row, change it, write one more.
func bareTransaction(b *testing.B, dialect string) spread {
	b.Helper()
	db := dbtest.Open(b, dbtest.URL(b, dialect))
	driver, source := "pgx", db.URL()
	lock := "SELECT count FROM counters WHERE key = $1 FOR UPDATE"
	if dialect == database.SQLite {
		driver = "sqlite"
		source = "file:" + strings.TrimPrefix(db.URL(), "sqlite://") + "?_txlock=immediate&_pragma=busy_timeout(10000)&_pragma=synchronous(FULL)"
		lock = strings.TrimSuffix(lock, " FOR UPDATE")
	}
	pool, err := sql.Open(driver, source)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = pool.Close() }()
	pool.SetMaxOpenConns(1)
	now := time.Now().UTC()
	for i := range dialogs {
		if _, err := pool.Exec("INSERT INTO counters (key, count, expires_at) VALUES ($1, 0, $2)", fmt.Sprint("k", i), now); err != nil {
			b.Fatal(err)
		}
	}
	var took []time.Duration
	for i := range dialogs {
		began := time.Now()
		tx, err := pool.Begin()
		if err != nil {
			b.Fatal(err)
		}
		var n int
		if err := tx.QueryRow(lock, fmt.Sprint("k", i)).Scan(&n); err != nil {
			b.Fatal(err)
		}
		if _, err := tx.Exec("UPDATE counters SET count = count + 1 WHERE key = $1", fmt.Sprint("k", i)); err != nil {
			b.Fatal(err)
		}
		if _, err := tx.Exec("INSERT INTO counters (key, count, expires_at) VALUES ($1, 0, $2)", fmt.Sprint("new", i), now); err != nil {
			b.Fatal(err)
		}
		if err := tx.Commit(); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(began))
	}
	return of(took)
}

// BenchmarkTapToDialog: 1,000 dialogs wait; phones answer one after the other. It prints the time from a phone's respond arriving at the door
// to the frame at its dialog, the decision committed first, beside a bare hub and a bare transaction on the same machine, database and run.
// The aim: median ≤ hub + 1.5 transactions, 99th percentile ≤ twice the sum of both.
func BenchmarkTapToDialog(b *testing.B) {
	for _, dialect := range dbtest.Dialects {
		b.Run(dialect, func(b *testing.B) {
			hub, tx := bareHub(b), bareTransaction(b, dialect)
			s := newStage(b, dialect)
			var took []time.Duration
			for _, p := range s.all {
				took = append(took, s.tap(b, p))
			}
			tap := of(took)
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(us(hub.p50), "hub-p50-µs")
			b.ReportMetric(us(hub.p99), "hub-p99-µs")
			b.ReportMetric(us(tx.p50), "tx-p50-µs")
			b.ReportMetric(us(tx.p99), "tx-p99-µs")
			b.ReportMetric(us(tap.p50), "tap-p50-µs")
			b.ReportMetric(us(tap.p99), "tap-p99-µs")
			b.ReportMetric(float64(tap.p50)/(float64(hub.p50)+1.5*float64(tx.p50)), "p50-of-aim")
			b.ReportMetric(float64(tap.p99)/(2*float64(hub.p99+tx.p99)), "p99-of-aim")
		})
	}
}

func us(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }

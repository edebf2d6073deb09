package apitest_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/countersign/countersign/internal/apitest"
	"github.com/countersign/countersign/internal/assembly"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
	"github.com/countersign/countersign/internal/phonesim"
)

// What a request costs is known: how many statements it sends, which on Postgres is how many times it waits for the database, BEGIN and COMMIT
// included. Who adds one to a way that a person waits for raises the number here, on purpose.
var costs = map[string]map[string]int{
	database.Postgres: {"ask": 18, "respond": 3, "reveal": 25},
	database.SQLite:   {"ask": 15, "respond": 7, "reveal": 21}, // BEGIN and COMMIT not included
}

// wire hears of every statement that requests send to Postgres, however they are sent.
type wire struct{ statements }

// TraceQueryStart is pgx.QueryTracer.
func (w *wire) TraceQueryStart(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryStartData) context.Context {
	w.add(ctx, q.SQL)
	return ctx
}

// TraceQueryEnd is pgx.QueryTracer.
func (w *wire) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// TraceBatchStart is pgx.BatchTracer.
func (w *wire) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return ctx
}

// TraceBatchQuery is pgx.BatchTracer.
func (w *wire) TraceBatchQuery(ctx context.Context, _ *pgx.Conn, q pgx.TraceBatchQueryData) {
	w.add(ctx, q.SQL)
}

// TraceBatchEnd is pgx.BatchTracer.
func (w *wire) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

func (w *wire) add(ctx context.Context, sql string) {
	if ctx.Value(http.ServerContextKey) == nil { // work in the background
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = append(w.all, sql)
}

// TestARequestCostsNoMoreStatementsThanIsKnown: each is made three times, and the least counts: a first one notes who calls, and any of them may be
// the one that looks at the database's clock for all.
func TestARequestCostsNoMoreStatementsThanIsKnown(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		t.Run(dialect, func(t *testing.T) {
			url, onWire := dbtest.URL(t, dialect), &wire{}
			heard := &onWire.statements
			w := apitest.With(t, url, func(deps *assembly.Deps) {
				deps.DB = dbtest.Open(t, url, database.WithTracer(onWire)) // with the database's own clock
				if dialect == database.SQLite {
					heard = listen(t, deps.DB)
				}
			})
			s := w.Serve()
			ana := s.Owner("acme")
			phone := ana.Pair(phonesim.Options{})
			least := map[string][]string{}
			note := func(what string, call func()) {
				all := heard.of(call)
				if before, known := least[what]; !known || len(all) < len(before) {
					least[what] = all
				}
			}
			for range 3 {
				var id, state string
				var err error
				note("ask", func() { id = ana.Ask().Text("id") })
				if _, err := phone.Open(w.Ctx, id); err != nil {
					t.Fatal(err)
				}
				note("respond", func() { state, err = phone.Approve(w.Ctx, id, phonesim.ApproveOptions{}) })
				if err != nil || state != "approved" {
					t.Fatalf("%s, %v", state, err)
				}
				note("reveal", func() { ana.Do("POST", "/v1/confirmations/"+id+"/reveal", empty) })
				if got := rowOf(t, w, id).State; got != "consumed" {
					t.Fatalf("it is %s", got)
				}
			}
			for what, most := range costs[dialect] {
				if got := least[what]; len(got) == 0 || len(got) > most {
					t.Errorf("%s takes %d statements, known are %d:\n  %s", what, len(got), most, strings.Join(got, "\n  "))
				}
			}
		})
	}
}

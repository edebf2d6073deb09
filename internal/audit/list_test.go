package audit_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
)

// read gives the subjects of all pages of a query.
func (w *world) read(q audit.Query) (subjects []string, pages int) {
	w.Helper()
	for q.Workspace = ws; ; pages++ {
		p, err := audit.List(w.db.Read(w.Context()), q)
		w.must(err)
		for _, e := range p.Events {
			subjects = append(subjects, e.Subject)
		}
		if q.After = p.Next; p.Next == "" {
			return subjects, pages + 1
		}
	}
}

func TestFiltersFindTheirEventsSealedOrNot(t *testing.T) {
	onBoth(t, func(w *world) {
		ben := actor.Actor{Kind: actor.Person, Workspace: ws, Person: "ppl_ben", Name: "Ben", IP: "198.51.100.4"}
		tell := func(by actor.Actor, event, subject string, d audit.Detail) {
			w.must(w.db.InTx(w.Context(), func(tx database.Tx) error { return audit.Record(tx, by, event, subject, d) }))
			w.ahead.Add(int64(time.Minute))
		}
		began, err := w.db.Now(w.Context())
		w.must(err)
		tell(ana, "token.viewed", "tok_1", nil)
		tell(ben, "device.added", "dev_1", audit.Detail{"name": "Phone of 100%"})
		tell(ana, "person.role_changed", "ppl_ben", nil)
		w.seal()
		tell(ben, "token.copied", "tok_1", nil)
		tell(ana, "token.revoked", "tok_2", audit.Detail{"reason": "Leaked"})
		for name, c := range map[string]struct {
			q    audit.Query
			want string
		}{
			"all":                    {audit.Query{}, "tok_2 tok_1 ppl_ben dev_1 tok_1"},
			"an area":                {audit.Query{Kind: audit.Tokens}, "tok_2 tok_1 tok_1"},
			"one event":              {audit.Query{Kind: "token.viewed"}, "tok_1"},
			"who":                    {audit.Query{Actor: "ppl_ben"}, "tok_1 dev_1"},
			"what":                   {audit.Query{Object: "tok_1"}, "tok_1 tok_1"},
			"a person":               {audit.Query{Person: "ppl_ben"}, "tok_1 ppl_ben dev_1"},
			"a person, an area":      {audit.Query{Person: "ppl_ben", Kind: audit.Phones}, "dev_1"},
			"who, what and an event": {audit.Query{Actor: "ppl_ana", Object: "tok_1", Kind: "token.viewed"}, "tok_1"},
			"text in the detail":     {audit.Query{Text: "leaked"}, "tok_2"},
			"text that LIKE knows":   {audit.Query{Text: "100%"}, "dev_1"},
			"text of no event":       {audit.Query{Text: "0_%"}, ""},
			"text in a name":         {audit.Query{Text: "BEN", Kind: audit.Phones}, "dev_1"},
			"an address":             {audit.Query{Text: "198.51.100"}, "tok_1 dev_1"},
			"a time":                 {audit.Query{From: began.Add(30 * time.Second), To: began.Add(150 * time.Second)}, "ppl_ben dev_1"},
			"no area of ours":        {audit.Query{Kind: "nonsense"}, ""},
		} {
			for _, limit := range []int{1, 2, 50} {
				c.q.Limit = limit
				got, _ := w.read(c.q)
				if strings.Join(got, " ") != c.want {
					w.Errorf("%s, %d a page: %v, wanted %s", name, limit, got, c.want)
				}
			}
		}
		for _, cursor := range []string{"x", "!", "MTIz", "LTEgZXZ0X3g"} {
			if _, err := audit.List(w.db.Read(w.Context()), audit.Query{Workspace: ws, After: cursor}); !errors.Is(err, audit.ErrCursor) {
				w.Errorf("cursor %q: %v", cursor, err)
			}
		}
	})
}

// TestPagesOfOneInstant: events of one transaction have one time, and ids in both letter cases. No page loses or doubles one, whatever the
// order of the database's language is.
func TestPagesOfOneInstant(t *testing.T) {
	onBoth(t, func(w *world) {
		now, err := w.db.Now(w.Context())
		w.must(err)
		w.must(w.db.InTx(w.Context(), func(tx database.Tx) error {
			for n := range 60 {
				if err := audit.RecordAt(tx, ana, "token.viewed", fmt.Sprint("s", n), nil, now); err != nil {
					return err
				}
			}
			return nil
		}))
		for _, sealed := range []bool{false, true} {
			if sealed {
				w.seal()
			}
			got, _ := w.read(audit.Query{Limit: 7, Person: ana.Person})
			seen := map[string]bool{}
			for _, s := range got {
				seen[s] = true
			}
			if len(got) != 60 || len(seen) != 60 {
				w.Errorf("sealed %v: %d events, %d different ones", sealed, len(got), len(seen))
			}
		}
	})
}

// TestAPageThatFindsLittleEndsEarly and says how far back it looked.
func TestAPageThatFindsLittleEndsEarly(t *testing.T) {
	onBoth(t, func(w *world) {
		w.record(actor.Actor{Kind: actor.Operator, Workspace: ws, Name: "Needle"}, 1)
		w.ahead.Store(int64(24 * time.Hour))
		w.fill(6000)
		w.seal()
		p, err := audit.List(w.db.Read(w.Context()), audit.Query{Workspace: ws, Text: "needle"})
		w.must(err)
		if len(p.Events) != 0 || p.Next == "" || p.To == nil {
			w.Fatalf("%d events, next %q, to %v", len(p.Events), p.Next, p.To)
		}
		p, err = audit.List(w.db.Read(w.Context()), audit.Query{Workspace: ws, Text: "needle", After: p.Next})
		w.must(err)
		if len(p.Events) != 1 || p.Next != "" {
			w.Errorf("then %d events, next %q", len(p.Events), p.Next)
		}
	})
}

// TestAPageCostsTheSameWhateverTheSize counts the rows that Postgres reads for a page, and looks how SQLite finds them.
func TestAPageCostsTheSameWhateverTheSize(t *testing.T) {
	queries := map[string]audit.Query{
		"the newest": {}, "an area": {Kind: audit.Tokens}, "one event": {Kind: "token.viewed"}, "who": {Actor: ana.Person}, "what": {Object: "tok_3"},
		"a person": {Person: ana.Person}, "text": {Text: "tok_3"}, "a person and text": {Person: ana.Person, Text: "tok_3"},
	}
	t.Run(database.Postgres, func(t *testing.T) {
		w := newWorld(t, dbtest.URL(t, database.Postgres), &keyring{})
		visited := map[int]map[string]int64{}
		for _, size := range []int{100, 100_000} {
			// As the sealer leaves them, without a hundred thousand hashes.
			w.unguarded("INSERT INTO audit_events (id, workspace_id, at, event, actor_kind, actor_id, actor_name, subject, position, area)"+
				" SELECT 'evt_' || n, ?, now() - n * interval '1 second', 'token.viewed', 'person', ?, 'Ana', 'tok_' || (n % 7), n, 'tokens'"+
				" FROM generate_series(?::int, ?::int) n", ws, ana.Person, int(w.number("SELECT count(*) FROM audit_events"))+1, size)
			w.must(w.exec("ANALYZE audit_events"))
			visited[size] = map[string]int64{}
			for name, q := range queries {
				visited[size][name] = w.rowsOf(q)
			}
		}
		for name := range queries {
			small, large := visited[100][name], visited[100_000][name]
			// A filter without an index of its own looks at 5,000 events and goes on in the next page.
			if most := max(4*small+400, 16_000); large > most {
				t.Errorf("%s: %d rows read of 100,000, %d of 100", name, large, small)
			}
			if !strings.Contains(name, "text") && name != "one event" && large > 1000 {
				t.Errorf("%s: %d rows read for a page of 50", name, large)
			}
		}
	})
	t.Run(database.SQLite, func(t *testing.T) {
		w := newWorld(t, dbtest.URL(t, database.SQLite), &keyring{})
		sorts := regexp.MustCompile(`SCAN audit_events|TEMP B-TREE`)
		for name, q := range queries {
			for _, plan := range w.plansOf(q) {
				if sorts.MatchString(plan) || !strings.Contains(plan, "SEARCH audit_events USING INDEX") && !strings.Contains(plan, "USING COVERING INDEX") {
					t.Errorf("%s: %s", name, plan)
				}
			}
		}
	})
}

// statements are those that a page is read with, their arguments filled in.
func (w *world) statements(q audit.Query) (out []string) {
	w.Helper()
	q.Workspace = ws
	db, seen := recorded(w.db.Read(w.Context()))
	_, err := audit.List(db, q)
	w.must(err)
	return *seen
}

// rowsOf is how many rows Postgres reads for a page, those that it throws away too.
func (w *world) rowsOf(q audit.Query) (sum int64) {
	w.Helper()
	for _, sql := range w.statements(q) {
		var text string
		w.must(w.db.Read(w.Context()).Raw("EXPLAIN (ANALYZE, FORMAT JSON, TIMING OFF) " + sql).Row().Scan(&text))
		var plans []struct{ Plan node }
		w.must(json.Unmarshal([]byte(text), &plans))
		sum += plans[0].Plan.rows()
	}
	return sum
}

type node struct {
	Type    string  `json:"Node Type"`
	Rows    float64 `json:"Actual Rows"`
	Removed float64 `json:"Rows Removed by Filter"`
	Again   float64 `json:"Rows Removed by Index Recheck"`
	Loops   float64 `json:"Actual Loops"`
	Plans   []node
}

// rows are those that the scans at the leaves have read.
func (n node) rows() (sum int64) {
	for _, p := range n.Plans {
		sum += p.rows()
	}
	if len(n.Plans) == 0 {
		sum += int64((n.Rows + n.Removed + n.Again) * n.Loops)
	}
	return sum
}

func (w *world) plansOf(q audit.Query) (plans []string) {
	w.Helper()
	for _, sql := range w.statements(q) {
		var steps []struct{ Detail string }
		w.must(w.db.Read(w.Context()).Raw("EXPLAIN QUERY PLAN " + sql).Scan(&steps).Error)
		var b strings.Builder
		for _, s := range steps {
			b.WriteString(s.Detail + "; ")
		}
		plans = append(plans, b.String())
	}
	return plans
}

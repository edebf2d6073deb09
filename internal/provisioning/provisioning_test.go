package provisioning_test

import (
	"encoding/json"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
	"github.com/countersign/countersign/internal/provisioning"
	"github.com/countersign/countersign/internal/scim"
	"github.com/countersign/countersign/internal/vault"
)

// book is a log with a clock of the test's own.
type book struct {
	*testing.T
	*provisioning.Log
	db    *database.DB
	ahead *atomic.Int64
}

const acme = "wsp_acme"

func onBoth(t *testing.T, do func(t *testing.T, b *book)) {
	t.Helper()
	for _, dialect := range dbtest.Dialects {
		t.Run(dialect, func(t *testing.T) {
			b := &book{T: t, ahead: &atomic.Int64{}}
			b.db = dbtest.Open(t, dbtest.URL(t, dialect), database.WithClockOffset(func() time.Duration { return time.Duration(b.ahead.Load()) }))
			file := filepath.Join(t.TempDir(), "keyset.json")
			b.must(vault.Create(file))
			v, err := vault.Open(file)
			b.must(err)
			b.Log = provisioning.New(b.db, v, slog.New(slog.DiscardHandler))
			b.must(b.db.InTx(t.Context(), func(tx database.Tx) error {
				return tx.Exec("INSERT INTO workspaces (id, slug, name, created_at) VALUES (?, 'acme', 'Acme', ?)", acme, time.Now()).Error
			}))
			do(t, b)
		})
	}
}

func (b *book) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// entry is a call of the present.
func (b *book) entry(edit func(*provisioning.Entry)) *provisioning.Entry {
	b.Helper()
	now, err := b.Now(b.Context())
	b.must(err)
	e := &provisioning.Entry{Workspace: acme, At: now, Result: provisioning.OK, Operation: "user.create", Event: "person.created", Status: 201, Kind: provisioning.Person,
		Subject: "ppl_1", Key: "ben@acme.test", Name: "Ben", Method: "POST", Target: "/Users", Token: "tok_1", Body: map[string]any{"userName": "ben@acme.test"},
		Raw: []byte(`{"userName":"ben@acme.test"}`)}
	if edit != nil {
		edit(e)
	}
	return e
}

func (b *book) rows(q provisioning.Query) []provisioning.Row {
	b.Helper()
	b.must(b.Flush(b.Context()))
	q.Workspace = acme
	p, err := b.List(b.db.Read(b.Context()), q)
	b.must(err)
	return p.Rows
}

// Of the calls of a rush some are always let in: that does not end it, and it stays one row until a minute has passed without any.
func TestARushIsOneRow(t *testing.T) {
	onBoth(t, func(t *testing.T, b *book) {
		start := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
		call := func(after time.Duration, result provisioning.Result) {
			b.Later(b.entry(func(e *provisioning.Entry) {
				*e = provisioning.Entry{Workspace: acme, At: start.Add(after), Result: result, Operation: "user.list", Method: "GET", Target: "/Users", Token: "tok_1", Status: 200}
			}))
			b.must(b.Flush(t.Context()))
		}
		for _, second := range []int{0, 2, 4} {
			call(time.Duration(second)*time.Second, provisioning.Slowed)
			call(time.Duration(second+1)*time.Second, provisioning.OK)
		}
		rows := b.rows(provisioning.Query{Result: provisioning.Slowed})
		if len(rows) != 1 || rows[0].Times != 3 || rows[0].ResolvedAt != nil {
			t.Errorf("a rush: %+v", rows)
		}
		if h, err := b.Health(t.Context(), acme, true); err != nil || h.Open != 0 {
			t.Errorf("what is slowed down is counted among %d refusals, %v", h.Open, err)
		}
		call(2*time.Minute, provisioning.OK)
		call(3*time.Minute, provisioning.Slowed)
		rows = b.rows(provisioning.Query{Result: provisioning.Slowed})
		if len(rows) != 2 || rows[0].ResolvedAt != nil || rows[1].ResolvedAt == nil {
			t.Errorf("the next rush: %+v", rows)
		}
	})
}

func TestWhatIsOldGoes(t *testing.T) {
	onBoth(t, func(t *testing.T, b *book) {
		old := b.entry(nil)
		b.must(b.Refused(t.Context(), old))
		b.must(b.Flush(t.Context()))
		b.ahead.Store(int64(provisioning.RawFor - time.Hour))
		b.must(b.Sweep(t.Context()))
		if _, err := b.Raw(b.db.Read(t.Context()), acme, old.ID); err != nil {
			t.Errorf("within 30 days: %v", err)
		}
		b.ahead.Store(int64(provisioning.RawFor + time.Hour))
		if _, err := b.Raw(b.db.Read(t.Context()), acme, old.ID); !errors.Is(err, provisioning.ErrNoRaw) {
			t.Errorf("after 30 days, before it was swept: %v", err)
		}
		b.must(b.Sweep(t.Context()))
		var sealed int
		b.must(b.db.Read(t.Context()).Raw("SELECT COUNT(*) FROM provisioning_log WHERE sealed IS NOT NULL").Scan(&sealed).Error)
		if sealed != 0 || len(b.rows(provisioning.Query{})) != 1 {
			t.Errorf("%d sealed requests, %d rows", sealed, len(b.rows(provisioning.Query{})))
		}
		by := actor.Actor{Kind: actor.Person, Workspace: acme, Person: "ppl_ana", Role: "owner"}
		b.must(b.Keep(t.Context(), by, 60))
		b.ahead.Store(int64(59 * 24 * time.Hour))
		b.must(b.Sweep(t.Context()))
		if n := len(b.rows(provisioning.Query{})); n != 1 {
			t.Errorf("%d rows on day 59 of 60", n)
		}
		b.ahead.Store(int64(61 * 24 * time.Hour))
		fresh := b.entry(nil)
		b.must(b.Refused(t.Context(), fresh))
		b.must(b.Sweep(t.Context()))
		if rows := b.rows(provisioning.Query{}); len(rows) != 1 || rows[0].ID != fresh.ID {
			t.Errorf("on day 61 of 60: %v", rows)
		}
		if err := b.Keep(t.Context(), by, 29); !errors.Is(err, provisioning.ErrKeeping) {
			t.Errorf("29 days: %v", err)
		}
	})
}

func TestALongLogIsSearchedPieceByPiece(t *testing.T) {
	onBoth(t, func(t *testing.T, b *book) {
		b.ScanAtMost(2000)
		needle := b.entry(func(e *provisioning.Entry) {
			e.ID, e.Name, e.Key = "plg_000000000000000000", "Needle", "needle@acme.test"
		})
		b.must(b.Refused(t.Context(), needle))
		b.must(b.db.InTx(t.Context(), func(tx database.Tx) error {
			return tx.Exec("INSERT INTO provisioning_log (workspace_id, id, at, last_at, result, operation, status, sentence, method, target, search)"+
				" WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3100)"+
				" SELECT 'wsp_acme', 'plg_' || CAST(100000000000000000 + i AS text), ?, ?, 'ok', 'user.list', 200, 'hay', 'GET', '/Users', 'hay' FROM n", needle.At, needle.At).Error
		}))
		q := provisioning.Query{Workspace: acme, Text: "NEEDLE"}
		p, err := b.List(b.db.Read(t.Context()), q)
		b.must(err)
		if len(p.Rows) != 0 || p.Next == "" || p.To == nil {
			t.Fatalf("the first piece: %d rows, next %q, to %v", len(p.Rows), p.Next, p.To)
		}
		q.After = p.Next
		p, err = b.List(b.db.Read(t.Context()), q)
		b.must(err)
		if len(p.Rows) != 1 || p.Rows[0].ID != needle.ID || p.Next != "" {
			t.Errorf("the second piece: %d rows, next %q", len(p.Rows), p.Next)
		}
		if rows := b.rows(provisioning.Query{Person: "ppl_1"}); len(rows) != 1 {
			t.Errorf("by an index: %d rows", len(rows))
		}
	})
}

func TestASealedRequestOpensInItsOwnRowOnly(t *testing.T) {
	onBoth(t, func(t *testing.T, b *book) {
		one, two := b.entry(nil), b.entry(func(e *provisioning.Entry) { e.Raw = []byte(`{"userName":"cleo@acme.test"}`) })
		b.must(b.Refused(t.Context(), one, two))
		b.must(b.db.InTx(t.Context(), func(tx database.Tx) error {
			return tx.Exec("UPDATE provisioning_log SET sealed = (SELECT sealed FROM provisioning_log WHERE id = ?) WHERE id = ?", two.ID, one.ID).Error
		}))
		if _, err := b.Raw(b.db.Read(t.Context()), acme, one.ID); !errors.Is(err, vault.ErrOpen) {
			t.Errorf("another row's request: %v", err)
		}
		if raw, err := b.Raw(b.db.Read(t.Context()), acme, two.ID); err != nil || string(raw.Body) != `{"userName":"cleo@acme.test"}` || raw.Target != "/Users" {
			t.Errorf("its own: %+v %v", raw, err)
		}
		if _, err := b.Raw(b.db.Read(t.Context()), "wsp_evil", two.ID); !errors.Is(err, provisioning.ErrNoRow) {
			t.Errorf("another workspace's: %v", err)
		}
	})
}

func TestWhatIsShownOfABody(t *testing.T) {
	onBoth(t, func(t *testing.T, b *book) {
		for _, c := range []struct{ name, body, masked, kept string }{
			{"what the console shows anyway", `{"userName":"ben","name":{"givenName":"Ben"},"active":true}`, `{"active":true,"name":{"givenName":"Ben"},"userName":"ben"}`, ""},
			{"a telephone number", `{"phoneNumbers":[{"type":"work","value":"555","primary":true}]}`, `{"phoneNumbers":[{"primary":true,"type":"work","value":"•••"}]}`, ""},
			{"an attribute nobody knows", `{"shoeSize":43,"urn:x:y":{"badge":"A 17","department":"Sales"}}`, `{"shoeSize":"•••","urn:x:y":{"badge":"•••","department":"Sales"}}`, ""},
			{"a password", `{"userName":"ben","Password":"hunter2"}`, `{"Password":"[removed]","userName":"ben"}`, `{"userName":"ben"}`},
			{"a password in a change", `{"Operations":[{"op":"replace","path":"password","value":"hunter2"},{"op":"add","value":{"password":"hunter2","title":"x"}}]}`,
				`{"Operations":[{"op":"replace","path":"password","value":"[removed]"},{"op":"add","value":{"password":"[removed]","title":"x"}}]}`,
				`{"Operations":[{"op":"replace","path":"password","value":"[removed]"},{"op":"add","value":{"title":"x"}}]}`},
			{"a token in a value", `{"title":"see cs_scim_abc","nickName":"Bearer abcdefghijklmnopqrst"}`, `{"nickName":"[removed]","title":"[removed]"}`, `{"nickName":"[removed]","title":"[removed]"}`},
			{"a path to something personal", `{"Operations":[{"op":"Replace","path":"addresses[type eq \"work\"].streetAddress","value":"Ilica 1"}]}`,
				`{"Operations":[{"op":"Replace","path":"addresses[type eq \"work\"].streetAddress","value":"•••"}]}`, ""},
			{"a path with a URN", `{"Operations":[{"op":"Add","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department","value":"Sales"}]}`,
				`{"Operations":[{"op":"Add","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department","value":"Sales"}]}`, ""},
			{"null and nested lists", `{"emails":null,"members":[{"value":"ppl_1"},null,[1]]}`, `{"emails":null,"members":[{"value":"ppl_1"},null,[1]]}`, ""},
		} {
			body, err := scim.ParseObject([]byte(c.body))
			b.must(err)
			e := b.entry(func(e *provisioning.Entry) { e.Body, e.Raw = body, []byte(c.body) })
			b.must(b.Refused(t.Context(), e))
			d, err := b.Show(b.db.Read(t.Context()), acme, e.ID)
			b.must(err)
			if d.Request != c.masked {
				t.Errorf("%s: %s", c.name, d.Request)
			}
			if c.kept == "" {
				c.kept = c.body
			}
			if raw, err := b.Raw(b.db.Read(t.Context()), acme, e.ID); err != nil || string(raw.Body) != c.kept {
				t.Errorf("%s: sealed %s %v", c.name, raw.Body, err)
			}
		}
	})
}

func TestAHugeBodyIsCutShort(t *testing.T) {
	onBoth(t, func(t *testing.T, b *book) {
		members := make([]any, 20_000)
		for i := range members {
			members[i] = map[string]any{"value": strings.Repeat("x", 700)}
		}
		e := b.entry(func(e *provisioning.Entry) { e.Body, e.Raw = map[string]any{"members": members}, nil })
		b.must(b.Refused(t.Context(), e))
		d, err := b.Show(b.db.Read(t.Context()), acme, e.ID)
		b.must(err)
		if len(d.Request) > 64<<10 || !strings.Contains(d.Request, "… and 19950 more") || !json.Valid([]byte(d.Request)) {
			t.Errorf("%d bytes: %.100s", len(d.Request), d.Request)
		}
	})
}

func TestWhatHasNotBeenWrittenWaitsForTheDatabase(t *testing.T) {
	onBoth(t, func(t *testing.T, b *book) {
		b.must(b.db.InTx(t.Context(), func(tx database.Tx) error { return tx.Exec("ALTER TABLE provisioning_log RENAME TO away").Error }))
		b.Later(b.entry(func(e *provisioning.Entry) {
			e.Operation, e.Event, e.Method, e.Target = "user.list", "", "GET", "/Users"
		}))
		if err := b.Flush(t.Context()); err == nil {
			t.Fatal("a table that is not there was written")
		}
		b.must(b.db.InTx(t.Context(), func(tx database.Tx) error { return tx.Exec("ALTER TABLE away RENAME TO provisioning_log").Error }))
		if rows := b.rows(provisioning.Query{}); len(rows) != 1 || b.Dropped() != 0 {
			t.Errorf("%d rows, %d dropped", len(rows), b.Dropped())
		}
		var calls int
		b.must(b.db.Read(t.Context()).Raw("SELECT SUM(calls) FROM provisioning_minutes").Scan(&calls).Error)
		if calls != 1 {
			t.Errorf("%d calls were counted", calls)
		}
	})
}

func TestTwoReplicasCountTogether(t *testing.T) {
	onBoth(t, func(t *testing.T, b *book) {
		file := filepath.Join(t.TempDir(), "keyset.json")
		b.must(vault.Create(file))
		v, err := vault.Open(file)
		b.must(err)
		other := provisioning.New(b.db, v, slog.New(slog.DiscardHandler))
		look := func(e *provisioning.Entry) { e.Event, e.Operation, e.Method = "", "user.list", "GET" }
		at := b.entry(look).At
		for range 3 {
			b.Later(b.entry(func(e *provisioning.Entry) { look(e); e.At = at }))
			other.Later(b.entry(func(e *provisioning.Entry) { look(e); e.At = at }))
		}
		b.must(b.Flush(t.Context()))
		b.must(other.Flush(t.Context()))
		b.must(b.Awake(t.Context()))
		b.must(other.Awake(t.Context()))
		h, err := b.Health(t.Context(), acme, true)
		b.must(err)
		if len(h.Cycles) != 1 || h.Cycles[0].Calls != 6 || h.Cycles[0].Looked != 6 {
			t.Errorf("cycles %+v", h.Cycles)
		}
		var stretches int
		b.must(b.db.Read(t.Context()).Raw("SELECT COUNT(*) FROM provisioning_awake").Scan(&stretches).Error)
		if stretches != 1 {
			t.Errorf("%d stretches of being awake", stretches)
		}
	})
}

func TestEveryRefusalHasAReasonWithARemedy(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range provisioning.Reasons() {
		if seen[r.Code] || !strings.HasPrefix(r.Code, "DS-1") || r.Title == "" || r.Cause == "" || r.Remedy == "" {
			t.Errorf("%+v", r)
		}
		seen[r.Code] = true
	}
	for _, c := range []struct {
		fault     string
		status    int
		operation string
		want      string
	}{
		{"uniqueness", 409, "user.create", "DS-1201"}, {"uniqueness", 409, "group.patch", "DS-1202"}, {"invalidValue", 400, "user.create", "DS-1203"},
		{"not_found", 404, "user.patch", "DS-1207"}, {"not_found", 404, "other", "DS-1209"}, {"something_new", 409, "user.create", "DS-1409"}, {"teapot", 418, "", "DS-1000"},
	} {
		if got := provisioning.ReasonFor(c.fault, c.status, c.operation).Code; got != c.want {
			t.Errorf("%s %d %s: %s, want %s", c.fault, c.status, c.operation, got, c.want)
		}
	}
}

func TestAGuessOutlivesTheProcess(t *testing.T) {
	onBoth(t, func(t *testing.T, b *book) {
		b.Later(b.entry(func(e *provisioning.Entry) {
			e.Event, e.Operation, e.Method, e.Target = "", "user.list", "GET", "/Users?aadOptscim062020"
			e.Client = b.Guess(e)
		}))
		b.must(b.Flush(t.Context()))
		file := filepath.Join(t.TempDir(), "keyset.json")
		b.must(vault.Create(file))
		v, err := vault.Open(file)
		b.must(err)
		again := provisioning.New(b.db, v, slog.New(slog.DiscardHandler))
		plain := b.entry(func(e *provisioning.Entry) { e.Method, e.Target, e.Body = "GET", "/Users/ppl_1", nil })
		if c := again.Guess(plain); c.Name != "" {
			t.Errorf("before it has looked: %+v", c)
		}
		again.Remember(t.Context())
		if c := again.Guess(plain); c.Name != provisioning.Entra || c.Basis != "earlier_call" {
			t.Errorf("after a restart: %+v", c)
		}
	})
}

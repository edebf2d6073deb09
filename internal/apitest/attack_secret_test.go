package apitest_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/countersign/countersign/internal/apitest"
	"github.com/countersign/countersign/internal/assembly"
	"github.com/countersign/countersign/internal/confirm"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
	"github.com/countersign/countersign/internal/ident"
	"github.com/countersign/countersign/internal/phonesim"
)

// tape is everything that went in and out while a story was played.
type tape struct {
	mu    sync.Mutex
	lines []string // where: text
	log   bytes.Buffer
}

func (p *tape) note(where, text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lines = append(p.lines, where+": "+text)
}

// Write takes the log.
func (p *tape) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.Write(b)
}

// around notes each answer, and the address of each request.
func (p *tape) around(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.note("an address", r.URL.String()+" "+r.Referer())
		if strings.HasSuffix(r.URL.Path, "/ws") {
			next.ServeHTTP(w, r)
			return
		}
		kept := httptest.NewRecorder()
		next.ServeHTTP(kept, r)
		p.note(r.Method+" "+ids.ReplaceAllString(r.URL.Path, "/:id"), kept.Body.String())
		for name, values := range kept.Header() {
			w.Header()[name] = values
			if name != "Set-Cookie" {
				p.note("a header", strings.Join(values, " "))
			}
		}
		w.WriteHeader(kept.Code)
		_, _ = w.Write(kept.Body.Bytes())
	})
}

var ids = regexp.MustCompile(`/(cnf|par|dev|ppl|tok)_[A-Za-z0-9]+`)

// frames notes what a dialog is sent until it is closed.
func (p *tape) frames(c *websocket.Conn) (done chan struct{}) {
	done = make(chan struct{})
	go func() {
		defer close(done)
		for {
			_, text, err := c.ReadMessage()
			if err != nil {
				return
			}
			p.note("a frame", string(text))
		}
	}()
	return done
}

// TestA17_SecretsAreWhereTheyBelongAndNowhereElse: a whole story with its log at debug level, every answer, frame, push and address kept, and the
// database's own files read. A token is in the answer to its reveal alone, a code in what the asking page is told over HTTP, a pairing's secret in
// the answer that makes it; none of them, no password and no session is anywhere else.
func TestA17_SecretsAreWhereTheyBelongAndNowhereElse(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		t.Run(dialect, func(t *testing.T) {
			p, url := &tape{}, dbtest.URL(t, dialect)
			fake, sender := fakes(t)
			w := apitest.With(t, url, func(d *assembly.Deps) {
				d.Push, d.Log = sender, slog.New(slog.NewJSONHandler(p, &slog.HandlerOptions{Level: slog.LevelDebug}))
			})
			s := w.Serve()
			s.Server.Config.Handler = p.around(s.Server.Config.Handler)
			secrets := map[string]string{apitest.Password: ""} // → where it may be
			ana := s.Owner("acme")
			pairing := ana.Do("POST", "/v1/pairings", empty)
			secrets[pairing.Text("link")[strings.LastIndexByte(pairing.Text("link"), '.')+1:]] = "POST /v1/pairings"
			secrets[pairing.Text("code")] = "POST /v1/pairings"
			secrets[ident.NormalCode(pairing.Text("code"))] = "POST /v1/pairings"
			phone := ana.Pair(phonesim.Options{Push: &phonesim.Push{Kind: "fcm", Token: "registration-of-ana"}})
			for _, action := range []string{"scim.token.reveal", "scim.token.regenerate"} {
				s.Offset.Advance(11 * time.Minute)
				asked := ana.Do("POST", "/v1/confirmations", map[string]string{"action": action})
				id, code := asked.Text("id"), asked.Text("code")
				if code == "" { // make it a question with a code: another one was left unanswered
					ana.Do("POST", "/v1/confirmations/"+id+"/cancel", empty)
					asked = ana.Do("POST", "/v1/confirmations", map[string]string{"action": action})
					id, code = asked.Text("id"), asked.Text("code")
				}
				secrets[code] = "/v1/confirmations"
				dialog := dial(t, ana, id)
				closed := p.frames(dialog)
				if _, err := phone.Approve(s.Ctx, id, phonesim.ApproveOptions{Code: wrongCode(code, 1)}); err == nil {
					t.Fatal("a wrong code was accepted")
				}
				if _, err := phone.Approve(s.Ctx, id, phonesim.ApproveOptions{Code: code}); err != nil {
					t.Fatal(err)
				}
				r := ana.Do("POST", "/v1/confirmations/"+id+"/reveal", empty)
				if r.Text("token") == "" || r.Header.Get("Cache-Control") != "no-store" {
					t.Fatalf("reveal: %d %v", r.Status, r.Header)
				}
				secrets[r.Text("token")] = "POST /v1/confirmations/:id/reveal"
				ana.Do("POST", "/v1/confirmations/"+id+"/reveal", empty) // refused
				<-closed
			}
			settled(t, w)
			for _, d := range fake.Delivered("registration-of-ana") {
				p.note("a push", string(d.Raw)+fmt.Sprint(d.Header))
			}
			p.mu.Lock()
			defer p.mu.Unlock()
			p.look(t, secrets)
			p.stored(t, w, secrets)
		})
	}
}

func (p *tape) look(t *testing.T, secrets map[string]string) {
	t.Helper()
	kinds := map[string]int{}
	times := regexp.MustCompile(`\d{4}-\d\d-\d\dT[0-9:.]+Z|[A-Za-z0-9_-]{20,}`) // six digits may be part of an instant or an id
	for _, line := range p.lines {
		where, text, _ := strings.Cut(line, ": ")
		kinds[strings.Fields(where)[0]]++
		for secret, home := range secrets {
			if len(secret) == 6 {
				text = times.ReplaceAllString(text, "")
			}
			if strings.Contains(text, secret) && (home == "" || !strings.Contains(where, home)) {
				t.Errorf("a secret of %q is in %s", home, where)
			}
		}
	}
	log := p.log.String()
	for secret, home := range secrets {
		if strings.Contains(times.ReplaceAllString(log, ""), secret) || len(secret) > 6 && strings.Contains(log, secret) {
			t.Errorf("a secret of %q is in the log", home)
		}
	}
	for _, kind := range []string{"a", "GET", "POST"} {
		if kinds[kind] == 0 || log == "" || len(secrets) < 8 {
			t.Errorf("this proves nothing: %v, %d secrets, %d bytes of log", kinds, len(secrets), len(log))
		}
	}
}

// stored reads what the database keeps: SQLite's files as they are, Postgres's tables as text.
func (p *tape) stored(t *testing.T, w *apitest.World, secrets map[string]string) {
	t.Helper()
	var kept []byte
	if w.DB.Dialect == database.SQLite {
		files, err := filepath.Glob(strings.TrimPrefix(w.DB.URL(), "sqlite://") + "*")
		if err != nil || len(files) == 0 {
			t.Fatal(files, err)
		}
		for _, f := range files {
			b, err := os.ReadFile(f) //nolint:gosec // the test's own database
			if err != nil {
				t.Fatal(err)
			}
			kept = append(kept, b...)
		}
	} else {
		var tables []string
		if err := w.DB.Read(w.Ctx).Raw("SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()").Scan(&tables).Error; err != nil {
			t.Fatal(err)
		}
		for _, table := range tables {
			var rows []string
			if err := w.DB.Read(w.Ctx).Raw("SELECT x::text FROM " + table + " x").Scan(&rows).Error; err != nil {
				t.Fatal(err)
			}
			kept = append(kept, strings.Join(rows, "\n")...)
		}
	}
	if len(kept) < 10_000 {
		t.Errorf("%d bytes of database: this proves nothing", len(kept))
	}
	for secret, home := range secrets {
		if len(secret) > 6 && bytes.Contains(kept, []byte(secret)) { // six digits are in any file
			t.Errorf("a secret of %q lies in the database", home)
		}
	}
}

// TestA27_AWriterInTheDatabaseGetsNothing: an approval written into the row, with no signature, a stranger's, another question's or a denial's,
// pays nothing out; and the database itself refuses moves that no confirmation makes.
func TestA27_AWriterInTheDatabaseGetsNothing(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		ana := w.Workspace("acme")
		phone := w.Phone(ana)
		earlier := ask(t, w, ana)
		good := phone.Answer(earlier.ID, "approve", earlier.Code, "", phone.UV)
		if _, err := phone.Send(earlier.ID, good); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Confirms.Collect(w.Ctx, ana, earlier.ID); err != nil {
			t.Fatal(err)
		}
		for name, forged := range map[string]func(v confirm.View) confirm.Answer{
			"no signature":                   func(confirm.View) confirm.Answer { return confirm.Answer{Response: []byte("{}"), Sig: []byte{0}} },
			"a stranger's":                   func(v confirm.View) confirm.Answer { return phone.Answer(v.ID, "approve", v.Code, "", apitest.Key(t)) },
			"that of the key that only asks": func(v confirm.View) confirm.Answer { return phone.Answer(v.ID, "approve", v.Code, "", phone.Poll) },
			"that of an earlier question":    func(confirm.View) confirm.Answer { return good },
			"a denial's":                     func(v confirm.View) confirm.Answer { return phone.Answer(v.ID, "deny", "", "", phone.UV) },
			"one over another confirmation's id": func(v confirm.View) confirm.Answer {
				return phone.Sign(v.ID, bytes.ReplaceAll(phone.Answer(v.ID, "approve", "", "", phone.UV).Response, []byte(v.ID), []byte(earlier.ID)), phone.UV)
			},
		} {
			w.Offset.Advance(11 * time.Minute)
			v := ask(t, w, ana)
			a := forged(v)
			err := w.DB.InTx(w.Ctx, func(tx database.Tx) error {
				now, err := tx.Now()
				if err != nil {
					return err
				}
				return tx.Exec(`UPDATE confirmations SET state = 'approved', version = version + 1, decided_at = ?, decided_by = ?, decided_response = ?,
					decided_sig = ?, code_sealed = NULL WHERE id = ?`, now, phone.ID, a.Response, a.Sig, v.ID).Error
			})
			if err != nil {
				t.Fatalf("%s: the test could not write: %v", name, err)
			}
			if token, err := w.Confirms.Collect(w.Ctx, ana, v.ID); !is(err, confirm.ErrNoSignature) || token.Plain != "" {
				t.Errorf("%s: %v", name, err)
			}
			if r := rowOf(t, w, v.ID); r.State != "approved" {
				t.Errorf("%s: the row is %+v", name, r)
			}
		}
		w.Offset.Advance(11 * time.Minute)
		v := ask(t, w, ana)
		for name, set := range map[string]string{
			"straight to consumed":   "state = 'consumed', consumed_at = created_at, decided_sig = session_hash, code_sealed = NULL",
			"a longer life":          "expires_at = '2099-01-01 00:00:00+00:00'",
			"another resource":       "resource = 'scim_token:other'",
			"another person":         "person_id = 'ppl_other'",
			"another session":        "session_hash = browser_hash",
			"a lower mode":           "mode = CASE mode WHEN 'tap' THEN 'code' ELSE 'tap' END",
			"a move without version": "state = 'cancelled'",
		} {
			err := w.DB.InTx(w.Ctx, func(tx database.Tx) error {
				return tx.Exec("UPDATE confirmations SET "+set+" WHERE id = ?", v.ID).Error
			})
			if err == nil {
				t.Errorf("the database takes %s", name)
			}
		}
		for _, set := range []string{"state = 'pending'", "state = 'approved'"} {
			err := w.DB.InTx(w.Ctx, func(tx database.Tx) error {
				return tx.Exec("UPDATE confirmations SET "+set+", version = version + 1 WHERE id = ?", earlier.ID).Error
			})
			if err == nil {
				t.Errorf("the database takes a consumed row back to %s", set)
			}
		}
	})
}

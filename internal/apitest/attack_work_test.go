package apitest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/apitest"
	"github.com/countersign/countersign/internal/assembly"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
)

// statements hears of every statement that a request sends to the database, without its values.
type statements struct {
	mu  sync.Mutex
	all []string
}

// listen registers on both of the database's handles; on Postgres they are one.
func listen(t *testing.T, db *database.DB) *statements {
	t.Helper()
	s := &statements{}
	hear := func(g *gorm.DB) {
		sql := g.Statement.SQL.String()
		// Work in the background; a clock and the age of the directory's rules, which are asked for now and then, whoever calls.
		if g.Statement.Context.Value(http.ServerContextKey) == nil || sql == "SELECT clock_timestamp()" || sql == "SELECT epoch FROM scim_rules_epoch" {
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.all = append(s.all, sql)
	}
	register := func(g *gorm.DB) (err error) {
		c := g.Callback()
		for _, r := range []func(string, func(*gorm.DB)) error{c.Query().After("gorm:query").Register, c.Row().After("gorm:row").Register,
			c.Raw().After("gorm:raw").Register, c.Create().After("gorm:create").Register, c.Update().After("gorm:update").Register,
			c.Delete().After("gorm:delete").Register} {
			if err = r("test:hear", hear); err != nil {
				return err
			}
		}
		return nil
	}
	if err := register(db.Read(t.Context())); err != nil {
		t.Fatal(err)
	}
	if db.Dialect == database.SQLite {
		if err := db.InTx(t.Context(), func(tx database.Tx) error { return register(tx.DB) }); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// of are the statements of one call.
func (s *statements) of(call func()) []string {
	s.mu.Lock()
	s.all = nil
	s.mu.Unlock()
	call()
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.all)
}

// other is an id like id that nothing has.
func other(id string) string {
	last := byte('A')
	if id[len(id)-1] == last {
		last = 'B'
	}
	return id[:len(id)-1] + string(last)
}

// TestA07_WhatIsForeignCostsWhatIsUnknown: a call about somebody else's object sends the database the same statements, in the same order, as one
// about an object that does not exist, and has the same answer. Times are not compared: they would say more about the machine.
func TestA07_WhatIsForeignCostsWhatIsUnknown(t *testing.T) {
	for _, d := range dbtest.Dialects {
		t.Run(d, func(t *testing.T) {
			var heard *statements // from before the work in the background begins
			w := apitest.With(t, dbtest.URL(t, d), func(deps *assembly.Deps) { heard = listen(t, deps.DB) })
			compareStrangers(t, newStage(t, w.Serve()), heard)
		})
	}
}

func compareStrangers(t *testing.T, m *stage, heard *statements) {
	t.Helper()
	compared := 0
	for _, r := range routes(m.Site) {
		id := m.objects[r.object]
		if id == "" || !strings.Contains(r.pattern, ":id") || r.auth == anyone {
			continue
		}
		var body any
		if r.method != http.MethodGet && r.method != http.MethodDelete {
			body = empty
			if given := bodies[r.name]; given != nil {
				body = given
			}
		}
		for who, ask := range m.strangers(t, r, body) {
			ask(other(id)) // what a first call notes about its caller
			var said, answer string
			unknown := heard.of(func() { answer = ask(other(id)) })
			foreign := heard.of(func() { said = ask(id) })
			compared++
			if said != answer {
				t.Errorf("%s by %s: foreign %s, unknown %s", r.name, who, said, answer)
			}
			if !slices.Equal(foreign, unknown) {
				t.Errorf("%s by %s:\nforeign\n  %s\nunknown\n  %s", r.name, who, strings.Join(foreign, "\n  "), strings.Join(unknown, "\n  "))
			}
			if len(unknown) == 0 {
				t.Errorf("%s by %s: no statement was heard", r.name, who)
			}
		}
	}
	t.Logf("%d comparisons", compared)
}

// strangers are those to whom an object of the route is nothing, each with how they ask for it by its id; they give what they can learn from the
// answer.
func (m *stage) strangers(t *testing.T, r route, body any) map[string]func(id string) string {
	t.Helper()
	out := map[string]func(string) string{}
	path := func(id string) string { return strings.Replace(r.pattern, ":id", id, 1) }
	if r.auth == phone {
		var sent []byte
		if body != nil {
			var err error
			if sent, err = json.Marshal(body); err != nil {
				t.Fatal(err)
			}
		}
		for _, who := range []string{"another person's phone", "another workspace's phone"} {
			out[who] = func(id string) string {
				_, err := m.phones[who].Do(m.Ctx, r.method, path(id), sent)
				return fmt.Sprint(err)
			}
		}
		return out
	}
	for who, b := range m.strange {
		shared := owned[r.object].shared
		if shared != "" && who == "another session" || shared == "workspace" && who == "another person" {
			continue
		}
		out[who] = func(id string) string {
			if strings.HasSuffix(r.pattern, "/ws") {
				_, res, err := b.Dial(id, nil)
				if res == nil {
					t.Fatal(err)
				}
				return res.Status
			}
			a := b.Do(r.method, path(id), body)
			return fmt.Sprint(a.Status, strings.ReplaceAll(string(a.Body), id, ""))
		}
	}
	return out
}

package scimapi_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
	"github.com/countersign/countersign/internal/ident"
)

// recording is one exchange of testdata/scim: a request as an identity provider sends it, and what it needs of the answer.
type recording struct {
	ID           string
	Scenario     string
	Method       string
	Path         string
	Headers      map[string]*string
	Body         json.RawMessage
	RawBody      *string         `json:"raw_body"`
	ExpectStatus json.RawMessage `json:"expect_status"`
	Expect       []expectation
	Capture      map[string]string
}

// TestRecordings replays every scenario, each in a workspace of its own, on both databases.
func TestRecordings(t *testing.T) {
	scenarios, order := recordings(t)
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		n := 0
		for _, name := range order {
			n += len(scenarios[name])
			t.Run(name, func(t *testing.T) {
				p := play{t: t, provider: newProvider(t, db, 0)}
				p.vars = map[string]string{"run": strings.ToLower(ident.Base62(9)), "guid": ident.New("guid"), "base": p.url}
				for _, r := range scenarios[name] {
					p.replay(r)
				}
			})
		}
		t.Logf("%d recorded exchanges", n)
	})
}

func recordings(t *testing.T) (map[string][]recording, []string) {
	t.Helper()
	raw, err := os.ReadFile("../../testdata/scim/requests-public.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	scenarios, order := map[string][]recording{}, []string(nil)
	for line := range bytes.Lines(raw) {
		var r recording
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatal(err)
		}
		if scenarios[r.Scenario] == nil {
			order = append(order, r.Scenario)
		}
		scenarios[r.Scenario] = append(scenarios[r.Scenario], r)
	}
	return scenarios, order
}

// play replays one scenario; vars are its captures.
type play struct {
	*provider
	t    *testing.T
	vars map[string]string
}

var placeholder = regexp.MustCompile(`\{([a-z_][a-z0-9_]*)\}`)

// fill replaces placeholders; quoted says that the text is JSON and values need its escapes.
func (p play) fill(id, text string, quoted bool) string {
	return placeholder.ReplaceAllStringFunc(text, func(m string) string {
		v, ok := p.vars[m[1:len(m)-1]]
		if !ok {
			p.t.Fatalf("%s needs %s, which nothing has captured", id, m)
		}
		if !quoted {
			return v
		}
		b, _ := json.Marshal(v)
		return string(b[1 : len(b)-1])
	})
}

func (p play) replay(r recording) {
	p.t.Helper()
	var body []byte
	switch {
	case r.RawBody != nil:
		body = []byte(p.fill(r.ID, *r.RawBody, false))
	case len(r.Body) > 0 && string(r.Body) != "null":
		body = []byte(p.fill(r.ID, string(r.Body), true))
	}
	header := http.Header{"Accept": {"application/scim+json"}, "User-Agent": {"recordings"}}
	if body != nil {
		header.Set("Content-Type", "application/scim+json")
	}
	header.Set("Authorization", "Bearer "+p.token)
	for name, v := range r.Headers {
		if header.Del(name); v != nil {
			header.Set(name, p.fill(r.ID, *v, false))
		}
	}
	res := p.do(r.Method, p.fill(r.ID, r.Path, false), header, body)
	p.check(r, res)
}

func (p play) check(r recording, res answer) {
	p.t.Helper()
	allowed := statuses(p.t, r.ExpectStatus)
	if !slices.Contains(allowed, res.status) {
		p.t.Errorf("%s %s %s: status %d, want %v\n%s", r.ID, r.Method, r.Path, res.status, allowed, res.body)
	}
	if res.status/100 != allowed[0]/100 {
		return
	}
	for _, e := range r.Expect {
		if !strings.HasPrefix(e.JSONPath, "@") && res.doc == nil {
			continue
		}
		e.Value = p.fillValue(r.ID, e.Value)
		if !e.holds(p.values(r.ID, res, p.fill(r.ID, e.JSONPath, false))) {
			p.t.Errorf("%s %s %s: %s %s %v does not hold\n%s", r.ID, r.Method, r.Path, e.JSONPath, e.Op, e.Value, res.body)
		}
	}
	if res.doc == nil {
		return
	}
	for name, path := range r.Capture {
		v := p.values(r.ID, res, path)
		if len(v) == 0 {
			p.t.Fatalf("%s: nothing to capture at %s\n%s", r.ID, path, res.body)
		}
		p.vars[name] = fmt.Sprint(v[0])
	}
}

func (p play) values(id string, res answer, path string) []any {
	if name, ok := strings.CutPrefix(path, "@header."); ok {
		if v := res.header.Get(name); v != "" {
			return []any{v}
		}
		return nil
	}
	v, err := find(res.doc, path)
	if err != nil {
		p.t.Fatalf("%s: %v", id, err)
	}
	return v
}

func (p play) fillValue(id string, v any) any {
	switch v := v.(type) {
	case string:
		return p.fill(id, v, false)
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = p.fillValue(id, e)
		}
		return out
	}
	return v
}

func statuses(t *testing.T, raw json.RawMessage) []int {
	t.Helper()
	var list []int
	if err := json.Unmarshal(raw, &list); err == nil {
		return list
	}
	var one int
	if err := json.Unmarshal(raw, &one); err != nil {
		t.Fatal(err)
	}
	return []int{one}
}

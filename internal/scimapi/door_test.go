package scimapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/ident"
	"github.com/countersign/countersign/internal/scimapi"
)

// provider is an identity provider with a token of a workspace of its own, talking to a real server.
type provider struct {
	t         testing.TB
	db        *database.DB
	url       string
	token     string
	workspace string
	used      []string
}

// newProvider makes a workspace and a server over db; rate 0 is no limit.
func newProvider(t testing.TB, db *database.DB, rate int) *provider {
	t.Helper()
	p := &provider{t: t, db: db, token: "token-" + ident.Base62(12), workspace: ident.New("wsp")}
	err := db.InTx(t.Context(), func(tx database.Tx) error {
		return tx.Exec("INSERT INTO workspaces (id, slug, name, created_at) VALUES (?, ?, 'Acme', ?)", p.workspace, strings.ToLower(p.workspace), time.Now()).Error
	})
	if err != nil {
		t.Fatal(err)
	}
	gin.SetMode(gin.TestMode)
	e := gin.New()
	srv := httptest.NewServer(e)
	t.Cleanup(srv.Close)
	p.url = srv.URL + "/v1/scim/v2"
	api := scimapi.New(scimapi.Deps{
		Directory: directory.NewProvisioning(directory.New(db), p.url, []byte("a key of the test"), time.Now), Base: p.url, Rate: rate, Now: time.Now,
		Authenticate: func(_ context.Context, token string) (actor.Actor, error) {
			if token != p.token {
				return actor.Actor{}, fault.New(fault.Unauthorized, "unauthorized", "The bearer token is missing, wrong or no longer valid.")
			}
			return actor.Actor{Kind: actor.Provider, Workspace: p.workspace, Token: "tok_1", Name: "test"}, nil
		},
		Used: func(_ context.Context, token, client string) error {
			p.used = append(p.used, token+" "+client)
			return nil
		},
	})
	api.Mount(e.Group("/v1/scim/v2"))
	return p
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
	doc    any // of a JSON body
}

func (p *provider) do(method, path string, header http.Header, body []byte) answer {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), method, p.url, bytes.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	req.URL.Opaque = "//" + req.URL.Host + "/v1/scim/v2" + path // sent as written, dangling separators too
	req.Header = header
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	raw, err := io.ReadAll(res.Body)
	if cerr := res.Body.Close(); err != nil || cerr != nil {
		p.t.Fatal(err, cerr)
	}
	out := answer{status: res.StatusCode, header: res.Header, body: string(raw)}
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &out.doc); err != nil {
			p.t.Errorf("%s %s: the body is not JSON: %s", method, path, raw)
		}
	}
	return out
}

// send makes a call with the token; body is JSON text, "" for none.
func (p *provider) send(method, path, body string) answer {
	p.t.Helper()
	header := http.Header{"Authorization": {"Bearer " + p.token}}
	var raw []byte
	if body != "" {
		header.Set("Content-Type", "application/scim+json")
		raw = []byte(body)
	}
	return p.do(method, path, header, raw)
}

// at gives the only value at a path of the answer; nil for none.
func (a answer) at(t testing.TB, path string) any {
	t.Helper()
	v, err := find(a.doc, path)
	if err != nil {
		t.Fatal(err)
	}
	if len(v) == 0 {
		return nil
	}
	return v[0]
}

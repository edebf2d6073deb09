package scimapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/ident"
	"github.com/countersign/countersign/internal/provisioning"
	"github.com/countersign/countersign/internal/scimapi"
	"github.com/countersign/countersign/internal/vault"
	"github.com/countersign/countersign/internal/workspace"
)

// provider is an identity provider with a token of a workspace of its own, talking to a real server.
type provider struct {
	t         testing.TB
	db        *database.DB
	url       string
	token     string
	workspace string
	used      []string
	log       *provisioning.Log
	api       *scimapi.API
	ended     map[string]workspace.Token // tokens that are not valid any more
	unclaimed atomic.Bool                // the process does not know the token: every call goes the ordinary way
	seen      chan struct{}              // a call has got past its token
}

// newProvider makes a workspace and a server over db; rate 0 is no limit.
func newProvider(t testing.TB, db *database.DB, rate int) *provider {
	t.Helper()
	return newProviderAt(t, db, rate, time.Now)
}

// newProviderAt is newProvider with a process clock of the test's own.
func newProviderAt(t testing.TB, db *database.DB, rate int, now func() time.Time) *provider {
	t.Helper()
	p := &provider{t: t, db: db, token: "token-" + ident.Base62(12), workspace: ident.New("wsp"), log: provisioning.New(db, testVault(t), slog.New(slog.DiscardHandler)),
		ended: map[string]workspace.Token{}, seen: make(chan struct{}, 1)}
	err := db.InTx(t.Context(), func(tx database.Tx) error {
		err := tx.Exec("INSERT INTO workspaces (id, slug, name, created_at) VALUES (?, ?, 'Acme', ?)", p.workspace, strings.ToLower(p.workspace), time.Now()).Error
		if err != nil {
			return err
		}
		return tx.Exec("INSERT INTO scim_tokens (id, workspace_id, digest, sealed, hint, state, created_at, created_by) VALUES (?, ?, ?, ?, '', 'active', ?, '')",
			p.tokenID(), p.workspace, []byte(p.token), []byte{}, time.Now()).Error
	})
	if err != nil {
		t.Fatal(err)
	}
	gin.SetMode(gin.TestMode)
	e := gin.New()
	srv := httptest.NewServer(e)
	t.Cleanup(srv.Close)
	p.url = srv.URL + "/v1/scim/v2"
	p.api = scimapi.New(scimapi.Deps{
		Directory: directory.NewProvisioning(directory.New(db), p.url, []byte("a key of the test"), now), Base: p.url, Rate: rate, Now: now,
		Log: p.log, Recognise: func(_ context.Context, header string) (workspace.Token, bool, error) {
			t, ok := p.ended[strings.TrimPrefix(header, "Bearer ")]
			return t, ok, nil
		},
		Authenticate: func(_ context.Context, token string) (actor.Actor, error) {
			if token != p.token {
				return actor.Actor{}, fault.New(fault.Unauthorized, "unauthorized", "The bearer token is missing, wrong or no longer valid.")
			}
			return p.claim(), nil
		},
		Claims: func(token string) (actor.Actor, bool) { return p.claim(), token == p.token && !p.unclaimed.Load() },
		Used: func(_ context.Context, token, client string) error {
			p.used = append(p.used, token+" "+client)
			return nil
		},
	})
	p.api.Mount(e.Group("/v1/scim/v2"))
	e.HandleMethodNotAllowed = true
	e.NoMethod(func(c *gin.Context) { p.api.Unknown(c, http.StatusMethodNotAllowed) })
	return p
}

// tokenID is the id of the provider's token, which has a row: what is done in one round trip looks at it.
func (p *provider) tokenID() string { return "tok_" + p.workspace }

func (p *provider) claim() actor.Actor {
	select {
	case p.seen <- struct{}{}:
	default:
	}
	return actor.Actor{Kind: actor.Provider, Workspace: p.workspace, Token: p.tokenID(), Name: "test"}
}

// testVault seals with a key of the test's own.
func testVault(t testing.TB) *vault.Vault {
	t.Helper()
	file := filepath.Join(t.TempDir(), "keyset.json")
	if err := vault.Create(file); err != nil {
		t.Fatal(err)
	}
	v, err := vault.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	return v
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
	header := http.Header{"Authorization": {"Bearer " + p.token}, "User-Agent": {"-"}}
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

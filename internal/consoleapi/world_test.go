package consoleapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/apikey"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/consoleapi"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
	"github.com/countersign/countersign/internal/device"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/hub"
	"github.com/countersign/countersign/internal/provisioning"
	"github.com/countersign/countersign/internal/push"
	"github.com/countersign/countersign/internal/serverkeys"
	"github.com/countersign/countersign/internal/signin"
	"github.com/countersign/countersign/internal/sso"
	"github.com/countersign/countersign/internal/vault"
	"github.com/countersign/countersign/internal/workspace"
)

func init() { gin.SetMode(gin.ReleaseMode) }

// password is every test person's.
const password = "correct horse battery"

// world is a console on a real server over one database, with a clock that can be moved.
type world struct {
	*testing.T
	db         *database.DB
	workspaces *workspace.Service
	signIn     *signin.Service
	directory  *directory.Service
	devices    *device.Service
	confirms   *confirmations
	syncLog    *provisioning.Log
	audit      *audit.Chains
	replay     consoleapi.Replay
	bearer     string // what an identity provider sends as Authorization
	server     *httptest.Server
	public     string
	ahead      *atomic.Int64
	mu         sync.Mutex
	txt        []string      // what DNS says of every name
	ended      []actor.Actor // whom the sign-in told that their session is over
}

// confirmations stands in for internal/confirm: what it holds is approved.
type confirmations struct {
	approved map[string]string // id → action and resource
}

func (c *confirmations) TryPush(context.Context, actor.Actor, string) (push.Result, error) {
	return push.Result{Outcome: push.Rejected, Reason: "not_here"}, nil
}

func (c *confirmations) Perform(_ context.Context, by actor.Actor, id, action, resource string, _ []byte) error {
	return c.Spend(database.Tx{}, by, id, action, resource)
}

func (c *confirmations) PerformWhere(_ context.Context, by actor.Actor, id, action, resource string, _ []byte, _ func(database.Tx) error) error {
	return c.Spend(database.Tx{}, by, id, action, resource)
}

func (c *confirmations) SpendWith(_ database.Tx, by actor.Actor, id, action, resource string, _ []byte) error {
	return c.Spend(database.Tx{}, by, id, action, resource)
}

func (c *confirmations) Spend(_ database.Tx, _ actor.Actor, id, action, resource string) error {
	if c.approved[id] != action+" "+resource {
		return fault.New(fault.Forbidden, "confirmation_required", "")
	}
	delete(c.approved, id)
	return nil
}

// onBoth runs do on both databases, with a console at an http address.
func onBoth(t *testing.T, do func(w *world)) {
	for _, dialect := range dbtest.Dialects {
		t.Run(dialect, func(t *testing.T) { do(newWorld(t, dialect, "http://localhost:8080")) })
	}
}

func newWorld(t *testing.T, dialect, public string) *world {
	t.Helper()
	w := &world{T: t, ahead: &atomic.Int64{}, public: public, confirms: &confirmations{approved: map[string]string{}}}
	w.db = dbtest.Open(t, dbtest.URL(t, dialect), database.WithClockOffset(func() time.Duration { return time.Duration(w.ahead.Load()) }))
	file := filepath.Join(t.TempDir(), "keyset.json")
	w.must(vault.Create(file))
	v, err := vault.Open(file)
	w.must(err)
	w.workspaces = workspace.New(w.db, v)
	single, err := sso.New(sso.Deps{DB: w.db, Vault: v, PublicURL: public, LookupTXT: func(context.Context, string) ([]string, error) { return w.txt, nil }})
	w.must(err)
	w.signIn, err = signin.New(signin.Config{DB: w.db, Workspaces: w.workspaces, PublicURL: public, SSO: single, HashMemory: 64, OnEnd: []signin.Ended{
		func(_ database.Tx, by actor.Actor, _ time.Time) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.ended = append(w.ended, by)
			return nil
		}}})
	w.must(err)
	w.directory = directory.New(w.db, w.signIn.EndAll)
	w.devices = device.New(device.Deps{DB: w.db, Keys: serverkeys.New(w.db, v, time.Now), Hub: hub.New(), CompanionURL: "http://localhost:8081", Now: time.Now})
	w.audit = chains(w.db, serverkeys.New(w.db, v, time.Now))
	w.syncLog = provisioning.New(w.db, v, slog.New(slog.DiscardHandler))
	api, err := consoleapi.New(consoleapi.Deps{DB: w.db, SignIn: w.signIn, Directory: w.directory, Devices: w.devices, Confirms: w.confirms, SyncLog: w.syncLog, Audit: w.audit, APIKeys: apikey.New(w.db),
		Replay: func(ctx context.Context, by actor.Actor, of string, raw provisioning.Raw, dry bool) (provisioning.Replayed, error) {
			return w.replay(ctx, by, of, raw, dry)
		},
		PushCheck: func(context.Context) string { return consoleapi.PushSubject },
		PublicURL: public, CompanionURL: "http://localhost:8081", Brand: "Countersign"})
	w.must(err)
	e := gin.New()
	w.must(e.SetTrustedProxies([]string{"127.0.0.1"})) // so that a test's browser can be somewhere
	api.Mount(e.Group("/v1"))
	if strings.HasPrefix(public, "https:") {
		w.server = httptest.NewTLSServer(e)
	} else {
		w.server = httptest.NewServer(e)
	}
	t.Cleanup(w.server.Close)
	return w
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// workspace makes a workspace with an Owner, whose password is password.
func (w *world) workspace(slug, email string) signin.Created {
	w.Helper()
	made, err := w.signIn.Create(w.Context(), actor.Actor{Kind: actor.Operator}, signin.NewWorkspace{Slug: slug, Name: strings.ToUpper(slug),
		OwnerName: "Ana Kovač", OwnerEmail: email, OwnerPassword: password})
	w.must(err)
	return made
}

// person makes somebody who can sign in with password.
func (w *world) person(in workspace.Workspace, email string, role directory.Role) directory.Person {
	w.Helper()
	p, link, err := w.signIn.Invite(w.Context(), actor.Actor{Kind: actor.Operator, Workspace: in.ID}, email[:3], email, role)
	w.must(err)
	w.must(w.signIn.SetPassword(w.Context(), signin.Browser{}, secret(link.URL), password))
	return p
}

func secret(link string) string {
	_, s, _ := strings.Cut(link, "#")
	return s
}

// browser is one browser, somewhere.
type browser struct {
	w      *world
	jar    http.CookieJar
	ip     string
	header http.Header
}

func (w *world) browser() *browser {
	w.Helper()
	jar, err := cookiejar.New(nil)
	w.must(err)
	return &browser{w: w, jar: jar, ip: "192.0.2.1", header: http.Header{"User-Agent": {"Test/1"}}}
}

// signedIn is a browser in which somebody is signed in.
func (w *world) signedIn(slug, email string) *browser {
	w.Helper()
	b := w.browser()
	b.signIn(slug, email)
	return b
}

func (b *browser) signIn(slug, email string) answer {
	b.w.Helper()
	return b.post("/v1/session", map[string]any{"workspace": slug, "email": email, "password": password}).is(200)
}

// with is the same browser sending one more header.
func (b *browser) with(name, value string) *browser {
	c := *b
	c.header = b.header.Clone()
	c.header.Set(name, value)
	return &c
}

func (b *browser) at(ip string) *browser {
	c := *b
	c.ip = ip
	return &c
}

func (b *browser) in(slug string) *browser   { return b.with(signin.WorkspaceHeader, slug) }
func (b *browser) get(path string) answer    { return b.send("GET", path, "", nil) }
func (b *browser) background() *browser      { return b.with(signin.BackgroundHeader, "1") }
func (b *browser) cookie(name string) string { return b.cookies()[name] }

func (b *browser) post(path string, body any) answer   { return b.json("POST", path, body) }
func (b *browser) put(path string, body any) answer    { return b.json("PUT", path, body) }
func (b *browser) patch(path string, body any) answer  { return b.json("PATCH", path, body) }
func (b *browser) delete(path string, body any) answer { return b.json("DELETE", path, body) }

func (b *browser) json(method, path string, body any) answer {
	b.w.Helper()
	if body == nil {
		body = map[string]any{}
	}
	raw, err := json.Marshal(body)
	b.w.must(err)
	return b.send(method, path, "application/json", raw)
}

func (b *browser) send(method, path, contentType string, body []byte) answer {
	b.w.Helper()
	req, err := http.NewRequestWithContext(b.w.Context(), method, b.w.server.URL+path, bytes.NewReader(body))
	b.w.must(err)
	for name, values := range b.header {
		req.Header[name] = values
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	req.Header.Set("X-Forwarded-For", b.ip)
	client := *b.w.server.Client()
	client.Jar = b.jar
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	res, err := client.Do(req)
	b.w.must(err)
	raw, err := io.ReadAll(res.Body)
	b.w.must(err)
	b.w.must(res.Body.Close())
	b.w.keepsContract(req, body, res, raw)
	a := answer{T: b.w.T, status: res.StatusCode, header: res.Header, cookies: res.Cookies(), raw: string(raw), what: method + " " + path}
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &a.body); err != nil {
			b.w.Fatalf("%s: not JSON: %s", a.what, raw)
		}
	}
	if !strings.Contains(res.Header.Get("Cache-Control"), "no-store") {
		b.w.Errorf("%s: may be cached: %q", a.what, res.Header.Get("Cache-Control"))
	}
	return a
}

func (b *browser) cookies() map[string]string {
	u, err := url.Parse(b.w.server.URL)
	b.w.must(err)
	out := map[string]string{}
	for _, c := range b.jar.Cookies(u) {
		out[c.Name] = c.Value
	}
	return out
}

// carrying is another browser that shows a cookie's value.
func (w *world) carrying(name, value string) *browser {
	w.Helper()
	b := w.browser()
	u, err := url.Parse(w.server.URL)
	w.must(err)
	b.jar.SetCookies(u, []*http.Cookie{{Name: name, Value: value, Path: "/", Secure: u.Scheme == "https"}})
	return b
}

// answer is what the console said.
type answer struct {
	*testing.T
	what    string
	status  int
	header  http.Header
	cookies []*http.Cookie
	body    map[string]any
	raw     string
}

// is demands a status and, where given, an error's code.
func (a answer) is(status int, code ...string) answer {
	a.Helper()
	if a.status != status || (len(code) > 0 && a.text("code") != code[0]) {
		a.Fatalf("%s: %d %s, want %d %v", a.what, a.status, a.raw, status, code)
	}
	return a
}

// at walks the body: names of objects and numbers of lists, with dots between.
func (a answer) at(path string) any {
	a.Helper()
	var v any = a.body
	for _, step := range strings.Split(path, ".") {
		switch in := v.(type) {
		case map[string]any:
			v = in[step]
		case []any:
			i := int(step[0] - '0')
			if i >= len(in) {
				return nil
			}
			v = in[i]
		default:
			return nil
		}
	}
	return v
}

func (a answer) text(path string) string {
	a.Helper()
	s, _ := a.at(path).(string)
	return s
}

func (a answer) number(path string) int {
	a.Helper()
	n, ok := a.at(path).(float64)
	if !ok {
		return -1
	}
	return int(n)
}

// texts are a field of each entry of a list.
func (a answer) texts(list, field string) []string {
	a.Helper()
	var out []string
	items, _ := a.at(list).([]any)
	for _, item := range items {
		entry, _ := item.(map[string]any)
		s, _ := entry[field].(string)
		out = append(out, s)
	}
	return out
}

func (a answer) allows(roles ...string) {
	a.Helper()
	got, _ := a.at("allowed_roles").([]any)
	var texts []string
	for _, r := range got {
		s, _ := r.(string)
		texts = append(texts, s)
	}
	if !slices.Equal(texts, roles) {
		a.Errorf("%s: allowed_roles %v, want %v", a.what, texts, roles)
	}
}

package apitest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/gorilla/websocket"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/consoleapi"
	"github.com/countersign/countersign/internal/dialogapi"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/httpkit"
	"github.com/countersign/countersign/internal/phonesim"
	"github.com/countersign/countersign/internal/signin"
	"github.com/countersign/countersign/mobileapi"
)

// PublicURL is the console's origin in tests, wherever the test server really listens.
const PublicURL = "http://localhost:8080"

// Password is everybody's in tests.
const Password = "correct horse battery"

// vapidKey is what browsers subscribe with: the public key of RFC 8291's example.
const vapidKey = "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8"

// Site is a world with its doors open on a real port.
type Site struct {
	*World
	Server  *httptest.Server
	Routes  gin.RoutesInfo
	Dialogs *dialogapi.API
}

// Serve opens the doors of a world and runs its background work until the test ends.
func (w *World) Serve() *Site {
	w.T.Helper()
	gin.SetMode(gin.ReleaseMode)
	s := &Site{World: w}
	stop := make(chan struct{})
	log := w.Log
	s.Dialogs = dialogapi.New(dialogapi.Deps{Confirms: w.Confirms, Hub: w.Hub, Sessions: w.Signin, PublicURL: PublicURL, TenantURL: PublicURL + "/v1/scim/v2", Log: log})
	console, err := consoleapi.New(consoleapi.Deps{DB: w.DB, SignIn: w.Signin, Directory: w.Directory, Devices: w.Devices, Confirms: w.Confirms, SyncLog: w.SyncLog, Audit: w.Audit, APIKeys: w.APIKeys, Mail: w.Mail, Webhooks: w.Webhooks,
		PublicURL: PublicURL, CompanionURL: "http://localhost:8081", Brand: "Countersign"})
	if err != nil {
		w.T.Fatal(err)
	}
	e := gin.New()
	e.HandleMethodNotAllowed, e.RedirectTrailingSlash = true, false // as internal/server does
	e.NoRoute(httpkit.Handle(func(*gin.Context) error { return fault.ErrNotFound }))
	e.Use(httpkit.Log(log))
	mobileapi.New(mobileapi.Deps{Devices: w.Devices, Confirms: w.Confirms, Stop: stop,
		VAPID: func(context.Context) (string, error) { return vapidKey, nil }}).Mount(e.Group("/v1/device"))
	console.Mount(e.Group("/v1"))
	s.Dialogs.Mount(e.Group("/v1/confirmations", console.Guard()...))
	s.Routes = e.Routes()
	s.Server = httptest.NewServer(contract(w.T, e))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.Run(ctx)
	}()
	dialogs := make(chan struct{})
	go func() {
		defer close(dialogs)
		s.Dialogs.Run(ctx)
	}()
	w.T.Cleanup(func() {
		close(stop)
		cancel()
		<-done
		<-dialogs
		s.Server.Close()
	})
	return s
}

// Owner makes a workspace whose Owner has a password, signed in with a browser of their own.
func (s *Site) Owner(slug string) *Browser {
	s.T.Helper()
	n := signin.NewWorkspace{Slug: slug, Name: "Workspace " + slug, OwnerName: "Ana Kovač", OwnerEmail: "ana@" + slug + ".test", OwnerPassword: Password}
	if _, err := s.Signin.Create(s.Ctx, actor.Actor{Kind: actor.Operator, Name: "test"}, n); err != nil {
		s.T.Fatal(err)
	}
	b := s.Browser()
	b.SignIn(slug, n.OwnerEmail)
	return b
}

// Browser is somebody's browser: it keeps cookies and speaks the console's JSON.
type Browser struct {
	t      testing.TB
	base   string // where the service listens
	origin string // its public URL
	http   *http.Client
}

// Browser is a fresh one.
func (s *Site) Browser() *Browser { return Visit(s.T, s.Server.URL, PublicURL) }

// Visit is a fresh browser at a service that listens at base and calls itself origin.
func Visit(t testing.TB, base, origin string) *Browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &Browser{t: t, base: base, origin: origin, http: &http.Client{Jar: jar}}
}

// Reply is an answer.
type Reply struct {
	Status int
	Header http.Header
	Body   []byte
	JSON   map[string]any
}

// Code is the stable code of a refusal.
func (r Reply) Code() string { c, _ := r.JSON["code"].(string); return c }

// Text is a member of the answer.
func (r Reply) Text(name string) string { t, _ := r.JSON[name].(string); return t }

// SignIn signs in with the test's password.
func (b *Browser) SignIn(slug, email string) {
	b.t.Helper()
	r := b.Do("POST", "/v1/session", map[string]string{"workspace": slug, "email": email, "password": Password})
	if r.Status != http.StatusOK {
		b.t.Fatalf("sign-in: %d %s", r.Status, r.Body)
	}
}

// Do makes a call of the console; no answer at all fails the test.
func (b *Browser) Do(method, path string, body any) Reply {
	b.t.Helper()
	r, err := b.Try(method, path, body)
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

// Try is Do for a service that may be gone.
func (b *Browser) Try(method, path string, body any) (Reply, error) {
	b.t.Helper()
	var raw io.Reader
	if body != nil {
		j, err := json.Marshal(body)
		if err != nil {
			b.t.Fatal(err)
		}
		raw = bytes.NewReader(j)
	}
	req, err := http.NewRequestWithContext(b.t.Context(), method, b.base+path, raw)
	if err != nil {
		b.t.Fatal(err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return b.send(req)
}

// Send is Do with a body and headers of the test's own making.
func (b *Browser) Send(method, path, body string, h http.Header) Reply {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), method, b.base+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	for name, values := range h {
		req.Header[http.CanonicalHeaderKey(name)] = values
	}
	r, err := b.send(req)
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

func (b *Browser) send(req *http.Request) (Reply, error) {
	res, err := b.http.Do(req)
	if err != nil {
		return Reply{}, err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	r := Reply{Status: res.StatusCode, Header: res.Header, Body: text}
	_ = json.Unmarshal(text, &r.JSON)
	return r, err
}

// Ask presses View Token.
func (b *Browser) Ask() Reply {
	b.t.Helper()
	r := b.Do("POST", "/v1/confirmations", map[string]string{"action": "scim.token.reveal"})
	if r.Status != http.StatusCreated && r.Status != http.StatusOK {
		b.t.Fatalf("ask: %d %s", r.Status, r.Body)
	}
	return r
}

// Pair pairs a simulated phone over HTTP, as its owner would.
func (b *Browser) Pair(o phonesim.Options) *phonesim.Phone {
	b.t.Helper()
	return b.PairMore("", o)
}

// PairMore is Pair for one who has a phone already and has confirmed device.add on it.
func (b *Browser) PairMore(confirmation string, o phonesim.Options) *phonesim.Phone {
	b.t.Helper()
	body := map[string]string{}
	if confirmation != "" {
		body["confirmation_id"] = confirmation
	}
	r := b.Do("POST", "/v1/pairings", body)
	if r.Status != http.StatusCreated {
		b.t.Fatalf("pairing: %d %s", r.Status, r.Body)
	}
	p := phonesim.New(b.base, o)
	sas, err := p.Pair(b.t.Context(), r.Text("link"))
	if err != nil {
		b.t.Fatal(err)
	}
	m := b.Do("POST", "/v1/pairings/"+r.Text("id")+"/match", map[string]bool{"match": true})
	if m.Status != http.StatusOK || m.Text("sas") != sas {
		b.t.Fatalf("match: %d %s, the phone shows %s", m.Status, m.Body, sas)
	}
	if err := p.WaitMatched(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	return p
}

// Dial opens the waiting dialog's websocket with the browser's cookies.
func (b *Browser) Dial(id string, edit func(http.Header)) (*websocket.Conn, *http.Response, error) {
	u, err := url.Parse(b.base)
	if err != nil {
		b.t.Fatal(err)
	}
	h := http.Header{}
	h.Set("Origin", b.origin)
	h.Set("Sec-WebSocket-Protocol", "countersign.v1")
	var cookies []string
	for _, c := range b.http.Jar.Cookies(u) {
		cookies = append(cookies, c.Name+"="+c.Value)
	}
	h.Set("Cookie", strings.Join(cookies, "; "))
	if edit != nil {
		edit(h)
	}
	offer := websocket.Dialer{EnableCompression: true} // the server has to decline it
	return offer.DialContext(b.t.Context(), strings.Replace(b.base, "http", "ws", 1)+"/v1/confirmations/"+id+"/ws", h)
}

// Doors runs do with the doors open, on both databases.
func Doors(t *testing.T, do func(t *testing.T, s *Site)) {
	t.Helper()
	Each(t, func(t *testing.T, w *World) { do(t, w.Serve()) })
}

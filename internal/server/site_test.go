package server_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/gin-gonic/gin"

	"github.com/countersign/countersign/internal/server"
)

var script = strings.Repeat("console.log('a line that compresses well');\n", 100)

func consoleBuild() fstest.MapFS {
	return fstest.MapFS{"index.html": {Data: []byte("<title>console</title>")}, "assets/main-abc123.js": {Data: []byte(script)}, "favicon.svg": {Data: []byte("<svg/>")},
		"assets/main-abc123.js.map": {Data: []byte("{}")}, ".gitkeep": {Data: nil}}
}

func companionBuild() fstest.MapFS {
	return fstest.MapFS{"index.html": {Data: []byte("<title>companion</title>")}, "sw.js": {Data: []byte("self")}, "app.webmanifest": {Data: []byte("{}")}}
}

type fixture struct {
	public, companion string
	log               bytes.Buffer
	health            *server.Health
	console, phone    http.Handler
}

func newFixture(t *testing.T, public, companion string, change ...func(c, p *server.Site, o *server.Options)) *fixture {
	t.Helper()
	f := &fixture{public: public, companion: companion, health: server.NewHealth()}
	c := server.Site{Name: "console", URL: parse(t, public), Build: consoleBuild(), Pages: true, Mount: func(e *gin.Engine) {
		e.GET("/v1/session", func(c *gin.Context) { c.String(http.StatusOK, c.ClientIP()) })
		e.GET("/v1/panic/:id", func(*gin.Context) { panic("hush: a secret") })
	}}
	p := server.Site{Name: "companion", URL: parse(t, companion), Build: companionBuild(), Camera: true, Mount: func(e *gin.Engine) {
		e.GET("/v1/device", func(c *gin.Context) { c.String(http.StatusOK, "device") })
	}}
	o := server.Options{Log: slog.New(slog.NewJSONHandler(&f.log, nil)), Health: f.health}
	for _, ch := range change {
		ch(&c, &p, &o)
	}
	var err error
	if f.console, f.phone, err = server.Handlers(c, p, o); err != nil {
		t.Fatal(err)
	}
	return f
}

func parse(t *testing.T, raw string) *url.URL {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

const (
	browser = "text/html,application/xhtml+xml,*/*;q=0.8"
	program = "application/json"
)

// get asks h for target ("http://host/path") as a program or as a browser.
func get(h http.Handler, target, accept string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(context.Background(), http.MethodGet, target, nil)
	r.Header.Set("Accept", accept)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestEveryAnswerHasTheSecurityHeaders(t *testing.T) {
	for _, scheme := range []string{"http", "https"} {
		host := "localhost"
		f := newFixture(t, scheme+"://"+host+":8080", scheme+"://"+host+":8081")
		for path, h := range map[string]http.Handler{":8080/": f.console, ":8080/v1/session": f.console, ":8080/v1/unknown": f.console, ":8080/assets/main-abc123.js": f.console,
			":8081/": f.phone, ":8081/sw.js": f.phone, ":8081/v1/session": f.phone, ":8080/v1/panic/x": f.console} {
			got := get(h, "http://"+host+path, browser).Header()
			for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY",
				"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin"} {
				if got.Get(name) != want {
					t.Errorf("%s: %s is %q, want %q", path, name, got.Get(name), want)
				}
			}
			csp := got.Get("Content-Security-Policy")
			for _, part := range []string{"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "require-trusted-types-for 'script'"} {
				if !strings.Contains(csp, part) || strings.Contains(csp, "unsafe") {
					t.Errorf("%s: the policy %q lacks %s", path, csp, part)
				}
			}
			if hsts := got.Get("Strict-Transport-Security"); (hsts != "") != (scheme == "https") {
				t.Errorf("%s on %s: Strict-Transport-Security is %q", path, scheme, hsts)
			}
			if camera := strings.Contains(got.Get("Permissions-Policy"), "camera=(self)"); camera != strings.HasPrefix(path, ":8081") {
				t.Errorf("%s: camera allowed %v", path, camera)
			}
			if !strings.HasPrefix(got.Get("X-Request-Id"), "req_") {
				t.Errorf("%s: no request id", path)
			}
		}
	}
}

func TestTheTwoOriginsAreKeptApart(t *testing.T) {
	f := newFixture(t, "http://localhost:8080", "http://localhost:8081")
	for _, c := range []struct {
		name, target, accept string
		on                   http.Handler
		status               int
		body, location       string
	}{
		{name: "the console at its own address", target: "http://localhost:8080/", accept: browser, on: f.console, status: 200, body: "<title>console"},
		{name: "a page of the console with an address of its own", target: "http://localhost:8080/settings/workspace/idp", accept: browser, on: f.console, status: 200, body: "<title>console"},
		{name: "a page asked for by a program", target: "http://localhost:8080/settings", accept: program, on: f.console, status: 404, body: `"code":"not_found"`},
		{name: "a missing file", target: "http://localhost:8080/assets/none-1.js", accept: browser, on: f.console, status: 404, body: `"code":"not_found"`},
		{name: "an unknown call, asked by a browser", target: "http://localhost:8080/v1/none", accept: browser, on: f.console, status: 404, body: `"code":"not_found"`},
		{name: "a call", target: "http://localhost:8080/v1/session", accept: program, on: f.console, status: 200},
		{name: "the companion at its own address", target: "http://localhost:8081/", accept: browser, on: f.phone, status: 200, body: "<title>companion"},
		{name: "a call of the console on the companion", target: "http://localhost:8081/v1/session", accept: program, on: f.phone, status: 404, body: `"code":"not_found"`},
		{name: "a call of the console on the companion, by a browser", target: "http://localhost:8081/v1/session", accept: browser, on: f.phone, status: 404, body: `"code":"not_found"`},
		{name: "a page of the console on the companion", target: "http://localhost:8081/settings", accept: browser, on: f.phone, status: 404, body: `"code":"not_found"`},
		{name: "a call of the phone on the companion", target: "http://localhost:8081/v1/device", accept: program, on: f.phone, status: 200, body: "device"},
		{name: "the console under its numbers", target: "http://127.0.0.1:8080/w/acme?x=1", accept: browser, on: f.console, status: 307, location: "http://localhost:8080/w/acme?x=1"},
		{name: "the companion under its numbers", target: "http://127.0.0.1:8081/", accept: browser, on: f.phone, status: 307, location: "http://localhost:8081/"},
		{name: "a path that begins like a host", target: "http://127.0.0.1:8080//evil.example/x", accept: browser, on: f.console, status: 307, location: "http://localhost:8080//evil.example/x"},
		{name: "a call under another host", target: "http://127.0.0.1:8080/v1/session", accept: program, on: f.console, status: 200},
		{name: "the companion's host on the console's listener", target: "http://localhost:8081/v1/session", accept: program, on: f.console, status: 404, body: `"code":"not_found"`},
		{name: "a phone that came by the network is not sent to itself", target: "http://192.168.7.5:8081/", accept: browser, on: f.phone, status: 200, body: "<title>companion"},
		{name: "a source map", target: "http://localhost:8080/assets/main-abc123.js.map", accept: program, on: f.console, status: 404},
		{name: "a dot file", target: "http://localhost:8080/.gitkeep", accept: program, on: f.console, status: 404},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := get(c.on, c.target, c.accept)
			if got.Code != c.status || !strings.Contains(got.Body.String(), c.body) || got.Header().Get("Location") != c.location {
				t.Errorf("%d %q %q, want %d %q %q", got.Code, got.Header().Get("Location"), got.Body, c.status, c.location, c.body)
			}
			if got.Code == http.StatusNotFound && got.Header().Get("Content-Type") != "application/problem+json" {
				t.Errorf("content type %q", got.Header().Get("Content-Type"))
			}
		})
	}
}

func TestAnHTTPSSiteIsFoundWithAndWithoutItsPort(t *testing.T) {
	f := newFixture(t, "https://id.example.com", "https://phone.example.com")
	for target, want := range map[string]int{"http://id.example.com/": 200, "http://ID.example.com:443/": 200, "http://10.0.0.7:8080/": 307} {
		if got := get(f.console, target, browser); got.Code != want {
			t.Errorf("%s: %d, want %d", target, got.Code, want)
		}
	}
	if got := get(f.console, "http://phone.example.com/", browser); !strings.Contains(got.Body.String(), "companion") {
		t.Errorf("one listener behind a proxy does not reach the companion: %s", got.Body)
	}
}

func TestOnlyATrustedProxyIsBelieved(t *testing.T) {
	proxies := func(_, _ *server.Site, o *server.Options) {
		o.Proxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	} // httptest's client is 192.0.2.1
	trusting, wary := newFixture(t, "https://id.example.com", "https://phone.example.com", proxies), newFixture(t, "https://id.example.com", "https://phone.example.com")
	forwarded := []string{"X-Forwarded-For", "203.0.113.9", "X-Forwarded-Host", "phone.example.com", "X-Real-IP", "6.6.6.6"}
	if got := get(trusting.console, "http://id.example.com/v1/session", program, forwarded[:2]...); got.Body.String() != "203.0.113.9" {
		t.Errorf("the client is %s, want what the proxy says", got.Body)
	}
	if got := get(wary.console, "http://id.example.com/v1/session", program, forwarded...); got.Body.String() != "192.0.2.1" {
		t.Errorf("the client is %s, want the connection's", got.Body)
	}
	if got := get(trusting.console, "http://10.0.0.7/", browser, forwarded...); !strings.Contains(got.Body.String(), "companion") {
		t.Errorf("the forwarded host is not used: %d %s", got.Code, got.Body)
	}
}

func TestBuiltFilesAreTypedTaggedAndCached(t *testing.T) {
	f := newFixture(t, "http://localhost:8080", "http://localhost:8081")
	for _, c := range []struct {
		target, kind, cache string
		on                  http.Handler
	}{
		{"http://localhost:8080/", "text/html; charset=utf-8", "no-cache", f.console},
		{"http://localhost:8080/assets/main-abc123.js", "text/javascript; charset=utf-8", "public, max-age=31536000, immutable", f.console},
		{"http://localhost:8080/favicon.svg", "image/svg+xml", "no-cache", f.console},
		{"http://localhost:8081/sw.js", "text/javascript; charset=utf-8", "no-cache", f.phone},
		{"http://localhost:8081/app.webmanifest", "application/manifest+json", "no-cache", f.phone},
	} {
		got := get(c.on, c.target, browser)
		if got.Code != 200 || got.Header().Get("Content-Type") != c.kind || got.Header().Get("Cache-Control") != c.cache {
			t.Errorf("%s: %d %q %q", c.target, got.Code, got.Header().Get("Content-Type"), got.Header().Get("Cache-Control"))
		}
		again := get(c.on, c.target, browser, "If-None-Match", got.Header().Get("ETag"))
		if again.Code != http.StatusNotModified || again.Body.Len() != 0 {
			t.Errorf("%s again: %d with %d bytes, want 304", c.target, again.Code, again.Body.Len())
		}
	}
	zipped := get(f.console, "http://localhost:8080/assets/main-abc123.js", browser, "Accept-Encoding", "br, gzip;q=0.8")
	z, err := gzip.NewReader(zipped.Body)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(z); err != nil || string(b) != script || zipped.Header().Get("Vary") != "Accept-Encoding" {
		t.Errorf("the compressed script is another one (%v)", err)
	}
	if got := get(f.console, "http://localhost:8080/assets/main-abc123.js", browser, "Accept-Encoding", "gzip;q=0"); got.Header().Get("Content-Encoding") != "" {
		t.Error("compressed for a client that refuses it")
	}
}

func TestABinaryWithoutPagesSaysWhatToDo(t *testing.T) {
	f := newFixture(t, "http://localhost:8080", "http://localhost:8081", func(c, p *server.Site, _ *server.Options) { c.Build, p.Build = nil, nil })
	if got := get(f.console, "http://localhost:8080/", browser); got.Code != 503 || !strings.Contains(got.Body.String(), "make web") {
		t.Errorf("%d %s", got.Code, got.Body)
	}
	if got := get(f.console, "http://localhost:8080/v1/session", program); got.Code != 200 {
		t.Errorf("calls do not work without pages: %d", got.Code)
	}
	if got := get(f.console, "http://localhost:8080/v1/none", browser); got.Code != 404 {
		t.Errorf("an unknown call: %d", got.Code)
	}
}

func TestAPanicIsAPlainErrorAndTellsNoSecret(t *testing.T) {
	f := newFixture(t, "http://localhost:8080", "http://localhost:8081")
	got := get(f.console, "http://localhost:8080/v1/panic/person?token=hush", program)
	if got.Code != 500 || got.Header().Get("Content-Type") != "application/problem+json" || strings.Contains(got.Body.String(), "hush") {
		t.Errorf("%d %s", got.Code, got.Body)
	}
	line := f.log.String()
	if !strings.Contains(line, `"route":"/v1/panic/:id"`) || strings.Contains(line, "hush: a secret") || strings.Contains(line, "token=") {
		t.Errorf("the log: %s", line)
	}
}

func TestAMethodThatNobodyTakesIsAProblem(t *testing.T) {
	f := newFixture(t, "http://localhost:8080", "http://localhost:8081")
	r := httptest.NewRequestWithContext(t.Context(), http.MethodDelete, "http://localhost:8080/v1/session", nil)
	w := httptest.NewRecorder()
	f.console.ServeHTTP(w, r)
	if w.Code != 405 || !strings.Contains(w.Body.String(), "method_not_allowed") || w.Header().Get("Allow") != "GET" {
		t.Errorf("%d %q %s", w.Code, w.Header().Get("Allow"), w.Body)
	}
}

func TestADoorMayAnswerUnknownPathsItsOwnWay(t *testing.T) {
	f := newFixture(t, "http://localhost:8080", "http://localhost:8081", func(c, _ *server.Site, _ *server.Options) {
		c.Unknown = func(c *gin.Context, status int) bool {
			if !strings.HasPrefix(c.Request.URL.Path, "/v1/scim/") {
				return false
			}
			c.String(status, "scim")
			return true
		}
	})
	if got := get(f.console, "http://localhost:8080/v1/scim/v2/None", program); got.Code != 404 || got.Body.String() != "scim" {
		t.Errorf("%d %s", got.Code, got.Body)
	}
	if got := get(f.console, "http://127.0.0.1:8080/v1/scim/v2/None", browser); got.Code != 404 || got.Body.String() != "scim" {
		t.Errorf("SCIM is no page: %d %s", got.Code, got.Body)
	}
}

func TestReadinessFollowsTheChecksAndTheStop(t *testing.T) {
	broken := errors.New("postgres://u:hush@db is away")
	f := newFixture(t, "http://localhost:8080", "http://localhost:8081", func(_, _ *server.Site, o *server.Options) {
		o.Health = server.NewHealth(server.Check{Name: "database", Do: func(context.Context) error { return broken }})
	})
	if got := get(f.console, "http://localhost:8080/readyz", program); got.Code != 503 || strings.Contains(got.Body.String(), "hush") || !strings.Contains(got.Body.String(), "database") {
		t.Errorf("%d %s", got.Code, got.Body)
	}
	f = newFixture(t, "http://localhost:8080", "http://localhost:8081")
	if got := get(f.phone, "http://localhost:8081/readyz", program); got.Code != 200 {
		t.Errorf("%d %s", got.Code, got.Body)
	}
	f.health.Stop()
	if got := get(f.phone, "http://localhost:8081/readyz", program); got.Code != 503 {
		t.Errorf("ready while stopping: %d", got.Code)
	}
	if got := get(f.console, "http://localhost:8080/healthz", program); got.Code != 200 {
		t.Errorf("a stopping process is alive: %d", got.Code)
	}
}

func TestOneLogLineForEachRequestWithItsPattern(t *testing.T) {
	f := newFixture(t, "http://localhost:8080", "http://localhost:8081")
	get(f.console, "http://localhost:8080/v1/session?code=123456", program)
	var line struct {
		Method, Route string
		Status        int
		RequestID     string `json:"request_id"`
	}
	if err := json.Unmarshal(f.log.Bytes(), &line); err != nil {
		t.Fatalf("%v: %s", err, f.log.String())
	}
	if line.Method != "GET" || line.Route != "/v1/session" || line.Status != 200 || line.RequestID == "" || strings.Contains(f.log.String(), "123456") {
		t.Errorf("%s", f.log.String())
	}
}

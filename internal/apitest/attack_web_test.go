package apitest_test

import (
	"context"
	"crypto/ecdsa"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/gin-gonic/gin"

	"github.com/countersign/countersign/internal/apitest"
	"github.com/countersign/countersign/internal/assembly"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
	"github.com/countersign/countersign/internal/fakepush"
	"github.com/countersign/countersign/internal/phonesim"
	"github.com/countersign/countersign/internal/push"
	"github.com/countersign/countersign/internal/push/webpush"
	"github.com/countersign/countersign/internal/server"
)

// TestA19_AnEndpointNeverLeadsInside: Web Push endpoints inside the network are refused when they are registered; one that got into the row all
// the same (a name that changed its address) is never connected to; a redirect is not followed. The guard's own rules, names that change
// included, are tested in internal/push/webpush.
func TestA19_AnEndpointNeverLeadsInside(t *testing.T) {
	inside, visitors := listener(t)
	port := inside.Addr().(*net.TCPAddr).Port
	for _, dialect := range dbtest.Dialects {
		t.Run(dialect, func(t *testing.T) {
			fake, _ := fakes(t)
			at, err := url.Parse(fake.WebPushURL)
			if err != nil {
				t.Fatal(err)
			}
			key := phonesim.NewKey()
			sender, err := webpush.New(webpush.Config{Key: func(context.Context, string) (*ecdsa.PrivateKey, error) { return key, nil }, Subject: "mailto:ops@acme.test",
				RootCAs: fake.Pool(), AllowHosts: []string{at.Host}})
			if err != nil {
				t.Fatal(err)
			}
			guard, err := webpush.NewGuard([]string{at.Host})
			if err != nil {
				t.Fatal(err)
			}
			s := apitest.With(t, dbtest.URL(t, dialect), func(d *assembly.Deps) {
				d.Push, d.CheckEndpoint = push.Mux{push.WebPush: sender}, guard.CheckEndpoint
			}).Serve()
			ana := s.Owner("acme")
			phone := ana.Pair(phonesim.Options{})
			sub := fake.Subscribe("")
			keys := &phonesim.PushKeys{P256DH: sub.Keys.P256DH, Auth: sub.Keys.Auth}
			for _, endpoint := range []string{fmt.Sprintf("https://127.0.0.1:%d/x", port), fmt.Sprintf("https://[::1]:%d/x", port), fmt.Sprintf("https://localhost:%d/x", port),
				"https://169.254.169.254/latest/meta-data", "https://10.0.0.1/x", "https://172.16.0.1/x", "https://192.168.1.1/x", "https://[::ffff:127.0.0.1]/x",
				"https://[fd00::1]/x", "https://0x7f.1/x", "https://2130706433/x", "https://metadata.google.internal/x", "https://user:secret@push.example.com/x",
				"http://push.example.com/x", "file:///etc/passwd", "https://127.0.0.1.nip.io.local/x", "https:///x"} {
				err := phone.RegisterPush(s.Ctx, phonesim.Push{Kind: "webpush", Endpoint: endpoint, Keys: keys})
				problem(t, endpoint, err, 400, "push_endpoint")
			}
			if err := phone.RegisterPush(s.Ctx, phonesim.Push{Kind: "webpush", Endpoint: sub.Endpoint, Keys: keys}); err != nil {
				t.Fatalf("the operator's own host: %v", err)
			}
			fake.Script(sub.Endpoint, fakepush.Step{Do: fakepush.Redirect})
			id := ana.Ask().Text("id")
			settled(t, s.World)
			if n := fake.Requests(sub.Endpoint); n != 1 || detail(ana, id) != "http_307" {
				t.Errorf("a redirect: %d requests, %q", n, detail(ana, id))
			}
			s.InTx(func(tx database.Tx) error {
				return tx.Exec("UPDATE devices SET push_address = REPLACE(push_address, ?, ?)", at.Host, fmt.Sprint("127.0.0.1:", port)).Error
			})
			ana.Do("POST", "/v1/confirmations/"+id+"/cancel", empty)
			id = ana.Ask().Text("id")
			settled(t, s.World)
			if d := detail(ana, id); d != "endpoint_refused" {
				t.Errorf("an endpoint that moved inside: %q", d)
			}
		})
	}
	if n := visitors(); n != 0 {
		t.Errorf("%d connections reached the inside", n)
	}
}

// detail is what the dialog says about the first phone's push.
func detail(b *apitest.Browser, id string) string {
	devices, _ := b.Do("GET", "/v1/confirmations/"+id, nil).JSON["devices"].([]any)
	if len(devices) == 0 {
		return ""
	}
	text, _ := devices[0].(map[string]any)["detail"].(string)
	return text
}

// listener is what an attacker would like to reach; it counts who comes.
func listener(t *testing.T) (l net.Listener, visitors func() int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n, done := 0, make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			n++
			_ = c.Close()
		}
	}()
	return l, func() int {
		_ = l.Close()
		<-done
		return n
	}
}

// TestA28_AScriptInTheConsoleReachesNoPhone: what the two sites answer keeps an injected script out (no inline script, none from elsewhere, no
// frame, no foreign form), keeps the console's script from the phones' calls with a cookie, and the companion from every call of the console.
// No browser plays the injection here: what remains is said in docs/security.md.
func TestA28_AScriptInTheConsoleReachesNoPhone(t *testing.T) {
	attacked(t, func(t *testing.T, d demo) {
		console, companion := sites(t, d.Site)
		for name, h := range map[string]http.Handler{"console": console, "companion": companion} {
			host := map[string]string{"console": "localhost:8080", "companion": "localhost:8081"}[name]
			for _, path := range []string{"/", "/settings/workspace", "/v1/session", "/v1/unknown", "/assets/x.js", "/v1/device"} {
				got := visit(h, http.MethodGet, "http://"+host+path, nil)
				rules := map[string]string{}
				for _, rule := range strings.Split(got.Header().Get("Content-Security-Policy"), ";") {
					what, of, _ := strings.Cut(strings.TrimSpace(rule), " ")
					rules[what] = of
				}
				for what, of := range map[string]string{"default-src": "'none'", "script-src": "'self'", "connect-src": "'self'", "style-src": "'self'", "frame-ancestors": "'none'",
					"base-uri": "'none'", "form-action": "'self'", "require-trusted-types-for": "'script'", "worker-src": "'self'"} {
					if rules[what] != of {
						t.Errorf("%s%s: %s is %q, want %q", name, path, what, rules[what], of)
					}
				}
				for _, more := range []string{"script-src-elem", "script-src-attr", "object-src", "frame-src", "child-src"} {
					if of, said := rules[more]; said && of != "'none'" {
						t.Errorf("%s%s: %s %s", name, path, more, of)
					}
				}
				if got.Header().Get("Cross-Origin-Opener-Policy") != "same-origin" || got.Header().Get("Access-Control-Allow-Origin") != "" || got.Header().Get("X-Frame-Options") != "DENY" {
					t.Errorf("%s%s: %v", name, path, got.Header())
				}
			}
		}
		// The phones' calls take a signature alone: a script with the console's cookie is nobody there, and the companion has no console.
		for _, path := range []string{"/v1/device", "/v1/device/confirmations?state=pending", "/v1/device/push"} {
			refusal(t, "the session's cookie on "+path, d.ana.Do("GET", path, nil), 401, "unauthorized")
		}
		for _, r := range d.Routes {
			if strings.HasPrefix(r.Path, "/v1/device") {
				continue
			}
			path := strings.NewReplacer(":id", "cnf_x", ":slug", "acme").Replace(r.Path)
			if got := visit(companion, r.Method, "http://localhost:8081"+path, strings.NewReader("{}")); got.Code != http.StatusNotFound {
				t.Errorf("the companion's origin answers %s %s with %d", r.Method, r.Path, got.Code)
			}
		}
		// The token is in one answer, once, and no cache may keep it.
		id := d.approved(t)
		first, second := d.confirmation(id, "reveal"), d.confirmation(id, "reveal")
		if first.Text("token") == "" || first.Header.Get("Cache-Control") != "no-store" || second.Text("token") != "" {
			t.Errorf("%d %v, then %d", first.Status, first.Header, second.Status)
		}
		if look := d.ana.Do("GET", "/v1/confirmations/"+id, nil); strings.Contains(string(look.Body), first.Text("token")) {
			t.Error("looking at the confirmation shows the token")
		}
	})
}

// sites are the two origins around a running service's doors, as the program builds them.
func sites(t *testing.T, s *apitest.Site) (console, companion http.Handler) {
	t.Helper()
	back, err := url.Parse(s.Server.URL)
	if err != nil {
		t.Fatal(err)
	}
	pass := func(prefixes ...string) func(*gin.Engine) {
		return func(e *gin.Engine) {
			for _, r := range s.Routes {
				for _, p := range prefixes {
					if strings.HasPrefix(r.Path, p) {
						e.Handle(r.Method, r.Path, func(c *gin.Context) { forward(c, back) })
					}
				}
			}
		}
	}
	page := fstest.MapFS{"index.html": {Data: []byte("<title>x</title>")}, "assets/x.js": {Data: []byte("1")}}
	public, phones := &url.URL{Scheme: "http", Host: "localhost:8080"}, &url.URL{Scheme: "http", Host: "localhost:8081"}
	console, companion, err = server.Handlers(server.Site{Name: "console", URL: public, Build: page, Pages: true, Mount: pass("/v1/")},
		server.Site{Name: "companion", URL: phones, Build: page, Mount: pass("/v1/device")}, server.Options{Log: s.Log, Health: server.NewHealth()})
	if err != nil {
		t.Fatal(err)
	}
	return console, companion
}

func forward(c *gin.Context, back *url.URL) {
	to := *c.Request.URL
	to.Scheme, to.Host = back.Scheme, back.Host
	req, err := http.NewRequestWithContext(c.Request.Context(), c.Request.Method, to.String(), c.Request.Body)
	if err != nil {
		c.Status(http.StatusBadGateway)
		return
	}
	req.Header = c.Request.Header
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		c.Status(http.StatusBadGateway)
		return
	}
	defer func() { _ = res.Body.Close() }()
	body, _ := io.ReadAll(res.Body) // a test's page
	c.Data(res.StatusCode, res.Header.Get("Content-Type"), body)
}

func visit(h http.Handler, method, target string, body io.Reader) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(context.Background(), method, target, body)
	r.Header.Set("Accept", "text/html,*/*")
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

package consoleapi_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/countersign/countersign/internal/directory"
)

// routes are all calls that need a session, with ids of one workspace filled in.
func routes(person, pairing, phone string) [][2]string {
	return [][2]string{
		{"GET", "/v1/session"}, {"POST", "/v1/session/verify"}, {"GET", "/v1/directory"}, {"GET", "/v1/people"}, {"POST", "/v1/people"},
		{"GET", "/v1/people/" + person}, {"PATCH", "/v1/people/" + person}, {"POST", "/v1/people/" + person + "/password-link"}, {"GET", "/v1/teams"},
		{"POST", "/v1/pairings"}, {"GET", "/v1/pairings/" + pairing}, {"POST", "/v1/pairings/" + pairing + "/match"}, {"GET", "/v1/devices"},
		{"DELETE", "/v1/devices/" + phone},
	}
}

func (b *browser) call(route [2]string, body any) answer {
	b.w.Helper()
	if route[0] == "GET" {
		return b.get(route[1])
	}
	return b.json(route[0], route[1], body)
}

// TestNobody: without a session every call says the same, byte for byte.
func TestNobody(t *testing.T) {
	onBoth(t, func(w *world) {
		w.workspace("acme", "ana@acme.test")
		var first string
		for _, b := range []*browser{w.browser(), w.carrying("countersign", "nobody's"), w.signedIn("acme", "ana@acme.test").in("beta")} {
			for _, route := range routes("ppl_1", "par_1", "dev_1") {
				a := b.call(route, nil).is(401, "unauthorized")
				if first == "" {
					first = a.raw
				}
				if a.raw != first {
					w.Errorf("%s: %s", a.what, a.raw)
				}
			}
		}
	})
}

// TestForeign: what belongs to another workspace, or to another person's session, is not there.
func TestForeign(t *testing.T) {
	onBoth(t, func(w *world) {
		acme := w.workspace("acme", "ana@acme.test")
		w.workspace("beta", "bob@beta.test")
		w.person(acme.Workspace, "ben@acme.test", directory.SuperAdmin)
		ana := w.signedIn("acme", "ana@acme.test")
		pairing := ana.post("/v1/pairings", nil).is(201).text("id")
		phone := w.phone(ana)
		bodies := map[string]any{"PATCH": map[string]any{"role": "guest"}, "POST /match": map[string]any{"match": true}}
		for name, b := range map[string]*browser{"another workspace": w.signedIn("beta", "bob@beta.test"), "another person": w.signedIn("acme", "ben@acme.test")} {
			for _, route := range routes(acme.Owner.ID, pairing, phone) {
				mine := slices.ContainsFunc([]string{acme.Owner.ID, pairing, phone}, func(id string) bool { return strings.Contains(route[1], id) })
				if !mine || (name == "another person" && strings.Contains(route[1], "/people/")) {
					continue
				}
				body := bodies[route[0]]
				if strings.HasSuffix(route[1], "/match") {
					body = bodies["POST /match"]
				}
				b.call(route, body).is(404, "not_found")
			}
		}
		for _, route := range routes("%00", "%ff", "%2E%2E") {
			if strings.Contains(route[1], "%") {
				ana.call(route, map[string]any{"POST": map[string]any{}, "PATCH": map[string]any{}, "DELETE": map[string]any{}}[route[0]]).isOneOf(400, 404)
			}
		}
	})
}

func (a answer) isOneOf(statuses ...int) {
	a.Helper()
	if !slices.Contains(statuses, a.status) {
		a.Errorf("%s: %d %s", a.what, a.status, a.raw)
	}
}

func TestCrossOrigin(t *testing.T) {
	w := newWorld(t, "sqlite", "http://localhost:8080")
	w.workspace("acme", "ana@acme.test")
	b := w.signedIn("acme", "ana@acme.test")
	for _, tt := range []struct {
		name, header, value string
		ok                  bool
	}{
		{name: "the console's own page", header: "Sec-Fetch-Site", value: "same-origin", ok: true},
		{name: "typed by a person", header: "Sec-Fetch-Site", value: "none", ok: true},
		{name: "the companion, on another port", header: "Sec-Fetch-Site", value: "same-site"},
		{name: "another site", header: "Sec-Fetch-Site", value: "cross-site"},
		{name: "the console's origin, in an old browser", header: "Origin", value: "http://localhost:8080", ok: true},
		{name: "the address that the request went to", header: "Origin", value: w.server.URL, ok: true},
		{name: "the companion's origin", header: "Origin", value: "http://localhost:8081"},
		{name: "another origin", header: "Origin", value: "https://evil.test"},
		{name: "no origin", header: "Origin", value: "null"},
		{name: "a program", header: "X-Nothing", value: "1", ok: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := b.with(tt.header, tt.value)
			verify := func() answer { return b.post("/v1/session/verify", map[string]any{"password": password}) }
			if tt.ok {
				verify().is(204)
				return
			}
			verify().is(403, "cross_origin")
			b.patch("/v1/people/ppl_1", map[string]any{"role": "guest"}).is(403, "cross_origin")
			b.delete("/v1/session", nil).is(403, "cross_origin")
			b.post("/v1/session", map[string]any{}).is(403, "cross_origin")
			b.get("/v1/session").is(200) // reading answers; the browser keeps the answer from the other site
		})
	}
}

func TestBodies(t *testing.T) {
	w := newWorld(t, "sqlite", "http://localhost:8080")
	made := w.workspace("acme", "ana@acme.test")
	b := w.signedIn("acme", "ana@acme.test")
	writes := [][2]string{{"POST", "/v1/setup"}, {"POST", "/v1/session"}, {"POST", "/v1/session/verify"}, {"POST", "/v1/session/password"}, {"POST", "/v1/people"},
		{"PATCH", "/v1/people/" + made.Owner.ID}, {"POST", "/v1/people/" + made.Owner.ID + "/password-link"}, {"POST", "/v1/pairings"},
		{"POST", "/v1/pairings/par_1/match"}, {"DELETE", "/v1/devices/dev_1"}, {"DELETE", "/v1/session"}}
	for _, tt := range []struct {
		name, contentType, body string
		status                  int
		code                    string
	}{
		{name: "a form", contentType: "application/x-www-form-urlencoded", body: "a=b", status: 415, code: "malformed"},
		{name: "text that is JSON", contentType: "text/plain", body: "{}", status: 415, code: "malformed"},
		{name: "no type", body: "{}", status: 415, code: "malformed"},
		{name: "a list of types", contentType: "text/plain; application/json", body: "{}", status: 415, code: "malformed"},
		{name: "an unknown field", contentType: "application/json", body: `{"surprise":1}`, status: 400, code: "unknown_field"},
		{name: "a field twice", contentType: "application/json", body: `{"password":"a","password":"b","code":"","code":"","workspace":{},"workspace":{},"name":"","name":"","role":"user","role":"user","match":true,"match":true,"confirmation_id":"","confirmation_id":""}`, status: 400},
		{name: "cut off", contentType: "application/json", body: `{"a`, status: 400, code: "malformed"},
		{name: "a list", contentType: "application/json", body: `[]`, status: 400, code: "malformed"},
		{name: "two objects", contentType: "application/json", body: `{}{}`, status: 400, code: "malformed"},
		{name: "wrong types", contentType: "application/json; charset=utf-8", body: `{"password":1,"name":1,"code":1,"token":1,"workspace":1,"role":1,"match":1,"confirmation_id":1}`, status: 400},
		{name: "too large", contentType: "application/json", body: `{"password":"` + strings.Repeat("x", 64<<10) + `"}`, status: 413, code: "too_large"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, route := range writes {
				a := b.send(route[0], route[1], tt.contentType, []byte(tt.body))
				if a.status != tt.status || (tt.code != "" && a.text("code") != tt.code) || !strings.HasPrefix(a.header.Get("Content-Type"), "application/problem+json") {
					t.Errorf("%s: %d %s", a.what, a.status, a.raw)
				}
			}
			b.get("/v1/session").is(200)
		})
	}
}

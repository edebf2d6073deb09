package apitest_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/apitest"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/phonesim"
	"github.com/countersign/countersign/internal/signin"
	"github.com/countersign/countersign/internal/softkey"
)

// The route matrix is what gin has mounted, times who asks, times how; routes_test.go says which routes are open to everybody and what the ids
// in paths are of.

// route is one line of it.
type route struct{ name, method, pattern, auth, object string }

func routes(s *apitest.Site) []route {
	var out []route
	for _, r := range s.Routes {
		line := route{name: r.Method + " " + r.Path, method: r.Method, pattern: r.Path, auth: session}
		if strings.HasPrefix(r.Path, "/v1/device/") || r.Path == "/v1/device" {
			line.auth = phone
		}
		if open[line.name] {
			line.auth = anyone
		}
		for _, of := range []string{"/:id", "/:domain"} {
			if at := strings.Index(r.Path, of); at >= 0 {
				line.object = kinds[r.Path[:at]+of]
			}
		}
		out = append(out, line)
	}
	slices.SortFunc(out, func(a, b route) int { return strings.Compare(a.name, b.name) })
	return out
}

func TestEveryRouteIsInTheMatrix(t *testing.T) {
	apitest.Doors(t, func(t *testing.T, s *apitest.Site) {
		mounted, used := map[string]bool{}, map[string]bool{}
		for _, r := range routes(s) {
			mounted[r.name], used[r.object] = true, true
			if strings.Contains(r.pattern, ":") && r.object == "" && r.auth != anyone {
				t.Errorf("%s: say in kinds (internal/apitest/routes_test.go) what its id is of", r.name)
			}
			if _, known := owned[r.object]; r.object != "" && !known {
				t.Errorf("%s is about a %s: say in owned how one is made", r.name, r.object)
			}
		}
		for name := range open {
			if !mounted[name] {
				t.Errorf("%s is open and not mounted", name)
			}
		}
		for name := range bodies {
			if !mounted[name] {
				t.Errorf("%s has a body and is not mounted", name)
			}
		}
		for path, kind := range kinds {
			if !used[kind] {
				t.Errorf("no route is about a %s (%s)", kind, path)
			}
		}
	})
}

// maker makes an object of Ana's and says where its row is.
type maker struct {
	table  string
	shared string // who else of her workspace may come near it: "session": all her sessions, "workspace": other admins, "": nobody
	make   func(t *testing.T, m *stage) string
}

// owned makes one object of each kind; further ones are put in by the files of their areas.
var owned = map[string]maker{
	"confirmation": {"confirmations", "", func(_ *testing.T, m *stage) string { return m.ana.Ask().Text("id") }},
	"pairing":      {"pairings", "session", func(_ *testing.T, m *stage) string { return m.phone.Identity().Pairing }},
	"device":       {"devices", "session", func(_ *testing.T, m *stage) string { return m.phone.Identity().Device }},
	"person":       {"people", "workspace", func(_ *testing.T, m *stage) string { return m.owner.ID }},
	"session":      {"", "session", func(t *testing.T, m *stage) string { return first(t, m.ana.Do("GET", "/v1/sessions", nil), "id") }},
	"notice":       {"notices", "session", func(t *testing.T, m *stage) string { return first(t, m.ana.Do("GET", "/v1/notices", nil), "id") }},
	"token": {"scim_tokens", "workspace", func(_ *testing.T, m *stage) string {
		return strings.TrimPrefix(m.ana.Ask().Text("resource"), "scim_token:")
	}},
	"passkey":  {"passkeys", "session", passkey},
	"webhook":  {"webhooks", "workspace", webhook},
	"recovery": {"recovery_requests", "session", recovery},
	"call":     {shared: "workspace"}, // tried with an id of nothing; the log of a workspace is tested where it lives
	"domain":   {shared: "workspace"}, // likewise
	"event":    {"audit_events", "workspace", func(t *testing.T, m *stage) string { return first(t, m.ana.Do("GET", "/v1/activity", nil), "id") }},
	"export": {"audit_exports", "session", func(_ *testing.T, m *stage) string {
		return m.ana.Do("POST", "/v1/activity/exports", map[string]string{"format": "csv"}).Text("id")
	}},
}

// webhook adds one to Ana's workspace.
func webhook(t *testing.T, m *stage) string {
	t.Helper()
	r := m.ana.Do("POST", "/v1/webhooks", map[string]any{"url": "https://8.8.8.8/hook", "events": []string{"user"}})
	if r.Status != http.StatusCreated {
		t.Fatalf("a webhook: %d %s", r.Status, r.Body)
	}
	return first(t, m.ana.Do("GET", "/v1/webhooks", nil), "id")
}

// passkey adds one to Ana's account.
func passkey(t *testing.T, m *stage) string {
	t.Helper()
	r := m.ana.Do("POST", "/v1/passkeys/options", empty)
	options, err := json.Marshal(r.JSON["options"])
	if err != nil {
		t.Fatal(err)
	}
	key := softkey.New(apitest.PublicURL, "localhost")
	r = m.ana.Do("POST", "/v1/passkeys", map[string]any{"ceremony": r.Text("ceremony"), "name": "Laptop", "response": json.RawMessage(key.Create(options))})
	if r.Status != http.StatusCreated {
		t.Fatalf("a passkey: %d %s", r.Status, r.Body)
	}
	return first(t, m.ana.Do("GET", "/v1/passkeys", nil), "id")
}

// recovery is Cleo, who lost her phone, asking Ana.
func recovery(t *testing.T, m *stage) string {
	t.Helper()
	by := actor.Actor{Kind: actor.Person, Workspace: m.owner.Workspace, Person: m.owner.ID, Role: string(m.owner.Role)}
	cleo := m.colleague(t, by, "cleo", directory.SuperAdmin)
	cleo.Pair(phonesim.Options{})
	r := cleo.Do("POST", "/v1/recovery/requests", map[string]string{"approver_id": m.owner.ID})
	if r.Status != http.StatusCreated {
		t.Fatalf("asking a colleague: %d %s", r.Status, r.Body)
	}
	return r.Text("id")
}

// first is a member of a list's first item.
func first(t *testing.T, r apitest.Reply, name string) string {
	t.Helper()
	items, _ := r.JSON["items"].([]any)
	if len(items) == 0 {
		t.Fatalf("an empty list: %d %s", r.Status, r.Body)
	}
	text, _ := items[0].(map[string]any)[name].(string)
	return text
}

// stage is a service with everybody who could come to a route.
type stage struct {
	demo
	owner    directory.Person
	objects  map[string]string
	browsers map[string]*apitest.Browser // who is nobody, or no longer somebody
	strange  map[string]*apitest.Browser // who is somebody else
	phones   map[string]*phonesim.Phone  // other phones
	gone     *phonesim.Phone
}

func newStage(t *testing.T, s *apitest.Site) *stage {
	t.Helper()
	m := &stage{demo: demo{Site: s, ana: s.Owner("acme")}, objects: map[string]string{}}
	expired := s.Browser()
	expired.SignIn("acme", "ana@acme.test")
	s.Offset.Advance(13 * time.Hour)
	m.ana.SignIn("acme", "ana@acme.test")
	m.phone = m.ana.Pair(phonesim.Options{})
	m.owner = owner(t, s.World, "acme", "ana@acme.test")
	ana := actor.Actor{Kind: actor.Person, Workspace: m.owner.Workspace, Person: m.owner.ID, Role: string(m.owner.Role)}
	ben := m.colleague(t, ana, "ben", directory.Admin)
	eve := s.Owner("evil")
	left := s.Browser()
	left.SignIn("acme", "ana@acme.test")
	if r := left.Do("DELETE", "/v1/session", nil); r.Status != http.StatusNoContent {
		t.Fatalf("signing out: %d", r.Status)
	}
	second := s.Browser()
	second.SignIn("acme", "ana@acme.test")
	m.browsers = map[string]*apitest.Browser{"nobody": s.Browser(), "an expired session": expired, "a session that signed out": left}
	m.strange = map[string]*apitest.Browser{"another session": second, "another person": ben, "another workspace": eve}
	m.objects["confirmation"] = owned["confirmation"].make(t, m) // before further phones are paired: those are not asked
	m.phones = map[string]*phonesim.Phone{"another person's phone": ben.Pair(phonesim.Options{}), "another workspace's phone": eve.Pair(phonesim.Options{}), "another phone of hers": m.second(t)}
	m.gone = m.second(t)
	if err := m.gone.Remove(s.Ctx); err != nil {
		t.Fatal(err)
	}
	for _, r := range routes(s) {
		if kind := owned[r.object]; kind.make != nil && m.objects[r.object] == "" {
			m.objects[r.object] = kind.make(t, m)
		}
	}
	return m
}

func (m *stage) colleague(t *testing.T, by actor.Actor, name string, role directory.Role) *apitest.Browser {
	t.Helper()
	b := m.Browser()
	email := name + "@acme.test"
	r := m.ana.Do("POST", "/v1/people", map[string]string{"name": name, "email": email, "role": string(role)})
	link := r.Text("link")
	_, secret, ok := strings.Cut(link, "#")
	if !ok {
		t.Fatalf("adding %s: %d %s", name, r.Status, r.Body)
	}
	if p := b.Do("POST", "/v1/session/password", map[string]string{"token": secret, "password": apitest.Password}); p.Status != http.StatusNoContent {
		t.Fatalf("password of %s: %d %s", name, p.Status, p.Body)
	}
	b.SignIn("acme", email)
	return b
}

// second pairs one more phone of Ana's, past the confirmation that a browser would need: it is not what is tested here.
func (m *stage) second(t *testing.T) *phonesim.Phone {
	t.Helper()
	by := m.Session(m.owner)
	par, err := m.Devices.Begin(m.Ctx, by, free)
	if err != nil {
		t.Fatal(err)
	}
	p := phonesim.New(m.Server.URL, phonesim.Options{})
	if _, err := p.Pair(m.Ctx, par.Link); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Devices.Match(m.Ctx, by, par.ID, true); err != nil {
		t.Fatal(err)
	}
	if err := p.WaitMatched(m.Ctx); err != nil {
		t.Fatal(err)
	}
	return p
}

// asWritten are the columns that stay as they were written of what the service's own loops write on.
var asWritten = map[string][]string{
	"webhook": {"id", "workspace_id", "url", "events", "secret", "old_secret", "created_by"},
	"event":   {"id", "workspace_id", "event", "subject", "detail"},
	"export":  {"id", "workspace_id", "person_id", "format", "query"},
}

// rows are Ana's objects as the database has them, without when somebody was last seen.
func (m *stage) rows(t *testing.T) string {
	t.Helper()
	var all []string
	for _, kind := range slices.Sorted(maps.Keys(m.objects)) {
		if owned[kind].table == "" || m.objects[kind] == "" {
			continue
		}
		row := map[string]any{}
		if err := m.DB.Read(m.Ctx).Table(owned[kind].table).Where("id = ?", m.objects[kind]).Take(&row).Error; err != nil {
			t.Fatal(err)
		}
		delete(row, "last_seen_at")
		delete(row, "last_used_at")
		delete(row, "handed_on_at") // by mail, by a loop of its own
		if only := asWritten[kind]; only != nil {
			maps.DeleteFunc(row, func(column string, _ any) bool { return !slices.Contains(only, column) })
		}
		all = append(all, fmt.Sprint(kind, row))
	}
	return strings.Join(all, "\n")
}

// call is one route with its parameters filled in.
type call struct {
	name, method, path string
	body               any
	auth, object       string
}

func (m *stage) calls() []call {
	var out []call
	for _, r := range routes(m.Site) {
		c := call{name: r.name, method: r.method, auth: r.auth, object: r.object, body: bodies[r.name],
			path: strings.NewReplacer(":id", cmp.Or(m.objects[r.object], "x_unknown"), ":slug", "acme", ":domain", "unknown.test").Replace(r.pattern)}
		if c.body == nil && r.method != http.MethodGet && r.method != http.MethodDelete {
			c.body = empty
		}
		out = append(out, c)
	}
	return out
}

// TestA07_NobodyReachesWhatIsNotTheirs: every route of console, dialog and phone, with every kind of wrong credential. Who is nobody gets 401
// with the same bytes everywhere, who is somebody else 404; other methods 405; no row changes.
func TestA07_NobodyReachesWhatIsNotTheirs(t *testing.T) {
	apitest.Doors(t, func(t *testing.T, s *apitest.Site) {
		m := newStage(t, s)
		before := m.rows(t)
		tried := 0
		for _, c := range m.calls() {
			if strings.HasSuffix(c.path, "/ws") {
				tried += m.dialled(t, c)
				continue
			}
			switch c.auth {
			case session:
				tried += m.asBrowsers(t, c)
			case phone:
				tried += m.asPhones(t, c)
			}
			tried += m.otherMethods(t, c)
			if after := m.rows(t); after != before {
				t.Fatalf("%s changed something:\n%s\nwas\n%s", c.name, after, before)
			}
		}
		if state := m.state(m.objects["confirmation"]); state != "pending" {
			t.Errorf("the confirmation is %s", state)
		}
		t.Logf("%d calls over %d routes", tried, len(s.Routes))
	})
}

func (m *stage) asBrowsers(t *testing.T, c call) (tried int) {
	t.Helper()
	for who, b := range m.browsers {
		refusal(t, c.name+" by "+who, b.Do(c.method, c.path, c.body), 401, "unauthorized")
		tried++
	}
	if c.object == "" {
		return tried
	}
	for who, b := range m.strange {
		if owned[c.object].shared != "" && who == "another session" || owned[c.object].shared == "workspace" && who == "another person" {
			continue
		}
		refusal(t, c.name+" by "+who, b.Do(c.method, c.path, c.body), 404, "not_found")
		tried++
	}
	return tried
}

func (m *stage) asPhones(t *testing.T, c call) (tried int) {
	t.Helper()
	var body []byte
	if c.body != nil {
		var err error
		if body, err = json.Marshal(c.body); err != nil {
			t.Fatal(err)
		}
	}
	for how, edit := range map[string]func(*phonesim.Request){
		"without a signature":       phonesim.WithoutSignature(),
		"signed by a stranger":      phonesim.SignedBy(phonesim.NewKey()),
		"in a removed phone's name": phonesim.AsDevice(m.gone.Identity().Device),
	} {
		_, err := m.phone.Do(m.Ctx, c.method, c.path, body, edit)
		problem(t, c.name+" "+how, err, 401, "unauthorized")
		tried++
	}
	_, err := m.gone.Do(m.Ctx, c.method, c.path, body)
	problem(t, c.name+" by a removed phone", err, 401, "unauthorized")
	_, err = m.phone.Do(m.Ctx, c.method, c.path, body, phonesim.At(time.Now()))
	problem(t, c.name+" signed half a day ago", err, 401, "clock_skew")
	refusal(t, c.name+" by her browser", m.ana.Do(c.method, c.path, c.body), 401, "unauthorized")
	tried += 3
	if c.object == "" {
		return tried
	}
	for who, p := range m.phones {
		_, err := p.Do(m.Ctx, c.method, c.path, body)
		problem(t, c.name+" by "+who, err, 404, "not_found")
		tried++
	}
	return tried
}

// otherMethods are those that no line of the matrix has for this path.
func (m *stage) otherMethods(t *testing.T, c call) (tried int) {
	t.Helper()
	_, pattern, _ := strings.Cut(c.name, " ")
	for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
		if taken(m.Site, method, pattern) {
			continue
		}
		var body any
		if method != "GET" && method != "DELETE" {
			body = empty
		}
		if r := m.ana.Do(method, c.path, body); r.Status != http.StatusMethodNotAllowed {
			t.Errorf("%s %s: %d %s, want 405", method, pattern, r.Status, r.Body)
		}
		tried++
	}
	return tried
}

// taken says whether some route takes that method on that path, under a parameter too.
func taken(s *apitest.Site, method, path string) bool {
	want := strings.Split(path, "/")
	return slices.ContainsFunc(s.Routes, func(r gin.RouteInfo) bool {
		return r.Method == method && slices.EqualFunc(strings.Split(r.Path, "/"), want, func(p, w string) bool { return p == w || strings.HasPrefix(p, ":") })
	})
}

func (m *stage) dialled(t *testing.T, c call) (tried int) {
	t.Helper()
	for _, all := range []map[string]*apitest.Browser{m.browsers, m.strange} {
		for who, b := range all {
			if _, res, err := b.Dial(m.objects[c.object], nil); err == nil || res.StatusCode != http.StatusNotFound {
				t.Errorf("%s by %s: %v", c.name, who, err)
			}
			tried++
		}
	}
	return tried
}

// Every GET of the console only looks; every other call of it refuses another site's page and every body that is not JSON.
func TestNoGETWritesAndNoOtherSiteDoes(t *testing.T) {
	apitest.Doors(t, func(t *testing.T, s *apitest.Site) {
		m := newStage(t, s)
		before := m.rows(t)
		for _, c := range m.calls() {
			if strings.HasSuffix(c.path, "/ws") || strings.HasPrefix(c.path, "/v1/device/") || c.path == "/v1/device" {
				continue
			}
			if c.method == http.MethodGet {
				if r := m.ana.Do(c.method, c.path, nil); r.Status >= 500 || r.Header.Get("Cache-Control") != "no-store" {
					t.Errorf("%s: %d, Cache-Control %q", c.name, r.Status, r.Header.Get("Cache-Control"))
				}
			} else if c.name == fromElsewhere {
				postFromElsewhere(t, s, c.path)
			} else {
				r := m.ana.Send(c.method, c.path, `{}`, http.Header{"Content-Type": {"application/json"}, "Origin": {"https://evil.test"}, "Sec-Fetch-Site": {"cross-site"}})
				refusal(t, c.name+" from another site", r, 403, "cross_origin")
				r = m.ana.Send(c.method, c.path, `{}`, http.Header{"Content-Type": {"text/plain"}})
				refusal(t, c.name+" as a form would send it", r, 415, "malformed")
			}
			if after := m.rows(t); after != before {
				t.Fatalf("%s changed something:\n%s\nwas\n%s", c.name, after, before)
			}
		}
	})
}

// Ids, queries and headers that no honest client sends are refused or not found, on every route and both databases alike.
func TestNoTextMakesTheServiceStumble(t *testing.T) {
	apitest.Doors(t, func(t *testing.T, s *apitest.Site) {
		m := newStage(t, s)
		for _, c := range m.calls() {
			_, pattern, _ := strings.Cut(c.name, " ")
			ids := []string{"x"}
			if strings.Contains(pattern, ":") {
				ids = []string{"%00", "%ff%fe", "a%2fb", "..%2f..", strings.Repeat("a", 3000), "%f0%9f%98%80", "%27%20OR%201=1--", "%25", "-1"}
			}
			for _, id := range ids {
				path := strings.NewReplacer(":id", id, ":slug", id, ":domain", id).Replace(pattern)
				if c.method == http.MethodGet {
					path += "?wait=%00&since=%ff&since_version=1e9&state=%ff&limit=99999999999999999999&cursor=%ff&search=%00%ff&q=%00&sort=%ff"
				}
				if c.method == http.MethodDelete && !strings.Contains(pattern, ":") {
					continue // would really do it
				}
				var status int
				if c.auth == phone {
					status = m.signedStatus(t, c, path)
				} else {
					status = m.ana.Do(c.method, path, c.body).Status
				}
				if status >= 500 || status < 300 && strings.Contains(pattern, ":") {
					t.Errorf("%s with %.30q: %d", c.name, path, status)
				}
			}
		}
		bad := "\xff\xfe\u202e"
		for name, h := range map[string]http.Header{
			"a User-Agent":        {"User-Agent": {bad}},
			"a workspace":         {signin.WorkspaceHeader: {bad}},
			"a signature":         {"X-Device-Sig": {"v1;dev=" + bad + ";ts=1;jti=AAAAAAAAAAAAAAAAAAAAAA;sig=AA"}},
			"a cookie":            {"Cookie": {"countersign=" + bad + "; countersign-browser=" + bad}},
			"a forwarded address": {"X-Forwarded-For": {bad}},
			"a language":          {"Accept-Language": {bad}},
		} {
			for _, path := range []string{"/v1/session", "/v1/device", "/v1/people", "/v1/confirmations/cnf_x"} {
				if r := m.ana.Send("GET", path, "", h); r.Status >= 500 {
					t.Errorf("%s of nonsense on %s: %d %s", name, path, r.Status, r.Body)
				}
			}
			h.Set("Content-Type", "application/json")
			for path, body := range map[string]string{
				"/v1/session":                      `{"workspace":"acme\u0000","email":"a\u0000@b.c","password":"x\u0000\ud800"}`,
				"/v1/people":                       `{"name":"a\u0000b","email":"nul\u0000@acme.test","role":"user"}`,
				"/v1/confirmations":                `{"action":"scim.token.reveal","resource":"scim_token:\u0000"}`,
				"/v1/pairings":                     `{"confirmation_id":"\u0000"}`,
				"/v1/session/password":             `{"token":"\u0000","password":"correct horse battery"}`,
				"/v1/setup":                        `{"code":"\u0000","workspace":{"slug":"\u0000","name":"\u0000"},"owner":{"name":"\u0000","email":"\u0000","password":"\u0000"}}`,
				"/v1/device/pairings/resolve":      `{"code":"\u0000"}`,
				"/v1/device/pairings/par_x/claim":  `{"payload":"AA","sig_uv":"AA","sig_poll":"AA"}`,
				"/v1/device/pairings/%00/claim":    `{"payload":"e30","sig_uv":"AA","sig_poll":"AA"}`,
				"/v1/people/%ff/password-link":     `{}`,
				"/v1/confirmations/%00%ff/resend":  `{}`,
				"/v1/session/recover":              `{"token":"\u0000\ud800"}`,
				"/v1/confirmations/cnf_\xff/event": `{"event":"\u0000"}`,
			} {
				if r := m.ana.Send("POST", path, body, h); r.Status >= 500 {
					t.Errorf("%s of nonsense and %s to %s: %d %s", name, body, path, r.Status, r.Body)
				}
			}
		}
		// A phone with a nonsensical name, and a claim by a nonsensical agent.
		by := m.Session(owner(t, s.World, "evil", "ana@evil.test"))
		par, err := m.Devices.Begin(m.Ctx, by, free)
		if err != nil {
			t.Fatal(err)
		}
		p := phonesim.New(s.Server.URL, phonesim.Options{Name: "a\x00b\u202ec", OS: "\x00", App: "\u0000", HTTP: &http.Client{Transport: agent(bad)}})
		if _, err := p.Pair(s.Ctx, par.Link); err != nil {
			t.Errorf("a claim: %v", err)
		}
	})
}

// agent is a transport that calls itself something.
type agent string

// RoundTrip is http.RoundTripper.
func (a agent) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("User-Agent", string(a))
	return http.DefaultTransport.RoundTrip(r)
}

func (m *stage) signedStatus(t *testing.T, c call, path string) int {
	t.Helper()
	var body []byte
	if c.body != nil {
		var err error
		if body, err = json.Marshal(c.body); err != nil {
			t.Fatal(err)
		}
	}
	r, err := m.phone.Do(m.Ctx, c.method, path, body)
	if err == nil {
		return r.Status
	}
	var p *phonesim.Problem
	if !asProblem(err, &p) {
		t.Errorf("%s %.40q: %v", c.method, path, err)
		return 0
	}
	return p.Status
}

package consoleapi_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/ident"
	"github.com/countersign/countersign/internal/signin"
	"github.com/countersign/countersign/internal/softkey"
	"github.com/countersign/countersign/internal/workspace"
)

func setupBody(code string) map[string]any {
	return map[string]any{"code": code, "workspace": map[string]any{"slug": "acme", "name": "Acme"},
		"owner": map[string]any{"name": "Ana Kovač", "email": "ana@acme.test", "password": password}}
}

// The Owner of a fresh service can have a passkey in place of a password.
func TestSetupWithAPasskey(t *testing.T) {
	onBoth(t, func(w *world) {
		code, err := workspace.NewSetupCode(w.Context(), w.db)
		w.must(err)
		b := w.visited()
		body := func(changes ...any) map[string]any {
			owner := map[string]any{"name": "Ana Kovač", "email": "ana@acme.test"}
			for i := 0; i < len(changes); i += 2 {
				owner[changes[i].(string)] = changes[i+1]
			}
			out := setupBody(code)
			out["owner"] = owner
			return out
		}
		made := func(b *browser, key *softkey.Key) map[string]any {
			a := b.post("/v1/setup/passkey", body()).is(200)
			return map[string]any{"ceremony": a.text("ceremony"), "name": "Laptop", "response": json.RawMessage(key.Create(options(a)))}
		}
		wrong := body()
		wrong["code"] = "AAAA-BBBB-CCCC-DDDD"
		b.post("/v1/setup/passkey", wrong).is(422, "wrong_setup_code")
		bad := body("email", "nowhere")
		b.post("/v1/setup/passkey", bad).is(400, "bad_email") // before somebody makes a passkey that leads nowhere
		b.post("/v1/setup", body()).is(400, "weak_password")  // neither the one nor the other
		key := softkey.New(consoleOrigin, "localhost")
		b.post("/v1/setup", body("password", password, "passkey", made(b, key))).is(400, "malformed")
		w.visited().post("/v1/setup", body("passkey", made(b, key))).is(410, "ceremony_over") // begun in another browser
		for what, change := range map[string]func(*softkey.Key){
			"of another relying party":      func(k *softkey.Key) { k.RPID = "evil.test" },
			"made by another page":          func(k *softkey.Key) { k.Origin = "http://evil.test" },
			"whose holder was not verified": func(k *softkey.Key) { k.NoUV = true },
		} {
			evil := softkey.New(consoleOrigin, "localhost")
			change(evil)
			if a := b.post("/v1/setup", body("passkey", made(b, evil))); a.status != 401 || a.text("code") != "wrong_passkey" {
				w.Errorf("a passkey %s: %d %s", what, a.status, a.raw)
			}
		}
		if a := b.get("/v1/setup").is(200); a.at("needed") != true {
			w.Errorf("what was refused made something: %s", a.raw)
		}

		answer := made(b, key)
		owner := b.post("/v1/setup", body("passkey", answer)).is(201).text("owner.id")
		if a := b.get("/v1/session").is(200); a.text("person.id") != owner || a.text("person.role") != "owner" {
			w.Errorf("signed in: %s", a.raw)
		}
		if a := b.get("/v1/sessions").is(200); a.text("items.0.method") != "passkey" {
			w.Errorf("sessions: %s", a.raw)
		}
		if a := w.visited().withPasskey("acme", key).is(200); a.text("person.id") != owner {
			w.Errorf("later signed in as %s", a.raw)
		}
		w.browser().post("/v1/session", map[string]any{"workspace": "acme", "email": "ana@acme.test", "password": ""}).is(401, "wrong_credentials")
		b.post("/v1/setup/passkey", body()).is(409, "already_set_up")
		b.post("/v1/setup", body("passkey", answer)).is(409, "already_set_up")
		link := b.post("/v1/people/"+owner+"/password-link", nil).is(201).text("link") // and a password, when she wants one
		_, secret, _ := strings.Cut(link, "#")
		w.browser().post("/v1/session/password", map[string]any{"token": secret, "password": password}).is(204)
		w.signedIn("acme", "ana@acme.test")
	})
}

func TestSetup(t *testing.T) {
	onBoth(t, func(w *world) {
		code, err := workspace.NewSetupCode(w.Context(), w.db)
		w.must(err)
		b := w.browser()
		if a := b.get("/v1/setup").is(200); a.at("needed") != true || a.text("brand") != "Countersign" {
			w.Errorf("before: %s", a.raw)
		}
		weak := setupBody(code)
		weak["owner"] = map[string]any{"name": "Ana", "email": "ana@acme.test", "password": "short"}
		b.post("/v1/setup", weak).is(400, "weak_password")
		bad := setupBody(code)
		bad["workspace"] = map[string]any{"slug": "Not A Slug", "name": "Acme"}
		b.post("/v1/setup", bad).is(400, "bad_slug")
		b.post("/v1/session", map[string]any{"workspace": "acme", "email": "ana@acme.test", "password": password}).is(401, "wrong_credentials")

		a := b.post("/v1/setup", setupBody(strings.ToLower(code))).is(201)
		if a.text("workspace.slug") != "acme" || !strings.HasPrefix(a.text("workspace.id"), "wsp_") || !strings.HasPrefix(a.text("owner.id"), "ppl_") {
			w.Errorf("made: %s", a.raw)
		}
		if s := b.get("/v1/session").is(200); s.text("person.role") != "owner" || s.text("person.name") != "Ana Kovač" || s.text("workspace.name") != "Acme" {
			w.Errorf("signed in as: %s", s.raw)
		}
		if a := b.get("/v1/directory").is(200); a.text("token.state") != "active" || a.text("token.created_by") != "Ana Kovač" {
			w.Errorf("the first token: %s", a.raw)
		}
		b.post("/v1/setup", setupBody(code)).is(409, "already_set_up")
		if a := w.browser().get("/v1/setup").is(200); a.at("needed") != false {
			w.Errorf("after: %s", a.raw)
		}
		w.browser().get("/v1/workspaces/acme").is(200)
		w.browser().get("/v1/workspaces/beta").is(404, "not_found")
		w.browser().get("/v1/workspaces/%00").is(404, "not_found")
	})
}

func TestWrongSetupCodes(t *testing.T) {
	onBoth(t, func(w *world) {
		code, err := workspace.NewSetupCode(w.Context(), w.db)
		w.must(err)
		b := w.browser()
		for left := 4; left >= 0; left-- {
			if a := b.post("/v1/setup", setupBody("AAAA-BBBB-CCCC-DDDD")).is(422, "wrong_setup_code"); a.number("tries_left") != left {
				w.Errorf("tries left: %s, want %d", a.raw, left)
			}
		}
		if a := b.post("/v1/setup", setupBody(code)).is(429, "rate_limited"); a.header.Get("Retry-After") == "" {
			w.Error("no Retry-After")
		}
		b.at("192.0.2.99").post("/v1/setup", setupBody(code)).is(429, "rate_limited") // the same network
		b.at("198.51.100.1").post("/v1/setup", setupBody(code)).is(201)
	})
}

func TestSignIn(t *testing.T) {
	onBoth(t, func(w *world) {
		made := w.workspace("acme", "ana@acme.test")
		_, _, err := w.signIn.Invite(w.Context(), actorOf(made), "Dan", "dan@acme.test", directory.User)
		w.must(err)
		for _, tt := range []struct {
			name, slug, email, password string
			status                      int
		}{
			{name: "right", slug: "acme", email: "ana@acme.test", password: password, status: 200},
			{name: "another letter case", slug: "acme", email: " ANA@acme.test ", password: password, status: 200},
			{name: "wrong password", slug: "acme", email: "ana@acme.test", password: "wrong horse battery", status: 401},
			{name: "unknown person", slug: "acme", email: "nobody@acme.test", password: password, status: 401},
			{name: "unknown workspace", slug: "beta", email: "ana@acme.test", password: password, status: 401},
			{name: "a person without a password", slug: "acme", email: "dan@acme.test", password: "", status: 401},
			{name: "nothing", status: 401},
			{name: "NUL", slug: "acme", email: "ana\x00@acme.test", password: "\x00", status: 401},
		} {
			w.Run(tt.name, func(t *testing.T) {
				a := w.browser().post("/v1/session", map[string]any{"workspace": tt.slug, "email": tt.email, "password": tt.password}).is(tt.status)
				if tt.status == 401 && (a.text("code") != "wrong_credentials" || len(sessionCookies(a)) != 0) {
					t.Errorf("%s, cookies %v", a.raw, a.cookies)
				}
				if tt.status == 200 && (a.text("person.email") != "ana@acme.test" || a.text("workspace.slug") != "acme" || a.text("companion_url") == "") {
					t.Errorf("%s", a.raw)
				}
			})
		}
		wrong := func(email string) string {
			a := w.browser().post("/v1/session", map[string]any{"workspace": "acme", "email": email, "password": "wrong horse battery"})
			return a.raw
		}
		if known, unknown := wrong("ana@acme.test"), wrong("nobody@acme.test"); known != unknown {
			w.Errorf("tells who exists:\n%s\n%s", known, unknown)
		}
	})
}

func sessionCookies(a answer) []*http.Cookie {
	return slices.DeleteFunc(slices.Clone(a.cookies), func(c *http.Cookie) bool { return strings.HasSuffix(c.Name, "-browser") })
}

// TestTwoWorkspacesInOneBrowser also has the same e-mail address in both.
func TestTwoWorkspacesInOneBrowser(t *testing.T) {
	onBoth(t, func(w *world) {
		acme, beta := w.workspace("acme", "ana@acme.test"), w.workspace("beta", "ana@acme.test")
		b := w.signedIn("acme", "ana@acme.test")
		a := b.signIn("beta", "ana@acme.test")
		if got := a.texts("workspaces", "slug"); !slices.Equal(got, []string{"beta", "acme"}) || a.text("workspaces.1.person.id") != acme.Owner.ID {
			w.Errorf("workspaces of this browser: %s", a.raw)
		}
		for _, tt := range []struct{ slug, want string }{{"", beta.Owner.ID}, {"acme", acme.Owner.ID}, {"beta", beta.Owner.ID}} {
			if a := b.in(tt.slug).get("/v1/session").is(200); a.text("person.id") != tt.want {
				w.Errorf("as %q: %s", tt.slug, a.raw)
			}
		}
		b.in("gamma").get("/v1/session").is(401, "unauthorized")
		b.in("acme").get("/v1/people/"+beta.Owner.ID).is(404, "not_found")
		b.in("beta").get("/v1/people/" + beta.Owner.ID).is(200)

		for _, made := range []signin.Created{acme, beta} { // as a websocket asks, which cannot send the header
			r := httptest.NewRequest("GET", "/", nil)
			r.AddCookie(&http.Cookie{Name: "countersign", Value: b.cookie("countersign")})
			if by, err := w.signIn.In(r, made.Workspace.ID); err != nil || by.Person != made.Owner.ID || by.IP == "" {
				w.Errorf("in %s: %+v, %v", made.Workspace.Slug, by, err)
			}
			if _, err := w.signIn.In(r, "wsp_none"); !errors.Is(err, fault.ErrUnauthorized) {
				w.Errorf("in none: %v", err)
			}
		}

		b.delete("/v1/session", nil).is(204)
		for _, slug := range []string{"", "acme", "beta"} {
			b.in(slug).get("/v1/session").is(401, "unauthorized")
		}
	})
}

func TestSessionIsRotated(t *testing.T) {
	onBoth(t, func(w *world) {
		acme := w.workspace("acme", "ana@acme.test")
		w.workspace("beta", "ana@acme.test")
		b := w.signedIn("acme", "ana@acme.test")
		first := b.cookie("countersign")
		b.signIn("beta", "ana@acme.test")
		second := b.cookie("countersign")
		if first == "" || first == second {
			w.Fatal("the session is the old one")
		}
		w.carrying("countersign", first).get("/v1/session").is(401, "unauthorized")
		if len(w.ended) != 1 || w.ended[0].Person != acme.Owner.ID || string(w.ended[0].Session) != string(ident.Hash(first)) {
			w.Errorf("who was told that the old session is over: %+v", w.ended)
		}
		var rows []string
		w.must(w.db.Read(w.Context()).Raw("SELECT token_hash FROM sessions").Scan(&rows).Error)
		if len(rows) != 1 || strings.Contains(rows[0], second) {
			w.Errorf("sessions kept: %d", len(rows))
		}

		planted := w.carrying("countersign", "planted-by-somebody-else-in-this-browser---")
		planted.signIn("acme", "ana@acme.test")
		if planted.cookie("countersign") == "planted-by-somebody-else-in-this-browser---" {
			w.Error("a planted session was taken over")
		}
		w.carrying("countersign", "planted-by-somebody-else-in-this-browser---").get("/v1/session").is(401, "unauthorized")
		b.in("beta").get("/v1/session").is(200) // another browser's sign-in touches nothing here
	})
}

// TestAnotherPersonInTheSameBrowser: signing in to a workspace again replaces who was signed in there.
func TestAnotherPersonInTheSameBrowser(t *testing.T) {
	onBoth(t, func(w *world) {
		acme := w.workspace("acme", "ana@acme.test")
		dan := w.person(acme.Workspace, "dan@acme.test", directory.User)
		b := w.signedIn("acme", "ana@acme.test")
		if a := b.signIn("acme", "dan@acme.test"); a.text("person.id") != dan.ID || len(a.texts("workspaces", "slug")) != 1 {
			w.Errorf("signed in as %s", a.raw)
		}
	})
}

func TestSignOut(t *testing.T) {
	onBoth(t, func(w *world) {
		acme := w.workspace("acme", "ana@acme.test")
		b, other := w.signedIn("acme", "ana@acme.test"), w.signedIn("acme", "ana@acme.test")
		old := b.cookie("countersign")
		a := b.send("DELETE", "/v1/session", "", nil).is(204)
		if c := sessionCookies(a); len(c) != 1 || c[0].MaxAge >= 0 || c[0].Value != "" {
			w.Errorf("the cookie stays: %v", c)
		}
		w.carrying("countersign", old).get("/v1/session").is(401, "unauthorized")
		other.get("/v1/session").is(200)
		if len(w.ended) != 1 || w.ended[0].Person != acme.Owner.ID || w.ended[0].Workspace != acme.Workspace.ID || string(w.ended[0].Session) != string(ident.Hash(old)) {
			w.Errorf("who was told: %+v", w.ended)
		}
		w.browser().delete("/v1/session", nil).is(204)
		events, err := audit.Newest(w.db.Read(w.Context()), acme.Workspace.ID, 1)
		if err != nil || events[0].Event != "session.ended" {
			w.Errorf("audit: %+v, %v", events, err)
		}
	})
}

func TestDeactivationEndsSessionsAtOnce(t *testing.T) {
	onBoth(t, func(w *world) {
		acme := w.workspace("acme", "ana@acme.test")
		dan := w.person(acme.Workspace, "dan@acme.test", directory.User)
		owner, b := w.signedIn("acme", "ana@acme.test"), w.signedIn("acme", "dan@acme.test")
		link := owner.post("/v1/people/"+dan.ID+"/password-link", nil).is(201).text("link")
		b.get("/v1/session").is(200)
		if a := owner.patch("/v1/people/"+dan.ID, map[string]any{"active": false}).is(200); a.at("active") != false {
			w.Errorf("answered %s", a.raw)
		}
		b.get("/v1/session").is(401, "unauthorized")
		signIn := func(with string) answer {
			return w.browser().post("/v1/session", map[string]any{"workspace": "acme", "email": "dan@acme.test", "password": with})
		}
		signIn(password).is(403, "deactivated")
		signIn("wrong horse battery").is(401, "wrong_credentials")
		w.browser().post("/v1/session/password", map[string]any{"token": secret(link), "password": password}).is(404, "not_found")
		owner.post("/v1/people/"+dan.ID+"/password-link", nil).is(409, "person_inactive")

		owner.patch("/v1/people/"+dan.ID, map[string]any{"active": true}).is(200)
		b.get("/v1/session").is(401, "unauthorized") // the old session stays over
		signIn(password).is(200)
	})
}

// TestSignInWhileDeactivated: whichever comes first, nobody who is deactivated stays signed in.
func TestSignInWhileDeactivated(t *testing.T) {
	onBoth(t, func(w *world) {
		acme := w.workspace("acme", "ana@acme.test")
		dan := w.person(acme.Workspace, "dan@acme.test", directory.User)
		for range 4 {
			var wg sync.WaitGroup
			for range 3 {
				b := w.browser()
				wg.Go(func() {
					b.post("/v1/session", map[string]any{"workspace": "acme", "email": "dan@acme.test", "password": password}).isOneOf(200, 403)
				})
			}
			wg.Go(func() {
				if _, err := w.directory.Change(w.Context(), actorOf(acme), dan.ID, nil, new(false)); err != nil {
					w.Error(err)
				}
			})
			wg.Wait()
			var left int
			w.must(w.db.Read(w.Context()).Raw("SELECT count(*) FROM sign_ins WHERE person_id = ?", dan.ID).Scan(&left).Error)
			if left != 0 {
				w.Errorf("%d sessions of a deactivated person", left)
			}
			if _, err := w.directory.Change(w.Context(), actorOf(acme), dan.ID, nil, new(true)); err != nil {
				w.Fatal(err)
			}
		}
	})
}

// TestWrongPasswords: guessing stops, and the Owner can still get in from elsewhere, and from here after a while.
func TestWrongPasswords(t *testing.T) {
	onBoth(t, func(w *world) {
		w.workspace("acme", "ana@acme.test")
		try := func(ip, with string) answer {
			return w.browser().at(ip).post("/v1/session", map[string]any{"workspace": "acme", "email": "ana@acme.test", "password": with})
		}
		for range 10 {
			try("192.0.2.1", "wrong horse battery").is(401, "wrong_credentials")
		}
		a := try("192.0.2.200", password).is(429, "rate_limited")
		if s, err := strconv.Atoi(a.header.Get("Retry-After")); err != nil || s < 1 || s > 900 {
			w.Errorf("Retry-After %q", a.header.Get("Retry-After"))
		}
		try("198.51.100.1", password).is(200)
		w.ahead.Store(int64(15*time.Minute + time.Second))
		try("192.0.2.1", password).is(200)
		for range 9 { // a right password has cleared the count
			try("192.0.2.1", "wrong horse battery").is(401)
		}
		try("192.0.2.1", password).is(200)
	})
}

// TestGuessesAtOnce: attempts that arrive together are counted before any of them is answered.
func TestGuessesAtOnce(t *testing.T) {
	onBoth(t, func(w *world) {
		w.workspace("acme", "ana@acme.test")
		statuses := make(chan int, 24)
		for range cap(statuses) {
			b := w.browser()
			go func() {
				statuses <- b.post("/v1/session", map[string]any{"workspace": "acme", "email": "ana@acme.test", "password": "wrong horse battery"}).status
			}()
		}
		got := map[int]int{}
		for range cap(statuses) {
			got[<-statuses]++
		}
		if got[401] != 10 || got[429] != 14 {
			w.Errorf("answers: %v", got)
		}
	})
}

func TestCookies(t *testing.T) {
	for _, tt := range []struct {
		public, name string
		secure       bool
	}{
		{public: "http://localhost:8080", name: "countersign"},
		{public: "https://console.test", name: "__Host-countersign", secure: true},
	} {
		t.Run(tt.public, func(t *testing.T) {
			w := newWorld(t, "sqlite", tt.public)
			w.workspace("acme", "ana@acme.test")
			b := w.browser()
			first := b.get("/v1/setup").is(200)
			if len(first.cookies) != 1 {
				t.Fatalf("cookies before signing in: %v", first.cookies)
			}
			if again := b.get("/v1/setup").is(200); len(again.cookies) != 0 {
				t.Errorf("the browser's cookie is set again: %v", again.cookies)
			}
			a := b.signIn("acme", "ana@acme.test")
			life := map[string]int{tt.name: 7 * 24 * 3600, tt.name + "-browser": 400 * 24 * 3600}
			if len(a.cookies) != 2 {
				t.Fatalf("cookies: %v", a.cookies)
			}
			for _, c := range a.cookies {
				want, known := life[c.Name]
				if !known || c.Secure != tt.secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" {
					t.Errorf("%s", c.Raw)
				}
				if c.MaxAge > want || c.MaxAge < want-60 || len(c.Value) != 43 {
					t.Errorf("%s lives for %d s and has %d characters", c.Name, c.MaxAge, len(c.Value))
				}
			}
			if a.cookies[1].Value != first.cookies[0].Value {
				t.Error("signing in gave the browser another long-lived cookie")
			}
			if a := w.browser().signIn("acme", "ana@acme.test"); len(a.cookies) != 2 {
				t.Errorf("cookies of a browser's first call: %v", a.cookies)
			}
			b.get("/v1/session").is(200)
			if w.carrying(tt.name+"-browser", "rubbish").get("/v1/setup").cookies == nil {
				t.Error("a browser cookie of the wrong form is kept")
			}
			for _, wrong := range []string{"countersign", "__Host-countersign"} {
				if wrong != tt.name {
					w.carrying(wrong, b.cookie(tt.name)).get("/v1/session").is(401)
				}
			}
		})
	}
}

func TestSessionsEnd(t *testing.T) {
	onBoth(t, func(w *world) {
		w.workspace("acme", "ana@acme.test")
		hours := func(n float64) { w.ahead.Add(int64(n * float64(time.Hour))) }

		b := w.signedIn("acme", "ana@acme.test")
		hours(11.9)
		b.get("/v1/session").is(200)
		hours(11.9)
		b.get("/v1/session").is(200)
		hours(12.1)
		b.get("/v1/session").is(401, "unauthorized")

		polls := w.signedIn("acme", "ana@acme.test")
		for range 4 {
			polls.background().get("/v1/session").is(200)
			hours(2.9)
		}
		hours(0.5)
		polls.background().get("/v1/session").is(401, "unauthorized") // polls keep nothing alive

		busy := w.signedIn("acme", "ana@acme.test")
		for range 16 {
			busy.get("/v1/session").is(200)
			hours(10.4)
		}
		hours(2) // 168.4 in all
		busy.get("/v1/session").is(401, "unauthorized")

		w.must(w.signIn.Sweep(w.Context()))
		var left int
		w.must(w.db.Read(w.Context()).Raw("SELECT count(*) FROM sign_ins").Scan(&left).Error)
		if left != 0 {
			w.Errorf("%d rows left of sessions that are over", left)
		}
	})
}

// TestUseIsWrittenOnceAMinute: reading must not write on each call.
func TestUseIsWrittenOnceAMinute(t *testing.T) {
	onBoth(t, func(w *world) {
		w.workspace("acme", "ana@acme.test")
		b := w.signedIn("acme", "ana@acme.test")
		seen := func() time.Time {
			var rows []struct{ LastSeenAt time.Time }
			w.must(w.db.Read(w.Context()).Table("sign_ins").Select("last_seen_at").Scan(&rows).Error)
			return rows[0].LastSeenAt
		}
		first := seen()
		b.get("/v1/session").is(200)
		if !seen().Equal(first) {
			w.Error("written within a minute")
		}
		w.ahead.Store(int64(61 * time.Second))
		b.background().get("/v1/session").is(200)
		if !seen().Equal(first) {
			w.Error("written for a poll")
		}
		b.get("/v1/session").is(200)
		if !seen().After(first) {
			w.Error("not written after a minute")
		}
	})
}

func TestVerify(t *testing.T) {
	onBoth(t, func(w *world) {
		w.workspace("acme", "ana@acme.test")
		b := w.signedIn("acme", "ana@acme.test")
		b.post("/v1/pairings", nil).is(201)
		w.ahead.Store(int64(5*time.Minute + time.Second))
		b.post("/v1/pairings", nil).is(403, "reauthentication_required")
		b.post("/v1/session/verify", map[string]any{"password": "wrong horse battery"}).is(422, "wrong_password")
		b.post("/v1/session/verify", map[string]any{}).is(422, "wrong_password")
		b.post("/v1/pairings", nil).is(403, "reauthentication_required")
		b.post("/v1/session/verify", map[string]any{"password": password}).is(204)
		b.post("/v1/pairings", nil).is(201)
		a := b.get("/v1/session")
		until, err := time.Parse(time.RFC3339Nano, a.text("fresh_until"))
		now, err2 := time.Parse(time.RFC3339Nano, a.text("server_time"))
		if left := until.Sub(now); err != nil || err2 != nil || left <= 4*time.Minute || left > 5*time.Minute {
			w.Errorf("fresh for %v, %v, %v", left, err, err2)
		}
		w.browser().post("/v1/session/verify", map[string]any{"password": password}).is(401, "unauthorized")
		for range 9 { // nine, and the empty one after the right one: the tenth
			b.at("198.51.100.1").post("/v1/session/verify", map[string]any{"password": "wrong horse battery"}).is(422)
		}
		b.at("203.0.113.1").post("/v1/session/verify", map[string]any{"password": ""}).is(422)
		b.at("203.0.113.2").post("/v1/session/verify", map[string]any{"password": password}).is(429, "rate_limited") // a stolen session gains nothing by moving
		w.signedIn("acme", "ana@acme.test")                                                                          // and keeps nobody from signing in
	})
}

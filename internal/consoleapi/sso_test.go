package consoleapi_test

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/workspace"
)

// provider is a small OpenID provider whose answers a test can bend. Everybody who asks is who it says at the moment.
type provider struct {
	*httptest.Server
	t      *testing.T
	key    *rsa.PrivateKey
	kid    string
	claims map[string]any                      // beside those that the protocol sets
	bend   func(header, claims map[string]any) // just before signing
	sign   func(signed []byte) []byte          // nil: RS256 with key
	codes  map[string]url.Values               // by code: what the authorization was asked for
	down   bool
	held   chan struct{} // until it is closed, nobody is answered
}

func newProvider(t *testing.T) *provider {
	p := &provider{t: t, kid: "one", claims: map[string]any{}, codes: map[string]url.Values{}}
	p.roll("one")
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		p.answer(w, map[string]any{"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token",
			"jwks_uri": p.URL + "/keys", "id_token_signing_alg_values_supported": []string{"RS256", "HS256", "none"}})
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		p.answer(w, map[string]any{"keys": []any{map[string]any{"kty": "RSA", "alg": "RS256", "use": "sig", "kid": p.kid,
			"n": encode(p.key.N.Bytes()), "e": encode(big.NewInt(int64(p.key.E)).Bytes())}}})
	})
	mux.HandleFunc("/token", p.token)
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p.held != nil {
			<-p.held
		}
		if p.down {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(p.Close)
	return p
}

// roll gives the provider another key.
func (p *provider) roll(kid string) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		p.t.Fatal(err)
	}
	p.key, p.kid = key, kid
}

func (p *provider) answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func (p *provider) token(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	asked, known := p.codes[r.Form.Get("code")]
	delete(p.codes, r.Form.Get("code"))
	challenge := sha256.Sum256([]byte(r.Form.Get("code_verifier")))
	id, secret, _ := r.BasicAuth()
	if !known || asked.Get("code_challenge") != encode(challenge[:]) || asked.Get("code_challenge_method") != "S256" || id != "console" || secret != "s3cret" {
		w.WriteHeader(http.StatusBadRequest)
		p.answer(w, map[string]any{"error": "invalid_grant"})
		return
	}
	now := time.Now()
	header := map[string]any{"alg": "RS256", "kid": p.kid, "typ": "JWT"}
	claims := map[string]any{"iss": p.URL, "aud": "console", "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(), "nonce": asked.Get("nonce")}
	for k, v := range p.claims {
		claims[k] = v
	}
	if p.bend != nil {
		p.bend(header, claims)
	}
	p.answer(w, map[string]any{"access_token": "a", "token_type": "Bearer", "id_token": p.jwt(header, claims)})
}

func (p *provider) jwt(header, claims map[string]any) string {
	part := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			p.t.Fatal(err)
		}
		return encode(b)
	}
	signed := part(header) + "." + part(claims)
	sign := p.sign
	if sign == nil {
		sign = func(b []byte) []byte {
			sum := sha256.Sum256(b)
			sig, err := rsa.SignPKCS1v15(rand.Reader, p.key, 5, sum[:]) // crypto.SHA256
			if err != nil {
				p.t.Fatal(err)
			}
			return sig
		}
	}
	return signed + "." + encode(sign([]byte(signed)))
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// authorize is what the provider does with somebody who comes with that address: they are who they are, and go back with a code.
func (p *provider) authorize(to string) url.Values {
	u, err := url.Parse(to)
	if err != nil {
		p.t.Fatal(err)
	}
	code := "code-" + u.Query().Get("state")
	p.codes[code] = u.Query()
	return url.Values{"code": {code}, "state": {u.Query().Get("state")}}
}

var entra = map[string]any{"preset": "entra", "name": "Acme Login", "client_id": "console", "client_secret": "s3cret", "claim": "preferred_username", "link_by": "user_name", "jit": false}

func settings(p *provider, changes ...any) map[string]any {
	out := map[string]any{"issuer": p.URL}
	for k, v := range entra {
		out[k] = v
	}
	for i := 0; i < len(changes); i += 2 {
		out[changes[i].(string)] = changes[i+1]
	}
	return out
}

// back is the browser coming back from the provider; it says where it is sent then.
func (b *browser) back(q url.Values) string {
	a := b.get("/v1/sso/callback?" + q.Encode()).is(303)
	return a.header.Get("Location")
}

// sso signs in at the provider, as whom its claims say.
func (b *browser) sso(slug string, p *provider) string {
	return b.back(p.authorize(b.post("/v1/workspaces/"+slug+"/sso", map[string]any{"return_to": "/people"}).is(200).text("url")))
}

// connected is a workspace with a provider that has been tested and is active.
func (w *world) connected(changes ...any) (workspace.Workspace, *browser, *provider) {
	acme := w.workspace("acme", "ana@acme.test")
	p := newProvider(w.T)
	ana := w.signedIn("acme", "ana@acme.test")
	ana.put("/v1/identity-provider", settings(p, changes...)).is(200)
	ana.put("/v1/identity-provider/state", map[string]any{"active": true, "enforced": false}).is(409, "sso_untested")
	p.claims = map[string]any{"sub": "subject-of-ana", "preferred_username": "ana@acme.test", "oid": "oid-of-ana",
		"email": "ana@acme.test", "email_verified": true}
	if to := ana.back(p.authorize(ana.post("/v1/identity-provider/test", map[string]any{}).is(200).text("url"))); to != "/settings/workspace/idp" {
		w.Errorf("after the test the browser goes to %q", to)
	}
	ana.put("/v1/identity-provider/state", map[string]any{"active": true, "enforced": false}).is(200)
	return acme.Workspace, ana, p
}

func TestSigningInAtTheIdentityProvider(t *testing.T) {
	onBoth(t, func(w *world) {
		acme, ana, p := w.connected()
		ben := w.person(acme, "ben@acme.test", directory.User)
		p.claims = map[string]any{"sub": "subject-of-ben", "preferred_username": "BEN@acme.test", "name": "Ben"}
		b := w.visited()
		if name := b.get("/v1/workspaces/acme").is(200).text("sso.name"); name != "Acme Login" {
			w.Errorf("the sign-in page offers %q", name)
		}
		if to := b.sso("acme", p); to != "/people" {
			w.Fatalf("signed in, and sent to %q", to)
		}
		if a := b.get("/v1/session").is(200); a.text("person.id") != ben.ID {
			w.Errorf("signed in as %s", a.raw)
		}
		if m := b.get("/v1/sessions").is(200).text("items.0.method"); m != "oidc" {
			w.Errorf("the method is %q", m)
		}

		p.claims["preferred_username"] = "benjamin@acme.test" // renamed there: still the same person, and the difference is shown
		again := w.visited()
		again.sso("acme", p)
		if a := again.get("/v1/session").is(200); a.text("person.id") != ben.ID {
			w.Errorf("after the rename signed in as %s", a.raw)
		}
		links := ana.get("/v1/people/" + ben.ID + "/sso").is(200)
		if links.text("items.0.claim") != "benjamin@acme.test" || links.at("items.0.matches") != false || links.text("items.0.subject") != "subject-of-ben" {
			w.Errorf("linked: %s", links.raw)
		}

		p.claims = map[string]any{"sub": "subject-of-nobody", "preferred_username": "nobody@acme.test"}
		if to := w.visited().sso("acme", p); to != "/w/acme?sso_error=sso_unknown_person" {
			w.Errorf("somebody unknown goes to %q", to)
		}
	})
}

func TestWhoIsDeactivatedIsRefusedBeforeAnythingIsWritten(t *testing.T) {
	onBoth(t, func(w *world) {
		acme, ana, p := w.connected("jit", true)
		ben := w.person(acme, "ben@acme.test", directory.User)
		ana.patch("/v1/people/"+ben.ID, map[string]any{"active": false}).is(200)
		p.claims = map[string]any{"sub": "subject-of-ben", "preferred_username": "ben@acme.test"}
		if to := w.visited().sso("acme", p); to != "/w/acme?sso_error=deactivated" {
			w.Errorf("goes to %q", to)
		}
		if a := ana.get("/v1/people/" + ben.ID + "/sso").is(200); len(a.at("items").([]any)) != 0 {
			w.Errorf("a link was written: %s", a.raw)
		}
		if n := len(ana.get("/v1/people").is(200).texts("items", "id")); n != 2 {
			w.Errorf("%d people: a second Ben was made", n)
		}
	})
}

func TestPeopleAreMadeWhenTheySignInOnlyWhereThatIsWanted(t *testing.T) {
	onBoth(t, func(w *world) {
		_, ana, p := w.connected("jit", true)
		p.claims = map[string]any{"sub": "subject-of-cleo", "preferred_username": "cleo@acme.test", "name": "Cleo"}
		b := w.visited()
		if to := b.sso("acme", p); to != "/people" {
			w.Fatalf("goes to %q", to)
		}
		if a := b.get("/v1/session").is(200); a.text("person.name") != "Cleo" || a.text("person.role") != "user" {
			w.Errorf("made %s", a.raw)
		}
		p.claims = map[string]any{"sub": "a-second-subject", "preferred_username": "not an address"}
		if to := w.visited().sso("acme", p); to != "/w/acme?sso_error=sso_unknown_person" {
			w.Errorf("goes to %q", to)
		}
		if n := len(ana.get("/v1/people").is(200).texts("items", "id")); n != 2 {
			w.Errorf("%d people", n)
		}
	})
}

func TestAnswersOfAnIdentityProviderThatAreRefused(t *testing.T) {
	onBoth(t, func(w *world) {
		_, ana, p := w.connected()
		other := newProvider(w.T)
		for _, c := range []struct {
			what string
			bend func(header, claims map[string]any)
			sign func([]byte) []byte
		}{
			{"for another audience", func(_, c map[string]any) { c["aud"] = "somebody-else" }, nil},
			{"of another issuer", func(_, c map[string]any) { c["iss"] = other.URL }, nil},
			{"with another request's nonce", func(_, c map[string]any) { c["nonce"] = "AAAA" }, nil},
			{"without a nonce", func(_, c map[string]any) { delete(c, "nonce") }, nil},
			{"that has expired", func(_, c map[string]any) { c["exp"] = time.Now().Add(-time.Minute).Unix() }, nil},
			{"without a subject", func(_, c map[string]any) { delete(c, "sub") }, nil},
			{"that is not signed", func(h, _ map[string]any) { h["alg"] = "none" }, func([]byte) []byte { return nil }},
			{"signed with the public key as a password", func(h, _ map[string]any) { h["alg"] = "HS256" }, func(b []byte) []byte {
				mac := hmac.New(sha256.New, p.key.N.Bytes())
				mac.Write(b)
				return mac.Sum(nil)
			}},
			{"with a broken signature", nil, func([]byte) []byte { return make([]byte, 256) }},
		} {
			p.bend, p.sign = c.bend, c.sign
			b := w.visited()
			if to := b.sso("acme", p); to != "/w/acme?sso_error=sso_refused" && to != "/signin?sso_error=sso_refused" {
				w.Errorf("a token %s: goes to %q", c.what, to)
			}
			b.get("/v1/session").is(401, "unauthorized")
		}
		p.bend, p.sign = nil, nil

		begin := func(b *browser) url.Values {
			return p.authorize(b.post("/v1/workspaces/acme/sso", map[string]any{"return_to": "/"}).is(200).text("url"))
		}
		here := w.visited()
		answer := begin(here)
		if to := w.visited().back(answer); to != "/signin?sso_error=sso_over" { // login CSRF: somebody else's answer
			w.Errorf("in another browser: %q", to)
		}
		if to := here.back(answer); to != "/signin?sso_error=sso_over" { // spent by the attempt
			w.Errorf("afterwards: %q", to)
		}
		answer = begin(here)
		here.back(answer)
		if to := here.back(answer); to != "/signin?sso_error=sso_over" {
			w.Errorf("a second time: %q", to)
		}
		mixed := begin(here)
		mixed.Set("iss", other.URL)
		if to := here.back(mixed); !strings.HasSuffix(to, "sso_error=sso_refused") {
			w.Errorf("an answer in another issuer's name: %q", to)
		}
		if to := here.back(url.Values{"state": begin(here)["state"], "error": {"access_denied"}}); !strings.HasSuffix(to, "sso_error=sso_cancelled") {
			w.Errorf("refused by the provider: %q", to)
		}
		late := begin(here)
		w.ahead.Store(int64(10 * time.Minute))
		if to := here.back(late); to != "/signin?sso_error=sso_over" {
			w.Errorf("too late: %q", to)
		}
		w.ahead.Store(0)
		changed := begin(here)
		ana.put("/v1/identity-provider", settings(p, "client_id", "other")).is(200)
		if to := here.back(changed); to != "/signin?sso_error=sso_over" {
			w.Errorf("settings changed meanwhile: %q", to)
		}
	})
}

func TestReturnAddressesStayHere(t *testing.T) {
	onBoth(t, func(w *world) {
		_, _, p := w.connected()
		for _, to := range []string{"https://evil.test/", "//evil.test/", `/\evil.test`, "javascript:alert(1)", "", "people", "/\t/evil.test"} {
			b := w.visited()
			begun := b.post("/v1/workspaces/acme/sso", map[string]any{"return_to": to}).is(200).text("url")
			if got := b.back(p.authorize(begun)); got != "/" {
				w.Errorf("return_to %q leads to %q", to, got)
			}
		}
	})
}

func TestAnAddressThatNobodyVerifiedNamesNobody(t *testing.T) {
	onBoth(t, func(w *world) {
		acme, _, p := w.connected("claim", "email")
		w.person(acme, "ben@acme.test", directory.User)
		p.claims = map[string]any{"sub": "subject-of-eve", "email": "ben@acme.test", "email_verified": false}
		if to := w.visited().sso("acme", p); !strings.HasSuffix(to, "sso_unknown_person") {
			w.Errorf("goes to %q", to)
		}
		p.claims["email_verified"] = true
		if to := w.visited().sso("acme", p); to != "/people" {
			w.Errorf("verified, goes to %q", to)
		}
	})
}

func TestAProviderMayRollItsKeysAndMayBeDown(t *testing.T) {
	onBoth(t, func(w *world) {
		_, ana, p := w.connected()
		p.roll("two")
		if to := w.visited().sso("acme", p); to != "/people" {
			w.Errorf("with the new key: %q", to)
		}
		b := w.visited()
		begun := p.authorize(b.post("/v1/workspaces/acme/sso", map[string]any{"return_to": "/"}).is(200).text("url"))
		p.down = true
		if to := b.back(begun); !strings.HasSuffix(to, "/w/acme?sso_error=sso_unreachable") {
			w.Errorf("while it is down: %q", to)
		}
		b.post("/v1/workspaces/acme/sso", map[string]any{"return_to": "/"}).is(503, "sso_unreachable") // nobody is sent to a page that never comes
		if to := b.post("/v1/workspaces/acme/sso", map[string]any{"return_to": "/", "anyway": true}).is(200).text("url"); !strings.HasPrefix(to, p.URL) {
			w.Errorf("who wants to go all the same is sent to %q", to)
		}
		w.signedIn("acme", "ana@acme.test") // other methods go on
		p.down = false
		if to := b.sso("acme", p); to != "/people" {
			w.Errorf("when it is back: %q", to)
		}
		away := newProvider(w.T)
		away.down = true
		ana.put("/v1/identity-provider", settings(away)).is(200)
		ana.post("/v1/identity-provider/test", map[string]any{}).is(503, "sso_unreachable")
	})
}

// A provider that takes the call and says nothing: whoever asked is told so after a while, and nobody else waits.
func TestAProviderThatNeverAnswersBlocksNobodyElse(t *testing.T) {
	onBoth(t, func(w *world) {
		w.connected()
		mute := newProvider(w.T)
		evil := w.workspace("evil", "eve@evil.test")
		w.person(evil.Workspace, "ed@evil.test", directory.User)
		eve := w.signedIn("evil", "eve@evil.test")
		eve.put("/v1/identity-provider", settings(mute)).is(200)
		mute.claims = map[string]any{"sub": "subject-of-eve", "preferred_username": "eve@evil.test"}
		eve.back(mute.authorize(eve.post("/v1/identity-provider/test", map[string]any{}).is(200).text("url")))
		eve.put("/v1/identity-provider/state", map[string]any{"active": true, "enforced": false}).is(200)
		held := make(chan struct{})
		mute.held = held
		defer close(held)

		patient, told := w.visited(), make(chan answer, 1)
		go func() {
			defer close(told)
			told <- patient.post("/v1/workspaces/evil/sso", map[string]any{"return_to": "/"})
		}()
		b := w.visited()
		b.post("/v1/session", map[string]any{"workspace": "evil", "email": "ed@evil.test", "password": password}).is(200)
		b.post("/v1/workspaces/acme/sso", map[string]any{"return_to": "/"}).is(200)
		if a, ok := <-told; ok {
			a.is(503, "sso_unreachable")
		}
	})
}

func TestEnforcedSSOKeepsTheOwnersWayIn(t *testing.T) {
	onBoth(t, func(w *world) {
		acme, ana, p := w.connected()
		w.person(acme, "ben@acme.test", directory.Admin)
		w.person(acme, "dora@elsewhere.test", directory.User)
		on := map[string]any{"active": true, "enforced": true}
		ana.put("/v1/identity-provider/state", on).is(409, "domain_unproven")
		record := ana.post("/v1/identity-provider/domains", map[string]any{"domain": "ACME.test."}).is(201)
		ana.post("/v1/identity-provider/domains", map[string]any{"domain": "not a domain"}).is(400, "bad_domain")
		ana.post("/v1/identity-provider/domains/acme.test/prove", map[string]any{}).is(409, "record_missing")
		ana.post("/v1/identity-provider/domains/other.test/prove", map[string]any{}).is(404, "not_found")
		w.txt = []string{"v=spf1 -all", record.text("record")}
		ana.post("/v1/identity-provider/domains/acme.test/prove", map[string]any{}).is(200)
		ana.put("/v1/identity-provider/state", on).is(200)
		ana.delete("/v1/identity-provider/domains/acme.test", nil).is(409, "domain_in_use")

		w.browser().post("/v1/session", map[string]any{"workspace": "acme", "email": "ben@acme.test", "password": password}).is(403, "sso_required")
		w.browser().post("/v1/session", map[string]any{"workspace": "acme", "email": "ben@acme.test", "password": "wrong"}).is(401, "wrong_credentials")
		w.signedIn("acme", "dora@elsewhere.test") // a domain that is not theirs
		w.signedIn("acme", "ana@acme.test")       // the Owner
		p.claims = map[string]any{"sub": "subject-of-ben", "preferred_username": "ben@acme.test"}
		if to := w.visited().sso("acme", p); to != "/people" {
			w.Errorf("Ben goes to %q", to)
		}
	})
}

func TestSettingsOfTheIdentityProvider(t *testing.T) {
	onBoth(t, func(w *world) {
		acme, ana, p := w.connected()
		shown := ana.get("/v1/identity-provider").is(200)
		if shown.text("redirect_url") != consoleOrigin+"/v1/sso/callback" || shown.at("provider.has_secret") != true || strings.Contains(shown.raw, "s3cret") {
			w.Errorf("shown: %s", shown.raw)
		}
		for field, value := range map[string]any{"issuer": "ftp://x", "name": "", "client_id": "", "claim": "a b", "link_by": "email", "preset": "google"} {
			if a := ana.put("/v1/identity-provider", settings(p, field, value)); a.status != 400 || a.text("field") != field {
				w.Errorf("%s = %q: %d %s", field, value, a.status, a.raw)
			}
		}
		if a := ana.put("/v1/identity-provider", settings(p, "client_secret", "", "name", "Another name")).is(200); a.at("active") != true || a.at("has_secret") != true {
			w.Errorf("a new name alone: %s", a.raw)
		}
		if a := ana.put("/v1/identity-provider", settings(p, "claim", "oid")).is(200); a.at("active") != false || a.at("test") != nil {
			w.Errorf("another claim: %s", a.raw)
		}
		w.visited().post("/v1/workspaces/acme/sso", map[string]any{"return_to": "/"}).is(404, "sso_not_configured")

		w.person(acme, "ben@acme.test", directory.Admin)
		ben := w.signedIn("acme", "ben@acme.test")
		ben.get("/v1/identity-provider").is(200)
		ben.put("/v1/identity-provider", settings(p)).is(403, "forbidden")
		w.workspace("evil", "eve@evil.test")
		if a := w.signedIn("evil", "eve@evil.test").get("/v1/identity-provider").is(200); a.at("provider") != nil {
			w.Errorf("another workspace sees %s", a.raw)
		}
		w.ahead.Store(int64(6 * time.Minute))
		ana.put("/v1/identity-provider", settings(p)).is(403, "reauthentication_required")
		ana.delete("/v1/identity-provider", nil).is(403, "reauthentication_required")
		ana.post("/v1/session/verify", map[string]any{"password": password}).is(204)
		ana.delete("/v1/identity-provider", nil).is(204)
		ana.delete("/v1/identity-provider", nil).is(404, "sso_not_configured")
		events, err := audit.Newest(w.db.Read(w.Context()), acme.ID, 1)
		w.must(err)
		if events[0].Event != "sso.removed" {
			w.Errorf("the last event is %s", events[0].Event)
		}
	})
}

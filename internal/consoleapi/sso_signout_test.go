package consoleapi_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/directory"
)

// leaves is a provider that offers signing out, or says something else about it.
func (p *provider) leaves(endSession string) {
	mux := p.Config.Handler
	p.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/.well-known/openid-configuration" || p.down {
			mux.ServeHTTP(w, r)
			return
		}
		p.answer(w, map[string]any{"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token",
			"jwks_uri": p.URL + "/keys", "id_token_signing_alg_values_supported": []string{"RS256"}, "end_session_endpoint": endSession})
	})
}

// signsOut signs a browser out here and at the provider; it returns where the browser is sent.
func (b *browser) signsOut() string {
	return b.post("/v1/session/sso-sign-out", map[string]any{}).is(200).text("url")
}

func TestSigningOutAtTheIdentityProviderToo(t *testing.T) {
	onBoth(t, func(w *world) {
		acme := w.workspace("acme", "ana@acme.test")
		w.person(acme.Workspace, "ben@acme.test", directory.User)
		ana := w.signedIn("acme", "ana@acme.test")
		p := newProvider(w.T)
		p.leaves(p.URL + "/logout?tenant=acme")
		p.claims = map[string]any{"sub": "subject-of-ben", "preferred_username": "ben@acme.test"}
		ana.put("/v1/identity-provider", settings(p)).is(200)
		ana.back(p.authorize(ana.post("/v1/identity-provider/test", map[string]any{}).is(200).text("url")))
		ana.put("/v1/identity-provider/state", map[string]any{"active": true, "enforced": false}).is(200)

		if name := ana.get("/v1/session").is(200).text("sign_out_at"); name != "" {
			w.Errorf("who came with a password may sign out at %q", name)
		}
		if to := ana.signsOut(); to != "/w/acme?signed_out=here" {
			w.Errorf("who came with a password is sent to %q", to)
		}
		ana.get("/v1/session").is(401, "unauthorized")

		b := w.visited()
		b.sso("acme", p)
		if name := b.get("/v1/session").is(200).text("sign_out_at"); name != "Acme Login" {
			w.Errorf("may sign out at %q", name)
		}
		before := b.cookie("countersign")
		to, err := url.Parse(b.signsOut())
		w.must(err)
		q := to.Query()
		if to.Host != strings.TrimPrefix(p.URL, "http://") || to.Path != "/logout" || q.Get("tenant") != "acme" || q.Get("client_id") != "console" ||
			q.Get("post_logout_redirect_uri") != consoleOrigin+"/v1/sso/signed-out" || strings.Count(q.Get("id_token_hint"), ".") != 2 {
			w.Errorf("sent to %s", to)
		}
		w.carrying("countersign", before).get("/v1/session").is(401, "unauthorized")
		land := func(b *browser, state string) string {
			return b.get("/v1/sso/signed-out?state=" + url.QueryEscape(state)).is(303).header.Get("Location")
		}
		if at := land(w.visited(), q.Get("state")); at != "/signin" { // another browser, and now it is spent
			w.Errorf("another browser lands at %q", at)
		}
		if at := land(b, q.Get("state")); at != "/signin" {
			w.Errorf("once spent it leads to %q", at)
		}
		b.sso("acme", p)
		again, err := url.Parse(b.signsOut())
		w.must(err)
		state := again.Query().Get("state")
		if at := b.back(url.Values{"state": {state}, "code": {"x"}}); at != "/signin?sso_error=sso_over" { // good for nothing else
			w.Errorf("as a sign-in it leads to %q", at)
		}
		b.sso("acme", p)
		again, err = url.Parse(b.signsOut())
		w.must(err)
		if at := land(b, again.Query().Get("state")); at != "/w/acme?signed_out=everywhere" {
			w.Errorf("lands at %q", at)
		}
		if at := land(b, "nothing"); at != "/signin" {
			w.Errorf("nobody's state leads to %q", at)
		}
		begun := p.authorize(b.post("/v1/workspaces/acme/sso", map[string]any{"return_to": "/people"}).is(200).text("url"))
		if at := land(b, begun.Get("state")); at != "/signin" { // a sign-in's state is no sign-out's
			w.Errorf("a sign-in's state leads to %q", at)
		}

		b.sso("acme", p)
		w.ahead.Store(int64(8 * 24 * time.Hour))
		w.must(w.signIn.Sweep(w.Context()))
		w.must(w.signIn.SSO.Sweep(w.Context()))
		w.ahead.Store(0)
		var kept int64
		w.must(w.db.Read(w.Context()).Table("sso_sessions").Count(&kept).Error)
		if kept != 0 {
			w.Errorf("%d hints outlive their sessions", kept)
		}
	})
}

func TestAProviderCannotSendPeopleAnywhereWhenTheySignOut(t *testing.T) {
	onBoth(t, func(w *world) {
		_, ana, p := w.connected()
		for _, to := range []string{"javascript:alert(1)", "/logout", "ftp://evil.test/", "http://user@evil.test/", "data:text/html,x", ""} {
			q := newProvider(w.T)
			q.claims = p.claims
			q.leaves(to)
			ana.put("/v1/identity-provider", settings(q)).is(200)
			ana.back(q.authorize(ana.post("/v1/identity-provider/test", map[string]any{}).is(200).text("url")))
			ana.put("/v1/identity-provider/state", map[string]any{"active": true, "enforced": false}).is(200)
			b := w.visited()
			b.sso("acme", q)
			if name := b.get("/v1/session").is(200).text("sign_out_at"); name != "" {
				w.Errorf("a provider whose sign-out is at %q is offered", to)
			}
			if at := b.signsOut(); at != "/w/acme?signed_out=here" {
				w.Errorf("a provider whose sign-out is at %q: sent to %q", to, at)
			}
		}
	})
}

package consoleapi_test

import (
	"strings"
	"testing"

	"github.com/countersign/countersign/internal/directory"
)

// Session fixation: somebody puts a session of their own into a browser and waits until its person signs in.
func TestASessionThatWasPlantedIsWorthNothing(t *testing.T) {
	onBoth(t, func(w *world) {
		acme, ana, p := w.connected()
		w.person(acme, "ben@acme.test", directory.User)
		p.claims = map[string]any{"sub": "subject-of-ben", "preferred_username": "ben@acme.test"}
		key := ana.addPasskey("Laptop")
		for _, c := range []struct {
			method string
			signIn func(*browser)
		}{
			{"single sign-on", func(b *browser) { b.sso("acme", p) }},
			{"a passkey", func(b *browser) { b.withPasskey("acme", key).is(200) }},
		} {
			for planted, session := range map[string]string{"made up": strings.Repeat("A", 43), "the attacker's own": w.signedIn("acme", "ana@acme.test").cookie("countersign")} {
				victim := w.carrying("countersign", session)
				victim.get("/v1/setup").is(200) // the long-lived cookie of every browser that has loaded a page
				c.signIn(victim)
				now := victim.cookie("countersign")
				if now == "" || now == session {
					w.Errorf("%s, a session %s: the value after signing in is %q", c.method, planted, now)
				}
				victim.get("/v1/session").is(200)
				w.carrying("countersign", session).get("/v1/session").is(401, "unauthorized")
			}
		}
	})
}

// Two workspaces use one provider and one client: an answer counts for the workspace that asked, and a person of the other one is nobody there.
func TestAnAnswerOpensTheWorkspaceThatAskedAlone(t *testing.T) {
	onBoth(t, func(w *world) {
		acme, _, p := w.connected()
		w.person(acme, "ben@acme.test", directory.User)
		w.workspace("evil", "eve@evil.test")
		eve := w.signedIn("evil", "eve@evil.test")
		eve.put("/v1/identity-provider", settings(p)).is(200)
		p.claims = map[string]any{"sub": "subject-of-eve", "preferred_username": "eve@evil.test"}
		eve.back(p.authorize(eve.post("/v1/identity-provider/test", map[string]any{}).is(200).text("url")))
		eve.put("/v1/identity-provider/state", map[string]any{"active": true, "enforced": false}).is(200)

		p.claims = map[string]any{"sub": "subject-of-ben", "preferred_username": "ben@acme.test"}
		b := w.visited()
		if to := b.sso("evil", p); to != "/w/evil?sso_error=sso_unknown_person" {
			w.Errorf("Ben of acme goes to %q in evil", to)
		}
		b.get("/v1/session").is(401, "unauthorized")
		if to := b.sso("acme", p); to != "/people" {
			w.Errorf("Ben goes to %q in his own", to)
		}
		b.in("acme").get("/v1/session").is(200)
		b.in("evil").get("/v1/session").is(401, "unauthorized")
	})
}

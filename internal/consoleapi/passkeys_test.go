package consoleapi_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/softkey"
)

const consoleOrigin = "http://localhost:8080"

// addPasskey adds a software passkey to who is signed in.
func (b *browser) addPasskey(name string) *softkey.Key {
	key := softkey.New(consoleOrigin, "localhost")
	a := b.post("/v1/passkeys/options", map[string]any{}).is(200)
	b.post("/v1/passkeys", map[string]any{"ceremony": a.text("ceremony"), "name": name, "response": json.RawMessage(key.Create(options(a)))}).is(201)
	return key
}

func options(a answer) []byte {
	raw, err := json.Marshal(a.at("options"))
	if err != nil {
		panic(err)
	}
	return raw
}

// withPasskey signs a browser in with a passkey.
func (b *browser) withPasskey(slug string, key *softkey.Key) answer {
	a := b.post("/v1/session/passkey/options", map[string]any{}).is(200)
	return b.proves("/v1/session/passkey", a.text("ceremony"), key.Get(options(a)), slug)
}

func (b *browser) proves(path, ceremony string, response []byte, slug string) answer {
	body := map[string]any{"ceremony": ceremony, "response": json.RawMessage(response)}
	if slug != "" {
		body["workspace"] = slug
	}
	return b.post(path, body)
}

// visited is a browser that has the long-lived cookie, as every one that has loaded a page.
func (w *world) visited() *browser {
	b := w.browser()
	b.get("/v1/setup").is(200)
	return b
}

func TestPasskeysSignIn(t *testing.T) {
	onBoth(t, func(w *world) {
		acme := w.workspace("acme", "ana@acme.test")
		w.workspace("evil", "eve@evil.test")
		ana := w.signedIn("acme", "ana@acme.test")
		key := ana.addPasskey("Laptop")
		if a := ana.get("/v1/passkeys").is(200); a.text("items.0.name") != "Laptop" || a.at("available") != true {
			w.Errorf("listed: %s", a.raw)
		}

		b := w.visited()
		if a := b.withPasskey("acme", key).is(200); a.text("person.email") != "ana@acme.test" || a.text("workspace.slug") != "acme" {
			w.Errorf("signed in: %s", a.raw)
		}
		if a := b.get("/v1/sessions").is(200); a.text("items.0.method") != "passkey" && a.text("items.1.method") != "passkey" {
			w.Errorf("sessions: %s", a.raw)
		}
		w.visited().withPasskey("evil", key).is(401, "wrong_passkey")
		w.visited().withPasskey("nowhere", key).is(401, "wrong_passkey")

		ben := w.person(acme.Workspace, "ben@acme.test", directory.User)
		bens := w.signedIn("acme", "ben@acme.test").addPasskey("Phone")
		ana.patch("/v1/people/"+ben.ID, map[string]any{"active": false}).is(200)
		w.visited().withPasskey("acme", bens).is(403, "deactivated")
	})
}

func TestPasskeysAreRefused(t *testing.T) {
	onBoth(t, func(w *world) {
		w.workspace("acme", "ana@acme.test")
		ana := w.signedIn("acme", "ana@acme.test")
		good := ana.addPasskey("Laptop")
		for _, c := range []struct {
			what   string
			change func(*softkey.Key)
		}{
			{"of another relying party", func(k *softkey.Key) { k.RPID = "evil.test" }},
			{"asked for by another page", func(k *softkey.Key) { k.Origin = "http://evil.test" }},
			{"asked for on another port", func(k *softkey.Key) { k.Origin = "http://localhost:9999" }},
			{"whose holder was not verified", func(k *softkey.Key) { k.NoUV = true }},
			{"for another person", func(k *softkey.Key) { k.User = []byte("ppl_somebodyelse") }},
			{"that nobody added", func(k *softkey.Key) { *k = *softkey.New(consoleOrigin, "localhost"); k.User = good.User }},
			{"signed by another key", func(k *softkey.Key) {
				other := softkey.New(consoleOrigin, "localhost")
				other.ID, other.User = k.ID, k.User
				*k = *other
			}},
		} {
			key := *good
			c.change(&key)
			if a := w.visited().withPasskey("acme", &key); a.status != 401 || a.text("code") != "wrong_passkey" {
				w.Errorf("a passkey %s: %d %s", c.what, a.status, a.raw)
			}
		}

		b := w.visited()
		begun := b.post("/v1/session/passkey/options", map[string]any{}).is(200)
		response := good.Get(options(begun))
		w.visited().proves("/v1/session/passkey", begun.text("ceremony"), response, "acme").is(410, "ceremony_over") // another browser, and now it is spent
		b.proves("/v1/session/passkey", begun.text("ceremony"), response, "acme").is(410, "ceremony_over")

		begun = b.post("/v1/session/passkey/options", map[string]any{}).is(200)
		response = good.Get(options(begun))
		b.proves("/v1/session/passkey", begun.text("ceremony"), response, "acme").is(200)
		w.visited().proves("/v1/session/passkey", begun.text("ceremony"), response, "acme").is(410, "ceremony_over")

		begun = ana.post("/v1/session/verify/passkey/options", map[string]any{}).is(200)
		ana.proves("/v1/session/passkey", begun.text("ceremony"), good.Get(options(begun)), "acme").is(410, "ceremony_over") // begun for something else

		late := w.visited()
		begun = late.post("/v1/session/passkey/options", map[string]any{}).is(200)
		w.ahead.Store(int64(5 * time.Minute))
		late.proves("/v1/session/passkey", begun.text("ceremony"), good.Get(options(begun)), "acme").is(410, "ceremony_over")
		late.proves("/v1/session/passkey", "nothing", []byte(`{}`), "acme").is(410, "ceremony_over")
		late.proves("/v1/session/passkey", late.post("/v1/session/passkey/options", map[string]any{}).is(200).text("ceremony"), []byte(`{"id":[]}`), "acme").is(401, "wrong_passkey")
	})
}

func TestACopiedPasskeyIsRefused(t *testing.T) {
	onBoth(t, func(w *world) {
		w.workspace("acme", "ana@acme.test")
		ana := w.signedIn("acme", "ana@acme.test")
		key := softkey.New(consoleOrigin, "localhost")
		key.Counter = 10
		a := ana.post("/v1/passkeys/options", map[string]any{}).is(200)
		ana.post("/v1/passkeys", map[string]any{"ceremony": a.text("ceremony"), "name": "Key", "response": json.RawMessage(key.Create(options(a)))}).is(201)
		stolen := *key
		w.visited().withPasskey("acme", key).is(200)
		w.visited().withPasskey("acme", &stolen).is(401, "wrong_passkey")
		w.visited().withPasskey("acme", key).is(200)
	})
}

func TestPasskeysMakeASessionFresh(t *testing.T) {
	onBoth(t, func(w *world) {
		w.workspace("acme", "ana@acme.test")
		ana := w.signedIn("acme", "ana@acme.test")
		key := ana.addPasskey("Laptop")
		w.ahead.Store(int64(6 * time.Minute))
		ana.post("/v1/passkeys/options", map[string]any{}).is(403, "reauthentication_required")
		id := ana.get("/v1/passkeys").is(200).text("items.0.id")
		ana.delete("/v1/passkeys/"+id, nil).is(403, "reauthentication_required")

		begun := ana.post("/v1/session/verify/passkey/options", map[string]any{}).is(200)
		ana.proves("/v1/session/verify/passkey", begun.text("ceremony"), key.Get(options(begun)), "").is(204)
		ana.patch("/v1/passkeys/"+id, map[string]any{"name": "Old laptop"}).is(204)
		ana.patch("/v1/passkeys/"+id, map[string]any{"name": " "}).is(400, "bad_name")
		if name := ana.get("/v1/passkeys").is(200).text("items.0.name"); name != "Old laptop" {
			w.Errorf("renamed to %q", name)
		}
		w.workspace("evil", "eve@evil.test")
		eve := w.signedIn("evil", "eve@evil.test")
		eve.patch("/v1/passkeys/"+id, map[string]any{"name": "Mine"}).is(404, "not_found")
		eve.delete("/v1/passkeys/"+id, nil).is(404, "not_found")
		eve.post("/v1/session/verify/passkey/options", map[string]any{}).is(401, "wrong_passkey") // has none
		ana.delete("/v1/passkeys/"+id, nil).is(204)
		w.visited().withPasskey("acme", key).is(401, "wrong_passkey")
	})
}

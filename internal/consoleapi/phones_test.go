package consoleapi_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/device"
	"github.com/countersign/countersign/internal/signing"
)

// claim is a phone that follows the link of a pairing; it returns the digits on its screen.
func (w *world) claim(link string) (phone, sas string) {
	w.Helper()
	_, fragment, _ := strings.Cut(link, "#pair=")
	id, secret, _ := strings.Cut(fragment, ".")
	uv, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	w.must(err)
	poll, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	w.must(err)
	uvSPKI, pollSPKI := signing.SPKI(&uv.PublicKey), signing.SPKI(&poll.PublicKey)
	payload, err := json.Marshal(map[string]any{"secret": secret, "name": "Phone of Ana", "platform": "ios", "os": "iOS 19", "app": "1",
		"keys": map[string]string{"uv": signing.B64(uvSPKI), "poll": signing.B64(pollSPKI)}})
	w.must(err)
	sum := sha256.Sum256(signing.Pair(id, secret, uvSPKI, pollSPKI, payload))
	sigUV, err := ecdsa.SignASN1(rand.Reader, uv, sum[:])
	w.must(err)
	sigPoll, err := ecdsa.SignASN1(rand.Reader, poll, sum[:])
	w.must(err)
	got, err := w.devices.Claim(w.Context(), id, device.Claim{Payload: payload, SigUV: sigUV, SigPoll: sigPoll}, "192.0.2.50", "App/1")
	w.must(err)
	return got.Device, got.SAS
}

// phone pairs an active phone for who is signed in.
func (w *world) phone(b *browser) string {
	w.Helper()
	a := b.post("/v1/pairings", nil).is(201)
	phone, _ := w.claim(a.text("link"))
	b.post("/v1/pairings/"+a.text("id")+"/match", map[string]any{"match": true}).is(200)
	w.must(w.db.InTx(w.Context(), func(tx database.Tx) error {
		now, err := tx.Now()
		if err != nil {
			return err
		}
		d, err := device.Find(tx.DB, b.workspaceID(), phone)
		if err != nil {
			return err
		}
		return w.devices.Activate(tx, actor.Actor{Kind: actor.Device, Workspace: d.Workspace, Person: d.Person, Device: phone}, phone, now)
	}))
	return phone
}

func (b *browser) workspaceID() string { return b.get("/v1/session").text("workspace.id") }

func TestPairing(t *testing.T) {
	onBoth(t, func(w *world) {
		w.workspace("acme", "ana@acme.test")
		b := w.signedIn("acme", "ana@acme.test")
		a := b.post("/v1/pairings", map[string]any{}).is(201)
		id := a.text("id")
		if len(a.text("code")) != 9 || !strings.HasPrefix(a.text("link"), "http://localhost:8081/#pair="+id+".") {
			w.Errorf("started %s", a.raw)
		}
		path := "/v1/pairings/" + id
		if a := b.get(path).is(200); a.text("state") != "open" || a.at("sas") != nil || a.at("device") != nil {
			w.Errorf("open: %s", a.raw)
		}
		b.post(path+"/match", map[string]any{"match": true}).is(409, "not_claimed")
		b.post(path+"/match", map[string]any{}).is(400, "malformed")
		b.get(path+"?wait=soon").is(400, "malformed")

		heard := make(chan answer)
		go func() { heard <- b.background().get(path + "?wait=25&since=open") }()
		phone, sas := w.claim(a.text("link"))
		if a := (<-heard).is(200); a.text("state") != "claimed" || a.text("sas") != sas || a.text("device.id") != phone || a.text("device.name") != "Phone of Ana" {
			w.Errorf("claimed: %s", a.raw)
		}
		if a := b.post(path+"/match", map[string]any{"match": true}).is(200); a.text("state") != "matched" {
			w.Errorf("matched: %s", a.raw)
		}
		w.signedIn("acme", "ana@acme.test").get(path).is(404, "not_found") // the same person, another session
		if a := b.get("/v1/devices").is(200); a.text("items.0.id") != phone || a.text("items.0.state") != "matched" || a.text("items.0.key_protection") != "unknown" {
			w.Errorf("devices: %s", a.raw)
		}
	})
}

func TestFurtherPhonesNeedAConfirmation(t *testing.T) {
	onBoth(t, func(w *world) {
		w.workspace("acme", "ana@acme.test")
		b := w.signedIn("acme", "ana@acme.test")
		first := w.phone(b)
		if a := b.get("/v1/directory").is(200); a.at("phone.ready") != true || a.text("phone.name") != "Phone of Ana" {
			w.Errorf("ready: %s", a.raw)
		}
		b.post("/v1/pairings", nil).is(403, "confirmation_required")
		b.post("/v1/pairings", map[string]any{"confirmation_id": "cnf_other"}).is(403, "confirmation_required")
		b.post("/v1/pairings", map[string]any{"confirmation_id": "\x00"}).is(403, "confirmation_required")
		w.confirms.approved["cnf_1"] = "device.add "
		b.post("/v1/pairings", map[string]any{"confirmation_id": "cnf_1"}).is(201)
		b.post("/v1/pairings", map[string]any{"confirmation_id": "cnf_1"}).is(403, "confirmation_required")

		w.confirms.approved["cnf_2"] = "device.remove device:" + first
		b.delete("/v1/devices/"+first, nil).is(403, "confirmation_required")
		b.send("DELETE", "/v1/devices/"+first, "", nil).is(403, "confirmation_required")
		b.delete("/v1/devices/dev_none", map[string]any{"confirmation_id": "cnf_2"}).is(404, "not_found")
		b.delete("/v1/devices/"+first, map[string]any{"confirmation_id": "cnf_2"}).is(204)
		if a := b.get("/v1/devices").is(200); a.text("items.0.state") != "removed" {
			w.Errorf("removed: %s", a.raw)
		}
		b.post("/v1/pairings", nil).is(403, "recovery_required")
	})
}

// TestWaitingEndsWithItsTime: a poll of a pairing whose state stays answers with it.
func TestWaitingEndsWithItsTime(t *testing.T) {
	onBoth(t, func(w *world) {
		w.workspace("acme", "ana@acme.test")
		b := w.signedIn("acme", "ana@acme.test")
		path := "/v1/pairings/" + b.post("/v1/pairings", nil).is(201).text("id")
		if a := b.get(path + "?wait=0&since=open").is(200); a.text("state") != "open" {
			w.Errorf("at once: %s", a.raw)
		}
		w.ahead.Store(int64(6 * time.Minute))
		if a := b.get(path + "?wait=25&since=open").is(200); a.text("state") != "expired" {
			w.Errorf("past its time: %s", a.raw)
		}
	})
}

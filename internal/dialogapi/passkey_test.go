package dialogapi_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/apitest"
	"github.com/countersign/countersign/internal/phonesim"
	"github.com/countersign/countersign/internal/softkey"
)

// raw is a member of an answer as it was sent.
func raw(t *testing.T, r apitest.Reply, name string) []byte {
	t.Helper()
	out, err := json.Marshal(r.JSON[name])
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestAPasskeyConfirmsThroughTheDoors is View Token with a passkey in place of the phone, call by call as the page makes them: the same question,
// the same one-time reveal, and nothing for a passkey of another relying party, another page or another session.
func TestAPasskeyConfirmsThroughTheDoors(t *testing.T) {
	apitest.Doors(t, func(t *testing.T, s *apitest.Site) {
		ana := s.Owner("acme")
		phone := ana.Pair(phonesim.Options{})
		key := softkey.New(apitest.PublicURL, "localhost")
		begun := ana.Do("POST", "/v1/passkeys/options", object{})
		if r := ana.Do("POST", "/v1/passkeys", object{"ceremony": begun.Text("ceremony"), "name": "Laptop", "response": json.RawMessage(key.Create(raw(t, begun, "options")))}); r.Status != http.StatusCreated {
			t.Fatalf("adding a passkey: %d %s", r.Status, r.Body)
		}
		setPolicy(t, s, ana, phone, object{"passkeys": true})
		s.Offset.Advance(25 * time.Hour) // it is old enough to confirm with
		ana.SignIn("acme", "ana@acme.test")

		asked := ana.Ask()
		at := "/v1/confirmations/" + asked.Text("id")
		if asked.JSON["passkey"] != true {
			t.Errorf("the dialog does not offer the passkey: %s", asked.Body)
		}
		answer := func(b *apitest.Browser, k *softkey.Key) apitest.Reply {
			begun := ana.Do("POST", at+"/passkey/options", object{})
			if begun.Status != http.StatusOK {
				t.Fatalf("options: %d %s", begun.Status, begun.Body)
			}
			return b.Do("POST", at+"/passkey", object{"ceremony": begun.Text("ceremony"), "response": json.RawMessage(k.Get(raw(t, begun, "options")))})
		}
		for _, c := range []struct {
			what   string
			change func(*softkey.Key)
		}{
			{"of another relying party", func(k *softkey.Key) { k.RPID = "evil.test" }},
			{"asked for by another page", func(k *softkey.Key) { k.Origin = "http://evil.test" }},
			{"whose holder was not verified", func(k *softkey.Key) { k.NoUV = true }},
			{"that nobody added", func(k *softkey.Key) {
				user := k.User
				*k = *softkey.New(apitest.PublicURL, "localhost")
				k.User = user
			}},
		} {
			evil := *key
			c.change(&evil)
			if r := answer(ana, &evil); r.Status != http.StatusUnauthorized || r.Code() != "wrong_passkey" {
				t.Errorf("a passkey %s: %d %s", c.what, r.Status, r.Body)
			}
		}
		other := s.Browser()
		other.SignIn("acme", "ana@acme.test")
		if r := answer(other, key); r.Status != http.StatusNotFound {
			t.Errorf("from another session of hers: %d %s", r.Status, r.Body)
		}
		if r := ana.Do("GET", at, nil); r.Text("state") != "pending" {
			t.Fatalf("after all that it is %s", r.Body)
		}
		if r := ana.Do("POST", at+"/reveal", object{}); r.Code() != "not_approved" {
			t.Errorf("reveal before: %d %s", r.Status, r.Body)
		}

		if r := answer(ana, key); r.Status != http.StatusOK || r.Text("state") != "approved" {
			t.Fatalf("%d %s", r.Status, r.Body)
		}
		if _, err := phone.Approve(s.Ctx, asked.Text("id"), phonesim.ApproveOptions{Code: asked.Text("code")}); !phonesim.HasCode(err, http.StatusConflict, "already_answered") {
			t.Errorf("the phone, afterwards: %v", err)
		}
		if r := other.Do("POST", at+"/reveal", object{}); r.Status != http.StatusNotFound {
			t.Errorf("another session of hers collects: %d %s", r.Status, r.Body)
		}
		if r := ana.Do("POST", at+"/reveal", object{}); r.Status != http.StatusOK || r.Text("token") == "" {
			t.Errorf("reveal: %d %s", r.Status, r.Body)
		}
		if r := ana.Do("POST", at+"/reveal", object{}); r.Code() != "already_collected" {
			t.Errorf("a second time: %d %s", r.Status, r.Body)
		}
	})
}

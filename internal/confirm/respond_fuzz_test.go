package confirm

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/device"
	"github.com/countersign/countersign/internal/signing"
)

// FuzzRespond: whatever a paired phone signs, an answer is taken only when it reads one way: known fields once, this question, this phone, this
// challenge; and whatever it does not sign is not taken at all.
func FuzzRespond(f *testing.F) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	challenge := []byte(`{"v":1,"cid":"cnf_1"}`)
	chs := signing.B64(hash(challenge))
	s := &Service{Deps: Deps{Devices: device.New(device.Deps{Now: time.Now})}}
	d := device.Device{ID: "dev_1", UVKey: signing.SPKI(&key.PublicKey), PollKey: signing.SPKI(&key.PublicKey)}
	for _, seed := range []string{
		`{"v":1,"cid":"cnf_1","chs":"` + chs + `","dev":"dev_1","dec":"approve","uv":"biometric","iat":1767225631}`,
		`{"v":1,"cid":"cnf_1","chs":"` + chs + `","dev":"dev_1","dec":"deny","reason":"not_me","uv":"none","iat":1}`,
		`{"v":1,"cid":"cnf_1","chs":"` + chs + `","dev":"dev_1","dec":"approve","DEC":"deny","uv":"none","iat":1}`,
		`{"v":1,"cid":"cnf_1","chs":"` + chs + `","dev":"dev_1","dec":"approve","code":"482913","uv":"device_pin","iat":-1e3}`,
		`{"v":1,"cid":"cnf_1","chs":"` + chs + `","dev":"dev_1","dec":"approve","uv":"none","iat":1} {}`,
		`[]`, `{"v":1,"v":1}`, "{\"dec\u0000\":1}", `{"\u0064ec":"deny","dec":"approve"}`, "",
	} {
		f.Add([]byte(seed), []byte{})
	}
	f.Fuzz(func(t *testing.T, body, forged []byte) {
		message := signing.Response(challenge, body)
		if _, err := s.verify(d, "cnf_1", asked{Challenge: signing.B64(challenge)}, Answer{Response: body, Sig: forged}); err == nil {
			t.Fatalf("taken without a signature: %q", body)
		}
		sig, err := signing.Sign(key, message)
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.verify(d, "cnf_1", asked{Challenge: signing.B64(challenge)}, Answer{Response: body, Sig: sig})
		if err != nil {
			return
		}
		if got.V != 1 || got.CID != "cnf_1" || got.DEV != "dev_1" || got.CHS != chs || got.DEC != "approve" && got.DEC != "deny" {
			t.Errorf("taken: %+v", got)
		}
		// Another reader of the same bytes sees the same members, each once.
		members := map[string]json.RawMessage{}
		if err := json.Unmarshal(body, &members); err != nil || bytes.Count(body, []byte(`"`))%2 != 0 && !bytes.Contains(body, []byte(`\`)) {
			t.Errorf("taken, and another reader finds %v: %q", err, body)
		}
		for name := range members {
			if len(members) > 9 || len(name) > 6 {
				t.Errorf("taken with %q: %q", name, body)
			}
		}
	})
}

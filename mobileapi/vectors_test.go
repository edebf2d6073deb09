package mobileapi_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/countersign/countersign/internal/signing"
)

// The published vectors are made by the phone simulator's code and checked here by the server's: two hands that wrote the same document.

type message struct {
	Domain string `json:"domain"`
	Parts  []struct {
		Hex string `json:"hex"`
	} `json:"parts"`
	Hex    string `json:"lp_hex"`
	LP     string `json:"lp"`
	SHA256 string `json:"lp_sha256_hex"`
}

type signature struct {
	DER string `json:"der"`
	Raw string `json:"raw"`
}

type keyed struct {
	Keys []struct {
		Use  string `json:"use"`
		SPKI string `json:"spki"`
	} `json:"keys"`
}

func (k keyed) spki(t *testing.T, use string) []byte {
	t.Helper()
	for _, key := range k.Keys {
		if key.Use == use {
			return unb64(t, key.SPKI)
		}
	}
	t.Fatalf("there is no key for %q", use)
	return nil
}

func load(t *testing.T, name string, into any) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("vectors", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		t.Fatal(err)
	}
}

func unb64(t *testing.T, s string) []byte {
	t.Helper()
	b, err := signing.Unb64(s)
	if err != nil {
		t.Fatalf("%q is not base64url: %v", s, err)
	}
	return b
}

// same says that the server puts the same bytes together as the vector.
func (m message) same(t *testing.T, lp []byte) {
	t.Helper()
	sum := sha256.Sum256(lp)
	if hex.EncodeToString(lp) != m.Hex || signing.B64(lp) != m.LP || hex.EncodeToString(sum[:]) != m.SHA256 {
		t.Errorf("the vector signs %s\nthe server %x", m.Hex, lp)
	}
	parts := make([][]byte, len(m.Parts))
	for i, p := range m.Parts {
		parts[i], _ = hex.DecodeString(p.Hex)
	}
	if !bytes.Equal(signing.LP(m.Domain, parts...), lp) {
		t.Error("the parts do not make the message")
	}
}

// holds says that the DER form verifies and the raw one does not.
func (s signature) holds(t *testing.T, spki, lp []byte) {
	t.Helper()
	if !signing.Verify(spki, lp, unb64(t, s.DER)) {
		t.Error("the signature does not hold")
	}
	raw := unb64(t, s.Raw)
	if len(raw) != 64 {
		t.Errorf("the raw signature has %d bytes", len(raw))
	}
	if signing.Verify(spki, lp, raw) {
		t.Error("the raw signature holds as DER")
	}
}

// object reads one JSON object strictly: known names only, each once in any letter case, nothing behind it.
func object(b []byte, known ...string) (map[string]string, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return nil, errors.New("malformed")
	}
	got, seen := map[string]string{}, map[string]bool{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, errors.New("malformed")
		}
		text, _ := name.(string)
		if seen[strings.ToLower(text)] {
			return nil, errors.New("malformed")
		}
		if !slices.Contains(known, text) {
			return nil, errors.New("unknown_field")
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, errors.New("malformed")
		}
		seen[strings.ToLower(text)], got[text] = true, strings.Trim(string(value), `"`)
	}
	if _, err := d.Token(); err != nil {
		return nil, errors.New("malformed")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("malformed")
	}
	return got, nil
}

func TestPairVectors(t *testing.T) {
	var v struct {
		keyed
		TypedCodes []struct{ Typed, Normal string } `json:"typed_codes"`
		Accepted   []struct {
			Name, Link, Pairing, Secret string
			SecretSHA256                string `json:"secret_sha256_hex"`
			PayloadJSON                 string `json:"payload_json"`
			Payload                     string
			Message                     message
			SigUV                       signature `json:"sig_uv"`
			SigPoll                     signature `json:"sig_poll"`
			Body                        string    `json:"body_json"`
		}
		Refused []struct {
			Name, Code string
			Body       string `json:"body_json"`
		}
	}
	load(t, "pair.json", &v)
	uv, poll := v.spki(t, "uv"), v.spki(t, "poll")
	for _, c := range v.Accepted {
		t.Run(c.Name, func(t *testing.T) {
			lp := signing.Pair(c.Pairing, c.Secret, uv, poll, []byte(c.PayloadJSON))
			c.Message.same(t, lp)
			c.SigUV.holds(t, uv, lp)
			c.SigPoll.holds(t, poll, lp)
			if c.Payload != signing.B64([]byte(c.PayloadJSON)) {
				t.Error("payload is not the base64url of its JSON")
			}
			if err := claim(c.Pairing, []byte(c.Body)); err != nil {
				t.Errorf("the claim is refused: %v", err)
			}
			if c.Link != "" && !strings.HasSuffix(c.Link, "/#pair="+c.Pairing+"."+c.Secret) {
				t.Error("the link is not that of this pairing")
			}
		})
	}
	for _, c := range v.Refused {
		t.Run(c.Name, func(t *testing.T) {
			if err := claim(v.Accepted[0].Pairing, []byte(c.Body)); err == nil || err.Error() != c.Code {
				t.Errorf("want %s, got %v", c.Code, err)
			}
		})
	}
	for _, c := range v.TypedCodes {
		if strings.ContainsAny(c.Normal, "- ILO") || c.Normal != strings.ToUpper(c.Normal) || len(c.Normal) != 8 {
			t.Errorf("%q is no normal form", c.Normal)
		}
	}
}

// claim judges a claim as the document says, but for the secret.
func claim(pairing string, body []byte) error {
	b, err := object(body, "payload", "sig_uv", "sig_poll")
	if err != nil {
		return err
	}
	payload, err := signing.Unb64(b["payload"])
	if err != nil {
		return err
	}
	said, err := object(payload, "secret", "name", "platform", "os", "app", "keys", "push")
	if err != nil {
		return err
	}
	keys, err := object([]byte(said["keys"]), "uv", "poll")
	if err != nil {
		return err
	}
	uv, _ := signing.Unb64(keys["uv"])
	poll, _ := signing.Unb64(keys["poll"])
	for _, k := range [][]byte{uv, poll} {
		if _, err := signing.PublicKey(k); err != nil {
			return errors.New("bad_key")
		}
	}
	if bytes.Equal(uv, poll) {
		return errors.New("bad_key")
	}
	lp := signing.Pair(pairing, said["secret"], uv, poll, payload)
	sigUV, _ := signing.Unb64(b["sig_uv"])
	sigPoll, _ := signing.Unb64(b["sig_poll"])
	if !signing.Verify(uv, lp, sigUV) || !signing.Verify(poll, lp, sigPoll) {
		return errors.New("bad_signature")
	}
	return nil
}

func TestSASVectors(t *testing.T) {
	var v struct {
		Accepted []struct {
			Name, Pairing string
			UV            string `json:"uv_spki"`
			Poll          string `json:"poll_spki"`
			ServerKeys    []struct {
				SPKI string
			} `json:"server_keys"`
			Message message
			Number  json.Number `json:"big_endian_integer"`
			SAS     string
		}
	}
	load(t, "sas.json", &v)
	for _, c := range v.Accepted {
		t.Run(c.Name, func(t *testing.T) {
			uv, poll, server := unb64(t, c.UV), unb64(t, c.Poll), unb64(t, c.ServerKeys[0].SPKI)
			c.Message.same(t, signing.LP(signing.DomainSAS, []byte(c.Pairing), uv, poll, server))
			if got := signing.SAS(c.Pairing, uv, poll, server); got != c.SAS {
				t.Errorf("want %s, got %s", c.SAS, got)
			}
			n, err := strconv.ParseUint(c.Number.String(), 10, 64)
			if want, _ := strconv.ParseUint(c.SAS, 10, 64); err != nil || n%1_000_000 != want {
				t.Errorf("%s modulo a million is not %s", c.Number, c.SAS)
			}
		})
	}
}

func TestChallengeVectors(t *testing.T) {
	type pinned struct{ KID, SPKI string }
	var v struct {
		keyed
		Pinned   []pinned
		Device   string
		Accepted []struct {
			Name      string
			JSON      string `json:"challenge_json"`
			CHS       string
			Message   message
			ServerSig signature `json:"server_sig"`
			Reply     string    `json:"reply_json"`
		}
		Refused []struct {
			Name, CID string
			Reply     string `json:"reply_json"`
		}
	}
	load(t, "challenge.json", &v)
	believed := func(cid, reply string) bool {
		var r struct {
			Challenge, KID string
			ServerSig      string `json:"server_sig"`
		}
		var c struct {
			V             int
			KID, CID, Dev string
		}
		if json.Unmarshal([]byte(reply), &r) != nil {
			return false
		}
		raw, err := signing.Unb64(r.Challenge)
		at := slices.IndexFunc(v.Pinned, func(p pinned) bool { return p.KID == r.KID })
		if err != nil || at < 0 || json.Unmarshal(raw, &c) != nil {
			return false
		}
		sig, err := signing.Unb64(r.ServerSig)
		return err == nil && signing.Verify(unb64(t, v.Pinned[at].SPKI), signing.Challenge(raw), sig) &&
			c.V == 1 && c.KID == r.KID && c.CID == cid && c.Dev == v.Device
	}
	for _, c := range v.Accepted {
		t.Run(c.Name, func(t *testing.T) {
			lp := signing.Challenge([]byte(c.JSON))
			c.Message.same(t, lp)
			c.ServerSig.holds(t, v.spki(t, "srv_1"), lp)
			if sum := sha256.Sum256([]byte(c.JSON)); signing.B64(sum[:]) != c.CHS {
				t.Error("chs is not the hash of the challenge")
			}
			var named struct{ CID string }
			if json.Unmarshal([]byte(c.JSON), &named) != nil || !believed(named.CID, c.Reply) {
				t.Error("the reply is not believed")
			}
		})
	}
	for _, c := range v.Refused {
		t.Run(c.Name, func(t *testing.T) {
			if believed(c.CID, c.Reply) {
				t.Error("a phone would show this")
			}
		})
	}
}

func TestResponseVectors(t *testing.T) {
	var v struct {
		keyed
		Accepted []struct {
			Name, Key, CID, Challenge string
			JSON                      string `json:"response_json"`
			Message                   message
			Sig                       signature
			Body                      string `json:"body_json"`
		}
		Refused []struct {
			Name, Code, CID, Challenge string
			Body                       string `json:"body_json"`
		}
	}
	load(t, "response.json", &v)
	uv, poll := v.spki(t, "uv"), v.spki(t, "poll")
	for _, c := range v.Accepted {
		t.Run(c.Name, func(t *testing.T) {
			challenge := unb64(t, c.Challenge)
			lp := signing.Response(challenge, []byte(c.JSON))
			c.Message.same(t, lp)
			c.Sig.holds(t, v.spki(t, c.Key), lp)
			if err := respond(c.CID, challenge, []byte(c.Body), uv, poll); err != nil {
				t.Errorf("the answer is refused: %v", err)
			}
		})
	}
	for _, c := range v.Refused {
		t.Run(c.Name, func(t *testing.T) {
			if err := respond(c.CID, unb64(t, c.Challenge), []byte(c.Body), uv, poll); err == nil || err.Error() != c.Code {
				t.Errorf("want %s, got %v", c.Code, err)
			}
		})
	}
}

// respond judges an answer as the document says: the signature first.
func respond(cid string, challenge, body, uv, poll []byte) error {
	b, err := object(body, "response", "sig")
	if err != nil {
		return err
	}
	response, err := signing.Unb64(b["response"])
	if err != nil {
		return err
	}
	sig, _ := signing.Unb64(b["sig"])
	lp := signing.Response(challenge, response)
	byUV := signing.Verify(uv, lp, sig)
	if !byUV && !signing.Verify(poll, lp, sig) {
		return errors.New("unauthorized")
	}
	said, err := object(response, "v", "cid", "chs", "dev", "dec", "code", "reason", "uv", "iat")
	if err != nil {
		return err
	}
	var asked struct{ Dev string }
	if err := json.Unmarshal(challenge, &asked); err != nil {
		return err
	}
	chs := sha256.Sum256(challenge)
	fits := said["cid"] == cid && said["dev"] == asked.Dev && said["chs"] == signing.B64(chs[:])
	if !fits || (said["dec"] == "approve" && !byUV) {
		return errors.New("unauthorized")
	}
	if said["v"] != "1" || (said["dec"] != "approve" && said["dec"] != "deny") {
		return errors.New("malformed")
	}
	return nil
}

func TestEveryFileSaysThatItsKeysAreForTests(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("vectors", "*.json"))
	if err != nil || len(files) != 8 {
		t.Fatalf("want eight files, got %d (%v)", len(files), err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(b, []byte(`"test_only": "The private keys in this file are published.`)) {
			t.Errorf("%s does not say it", f)
		}
	}
}

func TestServerKeyVectors(t *testing.T) {
	var file struct {
		Accepted []struct {
			Name   string `json:"name"`
			Pinned []struct {
				Kid  string `json:"kid"`
				SPKI string `json:"spki"`
			} `json:"pinned"`
			JSON     []string  `json:"announcements_json"`
			Messages []message `json:"messages"`
			Reply    struct {
				Announcements []struct{ Kid, Announcement, Sig string } `json:"announcements"`
			} `json:"reply"`
		} `json:"accepted"`
		Refused []struct{ Name string } `json:"refused"`
	}
	load(t, "server-key.json", &file)
	for _, c := range file.Accepted {
		t.Run(c.Name, func(t *testing.T) {
			by := unb64(t, c.Pinned[0].SPKI)
			for i, step := range c.Reply.Announcements {
				c.Messages[i].same(t, signing.ServerKey(unb64(t, step.Announcement)))
				if !signing.Verify(by, signing.ServerKey([]byte(c.JSON[i])), unb64(t, step.Sig)) {
					t.Errorf("step %d: the signature does not hold", i)
				}
				var a struct{ New struct{ SPKI string } }
				if err := json.Unmarshal([]byte(c.JSON[i]), &a); err != nil {
					t.Fatal(err)
				}
				by = unb64(t, a.New.SPKI)
			}
		})
	}
	if len(file.Accepted) < 3 || len(file.Refused) < 10 {
		t.Errorf("%d are accepted, %d refused", len(file.Accepted), len(file.Refused))
	}
}

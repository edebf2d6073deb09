package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/countersign/countersign/internal/phonesim"
)

const (
	pairing    = "par_0SmzMHKmEDiWlP8fNxYc4T"
	linkSecret = "AAECAwQFBgcICQoLDA0ODw" // 16 bytes, 00 to 0f
	codeSecret = "K7QX93MD"
	device     = "dev_5cRgTn1yJvXo2WqZbHdE7A"
)

type pairVectors struct {
	head
	Keys       []keyVector   `json:"keys"`
	TypedCodes []typedCode   `json:"typed_codes"`
	Accepted   []pairCase    `json:"accepted"`
	Refused    []pairRefusal `json:"refused"`
}

type typedCode struct {
	Typed  string `json:"typed"`
	Normal string `json:"normal"`
}

type pairCase struct {
	Name          string    `json:"name"`
	Link          string    `json:"link,omitempty"`
	Typed         string    `json:"typed,omitempty"`
	Pairing       string    `json:"pairing"`
	Secret        string    `json:"secret"`
	SecretSHA256  string    `json:"secret_sha256_hex"`
	PayloadJSON   string    `json:"payload_json"`
	Payload       string    `json:"payload"`
	PayloadSHA256 string    `json:"payload_sha256_hex"`
	Message       message   `json:"message"`
	SigUV         signature `json:"sig_uv"`
	SigPoll       signature `json:"sig_poll"`
	Body          string    `json:"body_json"`
}

// pairRefusal is a claim of the first accepted pairing that the server must refuse.
type pairRefusal struct {
	Name   string `json:"name"`
	Why    string `json:"why"`
	Status int    `json:"status"`
	Code   string `json:"code"`
	Body   string `json:"body_json"`
}

func pairFile() pairVectors {
	link := pairWith(linkSecret)
	link.Name, link.Link = "a link", "https://phone.example/#pair="+pairing+"."+linkSecret
	code := pairWith(codeSecret)
	code.Name, code.Typed = "a typed code", "k7qx-93md"
	v := pairVectors{
		head: head{"A phone claims a pairing: both keys sign LP(countersign/pair/v1, pairing id, SHA-256(secret), SPKI uv, SPKI poll, SHA-256(payload)). " +
			"The secret is hashed as the text in the payload; a typed code in its normal form.", encoding, testOnly},
		Keys:     []keyVector{uvKey.vector("uv"), pollKey.vector("poll"), p384Key.vector("refused")},
		Accepted: []pairCase{link, code},
		Refused:  pairRefusals(link),
	}
	for _, typed := range []string{"K7QX-93MD", "k7qx93md", " k7qx 93md ", "oil0-1LIO"} {
		v.TypedCodes = append(v.TypedCodes, typedCode{typed, phonesim.NormalCode(typed)})
	}
	return v
}

// pairPayload is what a phone sends about itself; the vectors write it out so that nobody's JSON library matters.
func pairPayload(secret string, uv, poll []byte) string {
	return fmt.Sprintf(`{"secret":"%s","name":"iPhone of Ana Kovač","platform":"ios","os":"iOS 26.1","app":"1.0.0","keys":{"uv":"%s","poll":"%s"},"push":{"kind":"apns","token":"%s","env":"production","topic":"com.example.confirm"}}`,
		secret, phonesim.B64(uv), phonesim.B64(poll), strings.Repeat("0a", 32))
}

func pairMessage(domain, secret string, uv, poll []byte, payload string) message {
	s, p := sha256.Sum256([]byte(secret)), sha256.Sum256([]byte(payload))
	return newMessage(domain, text("pairing id", pairing), binary("SHA-256(secret)", s[:]), binary("SPKI uv", uv), binary("SPKI poll", poll), binary("SHA-256(payload)", p[:]))
}

func pairWith(secret string) pairCase {
	payload := pairPayload(secret, uvKey.spki(), pollKey.spki())
	m := pairMessage(phonesim.DomainPair, secret, uvKey.spki(), pollKey.spki(), payload)
	c := pairCase{
		Pairing: pairing, Secret: secret, SecretSHA256: hexHash([]byte(secret)),
		PayloadJSON: payload, Payload: phonesim.B64([]byte(payload)), PayloadSHA256: hexHash([]byte(payload)),
		Message: m, SigUV: uvKey.signature(m), SigPoll: pollKey.signature(m),
	}
	c.Body = claimBody(c.Payload, c.SigUV.DER, c.SigPoll.DER)
	return c
}

func claimBody(payload, uv, poll string) string {
	return fmt.Sprintf(`{"payload":"%s","sig_uv":"%s","sig_poll":"%s"}`, payload, uv, poll)
}

// claimBy signs a payload with two keys.
func claimBy(domain string, uv, poll key, payload string) string {
	m := pairMessage(domain, linkSecret, uv.spki(), poll.spki(), payload).bytes()
	return claimBody(phonesim.B64([]byte(payload)), phonesim.B64(uv.sign(m)), phonesim.B64(poll.sign(m)))
}

func pairRefusals(good pairCase) []pairRefusal {
	trailing := phonesim.B64(phonesim.Trailing(must(phonesim.Unb64(good.SigUV.DER))))
	reordered := strings.Replace(good.PayloadJSON, `"os":"iOS 26.1","app":"1.0.0"`, `"app":"1.0.0","os":"iOS 26.1"`, 1)
	repeated := string(phonesim.Member([]byte(good.PayloadJSON), "name", `"another name"`))
	unknown := string(phonesim.Member([]byte(good.PayloadJSON), "admin", "true"))
	bad := func(name, why, code, body string) pairRefusal { return pairRefusal{name, why, 400, code, body} }
	return []pairRefusal{
		bad("a raw signature", "r‖s has to be converted to DER", "bad_signature", claimBody(good.Payload, good.SigUV.Raw, good.SigPoll.Raw)),
		bad("a trailing byte", "nothing may follow the DER", "bad_signature", claimBody(good.Payload, trailing, good.SigPoll.DER)),
		bad("another domain", "signed under countersign/response/v1", "bad_signature", claimBy(phonesim.DomainResponse, uvKey, pollKey, good.PayloadJSON)),
		bad("signatures exchanged", "sig_uv is by the uv key, sig_poll by the poll key", "bad_signature", claimBody(good.Payload, good.SigPoll.DER, good.SigUV.DER)),
		bad("a payload written anew", "the same JSON in another order has other bytes", "bad_signature", claimBody(phonesim.B64([]byte(reordered)), good.SigUV.DER, good.SigPoll.DER)),
		bad("one key twice", "uv and poll must be two different keys", "bad_key", claimBy(phonesim.DomainPair, uvKey, uvKey, pairPayload(linkSecret, uvKey.spki(), uvKey.spki()))),
		bad("a P-384 key", "P-256 is the only curve", "bad_key", claimBy(phonesim.DomainPair, p384Key, pollKey, pairPayload(linkSecret, p384Key.spki(), pollKey.spki()))),
		bad("a repeated field", "name stands twice in the payload, and the signatures hold", "malformed", claimBy(phonesim.DomainPair, uvKey, pollKey, repeated)),
		bad("an unknown field", "admin is no field of the payload, and the signatures hold", "unknown_field", claimBy(phonesim.DomainPair, uvKey, pollKey, unknown)),
	}
}

type sasVectors struct {
	head
	Accepted []sasCase `json:"accepted"`
}

type sasCase struct {
	Name    string      `json:"name"`
	Pairing string      `json:"pairing"`
	UV      string      `json:"uv_spki"`
	Poll    string      `json:"poll_spki"`
	Keys    []pinnedKey `json:"server_keys"`
	Message message     `json:"message"`
	Eight   string      `json:"first_8_bytes_hex"`
	Number  json.Number `json:"big_endian_integer"`
	SAS     string      `json:"sas"`
}

type pinnedKey struct {
	KID  string `json:"kid"`
	SPKI string `json:"spki"`
}

func serverKeys() []pinnedKey {
	return []pinnedKey{{"srv_1", phonesim.B64(serverKey.spki())}, {"srv_2", phonesim.B64(nextServer.spki())}}
}

func sasFile() sasVectors {
	zeros := ""
	for i := 0; ; i++ { // digits that a number would lose
		zeros = fmt.Sprintf("par_leading_zeros_%d", i)
		if strings.HasPrefix(phonesim.SAS(zeros, uvKey.spki(), pollKey.spki(), serverKey.spki()), "00") {
			break
		}
	}
	return sasVectors{
		head: head{"The six digits on both screens: the first 8 bytes of SHA-256(LP(countersign/sas/v1, pairing id, SPKI uv, SPKI poll, SPKI of server_keys[0])) " +
			"as a big-endian unsigned integer, modulo 1000000, written with six digits. The integer needs 64 bits: it does not fit a JavaScript number.", encoding, testOnly},
		Accepted: []sasCase{
			newSAS("the pairing of pair.json", pairing, uvKey, pollKey),
			newSAS("leading zeros", zeros, uvKey, pollKey),
			newSAS("the keys exchanged", pairing, pollKey, uvKey),
		},
	}
}

func newSAS(name, id string, uv, poll key) sasCase {
	m := newMessage(phonesim.DomainSAS, text("pairing id", id), binary("SPKI uv", uv.spki()), binary("SPKI poll", poll.spki()), binary("SPKI server", serverKey.spki()))
	h := sha256.Sum256(m.bytes())
	return sasCase{
		Name: name, Pairing: id, UV: phonesim.B64(uv.spki()), Poll: phonesim.B64(poll.spki()), Keys: serverKeys(), Message: m,
		Eight: fmt.Sprintf("%x", h[:8]), Number: bigEndian(h[:8]), SAS: phonesim.SAS(id, uv.spki(), poll.spki(), serverKey.spki()),
	}
}

package main

import (
	"crypto/elliptic"
	"encoding/asn1"
	"fmt"
	"math/big"
	"strings"

	"github.com/countersign/countersign/internal/phonesim"
)

type responseVectors struct {
	head
	Keys     []keyVector       `json:"keys"`
	Accepted []responseCase    `json:"accepted"`
	Refused  []responseRefusal `json:"refused"`
}

type responseCase struct {
	Name      string    `json:"name"`
	Key       string    `json:"key"` // uv or poll
	CID       string    `json:"cid"`
	Challenge string    `json:"challenge"`
	CHS       string    `json:"chs"`
	JSON      string    `json:"response_json"`
	Response  string    `json:"response"`
	Message   message   `json:"message"`
	Sig       signature `json:"sig"`
	Body      string    `json:"body_json"`
}

// responseRefusal is an answer to challenge that the server must refuse.
type responseRefusal struct {
	Name      string `json:"name"`
	Why       string `json:"why"`
	Status    int    `json:"status"`
	Code      string `json:"code"`
	CID       string `json:"cid"`
	Challenge string `json:"challenge"`
	Body      string `json:"body_json"`
}

func responseFile() responseVectors {
	tap := answer("It's me! with one tap", "uv", uvKey, tapChallenge, `"dec":"approve","uv":"biometric"`)
	return responseVectors{
		head: head{"A phone answers: LP(countersign/response/v1, challenge bytes, response bytes), an approval signed by the uv key, a denial by either. " +
			"A signature is never an identifier: whoever has one can make its twin (r, n−s), which holds as well.", encoding, testOnly},
		Keys: []keyVector{uvKey.vector("uv"), pollKey.vector("poll"), stranger.vector("refused"), p384Key.vector("refused")},
		Accepted: []responseCase{
			tap,
			answer("It's me! with the six digits", "uv", uvKey, codeChallenge, `"dec":"approve","code":"048213","uv":"device_pin"`),
			answer("It's me! of a browser", "uv", uvKey, tapChallenge, `"dec":"approve","uv":"none"`),
			answer("It's not me, by the key that needs no unlock", "poll", pollKey, tapChallenge, `"dec":"deny","reason":"not_me","uv":"none"`),
			answer("It's not me, tapped by mistake, by the uv key", "uv", uvKey, tapChallenge, `"dec":"deny","reason":"mistake","uv":"biometric"`),
			answer("It's not me without a reason", "poll", pollKey, tapChallenge, `"dec":"deny","uv":"none"`),
			answer("the activation of a new phone", "uv", uvKey, activateChallenge, `"dec":"approve","uv":"biometric"`),
			twin(tap),
		},
		Refused: append(signatureRefusals(tap), contentRefusals(tap)...),
	}
}

func responseJSON(c challengeCase, said string) string {
	return fmt.Sprintf(`{"v":1,"cid":"%s","chs":"%s","dev":"%s",%s,"iat":%d}`, c.cid(), c.CHS, device, said, asked+12)
}

func answer(name, use string, k key, c challengeCase, said string) responseCase {
	r := responseCase{Name: name, Key: use, CID: c.cid(), Challenge: c.Challenge, CHS: c.CHS, JSON: responseJSON(c, said)}
	r.Response = phonesim.B64([]byte(r.JSON))
	r.Message = newMessage(phonesim.DomainResponse, text("challenge", c.JSON), text("response", r.JSON))
	r.Sig = k.signature(r.Message)
	r.Body = respondBody(r.Response, r.Sig.DER)
	return r
}

func respondBody(response, sig string) string {
	return fmt.Sprintf(`{"response":"%s","sig":"%s"}`, response, sig)
}

// twin is the other signature that holds: (r, n−s).
func twin(c responseCase) responseCase {
	raw := must(phonesim.Unb64(c.Sig.Raw))
	s := new(big.Int).SetBytes(raw[32:])
	s.Sub(elliptic.P256().Params().N, s).FillBytes(raw[32:])
	c.Name = "the twin signature (r, n−s) of the first"
	c.Sig = signature{phonesim.B64(must(phonesim.DER(raw))), phonesim.B64(raw)}
	c.Body = respondBody(c.Response, c.Sig.DER)
	return c
}

func signatureRefusals(good responseCase) []responseRefusal {
	m := good.Message.bytes()
	der := must(phonesim.Unb64(good.Sig.DER))
	challenge := must(phonesim.Unb64(good.Challenge))
	bad := func(name, why string, response string, sig []byte) responseRefusal {
		return responseRefusal{name, why, 401, "unauthorized", good.CID, good.Challenge, respondBody(response, phonesim.B64(sig))}
	}
	denied := strings.Replace(good.JSON, `"dec":"approve"`, `"dec":"deny"`, 1)
	return []responseRefusal{
		bad("a raw signature", "r‖s has to be converted to DER", good.Response, must(phonesim.Unb64(good.Sig.Raw))),
		bad("a trailing byte", "nothing may follow the DER", good.Response, phonesim.Trailing(der)),
		bad("a length in BER", "the outer length is written in two bytes: DER has one form only", good.Response, append([]byte{der[0], 0x81}, der[1:]...)),
		bad("an empty signature", "r = s = 0", good.Response, must(asn1.Marshal(struct{ R, S int }{}))),
		bad("the challenge's domain", "signed under countersign/challenge/v1", good.Response, uvKey.sign(phonesim.LP(phonesim.DomainChallenge, challenge, []byte(good.JSON)))),
		bad("the request's domain", "signed under countersign/request/v1", good.Response, uvKey.sign(phonesim.LP(phonesim.DomainRequest, challenge, []byte(good.JSON)))),
		bad("an approval by the poll key", "approving needs the key that needs the unlock", good.Response, pollKey.sign(m)),
		bad("a denial under the signature of an approval", "the response was edited after signing", phonesim.B64([]byte(denied)), der),
		bad("a stranger's key", "not a key of this phone", good.Response, stranger.sign(m)),
		bad("a P-384 key", "P-256 is the only curve", good.Response, p384Key.sign(m)),
		bad("only the response signed", "the challenge bytes are missing", good.Response, uvKey.sign(phonesim.LP(phonesim.DomainResponse, []byte(good.JSON)))),
		bad("the parts exchanged", "the challenge comes first", good.Response, uvKey.sign(phonesim.LP(phonesim.DomainResponse, []byte(good.JSON), challenge))),
	}
}

// contentRefusals are well signed and still no answers.
func contentRefusals(good responseCase) []responseRefusal {
	challenge := must(phonesim.Unb64(good.Challenge))
	bad := func(name, why string, status int, code, response string) responseRefusal {
		sig := uvKey.sign(phonesim.ResponseMessage(challenge, []byte(response)))
		return responseRefusal{name, why, status, code, good.CID, good.Challenge, respondBody(phonesim.B64([]byte(response)), phonesim.B64(sig))}
	}
	edit := func(old, new string) string { return strings.Replace(good.JSON, old, new, 1) }
	member := func(name, value string) string { return string(phonesim.Member([]byte(good.JSON), name, value)) }
	return []responseRefusal{
		bad("a repeated field", "dec stands twice", 400, "malformed", member("dec", `"deny"`)),
		bad("an unknown field", "mode is no field of a response", 400, "unknown_field", member("mode", `"tap"`)),
		bad("a repeated field in other letters", "for a reader that ignores case dec stands twice", 400, "malformed", member("DEC", `"deny"`)),
		bad("something behind the JSON", "one object and nothing else", 400, "malformed", good.JSON+"{}"),
		bad("an unknown decision", "dec is approve or deny", 400, "malformed", edit(`"approve"`, `"maybe"`)),
		bad("another version", "v is 1", 400, "malformed", edit(`"v":1`, `"v":2`)),
		bad("another challenge's hash", "chs is not the hash of this challenge", 401, "unauthorized", edit(good.CHS, codeChallenge.CHS)),
		bad("another request's id", "cid is not that of this challenge", 401, "unauthorized", edit(good.CID, codeChallenge.cid())),
		bad("another device's id", "dev is not that of this challenge", 401, "unauthorized", edit(device, "dev_0000000000000000000000")),
	}
}

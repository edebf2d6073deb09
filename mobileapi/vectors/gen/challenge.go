package main

import (
	"crypto/sha256"
	eb "encoding/binary"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/countersign/countersign/internal/phonesim"
)

const (
	asked     = 1795356120 // 2026-11-22T14:02:00Z
	sessionID = "the cookie value of the asking session"
)

type challengeVectors struct {
	head
	Keys     []keyVector        `json:"keys"`
	Pinned   []pinnedKey        `json:"pinned"`
	Device   string             `json:"device"`
	Accepted []challengeCase    `json:"accepted"`
	Refused  []challengeRefusal `json:"refused"`
}

type challengeCase struct {
	Name      string    `json:"name"`
	SessionID string    `json:"session_id"`
	Params    string    `json:"params_json,omitempty"` // the stored bytes that par is the hash of
	JSON      string    `json:"challenge_json"`
	Challenge string    `json:"challenge"`
	CHS       string    `json:"chs"`
	Message   message   `json:"message"`
	ServerSig signature `json:"server_sig"`
	Reply     string    `json:"reply_json"`
}

// challengeRefusal is a reply that a phone must not show.
type challengeRefusal struct {
	Name  string `json:"name"`
	Why   string `json:"why"`
	CID   string `json:"cid"` // what the phone asked for
	Reply string `json:"reply_json"`
}

// The challenges that challenge.json publishes and response.json answers.
var (
	tapChallenge = newChallenge("one tap", "cnf_3nBq8VtYw0LsKdRz6XcJ1M", "scim.token.reveal", "scim_token:tok_9HfPzQ2uEoA7kWmGxTb4Sv", "", "tap",
		`{"action":"View the SCIM API authentication token","workspace":"Acme","person":"Ana Kovač","browser":"Chrome 142","os":"Windows","ip":"203.0.113.7","place":"Zagreb, HR","since":1795352400,"new":[]}`)
	codeChallenge = newChallenge("the six digits", "cnf_7aUe2GhNp5IrDyOx9WmZ0C", "scim.token.regenerate", "scim_token:tok_9HfPzQ2uEoA7kWmGxTb4Sv", `{"reason":"Token expiration compliance","overlap_seconds":86400}`, "code",
		`{"action":"Regenerate the SCIM API authentication token","workspace":"Acme \u0026 Söhne","person":"Ana Kovač","browser":"Firefox 145","os":"macOS","ip":"2001:db8::7","since":1795352400,"new":["browser","network"]}`)
	activateChallenge = newChallenge("the activation of a new phone", "cnf_1kTj4FvMs6QbEwLu8YdPz3", phonesim.ActionActivate, "device:"+device, "", "tap",
		`{"action":"Activate this phone","workspace":"Acme","person":"Ana Kovač","browser":"Chrome 142","os":"Windows","ip":"203.0.113.7","since":1795352400,"new":[]}`)
)

func newChallenge(name, cid, act, res, params, mode, ctx string) challengeCase {
	ses, non := sha256.Sum256([]byte(sessionID)), sha256.Sum256([]byte("nonce of "+cid))
	par := ""
	if params != "" {
		par = b64Hash([]byte(params))
	}
	c := challengeCase{Name: name, SessionID: sessionID, Params: params}
	c.JSON = fmt.Sprintf(`{"v":1,"kid":"srv_1","cid":"%s","wsp":"wsp_8RxLm3QcVnKe0JtYgZ5wHd","usr":"ppl_2WfSb7UoXiAy4NpTqE9kGr","dev":"%s","act":"%s","res":"%s","par":"%s","ses":"%s","non":"%s","mode":"%s","ctx":%s,"iat":%d,"exp":%d}`,
		cid, device, act, res, par, phonesim.B64(ses[:8]), phonesim.B64(non[:]), mode, ctx, asked, asked+300)
	c.Challenge, c.CHS = phonesim.B64([]byte(c.JSON)), b64Hash([]byte(c.JSON))
	c.Message = newMessage(phonesim.DomainChallenge, text("challenge", c.JSON))
	c.ServerSig = serverKey.signature(c.Message)
	c.Reply = reply(c.JSON, "srv_1", c.ServerSig.DER)
	return c
}

func reply(challenge, kid, sig string) string {
	return fmt.Sprintf(`{"challenge":"%s","server_sig":"%s","kid":"%s","server_time":"2026-11-22T14:02:03.120456Z"}`, phonesim.B64([]byte(challenge)), sig, kid)
}

func (c challengeCase) cid() string {
	var read struct {
		CID string `json:"cid"`
	}
	if err := json.Unmarshal([]byte(c.JSON), &read); err != nil {
		panic(err)
	}
	return read.CID
}

func challengeFile() challengeVectors {
	return challengeVectors{
		head: head{"The server asks one phone: a key that the phone pinned while pairing signs LP(countersign/challenge/v1, challenge bytes). " +
			"Show nothing of a challenge whose signature does not hold over the very bytes received, or that is meant for another phone.", encoding, testOnly},
		Keys:     []keyVector{serverKey.vector("srv_1"), nextServer.vector("srv_2"), stranger.vector("refused"), p384Key.vector("refused")},
		Pinned:   serverKeys(),
		Device:   device,
		Accepted: []challengeCase{tapChallenge, codeChallenge, activateChallenge},
		Refused:  challengeRefusals(tapChallenge),
	}
}

func challengeRefusals(good challengeCase) []challengeRefusal {
	m := good.Message.bytes()
	der := must(phonesim.Unb64(good.ServerSig.DER))
	edited := strings.Replace(good.JSON, "203.0.113.7", "203.0.113.8", 1)
	foreign := strings.Replace(good.JSON, device, "dev_0000000000000000000000", 1)
	signed := func(k key, challenge string) string {
		return phonesim.B64(k.sign(phonesim.ChallengeMessage([]byte(challenge))))
	}
	bad := func(name, why, reply string) challengeRefusal { return challengeRefusal{name, why, good.cid(), reply} }
	return []challengeRefusal{
		bad("a raw signature", "the service sends DER; r‖s here is somebody else's", reply(good.JSON, "srv_1", good.ServerSig.Raw)),
		bad("a trailing byte", "nothing may follow the DER", reply(good.JSON, "srv_1", phonesim.B64(phonesim.Trailing(der)))),
		bad("another domain", "signed under countersign/request/v1", reply(good.JSON, "srv_1", phonesim.B64(serverKey.sign(phonesim.LP(phonesim.DomainRequest, []byte(good.JSON)))))),
		bad("an edited address", "one byte of the challenge was changed after signing", reply(edited, "srv_1", good.ServerSig.DER)),
		bad("a key that is not pinned", "kid srv_9 was never given to this phone", reply(good.JSON, "srv_9", phonesim.B64(stranger.sign(m)))),
		bad("a stranger under a pinned name", "the signature is not by srv_1", reply(good.JSON, "srv_1", phonesim.B64(stranger.sign(m)))),
		bad("another pinned key than it says", "kid of the reply and of the challenge differ", reply(good.JSON, "srv_2", phonesim.B64(nextServer.sign(m)))),
		bad("a P-384 signature", "P-256 is the only curve", reply(good.JSON, "srv_1", phonesim.B64(p384Key.sign(m)))),
		bad("for another phone", "the signature holds, but dev is another device", reply(foreign, "srv_1", signed(serverKey, foreign))),
		bad("another request than asked for", "the signature holds, but cid is another one", codeChallenge.Reply),
		bad("a newer version", "the signature holds, but v is 2: ask for an update of the app", reply(strings.Replace(good.JSON, `"v":1`, `"v":2`, 1), "srv_1", signed(serverKey, strings.Replace(good.JSON, `"v":1`, `"v":2`, 1)))),
	}
}

func bigEndian(b []byte) json.Number {
	return json.Number(strconv.FormatUint(eb.BigEndian.Uint64(b), 10))
}

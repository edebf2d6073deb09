// Package evilserver is a server that misbehaves towards a phone: it pairs honestly, asks honestly, and then asks under the wrong signature,
// for another phone, with an edited action, under a key that was given up, or announces a key of its own. A client that answers any of it is
// not fit for use. It is written from the published contract alone and imports nothing of the product but the simulated phone's wire format.
package evilserver

import (
	"encoding/json"
	"strings"

	"github.com/countersign/countersign/internal/phonesim"
)

// The names of the keys. Old was pinned while pairing and given up for Current; Strange was never announced by either.
const (
	Old     = "srv_1"
	Current = "srv_2"
	Strange = "srv_9"
)

// Scene is a phone that has moved from Old to Current, and what it may be asked.
type Scene struct {
	Device, Workspace, Person string
	CID                       string // what the phone asks for
	IAT, Exp                  int64  // of an honest challenge, Unix seconds
	Moved                     int64  // when the phone moved to Current
	SPKI                      map[string]string
	// Sign gives the DER signature of a key over a message.
	Sign func(kid string, message []byte) []byte
	Non  string
}

// Reply is what the phone gets when it pulls.
type Reply struct {
	Challenge string `json:"challenge"`
	ServerSig string `json:"server_sig"`
	KID       string `json:"kid"`
}

// Fields are the members of a challenge that forgeries change.
type Fields struct {
	V    int             `json:"v"`
	KID  string          `json:"kid"`
	CID  string          `json:"cid"`
	WSP  string          `json:"wsp"`
	USR  string          `json:"usr"`
	DEV  string          `json:"dev"`
	Act  string          `json:"act"`
	Res  string          `json:"res"`
	Par  string          `json:"par"`
	Ses  string          `json:"ses"`
	Non  string          `json:"non"`
	Mode string          `json:"mode"`
	Ctx  json.RawMessage `json:"ctx"`
	IAT  int64           `json:"iat"`
	Exp  int64           `json:"exp"`
}

const shown = `{"action":"View the SCIM API authentication token","workspace":"Acme","person":"Ana Kovač","browser":"Chrome 142","os":"Windows","ip":"203.0.113.7","since":1795352400,"new":[]}`

// honest are the fields of a challenge with nothing wrong.
func (s Scene) honest() Fields {
	return Fields{V: 1, KID: Current, CID: s.CID, WSP: s.Workspace, USR: s.Person, DEV: s.Device, Act: "scim.token.reveal", Res: "scim_token:tok_1",
		Ses: "cez6o9k2YRA", Non: s.Non, Mode: "tap", Ctx: json.RawMessage(shown), IAT: s.IAT, Exp: s.Exp}
}

// Honest is a challenge with nothing wrong, after edits of its fields; it is signed by the key that it names.
func (s Scene) Honest(edit ...func(*Fields)) Reply {
	f := s.honest()
	for _, e := range edit {
		e(&f)
	}
	return s.signed(f, f.KID)
}

// signed is a challenge under the name in its fields, signed by another key perhaps.
func (s Scene) signed(f Fields, by string) Reply {
	text := f.text()
	return Reply{phonesim.B64(text), phonesim.B64(s.Sign(by, phonesim.ChallengeMessage(text))), f.KID}
}

func (f Fields) text() []byte {
	b, err := json.Marshal(f)
	if err != nil {
		panic("evilserver: " + err.Error())
	}
	return b
}

// Forgery is one way to ask what must not be answered.
type Forgery struct {
	Name string
	Did  string // what is wrong with it, in words
	Make func(Scene) Reply
}

// Forgeries are all of them. Everything but what Did names is right.
var Forgeries = []Forgery{
	{"wrong-signature", "a stranger signed under the name of the key in force", func(s Scene) Reply { return s.signed(s.honest(), Strange) }},
	{"unknown-key", "signed, rightly, by a key that was never pinned", func(s Scene) Reply { return s.Honest(func(f *Fields) { f.KID = Strange }) }},
	{"old-key", "signed, rightly, by the key that the phone gave up before", func(s Scene) Reply {
		return s.Honest(func(f *Fields) { f.KID, f.IAT = Old, max(f.IAT, s.Moved+30) })
	}},
	{"old-key-backdated", "the given-up key says that it asked before the move, with an end beyond the longest life", func(s Scene) Reply {
		return s.Honest(func(f *Fields) { f.KID, f.IAT, f.Exp = Old, s.Moved-1, s.Moved+3600 })
	}},
	{"raw-signature", "r and s side by side in place of DER", func(s Scene) Reply { return s.bend(phonesim.RawForm) }},
	{"trailing-byte", "one byte behind the DER of a right signature", func(s Scene) Reply { return s.bend(phonesim.Trailing) }},
	{"another-domain", "a right signature, made under the domain of announcements", func(s Scene) Reply {
		r := s.Honest()
		text := s.honest().text()
		r.ServerSig = phonesim.B64(s.Sign(Current, phonesim.LP(phonesim.DomainServerKey, text)))
		return r
	}},
	{"swapped-action", "the action was changed after signing: regenerate in place of reveal", func(s Scene) Reply {
		return s.edited("scim.token.reveal", "scim.token.regenerate")
	}},
	{"swapped-address", "the address that the person is shown was changed after signing", func(s Scene) Reply { return s.edited("203.0.113.7", "198.51.100.9") }},
	{"wrong-device", "signed, rightly, for another phone", func(s Scene) Reply { return s.Honest(func(f *Fields) { f.DEV = "dev_another" }) }},
	{"wrong-workspace", "signed, rightly, for another workspace", func(s Scene) Reply { return s.Honest(func(f *Fields) { f.WSP = "wsp_another" }) }},
	{"wrong-person", "signed, rightly, for another person", func(s Scene) Reply { return s.Honest(func(f *Fields) { f.USR = "ppl_another" }) }},
	{"replayed", "yesterday's challenge, rightly signed then, for today's request", func(s Scene) Reply {
		return s.Honest(func(f *Fields) { f.CID, f.IAT, f.Exp = "cnf_yesterday", s.IAT-86_400, s.Exp-86_400 })
	}},
	{"other-request", "a live challenge, rightly signed, of another request than the one pulled", func(s Scene) Reply {
		return s.Honest(func(f *Fields) { f.CID = "cnf_other" })
	}},
	{"expired", "its time was over an hour ago", func(s Scene) Reply { return s.Honest(func(f *Fields) { f.IAT, f.Exp = s.IAT-3900, s.IAT-3600 }) }},
	{"unknown-mode", "a mode that the contract does not have; it must not be answered as a weaker one", func(s Scene) Reply {
		return s.Honest(func(f *Fields) { f.Mode = "wink" })
	}},
	{"newer-version", "version 2 of the challenge", func(s Scene) Reply { return s.Honest(func(f *Fields) { f.V = 2 }) }},
	{"two-names", "the reply names another key than the challenge inside", func(s Scene) Reply {
		f := s.honest()
		f.KID = Old
		r := s.signed(f, Current)
		r.KID = Current
		return r
	}},
	{"no-json", "signed, rightly, and no JSON", func(s Scene) Reply {
		text := []byte("approve me")
		return Reply{phonesim.B64(text), phonesim.B64(s.Sign(Current, phonesim.ChallengeMessage(text))), Current}
	}},
}

// bend puts an honest signature into another form.
func (s Scene) bend(form func([]byte) []byte) Reply {
	r := s.Honest()
	der, err := phonesim.Unb64(r.ServerSig)
	if err != nil {
		panic("evilserver: " + err.Error())
	}
	r.ServerSig = phonesim.B64(form(der))
	return r
}

// edited changes an honest challenge behind its signature.
func (s Scene) edited(from, to string) Reply {
	r := s.Honest()
	r.Challenge = phonesim.B64([]byte(strings.Replace(string(s.honest().text()), from, to, 1)))
	return r
}

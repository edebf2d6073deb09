package evilserver

import (
	"encoding/json"

	"github.com/countersign/countersign/internal/phonesim"
)

// Next is the key that an honest server announces after Current.
const Next = "srv_3"

// Keys is the answer to GET /v1/device/keys.
type Keys struct {
	ServerKey     string               `json:"server_key"`
	Holds         string               `json:"holds"`
	Announcements []phonesim.Announced `json:"announcements"`
}

type announced struct {
	V   int                `json:"v"`
	KID string             `json:"kid"`
	New phonesim.ServerKey `json:"new"`
	IAT int64              `json:"iat"`
}

// Announce is an announcement of next under by, as edits change it, signed by signer under a domain.
func (s Scene) announce(by, next, signer, domain string, edit ...func(*announced)) phonesim.Announced {
	a := announced{1, by, phonesim.ServerKey{KID: next, SPKI: s.SPKI[next]}, s.IAT}
	for _, e := range edit {
		e(&a)
	}
	text, err := json.Marshal(a)
	if err != nil {
		panic("evilserver: " + err.Error())
	}
	return phonesim.Announced{KID: by, Announcement: phonesim.B64(text), Sig: phonesim.B64(s.Sign(signer, phonesim.LP(domain, text)))}
}

// Announcement is an honest step from one key to the next.
func (s Scene) Announcement(by, next string) phonesim.Announced {
	return s.announce(by, next, by, phonesim.DomainServerKey)
}

// Coup is one way to announce a key that must not be pinned. The phone holds to Current.
type Coup struct {
	Name string
	Did  string
	Make func(Scene) Keys
}

func leads(to string, steps ...phonesim.Announced) Keys { return Keys{to, Current, steps} }

// Coups are all of them.
var Coups = []Coup{
	{"announced-by-stranger", "a stranger's key, announced under the name of the key in force, signed by the stranger", func(s Scene) Keys {
		return leads(Strange, s.announce(Current, Strange, Strange, phonesim.DomainServerKey))
	}},
	{"announced-by-itself", "the new key announces itself", func(s Scene) Keys { return leads(Strange, s.Announcement(Strange, Strange)) }},
	{"announced-by-old-key", "a key that the phone gave up announces the next one", func(s Scene) Keys { return leads(Strange, s.Announcement(Old, Strange)) }},
	{"announced-under-challenge", "the right key signed it, under the domain of challenges", func(s Scene) Keys {
		return leads(Strange, s.announce(Current, Strange, Current, phonesim.DomainChallenge))
	}},
	{"announced-another", "rightly announced, but another key than the one that the list names", func(s Scene) Keys {
		return leads(Strange, s.Announcement(Current, Next))
	}},
	{"announced-nothing", "no announcement at all", func(Scene) Keys { return leads(Strange) }},
	{"broken-chain", "the second step is signed by the first step's signer", func(s Scene) Keys {
		return leads(Strange, s.Announcement(Current, Next), s.announce(Next, Strange, Current, phonesim.DomainServerKey))
	}},
	{"chain-backwards", "the second step comes from the key before", func(s Scene) Keys {
		return leads(Strange, s.Announcement(Current, Next), s.Announcement(Current, Strange))
	}},
	{"announcement-version", "version 2 of an announcement", func(s Scene) Keys {
		return leads(Next, s.announce(Current, Next, Current, phonesim.DomainServerKey, func(a *announced) { a.V = 2 }))
	}},
	{"announcement-two-names", "the announcement inside names another signer", func(s Scene) Keys {
		return leads(Next, s.announce(Current, Next, Current, phonesim.DomainServerKey, func(a *announced) { a.KID = Old }))
	}},
	{"announcement-no-key", "the new key is no key", func(s Scene) Keys {
		return leads(Next, s.announce(Current, Next, Current, phonesim.DomainServerKey, func(a *announced) { a.New.SPKI = "AAAA" }))
	}},
}

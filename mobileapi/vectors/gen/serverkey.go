package main

import (
	"crypto/sha256"

	"github.com/countersign/countersign/internal/phonesim"
	"github.com/countersign/countersign/internal/phonesim/evilserver"
)

// moved is when the phone of these vectors moved from srv_1 to srv_2.
const moved = asked - 60

// lastKey is what srv_2 announces.
var lastKey = p256("countersign test key server 3")

// heldKey is a key that the phone has pinned. Until, Unix seconds, is the end of one that it gave up.
type heldKey struct {
	Kid   string `json:"kid"`
	SPKI  string `json:"spki"`
	Until int64  `json:"until,omitempty"`
}

type serverKeyVectors struct {
	head
	Keys     []keyVector         `json:"keys"`
	Accepted []announcementCase  `json:"accepted"`
	Refused  []announcementCoups `json:"refused"`
}

type announcementCase struct {
	Name    string            `json:"name"`
	Pinned  []heldKey         `json:"pinned"`
	JSON    []string          `json:"announcements_json"`
	Message []message         `json:"messages"`
	Reply   evilserver.Keys   `json:"reply"`
	Pins    map[string]string `json:"pins"` // the key to hold to afterwards
}

type announcementCoups struct {
	Name   string          `json:"name"`
	Why    string          `json:"why"`
	Pinned []heldKey       `json:"pinned"`
	Reply  evilserver.Keys `json:"reply"`
}

type evilVectors struct {
	head
	Device    string     `json:"device"`
	Workspace string     `json:"workspace"`
	Person    string     `json:"person"`
	Now       int64      `json:"now"` // the phone's clock, right
	Pinned    []heldKey  `json:"pinned"`
	Accepted  []evilCase `json:"accepted"`
	Refused   []evilCase `json:"refused"`
}

type evilCase struct {
	Name  string           `json:"name"`
	Why   string           `json:"why"`
	CID   string           `json:"cid"`
	Reply evilserver.Reply `json:"reply"`
}

// held are the keys of a phone that moved a minute ago.
func held() []heldKey {
	return []heldKey{{Kid: evilserver.Current, SPKI: phonesim.B64(nextServer.spki())}, {evilserver.Old, phonesim.B64(serverKey.spki()), moved + 5}}
}

// scene is the phone of the vectors, with keys that sign the same each time.
func scene(cid string) evilserver.Scene {
	signers := map[string]key{evilserver.Old: serverKey, evilserver.Current: nextServer, evilserver.Next: lastKey, evilserver.Strange: stranger}
	spki := map[string]string{}
	for kid, k := range signers {
		spki[kid] = phonesim.B64(k.spki())
	}
	non := sha256.Sum256([]byte("nonce of " + cid))
	return evilserver.Scene{Device: device, Workspace: "wsp_8RxLm3QcVnKe0JtYgZ5wHd", Person: "ppl_2WfSb7UoXiAy4NpTqE9kGr", CID: cid, IAT: asked, Exp: asked + 300,
		Moved: moved, SPKI: spki, Non: phonesim.B64(non[:]), Sign: func(kid string, m []byte) []byte { return signers[kid].sign(m) }}
}

func serverKeyFile() serverKeyVectors {
	s := scene("")
	first := []heldKey{{Kid: evilserver.Old, SPKI: s.SPKI[evilserver.Old]}}
	good := func(name string, pinned []heldKey, to string, steps ...phonesim.Announced) announcementCase {
		c := announcementCase{Name: name, Pinned: pinned, Reply: evilserver.Keys{ServerKey: to, Holds: pinned[0].Kid, Announcements: steps},
			Pins: map[string]string{"kid": to, "spki": s.SPKI[to]}}
		for _, step := range steps {
			b := must(phonesim.Unb64(step.Announcement))
			c.JSON = append(c.JSON, string(b))
			c.Message = append(c.Message, newMessage(phonesim.DomainServerKey, text("announcement", string(b))))
		}
		return c
	}
	v := serverKeyVectors{
		head: head{"The server's key is replaced: the old one signs LP(countersign/server-key/v1, announcement bytes). Pin the new key only where the whole " +
			"way from a pinned key without an end (until) holds.", encoding, testOnly},
		Keys: []keyVector{serverKey.vector(evilserver.Old), nextServer.vector(evilserver.Current), lastKey.vector(evilserver.Next), stranger.vector(evilserver.Strange)},
		Accepted: []announcementCase{
			good("one step", first, evilserver.Current, s.Announcement(evilserver.Old, evilserver.Current)),
			good("two steps, for a phone that was off", first, evilserver.Next, s.Announcement(evilserver.Old, evilserver.Current), s.Announcement(evilserver.Current, evilserver.Next)),
			good("the next step of a phone that moved before", held(), evilserver.Next, s.Announcement(evilserver.Current, evilserver.Next)),
		},
	}
	for _, c := range evilserver.Coups {
		v.Refused = append(v.Refused, announcementCoups{c.Name, c.Did, held(), c.Make(s)})
	}
	return v
}

func evilFile() evilVectors {
	const cid = "cnf_6bVd3HjWq9TsNcRm2YzPk8"
	s := scene(cid)
	v := evilVectors{
		head: head{"What an evil server may send (go run ./cmd/phonesim --evil-server plays the same to a running client). Each reply is right but for what why " +
			"says. The phone moved from srv_1 to srv_2 a minute ago; until is the end of the old key.", encoding, testOnly},
		Device: device, Workspace: s.Workspace, Person: s.Person, Now: asked + 3, Pinned: held(),
		Accepted: []evilCase{
			{"under the new key", "nothing is wrong", cid, s.Honest()},
			{"under the old key, asked before the move", "nothing is wrong: it was under way when the phone moved", cid, s.Honest(func(f *evilserver.Fields) {
				f.KID, f.IAT, f.Exp = evilserver.Old, moved-30, moved+270
			})},
		},
	}
	for _, f := range evilserver.Forgeries {
		v.Refused = append(v.Refused, evilCase{f.Name, f.Did, cid, f.Make(s)})
	}
	return v
}

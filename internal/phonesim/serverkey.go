package phonesim

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// longestLife is the longest time between the making of a question and its end, in seconds.
const longestLife = 600

// Announced is one step from a server key to the one that takes over.
type Announced struct {
	KID          string `json:"kid"`
	Announcement string `json:"announcement"` // base64url of the signed bytes
	Sig          string `json:"sig"`
}

// announcement is the JSON inside.
type announcement struct {
	V   int       `json:"v"`
	KID string    `json:"kid"`
	New ServerKey `json:"new"`
}

type serverKeys struct {
	ServerKey     string      `json:"server_key"`
	Announcements []Announced `json:"announcements"`
}

// holdsTo says whether kid is the one server key in force for this phone.
func (id Identity) holdsTo(kid string) bool {
	held := false
	for _, k := range id.ServerKeys {
		if k.Until == 0 && k.KID != kid {
			return false
		}
		held = held || k.KID == kid && k.Until == 0
	}
	return held
}

// Follow checks announcements, in order, from the keys in force to the key want, and gives that key. It pins nothing.
func (id Identity) Follow(want string, steps []Announced) (ServerKey, error) {
	trusted := map[string]ServerKey{}
	for _, k := range id.ServerKeys {
		if k.Until == 0 {
			trusted[k.KID] = k
		}
	}
	last := trusted[want] // a phone that pinned it and was cut off before it said so
	for _, s := range steps {
		by, known := trusted[s.KID]
		if !known {
			return ServerKey{}, ErrAnnouncement
		}
		next, err := s.read(by)
		if err != nil {
			return ServerKey{}, err
		}
		trusted, last = map[string]ServerKey{next.KID: next}, next
	}
	if last.KID != want || want == "" {
		return ServerKey{}, ErrAnnouncement
	}
	return last, nil
}

// read checks one step by the key that has to have signed it.
func (s Announced) read(by ServerKey) (ServerKey, error) {
	spki, err1 := Unb64(by.SPKI)
	text, err2 := Unb64(s.Announcement)
	sig, err3 := Unb64(s.Sig)
	if err1 != nil || err2 != nil || err3 != nil || !Verify(spki, AnnouncementMessage(text), sig) {
		return ServerKey{}, ErrAnnouncement
	}
	var a announcement
	if json.Unmarshal(text, &a) != nil || a.V != 1 || a.KID != by.KID || a.New.KID == "" || a.New.KID == by.KID || !onP256(a.New.SPKI) {
		return ServerKey{}, ErrAnnouncement
	}
	return ServerKey{KID: a.New.KID, SPKI: a.New.SPKI}, nil
}

func onP256(spki string) bool {
	der, err := Unb64(spki)
	if err != nil {
		return false
	}
	k, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return false
	}
	p, ok := k.(*ecdsa.PublicKey)
	return ok && p.Curve == elliptic.P256()
}

// Move asks which server key to hold to, checks that the old one announced it, pins it for good, says so, and gives the older ones an end.
func (p *Phone) Move(ctx context.Context) error {
	var got serverKeys
	if err := p.get(ctx, "/v1/device/keys", &got); err != nil {
		return err
	}
	id := p.Identity()
	next, err := id.Follow(got.ServerKey, got.Announcements)
	if err != nil {
		return err
	}
	if _, err := id.pinned(next.KID); err != nil {
		if err := p.pin(append([]ServerKey{next}, id.ServerKeys...)); err != nil {
			return err
		}
	}
	reply, err := p.Do(ctx, http.MethodPost, "/v1/device/keys", map[string]string{"kid": next.KID})
	if err != nil {
		return err
	}
	var moved struct {
		OldUntil time.Time `json:"old_until"`
	}
	if err := reply.JSON(&moved); err != nil {
		return err
	}
	return p.pin(p.Identity().endOlder(next.KID, moved.OldUntil, p.Now()))
}

// endOlder gives every key but one an end, never more than a minute away whatever the server says, and drops those whose last question is
// over.
func (id Identity) endOlder(kid string, until, now time.Time) []ServerKey {
	if most := now.Add(grace * time.Second); until.After(most) {
		until = most
	}
	var kept []ServerKey
	for _, k := range id.ServerKeys {
		if k.KID != kid && k.Until == 0 {
			k.Until = until.Unix()
		}
		if k.Until == 0 || now.Unix() <= k.Until+longestLife {
			kept = append(kept, k)
		}
	}
	return kept
}

// pin replaces the pinned keys and keeps the phone for good.
func (p *Phone) pin(keys []ServerKey) error {
	p.mu.Lock()
	p.id.ServerKeys = keys
	p.mu.Unlock()
	if err := p.o.Keep(p); err != nil {
		return fmt.Errorf("phonesim: keep the server's key: %w", err)
	}
	return nil
}

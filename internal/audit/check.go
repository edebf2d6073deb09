package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/countersign/countersign/internal/signing"
)

// Broken is the first event at which a chain, or a file, is not what the service made.
type Broken struct {
	Position int64  `json:"position,omitempty"` // 0 where no event can be named
	ID       string `json:"id,omitempty"`
	Why      string `json:"why"`
}

// Error is the sentence for people.
func (b *Broken) Error() string {
	switch {
	case b.ID != "":
		return fmt.Sprintf("event %d (%s): %s", b.Position, b.ID, b.Why)
	case b.Position > 0:
		return fmt.Sprintf("event %d: %s", b.Position, b.Why)
	}
	return b.Why
}

// Report is what a verification has found.
type Report struct {
	OK        bool    `json:"ok"`
	Workspace string  `json:"workspace"`
	Events    int64   `json:"events"` // sealed ones that were checked
	First     int64   `json:"first,omitempty"`
	Last      int64   `json:"last,omitempty"`
	Head      string  `json:"head,omitempty"` // hash of the last one, hexadecimal
	Erased    int64   `json:"erased,omitempty"`
	Deleted   int64   `json:"deleted,omitempty"` // by retention, before the first: a signed checkpoint stands for them
	Unsealed  Rest    `json:"unsealed"`
	Key       string  `json:"key,omitempty"` // fingerprint of the key that signed last
	Pinned    bool    `json:"pinned"`        // that key is the one given, or follows from it
	Broken    *Broken `json:"broken,omitempty"`
}

// Rest is the unsealed tail.
type Rest struct {
	Events int64  `json:"events"`
	First  string `json:"first,omitempty"` // id
	Last   string `json:"last,omitempty"`
}

func (r *Rest) add(id string) {
	if r.Events++; r.First == "" {
		r.First = id
	}
	r.Last = id
}

// checker walks a chain from a trusted beginning. Its methods answer with what is broken, nil while nothing is.
type checker struct {
	workspace string
	ring      ring
	before    []byte // hash of the event before
	at        int64  // its position
	start     int64  // the position behind which the walk begins
	next      func() (*Seal, error)
	seal      *Seal // that covers the next event
	report    *Report
}

// event checks the next sealed event. An error is one of reading.
func (c *checker) event(l Link) (*Broken, error) {
	broken := func(why string, args ...any) (*Broken, error) {
		return &Broken{l.Position, l.ID, fmt.Sprintf(why, args...)}, nil
	}
	switch {
	case l.Position > c.at+2:
		return &Broken{Position: c.at + 1, Why: fmt.Sprintf("it and the ones up to %d are missing", l.Position-1)}, nil
	case l.Position == c.at+2:
		return &Broken{Position: c.at + 1, Why: "it is missing"}, nil
	case l.Position != c.at+1:
		return broken("it stands where event %d belongs: something was doubled or put in another place", c.at+1)
	case l.Workspace != c.workspace:
		return broken("it belongs to another workspace")
	case !l.empty():
		return broken("it says that something was erased, and holds it still")
	}
	hash := l.Chained(c.before)
	if !bytes.Equal(hash, l.Hash) {
		return broken("it was changed after it was sealed")
	}
	if b, err := c.sealed(l, hash); b != nil || err != nil {
		return b, err
	}
	c.before, c.at = hash, l.Position
	c.report.Events, c.report.Last = c.report.Events+1, l.Position
	if c.report.First == 0 {
		c.report.First = l.Position
	}
	if len(l.WhoHash) > 0 || len(l.WhatHash) > 0 {
		c.report.Erased++
	}
	return nil, nil //nolint:nilnil // nothing is broken
}

// sealed checks the seal that covers an event: that there is one, and where the event is its last that it signs this very chain.
func (c *checker) sealed(l Link, hash []byte) (*Broken, error) {
	if c.seal == nil {
		s, err := c.next()
		if err != nil {
			return nil, err
		}
		if s == nil {
			return &Broken{l.Position, l.ID, "no seal signs it"}, nil
		}
		first := s.First == l.Position || c.at == c.start && s.First <= l.Position // retention may have cut into a seal
		if !first || s.Last < l.Position || s.WorkspaceID != c.workspace {
			return &Broken{l.Position, l.ID, fmt.Sprintf("the seal that should begin with it is that of %d to %d", s.First, s.Last)}, nil
		}
		c.seal = s
	}
	if c.seal.Last != l.Position {
		return nil, nil //nolint:nilnil // the seal's last event speaks for this one
	}
	s := c.seal
	c.seal = nil
	if !bytes.Equal(s.Head, hash) {
		return &Broken{c.firstOf(s), "", fmt.Sprintf("the events from here to %d are not those that were signed", s.Last)}, nil
	}
	if why := c.ring.signed(s.Kid, s.message(), s.Sig); why != "" {
		return &Broken{c.firstOf(s), "", fmt.Sprintf("the seal of the events from here to %d: %s", s.Last, why)}, nil
	}
	return nil, nil //nolint:nilnil // nothing is broken
}

func (c *checker) firstOf(s *Seal) int64 { return max(s.First, c.start+1) }

// end checks that the chain ends where it has to.
func (c *checker) end(last int64, head []byte) (*Broken, error) {
	switch {
	case c.at < last:
		return &Broken{Position: c.at + 1, Why: fmt.Sprintf("it and the ones up to %d are missing at the end", last)}, nil
	case c.at > last || !bytes.Equal(c.before, head):
		return &Broken{Position: c.at, Why: "the chain does not end here"}, nil
	case c.seal != nil:
		return &Broken{Position: c.at, Why: "the seal that covers it goes on, and the events do not"}, nil
	}
	s, err := c.next()
	if err == nil && s != nil {
		return &Broken{Position: s.First, Why: "it is signed and not here"}, nil
	}
	return nil, err
}

// ring is the keys that a chain was signed with, by id.
type ring map[string]PublicKey

func ringOf(keys []PublicKey) ring {
	r := ring{}
	for _, k := range keys {
		r[k.Kid] = k
	}
	return r
}

// signed says what is wrong with a signature; "" where it is right.
func (r ring) signed(kid string, message, sig []byte) string {
	k, ok := r[kid]
	switch {
	case !ok:
		return "the key that signed it is unknown"
	case !signing.Verify(k.SPKI, message, sig):
		return "the signature is not that of the key it names"
	}
	return ""
}

// Fingerprint is how people compare keys: SHA-256 of the public key as SPKI, hexadecimal.
func Fingerprint(spki []byte) string {
	h := sha256.Sum256(spki)
	return "sha256:" + hex.EncodeToString(h[:])
}

// follows says whether the key kid is the pinned one, or was announced by it, step by step, under the signature of the key before.
func (r ring) follows(kid, pinned string) bool {
	for _, k := range r {
		if !matches(k.SPKI, pinned) {
			continue
		}
		for range len(r) + 1 {
			if k.Kid == kid {
				return true
			}
			next, ok := announcedBy(k)
			if !ok {
				return false
			}
			if k, ok = r[next.Kid]; !ok || signing.B64(k.SPKI) != next.SPKI {
				return false
			}
		}
	}
	return false
}

// matches says whether a key is what somebody has written down: its fingerprint, or the key itself.
func matches(spki []byte, pinned string) bool {
	pinned = strings.TrimSpace(pinned)
	return strings.EqualFold(pinned, Fingerprint(spki)) || strings.EqualFold("sha256:"+pinned, Fingerprint(spki)) || pinned == signing.B64(spki)
}

type announcedKey struct {
	Kid  string `json:"kid"`
	SPKI string `json:"spki"`
}

// announcedBy is the key that took over from k, as k has signed it.
func announcedBy(k PublicKey) (announcedKey, bool) {
	var a struct {
		Kid string       `json:"kid"`
		New announcedKey `json:"new"`
	}
	if len(k.Announcement) == 0 || !signing.Verify(k.SPKI, signing.ServerKey(k.Announcement), k.Sig) {
		return announcedKey{}, false
	}
	err := json.Unmarshal(k.Announcement, &a)
	return a.New, err == nil && a.Kid == k.Kid
}

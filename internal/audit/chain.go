package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"github.com/countersign/countersign/internal/signing"
)

// What is hashed and signed, version 1. Every byte string goes through signing.LP: a domain, and each part with its length before it.
//
//	start   = SHA-256(LP(chain, workspace))
//	who     = SHA-256(LP(who, salt[:16], actor_name, ip, user_agent))
//	what    = SHA-256(LP(what, salt[16:], detail))
//	hash(n) = SHA-256(LP(event, hash(n-1), n, workspace, id, at, event, actor_kind, actor_id, subject, who, what))
//	seal    = sign(LP(seal, workspace, first, last, hash(last), sealed_at, kid))
//	cut     = sign(LP(cut, workspace, n, hash(n), cut_at, kid))
//
// Numbers are ASCII decimal, times whole microseconds since 1970. detail is JSON with its keys sorted, without spaces. who and what are all
// that the chain knows of what may have to be forgotten: they stay when the text and the salt go, and without the salt nobody can guess what
// they stood for.
const (
	domainChain = "countersign/audit-chain/v1"
	domainWho   = "countersign/audit-who/v1"
	domainWhat  = "countersign/audit-what/v1"
	domainEvent = "countersign/audit-event/v1"
	domainSeal  = "countersign/audit-seal/v1"
	domainCut   = "countersign/audit-cut/v1"
	domainFile  = "countersign/audit-export/v1"

	halfSalt = 16
)

// Link is an event with what ties it into its chain. Detail is canonical JSON.
type Link struct {
	Workspace string
	Position  int64 // from 1; 0: not sealed yet
	ID        string
	At        time.Time
	Event     string
	ActorKind string
	ActorID   string
	ActorName string
	Subject   string
	IP        string
	UserAgent string
	Detail    []byte
	Salt      []byte // two halves, for who and for what; an erased half is zeroes
	WhoHash   []byte // where the actor's name, address and browser are erased: what stood for them
	WhatHash  []byte // where the detail is erased
	Hash      []byte
}

// ErrDetail says that the detail of an event is no JSON object.
var ErrDetail = errors.New("audit: the detail is not a JSON object")

// Start is what the first event of a workspace is chained to.
func Start(workspace string) []byte { return sum(signing.LP(domainChain, []byte(workspace))) }

// Chained is the hash that the event has to have behind the one with the hash before.
func (l Link) Chained(before []byte) []byte {
	return sum(signing.LP(domainEvent, before, decimal(l.Position), []byte(l.Workspace), []byte(l.ID), micros(l.At), []byte(l.Event),
		[]byte(l.ActorKind), []byte(l.ActorID), []byte(l.Subject), l.who(), l.what()))
}

func (l Link) who() []byte {
	if len(l.WhoHash) > 0 {
		return l.WhoHash
	}
	return sum(signing.LP(domainWho, l.half(0), []byte(l.ActorName), []byte(l.IP), []byte(l.UserAgent)))
}

func (l Link) what() []byte {
	if len(l.WhatHash) > 0 {
		return l.WhatHash
	}
	return sum(signing.LP(domainWhat, l.half(1), l.Detail))
}

// half is one half of the salt; a salt of another length is no salt, and the hash will not fit.
func (l Link) half(n int) []byte {
	if len(l.Salt) != 2*halfSalt {
		return nil
	}
	return l.Salt[n*halfSalt : (n+1)*halfSalt]
}

// empty says whether what an erased part stood for is gone, as it has to be.
func (l Link) empty() bool {
	return (len(l.WhoHash) == 0 || l.ActorName == "" && l.IP == "" && l.UserAgent == "") && (len(l.WhatHash) == 0 || string(l.Detail) == "{}")
}

// Seal is the server's word for a run of events of one workspace.
type Seal struct {
	WorkspaceID string
	First, Last int64
	Head        []byte // hash of the last
	SealedAt    time.Time
	Kid         string
	Sig         []byte
}

// TableName is gorm's.
func (Seal) TableName() string { return "audit_seals" }

func (s Seal) message() []byte {
	return signing.LP(domainSeal, []byte(s.WorkspaceID), decimal(s.First), decimal(s.Last), s.Head, micros(s.SealedAt), []byte(s.Kid))
}

// Cut is the server's word for the events that retention has deleted: the chain goes on from Hash. The zero value cuts nothing.
type Cut struct {
	To   int64 // position of the last event that is gone
	Hash []byte
	At   time.Time
	Kid  string
	Sig  []byte
}

func (c Cut) message(workspace string) []byte {
	return signing.LP(domainCut, []byte(workspace), decimal(c.To), c.Hash, micros(c.At), []byte(c.Kid))
}

// from is the hash that the first event which is left is chained to.
func (c Cut) from(workspace string) []byte {
	if c.To == 0 {
		return Start(workspace)
	}
	return c.Hash
}

// canonical is the one form of a detail that is hashed, whichever database kept it: Postgres reorders keys and adds spaces.
func canonical(detail []byte) ([]byte, error) {
	if string(detail) == "{}" { // as most are
		return detail, nil
	}
	d := json.NewDecoder(bytes.NewReader(detail))
	d.UseNumber()
	var v map[string]any
	if err := d.Decode(&v); err != nil || v == nil {
		return nil, ErrDetail
	}
	return plain(v)
}

// plain is JSON without the escapes that only HTML needs; keys are sorted.
func plain(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

func sum(b []byte) []byte {
	h := sha256.Sum256(b)
	return h[:]
}

func decimal(n int64) []byte { return strconv.AppendInt(nil, n, 10) }

func micros(t time.Time) []byte { return decimal(t.UnixMicro()) }

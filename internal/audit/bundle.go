package audit

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/signing"
)

// The files of a signed export, in the order in which they are written.
const (
	fileReadme   = "VERIFY.txt"
	fileEvents   = "events.jsonl"
	fileSeals    = "seals.jsonl"
	fileKeys     = "keys.json"
	fileManifest = "manifest.json"
	fileSig      = "manifest.sig"
)

// eventLine is an event in a signed export. It is written in one way only, so that every byte of it counts.
type eventLine struct {
	Position  int64           `json:"position"` // 0: not sealed yet
	ID        string          `json:"id"`
	At        string          `json:"at"` // RFC 3339, UTC, six digits after the second
	Event     string          `json:"event"`
	ActorKind string          `json:"actor_kind"`
	ActorID   string          `json:"actor_id"`
	ActorName string          `json:"actor_name"`
	Subject   string          `json:"subject"`
	IP        string          `json:"ip"`
	UserAgent string          `json:"user_agent"`
	Detail    json.RawMessage `json:"detail"`
	Salt      string          `json:"salt,omitempty"`
	WhoHash   string          `json:"who_hash,omitempty"`
	WhatHash  string          `json:"what_hash,omitempty"`
	Hash      string          `json:"hash,omitempty"`
}

const microTime = "2006-01-02T15:04:05.000000Z"

func lineOf(l Link) eventLine {
	detail := json.RawMessage(l.Detail)
	if !json.Valid(detail) { // written by hand into the database
		detail, _ = plain(string(l.Detail))
	}
	return eventLine{Position: l.Position, ID: l.ID, At: l.At.UTC().Format(microTime), Event: l.Event, ActorKind: l.ActorKind, ActorID: l.ActorID,
		ActorName: l.ActorName, Subject: l.Subject, IP: l.IP, UserAgent: l.UserAgent, Detail: detail, Salt: signing.B64(l.Salt),
		WhoHash: signing.B64(l.WhoHash), WhatHash: signing.B64(l.WhatHash), Hash: signing.B64(l.Hash)}
}

type sealLine struct {
	First    int64  `json:"first"`
	Last     int64  `json:"last"`
	Head     string `json:"head"`
	SealedAt string `json:"sealed_at"`
	Kid      string `json:"kid"`
	Sig      string `json:"sig"`
}

type keyLine struct {
	Kid          string `json:"kid"`
	SPKI         string `json:"spki"`
	Fingerprint  string `json:"fingerprint"`
	Announcement string `json:"announcement,omitempty"`
	Sig          string `json:"sig,omitempty"`
}

type cutLine struct {
	To   int64  `json:"to"`
	Hash string `json:"hash"`
	At   string `json:"at"`
	Kid  string `json:"kid"`
	Sig  string `json:"sig"`
}

// manifest says what an export holds; its bytes are signed.
type manifest struct {
	V         int               `json:"v"`
	Workspace string            `json:"workspace"`
	Slug      string            `json:"slug"`
	Name      string            `json:"name"`
	From      string            `json:"from,omitempty"` // what was asked for; whole seals are given
	To        string            `json:"to,omitempty"`
	MadeAt    string            `json:"made_at"`
	MadeBy    string            `json:"made_by"`
	First     int64             `json:"first"` // 0 where there is no sealed event
	Last      int64             `json:"last"`
	Before    string            `json:"before"` // hash that the first one is chained to
	Head      string            `json:"head"`   // hash of the last one
	Events    int64             `json:"events"`
	Unsealed  int64             `json:"unsealed"`
	Cut       *cutLine          `json:"cut,omitempty"` // what stands for the events that retention has deleted
	Files     map[string]string `json:"files"`         // SHA-256, hexadecimal
	Kid       string            `json:"kid"`
}

// About names an export for its manifest.
type About struct {
	Workspace, Slug, Name string
	By                    string // who asked for it
	From, To              time.Time
	MadeAt                time.Time
}

// errMoved says that events went away while they were exported.
var errMoved = errors.New("audit: retention has deleted events while they were exported; start again")

// WriteSigned writes a signed export of a workspace: every event of the seals that touch the time asked for, and with an open end the tail
// that is not sealed yet. It holds one page of events at a time.
func (c *Chains) WriteSigned(ctx context.Context, w io.Writer, about About) error {
	if err := c.Seal(ctx); err != nil {
		return err
	}
	key, err := c.Current(ctx)
	if err != nil {
		return err
	}
	b := bundle{ctx: ctx, db: c.DB.Read(ctx), zip: zip.NewWriter(w), about: about,
		m: manifest{V: 1, Workspace: about.Workspace, Slug: about.Slug, Name: about.Name, MadeAt: about.MadeAt.UTC().Format(microTime), MadeBy: about.By,
			Files: map[string]string{}, Kid: key.Kid}}
	if err := errors.Join(b.text(fileReadme, readme), b.bounds()); err != nil {
		return err
	}
	if err := b.events(); err != nil {
		return err
	}
	if err := b.seals(); err != nil {
		return err
	}
	keys, err := c.Public(b.db)
	if err != nil {
		return err
	}
	return b.close(keys, key)
}

// bundle is a signed export that is being written.
type bundle struct {
	ctx   context.Context //nolint:containedctx // of the one call that writes
	db    *gorm.DB
	zip   *zip.Writer
	about About
	chain chainRow
	first int64 // positions of the whole seals that are exported
	m     manifest
}

// bounds finds the seals that touch the time asked for.
func (b *bundle) bounds() error {
	ws := b.about.Workspace
	if err := b.db.Where("workspace_id = ?", ws).Limit(1).Find(&b.chain).Error; err != nil {
		return err
	}
	b.first, b.m.Last = b.chain.PrunedTo+1, b.chain.Position
	from, err := b.edge(b.about.From, b.first, "COALESCE(MIN(position), 0)", "at >= ? AND at < ?", b.about.From, b.about.From.Add(lateness))
	if err == nil && from == 0 {
		from, err = b.edge(b.about.From, b.first, "position", "at >= ? ORDER BY at, id LIMIT 1", b.about.From)
	}
	if err != nil {
		return err
	}
	to, err := b.edge(b.about.To, b.m.Last, "COALESCE(MAX(position), 0)", "at >= ? AND at < ?", b.about.To.Add(-lateness), b.about.To)
	if err == nil && to == 0 {
		to, err = b.edge(b.about.To, b.m.Last, "position", "at < ? ORDER BY at DESC, id DESC LIMIT 1", b.about.To)
	}
	if err != nil {
		return err
	}
	if at := b.about.From; !at.IsZero() {
		b.m.From = at.UTC().Format(microTime)
	}
	if at := b.about.To; !at.IsZero() {
		b.m.To = at.UTC().Format(microTime)
	}
	if from == 0 || to < from {
		b.first, b.m.Last = 1, 0 // nothing
		return nil
	}
	return b.whole(from, to)
}

// lateness is by how much an event may have been committed later than it says: so far from an edge in time its position is looked for.
const lateness = 10 * time.Minute

// edge is a position at one end of a time, otherwise where the end is open, 0 where there is none.
func (b *bundle) edge(at time.Time, otherwise int64, what, where string, args ...any) (int64, error) {
	if at.IsZero() {
		return otherwise, nil
	}
	var found []int64
	err := b.db.Raw("SELECT "+what+" FROM audit_events WHERE workspace_id = ? AND position IS NOT NULL AND "+where,
		append([]any{b.about.Workspace}, args...)...).Scan(&found).Error
	if err != nil || len(found) == 0 {
		return 0, err
	}
	return found[0], nil
}

// whole widens a run of positions to whole seals, and finds what its first event is chained to.
func (b *bundle) whole(from, to int64) error {
	var s []Seal
	const covering = "SELECT * FROM audit_seals WHERE workspace_id = ? AND last >= ? ORDER BY last LIMIT 1"
	if err := b.db.Raw(covering, b.about.Workspace, from).Scan(&s).Error; err != nil {
		return err
	}
	if len(s) > 0 {
		b.first = max(s[0].First, b.chain.PrunedTo+1)
	}
	s = nil
	if err := b.db.Raw(covering, b.about.Workspace, to).Scan(&s).Error; err != nil {
		return err
	}
	if b.m.Last = to; len(s) > 0 {
		b.m.Last = s[0].Last
	}
	b.m.First = b.first
	before := b.chain.cut().from(b.about.Workspace)
	if b.first > b.chain.PrunedTo+1 {
		if err := b.db.Raw("SELECT hash FROM audit_events WHERE workspace_id = ? AND position = ?", b.about.Workspace, b.first-1).Row().Scan(&before); err != nil {
			return err
		}
	} else if cut := b.chain.cut(); cut.To > 0 {
		b.m.Cut = &cutLine{cut.To, signing.B64(cut.Hash), cut.At.Format(microTime), cut.Kid, signing.B64(cut.Sig)}
	}
	b.m.Before = signing.B64(before)
	return nil
}

// file begins a file of the export, uncompressed, so that a damaged byte damages one event and not all that follow.
func (b *bundle) file(name string) (io.Writer, func(), error) {
	w, err := b.zip.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store, Modified: b.about.MadeAt.UTC()})
	if err != nil {
		return nil, nil, err
	}
	h := sha256.New()
	return io.MultiWriter(w, h), func() { b.m.Files[name] = hex.EncodeToString(h.Sum(nil)) }, nil
}

func (b *bundle) text(name, text string) error {
	w, done, err := b.file(name)
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, text)
	done()
	return err
}

func (b *bundle) events() error {
	w, done, err := b.file(fileEvents)
	if err != nil {
		return err
	}
	for at := b.first - 1; at < b.m.Last; {
		run, err := links(b.db, "WHERE workspace_id = ? AND position > ? AND position <= ? ORDER BY position LIMIT ?", b.about.Workspace, at, b.m.Last, sealMost)
		if err != nil {
			return err
		}
		if len(run) == 0 {
			break // somebody has deleted the end; the manifest tells
		}
		for _, l := range run {
			if err := writeLine(w, lineOf(l)); err != nil {
				return err
			}
			b.m.Head, b.m.Events, at = signing.B64(l.Hash), b.m.Events+1, l.Position
		}
	}
	if err := b.stillThere(); err != nil {
		return err
	}
	if b.about.To.IsZero() {
		if err := b.tail(w); err != nil {
			return err
		}
	}
	done()
	return nil
}

// stillThere refuses an export from under which retention has taken the beginning.
func (b *bundle) stillThere() error {
	var now chainRow
	err := b.db.Where("workspace_id = ?", b.about.Workspace).Limit(1).Find(&now).Error
	if err == nil && b.m.Last > 0 && now.PrunedTo >= b.first {
		return errMoved
	}
	return err
}

// tail writes what is not sealed yet, behind everything that is.
func (b *bundle) tail(w io.Writer) error {
	at, id := time.Time{}, ""
	for {
		run, err := links(b.db, "WHERE workspace_id = ? AND position IS NULL AND (at, id) > (?, ?) AND at < ? ORDER BY at, id LIMIT ?",
			b.about.Workspace, at, id, b.about.MadeAt, sealMost)
		if err != nil || len(run) == 0 {
			return err
		}
		for _, l := range run {
			if err := writeLine(w, lineOf(l)); err != nil {
				return err
			}
			b.m.Unsealed++
			at, id = l.At, l.ID
		}
	}
}

func (b *bundle) seals() error {
	w, done, err := b.file(fileSeals)
	if err != nil {
		return err
	}
	next := sealsOf(b.db, b.about.Workspace, b.first-1)
	for b.m.Last > 0 {
		s, err := next()
		if err != nil {
			return err
		}
		if s == nil || s.Last > b.m.Last {
			break
		}
		err = writeLine(w, sealLine{s.First, s.Last, signing.B64(s.Head), s.SealedAt.UTC().Format(microTime), s.Kid, signing.B64(s.Sig)})
		if err != nil {
			return err
		}
	}
	done()
	return nil
}

// sealsOf gives the seals that end behind a position, one after the other; nil after the last.
func sealsOf(db *gorm.DB, workspace string, after int64) func() (*Seal, error) {
	var page []Seal
	return func() (*Seal, error) {
		if len(page) == 0 {
			if err := db.Where("workspace_id = ? AND last > ?", workspace, after).Order("last").Limit(sealMost).Find(&page).Error; err != nil {
				return nil, err
			}
			if len(page) == 0 {
				return nil, nil //nolint:nilnil // the end
			}
		}
		s := page[0]
		page, after = page[1:], s.Last
		s.SealedAt = s.SealedAt.UTC()
		return &s, nil
	}
}

// close writes keys, manifest and signature.
func (b *bundle) close(keys []PublicKey, key Key) error {
	lines := make([]keyLine, len(keys))
	for i, k := range keys {
		lines[i] = keyLine{k.Kid, signing.B64(k.SPKI), Fingerprint(k.SPKI), signing.B64(k.Announcement), signing.B64(k.Sig)}
	}
	text, err := plain(lines)
	if err != nil {
		return err
	}
	if err := b.text(fileKeys, string(text)+"\n"); err != nil {
		return err
	}
	text, err = plain(b.m)
	if err != nil {
		return err
	}
	sig, err := key.Sign(signing.LP(domainFile, text))
	if err != nil {
		return err
	}
	if err := errors.Join(b.text(fileManifest, string(text)), b.text(fileSig, signing.B64(sig))); err != nil {
		return err
	}
	return b.zip.Close()
}

func writeLine(w io.Writer, v any) error {
	b, err := plain(v)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s\n", b)
	return err
}

const readme = `A signed export of the activity of a Countersign workspace.

Check it, on any computer and without a network, with

    countersign audit verify FILE --key FINGERPRINT

FINGERPRINT is that of the service's audit key. Get it another way than with this file: the people who run the service print it with
"countersign audit key". Without --key the file is checked against the keys that it brings itself, which shows damage and mistakes and not
that it came from the service.

events.jsonl   the events, oldest first, each with its place and its hash; at the end, with position 0, those that were not sealed yet
seals.jsonl    what the service signed, run by run
keys.json      the public keys, and what each announced about the next
manifest.json  what the file holds, and the SHA-256 of its parts
manifest.sig   the signature over manifest.json
`

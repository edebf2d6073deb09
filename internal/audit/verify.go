package audit

import (
	"archive/zip"
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/signing"
)

const (
	smallMost = 4 << 20 // bytes of a file that is read whole
	lineMost  = 1 << 20 // bytes of one event
)

// errUnpinned says that a chain is not signed by the key that was given.
const errUnpinned = "it was not signed by the key you gave, nor by one that follows from it"

// Verify checks a signed export without a database or a network. pinned is the fingerprint of the key that has to be behind it, or the key
// itself as base64url; "" believes the keys in the file. What is wrong stands in the report; an error says that the file could not be read.
func Verify(file io.ReaderAt, size int64, pinned string) (Report, error) {
	z, err := zip.NewReader(file, size)
	if err != nil {
		return Report{Broken: &Broken{Why: "the file is not a signed export, or it was cut off: " + err.Error()}}, nil
	}
	v := verifier{pinned: pinned, files: map[string]*zip.File{}}
	b, err := v.run(z)
	if err != nil {
		return v.report, err
	}
	v.report.Broken, v.report.OK = b, b == nil
	return v.report, nil
}

type verifier struct {
	files  map[string]*zip.File
	pinned string
	m      manifest
	ring   ring
	report Report
}

func broken(why string, args ...any) *Broken { return &Broken{Why: fmt.Sprintf(why, args...)} }

func (v *verifier) run(z *zip.Reader) (*Broken, error) {
	for _, f := range z.File {
		if v.files[f.Name] != nil {
			return broken("the file holds %s twice", f.Name), nil
		}
		v.files[f.Name] = f
	}
	for _, name := range []string{fileEvents, fileSeals, fileKeys, fileManifest, fileSig} {
		if v.files[name] == nil {
			return broken("%s is missing in the file", name), nil
		}
	}
	// The manifest is judged last: a changed event makes its digest wrong too, and is what people want to hear of first.
	wrong := v.open()
	if v.m.V != 1 {
		return wrong, nil
	}
	b, err := v.walk()
	if b == nil && err == nil {
		b = wrong
	}
	return b, err
}

// open reads keys and manifest, and says what is wrong with them.
func (v *verifier) open() *Broken {
	text, err := v.small(fileManifest)
	if err != nil {
		return broken("%s is damaged: %v", fileManifest, err)
	}
	if err := json.Unmarshal(text, &v.m); err != nil || v.m.V != 1 {
		v.m = manifest{}
		return broken("%s is not that of a signed export of version 1", fileManifest)
	}
	v.report.Workspace = v.m.Slug
	keys, err := v.small(fileKeys)
	if err != nil {
		return broken("%s is damaged: %v", fileKeys, err)
	}
	var lines []keyLine
	if err := json.Unmarshal(keys, &lines); err != nil {
		return broken("%s is damaged: %v", fileKeys, err)
	}
	v.ring = ring{}
	for _, l := range lines {
		v.ring[l.Kid] = PublicKey{Kid: l.Kid, SPKI: unb64(l.SPKI), Announcement: unb64(l.Announcement), Sig: unb64(l.Sig)}
	}
	sig, err := v.small(fileSig)
	if err != nil {
		return broken("%s is damaged: %v", fileSig, err)
	}
	if k, ok := v.ring[v.m.Kid]; ok {
		v.report.Key = Fingerprint(k.SPKI)
	}
	switch why := v.ring.signed(v.m.Kid, signing.LP(domainFile, text), unb64(string(sig))); {
	case why != "":
		return broken("%s: %s", fileManifest, why)
	case digest(keys) != v.m.Files[fileKeys]:
		return broken("%s is not the one that was signed", fileKeys)
	case v.pinned != "" && !v.ring.follows(v.m.Kid, v.pinned):
		return broken("%s: %s", fileManifest, errUnpinned)
	}
	v.report.Pinned = v.pinned != ""
	readme, err := v.small(fileReadme)
	if err != nil || digest(readme) != v.m.Files[fileReadme] {
		return broken("%s is not the one that was signed", fileReadme)
	}
	return nil
}

func (v *verifier) small(name string) ([]byte, error) {
	if v.files[name] == nil {
		return nil, errors.New("it is missing")
	}
	r, err := v.files[name].Open()
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }()
	b, err := io.ReadAll(io.LimitReader(r, smallMost+1))
	if err == nil && len(b) > smallMost {
		err = errors.New("it is too large")
	}
	return b, err
}

// begin is the hash that the first event has to be chained to, and the position before it.
func (v *verifier) begin() ([]byte, int64, *Broken) {
	before := unb64(v.m.Before)
	if cut := v.m.Cut; cut != nil {
		at, _ := time.Parse(microTime, cut.At)
		c := Cut{To: cut.To, Hash: unb64(cut.Hash), At: at, Kid: cut.Kid, Sig: unb64(cut.Sig)}
		why := v.ring.signed(c.Kid, c.message(v.m.Workspace), c.Sig)
		if why == "" && (c.To != v.m.First-1 || !bytes.Equal(c.Hash, before)) {
			why = "it is not that of the events before the first"
		}
		if why != "" {
			return nil, 0, broken("the checkpoint that stands for deleted events: %s", why)
		}
		v.report.Deleted = c.To
	} else if v.m.First == 1 && !bytes.Equal(before, Start(v.m.Workspace)) {
		return nil, 0, &Broken{Position: 1, Why: "the chain does not begin here"}
	}
	return before, v.m.First - 1, nil
}

// walk checks events and seals against each other, as far as they are in order.
func (v *verifier) walk() (*Broken, error) {
	events, err := v.lines(fileEvents)
	if err != nil {
		return nil, err
	}
	defer events.close()
	seals, err := v.lines(fileSeals)
	if err != nil {
		return nil, err
	}
	defer seals.close()
	c := checker{workspace: v.m.Workspace, ring: v.ring, report: &v.report, next: func() (*Seal, error) { return v.seal(seals) }}
	var b *Broken
	if v.m.First > 0 {
		if c.before, c.at, b = v.begin(); b != nil {
			return b, nil
		}
	}
	c.start = c.at
	if b, err = v.events(&c, events); b == nil && err == nil {
		b, err = c.end(max(v.m.Last, 0), c.headOr(v.m))
	}
	var spoiled damaged
	if errors.As(err, &spoiled) {
		return &Broken{Position: c.at + 1, Why: spoiled.Error()}, nil
	}
	if b != nil || err != nil {
		return b, err
	}
	return v.whole(events, seals), nil
}

// headOr is the head of the manifest, or for an export without a sealed event whatever there is.
func (c *checker) headOr(m manifest) []byte {
	if m.First == 0 {
		return c.before
	}
	return unb64(m.Head)
}

func (v *verifier) events(c *checker, in *lines) (*Broken, error) {
	for {
		text, err := in.next()
		if errors.Is(err, io.EOF) {
			return nil, nil //nolint:nilnil // nothing is broken
		}
		if err != nil {
			return nil, err
		}
		l, why := v.link(text)
		switch {
		case why != "" && l.Position == 0:
			return &Broken{Position: c.at + 1, ID: l.ID, Why: why}, nil
		case why != "":
			return &Broken{l.Position, l.ID, why}, nil
		case l.Position == 0:
			v.report.Unsealed.add(l.ID)
			continue
		case v.report.Unsealed.Events > 0:
			return &Broken{l.Position, l.ID, "it stands behind events that are not sealed"}, nil
		}
		if b, err := c.event(l); b != nil || err != nil {
			return b, err
		}
		if v.report.Head = hex.EncodeToString(c.before); v.report.Events > v.m.Events {
			return &Broken{l.Position, l.ID, "it is more than the file says that it holds"}, nil
		}
	}
}

// link reads an event; why says what is wrong with the line. A line has one form, so that no byte of it can change unseen.
func (v *verifier) link(text []byte) (l Link, why string) {
	var e eventLine
	err := json.Unmarshal(text, &e)
	l = Link{Workspace: v.m.Workspace, Position: e.Position, ID: e.ID, Event: e.Event, ActorKind: e.ActorKind, ActorID: e.ActorID, ActorName: e.ActorName,
		Subject: e.Subject, IP: e.IP, UserAgent: e.UserAgent, Detail: e.Detail, Salt: unb64(e.Salt), WhoHash: unb64(e.WhoHash), WhatHash: unb64(e.WhatHash),
		Hash: unb64(e.Hash)}
	if err != nil {
		return l, "its line is damaged"
	}
	if l.At, err = time.Parse(microTime, e.At); err != nil {
		return l, "its time is damaged"
	}
	if detail, err := canonical(e.Detail); err == nil {
		l.Detail = detail
	}
	again, err := plain(lineOf(l))
	if err != nil || !bytes.Equal(again, text) {
		return l, "its line was changed after it was written"
	}
	return l, ""
}

func (v *verifier) seal(in *lines) (*Seal, error) {
	text, err := in.next()
	if errors.Is(err, io.EOF) {
		return nil, nil //nolint:nilnil // the end
	}
	if err != nil {
		return nil, err
	}
	var l sealLine
	if err := json.Unmarshal(text, &l); err != nil {
		return nil, damaged("the line of its seal is damaged")
	}
	at, err := time.Parse(microTime, l.SealedAt)
	if err != nil {
		return nil, damaged("the time of its seal is damaged")
	}
	again, err := plain(l)
	if err != nil || !bytes.Equal(again, text) {
		return nil, damaged("the line of its seal was changed after it was written")
	}
	return &Seal{WorkspaceID: v.m.Workspace, First: l.First, Last: l.Last, Head: unb64(l.Head), SealedAt: at, Kid: l.Kid, Sig: unb64(l.Sig)}, nil
}

// whole compares what was read with what the manifest has counted.
func (v *verifier) whole(events, seals *lines) *Broken {
	switch {
	case v.report.Events != v.m.Events:
		return broken("the file holds %d sealed events and was made with %d", v.report.Events, v.m.Events)
	case v.report.Unsealed.Events != v.m.Unsealed:
		return broken("the file holds %d events that are not sealed and was made with %d", v.report.Unsealed.Events, v.m.Unsealed)
	case events.digest() != v.m.Files[fileEvents]:
		return broken("something was changed in the part of the events that is not sealed")
	case seals.digest() != v.m.Files[fileSeals]:
		return broken("%s is not the one that was made", fileSeals)
	}
	return nil
}

// damaged is a line that cannot be read.
type damaged string

func (d damaged) Error() string { return string(d) }

// lines reads a file of the export line by line, and remembers its digest.
type lines struct {
	r   io.ReadCloser
	in  *bufio.Reader
	sum hash.Hash
}

func (v *verifier) lines(name string) (*lines, error) {
	r, err := v.files[name].Open()
	if err != nil {
		return nil, err
	}
	l := &lines{r: r, sum: sha256.New()}
	l.in = bufio.NewReaderSize(r, lineMost)
	return l, nil
}

func (l *lines) next() ([]byte, error) {
	text, err := l.in.ReadSlice('\n')
	l.sum.Write(text)
	switch {
	case errors.Is(err, zip.ErrChecksum) && len(text) == 0:
		return nil, io.EOF // what has changed is found by its hash; here only that something has
	case errors.Is(err, io.EOF) && len(text) == 0:
		return nil, io.EOF
	case err != nil:
		return nil, damaged("its line is cut off or damaged")
	}
	return text[:len(text)-1], nil
}

func (l *lines) digest() string { return hex.EncodeToString(l.sum.Sum(nil)) }

func (l *lines) close() { _ = l.r.Close() }

func digest(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

// unb64 is what a text stands for; text that stands for nothing is nothing, and then no hash or signature fits.
func unb64(text string) []byte {
	b, err := signing.Unb64(text)
	if err != nil || len(b) == 0 {
		return nil
	}
	return b
}

// VerifyDatabase checks the chain of a workspace where it lies, and names the unsealed tail. head, "position:hash" as an earlier report gave
// it, has to be in the chain still: that shows a chain whose end was cut off or made anew; "" asks for nothing. pinned is as in Verify.
func (c *Chains) VerifyDatabase(ctx context.Context, workspace, slug, pinned, head string) (Report, error) {
	for {
		var before, after int64
		pruned := func(into *int64) error {
			return c.DB.Read(ctx).Raw("SELECT pruned_to FROM audit_chains WHERE workspace_id = ?", workspace).Scan(into).Error
		}
		if err := pruned(&before); err != nil {
			return Report{}, err
		}
		r, err := c.verifyDatabase(ctx, workspace, slug, pinned, head)
		if failed := pruned(&after); err != nil || failed != nil || r.OK || before == after {
			return r, errors.Join(err, failed)
		} // retention has deleted what was just being read
	}
}

func (c *Chains) verifyDatabase(ctx context.Context, workspace, slug, pinned, head string) (Report, error) {
	r := Report{Workspace: slug}
	db := c.DB.Read(ctx)
	keys, err := c.Public(db)
	if err != nil {
		return r, err
	}
	chain := chainRow{Head: Start(workspace)}
	if err := db.Where("workspace_id = ?", workspace).Limit(1).Find(&chain).Error; err != nil {
		return r, err
	}
	check := checker{workspace: workspace, ring: ringOf(keys), before: chain.cut().from(workspace), at: chain.PrunedTo, start: chain.PrunedTo, report: &r}
	last := "" // kid of the last seal
	next := sealsOf(db, workspace, chain.PrunedTo)
	check.next = func() (*Seal, error) {
		s, err := next()
		switch {
		case s != nil && s.Last > chain.Position: // sealed while this was read
			return nil, err
		case s != nil:
			last = s.Kid
		}
		return s, err
	}
	r.Deleted = chain.PrunedTo
	if cut := chain.cut(); cut.To > 0 {
		if why := check.ring.signed(cut.Kid, cut.message(workspace), cut.Sig); why != "" {
			r.Broken = broken("the checkpoint that stands for deleted events: %s", why)
			return r, nil
		}
	}
	if r.Broken, err = check.database(db, chain, head); err != nil {
		return r, err
	}
	if k, ok := check.ring[last]; ok {
		r.Key = Fingerprint(k.SPKI)
	}
	r.Head = hex.EncodeToString(check.before)
	if r.Broken == nil && pinned != "" && last != "" {
		if r.Pinned = check.ring.follows(last, pinned); !r.Pinned {
			r.Broken = broken("the last seal: %s", errUnpinned)
		}
	}
	r.OK = r.Broken == nil
	return r, c.tailOf(ctx, workspace, chain.Position, &r)
}

// database walks a workspace's events where they lie.
func (c *checker) database(db *gorm.DB, chain chainRow, head string) (*Broken, error) {
	noted := false
	for c.at < chain.Position {
		run, err := links(db, "WHERE workspace_id = ? AND position > ? AND position <= ? ORDER BY position LIMIT ?", c.workspace, c.at, chain.Position, sealMost)
		if err != nil {
			return nil, err
		}
		if len(run) == 0 {
			break
		}
		for _, l := range run {
			if b, err := c.event(l); b != nil || err != nil {
				return b, err
			}
			noted = noted || head == fmt.Sprintf("%d:%x", c.at, c.before)
		}
	}
	b, err := c.end(chain.Position, chain.Head)
	if b == nil && err == nil && head != "" && !noted {
		b = broken("the event that was noted earlier as the last one is not in the chain: its end was cut off, or it was made anew")
	}
	return b, err
}

// tailOf counts what waits to be sealed.
func (c *Chains) tailOf(ctx context.Context, workspace string, position int64, r *Report) error {
	var ids []string
	err := c.DB.Read(ctx).Raw("SELECT id FROM audit_events WHERE workspace_id = ? AND (position IS NULL OR position > ?) ORDER BY at, id LIMIT 100000",
		workspace, position).Scan(&ids).Error
	for _, id := range ids {
		r.Unsealed.add(id)
	}
	return err
}

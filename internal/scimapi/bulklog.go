package scimapi

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/countersign/countersign/internal/provisioning"
	"github.com/countersign/countersign/internal/scim"
)

// one runs an operation of a bulk call with a record of its own, which names the bulk call: a change has its row in the operation's transaction,
// the others are written with the bulk call's own row.
func (b *bulkRun) one(e *endpoint, method, id string, data map[string]any, match func(string) bool) (scim.Resource, int, error) {
	whole := b.c.tally
	defer func() { b.c.tally = whole }()
	t := b.part(e, method, id, data)
	b.c.tally = t
	r, code, err := e.run(b.c, method, id, data, match)
	switch {
	case t.written || t.log == nil || t.replay != nil && t.replay.dry:
	case err != nil:
		if t.refusal(b.a, err) {
			b.refused = append(b.refused, &t.entry)
		}
	case t.date():
		t.looked(code, r, -1)
		t.entry.Result = provisioning.Unchanged
		b.refused = append(b.refused, &t.entry)
	}
	return r, code, err
}

// part is the record of one operation.
func (b *bulkRun) part(e *endpoint, method, id string, data map[string]any) *tally {
	whole := b.c.tally
	t := &tally{log: whole.log, ctx: whole.ctx, started: time.Now(), replay: whole.replay}
	t.entry = provisioning.Entry{Workspace: whole.entry.Workspace, Token: whole.entry.Token, TokenHint: whole.entry.TokenHint, ReplayedBy: whole.entry.ReplayedBy,
		ReplayOf: whole.entry.ReplayOf, Bulk: b.id(), Method: method, Target: strings.TrimSuffix(e.rt.Endpoint+"/"+id, "/"), RequestID: whole.entry.RequestID,
		IP: whole.entry.IP, UserAgent: whole.entry.UserAgent, Found: -1}
	t.entry.Operation, t.entry.Kind, t.entry.Subject = operation(method, t.entry.Target)
	t.sent(nil, data)
	return t
}

// id is that of the bulk call's row, which is written last.
func (b *bulkRun) id() string {
	whole := b.c.tally
	if whole.entry.ID == "" && whole.date() {
		whole.entry.ID = provisioning.NewID(whole.entry.At)
	}
	return whole.entry.ID
}

// log writes the rows that no operation has written: refused and unchanged operations, and the bulk call itself.
func (b *bulkRun) log() {
	t := b.c.tally
	if b.id() == "" || t.replay != nil && t.replay.dry {
		return
	}
	e := &t.entry
	e.Result, e.Status, e.Found, e.Took = provisioning.OK, 200, int64(len(b.ops)), time.Since(t.started)
	e.Response = map[string]any{provisioning.Failures: json.Number(strconv.Itoa(b.errors))}
	e.Client = t.log.Guess(e)
	rows := append(b.refused, e)
	ctx, cancel := context.WithTimeout(t.ctx, 5*time.Second)
	defer cancel()
	if t.log.Refused(ctx, rows...) != nil {
		for _, r := range rows {
			t.log.Later(r)
		}
	}
	t.written = true
}

package confirm

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/device"
	"github.com/countersign/countersign/internal/failpoint"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/outbox"
)

// Most answers are one tap that approves one's own question. On Postgres those that wait at the same moment are decided together, in one
// transaction of two round trips (docs/decisions/0011-group-commit.md). Only what is plain is done so. An answer to which anything stands
// against (replayed, answered before, too late, locked, removed) is left as if it had not come, and goes the ordinary way, which knows every rule.

// How many batches of one kind are under way at once: while one waits for the disk, the next is put together.
const (
	readLanes = 4
	tapLanes  = 4
)

// askedOf names the challenge of one phone.
type askedOf struct{ confirmation, device, workspace string }

// tap is a plain approval whose signature is right.
type tap struct {
	req    device.Signed
	id     string
	action string
	a      Answer
}

// gather makes what is done together; on SQLite, which has no round trips, nothing is.
func (s *Service) gather() {
	if s.DB == nil || s.DB.Dialect != database.Postgres {
		return
	}
	s.reads = database.NewGather(readLanes, s.challengesOf)
	s.taps = database.NewGather(tapLanes, s.approveTogether)
	s.pushes = database.NewGather(readLanes, s.pushableTogether)
	s.sents = database.NewGather(tapLanes, s.sentTogether)
}

// asked is challengeOf for an answer.
func (s *Service) asked(ctx context.Context, by actor.Actor, id string) (asked, error) {
	if s.reads == nil {
		return s.challengeOf(s.DB.Read(ctx), by, id)
	}
	ch, err := s.reads.Do(ctx, askedOf{id, by.Device, by.Workspace})
	if err == nil && ch == nil {
		err = fault.ErrNotFound
	}
	if err != nil {
		return asked{}, err
	}
	return *ch, nil
}

const readAsked = `SELECT k.n, ch.challenge, ch.server_sig, ch.kid, c.mode, c.action, c.person_id, c.approvals_needed, w.same_network
	FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS k (id, device, workspace, n)
	JOIN challenges ch ON ch.confirmation_id = k.id AND ch.device_id = k.device JOIN confirmations c ON c.id = k.id AND c.workspace_id = k.workspace
	JOIN workspaces w ON w.id = k.workspace`

func (s *Service) challengesOf(ctx context.Context, of []askedOf) ([]*asked, error) {
	out := make([]*asked, len(of))
	var ids, devices, workspaces []string
	for _, k := range of {
		ids, devices, workspaces = append(ids, k.confirmation), append(devices, k.device), append(workspaces, k.workspace)
	}
	return out, s.DB.Native(ctx, func(c *pgx.Conn) error {
		rows, err := c.Query(ctx, readAsked, database.Args(ids, devices, workspaces)...)
		if err != nil {
			return err
		}
		var n int
		var ch asked
		_, err = pgx.ForEachRow(rows, []any{&n, &ch.Challenge, &ch.ServerSig, &ch.Kid, &ch.Mode, &ch.Action, &ch.PersonID, &ch.ApprovalsNeeded, &ch.SameNetwork}, func() error {
			found := ch
			found.ServerSig = slices.Clone(ch.ServerSig)
			out[n-1] = &found
			return nil
		})
		return err
	})
}

// plainTap says whether an answer can be decided together with others: an approval of one's own question, by one tap, on which nothing hangs.
func (s *Service) plainTap(req device.Signed, ch asked, resp response) bool {
	return s.taps != nil && resp.DEC == "approve" && ch.Mode == Tap && ch.ApprovalsNeeded == 1 && ch.PersonID == req.Actor.Person &&
		ch.Action != ActivateDevice && !ch.SameNetwork && req.Plain()
}

// approveTogether decides a batch and says of each answer whether it was recorded and has decided. Where it was not, nothing of it is left.
func (s *Service) approveTogether(ctx context.Context, taps []tap) ([]bool, error) {
	b := decisions{s: s, taps: taps, done: make([]bool, len(taps)), kept: make([]bool, len(taps))}
	order := make([]int, len(taps)) // of locking, the same for everybody; each confirmation once
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(x, y int) int { return strings.Compare(taps[x].id, taps[y].id) })
	b.order = slices.CompactFunc(order, func(x, y int) bool { return taps[x].id == taps[y].id })
	err := s.DB.Pipelined(ctx, func(c *pgx.Conn) error {
		if err := b.lock(ctx, c); err != nil {
			return err
		}
		return b.write(ctx, c)
	})
	if database.Refused(err) {
		return make([]bool, len(taps)), nil // the server has changed nothing: each goes the ordinary way, alone
	}
	if err != nil {
		return nil, err
	}
	for _, f := range b.later.after {
		f()
	}
	if b.withdraws {
		s.Outbox.Wake()
	}
	return b.done, nil
}

// decisions is a batch under way.
type decisions struct {
	s         *Service
	taps      []tap
	order     []int
	kept      []bool // recorded: the call is new and its phone is there
	held      map[string]held
	done      []bool
	later     later
	withdraws bool
}

const lockTaps = `WITH c AS MATERIALIZED (SELECT id, workspace_id, person_id, state, version, expires_at, decided_at, pushed_at FROM confirmations
		WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE)
	SELECT c.*, clock_timestamp() AS clock, (SELECT p.locked_until FROM confirmation_people p WHERE p.person_id = c.person_id) FROM c`

// lock records the calls, which shares their phones, then locks the confirmations: phones before confirmations, as everywhere. Each row's clock
// is read once the row is held.
func (b *decisions) lock(ctx context.Context, c *pgx.Conn) error {
	calls, ids := make([]device.Signed, len(b.order)), make([]string, len(b.order))
	for n, i := range b.order {
		calls[n], ids[n] = b.taps[i].req, b.taps[i].id
	}
	b.held = make(map[string]held, len(ids))
	first := &pgx.Batch{}
	first.Queue("BEGIN")
	device.RecordAll(first, calls, func(n int) { b.kept[b.order[n]] = true })
	first.Queue(lockTaps, ids).Query(func(rows pgx.Rows) error {
		var h held
		_, err := pgx.ForEachRow(rows, []any{&h.Row.ID, &h.Row.WorkspaceID, &h.Row.PersonID, &h.Row.State, &h.Row.Version, &h.Row.ExpiresAt, &h.Row.DecidedAt,
			&h.Row.PushedAt, &h.Clock, &h.LockedUntil}, func() error {
			one := h
			one.Clock = b.s.DB.At(h.Clock)
			b.held[h.Row.ID] = one
			return nil
		})
		return err
	})
	return c.SendBatch(ctx, first).Close()
}

// fits says whether nothing stands against an answer, now that its row is held.
func (b *decisions) fits(t tap) (held, bool) {
	h, found := b.held[t.id]
	if !found || h.Row.WorkspaceID != t.req.Actor.Workspace || h.Row.PersonID != t.req.Actor.Person {
		return h, false
	}
	locked := h.LockedUntil != nil && h.Clock.Before(*h.LockedUntil)
	return h, h.Row.at(h.Clock).State == Pending && !locked
}

const (
	approveAll = `WITH moved AS (UPDATE confirmations c SET state = 'approved', version = c.version + 1, code_sealed = NULL, reason = '', decided_at = m.at,
			decided_by = m.device, decided_name = m.name, decided_response = m.response, decided_sig = m.sig
		FROM unnest($1::text[], $2::bigint[], $3::timestamptz[], $4::text[], $5::text[], $6::bytea[], $7::bytea[]) AS m (id, version, at, device, name, response, sig)
		WHERE c.id = m.id AND c.state = 'pending' AND c.version = m.version RETURNING c.id), `
	notifyAll = "SELECT pg_notify(n.channel, n.payload) FROM unnest($1::text[], $2::text[]) AS n (channel, payload)"
)

// approvals are the columns of approveAll.
type approvals struct {
	ids, devices, names []string
	versions            []int64
	at                  []time.Time
	responses, sigs     [][]byte
	events              [][]any
	withdraw            []outbox.Planned
}

// write moves what fits, with its audit and what follows, takes back the record of what does not, and commits.
func (b *decisions) write(ctx context.Context, c *pgx.Conn) error {
	var all approvals
	var back []device.Signed
	at := map[string]int{}
	for _, i := range b.order {
		t := b.taps[i]
		h, fits := b.fits(t)
		switch {
		case !b.kept[i]:
			continue
		case !fits:
			back = append(back, t.req)
			continue
		}
		at[t.id] = i
		if err := b.add(&all, t, h); err != nil {
			return err
		}
	}
	second := &pgx.Batch{}
	if len(back) > 0 {
		device.ForgetAll(second, back)
	}
	if len(all.ids) > 0 {
		if err := b.queue(second, all, at); err != nil {
			return err
		}
		failpoint.Reach("to " + string(Approved))
	}
	second.Queue("COMMIT")
	return c.SendBatch(ctx, second).Close()
}

// add puts one answer among what is approved at the clock that was read behind its row's lock.
func (b *decisions) add(all *approvals, t tap, h held) error {
	d := t.req.Device
	event, err := audit.Row(t.req.Actor, "confirmation.approved", t.id, audit.Detail{"action": t.action}, h.Clock)
	if err != nil {
		return err
	}
	all.ids, all.versions, all.at = append(all.ids, t.id), append(all.versions, h.Row.Version), append(all.at, h.Clock)
	all.devices, all.names = append(all.devices, d.ID), append(all.names, d.Name)
	all.responses, all.sigs, all.events = append(all.responses, t.a.Response), append(all.sigs, t.a.Sig), append(all.events, event)
	if h.Row.PushedAt != nil {
		task, err := withdrawal(h.Row, h.Clock)
		if err != nil {
			return err
		}
		all.withdraw = append(all.withdraw, task)
	}
	return b.s.Bus.Publish(&b.later, Topic(t.id), h.Row.Version+1)
}

func (b *decisions) queue(second *pgx.Batch, all approvals, at map[string]int) error {
	values, item, told := audit.Many(all.events, 8)
	sql := approveAll + "told AS (INSERT INTO audit_events (" + audit.Columns + ") SELECT " + values + " FROM " + item + " JOIN moved ON moved.id = e.subject) SELECT id FROM moved"
	args := append([]any{all.ids, all.versions, all.at, all.devices, all.names, all.responses, all.sigs}, told...)
	second.Queue(sql, database.Args(args...)...).Query(func(rows pgx.Rows) error {
		var id string
		n := 0
		_, err := pgx.ForEachRow(rows, []any{&id}, func() error {
			b.done[at[id]] = true
			b.later.AfterCommit(func() { failpoint.Reach("decided") })
			n++
			return nil
		})
		if err == nil && n != len(all.ids) {
			err = errors.New("a row that is held did not move")
		}
		return err
	})
	b.withdraws = len(all.withdraw) > 0
	b.s.Outbox.Queue(second, all.withdraw)
	if len(b.later.channels) > 0 {
		second.Queue(notifyAll, b.later.channels, b.later.payloads)
	}
	return nil
}

// later is the transaction as a bus sees it: what is to be notified in it, and done after it.
type later struct {
	channels, payloads []string
	after              []func()
}

// AfterCommit is hub.Tx.
func (l *later) AfterCommit(f func()) { l.after = append(l.after, f) }

// Notify is hub.Tx.
func (l *later) Notify(channel, payload string) error {
	l.channels, l.payloads = append(l.channels, channel), append(l.payloads, payload)
	return nil
}

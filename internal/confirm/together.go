package confirm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/device"
	"github.com/countersign/countersign/internal/failpoint"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/ident"
	"github.com/countersign/countersign/internal/outbox"
)

// Most answers are one tap that approves one's own question. On Postgres those that wait at the same moment are decided together, in one statement
// (docs/decisions/0011-group-commit.md). Only what is plain is done so. An answer to which anything stands against (replayed, answered before, too
// late, locked, removed) is left as if it had not come, and goes the ordinary way, which knows every rule.

// How many batches of one kind are under way at once: while one waits for the disk, the next is put together. Few are larger ones, and half of what
// a statement costs does not depend on how many answers it decides; none of them waits for anybody's lock.
const (
	readLanes = 2
	tapLanes  = 2
	pushLanes = 4
)

// askedOf names the challenge of one phone.
type askedOf struct{ confirmation, device, workspace string }

// tap is a plain approval whose signature is right.
type tap struct {
	req device.Signed
	id  string
	ch  asked
	a   Answer
}

// gather makes what is done together; on SQLite, which has no round trips, nothing is.
func (s *Service) gather() {
	if s.DB == nil || s.DB.Dialect != database.Postgres {
		return
	}
	s.reads = database.NewGather(readLanes, s.challengesOf)
	s.taps = database.NewGather(tapLanes, s.approveTogether)
	s.pushes = database.NewGather(pushLanes, s.pushableTogether)
	s.sents = database.NewGather(pushLanes, s.sentTogether)
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

const readAsked = `SELECT k.n, ch.challenge, ch.server_sig, ch.kid, c.mode, c.action, c.version, c.person_id, c.approvals_needed, w.same_network
	FROM unnest((SELECT $1::text[]), (SELECT $2::text[]), (SELECT $3::text[])) WITH ORDINALITY AS k (id, device, workspace, n)
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
		_, err = pgx.ForEachRow(rows, []any{&n, &ch.Challenge, &ch.ServerSig, &ch.Kid, &ch.Mode, &ch.Action, &ch.Version, &ch.PersonID, &ch.ApprovalsNeeded, &ch.SameNetwork}, func() error {
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
	done := make([]bool, len(taps))
	of := make(map[string]*prepared, len(taps))
	all := make([]*prepared, 0, len(taps))
	for i, t := range taps {
		if of[t.id] != nil { // each question once
			continue
		}
		p, err := s.prepare(i, t)
		if err != nil {
			return nil, err
		}
		of[t.id], all = p, append(all, p)
	}
	failpoint.Reach("to " + string(Approved))
	over, err := s.approveThese(ctx, s.arguments(all))
	if database.Refused(err) || errors.Is(err, errLate) {
		return done, nil // nothing was changed: each goes the ordinary way, alone
	}
	if err != nil {
		return nil, err
	}
	for _, m := range over {
		p := of[m.id]
		done[p.n] = true
		failpoint.Reach("decided")
		for _, f := range p.hint.after {
			f()
		}
		if m.pushed {
			s.Outbox.Wake()
		}
	}
	return done, nil
}

// approveAll decides: it shares the phones, locks the questions when all phones are shared, and reads a clock behind each lock. It waits for nobody:
// what somebody else holds does not fit. What fits then moves; its call is recorded, its audit written, it is taken back from other phones, and
// dialogs are told, each only for what has moved. A call that came before is refused by its key, and the batch with it. Arrays are given as
// (SELECT $n): Postgres then plans for any length, once, and not anew for each.
const approveAll = `WITH phones AS MATERIALIZED (%[1]s),
	held AS MATERIALIZED (SELECT id, workspace_id, person_id, state, version, expires_at FROM confirmations
		WHERE id = ANY((SELECT $2::text[])::text[]) AND (SELECT count(*) FROM phones) > 0 ORDER BY id FOR NO KEY UPDATE SKIP LOCKED),
	timed AS MATERIALIZED (SELECT held.*, clock_timestamp() AS clock FROM held),
	fits AS MATERIALIZED (SELECT k.*, t.clock, t.clock + $3::interval AS at, t.expires_at AS ends
		FROM unnest((SELECT $1::text[]), (SELECT $2::text[]), (SELECT $4::text[]), (SELECT $5::text[]), (SELECT $6::text[]), (SELECT $7::bigint[]),
			(SELECT $8::bytea[]), (SELECT $9::bytea[]), (SELECT $10::bytea[]), (SELECT $11::timestamptz[]), (SELECT $12::text[]), (SELECT $13::bytea[]),
			(SELECT $14::text[]), (SELECT $15::text[]))
			AS k (device, id, workspace, person, name, version, response, sig, jti, until, job, withdrawal, channel, payload)
		JOIN timed t ON t.id = k.id JOIN phones p ON p.id = k.device
		WHERE t.workspace_id = k.workspace AND t.person_id = k.person AND t.state = 'pending' AND t.version = k.version AND t.clock + $3::interval < t.expires_at
			AND COALESCE((SELECT q.locked_until FROM confirmation_people q WHERE q.person_id = k.person) <= t.clock + $3::interval, true)),
	moved AS (UPDATE confirmations c SET state = 'approved', version = c.version + 1, code_sealed = NULL, reason = '', decided_at = f.at,
			decided_by = f.device, decided_name = f.name, decided_response = f.response, decided_sig = f.sig
		FROM fits f WHERE c.id = f.id AND c.state = 'pending' AND c.version = f.version RETURNING c.id, c.pushed_at IS NOT NULL AS pushed),
	kept AS (%[2]s SELECT f.device, f.jti, f.until FROM fits f JOIN moved m ON m.id = f.id),
	told AS (INSERT INTO audit_events (%[3]s) SELECT %[4]s FROM %[5]s JOIN moved m ON m.id = e.subject JOIN fits f ON f.id = m.id),
	withdrawn AS (%[6]s SELECT f.job, $16::text, f.withdrawal, f.at, f.at, f.at + $17::interval FROM fits f JOIN moved m ON m.id = f.id WHERE m.pushed)
	SELECT m.id, m.pushed, f.clock, f.ends, CASE WHEN f.channel <> '' THEN pg_notify(f.channel, f.payload) IS NULL END AS said FROM moved m JOIN fits f ON f.id = m.id`

// prepared is an answer with what is written where it decides.
type prepared struct {
	tap
	n          int       // among those of its batch
	until      time.Time // its call is remembered
	jti        []byte
	event      []any
	withdrawal []byte
	hint       later
}

func (s *Service) prepare(n int, t tap) (p *prepared, err error) {
	p = &prepared{tap: t, n: n}
	p.jti, p.until = t.req.Kept()
	if p.event, err = audit.Row(t.req.Actor, "confirmation.approved", t.id, audit.Detail{"action": t.ch.Action}, time.Time{}); err != nil {
		return p, err
	}
	if p.withdrawal, err = withdrawal(t.req.Actor.Workspace, t.id); err != nil {
		return p, err
	}
	return p, s.Bus.Publish(&p.hint, Topic(t.id), t.ch.Version+1)
}

// column is one thing of each answer, as Postgres takes it.
func column[T any](all []*prepared, of func(*prepared) T) []T {
	out := make([]T, len(all))
	for i, p := range all {
		out[i] = of(p)
	}
	return out
}

// approving is approveAll, put together once.
var approving = sync.OnceValue(func() string {
	values, item := audit.Item("f.at", 18)
	return fmt.Sprintf(approveAll, fmt.Sprintf(device.Sharing, "(SELECT $1::text[])::text[]"), device.Keeping, audit.Columns, values, item,
		outbox.Adding)
})

// arguments are approving's.
func (s *Service) arguments(all []*prepared) []any {
	hints := func(of func(later) string) []string {
		return column(all, func(p *prepared) string { return of(p.hint) })
	}
	args := []any{
		column(all, func(p *prepared) string { return p.req.Device.ID }),
		column(all, func(p *prepared) string { return p.id }),
		s.DB.Ahead(),
		column(all, func(p *prepared) string { return p.req.Actor.Workspace }),
		column(all, func(p *prepared) string { return p.req.Actor.Person }),
		column(all, func(p *prepared) string { return p.req.Device.Name }),
		column(all, func(p *prepared) int64 { return p.ch.Version }),
		column(all, func(p *prepared) []byte { return p.a.Response }),
		column(all, func(p *prepared) []byte { return p.a.Sig }),
		column(all, func(p *prepared) []byte { return p.jti }),
		column(all, func(p *prepared) time.Time { return p.until }),
		column(all, func(*prepared) string { return ident.New("job") }),
		column(all, func(p *prepared) []byte { return p.withdrawal }),
		hints(func(l later) string { return l.channel }),
		hints(func(l later) string { return l.payload }),
		taskWithdraw, withdrawFor,
	}
	events := audit.Texts(column(all, func(p *prepared) []any { return p.event })) // from $18 on
	return database.Args(append(args, events...)...)
}

// moved is a question that was decided, at a clock of the database's.
type moved struct {
	id          string
	pushed      bool
	clock, ends time.Time
}

// approveThese sends approving, which commits by itself. Where a test may move the clock while the statement waits for a lock, it is committed only
// if all of it is in time on that clock too.
func (s *Service) approveThese(ctx context.Context, args []any) (all []moved, err error) {
	if !s.DB.Moved() {
		err = s.DB.Native(ctx, func(c *pgx.Conn) (err error) {
			all, err = approve(ctx, c, args)
			return err
		})
		return all, err
	}
	err = s.DB.Pipelined(ctx, func(c *pgx.Conn) (err error) {
		if _, err = c.Exec(ctx, "BEGIN"); err != nil {
			return err
		}
		if all, err = approve(ctx, c, args); err != nil {
			return err
		}
		for _, m := range all {
			if !s.DB.At(m.clock).Before(m.ends) {
				return errLate
			}
		}
		_, err = c.Exec(ctx, "COMMIT")
		return err
	})
	return all, err
}

// errLate takes a batch back whose deadline has passed on a clock that no statement knows.
var errLate = errors.New("late")

func approve(ctx context.Context, c *pgx.Conn, args []any) ([]moved, error) {
	rows, err := c.Query(ctx, approving(), args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(found pgx.CollectableRow) (m moved, err error) {
		return m, found.Scan(&m.id, &m.pushed, &m.clock, &m.ends, nil)
	})
}

// later is the transaction as a bus sees it: what is to be notified in it, and done after it.
type later struct {
	channel, payload string
	after            []func()
}

// AfterCommit is hub.Tx.
func (l *later) AfterCommit(f func()) { l.after = append(l.after, f) }

// Notify is hub.Tx.
func (l *later) Notify(channel, payload string) error {
	l.channel, l.payload = channel, payload
	return nil
}

package confirm

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/device"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/outbox"
	"github.com/countersign/countersign/internal/push"
)

// inFlight is how many pushes are under way at once to one push service; more are read and written down meanwhile.
const inFlight = 64

// pushable is what a push needs.
type pushable struct {
	row    row
	device device.Device
	now    time.Time
}

// sent is a push that a provider took.
type sent struct {
	pushTask
	key string // of the address
	at  time.Time
}

// noLine is a push that found no place among those under way in its time.
var noLine = outbox.Again{After: firstRetry, Reason: "too many pushes under way"}

// send is Push.Send among at most inFlight others to the same service.
func (s *Service) send(ctx context.Context, to push.Address, m push.Message) push.Result {
	line := s.lines[to.Kind]
	if line == nil {
		return s.Push.Send(ctx, to, m)
	}
	select {
	case line <- struct{}{}:
	case <-ctx.Done():
		return push.Result{Outcome: push.Retry, Reason: noLine.Reason, RetryAfter: noLine.After}
	}
	defer func() { <-line }()
	return s.Push.Send(ctx, to, m)
}

func newLines() map[push.Kind]chan struct{} {
	lines := map[push.Kind]chan struct{}{}
	for _, k := range []push.Kind{push.FCM, push.APNs, push.WebPush} {
		lines[k] = make(chan struct{}, inFlight)
	}
	return lines
}

// pushable reads what a push needs; nil where there is nothing left to push.
func (s *Service) pushable(ctx context.Context, p pushTask) (*pushable, error) {
	if s.pushes != nil {
		return s.pushes.Do(ctx, p)
	}
	now, err := s.DB.Now(ctx)
	if err != nil {
		return nil, err
	}
	db := s.DB.Read(ctx)
	found := &pushable{now: now}
	err = db.Where("workspace_id = ? AND id = ?", p.Workspace, p.Confirmation).Take(&found.row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, nil //nolint:nilnil // nothing to push
	}
	if err != nil || found.row.at(now).State != Pending {
		return nil, err
	}
	found.device, err = device.Find(db, p.Workspace, p.Device)
	if errors.Is(err, fault.ErrNotFound) || err == nil && (found.device.Push == nil || found.device.State == device.Removed) {
		return nil, nil //nolint:nilnil // nowhere to push to
	}
	return found, err
}

const readPushed = "SELECT id, workspace_id, action, state, expires_at, decided_at FROM confirmations WHERE id = ANY($1)"

// pushableTogether is pushable for a batch, in one round trip.
func (s *Service) pushableTogether(ctx context.Context, tasks []pushTask) ([]*pushable, error) {
	now, err := s.DB.Now(ctx)
	if err != nil {
		return nil, err
	}
	var ids, phones []string
	for _, t := range tasks {
		ids, phones = append(ids, t.Confirmation), append(phones, t.Device)
	}
	rows, devices := map[string]row{}, map[string]device.Device{}
	err = s.DB.Native(ctx, func(c *pgx.Conn) error {
		batch := &pgx.Batch{}
		batch.Queue(readPushed, ids).Query(func(found pgx.Rows) error {
			var r row
			_, err := pgx.ForEachRow(found, []any{&r.ID, &r.WorkspaceID, &r.Action, &r.State, &r.ExpiresAt, &r.DecidedAt}, func() error {
				rows[r.ID] = r
				return nil
			})
			return err
		})
		device.ReadAll(batch, phones, func(d device.Device) { devices[d.ID] = d })
		return c.SendBatch(ctx, batch).Close()
	})
	if err != nil {
		return nil, err
	}
	out := make([]*pushable, len(tasks))
	for i, t := range tasks {
		r, d := rows[t.Confirmation], devices[t.Device]
		if r.WorkspaceID == t.Workspace && r.at(now).State == Pending && d.Workspace == t.Workspace && d.Push != nil {
			out[i] = &pushable{r, d, now}
		}
	}
	return out, nil
}

const (
	notifyAll  = "SELECT pg_notify(n.channel, n.payload) FROM unnest($1::text[], $2::text[]) AS n (channel, payload)"
	lockPushed = "SELECT id, version FROM confirmations WHERE id = ANY($1) AND state = 'pending' ORDER BY id FOR NO KEY UPDATE"
	notePushed = `WITH noted AS (UPDATE challenges ch SET delivery = 'sent', delivery_at = k.at, detail = ''
			FROM unnest($1::text[], $2::text[], $3::timestamptz[]) AS k (confirmation, device, at)
			WHERE ch.confirmation_id = k.confirmation AND ch.device_id = k.device AND ch.delivery = ANY($4) RETURNING ch.confirmation_id)
		UPDATE confirmations SET version = version + 1 WHERE id IN (SELECT confirmation_id FROM noted)`
)

// sentTogether writes down, for a batch of pushes that their providers took, what Devices.Pushed and note would one after the other: in one
// transaction of two round trips, phones before confirmations, each in the order of ids.
func (s *Service) sentTogether(ctx context.Context, all []sent) ([]struct{}, error) {
	var told hints
	err := s.DB.Pipelined(ctx, func(c *pgx.Conn) error {
		pending, err := s.lockSent(ctx, c, all)
		if err != nil {
			return err
		}
		second := &pgx.Batch{}
		var ids, phones []string
		var at []time.Time
		for _, p := range all {
			if _, waits := pending[p.Confirmation]; waits {
				ids, phones, at = append(ids, p.Confirmation), append(phones, p.Device), append(at, p.at)
			}
		}
		for id, version := range pending {
			if err := s.Bus.Publish(&told, Topic(id), version+1); err != nil { // a hint: where a phone has pulled already, nothing is new
				return err
			}
		}
		if len(ids) > 0 {
			second.Queue(notePushed, ids, phones, at, lesserThan("sent"))
		}
		if len(told.channels) > 0 {
			second.Queue(notifyAll, told.channels, told.payloads)
		}
		second.Queue("COMMIT")
		return c.SendBatch(ctx, second).Close()
	})
	if err != nil {
		return nil, err
	}
	for _, f := range told.after {
		f()
	}
	return make([]struct{}, len(all)), nil
}

// hints is a transaction as a bus sees it: what is to be notified in it, and done after it.
type hints struct {
	channels, payloads []string
	after              []func()
}

// AfterCommit is hub.Tx.
func (h *hints) AfterCommit(f func()) { h.after = append(h.after, f) }

// Notify is hub.Tx.
func (h *hints) Notify(channel, payload string) error {
	h.channels, h.payloads = append(h.channels, channel), append(h.payloads, payload)
	return nil
}

// lockSent begins the transaction, writes down that the phones' addresses work, and locks the confirmations that are still open.
func (s *Service) lockSent(ctx context.Context, c *pgx.Conn, all []sent) (map[string]int64, error) {
	first := &pgx.Batch{}
	first.Queue("BEGIN")
	var reached []device.Reached
	var ids []string
	for _, p := range all {
		reached, ids = append(reached, device.Reached{Workspace: p.Workspace, ID: p.Device, Key: p.key, At: p.at}), append(ids, p.Confirmation)
	}
	device.ReachedAll(first, reached)
	slices.Sort(ids)
	pending := map[string]int64{}
	first.Queue(lockPushed, slices.Compact(ids)).Query(func(rows pgx.Rows) error {
		var id string
		var version int64
		_, err := pgx.ForEachRow(rows, []any{&id, &version}, func() error {
			pending[id] = version
			return nil
		})
		return err
	})
	return pending, c.SendBatch(ctx, first).Close()
}

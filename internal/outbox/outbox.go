// Package outbox keeps work that has to happen after a transaction: it is a row of that transaction, so it happens if and only if the
// transaction did, and at least once. Handlers therefore make repeating harmless. It does not know what the work is.
package outbox

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/ident"
)

const (
	batch   = 32               // rows claimed at a time
	lease   = 15 * time.Second // a worker that died gives its rows back after this
	idle    = time.Second      // how often a process looks without having been woken
	workers = 64               // rows handled at once: a provider that answers after 50 ms then takes 1,280 a second
)

// bookkeeping bounds a claim and the writing of a result: a database connection that a firewall forgot would keep the outbox for ever.
const bookkeeping = 5 * time.Second

// Task is one piece of work.
type Task struct {
	ID       string
	Kind     string
	Payload  []byte
	Attempts int // how often it was tried before
	GiveUpAt time.Time
}

// Handler does a task. nil: done. Again, or a database that was away for a moment: later. Any other error: dead, and somebody has to look.
type Handler func(ctx context.Context, t Task) error

// Again is a handler's way to say: not now. It becomes dead when the delay would pass GiveUpAt.
type Again struct {
	After  time.Duration
	Reason string // shown to the operator; no secret
}

// Error is the reason.
func (a Again) Error() string { return a.Reason }

type row struct {
	ID         string
	Kind       string
	Payload    []byte
	CreatedAt  time.Time
	RunAt      time.Time
	GiveUpAt   time.Time
	Attempts   int
	LeaseUntil *time.Time
	DeadAt     *time.Time
	LastError  string
}

func (row) TableName() string { return "outbox" }

// Outbox hands rows to handlers. Make it with New, then Run it.
type Outbox struct {
	db       *database.DB
	log      *slog.Logger
	handlers map[string]Handler
	wake     chan struct{}
	done     *database.Gather[string, struct{}] // takes rows away, those that end together in one transaction
}

// New is an outbox over db.
func New(db *database.DB, log *slog.Logger) *Outbox {
	o := &Outbox{db: db, log: log, handlers: map[string]Handler{}, wake: make(chan struct{}, 1)}
	o.done = database.NewGather(1, o.remove)
	return o
}

// Handle names who does tasks of a kind; all are named before Run.
func (o *Outbox) Handle(kind string, h Handler) { o.handlers[kind] = h }

// Add puts work into tx; it starts as soon as tx is committed.
func (o *Outbox) Add(tx database.Tx, kind string, payload []byte, now, giveUpAt time.Time) error {
	r := row{ID: ident.New("job"), Kind: kind, Payload: payload, CreatedAt: now, RunAt: now, GiveUpAt: giveUpAt}
	tx.AfterCommit(o.Wake)
	return tx.Create(&r).Error
}

// Wake makes a running outbox look at once.
func (o *Outbox) Wake() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// goodbye bounds the last round of a process that stops.
const goodbye = 2 * time.Second

// Run works until ctx ends; then it waits for what is in hand and looks once more, for what the last requests left.
func (o *Outbox) Run(ctx context.Context) {
	tick := time.NewTicker(idle)
	defer tick.Stop()
	h := hands{slots: make(chan struct{}, workers)}
	for look := true; ; {
		free := h.free(ctx)
		n, err := o.round(ctx, &h, free, look)
		if err != nil && ctx.Err() == nil {
			o.log.Error("outbox", "err", err)
		}
		if n == free && n > 0 && err == nil {
			look = false
			continue
		}
		select {
		case <-ctx.Done():
			h.wg.Wait()
			o.last(ctx)
			return
		case <-o.wake:
			look = false
		case <-tick.C:
			look = true
		}
	}
}

// hands are what does rows: as many at once as there are slots, each taking the next as soon as it is free, so that one push service that does
// not answer keeps nobody else waiting.
type hands struct {
	slots chan struct{}
	wg    sync.WaitGroup
}

// free takes slots for up to a batch; it waits for the first one. 0: ctx has ended.
func (h *hands) free(ctx context.Context) (n int) {
	select {
	case <-ctx.Done():
		return 0
	case h.slots <- struct{}{}:
	}
	for n = 1; n < batch; n++ {
		select {
		case h.slots <- struct{}{}:
		default:
			return n
		}
	}
	return n
}

// leave gives n slots back.
func (h *hands) leave(n int) {
	for range n {
		<-h.slots
	}
}

// last does what is due now, once: a stop sends the pushes of the requests before it, and leaves the rest to the next start.
func (o *Outbox) last(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), goodbye)
	defer cancel()
	h := hands{slots: make(chan struct{}, workers)}
	if _, err := o.round(ctx, &h, h.free(ctx), true); err != nil {
		o.log.Warn("outbox: what is left goes on at the next start", "err", err)
	}
	h.wg.Wait()
}

// round claims what is due, as much as there are slots for, and hands it out; it says how many rows that were. look: first without a lock, so
// that an idle service writes nothing.
func (o *Outbox) round(ctx context.Context, h *hands, free int, look bool) (int, error) {
	if free == 0 {
		return 0, nil
	}
	rows, err := o.claim(ctx, free, look)
	h.leave(free - len(rows))
	for _, r := range rows {
		h.wg.Go(func() {
			defer h.leave(1)
			o.do(ctx, r)
		})
	}
	return len(rows), err
}

const due = "dead_at IS NULL AND run_at <= ? AND (lease_until IS NULL OR lease_until < ?)"

func (o *Outbox) claim(ctx context.Context, most int, look bool) (rows []row, err error) {
	ctx, cancel := context.WithTimeout(ctx, bookkeeping)
	defer cancel()
	now, err := o.db.Now(ctx)
	if err != nil {
		return nil, err
	}
	if look {
		var first row
		if res := o.db.Read(ctx).Select("id").Where(due, now, now).Limit(1).Find(&first); res.Error != nil || res.RowsAffected == 0 {
			return nil, res.Error
		}
	}
	err = o.db.InTx(ctx, func(tx database.Tx) error {
		if err := tx.SkipLocked().Where(due, now, now).Order("run_at").Limit(most).Find(&rows).Error; err != nil || len(rows) == 0 {
			return err
		}
		ids := make([]string, len(rows))
		for i, r := range rows {
			ids[i] = r.ID
		}
		return tx.Model(&row{}).Where("id IN ?", ids).Updates(map[string]any{"lease_until": now.Add(lease), "attempts": gorm.Expr("attempts + 1")}).Error
	})
	if err != nil {
		return nil, err // nothing was claimed, or nobody knows; then the lease gives it back
	}
	return rows, nil
}

func (o *Outbox) do(ctx context.Context, r row) {
	h, known := o.handlers[r.Kind]
	if !known {
		o.finish(ctx, r, errUnknown)
		return
	}
	tctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lease-2*time.Second)
	defer cancel()
	o.finish(ctx, r, h(tctx, Task{ID: r.ID, Kind: r.Kind, Payload: r.Payload, Attempts: r.Attempts, GiveUpAt: r.GiveUpAt}))
}

func (o *Outbox) finish(ctx context.Context, r row, result error) {
	var err error
	if result == nil {
		_, err = o.done.Do(ctx, r.ID)
	} else {
		err = o.keep(ctx, r, result)
	}
	if err != nil {
		o.log.Error("outbox: result not written, the task will be repeated", "kind", r.Kind, "err", err)
	}
}

// remove forgets tasks that are done.
func (o *Outbox) remove(ctx context.Context, ids []string) ([]struct{}, error) {
	ctx, cancel := context.WithTimeout(ctx, bookkeeping)
	defer cancel()
	return make([]struct{}, len(ids)), o.db.InTx(ctx, func(tx database.Tx) error { return tx.Where("id IN ?", ids).Delete(&row{}).Error })
}

// keep writes down how a task failed and when it is tried again.
func (o *Outbox) keep(ctx context.Context, r row, result error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), bookkeeping)
	defer cancel()
	return o.db.InTx(ctx, func(tx database.Tx) error {
		now, err := tx.Now()
		if err != nil {
			return err
		}
		set := map[string]any{"lease_until": nil, "last_error": result.Error()}
		if next, again := o.next(result, now, r.GiveUpAt); again {
			set["run_at"] = next
		} else {
			set["dead_at"] = now
		}
		return tx.Model(&row{}).Where("id = ?", r.ID).Updates(set).Error
	})
}

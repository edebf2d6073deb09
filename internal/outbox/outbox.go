// Package outbox keeps work that has to happen after a transaction: it is a row of that transaction, so it happens if and only if the
// transaction did, and at least once. Handlers therefore make repeating harmless. It does not know what the work is.
package outbox

import (
	"context"
	"log/slog"
	"time"

	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/ident"
)

const (
	batch   = 32               // rows claimed at a time
	lease   = 15 * time.Second // a worker that died gives its rows back after this
	idle    = time.Second      // how often a process looks without having been woken
	workers = 128              // rows in hand at once: some are read or written down while others wait for a provider
	waiters = workers / 2      // of them, at most, kinds that can wait: a mail server that does not answer leaves room for pushes
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
	patient  []string // kinds that come after all others
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

// HandleLast is Handle for a kind that can wait: it is begun when nothing else is due. However many mails have piled up, no push stands behind them.
func (o *Outbox) HandleLast(kind string, h Handler) {
	o.Handle(kind, h)
	o.patient = append(o.patient, kind)
}

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
	h := newHands()
	for look := true; ; {
		full, err := false, error(nil)
		if h.free(ctx) {
			full, err = o.round(ctx, h, look)
		}
		if err != nil && ctx.Err() == nil {
			o.log.Error("outbox", "err", err)
		}
		if full && err == nil && ctx.Err() == nil {
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

// last does what is due now, once: a stop sends the pushes of the requests before it, and leaves the rest to the next start.
func (o *Outbox) last(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), goodbye)
	defer cancel()
	h := newHands()
	if _, err := o.round(ctx, h, true); err != nil {
		o.log.Warn("outbox: what is left goes on at the next start", "err", err)
	}
	h.wg.Wait()
}

// round claims what is due and hands it out, first what is urgent; full says that there may be more. look: first without a lock, so that an
// idle service writes nothing.
func (o *Outbox) round(ctx context.Context, h *hands, look bool) (full bool, err error) {
	n, err := o.hand(ctx, h, false, batch, look)
	if err != nil || len(o.patient) == 0 {
		return n == batch, err
	}
	rest := min(batch-n, h.roomToWait())
	if rest == 0 {
		return n == batch, nil
	}
	m, err := o.hand(ctx, h, true, rest, true)
	return m == rest, err
}

// hand claims up to most tasks and begins them; it says how many those were.
func (o *Outbox) hand(ctx context.Context, h *hands, patient bool, most int, look bool) (int, error) {
	rows, err := o.claim(ctx, patient, most, look)
	for _, r := range rows {
		h.take(patient, func() { o.do(ctx, r) }, o.Wake)
	}
	return len(rows), err
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

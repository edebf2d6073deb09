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
	workers = 8                // rows handled at once
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
}

// New is an outbox over db.
func New(db *database.DB, log *slog.Logger) *Outbox {
	return &Outbox{db: db, log: log, handlers: map[string]Handler{}, wake: make(chan struct{}, 1)}
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
	for {
		n, err := o.round(ctx)
		if err != nil && ctx.Err() == nil {
			o.log.Error("outbox", "err", err)
		}
		if n == batch && err == nil {
			continue
		}
		select {
		case <-ctx.Done():
			o.last(ctx)
			return
		case <-o.wake:
		case <-tick.C:
		}
	}
}

// last does what is due now, once: a stop sends the pushes of the requests before it, and leaves the rest to the next start.
func (o *Outbox) last(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), goodbye)
	defer cancel()
	if _, err := o.round(ctx); err != nil {
		o.log.Warn("outbox: what is left goes on at the next start", "err", err)
	}
}

// round claims what is due and does it; it says how many rows that were.
func (o *Outbox) round(ctx context.Context) (int, error) {
	rows, err := o.claim(ctx)
	if err != nil {
		return 0, err
	}
	slots := make(chan struct{}, workers)
	var wg sync.WaitGroup
	for _, r := range rows {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			o.do(ctx, r)
		})
	}
	wg.Wait()
	return len(rows), nil
}

func (o *Outbox) claim(ctx context.Context) (rows []row, err error) {
	ctx, cancel := context.WithTimeout(ctx, bookkeeping)
	defer cancel()
	due := "dead_at IS NULL AND run_at <= ? AND (lease_until IS NULL OR lease_until < ?)"
	now, err := o.db.Now(ctx)
	if err != nil {
		return nil, err
	}
	var first row // a look without a lock first: an idle service writes nothing
	if res := o.db.Read(ctx).Select("id").Where(due, now, now).Limit(1).Find(&first); res.Error != nil || res.RowsAffected == 0 {
		return nil, res.Error
	}
	err = o.db.InTx(ctx, func(tx database.Tx) error {
		if err := tx.SkipLocked().Where(due, now, now).Order("run_at").Limit(batch).Find(&rows).Error; err != nil || len(rows) == 0 {
			return err
		}
		ids := make([]string, len(rows))
		for i, r := range rows {
			ids[i] = r.ID
		}
		return tx.Model(&row{}).Where("id IN ?", ids).Updates(map[string]any{"lease_until": now.Add(lease), "attempts": gorm.Expr("attempts + 1")}).Error
	})
	return rows, err
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
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), bookkeeping)
	defer cancel()
	err := o.db.InTx(ctx, func(tx database.Tx) error {
		if result == nil {
			return tx.Where("id = ?", r.ID).Delete(&row{}).Error
		}
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
	if err != nil {
		o.log.Error("outbox: result not written, the task will be repeated", "kind", r.Kind, "err", err)
	}
}

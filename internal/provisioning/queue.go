package provisioning

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/countersign/countersign/internal/database"
)

const (
	flushEvery = 250 * time.Millisecond
	flushMost  = 500    // rows that do not wait for their time
	waitMost   = 20_000 // rows that wait while the database is away; more are dropped and counted
)

// waiting is what no transaction of its own has written yet.
type waiting struct {
	mu      sync.Mutex
	rows    []*Entry
	folded  map[string]*Entry // rows of rows that fold, so that a storm of calls is one row
	minutes map[minuteKey]*minute
	right   map[string][]rightNow // changes that may have made failures right, by workspace
	kick    chan struct{}
	writing sync.Mutex // one flush at a time
}

// rightNow is a change that was made: what failed about the same person or team before has come right.
type rightNow struct {
	subject, key, kind, id string
	at                     time.Time
}

// Later keeps a call that changed nothing; it is written within a quarter of a second, together with others. A crash before that loses it.
func (l *Log) Later(e *Entry) {
	w := &l.waiting
	w.mu.Lock()
	defer w.mu.Unlock()
	w.count(e)
	if key := e.foldKey(); key != "" {
		key = e.Workspace + key
		if first := w.folded[key]; first != nil {
			first.Times = max(1, first.Times) + max(1, e.Times)
			return
		}
		if w.folded == nil {
			w.folded = map[string]*Entry{}
		}
		w.folded[key] = e
	}
	if len(w.rows) >= waitMost {
		l.dropped.Add(1)
		return
	}
	w.rows = append(w.rows, e)
	if len(w.rows) >= flushMost {
		select {
		case w.kick <- struct{}{}:
		default:
		}
	}
}

// Written counts a call whose row is committed.
func (l *Log) Written(e *Entry) {
	w := &l.waiting
	w.mu.Lock()
	defer w.mu.Unlock()
	w.count(e)
	if e.Result == OK && e.Event != "" {
		if w.right == nil {
			w.right = map[string][]rightNow{}
		}
		r := rightNow{e.Subject, clip(e.Key, keyMost), e.Kind, e.ID, e.At}
		if strings.HasSuffix(e.Event, ".deleted") {
			r.key = "" // what could not be made under this name has not been made by it
		}
		w.right[e.Workspace] = append(w.right[e.Workspace], r)
	}
}

// Refused writes calls that changed nothing and have to be there when their client hears of it: refusals, and the parts of a bulk call.
func (l *Log) Refused(ctx context.Context, entries ...*Entry) error {
	err := l.db.InTx(ctx, func(tx database.Tx) error { return l.insert(tx, entries) })
	if err != nil {
		return err
	}
	for _, e := range entries {
		l.Written(e)
	}
	return nil
}

// insertSizes are the numbers of rows that one statement writes: few, because the database prepares and keeps each.
var insertSizes = []int{64, 8, 1}

// inserts are the statements for them.
var inserts = func() map[int]string {
	out := map[int]string{}
	for _, n := range insertSizes {
		out[n] = "INSERT INTO " + Into + " VALUES " + strings.TrimSuffix(strings.Repeat(marks+", ", n), ", ")
	}
	return out
}()

// insert writes rows, several with one statement where none of them folds.
func (l *Log) insert(tx database.Tx, entries []*Entry) error {
	plain := make([]*Entry, 0, len(entries))
	for _, e := range entries {
		if e.foldKey() == "" {
			plain = append(plain, e)
			continue
		}
		sql, folded, err := l.Row(e)
		if err != nil {
			return err
		}
		if err := tx.Exec(sql, folded...).Error; err != nil {
			return err
		}
	}
	for _, size := range insertSizes {
		for ; len(plain) >= size; plain = plain[size:] {
			var args []any
			for _, e := range plain[:size] {
				values, err := l.values(e)
				if err != nil {
					return err
				}
				args = append(args, values...)
			}
			if err := tx.Exec(inserts[size], args...).Error; err != nil {
				return err
			}
		}
	}
	return nil
}

// Run writes what waits, until ctx ends; then it writes the rest.
func (l *Log) Run(ctx context.Context) {
	tick, beats := time.NewTicker(flushEvery), time.NewTicker(beat)
	defer tick.Stop()
	defer beats.Stop()
	l.beat(ctx)
	l.Remember(ctx)
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
			defer cancel()
			if err := l.Flush(last); err != nil {
				l.log.Error("provisioning log: the last rows were not written", "err", err)
			}
			return
		case <-beats.C:
			l.beat(ctx)
		case <-tick.C:
		case <-l.waiting.kick:
		}
		if err := l.Flush(ctx); err != nil && ctx.Err() == nil {
			l.log.Warn("provisioning log", "err", err)
		}
	}
}

func (l *Log) beat(ctx context.Context) {
	if err := l.Awake(ctx); err != nil && ctx.Err() == nil {
		l.log.Warn("provisioning log: beat", "err", err)
	}
}

// Flush writes what waits, now.
func (l *Log) Flush(ctx context.Context) error {
	w := &l.waiting
	w.writing.Lock()
	defer w.writing.Unlock()
	w.mu.Lock()
	rows, minutes, right := w.rows, w.minutes, w.right
	w.rows, w.folded, w.minutes, w.right = nil, nil, nil, nil
	w.mu.Unlock()
	if len(rows) == 0 && len(minutes) == 0 && len(right) == 0 {
		return nil
	}
	left, err := l.copyRows(ctx, rows)
	if err != nil {
		w.putBack(l, rows, minutes, right)
		return err
	}
	err = l.db.InTx(ctx, func(tx database.Tx) error {
		if err := l.insert(tx, left); err != nil {
			return err
		}
		if err := addMinutes(tx, minutes); err != nil {
			return err
		}
		return resolve(tx, right, rows)
	})
	if err != nil {
		w.putBack(l, left, minutes, right)
	}
	return err
}

// putBack keeps for the next time what could not be written, as far as there is room.
func (w *waiting) putBack(l *Log, rows []*Entry, minutes map[minuteKey]*minute, right map[string][]rightNow) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if over := len(rows) + len(w.rows) - waitMost; over > 0 {
		over = min(over, len(rows))
		l.dropped.Add(int64(over))
		rows = rows[over:]
	}
	w.rows = append(rows, w.rows...)
	for k, m := range minutes {
		w.minute(k).add(m)
	}
	if w.right == nil {
		w.right = map[string][]rightNow{}
	}
	for workspace, list := range right {
		w.right[workspace] = append(list, w.right[workspace]...)
	}
}

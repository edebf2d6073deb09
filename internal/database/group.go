package database

import (
	"cmp"
	"context"
	"database/sql"
	"sync"
	"time"

	"gorm.io/gorm"
)

// Group commit for SQLite (docs/decisions/0011-group-commit.md). One connection writes, and a durable commit waits for the disk. Transactions
// that wait for the connection at the same time therefore share one: each runs by itself, one after the other, behind a savepoint that takes
// back it alone, and the last one commits for all. Nobody hears of an end before that commit.
const (
	groupMost = 32                    // transactions of one group
	groupTime = 20 * time.Millisecond // that others may wait for the last one's end
)

// turns is the queue for SQLite's one writing connection.
type turns struct {
	patience time.Duration // after which a group commits though more wait; 0: groupTime

	mu      sync.Mutex
	busy    bool
	waiting []*turn
}

// turn is one transaction's place in the queue.
type turn struct {
	wake  chan struct{} // closed when it is its turn
	group *group        // that it joins; nil to begin one
}

// group is a transaction of the database that several of ours share.
type group struct {
	conn  *sql.Conn
	began time.Time
	size  int   // transactions that have run
	ended bool  // rolled back, because the first has failed
	ill   error // why it cannot be committed
	done  chan struct{}
	err   error // what became of it, after done
}

// shared is the connection as gorm sees it: a transaction that somebody else ends.
type shared struct{ gate }

func (shared) Commit() error   { return nil }
func (shared) Rollback() error { return nil }

// inGroup is InTx for SQLite.
func (db *DB) inGroup(ctx context.Context, do func(*gorm.DB) error) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	me, err := db.turns.take(ctx)
	if err != nil {
		return err
	}
	g, over := me.group, false
	defer func() {
		if !over { // do has panicked, or ended its goroutine
			db.turns.next(g)
		}
	}()
	if g == nil {
		g = &group{began: time.Now(), done: make(chan struct{})}
		if g.conn, g.ill = db.writer.Conn(context.WithoutCancel(ctx)); g.ill == nil {
			g.exec("BEGIN IMMEDIATE")
		}
	}
	if err = g.ill; err == nil {
		err = g.run(ctx, db.w, do)
	}
	over = true
	db.turns.next(g)
	if <-g.done; g.err != nil {
		return g.err // what do has seen of the others is not so
	}
	return err
}

// exec runs a statement that begins or ends something. One that fails spoils the group: SQLite has ended its transaction by itself.
func (g *group) exec(statement string) {
	if g.ill == nil {
		_, g.ill = g.conn.ExecContext(context.Background(), statement)
	}
}

// run runs one transaction in the group. The first needs no savepoint: if it fails it has been alone. The end of ctx interrupts no statement,
// because SQLite would roll back everybody's work with it.
func (g *group) run(ctx context.Context, w *gorm.DB, do func(*gorm.DB) error) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	g.size++
	first, kept := g.size == 1, false
	if !first {
		g.exec("SAVEPOINT one")
	}
	defer func() {
		switch {
		case first && !kept:
			g.exec("ROLLBACK")
			g.ended = true
		case !kept:
			g.exec("ROLLBACK TO one")
			fallthrough
		case !first:
			g.exec("RELEASE one")
		}
	}()
	tx := w.Session(&gorm.Session{NewDB: true, Context: context.WithoutCancel(ctx)})
	tx.Statement.ConnPool = shared{gate{g.conn}}
	if err = g.ill; err == nil {
		err = do(tx)
	}
	kept = err == nil
	return err
}

// end commits the group, or rolls it back, and tells all who are in it.
func (g *group) end() {
	if !g.ended {
		g.exec("COMMIT")
	}
	g.err = g.ill
	if g.conn != nil {
		if g.err != nil {
			_, _ = g.conn.ExecContext(context.Background(), "ROLLBACK") // fails where SQLite has done it by itself
		}
		_ = g.conn.Close()
	}
	close(g.done)
}

// take waits for the connection.
func (q *turns) take(ctx context.Context) (*turn, error) {
	q.mu.Lock()
	if !q.busy {
		q.busy = true
		q.mu.Unlock()
		return &turn{}, nil
	}
	me := &turn{wake: make(chan struct{})}
	q.waiting = append(q.waiting, me)
	q.mu.Unlock()
	select {
	case <-me.wake:
		return me, nil
	case <-ctx.Done():
	}
	q.mu.Lock()
	for i, t := range q.waiting {
		if t == me {
			q.waiting = append(q.waiting[:i], q.waiting[i+1:]...)
			q.mu.Unlock()
			return nil, ctx.Err()
		}
	}
	q.mu.Unlock()
	<-me.wake // it has come in the same moment, and has to be used
	return me, nil
}

// next gives the connection to the next who waits: to join the group, or, once that is committed, to begin another one.
func (q *turns) next(g *group) {
	joins := g != nil && g.ill == nil && !g.ended && g.size < groupMost && time.Since(g.began) < cmp.Or(q.patience, groupTime)
	if joins && q.hand(g) {
		return
	}
	if g != nil {
		g.end()
	}
	if q.hand(nil) {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		q.busy = false
		return
	}
	q.first(nil) // somebody has come since
}

// hand gives the connection to the first who waits, if anybody does.
func (q *turns) hand(g *group) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		return false
	}
	q.first(g)
	return true
}

func (q *turns) first(g *group) {
	t := q.waiting[0]
	q.waiting = q.waiting[1:]
	t.group = g
	close(t.wake)
}

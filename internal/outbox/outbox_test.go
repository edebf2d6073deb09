package outbox_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
	"github.com/countersign/countersign/internal/outbox"
)

var quiet = slog.New(slog.DiscardHandler)

// add puts one task into a transaction of its own that ends with err.
func add(t *testing.T, db *database.DB, o *outbox.Outbox, payload string, err error) {
	t.Helper()
	got := db.InTx(t.Context(), func(tx database.Tx) error {
		now, nerr := tx.Now()
		return errors.Join(nerr, o.Add(tx, "test", []byte(payload), now, now.Add(time.Minute)), err)
	})
	if !errors.Is(got, err) {
		t.Fatal(got)
	}
}

// run works until the test ends or stop is called, which waits for it.
func run(t *testing.T, o *outbox.Outbox) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan struct{})
	go func() {
		defer close(over)
		o.Run(ctx)
	}()
	stop = func() {
		cancel()
		<-over
	}
	t.Cleanup(stop)
	return stop
}

func TestATaskRunsWhenItsTransactionCommitsAndOnlyThen(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		o := outbox.New(db, quiet)
		done := make(chan string, 10)
		o.Handle("test", func(_ context.Context, task outbox.Task) error {
			done <- string(task.Payload)
			return nil
		})
		stop := run(t, o)
		add(t, db, o, "rolled back", errors.New("no"))
		add(t, db, o, "committed", nil)
		if got := <-done; got != "committed" {
			t.Errorf("%q ran", got)
		}
		stop()
		if s, err := o.Stats(t.Context()); err != nil || s.Waiting != 0 || s.Dead != 0 || len(done) != 0 {
			t.Errorf("%+v %v, %d more", s, err, len(done))
		}
	})
}

func TestAStopDoesWhatTheLastRequestsLeft(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		o := outbox.New(db, quiet)
		var done atomic.Int32
		o.Handle("test", func(context.Context, outbox.Task) error { done.Add(1); return nil })
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // it stops before it ever looked
		add(t, db, o, "x", nil)
		o.Run(ctx)
		if done.Load() != 1 {
			t.Error("the task was left behind")
		}
	})
}

func TestFailuresAreTriedAgainOrKeptForSomebodyToLookAt(t *testing.T) {
	for _, c := range []struct {
		name    string
		fail    error
		waiting int64
		dead    int64
	}{
		{name: "not now", fail: outbox.Again{After: 10 * time.Second, Reason: "busy"}, waiting: 1},
		{name: "not before it would be useless", fail: outbox.Again{After: 2 * time.Minute, Reason: "busy"}, dead: 1},
		{name: "the database was away for a moment", fail: fmt.Errorf("read the confirmation: %w", driver.ErrBadConn), waiting: 1},
		{name: "never", fail: errors.New("refused"), dead: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			dbtest.Each(t, func(t *testing.T, db *database.DB) {
				o := outbox.New(db, quiet)
				o.Handle("test", func(context.Context, outbox.Task) error { return c.fail })
				ctx, cancel := context.WithCancel(t.Context())
				cancel()
				add(t, db, o, "x", nil)
				o.Run(ctx)
				if s, err := o.Stats(t.Context()); err != nil || s.Waiting != c.waiting || s.Dead != c.dead {
					t.Errorf("%+v (%v), want %d waiting and %d dead", s, err, c.waiting, c.dead)
				}
			})
		})
	}
}

func TestATaskOfADeadWorkerIsTakenOverWhenItsLeaseEnds(t *testing.T) {
	for _, d := range dbtest.Dialects {
		t.Run(d, func(t *testing.T) {
			var ahead atomic.Int64
			address := dbtest.URL(t, d)
			db := dbtest.Open(t, address, database.WithClockOffset(func() time.Duration { return time.Duration(ahead.Load()) }))
			first, second := outbox.New(db, quiet), outbox.New(db, quiet)
			taken, never := make(chan struct{}), make(chan struct{})
			var once sync.Once
			first.Handle("test", func(context.Context, outbox.Task) error { // a worker that dies in its task
				once.Do(func() { close(taken) })
				<-never
				return errors.New("too late")
			})
			attempts := make(chan int, 10)
			second.Handle("test", func(_ context.Context, task outbox.Task) error { attempts <- task.Attempts; return nil })
			add(t, db, first, "x", nil)
			dying, die := context.WithCancel(t.Context())
			ended := make(chan struct{})
			go func() { defer close(ended); first.Run(dying) }()
			<-taken
			die() // it takes nothing more, and its task goes on
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			second.Run(ctx)
			if len(attempts) != 0 {
				t.Error("a task was taken that another worker holds")
			}
			ahead.Store(int64(20 * time.Second))
			second.Run(ctx)
			if len(attempts) != 1 || <-attempts != 1 {
				t.Error("the task was not taken over after its lease")
			}
			close(never)
			<-ended
		})
	}
}

func TestManyWorkersDoEachTaskOnce(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		const tasks = 100
		var mu sync.Mutex
		did := map[string]int{}
		all := make(chan struct{})
		var stops []func()
		var last *outbox.Outbox
		for range 3 {
			o := outbox.New(db, quiet)
			o.Handle("test", func(_ context.Context, task outbox.Task) error {
				mu.Lock()
				defer mu.Unlock()
				did[task.ID]++
				if len(did) == tasks {
					close(all)
				}
				return nil
			})
			stops, last = append(stops, run(t, o)), o
		}
		for range tasks {
			add(t, db, last, "x", nil)
		}
		<-all
		for _, stop := range stops {
			stop()
		}
		for id, n := range did {
			if n != 1 {
				t.Errorf("task %s ran %d times", id, n)
			}
		}
	})
}

func TestServicesThatDoNotAnswerKeepNobodyElseWaiting(t *testing.T) {
	const stuck, quick = 63, 30 // 128 are in hand at once, and 32 more are claimed when there is room for them
	for _, d := range dbtest.Dialects {
		t.Run(d, func(t *testing.T) {
			began := time.Now()
			db := dbtest.Open(t, dbtest.URL(t, d), database.WithClockOffset(func() time.Duration { return time.Until(began) })) // so that no lease ends
			o := outbox.New(db, quiet)
			var left atomic.Int32
			left.Store(quick)
			answered := make(chan struct{})
			var all sync.WaitGroup
			all.Add(stuck + quick)
			o.Handle("test", func(_ context.Context, task outbox.Task) error {
				defer all.Done()
				switch {
				case string(task.Payload) == "stuck":
					<-answered
				case left.Add(-1) == 0:
					close(answered)
				}
				return nil
			})
			if err := db.InTx(t.Context(), func(tx database.Tx) (err error) {
				for i := range stuck + quick {
					payload, age := "stuck", time.Hour
					if i >= stuck {
						payload, age = "quick", time.Minute
					}
					err = errors.Join(err, o.Add(tx, "test", []byte(payload), began.Add(-age), began.Add(time.Hour)))
				}
				return err
			}); err != nil {
				t.Fatal(err)
			}
			stop := run(t, o)
			all.Wait()
			stop()
			if s, err := o.Stats(t.Context()); err != nil || s.Waiting != 0 || s.Dead != 0 {
				t.Errorf("%+v %v", s, err)
			}
		})
	}
}

// TestWhatCanWaitHoldsUpNothing: mails by the hundred have been due for an hour and would take every hand for as long as their server hangs; the
// push that came last is begun all the same.
func TestWhatCanWaitHoldsUpNothing(t *testing.T) {
	const mails = 200 // 64 are in hand at once
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		o := outbox.New(db, quiet)
		begun := make(chan struct{})
		answer := sync.OnceFunc(func() { close(begun) })
		o.HandleLast("mail", func(context.Context, outbox.Task) error {
			<-begun
			return nil
		})
		o.Handle("test", func(context.Context, outbox.Task) error {
			answer()
			return nil
		})
		err := db.InTx(t.Context(), func(tx database.Tx) error {
			now, err := tx.Now()
			for range mails {
				err = errors.Join(err, o.Add(tx, "mail", []byte("m"), now.Add(-time.Hour), now.Add(24*time.Hour)))
			}
			return errors.Join(err, o.Add(tx, "test", []byte("t"), now, now.Add(time.Minute)))
		})
		if err != nil {
			t.Fatal(err)
		}
		run(t, o)
		select {
		case <-begun:
		case <-time.After(time.Minute):
			t.Error("the push stands behind the mails")
			answer()
		}
	})
}

func TestATaskThatNobodyKnowsIsKept(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		o := outbox.New(db, quiet)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		add(t, db, o, "x", nil)
		o.Run(ctx)
		if s, err := o.Stats(t.Context()); err != nil || s.Dead != 1 {
			t.Errorf("%+v %v", s, err)
		}
		if err := o.Sweep(t.Context(), -time.Minute); err != nil {
			t.Fatal(err)
		}
		if s, err := o.Stats(t.Context()); err != nil || s.Dead != 0 {
			t.Errorf("after sweeping: %+v %v", s, err)
		}
	})
}

package database

import (
	"context"
	"errors"
	"sync"
	"time"
)

const (
	gatherMost = 64               // calls that one batch takes
	gatherLong = 15 * time.Second // the longest for a batch: a connection that a firewall forgot would keep its calls, and its lane, for ever
)

// errGather is what the calls of a batch hear whose run panicked.
var errGather = errors.New("the batch that this call was part of failed")

// Gather lets calls that wait at the same time be done together: while a batch is under way the calls that arrive gather for the next one. A
// call that comes alone is done at once, by itself. Make it with NewGather.
type Gather[In, Out any] struct {
	run   func(context.Context, []In) ([]Out, error)
	lanes int

	mu      sync.Mutex
	running int
	waiting []*gathered[In, Out]
}

type gathered[In, Out any] struct {
	in    In
	out   Out
	err   error
	batch []*gathered[In, Out] // that this call has to lead; set before wake
	wake  chan struct{}        // one signal: the result is there, or the batch is
}

// NewGather is a Gather over run, which gets one to 64 inputs and gives as many outputs, or an error for all of them. At most lanes batches
// are under way at once.
func NewGather[In, Out any](lanes int, run func(context.Context, []In) ([]Out, error)) *Gather[In, Out] {
	return &Gather[In, Out]{run: run, lanes: lanes}
}

// Do runs one call as part of a batch and gives its result. The batch goes on when ctx ends, because its other calls have contexts of their own,
// but not for longer than 15 seconds.
func (g *Gather[In, Out]) Do(ctx context.Context, in In) (Out, error) {
	c := &gathered[In, Out]{in: in}
	g.mu.Lock()
	if g.running < g.lanes { // then nobody waits
		g.running++
		g.mu.Unlock()
		c.batch = []*gathered[In, Out]{c}
	} else {
		c.wake = make(chan struct{}, 1)
		g.waiting = append(g.waiting, c)
		g.mu.Unlock()
		<-c.wake
	}
	if c.batch != nil {
		g.lead(ctx, c.batch)
	}
	return c.out, c.err
}

// lead does a batch that begins with the caller's own call, and passes the lane on to the first of those that have gathered meanwhile.
func (g *Gather[In, Out]) lead(ctx context.Context, batch []*gathered[In, Out]) {
	var out []Out
	err := errGather // unless run returns
	defer func() {
		g.pass()
		for i, c := range batch {
			if c.err = err; err == nil {
				c.out = out[i]
			}
			if i > 0 {
				c.wake <- struct{}{}
			}
		}
	}()
	in := make([]In, len(batch))
	for i, c := range batch {
		in[i] = c.in
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), gatherLong)
	defer cancel()
	out, err = g.run(ctx, in)
}

// pass gives the lane to those who wait.
func (g *Gather[In, Out]) pass() {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := min(len(g.waiting), gatherMost)
	if n == 0 {
		g.running--
		return
	}
	next := g.waiting[0]
	next.batch = g.waiting[:n:n]
	g.waiting = append([]*gathered[In, Out](nil), g.waiting[n:]...)
	next.wake <- struct{}{}
}

// Package hubtest breaks buses on purpose: a test that holds over a faulty bus relies on rows, as it should, and not on hints.
package hubtest

import (
	"math/rand/v2"
	"sync"
	"time"

	"github.com/countersign/countersign/internal/hub"
)

// Faults says what happens to the hints that leave one process. The zero value is a bus as it should be.
type Faults struct {
	Drop    bool // none arrives, not even in this process
	Split   bool // none arrives at another process
	Double  bool // each arrives twice
	Reorder bool // the newer one arrives before the older one
	Late    bool // each arrives up to three seconds later: at this process by a clock, at others with a later hint
	Some    bool // each of the others happens to every second hint only
}

// Each is every fault by its name, and all of them at once.
var Each = map[string]Faults{
	"as it should be": {},
	"drops":           {Drop: true},
	"splits":          {Split: true},
	"doubles":         {Double: true},
	"reorders":        {Reorder: true},
	"delays":          {Late: true},
	"does all of it":  {Drop: true, Double: true, Reorder: true, Late: true, Some: true},
}

// latest is the longest delay of a late hint.
const latest = 3 * time.Second

// Break is b with faults: what passes between the transaction and b is bent.
func Break(b hub.Bus, f Faults) hub.Bus {
	return &faulty{Bus: b, Faults: f}
}

type faulty struct {
	hub.Bus
	Faults

	mu   sync.Mutex
	held []told // hints to other processes that go with a later one
}

type told struct{ channel, payload string }

// Publish lets the bus publish through a transaction that does not do what it is asked to.
func (f *faulty) Publish(tx hub.Tx, topic string, version int64) error {
	return f.Bus.Publish(bent{tx, f}, topic, version)
}

func (f *faulty) happens(fault bool) bool { return fault && (!f.Some || rand.N(2) == 0) } //nolint:gosec // faults, not secrets

// bent is the transaction as a faulty bus sees it.
type bent struct {
	hub.Tx
	f *faulty
}

func (b bent) AfterCommit(wake func()) {
	switch f := b.f; {
	case f.happens(f.Drop):
	case f.happens(f.Double):
		b.Tx.AfterCommit(func() { wake(); wake() })
	case f.happens(f.Late), f.happens(f.Reorder):
		b.Tx.AfterCommit(func() { time.AfterFunc(rand.N(latest), wake) }) //nolint:gosec // faults, not secrets
	default:
		b.Tx.AfterCommit(wake)
	}
}

func (b bent) Notify(channel, payload string) error {
	f := b.f
	switch {
	case f.happens(f.Drop), f.Split:
		return nil
	case f.happens(f.Late):
		f.mu.Lock()
		defer f.mu.Unlock()
		f.held = append(f.held, told{channel, payload})
		return nil
	}
	send := []told{{channel, payload}}
	if f.happens(f.Double) {
		send = append(send, told{channel, payload + " "}) // Postgres folds two that are equal
	}
	f.mu.Lock()
	if f.happens(f.Reorder) && len(f.held) == 0 {
		f.held = append(f.held, send...)
		send = nil
	} else { // the older ones follow the newer one
		send = append(send, f.held...)
		f.held = nil
	}
	f.mu.Unlock()
	for _, t := range send {
		if err := b.Tx.Notify(t.channel, t.payload); err != nil {
			return err
		}
	}
	return nil
}

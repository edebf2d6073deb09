package apitest

import (
	"context"
	"testing"
	"time"
)

// RunOutbox runs the outbox, and nothing else of the work in the background, until the test ends.
func (w *World) RunOutbox() {
	ctx, stop := context.WithCancel(w.Ctx)
	ended := make(chan struct{})
	go func() { defer close(ended); w.Outbox.Run(ctx) }()
	w.T.Cleanup(func() { stop(); <-ended })
}

// Until waits for something that work in the background brings about.
func Until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	tick, late := time.NewTicker(10*time.Millisecond), time.After(time.Minute)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("never: %s", what)
		}
	}
}

package httpkit

import (
	"sync"
	"time"
)

// mostHeld is how many calls of one caller are held open at a time; a person has as many dialogs on websockets (confirmation/protocol.md §8).
const mostHeld = 20

// Waits bounds the calls that one caller has held open until something happens. The zero value holds none.
type Waits struct {
	mu   sync.Mutex
	held map[string]int // by caller
}

// Hold says how long a call of caller's may be held: as long as it wants, or not at all while too many of theirs are held already. Then it is
// answered at once with what there is, which is what it would have been told in the end. The call ends with done.
func (w *Waits) Hold(caller string, wants time.Duration) (may time.Duration, done func()) {
	if wants <= 0 {
		return 0, func() {}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.held[caller] >= mostHeld {
		return 0, func() {}
	}
	if w.held == nil {
		w.held = map[string]int{}
	}
	w.held[caller]++
	return wants, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.held[caller]--; w.held[caller] == 0 {
			delete(w.held, caller)
		}
	}
}

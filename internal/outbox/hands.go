package outbox

import (
	"context"
	"sync"
)

// hands are what does rows: each takes the next as soon as it is free, so that one push service that does not answer keeps nobody else waiting.
type hands struct {
	wg   sync.WaitGroup
	room chan struct{} // one signal: there may be room for a batch

	mu      sync.Mutex
	busy    int
	waiting int // of them, kinds that can wait
}

func newHands() *hands { return &hands{room: make(chan struct{}, 1)} }

// free waits until there is room for a whole batch: a claim of one row costs as much as one of many. false: ctx has ended.
func (h *hands) free(ctx context.Context) bool {
	for {
		h.mu.Lock()
		room := h.busy <= workers-batch
		h.mu.Unlock()
		if room {
			return ctx.Err() == nil
		}
		select {
		case <-ctx.Done():
			return false
		case <-h.room:
		}
	}
}

// roomToWait is how many more of the kinds that can wait may be in hand.
func (h *hands) roomToWait() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return max(waiters-h.waiting, 0)
}

// take does one row; it does not wait. again is called when there is room for those that can wait, after there was none.
func (h *hands) take(patient bool, do, again func()) {
	h.count(patient, 1)
	h.wg.Go(func() {
		defer func() {
			if h.count(patient, -1) {
				again()
			}
			select {
			case h.room <- struct{}{}:
			default:
			}
		}()
		do()
	})
}

// count says whether those that can wait had no room before.
func (h *hands) count(patient bool, n int) (full bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.busy += n
	if !patient {
		return false
	}
	full = h.waiting >= waiters
	h.waiting += n
	return full
}

package hub_test

import (
	"slices"
	"sync"
	"testing"

	"github.com/countersign/countersign/internal/hub"
)

func woken(l *hub.Listener) bool {
	select {
	case <-l.Woken():
		return true
	default:
		return false
	}
}

func TestAListenerHearsItsTopicOnceForAllThatWasNotTaken(t *testing.T) {
	h := hub.New()
	mine, other := h.Subscribe("a"), h.Subscribe("b")
	for v := range 5 {
		h.Publish("a", int64(v))
	}
	if !woken(mine) || woken(mine) {
		t.Error("five hints that were not taken are one wake-up")
	}
	if woken(other) {
		t.Error("another topic was woken")
	}
	h.Publish("a", 6)
	if !woken(mine) {
		t.Error("a hint after the wake-up was lost")
	}
}

func TestNobodyHearsAfterClosing(t *testing.T) {
	h := hub.New()
	l := h.Subscribe("a")
	calls := 0
	c := h.Call("a", func(int64) { calls++ })
	l.Close()
	c.Close()
	l.Close()
	h.Publish("a", 1)
	h.WakeAll()
	if woken(l) || calls != 0 || len(h.Topics()) != 0 {
		t.Errorf("woken, %d calls, topics %v", calls, h.Topics())
	}
}

func TestCallsGetTheVersionAndEverybodyIsWokenWhenABusComesBack(t *testing.T) {
	h := hub.New()
	var versions []int64
	h.Call("a", func(v int64) { versions = append(versions, v) })
	l := h.Subscribe("b")
	h.Publish("a", 7)
	h.WakeAll()
	if !slices.Equal(versions, []int64{7, 0}) || !woken(l) {
		t.Errorf("versions %v", versions)
	}
	topics := h.Topics()
	slices.Sort(topics)
	if !slices.Equal(topics, []string{"a", "b"}) {
		t.Errorf("topics %v", topics)
	}
}

func TestPublishingNeverBlocksAndLosesNobody(t *testing.T) {
	h := hub.New()
	const listeners, hints = 50, 200
	var heard sync.WaitGroup
	for range listeners {
		l := h.Subscribe("a")
		heard.Go(func() { <-l.Woken() })
	}
	var publishing sync.WaitGroup
	for range 4 {
		publishing.Go(func() {
			for v := range hints {
				h.Publish("a", int64(v))
				h.Subscribe("a").Close() // others come and go meanwhile
			}
		})
	}
	publishing.Wait()
	heard.Wait()
}

package httpkit_test

import (
	"testing"
	"time"

	"github.com/countersign/countersign/internal/httpkit"
)

func TestOneCallerHasTwentyCallsHeldAtMost(t *testing.T) {
	var w httpkit.Waits
	hold := func(caller string, wants, want time.Duration) func() {
		t.Helper()
		may, done := w.Hold(caller, wants)
		if may != want {
			t.Errorf("%s may be held %v, want %v", caller, may, want)
		}
		return done
	}
	hold("ana", 0, 0)() // asks for nothing, counts as nothing
	var held []func()
	for range 20 {
		held = append(held, hold("ana", time.Minute, time.Minute))
	}
	hold("ana", time.Minute, 0)() // its end gives no place back
	hold("ana", time.Minute, 0)()
	hold("ben", time.Minute, time.Minute)()
	held[0]()
	held[0] = hold("ana", time.Second, time.Second)
	hold("ana", time.Minute, 0)()
	for _, done := range held {
		done()
	}
	hold("ana", time.Minute, time.Minute)()
}

package main

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestASealerThatIsKilledLeavesAWholeChain kills the process in the transaction that seals, and between its commit and everything else; after
// the restart each event is sealed once.
func TestASealerThatIsKilledLeavesAWholeChain(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, s *scene) {
		for _, mine := range []string{"sealing", "sealed"} {
			before := s.sealed()
			s.restart(mine) // with nothing to seal, or it would stand on the mine before it is ready
			if r := s.owner.Do("POST", "/v1/activity/exports", map[string]string{"format": "csv"}); r.Status != http.StatusCreated {
				t.Fatalf("an event: %d %s", r.Status, r.Code())
			}
			select {
			case <-s.mine:
			case <-time.After(60 * time.Second):
				t.Fatalf("%s: the fail point was not reached", mine)
			}
			s.restart("")
			if after := s.sealed(); after != before+1 {
				t.Errorf("killed %s: %.0f events are sealed, there were %.0f and one came", mine, after, before)
			}
		}
	})
}

// sealed waits until everything is sealed, and counts what is; the chain has to be whole.
func (s *scene) sealed() float64 {
	s.t.Helper()
	env := map[string]string{}
	for _, pair := range s.env {
		name, value, _ := strings.Cut(pair, "=")
		env[name] = value
	}
	for end := time.Now().Add(60 * time.Second); ; {
		o := countersign(s.t, env, "", "audit", "verify", "--workspace", "acme").must(s.t, done)
		if o.field(s.t, "unsealed", "events") == float64(0) {
			n, _ := o.field(s.t, "events").(float64)
			return n
		}
		if time.Now().After(end) {
			s.t.Fatalf("events stay unsealed: %s", o.stdout)
		}
		<-time.After(50 * time.Millisecond)
	}
}

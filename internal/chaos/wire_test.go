package chaos_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/Shopify/toxiproxy/v2/toxics"
	"github.com/rs/zerolog"
)

// wire is a way over the network that can be made to fail. Its address stays the same whatever happens to it.
type wire struct {
	t        testing.TB
	name     string
	upstream string
	addr     string

	mu    sync.Mutex
	proxy *toxiproxy.Proxy // nil while it is cut
}

var server = toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())

func newWire(t testing.TB, name, upstream string) *wire {
	t.Helper()
	w := &wire{t: t, name: name, upstream: upstream, addr: "127.0.0.1:0"}
	w.join()
	t.Cleanup(w.cut)
	return w
}

// cut ends every connection and takes no new one.
func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.proxy != nil {
		w.proxy.Stop()
		w.proxy = nil
	}
}

// join takes connections again, without any fault.
func (w *wire) join() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.proxy != nil {
		return
	}
	var err error
	for range 50 { // somebody else may hold the port for a moment
		p := toxiproxy.NewProxy(server, w.name, w.addr, w.upstream)
		if err = p.Start(); err == nil {
			w.proxy, w.addr = p, p.Listen
			return
		}
		<-time.After(20 * time.Millisecond)
	}
	w.t.Errorf("wire %s: %v", w.name, err)
}

// poison adds a toxic to what flows in a direction, on connections that are there and on new ones.
func (w *wire) poison(kind, direction string, attributes map[string]any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.proxy == nil {
		return
	}
	b, err := json.Marshal(map[string]any{"type": kind, "name": kind + direction, "stream": direction, "attributes": attributes})
	if err == nil {
		_, err = w.proxy.Toxics.AddToxicJson(bytes.NewReader(b))
	}
	if err != nil && !strings.Contains(err.Error(), "already exists") {
		w.t.Errorf("wire %s: %s: %v", w.name, kind, err)
	}
}

// cure takes a toxic away and leaves the connections as they are.
func (w *wire) cure(kind, direction string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.proxy != nil {
		_ = w.proxy.Toxics.RemoveToxic(context.Background(), kind+direction)
	}
}

// fault is something that happens to a wire for a while.
type fault struct {
	Wire     string
	Kind     string
	Of       string // upstream or downstream, where it matters
	Number   int    // bytes, milliseconds or whatever the kind counts
	Approved bool   // it strikes when a tab sees the approval and goes for the token; else when the person asks
	At, Last time.Duration
}

func (f fault) String() string {
	since := "asking"
	if f.Approved {
		since = "approval"
	}
	return fmt.Sprintf("%s: %s %s %d, %v after %s for %v", f.Wire, f.Kind, f.Of, f.Number, f.At.Round(time.Millisecond), since, f.Last.Round(time.Millisecond))
}

// The kinds of faults. Those of a database alone look into its protocol.
var (
	kinds         = []string{"cut", "delay", "slow", "split", "half-open", "reset", "trim"}
	databaseKinds = append([]string{"commit lost", "commit unanswered", "commit lost", "commit unanswered"}, kinds...)
)

// draw is a random fault of a wire.
func draw(r *rand.Rand, name string) fault {
	all := kinds
	if strings.HasPrefix(name, "database") {
		all = databaseKinds
	}
	f := fault{Wire: name, Kind: all[r.IntN(len(all))], Of: []string{"upstream", "downstream"}[r.IntN(2)],
		At: time.Duration(r.IntN(400)) * time.Millisecond, Last: time.Duration(20+r.IntN(500)) * time.Millisecond}
	if f.Approved = r.IntN(3) == 0; f.Approved {
		f.At /= 8
	}
	switch f.Kind {
	case "delay":
		f.Number = 5 + r.IntN(200)
	case "slow":
		f.Number = 1 + r.IntN(20) // KB/s
	case "split":
		f.Number = 1 + r.IntN(40) // bytes
	case "reset":
		f.Number = r.IntN(50)
	case "trim":
		f.Number = 1 + r.IntN(3000)
	}
	return f
}

// strike begins a fault; the returned function ends it.
func (w *wire) strike(f fault) (heal func()) {
	again := func() { w.cut(); w.join() }
	gently := func(kind string) func() { return func() { w.cure(kind, f.Of) } }
	switch f.Kind {
	case "cut":
		w.cut()
		return w.join
	case "delay":
		w.poison("latency", f.Of, map[string]any{"latency": f.Number, "jitter": f.Number / 2})
		return gently("latency")
	case "slow":
		w.poison("bandwidth", f.Of, map[string]any{"rate": f.Number})
		return again
	case "split":
		w.poison("slicer", f.Of, map[string]any{"average_size": f.Number + 1, "size_variation": f.Number, "delay": 100})
		return again
	case "half-open":
		w.poison("timeout", f.Of, map[string]any{"timeout": 0})
		return again
	case "reset":
		w.poison("reset_peer", f.Of, map[string]any{"timeout": f.Number})
		return again
	case "trim":
		w.poison("limit_data", f.Of, map[string]any{"bytes": f.Number})
		return again
	case "commit lost", "commit unanswered":
		w.poison("commit", "upstream", map[string]any{"told": f.Kind == "commit unanswered"})
		return again
	}
	w.t.Errorf("no fault %q", f.Kind)
	return again
}

// commitToxic ends a connection to Postgres in the middle of a commit: before the server hears of it, or after it and before it answers.
type commitToxic struct {
	Told bool `json:"told"`
}

// Pipe is toxics.Toxic.
func (t *commitToxic) Pipe(stub *toxics.ToxicStub) {
	for {
		select {
		case <-stub.Interrupt:
			return
		case c := <-stub.Input:
			if c == nil {
				stub.Close()
				return
			}
			commits := bytes.Contains(c.Data, []byte("commit\x00"))
			if !commits || t.Told {
				stub.Output <- c
			}
			if commits {
				stub.Close()
				return
			}
		}
	}
}

func init() { //nolint:gochecknoinits // toxiproxy knows toxics by a global register, and some of them log through a global logger
	toxics.Register("commit", new(commitToxic))
	zerolog.SetGlobalLevel(zerolog.Disabled)
}

package main

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	gauges "runtime/metrics"
	"sync"
	"time"
)

// How much garbage may lie about before it is collected, beside what is alive: room, or leastPercent of a large heap. A service at rest has some ten
// megabytes alive, and Go alone would collect for every ten megabytes more: under load many times a second, which took an eighth of its time. With
// tens of thousands of dialogs waiting it has fifty, and Go alone would let as much garbage again lie about.
const (
	room         = 20 << 20
	leastPercent = 25
	mostPercent  = 300
)

// percent is what Go has to be told (GOGC) so that there is room beside so many bytes: what is alive, with stacks and globals.
func percent(alive uint64) int {
	if alive <= room*100/mostPercent {
		return mostPercent
	}
	return max(int(room*100/alive), leastPercent) //nolint:gosec // less than mostPercent
}

// govern tells Go after each collection how much garbage may gather until the next, for the rest of the process. An operator who sets GOGC has
// decided it.
var govern = sync.OnceFunc(func() {
	if os.Getenv("GOGC") != "" {
		return
	}
	// What Go's percentage is of; each as the last collection found it.
	alive := []gauges.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/stack:bytes"}, {Name: "/gc/scan/globals:bytes"}}
	told := 0
	var tell func(struct{})
	tell = func(struct{}) {
		gauges.Read(alive)
		sum := uint64(0)
		for _, a := range alive {
			sum += a.Value.Uint64()
		}
		if now := percent(sum); now != told {
			debug.SetGCPercent(now)
			told = now
		}
		runtime.AddCleanup(&struct{ _ *byte }{}, tell, struct{}{}) // nobody holds it: the next collection finds it
	}
	tell(struct{}{})
})

// tidy gives memory back whenever little has happened for a minute.
func tidy(ctx context.Context) {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	allocated := []gauges.Sample{{Name: "/gc/heap/allocs:bytes"}}
	var before uint64
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		gauges.Read(allocated)
		now := allocated[0].Value.Uint64()
		if now-before < room {
			debug.FreeOSMemory()
		}
		before = now
	}
}

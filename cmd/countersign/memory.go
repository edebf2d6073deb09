package main

import (
	"context"
	"runtime/debug"
	gauges "runtime/metrics"
	"time"
)

// room is how much garbage may lie about before it is collected, beside what is alive. A service at rest has some ten megabytes alive, and Go
// alone would collect for every ten megabytes more: under load many times a second, which took an eighth of its time.
const room = 20 << 20

// untouched is a block with no memory behind it, as long as nobody writes to it: Go collects when the heap has doubled, so while the block is
// there the room is there too, and a large heap is collected no later than otherwise. It has to be made before anything else: what is made
// where something lay before is written to.
func untouched() []byte { return make([]byte, room) }

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

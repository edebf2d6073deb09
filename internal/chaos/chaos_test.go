package chaos_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/database"
)

// A short run by default; make chaos sets these in the environment.
var (
	schedules = number("COUNTERSIGN_CHAOS_SCHEDULES", 40)
	seconds   = number("COUNTERSIGN_CHAOS_SECONDS", 20)
	seed      = number("COUNTERSIGN_CHAOS_SEED", int(time.Now().UnixNano()%1_000_000_000))
	stages    = number("COUNTERSIGN_CHAOS_STAGES", 4)
)

func number(variable string, otherwise int) int {
	text := os.Getenv(variable)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		panic(variable + " is a whole number")
	}
	return n
}

func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", strconv.Itoa(stages)); err != nil { // schedules wait more than they compute
		panic(err)
	}
	os.Exit(m.Run())
}

// TestRandomFaults lives random schedules until there were enough or the time is over. The same seed draws the same schedules.
func TestRandomFaults(t *testing.T) {
	t.Logf("COUNTERSIGN_CHAOS_SEED=%d", seed)
	var next, done atomic.Int64
	end := time.Now().Add(time.Duration(seconds) * time.Second)
	var mu sync.Mutex
	ends := map[string]int{}
	t.Run("schedules", func(t *testing.T) {
		for n := range stages {
			dialect, replicas := database.Postgres, 3
			if n == stages-1 && stages > 1 {
				dialect, replicas = database.SQLite, 1
			}
			t.Run(fmt.Sprintf("%d %s", n, dialect), func(t *testing.T) {
				t.Parallel()
				s := newStage(t, dialect, replicas)
				for time.Now().Before(end) && !t.Failed() {
					i := next.Add(1)
					if i > int64(schedules) {
						return
					}
					c := s.plan(rand.New(rand.NewPCG(uint64(seed), uint64(i)))) //nolint:gosec // repeatable on purpose
					if wrong := c.run(); len(wrong) > 0 {
						t.Errorf("seed %d, schedule %d on %s: %q\n%s", seed, i, dialect, wrong, c)
					}
					done.Add(1)
					mu.Lock()
					ends[c.last().state]++
					mu.Unlock()
				}
			})
		}
	})
	t.Logf("seed %d: %d schedules, ended as %v", seed, done.Load(), ends)
}

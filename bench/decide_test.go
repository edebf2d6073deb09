package bench

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/apitest"
	"github.com/countersign/countersign/internal/confirm"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/device"
	"github.com/countersign/countersign/internal/ident"
)

// atOnce is how many decide at the same time.
const atOnce = 16

// together does each of n by one of sixteen, and says how many that were in a second.
func together(b *testing.B, n int, do func(int) error) float64 {
	b.Helper()
	var next atomic.Int64
	var all sync.WaitGroup
	began := time.Now()
	for range atOnce {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				if err := do(i); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	return float64(n) / time.Since(began).Seconds()
}

// apart puts members who stand beside each other, and share a phone, far from each other: those who answer at once are of different people.
func apart(all []member) []member {
	out := make([]member, 0, len(all))
	for first := range perPerson {
		for i := first; i < len(all); i += perPerson {
			out = append(out, all[i])
		}
	}
	return out
}

// BenchmarkDecisions: sixteen phones answer at once on Postgres, five rounds of a thousand: the signature of the call, that of the answer, the
// lock, the decision, the audit, the hint. The aim: 0.6 of what bare transactions of a lock, an update and an insert reach with as many at once.
func BenchmarkDecisions(b *testing.B) {
	rows := newBareRows(b, database.Postgres, atOnce)
	w := apitest.Make(b, apitest.Setup{URL: fresh(b, database.Postgres)})
	all := apart(crowd(b, w, repeats*taps))
	var bare, decided, cpu []float64
	for n := range repeats {
		base := rows.made
		bare = append(bare, together(b, taps, func(i int) error { return rows.one(base + i) }))
		rows.made += taps
		answers := make([]confirm.Answer, taps)
		calls := make([]device.Request, taps)
		for i, m := range all[n*taps : (n+1)*taps] { // what the phones do by themselves
			answers[i], calls[i] = m.phone.Answer(m.id, "approve", "", "", m.phone.UV), m.phone.Request(time.Now(), ident.Secret(16))
		}
		before := used(b)
		decided = append(decided, together(b, taps, func(i int) error {
			call, err := w.Devices.Authenticate(w.Ctx, calls[i])
			if err != nil {
				return err
			}
			_, err = w.Confirms.Answer(w.Ctx, call, all[n*taps+i].id, answers[i])
			return err
		}))
		cpu = append(cpu, us(used(b)-before)/taps)
	}
	b.ReportMetric(0, "ns/op")
	busy(b)
	b.ReportMetric(middleOf(bare), "bare/s")
	b.ReportMetric(middleOf(decided), "decided/s")
	b.ReportMetric(middleOf(cpu), "cpu-µs/decision")
	b.ReportMetric(middleOf(decided)/middleOf(bare), "of-bare")
	b.ReportMetric(0.6, "aim-of-bare")
}

package apikey

import (
	"testing"
	"time"

	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
)

// TestACallOverTheLimitOfItsMinuteIsToldWhenToComeBack: all replicas together let a number of calls of a key through in a minute, whichever of
// them are called.
func TestACallOverTheLimitOfItsMinuteIsToldWhenToComeBack(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		const most = 3*block + 5
		replicas := []*shares{{most: most}, {most: most}}
		now, err := db.Now(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		call := func(at int, key string) time.Duration {
			wait, err := replicas[at].take(t.Context(), db, key, now)
			if err != nil {
				t.Fatal(err)
			}
			return wait
		}
		let := 0
		for i := range 2*most + 20 { // one replica and the other, and then what is left of the minute to who asks first
			if call(min(i%2, (2*most-i)/most), "busy") == 0 {
				let++
			}
		}
		if let != most {
			t.Errorf("%d calls were let through, want %d", let, most)
		}
		for at := range replicas {
			if wait := call(at, "busy"); wait <= 0 || wait > time.Minute {
				t.Errorf("replica %d: come back in %v", at, wait)
			}
			if wait := call(at, "another"); wait != 0 {
				t.Errorf("another key at replica %d: %v", at, wait)
			}
		}
	})
}

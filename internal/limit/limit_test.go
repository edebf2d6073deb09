package limit_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
	"github.com/countersign/countersign/internal/limit"
)

func TestCount(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		t.Run(dialect, func(t *testing.T) {
			var ahead atomic.Int64
			db := dbtest.Open(t, dbtest.URL(t, dialect), database.WithClockOffset(func() time.Duration { return time.Duration(ahead.Load()) }))
			if n, in := count(t, db, "a"); n != 1 || in != time.Minute {
				t.Errorf("first: %d in %v", n, in)
			}
			ahead.Store(int64(30 * time.Second))
			if n, in := count(t, db, "a"); n != 2 || in > 30*time.Second {
				t.Errorf("second: %d in %v; counting must not lengthen the window", n, in)
			}
			if n, _ := count(t, db, "b"); n != 1 {
				t.Errorf("another key: %d", n)
			}
			if n := peek(t, db, "a"); n != 2 {
				t.Errorf("peek: %d", n)
			}
			inTx(t, db, func(tx database.Tx) error { return limit.Uncount(tx, "a") })
			if n := peek(t, db, "a"); n != 1 {
				t.Errorf("after taking one back: %d", n)
			}
			ahead.Store(int64(61 * time.Second))
			if n := peek(t, db, "a"); n != 0 {
				t.Errorf("peek after the window: %d", n)
			}
			if n, _ := count(t, db, "a"); n != 1 {
				t.Errorf("first of the next window: %d", n)
			}
			inTx(t, db, func(tx database.Tx) error { return limit.Clear(tx, "a") })
			if n := peek(t, db, "a"); n != 0 {
				t.Errorf("after clearing: %d", n)
			}
		})
	}
}

func TestConcurrentCountsAreAllCounted(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		var wg sync.WaitGroup
		for range 40 {
			wg.Go(func() { count(t, db, "k") })
		}
		wg.Wait()
		if n := peek(t, db, "k"); n != 40 {
			t.Errorf("counted %d of 40", n)
		}
	})
}

func TestSweepKeepsOpenWindows(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		t.Run(dialect, func(t *testing.T) {
			var ahead atomic.Int64
			db := dbtest.Open(t, dbtest.URL(t, dialect), database.WithClockOffset(func() time.Duration { return time.Duration(ahead.Load()) }))
			count(t, db, "old")
			ahead.Store(int64(2 * time.Minute))
			count(t, db, "new")
			if err := limit.Sweep(t.Context(), db); err != nil {
				t.Fatal(err)
			}
			var keys []string
			if err := db.Read(t.Context()).Raw("SELECT key FROM counters").Scan(&keys).Error; err != nil {
				t.Fatal(err)
			}
			if len(keys) != 1 || keys[0] != "new" {
				t.Errorf("left: %v", keys)
			}
		})
	}
}

func TestAddressAndNetwork(t *testing.T) {
	for _, tt := range []struct{ name, ip, address, network string }{
		{name: "IPv4", ip: "192.0.2.77", address: "192.0.2.77/32", network: "192.0.2.0/24"},
		{name: "IPv4 in IPv6", ip: "::ffff:192.0.2.77", address: "192.0.2.77/32", network: "192.0.2.0/24"},
		{name: "IPv6", ip: "2001:db8:1:2:3:4:5:6", address: "2001:db8:1:2::/64", network: "2001:db8:1::/48"},
		{name: "IPv6 with a zone", ip: "fe80::1%eth0", address: "fe80::/64", network: "fe80::/48"},
		{name: "no address", ip: "somewhere"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if a, n := limit.Address(tt.ip), limit.Network(tt.ip); a != tt.address || n != tt.network {
				t.Errorf("got %q and %q, want %q and %q", a, n, tt.address, tt.network)
			}
		})
	}
}

func count(t *testing.T, db *database.DB, key string) (n int64, in time.Duration) {
	t.Helper()
	inTx(t, db, func(tx database.Tx) (err error) {
		n, in, err = limit.Count(tx, key, time.Minute)
		return err
	})
	return n, in
}

func peek(t *testing.T, db *database.DB, key string) (n int64) {
	t.Helper()
	inTx(t, db, func(tx database.Tx) (err error) {
		n, _, err = limit.Peek(tx, key)
		return err
	})
	return n
}

func inTx(t *testing.T, db *database.DB, do func(database.Tx) error) {
	t.Helper()
	if err := db.InTx(t.Context(), do); err != nil {
		t.Error(err)
	}
}

// Package limit counts how often something happened in a window of time, in the database, so that all replicas count together. It knows
// neither what is counted nor what too many is.
package limit

import (
	"context"
	"net/netip"
	"time"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/database"
)

// row is the table counters. The window is fixed by its first event, so it always ends, however often the key is counted meanwhile.
type row struct {
	Key       string
	Count     int64
	ExpiresAt time.Time
}

func (row) TableName() string { return "counters" }

// Count counts one more event under key and says how many there were in this window, this one included, and when the window ends. The
// counter's row stays locked until tx ends; who counts under several keys does so in the same order everywhere.
func Count(tx database.Tx, key string, window time.Duration) (n int64, resetIn time.Duration, err error) {
	return CountMany(tx, key, 1, window)
}

// CountMany is Count for several events at once.
func CountMany(tx database.Tx, key string, events int64, window time.Duration) (n int64, resetIn time.Duration, err error) {
	now, err := tx.Now()
	if err != nil {
		return 0, 0, err
	}
	var r row
	err = tx.Raw(`INSERT INTO counters (key, count, expires_at) VALUES (?, ?, ?)
		ON CONFLICT (key) DO UPDATE SET
			count = CASE WHEN counters.expires_at <= ? THEN excluded.count ELSE counters.count + excluded.count END,
			expires_at = CASE WHEN counters.expires_at <= ? THEN excluded.expires_at ELSE counters.expires_at END
		RETURNING key, count, expires_at`, key, events, now.Add(window), now, now).Scan(&r).Error
	return r.Count, r.ExpiresAt.Sub(now), err
}

// Peek says how many events key has in its window and when that ends, without counting; 0 and 0 where there is none.
func Peek(tx database.Tx, key string) (n int64, resetIn time.Duration, err error) {
	now, err := tx.Now()
	if err != nil {
		return 0, 0, err
	}
	var r row
	res := tx.Where("key = ? AND expires_at > ?", key, now).Limit(1).Find(&r)
	if res.Error != nil || res.RowsAffected == 0 {
		return 0, 0, res.Error
	}
	return r.Count, r.ExpiresAt.Sub(now), nil
}

// Uncount takes back one event that turned out not to count.
func Uncount(tx database.Tx, key string) error {
	return tx.Model(&row{}).Where("key = ? AND count > 0", key).Updates(map[string]any{"count": gorm.Expr("count - 1")}).Error
}

// Clear forgets what was counted under key.
func Clear(tx database.Tx, key string) error { return tx.Where("key = ?", key).Delete(&row{}).Error }

// Sweep deletes counters whose window has ended; they count as nothing already.
func Sweep(ctx context.Context, db *database.DB) error {
	return db.InTx(ctx, func(tx database.Tx) error {
		now, err := tx.Now()
		if err != nil {
			return err
		}
		return tx.Where("expires_at <= ?", now).Delete(&row{}).Error
	})
}

// Address is ip as limits count it: an IPv4 address, or the /64 of an IPv6 address, whose rest its owner chooses freely. What is no address
// gives "".
func Address(ip string) string { return prefix(ip, 32, 64) }

// Network is the surroundings of ip: the /24 of an IPv4 address, the /48 of an IPv6 address. What is no address gives "".
func Network(ip string) string { return prefix(ip, 24, 48) }

func prefix(ip string, v4, v6 int) string {
	a, err := netip.ParseAddr(ip)
	if err != nil {
		return ""
	}
	a = a.Unmap().WithZone("")
	bits := v6
	if a.Is4() {
		bits = v4
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return ""
	}
	return p.String()
}

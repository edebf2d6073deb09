package directory

import (
	"context"
	"sync"
	"time"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/database"
)

// totalOf is the number of a workspace's resources of a kind that SCIM sees: the sum of what the triggers of migration 0006 keep, so that no
// page counts rows.
const totalOf = "SELECT COALESCE(sum(total), 0) FROM scim_totals WHERE workspace_id = ? AND kind = ?"

func keptTotal(db *gorm.DB, k *kind, workspace string) (n int64, err error) {
	err = db.Raw(totalOf, workspace, k.table).Scan(&n).Error
	return n, err
}

// FoldTotals adds what ended connections have counted to the shard of all. Every connection to Postgres counts in a shard of its own, and a sum
// over those that have come and gone in a year would be slow. SQLite has one shard.
func (s *Service) FoldTotals(ctx context.Context) error {
	if s.db.Dialect == database.SQLite {
		return nil
	}
	return s.db.InTx(ctx, func(tx database.Tx) error {
		// Another replica that folds at the same time finds the rows gone and adds nothing. A new connection with an old one's process id waits
		// for this and begins a shard anew.
		return tx.Exec(`WITH gone AS (DELETE FROM scim_totals WHERE shard <> 0 AND shard NOT IN (SELECT pid FROM pg_stat_activity WHERE pid IS NOT NULL)
			RETURNING workspace_id, kind, total)
			INSERT INTO scim_totals AS t (workspace_id, kind, shard, total) SELECT workspace_id, kind, 0, sum(total) FROM gone GROUP BY workspace_id, kind
			ORDER BY workspace_id, kind ON CONFLICT (workspace_id, kind, shard) DO UPDATE SET total = t.total + excluded.total`).Error
	})
}

// countedFor is how long the number of resources that a filter finds serves further pages by index.
const countedFor = time.Minute

// mostCounted is how many filters are remembered: they come from outside.
const mostCounted = 10_000

// countedKey is a filter as it was written.
type countedKey struct{ workspace, table, said string }

// countedTotals remembers what filters found, so that no page but the first has it counted again.
type countedTotals struct {
	mu sync.Mutex
	of map[countedKey]countedTotal
}

type countedTotal struct {
	n     int64
	until time.Time
}

func (c *countedTotals) put(k countedKey, n int64, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of == nil || len(c.of) >= mostCounted {
		c.of = map[countedKey]countedTotal{}
	}
	c.of[k] = countedTotal{n, now.Add(countedFor)}
}

func (c *countedTotals) get(k countedKey, now time.Time) (int64, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t, ok := c.of[k]
	return t.n, ok && now.Before(t.until)
}

package directory

import (
	"context"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/database"
)

// totalOf is the number of a workspace's resources of a kind that SCIM sees: the sum of what the triggers of migration 0006 keep, so that no
// page counts rows.
const totalOf = "SELECT COALESCE(sum(total), 0) FROM scim_totals WHERE workspace_id = ? AND kind = ?"

func total(db *gorm.DB, k *kind, workspace string) (n int64, err error) {
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

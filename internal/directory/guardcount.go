package directory

import (
	"time"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/database"
)

// What providers take from teams and roles is counted by minute in removal_counts, so that all replicas know of all of it. Deleted people are
// counted by their own rows.

// takenSince is the sum of what was taken in a workspace of a kind after a time.
const takenSince = "SELECT COALESCE(sum(n), 0) FROM removal_counts WHERE workspace_id = ? AND kind = ? AND minute > ?"

// guardLook is one statement for guardFacts.
const guardLook = "SELECT CAST((" + takenSince + ") AS bigint) AS taken," +
	" COALESCE((SELECT id FROM held_removals WHERE workspace_id = ? AND kind = ? AND state = 'held'), '') AS removal, CAST((" + totalOf + ") AS bigint) AS people"

// guardFacts are what the guard against mass removals goes by in a workspace.
type guardFacts struct {
	Taken   int    // of a kind, in the last hour
	Removal string // of the kind that is held now, "" for none
	People  int64  // of the directory
}

func guardArgs(workspace, kind string, now time.Time) []any {
	return []any{workspace, kind, now.Add(-window), workspace, kind, workspace, "people"}
}

func lookAtGuard(db *gorm.DB, workspace, kind string, now time.Time) (f guardFacts, err error) {
	err = db.Raw(guardLook, guardArgs(workspace, kind, now)...).Scan(&f).Error
	return f, err
}

// countTaken adds to the count of a minute; shard is the SQL for the row of this connection.
func countTaken(shard string) string {
	return "INSERT INTO removal_counts AS c (workspace_id, kind, minute, shard, n) VALUES (?, ?, ?, " + shard + ", ?)" +
		" ON CONFLICT (workspace_id, kind, minute, shard) DO UPDATE SET n = c.n + excluded.n"
}

// ownShard is the number of this connection's rows on Postgres. SQLite has one writer, whose rows have the number 0.
const ownShard = "pg_backend_pid()"

// take counts n removals of a kind, and names the rule by which they are too many together with those of the last hour; "" for none.
func take(tx database.Tx, workspace, kind string, g GuardPolicy, n int, now time.Time) (reason string, err error) {
	if n == 0 {
		return "", nil
	}
	f, err := lookAtGuard(tx.DB, workspace, kind, now)
	if err != nil {
		return "", err
	}
	return g.crossed(f.Taken+n, 0, f.People), count(tx, workspace, kind, n, now)
}

func count(tx database.Tx, workspace, kind string, n int, now time.Time) error {
	shard := "0"
	if tx.Dialect() == database.Postgres {
		shard = ownShard
	}
	return tx.Exec(countTaken(shard), workspace, kind, now.Truncate(time.Minute), n).Error
}

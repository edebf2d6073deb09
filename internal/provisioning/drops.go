package provisioning

import (
	"slices"
	"time"

	"gorm.io/gorm"
)

// dropCalls is how many of a team's last calls are looked at for a drop.
const dropCalls = 200

// MembersLost counts, by the log's calls since a time, how many more members the provider took from each of some teams than it gave them from
// the first time on that it took one; teams that have been filled again are left out. Of each team the last 200 calls count.
func MembersLost(db *gorm.DB, workspace string, teams []string, from time.Time) (map[string]int64, error) {
	out := map[string]int64{}
	for _, team := range teams { // a short statement for each: one for all of them takes SQLite longer to read than to carry out
		var calls []struct{ Added, Removed int64 }
		err := db.Raw("SELECT added, removed FROM provisioning_log WHERE workspace_id = ? AND subject_id <> '' AND subject_id = ? AND id >= ? AND result = ? ORDER BY id DESC LIMIT ?",
			workspace, team, since(from), string(OK), dropCalls).Scan(&calls).Error
		if err != nil {
			return nil, err
		}
		var lost int64
		began := false
		for _, c := range slices.Backward(calls) {
			if began = began || c.Removed > 0; began {
				lost += c.Removed - c.Added
			}
		}
		if lost > 0 {
			out[team] = lost
		}
	}
	return out, nil
}

package directory

import "gorm.io/gorm"

// Waiting counts, for each of some teams, the members whom the provider has named by an id that nobody has yet. They join when they arrive.
func Waiting(db *gorm.DB, workspace string, teams []string) (map[string]int, error) {
	var rows []struct {
		TeamID string
		N      int
	}
	err := db.Raw("SELECT team_id, count(*) AS n FROM team_pending WHERE team_id IN ? AND workspace_id = ? GROUP BY team_id", teams, workspace).Scan(&rows).Error
	out := make(map[string]int, len(rows))
	for _, r := range rows {
		out[r.TeamID] = r.N
	}
	return out, err
}

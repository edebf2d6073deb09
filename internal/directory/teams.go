package directory

import (
	"time"

	"gorm.io/gorm"
)

const (
	// CountMost is the most that is counted where a number is shown; one more stands for "more than that". Counting further would cost more
	// the larger a workspace is.
	CountMost = 10_000

	teamsMost = 2000 // memberships on one page of people
)

// Team is a team of a workspace, SCIM's Group.
type Team struct {
	ID        string
	Name      string
	Source    Source
	Members   int // at most CountMost+1
	CreatedAt time.Time
}

// Teams is a page of teams.
type Teams struct {
	Items []Team
	Next  string // cursor of the next page; "" on the last one
}

// teamsOf are the teams of several people, by person, in one query.
func teamsOf(db *gorm.DB, workspace string, people []string) (map[string][]TeamRef, error) {
	if len(people) == 0 {
		return nil, nil //nolint:nilnil // nobody has none
	}
	var rows []struct{ PersonID, ID, DisplayName string }
	err := db.Table("team_members tm").Joins("JOIN teams t ON t.id = tm.team_id").Select("tm.person_id, t.id, t.display_name").
		Where("tm.person_id IN ? AND tm.workspace_id = ? AND t.workspace_id = ? AND t.deleted_at IS NULL", people, workspace, workspace).
		Order("t.display_name_key, t.id").Limit(teamsMost).Scan(&rows).Error
	out := make(map[string][]TeamRef, len(people))
	for _, r := range rows {
		out[r.PersonID] = append(out[r.PersonID], TeamRef{ID: r.ID, Name: r.DisplayName})
	}
	return out, err
}

// ListTeams is a page of a workspace's teams in the order they were made.
func ListTeams(db *gorm.DB, workspace, after string, limit int) (Teams, error) {
	limit = pageSize(limit)
	find := db.Table("teams t").Where("t.workspace_id = ? AND t.deleted_at IS NULL", workspace).Order("t.created_at, t.id").Limit(limit+1).
		Select(`t.id, t.display_name AS name, t.source, t.created_at, (SELECT count(*) FROM (SELECT 1 FROM team_members tm
			JOIN people p ON p.id = tm.person_id WHERE tm.team_id = t.id AND p.deleted_at IS NULL LIMIT ?) few) AS members`, CountMost+1)
	if after != "" {
		at, id, err := parseCursor(after)
		if err != nil {
			return Teams{}, err
		}
		find = find.Where("(t.created_at, t.id) > (?, ?)", at, id)
	}
	var rows []Team
	if err := find.Scan(&rows).Error; err != nil || len(rows) <= limit {
		return Teams{Items: rows}, err
	}
	last := rows[limit-1]
	return Teams{Items: rows[:limit], Next: cursor(last.CreatedAt, last.ID)}, nil
}

// Counts are how many people and teams a workspace has from its identity provider, each at most CountMost+1.
type Counts struct{ People, Teams int }

// Count counts them.
func Count(db *gorm.DB, workspace string) (Counts, error) {
	var c Counts
	err := db.Raw(`SELECT (SELECT count(*) FROM (SELECT 1 FROM people WHERE workspace_id = ? AND source = 'directory' AND deleted_at IS NULL LIMIT ?) a) AS people,
		(SELECT count(*) FROM (SELECT 1 FROM teams WHERE workspace_id = ? AND source = 'directory' AND deleted_at IS NULL LIMIT ?) b) AS teams`,
		workspace, CountMost+1, workspace, CountMost+1).Scan(&c).Error
	return c, err
}

package directory

import (
	"time"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/scim"
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
	Members   int    // at most CountMost+1
	External  string // the provider's own id of it
	CreatedAt time.Time
	ChangedAt time.Time
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

// teamsIn are the teams of a workspace, each with how many members it has.
func teamsIn(db *gorm.DB, workspace string) *gorm.DB {
	return db.Table("teams t").Where("t.workspace_id = ? AND t.deleted_at IS NULL", workspace).
		Select(`t.id, t.display_name AS name, t.source, COALESCE(t.external_id, '') AS external, t.created_at, t.updated_at AS changed_at,
			(SELECT count(*) FROM (SELECT 1 FROM team_members tm
			JOIN people p ON p.id = tm.person_id WHERE tm.team_id = t.id AND p.deleted_at IS NULL LIMIT ?) few) AS members`, CountMost+1)
}

// FindTeam reads one team.
func FindTeam(db *gorm.DB, workspace, id string) (Team, error) {
	var rows []Team
	if err := teamsIn(db, workspace).Where("t.id = ?", id).Scan(&rows).Error; err != nil {
		return Team{}, err
	}
	if len(rows) == 0 {
		return Team{}, fault.ErrNotFound
	}
	return rows[0], nil
}

// ListTeams is a page of a workspace's teams in the order they were made. With a text it is instead the first teams whose name begins with it.
func ListTeams(db *gorm.DB, workspace, text, after string, limit int) (Teams, error) {
	limit = pageSize(limit)
	find := teamsIn(db, workspace)
	if key := Key(text); key != "" {
		var rows []Team
		if !scim.Storable(key) {
			return Teams{}, nil
		}
		err := find.Where("t.display_name_key >= ? AND t.display_name_key < ?", key, key+"\U0010FFFF").Order("t.display_name_key").Limit(limit).Scan(&rows).Error
		return Teams{Items: rows}, err
	}
	find = find.Order("t.created_at, t.id").Limit(limit + 1)
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

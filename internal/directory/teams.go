package directory

import (
	"time"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/fault"
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
	Alias     string // by which people know it here; "" where they know it by its name
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
	err := db.Table("team_members tm CROSS JOIN teams t").Select("tm.person_id, t.id, COALESCE(NULLIF(t.alias, ''), t.display_name) AS display_name").
		Where("tm.person_id IN ? AND t.id = tm.team_id AND t.workspace_id = ? AND t.deleted_at IS NULL", people, workspace).
		Order("t.display_name_key, t.id").Limit(teamsMost).Scan(&rows).Error
	out := make(map[string][]TeamRef, len(people))
	for _, r := range rows {
		out[r.PersonID] = append(out[r.PersonID], TeamRef{ID: r.ID, Name: r.DisplayName})
	}
	return out, err
}

// teamsIn are the teams of a workspace, without how many members they have.
func teamsIn(db *gorm.DB, workspace string) *gorm.DB {
	return db.Table("teams t").Where("t.workspace_id = ? AND t.deleted_at IS NULL", workspace).
		Select("t.id, t.display_name AS name, t.alias, t.source, COALESCE(t.external_id, '') AS external, t.created_at, t.updated_at AS changed_at")
}

// countMembers counts the members of teams, by indexes alone: all whom the teams hold, without the deleted ones, who stay in their teams so that
// they can be restored. It looks at no person.
func countMembers(db *gorm.DB, workspace string, teams []Team) error {
	if len(teams) == 0 {
		return nil
	}
	ids := make([]string, len(teams))
	for i, t := range teams {
		ids[i] = t.ID
	}
	gone, err := numbers(db.Raw("SELECT tm.team_id AS id, count(*) AS n FROM people p"+database.Along(db, "people_gone_name")+" CROSS JOIN team_members tm WHERE p.workspace_id = ? AND "+isGone+
		" AND tm.person_id = p.id AND COALESCE(tm.team_id, '') IN ? GROUP BY tm.team_id", workspace, ids)) // COALESCE: look at each person's teams once, not once for each team
	if err != nil {
		return err
	}
	most := 0
	for _, n := range gone {
		most = max(most, n)
	}
	all, err := numbers(db.Raw("SELECT t.id, (SELECT count(*) FROM (SELECT 1 FROM team_members tm WHERE tm.team_id = t.id LIMIT ?) few) AS n FROM teams t WHERE t.id IN ?",
		CountMost+1+most, ids))
	for i, id := range ids {
		teams[i].Members = min(max(0, all[id]-gone[id]), CountMost+1)
	}
	return err
}

// isGone is the condition that p is deleted and can be restored, as the indexes of these people have it.
const isGone = "p.deleted_at IS NOT NULL AND p.forgotten_at IS NULL"

// numbers reads a query of ids with a number each.
func numbers(find *gorm.DB) (map[string]int, error) {
	var rows []struct {
		ID string
		N  int
	}
	err := find.Scan(&rows).Error
	out := make(map[string]int, len(rows))
	for _, r := range rows {
		out[r.ID] = r.N
	}
	return out, err
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
	return rows[0], countMembers(db, workspace, rows)
}

// ListTeams is a page of a workspace's teams in the order they were made. With a text it is instead the first teams whose name or
// alias begins with it.
func ListTeams(db *gorm.DB, workspace, text, after string, limit int) (Teams, error) {
	limit = pageSize(limit)
	if key := Key(text); key != "" {
		rows, err := teamsNamed(db, workspace, key, limit)
		if err != nil {
			return Teams{}, err
		}
		return Teams{Items: rows}, countMembers(db, workspace, rows)
	}
	find := teamsIn(db, workspace).Order("t.created_at, t.id").Limit(limit + 1)
	if after != "" {
		at, id, err := parseCursor(after)
		if err != nil {
			return Teams{}, err
		}
		find = find.Where("(t.created_at, t.id) > (?, ?)", at, id)
	}
	var rows []Team
	if err := find.Scan(&rows).Error; err != nil {
		return Teams{}, err
	}
	next := ""
	if len(rows) > limit {
		rows = rows[:limit]
		next = cursor(rows[limit-1].CreatedAt, rows[limit-1].ID)
	}
	return Teams{Items: rows, Next: next}, countMembers(db, workspace, rows)
}

// Counts are how many people and teams a workspace has from its identity provider, each at most CountMost+1.
type Counts struct{ People, Teams int }

// Count counts them.
func Count(db *gorm.DB, workspace string) (Counts, error) {
	c, err := keptCounts(db, workspace)
	return Counts{min(c.People, CountMost+1), min(c.Teams, CountMost+1)}, err
}

// keptCounts are all of them, from the totals that are kept.
func keptCounts(db *gorm.DB, workspace string) (c Counts, err error) {
	err = db.Raw("SELECT CAST(("+totalOf+") AS bigint) AS people, CAST(("+totalOf+") AS bigint) AS teams", workspace, "people", workspace, "teams").Scan(&c).Error
	return c, err
}

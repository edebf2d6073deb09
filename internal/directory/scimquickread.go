package directory

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/countersign/countersign/internal/scim"
)

// foundUser is a person as they are read where a round trip more is cheaper than a join: Postgres spends more on getting ready to look for teams and
// managers than on the person, and many have neither.
type foundUser struct {
	userRow
	teams []string // ids, deleted ones too, in no order
}

// selectFound is the SELECT of foundUser up to WHERE.
func selectFound(withTeams bool) string {
	if withTeams {
		return "SELECT " + userColumns + ", ARRAY(SELECT tm.team_id FROM team_members tm WHERE tm.person_id = r.id) FROM people r"
	}
	return "SELECT " + userColumns + " FROM people r"
}

var (
	oneUser          = numbered(selectFound(false) + " WHERE r.id = ? AND " + visible + " AND " + live)
	oneUserWithTeams = numbered(selectFound(true) + " WHERE r.id = ? AND " + visible + " AND " + live)
)

func (r *foundUser) fields(withTeams bool) []any {
	if withTeams {
		return append(r.columnFields(), &r.teams)
	}
	return r.columnFields()
}

// relate finds, in one round trip, the teams and managers of people who have any.
func (q *Quick) relate(ctx context.Context, c *pgx.Conn, people []*foundUser) error {
	var teams, managers []string
	for _, r := range people {
		teams = append(teams, r.teams...)
		if r.ManagerID != nil && scim.Storable(*r.ManagerID) {
			managers = append(managers, *r.ManagerID)
		}
	}
	if len(teams)+len(managers) == 0 {
		return nil
	}
	var order []string
	shown, names := map[string]map[string]any{}, map[string]string{}
	batch := &pgx.Batch{}
	if len(teams) > 0 {
		batch.Queue("SELECT id, display_name FROM teams WHERE id = ANY($1) AND deleted_at IS NULL ORDER BY created_at, id", teams).Query(func(found pgx.Rows) error {
			return each(found, func(id, name string) {
				order, shown[id] = append(order, id), q.p.shownTeam(id, name)
			})
		})
	}
	if len(managers) > 0 {
		workspace := people[0].WorkspaceID
		batch.Queue("SELECT id, name FROM people WHERE id = ANY($1) AND COALESCE(workspace_id, '') = $2 AND source = 'directory' AND deleted_at IS NULL", managers, workspace).
			Query(func(found pgx.Rows) error { return each(found, func(id, name string) { names[id] = name }) })
	}
	if err := c.SendBatch(ctx, batch).Close(); err != nil {
		return err
	}
	for _, r := range people {
		if r.ManagerID != nil {
			if name, there := names[*r.ManagerID]; there {
				r.ManagerName = &name
			}
		}
		r.groups = inThatOrder(r.teams, order, shown)
	}
	return nil
}

func each(found pgx.Rows, do func(id, name string)) error {
	for found.Next() {
		var id, name string
		if err := found.Scan(&id, &name); err != nil {
			return err
		}
		do(id, name)
	}
	return found.Err()
}

// inThatOrder are the teams among ids that are there.
func inThatOrder(ids, order []string, shown map[string]map[string]any) []any {
	if len(ids) == 0 {
		return nil
	}
	mine := make(map[string]bool, len(ids))
	for _, id := range ids {
		mine[id] = true
	}
	var out []any
	for _, id := range order {
		if mine[id] {
			out = append(out, shown[id])
		}
	}
	return out
}

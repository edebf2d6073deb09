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
	teams   []string // see selectFound and selectFew
	decoded scim.Resource
	failed  error
}

// decode reads the attributes of a row of a page while the database still sends the rows behind it.
func (r *foundUser) decode() { r.decoded, r.failed = scim.Decode([]byte(r.Attributes)) }

// shown is the complete resource of a row that is decoded. It is made of what was decoded, so there is one.
func (r *foundUser) shown(p *Provisioning) (scim.Resource, error) {
	if r.failed != nil {
		return nil, r.failed
	}
	r.columnsInto(r.decoded)
	return p.complete(r.userRow, r.decoded)
}

// selectFound is the SELECT of foundUser up to WHERE; teams are their ids, deleted ones too, in no order.
func selectFound(withTeams bool) string {
	if withTeams {
		return "SELECT " + userColumns + ", ARRAY(SELECT tm.team_id FROM team_members tm WHERE tm.person_id = r.id) AS teams FROM people r"
	}
	return "SELECT " + userColumns + " FROM people r"
}

func (r *foundUser) fields(withTeams bool) []any {
	if withTeams {
		return append(r.columnFields(), &r.teams)
	}
	return r.columnFields()
}

// relate finds, in one round trip, the teams and managers of people who have any. What is asked for comes out of a query, see manyRows.unnest.
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
	shown, names := map[string]map[string]any{}, map[[2]string]string{}
	batch := &pgx.Batch{}
	if len(teams) > 0 {
		batch.Queue("SELECT id, display_name FROM teams WHERE id = ANY((SELECT $1::text[])::text[]) AND deleted_at IS NULL ORDER BY created_at, id", teams).Query(func(found pgx.Rows) error {
			return each(found, func(id, name string) {
				order, shown[id] = append(order, id), q.p.shownTeam(id, name)
			})
		})
	}
	if len(managers) > 0 {
		batch.Queue("SELECT id, COALESCE(workspace_id, ''), name FROM people WHERE id = ANY((SELECT $1::text[])::text[]) AND source = 'directory' AND deleted_at IS NULL", managers).
			Query(func(found pgx.Rows) error {
				var id, workspace, name string
				_, err := pgx.ForEachRow(found, []any{&id, &workspace, &name}, func() error {
					names[[2]string{workspace, id}] = name
					return nil
				})
				return err
			})
	}
	if err := c.SendBatch(ctx, batch).Close(); err != nil {
		return err
	}
	for _, r := range people {
		if r.ManagerID != nil {
			if name, there := names[[2]string{r.WorkspaceID, *r.ManagerID}]; there {
				r.ManagerName = &name
			}
		}
		if len(r.teams) > 0 {
			r.groups = inThatOrder(r.teams, order, shown)
		}
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

package directory

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/ident"
	"github.com/countersign/countersign/internal/scim"
)

// newPerson is a person whom nothing stands against as far as the request shows, with the rows that tell of it.
type newPerson struct {
	by    actor.Actor
	id    string
	c     personColumns
	now   time.Time
	audit []any
	row   Row
}

// insertPlain makes one person if the token is live, the userName free, and nobody inactive and no team waits for the externalId.
const insertPlain = "INSERT INTO people (id, workspace_id, source, role, active, user_name, user_name_key, name, name_key, email, email_key," +
	" external_id, attributes, search, version, created_at, updated_at)" +
	" SELECT ?, k.workspace_id, 'directory', 'user', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?" +
	" FROM scim_tokens k WHERE k.id = ? AND k.workspace_id = ? AND k.state = 'active' AND k.expires_at IS NULL AND k.address_mode = 'off'" +
	" AND NOT EXISTS (SELECT FROM people o WHERE o.workspace_id = ? AND o.external_id = ? AND o.deleted_at IS NULL AND NOT o.active)" +
	" AND NOT EXISTS (SELECT FROM team_pending q WHERE q.workspace_id = ? AND q.member_id = ?)" +
	" ON CONFLICT DO NOTHING RETURNING id"

func (n newPerson) args() []any {
	c, w := n.c, n.by.Workspace
	return []any{n.id, c.active, c.userName, c.userNameKey, c.name, c.nameKey, c.email, c.emailKey, c.externalID, c.attributes, c.search, n.now, n.now,
		n.by.Token, w, w, c.externalID, w, c.externalID}
}

// insert makes the people of a batch in one transaction and says of each whether they were made.
func (q *Quick) insert(ctx context.Context, people []newPerson) ([]bool, error) {
	made := make([]bool, len(people))
	order := make([]int, len(people)) // two batches that make the same people in different orders would wait for each other
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return strings.Compare(people[a].c.userNameKey, people[b].c.userNameKey) })
	many, ok := manyPeople(people, order)
	err := q.p.s.db.Native(ctx, func(c *pgx.Conn) error {
		if ok {
			return many.made(ctx, c, people, made)
		}
		batch := &pgx.Batch{} // one transaction, because nothing ends it before the last statement
		for _, i := range order {
			n := people[i]
			tell(batch, insertPlain, n.args(), n.audit, n.row).Exec(func(t pgconn.CommandTag) error {
				made[i] = t.RowsAffected() == 1
				return nil
			})
		}
		return c.SendBatch(ctx, batch).Close()
	})
	return made, err
}

// manyPeople is the one statement that makes several people; not ok where there is but one, or one that is not like the others.
func manyPeople(people []newPerson, order []int) (m *manyRows, ok bool) {
	if len(people) < 2 {
		return nil, false
	}
	m = &manyRows{}
	columns, events, ids, rows := make([][]any, len(order)), make([][]any, len(order)), make([]string, len(order)), make([]Row, len(order))
	for n, i := range order {
		p := people[i]
		c := p.c
		ids[n], events[n], rows[n] = p.id, database.Args(p.audit...), p.row
		columns[n] = database.Args(p.id, c.active, c.userName, c.userNameKey, c.name, c.nameKey, c.email, c.emailKey, c.externalID, c.attributes, c.search, p.now,
			p.by.Token, p.by.Workspace)
	}
	m.sql.WriteString("WITH made AS (" + insertMany)
	if !m.unnest(columns) {
		return nil, false
	}
	m.sql.WriteString(manyFree)
	if !m.tell(ids, events, rows) {
		return nil, false
	}
	m.sql.WriteString(" SELECT id FROM made")
	return m, true
}

// The same as insertPlain, for people in a fixed order. OFFSET 0 keeps Postgres from making joins of the look-ups: without statistics it would
// read the whole table for them.
const (
	insertMany = "INSERT INTO people (id, workspace_id, source, role, active, user_name, user_name_key, name, name_key, email, email_key," +
		" external_id, attributes, search, version, created_at, updated_at)" +
		" SELECT p.id, k.workspace_id, 'directory', 'user', p.active, p.user_name, p.user_name_key, p.name, p.name_key, p.email, p.email_key, p.external_id," +
		" p.attributes::jsonb, p.search::jsonb, 1, p.at, p.at FROM "
	manyFree = " WITH ORDINALITY AS p (id, active, user_name, user_name_key, name, name_key, email, email_key, external_id, attributes, search, at, token, workspace, n)" +
		" JOIN scim_tokens k ON k.id = p.token AND k.workspace_id = p.workspace AND k.state = 'active' AND k.expires_at IS NULL AND k.address_mode = 'off'" +
		" WHERE NOT EXISTS (SELECT FROM people o WHERE o.workspace_id = p.workspace AND o.external_id = p.external_id AND o.deleted_at IS NULL AND NOT o.active OFFSET 0)" +
		" AND NOT EXISTS (SELECT FROM team_pending q WHERE q.workspace_id = p.workspace AND q.member_id = p.external_id OFFSET 0)" +
		" ORDER BY p.n ON CONFLICT DO NOTHING RETURNING id)"
)

// made runs the statement and notes who was made.
func (m *manyRows) made(ctx context.Context, c *pgx.Conn, people []newPerson, made []bool) error {
	rows, err := c.Query(ctx, m.sql.String(), m.args...)
	if err != nil {
		return err
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	for i, p := range people {
		made[i] = slices.Contains(ids, p.id)
	}
	return err
}

// CreateUser is Provisioning.CreateUser for a person who is new and alone: with one address, without a manager, waited for by no team.
func (q *Quick) CreateUser(ctx context.Context, by actor.Actor, in scim.Incoming) (scim.Resource, bool, error) {
	n, out, ok := q.arrival(ctx, by, in)
	if !ok {
		return nil, false, nil
	}
	made, err := q.creates.Do(ctx, n)
	if err != nil || !made {
		return nil, false, uncertain(err)
	}
	n.row.told()
	return out, true, nil
}

// arrival is a person who is to be made, and how they are shown; not ok where that is the ordinary way's work, which says what is wrong.
func (q *Quick) arrival(ctx context.Context, by actor.Actor, in scim.Incoming) (n newPerson, out scim.Resource, ok bool) {
	if !q.plain(ctx, by.Workspace) {
		return n, nil, false
	}
	written := in.Resource
	if written["active"] == nil {
		written = maps.Clone(written)
		written["active"] = true
	}
	c, err := q.p.columnsOf(written, "")
	if err != nil || len(c.emails) > 0 || c.managerID != nil {
		return n, nil, false
	}
	now, err := q.p.s.db.Now(ctx)
	if err != nil {
		return n, nil, false
	}
	r := userRow{ID: ident.New("ppl"), WorkspaceID: by.Workspace, Source: string(Provider), Role: string(User), Version: 1, CreatedAt: now, UpdatedAt: now}
	c.apply(&r)
	if out, err = q.p.complete(r, maps.Clone(written)); err != nil {
		return n, nil, false
	}
	n = newPerson{by: by, id: r.ID, c: c, now: now}
	if n.audit, err = audit.Row(by, "person.created", r.ID, nil, now); err != nil {
		return n, nil, false
	}
	n.row, err = rowOf(ctx, changedUser("person.created", r, nil, written, out, now))
	return n, out, err == nil
}

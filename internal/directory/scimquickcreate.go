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
	err := q.p.s.db.Native(ctx, func(c *pgx.Conn) error {
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

// CreateUser is Provisioning.CreateUser for a person who is new and alone: with one address, without a manager, waited for by no team.
func (q *Quick) CreateUser(ctx context.Context, by actor.Actor, in scim.Incoming) (scim.Resource, bool, error) {
	if !q.plain(ctx, by.Workspace) {
		return nil, false, nil
	}
	written := in.Resource
	if written["active"] == nil {
		written = maps.Clone(written)
		written["active"] = true
	}
	c, err := q.p.columnsOf(written, "")
	if err != nil || len(c.emails) > 0 || c.managerID != nil {
		return nil, false, nil //nolint:nilerr // the ordinary way says what is wrong
	}
	now, err := q.p.s.db.Now(ctx)
	if err != nil {
		return nil, false, nil //nolint:nilerr // nothing was tried
	}
	r := userRow{ID: ident.New("ppl"), WorkspaceID: by.Workspace, Source: string(Provider), Role: string(User), Version: 1, CreatedAt: now, UpdatedAt: now}
	c.apply(&r)
	out, err := q.p.complete(r, maps.Clone(written))
	if err != nil {
		return nil, false, nil //nolint:nilerr // nothing was tried
	}
	n := newPerson{by: by, id: r.ID, c: c, now: now}
	if n.audit, err = audit.Row(by, "person.created", r.ID, nil, now); err != nil {
		return nil, false, nil //nolint:nilerr // nothing was tried
	}
	if n.row, err = rowOf(ctx, changedUser("person.created", r, nil, written, out, now)); err != nil {
		return nil, false, nil //nolint:nilerr // nothing was tried
	}
	made, err := q.creates.Do(ctx, n)
	if err != nil || !made {
		return nil, false, uncertain(err)
	}
	n.row.told()
	return out, true, nil
}

package directory

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/scim"
)

// userPatch is a PATCH of a person.
type userPatch struct {
	ctx   context.Context // that of the call, for its recorder
	by    actor.Actor
	id    string
	match IfMatch
	ops   []scim.Operation
}

// patchedUser is what became of a person; nil where that is the ordinary way's work.
type patchedUser struct {
	out scim.Resource
	row Row
}

// errOrdinary gives a batch up: all of it goes the ordinary way.
var errOrdinary = errors.New("the ordinary way")

// PatchUser is Provisioning.PatchUser for attributes on which nothing hangs: not userName, active, manager or further addresses.
func (q *Quick) PatchUser(ctx context.Context, by actor.Actor, id string, ops []scim.Operation, match IfMatch) (scim.Resource, bool, error) {
	if !scim.Storable(id) || !q.plain(ctx, by.Workspace) {
		return nil, false, nil
	}
	got, err := q.patches.Do(ctx, userPatch{ctx: ctx, by: by, id: id, match: match, ops: ops})
	if err != nil || got == nil {
		return nil, false, uncertain(err)
	}
	got.row.told()
	return got.out, true, nil
}

// transaction runs do between a BEGIN that do sends itself, with its first statements, and a COMMIT with its last.
func transaction(ctx context.Context, c *pgx.Conn, do func() error) error {
	err := do()
	if err != nil && !c.IsClosed() && c.PgConn().TxStatus() != 'I' {
		if _, undone := c.Exec(ctx, "ROLLBACK"); undone != nil {
			return errors.Join(undone, c.Close(ctx)) // the server rolls back what nobody commits
		}
	}
	return err
}

// patch locks the people of a batch, changes them in memory and writes them, in one transaction and two round trips.
func (q *Quick) patch(ctx context.Context, calls []userPatch) ([]*patchedUser, error) {
	out := make([]*patchedUser, len(calls))
	order := inOrder(len(calls), func(i int) string { return calls[i].id }) // of locking, the same for everybody; each person once
	rows := make([]*userRow, len(calls))
	err := q.p.s.db.Native(ctx, func(c *pgx.Conn) error {
		return transaction(ctx, c, func() error {
			if err := q.lockUsers(ctx, c, calls, order, rows); err != nil {
				return err
			}
			now, err := q.p.s.db.Now(ctx)
			if err != nil {
				return errOrdinary
			}
			batch := &pgx.Batch{}
			for _, i := range order {
				if rows[i] != nil {
					out[i] = q.patchOne(batch, calls[i], *rows[i], now)
				}
			}
			batch.Queue("COMMIT")
			return c.SendBatch(ctx, batch).Close()
		})
	})
	if errors.Is(err, errOrdinary) {
		return make([]*patchedUser, len(calls)), nil
	}
	return out, err
}

// inOrder are the indexes of n keys, sorted by key, each key once.
func inOrder(n int, key func(int) string) []int {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return strings.Compare(key(a), key(b)) })
	return slices.CompactFunc(order, func(a, b int) bool { return key(a) == key(b) })
}

// lockUsers begins the transaction and reads the people whom SCIM sees, for callers whose tokens are live.
func (q *Quick) lockUsers(ctx context.Context, c *pgx.Conn, calls []userPatch, order []int, rows []*userRow) error {
	sql := numbered(q.p.selectUsers(scim.Projection{}) + " WHERE r.id = ? AND " + visible + " AND " + live + " FOR UPDATE OF r")
	batch := &pgx.Batch{}
	batch.Queue("BEGIN")
	for _, i := range order {
		by := calls[i].by
		batch.Queue(sql, calls[i].id, by.Workspace, by.Token, by.Workspace).Query(func(found pgx.Rows) error {
			for found.Next() {
				rows[i] = &userRow{}
				if err := found.Scan(rows[i].fields(true)...); err != nil {
					return err
				}
			}
			return found.Err()
		})
	}
	return c.SendBatch(ctx, batch).Close()
}

const updatePlain = "UPDATE people SET name = ?, name_key = ?, email = ?, email_key = ?, external_id = ?, attributes = ?, search = ?, version = ?, updated_at = ?" +
	" WHERE id = ? RETURNING id"

// patchOne changes one locked person and queues what is to be written; nil where that is not plain.
func (q *Quick) patchOne(batch *pgx.Batch, call userPatch, r userRow, now time.Time) *patchedUser {
	if call.match.allows(r.Version) != nil {
		return nil
	}
	old, err := r.written()
	if err != nil {
		return nil
	}
	patched, err := q.p.people.rt.Patch(old, call.ops)
	if err != nil {
		return nil
	}
	done := &patchedUser{}
	if scim.Equal(old, patched.Resource) {
		if done.out, err = q.p.user(r); err != nil {
			return nil
		}
		return done
	}
	c, err := q.p.columnsOf(patched.Resource, r.Email)
	before := q.p.furtherAddresses(old, r.Email)
	if err != nil || c.userName != r.UserName || c.active != r.Active || deref(c.managerID) != deref(r.ManagerID) || !slices.Equal(c.emails, before) {
		return nil
	}
	c.apply(&r)
	r.Version, r.UpdatedAt = r.Version+1, now
	told, err := audit.Row(call.by, "person.changed", r.ID, audit.Detail{"changed": changedNames(old, patched.Resource)}, now)
	if err != nil {
		return nil
	}
	if done.out, err = q.p.complete(r, scim.Clone(patched.Resource)); err != nil {
		return nil
	}
	if done.row, err = rowOf(call.ctx, changedUser("person.changed", r, old, patched.Resource, done.out, now)); err != nil {
		return nil
	}
	args := []any{c.name, c.nameKey, c.email, c.emailKey, c.externalID, c.attributes, c.search, r.Version, now, r.ID}
	tell(batch, updatePlain, args, told, done.row)
	return done
}

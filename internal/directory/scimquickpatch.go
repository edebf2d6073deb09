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
	"github.com/countersign/countersign/internal/database"
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

// PatchUser is Provisioning.PatchUser for attributes on which nothing hangs: not userName, manager or further addresses, and active only for one
// who is no admin and has nothing that ends with them.
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

// patch locks the people of a batch, changes them in memory and writes them, in one transaction and two round trips. However many they are, one
// statement locks them, and one or two write.
func (q *Quick) patch(ctx context.Context, calls []userPatch) ([]*patchedUser, error) {
	out := make([]*patchedUser, len(calls))
	order := inOrder(len(calls), func(i int) string { return calls[i].id }) // of locking, the same for everybody; each person once
	rows := make([]*lockedUser, len(calls))
	err := q.p.s.db.Native(ctx, func(c *pgx.Conn) error {
		return transaction(ctx, c, func() error {
			if err := q.lockUsers(ctx, c, calls, order, rows); err != nil {
				return err
			}
			now, err := q.p.s.db.Now(ctx)
			if err != nil {
				return errOrdinary
			}
			var changes userChanges
			for _, i := range order {
				if rows[i] != nil {
					out[i] = q.patchOne(&changes, calls[i], *rows[i], now)
				}
			}
			batch := &pgx.Batch{}
			changes.queue(batch)
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

// lockedUser is a person whom nobody else changes now.
type lockedUser struct {
	userRow
	bound bool // there is, or was, something that ends with them
}

// lockUsers begins the transaction and reads the people whom SCIM sees, for callers whose tokens are live. Once they are locked it looks for what
// the people who may be deactivated have that would end with them.
func (q *Quick) lockUsers(ctx context.Context, c *pgx.Conn, calls []userPatch, order []int, rows []*lockedUser) error {
	batch := &pgx.Batch{}
	batch.Queue("BEGIN")
	ids, workspaces, tokens := make([]string, len(order)), make([]string, len(order)), make([]string, len(order))
	var ending []string
	for n, i := range order {
		ids[n], workspaces[n], tokens[n] = calls[i].id, calls[i].by.Workspace, calls[i].by.Token
		if q.unbound != "" && mayDeactivate(calls[i].ops) {
			ending = append(ending, calls[i].id)
		}
	}
	batch.Queue(q.lockMany, ids, workspaces, tokens).Query(func(found pgx.Rows) error {
		for found.Next() {
			var n int
			r := &lockedUser{bound: true}
			if err := found.Scan(append([]any{&n}, r.fields(true)...)...); err != nil {
				return err
			}
			rows[order[n-1]] = r
		}
		return found.Err()
	})
	if len(ending) > 0 {
		batch.Queue(q.unbound, ending).Query(func(found pgx.Rows) error {
			free := map[string]bool{}
			for found.Next() {
				var id string
				if err := found.Scan(&id); err != nil {
					return err
				}
				free[id] = true
			}
			for _, i := range order {
				if rows[i] != nil {
					rows[i].bound = !free[calls[i].id]
				}
			}
			return found.Err()
		})
	}
	return c.SendBatch(ctx, batch).Close()
}

// lockMany locks and reads people in the order in which they are named: their ids, with the workspaces and tokens of who asks.
func (p *Provisioning) lockMany() string {
	one := strings.NewReplacer("k.id = ?", "k.id = a.token", "k.workspace_id = ?", "k.workspace_id = a.workspace", "= ?", "= a.workspace")
	return "SELECT a.n, u.* FROM (SELECT $1::text[] AS a0, $2::text[] AS a1, $3::text[] AS a2 OFFSET 0) w" + // see manyRows.unnest
		" CROSS JOIN unnest(w.a0, w.a1, w.a2) WITH ORDINALITY AS a (id, workspace, token, n) CROSS JOIN LATERAL (" +
		p.selectUsers(scim.Projection{}) + " WHERE r.id = a.id AND " + one.Replace(visible+" AND "+live) + " FOR UPDATE OF r) u"
}

// mayDeactivate says whether operations may touch active.
func mayDeactivate(ops []scim.Operation) bool {
	return slices.ContainsFunc(ops, func(op scim.Operation) bool {
		return op.Path == "" || strings.HasSuffix(strings.ToLower(op.Path), "active")
	})
}

// unbound finds those among people who have, and had, nothing that ends with a deactivation; "" where that is not known of everything.
func (s *Service) unbound() string {
	if len(s.traces) == 0 && len(s.onDeactivated)+len(s.witnesses) > 0 {
		return ""
	}
	sql := "SELECT p.id FROM (SELECT $1::text[] AS a0 OFFSET 0) w CROSS JOIN unnest(w.a0) AS p (id)"
	for i, trace := range s.traces { // OFFSET 0 keeps Postgres from planning a join of all that there is
		sql += map[bool]string{true: " WHERE", false: " AND"}[i == 0] + " NOT EXISTS (" + strings.ReplaceAll(trace, "?", "p.id") + " OFFSET 0)"
	}
	return sql
}

// patchOne changes one locked person and notes what is to be written; nil where that is not plain.
func (q *Quick) patchOne(changes *userChanges, call userPatch, locked lockedUser, now time.Time) *patchedUser {
	r := locked.userRow
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
	if err != nil || c.userName != r.UserName || deref(c.managerID) != deref(r.ManagerID) || !slices.Equal(c.emails, before) {
		return nil
	}
	was := r.person()
	if c.active != was.Active && (c.active || locked.bound || was.Role.Admin()) {
		return nil
	}
	c.apply(&r)
	r.Version, r.UpdatedAt = r.Version+1, now
	changed := changedNames(old, patched.Resource)
	event := changeEvent(was, r)
	told, err := audit.Row(call.by, event, r.ID, audit.Detail{"changed": changed}, now)
	if err != nil {
		return nil
	}
	if done.out, err = q.p.complete(r, scim.Clone(patched.Resource)); err != nil {
		return nil
	}
	if done.row, err = rowOf(call.ctx, changedUser(event, r, old, patched.Resource, done.out, now)); err != nil {
		return nil
	}
	change := userChange{id: r.ID, event: told, row: done.row}
	if was.Active && !r.Active {
		if change.receipt, err = q.p.s.receipt(call.ctx, call.by, r.person(), causeDeactivated, make([]int, len(q.p.s.witnesses)), now, now); err != nil {
			return nil
		}
	}
	if slices.Equal(changed, []string{"active"}) {
		change.args = database.Args(r.Active, r.Version, now, r.ID)
		changes.active = append(changes.active, change)
		return done
	}
	change.args = database.Args(c.name, c.nameKey, c.email, c.emailKey, c.externalID, c.attributes, c.search, c.active, r.Version, now, r.ID)
	changes.plain = append(changes.plain, change)
	return done
}

package directory

import (
	"context"
	"strconv"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/scim"
)

// Quick does what providers ask for most in one or two round trips to Postgres, and what waits at the same time together. Each of its methods
// says whether it has done its work. When it has, the actor's token was found to be live by the very statements that read or wrote, so the
// caller need not have asked for it before. When it has not, nothing was changed, and the caller proves the token and goes the ordinary way,
// which knows every case. So it holds no rule of its own: what is not plain is not its work. An error is one after which nobody knows whether
// something was changed; the caller does not try again.
type Quick struct {
	p        *Provisioning
	lockMany string // the statement that locks and reads people
	unbound  string // the statement that finds people with nothing to end, see Service.unbound
	creates  *database.Gather[newPerson, bool]
	patches  *database.Gather[userPatch, *patchedUser]
	members  *database.Gather[memberPatch, *patchedTeam]
	finds    *database.Gather[find, fewPeople]
}

// How many batches of one kind are under way at once: while some wait for the disk, others are put together. More of them would be smaller, and
// cost Postgres more for each call. Changes of members have fewer still, because
// those of one team wait for each other's commit: the more go together, the fewer commits there are to wait for.
const (
	lanes       = 3
	memberLanes = 2
	findLanes   = 2
)

// Quick gives nil where there is nothing to win: SQLite lives in the process and has no round trips.
func (p *Provisioning) Quick() *Quick {
	if p.s.db.Dialect != database.Postgres {
		return nil
	}
	q := &Quick{p: p, unbound: p.s.unbound()}
	q.lockMany = p.lockMany()
	q.creates = database.NewGather(lanes, q.insert)
	q.patches = database.NewGather(lanes, q.patch)
	q.members = database.NewGather(memberLanes, q.patchMembers)
	q.finds = database.NewGather(findLanes, q.find)
	return q
}

// plain says whether the workspace has no rules of its own, which are the ordinary way's.
func (q *Quick) plain(ctx context.Context, workspace string) bool {
	r, err := q.p.s.rulesOf(ctx, workspace)
	return err == nil && r == nil
}

// live is the condition that a token opens its workspace and will until it is replaced or revoked; of others the ordinary way judges by the
// clock. The token's id and workspace are the arguments.
const live = "EXISTS (SELECT FROM scim_tokens k WHERE k.id = ? AND k.workspace_id = ? AND k.state = 'active' AND k.expires_at IS NULL AND k.address_mode = 'off')"

// uncertain is err where it leaves open whether something was changed.
func uncertain(err error) error {
	if database.Refused(err) {
		return nil
	}
	return err
}

// numberedTexts keeps the statements that numbered has made; there are as many as projections and shapes of filters.
var numberedTexts sync.Map

// mostTexts is how many are kept: filters of every shape come from outside.
const mostTexts = 2000

var textCount struct {
	sync.Mutex
	n int
}

// numbered is a statement with $1, $2 … for its question marks. None of our statements has one in a string.
func numbered(sql string) string {
	if done, ok := numberedTexts.Load(sql); ok {
		return done.(string)
	}
	var b strings.Builder
	for i, part := range strings.Split(sql, "?") {
		if i > 0 {
			b.WriteString("$" + strconv.Itoa(i))
		}
		b.WriteString(part)
	}
	textCount.Lock()
	defer textCount.Unlock()
	if textCount.n++; textCount.n > mostTexts {
		numberedTexts.Clear()
		textCount.n = 0
	}
	numberedTexts.Store(sql, b.String())
	return b.String()
}

// marks are n question marks with commas between them.
func marks(n int) string { return strings.TrimSuffix(strings.Repeat("?, ", n), ", ") }

// beside is a statement that is run together with a change, once it has changed something: an INSERT … SELECT … FROM made.
type beside struct {
	sql  string
	args []any
}

// telling is the statement that makes a change and writes the rows that tell of it: the audit's and, where the call is recorded, the log's.
// change ends with RETURNING id; where it changes no row, nothing is told. The statement affects one row or none.
func telling(change string, row Row, others []beside) string {
	var b strings.Builder
	b.WriteString("WITH made AS (" + change + ")")
	for i, o := range others {
		b.WriteString(", beside" + strconv.Itoa(i) + " AS (" + o.sql + ")")
	}
	told := "INSERT INTO audit_events (" + audit.Columns + ") SELECT " + marks(auditColumns) + " FROM made"
	if row.Insert == "" {
		return numbered(b.String() + " " + told)
	}
	return numbered(b.String() + ", told AS (" + told + ") INSERT INTO " + row.Into + " SELECT " + marks(len(row.Values)) + " FROM made")
}

const auditColumns = 11

// tell sends a change with its rows.
func tell(batch *pgx.Batch, change string, args, audit []any, row Row, others ...beside) *pgx.QueuedQuery {
	all := append(make([]any, 0, len(args)+len(audit)+len(row.Values)), args...)
	for _, o := range others {
		all = append(all, o.args...)
	}
	all = append(append(all, audit...), row.Values...)
	return batch.Queue(telling(change, row, others), database.Args(all...)...)
}

// told calls what waits for the commit.
func (r Row) told() {
	if r.Written != nil {
		r.Written()
	}
}

// columnFields are where userColumns go.
func (r *userRow) columnFields() []any {
	return []any{&r.ID, &r.WorkspaceID, &r.Source, &r.Role, &r.Active, &r.UserName, &r.UserNameKey, &r.Name, &r.Email, &r.ExternalID, &r.ManagerID,
		&r.Attributes, &r.Version, &r.CreatedAt, &r.UpdatedAt}
}

// fields are where a row of selectUsers goes.
func (r *userRow) fields(withTeams bool) []any {
	into := append(r.columnFields(), &r.ManagerName)
	if withTeams {
		into = append(into, &r.Teams)
	}
	return into
}

func (r *teamRow) fields() []any {
	return []any{&r.ID, &r.WorkspaceID, &r.DisplayName, &r.DisplayNameKey, &r.ExternalID, &r.Attributes, &r.Version, &r.CreatedAt, &r.UpdatedAt}
}

// User is Provisioning.User.
func (q *Quick) User(ctx context.Context, by actor.Actor, id string, projection scim.Projection) (scim.Resource, bool) {
	if !scim.Storable(id) || !q.plain(ctx, by.Workspace) {
		return nil, false
	}
	teams := projection.Wants("groups")
	got, err := q.finds.Do(ctx, find{by: by, sql: byID[teams], args: []any{id, by.Workspace}, teams: teams})
	if err != nil || !got.live || len(got.rows) != 1 {
		return nil, false
	}
	out, err := q.p.user(got.rows[0].userRow)
	return out, err == nil
}

// Group is Provisioning.Group for an answer without members.
func (q *Quick) Group(ctx context.Context, by actor.Actor, id string, projection scim.Projection) (scim.Resource, bool) {
	if projection.Wants("members") || !scim.Storable(id) || !q.plain(ctx, by.Workspace) {
		return nil, false
	}
	var r teamRow
	sql := numbered("SELECT " + teamColumnsList + " FROM teams r WHERE r.id = ? AND " + visible + " AND " + live)
	err := q.p.s.db.Native(ctx, func(c *pgx.Conn) error {
		return c.QueryRow(ctx, sql, id, by.Workspace, by.Token, by.Workspace).Scan(r.fields()...)
	})
	if err != nil {
		return nil, false
	}
	out, err := q.p.group(r, nil)
	return out, err == nil
}

// Users is Provisioning.Users in the order of creation.
func (q *Quick) Users(ctx context.Context, by actor.Actor, query Query) (Page, bool) {
	limit := min(max(query.Count, 0), PageMost)
	if query.SortBy != nil || limit == 0 || !q.plain(ctx, by.Workspace) {
		return Page{}, false
	}
	at, err := q.p.position(by, q.p.people, query)
	if err != nil {
		return Page{}, false
	}
	if query.Filter != nil && q.p.people.few(query.Filter) {
		return q.fewUsers(ctx, by, query, at, limit)
	}
	withTeams := query.Projection.Wants("groups")
	page, args, err := q.p.page(q.p.people, selectFound(withTeams), q.p.statement(by, q.p.people, query), query, at, limit)
	if err != nil {
		return Page{}, false
	}
	var alive bool
	var sum int64
	var rows []*foundUser
	err = q.p.s.db.Native(ctx, func(c *pgx.Conn) error {
		batch := &pgx.Batch{}
		if query.Filter == nil {
			batch.Queue(numbered("SELECT "+live+", CAST(("+totalOf+") AS bigint)"), by.Token, by.Workspace, by.Workspace, "people").QueryRow(func(r pgx.Row) error { return r.Scan(&alive, &sum) })
		} else {
			batch.Queue(numbered("SELECT "+live), by.Token, by.Workspace).QueryRow(func(r pgx.Row) error { return r.Scan(&alive) })
		}
		batch.Queue(numbered(page), database.Args(args...)...).Query(func(found pgx.Rows) error {
			for found.Next() {
				r := &foundUser{}
				if err := found.Scan(r.fields(withTeams)...); err != nil {
					return err
				}
				r.decode()
				rows = append(rows, r)
			}
			return found.Err()
		})
		if err := c.SendBatch(ctx, batch).Close(); err != nil {
			return err
		}
		return q.relate(ctx, c, rows)
	})
	if err != nil || !alive {
		return Page{}, false
	}
	return q.paged(by, query, at, limit, rows, sum)
}

// paged is the page that the rows make, of which there may be one more than limit.
func (q *Quick) paged(by actor.Actor, query Query, at position, limit int, rows []*foundUser, sum int64) (Page, bool) {
	more := len(rows) > limit
	rows = rows[:min(limit, len(rows))]
	out := Page{Start: at.offset + 1, Total: sum, Resources: make([]scim.Resource, len(rows))}
	for i, r := range rows {
		var err error
		if out.Resources[i], err = r.shown(q.p); err != nil {
			return Page{}, false
		}
	}
	switch {
	case !more && (len(rows) > 0 || at.offset == 0):
		out.Total = int64(at.offset + len(rows))
	case query.Filter != nil:
		var known bool
		if out.Total, known = q.p.knownTotal(by, q.p.people, query, at); !known {
			return Page{}, false // they have to be counted
		}
	}
	if more && query.ByCursor {
		end := rows[len(rows)-1].end()
		end.offset, end.total = at.offset+len(rows), out.Total
		out.Next = q.p.next(by, q.p.people, query, end)
	}
	return out, true
}

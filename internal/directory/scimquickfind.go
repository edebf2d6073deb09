package directory

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/scim"
)

// find looks for people of whom there are few: by their id, or by what hardly two have alike.
type find struct {
	by    actor.Actor
	sql   string // selectFew and what follows, with a question mark for each of args
	args  []any
	teams bool // are shown
}

// fewPeople is what a find has found.
type fewPeople struct {
	live bool // the token
	rows []*foundUser
}

// selectFew is selectFound where the names of teams come along behind their ids: for one person that costs less than asking for them afterwards.
func selectFew(withTeams bool) string {
	if !withTeams {
		return selectFound(false)
	}
	// OFFSET 0 keeps Postgres from making a hash of all teams for the few that are wanted.
	return "SELECT " + userColumns + ", ARRAY(SELECT t.id || ' ' || t.display_name FROM team_members tm CROSS JOIN LATERAL" +
		" (SELECT id, display_name, created_at FROM teams WHERE id = tm.team_id AND deleted_at IS NULL OFFSET 0) t WHERE tm.person_id = r.id" +
		" ORDER BY t.created_at, t.id) AS teams FROM people r"
}

var byID = map[bool]string{
	false: selectFew(false) + " WHERE r.id = ? AND " + visible,
	true:  selectFew(true) + " WHERE r.id = ? AND " + visible,
}

// few says whether a filter finds few people at the most, and those by an index.
func (k *kind) few(e scim.Expr) bool {
	switch e := e.(type) {
	case scim.And:
		return slices.ContainsFunc(e, k.few)
	case scim.Compare:
		if k.pinned(e) {
			return true
		}
		return e.Op == scim.Eq && e.Value.Kind == scim.TextValue && e.Path.Ext == nil && e.Path.Sub == nil &&
			(e.Path.Attr.Name == "userName" || e.Path.Attr.Name == "externalId")
	}
	return false
}

// fewUsers is Users for a filter that finds few.
func (q *Quick) fewUsers(ctx context.Context, by actor.Actor, query Query, at position, limit int) (Page, bool) {
	f, err := q.search(by, query, at, limit)
	if err != nil {
		return Page{}, false
	}
	got, err := q.finds.Do(ctx, f)
	if err != nil || !got.live {
		return Page{}, false
	}
	for _, r := range got.rows {
		r.decode()
	}
	return q.paged(by, query, at, limit, got.rows, 0)
}

func (q *Quick) search(by actor.Actor, query Query, at position, limit int) (find, error) {
	teams := query.Projection.Wants("groups")
	sql, args, err := q.p.page(q.p.people, selectFew(teams), q.p.statement(by, q.p.people, query), query, at, limit)
	return find{by: by, sql: sql, args: args, teams: teams}, err
}

// find does what waits together with one statement for each form of search, and one round trip; a second one, where managers have to be named.
func (q *Quick) find(ctx context.Context, calls []find) ([]fewPeople, error) {
	out := make([]fewPeople, len(calls))
	batch := &pgx.Batch{}
	for _, same := range alike(calls) {
		findTogether(batch, calls, same, out)
	}
	err := q.p.s.db.Native(ctx, func(c *pgx.Conn) error {
		if err := c.SendBatch(ctx, batch).Close(); err != nil {
			return err
		}
		var all []*foundUser
		for i, f := range out {
			for _, r := range f.rows {
				if calls[i].teams {
					q.showTeams(r)
				}
			}
			all = append(all, f.rows...)
		}
		return q.relate(ctx, c, all)
	})
	return out, err
}

// alike are the indexes of calls, those with the same statement together.
func alike(calls []find) [][]int {
	var out [][]int
	of := map[string]int{}
	for i, c := range calls {
		n, there := of[c.sql]
		if !there {
			n = len(out)
			of[c.sql], out = n, append(out, nil)
		}
		out[n] = append(out[n], i)
	}
	return out
}

// findTogether queues the searches at the indexes same, which have one statement.
func findTogether(batch *pgx.Batch, calls []find, same []int, out []fewPeople) {
	if len(same) > 1 {
		if m, ok := manyFinds(calls, same); ok {
			batch.Queue(m.sql.String(), m.args...).Query(func(found pgx.Rows) error { return takeFew(found, calls, same, out) })
			return
		}
	}
	for _, i := range same {
		c := calls[i]
		sql := numbered("SELECT 1, " + live + ", u.* FROM (SELECT) o LEFT JOIN LATERAL (" + c.sql + ") u ON true")
		args := database.Args(append([]any{c.by.Token, c.by.Workspace}, c.args...)...)
		batch.Queue(sql, args...).Query(func(found pgx.Rows) error { return takeFew(found, calls, []int{i}, out) })
	}
}

// takeFew reads rows of the number of a search among same, whether its token is live, and a person; NULLs where nobody was found.
func takeFew(found pgx.Rows, calls []find, same []int, out []fewPeople) error {
	for found.Next() {
		var n int
		var alive bool
		if found.RawValues()[2] == nil {
			skip := make([]any, len(found.RawValues()))
			skip[0], skip[1] = &n, &alive
			if err := found.Scan(skip...); err != nil {
				return err
			}
			out[same[n-1]].live = alive
			continue
		}
		r := &foundUser{}
		if err := found.Scan(append([]any{&n, &alive}, r.fields(calls[same[0]].teams)...)...); err != nil {
			return err
		}
		f := &out[same[n-1]]
		f.live, f.rows = alive, append(f.rows, r)
	}
	return found.Err()
}

// manyFinds is one statement for several searches; not ok where their arguments are of kinds that have no arrays.
func manyFinds(calls []find, same []int) (m *manyRows, ok bool) {
	m = &manyRows{}
	rows := make([][]any, len(same))
	for n, i := range same {
		rows[n] = database.Args(append([]any{calls[i].by.Token, calls[i].by.Workspace}, calls[i].args...)...)
	}
	m.sql.WriteString("SELECT a.n, " + strings.NewReplacer("k.id = ?", "k.id = a.token", "k.workspace_id = ?", "k.workspace_id = a.workspace").Replace(live) + ", u.* FROM ")
	if !m.unnest(rows) {
		return nil, false
	}
	args := len(rows[0]) - 2
	m.sql.WriteString(" WITH ORDINALITY AS a (token, workspace, " + names(args, "c%d") + ", n) LEFT JOIN LATERAL (")
	for i, part := range strings.Split(calls[same[0]].sql, "?") {
		if i > 0 {
			m.sql.WriteString("a.c" + strconv.Itoa(i-1))
		}
		m.sql.WriteString(part)
	}
	m.sql.WriteString(") u ON true")
	return m, true
}

// showTeams makes of the ids and names of teams what is shown.
func (q *Quick) showTeams(r *foundUser) {
	for _, t := range r.teams {
		id, name, _ := strings.Cut(t, " ")
		r.groups = append(r.groups, q.p.shownTeam(id, name))
	}
	r.teams = nil
}

package directory

import (
	"context"
	"slices"
	"strconv"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/scim"
)

// Sizes of a page of resources.
const (
	PageDefault = 100 // when the client names none
	PageMost    = 200
)

// Query asks for a page of resources.
type Query struct {
	Filter     scim.Expr // nil for all
	Said       string    // the filter as written, which a cursor is bound to
	SortBy     *scim.Path
	SortSaid   string
	Descending bool
	Start      int  // 1-based index of the first resource; ignored with Cursor
	Count      int  // at most so many, at most PageMost; 0 asks for the total only
	ByCursor   bool // page by cursor (RFC 9865); Cursor is "" for the first page
	Cursor     string
	Projection scim.Projection // what the caller shows; what it cannot show is not loaded
}

// Page is a page of complete resources.
type Page struct {
	Resources []scim.Resource
	Total     int64
	Start     int    // 1-based index of the first resource
	Next      string // cursor of the next page; "" on the last one
}

// User reads a person that SCIM sees.
func (p *Provisioning) User(ctx context.Context, by actor.Actor, id string, projection scim.Projection) (scim.Resource, error) {
	var rows []userRow
	if !scim.Storable(id) {
		return nil, ErrNoUser
	}
	err := p.read(ctx).Raw(p.selectUsers(projection)+" WHERE r.id = ? AND "+visible, id, by.Workspace).
		Scan(&rows).Error
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, ErrNoUser
	}
	return p.user(rows[0])
}

// Users is a page of people.
func (p *Provisioning) Users(ctx context.Context, by actor.Actor, q Query) (Page, error) {
	return list(p, ctx, by, p.people, p.selectUsers(q.Projection), q, func(_ *gorm.DB, rows []userRow) ([]scim.Resource, error) {
		out := make([]scim.Resource, len(rows))
		for i, r := range rows {
			var err error
			if out[i], err = p.user(r); err != nil {
				return nil, err
			}
		}
		return out, nil
	})
}

// Group reads a team with all its members, if the projection can show them.
func (p *Provisioning) Group(ctx context.Context, by actor.Actor, id string, projection scim.Projection) (scim.Resource, error) {
	var rows []teamRow
	if !scim.Storable(id) {
		return nil, ErrNoGroup
	}
	db := p.read(ctx)
	err := db.Raw("SELECT "+teamColumnsList+" FROM teams r WHERE r.id = ? AND "+visible, id, by.Workspace).
		Scan(&rows).Error
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, ErrNoGroup
	}
	members, err := p.members(db, projection.Wants("members"), id)
	if err != nil {
		return nil, err
	}
	return p.group(rows[0], members)
}

// Groups is a page of teams. Their members are loaded in one query, at most MaxListedMembers of them, and only if the projection can show them.
func (p *Provisioning) Groups(ctx context.Context, by actor.Actor, q Query) (Page, error) {
	return list(p, ctx, by, p.teams, "SELECT "+teamColumnsList+" FROM teams r", q, func(db *gorm.DB, rows []teamRow) ([]scim.Resource, error) {
		var ids []string
		for _, r := range rows {
			ids = append(ids, r.ID)
		}
		if !q.Projection.Wants("members") {
			ids = nil
		}
		members, err := p.membersOf(db, ids)
		if err != nil {
			return nil, err
		}
		out := make([]scim.Resource, len(rows))
		for i, r := range rows {
			if out[i], err = p.group(r, members[r.ID]); err != nil {
				return nil, err
			}
		}
		return out, nil
	})
}

// paged is a row that a page can end with.
type paged interface{ end() position }

func (r userRow) end() position { return position{created: r.CreatedAt, id: r.ID, sorted: r.Sorted} }
func (r teamRow) end() position { return position{created: r.CreatedAt, id: r.ID, sorted: r.Sorted} }

// statement is the part of a query that its page and its total share.
type statement struct {
	where string
	args  []any
}

func (p *Provisioning) statement(by actor.Actor, k *kind, q Query) statement {
	s := statement{where: " WHERE r.workspace_id = ? AND r.source = 'directory' AND r.deleted_at IS NULL", args: []any{by.Workspace}}
	if q.Filter != nil && k.pinned(q.Filter) {
		s.where = " WHERE " + visible
	}
	if q.Filter != nil {
		sql, args := k.condition(p.s.db.Dialect, by.Workspace, p.base, q.Filter)
		s.where += " AND (" + sql + ")"
		s.args = append(s.args, args...)
	}
	return s
}

// list runs a query: one statement for the page, and one for the total where the page does not tell it.
func list[R paged](p *Provisioning, ctx context.Context, by actor.Actor, k *kind, from string, q Query, show func(*gorm.DB, []R) ([]scim.Resource, error)) (Page, error) {
	at, err := p.position(by, k, q)
	if err != nil {
		return Page{}, err
	}
	db, s, limit := p.read(ctx), p.statement(by, k, q), min(max(q.Count, 0), PageMost)
	out := Page{Start: at.offset + 1, Resources: []scim.Resource{}}
	var rows []R
	if limit > 0 {
		sql, args, err := p.page(k, from, s, q, at, limit)
		if err != nil {
			return Page{}, err
		}
		if err := db.Raw(sql, args...).Scan(&rows).Error; err != nil {
			return Page{}, err
		}
	}
	more := len(rows) > limit
	rows = rows[:min(limit, len(rows))]
	if out.Resources, err = show(db, rows); err != nil {
		return Page{}, err
	}
	if out.Total, err = p.totalOf(db, by, k, q, s, at, len(rows), more); err != nil {
		return Page{}, err
	}
	if more && q.ByCursor {
		end := rows[len(rows)-1].end()
		end.offset, end.total = at.offset+len(rows), out.Total
		out.Next = p.next(by, k, q, end)
	}
	return out, nil
}

// totalOf is how many resources a query finds, of which a page shows n. It is counted at most once for the pages of a cursor, and once a minute
// for those of one filter by index (docs/decisions/0012-kept-totals.md).
func (p *Provisioning) totalOf(db *gorm.DB, by actor.Actor, k *kind, q Query, s statement, at position, n int, more bool) (total int64, err error) {
	switch {
	case q.Count > 0 && !more && (n > 0 || at.offset == 0):
		return int64(at.offset + n), nil
	case q.Filter == nil:
		return keptTotal(db, k, by.Workspace)
	}
	if total, known := p.knownTotal(by, k, q, at); known {
		return total, nil
	}
	if err = db.Raw("SELECT count(*) FROM "+k.table+" r"+s.where, s.args...).Scan(&total).Error; err == nil {
		p.counted.put(countedKey{by.Workspace, k.table, q.Said}, total, p.cursors.now())
	}
	return total, err
}

// knownTotal is what was counted for an earlier page of a filtered list.
func (p *Provisioning) knownTotal(by actor.Actor, k *kind, q Query, at position) (int64, bool) {
	switch {
	case at.id != "":
		return at.total, true
	case at.offset == 0 || q.ByCursor: // whoever begins again wants to know
		return 0, false
	}
	return p.counted.get(countedKey{by.Workspace, k.table, q.Said}, p.cursors.now())
}

// page is the statement of a page and one row more, which says whether another page follows.
func (p *Provisioning) page(k *kind, from string, s statement, q Query, at position, limit int) (string, []any, error) {
	sorted := p.sorting(k, q)
	var args []any
	if sorted != nil && q.ByCursor {
		from, args = sorted.shown(from)
	}
	where, args := s.where, append(slices.Clone(args), s.args...)
	if at.id != "" {
		behind, more, err := sorted.behind(at)
		if err != nil {
			return "", nil, ErrBadCursor.Because(err)
		}
		where, args = where+" AND "+behind, append(args, more...)
	}
	order, orderArgs := sorted.order()
	args = append(args, orderArgs...)
	tail := " LIMIT " + strconv.Itoa(limit+1) // as an argument it would have Postgres plan each page anew: any number might be a tenth of all rows
	if at.id == "" && at.offset > 0 {
		tail, args = tail+" OFFSET ?", append(args, at.offset)
	}
	return from + where + order + tail, args, nil
}

package directory

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/scim"
)

// sorting is an order of the client's own (RFC 7644 §3.4.2.3). It is always total, because creation and id come last, so that pages neither repeat
// nor lose anybody. A missing value is last, descending first.
type sorting struct {
	by         string // the expression
	missing    string // the condition that there is no value; "" where there always is one
	args       []any  // of one mention of by or missing
	form       form
	postgres   bool
	descending bool
}

// sortedMost is how many letters of a value count for the order: a cursor carries them. Columns with an index are compared whole.
const sortedMost = 200

// sorting is the order that a query asks for; nil for that of creation.
func (p *Provisioning) sorting(k *kind, q Query) *sorting {
	if q.SortBy == nil {
		return nil
	}
	w := &conditionWriter{kind: k, postgres: p.s.db.Dialect == database.Postgres, base: p.base}
	s := &sorting{postgres: w.postgres, descending: q.Descending}
	if rel := k.relation(w, *q.SortBy); rel != nil && rel.from != "" {
		w.sortAmong(s, rel, *q.SortBy)
		return s
	}
	col := k.column(w, *q.SortBy)
	if col.form == constant {
		col = column{sql: "r.id"}
	}
	s.by, s.form, s.args = w.sortable(col), col.form, col.args
	if !col.always() {
		s.missing = col.sql + " IS NULL"
	}
	return s
}

// always says whether every row has a value in the column.
func (c column) always() bool {
	return c.indexed || c.form == nativeForm || c.form == dateForm || c.sql == "r.id"
}

// sortAmong sorts by a multi-valued attribute: by its primary value, else by its first.
func (w *conditionWriter) sortAmong(s *sorting, rel *relation, p scim.Path) {
	col := rel.part(p.Sub)
	first, position := "COALESCE(json_extract(e.value, '$.primary'), 0) DESC", "e.key"
	if w.postgres {
		first, position = "COALESCE(e.v->>'primary', 'false') DESC", "e.n"
	}
	if rel.simple {
		first = "1"
	}
	s.form = col.form
	s.by = "(SELECT " + w.sortable(col) + " FROM " + rel.from + " WHERE " + rel.where + " AND " + col.sql + " IS NOT NULL ORDER BY " + first + ", " + position + " LIMIT 1)"
	if w.postgres && (col.form == textForm || col.form == jsonTime) {
		s.by += w.bytewise() // it does not come out of a sub-select by itself
	}
	s.missing = s.by + " IS NULL"
	s.args = append(append(append(slices.Clone(col.args), rel.args...), rel.whereArgs...), col.args...)
}

func (w *conditionWriter) sortable(col column) string {
	switch {
	case col.form == jsonNumber:
		return "CAST(" + col.sql + " AS double precision)"
	case col.form != textForm && col.form != jsonTime:
		return col.sql
	case col.always():
		return col.sql + w.bytewise()
	case w.postgres:
		return "left(" + col.sql + ", " + strconv.Itoa(sortedMost) + ")" + w.bytewise()
	}
	return "substr(" + col.sql + ", 1, " + strconv.Itoa(sortedMost) + ")"
}

// order is the ORDER BY; without an order of the client's own that of creation.
func (s *sorting) order() (string, []any) {
	if s == nil {
		return " ORDER BY r.created_at, r.id", nil
	}
	direction := ""
	if s.descending {
		direction = " DESC"
	}
	sql, args := " ORDER BY ", []any(nil)
	if s.missing != "" {
		sql, args = sql+"("+s.missing+")"+direction+", ", append(args, s.args...)
	}
	return sql + s.by + direction + ", r.created_at, r.id", append(args, s.args...)
}

// shown adds to a SELECT the value that a row is sorted by, in text, for the cursor of the next page.
func (s *sorting) shown(from string) (string, []any) {
	return strings.Replace(from, "SELECT ", "SELECT "+s.by+" AS sorted, ", 1), s.args
}

// behind is the condition that a row comes after the one at which the page before ended.
func (s *sorting) behind(at position) (string, []any, error) {
	const later = "(r.created_at, r.id) > (?, ?)"
	if s == nil {
		return later, []any{at.created, at.id}, nil
	}
	if at.sorted == nil {
		if s.descending { // after those without a value come those with one
			return "(NOT (" + s.missing + ") OR " + later + ")", append(slices.Clone(s.args), at.created, at.id), nil
		}
		return "(" + s.missing + ") AND " + later, append(slices.Clone(s.args), at.created, at.id), nil
	}
	value, err := s.value(*at.sorted)
	if err != nil {
		return "", nil, err
	}
	compare := " > "
	if s.descending {
		compare = " < "
	}
	// The first comparison alone would do without the second; it is what an index understands.
	sql := s.by + strings.TrimSuffix(compare, " ") + "= ? AND (" + s.by + compare + "? OR " + later + ")"
	args := append(append(slices.Clone(s.args), value), append(slices.Clone(s.args), value, at.created, at.id)...)
	if s.missing == "" || s.descending {
		return sql, args, nil
	}
	return "(" + s.missing + " OR " + sql + ")", append(slices.Clone(s.args), args...), nil
}

// value is the value in a cursor as an argument of the column's form.
func (s *sorting) value(text string) (any, error) {
	switch s.form {
	case jsonNumber:
		return strconv.ParseFloat(text, 64)
	case dateForm:
		return time.Parse(time.RFC3339Nano, text)
	case nativeForm:
		return strconv.ParseBool(text)
	case jsonBool:
		if !s.postgres {
			return strconv.ParseInt(text, 10, 64)
		}
	case textForm, jsonTime, constant:
	default:
		return nil, fmt.Errorf("a cursor over a column of form %d", s.form)
	}
	return text, nil
}

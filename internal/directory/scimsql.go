package directory

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/scim"
)

// condition translates a filter into a condition on the rows of a kind, whose alias is r. Values go into arguments, never into the text; the
// text is made of our own schemas' names. Negations are pushed down to the comparisons, because NOT of an unknown (NULL) is unknown in SQL and
// would lose the rows without a value, and so that a plain comparison stays plain and finds its index.
func (k *kind) condition(dialect, workspace, base string, e scim.Expr) (string, []any) {
	w := &conditionWriter{kind: k, dialect: dialect, postgres: dialect == database.Postgres, workspace: workspace, base: base}
	w.expr(e, false)
	return w.b.String(), w.args
}

type conditionWriter struct {
	kind      *kind
	dialect   string
	postgres  bool
	workspace string
	base      string
	inside    *relation // within a value filter: the values it chooses among
	b         strings.Builder
	args      []any
}

func (w *conditionWriter) write(sql string, args ...any) {
	w.b.WriteString(sql)
	w.args = append(w.args, args...)
}

func (w *conditionWriter) expr(e scim.Expr, negate bool) {
	switch e := e.(type) {
	case scim.And:
		w.join(e, negate, " AND ", " OR ")
	case scim.Or:
		w.join(e, negate, " OR ", " AND ")
	case scim.Not:
		w.expr(e.X, !negate)
	case scim.Compare:
		w.compare(normal(e, &negate), negate)
	}
}

func (w *conditionWriter) join(all []scim.Expr, negate bool, word, negated string) {
	if negate {
		word = negated
	}
	w.write("(")
	for i, e := range all {
		if i > 0 {
			w.write(word)
		}
		w.expr(e, negate)
	}
	w.write(")")
}

// normal says ne, and comparisons with null, by eq and pr.
func normal(c scim.Compare, negate *bool) scim.Compare {
	if c.Op == scim.Present {
		return c
	}
	if null := c.Value.Kind == scim.NullValue; null {
		*negate = *negate != (c.Op == scim.Eq)
		c.Op = scim.Present
	} else if c.Op == scim.Ne {
		*negate = !*negate
		c.Op = scim.Eq
	}
	return c
}

func (w *conditionWriter) compare(c scim.Compare, negate bool) {
	if w.inside != nil {
		w.leaf(w.inside.part(c.Path.Sub), c, negate)
		return
	}
	rel := w.kind.relation(w, c.Path)
	if rel == nil {
		w.leaf(w.kind.column(w, c.Path), c, negate)
		return
	}
	if negate {
		w.write("NOT ")
	}
	w.write("(")
	if key := emailKey(c); key != "" && w.kind.emails(c.Path) {
		w.write(among(w.dialect, "SELECT id FROM people WHERE workspace_id = ? AND email_key = ? AND deleted_at IS NULL UNION ALL"+
			" SELECT person_id FROM person_emails WHERE workspace_id = ? AND value_key = ?")+" AND ", w.workspace, key, w.workspace, key)
	}
	w.satisfied(rel, c)
	w.write(")")
}

// satisfied says that one of the relation's values satisfies the path's filter and the comparison.
func (w *conditionWriter) satisfied(rel *relation, c scim.Compare) {
	if rel.from != "" {
		w.write("EXISTS (SELECT 1 FROM ")
		w.write(rel.from, rel.args...)
		w.write(" WHERE ")
	}
	w.write(rel.where, rel.whereArgs...)
	if c.Path.Where != nil {
		w.write(" AND ")
		w.inside = rel
		w.expr(c.Path.Where, false)
		w.inside = nil
	}
	if c.Path.Sub != nil || rel.simple {
		w.write(" AND ")
		w.leaf(rel.part(c.Path.Sub), c, false)
	}
	if rel.from != "" {
		w.write(")")
	}
}

// emailKey is the address, folded, that a filter on emails demands by eq; "" when it demands none.
func emailKey(c scim.Compare) string {
	if c.Op == scim.Eq && c.Path.Sub != nil && c.Path.Sub.Name == "value" {
		return c.Value.Text
	}
	return demanded(c.Path.Where)
}

func demanded(where scim.Expr) string {
	switch e := where.(type) {
	case scim.And:
		for _, x := range e {
			if key := demanded(x); key != "" {
				return key
			}
		}
	case scim.Compare:
		if e.Op == scim.Eq && e.Path.Sub.Name == "value" {
			return e.Value.Text
		}
	}
	return ""
}

// relation is where the values of an attribute lie: rows, elements of an array in search, or the parts of one complex value.
type relation struct {
	from      string // FROM of the values; "" when the parts of the row's one value are compared
	args      []any
	where     string // which of them are the row's
	whereArgs []any
	simple    bool // the values have no parts
	part      func(*scim.Attribute) column
}

// column is one value in SQL.
type column struct {
	sql      string
	args     []any
	form     form
	constant string // for form constant
	indexed  bool   // by its bytes, so that a beginning is a range of the index
}

// form is how a column holds its value.
type form int

const (
	textForm   form = iota // in the form of the attribute's key
	nativeForm             // boolean or time of the database
	jsonBool
	jsonNumber
	jsonTime // text in scim.TimeKeyLayout
	constant // the same in every row, known here
	dateForm // a time column
)

// leaf compares one column. A negated comparison holds also where there is no value.
func (w *conditionWriter) leaf(col column, c scim.Compare, negate bool) {
	if col.form == constant {
		w.truth(constantHolds(col.constant, c) != negate)
		return
	}
	if c.Op == scim.Present {
		w.write(col.sql, col.args...)
		if negate {
			w.write(" IS NULL")
		} else {
			w.write(" IS NOT NULL")
		}
		return
	}
	if negate {
		w.write("(")
		w.write(col.sql, col.args...)
		w.write(" IS NULL OR NOT ")
	}
	w.write("(")
	w.operator(col, c)
	w.write(")")
	if negate {
		w.write(")")
	}
}

func (w *conditionWriter) truth(holds bool) {
	if holds {
		w.write("1 = 1")
	} else {
		w.write("1 = 0")
	}
}

func constantHolds(value string, c scim.Compare) bool {
	return scim.Match(scim.Compare{Path: scim.Path{Attr: constantAttr}, Op: c.Op, Value: c.Value}, scim.Resource{constantAttr.Name: value})
}

var constantAttr = &scim.Attribute{Name: "constant", Type: scim.String, CaseExact: true}

var comparisons = map[scim.Op]string{scim.Eq: " = ", scim.Gt: " > ", scim.Ge: " >= ", scim.Lt: " < ", scim.Le: " <= "}

func (w *conditionWriter) operator(col column, c scim.Compare) {
	switch col.form {
	case nativeForm:
		w.write(col.sql, col.args...)
		w.write(comparisons[c.Op]+"?", c.Value.Bool)
	case dateForm:
		w.write(col.sql, col.args...)
		w.write(comparisons[c.Op]+"?", c.Value.Time)
	case jsonBool:
		w.write(col.sql+" = "+w.jsonTruth(c.Value.Bool), col.args...)
	case jsonNumber:
		w.write("CAST("+col.sql+" AS double precision)"+comparisons[c.Op]+"?", append(slices.Clone(col.args), c.Value.Number)...)
	case jsonTime:
		w.text(col, c.Op, c.Value.Time.Format(scim.TimeKeyLayout))
	default:
		w.text(col, c.Op, c.Value.Text)
	}
}

func (w *conditionWriter) jsonTruth(b bool) string {
	switch {
	case w.postgres && b:
		return "'true'"
	case w.postgres:
		return "'false'"
	case b:
		return "1"
	}
	return "0"
}

// text compares strings byte by byte. Parts are found by functions and not by LIKE, which has wildcards to escape and ignores case on SQLite.
func (w *conditionWriter) text(col column, op scim.Op, with string) {
	n := utf8.RuneCountInString(with)
	if end := after(with); op == scim.Sw && col.indexed && end != "" {
		w.call("", col, " >= ? AND ", with)
		w.call("", col, " < ? AND ", end)
	}
	switch {
	case op == scim.Co && w.postgres:
		w.call("strpos(", col, ", ?) > 0", with)
	case op == scim.Co:
		w.call("instr(", col, ", ?) > 0", with)
	case op == scim.Sw && w.postgres:
		w.call("starts_with(", col, ", ?)", with)
	case op == scim.Sw:
		w.call("substr(", col, ", 1, ?) = ?", n, with)
	case op == scim.Ew && n == 0:
		w.call("", col, " IS NOT NULL")
	case op == scim.Ew && w.postgres:
		w.call("right(", col, ", ?) = ?", n, with)
	case op == scim.Ew:
		w.call("substr(", col, ", ?) = ?", -n, with)
	case op == scim.Eq:
		w.call("", col, " = ?", with)
	default:
		w.call("", col, w.bytewise()+comparisons[op]+"?", with)
	}
}

// after is the first string, by bytes, that is behind all strings beginning with s; "" when there is none.
func after(s string) string {
	runes := []rune(s)
	for i := len(runes) - 1; i >= 0; i-- {
		if next := runes[i] + 1; utf8.ValidRune(next) {
			return string(runes[:i]) + string(next)
		} else if next == 0xD800 {
			return string(runes[:i]) + "\uE000"
		}
	}
	return ""
}

func (w *conditionWriter) call(before string, col column, after string, args ...any) {
	w.write(before+col.sql, col.args...)
	w.write(after, args...)
}

// bytewise makes Postgres order text by its bytes, as SQLite and Go do.
func (w *conditionWriter) bytewise() string {
	if w.postgres {
		return ` COLLATE "C"`
	}
	return ""
}

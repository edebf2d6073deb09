package directory

import (
	"fmt"
	"strings"
	"time"

	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
)

// manyRows writes rows of several calls with one statement, column by column: Postgres then makes ready for its tables and their indexes, and
// fires what fires for a statement, once and not for each call.
type manyRows struct {
	sql  strings.Builder
	args []any
}

// unnest appends rows, whose values are of the same Go types in each, as an item of FROM that ends with an unnest(), and says whether it could. The
// arrays come out of a query of their own: where Postgres sees how short they are it takes a plan for that number to be cheaper than one for any, and
// plans each time anew.
func (m *manyRows) unnest(rows [][]any) bool {
	var arrays, calls strings.Builder
	for i := range rows[0] {
		values, kind := arrayOf(rows, i)
		if values == nil {
			return false
		}
		if i > 0 {
			arrays.WriteString(", ")
			calls.WriteString(", ")
		}
		m.args = append(m.args, values)
		fmt.Fprintf(&arrays, "$%d::%s[] AS a%d", len(m.args), kind, i)
		fmt.Fprintf(&calls, "w.a%d", i)
	}
	m.sql.WriteString("(SELECT " + arrays.String() + " OFFSET 0) w CROSS JOIN unnest(" + calls.String() + ")")
	return true
}

// arrayOf is one column of rows as an array, and the type of its elements; nil for a type that it does not know.
func arrayOf(rows [][]any, i int) (values any, kind string) {
	switch rows[0][i].(type) {
	case string, *string:
		return texts(rows, i), "text"
	case bool:
		return columnOf[bool](rows, i), "boolean"
	case int:
		return columnOf[int](rows, i), "bigint"
	case int64:
		return columnOf[int64](rows, i), "bigint"
	case []byte:
		return columnOf[[]byte](rows, i), "bytea"
	case time.Time:
		return columnOf[time.Time](rows, i), "timestamptz"
	}
	return nil, ""
}

// texts is a column of text, or of text that may be missing.
func texts(rows [][]any, i int) any {
	out := make([]string, len(rows))
	for n, r := range rows {
		switch v := r[i].(type) {
		case string:
			out[n] = v
		case *string:
			if v == nil {
				return missingTexts(rows, i)
			}
			out[n] = *v
		default:
			return nil
		}
	}
	return out
}

// missingTexts are texts of which one is NULL; the driver takes longer for them.
func missingTexts(rows [][]any, i int) any {
	out := make([]*string, len(rows))
	for n, r := range rows {
		switch v := r[i].(type) {
		case string:
			out[n] = &v
		case *string:
			out[n] = v
		default:
			return nil
		}
	}
	return out
}

func columnOf[T any](rows [][]any, i int) any {
	out := make([]T, len(rows))
	for n, r := range rows {
		v, same := r[i].(T)
		if !same {
			return nil
		}
		out[n] = v
	}
	return out
}

// names are n names of columns, c0 and so on.
func names(n int, form string) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, form, i)
	}
	return b.String()
}

// beside appends an INSERT of rows that tell of what was made: each of them names, in the same place of of, the id whose row must be among made.
func (m *manyRows) beside(name, into, values string, of []string, rows [][]any) bool {
	with := make([][]any, len(rows))
	for i, r := range rows {
		with[i] = append([]any{of[i]}, r...)
	}
	n := len(rows[0])
	m.sql.WriteString(", " + name + " AS (INSERT INTO " + into + " SELECT " + values + " FROM ")
	ok := m.unnest(with)
	m.sql.WriteString(" AS v (id, " + names(n, "c%d") + ") JOIN made ON made.id = v.id)")
	return ok
}

// tell appends the audit's and the log's rows.
func (m *manyRows) tell(of []string, events [][]any, rows []Row) bool {
	ok := m.beside("told", "audit_events ("+audit.Columns+")", names(auditColumns-1, "v.c%d")+fmt.Sprintf(", v.c%d::jsonb", auditColumns-1), of, events)
	kept := make([][]any, 0, len(rows))
	for _, r := range rows {
		if r.Insert == "" || r.Into != rows[0].Into || len(r.Values) != len(rows[0].Values) {
			break
		}
		kept = append(kept, database.Args(r.Values...))
	}
	switch len(kept) {
	case 0:
		return ok && rows[0].Insert == ""
	case len(rows):
		return m.beside("kept", rows[0].Into, names(len(rows[0].Values), "v.c%d"), of, kept) && ok
	}
	return false
}

package scim

import (
	"encoding/json"
	"strings"
)

// Match says whether the resource, complete with id and meta, satisfies the filter. The translation to SQL in internal/directory says the same
// of stored rows; a property test holds them together.
func Match(e Expr, r Resource) bool { return match(e, r, Path.values) }

// matchElement is Match within a value filter, for one value of the attribute.
func matchElement(e Expr, element map[string]any) bool {
	return match(e, element, func(p Path, element map[string]any) []any { return appendValue(nil, element[p.Sub.Name]) })
}

func match(e Expr, r map[string]any, values func(Path, map[string]any) []any) bool {
	switch e := e.(type) {
	case And:
		for _, x := range e {
			if !match(x, r, values) {
				return false
			}
		}
		return true
	case Or:
		for _, x := range e {
			if match(x, r, values) {
				return true
			}
		}
		return false
	case Not:
		return !match(e.X, r, values)
	case Compare:
		return e.holds(values(e.Path, r))
	}
	return false
}

// holds compares the values of the path.
func (c Compare) holds(values []any) bool {
	switch {
	case c.Op == Present, c.Op == Ne && c.Value.Kind == NullValue:
		return len(values) > 0
	case c.Op == Eq && c.Value.Kind == NullValue:
		return len(values) == 0
	case c.Op == Ne:
		return !(Compare{Path: c.Path, Op: Eq, Value: c.Value}).holds(values)
	}
	for _, v := range values {
		if c.holdsFor(v) {
			return true
		}
	}
	return false
}

func (c Compare) holdsFor(v any) bool {
	switch c.Value.Kind {
	case BoolValue:
		b, ok := v.(bool)
		return ok && b == c.Value.Bool
	case TimeValue:
		s, _ := v.(string)
		t, ok := parseTime(s)
		return ok && ordered(c.Op, t.Compare(c.Value.Time))
	case NumberValue:
		n, ok := v.(json.Number)
		if !ok {
			return false
		}
		f, err := n.Float64()
		return err == nil && ordered(c.Op, compareFloat(f, c.Value.Number))
	}
	s, ok := v.(string)
	return ok && c.Op.onText(c.Path.leaf().key(s), c.Value.Text)
}

// onText compares two strings that are in the form of Attribute.key; order is that of their bytes.
func (o Op) onText(s, with string) bool {
	switch o {
	case Co:
		return strings.Contains(s, with)
	case Sw:
		return strings.HasPrefix(s, with)
	case Ew:
		return strings.HasSuffix(s, with)
	}
	return ordered(o, strings.Compare(s, with))
}

func ordered(o Op, sign int) bool {
	switch o {
	case Eq:
		return sign == 0
	case Gt:
		return sign > 0
	case Ge:
		return sign >= 0
	case Lt:
		return sign < 0
	case Le:
		return sign <= 0
	}
	return false
}

func compareFloat(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// values are the simple values that the path reaches in the resource; for a complex attribute its present values themselves.
func (p Path) values(r map[string]any) []any {
	if p.Ext != nil {
		ext, _ := r[p.Ext.ID].(map[string]any)
		r = ext
	}
	var out []any
	for _, element := range appendValue(nil, r[p.Attr.Name]) {
		m, isComplex := element.(map[string]any)
		switch {
		case !isComplex:
			out = append(out, element)
		case p.Where != nil && !matchElement(p.Where, m):
		case p.Sub == nil:
			out = append(out, m)
		default:
			out = appendValue(out, m[p.Sub.Name])
		}
	}
	return out
}

// appendValue appends v, or each of its elements, unless unassigned (RFC 7643 §2.5).
func appendValue(out []any, v any) []any {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			out = appendValue(out, e)
		}
	case []string:
		for _, e := range v {
			out = append(out, e)
		}
	case map[string]any:
		if len(v) > 0 {
			out = append(out, v)
		}
	case string:
		if v != "" {
			out = append(out, v)
		}
	case nil:
	default:
		out = append(out, v)
	}
	return out
}

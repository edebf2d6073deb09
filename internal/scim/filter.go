package scim

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// Limits of a filter. Over them it is refused with invalidFilter.
const (
	MaxFilterLength = 10_000 // characters
	MaxFilterDepth  = 60     // brackets within brackets
	MaxFilterTerms  = 200    // comparisons
)

// Expr is a filter whose attributes are resolved and whose values have the attributes' types: And, Or, Not or Compare.
type Expr interface{ isExpr() }

// And is true when all are.
type And []Expr

// Or is true when one is.
type Or []Expr

// Not is true when X is not.
type Not struct{ X Expr }

// Compare holds the values of a path against one value. A multi-valued path matches when any of its values does, except that Ne is the
// opposite of Eq: it matches when no value is equal, so also when there is none. Within a value filter the path has only a Sub.
type Compare struct {
	Path  Path
	Op    Op
	Value Value
}

func (And) isExpr()     {}
func (Or) isExpr()      {}
func (Not) isExpr()     {}
func (Compare) isExpr() {}

// Op is a comparison operator (RFC 7644 Table 3).
type Op string

// The operators.
const (
	Eq      Op = "eq"
	Ne      Op = "ne"
	Co      Op = "co"
	Sw      Op = "sw"
	Ew      Op = "ew"
	Gt      Op = "gt"
	Ge      Op = "ge"
	Lt      Op = "lt"
	Le      Op = "le"
	Present Op = "pr"
)

var operators = map[string]Op{"eq": Eq, "ne": Ne, "co": Co, "sw": Sw, "ew": Ew, "gt": Gt, "ge": Ge, "lt": Lt, "le": Le, "pr": Present}

// orders says whether the operator asks for more or less.
func (o Op) orders() bool { return o == Gt || o == Ge || o == Lt || o == Le }

// partial says whether the operator looks at a part of a string.
func (o Op) partial() bool { return o == Co || o == Sw || o == Ew }

// ValueKind says which field of a Value counts.
type ValueKind int

// The kinds of value.
const (
	NullValue ValueKind = iota
	TextValue
	BoolValue
	NumberValue
	TimeValue
)

// Value is what a filter compares with, in the type of its attribute. Text is folded where the attribute is compared without regard to case;
// Time is UTC, cut to microseconds.
type Value struct {
	Kind   ValueKind
	Text   string
	Raw    string // Text as written
	Bool   bool
	Number float64
	Time   time.Time
}

// literal is a value as written, before its attribute's type is known.
type literal struct {
	text string
	null bool // the word null
}

// bind gives a literal the type of the attribute, and refuses operators that the type does not have.
func bind(a *Attribute, op Op, l literal) (Value, error) {
	if l.null {
		if op != Eq && op != Ne {
			return Value{}, invalid(InvalidFilter, "%s cannot be used with null.", op)
		}
		return Value{}, nil
	}
	if op.partial() && !textual(a.Type) {
		return Value{}, invalid(InvalidFilter, "%s cannot be used with %s, which is of type %s.", op, a.Name, a.Type)
	}
	switch a.Type {
	case Boolean:
		return bindBool(a, op, l)
	case DateTime:
		return bindTime(a, l)
	case Integer, Decimal:
		return bindNumber(a, l)
	case Binary:
		if op.orders() {
			return Value{}, invalid(InvalidFilter, "%s cannot be used with %s, which is of type binary.", op, a.Name)
		}
	}
	return bindText(a, l)
}

func textual(t Type) bool { return t == String || t == Reference || t == Binary }

func bindBool(a *Attribute, op Op, l literal) (Value, error) {
	if op.orders() {
		return Value{}, invalid(InvalidFilter, "%s cannot be used with %s, which is of type boolean.", op, a.Name)
	}
	b, ok := parseBool(l.text)
	if !ok {
		return Value{}, invalid(InvalidFilter, "%s is compared with true or false.", a.Name)
	}
	return Value{Kind: BoolValue, Bool: b}, nil
}

func bindTime(a *Attribute, l literal) (Value, error) {
	t, ok := parseTime(l.text)
	if !ok {
		return Value{}, invalid(InvalidFilter, `%s is compared with a date and time such as "2026-11-22T10:00:00Z".`, a.Name)
	}
	return Value{Kind: TimeValue, Time: t}, nil
}

func bindNumber(a *Attribute, l literal) (Value, error) {
	n, err := strconv.ParseFloat(l.text, 64)
	if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
		return Value{}, invalid(InvalidFilter, "%s is compared with a number.", a.Name)
	}
	return Value{Kind: NumberValue, Number: n}, nil
}

func bindText(a *Attribute, l literal) (Value, error) {
	if !Storable(l.text) {
		return Value{}, invalid(InvalidFilter, "The value for %s is not text: it holds a NUL or is not UTF-8.", a.Name)
	}
	return Value{Kind: TextValue, Text: a.key(l.text), Raw: l.text}, nil
}

// key is the form in which values of the attribute are compared.
func (a *Attribute) key(s string) string {
	if a.CaseExact {
		return s
	}
	return Fold(s)
}

// parseBool reads true and false in any letter case, as Entra writes them.
func parseBool(s string) (value, ok bool) {
	switch {
	case strings.EqualFold(s, "true"):
		return true, true
	case strings.EqualFold(s, "false"):
		return false, true
	}
	return false, false
}

// parseTime reads an xsd:dateTime (RFC 7643 §2.3.5); one without a zone is UTC.
func parseTime(s string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999"} {
		if t, err := time.Parse(layout, s); err == nil && t.Year() > 0 && t.Year() < 9999 {
			return t.UTC().Truncate(time.Microsecond), true
		}
	}
	return time.Time{}, false
}

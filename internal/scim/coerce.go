package scim

import (
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"

	"github.com/countersign/countersign/internal/fault"
)

// value brings what a client sent for an attribute into canonical form; nil means absent.
func (rd reader) value(a *Attribute, v any) (any, error) {
	if !a.Multi {
		return rd.single(a, v)
	}
	list, ok := v.([]any)
	if !ok {
		list = []any{v} // one value where an array is expected
	}
	var out []any
	for _, e := range list {
		if _, nested := e.([]any); nested {
			return nil, rd.wrong(a)
		}
		got, err := rd.single(a, e)
		if err != nil {
			return nil, err
		}
		if got != nil && !blank(e, got) {
			out = append(out, got)
		}
	}
	if len(out) == 0 {
		return nil, nil
	}
	if err := fewEnough(a, out); err != nil {
		return nil, err
	}
	keepOnePrimary(out, 0)
	return distinct(out), nil
}

// blank says whether a client sent an element whose value is expressly nothing, as templates with unset variables do: {"value":"","type":"work"}.
func blank(sent, got any) bool {
	m, _ := sent.(map[string]any)
	v, said := member(m, "value")
	if !said || v != nil && v != "" {
		return false
	}
	for part := range got.(map[string]any) {
		if part != "type" && part != "primary" {
			return false
		}
	}
	return true
}

// distinct leaves out values that are equal to an earlier one.
func distinct(list []any) []any {
	if len(list) < 2 {
		return list
	}
	seen := make(map[string]bool, len(list))
	var out []any
	for _, v := range list {
		key, err := json.Marshal(v) // objects come out with sorted names
		if err != nil || !seen[string(key)] {
			out = append(out, v)
		}
		seen[string(key)] = true
	}
	return out
}

func (rd reader) single(a *Attribute, v any) (any, error) {
	if list, ok := v.([]any); ok { // an array where one value is expected: Entra sends a manager so
		switch {
		case len(list) == 0:
			return nil, nil
		case a.Type == Complex, len(list) == 1:
			v = list[0]
		}
	}
	if v == nil || v == "" {
		return nil, nil
	}
	switch a.Type {
	case Complex:
		return rd.complex(a, v)
	case Boolean:
		return rd.boolean(a, v)
	case Integer, Decimal:
		return rd.number(a, v)
	}
	s, ok := scalar(v)
	if !ok {
		return nil, rd.wrong(a)
	}
	return checkText(a, s)
}

// scalar is a string, or a number or boolean as text: Okta's own samples send numbers for strings.
func scalar(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case bool:
		return strconv.FormatBool(v), true
	}
	return "", false
}

func checkText(a *Attribute, s string) (any, error) {
	if !Storable(s) {
		return nil, invalid(InvalidValue, "%s holds a NUL character.", a.Name)
	}
	if a.Indexed && (len(s) > MaxIndexed || len(a.key(s)) > MaxIndexed) {
		return nil, invalid(InvalidValue, "%s is longer than %d bytes.", a.Name, MaxIndexed)
	}
	if a.Type == DateTime {
		if _, ok := parseTime(s); !ok {
			return nil, invalid(InvalidValue, `%s is a date and time such as "2026-11-22T10:00:00Z".`, a.Name)
		}
	}
	return s, nil
}

func (rd reader) boolean(a *Attribute, v any) (any, error) {
	switch v := v.(type) {
	case bool:
		return v, nil
	case string:
		s := strings.TrimSpace(v)
		if s == "" {
			return nil, nil
		}
		if b, ok := parseBool(s); ok {
			return b, nil
		}
		return nil, invalid(InvalidValue, "%s has to be true or false.", a.Name)
	}
	return nil, rd.wrong(a)
}

func (rd reader) number(a *Attribute, v any) (any, error) {
	s, ok := scalar(v)
	if _, isBool := v.(bool); !ok || isBool {
		return nil, rd.wrong(a)
	}
	s = strings.TrimSpace(s)
	if a.Type == Integer {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return nil, invalid(InvalidValue, "%s is a whole number of at most 64 bits.", a.Name)
		}
		return json.Number(strconv.FormatInt(n, 10)), nil
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		return nil, invalid(InvalidValue, "%s is a number.", a.Name)
	}
	return json.Number(strconv.FormatFloat(f, 'f', -1, 64)), nil
}

// complex reads an object; a bare value where an object is expected is its value: managers come as strings.
func (rd reader) complex(a *Attribute, v any) (any, error) {
	m, ok := v.(map[string]any)
	if !ok {
		s, plain := scalar(v)
		if _, isBool := v.(bool); !plain || isBool || a.sub("value") == nil {
			return nil, rd.wrong(a)
		}
		m = map[string]any{"value": s, "display": shownBy(s)}
	}
	out := map[string]any{}
	for _, key := range sortedKeys(m) {
		s := a.part(key)
		if s == nil || !s.writable() {
			continue
		}
		got, err := rd.value(s, m[key])
		if err != nil {
			return nil, within(a, err)
		}
		if got != nil {
			out[s.Name] = got
		}
	}
	if len(out) == 0 {
		return nil, nil
	}
	return out, nil
}

// shownBy is the name in a value that is itself JSON, as Entra writes app roles into a string ({"id":…,"value":…,"displayName":…}); nil for
// none. The value stays as sent.
func shownBy(s string) any {
	if !strings.HasPrefix(s, "{") {
		return nil
	}
	m, err := ParseObject([]byte(s))
	if err != nil {
		return nil
	}
	for _, name := range []string{"displayName", "display"} {
		if shown, ok := member(m, name); ok {
			if text, ok := shown.(string); ok {
				return text
			}
		}
	}
	return nil
}

// part finds a sub-attribute as clients name it: Entra calls the display of a role displayName.
func (a *Attribute) part(name string) *Attribute {
	if s := a.sub(name); s != nil || !strings.EqualFold(name, "displayName") {
		return s
	}
	return a.sub("display")
}

// within says which attribute the part belongs to that a refusal names first: "emails.value is …".
func within(a *Attribute, err error) error {
	var f *fault.Error
	if errors.As(err, &f) {
		return f.Saying("%s.%s", a.Name, f.Detail)
	}
	return err
}

func (rd reader) wrong(a *Attribute) error {
	return invalid(rd.wrongType, "%s is not of type %s.", a.Name, a.Type)
}

// keepOnePrimary leaves primary true for at most one value (RFC 7643 §2.4): the first at or after index from, else the first.
func keepOnePrimary(list []any, from int) {
	keep := -1
	for i := range list {
		if j := (from + i) % len(list); isPrimary(list[j]) {
			keep = j
			break
		}
	}
	for i, e := range list {
		if i != keep && isPrimary(e) {
			e.(map[string]any)["primary"] = false
		}
	}
}

func isPrimary(v any) bool {
	m, _ := v.(map[string]any)
	p, _ := m["primary"].(bool)
	return p
}

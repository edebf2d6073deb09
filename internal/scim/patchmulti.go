package scim

import (
	"slices"
	"strings"
)

// setMulti works on a multi-valued attribute: on all of it, on a part of all its values, or on the values that a filter chooses.
func (e *editor) setMulti(op Operation, p Path) error {
	list, _ := p.home(e.r, false)[p.Attr.Name].([]any)
	var err error
	switch {
	case p.Where != nil:
		list, err = e.setChosen(op, p, list)
	case p.Sub != nil:
		list, err = e.setParts(op, p, list)
	default:
		list, err = e.setAll(op, p, list)
	}
	if err != nil {
		return err
	}
	if list = distinct(list); len(list) == 0 {
		e.unset(p)
		return nil
	}
	p.home(e.r, true)[p.Attr.Name] = list
	return fewEnough(p.Attr, list)
}

// MaxValues is how many values a multi-valued attribute may have; members are rows and have no such limit.
const MaxValues = 500

func fewEnough(a *Attribute, list []any) error {
	if len(list) > MaxValues {
		return invalid(InvalidValue, "%s may have at most %d values.", a.Name, MaxValues)
	}
	return nil
}

// maxWork bounds how many comparisons of values one PATCH may cost.
const maxWork = 5_000_000

func (e *editor) spend(comparisons int) error {
	if e.work += comparisons; e.work > maxWork {
		return tooLarge("The filters of this PATCH take more than %d comparisons. Send it in parts.", maxWork)
	}
	return nil
}

// terms counts the comparisons of a filter.
func terms(e Expr) int {
	n := 0
	switch e := e.(type) {
	case And:
		for _, x := range e {
			n += terms(x)
		}
	case Or:
		for _, x := range e {
			n += terms(x)
		}
	case Not:
		n = terms(e.X)
	case Compare:
		n = 1
	}
	return n
}

func (e *editor) setAll(op Operation, p Path, list []any) ([]any, error) {
	if op.Op == remove && op.Value == nil {
		return nil, nil
	}
	v, err := e.value(p.Attr, op.Value)
	if err != nil {
		return nil, err
	}
	sent, _ := v.([]any)
	if err := e.spend(len(list) * len(sent)); err != nil {
		return nil, err
	}
	switch op.Op {
	case replace:
		return sent, nil
	case remove:
		return e.unlist(p.Attr, list, op.Value, sent)
	}
	return appendValues(p.Attr, list, sent), nil
}

// unlist removes exactly the values that a remove names (Entra's form; "value in (…)"), never all of them because it named none we know.
func (e *editor) unlist(a *Attribute, list []any, said any, sent []any) ([]any, error) {
	if l, ok := said.([]any); len(sent) == 0 && !(ok && len(l) == 0) {
		return nil, invalid(InvalidValue, "The value of remove names no value of %s.", a.Name)
	}
	return slices.DeleteFunc(list, func(have any) bool {
		return slices.ContainsFunc(sent, func(named any) bool { return names(a, named, have) })
	}), nil
}

// names says whether every identifying part of named is the same in have: its value and type, or all its parts where it has no value.
func names(a *Attribute, named, have any) bool {
	n, ok := named.(map[string]any)
	if !ok {
		return sameText(a, named, have)
	}
	h, _ := have.(map[string]any)
	for part, v := range n {
		if n["value"] != nil && part != "value" && part != "type" || part == "primary" {
			continue
		}
		if !sameText(a.sub(part), v, h[part]) {
			return false
		}
	}
	return true
}

func sameText(a *Attribute, x, y any) bool {
	s, ok1 := x.(string)
	t, ok2 := y.(string)
	if ok1 && ok2 {
		return a.key(s) == a.key(t)
	}
	return equal(x, y)
}

// appendValues adds values; one that is there already, by value and type, is completed instead (RFC 7643 §2.4: no pair twice).
func appendValues(a *Attribute, list, sent []any) []any {
	first := -1
	for _, v := range sent {
		at := slices.IndexFunc(list, func(have any) bool { return sameValue(a, v, have) })
		if at < 0 {
			at = len(list)
			list = append(list, v)
		} else if into, ok := list[at].(map[string]any); ok {
			for part, x := range v.(map[string]any) {
				into[part] = x
			}
		}
		if first < 0 && isPrimary(v) {
			first = at
		}
	}
	if first >= 0 {
		keepOnePrimary(list, first)
	}
	return list
}

// sameValue says whether two values have the same value and type; values without a value are compared in all their parts.
func sameValue(a *Attribute, x, y any) bool {
	m, ok1 := x.(map[string]any)
	n, ok2 := y.(map[string]any)
	if !ok1 || !ok2 {
		return sameText(a, x, y)
	}
	if m["value"] == nil || n["value"] == nil {
		return equal(x, y)
	}
	return sameText(a.sub("value"), m["value"], n["value"]) && (a.sub("type") == nil || sameText(a.sub("type"), m["type"], n["type"]))
}

// setParts works on one part of every value.
func (e *editor) setParts(op Operation, p Path, list []any) ([]any, error) {
	if len(list) == 0 && op.Op != remove {
		list = []any{map[string]any{}}
	}
	all := make([]int, len(list))
	for i := range all {
		all[i] = i
	}
	return e.change(op, p, list, all)
}

// hollow says whether a value has nothing but what it is for.
func hollow(v any) bool {
	m, ok := v.(map[string]any)
	for part := range m {
		if part != "type" && part != "primary" && part != "display" {
			return false
		}
	}
	return ok
}

// setChosen works on the values that the path's filter chooses.
func (e *editor) setChosen(op Operation, p Path, list []any) ([]any, error) {
	var chosen []int
	if err := e.spend(len(list) * terms(p.Where)); err != nil {
		return nil, err
	}
	for i, element := range list {
		if m, ok := element.(map[string]any); ok && matchElement(p.Where, m) {
			chosen = append(chosen, i)
		}
	}
	switch {
	case op.Op == remove && p.Sub == nil:
		return without(list, chosen), nil
	case op.Op != remove && len(chosen) == 0:
		return e.create(op, p, list)
	}
	return e.change(op, p, list, chosen)
}

// without is the list without the values at the indexes.
func without(list []any, at []int) []any {
	var out []any
	for i, v := range list {
		if !slices.Contains(at, i) {
			out = append(out, v)
		}
	}
	return out
}

// change works on the values at the indexes. A value that loses everything but what it is for is dropped.
func (e *editor) change(op Operation, p Path, list []any, at []int) ([]any, error) {
	var gone []int
	primary := -1
	for _, i := range at {
		m, was := list[i].(map[string]any), hollow(list[i])
		var err error
		if op.Op == remove {
			delete(m, p.Sub.Name)
		} else if m, err = e.merge(p, m, op.Value); err != nil {
			return nil, err
		}
		list[i] = m
		if len(m) == 0 || !was && hollow(m) {
			gone = append(gone, i)
		} else if primary < 0 && isPrimary(m) {
			primary = i
		}
	}
	if primary >= 0 {
		keepOnePrimary(list, primary)
	}
	return without(list, gone), nil
}

// create makes the value that Entra means when it sets emails[type eq "work"].value where there is none, and refuses what RFC 7644 §3.5.2.3
// refuses. The filter must say by eq what the value is for, and replace must name one of the usual kinds.
func (e *editor) create(op Operation, p Path, list []any) ([]any, error) {
	element := map[string]any{}
	if p.Sub == nil || !pinned(p.Where, element) || op.Op == replace && !usual(p.Attr, element) {
		return nil, invalid(NoTarget, "%s has no value that the filter chooses.", p.Attr.Name)
	}
	v, err := e.value(p.Sub, op.Value)
	if err != nil || v == nil {
		return list, err
	}
	element[p.Sub.Name] = v
	list = append(list, element)
	if isPrimary(element) {
		keepOnePrimary(list, len(list)-1)
	}
	return list, nil
}

// pinned collects what a filter of eq on type and primary, joined by and, says of the value it wants.
func pinned(where Expr, element map[string]any) bool {
	switch w := where.(type) {
	case And:
		for _, x := range w {
			if !pinned(x, element) {
				return false
			}
		}
		return true
	case Compare:
		name := w.Path.Sub.Name
		switch {
		case w.Op != Eq || w.Path.Where != nil:
		case name == "type" && w.Value.Kind == TextValue && w.Value.Raw != "":
			element[name] = w.Value.Raw
			return true
		case name == "primary" && w.Value.Kind == BoolValue:
			element[name] = w.Value.Bool
			return true
		}
	}
	return false
}

// usual says whether the wanted kind of value is one that the schema or common practice knows; none at all (only primary) is usual too.
func usual(a *Attribute, element map[string]any) bool {
	kind, said := element["type"].(string)
	if !said {
		return true
	}
	known := append([]string{"work", "home", "other"}, a.sub("type").Canonical...)
	return slices.ContainsFunc(known, func(k string) bool { return strings.EqualFold(k, kind) })
}

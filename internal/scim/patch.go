package scim

import (
	"errors"
	"strings"

	"github.com/countersign/countersign/internal/fault"
)

// MaxOperations is how many operations one PATCH may hold.
const MaxOperations = 1000

// The operations of PATCH.
const (
	add     = "add"
	replace = "replace"
	remove  = "remove"
)

var errUnknownPath = fault.New(fault.Invalid, InvalidPath, "")

// Operation is one operation of a PATCH (RFC 7644 §3.5.2).
type Operation struct {
	Op    string // add, replace or remove
	Path  string // "" for none
	Value any
	Said  bool // whether value was there at all
}

// Patched is what a PATCH makes of a resource.
type Patched struct {
	Resource Resource
	Members  []MemberChange // of a Group, in order
}

// ParsePatch reads the body of a PATCH; schemas may be missing, names have any letter case, unknown members are ignored.
func ParsePatch(body map[string]any) ([]Operation, error) {
	v, _ := member(body, "Operations")
	list, ok := v.([]any)
	if !ok || len(list) == 0 {
		return nil, invalid(InvalidSyntax, "Operations is missing or empty.")
	}
	if len(list) > MaxOperations {
		return nil, tooLarge("A PATCH may hold at most %d operations; this one has %d.", MaxOperations, len(list))
	}
	ops := make([]Operation, len(list))
	for i, e := range list {
		var err error
		if ops[i], err = parseOperation(e); err != nil {
			return nil, inOperation(i, err)
		}
	}
	return ops, nil
}

func parseOperation(v any) (Operation, error) {
	m, ok := v.(map[string]any)
	if !ok {
		return Operation{}, invalid(InvalidSyntax, "an operation is an object.")
	}
	word, _ := member(m, "op")
	name, _ := word.(string)
	op := Operation{Op: strings.ToLower(strings.TrimSpace(name))}
	if op.Op != add && op.Op != replace && op.Op != remove {
		return Operation{}, invalid(InvalidSyntax, "op is add, replace or remove.")
	}
	path, _ := member(m, "path")
	if op.Path, ok = path.(string); !ok && path != nil {
		return Operation{}, invalid(InvalidPath, "path is a string.")
	}
	op.Path = strings.TrimSpace(op.Path)
	op.Value, op.Said = member(m, "value")
	return op, nil
}

// inOperation says which operation is wrong, counted from 1.
func inOperation(i int, err error) error {
	var f *fault.Error
	if errors.As(err, &f) {
		return f.Saying("Operation %d: %s", i+1, f.Detail)
	}
	return err
}

// Patch applies the operations in order, each on the result of the one before, to a copy of r. r holds only attributes that clients write.
func (rt *ResourceType) Patch(r Resource, ops []Operation) (Patched, error) {
	e := editor{reader: reader{rt: rt, wrongType: InvalidValue}, r: Clone(r)}
	for i, op := range ops {
		if err := e.apply(op); err != nil {
			return Patched{}, inOperation(i, err)
		}
	}
	return Patched{Resource: e.r, Members: e.members}, rt.Validate(e.r)
}

// editor holds the resource while it is patched.
type editor struct {
	reader
	r       Resource
	members []MemberChange
	work    int // comparisons so far
}

func (e *editor) apply(op Operation) error {
	if op.Op != remove && !op.Said {
		return invalid(InvalidValue, "%s needs a value.", op.Op)
	}
	if op.Path == "" || op.Op != remove && strings.EqualFold(op.Path, e.rt.Core.ID) { // the core schema's URN alone means all that is in it
		return e.applyPathless(op)
	}
	p, err := e.rt.ParsePath(op.Path)
	if err != nil {
		return err
	}
	if p.Attr == nil {
		return e.applyExtension(op, p.Ext)
	}
	if l := p.leaf(); l.Mutability == ReadOnly || p.Attr.Mutability == ReadOnly {
		return invalid(MutabilityErr, "%s is read-only.", l.Name)
	}
	return e.set(op, p)
}

// applyPathless takes each member of the value as a path of its own. What is unknown or read-only is skipped.
func (e *editor) applyPathless(op Operation) error {
	if op.Op == remove {
		return invalid(NoTarget, "remove needs a path.")
	}
	m, ok := op.Value.(map[string]any)
	if !ok {
		return invalid(InvalidValue, "Without a path, the value is an object.")
	}
	for _, key := range sortedKeys(m) {
		if err := e.applyKey(op.Op, key, m[key]); err != nil {
			return err
		}
	}
	return nil
}

func (e *editor) applyKey(op, key string, v any) error {
	if m, ok := v.(map[string]any); ok && strings.EqualFold(key, e.rt.Core.ID) {
		return e.applyPathless(Operation{Op: op, Value: m, Said: true})
	}
	p, err := e.rt.ParsePath(key)
	switch {
	case errors.Is(err, errUnknownPath):
		return nil
	case err != nil:
		return err
	case p.Attr == nil:
		return e.applyExtension(Operation{Op: op, Value: v, Said: true}, p.Ext)
	case p.leaf().Mutability == ReadOnly, p.Attr.Mutability == ReadOnly:
		return nil
	case v == nil && p.Attr.Default != nil:
		return nil
	}
	return e.set(Operation{Op: op, Value: v, Said: true}, p)
}

// applyExtension works on the attributes of a whole extension.
func (e *editor) applyExtension(op Operation, ext *Schema) error {
	if op.Op == remove || op.Value == nil || op.Value == "" {
		delete(e.r, ext.ID)
		return nil
	}
	m, ok := op.Value.(map[string]any)
	if !ok {
		return invalid(InvalidValue, "%s is an object.", ext.ID)
	}
	for _, key := range sortedKeys(m) {
		if err := e.applyKey(op.Op, ext.ID+":"+key, m[key]); err != nil {
			return err
		}
	}
	return nil
}

func (e *editor) set(op Operation, p Path) error {
	switch {
	case p.Attr.Mutability == WriteOnly: // a password: accepted and dropped
		return nil
	case p.Attr.Detached:
		return e.setMembers(op, p)
	case p.Attr.Multi:
		return e.setMulti(op, p)
	case p.Attr.Type == Complex:
		return e.setComplex(op, p)
	}
	return e.setSimple(op, p)
}

// setSimple works on a singular attribute without parts; add and replace are the same.
func (e *editor) setSimple(op Operation, p Path) error {
	var v any
	if op.Op != remove {
		var err error
		if v, err = e.value(p.Attr, op.Value); err != nil {
			return err
		}
	}
	if v != nil {
		p.home(e.r, true)[p.Attr.Name] = v
		return nil
	}
	switch {
	case op.Op != remove && (p.Attr.Required || p.Attr.Default != nil):
		return invalid(InvalidValue, "%s cannot be empty.", p.Attr.Name)
	case p.Attr.Required:
		return invalid(MutabilityErr, "%s is required and cannot be removed.", p.Attr.Name)
	case p.Attr.Default != nil: // unassigned, it is what it is for somebody new
		p.home(e.r, true)[p.Attr.Name] = p.Attr.Default
		return nil
	}
	e.unset(p)
	return nil
}

// unset removes an attribute, and its extension when that was all of it.
func (e *editor) unset(p Path) {
	home := p.home(e.r, false)
	delete(home, p.Attr.Name)
	if p.Ext != nil && len(home) == 0 {
		delete(e.r, p.Ext.ID)
	}
}

// setComplex works on a singular attribute with parts (name, manager): parts that are not named stay.
func (e *editor) setComplex(op Operation, p Path) error {
	current, _ := p.home(e.r, false)[p.Attr.Name].(map[string]any)
	if p.Where != nil && (current == nil || !matchElement(p.Where, current)) {
		if op.Op == remove {
			return nil
		}
		return invalid(NoTarget, "%s has no value that the filter chooses.", p.Attr.Name)
	}
	next := map[string]any{}
	if current != nil {
		next = current
	}
	switch {
	case op.Op == remove && p.Sub == nil:
		if e.otherValue(p.Attr, op, current) {
			return nil
		}
		next = nil
	case op.Op == remove:
		delete(next, p.Sub.Name)
	default:
		var err error
		if next, err = e.merge(p, next, op.Value); err != nil {
			return err
		}
	}
	if len(next) == 0 {
		e.unset(p)
		return nil
	}
	p.home(e.r, true)[p.Attr.Name] = next
	return nil
}

// otherValue says whether a remove names a value that is not the current one; then it has happened already.
func (e *editor) otherValue(a *Attribute, op Operation, current map[string]any) bool {
	if op.Value == nil || a.sub("value") == nil {
		return false
	}
	got, err := e.single(a, op.Value)
	named, ok := got.(map[string]any)
	return err == nil && ok && named["value"] != nil && current != nil && named["value"] != current["value"]
}

// merge puts what a client sent for p, or for its part, into the parts of one value. Empty parts are cleared; an empty value clears all.
func (e *editor) merge(p Path, into map[string]any, v any) (map[string]any, error) {
	if p.Sub != nil {
		return into, within(p.Attr, e.putPart(p.Sub, into, v))
	}
	if list, ok := v.([]any); ok && len(list) > 0 {
		v = list[0]
	}
	m, ok := v.(map[string]any)
	if !ok {
		got, err := e.single(p.Attr, v)
		if err != nil || got == nil {
			return nil, err
		}
		m = got.(map[string]any)
	}
	for _, key := range sortedKeys(m) {
		if s := p.Attr.part(key); s != nil && s.writable() {
			if err := e.putPart(s, into, m[key]); err != nil {
				return nil, within(p.Attr, err)
			}
		}
	}
	return into, nil
}

func (e *editor) putPart(s *Attribute, into map[string]any, v any) error {
	got, err := e.value(s, v)
	switch {
	case err != nil:
		return err
	case got == nil:
		delete(into, s.Name)
	default:
		into[s.Name] = got
	}
	return nil
}

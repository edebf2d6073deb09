package scim

import "strings"

// MemberKind is what a MemberChange does.
type MemberKind int

// The kinds of change.
const (
	AddMembers     MemberKind = iota // add IDs
	RemoveMembers                    // remove IDs
	ReplaceMembers                   // exactly IDs, none for an empty list
	RemoveWhere                      // remove those that Where chooses
)

// MemberChange is one change of a group's members. A PATCH gives a list of them, to be applied in order, so that its cost depends on the
// change and not on the size of the group.
type MemberChange struct {
	Kind  MemberKind
	IDs   []string // each once
	Where Expr     // a value filter on members
}

func (e *editor) setMembers(op Operation, p Path) error {
	if p.Where != nil {
		return e.removeChosen(op, p)
	}
	if p.Sub != nil && (p.Sub.Name != "value" || op.Op != add) {
		return invalid(MutabilityErr, "Members can be added and removed, not changed.")
	}
	ids, err := e.reader.members(op.Value)
	if err != nil {
		return err
	}
	change := MemberChange{IDs: ids}
	switch op.Op {
	case add:
		change.Kind = AddMembers
	case replace:
		change.Kind = ReplaceMembers
	case remove:
		change.Kind = RemoveMembers
		if op.Value == nil {
			change.Kind = ReplaceMembers // by nobody
		} else if l, ok := op.Value.([]any); len(ids) == 0 && !(ok && len(l) == 0) {
			return invalid(InvalidValue, "The value of remove names no member.")
		}
	}
	e.members = append(e.members, change)
	return nil
}

func (e *editor) removeChosen(op Operation, p Path) error {
	if op.Op != remove || p.Sub != nil {
		return invalid(MutabilityErr, "Members can be added and removed, not changed.")
	}
	change := MemberChange{Kind: RemoveWhere, Where: p.Where}
	if ids, ok := valuesIn(p.Where); ok {
		change = MemberChange{Kind: RemoveMembers, IDs: ids}
	}
	e.members = append(e.members, change)
	return nil
}

// valuesIn are the ids of a filter that only says value eq, or several of them joined by or.
func valuesIn(where Expr) ([]string, bool) {
	switch w := where.(type) {
	case Compare:
		if w.Op == Eq && w.Path.Sub.Name == "value" && w.Value.Kind == TextValue {
			return []string{w.Value.Text}, true
		}
	case Or:
		var all []string
		for _, x := range w {
			ids, ok := valuesIn(x)
			if !ok {
				return nil, false
			}
			all = append(all, ids...)
		}
		return all, true
	}
	return nil, false
}

// members reads member ids from an array, one object or a bare id, each once. A team as a member is refused.
func (rd reader) members(v any) ([]string, error) {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	var ids []string
	seen := map[string]bool{}
	for _, e := range list {
		id, err := rd.member(e)
		if err != nil {
			return nil, err
		}
		if id != "" && !seen[id] {
			seen[id] = true
			ids = append(ids, id)
		}
	}
	return ids, nil
}

func (rd reader) member(v any) (string, error) {
	m, ok := v.(map[string]any)
	if ok {
		if kind, _ := member(m, "type"); kind != nil {
			if s, _ := kind.(string); strings.EqualFold(s, "Group") {
				return "", invalid(InvalidValue, "A team cannot be a member of a team.")
			}
		}
		v, _ = member(m, "value")
		if v == nil || v == "" {
			v = lastSegment(m)
		}
	}
	if v == nil {
		return "", nil
	}
	id, ok := scalar(v)
	if _, isBool := v.(bool); !ok || isBool {
		return "", invalid(rd.wrongType, "A member is named by its id, a string.")
	}
	if !Storable(id) || len(id) > MaxIndexed {
		return "", invalid(InvalidValue, "A member's id is text of at most %d bytes.", MaxIndexed)
	}
	return id, nil
}

// lastSegment is the id in a member's $ref, for clients that send nothing else.
func lastSegment(m map[string]any) any {
	ref, _ := member(m, "$ref")
	s, _ := ref.(string)
	if s == "" {
		return nil
	}
	return s[strings.LastIndexByte(s, '/')+1:]
}

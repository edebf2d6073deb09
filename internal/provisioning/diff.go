package provisioning

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// FieldChange is one attribute before and after, masked; nil is an attribute that was not there.
type FieldChange struct {
	Attribute string          `json:"attribute"`
	Before    json.RawMessage `json:"before,omitempty"`
	After     json.RawMessage `json:"after,omitempty"`
}

// Diff is in which attributes two resources differ, sorted by name. Objects are compared member by member, lists as a whole.
func Diff(before, after map[string]any) []FieldChange {
	out := []FieldChange{}
	diff(&out, "", before, after)
	return out
}

func diff(out *[]FieldChange, prefix string, before, after map[string]any) {
	names := slices.Sorted(maps.Keys(before))
	for name := range after {
		if _, both := before[name]; !both {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		b, a := before[name], after[name]
		if reflect.DeepEqual(b, a) {
			continue
		}
		bm, bok := b.(map[string]any)
		am, aok := a.(map[string]any)
		if (bok || b == nil) && (aok || a == nil) && (bok || aok) {
			diff(out, prefix+name+separator(name), bm, am)
			continue
		}
		*out = append(*out, FieldChange{Attribute: prefix + name, Before: maskedPart(prefix, name, b), After: maskedPart(prefix, name, a)})
	}
}

// separator stands between an attribute and its part; a schema's URN ends with a colon.
func separator(name string) string {
	if strings.HasPrefix(name, "urn:") {
		return ":"
	}
	return "."
}

func maskedPart(prefix, name string, v any) json.RawMessage {
	if v == nil {
		return nil
	}
	attr := root(prefix + name)
	w := masker{}
	switch last := strings.ToLower(name); {
	case secret(prefix + name):
		w.string(removed)
	case personal[attr]:
		w.value(v, false, attr)
	default:
		w.value(v, shown[attr] && shown[last], attr)
	}
	return w.dst
}

// changes is the column: JSON of the differences. A creation has none, because its answer says it all; a deletion shows what went.
func (e *Entry) changes() *string {
	if e.Before == nil || e.Result != OK {
		return nil
	}
	b, err := json.Marshal(Diff(e.Before, e.After))
	if err != nil {
		return nil
	}
	s := string(b)
	return &s
}

// ofAnswer are the changes of a creation: every attribute of what was answered, but what this service added.
func ofAnswer(response string) []FieldChange {
	var m map[string]json.RawMessage
	if json.Unmarshal([]byte(response), &m) != nil {
		return nil
	}
	out := []FieldChange{}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		switch name {
		case "id", "meta", "schemas", "groups":
		default:
			out = append(out, FieldChange{Attribute: name, After: m[name]})
		}
	}
	return out
}

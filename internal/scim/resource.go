package scim

import (
	"maps"
	"slices"
)

// Resource is a resource in canonical form: string, bool, json.Number, map[string]any and []any under the names of the schema, extensions
// under their URN.
type Resource = map[string]any

// Clone is a copy that shares nothing with r.
func Clone(r Resource) Resource { return clone(r).(Resource) }

func clone(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, x := range v {
			out[k] = clone(x)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = clone(x)
		}
		return out
	}
	return v
}

// Equal says whether two canonical resources say the same. The order of multi-valued attributes has no meaning for the RFC but is kept, so it
// counts here.
func Equal(a, b Resource) bool { return equal(a, b) }

func equal(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		return ok && maps.EqualFunc(a, b, equal)
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, equal)
	}
	return a == b
}

// Keys is the twin of r that filters and sorting look at: strings without regard to case are folded, times are in one sortable form. Keys of
// attributes that are never returned are left out.
func (rt *ResourceType) Keys(r Resource) Resource {
	out := make(Resource, len(r))
	for _, s := range rt.schemas() {
		from, into := r, out
		if s.ID != rt.Core.ID && s != rt.common {
			ext, ok := r[s.ID].(map[string]any)
			if !ok {
				continue
			}
			from, into = ext, make(map[string]any, len(ext))
			out[s.ID] = into
		}
		for _, a := range s.Attributes {
			if v, ok := from[a.Name]; ok && a.Returned != Never {
				into[a.Name] = a.keys(v)
			}
		}
	}
	return out
}

func (rt *ResourceType) schemas() []*Schema {
	return append([]*Schema{rt.common, rt.Core}, rt.Extensions...)
}

func (a *Attribute) keys(v any) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = a.keys(x)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, x := range v {
			if s := a.sub(name); s != nil {
				out[s.Name] = s.keys(x)
			}
		}
		return out
	case string:
		if a.Type == DateTime {
			return TimeKey(v)
		}
		return a.key(v)
	}
	return v
}

// TimeKeyLayout is a fixed-width form of a UTC time in microseconds; its order as text is the order in time.
const TimeKeyLayout = "2006-01-02T15:04:05.000000Z"

// TimeKey is an xsd:dateTime in TimeKeyLayout, or "" when it is none.
func TimeKey(s string) string {
	t, ok := parseTime(s)
	if !ok {
		return ""
	}
	return t.Format(TimeKeyLayout)
}

// Decode reads a canonical resource back from JSON that was written by this service.
func Decode(stored []byte) (Resource, error) {
	if v, ok := readText(string(stored)); ok {
		if r, ok := v.(Resource); ok {
			return r, nil
		}
	}
	var r Resource
	err := unmarshal(stored, &r)
	return r, err
}

// Text is a string attribute of the resource, "" when unassigned.
func Text(r Resource, name string) string {
	s, _ := r[name].(string)
	return s
}

// Encode is the resource as JSON for storing.
func Encode(r Resource) ([]byte, error) { return appendCanonical(make([]byte, 0, 512), r) }

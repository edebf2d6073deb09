package scim

import (
	"encoding/json"
	"unicode/utf8"
)

// AppendJSON appends the resource as JSON in the order of its schemas: schemas, id, externalId, the core attributes, the extensions, meta.
func (rt *ResourceType) AppendJSON(dst []byte, r Resource) []byte {
	w := writer{dst: append(dst, '{')}
	for _, a := range rt.common.Attributes {
		if a.Name != "meta" {
			w.attribute(a, r)
		}
	}
	for _, a := range rt.Core.Attributes {
		w.attribute(a, r)
	}
	for _, ext := range rt.Extensions {
		if m, ok := r[ext.ID].(map[string]any); ok && len(m) > 0 {
			w.name(ext.ID)
			w.object(ext.Attributes, m)
		}
	}
	w.attribute(rt.common.attr("meta"), r)
	return append(w.dst, '}')
}

type writer struct{ dst []byte }

// name writes a member's name with the comma before it.
func (w *writer) name(s string) {
	if w.dst[len(w.dst)-1] != '{' {
		w.dst = append(w.dst, ',')
	}
	w.dst = append(appendString(w.dst, s), ':')
}

func (w *writer) attribute(a *Attribute, from map[string]any) {
	if v, ok := from[a.Name]; ok && v != nil {
		w.name(a.Name)
		w.value(a, v)
	}
}

func (w *writer) object(attrs []*Attribute, m map[string]any) {
	w.dst = append(w.dst, '{')
	for _, a := range attrs {
		w.attribute(a, m)
	}
	w.dst = append(w.dst, '}')
}

func (w *writer) value(a *Attribute, v any) {
	switch v := v.(type) {
	case string:
		w.dst = appendString(w.dst, v)
	case bool:
		if v {
			w.dst = append(w.dst, "true"...)
		} else {
			w.dst = append(w.dst, "false"...)
		}
	case json.Number:
		w.dst = append(w.dst, v...)
	case map[string]any:
		w.object(a.Sub, v)
	case []any:
		w.dst = append(w.dst, '[')
		for i, e := range v {
			if i > 0 {
				w.dst = append(w.dst, ',')
			}
			w.value(a, e)
		}
		w.dst = append(w.dst, ']')
	default:
		w.dst = append(w.dst, "null"...)
	}
}

// appendString appends a JSON string; most need no escape.
func appendString(dst []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			b, err := json.Marshal(s)
			if err != nil {
				return append(dst, `""`...)
			}
			return append(dst, b...)
		}
	}
	return append(append(append(dst, '"'), s...), '"')
}

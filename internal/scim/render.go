package scim

import (
	"encoding/json"
	"unicode/utf8"
)

// AppendJSON appends the resource as JSON in the order of its schemas: schemas, id, externalId, the core attributes, the extensions, meta.
func (rt *ResourceType) AppendJSON(dst []byte, r Resource) []byte {
	w := writer{dst: dst}
	return w.resource(rt, r)
}

// AppendProjected is AppendJSON of what Project leaves of the resource.
func (rt *ResourceType) AppendProjected(dst []byte, r Resource, p Projection) []byte {
	if !p.plain() {
		return rt.AppendJSON(dst, rt.Project(r, p))
	}
	w := writer{dst: dst, byDefault: true}
	return w.resource(rt, r)
}

func (w *writer) resource(rt *ResourceType, r Resource) []byte {
	w.dst = append(w.dst, '{')
	for _, a := range rt.common.Attributes {
		if a.Name != "meta" {
			w.shown(a, r)
		}
	}
	for _, a := range rt.Core.Attributes {
		w.shown(a, r)
	}
	for _, ext := range rt.Extensions {
		w.extension(ext, r)
	}
	w.shown(rt.common.attr("meta"), r)
	return append(w.dst, '}')
}

func (w *writer) extension(ext *Schema, r Resource) {
	m, ok := r[ext.ID].(map[string]any)
	if !ok || len(m) == 0 {
		return
	}
	before := len(w.dst)
	w.name(ext.ID)
	w.dst = append(w.dst, '{')
	empty := len(w.dst)
	for _, a := range ext.Attributes {
		w.shown(a, m)
	}
	if w.byDefault && len(w.dst) == empty {
		w.dst = w.dst[:before]
		return
	}
	w.dst = append(w.dst, '}')
}

// shown writes an attribute of a resource or an extension.
func (w *writer) shown(a *Attribute, from map[string]any) {
	if w.byDefault && (a.Returned == Never || a.Returned == OnRequest) {
		return
	}
	w.attribute(a, from)
}

type writer struct {
	dst       []byte
	byDefault bool // what is not returned by default is left out
}

// name writes a member's name with the comma before it.
func (w *writer) name(s string) {
	if w.dst[len(w.dst)-1] != '{' {
		w.dst = append(w.dst, ',')
	}
	w.dst = append(appendString(w.dst, s), ':')
}

func (w *writer) attribute(a *Attribute, from map[string]any) {
	if v, ok := from[a.Name]; ok && v != nil {
		if w.dst[len(w.dst)-1] != '{' {
			w.dst = append(w.dst, ',')
		}
		w.dst = append(w.dst, a.quoted...)
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

// plainByte says which bytes stand for themselves in a JSON string.
var plainByte = func() (plain [256]bool) {
	for c := range plain {
		plain[c] = c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf
	}
	return plain
}()

// appendString appends a JSON string; most need no escape.
func appendString(dst []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		if !plainByte[s[i]] {
			b, err := json.Marshal(s)
			if err != nil {
				return append(dst, `""`...)
			}
			return append(dst, b...)
		}
	}
	return append(append(append(dst, '"'), s...), '"')
}

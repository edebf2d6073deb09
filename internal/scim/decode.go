package scim

import (
	"bytes"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// MaxIndexed is how many bytes a value may have that is looked up by an index: userName, externalId, a team's displayName, an e-mail address.
const MaxIndexed = 2000

// Incoming is the body of a POST or PUT in canonical form.
type Incoming struct {
	Resource Resource
	Members  []string        // ids of a Group's members, each once; nil where members was absent
	Listed   map[string]bool // URNs of the extensions that schemas lists by their right name
}

// ParseObject reads a JSON object with numbers kept as written. Anything else is invalidSyntax.
func ParseObject(body []byte) (map[string]any, error) {
	if !utf8.Valid(body) {
		return nil, invalid(InvalidSyntax, "The body is not UTF-8.")
	}
	v, ok := readText(string(body))
	if !ok {
		if err := unmarshal(body, &v); err != nil {
			return nil, invalid(InvalidSyntax, "The body is not JSON.")
		}
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil, invalid(InvalidSyntax, "The body is not a JSON object.")
	}
	return m, nil
}

func unmarshal(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return io.ErrUnexpectedEOF // something follows
	}
	return nil
}

// Member looks up a member of a JSON object by its name in any letter case; the right spelling wins.
func member(m map[string]any, name string) (any, bool) {
	if v, ok := m[name]; ok {
		return v, true
	}
	for _, k := range sortedKeys(m) {
		if strings.EqualFold(k, name) {
			return m[k], true
		}
	}
	return nil, false
}

// sortedKeys gives a fixed order to the members of an object, "name" before "name.givenName".
func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// Read brings the body of a POST or PUT into canonical form: unknown attributes and URNs are ignored, read-only ones dropped, null and "" are
// absent, dotted and URN keys nest, a required attribute without a value is invalidValue, a wrong JSON type invalidSyntax.
func (rt *ResourceType) Read(body map[string]any) (Incoming, error) {
	in := Incoming{Resource: Resource{}, Listed: rt.listed(body)}
	rd := reader{rt: rt, wrongType: InvalidSyntax}
	for _, key := range sortedKeys(body) {
		if err := rd.assign(&in, key, body[key]); err != nil {
			return Incoming{}, err
		}
	}
	return in, rt.Validate(in.Resource)
}

// Validate checks that the required attributes have values.
func (rt *ResourceType) Validate(r Resource) error {
	for _, a := range rt.Core.Attributes {
		if a.Required && strings.TrimSpace(Text(r, a.Name)) == "" {
			return invalid(InvalidValue, "%s is required and may not be empty.", a.Name)
		}
	}
	return nil
}

func (rt *ResourceType) listed(body map[string]any) map[string]bool {
	out := map[string]bool{}
	v, _ := member(body, "schemas")
	all, _ := v.([]any)
	for _, e := range all {
		if urn, ok := e.(string); ok {
			if ext := rt.Extension(strings.TrimSpace(urn)); ext != nil {
				out[ext.ID] = true
			}
		}
	}
	return out
}

// reader brings values into canonical form; wrongType is the scimType for a JSON type that cannot be understood.
type reader struct {
	rt        *ResourceType
	wrongType string
}

func (rd reader) assign(in *Incoming, key string, v any) error {
	if m, ok := v.(map[string]any); ok && strings.EqualFold(key, rd.rt.Core.ID) { // the core schema as an object under its URN
		for _, key := range sortedKeys(m) {
			if err := rd.assign(in, key, m[key]); err != nil {
				return err
			}
		}
		return nil
	}
	p, ok := rd.rt.Resolve(key)
	if !ok {
		return nil
	}
	if p.Attr == nil {
		return rd.assignExtension(in, p.Ext, v)
	}
	if p.Attr.Detached {
		if p.Sub != nil || v == nil {
			return nil
		}
		members, err := rd.members(v)
		in.Members = append(make([]string, 0, len(members)), members...)
		return err
	}
	if !p.Attr.writable() || p.Sub != nil && !p.Sub.writable() {
		return nil
	}
	return rd.put(in.Resource, p, v)
}

func (rd reader) assignExtension(in *Incoming, ext *Schema, v any) error {
	m, ok := v.(map[string]any)
	if !ok {
		if v == nil || v == "" {
			return nil
		}
		return invalid(rd.wrongType, "%s is an object.", ext.ID)
	}
	for _, key := range sortedKeys(m) {
		p, ok := inSchema(ext, ext, nil, key)
		if !ok || !p.Attr.writable() || p.Sub != nil && !p.Sub.writable() {
			continue
		}
		if err := rd.put(in.Resource, p, m[key]); err != nil {
			return err
		}
	}
	return nil
}

// put sets what the path names; an absent value changes nothing.
func (rd reader) put(r Resource, p Path, v any) error {
	got, err := rd.value(p.leaf(), v)
	if err != nil || got == nil {
		return err
	}
	r = p.home(r, true)
	switch {
	case p.Sub == nil:
		r[p.Attr.Name] = got
	case p.Attr.Multi:
		list, _ := r[p.Attr.Name].([]any)
		if len(list) == 0 {
			list = []any{map[string]any{}}
		}
		list[0].(map[string]any)[p.Sub.Name] = got
		r[p.Attr.Name] = list
	default:
		m, _ := r[p.Attr.Name].(map[string]any)
		if m == nil {
			m = map[string]any{}
			r[p.Attr.Name] = m
		}
		m[p.Sub.Name] = got
	}
	return nil
}

// home is the map in which the path's attribute lies; nil when it does not exist and is not to be made.
func (p Path) home(r Resource, create bool) map[string]any {
	if p.Ext == nil {
		return r
	}
	m, _ := r[p.Ext.ID].(map[string]any)
	if m == nil && create {
		m = map[string]any{}
		r[p.Ext.ID] = m
	}
	return m
}

// Replaced is what a PUT makes of a resource (RFC 7644 §3.5.1): attributes that the body leaves out are cleared, except that an extension
// stays when its URN is neither listed nor present, and active stays when it is not said.
func (rt *ResourceType) Replaced(old Resource, in Incoming) Resource {
	next := Clone(in.Resource)
	for _, e := range rt.Extensions {
		if _, sent := next[e.ID]; !sent && !in.Listed[e.ID] && old[e.ID] != nil {
			next[e.ID] = clone(old[e.ID])
		}
	}
	if a := rt.Core.attr("active"); a != nil && next[a.Name] == nil && old[a.Name] != nil {
		next[a.Name] = old[a.Name]
	}
	return next
}

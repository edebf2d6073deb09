package scim

import "strings"

// Projection says which attributes an answer holds (RFC 7644 §3.4.2.5). The zero value is all that are returned by default.
type Projection struct {
	limited bool // attributes was given
	only    selection
	except  selection
}

// selection holds chosen attributes by extension ("" for core and common) and name; a name without parts is chosen whole, the name "" is all.
type selection map[string]map[string]map[string]bool

// ParseProjection reads the lists of attributes and excludedAttributes; each entry may hold several names with commas between them. Names that
// nothing has are ignored. Where both are given, excluded ones are taken from the wanted ones.
func (rt *ResourceType) ParseProjection(attributes, excluded []string) Projection {
	only, some := rt.selection(attributes)
	except, _ := rt.selection(excluded)
	return Projection{limited: some, only: only, except: except}
}

func (rt *ResourceType) selection(lists []string) (s selection, some bool) {
	s = selection{}
	for _, list := range lists {
		for name := range strings.SplitSeq(list, ",") {
			if name = strings.TrimSpace(name); name == "" {
				continue
			}
			some = true
			if strings.EqualFold(name, rt.Core.ID) {
				s[""] = map[string]map[string]bool{"": nil}
				continue
			}
			if p, err := rt.ParsePath(name); err == nil {
				s.add(p)
			}
		}
	}
	return s, some
}

func (s selection) add(p Path) {
	ext, name := "", ""
	if p.Ext != nil {
		ext = p.Ext.ID
	}
	if p.Attr != nil {
		name = p.Attr.Name
	}
	if s[ext] == nil {
		s[ext] = map[string]map[string]bool{}
	}
	parts, chosen := s[ext][name]
	switch {
	case p.Sub == nil:
		s[ext][name] = nil
	case !chosen:
		s[ext][name] = map[string]bool{p.Sub.Name: true}
	case parts != nil:
		parts[p.Sub.Name] = true
	}
}

// has says whether an attribute is chosen, and which of its parts; nil for all.
func (s selection) has(ext, name string) (parts map[string]bool, ok bool) {
	if _, all := s[ext][""]; all {
		return nil, true
	}
	parts, ok = s[ext][name]
	return parts, ok
}

// Limited says whether the client named the attributes it wants.
func (p Projection) Limited() bool { return p.limited }

// plain says whether the answer holds what is returned by default.
func (p Projection) plain() bool { return !p.limited && len(p.only) == 0 && len(p.except) == 0 }

// Wants says whether a core or common attribute can be in the answer at all, so that one that cannot need not be loaded.
func (p Projection) Wants(name string) bool {
	if parts, out := p.except.has("", name); out && parts == nil {
		return false
	}
	_, in := p.only.has("", name)
	return in || !p.limited
}

// Project is the part of a complete resource that the answer holds.
func (rt *ResourceType) Project(r Resource, p Projection) Resource {
	out := make(Resource, len(r))
	for _, s := range []*Schema{rt.common, rt.Core} {
		p.copy(out, r, "", s)
	}
	for _, ext := range rt.Extensions {
		from, ok := r[ext.ID].(map[string]any)
		if !ok {
			continue
		}
		into := map[string]any{}
		if p.copy(into, from, ext.ID, ext); len(into) > 0 {
			out[ext.ID] = into
		}
	}
	return out
}

func (p Projection) copy(into, from map[string]any, ext string, s *Schema) {
	for _, a := range s.Attributes {
		v, ok := from[a.Name]
		if !ok || a.Returned == Never {
			continue
		}
		if a.Returned == Always {
			into[a.Name] = v
			continue
		}
		if v = p.part(a, ext, v); v != nil {
			into[a.Name] = v
		}
	}
}

func (p Projection) part(a *Attribute, ext string, v any) any {
	parts, in := p.only.has(ext, a.Name)
	if !in && (p.limited || a.Returned == OnRequest) {
		return nil
	}
	if parts != nil {
		v = cut(v, parts, true)
	}
	if parts, out := p.except.has(ext, a.Name); out {
		if parts == nil {
			return nil
		}
		v = cut(v, parts, false)
	}
	return v
}

// cut keeps only the parts, or all but them; nil when nothing is left.
func cut(v any, parts map[string]bool, keep bool) any {
	switch v := v.(type) {
	case []any:
		var out []any
		for _, e := range v {
			if e = cut(e, parts, keep); e != nil {
				out = append(out, e)
			}
		}
		if out == nil {
			return nil
		}
		return out
	case map[string]any:
		out := map[string]any{}
		for name, x := range v {
			if parts[name] == keep {
				out[name] = x
			}
		}
		if len(out) == 0 {
			return nil
		}
		return out
	}
	return v
}

// ParseSort reads sortBy. A complex attribute is sorted by its value; what has no order is invalidPath.
func (rt *ResourceType) ParseSort(by string) (Path, error) {
	p, err := rt.ParsePath(by)
	if err != nil {
		return Path{}, err
	}
	if p.Attr != nil && p.Sub == nil && p.Attr.Type == Complex {
		p.Sub = p.Attr.sub("value")
	}
	if p.Attr == nil || p.Where != nil || p.Attr.Detached || p.leaf().Type == Complex || p.leaf().Returned == Never || p.Attr.Mutability == ReadOnly && p.Attr.Multi {
		return Path{}, invalid(InvalidPath, "There is no order by %s.", shown(by))
	}
	return p, nil
}

package scim

// Texts are the simple values that the path reaches in a resource, as text: those of a primary value first, then in their order. A path to a
// complex attribute means its value.
func (p Path) Texts(r Resource) []string {
	if p.Attr == nil {
		return nil
	}
	if p.Sub == nil && p.Attr.Type == Complex {
		if p.Sub = p.Attr.sub("value"); p.Sub == nil {
			return nil
		}
	}
	var first, rest []string
	home := p.home(r, false)
	for _, element := range appendValue(nil, home[p.Attr.Name]) {
		m, isComplex := element.(map[string]any)
		switch {
		case !isComplex:
			rest = appendText(rest, element)
		case p.Where != nil && !matchElement(p.Where, m):
		case isPrimary(element):
			first = appendText(first, m[p.Sub.Name])
		default:
			rest = appendText(rest, m[p.Sub.Name])
		}
	}
	return append(first, rest...)
}

func appendText(out []string, v any) []string {
	for _, e := range appendValue(nil, v) {
		if s, ok := scalar(e); ok && s != "" {
			out = append(out, s)
		}
	}
	return out
}

// AppRole is the value of a role that Entra wrote as JSON into a string ({"id":…,"value":…,"displayName":…}), and every other value itself.
func AppRole(value string) string {
	if len(value) == 0 || value[0] != '{' {
		return value
	}
	m, err := ParseObject([]byte(value))
	if err != nil {
		return value
	}
	if v, ok := member(m, "value"); ok {
		if s, ok := scalar(v); ok {
			return s
		}
	}
	return value
}

// Part is a sub-attribute by its name in any letter case; nil when there is none.
func (a *Attribute) Part(name string) *Attribute { return a.sub(name) }

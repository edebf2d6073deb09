package scim

import "strings"

// Type is an attribute's data type (RFC 7643 §2.3).
type Type string

// The data types.
const (
	String    Type = "string"
	Boolean   Type = "boolean"
	Decimal   Type = "decimal"
	Integer   Type = "integer"
	DateTime  Type = "dateTime"
	Binary    Type = "binary"
	Reference Type = "reference"
	Complex   Type = "complex"
)

// Mutability says who may write an attribute (RFC 7643 §7).
type Mutability string

// The mutabilities.
const (
	ReadWrite Mutability = "readWrite"
	ReadOnly  Mutability = "readOnly"
	Immutable Mutability = "immutable"
	WriteOnly Mutability = "writeOnly"
)

// Returned says when an attribute is in an answer (RFC 7643 §7).
type Returned string

// The ways of being returned.
const (
	ByDefault Returned = "default"
	Always    Returned = "always"
	Never     Returned = "never"
	OnRequest Returned = "request"
)

// Attribute is the definition of an attribute or sub-attribute.
type Attribute struct {
	Name        string
	Type        Type
	Multi       bool
	Required    bool
	CaseExact   bool
	Mutability  Mutability
	Returned    Returned
	Uniqueness  string
	Canonical   []string
	References  []string
	Description string
	Sub         []*Attribute

	Indexed bool // looked up by an index: at most MaxIndexed bytes

	// Default is the value of an attribute that always has one, where a client does not say it; nil for none.
	Default any

	// Detached marks an attribute whose values are rows of their own (a group's members): PATCH gives a list of changes instead of editing it.
	Detached bool
	subs     map[string]*Attribute
	quoted   string // the name as a member of a JSON object, with its colon
}

// Sub finds a sub-attribute by its name in any letter case; nil when there is none.
func (a *Attribute) sub(name string) *Attribute { return a.subs[strings.ToLower(name)] }

// writable says whether clients may set the attribute.
func (a *Attribute) writable() bool { return a.Mutability == ReadWrite || a.Mutability == Immutable }

// Schema is a named set of attributes.
type Schema struct {
	ID          string
	Name        string
	Description string
	Attributes  []*Attribute

	byName map[string]*Attribute
}

func (s *Schema) attr(name string) *Attribute { return s.byName[strings.ToLower(name)] }

// ResourceType is one kind of resource with its schemas.
type ResourceType struct {
	Name        string
	Endpoint    string
	Description string
	Core        *Schema
	Extensions  []*Schema

	common *Schema
}

// NewResourceType puts schemas together; the first is the core schema. The schemas are indexed and must not be changed any more.
func NewResourceType(name, endpoint, description string, core *Schema, extensions ...*Schema) *ResourceType {
	rt := &ResourceType{Name: name, Endpoint: endpoint, Description: description, Core: core, Extensions: extensions, common: common()}
	for _, s := range append([]*Schema{core, rt.common}, extensions...) {
		s.byName = map[string]*Attribute{}
		for _, a := range s.Attributes {
			s.byName[strings.ToLower(a.Name)] = a
			index(a)
		}
	}
	return rt
}

func index(a *Attribute) {
	if a.Mutability == "" {
		a.Mutability = ReadWrite
	}
	if a.Returned == "" {
		a.Returned = ByDefault
	}
	if a.Uniqueness == "" {
		a.Uniqueness = "none"
	}
	a.quoted = string(appendString(nil, a.Name)) + ":"
	a.subs = make(map[string]*Attribute, len(a.Sub))
	for _, s := range a.Sub {
		index(s)
		a.subs[strings.ToLower(s.Name)] = s
	}
}

// common are the attributes that every resource has and no schema lists (RFC 7643 §3.1).
func common() *Schema {
	return &Schema{Attributes: []*Attribute{
		{Name: "schemas", Type: Reference, Multi: true, Mutability: ReadOnly, Returned: Always, Description: "The schemas of this resource."},
		{Name: "id", Type: String, CaseExact: true, Mutability: ReadOnly, Returned: Always, Uniqueness: "global", Description: "Issued by this service."},
		{Name: "externalId", Type: String, CaseExact: true, Indexed: true, Description: "Issued by the client."},
		{Name: "meta", Type: Complex, Mutability: ReadOnly, Description: "Issued by this service.", Sub: []*Attribute{
			{Name: "resourceType", Type: String, CaseExact: true, Mutability: ReadOnly},
			{Name: "created", Type: DateTime, CaseExact: true, Mutability: ReadOnly},
			{Name: "lastModified", Type: DateTime, CaseExact: true, Mutability: ReadOnly},
			{Name: "location", Type: Reference, CaseExact: true, Mutability: ReadOnly},
			{Name: "version", Type: String, CaseExact: true, Mutability: ReadOnly},
		}},
	}}
}

// Path names an attribute, one of its sub-attributes, or a whole extension, with or without a filter that chooses among its values
// (RFC 7644 Figure 7).
type Path struct {
	Ext   *Schema    // the extension it lies in; nil for core and common attributes
	Attr  *Attribute // nil for the extension itself
	Where Expr       // value filter; nil for none
	Sub   *Attribute // nil for the attribute itself
}

// leaf is the attribute whose type counts.
func (p Path) leaf() *Attribute {
	if p.Sub != nil {
		return p.Sub
	}
	return p.Attr
}

// IsCommon says whether the path lies in the attributes every resource has, by name: schemas, id, externalId, meta.
func (rt *ResourceType) IsCommon(a *Attribute) bool {
	return a != nil && rt.common.byName[strings.ToLower(a.Name)] == a
}

// Attr finds an attribute of the core schema or a common one by its canonical or any other spelling; nil when there is none.
func (rt *ResourceType) Attr(name string) *Attribute {
	if a := rt.Core.attr(name); a != nil {
		return a
	}
	return rt.common.attr(name)
}

// Extension finds an extension by its URN in any letter case; nil when there is none.
func (rt *ResourceType) Extension(urn string) *Schema {
	for _, e := range rt.Extensions {
		if strings.EqualFold(e.ID, urn) {
			return e
		}
	}
	return nil
}

// Resolve finds what a name without a value filter means: "userName", "name.familyName", either behind a schema's URN, a URN alone, or the
// un-prefixed name of an extension's attribute that the core schema does not have ("manager").
func (rt *ResourceType) Resolve(name string) (Path, bool) {
	if rest, ok := cutURN(name, rt.Core.ID); ok && rest != "" {
		return inSchema(nil, rt.Core, rt.common, rest)
	}
	for _, e := range rt.Extensions {
		if rest, ok := cutURN(name, e.ID); ok {
			if rest == "" {
				return Path{Ext: e}, true
			}
			return inSchema(e, e, nil, rest)
		}
	}
	if p, ok := inSchema(nil, rt.Core, rt.common, name); ok {
		return p, true
	}
	for _, e := range rt.Extensions {
		if p, ok := inSchema(e, e, nil, name); ok {
			return p, true
		}
	}
	return Path{}, false
}

// cutURN cuts a schema's URN, in any letter case, off a name. Between them stands ":"; "." is written by some and understood.
func cutURN(name, urn string) (rest string, ok bool) {
	if len(name) < len(urn) || !strings.EqualFold(name[:len(urn)], urn) {
		return "", false
	}
	if rest = name[len(urn):]; rest == "" {
		return "", true
	}
	if rest[0] != ':' && rest[0] != '.' {
		return "", false
	}
	return rest[1:], true
}

func inSchema(ext, s, also *Schema, name string) (Path, bool) {
	first, second, dotted := strings.Cut(name, ".")
	a := s.attr(first)
	if a == nil && also != nil {
		a = also.attr(first)
	}
	if a == nil {
		return Path{}, false
	}
	p := Path{Ext: ext, Attr: a}
	if dotted {
		if p.Sub = a.sub(second); p.Sub == nil {
			return Path{}, false
		}
	}
	return p, true
}

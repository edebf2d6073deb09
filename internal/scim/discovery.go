package scim

import (
	"fmt"
	"strings"
)

// The documents of discovery (RFC 7643 §5–§7) as values for encoding/json. They hold no null.

// SchemaDoc is a schema as /Schemas shows it.
type SchemaDoc struct {
	Schemas     []string       `json:"schemas"`
	ID          string         `json:"id"`
	Name        string         `json:"name"`
	Description string         `json:"description"`
	Attributes  []AttributeDoc `json:"attributes"`
	Meta        MetaDoc        `json:"meta"`
}

// AttributeDoc is one attribute of a SchemaDoc.
type AttributeDoc struct {
	Name            string         `json:"name"`
	Type            Type           `json:"type"`
	MultiValued     bool           `json:"multiValued"`
	Description     string         `json:"description"`
	Required        bool           `json:"required"`
	CanonicalValues []string       `json:"canonicalValues,omitempty"`
	CaseExact       bool           `json:"caseExact"`
	Mutability      Mutability     `json:"mutability"`
	Returned        Returned       `json:"returned"`
	Uniqueness      string         `json:"uniqueness"`
	ReferenceTypes  []string       `json:"referenceTypes,omitempty"`
	SubAttributes   []AttributeDoc `json:"subAttributes,omitempty"`
}

// MetaDoc is the meta attribute of a discovery document.
type MetaDoc struct {
	ResourceType string `json:"resourceType"`
	Location     string `json:"location"`
}

// ResourceTypeDoc is a resource type as /ResourceTypes shows it.
type ResourceTypeDoc struct {
	Schemas          []string       `json:"schemas"`
	ID               string         `json:"id"`
	Name             string         `json:"name"`
	Endpoint         string         `json:"endpoint"`
	Description      string         `json:"description"`
	Schema           string         `json:"schema"`
	SchemaExtensions []ExtensionDoc `json:"schemaExtensions,omitempty"`
	Meta             MetaDoc        `json:"meta"`
}

// ExtensionDoc names an extension of a resource type.
type ExtensionDoc struct {
	Schema   string `json:"schema"`
	Required bool   `json:"required"`
}

// SchemaDocs are the schemas of the resource types, each once; base is the address of the service without a trailing slash.
func SchemaDocs(base string, types ...*ResourceType) []SchemaDoc {
	var docs []SchemaDoc
	seen := map[string]bool{}
	for _, rt := range types {
		for _, s := range append([]*Schema{rt.Core}, rt.Extensions...) {
			if seen[s.ID] {
				continue
			}
			seen[s.ID] = true
			docs = append(docs, SchemaDoc{
				Schemas: []string{"urn:ietf:params:scim:schemas:core:2.0:Schema"}, ID: s.ID, Name: s.Name, Description: s.Description,
				Attributes: attributeDocs(s.Attributes), Meta: MetaDoc{ResourceType: "Schema", Location: base + "/Schemas/" + s.ID},
			})
		}
	}
	return docs
}

func attributeDocs(attrs []*Attribute) []AttributeDoc {
	var docs []AttributeDoc
	for _, a := range attrs {
		docs = append(docs, AttributeDoc{
			Name: a.Name, Type: a.Type, MultiValued: a.Multi, Description: a.limited(), Required: a.Required, CanonicalValues: a.Canonical,
			CaseExact: a.CaseExact, Mutability: a.Mutability, Returned: a.Returned, Uniqueness: a.Uniqueness, ReferenceTypes: a.References,
			SubAttributes: attributeDocs(a.Sub),
		})
	}
	return docs
}

// limited is the description with the limits that the attribute has here and not in the standard.
func (a *Attribute) limited() string {
	said := a.Description
	if a.Indexed {
		said += fmt.Sprintf(" At most %d bytes.", MaxIndexed)
	}
	if a.Multi && !a.Detached && a.Mutability != ReadOnly {
		said += fmt.Sprintf(" At most %d values.", MaxValues)
	}
	return strings.TrimSpace(said)
}

// Doc is the resource type as discovery shows it.
func (rt *ResourceType) Doc(base string) ResourceTypeDoc {
	doc := ResourceTypeDoc{
		Schemas: []string{"urn:ietf:params:scim:schemas:core:2.0:ResourceType"}, ID: rt.Name, Name: rt.Name, Endpoint: rt.Endpoint,
		Description: rt.Description, Schema: rt.Core.ID, Meta: MetaDoc{ResourceType: "ResourceType", Location: base + "/ResourceTypes/" + rt.Name},
	}
	for _, e := range rt.Extensions {
		doc.SchemaExtensions = append(doc.SchemaExtensions, ExtensionDoc{Schema: e.ID})
	}
	return doc
}

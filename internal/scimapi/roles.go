package scimapi

import (
	"net/http"
	"strings"

	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/scim"
)

// roleURN is the schema by which Okta recognises roles that it can show and assign ("SCIM with entitlements").
const roleURN = "urn:okta:scim:schemas:core:1.0:Role"

// roleDoc is one role of a workspace as /Roles shows it. What a person's roles say is kept; which of them gives a role here is the workspace's
// role mapping.
type roleDoc struct {
	Schemas     []string     `json:"schemas"`
	ID          string       `json:"id"`
	DisplayName string       `json:"displayName"`
	Description string       `json:"description"`
	Meta        scim.MetaDoc `json:"meta"`
}

var roleWords = []struct {
	role              directory.Role
	name, description string
}{
	{directory.SuperAdmin, "Super Admin", "Changes people, the directory and its token, and confirms both on a phone."},
	{directory.Admin, "Admin", "Sees the directory's settings and can view its token after confirming on a phone."},
	{directory.User, "User", "Uses the workspace."},
	{directory.Guest, "Guest", "Uses the workspace and does not see who else is in it."},
}

// roleDocs are the roles that can be given; the Owner's cannot.
func roleDocs(base string) []roleDoc {
	var out []roleDoc
	for _, w := range roleWords {
		out = append(out, roleDoc{Schemas: []string{roleURN}, ID: string(w.role), DisplayName: w.name, Description: w.description,
			Meta: scim.MetaDoc{ResourceType: "Role", Location: base + "/Roles/" + string(w.role)}})
	}
	return out
}

// roleSchema and roleType tell discovery of /Roles.
func roleSchema(base string) scim.SchemaDoc {
	text := func(name, description string, always bool) scim.AttributeDoc {
		d := scim.AttributeDoc{Name: name, Type: scim.String, Description: description, Mutability: scim.ReadOnly, Returned: scim.ByDefault, Uniqueness: "none"}
		if always {
			d.Returned, d.CaseExact, d.Uniqueness = scim.Always, true, "server"
		}
		return d
	}
	return scim.SchemaDoc{Schemas: []string{"urn:ietf:params:scim:schemas:core:2.0:Schema"}, ID: roleURN, Name: "Role", Description: "A role of the workspace",
		Attributes: []scim.AttributeDoc{text("id", "The role.", true), text("displayName", "Its name.", false), text("description", "What it may do.", false)},
		Meta:       scim.MetaDoc{ResourceType: "Schema", Location: base + "/Schemas/" + roleURN}}
}

func roleType(base string) scim.ResourceTypeDoc {
	return scim.ResourceTypeDoc{Schemas: []string{"urn:ietf:params:scim:schemas:core:2.0:ResourceType"}, ID: "Role", Name: "Role", Endpoint: "/Roles",
		Description: "Role", Schema: roleURN, Meta: scim.MetaDoc{ResourceType: "ResourceType", Location: base + "/ResourceTypes/Role"}}
}

// roles is what the paths below /Roles offer.
func (d discovery) rolesHandler(rest []string) handler {
	switch len(rest) {
	case 0:
		return func(c *call) error { return answerPart(c, d.roles) }
	case 1:
		return func(c *call) error {
			for _, r := range d.roles {
				if strings.EqualFold(r.ID, rest[0]) {
					send(c.Context, http.StatusOK, r)
					return nil
				}
			}
			return fault.ErrNotFound.Saying("There is no role with this id.")
		}
	}
	return nil
}

// answerPart answers with the part of a short list that startIndex and count ask for.
func answerPart[T any](c *call, all []T) error {
	if c.query.has("filter") {
		return fault.New(fault.Forbidden, "forbidden", "Roles cannot be filtered; there are only a few.")
	}
	start, err := c.query.number("startIndex", 1, scim.InvalidValue)
	if err != nil {
		return err
	}
	count, err := c.query.number("count", len(all), scim.InvalidValue)
	if err != nil {
		return err
	}
	from := min(max(start, 1)-1, len(all))
	page := all[from:][:min(max(count, 0), len(all)-from)]
	send(c.Context, http.StatusOK, map[string]any{"schemas": []string{scim.ListURN}, "totalResults": len(all), "startIndex": from + 1, "itemsPerPage": len(page), "Resources": page})
	return nil
}

package scimapi

import (
	"net/http"
	"strings"

	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/httpkit"
	"github.com/countersign/countersign/internal/scim"
)

// discovery holds what clients may ask about the service itself (RFC 7644 §4).
type discovery struct {
	schemas []scim.SchemaDoc
	types   []scim.ResourceTypeDoc
	config  map[string]any
	roles   []roleDoc // empty unless the workspace offers them
}

func (a *API) discovery() discovery {
	users, groups := a.Directory.UserType(), a.Directory.GroupType()
	d := discovery{
		schemas: scim.SchemaDocs(a.Base, users, groups),
		types:   []scim.ResourceTypeDoc{users.Doc(a.Base), groups.Doc(a.Base)},
		config:  config(a.Base),
	}
	if a.Directory.OffersRoles() {
		d.roles, d.schemas, d.types = roleDocs(a.Base), append(d.schemas, roleSchema(a.Base)), append(d.types, roleType(a.Base))
	}
	return d
}

func (d discovery) handler(name string, rest []string) handler {
	switch {
	case name == "roles" && d.roles != nil:
		return d.rolesHandler(rest)
	case name == "schemas" && len(rest) == 0:
		return func(c *call) error { return answerAll(c, d.schemas) }
	case name == "schemas" && len(rest) == 1:
		return func(c *call) error {
			return answerOne(c, d.schemas, func(s scim.SchemaDoc) bool { return strings.EqualFold(s.ID, rest[0]) })
		}
	case name == "resourcetypes" && len(rest) == 0:
		return func(c *call) error { return answerAll(c, d.types) }
	case name == "resourcetypes" && len(rest) == 1:
		return func(c *call) error {
			return answerOne(c, d.types, func(t scim.ResourceTypeDoc) bool { return strings.EqualFold(t.ID, rest[0]) })
		}
	case (name == "serviceproviderconfig" || name == "serviceconfiguration") && len(rest) == 0:
		return func(c *call) error { send(c.Context, http.StatusOK, d.config); return nil }
	}
	return nil
}

// answerAll answers with a list. A filter is refused (RFC 7644 §4), other parameters are ignored.
func answerAll[T any](c *call, all []T) error {
	if c.query.has("filter") {
		return fault.New(fault.Forbidden, "forbidden", "What the service says of itself cannot be filtered.")
	}
	send(c.Context, http.StatusOK, map[string]any{"schemas": []string{scim.ListURN}, "totalResults": len(all), "startIndex": 1, "itemsPerPage": len(all), "Resources": all})
	return nil
}

func answerOne[T any](c *call, all []T, is func(T) bool) error {
	for _, one := range all {
		if is(one) {
			send(c.Context, http.StatusOK, one)
			return nil
		}
	}
	return fault.ErrNotFound.Saying("The service has no such schema or resource type.")
}

// config is the ServiceProviderConfig (RFC 7643 §5, RFC 9865 §3).
func config(base string) map[string]any {
	yes, no := map[string]any{"supported": true}, map[string]any{"supported": false}
	return map[string]any{
		"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"},
		// Where people read how to set a provider up, and when its token expires.
		"documentationUri": strings.TrimSuffix(base, "/v1/scim/v2") + "/settings/workspace/idp",
		"patch":            yes,
		"bulk":             map[string]any{"supported": true, "maxOperations": maxBulk, "maxPayloadSize": httpkit.SCIMBody},
		"filter":           map[string]any{"supported": true, "maxResults": directory.PageMost},
		"changePassword":   no,
		"sort":             yes,
		"etag":             yes,
		"pagination": map[string]any{"cursor": true, "index": true, "defaultPaginationMethod": "index", "defaultPageSize": directory.PageDefault,
			"maxPageSize": directory.PageMost, "cursorTimeout": int(directory.CursorLife.Seconds())},
		"authenticationSchemes": []map[string]any{{"type": "oauthbearertoken", "name": "Bearer token",
			"description": "The token of Settings, Workspace Configuration, IDP Settings, Directory Sync, sent as Authorization: Bearer.",
			"specUri":     "https://www.rfc-editor.org/rfc/rfc6750", "primary": true}},
		"meta": map[string]any{"resourceType": "ServiceProviderConfig", "location": base + "/ServiceProviderConfig"},
	}
}

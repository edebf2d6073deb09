package directory

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/countersign/countersign/internal/scim"
)

// userRow is a person as SCIM reads them: the columns, and what a complete resource needs from other rows.
type userRow struct {
	ID          string
	WorkspaceID string
	Source      string
	Role        string
	Active      bool
	UserName    string
	UserNameKey string
	Name        string
	Email       string
	ExternalID  *string
	ManagerID   *string
	Attributes  string
	Version     int64
	CreatedAt   time.Time
	UpdatedAt   time.Time

	ManagerName *string // of a manager there is
	Teams       *string // JSON array of {value, display}
	groups      []any   // the same, as it is shown, where it was read without Teams
	Sorted      *string // what a page is sorted by
}

const userColumns = "r.id, r.workspace_id, r.source, r.role, r.active, r.user_name, r.user_name_key, r.name, r.email, r.external_id, r.manager_id, r.attributes," +
	" r.version, r.created_at, r.updated_at"

// selectUsers is the SELECT of userRow up to WHERE; one query for a resource or a page of them.
func (p *Provisioning) selectUsers(projection scim.Projection) string {
	sql := "SELECT " + userColumns + ", m.name AS manager_name"
	if projection.Wants("groups") {
		object, list := "json_build_object('value', t.id, 'display', t.display_name)", "json_agg(x.o)"
		if p.s.db.Dialect != "postgres" {
			object, list = "json_object('value', t.id, 'display', t.display_name)", "json_group_array(json(x.o))"
		}
		sql += ", (SELECT " + list + " FROM (SELECT " + object + " AS o FROM team_members tm JOIN teams t ON t.id = tm.team_id AND t.deleted_at IS NULL" +
			" WHERE tm.person_id = r.id ORDER BY t.created_at, t.id) x) AS teams"
	}
	return sql + " FROM people r LEFT JOIN people m ON m.id = r.manager_id AND COALESCE(m.workspace_id, '') = r.workspace_id AND m.source = 'directory' AND m.deleted_at IS NULL"
}

// person is the row as the rest of the directory knows it.
func (r userRow) person() Person {
	return Person{ID: r.ID, Workspace: r.WorkspaceID, Source: Source(r.Source), Role: Role(r.Role), Active: r.Active, UserName: r.UserName,
		Name: r.Name, Email: r.Email, ExternalID: deref(r.ExternalID), Version: r.Version, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt}
}

// written is what clients have written: attributes and columns together.
func (r userRow) written() (scim.Resource, error) {
	res, err := scim.Decode([]byte(r.Attributes))
	if err != nil {
		return nil, fmt.Errorf("attributes of person %s: %w", r.ID, err)
	}
	r.columnsInto(res)
	return res, nil
}

// columnsInto adds to attributes what clients have written that lies in columns.
func (r userRow) columnsInto(res scim.Resource) {
	res["userName"], res["active"] = r.UserName, r.Active
	if r.ExternalID != nil {
		res["externalId"] = *r.ExternalID
	}
}

// user is the complete resource.
func (p *Provisioning) user(r userRow) (scim.Resource, error) {
	res, err := r.written()
	if err != nil {
		return nil, err
	}
	return p.complete(r, res)
}

// complete adds to what clients have written what this service knows.
func (p *Provisioning) complete(r userRow, res scim.Resource) (scim.Resource, error) {
	res["id"] = r.ID
	schemas := []any{scim.UserURN}
	for _, e := range p.people.rt.Extensions {
		if ext, ok := res[e.ID].(map[string]any); ok && len(ext) > 0 {
			schemas = append(schemas, e.ID)
		}
	}
	res["schemas"] = schemas
	res["meta"] = meta("User", p.base+"/Users/"+r.ID, r.Version, r.CreatedAt, r.UpdatedAt)
	p.completeManager(r, res)
	return res, p.completeTeams(r, res)
}

// completeManager adds the reference to a manager; one who is not there keeps only the value that was sent.
func (p *Provisioning) completeManager(r userRow, res scim.Resource) {
	ext, _ := res[scim.EnterpriseURN].(map[string]any)
	m, _ := ext["manager"].(map[string]any)
	if m == nil || r.ManagerName == nil {
		return
	}
	m = maps.Clone(m)
	m["$ref"], m["displayName"] = p.base+"/Users/"+scim.Text(m, "value"), *r.ManagerName
	ext = maps.Clone(ext)
	ext["manager"] = m
	res[scim.EnterpriseURN] = ext
}

func (p *Provisioning) completeTeams(r userRow, res scim.Resource) error {
	if len(r.groups) > 0 {
		res["groups"] = r.groups
	}
	if r.Teams == nil {
		return nil
	}
	var teams []map[string]any
	if err := json.Unmarshal([]byte(*r.Teams), &teams); err != nil {
		return fmt.Errorf("teams of person %s: %w", r.ID, err)
	}
	if len(teams) == 0 {
		return nil
	}
	groups := make([]any, len(teams))
	for i, t := range teams {
		groups[i] = p.shownTeam(scim.Text(t, "value"), scim.Text(t, "display"))
	}
	res["groups"] = groups
	return nil
}

// shownTeam is a person's team as it is shown.
func (p *Provisioning) shownTeam(id, name string) map[string]any {
	return map[string]any{"value": id, "display": name, "$ref": p.base + "/Groups/" + id, "type": "direct"}
}

// inColumns are the attributes that have columns and are not repeated in attributes.
var inColumns = []string{"userName", "externalId", "active"}

// personColumns are the columns that follow from what clients have written. keep is the person's e-mail address when nothing sent is one.
type personColumns struct {
	userName, userNameKey string
	externalID, managerID *string
	active                bool
	name, nameKey         string
	email, emailKey       string
	emails                []string // further addresses, folded
	attributes, search    string
}

func (p *Provisioning) columnsOf(written scim.Resource, keep string) (personColumns, error) {
	c := personColumns{userName: scim.Text(written, "userName"), externalID: optional(scim.Text(written, "externalId")), active: written["active"] != false}
	c.userNameKey = scim.Fold(c.userName)
	c.name = displayName(written)
	c.nameKey = scim.Fold(c.name)
	ext, _ := written[scim.EnterpriseURN].(map[string]any)
	manager, _ := ext["manager"].(map[string]any)
	c.managerID = optional(scim.Text(manager, "value"))
	c.addresses(written, keep)
	p.mapped(written, &c)

	rest := maps.Clone(written)
	maps.DeleteFunc(rest, func(name string, _ any) bool { return slices.Contains(inColumns, name) })
	attributes, err := scim.Encode(rest)
	if err != nil {
		return c, err
	}
	search, err := scim.Encode(p.people.rt.Keys(rest))
	c.attributes, c.search = string(attributes), string(search)
	return c, err
}

// addresses chooses the address of the person: the primary one, else the first; without any, a userName that is one, else keep.
func (c *personColumns) addresses(written scim.Resource, keep string) {
	list, _ := written["emails"].([]any)
	var keys []string
	for _, e := range list {
		m, _ := e.(map[string]any)
		value := scim.Text(m, "value")
		if value == "" {
			continue
		}
		if c.email == "" || m["primary"] == true {
			c.email = value
		}
		keys = append(keys, scim.Fold(value))
	}
	if c.email == "" {
		if c.email = keep; strings.Contains(c.userName, "@") {
			c.email = c.userName
		}
	}
	c.emailKey = scim.Fold(c.email)
	slices.Sort(keys)
	c.emails = slices.DeleteFunc(slices.Compact(keys), func(k string) bool { return k == c.emailKey })
}

// furtherAddresses are the addresses, folded, that lie in person_emails.
func (p *Provisioning) furtherAddresses(written scim.Resource, keep string) []string {
	c := personColumns{userName: scim.Text(written, "userName")}
	c.addresses(written, keep)
	p.mapped(written, &c)
	return c.emails
}

// displayName is the name that people are shown.
func displayName(written scim.Resource) string {
	name, _ := written["name"].(map[string]any)
	both := strings.TrimSpace(scim.Text(name, "givenName") + " " + scim.Text(name, "familyName"))
	shown := cmp.Or(scim.Text(written, "displayName"), scim.Text(name, "formatted"), both, scim.Text(written, "userName"))
	if len(shown) > nameMost {
		shown = strings.ToValidUTF8(shown[:nameMost], "")
	}
	return shown
}

// nameMost is how many bytes of a name people are shown. It is looked up by an index; the attributes keep all of it.
const nameMost = 500

// apply puts the columns into the row, so that it can be shown without being read again.
func (c personColumns) apply(r *userRow) {
	r.UserName, r.UserNameKey, r.ExternalID, r.ManagerID, r.Active = c.userName, c.userNameKey, c.externalID, c.managerID, c.active
	r.Name, r.Email, r.Attributes = c.name, c.email, c.attributes
}

func (c personColumns) values() map[string]any {
	return map[string]any{
		"user_name": c.userName, "user_name_key": c.userNameKey, "external_id": c.externalID, "manager_id": c.managerID, "active": c.active,
		"name": c.name, "name_key": c.nameKey, "email": c.email, "email_key": c.emailKey, "attributes": c.attributes, "search": c.search,
	}
}

package directory

import (
	"slices"
	"strings"

	"github.com/countersign/countersign/internal/scim"
)

// kind is one SCIM resource type and where its attributes lie: in columns of its table r, in rows of other tables, else in r.search.
type kind struct {
	rt    *scim.ResourceType
	table string
	// columns maps "name" or "name.part" of core and common attributes; base is the address of the service.
	columns func(name, base string) (column, bool)
	// relations maps multi-valued attributes that are rows of other tables.
	relations func(name, base string) *relation
}

// emails says whether the path is that of people's addresses, which have an index of their own.
func (k *kind) emails(p scim.Path) bool {
	return k.table == "people" && p.Ext == nil && p.Attr.Name == "emails"
}

// pinned says whether a filter chooses by id or e-mail address, so that rows are found by their ids and not by the workspace's order.
func (k *kind) pinned(e scim.Expr) bool {
	switch e := e.(type) {
	case scim.And:
		return slices.ContainsFunc(e, k.pinned)
	case scim.Compare:
		if e.Op == scim.Eq && e.Value.Kind == scim.TextValue && e.Path.Attr.Name == "id" {
			return true
		}
		return (e.Op == scim.Eq || e.Op == scim.Present) && k.emails(e.Path) && emailKey(e) != ""
	}
	return false
}

// schemasOf are the URNs of a resource: the core schema's and those of the extensions of which it has attributes.
func (k *kind) schemasOf(res scim.Resource) []any {
	out := []any{k.rt.Core.ID}
	for _, e := range k.rt.Extensions {
		if ext, ok := res[e.ID].(map[string]any); ok && len(ext) > 0 {
			out = append(out, e.ID)
		}
	}
	return out
}

func newPeople(rt *scim.ResourceType) *kind {
	return &kind{rt: rt, table: "people", columns: peopleColumns, relations: peopleRelations}
}

func newTeams(rt *scim.ResourceType) *kind {
	return &kind{rt: rt, table: "teams", columns: teamColumns, relations: teamRelations}
}

// manager finds the manager of r, if there is such a person; %s is what is wanted of them.
const managerSelect = "(SELECT %s FROM people m WHERE m.id = r.manager_id AND COALESCE(m.workspace_id, '') = r.workspace_id AND m.source = 'directory' AND m.deleted_at IS NULL)"

func peopleColumns(name, base string) (column, bool) {
	switch name {
	case "userName":
		return column{sql: "r.user_name_key", indexed: true}, true
	case "active":
		return column{sql: "r.active", form: nativeForm}, true
	case "manager", "manager.value":
		return column{sql: "r.manager_id"}, true
	case "manager.$ref":
		return column{sql: strings.Replace(managerSelect, "%s", "CAST(? AS text) || m.id", 1), args: []any{base + "/Users/"}}, true
	case "manager.displayName":
		return column{sql: strings.Replace(managerSelect, "%s", "m.name_key", 1)}, true
	}
	return commonColumns(name, base+"/Users/", "User")
}

func teamColumns(name, base string) (column, bool) {
	if name == "displayName" {
		return column{sql: "r.display_name_key", indexed: true}, true
	}
	return commonColumns(name, base+"/Groups/", "Group")
}

func commonColumns(name, location, resourceType string) (column, bool) {
	switch name {
	case "id":
		return column{sql: "r.id"}, true
	case "externalId":
		return column{sql: "r.external_id"}, true
	case "meta":
		return column{form: constant, constant: "meta"}, true
	case "meta.created":
		return column{sql: "r.created_at", form: dateForm}, true
	case "meta.lastModified":
		return column{sql: "r.updated_at", form: dateForm}, true
	case "meta.version":
		return column{sql: `('W/"' || CAST(r.version AS text) || '"')`}, true
	case "meta.location":
		return column{sql: "(CAST(? AS text) || r.id)", args: []any{location}}, true
	case "meta.resourceType":
		return column{form: constant, constant: resourceType}, true
	}
	return column{}, false
}

func peopleRelations(name, base string) *relation {
	if name != "groups" {
		return nil
	}
	return &relation{
		from:  "team_members tm JOIN teams t ON t.id = tm.team_id AND t.deleted_at IS NULL",
		where: "tm.person_id = r.id",
		part: func(sub *scim.Attribute) column {
			switch sub.Name {
			case "$ref":
				return column{sql: "(CAST(? AS text) || t.id)", args: []any{base + "/Groups/"}}
			case "display":
				return column{sql: "t.display_name_key"}
			case "type":
				return column{form: constant, constant: "direct"}
			}
			return column{sql: "t.id"}
		},
	}
}

func teamRelations(name, base string) *relation {
	if name != "members" {
		return nil
	}
	return &relation{
		from:  "team_members tm JOIN people m ON m.id = tm.person_id AND m.source = 'directory' AND m.deleted_at IS NULL",
		where: "tm.team_id = r.id",
		part:  func(sub *scim.Attribute) column { return memberColumn(sub, base) },
	}
}

// memberColumn is a part of a member; the person's row is m.
func memberColumn(sub *scim.Attribute, base string) column {
	switch sub.Name {
	case "$ref":
		return column{sql: "(CAST(? AS text) || m.id)", args: []any{base + "/Users/"}}
	case "display":
		return column{sql: "m.name_key"}
	case "type":
		return column{form: constant, constant: "user"} // folded, as the filter's value is
	}
	return column{sql: "m.id"}
}

// column is where a singular path lies.
func (k *kind) column(w *conditionWriter, p scim.Path) column {
	name := p.Attr.Name
	if p.Sub != nil {
		name += "." + p.Sub.Name
	}
	if p.Ext == nil || p.Attr.Name == "manager" && p.Ext.ID == scim.EnterpriseURN {
		if col, ok := k.columns(name, w.base); ok {
			return col
		}
	}
	return w.json("r.search", p)
}

// relation is where the values of a multi-valued path lie, or the one value of a complex path with a value filter; nil for a plain column.
func (k *kind) relation(w *conditionWriter, p scim.Path) *relation {
	if p.Ext == nil && p.Attr.Name == "schemas" {
		return k.schemas(w)
	}
	if p.Ext == nil {
		if rel := k.relations(p.Attr.Name, w.base); rel != nil {
			return rel
		}
	}
	if p.Attr.Multi {
		return w.elements(p)
	}
	if p.Where == nil {
		return nil
	}
	whole := k.column(w, scim.Path{Ext: p.Ext, Attr: p.Attr})
	rel := &relation{where: whole.sql + " IS NOT NULL", whereArgs: whole.args}
	if whole.form == constant {
		rel.where = "1 = 1"
	}
	rel.part = func(sub *scim.Attribute) column { return k.column(w, scim.Path{Ext: p.Ext, Attr: p.Attr, Sub: sub}) }
	return rel
}

// schemas are the core URN and those of the extensions of which the row has attributes.
func (k *kind) schemas(w *conditionWriter) *relation {
	rows := []string{"SELECT CAST(? AS text) AS urn"}
	args := []any{scim.Fold(k.rt.Core.ID)}
	for _, e := range k.rt.Extensions {
		rows = append(rows, "SELECT CAST(? AS text) WHERE "+w.json("r.search", scim.Path{Ext: e}).sql+" IS NOT NULL")
		args = append(args, scim.Fold(e.ID))
	}
	return &relation{from: "(" + strings.Join(rows, " UNION ALL ") + ") s", args: args, where: "1 = 1", simple: true,
		part: func(*scim.Attribute) column { return column{sql: "s.urn"} }}
}

// json is a value in a JSON column.
func (w *conditionWriter) json(of string, p scim.Path) column {
	var names []string
	if p.Ext != nil {
		names = append(names, p.Ext.ID)
	}
	var leaf *scim.Attribute
	if p.Attr != nil {
		names, leaf = append(names, p.Attr.Name), p.Attr
	}
	if p.Sub != nil {
		names, leaf = append(names, p.Sub.Name), p.Sub
	}
	col := column{sql: w.extract(of, names)}
	if leaf == nil {
		return col
	}
	switch leaf.Type {
	case scim.Boolean:
		col.form = jsonBool
	case scim.Integer, scim.Decimal:
		col.form = jsonNumber
	case scim.DateTime:
		col.form = jsonTime
	}
	return col
}

// extract is a value in a JSON column as text (SQLite: in its own type). The names are those of our schemas; quotes are doubled all the same.
func (w *conditionWriter) extract(of string, names []string) string {
	if !w.postgres {
		return "json_extract(" + of + ", '" + jsonPath(names) + "')"
	}
	for i, n := range names {
		arrow := "->"
		if i == len(names)-1 {
			arrow = "->>"
		}
		of += arrow + "'" + strings.ReplaceAll(n, "'", "''") + "'"
	}
	return "(" + of + ")" // COLLATE binds tighter than an arrow
}

func jsonPath(names []string) string {
	path := "$"
	for _, n := range names {
		path += `."` + strings.ReplaceAll(n, "'", "''") + `"`
	}
	return path
}

// elements are the values of an array in search.
func (w *conditionWriter) elements(p scim.Path) *relation {
	var names []string
	if p.Ext != nil {
		names = append(names, p.Ext.ID)
	}
	names = append(names, p.Attr.Name)
	simple := p.Attr.Type != scim.Complex
	if !w.postgres {
		return &relation{from: "json_each(r.search, '" + jsonPath(names) + "') e", where: "1 = 1", simple: simple,
			part: func(sub *scim.Attribute) column {
				if sub == nil {
					return w.typed("e.value", p.Attr)
				}
				return w.typed(w.extract("e.value", []string{sub.Name}), sub)
			}}
	}
	of := "r.search"
	for _, n := range names {
		of += "->'" + strings.ReplaceAll(n, "'", "''") + "'"
	}
	return &relation{from: "jsonb_array_elements(" + of + ") WITH ORDINALITY AS e(v, n)", where: "1 = 1", simple: simple,
		part: func(sub *scim.Attribute) column {
			if sub == nil {
				return w.typed("(e.v #>> '{}')", p.Attr)
			}
			return w.typed(w.extract("e.v", []string{sub.Name}), sub)
		}}
}

func (w *conditionWriter) typed(sql string, a *scim.Attribute) column {
	col := w.json("", scim.Path{Attr: a})
	col.sql = sql
	return col
}

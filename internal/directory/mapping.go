package directory

import (
	"context"
	"maps"
	"slices"
	"strings"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/scim"
)

// AttributeMapping says, for each field of a person, which SCIM attributes feed it; the first that has a value does. A source is an attribute
// path (RFC 7644 Figure 7) or text with paths in braces, such as "{name.givenName} {name.familyName}". A field that is left out goes by
// DefaultMapping.
type AttributeMapping map[string][]string

// The fields of a person that can be fed. Name and email are looked up and shown everywhere, the others on the person's page.
var MappedFields = []string{"name", "email", "title", "department", "employee_number", "organization", "phone", "locale", "timezone"}

// DefaultMapping is what feeds the fields where a workspace says nothing.
var DefaultMapping = AttributeMapping{
	"name":            {"displayName", "name.formatted", "{name.givenName} {name.familyName}", "userName"},
	"email":           {"emails", "userName"},
	"title":           {"title"},
	"department":      {scim.EnterpriseURN + ":department"},
	"employee_number": {scim.EnterpriseURN + ":employeeNumber"},
	"organization":    {scim.EnterpriseURN + ":organization"},
	"phone":           {`phoneNumbers[type eq "work"].value`, "phoneNumbers"},
	"locale":          {"locale", "preferredLanguage"},
	"timezone":        {"timezone"},
}

const (
	mostSources = 10
	sourceMost  = 300 // bytes of one source
)

// ErrMapping says what is wrong with a mapping.
var ErrMapping = fault.New(fault.Invalid, "bad_mapping", "")

// mapping is an AttributeMapping whose paths are read; a field that is missing goes by its default.
type mapping map[string][]source

// source is text between paths: before[0] path[0] before[1] path[1] … after. One path alone has no text.
type source struct {
	said   string
	before []string
	paths  []scim.Path
	after  string
}

// compile reads the paths of a mapping.
func compile(rt *scim.ResourceType, m AttributeMapping) (mapping, error) {
	out := mapping{}
	for field, sources := range m {
		if !slices.Contains(MappedFields, field) {
			return nil, ErrMapping.Saying("There is no field %q. The fields are %s.", short(field), strings.Join(MappedFields, ", "))
		}
		if len(sources) > mostSources {
			return nil, ErrMapping.Saying("A field has at most %d sources.", mostSources)
		}
		for _, said := range sources {
			s, err := readSource(rt, strings.TrimSpace(said))
			if err != nil {
				return nil, ErrMapping.Saying("%s: %s", field, fault.From(err).Detail)
			}
			out[field] = append(out[field], s)
		}
	}
	return out, nil
}

func short(s string) string {
	if r := []rune(strings.ToValidUTF8(s, "")); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return s
}

func readSource(rt *scim.ResourceType, said string) (source, error) {
	s := source{said: said}
	if said == "" || len(said) > sourceMost {
		return s, ErrMapping.Saying("A source has 1 to %d characters.", sourceMost)
	}
	if !strings.ContainsAny(said, "{}") {
		p, err := readPath(rt, said)
		s.before, s.paths = []string{""}, []scim.Path{p}
		return s, err
	}
	rest := said
	for {
		text, after, open := strings.Cut(rest, "{")
		if strings.Contains(text, "}") {
			return s, ErrMapping.Saying("A brace is not closed or not opened in %q.", said)
		}
		if !open {
			s.after = text
			break
		}
		path, more, closed := strings.Cut(after, "}")
		if !closed {
			return s, ErrMapping.Saying("A brace is not closed in %q.", said)
		}
		p, err := readPath(rt, path)
		if err != nil {
			return s, err
		}
		s.before, s.paths, rest = append(s.before, text), append(s.paths, p), more
	}
	return s, nil
}

func readPath(rt *scim.ResourceType, text string) (scim.Path, error) {
	p, err := rt.ParsePath(text)
	switch {
	case err != nil:
		return p, err
	case p.Attr == nil, p.Attr.Returned == scim.Never, p.Attr.Mutability == scim.ReadOnly:
		return p, ErrMapping.Saying("%q is not an attribute that a provider writes.", short(text))
	case p.Sub == nil && p.Attr.Type == scim.Complex && p.Attr.Part("value") == nil:
		return p, ErrMapping.Saying("%q has parts; name one of them.", short(text))
	}
	return p, nil
}

// of is what the source makes of a resource; "" when none of its attributes has a value.
func (s source) of(r scim.Resource) string {
	var b strings.Builder
	some := false
	for i, p := range s.paths {
		b.WriteString(s.before[i])
		if texts := p.Texts(r); len(texts) > 0 {
			b.WriteString(texts[0])
			some = true
		}
	}
	if !some {
		return ""
	}
	b.WriteString(s.after)
	return strings.TrimSpace(b.String())
}

// value is what feeds a field, and from which source; "" when none of the mapped sources does.
func (m mapping) value(field string, r scim.Resource) (value, from string) {
	for _, s := range m[field] {
		if v := s.of(r); v != "" {
			return v, s.said
		}
	}
	return "", ""
}

// mapped puts the mapped name and address into the columns; what no source feeds stays as the default made it.
func (p *Provisioning) mapped(written scim.Resource, c *personColumns) {
	if p.rules == nil || len(p.rules.mapping) == 0 {
		return
	}
	p.rules.mapping.put(written, c)
}

func (m mapping) put(written scim.Resource, c *personColumns) {
	if v, _ := m.value("name", written); v != "" {
		if len(v) > nameMost {
			v = strings.ToValidUTF8(v[:nameMost], "")
		}
		c.name, c.nameKey = v, scim.Fold(v)
	}
	v, _ := m.value("email", written)
	if !strings.Contains(v, "@") || len(v) > scim.MaxIndexed || len(scim.Fold(v)) > scim.MaxIndexed || scim.Fold(v) == c.emailKey {
		return
	}
	if c.emailKey != "" && slices.Contains(addressesOf(written), c.emailKey) {
		c.emails = append(c.emails, c.emailKey)
	}
	c.email, c.emailKey = v, scim.Fold(v)
	slices.Sort(c.emails)
	c.emails = slices.DeleteFunc(slices.Compact(c.emails), func(k string) bool { return k == c.emailKey })
}

// addressesOf are the addresses that were sent, folded.
func addressesOf(written scim.Resource) []string {
	list, _ := written["emails"].([]any)
	var out []string
	for _, e := range list {
		m, _ := e.(map[string]any)
		if v := scim.Text(m, "value"); v != "" {
			out = append(out, scim.Fold(v))
		}
	}
	return out
}

// FieldValue is a field of a person as it is fed now.
type FieldValue struct {
	Field  string
	Value  string
	Source string // which attribute feeds it; "" for none
}

// Mapping is a workspace's mapping with the defaults for what it leaves out, and what it has said itself.
func (s *Service) Mapping(ctx context.Context, workspace string) (effective, own AttributeMapping, err error) {
	own, err = mappingIn(s.db.Read(ctx), workspace)
	return own.effective(), own, err
}

// mappingIn is what a workspace has said itself.
func mappingIn(db *gorm.DB, workspace string) (AttributeMapping, error) {
	own := AttributeMapping{}
	var row rulesRow
	if err := db.Where("workspace_id = ?", workspace).Limit(1).Find(&row).Error; err != nil {
		return own, err
	}
	return own, stored(row.Mapping, &own)
}

// effective is the mapping with the defaults for what it leaves out.
func (m AttributeMapping) effective() AttributeMapping {
	out := AttributeMapping{}
	for _, field := range MappedFields {
		out[field] = DefaultMapping[field]
		if len(m[field]) > 0 {
			out[field] = m[field]
		}
	}
	return out
}

// same says whether two mappings feed every field alike.
func (m AttributeMapping) same(other AttributeMapping) bool {
	return maps.EqualFunc(m.effective(), other.effective(), slices.Equal)
}

// Profile is every mapped field of a person, and from which attribute it comes.
func (s *Service) Profile(ctx context.Context, workspace, id string) (Person, []FieldValue, error) {
	r, err := s.rulesOf(ctx, workspace)
	if err != nil {
		return Person{}, nil, err
	}
	var rows []userRow
	err = s.db.Read(ctx).Raw("SELECT "+userColumns+" FROM people r WHERE r.id = ? AND r.workspace_id = ? AND r.deleted_at IS NULL", id, workspace).Scan(&rows).Error
	if err != nil || len(rows) == 0 {
		return Person{}, nil, cmpErr(err, fault.ErrNotFound)
	}
	written, err := rows[0].written()
	if err != nil {
		return Person{}, nil, err
	}
	person := rows[0].person()
	out := r.fields(written)
	if person.Source == Local { // no directory feeds these
		out = []FieldValue{{Field: "name", Value: person.Name}, {Field: "email", Value: person.Email}}
	}
	return person, out, nil
}

// fields are all mapped fields of a resource.
func (r *rules) fields(written scim.Resource) []FieldValue {
	var own mapping
	if r != nil {
		own = r.mapping
	}
	out := make([]FieldValue, 0, len(MappedFields))
	for _, field := range MappedFields {
		v, from := own.value(field, written)
		if v == "" {
			v, from = defaultMapping.value(field, written)
		}
		if field == "email" && !strings.Contains(v, "@") { // a userName that is none
			v, from = "", ""
		}
		out = append(out, FieldValue{Field: field, Value: v, Source: from})
	}
	return out
}

// defaultMapping is DefaultMapping with its paths read.
var defaultMapping = func() mapping {
	m, err := compile(defaultUsers, DefaultMapping)
	if err != nil {
		panic(err)
	}
	return m
}()

// FieldChange is what a mapping would change of one person.
type FieldChange struct {
	Person   Person
	Field    string
	From, To string
}

// MappingPreview is what a mapping would do. Nothing is written.
type MappingPreview struct {
	People  int           // of the directory, looked at
	Changed int           // people of whom a field would change
	Changes []FieldChange // the first of them
	Sample  []FieldValue  // the fields of the resource that was given
}

// mostPreviewed is how many changes a preview shows; all are counted.
const mostPreviewed = 200

// PreviewMapping tells whom a mapping would change, over everything that the provider has sent. With a sample, a user as a request holds it,
// it also tells what would become of that one.
func (s *Service) PreviewMapping(ctx context.Context, workspace string, want AttributeMapping, sample map[string]any) (MappingPreview, error) {
	var out MappingPreview
	r, err := s.rulesOf(ctx, workspace)
	if err != nil {
		return out, err
	}
	m, err := compile(r.userType(), want)
	if err != nil {
		return out, err
	}
	if sample != nil {
		in, err := r.userType().Read(sample)
		if err != nil {
			return out, err
		}
		out.Sample = (&rules{mapping: m}).fields(in.Resource)
	}
	err = eachUser(s.db.Read(ctx), workspace, func(row userRow) error {
		written, err := row.written()
		if err != nil {
			return err
		}
		out.People++
		changes := fieldChanges(row, r.fields(written), (&rules{mapping: m}).fields(written))
		if len(changes) > 0 {
			out.Changed++
		}
		if room := mostPreviewed - len(out.Changes); room > 0 {
			out.Changes = append(out.Changes, changes[:min(room, len(changes))]...)
		}
		return nil
	})
	return out, err
}

func fieldChanges(row userRow, now, then []FieldValue) []FieldChange {
	var out []FieldChange
	for i, f := range now {
		if f.Value != then[i].Value {
			out = append(out, FieldChange{Person: row.person(), Field: f.Field, From: f.Value, To: then[i].Value})
		}
	}
	return out
}

// atATime is how many people are read at once where all of a workspace are looked at.
const atATime = 500

// eachUser goes over a workspace's directory people in the order in which they were added, along the index of that order.
func eachUser(db *gorm.DB, workspace string, do func(userRow) error) error {
	var last userRow
	for {
		var rows []userRow
		err := db.Raw("SELECT "+userColumns+" FROM people r"+database.Along(db, "people_order")+" WHERE r.workspace_id = ? AND r.source = 'directory' AND r.deleted_at IS NULL"+
			" AND (r.created_at, r.id) > (?, ?) ORDER BY r.created_at, r.id LIMIT ?", workspace, last.CreatedAt, last.ID, atATime).Scan(&rows).Error
		if err != nil {
			return err
		}
		for _, r := range rows {
			if err := do(r); err != nil {
				return err
			}
		}
		if len(rows) < atATime {
			return nil
		}
		last = rows[len(rows)-1]
	}
}

// SetMapping keeps a mapping and brings the names and addresses of everybody in line with it, in one transaction. It says of how many.
func (s *Service) SetMapping(ctx context.Context, by actor.Actor, want AttributeMapping) (changed int, err error) {
	return s.SetMappingIf(ctx, by, nil, want, func(database.Tx) error { return nil })
}

// SetMappingIf is SetMapping where people's addresses, by which they sign in, may have to be confirmed: confirmed is run in the transaction if they
// are fed otherwise than before, and its error takes everything back. was is what held when the change was begun: where neither that nor what is
// wanted holds any more, it is refused with fault.ErrEdited. nil is whatever held.
func (s *Service) SetMappingIf(ctx context.Context, by actor.Actor, was, want AttributeMapping, confirmed func(database.Tx) error) (changed int, err error) {
	r, err := s.rulesOf(ctx, by.Workspace)
	if err != nil {
		return 0, err
	}
	m, err := compile(r.userType(), want)
	if err != nil {
		return 0, err
	}
	err = s.db.InTx(ctx, func(tx database.Tx) error {
		if err := asManager(tx, by); err != nil {
			return err
		}
		held, err := mappingIn(tx.DB, by.Workspace)
		if err != nil {
			return err
		}
		if was != nil && !held.same(was) && !held.same(want) {
			return fault.ErrEdited.With("now", map[string]any{"mapping": held.effective()})
		}
		if !slices.Equal(held.effective()["email"], want.effective()["email"]) {
			if err := confirmed(tx); err != nil {
				return err
			}
		}
		now, err := tx.Now()
		if err != nil {
			return err
		}
		if err := s.saveRules(tx, by.Workspace, "mapping", want, now); err != nil {
			return err
		}
		changed = 0
		err = eachUser(tx.DB, by.Workspace, func(row userRow) error {
			written, err := row.written()
			if err != nil {
				return err
			}
			did, err := remap(tx, row, written, m)
			if did {
				changed++
			}
			return err
		})
		if err != nil {
			return err
		}
		return audit.RecordAt(tx, by, "mapping.changed", by.Workspace, audit.Detail{"fields": sortedFields(want), "people": changed}, now)
	})
	return changed, err
}

func sortedFields(m AttributeMapping) []string {
	var out []string
	for f := range m {
		out = append(out, f)
	}
	slices.Sort(out)
	return out
}

// remap writes the name and the addresses of one person as the mapping feeds them. What the provider sees does not change, so neither does
// the version.
func remap(tx database.Tx, row userRow, written scim.Resource, m mapping) (bool, error) {
	c := personColumns{userName: row.UserName, name: displayName(written)}
	c.nameKey = scim.Fold(c.name)
	c.addresses(written, row.Email)
	m.put(written, &c)
	if c.name == row.Name && c.email == row.Email {
		return false, nil
	}
	err := tx.Exec("UPDATE people SET name = ?, name_key = ?, email = ?, email_key = ? WHERE id = ?", c.name, c.nameKey, c.email, c.emailKey, row.ID).Error
	if err != nil {
		return true, err
	}
	if err := tx.Exec("DELETE FROM person_emails WHERE person_id = ?", row.ID).Error; err != nil {
		return true, err
	}
	return true, insertEmails(tx, row.WorkspaceID, row.ID, c.emails)
}

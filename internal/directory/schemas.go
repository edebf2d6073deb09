package directory

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/ident"
	"github.com/countersign/countersign/internal/scim"
)

// The resource types that can be extended.
const (
	UserResource  = "User"
	GroupResource = "Group"
)

const (
	mostSchemas    = 20
	mostAttributes = 100
	mostParts      = 20
)

// What defining a schema refuses.
var (
	ErrSchema      = fault.New(fault.Invalid, "bad_schema", "")
	ErrSchemaTaken = fault.New(fault.Conflict, "schema_taken", "This workspace has a schema with this URN already.")
	ErrSchemas     = fault.New(fault.Conflict, "too_many_schemas", "A workspace has at most 20 schemas of its own.")
)

// Schema is an extension that a workspace has defined itself: a URN and typed attributes (RFC 7643 §3.3).
type Schema struct {
	ID           string
	ResourceType string // UserResource or GroupResource
	URN          string
	Name         string
	Description  string
	Attributes   []SchemaAttribute
	CreatedAt    time.Time
	CreatedBy    string
}

// SchemaAttribute is one attribute of a Schema. All are readWrite and none is required, so that no provider's request fails for the lack of one.
type SchemaAttribute struct {
	Name            string            `json:"name"`
	Type            scim.Type         `json:"type"`
	MultiValued     bool              `json:"multi_valued,omitempty"`
	CaseExact       bool              `json:"case_exact,omitempty"`
	Description     string            `json:"description,omitempty"`
	CanonicalValues []string          `json:"canonical_values,omitempty"`
	SubAttributes   []SchemaAttribute `json:"sub_attributes,omitempty"` // of a complex one; they are not complex themselves
}

func (s Schema) scim() *scim.Schema {
	return &scim.Schema{ID: s.URN, Name: s.Name, Description: s.Description, Attributes: attributesOf(s.Attributes)}
}

func attributesOf(all []SchemaAttribute) []*scim.Attribute {
	var out []*scim.Attribute
	for _, a := range all {
		out = append(out, &scim.Attribute{Name: a.Name, Type: a.Type, Multi: a.MultiValued, CaseExact: a.CaseExact || a.Type == scim.Binary, Description: a.Description,
			Canonical: a.CanonicalValues, Sub: attributesOf(a.SubAttributes)})
	}
	return out
}

var (
	urnForm       = regexp.MustCompile(`^(?i:urn):[A-Za-z0-9][A-Za-z0-9-]{1,31}:[A-Za-z0-9._:-]{1,160}$`)
	attributeForm = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{0,63}$`)
	typesThere    = []scim.Type{scim.String, scim.Boolean, scim.Decimal, scim.Integer, scim.DateTime, scim.Binary, scim.Reference, scim.Complex}
)

// check says what is wrong with a schema that somebody wants.
func (s Schema) check() error {
	switch {
	case s.ResourceType != UserResource && s.ResourceType != GroupResource:
		return ErrSchema.Saying("The resource type is User or Group.")
	case !urnForm.MatchString(s.URN) || strings.HasSuffix(s.URN, ":"):
		return ErrSchema.Saying("The URN is like urn:ietf:params:scim:schemas:extension:acme:2.0:User: letters, digits, points, hyphens and colons.")
	case reserved(s.URN):
		return ErrSchema.Saying("This URN belongs to the standard.")
	case !goodName(s.Name):
		return ErrSchema.Saying("A schema has a name of 1 to 200 characters.")
	case !goodText(s.Description):
		return ErrSchema.Saying("A description has at most 500 characters.")
	case len(s.Attributes) == 0 || len(s.Attributes) > mostAttributes:
		return ErrSchema.Saying("A schema has 1 to %d attributes.", mostAttributes)
	}
	return checkAttributes(s.Attributes, true)
}

func checkAttributes(all []SchemaAttribute, parts bool) error {
	seen := map[string]bool{}
	for _, a := range all {
		key := strings.ToLower(a.Name)
		switch {
		case !attributeForm.MatchString(a.Name):
			return ErrSchema.Saying("An attribute's name begins with a letter and has letters, digits, hyphens and underscores, at most 64.")
		case seen[key]:
			return ErrSchema.Saying("The name %s stands there twice; letter case does not tell attributes apart.", a.Name)
		case !slices.Contains(typesThere, a.Type):
			return ErrSchema.Saying("The type of %s is one of string, boolean, decimal, integer, dateTime, binary, reference and complex.", a.Name)
		case a.Type == scim.Complex && !parts:
			return ErrSchema.Saying("%s is part of a complex attribute and cannot be complex itself.", a.Name)
		case (a.Type == scim.Complex) != (len(a.SubAttributes) > 0):
			return ErrSchema.Saying("A complex attribute has sub-attributes, and no other has; see %s.", a.Name)
		case len(a.SubAttributes) > mostParts || len(a.CanonicalValues) > mostAttributes || !goodText(a.Description) || !goodTexts(a.CanonicalValues):
			return ErrSchema.Saying("%s is too long: at most %d sub-attributes, %d canonical values, 500 characters of text.", a.Name, mostParts, mostAttributes)
		}
		seen[key] = true
		if err := checkAttributes(a.SubAttributes, false); err != nil {
			return err
		}
	}
	return nil
}

func goodText(s string) bool { return scim.Storable(s) && utf8.RuneCountInString(s) <= 500 }

func goodTexts(all []string) bool {
	return !slices.ContainsFunc(all, func(s string) bool { return s == "" || !goodText(s) })
}

// reserved says whether a URN is one of the standard's, lies within one of them, or one of them within it: paths would be ambiguous.
func reserved(urn string) bool {
	key := strings.ToLower(urn)
	return slices.ContainsFunc([]string{scim.UserURN, scim.EnterpriseURN, scim.GroupURN, "urn:okta:scim:schemas:core:1.0:Role"}, func(known string) bool {
		return nested(key, strings.ToLower(known))
	}) || strings.HasPrefix(key, "urn:ietf:params:scim:api:") || strings.HasPrefix(key, "urn:ietf:params:scim:schemas:core:")
}

// nested says whether two URNs in lower case are the same or one is the beginning of the other's path.
func nested(a, b string) bool {
	return a == b || strings.HasPrefix(a, b+":") || strings.HasPrefix(b, a+":") || strings.HasPrefix(a, b+".") || strings.HasPrefix(b, a+".")
}

type schemaRow struct {
	ID           string
	WorkspaceID  string
	ResourceType string
	URN          string `gorm:"column:urn"`
	URNKey       string `gorm:"column:urn_key"`
	Name         string
	Description  string
	Attributes   string
	CreatedAt    time.Time
	CreatedBy    string
}

func (schemaRow) TableName() string { return "scim_schemas" }

func (r schemaRow) schema() (Schema, error) {
	s := Schema{ID: r.ID, ResourceType: r.ResourceType, URN: r.URN, Name: r.Name, Description: r.Description, CreatedAt: r.CreatedAt, CreatedBy: r.CreatedBy}
	if err := json.Unmarshal([]byte(r.Attributes), &s.Attributes); err != nil {
		return Schema{}, fmt.Errorf("schema %s: %w", r.ID, err)
	}
	return s, nil
}

// Schemas are the schemas that a workspace has defined itself, oldest first.
func Schemas(db *gorm.DB, workspace string) ([]Schema, error) {
	var rows []schemaRow
	if err := db.Where("workspace_id = ?", workspace).Order("created_at, id").Find(&rows).Error; err != nil {
		return nil, err
	}
	out := make([]Schema, len(rows))
	for i, r := range rows {
		var err error
		if out[i], err = r.schema(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// DefineSchema adds an extension to a workspace. From the next call on its attributes are stored, filtered and shown.
func (s *Service) DefineSchema(ctx context.Context, by actor.Actor, want Schema) (Schema, error) {
	if err := want.check(); err != nil {
		return Schema{}, err
	}
	err := s.db.InTx(ctx, func(tx database.Tx) error {
		if err := asManager(tx, by); err != nil {
			return err
		}
		there, err := Schemas(tx.DB, by.Workspace)
		if err != nil {
			return err
		}
		for _, other := range there {
			if nested(strings.ToLower(want.URN), strings.ToLower(other.URN)) {
				return ErrSchemaTaken
			}
		}
		if len(there) >= mostSchemas {
			return ErrSchemas
		}
		now, err := tx.Now()
		if err != nil {
			return err
		}
		attributes, err := json.Marshal(want.Attributes)
		if err != nil {
			return err
		}
		want.ID, want.CreatedAt, want.CreatedBy = ident.New("sch"), now, by.Name
		err = tx.Create(&schemaRow{ID: want.ID, WorkspaceID: by.Workspace, ResourceType: want.ResourceType, URN: want.URN, URNKey: strings.ToLower(want.URN),
			Name: want.Name, Description: want.Description, Attributes: string(attributes), CreatedAt: now, CreatedBy: by.Name}).Error
		if err != nil {
			return err
		}
		if err := s.changedRules(tx); err != nil {
			return err
		}
		return audit.RecordAt(tx, by, "schema.defined", want.ID, audit.Detail{"urn": want.URN, "resource_type": want.ResourceType}, now)
	})
	return want, duplicate(err, ErrSchemaTaken)
}

// DropSchema takes an extension away again, with what people and teams have under it: another schema of the same URN may have other types.
// It says how many people and teams had something.
func (s *Service) DropSchema(ctx context.Context, by actor.Actor, id string) (cleared int64, err error) {
	err = s.db.InTx(ctx, func(tx database.Tx) error {
		if err := asManager(tx, by); err != nil {
			return err
		}
		var r schemaRow
		res := tx.Where("workspace_id = ? AND id = ?", by.Workspace, id).Limit(1).Find(&r)
		if res.Error != nil || res.RowsAffected == 0 {
			return cmpErr(res.Error, fault.ErrNotFound)
		}
		if err := tx.Exec("DELETE FROM scim_schemas WHERE id = ?", id).Error; err != nil {
			return err
		}
		table := "people"
		if r.ResourceType == GroupResource {
			table = "teams"
		}
		if cleared, err = clearExtension(tx, table, by.Workspace, r.URN); err != nil {
			return err
		}
		if err := s.changedRules(tx); err != nil {
			return err
		}
		return audit.Record(tx, by, "schema.dropped", id, audit.Detail{"urn": r.URN, "cleared": cleared})
	})
	return cleared, err
}

// clearExtension removes what lies under a URN from every row of a workspace, deleted ones too.
func clearExtension(tx database.Tx, table, workspace, urn string) (int64, error) {
	without, has, args := "json_remove(%s, ?)", "json_extract(attributes, ?) IS NOT NULL", jsonPath([]string{urn})
	if tx.Dialect() == database.Postgres {
		without, has, args = "%s - CAST(? AS text)", "jsonb_exists(attributes, CAST(? AS text))", urn
	}
	res := tx.Exec("UPDATE "+table+" SET attributes = "+fmt.Sprintf(without, "attributes")+", search = "+fmt.Sprintf(without, "search")+
		", version = version + 1 WHERE workspace_id = ? AND "+has, args, args, workspace, args)
	return res.RowsAffected, res.Error
}

// cmpErr is err, or otherwise where there is none.
func cmpErr(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

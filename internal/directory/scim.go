package directory

import (
	"context"
	"strconv"
	"time"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/scim"
)

// What provisioning refuses. The codes of SCIM's own errors are their scimTypes.
var (
	ErrNoUser        = fault.New(fault.NotFound, "not_found", "There is no user with this id.")
	ErrNoGroup       = fault.New(fault.NotFound, "not_found", "There is no group with this id.")
	ErrUserNameTaken = fault.New(fault.Conflict, scim.Uniqueness, "Another person of this workspace, active or not, has this userName already.")
	ErrTeamNameTaken = fault.New(fault.Conflict, scim.Uniqueness, "Another team of this workspace has this displayName already.")
	ErrVersion       = fault.New(fault.Precondition, "version_mismatch", "The resource has changed since the version that If-Match names. Nothing was changed.")
	ErrNestedTeam    = fault.New(fault.Invalid, scim.InvalidValue, "A team cannot be a member of a team.")
)

// Provisioning is the directory as an identity provider sees it over SCIM: only people and teams that a directory made or adopted. The
// workspace is the actor's. Resources go in as scim.Incoming and come out complete, with id, meta and references.
type Provisioning struct {
	s       *Service
	base    string // address of the SCIM service without a trailing slash
	cursors cursors
	people  *kind
	teams   *kind
	rules   *rules // of the workspace, see For; nil for none
	views   *views
	counted *countedTotals
}

// NewProvisioning is SCIM over a directory. base is the absolute address that locations begin with, cursorKey the secret of paging cursors
// (the same on all replicas), now the process clock, by which cursors grow old.
func NewProvisioning(s *Service, base string, cursorKey []byte, now func() time.Time) *Provisioning {
	return &Provisioning{s: s, base: base, cursors: cursors{key: cursorKey, now: now},
		people: newPeople(scim.Users()), teams: newTeams(scim.Groups()), views: &views{}, counted: &countedTotals{}}
}

// UserType is the resource type of people.
func (p *Provisioning) UserType() *scim.ResourceType { return p.people.rt }

// GroupType is the resource type of teams.
func (p *Provisioning) GroupType() *scim.ResourceType { return p.teams.rt }

// IfMatch says whether a change may be made to a resource of this version; nil allows every version.
type IfMatch func(version string) bool

// allows is the compare of compare-and-swap; the row is locked.
func (m IfMatch) allows(version int64) error {
	if m != nil && !m(versionTag(version)) {
		return ErrVersion
	}
	return nil
}

// versionTag is a version as meta.version and ETag show it (RFC 7644 §3.14).
func versionTag(version int64) string { return `W/"` + strconv.FormatInt(version, 10) + `"` }

func meta(resourceType, location string, version int64, created, modified time.Time) map[string]any {
	return map[string]any{
		"resourceType": resourceType, "location": location, "version": versionTag(version),
		"created": created.UTC().Format(time.RFC3339Nano), "lastModified": modified.UTC().Format(time.RFC3339Nano),
	}
}

// visible is the condition that SCIM sees the row r of a workspace, for statements that find r by its id. The workspace stands in an expression,
// so that no planner takes an index of the whole workspace instead of the primary key: without statistics Postgres thinks them equally good.
const visible = "COALESCE(r.workspace_id, '') = ? AND r.source = 'directory' AND r.deleted_at IS NULL"

// among is the condition that r is one of the rows whose ids a SELECT gives. Postgres is made to run that SELECT once and first: left to itself,
// and without statistics, it runs it again for every row.
func among(dialect, ids string) string {
	if dialect == database.Postgres {
		return "r.id = ANY(ARRAY(" + ids + "))"
	}
	return "r.id IN (" + ids + ")"
}

// forUpdate locks the rows of alias r that a query finds; SQLite has locked the whole file already.
func forUpdate(tx database.Tx) string {
	if tx.Dialect() == database.Postgres {
		return " FOR UPDATE OF r"
	}
	return ""
}

func (p *Provisioning) read(ctx context.Context) *gorm.DB { return p.s.db.Read(ctx) }

// optional is NULL for "".
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

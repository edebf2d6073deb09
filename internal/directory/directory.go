// Package directory keeps the people and teams of a workspace: those made here and those that the identity provider brings over SCIM. It
// knows roles, not sessions, phones or HTTP; what has to end with a person is handed in as functions.
package directory

import (
	"errors"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/scim"
)

// Role is what a person may do in a workspace.
type Role string

// The roles, from most to least. A workspace has exactly one Owner.
const (
	Owner      Role = "owner"
	SuperAdmin Role = "super_admin"
	Admin      Role = "admin"
	User       Role = "user"
	Guest      Role = "guest"
)

// AdminRoles may open the workspace's settings.
var AdminRoles = []Role{Owner, SuperAdmin, Admin}

// Admin says whether the role may see the directory's settings.
func (r Role) Admin() bool { return r == Owner || r == SuperAdmin || r == Admin }

// Manager says whether the role may change people and tokens.
func (r Role) Manager() bool { return r == Owner || r == SuperAdmin }

// Known says whether r is one of the roles.
func (r Role) Known() bool { return r.Admin() || r == User || r == Guest }

// Source is where a person or team comes from.
type Source string

// The sources.
const (
	Local    Source = "local"     // made here, invisible to SCIM until adopted
	Provider Source = "directory" // made or adopted by the identity provider
)

// Person is a person of a workspace.
type Person struct {
	ID         string
	Workspace  string
	Source     Source
	Role       Role
	Active     bool
	UserName   string
	Name       string // display name
	Email      string
	ExternalID string
	Version    int64
	CreatedAt  time.Time
	UpdatedAt  time.Time
}

// Deactivated ends, in the transaction that deactivates or deletes p, what must not outlive it: sessions, phones, open confirmations.
type Deactivated func(tx database.Tx, by actor.Actor, p Person, at time.Time) error

// Urgent hears, in the transaction that writes their notice, that people are told of something that should not wait until they look.
type Urgent func(tx database.Tx, workspace string, people []string, now time.Time) error

// Service is the directory. Make it with New.
type Service struct {
	db            *database.DB
	onDeactivated []Deactivated
	onDemoted     []Deactivated
	urgent        Urgent
	witnesses     []witness
	book          ruleBook
	traces        []string
	forgets       []string
}

// New is the directory over db. Each of ends runs in the transaction that deactivates or deletes a person.
func New(db *database.DB, ends ...Deactivated) *Service {
	return &Service{db: db, onDeactivated: ends}
}

// OnDemoted runs f in the transaction in which somebody who goes on being active loses the rights of an admin. It is called while the service is
// put together.
func (s *Service) OnDemoted(f ...Deactivated) { s.onDemoted = append(s.onDemoted, f...) }

// OnUrgent has f hear of a frozen ownership and of held removals. It is called once, while the service is put together.
func (s *Service) OnUrgent(f Urgent) { s.urgent = f }

// demoted ends what must not outlive an admin's rights; a change between two admins' roles, or below them, is none.
func (s *Service) demoted(tx database.Tx, by actor.Actor, p Person, from, to Role, at time.Time) error {
	if !from.Admin() || to.Admin() {
		return nil
	}
	p.Role = to
	if err := endTransfersOf(tx, by, p.ID, "role", at); err != nil {
		return err
	}
	for _, f := range s.onDemoted {
		if err := f(tx, by, p, at); err != nil {
			return err
		}
	}
	return nil
}

// personRow is the table people; the columns are what is looked up, Attributes holds every other SCIM attribute as JSON.
type personRow struct {
	ID          string
	WorkspaceID string
	Source      string
	Role        string
	RoleMapped  bool // given by a rule, not by a person
	Active      bool
	UserName    string
	UserNameKey string
	Name        string
	NameKey     string
	Email       string
	EmailKey    string
	ExternalID  *string
	Attributes  string
	Version     int64
	CreatedAt   time.Time
	UpdatedAt   time.Time
	DeletedAt   *time.Time
}

func (personRow) TableName() string { return "people" }

func (r personRow) person() Person {
	p := Person{ID: r.ID, Workspace: r.WorkspaceID, Source: Source(r.Source), Role: Role(r.Role), Active: r.Active, UserName: r.UserName,
		Name: r.Name, Email: r.Email, Version: r.Version, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt}
	if r.ExternalID != nil {
		p.ExternalID = *r.ExternalID
	}
	return p
}

// Key is the form in which userNames, e-mail addresses and team names are compared: Unicode case folding, for comparison alone
// (RFC 7643 §3.1, RFC 7644 §7.8). What was sent is stored beside it unchanged.
func Key(s string) string { return scim.Fold(strings.TrimSpace(s)) }

// Find reads a person of a workspace; deleted people are not found.
func Find(db *gorm.DB, workspace, id string) (Person, error) {
	var r personRow
	err := db.Where("workspace_id = ? AND id = ? AND deleted_at IS NULL", workspace, id).Take(&r).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return Person{}, fault.ErrNotFound
	}
	return r.person(), err
}

// end ends what must not outlive p, who has just been deactivated.
func (s *Service) end(tx database.Tx, by actor.Actor, p Person, at time.Time) error {
	if err := s.ownerGone(tx, by, p, at); err != nil {
		return err
	}
	return s.offboard(tx, by, p, causeDeactivated, at)
}

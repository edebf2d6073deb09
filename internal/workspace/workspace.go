// Package workspace keeps workspaces (tenants): their address, their confirmation policy and the SCIM tokens that identity providers call
// with. It knows no people: who makes a workspace adds its Owner in the same transaction.
package workspace

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/ident"
	"github.com/countersign/countersign/internal/restored"
	"github.com/countersign/countersign/internal/vault"
)

// Policy says how people of a workspace confirm (design.md §3.8).
type Policy string

// The policies.
const (
	RiskBased  Policy = "risk" // one tap where nothing is unusual, the code otherwise
	AlwaysCode Policy = "code" // six digits, always
	TapOnly    Policy = "tap"  // one tap, except where an action always needs the code
)

// How long a confirmation may wait for its answer.
const (
	MinTTL = time.Minute
	MaxTTL = 10 * time.Minute
)

// What this package refuses.
var (
	ErrSlug      = fault.New(fault.Invalid, "bad_slug", "A workspace address has 2 to 40 small letters, digits and hyphens, no hyphen at its ends, and is none of the words this service uses itself.")
	ErrSlugTaken = fault.New(fault.Conflict, "slug_taken", "There is a workspace with this address already.")
	ErrName      = fault.New(fault.Invalid, "bad_name", "A workspace name has 1 to 100 characters.")
	ErrPolicy    = fault.New(fault.Invalid, "bad_policy", `The policy is "risk", "code" or "tap", and a request waits between 1 and 10 minutes.`)
	ErrForbidden = fault.New(fault.Forbidden, "forbidden", "This needs the Owner or a Super Admin.").With("allowed_roles", []string{"owner", "super_admin"})
)

// Workspace is a tenant.
type Workspace struct {
	ID              string
	Slug            string
	Name            string
	Policy          Policy
	ConfirmationTTL time.Duration
	ShowOnce        bool       // a token is shown once, then only a new one can be had
	TwoAdmins       bool       // a second admin has to approve as well before a token is shown or replaced
	SameNetwork     bool       // the phone has to answer from the network that the browser asks from
	Passkeys        bool       // a passkey may answer instead of the phone
	MaxTokenDays    int        // a new token lives this long at most, one of Lifetimes; 0 is no limit
	FreezeOnReport  bool       // "I don't know this request" freezes reveals until the Owner lifts it
	FrozenAt        *time.Time // since when nothing is revealed
	FrozenBy        string     // the confirmation whose report froze it
	CreatedAt       time.Time
}

// Service is the workspaces and their tokens. Make it with New.
type Service struct {
	db       *database.DB
	vault    *vault.Vault
	used     lastUse
	claims   claims
	tell     func(database.Tx, Event) error // nil: nobody listens
	restored *restored.Gate                 // nil: nothing is held back
}

// New is the workspaces of db; v seals their tokens.
func New(db *database.DB, v *vault.Vault) *Service { return &Service{db: db, vault: v} }

// HoldBack lets tokens of before a restore wait until it is confirmed.
func (s *Service) HoldBack(g *restored.Gate) { s.restored = g }

type row struct {
	ID                  string
	Slug                string
	Name                string
	ConfirmationPolicy  string
	ConfirmationSeconds int
	ShowOnce            bool
	TwoAdmins           bool
	SameNetwork         bool
	FreezeOnReport      bool
	Passkeys            bool
	MaxTokenDays        int
	FrozenAt            *time.Time
	FrozenBy            string
	CreatedAt           time.Time
}

func (row) TableName() string { return "workspaces" }

func (r row) workspace() Workspace {
	return Workspace{ID: r.ID, Slug: r.Slug, Name: r.Name, Policy: Policy(r.ConfirmationPolicy),
		ConfirmationTTL: time.Duration(r.ConfirmationSeconds) * time.Second, ShowOnce: r.ShowOnce, TwoAdmins: r.TwoAdmins, SameNetwork: r.SameNetwork,
		FreezeOnReport: r.FreezeOnReport, Passkeys: r.Passkeys, MaxTokenDays: r.MaxTokenDays, FrozenAt: r.FrozenAt, FrozenBy: r.FrozenBy, CreatedAt: r.CreatedAt}
}

// Create makes a workspace with the default policy. Its Owner and its first token (Regenerate makes it) belong into the same transaction.
func (s *Service) Create(tx database.Tx, by actor.Actor, slug, name string) (Workspace, error) {
	name = strings.TrimSpace(name)
	if !goodSlug(slug) {
		return Workspace{}, ErrSlug
	}
	if !goodName(name, 100) {
		return Workspace{}, ErrName
	}
	now, err := tx.Now()
	if err != nil {
		return Workspace{}, err
	}
	r := row{ID: ident.New("wsp"), Slug: slug, Name: name, ConfirmationPolicy: string(RiskBased), ConfirmationSeconds: 300, CreatedAt: now}
	err = tx.Create(&r).Error
	if errors.Is(err, gorm.ErrDuplicatedKey) {
		return Workspace{}, ErrSlugTaken
	}
	if err != nil {
		return Workspace{}, err
	}
	by.Workspace = r.ID
	return r.workspace(), audit.RecordAt(tx, by, "workspace.created", r.ID, audit.Detail{"slug": slug}, now)
}

// Find reads a workspace by its id.
func Find(db *gorm.DB, id string) (Workspace, error) { return take(db.Where("id = ?", id)) }

// BySlug reads a workspace by its address.
func BySlug(db *gorm.DB, slug string) (Workspace, error) {
	if !slugForm.MatchString(slug) { // also text that a database could not even compare
		return Workspace{}, fault.ErrNotFound
	}
	return take(db.Where("slug = ?", slug))
}

// Any says whether there is a workspace at all.
func Any(db *gorm.DB) (bool, error) {
	var id string
	res := db.Model(&row{}).Select("id").Limit(1).Scan(&id)
	return res.RowsAffected > 0, res.Error
}

// Lock reads a workspace and keeps it from changing until tx ends. What has to be decided once in a workspace (its tokens, its last admin)
// is decided behind this lock.
func Lock(tx database.Tx, id string) (Workspace, error) { return take(tx.Lock().Where("id = ?", id)) }

func take(db *gorm.DB) (Workspace, error) {
	var r row
	err := db.Take(&r).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return Workspace{}, fault.ErrNotFound
	}
	return r.workspace(), err
}

// manages says whether by may change a workspace: its Owner, a Super Admin, or somebody on the server's own terminal.
func manages(by actor.Actor) bool {
	return by.Kind == actor.Operator || by.Kind == actor.System || by.Manager()
}

var slugForm = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,38}[a-z0-9]$`)

// reserved are words that a person could take for a page of the service itself.
var reserved = []string{"admin", "api", "app", "assets", "companion", "console", "countersign", "device", "devices", "docs", "healthz", "help",
	"login", "logout", "metrics", "new", "readyz", "root", "scim", "session", "settings", "setup", "sign-in", "sign-out", "status", "support",
	"system", "v1", "w", "www"}

func goodSlug(slug string) bool {
	return slugForm.MatchString(slug) && !slices.Contains(reserved, slug)
}

// goodName is for text that people read: some of it, not too much, no control characters.
func goodName(name string, most int) bool {
	n := utf8.RuneCountInString(name)
	return n >= 1 && n <= most && utf8.ValidString(name) && !strings.ContainsFunc(name, unicode.IsControl)
}

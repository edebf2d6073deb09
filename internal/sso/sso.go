// Package sso is the workspace's side of single sign-on: the settings of its identity provider, and the exchange with it that ends in an
// identity the provider vouches for. It does not know people; whom an identity belongs to is decided by internal/signin.
package sso

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/egress"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/vault"
)

// What is refused.
var (
	ErrNone      = fault.New(fault.NotFound, "sso_not_configured", "This workspace has no identity provider to sign in with.")
	ErrSettings  = fault.New(fault.Invalid, "bad_identity_provider", "")
	ErrUntested  = fault.New(fault.Conflict, "sso_untested", "Test the sign-in with these settings first. Nothing was changed.")
	ErrProvider  = fault.New(fault.Unavailable, "sso_unreachable", "The identity provider does not answer. Try again, or sign in another way.")
	ErrRequest   = fault.New(fault.Expired, "sso_over", "This sign-in took too long, was finished already, or began in another browser. Start again.")
	ErrIdentity  = fault.New(fault.Unauthorized, "sso_refused", "The identity provider's answer was not accepted. Nothing was changed.")
	ErrNoDomain  = fault.New(fault.Conflict, "domain_unproven", "Prove first that your organization owns its domain. Nothing was changed.")
	ErrCancelled = fault.New(fault.Unauthorized, "sso_cancelled", "The identity provider did not sign you in.")
)

// Kind is the protocol.
type Kind string

// The protocols.
const (
	OIDC Kind = "oidc"
	SAML Kind = "saml"
)

// LinkRule says which property of a person the provider's claim has to equal when they sign in for the first time.
type LinkRule string

// The rules. There is none by e-mail address: whoever may choose an address at the provider would choose a person here.
const (
	ByUserName   LinkRule = "user_name"
	ByExternalID LinkRule = "external_id"
)

// Provider is the identity provider of one workspace.
type Provider struct {
	Workspace string
	Kind      Kind
	Preset    string // entra, okta or other
	Name      string // shown on the sign-in page
	Issuer    string
	ClientID  string
	SAML      *Metadata // of a SAML provider
	Claim     string    // compared by LinkBy
	LinkBy    LinkRule
	JIT       bool // people whom nobody has added yet are made when they sign in
	Active    bool
	Enforced  bool // no password and no passkey but the Owner's
	HasSecret bool
	Version   int64 // counts the changes of what a test has to prove
	Test      *Test // of this version; nil: none yet
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Test is how a test sign-in ended.
type Test struct {
	At      time.Time `json:"at"`
	Version int64     `json:"version"`
	Code    string    `json:"code"` // "" where it went well
	Subject string    `json:"subject,omitempty"`
	Claim   string    `json:"claim,omitempty"` // what the claim held
}

// Settings is what an admin says about a provider.
type Settings struct {
	Kind        Kind
	Preset      string
	Name        string
	Issuer      string // OIDC; a SAML provider's is in its metadata
	ClientID    string // OIDC
	Secret      string // OIDC; "" keeps the one that is there
	Metadata    string // SAML: a document, or
	MetadataURL string // SAML: where it is; with neither, what is there stays
	Claim       string
	LinkBy      LinkRule
	JIT         bool

	from string // where Metadata was read
}

// Deps is what the package needs of its surroundings.
type Deps struct {
	DB        *database.DB
	Vault     *vault.Vault
	PublicURL string
	// AllowHosts are hosts ("host" or "host:port") that may be asked though their addresses are private: providers inside of a network.
	AllowHosts []string
	// LookupTXT reads DNS; nil is the system's resolver.
	LookupTXT func(ctx context.Context, name string) ([]string, error)
}

// Service is single sign-on for all workspaces. Make it with New.
type Service struct {
	Deps
	local    bool // the service itself is on plain http: a provider may be so too
	guard    *egress.Guard
	client   *http.Client
	mu       sync.Mutex
	known    map[string]*endpoint // by issuer
	tried    map[string]time.Time // when the background last asked an issuer
	lookedAt time.Time            // when Endings last looked
	answered map[string]bool      // sign-in addresses of SAML providers that have answered this process
}

// New is single sign-on for a service at d.PublicURL.
func New(d Deps) (*Service, error) {
	u, err := url.Parse(d.PublicURL)
	if err != nil || u.Host == "" {
		return nil, errors.New("sso: the public URL has no host")
	}
	d.PublicURL = strings.TrimSuffix(d.PublicURL, "/")
	if d.LookupTXT == nil {
		d.LookupTXT = net.DefaultResolver.LookupTXT
	}
	guard, err := egress.New(d.AllowHosts)
	if err != nil {
		return nil, fmt.Errorf("sso: %w", err)
	}
	local := u.Scheme == "http"
	if local {
		guard = guard.AndLoopback()
	}
	return &Service{Deps: d, local: local, guard: guard, client: client(guard), known: map[string]*endpoint{}, tried: map[string]time.Time{}, answered: map[string]bool{}}, nil
}

// RedirectURL is where a provider sends people back to; it is registered there.
func (s *Service) RedirectURL() string { return s.PublicURL + "/v1/sso/callback" }

type row struct {
	WorkspaceID  string `gorm:"primaryKey"`
	Kind         Kind
	Preset       string
	Name         string
	Issuer       string
	ClientID     string
	SecretSealed []byte
	Metadata     string // SAML: the document
	MetadataURL  string
	Claim        string
	LinkBy       LinkRule
	JIT          bool `gorm:"column:jit"`
	Active       bool
	Enforced     bool
	Version      int64
	LastTest     json.RawMessage `gorm:"serializer:json"`
	CreatedAt    time.Time
	UpdatedAt    time.Time

	MetadataReadAt  *time.Time
	MetadataTriedAt *time.Time
	MetadataFault   string
}

func (row) TableName() string { return "identity_providers" }

func (r row) provider() (Provider, error) {
	p := Provider{Workspace: r.WorkspaceID, Kind: r.Kind, Preset: r.Preset, Name: r.Name, Issuer: r.Issuer, ClientID: r.ClientID, Claim: r.Claim,
		LinkBy: r.LinkBy, JIT: r.JIT, Active: r.Active, Enforced: r.Enforced, HasSecret: r.Kind == OIDC, Version: r.Version,
		CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt}
	if r.Kind == SAML {
		p.SAML = r.samlMetadata()
	}
	if len(r.LastTest) == 0 || string(r.LastTest) == "null" {
		return p, nil
	}
	var t Test
	if err := json.Unmarshal(r.LastTest, &t); err != nil {
		return p, err
	}
	if t.Version == r.Version {
		p.Test = &t
	}
	return p, nil
}

// Of is the workspace's provider, also a draft; ErrNone where there is none.
func Of(db *gorm.DB, workspace string) (Provider, error) {
	r, err := find(db, workspace)
	if err != nil {
		return Provider{}, err
	}
	return r.provider()
}

func find(db *gorm.DB, workspace string) (row, error) {
	var r row
	res := db.Where("workspace_id = ?", workspace).Limit(1).Find(&r)
	if res.Error == nil && res.RowsAffected == 0 {
		return r, ErrNone
	}
	return r, res.Error
}

// Enforced says whether somebody with these names has to sign in at the workspace's provider: it is enforced, and one of the names is in a
// domain that the workspace has proven to be its own.
func Enforced(db *gorm.DB, workspace string, names ...string) (bool, error) {
	domains := make([]string, 0, len(names))
	for _, n := range names {
		if _, domain, ok := strings.Cut(n, "@"); ok {
			domains = append(domains, strings.ToLower(domain))
		}
	}
	var n int64
	err := db.Table("identity_providers p").Joins("JOIN sso_domains d ON d.workspace_id = p.workspace_id").
		Where("p.workspace_id = ? AND p.enforced AND d.verified_at IS NOT NULL AND d.domain IN ?", workspace, domains).Count(&n).Error
	return n > 0, err
}

// Save keeps settings. Changed ones are a new version: it has to be tested before it is active, and the one that was active stays so until then
// only where nothing that a sign-in depends on has changed.
func (s *Service) Save(ctx context.Context, by actor.Actor, set Settings) (Provider, error) {
	if err := s.check(ctx, set); err != nil {
		return Provider{}, err
	}
	metadata := ""
	if set.Kind == SAML {
		var err error
		if metadata, err = s.newMetadata(ctx, by, set); err != nil { // may ask the provider, which no transaction waits for
			return Provider{}, err
		}
		if err := s.firstKey(ctx, by); err != nil {
			return Provider{}, err
		}
	}
	var out Provider
	err := s.DB.InTx(ctx, func(tx database.Tx) error {
		now, err := tx.Now()
		if err != nil {
			return err
		}
		old, err := find(tx.Lock(), by.Workspace)
		isNew := errors.Is(err, ErrNone)
		if err != nil && !isNew {
			return err
		}
		r, err := s.with(old, by.Workspace, set, metadata, now)
		if err != nil {
			return err
		}
		if isNew {
			r.CreatedAt, r.Version = now, 1
			err = tx.Create(&r).Error
		} else {
			if set.Secret != "" || r.dependsOn(old, s.local) {
				r.Version, r.Active, r.Enforced = old.Version+1, false, false
			}
			err = tx.Select("*").Omit("created_at").Updates(&r).Error
		}
		if err != nil {
			return err
		}
		if out, err = r.provider(); err != nil {
			return err
		}
		return audit.RecordAt(tx, by, "sso.changed", by.Workspace, audit.Detail{"kind": r.Kind, "issuer": r.Issuer, "client_id": r.ClientID, "link_by": r.LinkBy,
			"claim": r.Claim, "jit": r.JIT, "active": r.Active}, now)
	})
	return out, err
}

// with is a row as the settings want it.
func (s *Service) with(old row, workspace string, set Settings, metadata string, now time.Time) (row, error) {
	r := old
	r.WorkspaceID, r.Kind, r.Preset, r.Name = workspace, set.Kind, set.Preset, set.Name
	r.Claim, r.LinkBy, r.JIT, r.UpdatedAt = set.Claim, set.LinkBy, set.JIT, now
	if set.Kind == SAML {
		if err := r.takeMetadata(metadata, cmp.Or(set.MetadataURL, set.from), s.local, now); err != nil {
			return r, err
		}
		if old.Kind != SAML && metadata == "" {
			return r, ErrSettings.Saying("The provider's metadata is missing.").With("field", "metadata")
		}
	} else {
		r.Issuer, r.ClientID, r.Metadata, r.MetadataURL, r.MetadataFault = set.Issuer, set.ClientID, "", "", ""
		if old.Kind != OIDC && set.Secret == "" {
			return r, ErrSettings.Saying("The client secret is missing.").With("field", "client_secret")
		}
	}
	var err error
	if set.Secret != "" || set.Kind == SAML {
		r.SecretSealed, err = s.Vault.Seal([]byte(set.Secret), about(workspace))
	}
	return r, err
}

// Turn makes the provider active or not, and enforced or not. Active needs a test of these very settings that went well.
func (s *Service) Turn(ctx context.Context, by actor.Actor, active, enforced bool) (Provider, error) {
	var out Provider
	err := s.DB.InTx(ctx, func(tx database.Tx) error {
		now, err := tx.Now()
		if err != nil {
			return err
		}
		r, err := find(tx.Lock(), by.Workspace)
		if err != nil {
			return err
		}
		p, err := r.provider()
		if err != nil {
			return err
		}
		if active && enforced {
			if err := anyProven(tx.DB, by.Workspace); err != nil {
				return err
			}
		}
		if active && !r.Active && (p.Test == nil || p.Test.Code != "") {
			return ErrUntested
		}
		p.Active, p.Enforced, p.UpdatedAt = active, active && enforced, now
		out = p
		err = tx.Model(&row{}).Where("workspace_id = ?", by.Workspace).
			Updates(map[string]any{"active": p.Active, "enforced": p.Enforced, "updated_at": now}).Error
		if err != nil {
			return err
		}
		return audit.RecordAt(tx, by, "sso.turned", by.Workspace, audit.Detail{"active": p.Active, "enforced": p.Enforced}, now)
	})
	return out, err
}

// Forget removes the provider and every link of a person to it.
func (s *Service) Forget(ctx context.Context, by actor.Actor) error {
	return s.DB.InTx(ctx, func(tx database.Tx) error {
		r, err := find(tx.Lock(), by.Workspace)
		if err != nil {
			return err
		}
		if err := tx.Where("workspace_id = ?", by.Workspace).Delete(&requestRow{}).Error; err != nil {
			return err
		}
		if err := tx.Where("workspace_id = ?", by.Workspace).Delete(&row{}).Error; err != nil {
			return err
		}
		return audit.Record(tx, by, "sso.removed", by.Workspace, audit.Detail{"issuer": r.Issuer})
	})
}

// tested keeps how a test of one version ended; of a version that is no more it keeps nothing.
func (s *Service) tested(ctx context.Context, workspace string, t Test) error {
	return s.DB.InTx(ctx, func(tx database.Tx) error {
		now, err := tx.Now()
		if err != nil {
			return err
		}
		t.At = now
		kept, err := json.Marshal(t)
		if err != nil {
			return err
		}
		return tx.Exec("UPDATE identity_providers SET last_test = ? WHERE workspace_id = ? AND version = ?", string(kept), workspace, t.Version).Error
	})
}

var claimName = regexp.MustCompile(`^[A-Za-z0-9_.:/-]{1,128}$`)

func (s *Service) check(ctx context.Context, set Settings) error {
	bad := func(field, format string, args ...any) error {
		return ErrSettings.Saying(format, args...).With("field", field)
	}
	switch {
	case set.Kind != OIDC && set.Kind != SAML:
		return bad("kind", "The kind is oidc or saml.")
	case set.Preset != "entra" && set.Preset != "okta" && set.Preset != "other":
		return bad("preset", "The preset is entra, okta or other.")
	case !plain(set.Name, 64):
		return bad("name", "The name has 1 to 64 characters.")
	case !claimName.MatchString(set.Claim):
		return bad("claim", "The claim is a name such as preferred_username, oid or sub.")
	case set.LinkBy != ByUserName && set.LinkBy != ByExternalID:
		return bad("link_by", "People are linked by user_name or by external_id.")
	case set.Kind == SAML && (set.Issuer != "" || set.ClientID != "" || set.Secret != ""):
		return bad("issuer", "What a SAML provider is, its metadata says.")
	case set.Kind == SAML:
		return nil
	case set.Metadata != "" || set.MetadataURL != "":
		return bad("metadata", "Metadata is a SAML provider's.")
	}
	u, err := url.Parse(set.Issuer)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || len(set.Issuer) > 512:
		return bad("issuer", "The issuer is an address such as https://login.example.com/tenant.")
	case u.Scheme != "https" && (u.Scheme != "http" || !s.local):
		return bad("issuer", "The issuer's address begins with https://.")
	case !plain(set.ClientID, 256):
		return bad("client_id", "The client ID has 1 to 256 characters.")
	case len(set.Secret) > 1024 || strings.ContainsFunc(set.Secret, control):
		return bad("client_secret", "The client secret has at most 1,024 characters.")
	case s.guard.Check(ctx, u.Hostname(), u.Port()) != nil:
		return bad("issuer", "The issuer is at a private address. Whoever runs this service can allow the host (COUNTERSIGN_PUSH_ALLOW_HOSTS).")
	}
	return nil
}

func plain(text string, most int) bool {
	n := len([]rune(text))
	return n >= 1 && n <= most && strings.TrimSpace(text) == text && !strings.ContainsFunc(text, control)
}

func control(r rune) bool { return r < 0x20 || r == 0x7f }

func about(workspace string) string { return "identity provider|" + workspace }

// code is a fault's stable code, for what is kept of a test.
func code(err error) string {
	var f *fault.Error
	if errors.As(err, &f) {
		return f.Code
	}
	return "internal"
}

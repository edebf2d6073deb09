// Package passkey keeps people's passkeys and runs the two ceremonies of WebAuthn Level 3: adding one, and proving that one is held. It does
// not know what a proof is good for; who asks for one says so, and consumes it in a transaction of its own.
package passkey

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/fault"
)

// What is refused.
var (
	ErrUnavailable = fault.New(fault.Conflict, "passkeys_unavailable", "Passkeys need a host name: this service is reached by an IP address.")
	ErrWrong       = fault.New(fault.Unauthorized, "wrong_passkey", "This passkey was not accepted. Nothing was changed.")
	ErrOver        = fault.New(fault.Expired, "ceremony_over", "This took too long, or was answered already. Start again.")
	ErrNone        = fault.New(fault.Conflict, "no_passkey", "You have no passkey. Add one under My Profile.")
	ErrTooNew      = fault.New(fault.Conflict, "passkey_too_new", "A passkey confirms from 24 hours after it was added. Use your phone until then.")
	ErrKnown       = fault.New(fault.Conflict, "passkey_exists", "This passkey was added before.")
	ErrTooMany     = fault.New(fault.Conflict, "too_many_passkeys", "There are 20 passkeys already. Remove one first.")
	ErrName        = fault.New(fault.Invalid, "bad_name", "A passkey's name has 1 to 64 characters.")
)

const (
	most         = 20 // passkeys of a person
	ceremonyLife = 5 * time.Minute
	settleFor    = 24 * time.Hour // how old a passkey is before it confirms: whoever adds one in a stolen session is noticed before
)

// Purpose is what a ceremony was begun for; its answer is good for nothing else.
type Purpose string

// The purposes.
const (
	toAdd   Purpose = "add"
	SignIn  Purpose = "sign_in"
	Verify  Purpose = "verify"  // once more, by who is signed in
	Confirm Purpose = "confirm" // instead of a phone
)

// Owner is whose passkeys are meant.
type Owner struct {
	Workspace string
	Person    string // also the WebAuthn user handle: an opaque id, never anything personal
	Name      string // shown by the browser
	Login     string // likewise
}

// Passkey is one of a person's passkeys.
type Passkey struct {
	ID         string // "pky_…"
	Workspace  string
	Person     string
	Name       string
	Synced     bool // kept by a provider on several devices, so it survives the loss of one
	CreatedAt  time.Time
	LastUsedAt time.Time // zero: never
}

// Ceremony is the first half of an exchange with the browser.
type Ceremony struct {
	ID        string          // secret; handed back with the browser's answer
	Options   json.RawMessage // PublicKeyCredentialCreationOptionsJSON or PublicKeyCredentialRequestOptionsJSON
	ExpiresAt time.Time
}

// Service keeps passkeys. Make it with New.
type Service struct {
	db  *database.DB
	web *webauthn.WebAuthn // nil where the public URL's host is an address
}

// New makes the service for pages served at publicURL. WebAuthn binds passkeys to a host name, so where that is an IP address every call is
// refused with ErrUnavailable. brand is what browsers show.
func New(db *database.DB, publicURL, brand string) (*Service, error) {
	u, err := url.Parse(publicURL)
	if err != nil || u.Host == "" {
		return nil, errors.New("passkey: the public URL has no host")
	}
	s := &Service{db: db}
	if net.ParseIP(u.Hostname()) != nil {
		return s, nil
	}
	timeout := webauthn.TimeoutConfig{Enforce: false, Timeout: ceremonyLife, TimeoutUVD: ceremonyLife} // the database's clock judges
	s.web, err = webauthn.New(&webauthn.Config{
		RPID: u.Hostname(), RPDisplayName: brand, RPOrigins: []string{u.Scheme + "://" + u.Host},
		AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{ResidentKey: protocol.ResidentKeyRequirementRequired, RequireResidentKey: protocol.ResidentKeyRequired(),
			UserVerification: protocol.VerificationRequired},
		Timeouts: webauthn.TimeoutsConfig{Login: timeout, Registration: timeout},
	})
	return s, err
}

// Available says whether browsers can use passkeys at this service's address.
func (s *Service) Available() bool { return s.web != nil }

type row struct {
	ID           string
	WorkspaceID  string
	PersonID     string
	RPID         string `gorm:"column:rp_id"`
	CredentialID []byte
	Credential   json.RawMessage `gorm:"serializer:json"`
	Name         string
	CreatedAt    time.Time
	LastUsedAt   *time.Time
}

func (row) TableName() string { return "passkeys" }

func (r row) passkey() (Passkey, error) {
	c, err := r.credential()
	p := Passkey{ID: r.ID, Workspace: r.WorkspaceID, Person: r.PersonID, Name: r.Name, Synced: c.Flags.BackupState, CreatedAt: r.CreatedAt}
	if r.LastUsedAt != nil {
		p.LastUsedAt = *r.LastUsedAt
	}
	return p, err
}

func (r row) credential() (webauthn.Credential, error) {
	var c webauthn.Credential
	err := json.Unmarshal(r.Credential, &c)
	return c, err
}

// List is a person's passkeys, the oldest first.
func List(db *gorm.DB, person string) ([]Passkey, error) {
	rows, err := rowsOf(db, person)
	if err != nil {
		return nil, err
	}
	out := make([]Passkey, len(rows))
	for i, r := range rows {
		if out[i], err = r.passkey(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func rowsOf(db *gorm.DB, person string) ([]row, error) {
	var rows []row
	err := db.Where("person_id = ?", person).Order("created_at, id").Find(&rows).Error
	return rows, err
}

// Rename names one of by's passkeys anew.
func (s *Service) Rename(ctx context.Context, by actor.Actor, id, name string) error {
	if !goodName(name) {
		return ErrName
	}
	return s.db.InTx(ctx, func(tx database.Tx) error {
		res := tx.Model(&row{}).Where("id = ? AND person_id = ? AND workspace_id = ?", id, by.Person, by.Workspace).Updates(map[string]any{"name": name})
		if res.Error == nil && res.RowsAffected == 0 {
			return fault.ErrNotFound
		}
		return res.Error
	})
}

// Remove removes one of by's passkeys; from then on it proves nothing.
func (s *Service) Remove(ctx context.Context, by actor.Actor, id string) error {
	return s.db.InTx(ctx, func(tx database.Tx) error {
		res := tx.Where("id = ? AND person_id = ? AND workspace_id = ?", id, by.Person, by.Workspace).Delete(&row{})
		if res.Error != nil {
			return res.Error
		}
		if res.RowsAffected == 0 {
			return fault.ErrNotFound
		}
		return audit.Record(tx, by, "passkey.removed", by.Person, audit.Detail{"passkey": id})
	})
}

// Sweep deletes ceremonies that nobody finished.
func (s *Service) Sweep(ctx context.Context) error {
	return s.db.InTx(ctx, func(tx database.Tx) error {
		now, err := tx.Now()
		if err != nil {
			return err
		}
		return tx.Where("expires_at <= ?", now).Delete(&ceremonyRow{}).Error
	})
}

func goodName(name string) bool {
	n := utf8.RuneCountInString(name)
	return n >= 1 && n <= 64 && utf8.ValidString(name) && strings.TrimSpace(name) == name && !strings.ContainsFunc(name, unicode.IsControl)
}

// user is a person as the WebAuthn library wants to see them.
type user struct {
	Owner
	credentials []webauthn.Credential
}

// WebAuthnID is webauthn.User.
func (u user) WebAuthnID() []byte { return []byte(u.Person) }

// WebAuthnName is webauthn.User.
func (u user) WebAuthnName() string { return u.Login }

// WebAuthnDisplayName is webauthn.User.
func (u user) WebAuthnDisplayName() string { return u.Name }

// WebAuthnCredentials is webauthn.User.
func (u user) WebAuthnCredentials() []webauthn.Credential { return u.credentials }

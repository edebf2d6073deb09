// Package apikey keeps the keys with which programs call the console's API in the name of the admin who made them. A key is made under a
// confirmation, shown once, kept as a digest alone, and never outlives its owner's rights. It knows scopes, not routes: the door says which
// scope a route needs.
package apikey

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/ident"
	"github.com/countersign/countersign/internal/notice"
	"github.com/countersign/countersign/internal/restored"
)

// prefix is what secret scanners find a key by.
const prefix = "cs_key_"

const (
	// DefaultDays is how long a key lives where nobody says otherwise.
	DefaultDays = 90
	// MaxDays is how long it may live.
	MaxDays = 365

	mostLive  = 20                 // keys of one person
	mostShown = 200                // keys in a list
	warnFor   = 7 * 24 * time.Hour // how long before its end the owner of a key is told
)

// Why a key ended.
const (
	Revoked     = "revoked"
	Expired     = "expired"
	Deactivated = "deactivated" // its owner was, or was deleted
	RoleLost    = "role"        // its owner is no admin any more
)

// What keys refuse.
var (
	ErrName   = fault.New(fault.Invalid, "bad_name", "An API key's name has 1 to 64 characters.")
	ErrScopes = fault.New(fault.Invalid, "bad_scopes", "An API key has at least one scope, and only scopes that there are, each once.")
	ErrDays   = fault.New(fault.Invalid, "bad_expiry", "An API key lives 1 to 365 days.")
	ErrMost   = fault.New(fault.Conflict, "too_many_keys", "You have 20 API keys already. Revoke one first.")
	ErrEnded  = fault.New(fault.Conflict, "key_ended", "This API key has ended already.")
	ErrAdmin  = fault.New(fault.Forbidden, "forbidden", "Only admins have API keys.").With("allowed_roles", directory.AdminRoles)
)

// Key describes a key without showing it.
type Key struct {
	ID           string // "key_…"
	Workspace    string
	Person       string // whose it is
	PersonName   string
	Name         string
	Hint         string // last four characters
	Scopes       []Scope
	CreatedAt    time.Time
	ExpiresAt    time.Time
	FirstUsedAt  *time.Time
	LastUsedAt   *time.Time // to within a minute
	LastUsedIP   string
	EndedAt      *time.Time
	EndedBecause string // "" while it lives
}

// Live says whether the key opens anything at an instant.
func (k Key) Live(at time.Time) bool { return k.EndedAt == nil && at.Before(k.ExpiresAt) }

// Has says whether the key may do what needs a scope.
func (k Key) Has(s Scope) bool { return slices.Contains(k.Scopes, s) }

// Service is the keys of all workspaces. Make it with New.
type Service struct {
	db       *database.DB
	used     lastUse
	counts   shares
	restored *restored.Gate // nil: nothing is held back
}

// New is the keys of db.
func New(db *database.DB) *Service { return &Service{db: db, counts: shares{most: perMinute}} }

// HoldBack lets keys of before a restore wait until it is confirmed.
func (s *Service) HoldBack(g *restored.Gate) { s.restored = g }

type row struct {
	ID             string
	WorkspaceID    string
	PersonID       string
	Name           string
	Digest         []byte
	Hint           string
	Scopes         string
	ConfirmationID string
	CreatedAt      time.Time
	ExpiresAt      time.Time
	FirstUsedAt    *time.Time
	LastUsedAt     *time.Time
	LastUsedIP     string `gorm:"column:last_used_ip"`
	WarnedAt       *time.Time
	EndedAt        *time.Time
	EndedBecause   string
}

func (row) TableName() string { return "api_keys" }

// named is a row with its owner's name.
type named struct {
	Row        row `gorm:"embedded"`
	PersonName string
}

func (n named) key() Key {
	r := n.Row
	k := Key{ID: r.ID, Workspace: r.WorkspaceID, Person: r.PersonID, PersonName: n.PersonName, Name: r.Name, Hint: r.Hint, CreatedAt: r.CreatedAt, ExpiresAt: r.ExpiresAt,
		FirstUsedAt: r.FirstUsedAt, LastUsedAt: r.LastUsedAt, LastUsedIP: r.LastUsedIP, EndedAt: r.EndedAt, EndedBecause: r.EndedBecause}
	for _, s := range strings.Fields(r.Scopes) {
		k.Scopes = append(k.Scopes, Scope(s))
	}
	return k
}

// Wanted is a key as it is asked for and confirmed: the phone signs these words.
type Wanted struct {
	Name   string  `json:"name"`
	Scopes []Scope `json:"scopes"`
	Days   *int    `json:"days,omitempty"` // absent: DefaultDays
}

// Life is how long the key will live, in days.
func (w Wanted) Life() int {
	if w.Days == nil {
		return DefaultDays
	}
	return *w.Days
}

// Check refuses what could not be made.
func (w Wanted) Check() error {
	n := utf8.RuneCountInString(w.Name)
	if n < 1 || n > 64 || !utf8.ValidString(w.Name) || strings.TrimSpace(w.Name) != w.Name || strings.ContainsFunc(w.Name, unicode.IsControl) {
		return ErrName
	}
	if len(w.Scopes) == 0 || len(w.Scopes) > len(Scopes) {
		return ErrScopes
	}
	for i, s := range w.Scopes {
		if !slices.Contains(Scopes, s) || slices.Contains(w.Scopes[:i], s) {
			return ErrScopes
		}
	}
	if d := w.Life(); d < 1 || d > MaxDays {
		return ErrDays
	}
	return nil
}

// Make makes a key of by's, and gives it in plain text: nothing can show it again. spend consumes its confirmation in the same transaction.
func (s *Service) Make(ctx context.Context, by actor.Actor, w Wanted, confirmation string, spend func(database.Tx) error) (plain string, k Key, err error) {
	err = s.db.InTx(ctx, func(tx database.Tx) error {
		if err := spend(tx); err != nil {
			return err
		}
		plain, k, err = s.make(tx, by, w, confirmation)
		return err
	})
	return plain, k, err
}

func (s *Service) make(tx database.Tx, by actor.Actor, w Wanted, confirmation string) (string, Key, error) {
	if err := w.Check(); err != nil {
		return "", Key{}, err
	}
	p, err := directory.Hold(tx, by.Workspace, by.Person) // a deactivation or a lost role ends the key, whichever comes first
	if err != nil {
		return "", Key{}, err
	}
	if !p.Active || !p.Role.Admin() {
		return "", Key{}, ErrAdmin
	}
	now, err := tx.Now()
	if err != nil {
		return "", Key{}, err
	}
	var live int64
	if err := tx.Model(&row{}).Where("person_id = ? AND ended_at IS NULL AND expires_at > ?", p.ID, now).Count(&live).Error; err != nil {
		return "", Key{}, err
	}
	if live >= mostLive {
		return "", Key{}, ErrMost
	}
	scopes := slices.Clone(w.Scopes)
	slices.Sort(scopes)
	texts := make([]string, len(scopes))
	for i, scope := range scopes {
		texts[i] = string(scope)
	}
	plain := ident.Token(prefix)
	r := row{ID: ident.New("key"), WorkspaceID: p.Workspace, PersonID: p.ID, Name: w.Name, Digest: ident.Hash(plain), Hint: plain[len(plain)-4:],
		Scopes: strings.Join(texts, " "), ConfirmationID: confirmation, CreatedAt: now, ExpiresAt: now.AddDate(0, 0, w.Life())}
	if w.Life() <= int(warnFor/(24*time.Hour)) {
		r.WarnedAt = &now // it is told when it is made
	}
	if err := tx.Create(&r).Error; err != nil {
		return "", Key{}, err
	}
	err = audit.RecordAt(tx, by, "apikey.created", r.ID, audit.Detail{"name": r.Name, "hint": r.Hint, "scopes": texts, "expires_at": r.ExpiresAt, "confirmation": confirmation}, now)
	if err != nil {
		return "", Key{}, err
	}
	admins, err := directory.Admins(tx.DB, p.Workspace)
	if err != nil {
		return "", Key{}, err
	}
	err = notice.Tell(tx, p.Workspace, admins, "apikey.created", notice.Params{"person": p.Name, "name": r.Name, "expires_at": r.ExpiresAt}, now)
	return plain, named{r, p.Name}.key(), err
}

// List is a page of keys, the newest first, those that have ended too: a manager sees everybody's, others their own.
func List(db *gorm.DB, by actor.Actor) ([]Key, error) {
	find := db.Table("api_keys k").Select("k.*, p.name AS person_name").Joins("JOIN people p ON p.id = k.person_id").Where("k.workspace_id = ?", by.Workspace)
	if !by.Manager() {
		find = find.Where("k.person_id = ?", by.Person)
	}
	var rows []named
	err := find.Order("k.created_at DESC, k.id DESC").Limit(mostShown).Scan(&rows).Error
	out := make([]Key, len(rows))
	for i, r := range rows {
		out[i] = r.key()
	}
	return out, err
}

// Revoke ends a key at once: one's own, or as a manager anybody's. Its owner is told when somebody else did it.
func (s *Service) Revoke(ctx context.Context, by actor.Actor, id string) error {
	return s.db.InTx(ctx, func(tx database.Tx) error { return s.revoke(tx, by, id) })
}

func (s *Service) revoke(tx database.Tx, by actor.Actor, id string) error {
	find := tx.Lock().Where("id = ? AND workspace_id = ?", id, by.Workspace)
	if !by.Manager() {
		find = find.Where("person_id = ?", by.Person)
	}
	var r row
	err := find.Take(&r).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return fault.ErrNotFound
	}
	if err != nil {
		return err
	}
	now, err := tx.Now()
	if err != nil {
		return err
	}
	if r.EndedAt != nil || !now.Before(r.ExpiresAt) {
		return ErrEnded
	}
	if r.PersonID != by.Person {
		if err := notice.Tell(tx, r.WorkspaceID, []string{r.PersonID}, "apikey.revoked", notice.Params{"person": by.Name, "name": r.Name}, now); err != nil {
			return err
		}
	}
	return end(tx, by, r, Revoked, now)
}

// EndAll ends every key of a person in the transaction that takes what they rest on; because is Deactivated or RoleLost.
func (s *Service) EndAll(tx database.Tx, by actor.Actor, person, because string, now time.Time) error {
	var rows []row
	if err := tx.Lock().Where("person_id = ? AND ended_at IS NULL", person).Order("id").Find(&rows).Error; err != nil {
		return err
	}
	for _, r := range rows {
		if err := end(tx, by, r, because, now); err != nil {
			return err
		}
	}
	return nil
}

// CountLive counts what EndAll ends of a person, by their id, for the receipt of an offboarding.
const CountLive = "SELECT count(*) FROM api_keys WHERE person_id = ? AND ended_at IS NULL"

// end writes the end of a locked key that has not ended.
func end(tx database.Tx, by actor.Actor, r row, because string, now time.Time) error {
	err := tx.Model(&row{}).Where("id = ? AND ended_at IS NULL", r.ID).Updates(map[string]any{"ended_at": now, "ended_because": because}).Error
	if err != nil {
		return err
	}
	event := "apikey.revoked"
	if because == Expired {
		event = "apikey.expired"
	}
	return audit.RecordAt(tx, by, event, r.ID, audit.Detail{"name": r.Name, "hint": r.Hint, "because": because}, now)
}

package workspace

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
	"unicode/utf8"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/ident"
)

// TokenState is how far a token has come.
type TokenState string

// The states of a token. One is active at most; one more may live on as replaced until its valid_until.
const (
	Active   TokenState = "active"
	Replaced TokenState = "replaced"
	Revoked  TokenState = "revoked"
	Expired  TokenState = "expired" // never stored: what At says of an active token past its time
)

const (
	// MaxOverlap is how long a replaced token may live on.
	MaxOverlap = 7 * 24 * time.Hour
	// DefaultOverlap is how long it does where nobody says otherwise.
	DefaultOverlap = 24 * time.Hour

	usedEvery = time.Minute // how often last_used_at is written
	mostShown = 50          // tokens in a list
)

// What tokens refuse.
var (
	ErrNoToken = fault.New(fault.Conflict, "no_token", "This workspace has no live token. Make one with Regenerate.")
	ErrToken   = fault.New(fault.Unauthorized, "unauthorized", "The bearer token is missing, wrong or no longer valid.")
	ErrOverlap = fault.New(fault.Invalid, "bad_overlap", "The old token may live on for 0 to 7 days.")
	ErrExpired = fault.New(fault.Conflict, "no_token", "The token has expired. Make a new one with Regenerate; people and teams stay as they are.")
)

// Token describes a SCIM token without showing it.
type Token struct {
	ID         string
	Workspace  string
	Hint       string // last four characters
	State      TokenState
	CreatedAt  time.Time
	CreatedBy  string // shown name of who made it
	ExpiresAt  *time.Time
	ValidUntil *time.Time // until when a replaced token lives on
	RevokedAt  *time.Time // when it was revoked, or its overlap ended by somebody
	LastUsedAt *time.Time
	LastUsedBy string     // which client called last, such as "Entra ID"
	ShownAt    *time.Time // when it was first revealed
	Reason     string     // why it was made, as its maker said
	Note       string     // what they added
	Replaces   string     // id of the token that it took the place of, "" for a first one
	ReplacedAt *time.Time // since when another one has its place
	Exposed    bool       // it was replaced because strangers may know it
	EndedBy    string     // shown name of who revoked it or ended its overlap
	Addresses  Addresses  // from where it may be used
}

// Live says whether the token opens anything at an instant.
func (t Token) Live(at time.Time) bool {
	switch {
	case t.ExpiresAt != nil && !at.Before(*t.ExpiresAt):
		return false
	case t.State == Replaced:
		return t.ValidUntil != nil && at.Before(*t.ValidUntil)
	}
	return t.State == Active
}

// Over is when a token that was replaced or revoked stopped; nil for one that has not been. One that was ended has no valid_until any more, so
// that it is over by its row and not by anybody's clock.
func (t Token) Over() *time.Time {
	if t.RevokedAt != nil {
		return t.RevokedAt
	}
	return t.ValidUntil
}

// At is the state that people are shown at an instant.
func (t Token) At(at time.Time) TokenState {
	if t.State != Revoked && !t.Live(at) {
		return Expired
	}
	return t.State
}

type tokenRow struct {
	ID          string
	WorkspaceID string
	Digest      []byte
	Sealed      []byte
	Hint        string
	State       string
	CreatedAt   time.Time
	CreatedBy   string
	ExpiresAt   *time.Time
	ValidUntil  *time.Time
	RevokedAt   *time.Time
	LastUsedAt  *time.Time
	LastUsedBy  string
	ShownAt     *time.Time
	Reason      string
	Note        string
	Replaces    string
	ReplacedAt  *time.Time
	Exposed     bool
	EndedBy     string
	WarnedDays  *int
	AddressMode string
	Addresses   string
}

func (tokenRow) TableName() string { return "scim_tokens" }

func (r tokenRow) token() Token {
	return Token{ID: r.ID, Workspace: r.WorkspaceID, Hint: r.Hint, State: TokenState(r.State), CreatedAt: r.CreatedAt, CreatedBy: r.CreatedBy,
		ExpiresAt: r.ExpiresAt, ValidUntil: r.ValidUntil, RevokedAt: r.RevokedAt, LastUsedAt: r.LastUsedAt, LastUsedBy: r.LastUsedBy, ShownAt: r.ShownAt,
		Reason: r.Reason, Note: r.Note, Replaces: r.Replaces, ReplacedAt: r.ReplacedAt, Exposed: r.Exposed, EndedBy: r.EndedBy,
		Addresses: Addresses{Mode: AddressMode(r.AddressMode), List: split(r.Addresses)}}
}

// about binds a sealed token to its row.
func about(workspace, id string) string { return "scim_token|" + workspace + "|" + id }

// Authenticate says for which workspace raw is a live token. Every failure is ErrToken, but for a live token that is used from an address
// outside its list, where it is ErrAddress, with whose token it was, and for one that a restore holds back. Where the call comes from stands in
// the context (CalledFrom).
func (s *Service) Authenticate(ctx context.Context, raw string) (actor.Actor, error) {
	if !wellFormed(raw) {
		return actor.Actor{}, ErrToken
	}
	var r tokenRow
	err := s.db.Read(ctx).Omit("sealed").Where("digest = ? AND state <> ?", ident.Hash(raw), Revoked).Take(&r).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return actor.Actor{}, ErrToken
	}
	if err != nil {
		return actor.Actor{}, err
	}
	t := r.token()
	if t.State == Replaced || t.ExpiresAt != nil { // otherwise the clock does not matter, and is not asked
		now, err := s.db.Now(ctx)
		if err != nil {
			return actor.Actor{}, err
		}
		if !t.Live(now) {
			return actor.Actor{}, ErrToken
		}
	}
	if err := s.restored.Check(ctx, t.CreatedAt); err != nil {
		return actor.Actor{}, err
	}
	by := actor.Actor{Kind: actor.Provider, Workspace: t.Workspace, Token: t.ID, Name: "SCIM token …" + t.Hint}
	if t.Addresses.Mode != AddressesOff {
		return by, s.addressed(ctx, t)
	}
	if t.State == Active && t.ExpiresAt == nil {
		s.claims.keep(raw, by)
	}
	return by, nil
}

// lastUse remembers when this process last wrote a token's use, so that a busy token does not cost a transaction for each call.
type lastUse struct {
	mu sync.Mutex
	at map[string]time.Time
}

// due says whether the use of a token has to be written again, and then counts it as written.
func (l *lastUse) due(token string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if last, ok := l.at[token]; ok && now.Sub(last) < usedEvery && !now.Before(last) {
		return false
	}
	if l.at == nil || len(l.at) > mostClaims {
		l.at = map[string]time.Time{}
	}
	l.at[token] = now
	return true
}

// Used records that a client called with a token, and from where, at most once a minute for each address. It is best effort: a caller that
// cannot record it goes on.
func (s *Service) Used(ctx context.Context, token, client string) error {
	from := callerOf(ctx)
	now, err := s.db.Now(ctx)
	if err != nil || !s.used.due(token+"|"+from.IP, now) {
		return err
	}
	return s.db.InTx(ctx, func(tx database.Tx) error {
		err := tx.Model(&tokenRow{}).Where("id = ? AND (last_used_at IS NULL OR last_used_at < ?)", token, now).
			Updates(map[string]any{"last_used_at": now, "last_used_by": clip(client, 100)}).Error
		if err != nil || from.IP == "" {
			return err
		}
		return seenFrom(tx, token, *from, clip(client, 100), now)
	})
}

// ActiveToken is the token that a workspace gives out now; ErrNoToken where it has none.
func ActiveToken(db *gorm.DB, workspace string) (Token, error) {
	var r tokenRow
	err := db.Omit("sealed", "digest").Where("workspace_id = ? AND state = ?", workspace, Active).Take(&r).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return Token{}, ErrNoToken
	}
	return r.token(), err
}

// Tokens are a workspace's tokens, newest first, the ended ones too.
func Tokens(db *gorm.DB, workspace string) ([]Token, error) {
	var rows []tokenRow
	err := db.Omit("sealed", "digest").Where("workspace_id = ?", workspace).Order("created_at DESC, id DESC").Limit(mostShown).Find(&rows).Error
	out := make([]Token, len(rows))
	for i, r := range rows {
		out[i] = r.token()
	}
	return out, err
}

// FindToken reads one token of a workspace, live or not.
func FindToken(db *gorm.DB, workspace, id string) (Token, error) {
	var r tokenRow
	err := db.Omit("sealed", "digest").Where("workspace_id = ? AND id = ?", workspace, id).Take(&r).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return Token{}, fault.ErrNotFound
	}
	return r.token(), err
}

// Open reads a live token in plain text, for the one response that shows it; the row stays locked until tx ends.
func (s *Service) Open(tx database.Tx, workspace, id string) (string, Token, error) {
	var r tokenRow
	err := tx.Lock().Where("workspace_id = ? AND id = ?", workspace, id).Take(&r).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return "", Token{}, fault.ErrNotFound
	}
	if err != nil {
		return "", Token{}, err
	}
	now, err := tx.Now()
	if err != nil {
		return "", Token{}, err
	}
	t := r.token()
	if !t.Live(now) {
		return "", Token{}, ErrNoToken
	}
	if len(r.Sealed) == 0 {
		return "", Token{}, ErrShownOnce
	}
	plain, err := s.vault.Open(r.Sealed, about(workspace, id))
	if err != nil {
		return "", Token{}, fmt.Errorf("token %s: %w", id, err)
	}
	return string(plain), t, nil
}

// clip bounds text of a stranger, in characters.
func clip(s string, most int) string {
	if !utf8.ValidString(s) {
		return ""
	}
	if r := []rune(s); len(r) > most {
		return string(r[:most])
	}
	return s
}

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
	"github.com/countersign/countersign/internal/audit"
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
	RevokedAt  *time.Time
	LastUsedAt *time.Time
	LastUsedBy string     // which client called last, such as "Entra ID"
	ShownAt    *time.Time // when it was first revealed
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
}

func (tokenRow) TableName() string { return "scim_tokens" }

func (r tokenRow) token() Token {
	return Token{ID: r.ID, Workspace: r.WorkspaceID, Hint: r.Hint, State: TokenState(r.State), CreatedAt: r.CreatedAt, CreatedBy: r.CreatedBy,
		ExpiresAt: r.ExpiresAt, ValidUntil: r.ValidUntil, RevokedAt: r.RevokedAt, LastUsedAt: r.LastUsedAt, LastUsedBy: r.LastUsedBy, ShownAt: r.ShownAt}
}

// about binds a sealed token to its row.
func about(workspace, id string) string { return "scim_token|" + workspace + "|" + id }

// Authenticate says for which workspace raw is a live token. Every failure is ErrToken.
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
	by := actor.Actor{Kind: actor.Provider, Workspace: t.Workspace, Token: t.ID, Name: "SCIM token …" + t.Hint}
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
	if l.at == nil {
		l.at = map[string]time.Time{}
	}
	l.at[token] = now
	return true
}

// Used records that a client called with a token, at most once a minute. It is best effort: a caller that cannot record it goes on.
func (s *Service) Used(ctx context.Context, token, client string) error {
	now, err := s.db.Now(ctx)
	if err != nil || !s.used.due(token, now) {
		return err
	}
	return s.db.InTx(ctx, func(tx database.Tx) error {
		return tx.Model(&tokenRow{}).Where("id = ? AND (last_used_at IS NULL OR last_used_at < ?)", token, now).
			Updates(map[string]any{"last_used_at": now, "last_used_by": clip(client, 100)}).Error
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
	plain, err := s.vault.Open(r.Sealed, about(workspace, id))
	if err != nil {
		return "", Token{}, fmt.Errorf("token %s: %w", id, err)
	}
	return string(plain), t, nil
}

// Regenerate makes a new token, also where there is none. The one it replaces lives on for overlap; one that was replaced before ends now, so
// that two live at most. The caller has had it confirmed; reason is kept for the audit.
func (s *Service) Regenerate(tx database.Tx, by actor.Actor, workspace, reason string, overlap time.Duration) (string, Token, *Token, error) {
	if !manages(by) {
		return "", Token{}, nil, ErrForbidden
	}
	if overlap < 0 || overlap > MaxOverlap {
		return "", Token{}, nil, ErrOverlap
	}
	if _, err := Lock(tx, workspace); err != nil {
		return "", Token{}, nil, err
	}
	now, err := tx.Now()
	if err != nil {
		return "", Token{}, nil, err
	}
	previous, err := s.replace(tx, workspace, now, overlap)
	if err != nil {
		return "", Token{}, nil, err
	}
	plain, t, err := s.add(tx, by, workspace, now)
	if err != nil {
		return "", Token{}, nil, err
	}
	event, detail := "token.created", audit.Detail{"hint": t.Hint}
	if previous != nil {
		event = "token.regenerated"
		detail["previous"], detail["overlap_seconds"] = previous.Hint, int(overlap/time.Second)
	}
	if reason != "" {
		detail["reason"] = clip(reason, 500)
	}
	return plain, t, previous, audit.RecordAt(tx, by, event, t.ID, detail, now)
}

// replace ends what was replaced before and lets the active token, if there is one, live on for overlap.
func (s *Service) replace(tx database.Tx, workspace string, now time.Time, overlap time.Duration) (*Token, error) {
	err := tx.Model(&tokenRow{}).Where("workspace_id = ? AND state = ? AND valid_until > ?", workspace, Replaced, now).
		Updates(map[string]any{"valid_until": now}).Error
	if err != nil {
		return nil, err
	}
	old, err := ActiveToken(tx.DB, workspace)
	if errors.Is(err, ErrNoToken) {
		return nil, nil //nolint:nilnil // there was none
	}
	if err != nil {
		return nil, err
	}
	until := now.Add(overlap)
	old.State, old.ValidUntil = Replaced, &until
	return &old, tx.Model(&tokenRow{}).Where("id = ?", old.ID).Updates(map[string]any{"state": Replaced, "valid_until": until}).Error
}

// add writes a new active token.
func (s *Service) add(tx database.Tx, by actor.Actor, workspace string, now time.Time) (string, Token, error) {
	plain, id := newPlain(), ident.New("tok")
	sealed, err := s.vault.Seal([]byte(plain), about(workspace, id))
	if err != nil {
		return "", Token{}, err
	}
	r := tokenRow{ID: id, WorkspaceID: workspace, Digest: ident.Hash(plain), Sealed: sealed, Hint: plain[len(plain)-4:], State: string(Active),
		CreatedAt: now, CreatedBy: by.Name}
	return plain, r.token(), tx.Create(&r).Error
}

// Revoke ends a token at once; nothing replaces it. The caller has had it confirmed.
func (s *Service) Revoke(tx database.Tx, by actor.Actor, workspace, id, reason string) error {
	if !manages(by) {
		return ErrForbidden
	}
	if _, err := Lock(tx, workspace); err != nil {
		return err
	}
	t, err := FindToken(tx.DB, workspace, id)
	if err != nil {
		return err
	}
	now, err := tx.Now()
	if err != nil {
		return err
	}
	if !t.Live(now) {
		return ErrNoToken
	}
	err = tx.Model(&tokenRow{}).Where("id = ?", id).Updates(map[string]any{"state": Revoked, "revoked_at": now}).Error
	if err != nil {
		return err
	}
	return audit.RecordAt(tx, by, "token.revoked", id, audit.Detail{"hint": t.Hint, "reason": clip(reason, 500)}, now)
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

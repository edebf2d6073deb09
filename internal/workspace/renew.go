package workspace

import (
	"errors"
	"time"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/failpoint"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/ident"
)

// What the end of an overlap refuses.
var (
	ErrNoOverlap = fault.New(fault.Conflict, "no_overlap", "No old token is living on: there is nothing to end, to extend or to take back.")
	ErrUsed      = fault.New(fault.Conflict, "token_in_use", "The new token has been used already, so the regeneration cannot be taken back. End the overlap instead.")
	ErrExtend    = fault.New(fault.Invalid, "bad_overlap", "The old token may live on for up to 7 days from now, and not less than it would anyway.")
	ErrTooLong   = fault.New(fault.Conflict, "lifetime_limit", "This workspace lets a token live for a limited time, and this is longer.")
	ErrLifetime  = fault.New(fault.Invalid, "bad_expiry", "A token expires after 90, 180, 365 or 730 days, or never (0).")
)

// Lifetimes are the days after which a token may expire; 0 is never.
var Lifetimes = []int{0, 90, 180, 365, 730}

// Renewal is how a token is replaced.
type Renewal struct {
	Reason  string        // why, for the audit and the token's details; 500 characters at most are kept
	Note    string        // more of it
	Overlap time.Duration // how long the old token lives on, up to MaxOverlap
	Exposed bool          // strangers may know the old token: all that live are revoked at once, whatever Overlap says
	Days    int           // after how many days the new one expires, one of Lifetimes
	Support string        // name of the supporter who does it for somebody, "" for a person of the workspace
	// Approved says that an Owner or Super Admin has approved it for an Admin, who may not do it alone.
	Approved bool
	For      string // id of whoever asked support for it
}

// Check refuses what could not be done.
func (r Renewal) Check() error {
	if r.Overlap < 0 || r.Overlap > MaxOverlap {
		return ErrOverlap
	}
	return checkDays(r.Days)
}

func checkDays(days int) error {
	for _, d := range Lifetimes {
		if d == days {
			return nil
		}
	}
	return ErrLifetime
}

// lifetime is for how many days a token asked for days may live in this workspace. Who says nothing gets the longest that is allowed.
func (w Workspace) lifetime(days int) (int, error) {
	switch {
	case w.MaxTokenDays == 0 || days > 0 && days <= w.MaxTokenDays:
		return days, nil
	case days == 0:
		return w.MaxTokenDays, nil
	}
	return 0, ErrTooLong
}

// CheckLifetime refuses, before anybody is asked, a life that is longer than the workspace allows.
func CheckLifetime(db *gorm.DB, workspace string, days int) error {
	w, err := Find(db, workspace)
	if err == nil {
		_, err = w.lifetime(days)
	}
	return err
}

// CheckExpiry refuses a new end for a token that lies beyond what the workspace allows; "never" does where there is a limit.
func CheckExpiry(db *gorm.DB, workspace string, days int) error {
	w, err := Find(db, workspace)
	if err == nil && w.MaxTokenDays > 0 && (days == 0 || days > w.MaxTokenDays) {
		err = ErrTooLong
	}
	return err
}

// expiry is when something of that lifetime ends; nil for never.
func expiry(now time.Time, days int) *time.Time {
	if days == 0 {
		return nil
	}
	at := now.Add(time.Duration(days) * 24 * time.Hour)
	return &at
}

// Regenerate is Renew with a reason and an overlap alone.
func (s *Service) Regenerate(tx database.Tx, by actor.Actor, workspace, reason string, overlap time.Duration) (string, Token, *Token, error) {
	return s.Renew(tx, by, workspace, Renewal{Reason: reason, Overlap: overlap})
}

// Renew makes a new token, also where there is none. The one it replaces lives on for the overlap; one that was replaced before ends now, so
// that two live at most. The new one is held to the addresses of the old. The caller has had it confirmed.
func (s *Service) Renew(tx database.Tx, by actor.Actor, workspace string, r Renewal) (string, Token, *Token, error) {
	if !manages(by) && (!r.Approved || !by.Admin()) {
		return "", Token{}, nil, ErrForbidden
	}
	if err := r.Check(); err != nil {
		return "", Token{}, nil, err
	}
	w, err := Lock(tx, workspace)
	if err != nil {
		return "", Token{}, nil, err
	}
	if r.Days, err = w.lifetime(r.Days); err != nil {
		return "", Token{}, nil, err
	}
	now, err := tx.Now()
	if err != nil {
		return "", Token{}, nil, err
	}
	previous, err := s.replace(tx, by, workspace, now, r)
	if err != nil {
		return "", Token{}, nil, err
	}
	failpoint.Reach("replaced")
	plain, t, err := s.add(tx, by, workspace, now, r, previous)
	if err != nil {
		return "", Token{}, nil, err
	}
	if err := s.renewed(tx, by, t, previous, r, now); err != nil {
		return "", Token{}, nil, err
	}
	failpoint.Reach("renewing")
	if previous != nil && !previous.Live(now) {
		previous = nil // it ended with this, so it is nobody's "previous" that still works
	}
	return plain, t, previous, nil
}

// renewed writes the audit of a new token and tells of it.
func (s *Service) renewed(tx database.Tx, by actor.Actor, t Token, previous *Token, r Renewal, now time.Time) error {
	event, detail := "token.created", audit.Detail{"hint": t.Hint}
	if previous != nil {
		event = "token.regenerated"
		detail["previous"], detail["overlap_seconds"] = previous.Hint, int(r.Overlap/time.Second)
	}
	for name, text := range map[string]string{"reason": t.Reason, "note": t.Note, "support": clip(r.Support, 100)} {
		if text != "" {
			detail[name] = text
		}
	}
	if r.Exposed {
		detail["exposed"], detail["overlap_seconds"] = true, 0
	}
	if t.ExpiresAt != nil {
		detail["expires_at"] = *t.ExpiresAt
	}
	if err := audit.RecordAt(tx, by, event, t.ID, detail, now); err != nil {
		return err
	}
	if previous == nil {
		return nil
	}
	params := Params{"hint": t.Hint, "previous": previous.Hint, "person": by.Name, "reason": t.Reason, "exposed": r.Exposed}
	if previous.Live(now) {
		params["until"] = *previous.ValidUntil
	}
	if r.Support != "" {
		params["operator"] = clip(r.Support, 100)
	}
	return s.say(tx, Event{Kind: TokenRegenerated, Workspace: t.Workspace, By: by, Token: t.ID, For: r.For, Params: params, At: now})
}

// replace ends what was replaced before and lets the active token, if there is one, live on for the overlap. Of an exposed one nothing lives on.
func (s *Service) replace(tx database.Tx, by actor.Actor, workspace string, now time.Time, r Renewal) (*Token, error) {
	before := ended(by, now)
	if r.Exposed {
		before = map[string]any{"state": Revoked, "revoked_at": now, "ended_by": by.Name, "exposed": true}
	}
	err := tx.Model(&tokenRow{}).Where("workspace_id = ? AND state = ? AND valid_until > ?", workspace, Replaced, now).Updates(before).Error
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
	until := now.Add(r.Overlap)
	old.State, old.ValidUntil, old.ReplacedAt = Replaced, &until, &now
	change := map[string]any{"state": Replaced, "valid_until": until, "replaced_at": now, "overlap_warned_at": nil}
	if r.Overlap == 0 {
		old.ValidUntil, old.RevokedAt, old.EndedBy = nil, &now, by.Name
		change = ended(by, now)
		change["state"], change["replaced_at"] = Replaced, now
	}
	if r.Exposed {
		old.State, old.ValidUntil, old.RevokedAt, old.Exposed, old.EndedBy = Revoked, nil, &now, true, by.Name
		change = map[string]any{"state": Revoked, "revoked_at": now, "replaced_at": now, "exposed": true, "ended_by": by.Name}
	}
	return &old, tx.Model(&tokenRow{}).Where("id = ?", old.ID).Updates(change).Error
}

// add writes a new active token.
func (s *Service) add(tx database.Tx, by actor.Actor, workspace string, now time.Time, r Renewal, previous *Token) (string, Token, error) {
	plain, id := newPlain(), ident.New("tok")
	sealed, err := s.vault.Seal([]byte(plain), about(workspace, id))
	if err != nil {
		return "", Token{}, err
	}
	row := tokenRow{ID: id, WorkspaceID: workspace, Digest: ident.Hash(plain), Sealed: sealed, Hint: plain[len(plain)-4:], State: string(Active),
		CreatedAt: now, CreatedBy: by.Name, ExpiresAt: expiry(now, r.Days), Reason: clip(r.Reason, 500), Note: clip(r.Note, 500), AddressMode: string(AddressesOff)}
	if previous != nil {
		row.Replaces, row.AddressMode, row.Addresses = previous.ID, string(previous.Addresses.Mode), join(previous.Addresses.List)
	}
	return plain, row.token(), tx.Create(&row).Error
}

// owned locks the workspace of a change and reads the token that it is about, with the transaction's time.
func owned(tx database.Tx, by actor.Actor, workspace, id string) (Token, time.Time, error) {
	if !manages(by) {
		return Token{}, time.Time{}, ErrForbidden
	}
	if _, err := Lock(tx, workspace); err != nil {
		return Token{}, time.Time{}, err
	}
	t, err := FindToken(tx.DB, workspace, id)
	if err != nil {
		return Token{}, time.Time{}, err
	}
	now, err := tx.Now()
	return t, now, err
}

// ended is how a replaced token stops before its time.
func ended(by actor.Actor, now time.Time) map[string]any {
	return map[string]any{"valid_until": nil, "revoked_at": now, "ended_by": by.Name}
}

func change(tx database.Tx, id string, to map[string]any) error {
	return tx.Model(&tokenRow{}).Where("id = ?", id).Updates(to).Error
}

// Revoke ends a token at once; nothing replaces it. The caller has had it confirmed.
func (s *Service) Revoke(tx database.Tx, by actor.Actor, workspace, id, reason string) error {
	t, now, err := owned(tx, by, workspace, id)
	if err != nil {
		return err
	}
	if !t.Live(now) {
		return ErrNoToken
	}
	if err := change(tx, id, map[string]any{"state": Revoked, "revoked_at": now, "ended_by": by.Name}); err != nil {
		return err
	}
	if err := audit.RecordAt(tx, by, "token.revoked", id, audit.Detail{"hint": t.Hint, "reason": clip(reason, 500)}, now); err != nil {
		return err
	}
	failpoint.Reach("revoking")
	return s.say(tx, Event{Kind: TokenRevoked, Workspace: workspace, By: by, Token: id, At: now,
		Params: Params{"hint": t.Hint, "person": by.Name, "reason": clip(reason, 500)}})
}

// overlapping refuses a token that is not living on.
func overlapping(t Token, now time.Time) error {
	if t.State != Replaced || !t.Live(now) {
		return ErrNoOverlap
	}
	return nil
}

// EndOverlap ends a replaced token now. The caller has had it confirmed.
func (s *Service) EndOverlap(tx database.Tx, by actor.Actor, workspace, id string) error {
	t, now, err := owned(tx, by, workspace, id)
	if err != nil {
		return err
	}
	if err := overlapping(t, now); err != nil {
		return err
	}
	if err := change(tx, id, ended(by, now)); err != nil {
		return err
	}
	if err := audit.RecordAt(tx, by, "token.overlap_ended", id, audit.Detail{"hint": t.Hint, "would_have_ended": *t.ValidUntil}, now); err != nil {
		return err
	}
	failpoint.Reach("ending overlap")
	return s.say(tx, Event{Kind: TokenOverlapEnded, Workspace: workspace, By: by, Token: id, At: now, Params: Params{"hint": t.Hint, "person": by.Name}})
}

// longer says whether a replaced token that may live on until more from now lives longer than it would anyway.
func longer(t Token, more time.Duration, now time.Time) bool {
	return more <= MaxOverlap && (t.ValidUntil == nil || !now.Add(more).Before(*t.ValidUntil))
}

// CheckExtend refuses, before anybody is asked, an extension that would be none.
func CheckExtend(tx database.Tx, t Token, more time.Duration) error {
	now, err := tx.Now()
	if err == nil && !longer(t, more, now) {
		err = ErrExtend
	}
	return err
}

// Extend lets a replaced token live on until more from now. The caller has had it confirmed.
func (s *Service) Extend(tx database.Tx, by actor.Actor, workspace, id string, more time.Duration) error {
	t, now, err := owned(tx, by, workspace, id)
	if err != nil {
		return err
	}
	if err := overlapping(t, now); err != nil {
		return err
	}
	until := now.Add(more)
	if !longer(t, more, now) {
		return ErrExtend
	}
	if err := change(tx, id, map[string]any{"valid_until": until, "overlap_warned_at": nil}); err != nil {
		return err
	}
	err = audit.RecordAt(tx, by, "token.overlap_extended", id, audit.Detail{"hint": t.Hint, "from": *t.ValidUntil, "to": until}, now)
	if err != nil {
		return err
	}
	return s.say(tx, Event{Kind: TokenExtended, Workspace: workspace, By: by, Token: id, At: now, Params: Params{"hint": t.Hint, "person": by.Name, "until": until}})
}

// Cancel takes a regeneration back: the new token, id, is revoked, and the old one is what it was. That goes until the new one's first use and
// while the old one lives. The caller has had it confirmed.
func (s *Service) Cancel(tx database.Tx, by actor.Actor, workspace, id string) error {
	t, now, err := owned(tx, by, workspace, id)
	if err != nil {
		return err
	}
	old, err := cancellable(tx, t, now)
	if err != nil {
		return err
	}
	if err := change(tx, id, map[string]any{"state": Revoked, "revoked_at": now, "ended_by": by.Name}); err != nil { // first: one is active at most
		return err
	}
	failpoint.Reach("cancelling")
	if err := change(tx, old.ID, map[string]any{"state": Active, "valid_until": nil, "replaced_at": nil, "overlap_warned_at": nil}); err != nil {
		return err
	}
	err = audit.RecordAt(tx, by, "token.regeneration_cancelled", id, audit.Detail{"hint": t.Hint, "restored": old.Hint}, now)
	if err != nil {
		return err
	}
	return s.say(tx, Event{Kind: TokenCancelled, Workspace: workspace, By: by, Token: id, At: now,
		Params: Params{"hint": t.Hint, "previous": old.Hint, "person": by.Name}})
}

// cancellable gives the old token of a regeneration that can be taken back.
func cancellable(tx database.Tx, t Token, now time.Time) (Token, error) {
	if t.State != Active || t.Replaces == "" {
		return Token{}, ErrNoOverlap
	}
	if t.LastUsedAt != nil {
		return Token{}, ErrUsed
	}
	old, err := FindToken(tx.DB, t.Workspace, t.Replaces)
	if err != nil {
		return Token{}, err
	}
	return old, overlapping(old, now)
}

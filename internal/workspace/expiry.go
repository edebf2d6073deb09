package workspace

import (
	"context"
	"errors"
	"time"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
)

// The kinds of event that a workspace's admins are told about its tokens.
const (
	TokenViewed        = "token.viewed"
	TokenRegenerated   = "token.regenerated"
	TokenRevoked       = "token.revoked"
	TokenOverlapEnded  = "token.overlap_ended"
	TokenExtended      = "token.overlap_extended"
	TokenCancelled     = "token.regeneration_cancelled"
	TokenExpiring      = "token.expiring"
	TokenExpired       = "token.expired"
	TokenOverlapEnding = "token.overlap_ending" // the old token is used still, shortly before it ends
	TokenAddresses     = "token.addresses_changed"
	TokenExpirySet     = "token.expiry_changed"
)

// Params is what an event's sentence is filled with: hints, names, numbers and times. Never a token.
type Params map[string]any

// Event is something about a token that people are told, in the transaction in which it happened.
type Event struct {
	Kind      string
	Workspace string
	By        actor.Actor // whoever did it; kind System for what time did
	Token     string      // id
	For       string      // id of whoever had asked support to do it, "" where nobody had
	Params    Params
	At        time.Time
}

// Tell gives tokens their voice: tell runs in the transaction of each event. It is called once, while the service is wired. Notices, mails and
// webhooks about tokens all begin there.
func (s *Service) Tell(tell func(tx database.Tx, e Event) error) { s.tell = tell }

func (s *Service) say(tx database.Tx, e Event) error {
	if s.tell == nil {
		return nil
	}
	return s.tell(tx, e)
}

// WarnDays is how many days before a token's end people are warned.
var WarnDays = []int{30, 14, 7, 1}

const aDay = 24 * time.Hour

// dueWarning is the warning that holds when left is left of a token's life: the days of it, 0 when it is over; due is false where it is early.
func dueWarning(left time.Duration) (days int, due bool) {
	if left <= 0 {
		return 0, true
	}
	for _, d := range WarnDays {
		if left <= time.Duration(d)*aDay {
			days, due = d, true
		}
	}
	return days, due
}

// SetExpiry lets the active token expire after days from now, or never (0). One that has expired stays so. The caller has had it confirmed.
func (s *Service) SetExpiry(tx database.Tx, by actor.Actor, workspace, id string, days int) error {
	if err := checkDays(days); err != nil {
		return err
	}
	t, now, err := owned(tx, by, workspace, id)
	if err != nil {
		return err
	}
	if t.State != Active || !t.Live(now) {
		return ErrNoToken
	}
	if err := CheckExpiry(tx.DB, workspace, days); err != nil {
		return err
	}
	ends := expiry(now, days)
	if err := change(tx, id, map[string]any{"expires_at": ends, "warned_days": nil}); err != nil {
		return err
	}
	detail, params := audit.Detail{"hint": t.Hint, "days": days}, Params{"hint": t.Hint, "person": by.Name, "days": days}
	if ends != nil {
		detail["expires_at"], params["until"] = *ends, *ends
	}
	if err := audit.RecordAt(tx, by, "token.expiry_changed", id, detail, now); err != nil {
		return err
	}
	return s.say(tx, Event{Kind: TokenExpirySet, Workspace: workspace, By: by, Token: id, Params: params, At: now})
}

// overlapLead is how long before the end of an overlap people hear that the old token is used still: two hours, or a quarter of a short one.
func overlapLead(overlap time.Duration) time.Duration { return min(2*time.Hour, overlap/4) }

const longestLead = 2 * time.Hour

// Warn tells, once each, of tokens that will expire or have expired, and of old ones that are used shortly before their overlap ends. It is
// housekeeping: whoever comes second finds nothing left to tell.
func (s *Service) Warn(ctx context.Context) error {
	now, err := s.db.Now(ctx)
	if err != nil {
		return err
	}
	var due []tokenRow
	err = s.db.Read(ctx).Select("id", "workspace_id", "expires_at", "warned_days", "state").
		Where("state = ? AND expires_at IS NOT NULL AND expires_at <= ? AND (warned_days IS NULL OR warned_days > 0)", Active, now.Add(time.Duration(WarnDays[0])*aDay)).
		Or("state = ? AND valid_until > ? AND valid_until <= ? AND overlap_warned_at IS NULL AND last_used_at > replaced_at", Replaced, now, now.Add(longestLead)).
		Order("workspace_id, id").Find(&due).Error
	for _, r := range due {
		if r.State == string(Active) {
			if days, ok := dueWarning(r.ExpiresAt.Sub(now)); !ok || r.WarnedDays != nil && *r.WarnedDays <= days {
				continue
			}
		}
		err = errors.Join(err, s.db.InTx(ctx, func(tx database.Tx) error { return s.warn(tx, r.WorkspaceID, r.ID) }))
	}
	return err
}

// warn looks at one token again behind its workspace's lock, and tells what is due.
func (s *Service) warn(tx database.Tx, workspace, id string) error {
	if _, err := Lock(tx, workspace); err != nil {
		return err
	}
	var r tokenRow
	if err := tx.Omit("sealed", "digest").Where("workspace_id = ? AND id = ?", workspace, id).Take(&r).Error; err != nil {
		return err
	}
	now, err := tx.Now()
	if err != nil {
		return err
	}
	by := actor.Actor{Kind: actor.System, Workspace: workspace}
	switch {
	case r.State == string(Active) && r.ExpiresAt != nil:
		return s.warnExpiry(tx, by, r, now)
	case r.State == string(Replaced) && r.token().Live(now):
		return s.warnOverlap(tx, by, r, now)
	}
	return nil
}

func (s *Service) warnExpiry(tx database.Tx, by actor.Actor, r tokenRow, now time.Time) error {
	days, due := dueWarning(r.ExpiresAt.Sub(now))
	if !due || r.WarnedDays != nil && *r.WarnedDays <= days {
		return nil
	}
	if err := change(tx, r.ID, map[string]any{"warned_days": days}); err != nil {
		return err
	}
	kind := TokenExpiring
	if days == 0 {
		kind = TokenExpired
	}
	if err := audit.RecordAt(tx, by, kind, r.ID, audit.Detail{"hint": r.Hint, "days": days, "expires_at": r.ExpiresAt.UTC()}, now); err != nil {
		return err
	}
	params := Params{"hint": r.Hint, "days": days, "until": r.ExpiresAt.UTC()}
	return s.say(tx, Event{Kind: kind, Workspace: r.WorkspaceID, By: by, Token: r.ID, Params: params, At: now})
}

func (s *Service) warnOverlap(tx database.Tx, by actor.Actor, r tokenRow, now time.Time) error {
	var warned int64
	if err := tx.Model(&tokenRow{}).Where("id = ? AND overlap_warned_at IS NOT NULL", r.ID).Count(&warned).Error; err != nil {
		return err
	}
	if warned > 0 || r.ReplacedAt == nil || r.LastUsedAt == nil || !r.LastUsedAt.After(*r.ReplacedAt) ||
		r.ValidUntil.Sub(now) > overlapLead(r.ValidUntil.Sub(*r.ReplacedAt)) {
		return nil
	}
	if err := change(tx, r.ID, map[string]any{"overlap_warned_at": now}); err != nil {
		return err
	}
	err := audit.RecordAt(tx, by, TokenOverlapEnding, r.ID, audit.Detail{"hint": r.Hint, "client": r.LastUsedBy, "valid_until": r.ValidUntil.UTC()}, now)
	if err != nil {
		return err
	}
	params := Params{"hint": r.Hint, "client": r.LastUsedBy, "until": r.ValidUntil.UTC(), "last_used": r.LastUsedAt.UTC()}
	return s.say(tx, Event{Kind: TokenOverlapEnding, Workspace: r.WorkspaceID, By: by, Token: r.ID, Params: params, At: now})
}

package workspace

import (
	"slices"
	"time"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
)

// Rules are what a workspace demands of confirmations.
type Rules struct {
	Mode           Policy
	TTL            time.Duration // how long a request waits for its answer, whole seconds
	ShowOnce       bool
	TwoAdmins      bool
	SameNetwork    bool
	FreezeOnReport bool
	Passkeys       bool
	MaxTokenDays   int // of new tokens, one of Lifetimes; 0 is no limit, SameLifetime leaves it as it is
}

// SameLifetime in Rules leaves the limit on a token's life alone, for whoever does not know of it.
const SameLifetime = -1

// Rules are the workspace's rules now.
func (w Workspace) Rules() Rules {
	return Rules{Mode: w.Policy, TTL: w.ConfirmationTTL, ShowOnce: w.ShowOnce, TwoAdmins: w.TwoAdmins, SameNetwork: w.SameNetwork, FreezeOnReport: w.FreezeOnReport,
		Passkeys: w.Passkeys, MaxTokenDays: w.MaxTokenDays}
}

// Check refuses an unknown mode and a time outside 1 to 10 minutes.
func (r Rules) Check() error {
	if !slices.Contains([]Policy{RiskBased, AlwaysCode, TapOnly}, r.Mode) || r.TTL < MinTTL || r.TTL > MaxTTL || r.TTL%time.Second != 0 {
		return ErrPolicy
	}
	if r.MaxTokenDays == SameLifetime {
		return nil
	}
	return checkDays(r.MaxTokenDays)
}

// SetPolicy changes the mode and how long a request waits, and leaves the other rules as they are. The caller has had it confirmed.
func (s *Service) SetPolicy(tx database.Tx, by actor.Actor, id string, mode Policy, ttl time.Duration) error {
	w, err := Find(tx.DB, id)
	if err != nil {
		return err
	}
	r := w.Rules()
	r.Mode, r.TTL = mode, ttl
	return s.SetRules(tx, by, id, r)
}

// SetRules changes what confirmations demand. The caller has had it confirmed.
func (s *Service) SetRules(tx database.Tx, by actor.Actor, id string, r Rules) error {
	if !manages(by) {
		return ErrForbidden
	}
	if err := r.Check(); err != nil {
		return err
	}
	old, err := Lock(tx, id)
	if err != nil {
		return err
	}
	if r.MaxTokenDays == SameLifetime {
		r.MaxTokenDays = old.MaxTokenDays
	}
	err = tx.Model(&row{}).Where("id = ?", id).Updates(map[string]any{"confirmation_policy": string(r.Mode), "confirmation_seconds": int(r.TTL / time.Second),
		"show_once": r.ShowOnce, "two_admins": r.TwoAdmins, "same_network": r.SameNetwork, "freeze_on_report": r.FreezeOnReport,
		"passkeys": r.Passkeys, "max_token_days": r.MaxTokenDays}).Error
	if err != nil {
		return err
	}
	if r.ShowOnce && !old.ShowOnce { // what was shown is kept as a hash alone from now on
		if err := forget(tx, id); err != nil {
			return err
		}
	}
	return audit.Record(tx, by, "policy.changed", id, changes(old.Rules(), r))
}

// changes says what is different, and the mode and the time in any case.
func changes(from, to Rules) audit.Detail {
	d := audit.Detail{"from": string(from.Mode), "to": string(to.Mode), "from_seconds": int(from.TTL / time.Second), "to_seconds": int(to.TTL / time.Second)}
	for _, c := range []struct {
		name    string
		was, is bool
	}{
		{"show_once", from.ShowOnce, to.ShowOnce}, {"two_admins", from.TwoAdmins, to.TwoAdmins}, {"same_network", from.SameNetwork, to.SameNetwork},
		{"freeze_on_report", from.FreezeOnReport, to.FreezeOnReport}, {"passkeys", from.Passkeys, to.Passkeys},
	} {
		if c.was != c.is {
			d[c.name] = c.is
		}
	}
	if from.MaxTokenDays != to.MaxTokenDays {
		d["max_token_days"], d["from_max_token_days"] = to.MaxTokenDays, from.MaxTokenDays
	}
	return d
}

// Freeze stops all reveals because somebody reported the confirmation named; frozen already, it stays as it was. It says whether it changed
// anything.
func (s *Service) Freeze(tx database.Tx, by actor.Actor, id, confirmation string, now time.Time) (bool, error) {
	res := tx.Model(&row{}).Where("id = ? AND frozen_at IS NULL", id).Updates(map[string]any{"frozen_at": now, "frozen_by": confirmation})
	if res.Error != nil || res.RowsAffected == 0 {
		return false, res.Error
	}
	return true, audit.RecordAt(tx, by, "reveals.frozen", id, audit.Detail{"confirmation": confirmation}, now)
}

// Unfreeze lets tokens be revealed again. The caller has had it confirmed by the Owner, or is the operator.
func (s *Service) Unfreeze(tx database.Tx, by actor.Actor, id string) error {
	if by.Kind != actor.Operator && by.Role != "owner" {
		return ErrForbidden.Saying("Only the Owner may do this.").With("allowed_roles", []string{"owner"})
	}
	res := tx.Model(&row{}).Where("id = ? AND frozen_at IS NOT NULL", id).Updates(map[string]any{"frozen_at": nil, "frozen_by": ""})
	if res.Error != nil || res.RowsAffected == 0 {
		return res.Error
	}
	return audit.Record(tx, by, "reveals.unfrozen", id, nil)
}

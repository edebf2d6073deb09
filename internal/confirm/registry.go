package confirm

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/device"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/httpkit"
	"github.com/countersign/countersign/internal/workspace"
)

const (
	tokenPrefix  = "scim_token:"
	newToken     = tokenPrefix + "new"
	devicePrefix = "device:"
	personPrefix = "person:"
)

// managers may change what a workspace depends on.
var managers = []directory.Role{directory.Owner, directory.SuperAdmin}

// own registers the actions of this package.
func (s *Service) own() {
	for _, a := range append(s.tokenActions(), []Action{
		{Name: RevealToken, Passkey: true, Says: "View the SCIM API authentication token", Roles: directory.AdminRoles, Lowest: Tap, Guarded: true,
			Resource: liveToken, collect: true},
		{Name: RegenerateToken, Passkey: true, Says: "Regenerate the SCIM API authentication token", Roles: managers, Support: directory.AdminRoles, Lowest: Code,
			Asks: []directory.Role{directory.Admin}, Guarded: true, Locks: true, Params: checkRegenerate, Shows: showRegenerate, Resource: s.tokenOrNew, collect: true},
		{Name: RevokeToken, Passkey: true, Says: "Revoke the SCIM API authentication token", Roles: managers, Lowest: Code, Locks: true, Params: checkRevoke,
			Shows: showRevoke, Resource: anyLiveToken, Consume: s.revoke},
		{Name: ChangePolicy, Says: "Change the confirmation policy", Roles: managers, Lowest: Code, Locks: true, Params: checkPolicy, Needs: true,
			Shows: showPolicy, Consume: s.changePolicy},
		{Name: LiftFreeze, Says: "Let the token be shown again", Roles: []directory.Role{directory.Owner}, Lowest: Code, Locks: true,
			Consume: func(tx database.Tx, by actor.Actor, _ Confirmed) error {
				return s.Workspaces.Unfreeze(tx, by, by.Workspace)
			}},
		{Name: UnlockPerson, Says: "Unlock somebody's confirmations", Roles: managers, Lowest: Code, Shows: showUnlock, Resource: otherPerson, Consume: s.unlockConfirmed},
		{Name: AddDevice, Says: "Pair another phone", Lowest: Code},
		{Name: RemoveDevice, Says: "Remove a phone", Lowest: Code, Shows: showDevice, Resource: ownDevice},
	}...) {
		s.Register(a)
	}
}

// liveToken: without a resource the live token is meant, and the answer names it.
func liveToken(tx database.Tx, by actor.Actor, asked string, now time.Time) (string, error) {
	t, err := workspace.ActiveToken(tx.DB, by.Workspace)
	switch {
	case err != nil:
		return "", err
	case !t.Live(now):
		return "", workspace.ErrExpired
	case asked != "" && asked != tokenPrefix+t.ID:
		return "", fault.ErrNotFound
	}
	if t.ShownAt != nil {
		err = workspace.Showable(tx.DB, t.Workspace, t.ID)
	}
	return tokenPrefix + t.ID, err
}

func (s *Service) tokenOrNew(tx database.Tx, by actor.Actor, asked string, _ time.Time) (string, error) {
	t, err := workspace.ActiveToken(tx.DB, by.Workspace)
	none := errors.Is(err, workspace.ErrNoToken)
	switch {
	case err != nil && !none:
		return "", err
	case none && (asked == "" || asked == newToken):
		return newToken, nil
	case none, asked != "" && asked != tokenPrefix+t.ID:
		return "", fault.ErrNotFound
	}
	return tokenPrefix + t.ID, nil
}

// span says a time in the largest unit that fits.
func span(d time.Duration) string {
	for _, u := range []struct {
		of   time.Duration
		name string
	}{{24 * time.Hour, "days"}, {time.Hour, "hours"}, {time.Minute, "minutes"}} {
		if d >= 2*u.of && d%u.of == 0 {
			return fmt.Sprintf("%d %s", d/u.of, u.name)
		}
	}
	return fmt.Sprintf("%d seconds", d/time.Second)
}

type revokeParams struct {
	Reason string `json:"reason"`
}

func checkRevoke(raw []byte) error { return httpkit.Strict(raw, &revokeParams{}) }

// anyLiveToken names one that still opens something, the replaced one too.
func anyLiveToken(tx database.Tx, by actor.Actor, asked string, now time.Time) (string, error) {
	id, ok := strings.CutPrefix(asked, tokenPrefix)
	if !ok {
		return "", ErrUnknownAction
	}
	t, err := workspace.FindToken(tx.DB, by.Workspace, id)
	if err == nil && !t.Live(now) {
		err = workspace.ErrNoToken
	}
	return asked, err
}

func showRevoke(tx database.Tx, by actor.Actor, resource string, _ []byte) (string, error) {
	t, err := workspace.FindToken(tx.DB, by.Workspace, strings.TrimPrefix(resource, tokenPrefix))
	return "Revoke the SCIM API authentication token …" + t.Hint + ". It stops at once", err
}

func (s *Service) revoke(tx database.Tx, by actor.Actor, c Confirmed) error {
	var p revokeParams
	if c.Params != nil {
		if err := json.Unmarshal(c.Params, &p); err != nil {
			return err
		}
	}
	return s.Workspaces.Revoke(tx, by, by.Workspace, strings.TrimPrefix(c.Resource, tokenPrefix), p.Reason)
}

// Policy is a workspace's rules as they travel: all members are given, so that what the phone signs is all that will hold.
type Policy struct {
	Mode           workspace.Policy `json:"mode"`
	PendingSeconds int              `json:"pending_seconds"`
	ShowOnce       *bool            `json:"show_once"`
	TwoAdmins      *bool            `json:"two_admins"`
	SameNetwork    *bool            `json:"same_network"`
	FreezeOnReport *bool            `json:"freeze_on_report"`
	Passkeys       *bool            `json:"passkeys,omitempty"`       // absent: off, so that a client that does not know it weakens nothing
	MaxTokenDays   *int             `json:"max_token_days,omitempty"` // absent: as it is
}

// PolicyOf is a workspace's policy as it travels.
func PolicyOf(r workspace.Rules) Policy {
	return Policy{Mode: r.Mode, PendingSeconds: int(r.TTL / time.Second), ShowOnce: &r.ShowOnce, TwoAdmins: &r.TwoAdmins, SameNetwork: &r.SameNetwork,
		FreezeOnReport: &r.FreezeOnReport, Passkeys: &r.Passkeys, MaxTokenDays: &r.MaxTokenDays}
}

// Rules checks a policy that travelled.
func (p Policy) Rules() (workspace.Rules, error) {
	if p.ShowOnce == nil || p.TwoAdmins == nil || p.SameNetwork == nil || p.FreezeOnReport == nil || p.PendingSeconds > int(workspace.MaxTTL/time.Second) {
		return workspace.Rules{}, workspace.ErrPolicy.Saying("All six members of the policy are needed: mode (risk, code or tap), pending_seconds (60 to 600), show_once, two_admins, same_network and freeze_on_report.")
	}
	r := workspace.Rules{Mode: p.Mode, TTL: time.Duration(p.PendingSeconds) * time.Second, ShowOnce: *p.ShowOnce, TwoAdmins: *p.TwoAdmins,
		SameNetwork: *p.SameNetwork, FreezeOnReport: *p.FreezeOnReport, Passkeys: p.Passkeys != nil && *p.Passkeys, MaxTokenDays: workspace.SameLifetime}
	if p.MaxTokenDays != nil {
		if r.MaxTokenDays = *p.MaxTokenDays; r.MaxTokenDays < 0 {
			return workspace.Rules{}, workspace.ErrLifetime
		}
	}
	return r, r.Check()
}

func readPolicy(raw []byte) (workspace.Rules, error) {
	var p Policy
	if raw == nil {
		return workspace.Rules{}, workspace.ErrPolicy
	}
	if err := httpkit.Strict(raw, &p); err != nil {
		return workspace.Rules{}, err
	}
	return p.Rules()
}

func checkPolicy(raw []byte) error {
	_, err := readPolicy(raw)
	return err
}

var modeWords = map[workspace.Policy]string{workspace.RiskBased: "risk-based", workspace.AlwaysCode: "always code", workspace.TapOnly: "tap only"}

func showPolicy(_ database.Tx, _ actor.Actor, _ string, raw []byte) (string, error) {
	r, err := readPolicy(raw)
	if err != nil {
		return "", err
	}
	says := "Change the confirmation policy: " + modeWords[r.Mode] + ", requests wait " + span(r.TTL)
	for _, rule := range []struct {
		on   bool
		says string
	}{{r.ShowOnce, "tokens are shown once"}, {r.TwoAdmins, "two admins approve"}, {r.SameNetwork, "phone and browser share a network"}, {r.FreezeOnReport, "a report freezes the token"},
		{r.Passkeys, "a passkey may stand for the phone"}} {
		if rule.on {
			says += ", " + rule.says
		}
	}
	if r.MaxTokenDays > 0 {
		says += fmt.Sprintf(", new tokens live %d days at most", r.MaxTokenDays)
	}
	return says, nil
}

func (s *Service) changePolicy(tx database.Tx, by actor.Actor, c Confirmed) error {
	r, err := readPolicy(c.Params)
	if err != nil {
		return err
	}
	return s.Workspaces.SetRules(tx, by, by.Workspace, r)
}

// otherPerson: nobody unlocks themselves.
func otherPerson(tx database.Tx, by actor.Actor, asked string, _ time.Time) (string, error) {
	id, ok := strings.CutPrefix(asked, personPrefix)
	if !ok {
		return "", ErrUnknownAction
	}
	if id == by.Person {
		return "", ErrUnlockSelf
	}
	_, err := directory.Find(tx.DB, by.Workspace, id)
	return asked, err
}

func showUnlock(tx database.Tx, by actor.Actor, resource string, _ []byte) (string, error) {
	p, err := directory.Find(tx.DB, by.Workspace, strings.TrimPrefix(resource, personPrefix))
	return "Unlock the confirmations of " + device.Plain(p.Name), err
}

func (s *Service) unlockConfirmed(tx database.Tx, by actor.Actor, c Confirmed) error {
	return s.Unlock(tx, by, strings.TrimPrefix(c.Resource, personPrefix))
}

// ErrUnlockSelf says that a lock is lifted by somebody else.
var ErrUnlockSelf = fault.New(fault.Forbidden, "unlock_self", "You cannot unlock yourself. Ask another Owner or Super Admin, or the operator.")

// Unlock ends the lock that wrong codes brought on a person, and their count. The caller has had it confirmed, or is the operator.
func (s *Service) Unlock(tx database.Tx, by actor.Actor, person string) error {
	res := tx.Model(&personRow{}).Where("person_id = ? AND (locked_until IS NOT NULL OR wrong_codes > 0 OR locks > 0)", person).
		Updates(map[string]any{"locked_until": nil, "wrong_codes": 0, "locks": 0})
	if res.Error != nil || res.RowsAffected == 0 {
		return res.Error
	}
	return audit.Record(tx, by, "confirmation.unlocked", person, nil)
}

func ownDevice(tx database.Tx, by actor.Actor, asked string, _ time.Time) (string, error) {
	id, ok := strings.CutPrefix(asked, devicePrefix)
	if !ok {
		return "", ErrUnknownAction
	}
	d, err := device.Find(tx.DB, by.Workspace, id)
	if err != nil || d.Person != by.Person || d.State == device.Removed {
		return "", errors.Join(ignoreNotFound(err), fault.ErrNotFound)
	}
	return asked, nil
}

func showDevice(tx database.Tx, by actor.Actor, resource string, _ []byte) (string, error) {
	d, err := device.Find(tx.DB, by.Workspace, strings.TrimPrefix(resource, devicePrefix))
	return "Remove the phone " + d.Name, err
}

func ignoreNotFound(err error) error {
	if errors.Is(err, fault.ErrNotFound) || errors.Is(err, gorm.ErrRecordNotFound) {
		return nil
	}
	return err
}

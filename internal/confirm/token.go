package confirm

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/device"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/httpkit"
	"github.com/countersign/countersign/internal/workspace"
)

// The actions of a token's life beside showing, replacing and revoking it. All are about one token, need the six digits, and are spent by the
// console's own calls.
const (
	EndOverlap         = "scim.token.end_overlap"         // of a replaced token
	ExtendOverlap      = "scim.token.extend_overlap"      // params {overlap_seconds}, from the moment at which it is done
	CancelRegeneration = "scim.token.cancel_regeneration" // of the new token, before its first use
	TokenExpiry        = "scim.token.expiry"              // params {days}, 0 for never
	TokenAddresses     = "scim.token.addresses"           // params {mode, addresses}
)

// What the end of a regeneration refuses.
var (
	ErrReplaced    = fault.New(fault.Conflict, "token_replaced", "The token was replaced by somebody else after this was asked. Nothing was changed: look at the new one first.")
	ErrSupportOnly = fault.New(fault.Invalid, "unknown_field", "The parameter support is for the server's own terminal.")
)

// tokenActions are the entries of the registry for them.
func (s *Service) tokenActions() []Action {
	of := func(name, says string, params func([]byte) error, fits func(workspace.Token) error, shows showing, do consuming) Action {
		return Action{Name: name, Says: says, Roles: managers, Lowest: Code, Locks: true, Params: params,
			Resource: func(tx database.Tx, by actor.Actor, asked string, now time.Time) (string, error) {
				_, err := anyLiveToken(tx, by, asked, now)
				if err != nil || fits == nil {
					return asked, err
				}
				t, err := workspace.FindToken(tx.DB, by.Workspace, strings.TrimPrefix(asked, tokenPrefix))
				if err != nil {
					return asked, err
				}
				return asked, fits(t)
			},
			Shows: func(tx database.Tx, by actor.Actor, resource string, raw []byte) (string, error) {
				t, err := workspace.FindToken(tx.DB, by.Workspace, strings.TrimPrefix(resource, tokenPrefix))
				if err != nil {
					return "", err
				}
				return shows(tx, t, raw)
			},
			Consume: func(tx database.Tx, by actor.Actor, c Confirmed) error {
				return do(tx, by, strings.TrimPrefix(c.Resource, tokenPrefix), c.Params)
			}}
	}
	return []Action{
		of(EndOverlap, "End the overlap of two tokens", nil, livesOn, showEnd, func(tx database.Tx, by actor.Actor, id string, _ []byte) error {
			return s.Workspaces.EndOverlap(tx, by, by.Workspace, id)
		}),
		of(ExtendOverlap, "Let the old token work longer", needs(checkExtend), livesOn, showExtend, func(tx database.Tx, by actor.Actor, id string, raw []byte) error {
			p, err := read[extendParams](raw)
			if err != nil {
				return err
			}
			return s.Workspaces.Extend(tx, by, by.Workspace, id, p.more())
		}),
		of(CancelRegeneration, "Cancel the regeneration of a token", nil, unused, showCancel, func(tx database.Tx, by actor.Actor, id string, _ []byte) error {
			return s.Workspaces.Cancel(tx, by, by.Workspace, id)
		}),
		of(TokenExpiry, "Change when the token expires", needs(checkExpiry), nil, showExpiry, func(tx database.Tx, by actor.Actor, id string, raw []byte) error {
			p, err := read[expiryParams](raw)
			if err != nil {
				return err
			}
			return s.Workspaces.SetExpiry(tx, by, by.Workspace, id, p.Days)
		}),
		of(TokenAddresses, "Change the address list of the token", needs(checkAddresses), nil, showAddresses, func(tx database.Tx, by actor.Actor, id string, raw []byte) error {
			p, err := read[Addresses](raw)
			if err != nil {
				return err
			}
			return s.Workspaces.SetAddresses(tx, by, by.Workspace, id, p.list())
		}),
	}
}

// livesOn and unused refuse, before a phone is asked, what could not be done; it is looked at again when it is done.
func livesOn(t workspace.Token) error {
	if t.State != workspace.Replaced {
		return workspace.ErrNoOverlap
	}
	return nil
}

func unused(t workspace.Token) error {
	switch {
	case t.State != workspace.Active || t.Replaces == "":
		return workspace.ErrNoOverlap
	case t.LastUsedAt != nil:
		return workspace.ErrUsed
	}
	return nil
}

type (
	showing   func(tx database.Tx, t workspace.Token, raw []byte) (string, error)
	consuming func(tx database.Tx, by actor.Actor, id string, raw []byte) error
)

// read decodes parameters that were checked when they were asked with; none at all is what an action without them would have.
func read[T any](raw []byte) (p T, err error) {
	if raw == nil {
		return p, ErrParams
	}
	return p, httpkit.Strict(raw, &p)
}

// ErrParams refuses an action without the parameters that say what is to be done.
var ErrParams = fault.New(fault.Invalid, "malformed", "This action needs parameters: what the phone signs has to say what will be done.")

func needs[T any](check func(T) error) func([]byte) error {
	return func(raw []byte) error {
		p, err := read[T](raw)
		if err != nil {
			return err
		}
		return check(p)
	}
}

type extendParams struct {
	Overlap int64 `json:"overlap_seconds"`
}

func (p extendParams) more() time.Duration { return time.Duration(p.Overlap) * time.Second }

func checkExtend(p extendParams) error {
	if p.Overlap <= 0 || p.Overlap > int64(workspace.MaxOverlap/time.Second) {
		return workspace.ErrExtend
	}
	return nil
}

type expiryParams struct {
	Days int `json:"days"`
}

func checkExpiry(p expiryParams) error { return workspace.Renewal{Days: p.Days}.Check() }

// Addresses is a token's address list as it travels.
type Addresses struct {
	Mode      workspace.AddressMode `json:"mode"`
	Addresses []string              `json:"addresses"`
}

func (a Addresses) list() workspace.Addresses {
	return workspace.Addresses{Mode: a.Mode, List: a.Addresses}
}

func checkAddresses(a Addresses) error {
	_, err := a.list().Normal()
	return err
}

func showEnd(_ database.Tx, t workspace.Token, _ []byte) (string, error) {
	return "End the overlap: the old token …" + t.Hint + " stops at once", nil
}

func showExtend(tx database.Tx, t workspace.Token, raw []byte) (string, error) {
	p, err := read[extendParams](raw)
	if err == nil {
		err = workspace.CheckExtend(tx, t, p.more())
	}
	return "Let the old token …" + t.Hint + " work " + span(p.more()) + " more", err
}

func showCancel(tx database.Tx, t workspace.Token, _ []byte) (string, error) {
	if t.Replaces == "" {
		return "", workspace.ErrNoOverlap
	}
	old, err := workspace.FindToken(tx.DB, t.Workspace, t.Replaces)
	return "Cancel the regeneration: the new token …" + t.Hint + " stops, …" + old.Hint + " stays", err
}

func showExpiry(tx database.Tx, t workspace.Token, raw []byte) (string, error) {
	p, err := read[expiryParams](raw)
	if err == nil {
		err = workspace.CheckExpiry(tx.DB, t.Workspace, p.Days)
	}
	if p.Days == 0 {
		return "Let the token …" + t.Hint + " never expire", err
	}
	return fmt.Sprintf("Let the token …%s expire in %d days", t.Hint, p.Days), err
}

var listWords = map[workspace.AddressMode]string{workspace.AddressesOff: "off", workspace.AddressesObserve: "observe", workspace.AddressesEnforce: "enforce"}

func showAddresses(_ database.Tx, t workspace.Token, raw []byte) (string, error) {
	p, err := read[Addresses](raw)
	return fmt.Sprintf("Address list of the token …%s: %s, %d networks", t.Hint, listWords[p.Mode], len(p.Addresses)), err
}

// regenerateParams are the parameters of RegenerateToken.
type regenerateParams struct {
	Reason  string `json:"reason"`
	Note    string `json:"note"`
	Overlap *int64 `json:"overlap_seconds"`
	Exposed bool   `json:"exposed"`
	Days    int    `json:"expires_days"`
	Support string `json:"support"` // from the server's own terminal alone
}

func (p regenerateParams) renewal() workspace.Renewal {
	r := workspace.Renewal{Reason: p.Reason, Note: p.Note, Overlap: workspace.DefaultOverlap, Exposed: p.Exposed, Days: p.Days, Support: p.Support}
	if p.Overlap != nil {
		r.Overlap = time.Duration(min(max(*p.Overlap, -1), int64(workspace.MaxOverlap/time.Second)+1)) * time.Second
	}
	if p.Exposed {
		r.Overlap = 0
	}
	return r
}

// checkRegenerate refuses before anybody is asked what could not be done afterwards.
func checkRegenerate(raw []byte) error {
	p := regenerateParams{}
	if err := httpkit.Strict(raw, &p); err != nil {
		return err
	}
	return p.renewal().Check()
}

func showRegenerate(tx database.Tx, by actor.Actor, resource string, raw []byte) (string, error) {
	says := "Regenerate the SCIM API authentication token"
	if raw == nil {
		return says, nil
	}
	var p regenerateParams
	if err := json.Unmarshal(raw, &p); err != nil {
		return "", err
	}
	if p.Support != "" && by.Kind != actor.Operator {
		return "", ErrSupportOnly
	}
	if err := workspace.CheckLifetime(tx.DB, by.Workspace, p.Days); err != nil {
		return "", err
	}
	if resource == newToken {
		return says, nil
	}
	now, err := tx.Now()
	if err != nil {
		return "", err
	}
	before, err := previousToken(tx, by.Workspace, now)
	if err != nil {
		return "", err
	}
	switch r := p.renewal(); {
	case r.Exposed:
		says += " because it may be exposed. All tokens of now stop at once"
	case r.Overlap == 0:
		says += ". The old one stops at once"
	default:
		says += ". The old one works " + span(r.Overlap) + " more"
	}
	if before != nil && !p.Exposed {
		says += ". …" + before.Hint + ", replaced before, stops at once"
	}
	if reason := device.Plain(p.Reason); reason != "" {
		if reason != device.Whole(p.Reason) {
			reason += "…"
		}
		says += ". Reason: “" + reason + "”" // somebody's own words, which may read like these
	}
	return says, nil
}

// regenerate carries out what was confirmed, if the token is still the one that it was asked for: of two that ask at once the second one would
// otherwise end, unseen, the token that the identity provider has.
func (s *Service) regenerate(tx database.Tx, by actor.Actor, r row, now time.Time) (Token, error) {
	p := regenerateParams{}
	if r.Params != nil {
		if err := httpkit.Strict(r.Params, &p); err != nil {
			return Token{}, err
		}
	}
	if of, err := s.tokenOrNew(tx, by, "", now); err != nil {
		return Token{}, err
	} else if of != r.Resource {
		return Token{}, ErrReplaced
	}
	renewal := p.renewal()
	renewal.Approved = r.ApprovalsNeeded > 1 // consume has verified that somebody who may do it has signed it too
	plain, info, previous, err := s.Workspaces.Renew(tx, by, by.Workspace, renewal)
	if err != nil {
		return Token{}, err
	}
	t := Token{Plain: plain, Info: info, Previous: previous}
	if by.Kind == actor.Operator {
		return t, nil // support does not see it: whoever asked for it retrieves it by View Token
	}
	return t, s.Workspaces.Handed(tx, by, info, workspace.RegeneratedToken, r.ID, r.DecidedName, now)
}

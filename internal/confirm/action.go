package confirm

import (
	"errors"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/device"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/workspace"
)

// The actions that can be confirmed.
const (
	RevealToken     = "scim.token.reveal"
	RegenerateToken = "scim.token.regenerate"
	AddDevice       = "device.add"
	RemoveDevice    = "device.remove"
	ActivateDevice  = "device.activate" // made by pairing, never by a person's request
)

// action is one entry of the registry: who may ask, the lowest mode, and which resource it is about.
type action struct {
	says     string           // what the phone shows
	roles    []directory.Role // who may ask and, checked again then, collect; nil: everybody
	support  []directory.Role // whose phone support may ask from the server's own terminal, where that is wider
	lowest   string           // Tap or Code
	collect  bool             // consumed by POST …/reveal
	params   func(raw []byte) error
	resource func(s *Service, tx database.Tx, by actor.Actor, asked string, now time.Time) (string, error)
}

var actions = map[string]action{
	RevealToken: {says: "View the SCIM API authentication token", roles: directory.AdminRoles, lowest: Tap, collect: true, resource: (*Service).liveToken},
	RegenerateToken: {says: "Regenerate the SCIM API authentication token", roles: []directory.Role{directory.Owner, directory.SuperAdmin}, lowest: Code,
		support: directory.AdminRoles, collect: true, params: checkRegenerate, resource: (*Service).tokenOrNew},
	AddDevice:    {says: "Pair another phone", lowest: Code, resource: noResource},
	RemoveDevice: {says: "Remove a phone", lowest: Code, resource: (*Service).ownDevice},
}

const (
	tokenPrefix  = "scim_token:"
	newToken     = tokenPrefix + "new"
	devicePrefix = "device:"
)

// allows says whether by, whose role is role now, may ask and collect.
func (a action) allows(by actor.Actor, role directory.Role) error {
	roles := a.roles
	if by.Kind == actor.Operator && a.support != nil {
		roles = a.support
	}
	if roles == nil || slices.Contains(roles, role) {
		return nil
	}
	return ErrForbidden.With("allowed_roles", roles)
}

// liveToken: without a resource the live token is meant, and the answer names it.
func (s *Service) liveToken(tx database.Tx, by actor.Actor, asked string, _ time.Time) (string, error) {
	t, err := workspace.ActiveToken(tx.DB, by.Workspace)
	switch {
	case err != nil:
		return "", err
	case asked != "" && asked != tokenPrefix+t.ID:
		return "", fault.ErrNotFound
	}
	return tokenPrefix + t.ID, nil
}

func (s *Service) tokenOrNew(tx database.Tx, by actor.Actor, asked string, now time.Time) (string, error) {
	live, err := s.liveToken(tx, by, "", now)
	none := errors.Is(err, workspace.ErrNoToken)
	switch {
	case err != nil && !none:
		return "", err
	case none && (asked == "" || asked == newToken):
		return newToken, nil
	case asked != "" && asked != live:
		return "", fault.ErrNotFound
	}
	return live, nil
}

func noResource(_ *Service, _ database.Tx, _ actor.Actor, asked string, _ time.Time) (string, error) {
	if asked != "" {
		return "", ErrUnknownAction
	}
	return "", nil
}

func (s *Service) ownDevice(tx database.Tx, by actor.Actor, asked string, _ time.Time) (string, error) {
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

func ignoreNotFound(err error) error {
	if errors.Is(err, fault.ErrNotFound) || errors.Is(err, gorm.ErrRecordNotFound) {
		return nil
	}
	return err
}

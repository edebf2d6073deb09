package assembly

import (
	"fmt"
	"strings"
	"time"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/confirm"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/device"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/fault"
)

// The actions about the directory's removals and the workspace's ownership. All are spent by the console's own calls.
const (
	AllowRemoval  = "directory.removal.allow" // resource "removal:" and the id
	KeepRemoval   = "directory.removal.keep"
	TakeOver      = "ownership.takeover" // resource "person:" and the id of the new Owner
	removalPrefix = "removal:"
	personPrefix  = "person:"
)

// registerDirectory adds what the directory has confirmed. Everything is checked again when the confirmation is spent.
func registerDirectory(c *confirm.Service) {
	for name, says := range map[string]string{AllowRemoval: "Allow a mass removal from your identity provider", KeepRemoval: "Keep what a mass removal took"} {
		c.Register(confirm.Action{Name: name, Says: says, Roles: directory.ManagerRoles, Lowest: confirm.Code, Locks: true,
			Resource: func(tx database.Tx, by actor.Actor, asked string, _ time.Time) (string, error) {
				_, err := heldRemoval(tx, by, asked)
				return asked, err
			},
			Shows: func(tx database.Tx, by actor.Actor, resource string, _ []byte) (string, error) {
				r, err := heldRemoval(tx, by, resource)
				return fmt.Sprintf("%s: %d %s", says, r.Items, removalWords[r.Kind]), err
			}})
	}
	c.Register(confirm.Action{Name: TakeOver, Says: "Take over the ownership of the workspace", Roles: []directory.Role{directory.SuperAdmin}, Lowest: confirm.Code, Locks: true,
		Resource: func(tx database.Tx, by actor.Actor, asked string, _ time.Time) (string, error) {
			_, err := candidate(tx, by, asked)
			return asked, err
		},
		Shows: func(tx database.Tx, by actor.Actor, resource string, _ []byte) (string, error) {
			p, err := candidate(tx, by, resource)
			return "Make " + device.Plain(p.Name) + " the Owner of the workspace", err
		}})
}

var removalWords = map[string]string{directory.HeldPeople: "people deleted", directory.HeldMembers: "memberships or teams removed", directory.HeldRoles: "roles taken"}

func heldRemoval(tx database.Tx, by actor.Actor, resource string) (directory.Removal, error) {
	id, ok := strings.CutPrefix(resource, removalPrefix)
	if !ok {
		return directory.Removal{}, confirm.ErrUnknownAction
	}
	r, err := directory.FindRemoval(tx.DB, by.Workspace, id)
	if err == nil && r.State != "held" {
		err = directory.ErrDecided
	}
	return r, err
}

// candidate is an active Super Admin whom a frozen workspace may get as its Owner.
func candidate(tx database.Tx, by actor.Actor, resource string) (directory.Person, error) {
	id, ok := strings.CutPrefix(resource, personPrefix)
	if !ok {
		return directory.Person{}, confirm.ErrUnknownAction
	}
	frozen, err := directory.Frozen(tx.DB, by.Workspace)
	if err != nil {
		return directory.Person{}, err
	}
	if !frozen {
		return directory.Person{}, directory.ErrNotFrozen
	}
	p, err := directory.Find(tx.DB, by.Workspace, id)
	if err != nil {
		return p, fault.ErrNotFound
	}
	if !p.Active || p.Role != directory.SuperAdmin {
		return p, directory.ErrCandidate
	}
	return p, nil
}

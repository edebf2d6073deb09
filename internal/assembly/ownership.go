package assembly

import (
	"strings"
	"time"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/confirm"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/device"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/workspace"
)

// The two halves of giving the ownership away, each confirmed on the phone of who does it. Both are spent by the console's own calls.
const (
	OfferOwnership  = "ownership.transfer" // resource "person:" and the id of who shall be the Owner
	AcceptOwnership = "ownership.accept"   // resource "transfer:" and the id of the offer
	transferPrefix  = "transfer:"
)

// ErrReceiverPhone refuses an offer that could not be accepted.
var ErrReceiverPhone = fault.New(fault.Conflict, "receiver_no_phone", "This person has no paired phone, so they could not accept. They pair one under My Profile, My trusted devices.")

// registerOwnership adds the two. Everything is checked again when a confirmation is spent.
func registerOwnership(c *confirm.Service) {
	c.Register(confirm.Action{Name: OfferOwnership, Says: "Give the ownership of the workspace away", Roles: []directory.Role{directory.Owner}, Lowest: confirm.Code, Locks: true,
		Resource: func(tx database.Tx, by actor.Actor, asked string, now time.Time) (string, error) {
			if err := device.Fresh(by, now); err != nil {
				return "", err
			}
			_, err := receiver(tx, by, asked)
			return asked, err
		},
		Shows: func(tx database.Tx, by actor.Actor, resource string, _ []byte) (string, error) {
			p, err := receiver(tx, by, resource)
			return "Give the ownership of the workspace to " + device.Plain(p.Name) + ". They have to accept it on their phone", err
		}})
	c.Register(confirm.Action{Name: AcceptOwnership, Says: "Become the Owner of the workspace", Roles: []directory.Role{directory.SuperAdmin, directory.Admin}, Lowest: confirm.Code, Locks: true,
		Resource: func(tx database.Tx, by actor.Actor, asked string, now time.Time) (string, error) {
			_, err := offered(tx, by, asked, now)
			return asked, err
		},
		Shows: func(tx database.Tx, by actor.Actor, resource string, _ []byte) (string, error) {
			now, err := tx.Now()
			if err != nil {
				return "", err
			}
			t, err := offered(tx, by, resource, now)
			if err != nil {
				return "", err
			}
			ws, err := workspace.Find(tx.DB, by.Workspace)
			return "Become the Owner of " + device.Plain(ws.Name) + ". " + device.Plain(t.From.Name) + " gives it to you and becomes a Super Admin", err
		}})
}

// receiver is an admin with a phone to whom the Owner may offer the ownership.
func receiver(tx database.Tx, by actor.Actor, resource string) (directory.Person, error) {
	id, ok := strings.CutPrefix(resource, personPrefix)
	if !ok {
		return directory.Person{}, confirm.ErrUnknownAction
	}
	p, err := directory.Receiver(tx.DB, by, id)
	if err != nil {
		return p, err
	}
	phones, err := device.ActiveOf(tx.DB, by.Workspace, p.ID)
	if err == nil && len(phones) == 0 {
		err = ErrReceiverPhone
	}
	return p, err
}

// offered is the open offer to by that a resource names.
func offered(tx database.Tx, by actor.Actor, resource string, now time.Time) (directory.Transfer, error) {
	id, ok := strings.CutPrefix(resource, transferPrefix)
	if !ok {
		return directory.Transfer{}, confirm.ErrUnknownAction
	}
	t, err := directory.OpenTransfer(tx.DB, by.Workspace, now)
	if err == nil && (t.ID != id || t.To.ID != by.Person) {
		err = directory.ErrNoTransfer
	}
	return t, err
}

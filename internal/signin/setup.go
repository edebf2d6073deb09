package signin

import (
	"context"
	"errors"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/passkey"
	"github.com/countersign/countersign/internal/workspace"
)

// NewWorkspace is what a workspace is made from. Its Owner has a password or, set up in a browser, a passkey.
type NewWorkspace struct {
	Slug, Name            string
	OwnerName, OwnerEmail string
	OwnerPassword         string
	OwnerPasskey          *NewPasskey
}

// NewPasskey is the end of BeginSetup.
type NewPasskey struct {
	Ceremony, Name string
	Response       []byte // the browser's RegistrationResponseJSON
}

// ErrOneWay wants to know one way in which the Owner of a new workspace signs in.
var ErrOneWay = fault.New(fault.Invalid, "malformed", "The Owner has a password or a passkey, one of the two.")

// Created is a new workspace. Its first token exists; it leaves the service by View Token alone.
type Created struct {
	Workspace workspace.Workspace
	Owner     directory.Person
	Token     workspace.Token
}

// Create makes a workspace with its Owner and first token, for an operator on the server's own terminal.
func (s *Service) Create(ctx context.Context, by actor.Actor, n NewWorkspace) (Created, error) {
	hash, err := s.newPassword(ctx, n.OwnerPassword)
	if err != nil {
		return Created{}, err
	}
	var c Created
	err = s.DB.InTx(ctx, func(tx database.Tx) (err error) {
		if c, err = s.create(tx, by, n, directory.NewPersonID()); err != nil {
			return err
		}
		if err := setPassword(tx, c.Owner.ID, hash, c.Owner.CreatedAt); err != nil {
			return err
		}
		by.Workspace = c.Workspace.ID
		return s.firstToken(tx, by, &c)
	})
	return c, err
}

// BeginSetup begins making a passkey for the Owner of n, for whoever has the set-up code. What Setup would refuse of n is refused now, before
// somebody makes a passkey that leads nowhere.
func (s *Service) BeginSetup(ctx context.Context, from Browser, code string, n NewWorkspace) (passkey.Ceremony, error) {
	if err := workspace.CheckSetupCode(ctx, s.DB, code, from.IP); err != nil {
		return passkey.Ceremony{}, err
	}
	owner := passkey.Owner{Person: directory.NewPersonID(), Name: n.OwnerName, Login: n.OwnerEmail}
	tried := errors.New("tried")
	err := s.DB.InTx(ctx, func(tx database.Tx) error {
		if _, err := s.create(tx, actor.Actor{Kind: actor.Operator}, n, owner.Person); err != nil {
			return err
		}
		return tried // and taken back
	})
	if !errors.Is(err, tried) {
		return passkey.Ceremony{}, err
	}
	return s.Passkeys.BeginFirst(ctx, from.Hash(), owner)
}

// Setup makes the first workspace of a fresh server for whoever has its set-up code, and signs them in as its Owner.
func (s *Service) Setup(ctx context.Context, from Browser, code string, n NewWorkspace) (Created, Session, error) {
	if err := workspace.CheckSetupCode(ctx, s.DB, code, from.IP); err != nil {
		return Created{}, Session{}, err
	}
	way, err := s.ownersWay(ctx, from, n)
	if err != nil {
		return Created{}, Session{}, err
	}
	var c Created
	var session Session
	err = s.DB.InTx(ctx, func(tx database.Tx) (err error) {
		if err := workspace.Claim(tx, code); err != nil {
			return err
		}
		by := actor.Actor{Kind: actor.Operator, Name: "set-up code", IP: from.IP, UserAgent: from.UserAgent}
		if c, err = s.create(tx, by, n, way.person); err != nil {
			return err
		}
		by = actor.Actor{Kind: actor.Person, Workspace: c.Workspace.ID, Person: c.Owner.ID, Name: c.Owner.Name, Role: string(c.Owner.Role),
			IP: from.IP, UserAgent: from.UserAgent}
		if err := way.keep(tx, by, c.Owner); err != nil {
			return err
		}
		if err := s.firstToken(tx, by, &c); err != nil {
			return err
		}
		session, err = s.start(tx, from, by, way.method)
		return err
	})
	return c, session, err
}

// way is how an Owner who is about to be made will sign in.
type way struct {
	method Method
	person string // the id they will have
	keep   func(tx database.Tx, by actor.Actor, owner directory.Person) error
}

func (s *Service) ownersWay(ctx context.Context, from Browser, n NewWorkspace) (way, error) {
	if n.OwnerPasskey == nil {
		hash, err := s.newPassword(ctx, n.OwnerPassword)
		return way{ByPassword, directory.NewPersonID(), func(tx database.Tx, _ actor.Actor, owner directory.Person) error {
			return setPassword(tx, owner.ID, hash, owner.CreatedAt)
		}}, err
	}
	if n.OwnerPassword != "" {
		return way{}, ErrOneWay
	}
	first, err := s.Passkeys.EndFirst(ctx, from.Hash(), n.OwnerPasskey.Ceremony, n.OwnerPasskey.Name, n.OwnerPasskey.Response)
	return way{ByPasskey, first.Person, func(tx database.Tx, by actor.Actor, owner directory.Person) error {
		return s.Passkeys.KeepFirst(tx, by, owner.Workspace, first, owner.CreatedAt)
	}}, err
}

func (s *Service) newPassword(ctx context.Context, password string) (string, error) {
	if err := CheckPassword(password); err != nil {
		return "", err
	}
	return s.hasher.hash(ctx, password)
}

func (s *Service) create(tx database.Tx, by actor.Actor, n NewWorkspace, person string) (Created, error) {
	w, err := s.Workspaces.Create(tx, by, n.Slug, n.Name)
	if err != nil {
		return Created{}, err
	}
	by.Workspace = w.ID
	owner, err := directory.AddOwnerAs(tx, by, w.ID, person, n.OwnerName, n.OwnerEmail)
	return Created{Workspace: w, Owner: owner}, err
}

// firstToken makes the token that a workspace is born with; by is shown as who made it.
func (s *Service) firstToken(tx database.Tx, by actor.Actor, c *Created) (err error) {
	_, c.Token, _, err = s.Workspaces.Regenerate(tx, by, c.Workspace.ID, "", 0)
	return err
}

package signin

import (
	"context"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/workspace"
)

// NewWorkspace is what a workspace is made from.
type NewWorkspace struct {
	Slug, Name            string
	OwnerName, OwnerEmail string
	OwnerPassword         string
}

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
		if c, err = s.create(tx, by, n, hash); err != nil {
			return err
		}
		by.Workspace = c.Workspace.ID
		return s.firstToken(tx, by, &c)
	})
	return c, err
}

// Setup makes the first workspace of a fresh server for whoever has its set-up code, and signs them in as its Owner.
func (s *Service) Setup(ctx context.Context, from Browser, code string, n NewWorkspace) (Created, Session, error) {
	if err := workspace.CheckSetupCode(ctx, s.DB, code, from.IP); err != nil {
		return Created{}, Session{}, err
	}
	hash, err := s.newPassword(ctx, n.OwnerPassword)
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
		if c, err = s.create(tx, by, n, hash); err != nil {
			return err
		}
		by = actor.Actor{Kind: actor.Person, Workspace: c.Workspace.ID, Person: c.Owner.ID, Name: c.Owner.Name, Role: string(c.Owner.Role),
			IP: from.IP, UserAgent: from.UserAgent}
		if err := s.firstToken(tx, by, &c); err != nil {
			return err
		}
		session, err = s.start(tx, from, by, ByPassword)
		return err
	})
	return c, session, err
}

func (s *Service) newPassword(ctx context.Context, password string) (string, error) {
	if err := CheckPassword(password); err != nil {
		return "", err
	}
	return s.hasher.hash(ctx, password)
}

func (s *Service) create(tx database.Tx, by actor.Actor, n NewWorkspace, hash string) (Created, error) {
	w, err := s.Workspaces.Create(tx, by, n.Slug, n.Name)
	if err != nil {
		return Created{}, err
	}
	by.Workspace = w.ID
	owner, err := directory.AddOwner(tx, by, w.ID, n.OwnerName, n.OwnerEmail)
	if err != nil {
		return Created{}, err
	}
	return Created{Workspace: w, Owner: owner}, setPassword(tx, owner.ID, hash, owner.CreatedAt)
}

// firstToken makes the token that a workspace is born with; by is shown as who made it.
func (s *Service) firstToken(tx database.Tx, by actor.Actor, c *Created) (err error) {
	_, c.Token, _, err = s.Workspaces.Regenerate(tx, by, c.Workspace.ID, "", 0)
	return err
}

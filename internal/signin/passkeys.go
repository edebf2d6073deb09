package signin

import (
	"context"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/passkey"
	"github.com/countersign/countersign/internal/workspace"
)

// begunPerAddress is how many sign-ins by passkey, and as many by an identity provider, may be begun from one address in wrongWindow. Their
// proofs cannot be guessed; this keeps the tables small.
const begunPerAddress = 100

// BeginPasskey begins signing in with a passkey. It asks nobody's name, so it tells nobody's: the browser offers the passkeys it knows.
func (s *Service) BeginPasskey(ctx context.Context, from Browser) (passkey.Ceremony, error) {
	if err := s.countBegun(ctx, from, "passkey"); err != nil {
		return passkey.Ceremony{}, err
	}
	return s.Passkeys.BeginProof(ctx, passkey.SignIn, from.Hash(), "")
}

// SignInPasskey ends BeginPasskey: it signs the browser in to the workspace with that address, where the passkey's person is. A passkey of
// another workspace is refused like one that is unknown.
func (s *Service) SignInPasskey(ctx context.Context, from Browser, slug, ceremony string, response []byte) (Session, error) {
	key, err := s.Passkeys.Proof(ctx, ceremony, passkey.SignIn, from.Hash(), response)
	if err != nil {
		return Session{}, err
	}
	w, err := workspace.BySlug(s.DB.Read(ctx), slug)
	if err != nil || w.ID != key.Workspace {
		return Session{}, passkey.ErrWrong
	}
	var session Session
	err = s.DB.InTx(ctx, func(tx database.Tx) error {
		p, err := directory.Hold(tx, key.Workspace, key.Person)
		if err != nil {
			return passkey.ErrWrong // deleted
		}
		if !p.Active {
			return ErrDeactivated
		}
		if err := s.mayUsePassword(tx.DB, p); err != nil {
			return err
		}
		by := actor.Actor{Kind: actor.Person, Workspace: p.Workspace, Person: p.ID, Name: p.Name, Role: string(p.Role), IP: from.IP, UserAgent: from.UserAgent}
		session, err = s.start(tx, from, by, ByPasskey)
		return err
	})
	return session, err
}

// BeginVerify begins proving once more, with one of their passkeys, who is signed in.
func (s *Service) BeginVerify(ctx context.Context, by actor.Actor) (passkey.Ceremony, error) {
	return s.Passkeys.BeginProof(ctx, passkey.Verify, by.Session, by.Person)
}

// VerifyPasskey ends BeginVerify: the session counts as fresh, as after Verify.
func (s *Service) VerifyPasskey(ctx context.Context, by actor.Actor, ceremony string, response []byte) error {
	key, err := s.Passkeys.Proof(ctx, ceremony, passkey.Verify, by.Session, response)
	if err != nil {
		return err
	}
	if key.Person != by.Person || key.Workspace != by.Workspace {
		return passkey.ErrWrong
	}
	return s.DB.InTx(ctx, func(tx database.Tx) error { return verified(tx, by) })
}

package confirm

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"time"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/ident"
	"github.com/countersign/countersign/internal/limit"
	"github.com/countersign/countersign/internal/passkey"
	"github.com/countersign/countersign/internal/signing"
	"github.com/countersign/countersign/internal/workspace"
)

// how an answer was given, and so what its evidence is.
type how string

const (
	byPhone   how = "phone"
	byPasskey how = "passkey"
)

const (
	nonceBytes      = 32 // what ident.Hash gives
	maxCeremonies   = 10 // begun for one confirmation
	maxPasskeyBytes = 16 << 10
)

// ErrPasskey refuses a passkey where the phone is asked.
var ErrPasskey = fault.New(fault.Conflict, "passkey_not_allowed", "This is confirmed on the phone: the workspace's policy, or what is confirmed, does not let a passkey do it.")

// takesPasskey says whether a passkey may answer, by the workspace's policy and the action. Where two admins approve, both do it on phones; and
// where phone and browser have to share a network, so have the browser that asked and the one that answers.
func (a Action) takesPasskey(ws workspace.Workspace, r row, by actor.Actor) error {
	if !ws.Passkeys || !a.Passkey || r.ApprovalsNeeded != 1 || ws.SameNetwork && r.Network != limit.Network(by.IP) {
		return ErrPasskey
	}
	return nil
}

// offersPasskey says whether the dialog of a question that was just asked may offer a passkey.
func (s *Service) offersPasskey(tx database.Tx, by actor.Actor, act Action, ws workspace.Workspace, v View, now time.Time) (bool, error) {
	if s.Passkeys == nil || !ws.Passkeys || !act.Passkey || v.Quorum != nil || v.State != Pending {
		return false, nil
	}
	return s.Passkeys().Confirms(tx.DB, by.Person, now)
}

// BeginPasskey begins answering a pending confirmation of the asking session with a passkey.
func (s *Service) BeginPasskey(ctx context.Context, by actor.Actor, id string) (passkey.Ceremony, error) {
	var challenge []byte
	var at time.Time
	err := s.DB.InTx(ctx, func(tx database.Tx) error {
		r, now, err := s.answerable(tx, by, id)
		if err != nil {
			return err
		}
		at = now
		challenge = r.passkeyChallenge(ident.Hash(ident.Secret(nonceBytes)))
		n, in, err := limit.Count(tx, "confirm_passkey|"+r.ID, workspace.MaxTTL)
		if err == nil && n > maxCeremonies {
			err = ErrLimited.After(in)
		}
		return err
	})
	if err != nil {
		return passkey.Ceremony{}, err
	}
	return s.Passkeys().BeginConfirm(ctx, by, challenge, at)
}

// AnswerPasskey approves a pending confirmation of the asking session with a passkey: response is the browser's AuthenticationResponseJSON to
// BeginPasskey's options. It is kept as the confirmation's evidence and verified again when that is consumed.
func (s *Service) AnswerPasskey(ctx context.Context, by actor.Actor, id, ceremony string, response []byte) (View, error) {
	if s.Passkeys == nil {
		return View{}, ErrPasskey
	}
	if _, err := s.Glance(ctx, by, id); err != nil { // what is not there is not there, whatever is shown for it
		return View{}, err
	}
	if len(response) > maxPasskeyBytes {
		return View{}, passkey.ErrWrong
	}
	begun, err := s.Passkeys().Take(ctx, by, ceremony)
	if err != nil {
		return View{}, err
	}
	err = s.DB.InTx(ctx, func(tx database.Tx) error {
		r, now, err := s.answerable(tx, by, id)
		if err != nil {
			return err
		}
		e, err := s.Passkeys().Confirmed(tx, by, begun, response, now)
		if err != nil {
			return err
		}
		if !r.signedBy(e) { // begun for another confirmation
			return passkey.ErrWrong
		}
		if err := s.Restored.CheckIn(tx, e.Passkey.CreatedAt); err != nil {
			return err
		}
		err = set(tx, r, Approved, map[string]any{"decided_at": now, "decided_by": e.Passkey.ID, "decided_name": e.Passkey.Name, "decided_how": byPasskey,
			"decided_response": e.Response, "decided_sig": e.Signature})
		if err != nil {
			return err
		}
		return s.told(tx, by, r, "confirmation.approved", audit.Detail{"how": byPasskey, "passkey": e.Passkey.ID}, now)
	})
	if err != nil {
		return View{}, err
	}
	return s.View(ctx, by, id)
}

// answerable locks a confirmation of the asking session that a passkey may answer now.
func (s *Service) answerable(tx database.Tx, by actor.Actor, id string) (row, time.Time, error) {
	r, now, err := s.lockOwn(tx, by, id)
	if err != nil {
		return r, now, err
	}
	r = r.at(now)
	switch {
	case r.State == Expired && r.Reason == "":
		return r, now, ErrExpired
	case r.State != Pending:
		return r, now, answered(r)
	case s.Passkeys == nil:
		return r, now, ErrPasskey
	}
	var p personRow
	if err := tx.Where("person_id = ?", by.Person).Take(&p).Error; err != nil {
		return r, now, err
	}
	if p.LockedUntil != nil && now.Before(*p.LockedUntil) {
		return r, now, ErrLocked.After(p.LockedUntil.Sub(now))
	}
	ws, err := workspace.Find(tx.DB, by.Workspace)
	if err != nil {
		return r, now, err
	}
	return r, now, s.actions[r.Action].takesPasskey(ws, r, by)
}

// passkeyChallenge is a nonce and a hash over it and everything that the answer is bound to, so that whoever has the row can tell what was signed.
func (r row) passkeyChallenge(nonce []byte) []byte {
	var par []byte
	if r.Params != nil {
		par = hash(r.Params)
	}
	bound := signing.LP(signing.DomainPasskey, nonce, []byte(r.ID), []byte(r.WorkspaceID), []byte(r.PersonID), []byte(r.Action), []byte(r.Resource), par,
		r.SessionHash, []byte(r.Mode))
	return append(bytes.Clone(nonce), hash(bound)...)
}

// signedBy says whether a passkey has signed exactly this row.
func (r row) signedBy(e passkey.Evidence) bool {
	return len(e.Challenge) > nonceBytes && bytes.Equal(e.Challenge, r.passkeyChallenge(e.Challenge[:nonceBytes]))
}

// passkeyProven verifies the stored evidence of a passkey again, and that the policy still takes it.
func (s *Service) passkeyProven(tx database.Tx, by actor.Actor, r row) error {
	ws, err := workspace.Find(tx.DB, r.WorkspaceID)
	if err != nil {
		return err
	}
	if s.Passkeys == nil || r.DecidedAt == nil || !strings.HasPrefix(*r.DecidedBy, "pky_") {
		return ErrNoSignature
	}
	if err := s.actions[r.Action].takesPasskey(ws, r, by); err != nil {
		return err
	}
	e, err := s.Passkeys().Again(tx.DB, r.WorkspaceID, r.PersonID, *r.DecidedBy, r.DecidedResponse, r.DecidedSig, *r.DecidedAt)
	if errors.Is(err, passkey.ErrWrong) {
		return ErrNoSignature.Because(err)
	}
	if err != nil {
		return err
	}
	if !r.signedBy(e) {
		return ErrNoSignature
	}
	return nil
}

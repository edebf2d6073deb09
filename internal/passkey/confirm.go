package passkey

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/database"
)

// Evidence is an answer that can be verified again.
type Evidence struct {
	Passkey   Passkey
	Response  []byte // the browser's AuthenticationResponseJSON, as sent
	Signature []byte // that is in it
	Challenge []byte // that was signed
}

// settled are the passkeys of a person that are old enough to confirm with.
func settled(db *gorm.DB, person string, now time.Time) ([]row, error) {
	all, err := rowsOf(db, person)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, ErrNone
	}
	var old []row
	for _, r := range all {
		if now.Sub(r.CreatedAt) >= settleFor {
			old = append(old, r)
		}
	}
	if len(old) == 0 { // the oldest comes first
		return nil, ErrTooNew.With("usable_at", all[0].CreatedAt.Add(settleFor))
	}
	return old, nil
}

// Confirms says whether a person has a passkey that is old enough to confirm with.
func (s *Service) Confirms(db *gorm.DB, person string, now time.Time) (bool, error) {
	if s.web == nil {
		return false, nil
	}
	_, err := settled(db, person, now)
	if errors.Is(err, ErrNone) || errors.Is(err, ErrTooNew) {
		return false, nil
	}
	return err == nil, err
}

// BeginConfirm begins a proof by one of by's passkeys over a challenge that says what is confirmed. Its answer counts once, and only from by's
// session.
func (s *Service) BeginConfirm(ctx context.Context, by actor.Actor, challenge []byte, now time.Time) (Ceremony, error) {
	if s.web == nil {
		return Ceremony{}, ErrUnavailable
	}
	rows, err := settled(s.db.Read(ctx), by.Person, now)
	if err != nil {
		return Ceremony{}, err
	}
	u, err := owned(Owner{Person: by.Person}, rows)
	if err != nil {
		return Ceremony{}, err
	}
	options, data, err := s.web.BeginLogin(u, webauthn.WithChallenge(challenge))
	if err != nil {
		return Ceremony{}, err
	}
	return s.begin(ctx, ceremonyRow{Purpose: Confirm, BoundTo: by.Session, PersonID: by.Person}, options.Response, data)
}

// Begun is a ceremony that was taken: its answer is looked at once, right or wrong.
type Begun struct{ data webauthn.SessionData }

// Take takes a ceremony of BeginConfirm for the session and person that began it.
func (s *Service) Take(ctx context.Context, by actor.Actor, ceremony string) (Begun, error) {
	if s.web == nil {
		return Begun{}, ErrUnavailable
	}
	data, err := s.finish(ctx, ceremony, Confirm, by.Session, by.Person)
	return Begun{data}, err
}

// Confirmed is the end of BeginConfirm, in the transaction that keeps the evidence. It says what was signed; the caller compares.
func (s *Service) Confirmed(tx database.Tx, by actor.Actor, begun Begun, response []byte, now time.Time) (Evidence, error) {
	parsed, err := protocol.ParseCredentialRequestResponseBytes(response)
	if err != nil {
		return Evidence{}, ErrWrong.Because(err)
	}
	r, credential, err := s.validate(tx, begun.data, parsed)
	if err != nil {
		return Evidence{}, err
	}
	if r.PersonID != by.Person || r.WorkspaceID != by.Workspace || now.Sub(r.CreatedAt) < settleFor {
		return Evidence{}, ErrWrong
	}
	if r.Credential, err = json.Marshal(credential); err != nil {
		return Evidence{}, err
	}
	r.LastUsedAt = &now
	if err := tx.Model(&row{}).Where("id = ?", r.ID).Select("credential", "last_used_at").Updates(&r).Error; err != nil {
		return Evidence{}, err
	}
	return evidence(r, parsed, response)
}

func evidence(r row, parsed *protocol.ParsedCredentialAssertionData, response []byte) (e Evidence, err error) {
	if e.Challenge, err = base64.RawURLEncoding.DecodeString(parsed.Response.CollectedClientData.Challenge); err != nil {
		return e, ErrWrong.Because(err)
	}
	e.Response, e.Signature = response, parsed.Response.Signature
	e.Passkey, err = r.passkey()
	return e, err
}

// Again verifies stored evidence once more: the passkey is still there and this person's, and its signature still holds. at is when it was given.
func (s *Service) Again(db *gorm.DB, workspace, person, id string, response, signature []byte, at time.Time) (Evidence, error) {
	if s.web == nil {
		return Evidence{}, ErrUnavailable
	}
	var r row
	res := db.Where("id = ? AND workspace_id = ? AND person_id = ? AND rp_id = ?", id, workspace, person, s.web.Config.RPID).Limit(1).Find(&r)
	if res.Error != nil {
		return Evidence{}, res.Error
	}
	if res.RowsAffected == 0 || at.Sub(r.CreatedAt) < settleFor {
		return Evidence{}, ErrWrong
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(response)
	if err != nil {
		return Evidence{}, ErrWrong.Because(err)
	}
	u, err := owned(Owner{Person: person}, []row{r})
	if err != nil {
		return Evidence{}, err
	}
	data := webauthn.SessionData{Challenge: parsed.Response.CollectedClientData.Challenge, RelyingPartyID: s.web.Config.RPID, UserID: u.WebAuthnID(),
		AllowedCredentialIDs: [][]byte{r.CredentialID}, UserVerification: protocol.VerificationRequired}
	if _, err := s.web.ValidateLogin(u, data, parsed); err != nil {
		return Evidence{}, ErrWrong.Because(err)
	}
	if !bytes.Equal(parsed.Response.Signature, signature) {
		return Evidence{}, ErrWrong
	}
	return evidence(r, parsed, response)
}

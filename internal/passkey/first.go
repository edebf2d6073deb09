package passkey

import (
	"context"
	"time"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
)

// First is a passkey of somebody who is about to be made; KeepFirst keeps it.
type First struct {
	Person string // the id that the passkey was made for
	row    row
}

// BeginFirst begins making a passkey for somebody who is not there yet: owner.Person is the id they will have. The answer counts once, and only
// from the browser that boundTo names.
func (s *Service) BeginFirst(ctx context.Context, boundTo []byte, owner Owner) (Ceremony, error) {
	if s.web == nil {
		return Ceremony{}, ErrUnavailable
	}
	options, data, err := s.web.BeginRegistration(user{Owner: owner})
	if err != nil {
		return Ceremony{}, err
	}
	return s.begin(ctx, ceremonyRow{Purpose: toAdd, BoundTo: boundTo, PersonID: owner.Person}, options.Response, data)
}

// EndFirst is the end of BeginFirst: response is the browser's RegistrationResponseJSON.
func (s *Service) EndFirst(ctx context.Context, boundTo []byte, ceremony, name string, response []byte) (First, error) {
	if s.web == nil {
		return First{}, ErrUnavailable
	}
	if !goodName(name) {
		return First{}, ErrName
	}
	data, err := s.finish(ctx, ceremony, toAdd, boundTo, "")
	if err != nil {
		return First{}, err
	}
	person := string(data.UserID)
	r, err := s.made(data, Owner{Person: person}, name, response)
	return First{Person: person, row: r}, err
}

// KeepFirst keeps a passkey in the transaction that makes its person. Nobody is told: it is how they came.
func (s *Service) KeepFirst(tx database.Tx, by actor.Actor, workspace string, f First, now time.Time) error {
	r := f.row
	r.WorkspaceID, r.CreatedAt = workspace, now
	if err := tx.Create(&r).Error; err != nil {
		return err
	}
	return audit.RecordAt(tx, by, "passkey.added", r.PersonID, audit.Detail{"passkey": r.ID}, now)
}

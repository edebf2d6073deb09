package passkey

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/ident"
	"github.com/countersign/countersign/internal/notice"
)

type ceremonyRow struct {
	Hash      []byte
	Purpose   Purpose
	BoundTo   []byte
	PersonID  string
	Data      []byte
	ExpiresAt time.Time
}

func (ceremonyRow) TableName() string { return "passkey_ceremonies" }

// BeginAdd begins adding a passkey to owner, who by is: the answer counts only in by's session.
func (s *Service) BeginAdd(ctx context.Context, by actor.Actor, owner Owner) (Ceremony, error) {
	if s.web == nil {
		return Ceremony{}, ErrUnavailable
	}
	rows, err := rowsOf(s.db.Read(ctx), owner.Person)
	if err != nil {
		return Ceremony{}, err
	}
	if len(rows) >= most {
		return Ceremony{}, ErrTooMany
	}
	u, err := owned(owner, rows)
	if err != nil {
		return Ceremony{}, err
	}
	options, data, err := s.web.BeginRegistration(u, webauthn.WithExclusions(webauthn.Credentials(u.credentials).CredentialDescriptors()))
	if err != nil {
		return Ceremony{}, err
	}
	return s.begin(ctx, ceremonyRow{Purpose: toAdd, BoundTo: by.Session, PersonID: owner.Person}, options.Response, data)
}

// Add is the end of BeginAdd: response is the browser's RegistrationResponseJSON.
func (s *Service) Add(ctx context.Context, by actor.Actor, owner Owner, ceremony, name string, response []byte) (Passkey, error) {
	if s.web == nil {
		return Passkey{}, ErrUnavailable
	}
	if !goodName(name) {
		return Passkey{}, ErrName
	}
	data, err := s.finish(ctx, ceremony, toAdd, by.Session, owner.Person)
	if err != nil {
		return Passkey{}, err
	}
	r, err := s.made(data, owner, name, response)
	if err != nil {
		return Passkey{}, err
	}
	err = s.db.InTx(ctx, func(tx database.Tx) error {
		if r.CreatedAt, err = tx.Now(); err != nil {
			return err
		}
		return s.keep(tx, by, r)
	})
	if err != nil {
		return Passkey{}, err
	}
	return r.passkey()
}

// made is the row of a passkey that answered data.
func (s *Service) made(data webauthn.SessionData, owner Owner, name string, response []byte) (row, error) {
	parsed, err := protocol.ParseCredentialCreationResponseBytes(response)
	if err != nil {
		return row{}, ErrWrong.Because(err)
	}
	credential, err := s.web.CreateCredential(user{Owner: owner}, data, parsed)
	if err != nil {
		return row{}, ErrWrong.Because(err)
	}
	kept, err := json.Marshal(credential)
	if err != nil {
		return row{}, err
	}
	return row{ID: ident.New("pky"), WorkspaceID: owner.Workspace, PersonID: owner.Person, RPID: s.web.Config.RPID, CredentialID: credential.ID, Credential: kept, Name: name}, nil
}

func (s *Service) keep(tx database.Tx, by actor.Actor, r row) error {
	var there int64
	if err := tx.Model(&row{}).Where("person_id = ?", r.PersonID).Count(&there).Error; err != nil {
		return err
	}
	if there >= most {
		return ErrTooMany
	}
	if err := tx.Model(&row{}).Where("credential_id = ?", r.CredentialID).Count(&there).Error; err != nil {
		return err
	}
	if there > 0 {
		return ErrKnown
	}
	if err := tx.Create(&r).Error; err != nil {
		return err
	}
	if err := notice.Tell(tx, r.WorkspaceID, []string{r.PersonID}, "passkey.added", notice.Params{"name": r.Name}, r.CreatedAt); err != nil {
		return err
	}
	return audit.RecordAt(tx, by, "passkey.added", r.PersonID, audit.Detail{"passkey": r.ID}, r.CreatedAt)
}

// BeginProof begins proving that a passkey is held. The answer counts once, for that purpose, and only from the browser or session that
// boundTo names. person says whose passkey it must be; "" is anybody's, and then the browser offers those it knows.
func (s *Service) BeginProof(ctx context.Context, purpose Purpose, boundTo []byte, person string) (Ceremony, error) {
	if s.web == nil {
		return Ceremony{}, ErrUnavailable
	}
	var options *protocol.CredentialAssertion
	var data *webauthn.SessionData
	if person == "" {
		var err error
		if options, data, err = s.web.BeginDiscoverableLogin(); err != nil {
			return Ceremony{}, err
		}
		return s.begin(ctx, ceremonyRow{Purpose: purpose, BoundTo: boundTo}, options.Response, data)
	}
	rows, err := rowsOf(s.db.Read(ctx), person)
	if err != nil {
		return Ceremony{}, err
	}
	if len(rows) == 0 {
		return Ceremony{}, ErrWrong
	}
	u, err := owned(Owner{Person: person}, rows)
	if err != nil {
		return Ceremony{}, err
	}
	if options, data, err = s.web.BeginLogin(u); err != nil {
		return Ceremony{}, err
	}
	return s.begin(ctx, ceremonyRow{Purpose: purpose, BoundTo: boundTo, PersonID: person}, options.Response, data)
}

// Proof is the end of BeginProof: response is the browser's AuthenticationResponseJSON. It says which passkey was used; what that is good for
// is the caller's to decide. A passkey whose counter went back was copied and is refused (WebAuthn §6.1.1).
func (s *Service) Proof(ctx context.Context, ceremony string, purpose Purpose, boundTo []byte, response []byte) (Passkey, error) {
	if s.web == nil {
		return Passkey{}, ErrUnavailable
	}
	data, err := s.finish(ctx, ceremony, purpose, boundTo, "")
	if err != nil {
		return Passkey{}, err
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(response)
	if err != nil {
		return Passkey{}, ErrWrong.Because(err)
	}
	var out Passkey
	err = s.db.InTx(ctx, func(tx database.Tx) error {
		r, credential, err := s.validate(tx, data, parsed)
		if err != nil {
			return err
		}
		now, err := tx.Now()
		if err != nil {
			return err
		}
		kept, err := json.Marshal(credential)
		if err != nil {
			return err
		}
		r.Credential, r.LastUsedAt = kept, &now
		if out, err = r.passkey(); err != nil {
			return err
		}
		return tx.Model(&row{}).Where("id = ?", r.ID).Select("credential", "last_used_at").Updates(&r).Error
	})
	return out, err
}

// validate checks a signature against the row that the answer names, held so that two answers cannot both use one counter.
func (s *Service) validate(tx database.Tx, data webauthn.SessionData, parsed *protocol.ParsedCredentialAssertionData) (row, *webauthn.Credential, error) {
	var r row
	res := tx.Lock().Where("credential_id = ? AND rp_id = ?", parsed.RawID, s.web.Config.RPID).Limit(1).Find(&r)
	if res.Error != nil {
		return r, nil, res.Error
	}
	if res.RowsAffected == 0 {
		return r, nil, ErrWrong
	}
	u, err := owned(Owner{Person: r.PersonID}, []row{r})
	if err != nil {
		return r, nil, err
	}
	var credential *webauthn.Credential
	if len(data.UserID) == 0 {
		credential, err = s.web.ValidateDiscoverableLogin(func(_, handle []byte) (webauthn.User, error) {
			if string(handle) != r.PersonID {
				return nil, errors.New("the user handle is another person's")
			}
			return u, nil
		}, data, parsed)
	} else {
		data.AllowedCredentialIDs = [][]byte{r.CredentialID}
		credential, err = s.web.ValidateLogin(u, data, parsed)
	}
	if err != nil {
		return r, nil, ErrWrong.Because(err)
	}
	if credential.Authenticator.CloneWarning {
		return r, nil, ErrWrong.Because(errors.New("the signature counter went back"))
	}
	return r, credential, nil
}

func owned(o Owner, rows []row) (user, error) {
	u := user{Owner: o}
	for _, r := range rows {
		c, err := r.credential()
		if err != nil {
			return user{}, err
		}
		u.credentials = append(u.credentials, c)
	}
	return u, nil
}

func (s *Service) begin(ctx context.Context, r ceremonyRow, options any, data *webauthn.SessionData) (Ceremony, error) {
	shown, err := json.Marshal(options)
	if err != nil {
		return Ceremony{}, err
	}
	if r.Data, err = json.Marshal(data); err != nil {
		return Ceremony{}, err
	}
	out := Ceremony{ID: ident.Secret(32), Options: shown}
	r.Hash = ident.Hash(out.ID)
	if r.BoundTo == nil {
		r.BoundTo = []byte{}
	}
	err = s.db.InTx(ctx, func(tx database.Tx) error {
		now, err := tx.Now()
		if err != nil {
			return err
		}
		r.ExpiresAt = now.Add(ceremonyLife)
		return tx.Create(&r).Error
	})
	out.ExpiresAt = r.ExpiresAt
	return out, err
}

// finish takes a ceremony, so that its answer counts once, right or wrong. One of another purpose, browser or person is as good as none.
func (s *Service) finish(ctx context.Context, id string, purpose Purpose, boundTo []byte, person string) (webauthn.SessionData, error) {
	var taken []ceremonyRow
	var now time.Time
	err := s.db.InTx(ctx, func(tx database.Tx) error {
		var err error
		if now, err = tx.Now(); err != nil {
			return err
		}
		taken = nil
		return tx.Raw("DELETE FROM passkey_ceremonies WHERE hash = ? RETURNING hash, purpose, bound_to, person_id, data, expires_at", ident.Hash(id)).
			Scan(&taken).Error
	})
	if err != nil {
		return webauthn.SessionData{}, err
	}
	if len(taken) == 0 {
		return webauthn.SessionData{}, ErrOver
	}
	r := taken[0]
	if r.Purpose != purpose || !bytes.Equal(r.BoundTo, boundTo) || (person != "" && r.PersonID != person) || !now.Before(r.ExpiresAt) {
		return webauthn.SessionData{}, ErrOver
	}
	var data webauthn.SessionData
	err = json.Unmarshal(r.Data, &data)
	return data, err
}

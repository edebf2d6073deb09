package confirm

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/device"
	"github.com/countersign/countersign/internal/failpoint"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/httpkit"
	"github.com/countersign/countersign/internal/signing"
	"github.com/countersign/countersign/internal/workspace"
)

// Token is what a collected confirmation hands out. It leaves the service in one HTTP response and is never logged.
type Token struct {
	Plain    string
	Info     workspace.Token
	Previous *workspace.Token // the one that goes on working for a while after a regeneration
}

// Collect consumes an approved confirmation for the session that asked, once and within 60 seconds, and hands out the token in the
// transaction that reads it. Who asks, their role, the resource and the phone's signature are checked again here.
func (s *Service) Collect(ctx context.Context, by actor.Actor, id string) (Token, error) {
	var t Token
	var late error // an approval that came too late is written down, so its transaction commits
	err := s.DB.InTx(ctx, func(tx database.Tx) error {
		r, now, err := s.lockOwn(tx, by, id)
		if err != nil {
			return err
		}
		act := actions[r.Action]
		if !act.collect {
			return ErrNotApproved
		}
		if r.at(now).State == Expired && r.State == Approved {
			late = ErrCollectExpired
			return s.end(tx, r, Expired, reasonNotCollected)
		}
		if err := collectable(r); err != nil {
			return err
		}
		if err := s.consume(tx, by, r, act, now); err != nil {
			return err
		}
		t, err = s.handOut(tx, by, r, now)
		return err
	})
	if err == nil && late == nil {
		failpoint.Reach("consumed")
	}
	return t, errors.Join(err, late)
}

// Spend consumes an approved confirmation of another action in the transaction of what it allows. Whatever does not fit is one error and
// leaves the confirmation unspent.
func (s *Service) Spend(tx database.Tx, by actor.Actor, id, action, resource string) error {
	if id == "" {
		return ErrRequired
	}
	r, now, err := s.lockOwn(tx, by, id)
	if errors.Is(err, fault.ErrNotFound) {
		return ErrRequired
	}
	if err != nil {
		return err
	}
	r = r.at(now)
	if r.Action != action || r.Resource != resource || r.State != Approved {
		return ErrRequired
	}
	return s.consume(tx, by, r, actions[action], now)
}

// lockOwn locks a confirmation of the asking session; for everybody else there is none.
func (s *Service) lockOwn(tx database.Tx, by actor.Actor, id string) (row, time.Time, error) {
	if _, err := lockPerson(tx, by.Person); err != nil {
		return row{}, time.Time{}, err
	}
	var r row
	err := tx.Lock().Where("id = ? AND session_hash = ? AND workspace_id = ? AND person_id = ?", id, by.Session, by.Workspace, by.Person).Take(&r).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return row{}, time.Time{}, fault.ErrNotFound
	}
	if err != nil {
		return row{}, time.Time{}, err
	}
	now, err := tx.Now()
	return r, now, err
}

func collectable(r row) error {
	switch {
	case r.State == Approved:
		return nil
	case r.State == Consumed:
		return ErrAlreadyCollected
	case r.State == Expired && r.Reason == reasonNotCollected:
		return ErrCollectExpired
	}
	return ErrNotApproved
}

// consume is the final gate: the role as it is now, the phone's stored signature, then the one move to consumed.
func (s *Service) consume(tx database.Tx, by actor.Actor, r row, act action, now time.Time) error {
	who, err := role(tx, by)
	if err != nil {
		return err
	}
	if err := act.allows(by, who); err != nil {
		return err
	}
	if err := s.proven(tx, r); err != nil {
		s.Log.Error("confirmation without a valid signature: the row was changed by other means", "confirmation", r.ID)
		return err
	}
	if err := set(tx, r, Consumed, map[string]any{"consumed_at": now}); err != nil {
		return err
	}
	if err := s.know(tx, r.PersonID, r.BrowserHash, now); err != nil {
		return err
	}
	err = s.remember(tx, r.PersonID, map[string]any{"wrong_codes": 0, "pushes": 0, "locks": 0, "last_network": r.Network})
	if err != nil {
		return err
	}
	if err := audit.RecordAt(tx, by, "confirmation.consumed", r.ID, audit.Detail{"action": r.Action, "resource": r.Resource}, now); err != nil {
		return err
	}
	return s.announce(tx, r.ID, r.Version+1)
}

// proven verifies the stored answer again: an "approved" that somebody wrote into the row by hand pays nothing out.
func (s *Service) proven(tx database.Tx, r row) error {
	if r.DecidedBy == nil {
		return ErrNoSignature
	}
	var ch challengeRow
	err := tx.Where("confirmation_id = ? AND device_id = ?", r.ID, *r.DecidedBy).Take(&ch).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return ErrNoSignature
	}
	if err != nil {
		return err
	}
	d, err := device.Find(tx.DB, r.WorkspaceID, *r.DecidedBy)
	if err != nil {
		return err
	}
	challenge, err := signing.Unb64(ch.Challenge)
	if err != nil || d.Person != r.PersonID || d.State != device.Active || !signing.Verify(d.UVKey, signing.Response(challenge, r.DecidedResponse), r.DecidedSig) {
		return ErrNoSignature.Because(err)
	}
	var asked challengeBody
	var said response
	if err := errors.Join(json.Unmarshal(challenge, &asked), httpkit.Strict(r.DecidedResponse, &said)); err != nil {
		return ErrNoSignature.Because(err)
	}
	par := ""
	if r.Params != nil {
		par = signing.B64(hash(r.Params))
	}
	if said.DEC != "approve" || said.CID != r.ID || said.CHS != signing.B64(hash(challenge)) || asked.CID != r.ID || asked.WSP != r.WorkspaceID ||
		asked.USR != r.PersonID || asked.ACT != r.Action || asked.RES != r.Resource || asked.PAR != par || asked.Mode != r.Mode ||
		asked.SES != sessionMark(r.SessionHash) {
		return ErrNoSignature
	}
	return nil
}

// regenerateParams are the parameters of RegenerateToken, signed by the phone through their hash.
type regenerateParams struct {
	Reason  string `json:"reason"`
	Overlap *int64 `json:"overlap_seconds"`
}

func (s *Service) handOut(tx database.Tx, by actor.Actor, r row, now time.Time) (Token, error) {
	if r.Action == RegenerateToken {
		return s.regenerate(tx, by, r)
	}
	plain, info, err := s.Workspaces.Open(tx, by.Workspace, strings.TrimPrefix(r.Resource, tokenPrefix))
	if errors.Is(err, fault.ErrNotFound) {
		return Token{}, workspace.ErrNoToken
	}
	if err != nil {
		return Token{}, err
	}
	previous, err := previousToken(tx, by.Workspace, now)
	if err != nil {
		return Token{}, err
	}
	return Token{Plain: plain, Info: info, Previous: previous}, audit.RecordAt(tx, by, "token.viewed", info.ID, audit.Detail{"confirmation": r.ID, "device": r.DecidedName}, now)
}

// checkRegenerate refuses before anybody is asked what could not be done afterwards.
func checkRegenerate(raw []byte) error {
	p := regenerateParams{}
	if err := httpkit.Strict(raw, &p); err != nil {
		return err
	}
	if o := p.overlap(); o < 0 || o > workspace.MaxOverlap {
		return workspace.ErrOverlap
	}
	return nil
}

func (p regenerateParams) overlap() time.Duration {
	if p.Overlap == nil {
		return workspace.DefaultOverlap
	}
	return time.Duration(*p.Overlap) * time.Second
}

func (s *Service) regenerate(tx database.Tx, by actor.Actor, r row) (Token, error) {
	p := regenerateParams{}
	if r.Params != nil {
		if err := httpkit.Strict(r.Params, &p); err != nil {
			return Token{}, err
		}
	}
	plain, info, previous, err := s.Workspaces.Regenerate(tx, by, by.Workspace, p.Reason, p.overlap())
	return Token{Plain: plain, Info: info, Previous: previous}, err
}

// previousToken is the replaced token that still works, if there is one.
func previousToken(tx database.Tx, ws string, now time.Time) (*workspace.Token, error) {
	all, err := workspace.Tokens(tx.DB, ws)
	if err != nil {
		return nil, err
	}
	for _, t := range all {
		if t.State == workspace.Replaced && t.Live(now) {
			return &t, nil
		}
	}
	return nil, nil //nolint:nilnil // there is none
}

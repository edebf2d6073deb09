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
		if err := s.lockFor(tx, by, id); err != nil {
			return err
		}
		r, now, err := s.lockOwn(tx, by, id)
		if err != nil {
			return err
		}
		act := s.actions[r.Action]
		if !act.collect {
			return ErrNotApproved
		}
		if r.at(now).State == Expired && r.State == Approved {
			late = ErrCollectExpired
			return s.expire(tx, r, now)
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

// Spend consumes an approved confirmation of another action in the transaction of what it allows, and does what the registry says consuming
// it does. Whatever does not fit is one error and leaves the confirmation unspent. Locks of the caller's own come after it.
func (s *Service) Spend(tx database.Tx, by actor.Actor, id, action, resource string) error {
	_, err := s.spend(tx, by, id, action, resource)
	return err
}

// SpendWith is Spend for an action with parameters: params is what the caller means to be done, and has to be what the phone signed.
func (s *Service) SpendWith(tx database.Tx, by actor.Actor, id, action, resource string, params []byte) error {
	c, err := s.spend(tx, by, id, action, resource)
	return withParams(c, params, err)
}

// Perform is Spend in a transaction of its own, for an action whose entry says all that there is to do. params is what the caller means to be
// done; it has to be what the phone signed.
func (s *Service) Perform(ctx context.Context, by actor.Actor, id, action, resource string, params []byte) error {
	return s.PerformWhere(ctx, by, id, action, resource, params, func(database.Tx) error { return nil })
}

// PerformWhere is Perform where allowed has nothing against it. That is asked under the locks under which it is done; a refusal leaves the
// confirmation unspent.
func (s *Service) PerformWhere(ctx context.Context, by actor.Actor, id, action, resource string, params []byte, allowed func(database.Tx) error) error {
	return s.DB.InTx(ctx, func(tx database.Tx) error {
		now, err := tx.Now()
		if err != nil {
			return err
		}
		if _, err := s.actions[action].resource(tx, by, resource, now); err != nil { // what is not there is not there, confirmed or not
			return err
		}
		if err := s.lockFor(tx, by, id); err != nil {
			return err
		}
		if err := allowed(tx); err != nil {
			return err
		}
		c, err := s.spendLocked(tx, by, id, action, resource)
		return withParams(c, params, err)
	})
}

// withParams refuses what was signed with other parameters.
func withParams(c Confirmed, params []byte, err error) error {
	if err == nil && !sameParams(c.Params, params) {
		err = ErrRequired
	}
	return err
}

func (s *Service) spend(tx database.Tx, by actor.Actor, id, action, resource string) (Confirmed, error) {
	if err := s.lockFor(tx, by, id); err != nil {
		return Confirmed{}, err
	}
	return s.spendLocked(tx, by, id, action, resource)
}

// spendLocked is spend after lockFor.
func (s *Service) spendLocked(tx database.Tx, by actor.Actor, id, action, resource string) (Confirmed, error) {
	act, known := s.actions[action]
	if id == "" || !known || act.collect || by.Key != "" {
		return Confirmed{}, ErrRequired
	}
	r, now, err := s.lockOwn(tx, by, id)
	if errors.Is(err, fault.ErrNotFound) {
		return Confirmed{}, ErrRequired
	}
	if err != nil {
		return Confirmed{}, err
	}
	r = r.at(now)
	if r.Action != action || r.Resource != resource || r.State != Approved {
		return Confirmed{}, ErrRequired
	}
	if err := s.consume(tx, by, r, act, now); err != nil {
		return Confirmed{}, err
	}
	c := Confirmed{ID: r.ID, Action: r.Action, Resource: r.Resource, Params: r.Params, Device: r.DecidedName, At: now}
	if act.Consume == nil {
		return c, nil
	}
	return c, act.Consume(tx, by, c)
}

// lockFor locks the workspace before all else where consuming the confirmation will write it. What a confirmation is about never changes, so
// it is read without a lock.
func (s *Service) lockFor(tx database.Tx, by actor.Actor, id string) error {
	if id == "" {
		return nil
	}
	var action string
	err := tx.Model(&row{}).Where("id = ? AND workspace_id = ?", id, by.Workspace).Limit(1).Pluck("action", &action).Error
	if err != nil || !s.actions[action].Locks {
		return err
	}
	_, err = workspace.Lock(tx, by.Workspace)
	return err
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
func (s *Service) consume(tx database.Tx, by actor.Actor, r row, act Action, now time.Time) error {
	who, err := role(tx, by)
	if err != nil {
		return err
	}
	if err := act.mayCollect(by, who, r.ApprovalsNeeded); err != nil {
		return err
	}
	ws, err := workspace.Find(tx.DB, by.Workspace)
	if err != nil {
		return err
	}
	if err := act.open(ws); err != nil {
		return err
	}
	if err := s.proven(tx, by, r); err != nil {
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

// proven verifies the stored answers again: an "approved" that somebody wrote into the row by hand pays nothing out.
func (s *Service) proven(tx database.Tx, by actor.Actor, r row) error {
	if r.DecidedBy == nil {
		return ErrNoSignature
	}
	if err := s.Restored.CheckIn(tx, r.CreatedAt); err != nil {
		return err
	}
	if r.DecidedHow == byPasskey {
		return s.passkeyProven(tx, by, r)
	}
	if err := s.signed(tx, r, r.PersonID, *r.DecidedBy, r.DecidedResponse, r.DecidedSig); err != nil {
		return err
	}
	return s.quorumProven(tx, r)
}

// signed verifies that a phone of person, active still, approved exactly this row.
func (s *Service) signed(tx database.Tx, r row, person, phone string, answer, sig []byte) error {
	var ch challengeRow
	err := tx.Where("confirmation_id = ? AND device_id = ?", r.ID, phone).Take(&ch).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return ErrNoSignature
	}
	if err != nil {
		return err
	}
	d, err := device.Find(tx.DB, r.WorkspaceID, phone)
	if err != nil {
		return err
	}
	challenge, err := signing.Unb64(ch.Challenge)
	if err != nil || d.Person != person || d.State != device.Active || !signing.Verify(d.UVKey, signing.Response(challenge, answer), sig) {
		return ErrNoSignature.Because(err)
	}
	var asked challengeBody
	var said response
	if err := errors.Join(json.Unmarshal(challenge, &asked), httpkit.Strict(answer, &said)); err != nil {
		return ErrNoSignature.Because(err)
	}
	if said.DEC != "approve" || said.CID != r.ID || said.CHS != signing.B64(hash(challenge)) || !asked.about(r, person, phone) {
		return ErrNoSignature
	}
	return nil
}

// about says whether a challenge asked one phone of person exactly what the row holds.
func (c challengeBody) about(r row, person, phone string) bool {
	par := ""
	if r.Params != nil {
		par = signing.B64(hash(r.Params))
	}
	return c.CID == r.ID && c.WSP == r.WorkspaceID && c.USR == person && c.DEV == phone && c.ACT == r.Action && c.RES == r.Resource && c.PAR == par &&
		c.Mode == r.Mode && c.SES == sessionMark(r.SessionHash)
}

func (s *Service) handOut(tx database.Tx, by actor.Actor, r row, now time.Time) (Token, error) {
	if r.Action == RegenerateToken {
		return s.regenerate(tx, by, r, now)
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
	if err := s.Workspaces.Handed(tx, by, info, workspace.ViewedToken, r.ID, r.DecidedName, now); err != nil {
		return Token{}, err
	}
	return Token{Plain: plain, Info: info, Previous: previous}, audit.RecordAt(tx, by, "token.viewed", info.ID, audit.Detail{"confirmation": r.ID, "device": r.DecidedName}, now)
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

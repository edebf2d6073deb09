package confirm

import (
	"bytes"
	"context"
	"crypto/subtle"
	"errors"
	"slices"
	"time"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/device"
	"github.com/countersign/countersign/internal/failpoint"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/httpkit"
	"github.com/countersign/countersign/internal/limit"
	"github.com/countersign/countersign/internal/signing"
	"github.com/countersign/countersign/internal/workspace"
)

// Answer is what a phone sends back.
type Answer struct {
	Response []byte // the exact JSON bytes that were signed
	Sig      []byte // over LP(response, challenge bytes, response bytes)
}

// Answer records what the person tapped. Only the first answer in time counts; the same phone repeating the same decision gets the same
// answer. req is the phone's signed call: it is recorded in the same transaction, so a replay is refused. Nothing is written before the
// signature over the answer has been checked.
func (s *Service) Answer(ctx context.Context, req device.Signed, id string, a Answer) (State, error) {
	state, recorded, err := s.answer(ctx, req, id, a)
	if err == nil || recorded {
		return state, err
	}
	if fault.From(err).Kind == fault.Unavailable || errors.Is(err, device.ErrReplayed) {
		return state, err
	}
	// The transaction that would have recorded the call was rolled back or never begun.
	return state, errors.Join(err, s.Devices.RecordNow(ctx, req))
}

func (s *Service) answer(ctx context.Context, req device.Signed, id string, a Answer) (state State, recorded bool, err error) {
	by, d := req.Actor, req.Device
	ch, err := s.asked(ctx, by, id)
	if err != nil {
		return "", false, err
	}
	resp, err := s.verify(d, id, ch, a)
	if err != nil {
		return "", false, err
	}
	if s.plainTap(req, ch, resp) {
		if done, err := s.taps.Do(ctx, tap{req, id, ch, a}); done || err != nil {
			return Approved, done, err
		}
	}
	var refused error // a wrong code is counted, so its transaction commits
	err = s.DB.InTx(ctx, func(tx database.Tx) error {
		if err := s.lockBefore(tx, by, ch, resp); err != nil {
			return err
		}
		if err := s.Devices.Record(tx, req); err != nil {
			return err
		}
		if reports(by, ch, resp) {
			if err := lockLive(tx, ch.PersonID); err != nil {
				return err
			}
		}
		h, err := s.lockAt(tx, by, id)
		if err != nil {
			return err
		}
		state, refused, err = s.judge(tx, by, d, ch, h, resp, a)
		if reports(by, ch, resp) {
			state, refused, err = s.report(tx, by, h.Row, h.Clock, verdict{state, refused, err})
		}
		return err
	})
	if err != nil {
		return "", false, err
	}
	return state, true, refused
}

// lockBefore takes, in the one order of locks, what an answer may need beyond its own row: a plain tap needs nothing.
func (s *Service) lockBefore(tx database.Tx, by actor.Actor, ch asked, resp response) error {
	if reports(by, ch, resp) {
		if _, err := workspace.Lock(tx, by.Workspace); err != nil {
			return err
		}
	}
	if resp.DEC == "deny" || ch.Mode == Code || ch.Action == ActivateDevice || ch.ApprovalsNeeded > 1 {
		_, err := lockPeople(tx, by.Person, ch.PersonID)
		return err
	}
	return nil
}

// asked is a challenge with what of its confirmation never changes, and where that stood.
type asked struct {
	Version         int64 // where it stood; read for plain taps alone
	Challenge       string
	ServerSig       []byte
	Kid             string
	Mode            string
	Action          string
	PersonID        string
	ApprovalsNeeded int
	SameNetwork     bool // the workspace wants phone and browser in one network
}

// challengeOf is the challenge that a phone was given for a confirmation.
func (s *Service) challengeOf(db *gorm.DB, by actor.Actor, id string) (asked, error) {
	var ch asked
	res := db.Raw(`SELECT ch.challenge, ch.server_sig, ch.kid, c.mode, c.action, c.person_id, c.approvals_needed, w.same_network FROM challenges ch
		JOIN confirmations c ON c.id = ch.confirmation_id JOIN workspaces w ON w.id = c.workspace_id WHERE ch.confirmation_id = ? AND ch.device_id = ? AND c.workspace_id = ?`,
		id, by.Device, by.Workspace).Scan(&ch)
	if res.Error == nil && res.RowsAffected == 0 {
		return ch, fault.ErrNotFound
	}
	return ch, res.Error
}

// verify checks the signature over the stored challenge and reads the response strictly. Approving needs the key whose use needs the
// phone's unlock; denying takes either.
func (s *Service) verify(d device.Device, id string, ch asked, a Answer) (response, error) {
	challenge, err := signing.Unb64(ch.Challenge)
	if err != nil {
		return response{}, err
	}
	message := signing.Response(challenge, a.Response)
	byUV := signing.Verify(d.UVKey, message, a.Sig)
	if !byUV && !signing.Verify(d.PollKey, message, a.Sig) {
		s.Devices.CountBad(d.ID)
		return response{}, device.ErrUnauthorized
	}
	var resp response
	if err := httpkit.Strict(a.Response, &resp); err != nil {
		return resp, err
	}
	if resp.CID != id || resp.DEV != d.ID || resp.CHS != signing.B64(hash(challenge)) {
		return resp, device.ErrUnauthorized
	}
	if resp.DEC == "approve" && !byUV {
		s.Devices.CountBad(d.ID)
		return resp, device.ErrUnauthorized
	}
	return resp, resp.check()
}

func (r response) check() error {
	switch {
	case r.V != 1, r.DEC != "approve" && r.DEC != "deny", r.UV != "biometric" && r.UV != "device_pin" && r.UV != "none":
		return httpkit.ErrMalformed
	case r.Reason != "" && (r.DEC != "deny" || r.Reason != "not_me" && r.Reason != "mistake"):
		return httpkit.ErrMalformed
	}
	return nil
}

// judge decides a locked row at the clock that was read behind its lock. refused is an answer that has been written down but is not what the phone hoped for.
func (s *Service) judge(tx database.Tx, by actor.Actor, d device.Device, ch asked, h held, resp response, a Answer) (state State, refused, err error) {
	r, now := h.Row.at(h.Clock), h.Clock
	mine, err := voted(tx, r, by.Person)
	switch {
	case err != nil:
		return "", nil, err
	case mine != nil && mine.DeviceID == d.ID && resp.DEC == "approve" && r.State == Pending:
		return Pending, nil, nil
	case mine != nil && mine.DeviceID == d.ID && resp.DEC == "approve" && r.DecidedAt != nil && r.State != Denied:
		return Approved, nil, nil // also when it was cancelled or ran out afterwards: the phone asks what became of its answer
	case r.DecidedBy != nil && *r.DecidedBy == d.ID:
		return s.again(tx, r, resp, a)
	case r.State == Expired && r.Reason == "":
		return "", nil, ErrExpired
	case r.State != Pending, mine != nil && resp.DEC == "approve":
		return "", nil, answered(r)
	case resp.DEC == "deny":
		return Denied, nil, s.deny(tx, by, d, r, resp, a, now)
	}
	if h.LockedUntil != nil && now.Before(*h.LockedUntil) {
		return "", nil, ErrLocked.After(h.LockedUntil.Sub(now))
	}
	if ch.SameNetwork && by.Person == r.PersonID && r.Action != ActivateDevice && r.Network != limit.Network(by.IP) {
		refused, err = s.mismatched(tx, by, d, r, a, now)
		return "", refused, err
	}
	if r.Mode == Code {
		right, err := s.code(r)
		if err != nil {
			return "", nil, err
		}
		if subtle.ConstantTimeCompare([]byte(right), []byte(resp.Code)) != 1 {
			refused, err = s.wrongCode(tx, by, d, r, a, now)
			return "", refused, err
		}
	}
	if r.ApprovalsNeeded > 1 {
		state, err = s.vote(tx, by, d, r, a, now)
		return state, nil, err
	}
	return Approved, nil, s.approve(tx, by, d, r, a, now)
}

// answered says that a confirmation is over, and why: a phone can then tell "a newer request replaced this one" from "cancelled".
func answered(r row) *fault.Error {
	e := ErrAlreadyAnswered.With("state", r.State)
	if why := shownReason(r); why != "" {
		e = e.With("reason", why)
	}
	return e
}

// mismatched ends a question that is approved from another network than it was asked from, where the workspace's policy refuses that. Without
// a database of places the network (/24, or /48) is all that phone and browser can be compared by.
func (s *Service) mismatched(tx database.Tx, by actor.Actor, d device.Device, r row, a Answer, now time.Time) (refused, err error) {
	if err := s.decide(tx, d, r, Denied, reasonMismatch, a, now); err != nil {
		return nil, err
	}
	err = s.told(tx, by, r, "confirmation.denied", audit.Detail{"reason": reasonMismatch}, now)
	r.State, r.Reason = Denied, reasonMismatch
	return answered(r), err
}

// again is the same phone answering once more: the same decision has the same result, counted once; a denial may gain its reason.
func (s *Service) again(tx database.Tx, r row, resp response, a Answer) (State, error, error) {
	said := Approved
	if resp.DEC == "deny" {
		said = Denied
	}
	first := Approved
	if r.State == Denied {
		first = Denied
	}
	if r.State == Denied && r.Reason == reasonTooMany {
		if r.wrongBefore(hash(a.Response)) {
			return "", ErrWrongCode.With("tries_left", 0), nil
		}
		return "", nil, answered(r)
	}
	if said != first {
		return "", nil, answered(r)
	}
	if r.State == Denied && r.Reason == "" && resp.Reason != "" {
		err := tx.Model(&row{}).Where("id = ? AND state = ?", r.ID, Denied).Updates(map[string]any{"reason": denyReason(resp.Reason)}).Error
		return said, nil, err
	}
	return said, nil, nil
}

func denyReason(said string) string {
	switch said {
	case "not_me":
		return reasonReported
	case "mistake":
		return reasonMistake
	}
	return ""
}

func (s *Service) approve(tx database.Tx, by actor.Actor, d device.Device, r row, a Answer, now time.Time) error {
	if r.Action != ActivateDevice {
		return s.approveAtOnce(tx, by, d, r, a, now)
	}
	if err := s.decide(tx, d, r, Approved, "", a, now); err != nil {
		return err
	}
	if err := s.Devices.Activate(tx, by, d.ID, now); err != nil {
		return err
	}
	if err := s.firstBrowser(tx, d, now); err != nil {
		return err
	}
	r.State, r.Version = Approved, r.Version+1
	if err := set(tx, r, Consumed, map[string]any{"consumed_at": now}); err != nil {
		return err
	}
	return s.told(tx, by, r, "confirmation.approved", nil, now)
}

func (s *Service) deny(tx database.Tx, by actor.Actor, d device.Device, r row, resp response, a Answer, now time.Time) error {
	if err := s.decide(tx, d, r, Denied, denyReason(resp.Reason), a, now); err != nil {
		return err
	}
	if r.Action == ActivateDevice {
		if err := s.Devices.Refuse(tx, by, d.ID); err != nil {
			return err
		}
	}
	if err := s.remember(tx, r.PersonID, map[string]any{"denied_at": now}); err != nil {
		return err
	}
	return s.told(tx, by, r, "confirmation.denied", audit.Detail{"reason": resp.Reason}, now)
}

// decide writes an answer to a row that is still pending at now.
func (s *Service) decide(tx database.Tx, d device.Device, r row, to State, reason string, a Answer, now time.Time) error {
	return set(tx, r, to, map[string]any{"reason": reason, "decided_at": now, "decided_by": d.ID, "decided_name": d.Name,
		"decided_response": a.Response, "decided_sig": a.Sig})
}

// told writes the audit, takes the question back from the other phones and wakes the dialog.
func (s *Service) told(tx database.Tx, by actor.Actor, r row, event string, detail audit.Detail, now time.Time) error {
	if detail == nil {
		detail = audit.Detail{}
	}
	detail["action"] = r.Action
	if err := audit.RecordAt(tx, by, event, r.ID, detail, now); err != nil {
		return err
	}
	if err := s.addWithdraw(tx, r, now); err != nil {
		return err
	}
	tx.AfterCommit(func() { failpoint.Reach("decided") })
	return s.announce(tx, r.ID, r.Version+1)
}

// wrongCode counts: three for a question, ten for a person across questions (SP 800-63B-4 §3.1.3.2), then a lock that grows.
func (s *Service) wrongCode(tx database.Tx, by actor.Actor, d device.Device, r row, a Answer, now time.Time) (refused, err error) {
	mark := hash(a.Response)
	if r.wrongBefore(mark) {
		return ErrWrongCode.With("tries_left", maxWrongCodes-r.WrongCodes), nil
	}
	left := maxWrongCodes - r.WrongCodes - 1
	more := map[string]any{"wrong_codes": r.WrongCodes + 1, "last_wrong": append(bytes.Clone(r.LastWrong), mark...)}
	if left > 0 {
		err = tx.Model(&row{}).Where("id = ? AND state = ?", r.ID, Pending).Updates(more).Error
	} else {
		more["reason"], more["decided_at"], more["decided_by"], more["decided_name"] = reasonTooMany, now, d.ID, d.Name
		if err = set(tx, r, Denied, more); err == nil {
			err = s.told(tx, by, r, "confirmation.denied", audit.Detail{"reason": reasonTooMany}, now)
		}
	}
	if err != nil {
		return nil, err
	}
	if err := s.countWrong(tx, by, by.Person, now); err != nil {
		return nil, err
	}
	return ErrWrongCode.With("tries_left", left), nil
}

// wrongBefore says whether an answer with this hash was counted already; there are three at most.
func (r row) wrongBefore(mark []byte) bool {
	for m := range slices.Chunk(r.LastWrong, len(mark)) {
		if bytes.Equal(m, mark) {
			return true
		}
	}
	return false
}

// countWrong counts towards the person's lock. A new question never resets it; only a success does.
func (s *Service) countWrong(tx database.Tx, by actor.Actor, person string, now time.Time) error {
	p, err := lockPerson(tx, person)
	if err != nil {
		return err
	}
	values := map[string]any{"wrong_codes": p.WrongCodes + 1}
	if p.WrongCodes+1 >= lockAtWrong {
		until := now.Add(lockFor(p.Locks))
		values["locked_until"], values["locks"], values["wrong_codes"] = until, p.Locks+1, 0
		if err := audit.RecordAt(tx, by, "confirmation.locked", person, audit.Detail{"until": until}, now); err != nil {
			return err
		}
		if err := s.tellLocked(tx, by.Workspace, person, until, now); err != nil {
			return err
		}
	}
	return s.remember(tx, person, values)
}

// lockFor grows: 15 minutes, an hour, then until an Owner or the operator unlocks.
func lockFor(before int) time.Duration {
	switch before {
	case 0:
		return 15 * time.Minute
	case 1:
		return time.Hour
	}
	return 100 * 365 * 24 * time.Hour
}

func (s *Service) remember(tx database.Tx, person string, values map[string]any) error {
	if err := tx.Exec("INSERT INTO confirmation_people (person_id) VALUES (?) ON CONFLICT DO NOTHING", person).Error; err != nil {
		return err
	}
	return tx.Model(&personRow{}).Where("person_id = ?", person).Updates(values).Error
}

// firstBrowser: the browser and network from which a phone was paired are known ones from then on.
func (s *Service) firstBrowser(tx database.Tx, d device.Device, now time.Time) error {
	browser, network, err := device.PairedFrom(tx, d.ID)
	if err != nil {
		return err
	}
	if err := s.know(tx, d.Person, browser, now); err != nil {
		return err
	}
	var p personRow
	err = tx.Where("person_id = ?", d.Person).Take(&p).Error
	if err == nil && p.LastNetwork != "" || err != nil && !errors.Is(err, gorm.ErrRecordNotFound) {
		return err
	}
	return s.remember(tx, d.Person, map[string]any{"last_network": network})
}

func (s *Service) know(tx database.Tx, person string, browser []byte, now time.Time) error {
	if len(browser) == 0 {
		return nil
	}
	return tx.Exec("INSERT INTO known_browsers (person_id, browser_hash, since) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", person, browser, now).Error
}

package confirm

import (
	"context"
	"errors"
	"time"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/device"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/workspace"
)

// Cancel is the requester closing the dialog. A final confirmation stays as it is.
func (s *Service) Cancel(ctx context.Context, by actor.Actor, id string) (View, error) {
	err := s.DB.InTx(ctx, func(tx database.Tx) error {
		r, now, err := s.lockOwn(tx, by, id)
		if err != nil {
			return err
		}
		if r = r.at(now); r.State != Pending && r.State != Approved {
			return nil
		}
		return s.cancel(tx, by, r, reasonByRequester, now)
	})
	if err != nil {
		return View{}, err
	}
	return s.View(ctx, by, id)
}

// Resend pushes the same question again: twice at most, twenty seconds apart, never by itself (protocol.md §5.5). Where two admins have to
// approve, those who have not are pushed.
func (s *Service) Resend(ctx context.Context, by actor.Actor, id string) (View, error) {
	err := s.DB.InTx(ctx, func(tx database.Tx) error {
		phones, err := challenged(tx, by, id)
		if err != nil {
			return err
		}
		people, err := lockPeople(tx, append(owners(phones), by.Person)...)
		if err != nil {
			return err
		}
		r, now, err := s.lockOwn(tx, by, id)
		if err != nil {
			return err
		}
		r = r.at(now)
		p := people[by.Person]
		switch wait := r.resendAfter(now); {
		case p.LockedUntil != nil && now.Before(*p.LockedUntil):
			return ErrLocked.After(p.LockedUntil.Sub(now))
		case r.State == Expired:
			return ErrExpired
		case r.State != Pending:
			return answered(r)
		case r.Resends >= maxResends:
			return ErrLimited.Saying("This request was sent three times. Open the companion app: it is waiting there.").After(r.ExpiresAt.Sub(now))
		case wait > 0:
			return ErrLimited.Saying("It was sent a moment ago.").After(wait)
		}
		return s.resend(tx, by, r, phones, people, now)
	})
	if err != nil {
		return View{}, err
	}
	return s.View(ctx, by, id)
}

// challenged are the phones that were asked by a confirmation of this session; which they are never changes.
func challenged(tx database.Tx, by actor.Actor, id string) ([]device.Device, error) {
	var ids []string
	if err := tx.Model(&challengeRow{}).Where("confirmation_id = (SELECT id FROM confirmations WHERE id = ? AND workspace_id = ? AND session_hash = ?)",
		id, by.Workspace, by.Session).Order("device_id").Pluck("device_id", &ids).Error; err != nil {
		return nil, err
	}
	var out []device.Device
	for _, phone := range ids {
		d, err := device.Find(tx.DB, by.Workspace, phone)
		if errors.Is(err, fault.ErrNotFound) { // of another workspace, as the confirmation is
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	return out, nil
}

func owners(phones []device.Device) []string {
	out := make([]string, len(phones))
	for i, d := range phones {
		out[i] = d.Person
	}
	return out
}

func (r row) resendAfter(now time.Time) time.Duration {
	last := r.CreatedAt
	if r.PushedAt != nil {
		last = *r.PushedAt
	}
	return last.Add(resendEvery).Sub(now)
}

func (s *Service) resend(tx database.Tx, by actor.Actor, r row, phones []device.Device, people map[string]personRow, now time.Time) error {
	pushed := map[string]int{}
	sent := 0
	for _, d := range phones {
		done, err := voted(tx, r, d.Person)
		if err != nil {
			return err
		}
		if done != nil || d.State != device.Active || unpushed(d, question{limited: true, people: people}, pushed[d.Person], now) != "" {
			continue
		}
		pushed[d.Person]++
		sent++
		if err := s.addPush(tx, r, d.ID, now); err != nil {
			return err
		}
	}
	err := tx.Model(&row{}).Where("id = ? AND state = ?", r.ID, Pending).
		Updates(map[string]any{"resends": r.Resends + 1, "pushed_at": now, "version": gorm.Expr("version + 1")}).Error
	if err != nil {
		return err
	}
	if err := countPushes(tx, pushed); err != nil {
		return err
	}
	if err := audit.RecordAt(tx, by, "confirmation.resent", r.ID, audit.Detail{"pushes": sent}, now); err != nil {
		return err
	}
	return s.announce(tx, r.ID, r.Version+1)
}

// cancel ends a live row for a reason, tells the phones and wakes the dialog.
func (s *Service) cancel(tx database.Tx, by actor.Actor, r row, reason string, now time.Time) error {
	if err := s.end(tx, r, Cancelled, reason); err != nil {
		return err
	}
	if err := s.addWithdraw(tx, r, now); err != nil {
		return err
	}
	return audit.RecordAt(tx, by, "confirmation.cancelled", r.ID, audit.Detail{"reason": reason, "action": r.Action}, now)
}

func (s *Service) end(tx database.Tx, r row, to State, reason string) error {
	if err := set(tx, r, to, map[string]any{"reason": reason}); err != nil {
		return err
	}
	return s.announce(tx, r.ID, r.Version+1)
}

// expire ends a row as its time has ended it already, and tells the audit.
func (s *Service) expire(tx database.Tx, r row, now time.Time) error {
	to := r.at(now)
	if err := s.end(tx, r, to.State, to.Reason); err != nil {
		return err
	}
	by := actor.Actor{Kind: actor.System, Workspace: r.WorkspaceID, Person: r.PersonID, Name: "Countersign"}
	detail := audit.Detail{"action": r.Action}
	if to.Reason != "" {
		detail["reason"] = to.Reason
	}
	return audit.RecordAt(tx, by, "confirmation.expired", r.ID, detail, now)
}

// EndSession cancels what a sign-in has open in its workspace, in the transaction that ends it; by.Session is the browser session.
func (s *Service) EndSession(tx database.Tx, by actor.Actor, reason string) error {
	return s.endAll(tx, by, reason, tx.Where("session_hash = ? AND workspace_id = ?", by.Session, by.Workspace))
}

// Hold takes a person's lock, and then those of their phones, in the transaction that will end both: it is the order in which everybody does.
func (s *Service) Hold(tx database.Tx, person string) error {
	if _, err := lockPerson(tx, person); err != nil {
		return err
	}
	return device.HoldOf(tx, person)
}

// EndPerson cancels what a person has open or has approved for somebody else, in the transaction that deactivates them. Hold came before.
func (s *Service) EndPerson(tx database.Tx, by actor.Actor, person, reason string) error {
	return s.endAll(tx, by, reason, tx.Where("person_id = ?", person).Or("id IN (SELECT confirmation_id FROM approvals WHERE person_id = ?)", person))
}

// EndPending cancels what a person has asked and nobody has answered, in the transaction that takes their role: a dialog that waits is told at
// once. What is approved already is judged by the role of the moment when it is consumed. Hold came before.
func (s *Service) EndPending(tx database.Tx, by actor.Actor, person, reason string) error {
	return s.endAll(tx, by, reason, tx.Where("person_id = ? AND state = ?", person, Pending))
}

// EndDevice cancels what a removed phone has approved, and what only it could have answered.
func (s *Service) EndDevice(tx database.Tx, by actor.Actor, d device.Device, _ string, _ time.Time) error {
	left, err := device.ActiveOf(tx.DB, d.Workspace, d.Person)
	if err != nil {
		return err
	}
	q := tx.Where("person_id = ? AND decided_by = ?", d.Person, d.ID).Or("id IN (SELECT confirmation_id FROM approvals WHERE device_id = ?)", d.ID)
	if len(left) == 0 {
		q = tx.Where("person_id = ?", d.Person).Or("id IN (SELECT confirmation_id FROM approvals WHERE device_id = ?)", d.ID)
	} else {
		q = q.Or("person_id = ? AND action = ? AND resource = ?", d.Person, ActivateDevice, devicePrefix+d.ID)
	}
	return s.endAll(tx, by, reasonDevice, q)
}

func (s *Service) endAll(tx database.Tx, by actor.Actor, reason string, which *gorm.DB) error {
	now, err := tx.Now()
	if err != nil {
		return err
	}
	var rows []row
	if err := tx.Lock().Where("state IN ?", []State{Pending, Approved}).Where(which).Order("id").Find(&rows).Error; err != nil {
		return err
	}
	for _, r := range rows {
		if to := r.at(now); to.State == Expired { // it had ended before its cause did, and was shown so
			err = s.expire(tx, r, now)
		} else {
			err = s.cancel(tx, by, r, reason, now)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Events that the Show Token dialog reports for the receipt.
var events = map[string]string{"shown": "seen_shown", "hidden": "seen_hidden", "copied": "seen_copied", "closed": "seen_closed"}

// Seen counts what happened to the token on the screen of the session that collected it; the first copy is an audit event of its own.
func (s *Service) Seen(ctx context.Context, by actor.Actor, id, event string) error {
	column, known := events[event]
	if !known {
		return ErrUnknownAction.Saying("There is no such event.")
	}
	return s.DB.InTx(ctx, func(tx database.Tx) error {
		res := tx.Model(&row{}).Where("id = ? AND session_hash = ? AND workspace_id = ? AND person_id = ? AND state = ?", id, by.Session, by.Workspace,
			by.Person, Consumed).Updates(map[string]any{column: gorm.Expr(column + " + 1")})
		if res.Error != nil {
			return res.Error
		}
		if res.RowsAffected == 0 {
			return fault.ErrNotFound
		}
		now, err := tx.Now()
		if err != nil {
			return err
		}
		if err := workspace.Reported(tx, by, id, event, now); err != nil {
			return err
		}
		switch event {
		case "copied":
			return audit.RecordAt(tx, by, "token.copied", id, nil, now)
		case "shown":
			return s.firstShown(tx, by, id, now)
		}
		return nil
	})
}

// firstShown tells the audit that the token was on the screen; showing it again after it was hidden is not told.
func (s *Service) firstShown(tx database.Tx, by actor.Actor, id string, now time.Time) error {
	var times int
	err := tx.Model(&row{}).Where("id = ?", id).Pluck("seen_shown", &times).Error
	if err != nil || times > 1 {
		return err
	}
	return audit.RecordAt(tx, by, "token.shown", id, nil, now)
}

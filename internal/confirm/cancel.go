package confirm

import (
	"context"
	"time"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/device"
	"github.com/countersign/countersign/internal/fault"
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

// Resend pushes the same question again: twice at most, twenty seconds apart, never by itself (protocol.md §5.5).
func (s *Service) Resend(ctx context.Context, by actor.Actor, id string) (View, error) {
	err := s.DB.InTx(ctx, func(tx database.Tx) error {
		p, err := lockPerson(tx, by.Person)
		if err != nil {
			return err
		}
		r, now, err := s.lockOwn(tx, by, id)
		if err != nil {
			return err
		}
		r = r.at(now)
		switch wait := r.resendAfter(now); {
		case r.State == Expired:
			return ErrExpired
		case r.State != Pending:
			return ErrAlreadyAnswered.With("state", r.State)
		case r.Resends >= maxResends:
			return ErrLimited.Saying("This request was sent three times. Open the companion app: it is waiting there.").After(r.ExpiresAt.Sub(now))
		case wait > 0:
			return ErrLimited.Saying("It was sent a moment ago.").After(wait)
		}
		return s.resend(tx, by, r, p, now)
	})
	if err != nil {
		return View{}, err
	}
	return s.View(ctx, by, id)
}

func (r row) resendAfter(now time.Time) time.Duration {
	last := r.CreatedAt
	if r.PushedAt != nil {
		last = *r.PushedAt
	}
	return last.Add(resendEvery).Sub(now)
}

func (s *Service) resend(tx database.Tx, by actor.Actor, r row, p personRow, now time.Time) error {
	phones, err := device.ActiveOf(tx.DB, by.Workspace, by.Person)
	if err != nil {
		return err
	}
	pushed := 0
	for _, d := range phones {
		if d.Push == nil || pushed >= maxPushes-p.Pushes {
			continue
		}
		pushed++
		if err := s.addPush(tx, r, d.ID, now); err != nil {
			return err
		}
	}
	err = tx.Model(&row{}).Where("id = ? AND state = ?", r.ID, Pending).
		Updates(map[string]any{"resends": r.Resends + 1, "pushed_at": now, "version": gorm.Expr("version + 1")}).Error
	if err != nil {
		return err
	}
	if err := s.remember(tx, by.Person, map[string]any{"pushes": gorm.Expr("pushes + ?", pushed)}); err != nil {
		return err
	}
	if err := audit.RecordAt(tx, by, "confirmation.resent", r.ID, audit.Detail{"pushes": pushed}, now); err != nil {
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

// EndSession cancels what a sign-in has open in its workspace, in the transaction that ends it; by.Session is the browser session.
func (s *Service) EndSession(tx database.Tx, by actor.Actor, reason string) error {
	return s.endAll(tx, by, reason, tx.Where("session_hash = ? AND workspace_id = ?", by.Session, by.Workspace))
}

// EndPerson cancels what a person has open, in the transaction that deactivates them.
func (s *Service) EndPerson(tx database.Tx, by actor.Actor, person, reason string) error {
	return s.endAll(tx, by, reason, tx.Where("person_id = ?", person))
}

// EndDevice cancels what a removed phone has approved, and what only it could have answered.
func (s *Service) EndDevice(tx database.Tx, by actor.Actor, d device.Device, _ string, _ time.Time) error {
	left, err := device.ActiveOf(tx.DB, d.Workspace, d.Person)
	if err != nil {
		return err
	}
	q := tx.Where("person_id = ? AND decided_by = ?", d.Person, d.ID)
	if len(left) == 0 {
		q = tx.Where("person_id = ?", d.Person)
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
		if err := s.cancel(tx, by, r, reason, now); err != nil {
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
		if event != "copied" {
			return nil
		}
		return audit.Record(tx, by, "token.copied", id, nil)
	})
}

package confirm

import (
	"context"
	"time"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/fault"
)

// Waiting is one line of a phone's list: what to pull.
type Waiting struct {
	CID     string
	Action  string
	Expires time.Time
}

// Question is what a phone pulls: the exact bytes to sign, as base64url, and the server's signature over them.
type Question struct {
	Challenge  string
	ServerSig  []byte
	Kid        string
	ServerTime time.Time
}

// Waiting lists what a phone is asked now.
func (s *Service) Waiting(ctx context.Context, by actor.Actor) (out []Waiting, now time.Time, err error) {
	if now, err = s.DB.Now(ctx); err != nil {
		return nil, now, err
	}
	err = s.DB.Read(ctx).Raw(`SELECT c.id AS c_id, c.action, c.expires_at AS expires FROM challenges ch JOIN confirmations c ON c.id = ch.confirmation_id
		WHERE ch.device_id = ? AND c.state = ? AND c.expires_at > ? AND (c.approvals_needed = 1 OR NOT EXISTS
			(SELECT 1 FROM approvals a WHERE a.confirmation_id = c.id AND a.person_id = ?)) ORDER BY c.created_at DESC LIMIT 50`,
		by.Device, Pending, now, by.Person).Scan(&out).Error
	return out, now, err
}

// Pull gives a phone its question and notes that it was pulled. An answered or ended one is refused with its state.
func (s *Service) Pull(ctx context.Context, by actor.Actor, id string) (Question, error) {
	ch, err := s.challengeOf(s.DB.Read(ctx), by, id)
	if err != nil {
		return Question{}, err
	}
	now, err := s.delivered(ctx, by, id, "pulled")
	return Question{Challenge: ch.Challenge, ServerSig: ch.ServerSig, Kid: ch.Kid, ServerTime: now}, err
}

// Opened notes that the question is on the phone's screen.
func (s *Service) Opened(ctx context.Context, by actor.Actor, id string) error {
	if err := s.Foreign(ctx, by, id); err != nil {
		return err
	}
	_, err := s.delivered(ctx, by, id, "opened")
	return err
}

// order says which sign of life tells more; a later, lesser one changes nothing.
var order = map[string]int{"queued": 0, "failed": 1, "sent": 2, "pulled": 3, "opened": 4}

// delivered notes a sign of life of one phone on a live confirmation and wakes the dialog.
func (s *Service) delivered(ctx context.Context, by actor.Actor, id, how string) (now time.Time, err error) {
	err = s.DB.InTx(ctx, func(tx database.Tx) error {
		r, err := lock(tx, by.Workspace, id)
		if err != nil {
			return err
		}
		if now, err = tx.Now(); err != nil {
			return err
		}
		switch r = r.at(now); {
		case r.State == Expired && r.Reason == "":
			return ErrExpired
		case r.State != Pending:
			return answered(r)
		}
		return s.note(tx, r, by.Device, how, "", now)
	})
	return now, err
}

// lesserThan are the signs of life that how takes the place of.
func lesserThan(how string) (lesser []string) {
	for k, n := range order {
		if n < order[how] || k == how && how == "failed" {
			lesser = append(lesser, k)
		}
	}
	return lesser
}

// note writes a delivery of a pending row.
func (s *Service) note(tx database.Tx, r row, device, how, detail string, now time.Time) error {
	res := tx.Model(&challengeRow{}).Where("confirmation_id = ? AND device_id = ? AND delivery IN ?", r.ID, device, lesserThan(how)).
		Updates(map[string]any{"delivery": how, "delivery_at": now, "detail": detail})
	if res.Error != nil || res.RowsAffected == 0 {
		return res.Error
	}
	err := tx.Model(&row{}).Where("id = ? AND state = ?", r.ID, Pending).Updates(map[string]any{"version": gorm.Expr("version + 1")}).Error
	if err != nil {
		return err
	}
	return s.announce(tx, r.ID, r.Version+1)
}

// Foreign says whether a confirmation is none of a phone's, for doors that must answer the same for unknown and foreign.
func (s *Service) Foreign(ctx context.Context, by actor.Actor, id string) error {
	var n int64
	err := s.DB.Read(ctx).Model(&challengeRow{}).Where("confirmation_id = ? AND device_id = ?", id, by.Device).Count(&n).Error
	if err == nil && n == 0 {
		return fault.ErrNotFound
	}
	return err
}

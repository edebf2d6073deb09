package confirm

import (
	"context"
	"time"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/device"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/ident"
	"github.com/countersign/countersign/internal/limit"
	"github.com/countersign/countersign/internal/push"
)

const (
	trialGap  = 10 * time.Second // between two test notifications of one phone
	trialLife = 2 * time.Minute  // a test that comes later proves nothing
)

// What a test notification refuses.
var (
	ErrNoPush    = fault.New(fault.Conflict, "no_push", "This phone has registered no address for notifications. Open the companion app on it. Nothing was sent.")
	errTrialSoon = fault.New(fault.Limited, "rate_limited", "A test was sent to this phone just now. Try again in a moment.")
)

// TryPush sends one of by's own phones a notification that asks nothing, and says what the provider answered; the phone's row shows it too.
// Only the phone can tell that it arrived.
func (s *Service) TryPush(ctx context.Context, by actor.Actor, id string) (push.Result, error) {
	var to push.Address
	err := s.DB.InTx(ctx, func(tx database.Tx) error {
		d, err := device.Find(tx.DB, by.Workspace, id)
		switch {
		case err != nil:
			return err
		case d.Person != by.Person || d.State != device.Active:
			return fault.ErrNotFound
		case d.Push == nil:
			return ErrNoPush
		}
		to = *d.Push
		n, left, err := limit.Count(tx, "push test "+id, trialGap)
		if err == nil && n > 1 {
			err = errTrialSoon.After(left)
		}
		return err
	})
	if err != nil {
		return push.Result{}, err
	}
	now, err := s.DB.Now(ctx)
	if err != nil {
		return push.Result{}, err
	}
	res := s.Push.Send(ctx, to, push.Message{Type: push.Test, Confirmation: ident.New("tst"), Workspace: by.Workspace, Expires: now.Add(trialLife)})
	s.Log.Info("push tested", "provider", to.Kind, "outcome", res.Outcome, "reason", res.Reason)
	return res, s.DB.InTx(ctx, func(tx database.Tx) error { return s.Devices.Pushed(tx, by.Workspace, id, to, res, now) })
}

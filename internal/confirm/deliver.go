package confirm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/device"
	"github.com/countersign/countersign/internal/failpoint"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/outbox"
	"github.com/countersign/countersign/internal/push"
)

// Kinds of outbox tasks.
const (
	taskPush     = "confirm.push"
	taskWithdraw = "confirm.withdraw"
)

// firstRetry is when a push that could not be sent is tried again, where the service does not say.
const firstRetry = 2 * time.Second

type pushTask struct {
	Workspace    string `json:"ws"`
	Confirmation string `json:"cid"`
	Device       string `json:"dev"`
}

func (s *Service) addPush(tx database.Tx, r row, deviceID string, now time.Time) error {
	b, err := json.Marshal(pushTask{r.WorkspaceID, r.ID, deviceID})
	if err != nil {
		return err
	}
	return s.Outbox.Add(tx, taskPush, b, now, r.ExpiresAt.Add(-pushSlack))
}

// addWithdraw takes a question back from the phones that were pushed; best effort, the phone re-reads the state anyway.
func (s *Service) addWithdraw(tx database.Tx, r row, now time.Time) error {
	if r.PushedAt == nil {
		return nil
	}
	b, err := json.Marshal(pushTask{Workspace: r.WorkspaceID, Confirmation: r.ID})
	if err != nil {
		return err
	}
	return s.Outbox.Add(tx, taskWithdraw, b, now, now.Add(5*time.Minute))
}

// push is the handler of taskPush: it sends one push, then writes down how that went. Sent twice after a crash, it replaces itself on the
// phone.
func (s *Service) push(ctx context.Context, t outbox.Task) error {
	var p pushTask
	if err := json.Unmarshal(t.Payload, &p); err != nil {
		return err
	}
	r, d, now, err := s.pushable(ctx, p)
	if err != nil || r == nil {
		return err
	}
	failpoint.Reach("unpushed")
	to, res := s.deliver(ctx, *r, *d.Push)
	s.Log.Info("push", "provider", d.Push.Kind, "outcome", res.Outcome, "reason", res.Reason, "confirmation", r.ID)
	failpoint.Reach("pushed")
	err = s.DB.InTx(ctx, func(tx database.Tx) error {
		if to.Env != d.Push.Env {
			if err := s.Devices.Moved(tx, p.Workspace, d.ID, *d.Push, to); err != nil {
				return err
			}
		}
		if err := s.Devices.Pushed(tx, p.Workspace, d.ID, *d.Push, res, now); err != nil {
			return err
		}
		r, err := lock(tx, p.Workspace, p.Confirmation)
		if err != nil || r.State != Pending {
			return err
		}
		how := "failed"
		if res.Outcome == push.Sent {
			how = "sent"
		}
		return s.note(tx, r, d.ID, how, res.Reason, now)
	})
	if err == nil && res.Outcome == push.Retry {
		return outbox.Again{After: max(res.RetryAfter, firstRetry<<min(t.Attempts, 5)), Reason: string(d.Push.Kind) + " " + res.Reason}
	}
	return err
}

// deliver sends one push. An iPhone that is only being paired may have named the wrong one of Apple's two environments: the other is tried
// once, and to is then where the push went (protocol.md §6.1).
func (s *Service) deliver(ctx context.Context, r row, to push.Address) (push.Address, push.Result) {
	m := push.Message{Type: push.Confirm, Confirmation: r.ID, Workspace: r.WorkspaceID, Expires: r.ExpiresAt}
	res := s.Push.Send(ctx, to, m)
	if r.Action != ActivateDevice || to.Kind != push.APNs || res.Reason != badDeviceToken {
		return to, res
	}
	other := to
	if other.Env = push.Sandbox; to.Env == push.Sandbox {
		other.Env = push.Production
	}
	if second := s.Push.Send(ctx, other, m); second.Outcome == push.Sent {
		return other, second
	}
	return to, res
}

// badDeviceToken is Apple's word for a token that is none, or one of its other environment.
const badDeviceToken = "BadDeviceToken"

// pushable reads what a push needs; nil where there is nothing left to push.
func (s *Service) pushable(ctx context.Context, p pushTask) (*row, device.Device, time.Time, error) {
	db := s.DB.Read(ctx)
	now, err := s.DB.Now(ctx)
	if err != nil {
		return nil, device.Device{}, now, err
	}
	var r row
	err = db.Where("workspace_id = ? AND id = ?", p.Workspace, p.Confirmation).Take(&r).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, device.Device{}, now, nil
	}
	if err != nil || r.at(now).State != Pending {
		return nil, device.Device{}, now, err
	}
	d, err := device.Find(db, p.Workspace, p.Device)
	if errors.Is(err, fault.ErrNotFound) || err == nil && (d.Push == nil || d.State == device.Removed) {
		return nil, d, now, nil
	}
	return &r, d, now, err
}

// withdraw is the handler of taskWithdraw.
func (s *Service) withdraw(ctx context.Context, t outbox.Task) error {
	var p pushTask
	if err := json.Unmarshal(t.Payload, &p); err != nil {
		return err
	}
	db := s.DB.Read(ctx)
	var r row
	if err := db.Where("workspace_id = ? AND id = ?", p.Workspace, p.Confirmation).Take(&r).Error; err != nil {
		return err
	}
	var asked []string
	if err := db.Model(&challengeRow{}).Where("confirmation_id = ?", r.ID).Order("device_id").Pluck("device_id", &asked).Error; err != nil {
		return err
	}
	var again error
	for _, id := range asked {
		d, err := device.Find(db, r.WorkspaceID, id)
		if err != nil {
			return err
		}
		if d.State != device.Active || d.Push == nil || r.DecidedBy != nil && *r.DecidedBy == d.ID {
			continue
		}
		res := s.Push.Send(ctx, *d.Push, push.Message{Type: push.Done, Confirmation: r.ID, Workspace: r.WorkspaceID, Expires: r.ExpiresAt})
		s.Log.Info("push withdrawn", "provider", d.Push.Kind, "outcome", res.Outcome, "reason", res.Reason, "confirmation", r.ID)
		if res.Outcome == push.Retry { // a second withdrawal does no harm on a phone that has had one
			again = outbox.Again{After: max(res.RetryAfter, firstRetry<<min(t.Attempts, 5)), Reason: fmt.Sprintf("%s %s", d.Push.Kind, res.Reason)}
		}
	}
	return again
}

package confirm

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/device"
	"github.com/countersign/countersign/internal/failpoint"
	"github.com/countersign/countersign/internal/outbox"
	"github.com/countersign/countersign/internal/push"
)

// Kinds of outbox tasks.
const (
	taskPush     = "confirm.push"
	taskWithdraw = "confirm.withdraw"
)

// withdrawFor is how long it is tried to take a question back.
const withdrawFor = 5 * time.Minute

// firstRetry is when a push that could not be sent is tried again, where the service does not say.
const firstRetry = 2 * time.Second

// maxTries is how often one push is sent, where its service does not answer or asks to wait.
const maxTries = 2

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
	b, err := withdrawal(r.WorkspaceID, r.ID)
	if err != nil {
		return err
	}
	return s.Outbox.Add(tx, taskWithdraw, b, now, now.Add(withdrawFor))
}

// withdrawal is the task that takes a question back.
func withdrawal(workspace, id string) ([]byte, error) {
	return json.Marshal(pushTask{Workspace: workspace, Confirmation: id})
}

// push is the handler of taskPush: it sends one push, then writes down how that went. Sent twice after a crash, it replaces itself on the
// phone.
func (s *Service) push(ctx context.Context, t outbox.Task) error {
	var p pushTask
	if err := json.Unmarshal(t.Payload, &p); err != nil {
		return err
	}
	found, err := s.pushable(ctx, p)
	if err != nil || found == nil {
		return err
	}
	d := found.device
	failpoint.Reach("unpushed")
	to, res := s.deliver(ctx, found.row, *d.Push)
	s.Log.Info("push", "provider", d.Push.Kind, "outcome", res.Outcome, "reason", res.Reason, "confirmation", p.Confirmation)
	failpoint.Reach("pushed")
	if s.sents != nil && res.Outcome == push.Sent && to.Env == d.Push.Env {
		_, err := s.sents.Do(ctx, sent{p, d.Push.Key(), found.now})
		return err
	}
	err = s.DB.InTx(ctx, func(tx database.Tx) error {
		if to.Env != d.Push.Env {
			if err := s.Devices.Moved(tx, p.Workspace, d.ID, *d.Push, to); err != nil {
				return err
			}
		}
		if err := s.Devices.Pushed(tx, p.Workspace, d.ID, *d.Push, res, found.now); err != nil {
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
		return s.note(tx, r, d.ID, how, res.Reason, found.now)
	})
	if err == nil && res.Outcome == push.Retry {
		return onceMore(t, *d.Push, res)
	}
	return err
}

// onceMore says when a push that could not be sent is tried a second time. After that the dialog's word stands, "not delivered": what a service
// may have taken without saying so is not sent again and again, and the person can send it anew (protocol.md §7.1).
func onceMore(t outbox.Task, to push.Address, res push.Result) error {
	again := tryAgain(t, to, res)
	if t.Attempts+1 >= maxTries && res.Reason != noLine.Reason {
		return errors.New(again.Reason + ": given up")
	}
	return again
}

// tryAgain says when a push that could not be sent is tried again: when its service asks for it, and each time later.
func tryAgain(t outbox.Task, to push.Address, res push.Result) outbox.Again {
	return outbox.Again{After: max(res.RetryAfter, firstRetry<<min(t.Attempts, 5)), Reason: string(to.Kind) + " " + res.Reason}
}

// deliver sends one push. An iPhone that is only being paired may have named the wrong one of Apple's two environments: the other is tried
// once, and to is then where the push went (protocol.md §6.1).
func (s *Service) deliver(ctx context.Context, r row, to push.Address) (push.Address, push.Result) {
	m := push.Message{Type: push.Confirm, Confirmation: r.ID, Workspace: r.WorkspaceID, Expires: r.ExpiresAt}
	res := s.send(ctx, to, m)
	if r.Action != ActivateDevice || to.Kind != push.APNs || res.Reason != badDeviceToken {
		return to, res
	}
	other := to
	if other.Env = push.Sandbox; to.Env == push.Sandbox {
		other.Env = push.Production
	}
	if second := s.send(ctx, other, m); second.Outcome == push.Sent {
		return other, second
	}
	return to, res
}

// badDeviceToken is Apple's word for a token that is none, or one of its other environment.
const badDeviceToken = "BadDeviceToken"

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
		res := s.send(ctx, *d.Push, push.Message{Type: push.Done, Confirmation: r.ID, Workspace: r.WorkspaceID, Expires: r.ExpiresAt})
		s.Log.Info("push withdrawn", "provider", d.Push.Kind, "outcome", res.Outcome, "reason", res.Reason, "confirmation", r.ID)
		if res.Outcome == push.Retry { // a second withdrawal does no harm on a phone that has had one
			again = tryAgain(t, *d.Push, res)
		}
	}
	return again
}

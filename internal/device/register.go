package device

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/httpkit"
	"github.com/countersign/countersign/internal/notice"
	"github.com/countersign/countersign/internal/push"
)

// Register keeps where a phone is pushed to; raw is the `push` object of wire.md §3. It is accepted whether or not its provider is configured.
func (s *Service) Register(ctx context.Context, by actor.Actor, raw json.RawMessage) error {
	a, err := s.address(ctx, raw)
	if err != nil {
		return err
	}
	return s.DB.InTx(ctx, func(tx database.Tx) error {
		now, err := tx.Now()
		if err != nil {
			return err
		}
		return s.register(tx, by, a, now)
	})
}

// address reads and checks a push address; a Web Push endpoint comes from a browser, so it is looked up before it is kept.
func (s *Service) address(ctx context.Context, raw json.RawMessage) (push.Address, error) {
	a, err := push.Parse(raw)
	switch {
	case errors.Is(err, push.ErrEndpoint):
		return a, ErrEndpoint.Because(err)
	case errors.Is(err, push.ErrUnknownField):
		return a, httpkit.ErrUnknownField.Because(err)
	case err != nil:
		return a, ErrPush.Because(err)
	}
	if a.Kind == push.WebPush && s.CheckEndpoint != nil {
		if err := s.CheckEndpoint(ctx, a.Endpoint); err != nil {
			return a, ErrEndpoint.Because(err)
		}
	}
	if a.Kind == push.WebPush {
		a.VAPID, err = s.boundTo(ctx, a.Subscribed)
		a.Subscribed = ""
	}
	return a, err
}

// register writes an address. Another phone that had it loses it: a telephone was sold, or two accounts share one installation.
func (s *Service) register(tx database.Tx, by actor.Actor, a push.Address, now time.Time) error {
	body, err := json.Marshal(a)
	if err != nil {
		return err
	}
	var others []row
	if err := tx.Lock().Where("push_key = ? OR id = ?", a.Key(), by.Device).Order("id").Find(&others).Error; err != nil { // its own too: all in one order
		return err
	}
	for _, o := range others {
		if o.ID == by.Device {
			continue
		}
		if err := s.detach(tx, o, now); err != nil {
			return err
		}
	}
	return tx.Model(&row{}).Where("workspace_id = ? AND id = ?", by.Workspace, by.Device).Updates(map[string]any{"push_kind": string(a.Kind),
		"push_key": a.Key(), "push_address": string(body), "push_state": "registered", "push_detail": "", "push_registered_at": now, "vapid_kid": a.VAPID}).Error
}

func (s *Service) detach(tx database.Tx, r row, now time.Time) error {
	by := actor.Actor{Kind: actor.System, Workspace: r.WorkspaceID, Person: r.PersonID}
	if err := audit.RecordAt(tx, by, "device.push_detached", r.ID, nil, now); err != nil {
		return err
	}
	if err := notice.Tell(tx, r.WorkspaceID, []string{r.PersonID}, "device.push_detached", notice.Params{"device": r.Name}, now); err != nil {
		return err
	}
	return tx.Model(&row{}).Where("id = ?", r.ID).Updates(map[string]any{"push_kind": "", "push_key": nil, "push_address": "",
		"push_state": "dead", "push_detail": "registered_elsewhere"}).Error
}

// Pushed records how a push to a went: the phone's row tells people whether its notifications work. A registration that the provider calls
// dead is retired, unless the phone registered anew meanwhile.
func (s *Service) Pushed(tx database.Tx, workspace, id string, a push.Address, r push.Result, now time.Time) error {
	q := tx.Model(&row{}).Where("workspace_id = ? AND id = ? AND push_key = ?", workspace, id, a.Key())
	switch r.Outcome {
	case push.Sent:
		return q.Updates(map[string]any{"push_state": "working", "push_detail": "", "push_delivered_at": now}).Error
	case push.Dead:
		if !r.DeadSince.IsZero() {
			q = q.Where("push_registered_at < ?", r.DeadSince) // a younger one is a new installation
		}
		return q.Updates(map[string]any{"push_kind": "", "push_key": nil, "push_address": "", "push_state": "dead", "push_detail": r.Reason}).Error
	case push.Expired:
		return nil
	default:
		return q.Updates(map[string]any{"push_state": "failing", "push_detail": r.Reason}).Error
	}
}

// Registered says whether the phone has an address that pushes go to.
func Registered(db *gorm.DB, workspace, id string) (bool, error) {
	d, err := Find(db, workspace, id)
	return err == nil && d.Push != nil, err
}

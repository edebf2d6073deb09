package device

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"errors"
	"time"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/notice"
	"github.com/countersign/countersign/internal/push"
	"github.com/countersign/countersign/internal/serverkeys"
	"github.com/countersign/countersign/internal/signing"
)

// afterMove is how long after a phone's move the old key may still have signed a question for it: the transaction that asks may have read
// the phone's row just before.
const afterMove = 5 * time.Second

// What moving to another key of the server refuses.
var (
	ErrNotCurrent = fault.New(fault.Conflict, "not_current", "This is not the key that the server signs with now. Ask again which one it is.")
	ErrSubscribed = ErrPush.Saying("The subscription was made with a key that this server does not use. Ask GET /v1/device/push for its key and subscribe anew.")
)

// ServerKeys is what a phone is told of the server's keys.
type ServerKeys struct {
	Holds   string                    // the key that it holds to
	Current string                    // the key that it should hold to
	Steps   []serverkeys.Announcement // lead from the one to the other
}

// ServerKeys says which key of the server a phone should hold to, and proves it by the key that it holds to.
func (s *Service) ServerKeys(ctx context.Context, d Device) (ServerKeys, error) {
	steps, current, err := serverkeys.Path(s.DB.Read(ctx), d.ServerKid)
	if errors.Is(err, serverkeys.ErrUnknown) { // ended; the phone is being removed in that very transaction
		return ServerKeys{}, ErrUnauthorized
	}
	return ServerKeys{Holds: d.ServerKid, Current: current, Steps: steps}, err
}

// CurrentServerKey is the id of the key that phones should hold to.
func (s *Service) CurrentServerKey(ctx context.Context) (string, error) {
	k, err := s.Keys.Current(ctx, serverkeys.Challenge)
	return k.ID, err
}

// Move notes that a phone has checked the announcements and holds to the current key: from now on it is asked under that one. Questions that
// the old key signed may be as young as oldUntil. A phone may say so again.
func (s *Service) Move(ctx context.Context, by actor.Actor, kid string) (oldUntil time.Time, err error) {
	err = s.DB.InTx(ctx, func(tx database.Tx) error {
		var r row
		if err := tx.Lock().Where("workspace_id = ? AND id = ? AND state <> ?", by.Workspace, by.Device, Removed).Take(&r).Error; err != nil {
			if errors.Is(err, gorm.ErrRecordNotFound) {
				return ErrUnauthorized
			}
			return err
		}
		now, err := tx.Now()
		if err != nil {
			return err
		}
		oldUntil = now.Add(afterMove)
		if kid == r.ServerKid {
			return nil
		}
		_, current, err := serverkeys.Path(tx.DB, r.ServerKid)
		if err != nil || kid != current {
			return errors.Join(err, ErrNotCurrent)
		}
		if err := s.Keys.Hold(tx, kid); err != nil {
			return err
		}
		if err := tx.Model(&row{}).Where("id = ?", r.ID).Updates(map[string]any{"server_kid": kid}).Error; err != nil {
			return err
		}
		return audit.RecordAt(tx, by, "device.server_key", r.ID, audit.Detail{"from": r.ServerKid, "to": kid}, now)
	})
	return oldUntil, err
}

// stampKeys writes the current keys into rows that name none: a replica of the version before keys could be replaced wrote them while replicas
// were exchanged one by one.
func stampKeys(tx database.Tx) error {
	for p, rows := range map[serverkeys.Purpose]*gorm.DB{
		serverkeys.Challenge: tx.Model(&row{}).Where("server_kid = ''"),
		serverkeys.VAPID:     tx.Model(&row{}).Where("vapid_kid = '' AND push_kind = ?", string(push.WebPush)),
	} {
		column := map[serverkeys.Purpose]string{serverkeys.Challenge: "server_kid", serverkeys.VAPID: "vapid_kid"}[p]
		kid, err := serverkeys.CurrentID(tx.DB, p)
		if err != nil {
			return err
		}
		if kid == "" {
			continue
		}
		if err := rows.Where("state <> ?", Removed).Updates(map[string]any{column: kid}).Error; err != nil {
			return err
		}
	}
	return nil
}

// Resubscribe says whether a phone's Web Push subscription was made with a key that the server has replaced. Both keys are used until then.
func (s *Service) Resubscribe(ctx context.Context, d Device) (bool, error) {
	if d.Push == nil || d.Push.Kind != push.WebPush {
		return false, nil
	}
	k, err := s.Keys.Current(ctx, serverkeys.VAPID)
	return err == nil && d.Push.VAPID != k.ID, err
}

// boundTo finds the server's key that a subscription was made with: the one that the phone names, or else the current one.
func (s *Service) boundTo(ctx context.Context, public string) (kid string, err error) {
	if public == "" {
		k, err := s.Keys.Current(ctx, serverkeys.VAPID)
		return k.ID, err
	}
	point, err := signing.Unb64(public)
	if err != nil {
		return "", ErrPush.Because(err)
	}
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		return "", ErrPush.Because(err)
	}
	kid, err = serverkeys.ByPublic(s.DB.Read(ctx), serverkeys.VAPID, signing.SPKI(key))
	if errors.Is(err, serverkeys.ErrUnknown) {
		err = ErrSubscribed
	}
	return kid, err
}

// Holding counts the phones that hold to each key of the server, and the subscriptions made with each, removed phones left out.
func Holding(db *gorm.DB) (map[string]int64, error) {
	out := map[string]int64{}
	for _, column := range []string{"server_kid", "vapid_kid"} {
		var counts []struct {
			Kid string
			N   int64
		}
		q := db.Model(&row{}).Select(column+" AS kid, COUNT(*) AS n").Where("state <> ? AND "+column+" <> ''", Removed).Group(column)
		if column == "vapid_kid" {
			q = q.Where("push_kind = ?", string(push.WebPush))
		}
		if err := q.Scan(&counts).Error; err != nil {
			return nil, err
		}
		for _, c := range counts {
			out[c.Kid] += c.N
		}
	}
	return out, nil
}

// EndServerKey ends a key of the server that was replaced. Phones that still hold to a challenge key have to be paired again: they are
// removed. Subscriptions made with a VAPID key are retired; their phones subscribe anew when they are opened. It says how many there were.
func (s *Service) EndServerKey(ctx context.Context, by actor.Actor, p serverkeys.Purpose, kid string) (phones int, err error) {
	err = s.DB.InTx(ctx, func(tx database.Tx) error {
		if err := s.Keys.End(tx, p, kid); err != nil {
			return err
		}
		held := tx.Lock().Where("server_kid = ?", kid)
		if p == serverkeys.VAPID {
			held = tx.Lock().Where("vapid_kid = ? AND push_kind = ?", kid, string(push.WebPush))
		}
		var rows []row
		if err := held.Where("state <> ?", Removed).Order("id").Find(&rows).Error; err != nil {
			return err
		}
		phones = len(rows)
		for _, r := range rows {
			as := by
			as.Workspace, as.Person = r.WorkspaceID, r.PersonID
			if err := s.endKeyOf(tx, as, p, r); err != nil {
				return err
			}
		}
		return nil
	})
	return phones, err
}

func (s *Service) endKeyOf(tx database.Tx, by actor.Actor, p serverkeys.Purpose, r row) error {
	if p == serverkeys.Challenge {
		now, err := tx.Now()
		if err != nil {
			return err
		}
		if err := notice.Tell(tx, r.WorkspaceID, []string{r.PersonID}, "device.key_ended", notice.Params{"device": r.Name}, now); err != nil {
			return err
		}
		return s.end(tx, by, r, "server_key_ended")
	}
	return tx.Model(&row{}).Where("id = ?", r.ID).Updates(map[string]any{"push_kind": "", "push_key": nil, "push_address": "",
		"push_state": "dead", "push_detail": "vapid_key_ended", "vapid_kid": ""}).Error
}

package device

import (
	"context"
	"errors"
	"time"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/fault"
)

// Standing is how recovery stands for a person who is signed in.
type Standing struct {
	Codes     Codes
	PairUntil *time.Time // until when this session may pair a phone; nil: it may not
	Appeal    *Appeal    // the newest question to a colleague, of the last day
	Approvers []Named    // whom they may ask
}

// Recovery is what a person can do when their phone is lost, and what is under way.
func (s *Service) Recovery(ctx context.Context, by actor.Actor) (Standing, error) {
	var out Standing
	db := s.DB.Read(ctx)
	now, err := s.DB.Now(ctx)
	if err != nil {
		return out, err
	}
	if out.Codes, err = CodesOf(db, by.Workspace, by.Person); err != nil {
		return out, err
	}
	if out.Approvers, err = Approvers(db, by.Workspace, by.Person); err != nil {
		return out, err
	}
	if out.Appeal, err = s.OwnAppeal(ctx, by); err != nil {
		return out, err
	}
	var grants []recoveryRow
	err = db.Where("session_hash = ? AND person_id = ? AND workspace_id = ? AND pair_until > ? AND ended_at IS NULL", by.Session, by.Person, by.Workspace, now).
		Limit(1).Find(&grants).Error
	if err == nil && len(grants) == 1 {
		out.PairUntil = grants[0].PairUntil
	}
	return out, err
}

// ErrDeviceName says that a phone's name is empty or unusable.
var ErrDeviceName = fault.New(fault.Invalid, "malformed", "A phone needs a name of 1 to 64 characters. Nothing was changed.")

// Rename gives a phone of the person who asks another name.
func (s *Service) Rename(ctx context.Context, by actor.Actor, id, name string) (Device, error) {
	name = Plain(name)
	if name == "" {
		return Device{}, ErrDeviceName
	}
	var d Device
	err := s.DB.InTx(ctx, func(tx database.Tx) error {
		if err := hold(tx, by.Person); err != nil {
			return err
		}
		var r row
		err := tx.Lock().Where("workspace_id = ? AND person_id = ? AND id = ? AND state = ?", by.Workspace, by.Person, id, Active).Take(&r).Error
		if errors.Is(err, gorm.ErrRecordNotFound) {
			return fault.ErrNotFound
		}
		if err != nil {
			return err
		}
		was := r.Name
		r.Name = name
		d = r.device()
		if err := tx.Model(&row{}).Where("id = ?", id).Updates(map[string]any{"name": name}).Error; err != nil {
			return err
		}
		return audit.Record(tx, by, "device.renamed", id, audit.Detail{"from": was, "to": name})
	})
	return d, err
}

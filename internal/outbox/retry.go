package outbox

import (
	"context"
	"errors"
	"time"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/database"
)

var errUnknown = errors.New("no handler for this kind of task in this version")

// afterPassing is when a task runs again that failed because the database was away.
const afterPassing = 2 * time.Second

// next says when a failed task runs again, if it does.
func (o *Outbox) next(result error, now, giveUpAt time.Time) (time.Time, bool) {
	var again Again
	switch {
	case errors.As(result, &again):
	case database.Passing(result): // the handler could not read or write: that says nothing about the task
		again = Again{After: afterPassing}
	default:
		return time.Time{}, false
	}
	at := now.Add(max(again.After, 100*time.Millisecond))
	return at, at.Before(giveUpAt)
}

// Stats is what an operator wants to know of the outbox.
type Stats struct {
	Waiting int64         // not done yet
	Dead    int64         // given up
	Oldest  time.Duration // age of the oldest that is due
}

// Stats counts.
func (o *Outbox) Stats(ctx context.Context) (s Stats, err error) {
	db := o.db.Read(ctx)
	if err = db.Model(&row{}).Where("dead_at IS NULL").Count(&s.Waiting).Error; err != nil {
		return s, err
	}
	if err = db.Model(&row{}).Where("dead_at IS NOT NULL").Count(&s.Dead).Error; err != nil {
		return s, err
	}
	var oldest row
	now, err := o.db.Now(ctx)
	if err != nil {
		return s, err
	}
	switch err := db.Where("dead_at IS NULL AND run_at <= ?", now).Order("run_at").Take(&oldest).Error; {
	case errors.Is(err, gorm.ErrRecordNotFound):
		return s, nil
	case err != nil:
		return s, err
	}
	s.Oldest = now.Sub(oldest.RunAt)
	return s, nil
}

// Sweep forgets dead tasks older than age.
func (o *Outbox) Sweep(ctx context.Context, age time.Duration) error {
	return o.db.InTx(ctx, func(tx database.Tx) error {
		now, err := tx.Now()
		if err != nil {
			return err
		}
		return tx.Where("dead_at < ?", now.Add(-age)).Delete(&row{}).Error
	})
}

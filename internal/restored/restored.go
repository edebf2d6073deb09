// Package restored knows that a database was brought back from a backup. What was revoked, removed or spent since the backup is there again then,
// so whatever was made before the cut is refused until an operator has looked and confirmed. What that is, it does not know: those who keep
// tokens, phones and approvals ask it.
package restored

import (
	"context"
	"sync/atomic"
	"time"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/ident"
)

const (
	again    = time.Second     // how often a process looks whether it was confirmed
	patience = 5 * time.Minute // after which a client may ask again: an operator has to do something
)

// What is refused.
var (
	ErrHeld = fault.New(fault.Unavailable, "restored", "This service was restored from a backup. What is older than that waits until its operator has confirmed it. Nothing was changed.")
	// ErrNothing says that there is nothing to confirm.
	ErrNothing = fault.New(fault.Conflict, "not_restored", "Nothing waits: this database was not restored, or that was confirmed already.")
)

type row struct {
	ID          string
	CutAt       time.Time
	Operator    string
	ConfirmedAt *time.Time
	ConfirmedBy string
}

func (row) TableName() string { return "restores" }

// Gate is what one process knows of it. Make it with New; a nil Gate refuses nothing.
type Gate struct {
	db   *database.DB
	seen atomic.Pointer[sight]
}

// sight is what was last read.
type sight struct {
	cut  time.Time // zero: nothing is held
	read time.Time // by the process's clock
}

// New is the gate of a database. It reads nothing before it is asked.
func New(db *database.DB) *Gate { return &Gate{db: db} }

// Check refuses what was made before the cut, while nobody has confirmed. A database that was never restored is looked at once; one that waits,
// every second: it is marked while no service runs, and confirmed while all do.
func (g *Gate) Check(ctx context.Context, made time.Time) error {
	return g.check(func() *gorm.DB { return g.db.Read(ctx) }, made)
}

// CheckIn is Check inside a transaction, which must not wait for a second connection.
func (g *Gate) CheckIn(tx database.Tx, made time.Time) error {
	return g.check(func() *gorm.DB { return tx.DB }, made)
}

func (g *Gate) check(db func() *gorm.DB, made time.Time) error {
	if g == nil {
		return nil
	}
	s := g.seen.Load()
	if s == nil || !s.cut.IsZero() && time.Since(s.read) >= again {
		cut, err := Cut(db())
		if err != nil {
			return err
		}
		s = &sight{cut, time.Now()}
		g.seen.Store(s)
	}
	if s.cut.IsZero() || made.After(s.cut) {
		return nil
	}
	return ErrHeld.After(patience)
}

// Cut is before when everything is refused; zero where nothing is.
func Cut(db *gorm.DB) (time.Time, error) {
	var waiting []row
	err := db.Where("confirmed_at IS NULL").Order("cut_at DESC").Limit(1).Find(&waiting).Error
	if err != nil || len(waiting) == 0 {
		return time.Time{}, err
	}
	return waiting[0].CutAt, nil
}

// Mark notes, while no service runs, that the database was restored just now, and says where the cut is.
func Mark(tx database.Tx, operator string) (time.Time, error) {
	now, err := tx.Now()
	if err != nil {
		return now, err
	}
	return now, tx.Create(&row{ID: ident.New("rst"), CutAt: now, Operator: operator}).Error
}

// Confirm lets everything be used again. Running services notice within a second.
func Confirm(tx database.Tx, operator string) error {
	now, err := tx.Now()
	if err != nil {
		return err
	}
	res := tx.Model(&row{}).Where("confirmed_at IS NULL").Updates(map[string]any{"confirmed_at": now, "confirmed_by": operator})
	if res.Error == nil && res.RowsAffected == 0 {
		return ErrNothing
	}
	return res.Error
}

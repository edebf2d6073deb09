package device

import (
	"context"
	"errors"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
)

// WithCode runs do, which may spend one recovery code of by, who typed it, by calling the function it is given in its transaction: there the
// code stands for a second person. No phone ends and none may be paired by it. A wrong code is counted like every other wrong one, after what do
// did was rolled back.
func (s *Service) WithCode(ctx context.Context, by actor.Actor, typed string, do func(spend func(database.Tx) error) error) error {
	nth, in, err := s.countGuess(ctx, by)
	if err != nil {
		return err
	}
	set, hash, err := s.stretched(ctx, by, typed)
	if err == nil {
		err = do(func(tx database.Tx) error { return spendCode(tx, by, set, hash) })
	}
	if !errors.Is(err, ErrWrongBackup) { // the code was right, or nobody looked at it
		return errors.Join(err, s.uncountGuess(ctx, by))
	}
	var wrong error
	counted := s.DB.InTx(ctx, func(tx database.Tx) error {
		now, err := tx.Now()
		if err != nil {
			return err
		}
		wrong, err = s.wrongBackup(tx, by, nth, now.Add(in), now)
		return err
	})
	return errors.Join(counted, wrong)
}

func spendCode(tx database.Tx, by actor.Actor, set codeSetRow, hash []byte) error {
	now, err := tx.Now()
	if err != nil {
		return err
	}
	used, err := useCode(tx, set, hash, now)
	if err != nil {
		return err
	}
	if !used {
		return ErrWrongBackup
	}
	return audit.RecordAt(tx, by, "recovery.used", by.Person, audit.Detail{"how": "second_voice"}, now)
}

package signin

import (
	"errors"

	"github.com/countersign/countersign/internal/database"
)

// EndEverything ends every session of everybody and every link that sets a password: after a restore, those that had ended since are there again.
func (s *Service) EndEverything(tx database.Tx) error {
	return errors.Join(
		tx.Where("1 = 1").Delete(&signInRow{}).Error,
		tx.Where("1 = 1").Delete(&sessionRow{}).Error,
		tx.Where("1 = 1").Delete(&linkRow{}).Error)
}

package device

import (
	"errors"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/fault"
)

// Locate reads a phone by its id alone, for the operator's own terminal; everybody else names a workspace too (Find).
func Locate(db *gorm.DB, id string) (Device, error) {
	var r row
	err := db.Where("id = ?", id).Take(&r).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return Device{}, fault.ErrNotFound
	}
	return r.device(), err
}

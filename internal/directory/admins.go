package directory

import "gorm.io/gorm"

// Admins are the ids of a workspace's active Owner, Super Admins and Admins: those who are told what concerns everybody. The condition is that of
// the index people_admins, word for word, so that nobody else is looked at.
func Admins(db *gorm.DB, workspace string) ([]string, error) {
	var ids []string
	err := db.Model(&personRow{}).Where("workspace_id = ? AND active = true AND role IN ('owner', 'super_admin', 'admin') AND deleted_at IS NULL", workspace).Order("id").Pluck("id", &ids).Error
	return ids, err
}

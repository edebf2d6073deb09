package directory

import "gorm.io/gorm"

// Admins are the ids of a workspace's active Owner, Super Admins and Admins: those who are told what concerns everybody.
func Admins(db *gorm.DB, workspace string) ([]string, error) {
	var ids []string
	err := db.Model(&personRow{}).Where("workspace_id = ? AND active AND role IN ? AND deleted_at IS NULL", workspace, AdminRoles).Order("id").Pluck("id", &ids).Error
	return ids, err
}

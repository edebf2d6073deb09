package directory

import "gorm.io/gorm"

// amongAdmins is the condition of the index people_admins, word for word, so that nobody else is looked at.
const amongAdmins = "workspace_id = ? AND active = true AND role IN ('owner', 'super_admin', 'admin') AND deleted_at IS NULL"

// Admins are the ids of a workspace's active Owner, Super Admins and Admins: those who are told what concerns everybody.
func Admins(db *gorm.DB, workspace string) ([]string, error) {
	var ids []string
	err := db.Model(&personRow{}).Where(amongAdmins, workspace).Order("id").Pluck("id", &ids).Error
	return ids, err
}

// Owners are the ids of those who are told what is their affair alone: a workspace's Owner, and its Super Admins in the place of an Owner whom the
// directory turned off.
func Owners(db *gorm.DB, workspace string) ([]string, error) {
	for _, role := range []Role{Owner, SuperAdmin} {
		var ids []string
		err := db.Model(&personRow{}).Where(amongAdmins+" AND role = ?", workspace, role).Order("id").Pluck("id", &ids).Error
		if err != nil || len(ids) > 0 {
			return ids, err
		}
	}
	return nil, nil
}

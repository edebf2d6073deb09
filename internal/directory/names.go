package directory

import "gorm.io/gorm"

// NamesOf are the names of people and teams of a workspace by id, of deleted ones too; ids of other things have none.
func NamesOf(db *gorm.DB, workspace string, ids []string) (map[string]string, error) {
	out := map[string]string{}
	if len(ids) == 0 {
		return out, nil
	}
	var found []struct{ ID, Name string }
	// COALESCE keeps SQLite from the indexes of the workspace, which would find everybody.
	err := db.Raw("SELECT id, name FROM people WHERE COALESCE(workspace_id, '') = ? AND id IN ? UNION ALL"+
		" SELECT id, display_name FROM teams WHERE COALESCE(workspace_id, '') = ? AND id IN ?", workspace, ids, workspace, ids).Scan(&found).Error
	for _, f := range found {
		out[f.ID] = f.Name
	}
	return out, err
}

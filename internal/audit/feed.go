package audit

import "gorm.io/gorm"

// Feed are up to most sealed events of a workspace after a position, in the order of the chain: whoever follows it misses nothing and sees
// nothing twice, because positions have no gaps and are given to committed events alone.
func Feed(db *gorm.DB, workspace string, after int64, most int) ([]Entry, error) {
	var rows []entryRow
	err := db.Table("audit_events").Select(entryColumns).Where("workspace_id = ? AND position > ?", workspace, after).
		Order("position").Limit(most).Find(&rows).Error
	out := make([]Entry, len(rows))
	for i, r := range rows {
		out[i] = r.entry()
	}
	return out, err
}

// Head is the position of a workspace's newest sealed event; 0 where nothing is sealed yet.
func Head(db *gorm.DB, workspace string) (position int64, err error) {
	err = db.Raw("SELECT COALESCE(MAX(position), 0) FROM audit_chains WHERE workspace_id = ?", workspace).Scan(&position).Error
	return position, err
}

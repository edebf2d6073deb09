package database

import "gorm.io/gorm"

// Along names the index that SQLite takes for the table it follows, as in "people p" + Along(db, "people_admins"). SQLite keeps no statistics here
// and otherwise takes the order of a list, or any index of the workspace, for the narrower way. Postgres chooses by itself. A statement that cannot
// use the index fails on SQLite.
func Along(db *gorm.DB, index string) string {
	if db.Name() == SQLite {
		return " INDEXED BY " + index
	}
	return ""
}

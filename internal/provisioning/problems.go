package provisioning

import "gorm.io/gorm"

const (
	// problemsMost is how many people with a problem are looked for: more than that is no list to work through, but one cause.
	problemsMost = 500
	// openMost is how many refusals that have not come right are looked through for them.
	openMost = 5000
)

// PeopleWithProblems are the ids of people about whom a call failed that has not come right since, at most 500.
func PeopleWithProblems(db *gorm.DB, workspace string) ([]string, error) {
	ids := []string{}
	err := db.Raw("SELECT DISTINCT subject_id FROM (SELECT result, subject_kind, subject_id FROM provisioning_log WHERE workspace_id = ? AND "+refusals+
		" AND resolved_at IS NULL ORDER BY subject_key LIMIT ?) o WHERE result = 'failed' AND subject_kind = ? AND subject_id <> '' ORDER BY subject_id LIMIT ?",
		workspace, openMost, Person, problemsMost).Scan(&ids).Error
	return ids, err
}

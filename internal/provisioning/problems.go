package provisioning

import "gorm.io/gorm"

// problemsMost is how many people with a problem are looked for: more than that is no list to work through, but one cause.
const problemsMost = 500

// PeopleWithProblems are the ids of people about whom a call failed that has not come right since, at most 500.
func PeopleWithProblems(db *gorm.DB, workspace string) ([]string, error) {
	ids := []string{}
	err := db.Table("provisioning_log").Distinct("subject_id").
		Where("workspace_id = ? AND "+refusals+" AND resolved_at IS NULL AND result = 'failed' AND subject_kind = ? AND subject_id <> ''", workspace, Person).
		Order("subject_id").Limit(problemsMost).Pluck("subject_id", &ids).Error
	return ids, err
}

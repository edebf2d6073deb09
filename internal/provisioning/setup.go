package provisioning

import (
	"time"

	"gorm.io/gorm"
)

// Step is a step of setting a provider up that only a call of the provider can prove.
type Step string

// The steps, in the order in which providers take them.
const (
	StepCalled      Step = "called"      // anything was let in
	StepTested      Step = "tested"      // it looked without changing anything, as every Test Connection does
	StepPerson      Step = "person"      // somebody arrived
	StepTeam        Step = "team"        // a group arrived
	StepMember      Step = "member"      // somebody was put into a group
	StepDeactivated Step = "deactivated" // somebody's access was turned off
)

// proofs say which rows prove a step.
var proofs = []struct {
	step  Step
	where string
}{
	{StepCalled, "result IN ('ok', 'unchanged', 'failed')"},
	{StepTested, "result = 'ok' AND operation IN ('discovery', 'user.list', 'group.list', 'user.read')"},
	{StepPerson, "result = 'ok' AND event IN ('person.created', 'person.adopted', 'person.revived')"},
	{StepTeam, "result = 'ok' AND event = 'team.created'"},
	{StepMember, "result = 'ok' AND event IN ('team.created', 'team.changed') AND added > 0"},
	{StepDeactivated, "result = 'ok' AND event = 'person.deactivated'"},
}

// Proof is a step and the first call that shows that it was taken; nil where none does.
type Proof struct {
	Step Step
	Row  *Row
}

// Setup is how far a provider has come with one token.
type Setup struct {
	Proofs  []Proof
	Problem *Row // the last call with the token that was refused and has not come right
}

// SetupOf reads the log for the first calls with a token that was made at a time. What comes after very many rows is not looked for.
func (l *Log) SetupOf(db *gorm.DB, workspace, token string, made time.Time) (Setup, error) {
	var out Setup
	of := func() *gorm.DB {
		return db.Table("provisioning_log").Select(rowColumns).Where("workspace_id = ? AND id >= ?", workspace, since(made))
	}
	var last string
	err := db.Table("provisioning_log").Select("id").Where("workspace_id = ? AND id >= ?", workspace, since(made)).Order("id").Offset(l.scanMost).Limit(1).Scan(&last).Error
	if err != nil {
		return out, err
	}
	for _, p := range proofs {
		find := of().Where("token_id = ? AND replay_of = '' AND "+p.where, token)
		if last != "" {
			find = find.Where("id <= ?", last)
		}
		row, err := firstOf(find.Order("id"))
		if err != nil {
			return out, err
		}
		out.Proofs = append(out.Proofs, Proof{p.step, row})
	}
	out.Problem, err = firstOf(of().Where("token_id = ? AND "+refusals+" AND result <> 'slowed' AND resolved_at IS NULL", token).Order("id DESC"))
	return out, err
}

func firstOf(find *gorm.DB) (*Row, error) {
	var rows []Row
	if err := find.Limit(1).Find(&rows).Error; err != nil || len(rows) == 0 {
		return nil, err
	}
	return &rows[0], nil
}

// LastGood is when the last call about each of some people was that went well; who is missing in it has none in the log.
func LastGood(db *gorm.DB, workspace string, people []string) (map[string]time.Time, error) {
	if len(people) == 0 {
		return nil, nil //nolint:nilnil // nobody has none
	}
	var rows []struct{ SubjectID, ID string }
	err := db.Raw("SELECT subject_id, MAX(id) AS id FROM provisioning_log WHERE workspace_id = ? AND subject_id <> '' AND subject_id IN ? AND result IN ('ok', 'unchanged')"+
		" GROUP BY subject_id", workspace, people).Scan(&rows).Error
	out := make(map[string]time.Time, len(rows))
	for _, r := range rows {
		out[r.SubjectID] = timeOf(r.ID)
	}
	return out, err
}

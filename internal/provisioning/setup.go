package provisioning

import (
	"fmt"
	"strings"
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

// firstProofs finds, in one look through the rows, the first that proves each step.
var firstProofs = func() string {
	var b strings.Builder
	for i, p := range proofs {
		fmt.Fprintf(&b, ", MIN(CASE WHEN %s THEN id END) AS p%d", p.where, i)
	}
	return b.String()[2:]
}()

// SetupOf reads the log for the first calls with a token that was made at a time. What comes after very many rows is not looked for.
func (l *Log) SetupOf(db *gorm.DB, workspace, token string, made time.Time) (Setup, error) {
	var out Setup
	of := func() *gorm.DB {
		return db.Table("provisioning_log").Where("workspace_id = ? AND id >= ?", workspace, since(made))
	}
	var last string
	if err := of().Select("id").Order("id").Offset(l.scanMost).Limit(1).Scan(&last).Error; err != nil {
		return out, err
	}
	find := of().Select(firstProofs).Where("token_id = ? AND replay_of = ''", token)
	if last != "" {
		find = find.Where("id <= ?", last)
	}
	ids := make([]*string, len(proofs))
	into := make([]any, len(proofs))
	for i := range ids {
		into[i] = &ids[i]
	}
	if err := find.Row().Scan(into...); err != nil {
		return out, err
	}
	for i, p := range proofs {
		proof := Proof{Step: p.step}
		if ids[i] != nil {
			var err error
			if proof.Row, err = firstOf(of().Where("id = ?", *ids[i])); err != nil {
				return out, err
			}
		}
		out.Proofs = append(out.Proofs, proof)
	}
	var err error
	out.Problem, err = l.lastProblem(of, token)
	return out, err
}

// lastProblem is the last refusal of a token that has not come right, among the last of all refusals.
func (l *Log) lastProblem(of func() *gorm.DB, token string) (*Row, error) {
	floor := ""
	if err := of().Where(refusals).Select("id").Order("id DESC").Offset(l.scanMost / 2).Limit(1).Scan(&floor).Error; err != nil {
		return nil, err
	}
	return firstOf(of().Where("id >= ? AND token_id = ? AND "+refusals+" AND result <> 'slowed' AND resolved_at IS NULL", floor, token).Order("id DESC"))
}

func firstOf(find *gorm.DB) (*Row, error) {
	var rows []Row
	if err := find.Select(rowColumns).Limit(1).Find(&rows).Error; err != nil || len(rows) == 0 {
		return nil, err
	}
	return &rows[0], nil
}

// LastGood is when the last call about each of some people was that went well; who is missing in it has none in the log.
func LastGood(db *gorm.DB, workspace string, people []string) (map[string]time.Time, error) {
	if len(people) == 0 {
		return nil, nil //nolint:nilnil // nobody has none
	}
	var args []any
	for _, id := range people {
		args = append(args, id)
	}
	var rows []struct{ Person, ID string }
	// For each of them one step from the end of their rows: how many calls there were does not matter. column1 is what both databases call it.
	err := db.Raw("SELECT v.column1 AS person, COALESCE((SELECT l.id FROM provisioning_log l WHERE l.workspace_id = ? AND l.subject_id <> '' AND l.subject_id = v.column1"+
		" AND l.result IN ('ok', 'unchanged') ORDER BY l.id DESC LIMIT 1), '') AS id FROM (VALUES "+strings.TrimSuffix(strings.Repeat("(CAST(? AS text)), ", len(people)), ", ")+") AS v",
		append([]any{workspace}, args...)...).Scan(&rows).Error
	out := make(map[string]time.Time, len(rows))
	for _, r := range rows {
		if r.ID != "" {
			out[r.Person] = timeOf(r.ID)
		}
	}
	return out, err
}

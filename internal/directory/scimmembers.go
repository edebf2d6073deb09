package directory

import (
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/scim"
)

// atOnce is how many ids one statement names.
const atOnce = 500

// membership changes the members of one locked team as rows; its cost depends on the change and not on the size of the team.
type membership struct {
	tx        database.Tx
	workspace string
	team      string
	base      string
	now       time.Time

	added, removed int64
	unknown        int64 // ids that name nobody yet and were not known to
	before, after  int64 // members, where more than half have gone
}

func (m *membership) changed() bool { return m.added+m.removed > 0 }

// detail is what the audit says of the change.
func (m *membership) detail(changed []string) audit.Detail {
	d := audit.Detail{}
	for name, n := range map[string]int64{"added": m.added, "removed": m.removed, "unknown": m.unknown} {
		if n > 0 {
			d[name] = n
		}
	}
	if len(changed) > 0 {
		d["changed"] = changed
	}
	return d
}

func (m *membership) apply(c scim.MemberChange) error {
	switch c.Kind {
	case scim.AddMembers:
		return m.add(c.IDs)
	case scim.RemoveMembers:
		return m.remove(c.IDs)
	case scim.RemoveWhere:
		return m.removeWhere(c.Where)
	}
	if len(c.IDs) == 0 {
		return m.clear()
	}
	return m.replace(c.IDs)
}

// known is the condition that a person, found by id, may be a member: of this workspace, seen by SCIM, not deleted.
const known = "COALESCE(workspace_id, '') = ? AND source = 'directory' AND deleted_at IS NULL"

// add adds people. Ids that name nobody are kept until that person arrives.
func (m *membership) add(ids []string) error {
	for some := range slices.Chunk(ids, atOnce) {
		res := m.tx.Exec("INSERT INTO team_members (team_id, person_id, workspace_id) SELECT ?, id, workspace_id FROM people WHERE "+known+
			" AND id IN ? ON CONFLICT DO NOTHING", m.team, m.workspace, some)
		if res.Error != nil {
			return res.Error
		}
		m.added += res.RowsAffected
		if res.RowsAffected < int64(len(some)) {
			if err := m.keepUnknown(some); err != nil {
				return err
			}
		}
	}
	return nil
}

// keepUnknown keeps the ids that name nobody. A team's id is refused: teams have no teams in them.
func (m *membership) keepUnknown(ids []string) error {
	var there []string
	err := m.tx.Raw("SELECT id FROM people WHERE "+known+" AND id IN ?", m.workspace, ids).Scan(&there).Error
	if err != nil {
		return err
	}
	unknown := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return slices.Contains(there, id) })
	if len(unknown) == 0 {
		return nil
	}
	var nested string
	err = m.tx.Raw("SELECT id FROM teams WHERE COALESCE(workspace_id, '') = ? AND deleted_at IS NULL AND id IN ? LIMIT 1", m.workspace, unknown).Scan(&nested).Error
	if err != nil {
		return err
	}
	if nested != "" {
		return ErrNestedTeam
	}
	rows := strings.TrimSuffix(strings.Repeat("(?, ?, ?, ?), ", len(unknown)), ", ")
	args := make([]any, 0, 4*len(unknown))
	for _, id := range unknown {
		args = append(args, m.team, id, m.workspace, m.now)
	}
	res := m.tx.Exec("INSERT INTO team_pending (team_id, member_id, workspace_id, created_at) VALUES "+rows+" ON CONFLICT DO NOTHING", args...)
	m.unknown += res.RowsAffected
	return res.Error
}

// remove removes people; ids of others than members are no error. A deleted person's row goes too, unseen.
func (m *membership) remove(ids []string) error {
	for some := range slices.Chunk(ids, atOnce) {
		res := m.tx.Exec("DELETE FROM team_members WHERE team_id = ? AND person_id IN ? AND person_id IN (SELECT id FROM people WHERE "+known+" AND id IN ?)",
			m.team, some, m.workspace, some)
		if res.Error != nil {
			return res.Error
		}
		m.removed += res.RowsAffected
		if res.RowsAffected == int64(len(some)) {
			continue
		}
		if err := m.tx.Exec("DELETE FROM team_members WHERE team_id = ? AND person_id IN ?", m.team, some).Error; err != nil {
			return err
		}
		if err := m.tx.Exec("DELETE FROM team_pending WHERE team_id = ? AND member_id IN ?", m.team, some).Error; err != nil {
			return err
		}
	}
	return nil
}

func (m *membership) clear() error {
	res := m.tx.Exec("DELETE FROM team_members WHERE team_id = ? AND person_id IN (SELECT id FROM people WHERE "+known+")", m.team, m.workspace)
	if res.Error != nil {
		return res.Error
	}
	m.removed += res.RowsAffected
	if err := m.tx.Exec("DELETE FROM team_members WHERE team_id = ?", m.team).Error; err != nil {
		return err
	}
	return m.tx.Exec("DELETE FROM team_pending WHERE team_id = ?", m.team).Error
}

// replace makes exactly these the members, writing only the difference.
func (m *membership) replace(ids []string) error {
	var have []string
	err := m.tx.Raw("SELECT person_id FROM team_members WHERE team_id = ? UNION SELECT member_id FROM team_pending WHERE team_id = ?", m.team, m.team).
		Scan(&have).Error
	if err != nil {
		return err
	}
	wanted := make(map[string]bool, len(ids))
	for _, id := range ids {
		wanted[id] = true
	}
	gone := slices.DeleteFunc(have, func(id string) bool {
		if wanted[id] {
			delete(wanted, id)
			return true
		}
		return false
	})
	if err := m.remove(gone); err != nil {
		return err
	}
	return m.add(slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return !wanted[id] }))
}

// removeWhere removes the members that a value filter chooses.
func (m *membership) removeWhere(where scim.Expr) error {
	w := &conditionWriter{postgres: m.tx.Dialect() == database.Postgres, workspace: m.workspace, base: m.base}
	w.inside = &relation{part: func(sub *scim.Attribute) column { return memberColumn(sub, m.base) }}
	w.expr(where, false)
	res := m.tx.Exec("DELETE FROM team_members WHERE team_id = ? AND person_id IN (SELECT m.id FROM people m JOIN team_members tm ON tm.person_id = m.id"+
		" WHERE tm.team_id = ? AND COALESCE(m.workspace_id, '') = ? AND m.source = 'directory' AND m.deleted_at IS NULL AND "+w.b.String()+")",
		append([]any{m.team, m.team, m.workspace}, w.args...)...)
	m.removed += res.RowsAffected
	return res.Error
}

// memberRow is a member of a team as it is shown.
type memberRow struct {
	TeamID string
	ID     string
	Name   string
}

const selectMembers = "SELECT tm.team_id, m.id, m.name FROM team_members tm JOIN people m ON m.id = tm.person_id AND m.source = 'directory' AND m.deleted_at IS NULL"

// members are all members of one team, or none when they are not wanted.
func (p *Provisioning) members(db *gorm.DB, wanted bool, team string) ([]any, error) {
	if !wanted {
		return nil, nil
	}
	var rows []memberRow
	err := db.Raw(selectMembers+" WHERE tm.team_id = ? ORDER BY tm.person_id", team).Scan(&rows).Error
	return p.shownMembers(rows), err
}

// MaxListedMembers is how many members a page of teams shows in all. Teams that do not fit are shown without members; reading one of them by
// its id shows them all.
const MaxListedMembers = 10_000

// membersOf are the members of the teams of a page, by team.
func (p *Provisioning) membersOf(db *gorm.DB, teams []string) (map[string][]any, error) {
	if len(teams) == 0 {
		return nil, nil
	}
	var rows []memberRow
	err := db.Raw(selectMembers+" WHERE tm.team_id IN ? ORDER BY tm.team_id, tm.person_id LIMIT ?", teams, MaxListedMembers+1).Scan(&rows).Error
	if err != nil {
		return nil, err
	}
	if len(rows) > MaxListedMembers { // the last team is cut off
		last := rows[MaxListedMembers].TeamID
		rows = slices.DeleteFunc(rows, func(r memberRow) bool { return r.TeamID == last })
	}
	out := map[string][]any{}
	for len(rows) > 0 {
		n := slices.IndexFunc(rows, func(r memberRow) bool { return r.TeamID != rows[0].TeamID })
		if n < 0 {
			n = len(rows)
		}
		out[rows[0].TeamID] = p.shownMembers(rows[:n])
		rows = rows[n:]
	}
	return out, nil
}

func (p *Provisioning) shownMembers(rows []memberRow) []any {
	out := make([]any, len(rows))
	for i, r := range rows {
		out[i] = map[string]any{"value": r.ID, "$ref": p.base + "/Users/" + r.ID, "display": r.Name, "type": "User"}
	}
	return out
}

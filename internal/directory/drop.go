package directory

// dropLeast is how many members a team has before it can lose a conspicuous share of them.
const dropLeast = 5

// LargeDrop says whether a team that has lost so many members, and has so many left, has lost more than half of at least five.
func LargeDrop(lost, left int64) bool { return lost > left && lost+left >= dropLeast }

// fell notes how many members the team had and has, where the changes so far took more than half of them. What it costs depends on the change and
// not on the team.
func (m *membership) fell() error {
	lost := m.removed - m.added
	if lost <= dropLeast/2 {
		return nil
	}
	var left int64 // as many as were lost, or more, are half of them or more
	err := m.tx.Raw("SELECT count(*) FROM (SELECT 1 FROM team_members tm JOIN people p ON p.id = tm.person_id AND p.deleted_at IS NULL WHERE tm.team_id = ? LIMIT ?) few",
		m.team, lost).Scan(&left).Error
	if err == nil && LargeDrop(lost, left) {
		m.before, m.after = left+lost, left
	}
	return err
}

package directory

import (
	"cmp"
	"slices"
	"time"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/scim"
)

// How people are found whom several filters choose together. A filter that chooses few is read whole, by its index, and the others look at what it
// has found. Where all of them choose many, people are looked through in their order, walkMost for a page at most, and the next page goes on from
// there. So nothing costs more where a workspace has more people.
const (
	narrowMost = 5000
	walkMost   = 10_000
)

// reach is how far a list looks.
type reach struct{ narrow, walk int }

var usualReach = reach{narrowMost, walkMost}

func (c Choice) reached() reach {
	if c.reach == (reach{}) {
		return usualReach
	}
	return c.reach
}

// memberColumns are personRow without the attributes, which are long and which no list shows.
const memberColumns = "p.id, p.workspace_id, p.source, p.role, p.role_mapped, p.active, p.user_name, p.user_name_key, p.name, p.name_key, p.email, p.email_key," +
	" p.external_id, p.version, p.created_at, p.updated_at"

// The conditions of the partial indexes, word for word: SQLite takes such an index only where its own condition stands in the query.
const (
	isLive     = "p.deleted_at IS NULL"
	isGuest    = "p.role = 'guest'"
	isAdmin    = "p.role IN ('owner', 'super_admin', 'admin')"
	isLocal    = "p.source = 'local'"
	isInactive = "p.active = false"
)

// part is one filter of a choice that an index answers.
type part struct {
	ids  string // a SELECT of the ids of those whom it chooses
	args []any
}

// parts are the filters of a choice that choose few, or may.
func (c Choice) parts(db *gorm.DB, workspace string) []part {
	var out []part
	of := func(index, condition string, args ...any) {
		out = append(out, part{"SELECT p.id FROM people p" + database.Along(db, index) + " WHERE p.workspace_id = ? AND " + isLive + " AND " + condition,
			append([]any{workspace}, args...)})
	}
	if c.Among != nil {
		out = append(out, part{"SELECT p.id FROM people p WHERE p.id IN ?", []any{append([]string{""}, c.Among...)}}) // an empty list is no SQL
	}
	if c.Team != "" {
		out = append(out, part{"SELECT m.person_id AS id FROM team_members m WHERE m.team_id = ?", []any{c.Team}})
	}
	switch {
	case c.Role.Admin():
		of("people_admins", isAdmin+" AND p.role = ?", string(c.Role))
	case c.Role == Guest:
		of("people_guests", isGuest)
	}
	if c.Active != nil && !*c.Active {
		of("people_inactive", isInactive)
	}
	if c.Source == Local {
		of("people_local", isLocal)
	}
	return out
}

// any says whether the choice leaves anybody out, but for the text.
func (c Choice) any() bool {
	return c.Role != "" || c.Source != "" || c.Team != "" || c.Active != nil || c.Among != nil
}

// where adds everything but the text to a query of people p.
func (c Choice) where(find *gorm.DB, workspace string) *gorm.DB {
	find = find.Where("p.workspace_id = ? AND "+isLive, workspace)
	switch {
	case c.Role.Admin():
		find = find.Where(isAdmin+" AND p.role = ?", string(c.Role))
	case c.Role == Guest:
		find = find.Where(isGuest)
	case c.Role != "":
		find = find.Where("p.role = ?", string(c.Role))
	}
	switch c.Source {
	case "":
	case Local:
		find = find.Where(isLocal)
	default:
		find = find.Where("p.source = ?", string(c.Source))
	}
	switch {
	case c.Active == nil:
	case *c.Active:
		find = find.Where("p.active")
	default:
		find = find.Where(isInactive)
	}
	if c.Among != nil {
		find = find.Where("p.id IN ?", append([]string{""}, c.Among...))
	}
	if c.Team != "" {
		find = find.Where("EXISTS (SELECT 1 FROM team_members m WHERE m.team_id = ? AND m.person_id = p.id)", c.Team)
	}
	return find
}

// narrowest is the filter that chooses the fewest; nil where each chooses too many to be read whole.
func (c Choice) narrowest(db *gorm.DB, workspace string) (*part, error) {
	var best *part
	least := c.reached().narrow + 1
	for _, p := range c.parts(db, workspace) {
		var n int
		err := db.Raw("SELECT count(*) FROM (SELECT 1 FROM ("+p.ids+") i LIMIT ?) few", append(slices.Clone(p.args), least)...).Scan(&n).Error
		if err != nil {
			return nil, err
		}
		if n < least {
			best, least = &p, n
		}
	}
	return best, nil
}

// people is a query of the chosen people p: of those whom the narrowest filter has found, where there is one. SQLite takes the tables of a CROSS JOIN
// in the order in which they stand.
func (c Choice) people(db *gorm.DB, workspace string, narrow *part) *gorm.DB {
	find := db.Table("people p")
	if narrow != nil {
		find = db.Table("("+narrow.ids+") i CROSS JOIN people p", narrow.args...).Where("p.id = i.id")
	}
	return c.where(find, workspace).Select(memberColumns)
}

// page are the chosen people in the order in which they were added.
func page(db *gorm.DB, workspace string, choice Choice, after string, limit int) ([]personRow, string, error) {
	narrow, err := choice.narrowest(db, workspace)
	if err != nil {
		return nil, "", err
	}
	find := choice.people(db, workspace, narrow)
	var from place
	if after != "" {
		if from.at, from.id, err = parseCursor(after); err != nil {
			return nil, "", err
		}
		find = find.Where("(p.created_at, p.id) > (?, ?)", from.at, from.id)
	}
	var end place
	if narrow == nil && choice.any() {
		if end, err = choice.walk(db, workspace, from); err != nil {
			return nil, "", err
		}
		if end.id != "" {
			find = find.Where("(p.created_at, p.id) <= (?, ?)", end.at, end.id)
		}
	}
	var rows []personRow
	if err := find.Order("p.created_at, p.id").Limit(limit + 1).Scan(&rows).Error; err != nil {
		return nil, "", err
	}
	if len(rows) > limit {
		end, rows = place{rows[limit-1].CreatedAt, rows[limit-1].ID}, rows[:limit]
	}
	if end.id == "" {
		return rows, "", nil
	}
	return rows, cursor(end.at, end.id), nil
}

// place is where somebody stands in the order in which people were added.
type place struct {
	at time.Time
	id string
}

// walk is where a page has to end that begins behind from, because walkMost people were looked through along one of the indexes that may find them;
// empty where they end before.
func (c Choice) walk(db *gorm.DB, workspace string, from place) (place, error) {
	ways := []string{}
	if c.Role == Guest {
		ways = append(ways, isGuest)
	}
	if c.Active != nil && !*c.Active {
		ways = append(ways, isInactive)
	}
	if c.Source == Local {
		ways = append(ways, isLocal)
	}
	if len(ways) == 0 {
		ways = append(ways, "1 = 1")
	}
	var nearest place
	for _, way := range ways {
		find := db.Table("people p").Where("p.workspace_id = ? AND "+isLive+" AND "+way, workspace)
		if from.id != "" {
			find = find.Where("(p.created_at, p.id) > (?, ?)", from.at, from.id)
		}
		var end []personRow
		if err := find.Select("p.created_at, p.id").Order("p.created_at, p.id").Offset(c.reached().walk - 1).Limit(1).Scan(&end).Error; err != nil {
			return place{}, err
		}
		if len(end) == 0 {
			continue
		}
		here := place{end[0].CreatedAt, end[0].ID}
		if nearest.id == "" || cmp.Or(here.at.Compare(nearest.at), cmp.Compare(here.id, nearest.id)) < 0 {
			nearest = here
		}
	}
	return nearest, nil
}

// beyond ends the range of all texts that begin with another one.
const beyond = "\U0010FFFF"

// search are the first of the chosen people whose userName, e-mail address or name begins with key, and whether there are more, or may be.
func search(db *gorm.DB, workspace, key string, choice Choice, limit int) (rows []personRow, part bool, err error) {
	if !scim.Storable(key) {
		return nil, false, nil
	}
	narrow, err := choice.narrowest(db, workspace)
	if err != nil {
		return nil, false, err
	}
	if narrow != nil {
		to := key + beyond
		find := choice.people(db, workspace, narrow).Where("(p.user_name_key >= ? AND p.user_name_key < ? OR p.email_key >= ? AND p.email_key < ? OR p.name_key >= ? AND p.name_key < ?)",
			key, to, key, to, key, to)
		err := find.Order("p.name_key, p.id").Limit(limit + 1).Scan(&rows).Error
		return rows[:min(limit, len(rows))], len(rows) > limit, err
	}
	for _, column := range []string{"p.user_name_key", "p.email_key", "p.name_key"} {
		some, cut, err := choice.beginning(db, workspace, column, key, limit+1)
		if err != nil {
			return nil, false, err
		}
		rows, part = append(rows, some...), part || cut
	}
	slices.SortFunc(rows, func(a, b personRow) int {
		return cmp.Or(cmp.Compare(a.NameKey, b.NameKey), cmp.Compare(a.ID, b.ID))
	})
	rows = slices.CompactFunc(rows, func(a, b personRow) bool { return a.ID == b.ID })
	return rows[:min(limit, len(rows))], part || len(rows) > limit, nil
}

// beginning are the first of the chosen people whose column begins with key, among walkMost of all who have it so, and whether there are more of those.
func (c Choice) beginning(db *gorm.DB, workspace, column, key string, limit int) (rows []personRow, cut bool, err error) {
	to, below := key+beyond, " < ?"
	if c.any() {
		var end []string
		err := db.Table("people p").Where("p.workspace_id = ? AND "+isLive+" AND "+column+" >= ? AND "+column+" < ?", workspace, key, to).
			Select(column).Order(column).Offset(c.reached().walk - 1).Limit(2).Scan(&end).Error
		if err != nil {
			return nil, false, err
		}
		if len(end) > 0 {
			to, below, cut = end[0], " <= ?", len(end) > 1
		}
	}
	err = c.people(db, workspace, nil).Where(column+" >= ? AND "+column+below, key, to).Order(column).Limit(limit).Scan(&rows).Error
	return rows, cut, err
}

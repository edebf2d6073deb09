package directory

import (
	"cmp"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/scim"
)

const (
	pageDefault = 50
	pageMost    = 200
)

// ErrCursor says that a paging cursor was not made here.
var ErrCursor = fault.New(fault.Invalid, "bad_cursor", "This page cannot be found any more. Start from the first one.")

// TeamRef names a team.
type TeamRef struct{ ID, Name string }

// Member is a person with the teams they are in.
type Member struct {
	Person
	Teams []TeamRef
}

// Members is a page of people.
type Members struct {
	Items []Member
	Next  string // cursor of the next page; "" on the last one
}

// Choice says which people a list is of; the zero value of a field does not choose.
type Choice struct {
	Text   string // the beginning of a userName, e-mail address or name
	Role   Role
	Source Source
	Team   string // id; its members
	Active *bool
	Among  []string // ids; nil does not choose, an empty list chooses nobody
}

// where adds everything but the text to a query of people.
func (c Choice) where(find *gorm.DB, workspace string) *gorm.DB {
	if c.Role != "" {
		find = find.Where("role = ?", string(c.Role))
	}
	if c.Source != "" {
		find = find.Where("source = ?", string(c.Source))
	}
	if c.Active != nil {
		find = find.Where("active = ?", *c.Active)
	}
	if c.Among != nil {
		find = find.Where("id IN ?", append([]string{""}, c.Among...)) // an empty list is no SQL
	}
	if c.Team != "" {
		find = find.Where("id IN (SELECT person_id FROM team_members WHERE team_id = ? AND workspace_id = ?)", c.Team, workspace)
	}
	return find
}

// List is a page of a workspace's people in the order they were added. With a text it is instead the first people, at most limit, whose userName,
// e-mail address or name begins with it: each of the three is an index range, so searching never reads the whole workspace.
func List(db *gorm.DB, workspace string, choice Choice, after string, limit int) (Members, error) {
	limit = pageSize(limit)
	var rows []personRow
	var next string
	var err error
	if text := strings.TrimSpace(choice.Text); text != "" {
		rows, err = search(db, workspace, Key(text), choice, limit)
	} else {
		rows, next, err = page(db, workspace, choice, after, limit)
	}
	if err != nil {
		return Members{}, err
	}
	out := Members{Items: make([]Member, len(rows)), Next: next}
	ids := make([]string, len(rows))
	for i, r := range rows {
		out.Items[i].Person, ids[i] = r.person(), r.ID
	}
	teams, err := teamsOf(db, workspace, ids)
	for i, id := range ids {
		out.Items[i].Teams = teams[id]
	}
	return out, err
}

// FindMember reads one person with their teams.
func FindMember(db *gorm.DB, workspace, id string) (Member, error) {
	p, err := Find(db, workspace, id)
	if err != nil {
		return Member{}, err
	}
	teams, err := teamsOf(db, workspace, []string{id})
	return Member{Person: p, Teams: teams[id]}, err
}

func page(db *gorm.DB, workspace string, choice Choice, after string, limit int) ([]personRow, string, error) {
	find := choice.where(db.Where("workspace_id = ? AND deleted_at IS NULL", workspace), workspace).Order("created_at, id").Limit(limit + 1)
	if after != "" {
		at, id, err := parseCursor(after)
		if err != nil {
			return nil, "", err
		}
		find = find.Where("(created_at, id) > (?, ?)", at, id)
	}
	var rows []personRow
	if err := find.Find(&rows).Error; err != nil || len(rows) <= limit {
		return rows, "", err
	}
	last := rows[limit-1]
	return rows[:limit], cursor(last.CreatedAt, last.ID), nil
}

func search(db *gorm.DB, workspace, key string, choice Choice, limit int) ([]personRow, error) {
	var rows []personRow
	if !scim.Storable(key) {
		return nil, nil
	}
	for _, column := range []string{"user_name_key", "email_key", "name_key"} {
		var some []personRow
		find := db.Where("workspace_id = ? AND deleted_at IS NULL AND "+column+" >= ? AND "+column+" < ?", workspace, key, key+"\U0010FFFF")
		err := choice.where(find, workspace).Order(column).Limit(limit).Find(&some).Error
		if err != nil {
			return nil, err
		}
		rows = append(rows, some...)
	}
	slices.SortFunc(rows, func(a, b personRow) int {
		return cmp.Or(cmp.Compare(Key(a.Name), Key(b.Name)), cmp.Compare(a.ID, b.ID))
	})
	rows = slices.CompactFunc(rows, func(a, b personRow) bool { return a.ID == b.ID })
	return rows[:min(limit, len(rows))], nil
}

func pageSize(limit int) int {
	if limit <= 0 {
		return pageDefault
	}
	return min(limit, pageMost)
}

// cursor is where a page ended: the time in microseconds, which is as exact as both databases keep it, and the id.
func cursor(at time.Time, id string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(at.UnixMicro(), 10) + "." + id))
}

func parseCursor(text string) (time.Time, string, error) {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return time.Time{}, "", ErrCursor
	}
	micros, id, _ := strings.Cut(string(raw), ".")
	n, err := strconv.ParseInt(micros, 10, 64)
	if err != nil || id == "" || len(id) > 64 || !scim.Storable(id) {
		return time.Time{}, "", ErrCursor
	}
	return time.UnixMicro(n).UTC(), id, nil
}

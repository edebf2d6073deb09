package directory

import (
	"encoding/base64"
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
	Next  string // cursor of the next page; "" on the last one. A page may be short, or empty, where many had to be looked through
	Part  bool   // a search that ended before all who match were looked at, because its limit was reached or so many match that not all were filtered
}

// Choice says which people a list is of; the zero value of a field does not choose.
type Choice struct {
	Text   string // the beginning of a userName, e-mail address or name
	Role   Role
	Source Source
	Team   string // id; its members
	Active *bool
	Among  []string // ids; nil does not choose, an empty list chooses nobody

	reach reach // the usual one where it is empty
}

// List is a page of a workspace's people in the order they were added. With a text it is instead the first people, at most limit, whose userName,
// e-mail address or name begins with it. What it costs does not grow with the workspace: see choice.go.
func List(db *gorm.DB, workspace string, choice Choice, after string, limit int) (Members, error) {
	limit = pageSize(limit)
	var rows []personRow
	var next string
	var part bool
	var err error
	if text := strings.TrimSpace(choice.Text); text != "" {
		rows, part, err = search(db, workspace, Key(text), choice, limit)
	} else {
		rows, next, err = page(db, workspace, choice, after, limit)
	}
	if err != nil {
		return Members{}, err
	}
	out := Members{Items: make([]Member, len(rows)), Next: next, Part: part}
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

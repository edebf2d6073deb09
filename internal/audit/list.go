package audit

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/fault"
)

// What a list refuses.
var (
	ErrCursor = fault.New(fault.Invalid, "bad_cursor", "This page of the activity cannot be continued. Start again from the newest event.")
	ErrFilter = fault.New(fault.Invalid, "malformed", "One of the filters is not of the form that this call takes.")
	ErrNone   = fault.New(fault.NotFound, "not_found", "There is no such event.")
)

// Query chooses events of a workspace; the zero value of a field does not choose.
type Query struct {
	Workspace string    `json:"-"`
	Limit     int       `json:"-"`                // events of a page
	After     string    `json:"-"`                // Next of a page: the older events that follow
	Actor     string    `json:"actor,omitempty"`  // id of who acted
	Object    string    `json:"object,omitempty"` // id of what it happened to
	Person    string    `json:"person,omitempty"` // id of a person: what they did and what happened to them
	Kind      string    `json:"kind,omitempty"`   // one of Areas, or an event such as token.viewed
	From      time.Time `json:"from,omitzero"`
	To        time.Time `json:"to,omitzero"`
	Text      string    `json:"text,omitempty"` // in the event, the actor's name, the address, the object and the detail, whatever the case
}

// Entry is an event as the list shows it.
type Entry struct {
	ID        string
	At        time.Time
	Event     string
	ActorKind string
	ActorID   string
	ActorName string
	Subject   string
	IP        string
	UserAgent string
	Detail    json.RawMessage
	Position  int64 // 0: not sealed yet
	Erased    bool
}

// Page is a page of events, newest first.
type Page struct {
	Events []Entry
	Next   string     // where older events begin; "" where there are none
	To     *time.Time // how far back was looked, where the page ends before it is full because so many events did not match
}

const (
	// PageMost is how many events a page has at most.
	PageMost    = 200
	pageDefault = 50
	// scanMost is how many events one page looks through when no index finds what a filter asks for; the next page goes on from there.
	scanMost = 5000
)

const entryColumns = "id, at, event, actor_kind, actor_id, actor_name, subject, ip, user_agent, CAST(detail AS text) AS detail," +
	" COALESCE(position, 0) AS position, who_hash IS NOT NULL OR what_hash IS NOT NULL AS erased"

type entryRow struct {
	Entry
	Detail string
}

func (r entryRow) entry() Entry {
	e := r.Entry
	e.At, e.Detail = e.At.UTC(), json.RawMessage(r.Detail)
	return e
}

// List reads a page. Events of the unsealed tail come from an index that holds nothing else, sealed ones along the index of the filter; what
// a page costs does not depend on how many events there are.
func List(db *gorm.DB, q Query) (Page, error) { return list(db, q, scanMost) }

func list(db *gorm.DB, q Query, most int) (Page, error) {
	if q.Limit <= 0 {
		q.Limit = pageDefault
	}
	q.Limit = min(q.Limit, PageMost)
	from, err := cursorOf(q.After)
	if err != nil {
		return Page{}, err
	}
	var found []entryRow
	var floor *mark // the nearest end of what was looked through, of any way
	for _, w := range q.ways() {
		rows, end, err := w.read(db, q, from, most)
		if err != nil {
			return Page{}, err
		}
		found = append(found, rows...)
		if end != nil && (floor == nil || floor.before(*end)) {
			floor = end
		}
	}
	return q.page(found, floor), nil
}

// page puts together what several ways have found: nothing older than where one of them stopped, and nothing twice.
func (q Query) page(found []entryRow, floor *mark) Page {
	slices.SortFunc(found, func(a, b entryRow) int { return mark{b.At, b.ID}.compare(mark{a.At, a.ID}) })
	found = slices.CompactFunc(found, func(a, b entryRow) bool { return a.ID == b.ID })
	if floor != nil {
		found = slices.DeleteFunc(found, func(r entryRow) bool { return mark{r.At, r.ID}.before(*floor) })
	}
	var p Page
	full := len(found) > q.Limit
	if full {
		found = found[:q.Limit]
	}
	for _, r := range found {
		p.Events = append(p.Events, r.entry())
	}
	switch {
	case full:
		last := found[len(found)-1]
		p.Next = mark{last.At, last.ID}.cursor()
	case floor != nil:
		at := floor.at.UTC()
		p.Next, p.To = floor.cursor(), &at
	}
	return p
}

// way is one index along which events are read, newest first, and the condition that makes it the way.
type way struct {
	where string
	args  []any
	exact bool // nothing else has to be compared but the time
}

// ways are the indexes that find a query's events: the tail's, and the narrowest of the sealed ones.
func (q Query) ways() []way {
	rest := q.Kind != "" && strings.Contains(q.Kind, ".") || q.Text != ""
	sealed := func(column, value string, more bool) way {
		return way{"position IS NOT NULL AND " + column + " = ?", []any{value}, !more && !rest}
	}
	out := []way{{"position IS NULL", nil, false}}
	switch {
	case q.Person != "":
		also := q.Actor != "" || q.Object != "" || q.Kind != ""
		return append(out, sealed("actor_id", q.Person, also), sealed("subject", q.Person, also))
	case q.Object != "":
		return append(out, sealed("subject", q.Object, q.Actor != "" || q.Kind != ""))
	case q.Actor != "":
		return append(out, sealed("actor_id", q.Actor, q.Kind != ""))
	case q.Kind != "":
		return append(out, sealed("area", areaOf(q.Kind), false))
	}
	return append(out, way{"position IS NOT NULL", nil, !rest})
}

// areaOf is the area of a kind: itself, or that of an event.
func areaOf(kind string) string {
	if strings.Contains(kind, ".") {
		return Area(kind)
	}
	return kind
}

// read takes a page along the way, and says where it stopped looking, if it did before the end.
func (w way) read(db *gorm.DB, q Query, from *mark, most int) ([]entryRow, *mark, error) {
	along := func() *gorm.DB {
		find := db.Table("audit_events").Where("workspace_id = ?", q.Workspace).Where(w.where, w.args...)
		if from != nil {
			find = find.Where("(at, id) < (?, ?)", from.at, from.id)
		}
		if !q.From.IsZero() {
			find = find.Where("at >= ?", q.From)
		}
		if !q.To.IsZero() {
			find = find.Where("at < ?", q.To)
		}
		return find.Order("at DESC, id DESC")
	}
	var floor *mark
	find := along()
	if !w.exact {
		var end []struct {
			At time.Time
			ID string
		}
		if err := along().Select("at, id").Offset(most - 1).Limit(1).Scan(&end).Error; err != nil {
			return nil, nil, err
		}
		if len(end) > 0 {
			floor = &mark{end[0].At, end[0].ID}
			find = find.Where("(at, id) >= (?, ?)", floor.at, floor.id)
		}
		find = q.match(find)
	}
	var rows []entryRow
	err := find.Select(entryColumns).Limit(q.Limit + 1).Scan(&rows).Error
	if len(rows) > q.Limit {
		floor = nil // the page is full before the end of what was looked through
	}
	return rows, floor, err
}

// match is everything that a query asks for, for rows that an index has found by a part of it.
func (q Query) match(find *gorm.DB) *gorm.DB {
	for column, value := range map[string]string{"actor_id": q.Actor, "subject": q.Object} {
		if value != "" {
			find = find.Where(column+" = ?", value)
		}
	}
	if q.Person != "" {
		find = find.Where("(actor_id = ? OR subject = ?)", q.Person, q.Person)
	}
	switch {
	case strings.Contains(q.Kind, "."):
		find = find.Where("event = ?", q.Kind)
	case q.Kind != "": // the tail has no area yet
		find = find.Where("event IN ?", codesOf(q.Kind))
	}
	if q.Text != "" {
		like := "%" + likely.Replace(strings.ToLower(q.Text)) + "%"
		find = find.Where("(LOWER(event) LIKE ? ESCAPE '!' OR LOWER(actor_name) LIKE ? ESCAPE '!' OR ip LIKE ? ESCAPE '!' OR LOWER(subject) LIKE ? ESCAPE '!'"+
			" OR LOWER(CAST(detail AS text)) LIKE ? ESCAPE '!')", like, like, like, like, like)
	}
	return find
}

func codesOf(area string) []string {
	out := slices.DeleteFunc(Codes(), func(code string) bool { return Area(code) != area })
	return append(out, "") // an empty list is no SQL
}

// Find reads one event of a workspace; ErrNone where it has none like it.
func Find(db *gorm.DB, workspace, id string) (Entry, error) {
	var rows []entryRow
	err := db.Raw("SELECT "+entryColumns+" FROM audit_events WHERE workspace_id = ? AND id = ?", workspace, id).Scan(&rows).Error
	if err != nil {
		return Entry{}, err
	}
	if len(rows) == 0 {
		return Entry{}, ErrNone
	}
	return rows[0].entry(), nil
}

// Sealed is what stands behind an event's place in its chain.
type Sealed struct {
	Hash        []byte
	At          time.Time // when it was signed
	Kid         string
	Fingerprint string // of the key that signed
	First, Last int64  // the run that was signed at once
}

// SealOf is the seal of an event; nil while it has none.
func (c *Chains) SealOf(db *gorm.DB, workspace string, e Entry) (*Sealed, error) {
	if e.Position == 0 {
		return nil, nil //nolint:nilnil // not sealed yet is no mistake
	}
	var out Sealed
	if err := db.Raw("SELECT hash FROM audit_events WHERE workspace_id = ? AND id = ?", workspace, e.ID).Row().Scan(&out.Hash); err != nil {
		return nil, err
	}
	var s []Seal
	err := db.Where("workspace_id = ? AND last >= ?", workspace, e.Position).Order("last").Limit(1).Find(&s).Error
	if err != nil || len(s) == 0 {
		return nil, err
	}
	out.At, out.Kid, out.First, out.Last = s[0].SealedAt.UTC(), s[0].Kid, s[0].First, s[0].Last
	keys, err := c.Public(db)
	if k, ok := ringOf(keys)[out.Kid]; ok {
		out.Fingerprint = Fingerprint(k.SPKI)
	}
	return &out, err
}

// mark is an event's place in the order of time.
type mark struct {
	at time.Time
	id string
}

func (m mark) compare(o mark) int {
	if c := m.at.Compare(o.at); c != 0 {
		return c
	}
	return strings.Compare(m.id, o.id)
}

func (m mark) before(o mark) bool { return m.compare(o) < 0 }

func (m mark) cursor() string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(m.at.UnixMicro(), 10) + " " + m.id))
}

func cursorOf(text string) (*mark, error) {
	if text == "" {
		return nil, nil //nolint:nilnil // no cursor is no mistake
	}
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return nil, ErrCursor
	}
	at, id, ok := strings.Cut(string(b), " ")
	n, err := strconv.ParseInt(at, 10, 64)
	if !ok || err != nil || id == "" || len(id) > 64 || n < 0 || n > 1<<53 {
		return nil, ErrCursor
	}
	return &mark{time.UnixMicro(n).UTC(), id}, nil
}

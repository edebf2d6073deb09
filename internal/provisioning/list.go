package provisioning

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/scim"
)

// Query chooses rows of a workspace's log; the zero value of a field does not choose.
type Query struct {
	Workspace string
	Limit     int    // rows of a page
	After     string // id of a row: the page of older rows that follows it
	Before    string // id of a row: the page of newer rows
	Person    string // id: calls about the person, and those that put them alone into a team or out of one
	Team      string // id
	Result    Result
	Effect    Effect
	Open      bool // only refusals that have not come right
	Operation string
	Method    string
	Code      string
	Token     string
	Bulk      string // id of a bulk call: its operations
	From, To  time.Time
	Text      string // in the sentence, the names, the address and the request id, without regard to case
}

// Row is a call as the list shows it.
type Row struct {
	ID          string
	At          time.Time
	LastAt      time.Time // of a folded row: its last call
	Times       int64
	Result      Result
	Operation   string
	Event       string
	Status      int
	Code        string
	Sentence    string
	SubjectKind string
	SubjectID   string
	SubjectName string
	TokenID     string
	TokenHint   string
	Client      string
	ClientBasis string
	ReplayedBy  string
	ReplayOf    string
	BulkID      string
	Method      string
	Target      string
	RequestID   string
	TookUs      int64
	ResolvedAt  *time.Time
	ResolvedBy  string
}

// Named are the times that the sentence names, in its order: those of a refused token's end.
func (r Row) Named() []time.Time {
	if r.Result != Rejected {
		return nil
	}
	var out []time.Time
	for _, text := range moments.FindAllString(r.Sentence, -1) {
		if t, err := time.Parse(Moment, text); err == nil {
			out = append(out, t)
		}
	}
	return out
}

// Moment is how the sentence of a refused token names a time, in UTC; Named finds it there again.
const Moment = "2 January 2006 at 15:04 UTC"

var moments = regexp.MustCompile(`\b\d{1,2} [A-Z][a-z]+ \d{4} at \d\d:\d\d UTC`)

// Took is how long the call took, as far as its row was written.
func (r Row) Took() time.Duration { return time.Duration(r.TookUs) * time.Microsecond }

const rowColumns = "id, at, last_at, times, result, operation, event, status, code, sentence, subject_kind, subject_id, subject_name, token_id, token_hint," +
	" client, client_basis, replayed_by, replay_of, bulk_id, method, target, request_id, took_us, resolved_at, resolved_by"

// Page is a page of the log, newest first.
type Page struct {
	Rows  []Row
	Next  string     // where older rows begin; "" where there are none
	Newer string     // where newer rows begin: those that come after this page was read
	To    *time.Time // how far back was looked, where the page ends before it is full because so many rows did not match
}

const (
	// PageMost is how many rows a page has at most.
	PageMost    = 200
	pageDefault = 50

	// scanMost is how many rows one page looks through when no index finds what a filter asks for; the next page goes on from there.
	scanMost = 10_000
)

// refusals is the condition of the index of what was refused, word for word.
const refusals = "result IN ('failed', 'rejected', 'slowed')"

// List reads a page.
func (l *Log) List(db *gorm.DB, q Query) (Page, error) {
	if q.Limit <= 0 {
		q.Limit = pageDefault
	}
	q.Limit = min(q.Limit, PageMost)
	for _, id := range []string{q.After, q.Before} {
		if id != "" && !wellFormed(id) {
			return Page{}, ErrCursor
		}
	}
	if q.Before != "" {
		return newer(db, q)
	}
	return older(db, q, l.scanMost)
}

func older(db *gorm.DB, q Query, most int) (Page, error) {
	floor, err := q.floor(db, most)
	if err != nil {
		return Page{}, err
	}
	var p Page
	for _, w := range q.ways() {
		find := w.of(q.where(db.Table("provisioning_log").Select(rowColumns)))
		if q.After != "" {
			find = find.Where("id < ?", q.After)
		}
		if floor != "" {
			find = find.Where("id >= ?", floor)
		}
		var rows []Row
		if err := find.Order("id DESC").Limit(q.Limit + 1).Find(&rows).Error; err != nil {
			return Page{}, err
		}
		p.Rows = append(p.Rows, rows...)
	}
	p.Rows = newest(p.Rows)
	switch {
	case len(p.Rows) > q.Limit:
		p.Rows = p.Rows[:q.Limit]
		p.Next = p.Rows[q.Limit-1].ID
	case floor != "":
		at := timeOf(floor)
		p.Next, p.To = floor, &at
	}
	if p.Newer = q.After; len(p.Rows) > 0 {
		p.Newer = p.Rows[0].ID
	}
	return p, nil
}

func newer(db *gorm.DB, q Query) (Page, error) {
	var p Page
	for _, w := range q.ways() {
		var rows []Row
		err := w.of(q.where(db.Table("provisioning_log").Select(rowColumns))).Where("id > ?", q.Before).Order("id").Limit(q.Limit).Find(&rows).Error
		if err != nil {
			return Page{}, err
		}
		p.Rows = append(p.Rows, rows...)
	}
	p.Rows = newest(p.Rows)
	p.Rows = p.Rows[max(0, len(p.Rows)-q.Limit):]
	p.Newer = q.Before
	if len(p.Rows) > 0 {
		p.Newer, p.Next = p.Rows[0].ID, p.Rows[len(p.Rows)-1].ID
	}
	return p, nil
}

// newest puts rows in the order of a page, each once.
func newest(rows []Row) []Row {
	slices.SortFunc(rows, func(a, b Row) int { return strings.Compare(b.ID, a.ID) })
	return slices.CompactFunc(rows, func(a, b Row) bool { return a.ID == b.ID })
}

// way is a condition that has an index of its own.
type way struct {
	where string
	args  []any
}

func (w way) of(find *gorm.DB) *gorm.DB {
	if w.where == "" {
		return find
	}
	return find.Where(w.where, w.args...)
}

// ways are the indexes along which a page is read. What is known of a person lies along two: SQLite would read the whole log for an OR.
func (q Query) ways() []way {
	if q.Person == "" {
		return []way{{}}
	}
	return []way{
		{"subject_id <> '' AND subject_id = ? AND subject_kind = ?", []any{q.Person, Person}},
		{"member_id <> '' AND member_id = ?", []any{q.Person}},
	}
}

// floor is where a page stops looking: "" where an index finds what it asks for, or the log ends before. Refused calls and those about one team have
// an index each, but lie far apart and may be very many: of these a page looks through half as many.
func (q Query) floor(db *gorm.DB, most int) (string, error) {
	few := q.Person != "" || q.Bulk != ""
	apart := q.Open || q.refused()
	other := q.Effect != "" || q.Operation != "" || q.Token != "" || q.Code != "" || q.Method != ""
	plain := q.Text == "" && !other
	switch {
	case q.Text == "" && few, plain && q.Result == "" && !q.Open:
		return "", nil
	case (apart || q.Team != "") && !few:
		most /= 2
	}
	find := db.Table("provisioning_log").Select("id").Where("workspace_id = ?", q.Workspace)
	switch {
	case few:
	case q.Team != "":
		find = find.Where("subject_id <> '' AND subject_id = ?", q.Team)
	case apart:
		find = find.Where(refusals)
	}
	if q.After != "" {
		find = find.Where("id < ?", q.After)
	}
	if !q.To.IsZero() {
		find = find.Where("id < ?", since(q.To))
	}
	var floor string
	err := find.Order("id DESC").Offset(most).Limit(1).Scan(&floor).Error
	if !q.From.IsZero() && floor < since(q.From) {
		floor = ""
	}
	return floor, err
}

func (q Query) refused() bool {
	return q.Result == Failed || q.Result == Rejected || q.Result == Slowed || q.Effect == Refused
}

// where adds everything but the person.
func (q Query) where(find *gorm.DB) *gorm.DB {
	find = find.Where("workspace_id = ?", q.Workspace)
	if q.Team != "" {
		find = find.Where("subject_id <> '' AND subject_id = ? AND subject_kind = ?", q.Team, Team)
	}
	if q.Bulk != "" {
		find = find.Where("bulk_id <> '' AND bulk_id = ?", q.Bulk)
	}
	if q.refused() || q.Open {
		find = find.Where(refusals)
	}
	if q.Open {
		find = find.Where("resolved_at IS NULL")
	}
	find = q.Effect.where(find)
	for column, value := range map[string]string{"result": string(q.Result), "operation": q.Operation, "method": q.Method, "code": q.Code, "token_id": q.Token} {
		if value != "" {
			find = find.Where(column+" = ?", value)
		}
	}
	if !q.From.IsZero() {
		find = find.Where("id >= ?", since(q.From))
	}
	if !q.To.IsZero() {
		find = find.Where("id < ?", since(q.To))
	}
	if q.Text != "" {
		find = find.Where(`search LIKE ? ESCAPE '\'`, "%"+escaped.Replace(scim.Fold(clip(q.Text, 200)))+"%")
	}
	return find
}

var escaped = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

// timeOf is the time that an id begins with.
func timeOf(id string) time.Time {
	var n int64
	for _, c := range []byte(strings.TrimPrefix(id, idPrefix))[:timePart] {
		n = n*62 + int64(strings.IndexByte(alphabet, c))
	}
	return time.UnixMicro(n).UTC()
}

package audit

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/mileusna/useragent"
	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/ident"
)

// Format is a form in which events are exported.
type Format string

// The formats.
const (
	CSV    Format = "csv"    // RFC 4180, for spreadsheets
	JSONL  Format = "jsonl"  // one JSON object a line
	Signed Format = "signed" // a zip that Verify checks
)

// exportFor is how long an export can be fetched.
const exportFor = 24 * time.Hour

// What an export refuses.
var (
	ErrFormat     = fault.New(fault.Invalid, "malformed", "An export is csv, jsonl or signed.")
	ErrExportGone = fault.New(fault.Expired, "export_expired", "This export could be downloaded for 24 hours. Make a new one.")
)

// Export is a question that can be answered with a file for a day: what is exported is read when it is fetched, as it was when it was asked for.
type Export struct {
	ID        string
	Workspace string
	Person    string // who asked, and alone may fetch it
	Format    Format
	Query     Query
	CreatedAt time.Time
	ExpiresAt time.Time
}

type exportRow struct {
	ID          string
	WorkspaceID string
	PersonID    string
	Format      Format
	Query       string
	CreatedAt   time.Time
	ExpiresAt   time.Time
}

func (exportRow) TableName() string { return "audit_exports" }

// Begin makes an export of what q chooses, up to now, and tells the audit. The signed form knows no filter but the time. The caller has
// checked the role.
func (c *Chains) Begin(ctx context.Context, by actor.Actor, f Format, q Query) (Export, error) {
	if f != CSV && f != JSONL && f != Signed {
		return Export{}, ErrFormat
	}
	if f == Signed {
		q = Query{From: q.From, To: q.To}
	}
	var out Export
	err := c.DB.InTx(ctx, func(tx database.Tx) error {
		now, err := tx.Now()
		if err != nil {
			return err
		}
		if q.To.After(now) {
			q.To = time.Time{}
		}
		text, err := json.Marshal(q)
		if err != nil {
			return err
		}
		r := exportRow{ident.New("exp"), by.Workspace, by.Person, f, string(text), now, now.Add(exportFor)}
		if out, err = r.export(); err != nil {
			return err
		}
		if err := tx.Create(&r).Error; err != nil {
			return err
		}
		return RecordAt(tx, by, "audit.exported", r.ID, q.detail(f), now)
	})
	return out, err
}

// detail is what the audit tells of an export.
func (q Query) detail(f Format) Detail {
	d := Detail{"format": f}
	for name, value := range map[string]string{"actor": q.Actor, "object": q.Object, "person": q.Person, "kind": q.Kind, "text": q.Text} {
		if value != "" {
			d[name] = value
		}
	}
	for name, at := range map[string]time.Time{"from": q.From, "to": q.To} {
		if !at.IsZero() {
			d[name] = at.UTC()
		}
	}
	return d
}

func (r exportRow) export() (Export, error) {
	e := Export{ID: r.ID, Workspace: r.WorkspaceID, Person: r.PersonID, Format: r.Format, CreatedAt: r.CreatedAt.UTC(), ExpiresAt: r.ExpiresAt.UTC()}
	err := json.Unmarshal([]byte(r.Query), &e.Query)
	e.Query.Workspace = r.WorkspaceID
	return e, err
}

// Fetch is an export for the person who made it, whose fetching is told to the audit too; ErrNone for everybody else.
func (c *Chains) Fetch(ctx context.Context, by actor.Actor, id string) (Export, error) {
	var e Export
	err := c.DB.InTx(ctx, func(tx database.Tx) error {
		var r exportRow
		err := tx.Where("id = ? AND workspace_id = ? AND person_id = ?", id, by.Workspace, by.Person).Take(&r).Error
		if errors.Is(err, gorm.ErrRecordNotFound) {
			return ErrNone
		}
		if err != nil {
			return err
		}
		now, err := tx.Now()
		if err != nil {
			return err
		}
		if !now.Before(r.ExpiresAt) {
			return ErrExportGone
		}
		if e, err = r.export(); err != nil {
			return err
		}
		return RecordAt(tx, by, "audit.fetched", id, Detail{"format": r.Format}, now)
	})
	return e, err
}

// Write writes the file of an export. It holds one page of events at a time.
func (c *Chains) Write(ctx context.Context, w io.Writer, e Export, about About) error {
	if e.Format == Signed {
		about.From, about.To, about.MadeAt = e.Query.From, e.Query.To, e.CreatedAt
		return c.WriteSigned(ctx, w, about)
	}
	q := e.Query
	if q.Limit = PageMost; q.To.IsZero() || q.To.After(e.CreatedAt) {
		q.To = e.CreatedAt
	}
	write := jsonLines(w)
	if e.Format == CSV {
		var err error
		if write, err = spreadsheet(w); err != nil {
			return err
		}
	}
	for {
		p, err := List(c.DB.Read(ctx), q)
		if err != nil {
			return err
		}
		if err := write(p.Events); err != nil {
			return err
		}
		if q.After = p.Next; p.Next == "" {
			return nil
		}
	}
}

// entryLine is an event of the JSON lines export.
type entryLine struct {
	ID        string          `json:"id"`
	At        string          `json:"at"`
	Event     string          `json:"event"`
	ActorKind string          `json:"actor_kind"`
	ActorID   string          `json:"actor_id"`
	ActorName string          `json:"actor_name"`
	Object    string          `json:"object"`
	IP        string          `json:"ip"`
	UserAgent string          `json:"user_agent"`
	Detail    json.RawMessage `json:"detail"`
	Position  int64           `json:"position,omitempty"`
}

func jsonLines(w io.Writer) func([]Entry) error {
	return func(page []Entry) error {
		for _, e := range page {
			err := writeLine(w, entryLine{e.ID, e.At.Format(microTime), e.Event, e.ActorKind, e.ActorID, e.ActorName, e.Subject, e.IP, e.UserAgent, e.Detail, e.Position})
			if err != nil {
				return err
			}
		}
		return nil
	}
}

// columns are the spreadsheet's: first those that people read, then what programs need.
var columns = []string{"Time (UTC)", "Event", "Account/Object", "App", "User", "Location", "OS", "Device", "Result", "Reason",
	"Actor kind", "Actor id", "User agent", "Detail", "Position", "Event id"}

// spreadsheet writes RFC 4180: CRLF, quotes where they are needed. The byte order mark makes Excel read names as UTF-8; other programs skip it.
func spreadsheet(w io.Writer) (func([]Entry) error, error) {
	if _, err := io.WriteString(w, "\uFEFF"); err != nil {
		return nil, err
	}
	out := csv.NewWriter(w)
	out.UseCRLF = true
	if err := out.Write(columns); err != nil {
		return nil, err
	}
	return func(page []Entry) error {
		for _, e := range page {
			if err := out.Write(cells(e)); err != nil {
				return err
			}
		}
		out.Flush()
		return out.Error()
	}, nil
}

func cells(e Entry) []string {
	var d map[string]any
	_ = json.Unmarshal(e.Detail, &d) // ours; without it those cells stay empty
	text := func(name string) string { s, _ := d[name].(string); return s }
	device := text("device")
	if name := text("name"); name != "" && strings.HasPrefix(e.Event, "device.") {
		device = name
	}
	app, system := agent(e.UserAgent)
	position := ""
	if e.Position > 0 {
		position = strconv.FormatInt(e.Position, 10)
	}
	row := []string{e.At.Format("2006-01-02 15:04:05"), e.Event, e.Subject, app, e.ActorName, e.IP, system, device, Outcome(e.Event), text("reason"),
		e.ActorKind, e.ActorID, e.UserAgent, string(e.Detail), position, e.ID}
	for i := range row {
		row[i] = harmless(row[i])
	}
	return row
}

// harmless keeps a spreadsheet from taking a cell for a formula. What people wrote is not changed but for the quote before it.
func harmless(cell string) string {
	first := strings.TrimLeft(cell, " \u00A0\u200B\uFEFF\v\f")
	if first == "" {
		return cell
	}
	switch r := []rune(first)[0]; r {
	case '=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠', '|', '%':
		return "'" + cell
	}
	return cell
}

// Outcome is how an event ended: "Refused" for what failed or was turned down, else "OK".
func Outcome(event string) string {
	switch event {
	case "session.failed", "confirmation.denied", "confirmation.reported", "confirmation.expired", "confirmation.cancelled", "confirmation.locked",
		"recovery.code_refused", "recovery.codes_paused", "recovery.refused", "recovery.expired", "recovery.cancelled", "person.role_kept":
		return "Refused"
	}
	return "OK"
}

// agent is the program and the system that a User-Agent header speaks of, as far as it can be told.
func agent(header string) (app, system string) {
	ua := useragent.Parse(header)
	return ua.Name, ua.OS
}

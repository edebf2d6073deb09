package consoleapi

import (
	"encoding/hex"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/mileusna/useragent"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/httpkit"
	"github.com/countersign/countersign/internal/signin"
)

// mountActivity adds the audit as people read and export it.
func (a *API) mountActivity(g *gin.RouterGroup) {
	g.GET("/activity", a.session(a.listActivity))
	g.GET("/activity/events/:id", a.session(a.showActivity))
	g.PATCH("/activity/settings", a.session(a.changeActivityKeeping))
	g.POST("/activity/exports", a.session(a.exportActivity))
	g.GET("/activity/exports/:id", fromAddress, a.session(a.fetchActivity))
}

type activityEvent struct {
	ID        string          `json:"id"`
	At        time.Time       `json:"at"`
	Event     string          `json:"event"`
	Area      string          `json:"area"`
	Outcome   string          `json:"outcome"`
	Actor     activityActor   `json:"actor"`
	Object    *activityObject `json:"object,omitempty"`
	IP        string          `json:"ip,omitempty"`
	UserAgent string          `json:"user_agent,omitempty"`
	App       string          `json:"app,omitempty"`
	OS        string          `json:"os,omitempty"`
	Device    string          `json:"device,omitempty"` // the phone that acted, by its name
	Detail    json.RawMessage `json:"detail"`
	Sealed    bool            `json:"sealed"`
	Position  int64           `json:"position,omitempty"`
	Erased    bool            `json:"erased,omitempty"`
}

type activityActor struct {
	Kind string `json:"kind"`
	ID   string `json:"id,omitempty"`
	Name string `json:"name,omitempty"`
}

type activityObject struct {
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
}

type activityResponse struct {
	Items      []activityEvent `json:"items"`
	Next       string          `json:"next,omitempty"`
	SearchedTo *time.Time      `json:"searched_to,omitempty"`
	KeptDays   int             `json:"kept_days"`
	Can        activityCan     `json:"can"`
}

type activityCan struct {
	Keep bool `json:"keep"`
}

type activityDetail struct {
	activityEvent
	Seal *activitySeal `json:"seal,omitempty"`
}

type activitySeal struct {
	Hash        string    `json:"hash"`
	SealedAt    time.Time `json:"sealed_at"`
	First       int64     `json:"first"`
	Last        int64     `json:"last"`
	Kid         string    `json:"kid"`
	Fingerprint string    `json:"fingerprint"`
}

const readActivity = "see the activity of the workspace"

func presentEvent(e audit.Entry, names map[string]string) activityEvent {
	ua := useragent.Parse(e.UserAgent)
	out := activityEvent{ID: e.ID, At: e.At, Event: e.Event, Area: audit.Area(e.Event), Outcome: strings.ToLower(audit.Outcome(e.Event)),
		Actor: activityActor{e.ActorKind, e.ActorID, e.ActorName}, IP: e.IP, UserAgent: e.UserAgent, App: ua.Name, OS: ua.OS, Detail: e.Detail,
		Sealed: e.Position > 0, Position: e.Position, Erased: e.Erased}
	if person, known := names[e.ActorID]; known && byPhone(e) {
		out.Actor.Name, out.Device = person, e.ActorName
	}
	if e.Subject != "" {
		out.Object = &activityObject{e.Subject, names[e.Subject]}
	}
	return out
}

// byPhone tells that a phone acted for its person: the audit has the phone's name then, and not the person's. What is erased stays so.
func byPhone(e audit.Entry) bool { return e.ActorKind == string(actor.Device) && e.ActorName != "" }

// presentEvents adds the names that people and teams have now to the ids that the audit keeps.
func (a *API) presentEvents(c *gin.Context, workspace string, events []audit.Entry) ([]activityEvent, error) {
	var ids []string
	for _, e := range events {
		if strings.HasPrefix(e.Event, "person.") || strings.HasPrefix(e.Event, "team.") || strings.HasPrefix(e.Subject, "ppl_") {
			ids = append(ids, e.Subject)
		}
		if byPhone(e) {
			ids = append(ids, e.ActorID)
		}
	}
	slices.Sort(ids)
	names, err := directory.NamesOf(a.DB.Read(c.Request.Context()), workspace, slices.Compact(ids))
	out := make([]activityEvent, len(events))
	for i, e := range events {
		out[i] = presentEvent(e, names)
	}
	return out, err
}

func (a *API) listActivity(c *gin.Context, in signin.SignedIn) error {
	if err := allow(in, readActivity, directory.AdminRoles...); err != nil {
		return err
	}
	q, err := activityQuery(c)
	if err != nil {
		return err
	}
	q.Workspace = in.Actor.Workspace
	db := a.DB.Read(c.Request.Context())
	page, err := audit.List(db, q)
	if err != nil {
		return err
	}
	days, err := audit.Retention(db, in.Actor.Workspace)
	if err != nil {
		return err
	}
	items, err := a.presentEvents(c, in.Actor.Workspace, page.Events)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, activityResponse{Items: items, Next: page.Next, SearchedTo: page.To, KeptDays: days, Can: activityCan{Keep: in.Actor.Manager()}})
	return nil
}

// activityFilter is what both the list and an export choose events by.
type activityFilter struct {
	Actor  string    `json:"actor"`
	Object string    `json:"object"`
	Person string    `json:"person"`
	Kind   string    `json:"kind"`
	From   time.Time `json:"from"`
	To     time.Time `json:"to"`
	Text   string    `json:"q"`
}

// query is the filter, or a refusal: ids and kinds have a form, and a text has an end.
func (f activityFilter) query() (audit.Query, error) {
	for _, id := range []string{f.Actor, f.Object, f.Person} {
		if id != "" && !idForm.MatchString(id) {
			return audit.Query{}, audit.ErrFilter
		}
	}
	if f.Kind != "" && !slices.Contains(audit.Areas, f.Kind) && !slices.Contains(audit.Codes(), f.Kind) || len(f.Text) > 200 ||
		!goodTime(f.From) || !goodTime(f.To) {
		return audit.Query{}, audit.ErrFilter
	}
	return audit.Query{Actor: f.Actor, Object: f.Object, Person: f.Person, Kind: f.Kind, From: f.From, To: f.To, Text: strings.TrimSpace(f.Text)}, nil
}

// goodTime is a time that both databases can compare with.
func goodTime(t time.Time) bool { return t.IsZero() || t.Year() >= 1970 && t.Year() < 3000 }

func activityQuery(c *gin.Context) (audit.Query, error) {
	f := activityFilter{Actor: c.Query("actor"), Object: c.Query("object"), Person: c.Query("person"), Kind: c.Query("kind"), Text: c.Query("q")}
	for name, into := range map[string]*time.Time{"from": &f.From, "to": &f.To} {
		if text := c.Query(name); text != "" {
			var err error
			if *into, err = time.Parse(time.RFC3339, text); err != nil {
				return audit.Query{}, audit.ErrFilter.Because(err)
			}
		}
	}
	q, err := f.query()
	if err != nil {
		return q, err
	}
	q.After = c.Query("after")
	q.Limit, err = number(c, "limit", audit.PageMost)
	return q, err
}

func (a *API) showActivity(c *gin.Context, in signin.SignedIn) error {
	if err := allow(in, readActivity, directory.AdminRoles...); err != nil {
		return err
	}
	id, err := pathID(c)
	if err != nil {
		return err
	}
	db := a.DB.Read(c.Request.Context())
	e, err := audit.Find(db, in.Actor.Workspace, id)
	if err != nil {
		return err
	}
	items, err := a.presentEvents(c, in.Actor.Workspace, []audit.Entry{e})
	if err != nil {
		return err
	}
	out := activityDetail{activityEvent: items[0]}
	s, err := a.Audit.SealOf(db, in.Actor.Workspace, e)
	if err != nil {
		return err
	}
	if s != nil {
		out.Seal = &activitySeal{hex.EncodeToString(s.Hash), s.At, s.First, s.Last, s.Kid, s.Fingerprint}
	}
	c.JSON(http.StatusOK, out)
	return nil
}

type activityKeepingRequest struct {
	KeptDays int `json:"kept_days"`
}

type activityKeepingResponse struct {
	KeptDays int `json:"kept_days"`
}

func (a *API) changeActivityKeeping(c *gin.Context, in signin.SignedIn) error {
	if err := allow(in, "say how long activity is kept", directory.ManagerRoles...); err != nil {
		return err
	}
	r, err := httpkit.Decode[activityKeepingRequest](c, httpkit.ConsoleBody)
	if err != nil {
		return err
	}
	if err := a.Audit.Retain(c.Request.Context(), in.Actor, r.KeptDays); err != nil {
		return err
	}
	c.JSON(http.StatusOK, activityKeepingResponse(r))
	return nil
}

type activityExportRequest struct {
	Format string `json:"format"`
	activityFilter
}

type activityExportResponse struct {
	ID        string    `json:"id"`
	Format    string    `json:"format"`
	URL       string    `json:"url"`
	ExpiresAt time.Time `json:"expires_at"`
}

const exportActivity = "export the activity of the workspace"

func (a *API) exportActivity(c *gin.Context, in signin.SignedIn) error {
	if err := allow(in, exportActivity, directory.AdminRoles...); err != nil {
		return err
	}
	r, err := httpkit.Decode[activityExportRequest](c, httpkit.ConsoleBody)
	if err != nil {
		return err
	}
	q, err := r.query()
	if err != nil {
		return err
	}
	e, err := a.Audit.Begin(c.Request.Context(), in.Actor, audit.Format(r.Format), q)
	if err != nil {
		return err
	}
	c.JSON(http.StatusCreated, activityExportResponse{e.ID, r.Format, "/v1/activity/exports/" + e.ID + "?workspace=" + in.Slug, e.ExpiresAt})
	return nil
}

// fromAddress lets a link name its workspace: a browser that downloads a file sends no header of ours.
func fromAddress(c *gin.Context) {
	if slug := c.Query("workspace"); slug != "" && c.GetHeader(signin.WorkspaceHeader) == "" {
		c.Request.Header.Set(signin.WorkspaceHeader, slug)
	}
}

// files says how each format is sent.
var files = map[audit.Format]struct{ mime, ending string }{
	audit.CSV:    {"text/csv; charset=utf-8", ".csv"},
	audit.JSONL:  {"application/x-ndjson", ".jsonl"},
	audit.Signed: {"application/zip", ".zip"},
}

// fetchActivity sends the file of an export as it is read. One that fails on the way is cut off, so that nobody takes it for whole.
func (a *API) fetchActivity(c *gin.Context, in signin.SignedIn) error {
	if err := allow(in, exportActivity, directory.AdminRoles...); err != nil {
		return err
	}
	id, err := pathID(c)
	if err != nil {
		return err
	}
	e, err := a.Audit.Fetch(c.Request.Context(), in.Actor, id)
	if err != nil {
		return err
	}
	as := files[e.Format]
	c.Header("Content-Type", as.mime)
	c.Header("Content-Disposition", `attachment; filename="activity-`+in.Slug+"-"+e.CreatedAt.Format("2006-01-02-1504")+as.ending+`"`)
	c.Status(http.StatusOK)
	err = a.Audit.Write(c.Request.Context(), patient(c), e, audit.About{Workspace: in.Actor.Workspace, Slug: in.Slug, Name: in.WorkspaceName, By: in.Actor.Name})
	if err != nil && c.Writer.Written() {
		httpkit.Keep(c, err)
		panic(http.ErrAbortHandler)
	}
	return err
}

// patience is how long a reader of an export may take for one piece of it; the whole may take as long as it likes.
const patience = 30 * time.Second

// patientWriter gives the reader time anew with each piece.
type patientWriter struct {
	http.ResponseWriter
	control *http.ResponseController
}

func patient(c *gin.Context) patientWriter {
	return patientWriter{c.Writer, http.NewResponseController(c.Writer)}
}

// Write is io.Writer.
func (w patientWriter) Write(b []byte) (int, error) {
	_ = w.control.SetWriteDeadline(time.Now().Add(patience)) // a writer that knows no deadline has none to move
	return w.ResponseWriter.Write(b)
}

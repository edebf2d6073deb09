package consoleapi

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/httpkit"
	"github.com/countersign/countersign/internal/provisioning"
	"github.com/countersign/countersign/internal/signin"
)

// Replay runs a stored request again, or rehearses it; internal/scimapi does.
type Replay func(ctx context.Context, by actor.Actor, of string, raw provisioning.Raw, dry bool) (provisioning.Replayed, error)

// mountProvisioning adds the provisioning log and what is told from it.
func (a *API) mountProvisioning(g *gin.RouterGroup) {
	g.GET("/provisioning/log", a.session(a.listCalls))
	g.GET("/provisioning/log/:id", a.session(a.showCall))
	g.POST("/provisioning/log/:id/raw", a.session(a.revealCall))
	g.POST("/provisioning/log/:id/replay", a.session(a.replayCall))
	g.GET("/provisioning/log/:id/conflict", a.session(a.showConflict))
	g.POST("/provisioning/log/:id/conflict", a.session(a.settleConflict))
	g.GET("/provisioning/missing", a.session(a.missing))
	g.GET("/provisioning/health", a.session(a.syncHealth))
	g.GET("/provisioning/setup", a.session(a.syncSetup))
	g.GET("/provisioning/reasons", a.session(a.reasons))
	g.GET("/provisioning/settings", a.session(a.showKeeping))
	g.PATCH("/provisioning/settings", a.session(a.changeKeeping))
}

type callResponse struct {
	ID          string      `json:"id"`
	At          time.Time   `json:"at"`
	LastAt      time.Time   `json:"last_at"`
	Times       int64       `json:"times"`
	Result      string      `json:"result"`
	Operation   string      `json:"operation"`
	Event       string      `json:"event,omitempty"`
	Status      int         `json:"status"`
	Code        string      `json:"code,omitempty"`
	Sentence    string      `json:"sentence"`
	Named       []time.Time `json:"sentence_times,omitempty"`
	Subject     *subject    `json:"subject,omitempty"`
	Token       *tokenRef   `json:"used_token,omitempty"`
	Client      string      `json:"client,omitempty"`
	ClientBasis string      `json:"client_basis,omitempty"`
	ReplayedBy  string      `json:"replayed_by,omitempty"`
	ReplayOf    string      `json:"replay_of,omitempty"`
	BulkID      string      `json:"bulk_id,omitempty"`
	Method      string      `json:"method"`
	Target      string      `json:"target"`
	RequestID   string      `json:"request_id,omitempty"`
	TookMS      float64     `json:"took_ms"`
	ResolvedAt  *time.Time  `json:"resolved_at,omitempty"`
	ResolvedBy  string      `json:"resolved_by,omitempty"`
}

type subject struct {
	Kind string `json:"kind"`
	ID   string `json:"id,omitempty"`
	Name string `json:"name,omitempty"`
}

type tokenRef struct {
	ID   string `json:"id"`
	Hint string `json:"hint,omitempty"`
}

type callsResponse struct {
	Items      []callResponse `json:"items"`
	Next       string         `json:"next,omitempty"`
	Newer      string         `json:"newer,omitempty"`
	SearchedTo *time.Time     `json:"searched_to,omitempty"`
	KeptDays   int            `json:"kept_days"`
}

type callDetailResponse struct {
	callResponse
	Reason     *provisioning.Reason       `json:"reason,omitempty"`
	Said       string                     `json:"said,omitempty"`
	Changes    []provisioning.FieldChange `json:"changes"`
	Members    *memberChanges             `json:"members,omitempty"`
	Request    json.RawMessage            `json:"request,omitempty"`
	Response   json.RawMessage            `json:"response,omitempty"`
	IP         string                     `json:"ip,omitempty"`
	UserAgent  string                     `json:"user_agent,omitempty"`
	RawUntil   *time.Time                 `json:"raw_until,omitempty"`
	Can        callCan                    `json:"can"`
	Related    []callResponse             `json:"related"`
	Operations []callResponse             `json:"operations"`
}

type memberChanges struct {
	Added   int64 `json:"added"`
	Removed int64 `json:"removed"`
	Unknown int64 `json:"unknown"`
}

type callCan struct {
	Reveal   bool `json:"reveal"`
	Rehearse bool `json:"rehearse"`
	Replay   bool `json:"replay"`
}

func presentCall(r provisioning.Row) callResponse {
	out := callResponse{ID: r.ID, At: r.At, LastAt: r.LastAt, Times: r.Times, Result: string(r.Result), Operation: r.Operation, Event: r.Event, Status: r.Status,
		Code: r.Code, Sentence: r.Sentence, Named: r.Named(), Client: r.Client, ClientBasis: r.ClientBasis, ReplayedBy: r.ReplayedBy, ReplayOf: r.ReplayOf, BulkID: r.BulkID,
		Method: r.Method, Target: r.Target, RequestID: r.RequestID, TookMS: float64(r.TookUs) / 1000, ResolvedAt: optional(r.ResolvedAt), ResolvedBy: r.ResolvedBy}
	if r.SubjectKind != "" && (r.SubjectID != "" || r.SubjectName != "") {
		out.Subject = &subject{r.SubjectKind, r.SubjectID, r.SubjectName}
	}
	if r.TokenID != "" {
		out.Token = &tokenRef{r.TokenID, r.TokenHint}
	}
	return out
}

func presentCalls(rows []provisioning.Row) []callResponse {
	out := make([]callResponse, len(rows))
	for i, r := range rows {
		out[i] = presentCall(r)
	}
	return out
}

const readLog = "read the provisioning log"

func (a *API) listCalls(c *gin.Context, in signin.SignedIn) error {
	if err := allow(in, readLog, directory.AdminRoles...); err != nil {
		return err
	}
	q, err := callQuery(c)
	if err != nil {
		return err
	}
	q.Workspace = in.Actor.Workspace
	if err := a.SyncLog.Flush(c.Request.Context()); err != nil {
		return err
	}
	db := a.DB.Read(c.Request.Context())
	page, err := a.SyncLog.List(db, q)
	if err != nil {
		return err
	}
	keeping, err := provisioning.KeepingOf(db, in.Actor.Workspace)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, callsResponse{Items: presentCalls(page.Rows), Next: page.Next, Newer: page.Newer, SearchedTo: page.To, KeptDays: days(keeping.Retention)})
	return nil
}

func days(d time.Duration) int { return int(d / (24 * time.Hour)) }

var results = map[string]provisioning.Result{"ok": provisioning.OK, "unchanged": provisioning.Unchanged, "failed": provisioning.Failed,
	"rejected": provisioning.Rejected, "slowed": provisioning.Slowed}

// callQuery reads the filters of the log.
func callQuery(c *gin.Context) (provisioning.Query, error) {
	q := provisioning.Query{After: c.Query("after"), Before: c.Query("before"), Operation: c.Query("operation"), Method: c.Query("method"),
		Code: c.Query("code"), Text: c.Query("q"), Open: c.Query("open") == "true"}
	var err error
	if q.Limit, err = number(c, "limit", provisioning.PageMost); err != nil {
		return q, err
	}
	for name, into := range map[string]*string{"person": &q.Person, "team": &q.Team, "token": &q.Token, "bulk": &q.Bulk} {
		if *into = c.Query(name); *into != "" && !idForm.MatchString(*into) {
			return q, provisioning.ErrFilter
		}
	}
	if text := c.Query("result"); text != "" {
		if q.Result = results[text]; q.Result == "" {
			return q, provisioning.ErrFilter
		}
	}
	if q.Effect = provisioning.Effect(c.Query("effect")); q.Effect != "" && !slices.Contains(provisioning.Effects, q.Effect) {
		return q, provisioning.ErrFilter
	}
	for name, into := range map[string]*time.Time{"from": &q.From, "to": &q.To} {
		if text := c.Query(name); text != "" {
			if *into, err = time.Parse(time.RFC3339, text); err != nil {
				return q, provisioning.ErrFilter.Because(err)
			}
		}
	}
	for _, text := range []string{q.Text, q.Operation, q.Method, q.Code} {
		if len(text) > 200 {
			return q, provisioning.ErrFilter
		}
	}
	return q, nil
}

func (a *API) showCall(c *gin.Context, in signin.SignedIn) error {
	if err := allow(in, readLog, directory.AdminRoles...); err != nil {
		return err
	}
	id, err := pathID(c)
	if err != nil {
		return err
	}
	if err := a.SyncLog.Flush(c.Request.Context()); err != nil {
		return err
	}
	d, err := a.SyncLog.Show(a.DB.Read(c.Request.Context()), in.Actor.Workspace, id)
	if err != nil {
		return err
	}
	out := callDetailResponse{callResponse: presentCall(d.Row), Reason: d.Reason, Said: d.Said, Changes: d.Changes, Request: json.RawMessage(d.Request),
		Response: json.RawMessage(d.Response), IP: d.IP, UserAgent: d.UserAgent, RawUntil: d.RawUntil, Related: presentCalls(d.Related), Operations: presentCalls(d.Parts),
		Can: callCan{Reveal: d.RawUntil != nil && in.Actor.Manager(), Rehearse: d.Replayable, Replay: d.Replayable && in.Actor.Manager()}}
	if d.Added+d.Removed+d.Unknown > 0 {
		out.Members = &memberChanges{d.Added, d.Removed, d.Unknown}
	}
	c.JSON(http.StatusOK, out)
	return nil
}

type rawResponse struct {
	Method  string `json:"method"`
	Target  string `json:"target"`
	IfMatch string `json:"if_match,omitempty"`
	Body    string `json:"body"`
}

// revealCall shows the request of a call as it was sent, without passwords and tokens. That somebody looked is in the audit.
func (a *API) revealCall(c *gin.Context, in signin.SignedIn) error {
	if _, err := httpkit.Decode[struct{}](c, httpkit.ConsoleBody); err != nil {
		return err
	}
	if err := allow(in, "see a request as it was sent", directory.ManagerRoles...); err != nil {
		return err
	}
	id, err := pathID(c)
	if err != nil {
		return err
	}
	raw, err := a.SyncLog.Reveal(c.Request.Context(), in.Actor, id)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, rawResponse{raw.Method, raw.Target, raw.IfMatch, string(raw.Body)})
	return nil
}

type replayRequest struct {
	DryRun *bool `json:"dry_run"`
}

// Validate is httpkit.Validator: which of the two is meant has to be said.
func (r replayRequest) Validate() error {
	if r.DryRun == nil {
		return httpkit.ErrMalformed.Saying("Say whether it is a dry run.")
	}
	return nil
}

type replayResponse struct {
	DryRun  bool                       `json:"dry_run"`
	Status  int                        `json:"status"`
	Reason  *provisioning.Reason       `json:"reason,omitempty"`
	Said    string                     `json:"said,omitempty"`
	Event   string                     `json:"event,omitempty"`
	Subject *subject                   `json:"subject,omitempty"`
	Changes []provisioning.FieldChange `json:"changes"`
	Members *memberChanges             `json:"members,omitempty"`
	Call    string                     `json:"call,omitempty"`
}

// replayCall runs a stored request again. A dry run changes nothing; Admins may do that much.
func (a *API) replayCall(c *gin.Context, in signin.SignedIn) error {
	req, err := httpkit.Decode[replayRequest](c, httpkit.ConsoleBody)
	if err != nil {
		return err
	}
	roles := directory.ManagerRoles
	if *req.DryRun {
		roles = directory.AdminRoles
	}
	if err := allow(in, "replay a call", roles...); err != nil {
		return err
	}
	id, err := pathID(c)
	if err != nil {
		return err
	}
	ctx := c.Request.Context()
	raw, err := a.SyncLog.Raw(a.DB.Read(ctx), in.Actor.Workspace, id)
	if err != nil {
		return err
	}
	if !raw.Replayable() || a.Replay == nil {
		return provisioning.ErrNoReplay
	}
	done, err := a.Replay(ctx, in.Actor, id, raw, *req.DryRun)
	if err != nil {
		return err
	}
	if err := a.SyncLog.Replayed(ctx, in.Actor, id, done); err != nil && *req.DryRun {
		return err
	}
	c.JSON(http.StatusOK, presentReplay(done))
	return nil
}

func presentReplay(r provisioning.Replayed) replayResponse {
	out := replayResponse{DryRun: r.DryRun, Status: r.Status, Said: r.Detail, Event: r.Event, Changes: r.Changes, Call: r.Row}
	if r.Code != "" {
		if reason, ok := provisioning.ReasonOf(r.Code); ok {
			out.Reason = &reason
		}
	}
	if r.Kind != "" {
		out.Subject = &subject{r.Kind, r.Subject, r.Name}
	}
	if r.Added+r.Removed+r.Unknown > 0 {
		out.Members = &memberChanges{r.Added, r.Removed, r.Unknown}
	}
	return out
}

type reasonsResponse struct {
	Items []provisioning.Reason `json:"items"`
}

func (a *API) reasons(c *gin.Context, in signin.SignedIn) error {
	if err := allow(in, readLog, directory.AdminRoles...); err != nil {
		return err
	}
	c.JSON(http.StatusOK, reasonsResponse{provisioning.Reasons()})
	return nil
}

type keepingRequest struct {
	RetentionDays *int `json:"retention_days"`
}

// Validate is httpkit.Validator.
func (r keepingRequest) Validate() error {
	if r.RetentionDays == nil {
		return provisioning.ErrKeeping
	}
	return nil
}

type keepingResponse struct {
	RetentionDays int `json:"retention_days"`
	RawDays       int `json:"raw_days"`
}

func (a *API) showKeeping(c *gin.Context, in signin.SignedIn) error {
	if err := allow(in, readLog, directory.AdminRoles...); err != nil {
		return err
	}
	k, err := provisioning.KeepingOf(a.DB.Read(c.Request.Context()), in.Actor.Workspace)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, keepingResponse{days(k.Retention), days(k.Raw)})
	return nil
}

func (a *API) changeKeeping(c *gin.Context, in signin.SignedIn) error {
	req, err := httpkit.Decode[keepingRequest](c, httpkit.ConsoleBody)
	if err != nil {
		return err
	}
	if err := allow(in, "say how long the log is kept", directory.ManagerRoles...); err != nil {
		return err
	}
	if err := a.SyncLog.Keep(c.Request.Context(), in.Actor, *req.RetentionDays); err != nil {
		return err
	}
	return a.showKeeping(c, in)
}

var errNobody = fault.New(fault.Invalid, "bad_person", "Type an e-mail address, a user name or a name of 1 to 200 characters.")

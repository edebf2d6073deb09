// Package dialogapi is the door of the waiting dialog: it asks for a confirmation, waits for it over a websocket or by polling, and collects
// what was approved. It serves the console's session alone; a confirmation of another session does not exist here.
package dialogapi

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/confirm"
	"github.com/countersign/countersign/internal/httpkit"
	"github.com/countersign/countersign/internal/hub"
)

// longest is how long a polling call may be held.
const longest = 25 * time.Second

// Sessions says who is signed in with the session of a request.
type Sessions interface {
	// Who is the sign-in that the request names by its workspace header, or the newest one.
	Who(r *http.Request) (actor.Actor, error)
	// In is the session's sign-in in a workspace, by id; a browser cannot name one when it opens a websocket.
	In(r *http.Request, workspace string) (actor.Actor, error)
}

// Deps is what the door opens to.
type Deps struct {
	Confirms  *confirm.Service
	Hub       *hub.Hub
	Sessions  Sessions
	PublicURL string // the only Origin a websocket may come from
	TenantURL string // shown beside the token
	Log       *slog.Logger
}

// API is the door. Make it with New, then Run its writers.
type API struct {
	Deps
	streams *streams
	waits   httpkit.Waits
}

// New is the door.
func New(d Deps) *API { return &API{Deps: d, streams: newStreams(d)} }

// Mount adds every route of the door to a group at /v1/confirmations.
func (a *API) Mount(g *gin.RouterGroup) {
	g.POST("", a.session(a.ask))
	g.GET("/:id", a.session(a.show))
	g.GET("/:id/ws", httpkit.Handle(a.stream))
	g.POST("/:id/cancel", a.session(a.cancel))
	g.POST("/:id/resend", a.session(a.resend))
	g.POST("/:id/reveal", a.session(a.reveal))
	g.POST("/:id/events", a.session(a.seen))
	g.POST("/:id/passkey/options", a.session(a.passkeyOptions))
	g.POST("/:id/passkey", a.session(a.passkey))
}

// Run writes frames until ctx ends; then it tells every waiting dialog to come back and returns.
func (a *API) Run(ctx context.Context) { a.streams.run(ctx) }

// Open is how many dialogs wait on this process.
func (a *API) Open() int { return a.streams.count() }

func (a *API) session(h func(*gin.Context, actor.Actor) error) gin.HandlerFunc {
	return httpkit.Handle(func(c *gin.Context) error {
		httpkit.NoStore(c)
		by, err := a.Sessions.Who(c.Request)
		if err != nil {
			return err
		}
		return h(c, by)
	})
}

type askRequest struct {
	Action   string          `json:"action"`
	Resource string          `json:"resource"`
	Params   json.RawMessage `json:"params"`
}

func (a *API) ask(c *gin.Context, by actor.Actor) error {
	req, err := httpkit.Decode[askRequest](c, httpkit.ConsoleBody)
	if err != nil {
		return err
	}
	v, created, err := a.Confirms.Ask(c.Request.Context(), by, confirm.Ask{Action: req.Action, Resource: req.Resource, Params: req.Params})
	if err != nil {
		return err
	}
	status := http.StatusOK
	if created {
		status = http.StatusCreated
	}
	c.JSON(status, present(v))
	return nil
}

func (a *API) show(c *gin.Context, by actor.Actor) error {
	wait, err := number(c.Query("wait"))
	if err != nil {
		return err
	}
	since, err := number(c.Query("since_version"))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(c.Request.Context())
	defer cancel()
	defer context.AfterFunc(a.streams.stopping, cancel)()
	may, done := a.waits.Hold(by.Person, min(time.Duration(wait)*time.Second, longest))
	defer done()
	v, err := a.Confirms.Wait(ctx, by, c.Param("id"), since, may)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, present(v))
	return nil
}

func number(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < 0 {
		return 0, httpkit.ErrMalformed.Saying("wait and since_version are whole numbers.")
	}
	return n, nil
}

func (a *API) cancel(c *gin.Context, by actor.Actor) error {
	return a.act(c, by, a.Confirms.Cancel)
}

func (a *API) resend(c *gin.Context, by actor.Actor) error {
	return a.act(c, by, a.Confirms.Resend)
}

func (a *API) act(c *gin.Context, by actor.Actor, do func(context.Context, actor.Actor, string) (confirm.View, error)) error {
	if _, err := httpkit.Decode[struct{}](c, httpkit.ConsoleBody); err != nil {
		return err
	}
	v, err := do(c.Request.Context(), by, c.Param("id"))
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, present(v))
	return nil
}

// tokenBody is the one body in which the token leaves the service.
type tokenBody struct {
	Token     string        `json:"token"`
	Hint      string        `json:"hint"`
	CreatedAt time.Time     `json:"created_at"`
	ExpiresAt *time.Time    `json:"expires_at,omitempty"`
	Previous  *previousBody `json:"previous,omitempty"`
	TenantURL string        `json:"tenant_url"`
}

type previousBody struct {
	Hint       string     `json:"hint"`
	ValidUntil *time.Time `json:"valid_until"`
}

func (a *API) reveal(c *gin.Context, by actor.Actor) error {
	if _, err := httpkit.Decode[struct{}](c, httpkit.ConsoleBody); err != nil {
		return err
	}
	t, err := a.Confirms.Collect(c.Request.Context(), by, c.Param("id"))
	if err != nil {
		return err
	}
	body := tokenBody{Token: t.Plain, Hint: t.Info.Hint, CreatedAt: t.Info.CreatedAt, ExpiresAt: t.Info.ExpiresAt, TenantURL: a.TenantURL}
	if t.Previous != nil {
		body.Previous = &previousBody{t.Previous.Hint, t.Previous.ValidUntil}
	}
	c.JSON(http.StatusOK, body)
	return nil
}

type seenRequest struct {
	Event string `json:"event"`
}

func (a *API) seen(c *gin.Context, by actor.Actor) error {
	req, err := httpkit.Decode[seenRequest](c, httpkit.ConsoleBody)
	if err != nil {
		return err
	}
	if err := a.Confirms.Seen(c.Request.Context(), by, c.Param("id"), req.Event); err != nil {
		return err
	}
	c.Status(http.StatusNoContent)
	return nil
}

// confirmationBody is wire.md §4.
type confirmationBody struct {
	ID           string         `json:"id"`
	Version      int64          `json:"version"`
	Action       string         `json:"action"`
	Resource     string         `json:"resource"`
	Mode         string         `json:"mode"`
	Code         string         `json:"code,omitempty"`
	State        confirm.State  `json:"state"`
	Reason       string         `json:"reason"`
	CreatedAt    time.Time      `json:"created_at"`
	ExpiresAt    time.Time      `json:"expires_at"`
	CollectUntil *time.Time     `json:"collect_until,omitempty"`
	ServerTime   time.Time      `json:"server_time"`
	DecidedBy    *decidedBody   `json:"decided_by,omitempty"`
	Passkey      bool           `json:"passkey,omitempty"`
	Devices      []deliveryBody `json:"devices"`
	Quorum       *quorumBody    `json:"quorum,omitempty"`
}

// quorumBody is who has approved where more than one has to.
type quorumBody struct {
	Needed    int            `json:"needed"`
	Approvals []approvalBody `json:"approvals"`
}

type approvalBody struct {
	Person string    `json:"person"`
	Device string    `json:"device"`
	At     time.Time `json:"at"`
}

type decidedBody struct {
	Device string     `json:"device"`
	At     *time.Time `json:"at"`
	How    string     `json:"how"`
}

type deliveryBody struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	Delivery string    `json:"delivery"`
	At       time.Time `json:"at"`
	Detail   string    `json:"detail,omitempty"`
}

func present(v confirm.View) confirmationBody {
	b := confirmationBody{ID: v.ID, Version: v.Version, Action: v.Action, Resource: v.Resource, Mode: v.Mode, Code: v.Code, State: v.State,
		Reason: v.Reason, CreatedAt: v.CreatedAt, ExpiresAt: v.ExpiresAt, CollectUntil: v.CollectUntil, ServerTime: v.ServerTime,
		Passkey: v.Passkey, Devices: make([]deliveryBody, len(v.Devices))}
	if v.DecidedBy != "" {
		b.DecidedBy = &decidedBody{v.DecidedBy, v.DecidedAt, v.DecidedHow}
	}
	for i, d := range v.Devices {
		b.Devices[i] = deliveryBody{d.ID, d.Name, d.Delivery, d.At.UTC(), d.Detail}
	}
	if v.Quorum != nil {
		b.Quorum = &quorumBody{Needed: v.Quorum.Needed, Approvals: make([]approvalBody, len(v.Quorum.Approvals))}
		for i, a := range v.Quorum.Approvals {
			b.Quorum.Approvals[i] = approvalBody{a.Person, a.Device, a.At.UTC()}
		}
	}
	return b
}

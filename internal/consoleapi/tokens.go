package consoleapi

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/mileusna/useragent"
	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/confirm"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/httpkit"
	"github.com/countersign/countersign/internal/provisioning"
	"github.com/countersign/countersign/internal/signin"
	"github.com/countersign/countersign/internal/workspace"
)

const (
	tokenPrefix = "scim_token:"
	useSince    = 30 * 24 * time.Hour // how far back a token's use is told
)

// mountTokens adds the life of SCIM tokens. Making one is confirmations' own: POST /v1/confirmations/{id}/reveal.
func (a *API) mountTokens(g *gin.RouterGroup) {
	g.GET("/tokens/:id", a.session(a.showTokenDetails))
	g.POST("/tokens/:id/end-overlap", a.session(a.tokenAction(confirm.EndOverlap)))
	g.POST("/tokens/:id/cancel-regeneration", a.session(a.tokenAction(confirm.CancelRegeneration)))
	g.POST("/tokens/:id/extend-overlap", a.session(a.extendOverlap))
	g.PUT("/tokens/:id/expiry", a.session(a.setTokenExpiry))
	g.PUT("/tokens/:id/addresses", a.session(a.setTokenAddresses))
}

type tokenDetails struct {
	About      tokenResponse         `json:"about"`
	Views      []viewResponse        `json:"views"`
	ViewsTotal int64                 `json:"views_total"`
	Use        tokenTraffic          `json:"use"`
	Seen       []seenResponse        `json:"seen"`
	Addresses  tokenAddressesMessage `json:"addresses"`
	Can        tokenCan              `json:"can"`
	ServerTime time.Time             `json:"server_time"`
}

// viewResponse is one time that the token was handed out.
type viewResponse struct {
	Kind     string     `json:"kind"`
	Person   string     `json:"person"`
	Device   string     `json:"device,omitempty"`
	Browser  string     `json:"browser,omitempty"`
	OS       string     `json:"os,omitempty"`
	IP       string     `json:"ip,omitempty"`
	At       time.Time  `json:"at"`
	Copied   int        `json:"copied"`
	CopiedAt *time.Time `json:"copied_at,omitempty"`
	ClosedAt *time.Time `json:"closed_at,omitempty"`
}

type tokenTraffic struct {
	Client string     `json:"client,omitempty"`
	LastAt *time.Time `json:"last_at,omitempty"`
	Good   int64      `json:"good"`
	Days   []tokenDay `json:"days"`
}

type tokenDay struct {
	Day      string `json:"day"`
	Calls    int64  `json:"calls"`
	Rejected int64  `json:"rejected"`
}

type seenResponse struct {
	IP        string     `json:"ip"`
	Client    string     `json:"client,omitempty"`
	UserAgent string     `json:"user_agent,omitempty"`
	FirstAt   time.Time  `json:"first_at"`
	LastAt    time.Time  `json:"last_at"`
	RefusedAt *time.Time `json:"refused_at,omitempty"`
	Listed    bool       `json:"listed"`
}

type tokenAddressesMessage struct {
	Mode      workspace.AddressMode `json:"mode"`
	Addresses []string              `json:"addresses"`
}

type tokenCan struct {
	Change bool `json:"change"`
	Revoke bool `json:"revoke"`
}

// showTokenDetails tells everything about a token but the token.
func (a *API) showTokenDetails(c *gin.Context, in signin.SignedIn) error {
	if err := allow(in, "see the details of a token", directory.AdminRoles...); err != nil {
		return err
	}
	id, err := pathID(c)
	if err != nil {
		return err
	}
	db := a.DB.Read(c.Request.Context())
	t, err := workspace.FindToken(db, in.Actor.Workspace, id)
	if err != nil {
		return err
	}
	out := tokenDetails{About: presentToken(t, in.Now), ServerTime: in.Now, Can: tokenCan{Change: in.Actor.Manager() && t.Live(in.Now), Revoke: in.Actor.Manager() && t.Live(in.Now)},
		Addresses: tokenAddressesMessage{t.Addresses.Mode, append([]string{}, t.Addresses.List...)}}
	views, total, err := workspace.Views(db, in.Actor.Workspace, id)
	if err != nil {
		return err
	}
	out.Views, out.ViewsTotal = presentViews(views), total
	seen, err := workspace.SeenFrom(db, id, in.Now)
	if err != nil {
		return err
	}
	out.Seen = make([]seenResponse, len(seen))
	for i, s := range seen {
		out.Seen[i] = seenResponse{s.IP, s.Client, s.UserAgent, s.FirstAt, s.LastAt, optional(s.RefusedAt), t.Addresses.Holds(s.IP)}
	}
	if out.Use, err = a.tokenUse(c, in, db, id); err != nil {
		return err
	}
	c.JSON(http.StatusOK, out)
	return nil
}

func presentViews(views []workspace.View) []viewResponse {
	out := make([]viewResponse, len(views))
	for i, v := range views {
		ua := useragent.Parse(v.UserAgent)
		out[i] = viewResponse{v.Kind, v.Name, v.Device, ua.Name, ua.OS, v.IP, v.At, v.Copied, optional(v.CopiedAt), optional(v.ClosedAt)}
	}
	return out
}

func (a *API) tokenUse(c *gin.Context, in signin.SignedIn, db *gorm.DB, id string) (tokenTraffic, error) {
	out := tokenTraffic{Days: []tokenDay{}}
	if err := a.SyncLog.Flush(c.Request.Context()); err != nil {
		return out, err
	}
	all, err := provisioning.TrafficOf(db, in.Actor.Workspace, in.Now.Add(-useSince), id)
	if err != nil {
		return out, err
	}
	t := all[id]
	out.Client, out.Good = t.Client, t.Good
	if !t.LastAt.IsZero() {
		out.LastAt = &t.LastAt
	}
	for _, d := range t.Days {
		out.Days = append(out.Days, tokenDay{d.Day.Format(time.DateOnly), d.Calls, d.Rejected})
	}
	return out, nil
}

const changeTokens = "change tokens"

// tokenAction carries out an action that needs nothing but its confirmation.
func (a *API) tokenAction(action string) func(*gin.Context, signin.SignedIn) error {
	return func(c *gin.Context, in signin.SignedIn) error {
		if err := allow(in, changeTokens, directory.Owner, directory.SuperAdmin); err != nil {
			return err
		}
		return a.perform(c, in, action, tokenPrefix, nil)
	}
}

type extendRequest struct {
	ConfirmationID string `json:"confirmation_id"`
	Overlap        int64  `json:"overlap_seconds"`
}

func (a *API) extendOverlap(c *gin.Context, in signin.SignedIn) error {
	req, err := changing[extendRequest](c, in)
	if err != nil {
		return err
	}
	return a.performWith(c, in, req.ConfirmationID, confirm.ExtendOverlap, map[string]int64{"overlap_seconds": req.Overlap})
}

type expiryRequest struct {
	ConfirmationID string `json:"confirmation_id"`
	Days           int    `json:"days"`
}

func (a *API) setTokenExpiry(c *gin.Context, in signin.SignedIn) error {
	req, err := changing[expiryRequest](c, in)
	if err != nil {
		return err
	}
	return a.performWith(c, in, req.ConfirmationID, confirm.TokenExpiry, map[string]int{"days": req.Days})
}

type addressesRequest struct {
	ConfirmationID string `json:"confirmation_id"`
	tokenAddressesMessage
}

func (a *API) setTokenAddresses(c *gin.Context, in signin.SignedIn) error {
	req, err := changing[addressesRequest](c, in)
	if err != nil {
		return err
	}
	return a.performWith(c, in, req.ConfirmationID, confirm.TokenAddresses, req.tokenAddressesMessage)
}

// changing reads the body of a change that Owners and Super Admins may make.
func changing[T any](c *gin.Context, in signin.SignedIn) (T, error) {
	if err := allow(in, changeTokens, directory.Owner, directory.SuperAdmin); err != nil {
		var none T
		return none, err
	}
	return httpkit.Decode[T](c, httpkit.ConsoleBody)
}

// performWith carries out what a confirmation with parameters allows; they have to be what the phone has signed.
func (a *API) performWith(c *gin.Context, in signin.SignedIn, confirmation, action string, with any) error {
	id, err := pathID(c)
	if err != nil {
		return err
	}
	params, err := json.Marshal(with)
	if err != nil {
		return err
	}
	err = a.Confirms.Perform(c.Request.Context(), in.Actor, confirmationID(confirmation), action, tokenPrefix+id, params)
	if err != nil {
		return err
	}
	c.Status(http.StatusNoContent)
	return nil
}

// overlapResponse is a regeneration whose old token lives on.
type overlapResponse struct {
	OldID         string     `json:"old_id"`
	OldHint       string     `json:"old_hint"`
	NewID         string     `json:"new_id"`
	NewHint       string     `json:"new_hint"`
	ValidUntil    time.Time  `json:"valid_until"`
	Cancellable   bool       `json:"cancellable"`
	Advice        string     `json:"advice"`
	Client        string     `json:"client,omitempty"`
	OldLastAt     *time.Time `json:"old_last_at,omitempty"`
	NewCalls      int64      `json:"new_calls"`
	UnusedSeconds int64      `json:"unused_seconds"`
	CycleSeconds  int64      `json:"cycle_seconds"`
	ServerTime    time.Time  `json:"server_time"`
}

// refusedResponse is what goes on being refused: which token the identity provider sends, and what that token is.
type refusedResponse struct {
	TokenID string     `json:"token_id"`
	Hint    string     `json:"hint"`
	State   string     `json:"state"`
	Client  string     `json:"client,omitempty"`
	Times   int64      `json:"times"`
	Since   time.Time  `json:"since"`
	LastAt  time.Time  `json:"last_at"`
	EndedAt *time.Time `json:"ended_at,omitempty"`
	EndedBy string     `json:"ended_by,omitempty"`
	Address bool       `json:"address"` // the token is good, the address is not on its list
}

// overlap tells of the old token that lives on beside the active one; nil where none does.
func (a *API) overlap(c *gin.Context, in signin.SignedIn, db *gorm.DB, tokens []workspace.Token) (*overlapResponse, error) {
	var old, fresh *workspace.Token
	for i, t := range tokens {
		switch {
		case t.State == workspace.Active:
			fresh = &tokens[i]
		case t.State == workspace.Replaced && t.Live(in.Now):
			old = &tokens[i]
		}
	}
	if old == nil || fresh == nil || a.SyncLog == nil {
		return nil, nil //nolint:nilnil // there is none
	}
	h, err := a.SyncLog.Health(c.Request.Context(), in.Actor.Workspace, true)
	if err != nil {
		return nil, err
	}
	var every time.Duration
	if h.Rhythm != nil {
		every = h.Rhythm.Every
	}
	traffic, err := provisioning.TrafficOf(db, in.Actor.Workspace, in.Now.Add(-useSince), old.ID, fresh.ID)
	if err != nil {
		return nil, err
	}
	j := provisioning.Judge(traffic[old.ID], traffic[fresh.ID], every, fresh.CreatedAt, in.Now)
	return &overlapResponse{OldID: old.ID, OldHint: old.Hint, NewID: fresh.ID, NewHint: fresh.Hint, ValidUntil: *old.ValidUntil,
		Cancellable: fresh.Replaces == old.ID && fresh.LastUsedAt == nil, Advice: string(j.Advice), Client: j.Client, OldLastAt: optional(j.OldLast),
		NewCalls: j.NewCalls, UnusedSeconds: int64(j.Unused / time.Second), CycleSeconds: int64(j.Cycle / time.Second), ServerTime: in.Now}, nil
}

// refused tells which token is sent and refused; nil where all is well.
func refused(in signin.SignedIn, db *gorm.DB, tokens []workspace.Token) (*refusedResponse, error) {
	r, err := provisioning.RefusedNow(db, in.Actor.Workspace)
	if err != nil || r == nil {
		return nil, err
	}
	out := &refusedResponse{TokenID: r.Token, Hint: r.Hint, State: string(workspace.Revoked), Client: r.Client, Times: r.Times, Since: r.At, LastAt: r.LastAt}
	for _, t := range tokens {
		if t.ID != r.Token {
			continue
		}
		out.State, out.EndedBy, out.Address = string(t.At(in.Now)), t.EndedBy, t.Live(in.Now) && t.Addresses.Mode == workspace.AddressesEnforce
		switch t.State {
		case workspace.Revoked:
			out.EndedAt = optional(t.RevokedAt)
		case workspace.Replaced:
			out.State, out.EndedAt = string(workspace.Replaced), optional(t.Over())
		default:
			out.EndedAt = optional(t.ExpiresAt)
		}
	}
	return out, nil
}

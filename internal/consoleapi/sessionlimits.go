package consoleapi

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/httpkit"
	"github.com/countersign/countersign/internal/signin"
)

// sessionLimitsAction is the action that a phone confirms; internal/assembly registers it.
const sessionLimitsAction = "session.limits"

type sessionStateResponse struct {
	State      string     `json:"state"`
	Role       string     `json:"role,omitempty"`
	EndsAt     *time.Time `json:"ends_at,omitempty"`      // however much it is used
	IdleEndsAt *time.Time `json:"idle_ends_at,omitempty"` // if it is not used until then
	ServerTime time.Time  `json:"server_time"`
}

// sessionState tells a browser how its session stands. Open pages ask it every few seconds, so it answers 200 in any case and does not count as use.
func (a *API) sessionState(c *gin.Context) error {
	state, in, err := a.SignIn.State(c.Request.Context(), a.SignIn.BrowserOf(c.Request), c.GetHeader(signin.WorkspaceHeader))
	if err != nil {
		return err
	}
	out := sessionStateResponse{State: state, ServerTime: in.Now}
	if state == signin.Opened {
		out.Role, out.EndsAt, out.IdleEndsAt = in.Actor.Role, &in.EndsAt, &in.IdleEndsAt
	}
	c.JSON(http.StatusOK, out)
	return nil
}

type sessionLimits struct {
	IdleSeconds int64 `json:"idle_seconds"`
	LifeSeconds int64 `json:"life_seconds"`
}

func (l sessionLimits) limits() signin.Limits {
	return signin.Limits{Idle: time.Duration(l.IdleSeconds) * time.Second, Life: time.Duration(l.LifeSeconds) * time.Second}
}

func presentLimits(l signin.Limits) sessionLimits {
	return sessionLimits{IdleSeconds: int64(l.Idle / time.Second), LifeSeconds: int64(l.Life / time.Second)}
}

type sessionLimitsResponse struct {
	sessionLimits
	Shortest sessionLimits `json:"shortest"`
	Longest  sessionLimits `json:"longest"`
	Can      canChange     `json:"can"`
}

type canChange struct {
	Change bool `json:"change"`
}

func (a *API) showSessionLimits(c *gin.Context, in signin.SignedIn) error {
	if err := allow(in, "see how long sessions last", directory.AdminRoles...); err != nil {
		return err
	}
	return a.answerSessionLimits(c, in)
}

func (a *API) answerSessionLimits(c *gin.Context, in signin.SignedIn) error {
	l, err := a.SignIn.LimitsOf(a.DB.Read(c.Request.Context()), in.Actor.Workspace)
	if err != nil {
		return err
	}
	most := a.SignIn.Longest()
	least := signin.Limits{Idle: min(signin.ShortestIdle, most.Idle), Life: signin.ShortestLife}
	c.JSON(http.StatusOK, sessionLimitsResponse{sessionLimits: presentLimits(l), Shortest: presentLimits(least), Longest: presentLimits(most),
		Can: canChange{Change: in.Actor.Manager()}})
	return nil
}

type sessionLimitsRequest struct {
	sessionLimits
	ConfirmationID string         `json:"confirmation_id"`
	Was            *sessionLimits `json:"was"` // what held when the change was begun; absent: whatever holds
}

// unedited refuses where something else holds than what the change began with, or would make of it.
func (a *API) unedited(tx database.Tx, r sessionLimitsRequest, id string) error {
	if r.Was == nil {
		return nil
	}
	l, err := a.SignIn.LimitsOf(tx.DB, id)
	if err != nil {
		return err
	}
	now := presentLimits(l)
	if now == *r.Was || now == r.sessionLimits {
		return nil
	}
	return fault.ErrEdited.With("now", now)
}

// changeSessionLimits does what the phone has signed; the body has to say the same.
func (a *API) changeSessionLimits(c *gin.Context, in signin.SignedIn) error {
	if err := allow(in, "change how long sessions last", directory.ManagerRoles...); err != nil {
		return err
	}
	req, err := httpkit.Decode[sessionLimitsRequest](c, httpkit.ConsoleBody)
	if err != nil {
		return err
	}
	if err := a.SignIn.Check(req.limits()); err != nil {
		return err
	}
	params, err := json.Marshal(req.sessionLimits)
	if err != nil {
		return err
	}
	unedited := func(tx database.Tx) error { return a.unedited(tx, req, in.Actor.Workspace) }
	if err := a.Confirms.PerformWhere(c.Request.Context(), in.Actor, confirmationID(req.ConfirmationID), sessionLimitsAction, "", params, unedited); err != nil {
		return err
	}
	return a.answerSessionLimits(c, in)
}

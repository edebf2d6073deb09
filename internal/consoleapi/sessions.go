package consoleapi

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/signin"
)

type openSession struct {
	ID         string    `json:"id"`
	Browser    string    `json:"browser"`
	OS         string    `json:"os"`
	IP         string    `json:"ip"`
	Method     string    `json:"method"`
	SignedInAt time.Time `json:"signed_in_at"`
	LastSeenAt time.Time `json:"last_seen_at"`
	ExpiresAt  time.Time `json:"expires_at"`
	Current    bool      `json:"current"`
}

type openSessionsResponse struct {
	Items []openSession `json:"items"`
}

type endedResponse struct {
	Ended int `json:"ended"`
}

func (a *API) listSessions(c *gin.Context, in signin.SignedIn) error {
	return a.answerSessions(c, in, in.Actor.Person)
}

func (a *API) listSessionsOf(c *gin.Context, in signin.SignedIn) error {
	person, err := a.personToLookAfter(c, in, seeSessions)
	if err != nil {
		return err
	}
	return a.answerSessions(c, in, person)
}

func (a *API) answerSessions(c *gin.Context, in signin.SignedIn, person string) error {
	open, err := a.SignIn.OpenOf(c.Request.Context(), in.Actor, person)
	if err != nil {
		return err
	}
	out := openSessionsResponse{Items: make([]openSession, len(open))}
	for i, o := range open {
		out.Items[i] = openSession{ID: o.ID, Browser: o.Browser, OS: o.System, IP: o.IP, Method: string(o.Method), SignedInAt: o.SignedInAt, LastSeenAt: o.LastSeenAt,
			ExpiresAt: o.ExpiresAt, Current: o.Current}
	}
	c.JSON(http.StatusOK, out)
	return nil
}

func (a *API) endSession(c *gin.Context, in signin.SignedIn) error {
	id, err := pathID(c)
	if err != nil {
		return err
	}
	if err := a.SignIn.EndOpen(c.Request.Context(), in.Actor, in.Actor.Person, id); err != nil {
		return err
	}
	c.Status(http.StatusNoContent)
	return nil
}

func (a *API) endOtherSessions(c *gin.Context, in signin.SignedIn) error {
	return a.answerEnded(c, in, in.Actor.Person)
}

func (a *API) endSessionsOf(c *gin.Context, in signin.SignedIn) error {
	person, err := a.personToLookAfter(c, in, seeSessions)
	if err != nil {
		return err
	}
	return a.answerEnded(c, in, person)
}

func (a *API) answerEnded(c *gin.Context, in signin.SignedIn, person string) error {
	n, err := a.SignIn.EndOthers(c.Request.Context(), in.Actor, person)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, endedResponse{Ended: n})
	return nil
}

// endSessionOf ends one session of somebody else.
func (a *API) endSessionOf(c *gin.Context, in signin.SignedIn) error {
	person, err := a.personToLookAfter(c, in, seeSessions)
	if err != nil {
		return err
	}
	id := c.Param("session")
	if !idForm.MatchString(id) {
		return fault.ErrNotFound
	}
	if err := a.SignIn.EndOpen(c.Request.Context(), in.Actor, person, id); err != nil {
		return err
	}
	c.Status(http.StatusNoContent)
	return nil
}

const seeSessions = "see or end other people's sessions"

// personToLookAfter is the person in the path, for those who manage people; what says what they want to do.
func (a *API) personToLookAfter(c *gin.Context, in signin.SignedIn, what string) (string, error) {
	if err := allow(in, what, directory.ManagerRoles...); err != nil {
		return "", err
	}
	id, err := pathID(c)
	if err != nil {
		return "", err
	}
	p, err := directory.Find(a.DB.Read(c.Request.Context()), in.Actor.Workspace, id)
	return p.ID, err
}

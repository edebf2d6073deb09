package consoleapi

import (
	"context"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/httpkit"
	"github.com/countersign/countersign/internal/signin"
)

// spending consumes, in a transaction, what allows it.
type spending = func(database.Tx) error

type removalResponse struct {
	ID        string     `json:"id"`
	Kind      string     `json:"kind"`
	State     string     `json:"state"`
	OpenedAt  time.Time  `json:"opened_at"`
	OpenedBy  string     `json:"opened_by"`
	Reason    string     `json:"reason"`
	Items     int        `json:"items"`
	DecidedAt *time.Time `json:"decided_at,omitempty"`
	DecidedBy string     `json:"decided_by,omitempty"`
}

func presentRemoval(r directory.Removal) removalResponse {
	return removalResponse{ID: r.ID, Kind: r.Kind, State: r.State, OpenedAt: r.OpenedAt, OpenedBy: r.OpenedBy, Reason: r.Reason, Items: r.Items,
		DecidedAt: optional(r.DecidedAt), DecidedBy: r.DecidedBy}
}

type removalsResponse struct {
	Items []removalResponse `json:"items"`
	Next  string            `json:"next,omitempty"`
}

func (a *API) listRemovals(c *gin.Context, in signin.SignedIn) error {
	if err := seesDirectory(in); err != nil {
		return err
	}
	limit, err := number(c, "limit", longestPage)
	if err != nil {
		return err
	}
	held := c.Query("state") == "held"
	if s := c.Query("state"); s != "" && !held {
		return ErrQuery
	}
	all, next, err := directory.Removals(a.DB.Read(c.Request.Context()), in.Actor.Workspace, held, c.Query("after"), limit)
	if err != nil {
		return err
	}
	out := removalsResponse{Items: make([]removalResponse, len(all)), Next: next}
	for i, r := range all {
		out.Items[i] = presentRemoval(r)
	}
	c.JSON(http.StatusOK, out)
	return nil
}

type removedResponse struct {
	PersonID   string    `json:"person_id,omitempty"`
	PersonName string    `json:"person_name,omitempty"`
	UserName   string    `json:"user_name,omitempty"`
	TeamID     string    `json:"team_id,omitempty"`
	TeamName   string    `json:"team_name,omitempty"`
	Role       string    `json:"role,omitempty"`
	At         time.Time `json:"at"`
	Outcome    string    `json:"outcome,omitempty"`
}

type removalDetail struct {
	removalResponse
	Removed []removedResponse `json:"removed"`
	More    bool              `json:"more"` // ask again with after_person and after_team of the last one
}

func (a *API) showRemoval(c *gin.Context, in signin.SignedIn) error {
	if err := seesDirectory(in); err != nil {
		return err
	}
	id, err := pathID(c)
	if err != nil {
		return err
	}
	return a.answerRemoval(c, in, id)
}

func (a *API) answerRemoval(c *gin.Context, in signin.SignedIn, id string) error {
	limit, err := number(c, "limit", longestPage)
	if err != nil {
		return err
	}
	after := directory.RemovalItem{PersonID: c.Query("after_person"), TeamID: c.Query("after_team")}
	if !validID(after.PersonID) || !validID(after.TeamID) {
		return ErrQuery
	}
	db := a.DB.Read(c.Request.Context())
	r, err := directory.FindRemoval(db, in.Actor.Workspace, id)
	if err != nil {
		return err
	}
	items, more, err := directory.RemovalItems(db, in.Actor.Workspace, id, after, limit)
	if err != nil {
		return err
	}
	out := removalDetail{removalResponse: presentRemoval(r), Removed: make([]removedResponse, len(items)), More: more}
	for i, item := range items {
		out.Removed[i] = removedResponse(item)
	}
	c.JSON(http.StatusOK, out)
	return nil
}

// validID says whether text is an id or nothing.
func validID(text string) bool { return text == "" || idForm.MatchString(text) }

func (a *API) allowRemoval(c *gin.Context, in signin.SignedIn) error {
	return a.decideRemoval(c, in, "directory.removal.allow", a.Directory.AllowRemoval)
}

func (a *API) keepRemoval(c *gin.Context, in signin.SignedIn) error {
	return a.decideRemoval(c, in, "directory.removal.keep", a.Directory.KeepRemoval)
}

func (a *API) decideRemoval(c *gin.Context, in signin.SignedIn, action string, do func(context.Context, actor.Actor, string, func(database.Tx) error) error) error {
	if err := changesDirectory(in); err != nil {
		return err
	}
	req, err := httpkit.Decode[confirmedRequest](c, httpkit.ConsoleBody)
	if err != nil {
		return err
	}
	id, err := pathID(c)
	if err != nil {
		return err
	}
	if err := do(c.Request.Context(), in.Actor, id, a.spend(in, req, action, "removal:"+id)); err != nil {
		return err
	}
	return a.answerRemoval(c, in, id)
}

type deletedResponse struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	UserName  string    `json:"user_name,omitempty"`
	Role      string    `json:"role,omitempty"`
	DeletedAt time.Time `json:"deleted_at"`
	Until     time.Time `json:"until"`
}

type deletedListResponse struct {
	Items []deletedResponse `json:"items"`
	Next  string            `json:"next,omitempty"`
}

func (a *API) listDeletedPeople(c *gin.Context, in signin.SignedIn) error {
	return a.listDeleted(c, in, directory.DeletedPeople)
}

func (a *API) listDeletedTeams(c *gin.Context, in signin.SignedIn) error {
	return a.listDeleted(c, in, directory.DeletedTeams)
}

func (a *API) listDeleted(c *gin.Context, in signin.SignedIn, list func(*gorm.DB, string, time.Time, string, int) ([]directory.Deleted, string, error)) error {
	if err := seesDirectory(in); err != nil {
		return err
	}
	limit, err := number(c, "limit", longestPage)
	if err != nil {
		return err
	}
	now, err := a.DB.Now(c.Request.Context())
	if err != nil {
		return err
	}
	all, next, err := list(a.DB.Read(c.Request.Context()), in.Actor.Workspace, now, c.Query("after"), limit)
	if err != nil {
		return err
	}
	out := deletedListResponse{Items: make([]deletedResponse, len(all)), Next: next}
	for i, d := range all {
		out.Items[i] = deletedResponse{ID: d.ID, Name: d.Name, UserName: d.UserName, Role: string(d.Role), DeletedAt: d.DeletedAt, Until: d.Until}
	}
	c.JSON(http.StatusOK, out)
	return nil
}

func (a *API) restorePerson(c *gin.Context, in signin.SignedIn) error {
	id, err := restorable(c, in)
	if err != nil {
		return err
	}
	if _, err := a.Directory.RestorePerson(c.Request.Context(), in.Actor, id); err != nil {
		return err
	}
	return a.answerPerson(c, in, id)
}

func (a *API) restoreTeam(c *gin.Context, in signin.SignedIn) error {
	id, err := restorable(c, in)
	if err != nil {
		return err
	}
	if _, err := a.Directory.RestoreTeam(c.Request.Context(), in.Actor, id); err != nil {
		return err
	}
	t, err := directory.FindTeam(a.DB.Read(c.Request.Context()), in.Actor.Workspace, id)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, presentTeam(t))
	return nil
}

func restorable(c *gin.Context, in signin.SignedIn) (string, error) {
	if err := allow(in, "restore people and teams", directory.ManagerRoles...); err != nil {
		return "", err
	}
	if _, err := httpkit.Decode[struct{}](c, httpkit.ConsoleBody); err != nil {
		return "", err
	}
	return pathID(c)
}

type offboardingResponse struct {
	ID          string            `json:"id"`
	PersonID    string            `json:"person_id"`
	PersonName  string            `json:"person_name"`
	UserName    string            `json:"user_name"`
	Cause       string            `json:"cause"`
	ActorKind   string            `json:"actor_kind"`
	ActorName   string            `json:"actor_name"`
	RequestedAt time.Time         `json:"requested_at"`
	EndedAt     time.Time         `json:"ended_at"`
	Seconds     float64           `json:"seconds"` // from the request to the end of everything
	Ended       []directory.Ended `json:"ended"`
}

func presentOffboarding(o directory.Offboarding) offboardingResponse {
	out := offboardingResponse{ID: o.ID, PersonID: o.PersonID, PersonName: o.PersonName, UserName: o.UserName, Cause: o.Cause, ActorKind: o.ActorKind,
		ActorName: o.ActorName, RequestedAt: o.RequestedAt, EndedAt: o.EndedAt, Ended: o.Ended}
	last := o.EndedAt
	for _, e := range o.Ended {
		if e.At.After(last) {
			last = e.At
		}
	}
	out.Seconds = last.Sub(o.RequestedAt).Seconds()
	if out.Ended == nil {
		out.Ended = []directory.Ended{}
	}
	return out
}

type offboardingsResponse struct {
	Items []offboardingResponse `json:"items"`
	Next  string                `json:"next,omitempty"`
}

func (a *API) listOffboardings(c *gin.Context, in signin.SignedIn) error {
	if err := seesDirectory(in); err != nil {
		return err
	}
	limit, err := number(c, "limit", longestPage)
	if err != nil {
		return err
	}
	if !validID(c.Query("person")) {
		return ErrQuery
	}
	all, next, err := directory.Offboardings(a.DB.Read(c.Request.Context()), in.Actor.Workspace, c.Query("person"), c.Query("after"), limit)
	if err != nil {
		return err
	}
	out := offboardingsResponse{Items: make([]offboardingResponse, len(all)), Next: next}
	for i, o := range all {
		out.Items[i] = presentOffboarding(o)
	}
	c.JSON(http.StatusOK, out)
	return nil
}

func (a *API) showOffboarding(c *gin.Context, in signin.SignedIn) error {
	if err := seesDirectory(in); err != nil {
		return err
	}
	id, err := pathID(c)
	if err != nil {
		return err
	}
	o, err := directory.FindOffboarding(a.DB.Read(c.Request.Context()), in.Actor.Workspace, id)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, presentOffboarding(o))
	return nil
}

package consoleapi

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/httpkit"
	"github.com/countersign/countersign/internal/provisioning"
	"github.com/countersign/countersign/internal/signin"
)

type teamsResponse struct {
	Items []teamItem `json:"items"`
	Next  string     `json:"next,omitempty"`
}

type teamItem struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Alias     string    `json:"alias,omitempty"`
	Source    string    `json:"source"`
	Members   int       `json:"members"`
	External  string    `json:"external_id,omitempty"`
	CreatedAt time.Time `json:"created_at"`
	ChangedAt time.Time `json:"changed_at"`
	Lost      int64     `json:"lost,omitempty"`
	Waiting   int       `json:"waiting,omitempty"`
}

func presentTeam(t directory.Team) teamItem {
	return teamItem{ID: t.ID, Name: t.Name, Alias: t.Alias, Source: string(t.Source), Members: t.Members, External: t.External, CreatedAt: t.CreatedAt, ChangedAt: t.ChangedAt}
}

func (a *API) showTeam(c *gin.Context, in signin.SignedIn) error {
	if err := allow(in, "see the teams", readers...); err != nil {
		return err
	}
	id, err := pathID(c)
	if err != nil {
		return err
	}
	return a.answerTeam(c, in, id)
}

func (a *API) answerTeam(c *gin.Context, in signin.SignedIn, id string) error {
	t, err := directory.FindTeam(a.DB.Read(c.Request.Context()), in.Actor.Workspace, id)
	if err != nil {
		return err
	}
	out := []teamItem{presentTeam(t)}
	if err := a.addDrops(c, in, out); err != nil {
		return err
	}
	c.JSON(http.StatusOK, out[0])
	return nil
}

const dropDays = 7 // how far back a large drop is looked for

// addDrops tells admins how many members a team waits for, and of teams that have lost more than half of their members within a week: a provider
// that was set up wrong does that. Who was added again meanwhile is not lost.
func (a *API) addDrops(c *gin.Context, in signin.SignedIn, teams []teamItem) error {
	if !in.Actor.Admin() || len(teams) == 0 {
		return nil
	}
	ids := make([]string, len(teams))
	for i, t := range teams {
		ids[i] = t.ID
	}
	db := a.DB.Read(c.Request.Context())
	waiting, err := directory.Waiting(db, in.Actor.Workspace, ids)
	if err != nil {
		return err
	}
	lost, err := provisioning.MembersLost(db, in.Actor.Workspace, ids, in.Now.AddDate(0, 0, -dropDays))
	for i, t := range teams {
		teams[i].Waiting = waiting[t.ID]
		if n := lost[t.ID]; directory.LargeDrop(n, int64(t.Members)) {
			teams[i].Lost = n
		}
	}
	return err
}

type nameTeamRequest struct {
	Alias *string `json:"alias"`
}

// Validate is httpkit.Validator.
func (r nameTeamRequest) Validate() error {
	if r.Alias == nil {
		return directory.ErrAlias
	}
	return nil
}

func (a *API) nameTeam(c *gin.Context, in signin.SignedIn) error {
	if err := allow(in, "say what a team is called here", directory.ManagerRoles...); err != nil {
		return err
	}
	id, err := pathID(c)
	if err != nil {
		return err
	}
	req, err := httpkit.Decode[nameTeamRequest](c, httpkit.ConsoleBody)
	if err != nil {
		return err
	}
	if err := a.Directory.NameTeam(c.Request.Context(), in.Actor, id, *req.Alias); err != nil {
		return err
	}
	return a.answerTeam(c, in, id)
}

func (a *API) listTeams(c *gin.Context, in signin.SignedIn) error {
	if err := allow(in, "see the teams", readers...); err != nil {
		return err
	}
	limit, err := number(c, "limit", longestPage)
	if err != nil {
		return err
	}
	page, err := directory.ListTeams(a.DB.Read(c.Request.Context()), in.Actor.Workspace, c.Query("q"), c.Query("after"), limit)
	if err != nil {
		return err
	}
	out := teamsResponse{Items: make([]teamItem, len(page.Items)), Next: page.Next}
	for i, t := range page.Items {
		out.Items[i] = presentTeam(t)
	}
	if err := a.addDrops(c, in, out.Items); err != nil {
		return err
	}
	c.JSON(http.StatusOK, out)
	return nil
}

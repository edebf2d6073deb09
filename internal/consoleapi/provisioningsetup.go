package consoleapi

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/signin"
	"github.com/countersign/countersign/internal/workspace"
)

type syncSetupResponse struct {
	Token   *tokenRef         `json:"used_token,omitempty"`
	Steps   []setupStepAnswer `json:"steps"`
	Problem *callResponse     `json:"problem,omitempty"`
}

type setupStepAnswer struct {
	Step string        `json:"step"`
	Call *callResponse `json:"call,omitempty"`
}

// syncSetup tells which steps of a guided set-up the calls with a token prove: with the one that is named, or else with the live one.
func (a *API) syncSetup(c *gin.Context, in signin.SignedIn) error {
	if err := allow(in, readLog, directory.AdminRoles...); err != nil {
		return err
	}
	wanted := c.Query("token")
	if !validID(wanted) {
		return ErrQuery
	}
	ctx := c.Request.Context()
	if err := a.SyncLog.Flush(ctx); err != nil {
		return err
	}
	db := a.DB.Read(ctx)
	tokens, err := workspace.Tokens(db, in.Actor.Workspace)
	if err != nil {
		return err
	}
	for _, t := range tokens {
		if t.ID != wanted && (wanted != "" || t.State != workspace.Active) {
			continue
		}
		s, err := a.SyncLog.SetupOf(db, in.Actor.Workspace, t.ID, t.CreatedAt)
		if err != nil {
			return err
		}
		out := syncSetupResponse{Token: &tokenRef{t.ID, t.Hint}, Steps: make([]setupStepAnswer, len(s.Proofs))}
		for i, p := range s.Proofs {
			out.Steps[i].Step = string(p.Step)
			if p.Row != nil {
				call := presentCall(*p.Row)
				out.Steps[i].Call = &call
			}
		}
		if s.Problem != nil {
			call := presentCall(*s.Problem)
			out.Problem = &call
		}
		c.JSON(http.StatusOK, out)
		return nil
	}
	if wanted != "" {
		return fault.ErrNotFound
	}
	c.JSON(http.StatusOK, syncSetupResponse{Steps: []setupStepAnswer{}})
	return nil
}

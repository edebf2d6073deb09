package consoleapi

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/httpkit"
	"github.com/countersign/countersign/internal/provisioning"
	"github.com/countersign/countersign/internal/signin"
)

var errNoConflict = fault.New(fault.Conflict, "no_conflict", "Nobody is in the way of this call any more. Replay it.")

type conflictResponse struct {
	Holder conflictHolder `json:"holder"`
	Way    directory.Way  `json:"way,omitempty"`
}

type conflictHolder struct {
	ID       string           `json:"id"`
	Name     string           `json:"name"`
	UserName string           `json:"user_name"`
	Email    string           `json:"email"`
	Source   directory.Source `json:"source"`
	Active   bool             `json:"active"`
	Role     directory.Role   `json:"role"`
}

// showConflict rehearses a refused call to see who is in its way.
func (a *API) showConflict(c *gin.Context, in signin.SignedIn) error {
	claim := &directory.Claim{}
	if _, err := a.replayWith(c, in, claim, true); err != nil {
		return err
	}
	p := claim.Holder
	if p == nil {
		return errNoConflict
	}
	c.JSON(http.StatusOK, conflictResponse{Holder: conflictHolder{p.ID, p.Name, p.UserName, p.Email, p.Source, p.Active, p.Role}, Way: claim.Way})
	return nil
}

type settleRequest struct {
	DryRun *bool  `json:"dry_run"`
	Person string `json:"person_id"`
}

// Validate is httpkit.Validator.
func (r settleRequest) Validate() error {
	if r.DryRun == nil || !idForm.MatchString(r.Person) {
		return httpkit.ErrMalformed.Saying("Say with whom it is settled, and whether it is a dry run.")
	}
	return nil
}

// settleConflict runs a refused call once more and lets it be the person whom it met.
func (a *API) settleConflict(c *gin.Context, in signin.SignedIn) error {
	req, err := httpkit.Decode[settleRequest](c, httpkit.ConsoleBody)
	if err != nil {
		return err
	}
	done, err := a.replayWith(c, in, &directory.Claim{Person: req.Person}, *req.DryRun)
	if err != nil {
		return err
	}
	if err := a.SyncLog.Replayed(c.Request.Context(), in.Actor, c.Param("id"), done); err != nil && *req.DryRun {
		return err
	}
	c.JSON(http.StatusOK, presentReplay(done))
	return nil
}

func (a *API) replayWith(c *gin.Context, in signin.SignedIn, claim *directory.Claim, dry bool) (provisioning.Replayed, error) {
	if err := allow(in, "settle a conflict", directory.ManagerRoles...); err != nil {
		return provisioning.Replayed{}, err
	}
	id, err := pathID(c)
	if err != nil {
		return provisioning.Replayed{}, err
	}
	ctx := c.Request.Context()
	raw, err := a.SyncLog.Raw(a.DB.Read(ctx), in.Actor.Workspace, id)
	if err != nil {
		return provisioning.Replayed{}, err
	}
	if !raw.Replayable() || a.Replay == nil {
		return provisioning.Replayed{}, provisioning.ErrNoReplay
	}
	return a.Replay(directory.WithClaim(ctx, claim), in.Actor, id, raw, dry)
}

package consoleapi

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/countersign/countersign/internal/confirm"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/httpkit"
	"github.com/countersign/countersign/internal/signin"
	"github.com/countersign/countersign/internal/workspace"
)

type policyResponse struct {
	confirm.Policy
	Frozen *frozenResponse `json:"frozen"` // null where tokens may be shown
	Can    policyCan       `json:"can"`
}

type frozenResponse struct {
	Since        time.Time `json:"since"`
	Confirmation string    `json:"confirmation"` // the one that was reported
}

type policyCan struct {
	Change   bool `json:"change"`
	Unfreeze bool `json:"unfreeze"`
}

func (a *API) showPolicy(c *gin.Context, in signin.SignedIn) error {
	if err := allow(in, "see how people confirm", directory.AdminRoles...); err != nil {
		return err
	}
	return a.presentPolicy(c, in)
}

func (a *API) presentPolicy(c *gin.Context, in signin.SignedIn) error {
	ws, err := workspace.Find(a.DB.Read(c.Request.Context()), in.Actor.Workspace)
	if err != nil {
		return err
	}
	out := policyResponse{Policy: confirm.PolicyOf(ws.Rules()),
		Can: policyCan{Change: in.Actor.Manager(), Unfreeze: in.Actor.Role == string(directory.Owner) && ws.FrozenAt != nil}}
	if ws.FrozenAt != nil {
		out.Frozen = &frozenResponse{Since: *ws.FrozenAt, Confirmation: ws.FrozenBy}
	}
	c.JSON(http.StatusOK, out)
	return nil
}

type policyRequest struct {
	confirm.Policy
	ConfirmationID string          `json:"confirmation_id"`
	Was            *confirm.Policy `json:"was"` // what held when the change was begun; absent: whatever holds
}

// Validate is httpkit.Validator: what could not hold is refused before anybody's confirmation is looked at.
func (r policyRequest) Validate() error {
	_, err := r.Rules()
	if err == nil && r.Was != nil {
		_, err = r.Was.Rules()
	}
	return err
}

// unedited refuses where something else holds than what the change began with, or would make of it.
func (r policyRequest) unedited(tx database.Tx, id string) error {
	if r.Was == nil {
		return nil
	}
	ws, err := workspace.Find(tx.DB, id)
	if err != nil {
		return err
	}
	now := ws.Rules()
	for _, p := range []confirm.Policy{*r.Was, r.Policy} {
		is, err := p.Rules()
		if err != nil {
			return err
		}
		if is.MaxTokenDays == workspace.SameLifetime {
			is.MaxTokenDays = now.MaxTokenDays
		}
		if is == now {
			return nil
		}
	}
	return fault.ErrEdited.With("now", confirm.PolicyOf(now))
}

// changePolicy does what the phone has signed; the body has to say the same.
func (a *API) changePolicy(c *gin.Context, in signin.SignedIn) error {
	if err := allow(in, "change how people confirm", directory.Owner, directory.SuperAdmin); err != nil {
		return err
	}
	req, err := httpkit.Decode[policyRequest](c, httpkit.ConsoleBody)
	if err != nil {
		return err
	}
	params, err := json.Marshal(req.Policy)
	if err != nil {
		return err
	}
	unedited := func(tx database.Tx) error { return req.unedited(tx, in.Actor.Workspace) }
	if err := a.Confirms.PerformWhere(c.Request.Context(), in.Actor, confirmationID(req.ConfirmationID), confirm.ChangePolicy, "", params, unedited); err != nil {
		return err
	}
	return a.presentPolicy(c, in)
}

// unfreeze lets tokens be shown again after a report.
func (a *API) unfreeze(c *gin.Context, in signin.SignedIn) error {
	if err := allow(in, "lift the freeze", directory.Owner); err != nil {
		return err
	}
	req, err := httpkit.Decode[confirmedRequest](c, httpkit.ConsoleBody)
	if err != nil {
		return err
	}
	if err := a.Confirms.Perform(c.Request.Context(), in.Actor, confirmationID(req.ConfirmationID), confirm.LiftFreeze, "", nil); err != nil {
		return err
	}
	return a.presentPolicy(c, in)
}

// unlock ends the lock that wrong codes brought on somebody else.
func (a *API) unlock(c *gin.Context, in signin.SignedIn) error {
	if err := allow(in, "unlock people", directory.Owner, directory.SuperAdmin); err != nil {
		return err
	}
	return a.perform(c, in, confirm.UnlockPerson, "person:", nil)
}

type revokeRequest struct {
	ConfirmationID string `json:"confirmation_id"`
	Reason         string `json:"reason"`
}

// revokeToken ends a token at once; the reason has to be the one that the phone has signed.
func (a *API) revokeToken(c *gin.Context, in signin.SignedIn) error {
	if err := allow(in, "revoke a token", directory.Owner, directory.SuperAdmin); err != nil {
		return err
	}
	req, err := httpkit.Decode[revokeRequest](c, httpkit.ConsoleBody)
	if err != nil {
		return err
	}
	var params []byte
	if req.Reason != "" {
		if params, err = json.Marshal(map[string]string{"reason": req.Reason}); err != nil {
			return err
		}
	}
	id, err := pathID(c)
	if err != nil {
		return err
	}
	if err := a.Confirms.Perform(c.Request.Context(), in.Actor, confirmationID(req.ConfirmationID), confirm.RevokeToken, "scim_token:"+id, params); err != nil {
		return err
	}
	c.Status(http.StatusNoContent)
	return nil
}

// perform carries out what a confirmation of an action on the path's object allows, by the registry's entry alone.
func (a *API) perform(c *gin.Context, in signin.SignedIn, action, prefix string, params []byte) error {
	req, err := httpkit.Decode[confirmedRequest](c, httpkit.ConsoleBody)
	if err != nil {
		return err
	}
	id, err := pathID(c)
	if err != nil {
		return err
	}
	if err := a.Confirms.Perform(c.Request.Context(), in.Actor, confirmationID(req.ConfirmationID), action, prefix+id, params); err != nil {
		return err
	}
	c.Status(http.StatusNoContent)
	return nil
}

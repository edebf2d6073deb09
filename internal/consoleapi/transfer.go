package consoleapi

import (
	"errors"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/httpkit"
	"github.com/countersign/countersign/internal/signin"
)

// The actions of giving the ownership away (internal/assembly registers them).
const (
	offerAction  = "ownership.transfer"
	acceptAction = "ownership.accept"
)

func (a *API) mountTransfer(g *gin.RouterGroup) {
	g.GET("/ownership/transfer", a.session(a.showTransfer))
	g.POST("/ownership/transfer", a.session(a.offerOwnership))
	g.DELETE("/ownership/transfer", a.session(a.withdrawOffer))
	g.POST("/ownership/transfer/accept", a.session(a.acceptOwnership))
	g.POST("/ownership/transfer/decline", a.session(a.declineOwnership))
}

type transferResponse struct {
	Transfer *transferItem `json:"transfer"` // null where nothing is offered
}

type transferItem struct {
	ID        string       `json:"id"`
	From      teamResponse `json:"from"` // id and name
	To        teamResponse `json:"to"`
	CreatedAt time.Time    `json:"created_at"`
	ExpiresAt time.Time    `json:"expires_at"`
}

func presentTransfer(t directory.Transfer) *transferItem {
	return &transferItem{ID: t.ID, From: teamResponse{ID: t.From.ID, Name: t.From.Name}, To: teamResponse{ID: t.To.ID, Name: t.To.Name}, CreatedAt: t.CreatedAt, ExpiresAt: t.ExpiresAt}
}

func (a *API) showTransfer(c *gin.Context, in signin.SignedIn) error {
	if err := allow(in, "see an offer of the ownership", directory.AdminRoles...); err != nil {
		return err
	}
	t, err := directory.OpenTransfer(a.DB.Read(c.Request.Context()), in.Actor.Workspace, in.Now)
	switch {
	case errors.Is(err, directory.ErrNoTransfer):
		c.JSON(http.StatusOK, transferResponse{})
		return nil
	case err != nil:
		return err
	}
	c.JSON(http.StatusOK, transferResponse{Transfer: presentTransfer(t)})
	return nil
}

type offerRequest struct {
	PersonID       string `json:"person_id"`
	ConfirmationID string `json:"confirmation_id"`
}

// offerOwnership needs a fresh sign-in before the phone is asked: the first call, without a confirmation, finds that out.
func (a *API) offerOwnership(c *gin.Context, in signin.SignedIn) error {
	if err := allow(in, "give the ownership away", directory.Owner); err != nil {
		return err
	}
	req, err := httpkit.Decode[offerRequest](c, httpkit.ConsoleBody)
	if err != nil {
		return err
	}
	if req.ConfirmationID == "" {
		if err := fresh(in); err != nil {
			return err
		}
	}
	id := confirmationID(req.PersonID)
	if _, err := directory.Receiver(a.DB.Read(c.Request.Context()), in.Actor, id); err != nil {
		return err
	}
	t, err := a.Directory.Offer(c.Request.Context(), in.Actor, id, a.spend(in, confirmedRequest{ConfirmationID: req.ConfirmationID}, offerAction, "person:"+id))
	if err != nil {
		return err
	}
	c.JSON(http.StatusCreated, transferResponse{Transfer: presentTransfer(t)})
	return nil
}

func (a *API) withdrawOffer(c *gin.Context, in signin.SignedIn) error {
	if err := allow(in, "give the ownership away", directory.Owner); err != nil {
		return err
	}
	if err := a.Directory.Withdraw(c.Request.Context(), in.Actor); err != nil {
		return err
	}
	c.Status(http.StatusNoContent)
	return nil
}

func (a *API) acceptOwnership(c *gin.Context, in signin.SignedIn) error {
	if err := allow(in, "become the Owner", directory.SuperAdmin, directory.Admin); err != nil {
		return err
	}
	req, err := httpkit.Decode[confirmedRequest](c, httpkit.ConsoleBody)
	if err != nil {
		return err
	}
	t, err := a.Directory.Accept(c.Request.Context(), in.Actor, func(tx database.Tx, transfer string) error {
		return a.Confirms.Spend(tx, in.Actor, confirmationID(req.ConfirmationID), acceptAction, "transfer:"+transfer)
	})
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, transferResponse{Transfer: presentTransfer(t)})
	return nil
}

func (a *API) declineOwnership(c *gin.Context, in signin.SignedIn) error {
	if err := allow(in, "become the Owner", directory.SuperAdmin, directory.Admin); err != nil {
		return err
	}
	if _, err := httpkit.Decode[struct{}](c, httpkit.ConsoleBody); err != nil {
		return err
	}
	if err := a.Directory.Decline(c.Request.Context(), in.Actor); err != nil {
		return err
	}
	c.Status(http.StatusNoContent)
	return nil
}

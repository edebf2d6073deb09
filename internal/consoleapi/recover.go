package consoleapi

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/countersign/countersign/internal/httpkit"
	"github.com/countersign/countersign/internal/signin"
)

type recoverRequest struct {
	Token string `json:"token"` // the secret behind # in the operator's link
}

// recover takes the link that an operator made for somebody who lost their phones: this session may pair one phone within an hour.
func (a *API) recover(c *gin.Context, in signin.SignedIn) error {
	req, err := httpkit.Decode[recoverRequest](c, httpkit.ConsoleBody)
	if err != nil {
		return err
	}
	if err := a.Devices.UseRecovery(c.Request.Context(), in.Actor, req.Token); err != nil {
		return err
	}
	c.Status(http.StatusNoContent)
	return nil
}

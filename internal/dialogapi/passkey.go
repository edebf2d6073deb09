package dialogapi

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/httpkit"
)

type ceremonyBody struct {
	Ceremony  string          `json:"ceremony"`
	Options   json.RawMessage `json:"options"`
	ExpiresAt time.Time       `json:"expires_at"`
}

func (a *API) passkeyOptions(c *gin.Context, by actor.Actor) error {
	if _, err := httpkit.Decode[struct{}](c, httpkit.ConsoleBody); err != nil {
		return err
	}
	made, err := a.Confirms.BeginPasskey(c.Request.Context(), by, c.Param("id"))
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, ceremonyBody{Ceremony: made.ID, Options: made.Options, ExpiresAt: made.ExpiresAt})
	return nil
}

type passkeyRequest struct {
	Ceremony string          `json:"ceremony"`
	Response json.RawMessage `json:"response"`
}

func (a *API) passkey(c *gin.Context, by actor.Actor) error {
	req, err := httpkit.Decode[passkeyRequest](c, httpkit.ConsoleBody)
	if err != nil {
		return err
	}
	v, err := a.Confirms.AnswerPasskey(c.Request.Context(), by, c.Param("id"), req.Ceremony, req.Response)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, present(v))
	return nil
}

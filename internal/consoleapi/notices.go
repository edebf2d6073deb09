package consoleapi

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/countersign/countersign/internal/httpkit"
	"github.com/countersign/countersign/internal/notice"
	"github.com/countersign/countersign/internal/signin"
)

type noticesResponse struct {
	Items  []noticeResponse `json:"items"`
	Unseen int64            `json:"unseen"`
}

type noticeResponse struct {
	ID        string         `json:"id"`
	Kind      string         `json:"kind"`
	Params    map[string]any `json:"params"`
	CreatedAt time.Time      `json:"created_at"`
	SeenAt    *time.Time     `json:"seen_at,omitempty"`
}

func (a *API) listNotices(c *gin.Context, in signin.SignedIn) error {
	all, unseen, err := notice.Of(a.DB.Read(c.Request.Context()), in.Actor)
	if err != nil {
		return err
	}
	out := noticesResponse{Items: make([]noticeResponse, len(all)), Unseen: unseen}
	for i, n := range all {
		out.Items[i] = noticeResponse{ID: n.ID, Kind: n.Kind, Params: n.Params, CreatedAt: n.CreatedAt, SeenAt: n.SeenAt}
	}
	c.JSON(http.StatusOK, out)
	return nil
}

type seenRequest struct{}

func (a *API) noticeSeen(c *gin.Context, in signin.SignedIn) error {
	if _, err := httpkit.Decode[seenRequest](c, httpkit.ConsoleBody); err != nil {
		return err
	}
	id, err := pathID(c)
	if err != nil {
		return err
	}
	if err := notice.Seen(c.Request.Context(), a.DB, in.Actor, id); err != nil {
		return err
	}
	c.Status(http.StatusNoContent)
	return nil
}

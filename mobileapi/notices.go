package mobileapi

import (
	"net/http"
	"strings"
	"time"

	"github.com/countersign/countersign/internal/notice"
	"github.com/countersign/countersign/internal/workspace"
)

// mostNotices is how many of the newest a phone is given.
const mostNotices = 20

type noticesResponse struct {
	Items []noticeResponse `json:"items"`
}

type noticeResponse struct {
	ID        string         `json:"id"`
	Kind      string         `json:"kind"`
	Params    map[string]any `json:"params"`
	CreatedAt time.Time      `json:"created_at"`
}

// notices is what the phone's person was told about phones and recovery, and that a replaced token is used still shortly before its end. No push
// says it (wire.md §4), at most that there is something, so a phone looks when it is opened.
func (a *API) notices(c call) error {
	all, _, err := notice.Of(a.Devices.DB.Read(c.Request.Context()), c.Actor)
	if err != nil {
		return err
	}
	out := noticesResponse{Items: []noticeResponse{}}
	for _, n := range all {
		if about := strings.HasPrefix(n.Kind, "device.") || strings.HasPrefix(n.Kind, "recovery.") || n.Kind == workspace.TokenOverlapEnding; about && len(out.Items) < mostNotices {
			out.Items = append(out.Items, noticeResponse{ID: n.ID, Kind: n.Kind, Params: n.Params, CreatedAt: n.CreatedAt})
		}
	}
	c.JSON(http.StatusOK, out)
	return nil
}

package mobileapi

import (
	"net/http"
	"slices"
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

// pushed are the kinds of notice that a phone is woken for.
var pushed = []string{workspace.TokenOverlapEnding, workspace.TokenExpiring, "removal.held", "ownership.frozen"}

// notices is what the phone's person was told about phones and recovery, and what a push has woken the phone for. No push says it (wire.md §4), at
// most that there is something, so a phone looks when it is opened.
func (a *API) notices(c call) error {
	all, _, err := notice.Of(a.Devices.DB.Read(c.Request.Context()), c.Actor)
	if err != nil {
		return err
	}
	out := noticesResponse{Items: []noticeResponse{}}
	for _, n := range all {
		if about := strings.HasPrefix(n.Kind, "device.") || strings.HasPrefix(n.Kind, "recovery.") || slices.Contains(pushed, n.Kind); about && len(out.Items) < mostNotices {
			out.Items = append(out.Items, noticeResponse{ID: n.ID, Kind: n.Kind, Params: n.Params, CreatedAt: n.CreatedAt})
		}
	}
	c.JSON(http.StatusOK, out)
	return nil
}

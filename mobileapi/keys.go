package mobileapi

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/countersign/countersign/internal/signing"
)

type announcement struct {
	Kid          string `json:"kid"`
	Announcement string `json:"announcement"`
	Sig          string `json:"sig"`
}

type serverKeysReply struct {
	ServerKey     string         `json:"server_key"`
	Holds         string         `json:"holds"`
	Announcements []announcement `json:"announcements"`
}

// serverKeys tells a phone which key of the server it should hold to, with the announcements that lead there from the one it holds to.
func (a *API) serverKeys(c call) error {
	got, err := a.Devices.ServerKeys(c.Request.Context(), c.Device)
	if err != nil {
		return err
	}
	out := serverKeysReply{ServerKey: got.Current, Holds: got.Holds, Announcements: make([]announcement, len(got.Steps))}
	for i, s := range got.Steps {
		out.Announcements[i] = announcement{Kid: s.Kid, Announcement: signing.B64(s.Bytes), Sig: signing.B64(s.Sig)}
	}
	c.JSON(http.StatusOK, out)
	return nil
}

type moveRequest struct {
	Kid string `json:"kid"`
}

// move is a phone that has checked the announcements and holds to the current key from now on.
func (a *API) move(c call) error {
	var req moveRequest
	if err := decode(c, &req); err != nil {
		return err
	}
	until, err := a.Devices.Move(c.Request.Context(), c.Actor, req.Kid)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, gin.H{"server_key": req.Kid, "old_until": until.Truncate(time.Second)})
	return nil
}

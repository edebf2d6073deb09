// Package mobileapi is the door for phones: pairing, pulling what is asked, answering, push registration. Its contract is openapi.yaml beside
// this file; every call but resolve and claim is signed by the phone (X-Device-Sig).
package mobileapi

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/countersign/countersign/internal/confirm"
	"github.com/countersign/countersign/internal/device"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/httpkit"
	"github.com/countersign/countersign/internal/push"
	"github.com/countersign/countersign/internal/signing"
)

// longest is how long a call that waits may be held.
const longest = 25 * time.Second

// Deps is what the door opens to.
type Deps struct {
	Devices  *device.Service
	Confirms *confirm.Service
	// VAPID is the public key that browsers subscribe with, base64url of the 65-byte point (RFC 8292).
	VAPID func(ctx context.Context) (string, error)
	// ConsoleURL is where people change how they sign in; "" is not told.
	ConsoleURL string
	// Stop is closed when the server shuts down: calls that wait answer at once.
	Stop <-chan struct{}
}

// API is the door. Make it with New.
type API struct {
	Deps
	waits httpkit.Waits
}

// New is the door.
func New(d Deps) *API { return &API{Deps: d} }

// Mount adds every route of the door to a group at /v1/device.
func (a *API) Mount(g *gin.RouterGroup) {
	g.POST("/pairings/resolve", httpkit.Handle(a.resolve))
	g.POST("/pairings/:id/claim", httpkit.Handle(a.claim))
	g.GET("/pairings/:id", a.signed(a.pairing))
	g.GET("/confirmations", a.signed(a.list))
	g.GET("/confirmations/:id", a.signed(a.pull))
	g.POST("/confirmations/:id/opened", a.signed(a.opened))
	g.POST("/confirmations/:id/note", a.signed(a.note))
	g.POST("/confirmations/:id/respond", a.signedUnrecorded(a.respond))
	g.GET("", a.signed(a.me))
	g.PATCH("", a.signed(a.rename))
	g.DELETE("", a.signed(a.remove))
	g.GET("/push", a.signed(a.pushKey))
	g.PUT("/push", a.signed(a.register))
	g.POST("/push/test", a.signed(a.tryPush))
	g.GET("/notices", a.signed(a.notices))
	g.GET("/keys", a.signed(a.serverKeys))
	g.POST("/keys", a.signed(a.move))
}

// call is a request whose signature has been checked, with its body.
type call struct {
	*gin.Context
	device.Signed
	body []byte
}

// signed checks the signature and records the call before the handler runs, so that a replay is refused.
func (a *API) signed(h func(call) error) gin.HandlerFunc {
	return a.signedUnrecorded(func(c call) error {
		if err := a.Devices.RecordNow(c.Request.Context(), c.Signed); err != nil {
			return err
		}
		return h(c)
	})
}

// signedUnrecorded leaves recording to the handler's own transaction.
func (a *API) signedUnrecorded(h func(call) error) gin.HandlerFunc {
	return httpkit.Handle(func(c *gin.Context) error {
		httpkit.NoStore(c)
		body, err := httpkit.Body(c, httpkit.DeviceBody)
		if err != nil {
			return err
		}
		ok, err := a.Devices.Authenticate(c.Request.Context(), device.Request{Header: c.GetHeader("X-Device-Sig"), Method: c.Request.Method,
			Path: c.Request.RequestURI, Body: body, IP: c.ClientIP(), UserAgent: c.Request.UserAgent()})
		if err != nil {
			return err
		}
		return h(call{c, ok, body})
	})
}

// decode reads the body of a signed call strictly; without fields it may be empty.
func decode(c call, into any) error {
	if err := httpkit.JSON(c.Context); err != nil {
		return err
	}
	if len(c.body) == 0 {
		return httpkit.Strict([]byte("{}"), into)
	}
	return httpkit.Strict(c.body, into)
}

type resolveRequest struct {
	Code string `json:"code"`
}

func (a *API) resolve(c *gin.Context) error {
	httpkit.NoStore(c)
	req, err := httpkit.Decode[resolveRequest](c, httpkit.DeviceBody)
	if err != nil {
		return err
	}
	p, err := a.Devices.Resolve(c.Request.Context(), req.Code, c.ClientIP())
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, gin.H{"id": p.ID, "workspace": p.Workspace, "person": p.Person})
	return nil
}

type claimRequest struct {
	Payload string `json:"payload"`
	SigUV   string `json:"sig_uv"`
	SigPoll string `json:"sig_poll"`
}

func (a *API) claim(c *gin.Context) error {
	httpkit.NoStore(c)
	req, err := httpkit.Decode[claimRequest](c, httpkit.ClaimBody)
	if err != nil {
		return err
	}
	var cl device.Claim
	if err := unb64(map[*[]byte]string{&cl.Payload: req.Payload, &cl.SigUV: req.SigUV, &cl.SigPoll: req.SigPoll}); err != nil {
		return err
	}
	got, err := a.Devices.Claim(c.Request.Context(), c.Param("id"), cl, c.ClientIP(), c.Request.UserAgent())
	if err != nil {
		return err
	}
	keys := make([]gin.H, len(got.ServerKeys))
	for i, k := range got.ServerKeys {
		keys[i] = gin.H{"kid": k.Kid, "spki": signing.B64(k.SPKI)}
	}
	c.JSON(http.StatusCreated, gin.H{"device_id": got.Device, "workspace": got.Workspace, "person": got.Person, "server_keys": keys, "sas": got.SAS})
	return nil
}

func unb64(into map[*[]byte]string) error {
	for to, text := range into {
		b, err := signing.Unb64(text)
		if err != nil {
			return httpkit.ErrMalformed.Because(err)
		}
		*to = b
	}
	return nil
}

func (a *API) pairing(c call) error {
	wait, err := waitFor(c.Query("wait"))
	if err != nil {
		return err
	}
	ctx, cancel := until(c.Request.Context(), a.Stop)
	defer cancel()
	may, done := a.waits.Hold(c.Actor.Device, wait)
	defer done()
	p, err := a.Devices.WaitPairingOf(ctx, c.Actor, c.Param("id"), c.Query("since"), may)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, gin.H{"id": p.ID, "state": p.State})
	return nil
}

// until is a context that also ends when the server stops, for calls that only wait.
func until(ctx context.Context, stop <-chan struct{}) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		select {
		case <-stop:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

func waitFor(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, httpkit.ErrMalformed.Saying("wait is a number of seconds.")
	}
	return min(time.Duration(n)*time.Second, longest), nil
}

type waiting struct {
	CID string    `json:"cid"`
	Act string    `json:"act"`
	Exp time.Time `json:"exp"`
}

func (a *API) list(c call) error {
	if s := c.Query("state"); s != "" && s != "pending" {
		return httpkit.ErrMalformed.Saying(`Only state=pending can be listed.`)
	}
	all, now, err := a.Confirms.Waiting(c.Request.Context(), c.Actor)
	if err != nil {
		return err
	}
	items := make([]waiting, len(all))
	for i, w := range all {
		items[i] = waiting{w.CID, w.Action, w.Expires}
	}
	key, err := a.Devices.CurrentServerKey(c.Request.Context())
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, gin.H{"items": items, "server_time": now, "server_key": key})
	return nil
}

func (a *API) pull(c call) error {
	q, err := a.Confirms.Pull(c.Request.Context(), c.Actor, c.Param("id"))
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, gin.H{"challenge": q.Challenge, "server_sig": signing.B64(q.ServerSig), "kid": q.Kid, "server_time": q.ServerTime})
	return nil
}

func (a *API) opened(c call) error {
	if err := decode(c, &struct{}{}); err != nil {
		return err
	}
	if err := a.Confirms.Opened(c.Request.Context(), c.Actor, c.Param("id")); err != nil {
		return err
	}
	c.Status(http.StatusNoContent)
	return nil
}

type respondRequest struct {
	Response string `json:"response"`
	Sig      string `json:"sig"`
}

func (a *API) respond(c call) error {
	var req respondRequest
	err := decode(c, &req)
	var ans confirm.Answer
	if err == nil {
		err = unb64(map[*[]byte]string{&ans.Response: req.Response, &ans.Sig: req.Sig})
	}
	if err != nil {
		if rerr := a.Devices.RecordNow(c.Request.Context(), c.Signed); rerr != nil {
			return rerr
		}
		return err
	}
	state, err := a.Confirms.Answer(c.Request.Context(), c.Signed, c.Param("id"), ans)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, gin.H{"state": state})
	return nil
}

func (a *API) me(c call) error {
	d := c.Device
	c.JSON(http.StatusOK, gin.H{"id": d.ID, "name": d.Name, "platform": d.Platform, "state": d.State, "key_protection": d.KeyProtection,
		"last_seen": d.LastSeen, "push": gin.H{"state": d.PushState}, "console_url": a.ConsoleURL})
	return nil
}

type renameRequest struct {
	Name string `json:"name"`
}

// rename gives the phone another name, as its person may on the console too.
func (a *API) rename(c call) error {
	var req renameRequest
	if err := decode(c, &req); err != nil {
		return err
	}
	if _, err := a.Devices.Rename(c.Request.Context(), c.Actor, c.Device.ID, req.Name); err != nil {
		return err
	}
	c.Status(http.StatusNoContent)
	return nil
}

func (a *API) remove(c call) error {
	if err := a.Devices.RemoveSelf(c.Request.Context(), c.Actor); err != nil {
		return err
	}
	c.Status(http.StatusNoContent)
	return nil
}

func (a *API) pushKey(c call) error {
	key, err := a.VAPID(c.Request.Context())
	if err != nil {
		return err
	}
	again, err := a.Devices.Resubscribe(c.Request.Context(), c.Device)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, gin.H{"vapid_public_key": key, "registered": c.Device.Push != nil, "resubscribe": again})
	return nil
}

type registerRequest struct {
	Push json.RawMessage `json:"push"`
}

func (a *API) register(c call) error {
	var req registerRequest
	if err := decode(c, &req); err != nil {
		return err
	}
	if len(req.Push) == 0 {
		return fault.New(fault.Invalid, "malformed", "push is missing. Nothing was changed.")
	}
	if err := a.Devices.Register(c.Request.Context(), c.Actor, req.Push); err != nil {
		return err
	}
	c.Status(http.StatusNoContent)
	return nil
}

// tryPush sends this phone a notification that asks nothing.
func (a *API) tryPush(c call) error {
	if err := decode(c, &struct{}{}); err != nil {
		return err
	}
	res, err := a.Confirms.TryPush(c.Request.Context(), c.Actor, c.Device.ID)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, gin.H{"sent": res.Outcome == push.Sent, "reason": res.Reason})
	return nil
}

package consoleapi

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/device"
	"github.com/countersign/countersign/internal/httpkit"
	"github.com/countersign/countersign/internal/push"
	"github.com/countersign/countersign/internal/signin"
)

// longestWait is how long a polling call may be held, in seconds.
const longestWait = 25

// The actions whose confirmations this door spends; a phone's resource is "device:" and its id (wire.md §3).
const (
	addDevice    = "device.add"
	removeDevice = "device.remove"
)

type confirmedRequest struct {
	ConfirmationID string `json:"confirmation_id"`
}

type pairingStartResponse struct {
	ID        string    `json:"id"`
	Code      string    `json:"code"`
	Link      string    `json:"link"`
	ExpiresAt time.Time `json:"expires_at"`
}

func (a *API) pair(c *gin.Context, in signin.SignedIn) error {
	req, err := httpkit.Decode[confirmedRequest](c, httpkit.ConsoleBody)
	if err != nil {
		return err
	}
	p, err := a.Devices.Begin(c.Request.Context(), in.Actor, a.spend(in, req, addDevice, ""))
	if err != nil {
		return err
	}
	c.JSON(http.StatusCreated, pairingStartResponse{ID: p.ID, Code: p.Code, Link: p.Link, ExpiresAt: p.ExpiresAt})
	return nil
}

// spend consumes the confirmation that a request names, in the transaction of what it allows.
func (a *API) spend(in signin.SignedIn, req confirmedRequest, action, resource string) func(database.Tx) error {
	return func(tx database.Tx) error {
		return a.Confirms.Spend(tx, in.Actor, confirmationID(req.ConfirmationID), action, resource)
	}
}

type pairingResponse struct {
	ID        string         `json:"id"`
	State     string         `json:"state"`
	ExpiresAt time.Time      `json:"expires_at"`
	SAS       string         `json:"sas,omitempty"`
	Device    *pairingDevice `json:"device,omitempty"`
}

type pairingDevice struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Platform string `json:"platform"`
}

func presentPairing(p device.Pairing) pairingResponse {
	out := pairingResponse{ID: p.ID, State: string(p.State), ExpiresAt: p.ExpiresAt, SAS: p.SAS}
	if p.Device != nil {
		out.Device = &pairingDevice{ID: p.Device.ID, Name: p.Device.Name, Platform: p.Device.Platform}
	}
	return out
}

func (a *API) showPairing(c *gin.Context, in signin.SignedIn) error {
	id, err := pathID(c)
	if err != nil {
		return err
	}
	wait, err := number(c, "wait", longestWait)
	if err != nil {
		return err
	}
	may, done := a.waits.Hold(in.Actor.Person, time.Duration(wait)*time.Second)
	defer done()
	p, err := a.Devices.WaitPairing(c.Request.Context(), in.Actor, id, c.Query("since"), may)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, presentPairing(p))
	return nil
}

type matchRequest struct {
	Match *bool `json:"match"`
}

// Validate is httpkit.Validator: a missing answer is no answer.
func (r matchRequest) Validate() error {
	if r.Match == nil {
		return httpkit.ErrMalformed.Saying("match must be true or false. Nothing was changed.")
	}
	return nil
}

func (a *API) match(c *gin.Context, in signin.SignedIn) error {
	req, err := httpkit.Decode[matchRequest](c, httpkit.ConsoleBody)
	if err != nil {
		return err
	}
	id, err := pathID(c)
	if err != nil {
		return err
	}
	p, err := a.Devices.Match(c.Request.Context(), in.Actor, id, *req.Match)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, presentPairing(p))
	return nil
}

type devicesResponse struct {
	Items []deviceResponse `json:"items"`
}

type deviceResponse struct {
	ID            string     `json:"id"`
	Name          string     `json:"name"`
	Platform      string     `json:"platform"`
	State         string     `json:"state"`
	KeyProtection string     `json:"key_protection"`
	CreatedAt     time.Time  `json:"created_at"`
	LastSeen      *time.Time `json:"last_seen"`
	Push          devicePush `json:"push"`
}

// devicePush is how a phone's notifications stand.
type devicePush struct {
	State       string     `json:"state"` // none, registered, working, failing or dead
	DeliveredAt *time.Time `json:"delivered_at,omitempty"`
	Detail      string     `json:"detail,omitempty"` // why it does not work: the provider's word, or one of ours
}

func (a *API) listDevices(c *gin.Context, in signin.SignedIn) error {
	return a.answerDevices(c, in, in.Actor.Person)
}

func (a *API) listDevicesOf(c *gin.Context, in signin.SignedIn) error {
	person, err := a.personToLookAfter(c, in, "see other people's phones")
	if err != nil {
		return err
	}
	return a.answerDevices(c, in, person)
}

func (a *API) answerDevices(c *gin.Context, in signin.SignedIn, person string) error {
	all, err := a.Devices.ListOf(c.Request.Context(), in.Actor, person)
	if err != nil {
		return err
	}
	out := devicesResponse{Items: make([]deviceResponse, len(all))}
	for i, d := range all {
		out.Items[i] = presentDevice(d)
	}
	c.JSON(http.StatusOK, out)
	return nil
}

func presentDevice(d device.Device) deviceResponse {
	return deviceResponse{ID: d.ID, Name: d.Name, Platform: d.Platform, State: string(d.State), KeyProtection: d.KeyProtection,
		CreatedAt: d.CreatedAt, LastSeen: optional(d.LastSeen), Push: devicePush{State: d.PushState, DeliveredAt: optional(d.Delivered), Detail: d.PushDetail}}
}

type renameRequest struct {
	Name string `json:"name"`
}

func (a *API) renameDevice(c *gin.Context, in signin.SignedIn) error {
	req, err := httpkit.Decode[renameRequest](c, httpkit.ConsoleBody)
	if err != nil {
		return err
	}
	id, err := pathID(c)
	if err != nil {
		return err
	}
	d, err := a.Devices.Rename(c.Request.Context(), in.Actor, id, req.Name)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, presentDevice(d))
	return nil
}

type deviceTestResponse struct {
	Sent   bool   `json:"sent"`             // the provider took it
	Reason string `json:"reason,omitempty"` // the provider's word where it did not
}

// tryDevice sends one of the person's phones a notification that asks nothing.
func (a *API) tryDevice(c *gin.Context, in signin.SignedIn) error {
	if _, err := httpkit.Decode[struct{}](c, httpkit.ConsoleBody); err != nil {
		return err
	}
	id, err := pathID(c)
	if err != nil {
		return err
	}
	res, err := a.Confirms.TryPush(c.Request.Context(), in.Actor, id)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, deviceTestResponse{Sent: res.Outcome == push.Sent, Reason: res.Reason})
	return nil
}

func (a *API) removeDevice(c *gin.Context, in signin.SignedIn) error {
	var req confirmedRequest
	if c.Request.ContentLength != 0 {
		var err error
		if req, err = httpkit.Decode[confirmedRequest](c, httpkit.ConsoleBody); err != nil {
			return err
		}
	}
	id, err := pathID(c)
	if err != nil {
		return err
	}
	if err := a.Devices.Remove(c.Request.Context(), in.Actor, id, a.spend(in, req, removeDevice, "device:"+id)); err != nil {
		return err
	}
	c.Status(http.StatusNoContent)
	return nil
}

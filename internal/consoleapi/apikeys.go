package consoleapi

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/countersign/countersign/internal/apikey"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/httpkit"
	"github.com/countersign/countersign/internal/signin"
)

// makeKeyAction is the action that making an API key is confirmed as (internal/assembly registers it).
const makeKeyAction = "apikey.create"

func (a *API) mountKeys(g *gin.RouterGroup) {
	g.GET("/api-keys", a.session(a.listKeys))
	g.POST("/api-keys", a.session(a.makeKey))
	g.DELETE("/api-keys/:id", a.session(a.revokeKey))
}

type keyResponse struct {
	ID           string         `json:"id"`
	Name         string         `json:"name"`
	Hint         string         `json:"hint"`
	Person       teamResponse   `json:"person"` // id and name
	Scopes       []apikey.Scope `json:"scopes"`
	CreatedAt    time.Time      `json:"created_at"`
	ExpiresAt    time.Time      `json:"expires_at"`
	LastUsedAt   *time.Time     `json:"last_used_at,omitempty"`
	LastUsedIP   string         `json:"last_used_ip,omitempty"`
	EndedAt      *time.Time     `json:"ended_at,omitempty"`
	EndedBecause string         `json:"ended_because,omitempty"`
	State        string         `json:"state"` // live or ended
}

func presentKey(k apikey.Key, now time.Time) keyResponse {
	out := keyResponse{ID: k.ID, Name: k.Name, Hint: k.Hint, Person: teamResponse{ID: k.Person, Name: k.PersonName}, Scopes: k.Scopes, CreatedAt: k.CreatedAt,
		ExpiresAt: k.ExpiresAt, LastUsedAt: optional(k.LastUsedAt), LastUsedIP: k.LastUsedIP, EndedAt: optional(k.EndedAt), EndedBecause: k.EndedBecause, State: "live"}
	if !k.Live(now) {
		out.State = "ended"
		if k.EndedAt == nil { // the sweeper has not written it yet
			out.EndedAt, out.EndedBecause = &k.ExpiresAt, apikey.Expired
		}
	}
	return out
}

type keysResponse struct {
	Items  []keyResponse  `json:"items"`
	Scopes []apikey.Scope `json:"scopes"` // that a key can have
}

func (a *API) listKeys(c *gin.Context, in signin.SignedIn) error {
	if err := allow(in, "have API keys", directory.AdminRoles...); err != nil {
		return err
	}
	all, err := apikey.List(a.DB.Read(c.Request.Context()), in.Actor)
	if err != nil {
		return err
	}
	out := keysResponse{Items: make([]keyResponse, len(all)), Scopes: apikey.Scopes}
	for i, k := range all {
		out.Items[i] = presentKey(k, in.Now)
	}
	c.JSON(http.StatusOK, out)
	return nil
}

type makeKeyRequest struct {
	apikey.Wanted
	ConfirmationID string `json:"confirmation_id"`
}

// Validate is httpkit.Validator: what could not be made is refused before anybody's confirmation is looked at.
func (r makeKeyRequest) Validate() error { return r.Check() }

type madeKeyResponse struct {
	keyResponse
	Key string `json:"key"` // in plain text, in this answer alone
}

// makeKey makes what the phone has signed; the body has to say the same.
func (a *API) makeKey(c *gin.Context, in signin.SignedIn) error {
	if err := allow(in, "have API keys", directory.AdminRoles...); err != nil {
		return err
	}
	req, err := httpkit.Decode[makeKeyRequest](c, httpkit.ConsoleBody)
	if err != nil {
		return err
	}
	params, err := json.Marshal(req.Wanted)
	if err != nil {
		return err
	}
	confirmation := confirmationID(req.ConfirmationID)
	plain, k, err := a.APIKeys.Make(c.Request.Context(), in.Actor, req.Wanted, confirmation, func(tx database.Tx) error {
		return a.Confirms.SpendWith(tx, in.Actor, confirmation, makeKeyAction, "", params)
	})
	if err != nil {
		return err
	}
	c.JSON(http.StatusCreated, madeKeyResponse{keyResponse: presentKey(k, in.Now), Key: plain})
	return nil
}

func (a *API) revokeKey(c *gin.Context, in signin.SignedIn) error {
	if err := allow(in, "have API keys", directory.AdminRoles...); err != nil {
		return err
	}
	id, err := pathID(c)
	if err != nil {
		return err
	}
	if err := a.APIKeys.Revoke(c.Request.Context(), in.Actor, id); err != nil {
		return err
	}
	c.Status(http.StatusNoContent)
	return nil
}

package consoleapi

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/countersign/countersign/internal/device"
	"github.com/countersign/countersign/internal/httpkit"
	"github.com/countersign/countersign/internal/passkey"
	"github.com/countersign/countersign/internal/signin"
)

type ceremonyResponse struct {
	Ceremony  string          `json:"ceremony"`
	Options   json.RawMessage `json:"options"`
	ExpiresAt time.Time       `json:"expires_at"`
}

func answerCeremony(c *gin.Context, made passkey.Ceremony, err error) error {
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, ceremonyResponse{Ceremony: made.ID, Options: made.Options, ExpiresAt: made.ExpiresAt})
	return nil
}

func (a *API) passkeySignInOptions(c *gin.Context) error {
	if _, err := httpkit.Decode[struct{}](c, httpkit.ConsoleBody); err != nil {
		return err
	}
	made, err := a.SignIn.BeginPasskey(c.Request.Context(), a.SignIn.BrowserOf(c.Request))
	return answerCeremony(c, made, err)
}

type passkeySignInRequest struct {
	Workspace string          `json:"workspace"`
	Ceremony  string          `json:"ceremony"`
	Response  json.RawMessage `json:"response"`
}

func (a *API) passkeySignIn(c *gin.Context) error {
	req, err := httpkit.Decode[passkeySignInRequest](c, httpkit.ConsoleBody)
	if err != nil {
		return err
	}
	from := a.SignIn.BrowserOf(c.Request)
	session, err := a.SignIn.SignInPasskey(c.Request.Context(), from, req.Workspace, req.Ceremony, req.Response)
	if err != nil {
		return err
	}
	return a.answerSignedIn(c, from, session)
}

func (a *API) passkeyVerifyOptions(c *gin.Context, in signin.SignedIn) error {
	if _, err := httpkit.Decode[struct{}](c, httpkit.ConsoleBody); err != nil {
		return err
	}
	made, err := a.SignIn.BeginVerify(c.Request.Context(), in.Actor)
	return answerCeremony(c, made, err)
}

type passkeyProofRequest struct {
	Ceremony string          `json:"ceremony"`
	Response json.RawMessage `json:"response"`
}

func (a *API) passkeyVerify(c *gin.Context, in signin.SignedIn) error {
	req, err := httpkit.Decode[passkeyProofRequest](c, httpkit.ConsoleBody)
	if err != nil {
		return err
	}
	if err := a.SignIn.VerifyPasskey(c.Request.Context(), in.Actor, req.Ceremony, req.Response); err != nil {
		return err
	}
	c.Status(http.StatusNoContent)
	return nil
}

type passkeyResponse struct {
	ID         string     `json:"id"`
	Name       string     `json:"name"`
	Synced     bool       `json:"synced"`
	CreatedAt  time.Time  `json:"created_at"`
	LastUsedAt *time.Time `json:"last_used_at,omitempty"`
}

type passkeysResponse struct {
	Items     []passkeyResponse `json:"items"`
	Available bool              `json:"available"`
}

func presentPasskey(p passkey.Passkey) passkeyResponse {
	return passkeyResponse{ID: p.ID, Name: p.Name, Synced: p.Synced, CreatedAt: p.CreatedAt, LastUsedAt: optional(&p.LastUsedAt)}
}

func (a *API) listPasskeys(c *gin.Context, in signin.SignedIn) error {
	mine, err := passkey.List(a.DB.Read(c.Request.Context()), in.Actor.Person)
	if err != nil {
		return err
	}
	out := passkeysResponse{Items: make([]passkeyResponse, len(mine)), Available: a.SignIn.Passkeys.Available()}
	for i, p := range mine {
		out.Items[i] = presentPasskey(p)
	}
	c.JSON(http.StatusOK, out)
	return nil
}

// fresh refuses what needs a sign-in, or a check of it, within the last five minutes (wire.md §3.1).
func fresh(in signin.SignedIn) error {
	if in.Now.After(in.FreshUntil) {
		return device.ErrReauthenticate
	}
	return nil
}

func owner(in signin.SignedIn) passkey.Owner {
	return passkey.Owner{Workspace: in.Actor.Workspace, Person: in.Actor.Person, Name: in.Actor.Name, Login: in.Email}
}

func (a *API) passkeyOptions(c *gin.Context, in signin.SignedIn) error {
	if _, err := httpkit.Decode[struct{}](c, httpkit.ConsoleBody); err != nil {
		return err
	}
	if err := fresh(in); err != nil {
		return err
	}
	made, err := a.SignIn.Passkeys.BeginAdd(c.Request.Context(), in.Actor, owner(in))
	return answerCeremony(c, made, err)
}

type addPasskeyRequest struct {
	Ceremony string          `json:"ceremony"`
	Name     string          `json:"name"`
	Response json.RawMessage `json:"response"`
}

func (a *API) addPasskey(c *gin.Context, in signin.SignedIn) error {
	req, err := httpkit.Decode[addPasskeyRequest](c, httpkit.ConsoleBody)
	if err != nil {
		return err
	}
	if err := fresh(in); err != nil {
		return err
	}
	made, err := a.SignIn.Passkeys.Add(c.Request.Context(), in.Actor, owner(in), req.Ceremony, req.Name, req.Response)
	if err != nil {
		return err
	}
	c.JSON(http.StatusCreated, presentPasskey(made))
	return nil
}

func (a *API) renamePasskey(c *gin.Context, in signin.SignedIn) error {
	id, err := pathID(c)
	if err != nil {
		return err
	}
	req, err := httpkit.Decode[renameRequest](c, httpkit.ConsoleBody)
	if err != nil {
		return err
	}
	if err := a.SignIn.Passkeys.Rename(c.Request.Context(), in.Actor, id, req.Name); err != nil {
		return err
	}
	c.Status(http.StatusNoContent)
	return nil
}

func (a *API) removePasskey(c *gin.Context, in signin.SignedIn) error {
	id, err := pathID(c)
	if err != nil {
		return err
	}
	if err := fresh(in); err != nil {
		return err
	}
	if err := a.SignIn.Passkeys.Remove(c.Request.Context(), in.Actor, id); err != nil {
		return err
	}
	c.Status(http.StatusNoContent)
	return nil
}

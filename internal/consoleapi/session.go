package consoleapi

import (
	"errors"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/httpkit"
	"github.com/countersign/countersign/internal/signin"
	"github.com/countersign/countersign/internal/sso"
	"github.com/countersign/countersign/internal/workspace"
)

type setupStateResponse struct {
	Needed bool       `json:"needed"`
	Brand  string     `json:"brand"`
	Push   *pushState `json:"push,omitempty"` // only while the first workspace is waited for
}

func (a *API) setupState(c *gin.Context) error {
	made, err := workspace.Any(a.DB.Read(c.Request.Context()))
	if err != nil {
		return err
	}
	out := setupStateResponse{Needed: !made, Brand: a.Brand}
	if !made {
		out.Push = a.pushState(c.Request.Context())
	}
	c.JSON(http.StatusOK, out)
	return nil
}

type setupRequest struct {
	Code      string `json:"code"`
	Workspace struct {
		Slug string `json:"slug"`
		Name string `json:"name"`
	} `json:"workspace"`
	Owner struct {
		Name     string             `json:"name"`
		Email    string             `json:"email"`
		Password string             `json:"password"`
		Passkey  *addPasskeyRequest `json:"passkey"`
	} `json:"owner"`
}

func (r setupRequest) workspace() signin.NewWorkspace {
	n := signin.NewWorkspace{Slug: r.Workspace.Slug, Name: r.Workspace.Name, OwnerName: r.Owner.Name, OwnerEmail: r.Owner.Email, OwnerPassword: r.Owner.Password}
	if p := r.Owner.Passkey; p != nil {
		n.OwnerPasskey = &signin.NewPasskey{Ceremony: p.Ceremony, Name: p.Name, Response: p.Response}
	}
	return n
}

type setupResponse struct {
	Workspace createdWorkspace `json:"workspace"`
	Owner     createdOwner     `json:"owner"`
}

type createdWorkspace struct {
	ID   string `json:"id"`
	Slug string `json:"slug"`
}

type createdOwner struct {
	ID    string `json:"id"`
	Email string `json:"email"`
}

// setupPasskey begins the Owner's first passkey; setup ends it.
func (a *API) setupPasskey(c *gin.Context) error {
	req, err := httpkit.Decode[setupRequest](c, httpkit.ConsoleBody)
	if err != nil {
		return err
	}
	made, err := a.SignIn.BeginSetup(c.Request.Context(), a.SignIn.BrowserOf(c.Request), req.Code, req.workspace())
	return answerCeremony(c, made, err)
}

func (a *API) setup(c *gin.Context) error {
	req, err := httpkit.Decode[setupRequest](c, httpkit.ConsoleBody)
	if err != nil {
		return err
	}
	from := a.SignIn.BrowserOf(c.Request)
	made, session, err := a.SignIn.Setup(c.Request.Context(), from, req.Code, req.workspace())
	if err != nil {
		return err
	}
	a.SignIn.SetSession(c.Writer, session)
	c.JSON(http.StatusCreated, setupResponse{Workspace: createdWorkspace{ID: made.Workspace.ID, Slug: made.Workspace.Slug},
		Owner: createdOwner{ID: made.Owner.ID, Email: made.Owner.Email}})
	return nil
}

type workspaceResponse struct {
	Slug string       `json:"slug"`
	Name string       `json:"name"`
	SSO  *ssoResponse `json:"sso,omitempty"` // where people can sign in with their organization's provider
}

type ssoResponse struct {
	Name string `json:"name"`
}

func (a *API) workspace(c *gin.Context) error {
	w, err := workspace.BySlug(a.DB.Read(c.Request.Context()), c.Param("slug"))
	if err != nil {
		return err
	}
	out := workspaceResponse{Slug: w.Slug, Name: w.Name}
	p, err := sso.Of(a.DB.Read(c.Request.Context()), w.ID)
	if err != nil && !errors.Is(err, sso.ErrNone) {
		return err
	}
	if p.Active {
		out.SSO = &ssoResponse{Name: p.Name}
	}
	c.JSON(http.StatusOK, out)
	return nil
}

type signInRequest struct {
	Workspace string `json:"workspace"`
	Email     string `json:"email"`
	Password  string `json:"password"`
}

func (a *API) signIn(c *gin.Context) error {
	req, err := httpkit.Decode[signInRequest](c, httpkit.ConsoleBody)
	if err != nil {
		return err
	}
	from := a.SignIn.BrowserOf(c.Request)
	session, err := a.SignIn.SignIn(c.Request.Context(), from, req.Workspace, req.Email, req.Password)
	if err != nil {
		return err
	}
	return a.answerSignedIn(c, from, session)
}

// answerSignedIn gives the browser its new session and says who it is signed in as now.
func (a *API) answerSignedIn(c *gin.Context, from signin.Browser, session signin.Session) error {
	from.Session = session.Value
	all, err := a.SignIn.Everyone(c.Request.Context(), from)
	if err != nil {
		return err
	}
	if len(all) == 0 { // ended in the same moment
		return fault.ErrUnauthorized
	}
	a.SignIn.SetSession(c.Writer, session)
	a.SignIn.Renew(c.Writer, from)
	c.JSON(http.StatusOK, a.present(all[0], all))
	return nil
}

func (a *API) showSession(c *gin.Context, in signin.SignedIn) error {
	all, err := a.SignIn.Everyone(c.Request.Context(), a.SignIn.BrowserOf(c.Request))
	if err != nil {
		return err
	}
	out := a.present(in, all)
	if in.SSOSession != "" {
		p, err := sso.Of(a.DB.Read(c.Request.Context()), in.Actor.Workspace)
		if err != nil && !errors.Is(err, sso.ErrNone) {
			return err
		}
		out.SignOutAt = p.Name
	}
	c.JSON(http.StatusOK, out)
	return nil
}

type personRef struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Email string `json:"email"`
	Role  string `json:"role"`
}

type workspaceRef struct {
	ID   string `json:"id"`
	Slug string `json:"slug"`
	Name string `json:"name"`
}

type signedInWorkspace struct {
	workspaceRef
	Person personRef `json:"person"`
}

type sessionResponse struct {
	Person       personRef           `json:"person"`
	Workspace    workspaceRef        `json:"workspace"`
	Workspaces   []signedInWorkspace `json:"workspaces"`
	Brand        string              `json:"brand"`
	CompanionURL string              `json:"companion_url"`
	FreshUntil   time.Time           `json:"fresh_until"`
	ServerTime   time.Time           `json:"server_time"`
	SignOutAt    string              `json:"sign_out_at,omitempty"` // name of the identity provider that can sign the person out too
}

func (a *API) present(in signin.SignedIn, all []signin.SignedIn) sessionResponse {
	out := sessionResponse{Person: person(in), Workspace: where(in), Workspaces: make([]signedInWorkspace, len(all)), Brand: a.Brand,
		CompanionURL: a.CompanionURL, FreshUntil: in.FreshUntil, ServerTime: in.Now}
	for i, other := range all {
		out.Workspaces[i] = signedInWorkspace{where(other), person(other)}
	}
	return out
}

func person(in signin.SignedIn) personRef {
	return personRef{ID: in.Actor.Person, Name: in.Actor.Name, Email: in.Email, Role: in.Actor.Role}
}

func where(in signin.SignedIn) workspaceRef {
	return workspaceRef{ID: in.Actor.Workspace, Slug: in.Slug, Name: in.WorkspaceName}
}

func (a *API) signOut(c *gin.Context) error {
	if c.Request.ContentLength != 0 {
		if _, err := httpkit.Decode[struct{}](c, httpkit.ConsoleBody); err != nil {
			return err
		}
	}
	if err := a.SignIn.SignOut(c.Request.Context(), a.SignIn.BrowserOf(c.Request)); err != nil {
		return err
	}
	a.SignIn.ClearSession(c.Writer)
	c.Status(http.StatusNoContent)
	return nil
}

type verifyRequest struct {
	Password string `json:"password"`
}

func (a *API) verify(c *gin.Context, in signin.SignedIn) error {
	req, err := httpkit.Decode[verifyRequest](c, httpkit.ConsoleBody)
	if err != nil {
		return err
	}
	if err := a.SignIn.Verify(c.Request.Context(), in.Actor, req.Password); err != nil {
		return err
	}
	c.Status(http.StatusNoContent)
	return nil
}

type passwordRequest struct {
	Token    string `json:"token"`
	Password string `json:"password"`
}

func (a *API) setPassword(c *gin.Context) error {
	req, err := httpkit.Decode[passwordRequest](c, httpkit.ConsoleBody)
	if err != nil {
		return err
	}
	if err := a.SignIn.SetPassword(c.Request.Context(), a.SignIn.BrowserOf(c.Request), req.Token, req.Password); err != nil {
		return err
	}
	c.Status(http.StatusNoContent)
	return nil
}

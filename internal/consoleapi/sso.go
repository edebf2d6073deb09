package consoleapi

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/gin-gonic/gin"
	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/httpkit"
	"github.com/countersign/countersign/internal/signin"
	"github.com/countersign/countersign/internal/sso"
	"github.com/countersign/countersign/internal/workspace"
)

type beginSSORequest struct {
	ReturnTo string `json:"return_to"`
	Anyway   bool   `json:"anyway"`
}

type goToResponse struct {
	URL string `json:"url"`
}

func (a *API) beginSSO(c *gin.Context) error {
	req, err := httpkit.Decode[beginSSORequest](c, httpkit.ConsoleBody)
	if err != nil {
		return err
	}
	to, err := a.SignIn.BeginSSO(c.Request.Context(), a.SignIn.BrowserOf(c.Request), c.Param("slug"), req.ReturnTo, req.Anyway)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, goToResponse{URL: to})
	return nil
}

// endSSO is where the provider sends the browser back to. It is a page's address, so what went wrong is told by a page: the console reads the
// code from the address.
func (a *API) endSSO(c *gin.Context) error {
	session, who, err := a.SignIn.EndSSO(c.Request.Context(), a.SignIn.BrowserOf(c.Request), c.Request.URL.Query())
	a.landed(c, session, who, err)
	return nil
}

// signOutSSO signs the browser out here, and says where to send it to be signed out at the identity provider too.
func (a *API) signOutSSO(c *gin.Context, in signin.SignedIn) error {
	if _, err := httpkit.Decode[struct{}](c, httpkit.ConsoleBody); err != nil {
		return err
	}
	to, err := a.SignIn.SignOutSSO(c.Request.Context(), a.SignIn.BrowserOf(c.Request), in, "/w/"+in.Slug+"?signed_out=everywhere")
	if err != nil {
		return err
	}
	if to == "" {
		to = "/w/" + in.Slug + "?signed_out=here"
	}
	a.SignIn.ClearSession(c.Writer)
	c.JSON(http.StatusOK, goToResponse{URL: to})
	return nil
}

// signedOutSSO is where the provider sends the browser back to after that.
func (a *API) signedOutSSO(c *gin.Context) error {
	to, err := a.SignIn.SSO.SignedOut(c.Request.Context(), a.SignIn.BrowserOf(c.Request).Hash(), c.Query("state"))
	if errors.Is(err, sso.ErrRequest) {
		to, err = "/signin", nil // late, or nobody's: there is nothing to tell
	}
	if err != nil {
		return err
	}
	c.Header("Location", to)
	c.Status(http.StatusSeeOther)
	return nil
}

func (a *API) failedSSO(c *gin.Context, who sso.Identity, err error) string {
	if who.Tested {
		return who.ReturnTo // the settings show how the test went
	}
	code := "internal"
	var f *fault.Error
	if errors.As(err, &f) {
		code = f.Code
	}
	page := "/signin"
	if who.Provider.Workspace != "" {
		if w, err := workspace.Find(a.DB.Read(c.Request.Context()), who.Provider.Workspace); err == nil {
			page = "/w/" + w.Slug
		}
	}
	return page + "?sso_error=" + url.QueryEscape(code)
}

// ssoState is how single sign-on stands in a workspace, in one word.
func ssoState(db *gorm.DB, workspace string) (string, error) {
	p, err := sso.Of(db, workspace)
	switch {
	case errors.Is(err, sso.ErrNone):
		return "not_configured", nil
	case p.Enforced:
		return "enforced", err
	case p.Active:
		return "active", err
	}
	return "draft", err
}

type identityProviderResponse struct {
	Provider    *providerResponse `json:"provider"`
	RedirectURL string            `json:"redirect_url"`
	SignedOut   string            `json:"signed_out_url"`
	SAML        partyResponse     `json:"saml"`
	Domains     []domainResponse  `json:"domains"`
}

type providerResponse struct {
	Kind      string        `json:"kind"`
	Preset    string        `json:"preset"`
	Name      string        `json:"name"`
	Issuer    string        `json:"issuer"`
	ClientID  string        `json:"client_id"`
	HasSecret bool          `json:"has_secret"`
	SAML      *samlResponse `json:"saml,omitempty"`
	Claim     string        `json:"claim"`
	LinkBy    string        `json:"link_by"`
	JIT       bool          `json:"jit"`
	Active    bool          `json:"active"`
	Enforced  bool          `json:"enforced"`
	Test      *testResponse `json:"test,omitempty"`
	UpdatedAt time.Time     `json:"updated_at"`
}

type testResponse struct {
	At      time.Time `json:"at"`
	Code    string    `json:"code"`
	Subject string    `json:"subject,omitempty"`
	Claim   string    `json:"claim,omitempty"`
}

type domainResponse struct {
	Domain     string     `json:"domain"`
	Host       string     `json:"host"`
	Record     string     `json:"record"`
	VerifiedAt *time.Time `json:"verified_at,omitempty"`
}

func presentProvider(p sso.Provider) *providerResponse {
	out := &providerResponse{Kind: string(p.Kind), Preset: p.Preset, Name: p.Name, Issuer: p.Issuer, ClientID: p.ClientID, HasSecret: p.HasSecret,
		SAML: presentSAML(p.SAML), Claim: p.Claim, LinkBy: string(p.LinkBy), JIT: p.JIT, Active: p.Active, Enforced: p.Enforced, UpdatedAt: p.UpdatedAt}
	if p.Test != nil {
		out.Test = &testResponse{At: p.Test.At, Code: p.Test.Code, Subject: p.Test.Subject, Claim: p.Test.Claim}
	}
	return out
}

func presentDomain(d sso.Domain) domainResponse {
	return domainResponse{Domain: d.Name, Host: d.Host, Record: d.Record, VerifiedAt: optional(&d.VerifiedAt)}
}

func (a *API) showIdentityProvider(c *gin.Context, in signin.SignedIn) error {
	if err := allow(in, "open the identity provider's settings", directory.AdminRoles...); err != nil {
		return err
	}
	db := a.DB.Read(c.Request.Context())
	out := identityProviderResponse{RedirectURL: a.SignIn.SSO.RedirectURL(), SignedOut: a.SignIn.SSO.SignedOutURL(), Domains: []domainResponse{}}
	p, err := sso.Of(db, in.Actor.Workspace)
	if err != nil && !errors.Is(err, sso.ErrNone) {
		return err
	}
	if err == nil {
		out.Provider = presentProvider(p)
	}
	party, err := a.SignIn.SSO.PartyOf(db, in.Actor.Workspace)
	if err != nil {
		return err
	}
	out.SAML = presentParty(party)
	domains, err := sso.Domains(db, in.Actor.Workspace)
	if err != nil {
		return err
	}
	for _, d := range domains {
		out.Domains = append(out.Domains, presentDomain(d))
	}
	c.JSON(http.StatusOK, out)
	return nil
}

// mayChangeSSO lets a manager change how everybody signs in, shortly after proving who they are.
func mayChangeSSO(in signin.SignedIn) error {
	if err := allow(in, "change the identity provider", directory.ManagerRoles...); err != nil {
		return err
	}
	return fresh(in)
}

type identityProviderRequest struct {
	Kind         string `json:"kind"` // "" is oidc
	Preset       string `json:"preset"`
	Name         string `json:"name"`
	Issuer       string `json:"issuer"`
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
	Metadata     string `json:"metadata"`
	MetadataURL  string `json:"metadata_url"`
	Claim        string `json:"claim"`
	LinkBy       string `json:"link_by"`
	JIT          bool   `json:"jit"`
}

func (a *API) saveIdentityProvider(c *gin.Context, in signin.SignedIn) error {
	req, err := httpkit.Decode[identityProviderRequest](c, metadataBody)
	if err != nil {
		return err
	}
	if err := mayChangeSSO(in); err != nil {
		return err
	}
	p, err := a.SignIn.SSO.Save(c.Request.Context(), in.Actor, sso.Settings{Kind: sso.Kind(cmp.Or(req.Kind, string(sso.OIDC))),
		Preset: req.Preset, Metadata: req.Metadata, MetadataURL: req.MetadataURL, Name: req.Name, Issuer: req.Issuer, ClientID: req.ClientID,
		Secret: req.ClientSecret, Claim: req.Claim, LinkBy: sso.LinkRule(req.LinkBy), JIT: req.JIT})
	return answerProvider(c, p, err)
}

func answerProvider(c *gin.Context, p sso.Provider, err error) error {
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, presentProvider(p))
	return nil
}

type turnRequest struct {
	Active   bool `json:"active"`
	Enforced bool `json:"enforced"`
}

func (a *API) turnIdentityProvider(c *gin.Context, in signin.SignedIn) error {
	req, err := httpkit.Decode[turnRequest](c, httpkit.ConsoleBody)
	if err != nil {
		return err
	}
	if err := mayChangeSSO(in); err != nil {
		return err
	}
	p, err := a.SignIn.SSO.Turn(c.Request.Context(), in.Actor, req.Active, req.Enforced)
	return answerProvider(c, p, err)
}

func (a *API) testIdentityProvider(c *gin.Context, in signin.SignedIn) error {
	if _, err := httpkit.Decode[struct{}](c, httpkit.ConsoleBody); err != nil {
		return err
	}
	if err := mayChangeSSO(in); err != nil {
		return err
	}
	to, err := a.SignIn.SSO.BeginTest(c.Request.Context(), in.Actor, a.SignIn.BrowserOf(c.Request).Hash())
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, goToResponse{URL: to})
	return nil
}

func (a *API) removeIdentityProvider(c *gin.Context, in signin.SignedIn) error {
	if err := mayChangeSSO(in); err != nil {
		return err
	}
	if err := a.SignIn.SSO.Forget(c.Request.Context(), in.Actor); err != nil {
		return err
	}
	c.Status(http.StatusNoContent)
	return nil
}

type domainRequest struct {
	Domain string `json:"domain"`
}

func (a *API) addDomain(c *gin.Context, in signin.SignedIn) error {
	req, err := httpkit.Decode[domainRequest](c, httpkit.ConsoleBody)
	if err != nil {
		return err
	}
	if err := mayChangeSSO(in); err != nil {
		return err
	}
	d, err := a.SignIn.SSO.AddDomain(c.Request.Context(), in.Actor, req.Domain)
	if err != nil {
		return err
	}
	c.JSON(http.StatusCreated, presentDomain(d))
	return nil
}

func (a *API) proveDomain(c *gin.Context, in signin.SignedIn) error {
	if _, err := httpkit.Decode[struct{}](c, httpkit.ConsoleBody); err != nil {
		return err
	}
	if err := mayChangeSSO(in); err != nil {
		return err
	}
	d, err := a.SignIn.SSO.ProveDomain(c.Request.Context(), in.Actor, c.Param("domain"))
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, presentDomain(d))
	return nil
}

func (a *API) removeDomain(c *gin.Context, in signin.SignedIn) error {
	if err := mayChangeSSO(in); err != nil {
		return err
	}
	if err := a.SignIn.SSO.RemoveDomain(c.Request.Context(), in.Actor, c.Param("domain")); err != nil {
		return err
	}
	c.Status(http.StatusNoContent)
	return nil
}

type linkedResponse struct {
	Issuer     string    `json:"issuer"`
	Subject    string    `json:"subject"`
	Claim      string    `json:"claim"`
	Matches    bool      `json:"matches"`
	LinkedAt   time.Time `json:"linked_at"`
	LastUsedAt time.Time `json:"last_used_at"`
}

type linksResponse struct {
	LinkBy string           `json:"link_by,omitempty"`
	Items  []linkedResponse `json:"items"`
}

func (a *API) listLinks(c *gin.Context, in signin.SignedIn) error {
	if err := allow(in, "see how people are known to the identity provider", directory.AdminRoles...); err != nil {
		return err
	}
	id, err := pathID(c)
	if err != nil {
		return err
	}
	db := a.DB.Read(c.Request.Context())
	person, err := directory.Find(db, in.Actor.Workspace, id)
	if err != nil {
		return err
	}
	provider, err := sso.Of(db, in.Actor.Workspace)
	if err != nil && !errors.Is(err, sso.ErrNone) {
		return err
	}
	links, err := signin.LinksOf(db, person, provider.LinkBy)
	if err != nil {
		return err
	}
	out := linksResponse{LinkBy: string(provider.LinkBy), Items: make([]linkedResponse, len(links))}
	for i, l := range links {
		out.Items[i] = linkedResponse(l)
	}
	c.JSON(http.StatusOK, out)
	return nil
}

package consoleapi

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/countersign/countersign/internal/httpkit"
	"github.com/countersign/countersign/internal/signin"
	"github.com/countersign/countersign/internal/sso"
	"github.com/countersign/countersign/internal/workspace"
)

const (
	metadataBody = 1 << 20   // of a call that may carry a provider's metadata as JSON text
	responseBody = 400 << 10 // of a form with a SAMLResponse
)

// mountSAML adds what SAML needs beside the routes that it shares with OpenID Connect. outside is the group without the console's guard: a
// provider's page makes the browser post there, from another site and as a form, and the browser shows no cookie. acceptSAML lives without all
// of that; no other route does.
func (a *API) mountSAML(outside, g *gin.RouterGroup) {
	outside.POST("/workspaces/:slug/saml/acs", noStore, httpkit.Handle(a.acceptSAML))
	g.GET("/workspaces/:slug/saml/metadata", httpkit.Handle(a.samlMetadata))
	g.GET("/sso/finish", httpkit.Handle(a.finishSAML))
	g.POST("/identity-provider/metadata", a.session(a.rereadMetadata))
	g.POST("/identity-provider/certificates", a.session(a.makeCertificate))
	g.POST("/identity-provider/certificates/use", a.session(a.useCertificate))
}

// samlMetadata is what a SAML provider is set up with. It holds nothing secret, so that providers can read it from its address.
func (a *API) samlMetadata(c *gin.Context) error {
	w, err := workspace.BySlug(a.DB.Read(c.Request.Context()), c.Param("slug"))
	if err != nil {
		return err
	}
	text, err := a.SignIn.SSO.PartyMetadata(c.Request.Context(), w.ID)
	if err != nil {
		return err
	}
	c.Header("Content-Disposition", `attachment; filename="countersign-`+w.Slug+`-metadata.xml"`)
	c.Data(http.StatusOK, "application/samlmetadata+xml", text)
	return nil
}

// acceptSAML takes a response and sends the browser on to finishSAML, as a GET within this site, with which it shows its cookies again. It
// neither reads nor sets a cookie.
func (a *API) acceptSAML(c *gin.Context) error {
	to := "/v1/sso/finish?handover="
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, responseBody)
	handover, err := "", error(sso.ErrRequest)
	if bad := c.Request.ParseForm(); bad == nil {
		handover, err = a.SignIn.SSO.Accept(c.Request.Context(), c.Param("slug"), c.Request.PostForm.Get("SAMLResponse"), c.Request.PostForm.Get("RelayState"))
	}
	if err != nil {
		httpkit.Keep(c, err) // the page says less than the log
	}
	if handover == "" {
		to = a.failedSSO(c, sso.Identity{}, err)
	}
	c.Header("Location", to+handover)
	c.Status(http.StatusSeeOther)
	return nil
}

func (a *API) finishSAML(c *gin.Context) error {
	session, who, err := a.SignIn.FinishSAML(c.Request.Context(), a.SignIn.BrowserOf(c.Request), c.Query("handover"))
	a.landed(c, session, who, err)
	return nil
}

// landed ends a single sign-on: the browser goes to the page it wanted, or to one that says what went wrong.
func (a *API) landed(c *gin.Context, session signin.Session, who sso.Identity, err error) {
	to := who.ReturnTo
	switch {
	case err != nil:
		httpkit.Keep(c, err)
		to = a.failedSSO(c, who, err)
	case !who.Tested:
		a.SignIn.SetSession(c.Writer, session)
	}
	c.Header("Location", to)
	c.Status(http.StatusSeeOther)
}

func (a *API) rereadMetadata(c *gin.Context, in signin.SignedIn) error {
	if _, err := httpkit.Decode[struct{}](c, httpkit.ConsoleBody); err != nil {
		return err
	}
	if err := mayChangeSSO(in); err != nil {
		return err
	}
	p, err := a.SignIn.SSO.Reread(c.Request.Context(), in.Actor)
	return answerProvider(c, p, err)
}

func (a *API) makeCertificate(c *gin.Context, in signin.SignedIn) error {
	if _, err := httpkit.Decode[struct{}](c, httpkit.ConsoleBody); err != nil {
		return err
	}
	if err := mayChangeSSO(in); err != nil {
		return err
	}
	p, err := a.SignIn.SSO.MakeKey(c.Request.Context(), in.Actor)
	if err != nil {
		return err
	}
	c.JSON(http.StatusCreated, presentParty(p))
	return nil
}

func (a *API) useCertificate(c *gin.Context, in signin.SignedIn) error {
	if _, err := httpkit.Decode[struct{}](c, httpkit.ConsoleBody); err != nil {
		return err
	}
	if err := mayChangeSSO(in); err != nil {
		return err
	}
	p, err := a.SignIn.SSO.UseKey(c.Request.Context(), in.Actor)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, presentParty(p))
	return nil
}

// partyResponse is this service as a SAML provider sees it.
type partyResponse struct {
	EntityID     string                `json:"entity_id"`
	ACSURL       string                `json:"acs_url"`
	Certificates []certificateResponse `json:"certificates"`
}

// samlResponse is what the metadata of a SAML provider says.
type samlResponse struct {
	SSOURL       string                `json:"sso_url"`
	MetadataURL  string                `json:"metadata_url"`
	ReadAt       *time.Time            `json:"read_at,omitempty"`
	Fault        string                `json:"fault"`
	Certificates []certificateResponse `json:"certificates"`
}

type certificateResponse struct {
	Fingerprint string    `json:"fingerprint"`
	ExpiresAt   time.Time `json:"expires_at"`
	Signs       bool      `json:"signs"`
	PEM         string    `json:"pem,omitempty"`
}

func presentParty(p sso.Party) partyResponse {
	return partyResponse{EntityID: p.EntityID, ACSURL: p.ACS, Certificates: presentCertificates(p.Certificates)}
}

func presentSAML(m *sso.Metadata) *samlResponse {
	if m == nil {
		return nil
	}
	return &samlResponse{SSOURL: m.SSOURL, MetadataURL: m.URL, ReadAt: optional(&m.ReadAt), Fault: m.Fault, Certificates: presentCertificates(m.Certificates)}
}

func presentCertificates(all []sso.Certificate) []certificateResponse {
	out := make([]certificateResponse, len(all))
	for i, c := range all {
		out[i] = certificateResponse(c)
	}
	return out
}

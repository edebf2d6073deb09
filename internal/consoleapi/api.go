// Package consoleapi is the door of the web console: first run, sign-in, people and teams, the directory's settings, phones and their pairing.
// It translates between JSON and the domains; waiting dialogs have a door of their own, dialogapi.
package consoleapi

import (
	"context"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/apikey"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/device"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/httpkit"
	"github.com/countersign/countersign/internal/mail"
	"github.com/countersign/countersign/internal/provisioning"
	"github.com/countersign/countersign/internal/push"
	"github.com/countersign/countersign/internal/signin"
	"github.com/countersign/countersign/internal/webhook"
)

// What the door itself refuses.
var (
	ErrCrossOrigin = fault.New(fault.Forbidden, "cross_origin", "This call did not come from the console's own pages. Nothing was changed.")
	ErrQuery       = fault.New(fault.Invalid, "malformed", "A part of the address after the question mark is not what this call takes.")
	errForbidden   = fault.New(fault.Forbidden, "forbidden", "")
)

// Confirmations consumes what a person has confirmed on their phone; internal/confirm does.
type Confirmations interface {
	// Spend consumes an approved confirmation of the asking session in tx, or refuses with confirmation_required.
	Spend(tx database.Tx, by actor.Actor, id, action, resource string) error
	// SpendWith is Spend where the phone has signed params as well.
	SpendWith(tx database.Tx, by actor.Actor, id, action, resource string, params []byte) error
	// Perform consumes one whose action's entry says all that there is to do; params has to be what the phone signed.
	Perform(ctx context.Context, by actor.Actor, id, action, resource string, params []byte) error
	// PerformWhere is Perform where allowed, which is asked under its locks, has nothing against it; a refusal spends nothing.
	PerformWhere(ctx context.Context, by actor.Actor, id, action, resource string, params []byte, allowed func(database.Tx) error) error
	// TryPush sends one of by's own phones a notification that asks nothing.
	TryPush(ctx context.Context, by actor.Actor, id string) (push.Result, error)
}

// Deps is what the door opens to.
type Deps struct {
	DB           *database.DB // read only
	SignIn       *signin.Service
	Directory    *directory.Service
	Devices      *device.Service
	Confirms     Confirmations
	SyncLog      *provisioning.Log
	Audit        *audit.Chains
	APIKeys      *apikey.Service // nil: no API key opens anything
	Mail         *mail.Service
	Webhooks     *webhook.Service
	Replay       Replay    // nil: nothing can be replayed
	PushCheck    PushCheck // nil: no push at all
	PublicURL    string    // without a path
	CompanionURL string
	Brand        string
}

// API is the door. Make it with New.
type API struct {
	Deps
	origins *http.CrossOriginProtection
	waits   httpkit.Waits
}

// New is the door.
func New(d Deps) (*API, error) {
	d.PublicURL = strings.TrimSuffix(d.PublicURL, "/")
	a := &API{Deps: d, origins: http.NewCrossOriginProtection()}
	// A proxy may change Host, which the check would otherwise compare Origin with.
	return a, a.origins.AddTrustedOrigin(d.PublicURL)
}

// Guard is what stands before every call of the console, also before those of other doors that its session opens: nothing is cached, no other
// site can write, what is sent is JSON, the browser is recognised when it comes back, and an API key opens what it may.
func (a *API) Guard() []gin.HandlerFunc {
	return []gin.HandlerFunc{noStore, httpkit.Handle(a.sameOrigin), httpkit.Handle(speaksJSON), a.recognise, httpkit.Handle(a.bearer)}
}

// Mount adds every route of the door, behind Guard, to a group at /v1.
func (a *API) Mount(g *gin.RouterGroup) {
	outside := g
	g = g.Group("", a.Guard()...)
	a.mountSAML(outside, g)
	g.GET("/setup", httpkit.Handle(a.setupState))
	g.POST("/setup", httpkit.Handle(a.setup))
	g.POST("/setup/passkey", httpkit.Handle(a.setupPasskey))
	g.GET("/setup/ws", httpkit.Handle(a.setupSocket))
	g.GET("/workspaces/:slug", httpkit.Handle(a.workspace))

	g.POST("/session", httpkit.Handle(a.signIn))
	g.GET("/session", a.session(a.showSession))
	g.DELETE("/session", httpkit.Handle(a.signOut))
	g.GET("/session/state", httpkit.Handle(a.sessionState))
	g.POST("/session/sso-sign-out", a.session(a.signOutSSO))
	g.GET("/sso/signed-out", httpkit.Handle(a.signedOutSSO))
	g.GET("/session-limits", a.session(a.showSessionLimits))
	g.PUT("/session-limits", a.session(a.changeSessionLimits))
	g.POST("/session/verify", a.session(a.verify))
	g.POST("/session/password", httpkit.Handle(a.setPassword))
	g.POST("/session/recover", a.session(a.recover))
	g.POST("/session/passkey/options", httpkit.Handle(a.passkeySignInOptions))
	g.POST("/session/passkey", httpkit.Handle(a.passkeySignIn))
	g.POST("/session/verify/passkey/options", a.session(a.passkeyVerifyOptions))
	g.POST("/session/verify/passkey", a.session(a.passkeyVerify))
	g.GET("/passkeys", a.session(a.listPasskeys))
	g.POST("/passkeys/options", a.session(a.passkeyOptions))
	g.POST("/passkeys", a.session(a.addPasskey))
	g.PATCH("/passkeys/:id", a.session(a.renamePasskey))
	g.DELETE("/passkeys/:id", a.session(a.removePasskey))
	g.POST("/workspaces/:slug/sso", httpkit.Handle(a.beginSSO))
	g.GET("/sso/callback", httpkit.Handle(a.endSSO))
	g.GET("/identity-provider", a.session(a.showIdentityProvider))
	g.PUT("/identity-provider", a.session(a.saveIdentityProvider))
	g.DELETE("/identity-provider", a.session(a.removeIdentityProvider))
	g.PUT("/identity-provider/state", a.session(a.turnIdentityProvider))
	g.POST("/identity-provider/test", a.session(a.testIdentityProvider))
	g.POST("/identity-provider/domains", a.session(a.addDomain))
	g.POST("/identity-provider/domains/:domain/prove", a.session(a.proveDomain))
	g.DELETE("/identity-provider/domains/:domain", a.session(a.removeDomain))
	g.GET("/people/:id/sso", a.session(a.listLinks))
	g.GET("/sessions", a.session(a.listSessions))
	g.DELETE("/sessions", a.session(a.endOtherSessions))
	g.DELETE("/sessions/:id", a.session(a.endSession))

	g.GET("/directory", a.session(a.showDirectory))
	a.mountNotifications(g)
	a.mountWebhooks(g)
	a.mountProvisioning(g)
	a.mountActivity(g)
	g.GET("/people", a.session(a.listPeople))
	g.POST("/people", a.session(a.addPerson))
	g.GET("/people/:id", a.session(a.showPerson))
	g.PATCH("/people/:id", a.session(a.changePerson))
	g.POST("/people/:id/password-link", a.session(a.passwordLink))
	g.GET("/people/:id/sessions", a.session(a.listSessionsOf))
	g.DELETE("/people/:id/sessions", a.session(a.endSessionsOf))
	g.DELETE("/people/:id/sessions/:session", a.session(a.endSessionOf))
	g.GET("/people/:id/devices", a.session(a.listDevicesOf))
	g.GET("/teams", a.session(a.listTeams))
	g.GET("/teams/:id", a.session(a.showTeam))
	g.PATCH("/teams/:id", a.session(a.nameTeam))
	g.POST("/people/:id/unlock", a.session(a.unlock))
	g.GET("/policy", a.session(a.showPolicy))
	g.PUT("/policy", a.session(a.changePolicy))
	g.POST("/policy/unfreeze", a.session(a.unfreeze))
	g.POST("/tokens/:id/revoke", a.session(a.revokeToken))

	g.POST("/pairings", a.session(a.pair))
	g.GET("/pairings/:id", a.session(a.showPairing))
	g.POST("/pairings/:id/match", a.session(a.match))
	g.GET("/devices", a.session(a.listDevices))
	g.PATCH("/devices/:id", a.session(a.renameDevice))
	g.DELETE("/devices/:id", a.session(a.removeDevice))
	g.POST("/devices/:id/test", a.session(a.tryDevice))
	a.mountTokens(g)
	a.mountRecovery(g)
	a.mountKeys(g)
	a.mountTransfer(g)
	a.mountDirectoryRules(g)
	g.GET("/notices", a.session(a.listNotices))
	g.POST("/notices/:id/seen", a.session(a.noticeSeen))
}

// session runs h for who is signed in.
func (a *API) session(h func(*gin.Context, signin.SignedIn) error) gin.HandlerFunc {
	return httpkit.Handle(func(c *gin.Context) error {
		in, err := a.caller(c)
		if err != nil {
			return err
		}
		return h(c, in)
	})
}

func noStore(c *gin.Context) { httpkit.NoStore(c) }

func (a *API) sameOrigin(c *gin.Context) error {
	if err := a.origins.Check(c.Request); err != nil {
		return ErrCrossOrigin.Because(err)
	}
	return nil
}

// speaksJSON demands the content type that no form and no simple cross-site request can have. A DELETE without a body needs none.
func speaksJSON(c *gin.Context) error {
	switch c.Request.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return nil
	case http.MethodDelete:
		if c.Request.ContentLength == 0 {
			return nil
		}
	}
	return httpkit.JSON(c)
}

// recognise gives the request its address and the browser its long-lived cookie.
func (a *API) recognise(c *gin.Context) {
	c.Request = signin.WithIP(c.Request, c.ClientIP())
	if _, program := bearerToken(c.Request); !program {
		a.SignIn.Remember(c.Writer, a.SignIn.BrowserOf(c.Request))
	}
}

// allow refuses a role that is not among the allowed ones; what says what they may do.
func allow(in signin.SignedIn, what string, roles ...directory.Role) error {
	for _, r := range roles {
		if string(r) == in.Actor.Role {
			return nil
		}
	}
	return errForbidden.Saying("Your role does not let you %s.", what).With("allowed_roles", roles)
}

var idForm = regexp.MustCompile(`^[A-Za-z0-9_]{1,64}$`)

// pathID is the id in the path; what cannot be one is nothing that exists.
func pathID(c *gin.Context) (string, error) {
	id := c.Param("id")
	if !idForm.MatchString(id) {
		return "", fault.ErrNotFound
	}
	return id, nil
}

// confirmationID is an id that a body names; what cannot be one counts as none.
func confirmationID(text string) string {
	if !idForm.MatchString(text) {
		return ""
	}
	return text
}

// number reads a whole number of the query between 0 and most; it is 0 where the query has none.
func number(c *gin.Context, name string, most int) (int, error) {
	text := c.Query(name)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, ErrQuery
	}
	return min(n, most), nil
}

// optional is a time that may be missing.
func optional(t *time.Time) *time.Time {
	if t == nil || t.IsZero() {
		return nil
	}
	return t
}

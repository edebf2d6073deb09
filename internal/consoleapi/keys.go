package consoleapi

import (
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/signin"
)

// What is refused of API keys at the door.
var (
	ErrMixed      = fault.New(fault.Invalid, "mixed_credentials", "Send an API key or a session cookie, not both. Nothing was changed.")
	ErrNotForKeys = fault.New(fault.Forbidden, "not_for_keys", "API keys cannot do this, whatever their scopes. A person does it in the console.")
	errScope      = fault.New(fault.Forbidden, "missing_scope", "")
)

// keyedIn is where a request keeps who calls with an API key.
const keyedIn = "consoleapi.keyed"

// bearer lets a program in that calls with an API key: Authorization: Bearer (RFC 6750). The route has to be one that keys may call, and the
// key has to have its scope; the roles are checked behind it as for everybody. Other schemes are a proxy's business and ignored.
func (a *API) bearer(c *gin.Context) error {
	raw, ok := bearerToken(c.Request)
	if !ok {
		return nil
	}
	if a.SignIn.BrowserOf(c.Request).Session != "" {
		return ErrMixed
	}
	if a.APIKeys == nil {
		return fault.ErrUnauthorized
	}
	who, err := a.APIKeys.Authenticate(c.Request.Context(), raw, a.SignIn.BrowserOf(c.Request).IP, a.SignIn.BrowserOf(c.Request).UserAgent)
	if err != nil {
		return err
	}
	scope, known := KeyScope(c.Request.Method, c.FullPath())
	if !known || scope == never {
		return ErrNotForKeys
	}
	if !who.Key.Has(scope) {
		return errScope.Saying("This API key does not have the scope %s.", scope).With("scope", scope)
	}
	if slug := c.GetHeader(signin.WorkspaceHeader); slug != "" && slug != who.Slug {
		return fault.ErrNotFound
	}
	c.Set(keyedIn, signin.SignedIn{Actor: who.Actor, Email: who.Email, Slug: who.Slug, WorkspaceName: who.WorkspaceName, Now: who.Now})
	return nil
}

// bearerToken is the token of an Authorization header whose scheme is Bearer, in any letter case.
func bearerToken(r *http.Request) (string, bool) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.TrimSpace(token), strings.EqualFold(scheme, "Bearer")
}

// caller is who makes a call: with an API key, or with the session of a browser.
func (a *API) caller(c *gin.Context) (signin.SignedIn, error) {
	if in, ok := c.Get(keyedIn); ok {
		if in, ok := in.(signin.SignedIn); ok {
			return in, nil
		}
	}
	return a.SignIn.SignedIn(c.Request)
}

// modest refuses to let an API key touch an admin, or make one: a key never has a say in who holds the rights it was given.
func (a *API) modest(c *gin.Context, in signin.SignedIn, id string, role *directory.Role) error {
	if in.Actor.Key == "" {
		return nil
	}
	p, err := directory.Find(a.DB.Read(c.Request.Context()), in.Actor.Workspace, id)
	if err != nil {
		return err
	}
	if p.Role.Admin() || role != nil && role.Admin() {
		return ErrNotForKeys.Saying("API keys change users and guests, never admins, and make nobody an admin.")
	}
	return nil
}

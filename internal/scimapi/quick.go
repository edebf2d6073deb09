package scimapi

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/httpkit"
	"github.com/countersign/countersign/internal/scim"
)

// quickly tries what the directory can do in one round trip or two, the token's check included, and says whether it has. Here the token is only
// claimed: it was good when it was last looked up. So nothing is answered, not even a refusal, before the database has said that it still is;
// what is not plain goes the ordinary way, from the token on. limited is what the workspace's rate says of the call, once it was asked.
func (a *API) quickly(c *gin.Context) (done bool, limited *limitVerdict) {
	if a.quick == nil {
		return false, nil
	}
	by, ok := a.Claims(bearer(c.GetHeader("Authorization")))
	if !ok {
		return false, nil
	}
	e, id := a.quickEndpoint(c)
	if e == nil {
		return false, nil
	}
	verdict := &limitVerdict{by.Workspace, a.limits.take(by.Workspace)}
	if verdict.err != nil {
		return false, verdict
	}
	t := a.tally(c)
	by.IP, by.UserAgent = c.ClientIP(), clip(c.Request.UserAgent(), 256)
	t.by(by)
	k := &call{Context: c, by: by, tally: t, gone: c.Request.Context().Done()}
	done, err := a.quickCall(k, e, id)
	switch {
	case err != nil:
		a.over(c, t, err)
	case done:
		a.use(c, by)
		a.over(c, t, nil)
	}
	return done || err != nil, verdict
}

// limitVerdict is what the rate of a workspace says of a call; it is asked once for each.
type limitVerdict struct {
	workspace string
	err       error
}

// quickEndpoint is what a plain address names, and the id behind it; nil for anything else.
func (a *API) quickEndpoint(c *gin.Context) (*endpoint, string) {
	name, id, _ := strings.Cut(strings.Trim(c.Param("path"), "/"), "/")
	e := a.types[strings.ToLower(name)]
	if e == nil || strings.ContainsAny(id, "/.") {
		return nil, ""
	}
	switch m := c.Request.Method; {
	case m == http.MethodGet && (id != "" || !e.quiet), m == http.MethodPatch && id != "", m == http.MethodPost && id == "" && !e.quiet:
		return e, id
	}
	return nil, ""
}

// quickCall answers a call if it is plain.
func (a *API) quickCall(k *call, e *endpoint, id string) (done bool, err error) {
	if k.query, err = parseQuery(k.Request.URL.RawQuery); err != nil {
		return false, nil //nolint:nilerr // the ordinary way refuses it
	}
	if k.Request.Method == http.MethodGet {
		if id == "" {
			return a.quickList(k, e)
		}
		return a.quickGet(k, e, id)
	}
	if !k.readQuickly() {
		return false, nil
	}
	if k.Request.Method == http.MethodPost {
		return a.quickPost(k, e)
	}
	return a.quickPatch(k, e, id)
}

// readQuickly reads a body of known and small size, and puts it back for the ordinary way.
func (c *call) readQuickly() bool {
	r := c.Request
	if r.ContentLength <= 0 || r.ContentLength > httpkit.SCIMBody {
		return false
	}
	was, read := r.Body, make([]byte, r.ContentLength)
	if n, err := io.ReadFull(was, read); err != nil {
		r.Body = io.NopCloser(io.MultiReader(bytes.NewReader(read[:n]), was)) // which goes on to break off
		return false
	}
	r.Body = io.NopCloser(bytes.NewReader(read))
	err := form(c.Context)
	if err != nil {
		return false
	}
	if c.body, err = scim.ParseObject(read); err != nil {
		return false
	}
	c.tally.sent(read, c.body)
	return true
}

// lasting is the context of a change, which goes on without its client.
func (a *API) lasting(c *call, e *endpoint, code int, shows bool) context.Context {
	return directory.Arrived(context.WithoutCancel(c.changing(e, code, shows)), a.Now().Add(-time.Since(c.tally.started)))
}

func (a *API) quickGet(k *call, e *endpoint, id string) (bool, error) {
	read := a.quick.User
	if e.quiet {
		read = a.quick.Group
	}
	r, done := read(k.ctx(), k.by, id, e.projection(k.query))
	if !done {
		return false, nil
	}
	return true, e.resource(k, http.StatusOK, r)
}

func (a *API) quickList(k *call, e *endpoint) (bool, error) {
	search, err := e.search(k.query)
	if err != nil {
		return false, nil //nolint:nilerr // the ordinary way refuses it
	}
	page, done := a.quick.Users(k.ctx(), k.by, search)
	if !done {
		return false, nil
	}
	return true, e.answerPage(k, search, page)
}

func (a *API) quickPost(k *call, e *endpoint) (bool, error) {
	in, err := e.rt.Read(k.body)
	if err != nil {
		return false, nil //nolint:nilerr // the ordinary way refuses it
	}
	r, done, err := a.quick.CreateUser(a.lasting(k, e, http.StatusCreated, true), k.by, in)
	if !done || err != nil {
		return false, err
	}
	return true, e.resource(k, http.StatusCreated, r)
}

func (a *API) quickPatch(k *call, e *endpoint, id string) (bool, error) {
	ops, err := scim.ParsePatch(k.body)
	if err != nil {
		return false, nil //nolint:nilerr // the ordinary way refuses it
	}
	match := ifMatch(k.GetHeader("If-Match"))
	if !e.quiet {
		r, done, err := a.quick.PatchUser(a.lasting(k, e, http.StatusOK, true), k.by, id, ops, match)
		if !done || err != nil {
			return false, err
		}
		return true, e.resource(k, http.StatusOK, r)
	}
	if k.query.has("attributes") || k.query.has("excludedAttributes") {
		return false, nil
	}
	r, done, err := a.quick.PatchMember(a.lasting(k, e, http.StatusNoContent, false), k.by, id, ops, match)
	if !done || err != nil {
		return false, err
	}
	e.unshown(k, r)
	return true, nil
}

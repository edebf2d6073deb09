// Package scimapi is the door for identity providers: SCIM 2.0 (RFC 7643, RFC 7644, RFC 9865) with a bearer token, at /v1/scim/v2. It
// translates requests into calls of the directory and its results into application/scim+json; it decides nothing about people and teams and
// knows no table. Every answer is SCIM, errors too, and no input is answered with 500.
package scimapi

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/httpkit"
	"github.com/countersign/countersign/internal/provisioning"
	"github.com/countersign/countersign/internal/scim"
	"github.com/countersign/countersign/internal/workspace"
)

// Deps are what the door is made of.
type Deps struct {
	Directory *directory.Provisioning
	// Base is the absolute address of the door without a trailing slash: the public URL and /v1/scim/v2.
	Base string
	// Authenticate says whose token this is. It refuses with a fault of kind Unauthorized.
	Authenticate func(ctx context.Context, token string) (actor.Actor, error)
	// Claims says whose token this was when Authenticate last found it live, without asking the database. May be nil.
	Claims func(token string) (actor.Actor, bool)
	// Used hears, at most once a minute for each token, that a client called with it; best effort. May be nil.
	Used func(ctx context.Context, token, client string) error
	// Log keeps every call. May be nil, in tests.
	Log *provisioning.Log
	// Recognise finds a token of ours in a header that was refused. May be nil.
	Recognise func(ctx context.Context, header string) (workspace.Token, bool, error)
	// Rate is how many requests a second a workspace may make; 0 is no limit, other values under 25 count as 25.
	Rate int
	Now  func() time.Time
}

// API is the door. Make it with New.
type API struct {
	Deps
	quick   *directory.Quick // nil where there is none
	limits  *limits
	uses    *uses
	rejects *rejects
	unknown *atomic.Int64 // calls with a token that was never ours
	mount   string        // the path of Base
	again   http.Handler  // the door for calls that are replayed
	own     *arrangements
	types   map[string]*endpoint
	schema  discovery
}

// New is the door over deps.
func New(deps Deps) *API {
	a := &API{Deps: deps, limits: newLimits(deps.Rate, deps.Now), uses: newUses(deps.Now), rejects: newRejects(), unknown: &atomic.Int64{}, own: &arrangements{}, mount: "/v1/scim/v2"}
	if u, err := url.Parse(deps.Base); err == nil && u.Path != "" {
		a.mount = strings.TrimSuffix(u.Path, "/")
	}
	a.types = map[string]*endpoint{"users": a.users(), "groups": a.groups()}
	a.schema = a.discovery()
	a.again = a.replays()
	if deps.Claims != nil {
		a.quick = deps.Directory.Quick()
	}
	return a
}

// Mount adds the door to a group at /v1/scim/v2. One handler takes every path and method below it, because unknown ones must be answered in
// SCIM too, and only to who has a token.
func (a *API) Mount(g *gin.RouterGroup) {
	g.Any("", a.serve)
	g.Any("/*path", a.serve)
}

// Unknown answers what no route takes but lies below the door's address: methods that nobody has heard of. It says whether it did.
func (a *API) Unknown(c *gin.Context, _ int) bool {
	path, below := strings.CutPrefix(c.Request.URL.Path, a.mount)
	if !below || path != "" && path[0] != '/' {
		return false
	}
	c.Writer.Header().Del("Allow") // of the routes, which take every method that has a name
	c.Params = gin.Params{{Key: "path", Value: path}}
	a.serve(c)
	return true
}

// call is one request with who makes it.
type call struct {
	*gin.Context
	by    actor.Actor
	query query
	body  map[string]any // of POST, PUT and PATCH
	tally *tally
	gone  <-chan struct{} // closed when the client has gone away; what changes something goes on all the same
}

func (c *call) ctx() context.Context { return c.Request.Context() }

// handler answers a call, or says why not.
type handler func(*call) error

// route is what a path offers.
type route map[string]handler

func (a *API) serve(c *gin.Context) {
	done, limited := a.quickly(c)
	if done {
		return
	}
	t := a.tally(c)
	by, err := a.authenticate(c)
	if err != nil {
		if fault.From(err).Kind == fault.Unauthorized {
			err = a.rejected(c, t, err)
		}
		if errors.Is(err, workspace.ErrAddress) {
			t.by(by)
			a.refused(t, err)
		}
		renderError(c, err, t)
		return
	}
	t.by(by)
	if ip := c.GetString(outside); ip != "" {
		t.entry.Note = "It came from " + ip + ", which is not on the token's address list. The list only observes, so the call was let in."
	}
	if limited == nil || limited.workspace != by.Workspace {
		limited = &limitVerdict{by.Workspace, a.limits.take(by.Workspace)}
	}
	if err = limited.err; err == nil {
		err = a.answer(c, by, t)
	}
	a.over(c, t, err)
}

// over ends a call: its row is written before a client hears of a refusal, and a moment after one that only looked.
func (a *API) over(c *gin.Context, t *tally, err error) {
	if err == nil {
		t.close(c.Writer.Status())
		return
	}
	a.refused(t, err)
	renderError(c, err, t)
}

// changeWithin is how long a change may take. It goes on without its client, so that what was done and what the log says are the same.
const changeWithin = 30 * time.Second

func (a *API) answer(c *gin.Context, by actor.Actor, t *tally) error {
	a, err := a.arranged(c.Request.Context(), by.Workspace)
	if err != nil {
		return err
	}
	r, err := a.find(c.Param("path"))
	if err != nil {
		return err
	}
	h, err := r.handler(c)
	if err != nil {
		return err
	}
	k := &call{Context: c, by: by, tally: t, gone: c.Request.Context().Done()}
	if k.query, err = parseQuery(c.Request.URL.RawQuery); err != nil {
		return err
	}
	raw, err := body(c)
	if err != nil {
		return err
	}
	if raw != nil {
		if k.body, err = scim.ParseObject(raw); err != nil {
			return err
		}
		t.sent(raw, k.body)
	}
	if changes(c.Request.Method) {
		ctx := directory.Arrived(context.WithoutCancel(c.Request.Context()), a.Now().Add(-time.Since(t.started)))
		ctx, cancel := context.WithTimeout(ctx, changeWithin)
		defer cancel()
		c.Request = c.Request.WithContext(ctx)
	}
	return h(k)
}

func changes(method string) bool {
	return method == http.MethodPost || method == http.MethodPut || method == http.MethodPatch || method == http.MethodDelete
}

// find gives what a path offers. Names are found in any letter case, slashes at the end and doubled ones are ignored.
func (a *API) find(path string) (route, error) {
	var parts []string
	for part := range strings.SplitSeq(path, "/") {
		if part != "" {
			parts = append(parts, part)
		}
	}
	if len(parts) == 0 || len(parts) == 1 && parts[0] == ".search" {
		return every(unsupported("Searching all resource types at once is not offered. Ask /Users or /Groups.")), nil
	}
	name := strings.ToLower(parts[0])
	if t := a.types[name]; t != nil {
		if r := t.route(parts[1:]); r != nil {
			return r, nil
		}
	}
	switch {
	case name == "me":
		return every(unsupported("A provisioning token belongs to no user, so there is no /Me.")), nil
	case name == "bulk" && len(parts) == 1:
		return route{http.MethodPost: a.bulk}, nil
	}
	if h := a.schema.handler(name, parts[1:]); h != nil {
		return route{http.MethodGet: h}, nil
	}
	return nil, fault.ErrNotFound.Saying("There is nothing at this address.")
}

var methods = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}

// every offers one handler for every method.
func every(h handler) route {
	r := route{}
	for _, m := range methods {
		r[m] = h
	}
	return r
}

func unsupported(why string) handler {
	return func(*call) error { return fault.New(fault.NotImplemented, "not_implemented", why) }
}

// errMethod is rendered as 405; fault has no kind for it, because only HTTP has methods.
var errMethod = fault.New(fault.NotFound, "method_not_allowed", "This address does not take that method.")

func (r route) handler(c *gin.Context) (handler, error) {
	m := c.Request.Method
	if m == http.MethodHead {
		m = http.MethodGet
	}
	if h := r[m]; h != nil {
		return h, nil
	}
	var allowed []string
	for _, m := range methods {
		if r[m] != nil {
			allowed = append(allowed, m)
		}
	}
	c.Header("Allow", strings.Join(allowed, ", "))
	return nil, errMethod
}

// status is the HTTP status of an error.
func status(f *fault.Error) int {
	if f.Is(errMethod) {
		return http.StatusMethodNotAllowed
	}
	return httpkit.Status(f.Kind)
}

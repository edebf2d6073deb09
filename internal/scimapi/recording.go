package scimapi

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/provisioning"
	"github.com/countersign/countersign/internal/scim"
	"github.com/countersign/countersign/internal/workspace"
)

// tally is what the provisioning log will say of a call, or of one operation of a bulk call. A change writes it in its own transaction; what is
// left is written when the call is over.
type tally struct {
	log     *provisioning.Log // nil: nothing is kept
	ctx     context.Context   // of the call, not ended by a client that goes away
	entry   provisioning.Entry
	started time.Time
	answer  []byte     // the answer's body, rendered inside the transaction
	written bool       // the row is committed with its change
	replay  *rehearsal // what a replay wants to know; nil for a call from outside
}

// rehearsal collects what a replayed call does.
type rehearsal struct {
	by     actor.Actor
	dry    bool
	change *directory.Change
}

// errRehearsed takes back what a dry run has done.
var errRehearsed = errors.New("a dry run is taken back")

// tally begins the record of a call.
func (a *API) tally(c *gin.Context) *tally {
	t := &tally{log: a.Log, ctx: context.WithoutCancel(c.Request.Context()), started: time.Now()}
	r := c.Request
	t.entry = provisioning.Entry{Method: r.Method, Target: a.below(r.URL), IfMatch: r.Header.Get("If-Match"), RequestID: c.GetString("request_id"),
		IP: c.ClientIP(), UserAgent: clip(r.UserAgent(), 256), Found: -1}
	t.entry.Operation, t.entry.Kind, t.entry.Subject = operation(r.Method, c.Param("path"))
	return t
}

// below is the path and query of a call as sent, without the address of the door.
func (a *API) below(u *url.URL) string {
	path := u.EscapedPath()
	if u.Opaque != "" {
		path = u.Opaque
	}
	if i := strings.Index(path, a.mount); i >= 0 {
		path = path[i+len(a.mount):]
	}
	if u.RawQuery != "" {
		path += "?" + u.RawQuery
	}
	return path
}

var verbs = map[string]string{http.MethodPost: "create", http.MethodPut: "replace", http.MethodPatch: "patch", http.MethodDelete: "delete",
	http.MethodGet: "read", http.MethodHead: "read"}

// operation names what a call is about: its operation, and the kind and id of the person or team that its path names.
func operation(method, path string) (op, kind, id string) {
	parts := strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
	if len(parts) == 0 {
		return "other", "", ""
	}
	what := ""
	switch strings.ToLower(parts[0]) {
	case "users":
		what, kind = "user", provisioning.Person
	case "groups":
		what, kind = "group", provisioning.Team
	case "bulk":
		return "bulk", "", ""
	case "schemas", "resourcetypes", "serviceproviderconfig", "serviceconfiguration":
		return "discovery", "", ""
	default:
		return "other", "", ""
	}
	switch {
	case len(parts) == 2 && strings.EqualFold(parts[1], ".search"), len(parts) == 1 && (method == http.MethodGet || method == http.MethodHead):
		return what + ".list", kind, ""
	case len(parts) == 1 && method != http.MethodPost, len(parts) > 2 || verbs[method] == "":
		return "other", "", ""
	case len(parts) == 2 && scim.Storable(parts[1]):
		id = clip(parts[1], 100)
	}
	return what + "." + verbs[method], kind, id
}

// by says whose call it is.
func (t *tally) by(who actor.Actor) {
	t.entry.Workspace = who.Workspace
	if t.replay != nil {
		t.entry.ReplayedBy = who.Name
		return
	}
	t.entry.Token = who.Token
	if _, hint, ok := strings.Cut(who.Name, "…"); ok {
		t.entry.TokenHint = hint
	}
}

// date gives the entry its time; false where there is no clock, because there is no database, and no row either.
func (t *tally) date() bool {
	if t.log == nil {
		return false
	}
	t.entry.Took = time.Since(t.started)
	if t.entry.At.IsZero() {
		now, err := t.log.Now(t.ctx)
		if err != nil {
			return false
		}
		t.entry.At = now
	}
	return true
}

// sent takes the body into the record. What was not a JSON object is not kept.
func (t *tally) sent(raw []byte, body map[string]any) {
	t.entry.Raw, t.entry.Body = raw, body
	if t.entry.Kind == "" || body == nil {
		return
	}
	name := word(body, "userName")
	if t.entry.Kind == provisioning.Team {
		name = word(body, "displayName")
	}
	name = strings.TrimSpace(name)
	t.entry.Key, t.entry.Name = scim.Fold(name), name
}

// changing is the context for the directory's method that makes the change: it records it, as answered with code and a body if shows is set.
func (c *call) changing(e *endpoint, code int, shows bool) context.Context {
	t := c.tally
	t.entry.Status = code
	if t.log == nil && t.replay == nil {
		return c.ctx()
	}
	query := c.query
	return directory.Recording(c.ctx(), func(ch directory.Change) (directory.Row, error) {
		if shows && ch.Shown != nil {
			t.answer = e.rt.AppendProjected(make([]byte, 0, 1536), ch.Shown, e.projection(query))
		}
		if t.replay != nil {
			t.replay.change = &ch
			if t.replay.dry {
				return directory.Row{}, errRehearsed
			}
		}
		if t.log == nil {
			return directory.Row{}, nil
		}
		return t.row(ch, shows)
	})
}

// row is the row of a change, for its transaction.
func (t *tally) row(ch directory.Change, shows bool) (directory.Row, error) {
	e := t.entry // a copy: the transaction may be tried again
	e.Result, e.Event, e.Kind, e.Subject, e.Key, e.Name, e.At = provisioning.OK, ch.Event, ch.Kind, ch.ID, ch.Key, ch.Name, ch.At
	e.Before, e.After, e.Added, e.Removed, e.Unknown = ch.Before, ch.After, ch.Added, ch.Removed, ch.Unknown
	e.FellFrom, e.FellTo = ch.FellFrom, ch.FellTo
	if shows && ch.Shown != nil {
		e.Response = ch.Shown
	}
	e.Took, e.Client = time.Since(t.started), t.log.Guess(&e)
	insert, values, err := t.log.Row(&e)
	return directory.Row{Insert: insert, Into: provisioning.Into, Values: values, Written: func() {
		t.written, t.entry.ID = true, e.ID
		t.log.Written(&e)
	}}, err
}

// looked keeps what a call that changed nothing was about and found.
func (t *tally) looked(code int, r scim.Resource, found int) {
	t.entry.Status, t.entry.Found = code, int64(found)
	if r == nil {
		return
	}
	if name := scim.Text(r, "displayName"); name != "" {
		t.entry.Name = name
	} else if name := scim.Text(r, "userName"); name != "" {
		t.entry.Name = name
	}
	if id := scim.Text(r, "id"); id != "" {
		t.entry.Subject = id
	}
}

// close writes what is left to say when the call has gone well, as answered with code: nothing where its row is in the transaction of its change.
func (t *tally) close(code int) {
	if t.written || !t.date() || t.entry.Workspace == "" || t.replay != nil && t.replay.dry {
		return
	}
	e := &t.entry
	if e.Result = provisioning.OK; e.Status == 0 {
		e.Status = code
	}
	switch _, verb, _ := strings.Cut(e.Operation, "."); verb {
	case "create", "replace", "patch", "delete":
		e.Result = provisioning.Unchanged
	}
	e.Client = t.log.Guess(e)
	t.log.Later(e)
}

// refused writes why a call was refused, before the client hears of it.
func (a *API) refused(t *tally, err error) {
	if !t.refusal(a, err) {
		return
	}
	if t.entry.Result == provisioning.Slowed || t.entry.Result == provisioning.OK {
		t.log.Later(&t.entry)
		return
	}
	ctx, cancel := context.WithTimeout(t.ctx, 5*time.Second)
	defer cancel()
	if t.log.Refused(ctx, &t.entry) != nil {
		t.log.Later(&t.entry) // the database was away for a moment: it is written when it is back
	}
}

// refusal fills the entry of a refused call; false where there is nobody to write it for.
func (t *tally) refusal(a *API, err error) bool {
	if !t.date() || t.entry.Workspace == "" || t.replay != nil && t.replay.dry {
		return false
	}
	e := &t.entry
	f, body := newErrorBody(err)
	e.Status, e.Result, e.Event = status(f), provisioning.Failed, ""
	e.Code, e.Detail, e.Response = reason(f, e.Operation).Code, f.Detail, map[string]any{"status": body.Status, "scimType": body.ScimType, "detail": f.Detail}
	switch {
	case f.Kind == fault.Limited:
		e.Result = provisioning.Slowed
	case errors.Is(err, workspace.ErrAddress):
		e.Result, e.Response = provisioning.Rejected, nil
		e.TokenStory = "the token …" + e.TokenHint + " from " + e.IP + ", which is not on its address list."
	case errors.Is(err, context.Canceled) && !changes(e.Method): // it only looked, and did not wait
		e.Result, e.Status, e.Code, e.Detail, e.Response = provisioning.OK, provisioning.ClientGone, "", "", nil
	case f.Kind == fault.NotFound && strings.HasSuffix(e.Operation, ".read"):
		e.Result, e.Code, e.Detail = provisioning.OK, "", "" // it was asked whether there is one, and there is none
	case e.Subject != "" && e.Name == "":
		e.Name, e.Key = a.Directory.Named(t.ctx, e.Workspace, e.Kind, e.Subject)
	}
	e.Client = t.log.Guess(e)
	return true
}

func reason(f *fault.Error, operation string) provisioning.Reason {
	return provisioning.ReasonFor(f.Code, status(f), operation)
}

package scimapi

import (
	"bytes"
	"context"
	"errors"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/httpkit"
	"github.com/countersign/countersign/internal/provisioning"
)

type rehearsalKey struct{}

// replaying is one replay on its way through the door.
type replaying struct {
	rehearsal
	of  string
	err error
	row provisioning.Entry
}

// Replay runs a stored request again as by, through everything that a call from outside goes through but its token and the rate limit. A dry
// run is done in the transaction as far as its last statement and then taken back, so that it answers what the call would answer now.
func (a *API) Replay(ctx context.Context, by actor.Actor, of string, raw provisioning.Raw, dry bool) (provisioning.Replayed, error) {
	r := &replaying{rehearsal: rehearsal{by: by, dry: dry}, of: of}
	req, err := http.NewRequestWithContext(context.WithValue(ctx, rehearsalKey{}, r), raw.Method, a.mount+raw.Target, bytes.NewReader(raw.Body))
	if err != nil {
		return provisioning.Replayed{}, provisioning.ErrNoReplay.Because(err)
	}
	req.Header.Set("Content-Type", mediaType)
	if raw.IfMatch != "" {
		req.Header.Set("If-Match", raw.IfMatch)
	}
	w := &kept{header: http.Header{}}
	a.again.ServeHTTP(w, req)
	out := provisioning.Replayed{DryRun: dry, Status: w.status, Changes: []provisioning.FieldChange{}, Row: r.row.ID}
	if r.err != nil {
		f := fault.From(r.err)
		out.Status, out.Code, out.Detail = status(f), reason(f, r.row.Operation).Code, f.Detail
		return out, nil
	}
	if ch := r.change; ch != nil {
		out.Status = r.row.Status
		out.Event, out.Kind, out.Subject, out.Name = ch.Event, ch.Kind, ch.ID, ch.Name
		out.Changes = provisioning.Diff(ch.Before, ch.After)
		out.Added, out.Removed, out.Unknown = ch.Added, ch.Removed, ch.Unknown
		if dry && ch.Before == nil {
			out.Subject = "" // the id it had is taken back with it
		}
	}
	return out, nil
}

// replays is the door for replayed calls; it hangs in no server.
func (a *API) replays() http.Handler {
	e := gin.New()
	e.RedirectTrailingSlash = false
	g := e.Group(a.mount)
	g.Any("", a.serveReplay)
	g.Any("/*path", a.serveReplay)
	return e
}

func (a *API) serveReplay(c *gin.Context) {
	r, ok := c.Request.Context().Value(rehearsalKey{}).(*replaying)
	if !ok {
		return
	}
	t := a.tally(c)
	t.replay, t.entry.ReplayOf = &r.rehearsal, r.of
	t.entry.IP, t.entry.UserAgent = r.by.IP, ""
	t.by(r.by)
	err := a.answer(c, r.by, t)
	switch {
	case errors.Is(err, errRehearsed):
	case err != nil:
		a.refused(t, err)
		r.err = err
		httpkit.Keep(c, err)
	default:
		t.close(c.Writer.Status())
	}
	r.row = t.entry
}

// kept is an answer that goes nowhere.
type kept struct {
	header http.Header
	status int
}

func (k *kept) Header() http.Header { return k.header }

func (k *kept) Write(b []byte) (int, error) {
	if k.status == 0 {
		k.status = http.StatusOK
	}
	return len(b), nil
}

func (k *kept) WriteHeader(code int) { k.status = code }

package scimapi

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/scim"
)

// endpoint is /Users or /Groups: its resource type and the directory's methods for it.
type endpoint struct {
	rt      *scim.ResourceType
	create  func(context.Context, actor.Actor, scim.Incoming) (scim.Resource, error)
	read    func(context.Context, actor.Actor, string, scim.Projection) (scim.Resource, error)
	list    func(context.Context, actor.Actor, directory.Query) (directory.Page, error)
	replace func(context.Context, actor.Actor, string, scim.Incoming, directory.IfMatch, scim.Projection) (scim.Resource, error)
	patch   func(context.Context, actor.Actor, string, []scim.Operation, directory.IfMatch, scim.Projection) (scim.Resource, error)
	remove  func(context.Context, actor.Actor, string, directory.IfMatch) error
	// quiet says that PATCH answers 204 unless the client asks for attributes: a team is not shown for every change of a member.
	quiet bool
}

func (a *API) users() *endpoint {
	d := a.Directory
	return &endpoint{rt: d.UserType(), create: d.CreateUser, read: d.User, list: d.Users, remove: d.DeleteUser,
		replace: func(ctx context.Context, by actor.Actor, id string, in scim.Incoming, m directory.IfMatch, _ scim.Projection) (scim.Resource, error) {
			return d.ReplaceUser(ctx, by, id, in, m)
		},
		patch: func(ctx context.Context, by actor.Actor, id string, ops []scim.Operation, m directory.IfMatch, _ scim.Projection) (scim.Resource, error) {
			return d.PatchUser(ctx, by, id, ops, m)
		}}
}

func (a *API) groups() *endpoint {
	d := a.Directory
	return &endpoint{rt: d.GroupType(), create: d.CreateGroup, read: d.Group, list: d.Groups, replace: d.ReplaceGroup, patch: d.PatchGroup,
		remove: d.DeleteGroup, quiet: true}
}

// route is what the path behind the endpoint's name offers; nil for nothing.
func (t *endpoint) route(rest []string) route {
	switch {
	case len(rest) == 0:
		return route{http.MethodGet: t.getList, http.MethodPost: t.post}
	case len(rest) == 1 && strings.EqualFold(rest[0], ".search"):
		return route{http.MethodPost: t.postSearch}
	case len(rest) == 1:
		id := rest[0]
		with := func(h func(*call, string) error) handler { return func(c *call) error { return h(c, id) } }
		return route{http.MethodGet: with(t.get), http.MethodPut: with(t.put), http.MethodPatch: with(t.doPatch), http.MethodDelete: with(t.del)}
	}
	return nil
}

func (t *endpoint) post(c *call) error {
	in, err := t.rt.Read(c.body)
	if err != nil {
		return err
	}
	r, err := t.create(c.changing(t, http.StatusCreated, true), c.by, in)
	if err != nil {
		return err
	}
	return t.resource(c, http.StatusCreated, r)
}

func (t *endpoint) get(c *call, id string) error {
	r, err := t.read(c.ctx(), c.by, id, t.projection(c.query))
	if err != nil {
		return err
	}
	return t.resource(c, http.StatusOK, r)
}

func (t *endpoint) put(c *call, id string) error {
	in, err := t.rt.Read(c.body)
	if err != nil {
		return err
	}
	r, err := t.replace(c.changing(t, http.StatusOK, true), c.by, id, in, ifMatch(c.GetHeader("If-Match")), t.projection(c.query))
	if err != nil {
		return err
	}
	return t.resource(c, http.StatusOK, r)
}

func (t *endpoint) doPatch(c *call, id string) error {
	ops, err := scim.ParsePatch(c.body)
	if err != nil {
		return err
	}
	silent := t.quiet && !c.query.has("attributes") && !c.query.has("excludedAttributes")
	shown, code := t.projection(c.query), http.StatusOK
	if silent {
		shown, code = t.rt.ParseProjection(nil, []string{"members"}), http.StatusNoContent
	}
	r, err := t.patch(c.changing(t, code, !silent), c.by, id, ops, ifMatch(c.GetHeader("If-Match")), shown)
	if err != nil {
		return err
	}
	if silent {
		t.unshown(c, r)
		return nil
	}
	return t.resource(c, http.StatusOK, r)
}

// unshown answers a change without its resource.
func (t *endpoint) unshown(c *call, r scim.Resource) {
	m, _ := r["meta"].(map[string]any)
	c.Header("ETag", scim.Text(m, "version"))
	c.tally.looked(http.StatusNoContent, r, -1)
	noContent(c)
}

func (t *endpoint) del(c *call, id string) error {
	if err := t.remove(c.changing(t, http.StatusNoContent, false), c.by, id, ifMatch(c.GetHeader("If-Match"))); err != nil {
		return err
	}
	noContent(c)
	return nil
}

func noContent(c *call) {
	c.Header("Content-Type", mediaType)
	c.Status(http.StatusNoContent)
	c.Writer.WriteHeaderNow()
}

// ifMatch is the condition of an If-Match header; nil without one.
func ifMatch(header string) directory.IfMatch {
	if strings.TrimSpace(header) == "" {
		return nil
	}
	return func(version string) bool { return matches(header, version) }
}

func (t *endpoint) getList(c *call) error { return t.answerList(c, c.query) }

func (t *endpoint) postSearch(c *call) error {
	q, err := searchRequest(c.body)
	if err != nil {
		return err
	}
	return t.answerList(c, q)
}

func (t *endpoint) answerList(c *call, q query) error {
	search, err := t.search(q)
	if err != nil {
		return err
	}
	page, err := t.list(c.ctx(), c.by, search)
	if err != nil {
		return err
	}
	return t.answerPage(c, search, page)
}

// answerPage answers with a page of resources.
func (t *endpoint) answerPage(c *call, search directory.Query, page directory.Page) error {
	head := listHead{Schemas: []string{scim.ListURN}, TotalResults: page.Total, ItemsPerPage: len(page.Resources), NextCursor: page.Next}
	if !search.ByCursor {
		head.StartIndex = page.Start
	}
	out, err := json.Marshal(head)
	if err != nil {
		return err
	}
	out = append(slices.Grow(out, 64+1024*len(page.Resources))[:len(out)-1], `,"Resources":[`...)
	for i, r := range page.Resources {
		if i > 0 {
			out = append(out, ',')
		}
		out = t.rt.AppendProjected(out, r, search.Projection)
	}
	c.tally.looked(http.StatusOK, nil, len(page.Resources))
	c.Data(http.StatusOK, mediaType, append(out, "]}"...))
	return nil
}

// listHead is a ListResponse up to its Resources.
type listHead struct {
	Schemas      []string `json:"schemas"`
	TotalResults int64    `json:"totalResults"`
	StartIndex   int      `json:"startIndex,omitempty"`
	ItemsPerPage int      `json:"itemsPerPage"`
	NextCursor   string   `json:"nextCursor,omitempty"`
}

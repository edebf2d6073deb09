package directory

import (
	"context"
	"errors"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/scim"
)

// CreateTogether makes people in one batch and says of each whether they were made, and how they are shown.
func (q *Quick) CreateTogether(ctx context.Context, by actor.Actor, in ...scim.Incoming) ([]bool, []scim.Resource, error) {
	people, shown := make([]newPerson, len(in)), make([]scim.Resource, len(in))
	for i := range in {
		people[i], shown[i], _ = q.arrival(ctx, by, in[i])
	}
	made, err := q.insert(ctx, people)
	return made, shown, err
}

// Patch is a PATCH of a person for PatchTogether.
type Patch struct {
	By    actor.Actor
	ID    string
	Ops   []scim.Operation
	Match IfMatch
}

// PatchTogether makes changes in one batch; nil for those that are left to the ordinary way.
func (q *Quick) PatchTogether(ctx context.Context, in ...Patch) ([]scim.Resource, error) {
	calls, out := make([]userPatch, len(in)), make([]scim.Resource, len(in))
	for i, c := range in {
		calls[i] = userPatch{ctx: ctx, by: c.By, id: c.ID, ops: c.Ops, match: c.Match}
	}
	done, err := q.patch(ctx, calls)
	for i, d := range done {
		if d != nil {
			out[i] = d.out
		}
	}
	return out, err
}

// Search is a search for SearchTogether: by the id, or else by the query.
type Search struct {
	By    actor.Actor
	ID    string
	Query Query
}

// errNotFew is a filter that may find many.
var errNotFew = errors.New("this filter may find many")

// SearchTogether searches in one batch and says who was found; nil for a token that is not live.
func (q *Quick) SearchTogether(ctx context.Context, in ...Search) ([][]scim.Resource, error) {
	calls, out := make([]find, len(in)), make([][]scim.Resource, len(in))
	for i, s := range in {
		teams := s.Query.Projection.Wants("groups")
		calls[i] = find{by: s.By, sql: byID[teams], args: []any{s.ID, s.By.Workspace}, teams: teams}
		if s.ID != "" {
			continue
		}
		if !q.p.people.few(s.Query.Filter) {
			return nil, errNotFew
		}
		var err error
		if calls[i], err = q.search(s.By, s.Query, position{}, s.Query.Count); err != nil {
			return nil, err
		}
	}
	got, err := q.find(ctx, calls)
	for i, f := range got {
		if !f.live {
			continue
		}
		out[i] = []scim.Resource{}
		for _, r := range f.rows {
			shown, err := q.p.user(r.userRow)
			if err != nil {
				return nil, err
			}
			out[i] = append(out[i], shown)
		}
	}
	return out, err
}

// Within lets a list read no more than narrow people of one filter, and look through no more than walk, so that a test need not make many.
func (c Choice) Within(narrow, walk int) Choice {
	c.reach = reach{narrow, walk}
	return c
}

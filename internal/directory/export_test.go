package directory

import (
	"context"

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

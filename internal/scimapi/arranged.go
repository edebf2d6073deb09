package scimapi

import (
	"context"
	"sync"

	"github.com/countersign/countersign/internal/directory"
)

// arrangements are the doors of workspaces that have arranged their directory in their own way: with schemas and rules of their own.
type arrangements struct {
	mu sync.Mutex
	of map[*directory.Provisioning]*API
}

const mostArranged = 10_000

// arranged is the door as a workspace has arranged it. Where it has arranged nothing it is a itself.
func (a *API) arranged(ctx context.Context, workspace string) (*API, error) {
	d, err := a.Directory.For(ctx, workspace)
	if err != nil || d == a.Directory {
		return a, err
	}
	a.own.mu.Lock()
	defer a.own.mu.Unlock()
	if own := a.own.of[d]; own != nil {
		return own, nil
	}
	own := *a
	own.Directory = d
	own.types = map[string]*endpoint{"users": own.users(), "groups": own.groups()}
	own.schema = own.discovery()
	if a.own.of == nil || len(a.own.of) >= mostArranged {
		a.own.of = map[*directory.Provisioning]*API{}
	}
	a.own.of[d] = &own
	return &own, nil
}

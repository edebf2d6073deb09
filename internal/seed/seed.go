// Package seed makes the demo workspace with the product's own methods, so that it cannot rot and shows nothing that the product could not do.
package seed

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/ident"
	"github.com/countersign/countersign/internal/signin"
	"github.com/countersign/countersign/internal/workspace"
)

// Slug is the address of the demo workspace.
const Slug = "acme"

// passwordLength is in base62 characters, almost six bits each.
const passwordLength = 16

// Account is a demo person. Password is "" where somebody deactivated the person meanwhile.
type Account struct {
	Name     string         `json:"name"`
	Email    string         `json:"email"`
	Role     directory.Role `json:"role"`
	Password string         `json:"password"`
}

// everybody is one person of every role, the Owner first.
var everybody = []Account{
	{Name: "Ana Kovač", Email: "ana@acme.test", Role: directory.Owner},
	{Name: "Ben", Email: "ben@acme.test", Role: directory.SuperAdmin},
	{Name: "Cleo", Email: "cleo@acme.test", Role: directory.Admin},
	{Name: "Dan", Email: "dan@acme.test", Role: directory.User},
	{Name: "Eva", Email: "eva@acme.test", Role: directory.Guest},
}

// Demo makes the workspace and its people, or goes on with what is there. known are the passwords of earlier starts, by e-mail address; a
// person without one gets a new one. The caller keeps the result where only its owner can read it.
func Demo(ctx context.Context, db *database.DB, s *signin.Service, known map[string]string) ([]Account, error) {
	by := actor.Actor{Kind: actor.Operator, Name: "demo"}
	out := make([]Account, 0, len(everybody))
	w, err := workspace.BySlug(db.Read(ctx), Slug)
	if errors.Is(err, fault.ErrNotFound) {
		owner := everybody[0]
		owner.Password = ident.Base62(passwordLength)
		made, err := s.Create(ctx, by, signin.NewWorkspace{Slug: Slug, Name: "Acme", OwnerName: owner.Name, OwnerEmail: owner.Email,
			OwnerPassword: owner.Password})
		if err != nil {
			return nil, fmt.Errorf("make the demo workspace: %w", err)
		}
		w, out = made.Workspace, append(out, owner)
	} else if err != nil {
		return nil, err
	}
	by.Workspace = w.ID
	for _, a := range everybody[len(out):] {
		a.Password = known[a.Email]
		if err := account(ctx, db, s, by, &a); err != nil {
			return nil, fmt.Errorf("make %s: %w", a.Email, err)
		}
		out = append(out, a)
	}
	return out, nil
}

// account makes a person who is not there, and gives one whose password is not known a new one.
func account(ctx context.Context, db *database.DB, s *signin.Service, by actor.Actor, a *Account) error {
	p, err := directory.ByLogin(db.Read(ctx), by.Workspace, a.Email)
	var link signin.Link
	switch {
	case errors.Is(err, fault.ErrNotFound):
		_, link, err = s.Invite(ctx, by, a.Name, a.Email, a.Role)
	case err != nil:
	case !p.Active:
		a.Password = ""
		return nil
	case a.Password != "":
		return nil
	default:
		link, err = s.PasswordLink(ctx, by, p.ID)
	}
	if err != nil {
		return err
	}
	a.Password = ident.Base62(passwordLength)
	_, secret, _ := strings.Cut(link.URL, "#")
	return s.SetPassword(ctx, signin.Browser{}, secret, a.Password)
}

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os/user"
	"strings"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/config"
	"github.com/countersign/countersign/internal/signin"
)

type workspaceCreateCmd struct {
	config.Store
	config.Web
	Slug               string `required:"" help:"Its place in addresses: lower case, digits, hyphens."`
	Name               string `required:"" help:"Its name as people read it."`
	OwnerName          string `required:"" help:"Name of its Owner."`
	OwnerEmail         string `required:"" help:"E-mail address of its Owner, who signs in with it."`
	OwnerPasswordStdin bool   `required:"" help:"Read the Owner's password, one line, from standard input."`
}

type createdResult struct {
	Workspace struct {
		ID   string `json:"id"`
		Slug string `json:"slug"`
	} `json:"workspace"`
	Owner struct {
		ID    string `json:"id"`
		Email string `json:"email"`
	} `json:"owner"`
}

// Run is `countersign workspace create`.
func (c workspaceCreateCmd) Run(p *process) error {
	password, err := line(p.stdin)
	if err != nil {
		return err
	}
	return p.offline(c.Store, c.Web, func(s *service) error {
		made, err := s.domains.Signin.Create(p.ctx, operator(""), signin.NewWorkspace{Slug: c.Slug, Name: c.Name, OwnerName: c.OwnerName,
			OwnerEmail: c.OwnerEmail, OwnerPassword: password})
		if err != nil {
			return err
		}
		var out createdResult
		out.Workspace.ID, out.Workspace.Slug = made.Workspace.ID, made.Workspace.Slug
		out.Owner.ID, out.Owner.Email = made.Owner.ID, made.Owner.Email
		return p.result(out)
	})
}

// offline runs do with every domain wired over the database, as serve has them, but without listening, pushing or background work: what a
// command leaves in the outbox a running service takes up within a second.
func (p *process) offline(store config.Store, web config.Web, do func(*service) error) (err error) {
	cfg, err := settings(store, web)
	if err != nil {
		return err
	}
	db, err := p.ready(cfg.Database, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	s, err := newService(cfg, db, p.logger(slog.LevelWarn), nil, nil)
	if err != nil {
		return err
	}
	return do(s)
}

// operator is whoever sits at the server's own terminal; name is what they say, or the account they use.
func operator(name string) actor.Actor {
	name = strings.TrimSpace(name)
	if u, err := user.Current(); name == "" && err == nil {
		name = u.Username
	}
	return actor.Actor{Kind: actor.Operator, Name: name}
}

// line is the first line of a text, without its end.
func line(r io.Reader) (string, error) {
	text, err := bufio.NewReader(io.LimitReader(r, 4096)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	text = strings.TrimRight(text, "\r\n")
	if text == "" {
		return "", usageError{fmt.Errorf("standard input holds no password; for example: printf %%s \"$PASSWORD\" | countersign workspace create …")}
	}
	return text, nil
}

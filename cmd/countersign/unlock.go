package main

import (
	"github.com/countersign/countersign/internal/config"
	"github.com/countersign/countersign/internal/database"
)

type unlockCmd struct {
	config.Store
	config.Web
	Workspace string `required:"" help:"Slug of the workspace."`
	Email     string `required:"" help:"E-mail address of the person whom wrong codes have locked."`
	Operator  string `required:"" help:"Your name, for the audit."`
	Freeze    bool   `help:"Also let tokens be shown again in the workspace, where a reported request has frozen them."`
}

type unlockResult struct {
	Unlocked string `json:"unlocked"` // the person's id
	Unfrozen bool   `json:"unfrozen"`
}

// Run is `countersign unlock`: for the Owner who has nobody else to ask.
func (c unlockCmd) Run(p *process) error {
	return p.offline(c.Store, c.Web, func(s *service) error {
		person, err := s.person(p.ctx, c.Workspace, c.Email)
		if err != nil {
			return err
		}
		by := operator(c.Operator)
		by.Workspace = person.Workspace
		err = s.db.InTx(p.ctx, func(tx database.Tx) error {
			if c.Freeze {
				if err := s.domains.Workspaces.Unfreeze(tx, by, person.Workspace); err != nil {
					return err
				}
			}
			return s.domains.Confirms.Unlock(tx, by, person.ID)
		})
		if err != nil {
			return err
		}
		return p.result(unlockResult{Unlocked: person.ID, Unfrozen: c.Freeze})
	})
}

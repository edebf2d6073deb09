package main

import (
	"errors"
	"time"

	"github.com/countersign/countersign/internal/config"
	"github.com/countersign/countersign/internal/database"
)

type recoverCmd struct {
	config.Store
	config.Web
	Workspace string `required:"" help:"Slug of the workspace."`
	Email     string `required:"" help:"E-mail address of the person who lost their phones."`
}

type passwordLinkCmd struct {
	config.Store
	config.Web
	Workspace string `required:"" help:"Slug of the workspace."`
	Email     string `required:"" help:"E-mail address of the person who cannot sign in any more."`
}

// Run is `countersign workspace password-link`, for whoever lost their only passkey. Where a token is shown, their phone is asked all the same.
func (c passwordLinkCmd) Run(p *process) error {
	return p.offline(c.Store, c.Web, func(s *service) error {
		person, err := s.person(p.ctx, c.Workspace, c.Email)
		if err != nil {
			return err
		}
		by := operator("")
		by.Workspace = person.Workspace
		link, err := s.domains.Signin.PasswordLink(p.ctx, by, person.ID)
		if err != nil {
			return err
		}
		return p.result(recoverResult{URL: link.URL, ExpiresAt: link.ExpiresAt})
	})
}

type recoverResult struct {
	URL       string    `json:"url"`
	ExpiresAt time.Time `json:"expires_at"`
}

// Run is `countersign recover`. The link alone opens nothing: the person signs in with their password and may then pair one phone.
func (c recoverCmd) Run(p *process) error {
	return p.offline(c.Store, c.Web, func(s *service) error {
		person, err := s.person(p.ctx, c.Workspace, c.Email)
		if err != nil {
			return err
		}
		if !person.Active {
			return errors.New("that person is deactivated")
		}
		by := operator("")
		by.Workspace = person.Workspace
		var out recoverResult
		err = s.db.InTx(p.ctx, func(tx database.Tx) error {
			secret, expires, err := s.domains.Devices.OpenRecovery(tx, by, person.ID)
			out = recoverResult{URL: s.cfg.PublicURL.String() + "/w/" + c.Workspace + "/recover#" + secret, ExpiresAt: expires}
			return err
		})
		if err != nil {
			return err
		}
		return p.result(out)
	})
}

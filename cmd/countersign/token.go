package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/config"
	"github.com/countersign/countersign/internal/confirm"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/ident"
	"github.com/countersign/countersign/internal/workspace"
)

type tokenRegenerateCmd struct {
	config.Store
	config.Web
	Workspace           string        `required:"" help:"Slug of the workspace."`
	RequestedBy         string        `required:"" help:"E-mail address of the Owner, Super Admin or Admin who asked for it; their phone is asked."`
	Operator            string        `required:"" help:"Your name, for the audit."`
	Reason              string        `required:"" help:"Why, for the audit and for the phone."`
	Overlap             time.Duration `default:"24h" help:"How long the old token goes on working, 0 to 168h."`
	WithoutConfirmation bool          `help:"Do not ask the phone. It stands in the workspace's audit for all its admins."`
	Print               bool          `help:"With --without-confirmation: print the new token."`
}

// regenerated is the result. Token is there with --print alone; otherwise the person retrieves it by View Token.
type regenerated struct {
	Workspace   string         `json:"workspace"`
	TokenID     string         `json:"token_id"`
	Hint        string         `json:"hint"`
	CreatedAt   time.Time      `json:"created_at"`
	Previous    *previousToken `json:"previous,omitempty"`
	RequestedBy string         `json:"requested_by"`
	Confirmed   bool           `json:"confirmed"`
	Token       string         `json:"token,omitempty"`
}

type previousToken struct {
	Hint       string     `json:"hint"`
	ValidUntil *time.Time `json:"valid_until"`
}

// Run is `countersign token regenerate`.
func (c tokenRegenerateCmd) Run(p *process) error {
	if c.Print && !c.WithoutConfirmation {
		return usageError{errors.New("--print needs --without-confirmation: a token that was confirmed is retrieved by View Token")}
	}
	if strings.TrimSpace(c.Reason) == "" || strings.TrimSpace(c.Operator) == "" {
		return usageError{errors.New("--reason and --operator stand in the audit and on the phone: they cannot be empty")}
	}
	return p.offline(c.Store, c.Web, func(s *service) error {
		person, err := s.admin(p.ctx, c.Workspace, c.RequestedBy)
		if err != nil {
			return err
		}
		var t confirm.Token
		if c.WithoutConfirmation {
			t, err = s.regenerate(p.ctx, c, person)
		} else {
			t, err = s.regenerateConfirmed(p, c, person)
		}
		if err != nil {
			return err
		}
		out := regenerated{Workspace: c.Workspace, TokenID: t.Info.ID, Hint: t.Info.Hint, CreatedAt: t.Info.CreatedAt, RequestedBy: person.Email, Confirmed: !c.WithoutConfirmation}
		if t.Previous != nil {
			out.Previous = &previousToken{Hint: t.Previous.Hint, ValidUntil: t.Previous.ValidUntil}
		}
		if c.Print {
			out.Token = t.Plain
		}
		return p.result(out)
	})
}

// admin finds an active person who may have the token.
func (s *service) admin(ctx context.Context, slug, email string) (directory.Person, error) {
	person, err := s.person(ctx, slug, email)
	if err == nil && (!person.Active || !person.Role.Admin()) {
		err = errors.New("that person is not an active Owner, Super Admin or Admin of the workspace")
	}
	return person, err
}

func (s *service) person(ctx context.Context, slug, email string) (directory.Person, error) {
	db := s.db.Read(ctx)
	w, err := workspace.BySlug(db, slug)
	if err != nil {
		return directory.Person{}, missing(err, "there is no workspace %q", slug)
	}
	person, err := directory.ByLogin(db, w.ID, email)
	if err != nil {
		return directory.Person{}, missing(err, "nobody in the workspace %q has the e-mail address %q", slug, email)
	}
	return person, nil
}

// missing says what was not found, where that is what is wrong.
func missing(err error, what string, args ...any) error {
	if errors.Is(err, fault.ErrNotFound) {
		return fmt.Errorf(what, args...)
	}
	return err
}

// regenerate makes the token at once, on the operator's word.
func (s *service) regenerate(ctx context.Context, c tokenRegenerateCmd, person directory.Person) (t confirm.Token, err error) {
	by := operator(c.Operator)
	by.Workspace = person.Workspace
	err = s.db.InTx(ctx, func(tx database.Tx) (err error) {
		r := workspace.Renewal{Reason: c.Reason, Overlap: c.Overlap, Support: c.Operator, For: person.ID}
		if t.Plain, t.Info, t.Previous, err = s.domains.Workspaces.Renew(tx, by, person.Workspace, r); err != nil {
			return err
		}
		if c.Print {
			if err := s.domains.Workspaces.Handed(tx, by, t.Info, workspace.PrintedToken, "", "", t.Info.CreatedAt); err != nil {
				return err
			}
		}
		return audit.Record(tx, by, "token.regenerated_without_confirmation", t.Info.ID,
			audit.Detail{"requested_by": person.ID, "reason": c.Reason, "printed": c.Print})
	})
	return t, err
}

// regenerateConfirmed asks the person's phone first. The terminal plays the part of the browser: it has a session of its own for this one
// question, and shows the six digits that the operator reads out.
func (s *service) regenerateConfirmed(p *process, c tokenRegenerateCmd, person directory.Person) (confirm.Token, error) {
	by := actor.Actor{Kind: actor.Operator, Workspace: person.Workspace, Person: person.ID, Name: person.Name, Role: string(person.Role),
		Session: ident.Hash(ident.Secret(32)), UserAgent: "countersign token regenerate (" + c.Operator + ")"}
	params, err := json.Marshal(map[string]any{"reason": c.Reason, "overlap_seconds": int64(c.Overlap / time.Second), "support": c.Operator})
	if err != nil {
		return confirm.Token{}, err
	}
	asking := operator(c.Operator)
	asking.Workspace = person.Workspace
	if err := s.db.InTx(p.ctx, func(tx database.Tx) error {
		return audit.Record(tx, asking, "token.regeneration_asked", person.ID, audit.Detail{"requested_by": person.ID, "reason": c.Reason})
	}); err != nil {
		return confirm.Token{}, err
	}
	v, _, err := s.domains.Confirms.Ask(p.ctx, by, confirm.Ask{Action: confirm.RegenerateToken, Params: params})
	if err != nil {
		return confirm.Token{}, err
	}
	p.note("Asked the phone of %s. It ends at %s.", person.Name, v.ExpiresAt.Local().Format("15:04:05"))
	if v.Code != "" {
		p.note("They type this code on the phone: %s %s", v.Code[:3], v.Code[3:])
	}
	if v, err = s.answered(p.ctx, by, v); err != nil {
		return confirm.Token{}, err
	}
	if v.State != confirm.Approved {
		return confirm.Token{}, fmt.Errorf("not confirmed: the request was %s. Nothing was changed", v.State)
	}
	return s.domains.Confirms.Collect(p.ctx, by, v.ID)
}

// answered waits until a question is approved or over.
func (s *service) answered(ctx context.Context, by actor.Actor, v confirm.View) (confirm.View, error) {
	var err error
	for v.State == confirm.Pending && err == nil {
		if err = ctx.Err(); err != nil {
			_, cancelled := s.domains.Confirms.Cancel(context.WithoutCancel(ctx), by, v.ID)
			return v, errors.Join(errors.New("interrupted; the request was taken back"), cancelled)
		}
		v, err = s.domains.Confirms.Wait(ctx, by, v.ID, v.Version, 25*time.Second)
	}
	return v, err
}

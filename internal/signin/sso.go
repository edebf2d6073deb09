package signin

import (
	"cmp"
	"context"
	"errors"
	"net/url"
	"time"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/ident"
	"github.com/countersign/countersign/internal/limit"
	"github.com/countersign/countersign/internal/sso"
	"github.com/countersign/countersign/internal/workspace"
)

// What signing in with an identity provider refuses.
var (
	ErrUnknown  = fault.New(fault.Forbidden, "sso_unknown_person", "Your organization has not added you to this workspace. Ask your IT team.")
	ErrEnforced = fault.New(fault.Forbidden, "sso_required", "Your organization asks you to sign in with its identity provider.")
)

// subjectRow links who somebody is at a provider to a person.
type subjectRow struct {
	WorkspaceID string
	Issuer      string
	Subject     string
	PersonID    string
	ClaimValue  string
	CreatedAt   time.Time
	LastUsedAt  time.Time
}

func (subjectRow) TableName() string { return "sso_subjects" }

// BeginSSO begins signing in at the provider of the workspace with that address, and returns where to send the browser. returnTo is a path of
// the console. anyway is for a provider that did not answer a moment ago.
func (s *Service) BeginSSO(ctx context.Context, from Browser, slug, returnTo string, anyway bool) (string, error) {
	if err := s.countBegun(ctx, from, "sso"); err != nil {
		return "", err
	}
	if s.SSO == nil {
		return "", sso.ErrNone
	}
	w, err := workspace.BySlug(s.DB.Read(ctx), slug)
	if err != nil {
		return "", err
	}
	return s.SSO.Begin(ctx, w.ID, from.Hash(), returnTo, anyway)
}

// EndSSO takes what the provider sent the browser back with and signs the browser in as the person whom it vouches for. who says where the
// person wanted to go, also beside an error. A test of the settings signs nobody in: then the session is the zero value.
func (s *Service) EndSSO(ctx context.Context, from Browser, answer url.Values) (session Session, who sso.Identity, err error) {
	if s.SSO == nil {
		return Session{}, sso.Identity{}, sso.ErrNone
	}
	who, err = s.SSO.End(ctx, from.Hash(), answer)
	if err != nil || who.Tested {
		return Session{}, who, err
	}
	session, err = s.admit(ctx, from, who)
	return session, who, err
}

// FinishSAML is EndSSO for what a SAML provider had posted here: the browser brings the secret that stands for it.
func (s *Service) FinishSAML(ctx context.Context, from Browser, handover string) (session Session, who sso.Identity, err error) {
	if s.SSO == nil {
		return Session{}, sso.Identity{}, sso.ErrNone
	}
	who, err = s.SSO.Finish(ctx, from.Hash(), handover)
	if err != nil || who.Tested {
		return Session{}, who, err
	}
	session, err = s.admit(ctx, from, who)
	return session, who, err
}

// admit signs a browser in as the person whom a provider vouches for.
func (s *Service) admit(ctx context.Context, from Browser, who sso.Identity) (session Session, err error) {
	err = s.DB.InTx(ctx, func(tx database.Tx) error {
		by := actor.Actor{Kind: actor.System, Workspace: who.Provider.Workspace, IP: from.IP, UserAgent: from.UserAgent}
		p, err := s.whom(tx, by, who)
		if err != nil {
			return err
		}
		by.Kind, by.Person, by.Name, by.Role = actor.Person, p.ID, p.Name, string(p.Role)
		if session, err = s.start(tx, from, by, Method(who.Provider.Kind)); err != nil {
			return err
		}
		return s.keepHint(tx, by, session, who)
	})
	return session, err
}

// keepHint notes with a session what its provider wants to see again when the person signs out there.
func (s *Service) keepHint(tx database.Tx, by actor.Actor, session Session, who sso.Identity) error {
	kept, err := s.SSO.Keep(tx, who, sessionLife)
	if err != nil || kept == "" {
		return err
	}
	return tx.Model(&signInRow{}).Where("session_hash = ? AND workspace_id = ?", ident.Hash(session.Value), by.Workspace).
		Updates(map[string]any{"sso_session_id": kept}).Error
}

// SignOutSSO ends this browser's session in all workspaces, as SignOut, and returns where to send the browser so that the provider that in came
// from signs the person out too. Where that provider does not answer, or offers nothing, the address is "": the session here has ended all the
// same. The browser comes back to the console's path returnTo.
func (s *Service) SignOutSSO(ctx context.Context, from Browser, in SignedIn, returnTo string) (string, error) {
	to := ""
	if in.SSOSession != "" && s.SSO != nil {
		var err error
		to, err = s.SSO.SignOutURL(ctx, in.Actor.Workspace, in.SSOSession, from.Hash(), returnTo)
		if err != nil && !errors.Is(err, sso.ErrNone) && !errors.Is(err, sso.ErrProvider) {
			return "", err
		}
	}
	return to, s.SignOut(ctx, from)
}

// whom finds, or where the workspace wants it makes, the person who who is, and holds them. Somebody who is deactivated or deleted is refused
// before anything is written.
func (s *Service) whom(tx database.Tx, by actor.Actor, who sso.Identity) (directory.Person, error) {
	now, err := tx.Now()
	if err != nil {
		return directory.Person{}, err
	}
	var link subjectRow
	res := tx.Lock().Where("workspace_id = ? AND issuer = ? AND subject = ?", by.Workspace, who.Issuer, who.Subject).Limit(1).Find(&link)
	if res.Error != nil {
		return directory.Person{}, res.Error
	}
	if res.RowsAffected > 0 {
		p, err := active(tx, by.Workspace, link.PersonID)
		if err != nil {
			return p, err
		}
		return p, tx.Model(&subjectRow{}).Where("workspace_id = ? AND issuer = ? AND subject = ?", by.Workspace, who.Issuer, who.Subject).
			Updates(map[string]any{"claim_value": who.Claim, "last_used_at": now}).Error
	}
	p, err := s.firstTime(tx, by, who)
	if err != nil {
		return p, err
	}
	link = subjectRow{WorkspaceID: by.Workspace, Issuer: who.Issuer, Subject: who.Subject, PersonID: p.ID, ClaimValue: who.Claim, CreatedAt: now, LastUsedAt: now}
	if err := tx.Create(&link).Error; err != nil {
		return p, err
	}
	return p, audit.RecordAt(tx, by, "sso.linked", p.ID, audit.Detail{"issuer": who.Issuer, "by": who.Provider.LinkBy}, now)
}

func (s *Service) firstTime(tx database.Tx, by actor.Actor, who sso.Identity) (directory.Person, error) {
	p, gone, err := directory.KnownAs(tx.DB, by.Workspace, directory.Known(who.Provider.LinkBy), who.Claim)
	switch {
	case err == nil:
		return active(tx, by.Workspace, p.ID)
	case !errors.Is(err, fault.ErrNotFound):
		return p, err
	case gone:
		return p, ErrDeactivated
	case !who.Provider.JIT || who.Provider.LinkBy != sso.ByUserName || who.Claim == "":
		return p, ErrUnknown
	}
	p, err = directory.Newcomer(tx, by, cmp.Or(who.Name, who.Claim), who.Claim)
	if err != nil {
		return p, ErrUnknown.Because(err)
	}
	return p, nil
}

// active is a person who may sign in, held so that they stay so until tx ends.
func active(tx database.Tx, workspace, person string) (directory.Person, error) {
	p, err := directory.Hold(tx, workspace, person)
	if errors.Is(err, fault.ErrNotFound) || (err == nil && !p.Active) {
		return p, ErrDeactivated
	}
	return p, err
}

// Linked is what a person is at an identity provider.
type Linked struct {
	Issuer     string
	Subject    string
	Claim      string // what the provider said last
	Matches    bool   // the claim still equals the person's property that the workspace links by
	LinkedAt   time.Time
	LastUsedAt time.Time
}

// LinksOf lists what p is at identity providers. by is the rule that the workspace links by now.
func LinksOf(db *gorm.DB, p directory.Person, by sso.LinkRule) ([]Linked, error) {
	var rows []subjectRow
	if err := db.Where("person_id = ? AND workspace_id = ?", p.ID, p.Workspace).Order("created_at, issuer, subject").Find(&rows).Error; err != nil {
		return nil, err
	}
	out := make([]Linked, len(rows))
	for i, r := range rows {
		same := directory.Key(r.ClaimValue) == directory.Key(p.UserName)
		if by == sso.ByExternalID {
			same = r.ClaimValue == p.ExternalID
		}
		out[i] = Linked{Issuer: r.Issuer, Subject: r.Subject, Claim: r.ClaimValue, Matches: same, LinkedAt: r.CreatedAt, LastUsedAt: r.LastUsedAt}
	}
	return out, nil
}

// mayUsePassword refuses a password or passkey where the workspace demands its identity provider. The Owner keeps both, so that a provider
// that fails locks nobody out for good.
func (s *Service) mayUsePassword(db *gorm.DB, p directory.Person) error {
	if p.Role == directory.Owner {
		return nil
	}
	enforced, err := sso.Enforced(db, p.Workspace, p.UserName, p.Email)
	if err == nil && enforced {
		return ErrEnforced
	}
	return err
}

// countBegun keeps the number of exchanges that one address may begin within bounds.
func (s *Service) countBegun(ctx context.Context, from Browser, what string) error {
	var refused error
	err := s.DB.InTx(ctx, func(tx database.Tx) error {
		n, in, err := limit.Count(tx, what+"|"+limit.Address(from.IP), wrongWindow)
		if err == nil && n > begunPerAddress {
			refused = ErrTooMany.After(in)
		}
		return err
	})
	if err != nil {
		return err
	}
	return refused
}

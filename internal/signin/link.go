package signin

import (
	"context"
	"errors"
	"time"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/ident"
	"github.com/countersign/countersign/internal/workspace"
)

// linkLife is how long a link that sets a password works.
const linkLife = 24 * time.Hour

// What links refuse.
var (
	ErrLink     = fault.New(fault.Expired, "link_expired", "This link was used or has expired. Ask for a new one.")
	ErrInactive = fault.New(fault.Conflict, "person_inactive", "This person is deactivated. Reactivate them first.")
)

// Link sets a person's password, once.
type Link struct {
	URL       string // with the secret in its fragment, which browsers do not send
	ExpiresAt time.Time
}

type linkRow struct {
	SecretHash  []byte
	WorkspaceID string
	PersonID    string
	CreatedAt   time.Time
	ExpiresAt   time.Time
	UsedAt      *time.Time
}

func (linkRow) TableName() string { return "password_links" }

// Invite adds a person and makes the link with which they set their first password.
func (s *Service) Invite(ctx context.Context, by actor.Actor, name, email string, role directory.Role) (directory.Person, Link, error) {
	var p directory.Person
	var l Link
	err := s.DB.InTx(ctx, func(tx database.Tx) (err error) {
		if p, err = directory.Add(tx, by, name, email, role); err != nil {
			return err
		}
		l, err = s.newLink(tx, by, p)
		return err
	})
	return p, l, err
}

// PasswordLink makes a link with which a person sets their password, the first or another; older ones end. The Owner's is made by the Owner
// alone: who sets a password can sign in.
func (s *Service) PasswordLink(ctx context.Context, by actor.Actor, person string) (Link, error) {
	var l Link
	err := s.DB.InTx(ctx, func(tx database.Tx) error {
		p, err := linkable(tx, by, person)
		if err != nil {
			return err
		}
		l, err = s.newLink(tx, by, p)
		return err
	})
	return l, err
}

// linkable is the person for whom by may have a link made.
func linkable(tx database.Tx, by actor.Actor, person string) (directory.Person, error) {
	if err := directory.RequireManager(tx, by); err != nil {
		return directory.Person{}, err
	}
	p, err := directory.Hold(tx, by.Workspace, person)
	switch {
	case err != nil:
		return p, err
	case p.Role == directory.Owner && by.Kind == actor.Person && by.Person != p.ID:
		return p, directory.ErrOwnerOnly
	case !p.Active:
		return p, ErrInactive
	}
	return p, nil
}

// Mailer puts a mail with a new link for a person into tx; internal/mail does.
type Mailer func(tx database.Tx, workspace, person string) error

// InviteByMail is Invite with the link sent to the person and shown to nobody else.
func (s *Service) InviteByMail(ctx context.Context, by actor.Actor, name, email string, role directory.Role, send Mailer) (directory.Person, error) {
	var p directory.Person
	err := s.DB.InTx(ctx, func(tx database.Tx) (err error) {
		if p, err = directory.Add(tx, by, name, email, role); err != nil {
			return err
		}
		return send(tx, p.Workspace, p.ID)
	})
	return p, err
}

// MailPasswordLink is PasswordLink with the link sent to the person and shown to nobody else.
func (s *Service) MailPasswordLink(ctx context.Context, by actor.Actor, person string, send Mailer) error {
	return s.DB.InTx(ctx, func(tx database.Tx) error {
		p, err := linkable(tx, by, person)
		if err != nil {
			return err
		}
		return send(tx, p.Workspace, p.ID)
	})
}

func (s *Service) newLink(tx database.Tx, by actor.Actor, p directory.Person) (Link, error) {
	w, err := workspace.Find(tx.DB, p.Workspace)
	if err != nil {
		return Link{}, err
	}
	now, err := tx.Now()
	if err != nil {
		return Link{}, err
	}
	if err := endLinks(tx, p.ID, now); err != nil {
		return Link{}, err
	}
	secret := ident.Secret(32)
	r := linkRow{SecretHash: ident.Hash(secret), WorkspaceID: p.Workspace, PersonID: p.ID, CreatedAt: now, ExpiresAt: now.Add(linkLife)}
	if err := tx.Create(&r).Error; err != nil {
		return Link{}, err
	}
	l := Link{URL: s.publicLink(w.Slug, "set-password#"+secret), ExpiresAt: r.ExpiresAt}
	return l, audit.RecordAt(tx, by, "person.password_link_made", p.ID, nil, now)
}

// endLinks ends every link of a person; the rows stay for a while, so that who opens one is told that it has ended.
func endLinks(tx database.Tx, person string, now time.Time) error {
	return tx.Model(&linkRow{}).Where("person_id = ? AND expires_at > ?", person, now).Updates(map[string]any{"expires_at": now}).Error
}

// SetPassword sets the password of the person whose link has that secret, and ends their sessions in other browsers. It signs nobody in.
func (s *Service) SetPassword(ctx context.Context, from Browser, secret, password string) error {
	if err := CheckPassword(password); err != nil {
		return err
	}
	now, err := s.DB.Now(ctx)
	if err != nil {
		return err
	}
	if _, err := link(s.DB.Read(ctx), secret, now); err != nil { // before the work of hashing
		return err
	}
	hash, err := s.hasher.hash(ctx, password)
	if err != nil {
		return err
	}
	return s.DB.InTx(ctx, func(tx database.Tx) error {
		now, err := tx.Now()
		if err != nil {
			return err
		}
		l, err := link(tx.Lock(), secret, now)
		if err != nil {
			return err
		}
		p, err := directory.Hold(tx, l.WorkspaceID, l.PersonID)
		if err != nil || !p.Active {
			return errors.Join(err, ErrLink)
		}
		if err := tx.Model(&linkRow{}).Where("secret_hash = ?", l.SecretHash).Updates(map[string]any{"used_at": now}).Error; err != nil {
			return err
		}
		if err := endLinks(tx, p.ID, now); err != nil {
			return err
		}
		if err := setPassword(tx, p.ID, hash, now); err != nil {
			return err
		}
		if err := s.end(tx, from, "s.person_id = ? AND s.session_hash <> ?", p.ID, ident.Hash(from.Session)); err != nil {
			return err
		}
		by := actor.Actor{Kind: actor.Person, Workspace: p.Workspace, Person: p.ID, Name: p.Name, IP: from.IP, UserAgent: from.UserAgent}
		return audit.RecordAt(tx, by, "person.password_set", p.ID, nil, now)
	})
}

// link reads a link that still works: ErrNotFound for a secret nobody was given, ErrLink for one that has ended.
func link(db *gorm.DB, secret string, now time.Time) (linkRow, error) {
	var r linkRow
	err := db.Where("secret_hash = ?", ident.Hash(secret)).Take(&r).Error
	switch {
	case errors.Is(err, gorm.ErrRecordNotFound):
		return r, fault.ErrNotFound
	case err != nil:
		return r, err
	case r.UsedAt != nil || !now.Before(r.ExpiresAt):
		return r, ErrLink
	}
	return r, nil
}

// LinkFor is PasswordLink by the service itself, for a mail.
func (s *Service) LinkFor(ctx context.Context, in, person string) (url string, until time.Time, err error) {
	l, err := s.PasswordLink(ctx, actor.Actor{Kind: actor.System, Workspace: in}, person)
	return l.URL, l.ExpiresAt, err
}

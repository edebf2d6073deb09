// Package signin proves who somebody is and remembers it: passwords, the links that set them, browser sessions. It stands on people and
// workspaces; phones and confirmations are not known here, what has to end with a session is handed in.
package signin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/ident"
	"github.com/countersign/countersign/internal/limit"
	"github.com/countersign/countersign/internal/passkey"
	"github.com/countersign/countersign/internal/sso"
	"github.com/countersign/countersign/internal/workspace"
)

// What signing in refuses.
var (
	ErrWrong       = fault.New(fault.Unauthorized, "wrong_credentials", "The e-mail address or the password is wrong.")
	ErrDeactivated = fault.New(fault.Forbidden, "deactivated", "Your organization has turned off your access. Ask your IT team.")
	ErrPassword    = fault.New(fault.Unprocessable, "wrong_password", "The password is wrong.")
	ErrTooMany     = fault.New(fault.Limited, "rate_limited", "Too many wrong passwords from here. Wait, then try again.")
)

// How often a password may be wrong. Every window ends by itself, and the one of an account is kept for each network by itself: somebody who
// guesses the Owner's password elsewhere does not keep the Owner out.
const (
	wrongWindow     = 15 * time.Minute
	wrongPerAccount = 10  // of one account from one network, or of one session
	wrongPerAddress = 100 // of all accounts together
)

// Config is what sign-in needs of its surroundings.
type Config struct {
	DB         *database.DB
	Workspaces *workspace.Service
	PublicURL  string        // without a path; https makes cookies Secure
	Idle       time.Duration // a session unused for so long is over
	Brand      string        // what browsers show beside a passkey
	SSO        *sso.Service
	HashMemory uint32 // KiB that a password's hash takes; 0: what OWASP asks for. Tests that sign in thousands of times take less.
	// OnEnd runs in the transaction that ends a person's sign-in with a browser session, for example to cancel its open confirmations.
	OnEnd []Ended
}

// Ended is told that a sign-in is over. by is who was signed in, with the session's hash in by.Session.
type Ended func(tx database.Tx, by actor.Actor, at time.Time) error

// Service is sign-in for all workspaces. Make it with New.
type Service struct {
	Config
	Passkeys *passkey.Service
	hasher   *hasher
	secure   bool
}

// New is sign-in. Idle is 12 hours where it is not given.
func New(c Config) (*Service, error) {
	u, err := url.Parse(c.PublicURL)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, errors.New("signin: the public URL must be http://… or https://…")
	}
	if c.Idle <= 0 {
		c.Idle = 12 * time.Hour
	}
	keys, err := passkey.New(c.DB, c.PublicURL, cmp.Or(c.Brand, "Countersign"))
	if err != nil {
		return nil, err
	}
	return &Service{Config: c, Passkeys: keys, hasher: newHasher(c.HashMemory), secure: u.Scheme == "https"}, nil
}

// passwordRow is a person's password. A person without one has no row and cannot sign in with one.
type passwordRow struct {
	PersonID   string
	Hash       string
	ChangedAt  time.Time
	LastUsedAt *time.Time
}

func (passwordRow) TableName() string { return "passwords" }

// SignIn checks a password and signs the browser in to one more workspace. The browser gets a new session, which takes over what it was
// signed in to before. Nothing tells an unknown account from a wrong password, not even the time it takes.
func (s *Service) SignIn(ctx context.Context, from Browser, slug, login, password string) (Session, error) {
	try := newAttempt(from.IP, "account|"+slug+"|"+directory.Key(login)+"|"+limit.Network(from.IP))
	if err := try.count(ctx, s.DB); err != nil {
		return Session{}, err
	}
	p, stored, err := s.account(ctx, slug, login)
	if err != nil {
		return Session{}, err
	}
	right, err := s.hasher.verify(ctx, password, stored)
	if err != nil {
		return Session{}, err
	}
	by := actor.Actor{Kind: actor.Person, Workspace: p.Workspace, Person: p.ID, Name: p.Name, Role: string(p.Role), IP: from.IP, UserAgent: from.UserAgent}
	if !right {
		return Session{}, errors.Join(s.failed(ctx, by), ErrWrong)
	}
	var session Session
	var refused error // a right password is forgiven its attempt even where it opens nothing
	err = s.DB.InTx(ctx, func(tx database.Tx) error {
		held, err := directory.Hold(tx, p.Workspace, p.ID)
		if err != nil {
			return err
		}
		if !held.Active {
			refused = ErrDeactivated
			return try.forgive(tx)
		}
		if refused = s.mayUsePassword(tx.DB, held); refused != nil {
			return try.forgive(tx)
		}
		if err := s.passwordUsed(tx, p.ID, stored); err != nil {
			return err
		}
		if session, err = s.start(tx, from, by, ByPassword); err != nil {
			return err
		}
		return try.forgive(tx)
	})
	return session, errors.Join(err, refused)
}

// account finds a person and their password's hash. Where either is missing both are zero: the caller checks a dummy.
func (s *Service) account(ctx context.Context, slug, login string) (directory.Person, string, error) {
	db := s.DB.Read(ctx)
	w, err := workspace.BySlug(db, slug)
	if errors.Is(err, fault.ErrNotFound) {
		return directory.Person{}, "", nil
	}
	if err != nil {
		return directory.Person{}, "", err
	}
	p, err := directory.ByLogin(db, w.ID, login)
	if errors.Is(err, fault.ErrNotFound) {
		return directory.Person{}, "", nil
	}
	if err != nil {
		return directory.Person{}, "", err
	}
	stored, err := storedHash(db, p.ID)
	return p, stored, err
}

func storedHash(db *gorm.DB, person string) (string, error) {
	var r passwordRow
	err := db.Where("person_id = ?", person).Limit(1).Find(&r).Error
	return r.Hash, err
}

// passwordUsed says that the hash that was checked is still the person's: a password that was changed meanwhile opens nothing.
func (s *Service) passwordUsed(tx database.Tx, person, stored string) error {
	now, err := tx.Now()
	if err != nil {
		return err
	}
	res := tx.Model(&passwordRow{}).Where("person_id = ? AND hash = ?", person, stored).Updates(map[string]any{"last_used_at": now})
	if res.Error == nil && res.RowsAffected == 0 {
		return ErrWrong
	}
	return res.Error
}

// failed keeps a wrong password for an account that exists. Nobody has proven to be anybody, so the account is the subject, not the actor. For
// an account that does not exist as much is written, so that the time tells nothing.
func (s *Service) failed(ctx context.Context, by actor.Actor) error {
	subject := by.Person
	by.Kind, by.Person, by.Name, by.Role = actor.System, "", "", ""
	return s.DB.InTx(ctx, func(tx database.Tx) error {
		if subject == "" {
			_, _, err := limit.Count(tx, "password|nobody|"+limit.Address(by.IP), wrongWindow)
			return err
		}
		return audit.Record(tx, by, "session.failed", subject, nil)
	})
}

// Verify checks the password of who is signed in once more, so that the session counts as fresh (wire.md §3.1).
func (s *Service) Verify(ctx context.Context, by actor.Actor, password string) error {
	try := newAttempt(by.IP, fmt.Sprintf("verify|%s|%x", by.Person, by.Session))
	if err := try.count(ctx, s.DB); err != nil {
		return err
	}
	stored, err := storedHash(s.DB.Read(ctx), by.Person)
	if err != nil {
		return err
	}
	right, err := s.hasher.verify(ctx, password, stored)
	if err != nil {
		return err
	}
	if !right {
		return errors.Join(s.failed(ctx, by), ErrPassword)
	}
	return s.DB.InTx(ctx, func(tx database.Tx) error {
		if err := s.passwordUsed(tx, by.Person, stored); err != nil {
			return err
		}
		if err := verified(tx, by); err != nil {
			return err
		}
		return try.forgive(tx)
	})
}

// setPassword writes a hash as a person's password.
func setPassword(tx database.Tx, person, hash string, now time.Time) error {
	return tx.Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "person_id"}},
		DoUpdates: clause.AssignmentColumns([]string{"hash", "changed_at"})}).
		Create(&passwordRow{PersonID: person, Hash: hash, ChangedAt: now}).Error
}

// Facts is what a list of people shows of their sign-in.
type Facts struct {
	HasPassword bool
	LastSignIn  *time.Time
}

// FactsOf reads the facts of several people in one query; who has no password has the zero value.
func FactsOf(db *gorm.DB, people []string) (map[string]Facts, error) {
	var rows []passwordRow
	if err := db.Omit("hash").Where("person_id IN ?", people).Find(&rows).Error; err != nil {
		return nil, err
	}
	out := make(map[string]Facts, len(rows))
	for _, r := range rows {
		out[r.PersonID] = Facts{HasPassword: true, LastSignIn: r.LastUsedAt}
	}
	return out, nil
}

// attempt is one password that is tried, with its two counters. It is counted before the password is looked at, so that many at once cannot
// all slip through, and taken back when the password was right.
type attempt struct{ account, address string }

// newAttempt hides in its keys what was typed: an e-mail address, or a password typed into the wrong field, has no place among counters.
func newAttempt(ip, account string) attempt {
	return attempt{account: fmt.Sprintf("password|%x", ident.Hash(account)[:16]), address: "password|" + limit.Address(ip)}
}

func (a attempt) count(ctx context.Context, db *database.DB) error {
	var refused error // a refused attempt is counted, so its transaction commits
	err := db.InTx(ctx, func(tx database.Tx) error {
		for _, l := range []struct {
			key  string
			most int64
		}{{a.account, wrongPerAccount}, {a.address, wrongPerAddress}} {
			n, in, err := limit.Count(tx, l.key, wrongWindow)
			if err != nil {
				return err
			}
			if n > l.most {
				refused = ErrTooMany.After(in)
				return nil
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return refused
}

func (a attempt) forgive(tx database.Tx) error {
	if err := limit.Clear(tx, a.account); err != nil {
		return err
	}
	return limit.Uncount(tx, a.address)
}

// publicLink is a page of the console for one workspace.
func (s *Service) publicLink(slug, page string) string {
	return strings.TrimSuffix(s.PublicURL, "/") + "/w/" + slug + "/" + page
}

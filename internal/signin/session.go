package signin

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/alexedwards/scs/v2"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/ident"
)

const (
	sessionLife = 7 * 24 * time.Hour // however much it is used; a workspace may want less
	seenEvery   = time.Minute        // how often last_seen_at is written
	freshFor    = 5 * time.Minute    // how long a password check counts (wire.md §3.1)
	mostSignIns = 50                 // workspaces of one browser
)

// Method is how somebody proved who they are.
type Method string

// The methods.
const (
	ByPassword Method = "password"
	ByPasskey  Method = "passkey"
)

// Session is a new value for the session cookie.
type Session struct {
	Value   string
	Expires time.Time
}

// SignedIn is somebody with a live session.
type SignedIn struct {
	Actor         actor.Actor
	Email         string
	Slug          string // address of the workspace
	WorkspaceName string
	FreshUntil    time.Time // until when the last password check counts; may be past
	Now           time.Time // by the clock that judged the session
	EndsAt        time.Time // when the session ends however much it is used
	IdleEndsAt    time.Time // when it ends if it is not used until then
	SSOSession    string    // what is kept for signing out at the identity provider; "" where nothing is
}

// signInRow is one person signed in with one browser session in one workspace. These rows alone say who is signed in.
type signInRow struct {
	SessionHash []byte
	WorkspaceID string
	PersonID    string
	SignedInAt  time.Time
	VerifiedAt  time.Time
	LastSeenAt  time.Time
	IP          string `gorm:"column:ip"`
	UserAgent   string
	Method      Method
	// SSOSessionID names what sso keeps for signing out at the provider.
	SSOSessionID string `gorm:"column:sso_session_id"`
}

func (signInRow) TableName() string { return "sign_ins" }

// manager is scs inside tx: it makes the cookie's values and keeps their hashes, and the rows stand or fall with the sign-in they belong to.
// IdleTimeout stays 0, because with it scs writes on every request; idle sessions are told by last_seen_at.
func manager(tx database.Tx) *scs.SessionManager {
	return &scs.SessionManager{Lifetime: sessionLife, Store: store{tx}, Codec: scs.GobCodec{}, HashTokenInStore: true}
}

// start signs by in. The session is always a new one, so that a value planted before is worth nothing; what the browser was signed in to
// with the old one moves over, except that open confirmations of the old one end: they answer to its hash.
func (s *Service) start(tx database.Tx, from Browser, by actor.Actor, how Method) (Session, error) {
	now, err := tx.Now()
	if err != nil {
		return Session{}, err
	}
	m := manager(tx)
	ctx, err := m.Load(tx.Statement.Context, from.Session)
	if err != nil {
		return Session{}, err
	}
	old := m.Token(ctx)
	if err := m.RenewToken(ctx); err != nil {
		return Session{}, err
	}
	value, expires, err := m.Commit(ctx)
	if err != nil {
		return Session{}, err
	}
	by.Session = ident.Hash(value)
	if old != "" {
		if err := s.takeOver(tx, by, ident.Hash(old), now); err != nil {
			return Session{}, err
		}
	}
	err = tx.Create(&signInRow{SessionHash: by.Session, WorkspaceID: by.Workspace, PersonID: by.Person, SignedInAt: now, VerifiedAt: now,
		LastSeenAt: now, IP: from.IP, UserAgent: from.UserAgent, Method: how}).Error
	if err != nil {
		return Session{}, err
	}
	return Session{Value: value, Expires: expires}, audit.RecordAt(tx, by, "session.started", by.Person, audit.Detail{"method": how}, now)
}

// takeOver moves the sign-ins of an old session to by's new one; the one in by's own workspace is replaced.
func (s *Service) takeOver(tx database.Tx, by actor.Actor, old []byte, now time.Time) error {
	before, err := signIns(tx.DB, "s.session_hash = ?", old)
	if err != nil {
		return err
	}
	for _, b := range before {
		who := b.actor()
		who.IP, who.UserAgent = by.IP, by.UserAgent
		if err := s.ended(tx, who, now); err != nil {
			return err
		}
	}
	if err := tx.Where("session_hash = ? AND workspace_id = ?", old, by.Workspace).Delete(&signInRow{}).Error; err != nil {
		return err
	}
	return tx.Model(&signInRow{}).Where("session_hash = ?", old).Updates(map[string]any{"session_hash": by.Session}).Error
}

func (s *Service) ended(tx database.Tx, by actor.Actor, now time.Time) error {
	for _, f := range s.OnEnd {
		if err := f(tx, by, now); err != nil {
			return err
		}
	}
	return nil
}

// found is a sign-in with its person and workspace.
type found struct {
	SessionHash   []byte
	WorkspaceID   string
	PersonID      string
	SignedInAt    time.Time
	VerifiedAt    time.Time
	LastSeenAt    time.Time
	Name          string
	Email         string
	Role          string
	Slug          string
	WorkspaceName string
	SSOSessionID  string `gorm:"column:sso_session_id"`
	IdleSeconds   int64  // the workspace's own limits; 0: the service's
	LifeSeconds   int64
}

func (f found) actor() actor.Actor {
	return actor.Actor{Kind: actor.Person, Workspace: f.WorkspaceID, Person: f.PersonID, Name: f.Name, Role: f.Role, Session: f.SessionHash,
		SignedIn: f.SignedInAt, Verified: f.VerifiedAt}
}

// signIns reads sign-ins of active people, the newest first, in one query.
func signIns(db *gorm.DB, where string, args ...any) ([]found, error) {
	var out []found
	if where != "" {
		db = db.Where(where, args...)
	}
	err := db.Table("sign_ins s").Joins("JOIN people p ON p.id = s.person_id").Joins("JOIN workspaces w ON w.id = s.workspace_id").
		Joins("LEFT JOIN session_limits l ON l.workspace_id = s.workspace_id").
		Select(`s.session_hash, s.workspace_id, s.person_id, s.signed_in_at, s.verified_at, s.last_seen_at, s.sso_session_id, p.name, p.email, p.role,
			w.slug, w.name AS workspace_name, coalesce(l.idle_seconds, 0) AS idle_seconds, coalesce(l.life_seconds, 0) AS life_seconds`).
		Where("p.active AND p.deleted_at IS NULL").Order("s.signed_in_at DESC, s.workspace_id").Limit(mostSignIns).Scan(&out).Error
	return out, err
}

// Find says who is signed in, with this browser's session, to the workspace with that address, or to the newest one where slug is "". A session
// unused for too long, older than a week, or of somebody who was deactivated is nobody's. background calls (polls) do not count as use.
func (s *Service) Find(ctx context.Context, from Browser, slug string, background bool) (SignedIn, error) {
	where, args := "", []any(nil)
	if slug != "" {
		where, args = "w.slug = ?", []any{slug}
	}
	live, now, err := s.live(ctx, from, where, args...)
	if err != nil {
		return SignedIn{}, err
	}
	if len(live) == 0 {
		return SignedIn{}, fault.ErrUnauthorized
	}
	if newest := live[0]; !background && now.Sub(newest.LastSeenAt) >= seenEvery {
		s.seen(ctx, newest, now)
	}
	return s.signedIn(live[0], from, now), nil
}

// Everyone says who this browser is signed in as, in all workspaces, the newest first. It does not count as use. Nobody is an empty answer,
// not an error.
func (s *Service) Everyone(ctx context.Context, from Browser) ([]SignedIn, error) {
	live, now, err := s.live(ctx, from, "")
	out := make([]SignedIn, len(live))
	for i, f := range live {
		out[i] = s.signedIn(f, from, now)
	}
	return out, err
}

func (s *Service) live(ctx context.Context, from Browser, where string, args ...any) ([]found, time.Time, error) {
	if from.Session == "" {
		return nil, time.Time{}, nil
	}
	now, err := s.DB.Now(ctx)
	if err != nil {
		return nil, now, err
	}
	db := s.DB.Read(ctx).Where("s.session_hash = ? AND s.last_seen_at > ? AND s.signed_in_at > ?", ident.Hash(from.Session), now.Add(-s.Idle),
		now.Add(-sessionLife))
	out, err := signIns(db, where, args...)
	return slices.DeleteFunc(out, func(f found) bool { return s.within(f.limits()).over(f.SignedInAt, f.LastSeenAt, now) }), now, err
}

func (f found) limits() Limits {
	return Limits{Idle: time.Duration(f.IdleSeconds) * time.Second, Life: time.Duration(f.LifeSeconds) * time.Second}
}

func (s *Service) signedIn(f found, from Browser, now time.Time) SignedIn {
	by := f.actor()
	by.Browser, by.IP, by.UserAgent = from.Hash(), from.IP, from.UserAgent
	l := s.within(f.limits())
	return SignedIn{Actor: by, Email: f.Email, Slug: f.Slug, WorkspaceName: f.WorkspaceName, FreshUntil: f.VerifiedAt.Add(freshFor), Now: now,
		EndsAt: f.SignedInAt.Add(l.Life), IdleEndsAt: f.LastSeenAt.Add(l.Idle), SSOSession: f.SSOSessionID}
}

// seen writes that a session is in use. It is best effort: where it fails, the next request writes it.
func (s *Service) seen(ctx context.Context, f found, now time.Time) {
	_ = s.DB.InTx(ctx, func(tx database.Tx) error {
		return tx.Model(&signInRow{}).Where("session_hash = ? AND workspace_id = ? AND last_seen_at < ?", f.SessionHash, f.WorkspaceID, now).
			Updates(map[string]any{"last_seen_at": now}).Error
	})
}

func verified(tx database.Tx, by actor.Actor) error {
	now, err := tx.Now()
	if err != nil {
		return err
	}
	res := tx.Model(&signInRow{}).Where("session_hash = ? AND workspace_id = ? AND person_id = ?", by.Session, by.Workspace, by.Person).
		Updates(map[string]any{"verified_at": now})
	if res.Error != nil {
		return res.Error
	}
	if res.RowsAffected == 0 { // signed out meanwhile
		return fault.ErrUnauthorized
	}
	return audit.RecordAt(tx, by, "session.verified", by.Person, nil, now)
}

// SignOut ends this browser's session in all workspaces.
func (s *Service) SignOut(ctx context.Context, from Browser) error {
	if from.Session == "" {
		return nil
	}
	return s.DB.InTx(ctx, func(tx database.Tx) error {
		if err := s.end(tx, from, "s.session_hash = ?", ident.Hash(from.Session)); err != nil {
			return err
		}
		m := manager(tx)
		ctx, err := m.Load(tx.Statement.Context, from.Session)
		if err != nil {
			return err
		}
		return m.Destroy(ctx)
	})
}

// end deletes the sign-ins that where names and tells who has to know.
func (s *Service) end(tx database.Tx, from Browser, where string, args ...any) error {
	now, err := tx.Now()
	if err != nil {
		return err
	}
	for {
		rows, err := signIns(tx.DB, where, args...)
		if err != nil || len(rows) == 0 {
			return err
		}
		for _, r := range rows {
			by := r.actor()
			by.IP, by.UserAgent = from.IP, from.UserAgent
			if err := s.endOne(tx, by, now); err != nil {
				return err
			}
		}
	}
}

func (s *Service) endOne(tx database.Tx, by actor.Actor, now time.Time) error {
	if err := s.endSignIn(tx, by, now); err != nil {
		return err
	}
	return audit.RecordAt(tx, by, "session.ended", by.Person, nil, now)
}

// endSignIn ends the sign-in of whose session, and what hangs on it.
func (s *Service) endSignIn(tx database.Tx, whose actor.Actor, now time.Time) error {
	if err := s.ended(tx, whose, now); err != nil {
		return err
	}
	return tx.Where("session_hash = ? AND workspace_id = ?", whose.Session, whose.Workspace).Delete(&signInRow{}).Error
}

// EndAll ends every session of a person and every link that sets their password; it is a directory.Deactivated. Their open confirmations are
// ended by who keeps those, so OnEnd is not told.
func (s *Service) EndAll(tx database.Tx, _ actor.Actor, p directory.Person, at time.Time) error {
	err := tx.Exec(`INSERT INTO session_ends (session_hash, workspace_id, ended_at) SELECT session_hash, workspace_id, ? FROM sign_ins WHERE person_id = ?
		ON CONFLICT DO NOTHING`, at, p.ID).Error
	if err != nil {
		return err
	}
	if err := tx.Where("person_id = ?", p.ID).Delete(&signInRow{}).Error; err != nil {
		return err
	}
	return tx.Where("person_id = ?", p.ID).Delete(&linkRow{}).Error
}

// Sweep deletes sessions that are over anyway, ceremonies that nobody finished, and links that ended a month ago.
func (s *Service) Sweep(ctx context.Context) error {
	return errors.Join(s.Passkeys.Sweep(ctx), s.DB.InTx(ctx, func(tx database.Tx) error {
		now, err := tx.Now()
		if err != nil {
			return err
		}
		return errors.Join(
			tx.Where("expires_at <= ?", now).Delete(&sessionRow{}).Error,
			tx.Where("last_seen_at <= ? OR signed_in_at <= ?", now.Add(-s.Idle), now.Add(-sessionLife)).Delete(&signInRow{}).Error,
			s.sweepLimited(tx, now),
			tx.Exec("DELETE FROM session_ends WHERE ended_at <= ?", now.Add(-sessionLife)).Error,
			tx.Where("expires_at <= ?", now.AddDate(0, -1, 0)).Delete(&linkRow{}).Error)
	}))
}

// sessionRow is what scs keeps: that a value was given out and until when. Who it stands for is in sign_ins.
type sessionRow struct {
	TokenHash string `gorm:"primaryKey"`
	Data      []byte
	ExpiresAt time.Time
}

func (sessionRow) TableName() string { return "sessions" }

// store is scs.Store inside a transaction. scs hands over hashes only.
type store struct{ tx database.Tx }

// Find is scs.Store.
func (s store) Find(hash string) ([]byte, bool, error) {
	now, err := s.tx.Now()
	if err != nil {
		return nil, false, err
	}
	var r sessionRow
	res := s.tx.Where("token_hash = ? AND expires_at > ?", hash, now).Limit(1).Find(&r)
	return r.Data, res.RowsAffected > 0, res.Error
}

// Commit is scs.Store.
func (s store) Commit(hash string, data []byte, expires time.Time) error {
	return s.tx.Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "token_hash"}}, DoUpdates: clause.AssignmentColumns([]string{"data", "expires_at"})}).
		Create(&sessionRow{TokenHash: hash, Data: data, ExpiresAt: expires}).Error
}

// Delete is scs.Store.
func (s store) Delete(hash string) error {
	return s.tx.Where("token_hash = ?", hash).Delete(&sessionRow{}).Error
}

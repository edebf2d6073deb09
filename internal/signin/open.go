package signin

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/mileusna/useragent"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/fault"
)

// Open is a sign-in that is open now: one person, one workspace, one browser.
type Open struct {
	ID         string // "ses_…"; it opens nothing
	Browser    string // "Chrome", "" where its header said nothing known
	System     string // "Windows", likewise
	IP         string
	Method     Method
	SignedInAt time.Time
	LastSeenAt time.Time // exact to a minute
	ExpiresAt  time.Time // when it ends even if it is used
	Current    bool      // the one that asks
}

// OpenOf lists a person's open sign-ins in by's workspace, the last used first. At most 50 are shown.
func (s *Service) OpenOf(ctx context.Context, by actor.Actor, person string) ([]Open, error) {
	now, err := s.DB.Now(ctx)
	if err != nil {
		return nil, err
	}
	limits, err := s.LimitsOf(s.DB.Read(ctx), by.Workspace)
	if err != nil {
		return nil, err
	}
	var rows []signInRow
	err = s.DB.Read(ctx).Where("person_id = ? AND workspace_id = ? AND last_seen_at > ? AND signed_in_at > ?", person, by.Workspace,
		now.Add(-limits.Idle), now.Add(-limits.Life)).Order("last_seen_at DESC, signed_in_at DESC").Limit(mostSignIns).Find(&rows).Error
	if err != nil {
		return nil, err
	}
	out := make([]Open, len(rows))
	for i, r := range rows {
		ua := useragent.Parse(r.UserAgent)
		out[i] = Open{ID: r.id(), Browser: ua.Name, System: ua.OS, IP: r.IP, Method: r.Method, SignedInAt: r.SignedInAt, LastSeenAt: r.LastSeenAt,
			ExpiresAt: r.SignedInAt.Add(limits.Life), Current: bytes.Equal(r.SessionHash, by.Session)}
	}
	return out, nil
}

// id names a sign-in to people. It is made of the session's hash and not kept, and tells nothing of it.
func (r signInRow) id() string {
	sum := sha256.Sum256(append([]byte("sign-in\x00"+r.WorkspaceID+"\x00"), r.SessionHash...))
	return "ses_" + hex.EncodeToString(sum[:16])
}

// EndOpen ends one of a person's open sign-ins, by the id that OpenOf gave. One that is over already, or another person's, is not found.
func (s *Service) EndOpen(ctx context.Context, by actor.Actor, person, id string) error {
	ended, err := s.endThose(ctx, by, person, func(r signInRow) bool { return r.id() == id })
	if err == nil && ended == 0 {
		return fault.ErrNotFound
	}
	return err
}

// EndOthers ends all of a person's open sign-ins but the one that asks, and says how many they were.
func (s *Service) EndOthers(ctx context.Context, by actor.Actor, person string) (int, error) {
	return s.endThose(ctx, by, person, func(r signInRow) bool { return !bytes.Equal(r.SessionHash, by.Session) })
}

func (s *Service) endThose(ctx context.Context, by actor.Actor, person string, chosen func(signInRow) bool) (int, error) {
	ended := 0
	err := s.DB.InTx(ctx, func(tx database.Tx) error {
		ended = 0
		p, err := directory.Hold(tx, by.Workspace, person)
		if err != nil {
			return err
		}
		now, err := tx.Now()
		if err != nil {
			return err
		}
		var rows []signInRow
		if err := tx.Where("person_id = ? AND workspace_id = ?", p.ID, by.Workspace).Find(&rows).Error; err != nil {
			return err
		}
		for _, r := range rows {
			if !chosen(r) {
				continue
			}
			whose := actor.Actor{Kind: actor.Person, Workspace: p.Workspace, Person: p.ID, Name: p.Name, Role: string(p.Role), Session: r.SessionHash}
			if err := s.endSignIn(tx, whose, now); err != nil {
				return err
			}
			if err := audit.RecordAt(tx, by, "session.ended", p.ID, audit.Detail{"session": r.id()}, now); err != nil {
				return err
			}
			ended++
		}
		return nil
	})
	return ended, err
}

package sso

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/countersign/countersign/internal/database"
)

// WarnDays is how many days before a certificate's end the admins are told of it, and once more when it has ended.
var WarnDays = []int{30, 14, 7, 1}

const (
	aDay      = 24 * time.Hour
	lookEvery = time.Hour
)

// Ending is a certificate of single sign-on with SAML that ends soon, or has ended, and of which nobody has been told so yet.
type Ending struct {
	Workspace   string
	Provider    string // its name on the sign-in page
	Ours        bool   // signs this console's requests; otherwise the provider's answers
	Fingerprint string
	ExpiresAt   time.Time
	Days        int // 30, 14, 7, 1, or 0 when it has ended
}

// Endings are the certificates of active providers whose admins should be told now: the provider's last one, without which nobody can sign in,
// and the one that signs this console's requests. Whoever tells of one calls Told in the same transaction. Asked again within an hour it names
// none.
func (s *Service) Endings(ctx context.Context) ([]Ending, error) {
	now, err := s.DB.Now(ctx)
	if err != nil || !s.looksAgain(now) {
		return nil, err
	}
	var rows []row
	if err := s.DB.Read(ctx).Where("kind = ? AND active", SAML).Order("workspace_id").Find(&rows).Error; err != nil {
		return nil, err
	}
	var out []Ending
	for _, r := range rows {
		all, bad := s.certificatesOf(ctx, r)
		err = errors.Join(err, bad)
		for _, e := range all {
			days, due := dueWarning(e.ExpiresAt.Sub(now))
			if !due {
				continue
			}
			e.Days = days
			told, bad := s.told(ctx, e)
			if err = errors.Join(err, bad); !told {
				out = append(out, e)
			}
		}
	}
	return out, err
}

// looksAgain says whether an hour has passed since this process last looked at all certificates, which takes reading all metadata.
func (s *Service) looksAgain(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if since := now.Sub(s.lookedAt); since >= 0 && since < lookEvery {
		return false
	}
	s.lookedAt = now
	return true
}

// certificatesOf are the two certificates of a workspace that matter.
func (s *Service) certificatesOf(ctx context.Context, r row) ([]Ending, error) {
	var out []Ending
	if p, err := readMetadata(r.Metadata, true, time.Time{}); err == nil {
		last := slices.MaxFunc(p.certificates(), func(a, b Certificate) int { return a.ExpiresAt.Compare(b.ExpiresAt) })
		out = append(out, Ending{Workspace: r.WorkspaceID, Provider: r.Name, Fingerprint: last.Fingerprint, ExpiresAt: last.ExpiresAt})
	}
	party, err := s.PartyOf(s.DB.Read(ctx), r.WorkspaceID)
	for _, c := range party.Certificates {
		if c.Signs {
			out = append(out, Ending{Workspace: r.WorkspaceID, Provider: r.Name, Ours: true, Fingerprint: c.Fingerprint, ExpiresAt: c.ExpiresAt})
		}
	}
	return out, err
}

// dueWarning is the warning that holds when left is left of a certificate's life; due is false where it is early.
func dueWarning(left time.Duration) (days int, due bool) {
	if left <= 0 {
		return 0, true
	}
	for _, d := range WarnDays {
		if left <= time.Duration(d)*aDay {
			days, due = d, true
		}
	}
	return days, due
}

func (s *Service) told(ctx context.Context, e Ending) (bool, error) {
	var n int64
	err := s.DB.Read(ctx).Table("certificate_warnings").Where("workspace_id = ? AND fingerprint = ? AND days <= ?", e.Workspace, e.Fingerprint, e.Days).Count(&n).Error
	return n > 0, err
}

// Told notes that the admins are told of an ending in tx. It says false where another replica was faster.
func (s *Service) Told(tx database.Tx, e Ending) (bool, error) {
	now, err := tx.Now()
	if err != nil {
		return false, err
	}
	res := tx.Exec(`INSERT INTO certificate_warnings (workspace_id, fingerprint, days, warned_at) VALUES (?, ?, ?, ?)
		ON CONFLICT (workspace_id, fingerprint) DO UPDATE SET days = excluded.days, warned_at = excluded.warned_at
		WHERE certificate_warnings.days > excluded.days`, e.Workspace, e.Fingerprint, e.Days, now)
	return res.RowsAffected == 1, res.Error
}

package signin

import (
	"context"
	"errors"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/notice"
	"github.com/countersign/countersign/internal/sso"
)

// WarnOfCertificates tells the admins of each workspace, once at each step, that a certificate of its single sign-on ends: afterwards nobody
// could sign in with it. It is housekeeping; whoever comes second finds nothing left to tell.
func (s *Service) WarnOfCertificates(ctx context.Context) error {
	if s.SSO == nil {
		return nil
	}
	endings, err := s.SSO.Endings(ctx)
	for _, e := range endings {
		err = errors.Join(err, s.DB.InTx(ctx, func(tx database.Tx) error { return s.warnOf(tx, e) }))
	}
	return err
}

func (s *Service) warnOf(tx database.Tx, e sso.Ending) error {
	if mine, err := s.SSO.Told(tx, e); err != nil || !mine {
		return err
	}
	now, err := tx.Now()
	if err != nil {
		return err
	}
	admins, err := directory.Admins(tx.DB, e.Workspace)
	if err != nil {
		return err
	}
	kind := "sso.certificate_expiring"
	switch {
	case e.Ours && e.Days == 0:
		kind = "sso.key_expired"
	case e.Ours:
		kind = "sso.key_expiring"
	case e.Days == 0:
		kind = "sso.certificate_expired"
	}
	if err := notice.Tell(tx, e.Workspace, admins, kind, notice.Params{"name": e.Provider, "until": e.ExpiresAt.UTC()}, now); err != nil {
		return err
	}
	by := actor.Actor{Kind: actor.System, Workspace: e.Workspace}
	return audit.RecordAt(tx, by, kind, e.Workspace, audit.Detail{"name": e.Provider, "fingerprint": e.Fingerprint, "days": e.Days, "expires_at": e.ExpiresAt.UTC()}, now)
}

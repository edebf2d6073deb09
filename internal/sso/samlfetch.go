package sso

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/fault"
)

// ErrMetadata is a metadata address that nothing could be read from.
var ErrMetadata = fault.New(fault.Unprocessable, "metadata_unreachable",
	"The metadata could not be read from this address: it has to be public (or allowed by whoever runs this service), on https, answer within 5 seconds and not redirect. Upload the file instead. Nothing was changed.").With("field", "metadata_url")

const (
	metadataLife  = time.Hour        // how long metadata is used before it is read again
	metadataRetry = 10 * time.Minute // after a try that failed
	refreshes     = 8                // providers asked at a time, so that dead ones keep nobody waiting
	mostRefreshes = 200              // for one round
)

// fetch reads metadata from its address.
func (s *Service) fetch(ctx context.Context, from string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, providerPatient)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return "", ErrMetadata.Because(err)
	}
	req.Header.Set("Accept", "application/samlmetadata+xml, application/xml, text/xml")
	resp, err := s.client.Do(req)
	if err != nil {
		return "", ErrMetadata.Because(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return "", ErrMetadata.Because(fmt.Errorf("the answer was %d", resp.StatusCode))
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, longestMetadata+1)) // one byte more, which document refuses
	if err != nil {
		return "", ErrMetadata.Because(err)
	}
	return string(text), nil
}

// checkMetadataURL refuses an address that could not be asked.
func (s *Service) checkMetadataURL(from string) error {
	u, err := url.Parse(from)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || len(from) > 1024 || (u.Scheme != "https" && (u.Scheme != "http" || !s.local)) {
		return ErrSettings.Saying("The metadata's address begins with https://.").With("field", "metadata_url")
	}
	return nil
}

// Refresh reads the metadata of providers, and of OpenID providers the keys too, again that was read long enough ago, several at a time.
// What cannot be read leaves what is known in use.
func (s *Service) Refresh(ctx context.Context) error {
	return errors.Join(s.refreshOIDC(ctx), s.refreshSAML(ctx))
}

// refreshSAML is that for SAML providers, whose metadata the replicas share: whoever notes the try first makes it.
func (s *Service) refreshSAML(ctx context.Context) error {
	now, err := s.DB.Now(ctx)
	if err != nil {
		return err
	}
	var due []row
	err = s.DB.Read(ctx).Where(`kind = ? AND metadata_url <> '' AND (metadata_tried_at IS NULL OR metadata_tried_at < ?)
		AND (metadata_read_at IS NULL OR metadata_read_at < ?)`, SAML, now.Add(-metadataRetry), now.Add(-metadataLife)).
		Order("metadata_tried_at, workspace_id").Limit(mostRefreshes).Find(&due).Error
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	var failed []error
	slots := make(chan struct{}, refreshes)
	for _, r := range due {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			if err := s.refresh(ctx, r, now); err != nil {
				mu.Lock()
				defer mu.Unlock()
				failed = append(failed, err)
			}
		})
	}
	wg.Wait()
	return errors.Join(failed...)
}

// RefreshEvery runs Refresh until ctx ends, and hands what went wrong to report.
func (s *Service) RefreshEvery(ctx context.Context, d time.Duration, report func(error)) {
	tick := time.NewTicker(d)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := s.Refresh(ctx); err != nil && ctx.Err() == nil {
			report(err)
		}
	}
}

func (s *Service) refresh(ctx context.Context, r row, now time.Time) error {
	mine := false
	err := s.DB.InTx(ctx, func(tx database.Tx) error {
		res := tx.Exec(`UPDATE identity_providers SET metadata_tried_at = ? WHERE workspace_id = ? AND metadata_url = ?
			AND (metadata_tried_at IS NULL OR metadata_tried_at < ?)`, now, r.WorkspaceID, r.MetadataURL, now.Add(-metadataRetry))
		mine = res.RowsAffected == 1
		return res.Error
	})
	if err != nil || !mine {
		return err
	}
	text, fetched := s.fetch(ctx, r.MetadataURL)
	var p samlProvider
	if fetched == nil {
		p, fetched = readMetadata(text, s.local, now)
	}
	if fetched == nil && p.entityID != r.Issuer {
		fetched = ErrSettings // another provider: somebody has to look
	}
	return s.DB.InTx(ctx, func(tx database.Tx) error {
		if fetched != nil {
			return tx.Exec("UPDATE identity_providers SET metadata_fault = ? WHERE workspace_id = ? AND metadata_url = ?", code(fetched), r.WorkspaceID, r.MetadataURL).Error
		}
		res := tx.Exec(`UPDATE identity_providers SET metadata = ?, metadata_read_at = ?, metadata_fault = '' WHERE workspace_id = ? AND metadata_url = ?
			AND version = ?`, text, now, r.WorkspaceID, r.MetadataURL, r.Version)
		if res.Error != nil || res.RowsAffected == 0 || text == r.Metadata {
			return res.Error
		}
		by := actor.Actor{Kind: actor.System, Workspace: r.WorkspaceID}
		return audit.RecordAt(tx, by, "sso.metadata_changed", r.WorkspaceID, audit.Detail{"certificates": fingerprints(p)}, now)
	})
}

// fingerprints names a provider's certificates in the audit log.
func fingerprints(p samlProvider) string {
	out := make([]string, len(p.keys))
	for i, c := range p.certificates() {
		out[i] = c.Fingerprint
	}
	return strings.Join(out, " ")
}

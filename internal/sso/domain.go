package sso

import (
	"context"
	"errors"
	"net"
	"regexp"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/ident"
)

// What proving a domain refuses.
var (
	ErrDomain   = fault.New(fault.Invalid, "bad_domain", "A domain is written like example.com.")
	ErrNoRecord = fault.New(fault.Conflict, "record_missing", "DNS does not have the record yet. It can take an hour to show. Nothing was changed.")
	ErrDNS      = fault.New(fault.Unavailable, "dns_unreachable", "DNS did not answer. Try again. Nothing was changed.")
	ErrInUse    = fault.New(fault.Conflict, "domain_in_use", "Single sign-on is enforced and this is the last proven domain. Stop enforcing it first.")
)

const (
	recordPrefix = "countersign-verification="
	dnsPatience  = 5 * time.Second
	mostDomains  = 50
)

// Domain is a domain that a workspace says is its own.
type Domain struct {
	Name       string // lower case
	Host       string // where the TXT record goes
	Record     string // what the TXT record says
	VerifiedAt time.Time
	CreatedAt  time.Time
}

type domainRow struct {
	WorkspaceID string
	Domain      string
	Record      string
	VerifiedAt  *time.Time
	CreatedAt   time.Time
}

func (domainRow) TableName() string { return "sso_domains" }

func (r domainRow) domain() Domain {
	d := Domain{Name: r.Domain, Host: "_countersign." + r.Domain, Record: r.Record, CreatedAt: r.CreatedAt}
	if r.VerifiedAt != nil {
		d.VerifiedAt = *r.VerifiedAt
	}
	return d
}

// Domains lists a workspace's domains by name.
func Domains(db *gorm.DB, workspace string) ([]Domain, error) {
	var rows []domainRow
	err := db.Where("workspace_id = ?", workspace).Order("domain").Find(&rows).Error
	out := make([]Domain, len(rows))
	for i, r := range rows {
		out[i] = r.domain()
	}
	return out, err
}

var domainForm = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]$`)

// AddDomain says that a domain is the workspace's, and returns the record that proves it. Adding it again returns the same record.
func (s *Service) AddDomain(ctx context.Context, by actor.Actor, name string) (Domain, error) {
	name = strings.ToLower(strings.TrimSuffix(strings.TrimSpace(name), "."))
	if !domainForm.MatchString(name) || len(name) > 253 {
		return Domain{}, ErrDomain
	}
	var out Domain
	err := s.DB.InTx(ctx, func(tx database.Tx) error {
		now, err := tx.Now()
		if err != nil {
			return err
		}
		var n int64
		if err := tx.Model(&domainRow{}).Where("workspace_id = ? AND domain <> ?", by.Workspace, name).Count(&n).Error; err != nil {
			return err
		}
		if n >= mostDomains {
			return ErrDomain.Saying("A workspace has at most %d domains.", mostDomains)
		}
		r := domainRow{WorkspaceID: by.Workspace, Domain: name, Record: recordPrefix + ident.Secret(16), CreatedAt: now}
		if err := tx.Clauses(clause.OnConflict{DoNothing: true}).Create(&r).Error; err != nil {
			return err
		}
		if err := tx.Where("workspace_id = ? AND domain = ?", by.Workspace, name).Take(&r).Error; err != nil {
			return err
		}
		out = r.domain()
		return audit.RecordAt(tx, by, "sso.domain_added", by.Workspace, audit.Detail{"domain": name}, now)
	})
	return out, err
}

// ProveDomain looks for the record in DNS.
func (s *Service) ProveDomain(ctx context.Context, by actor.Actor, name string) (Domain, error) {
	var r domainRow
	res := s.DB.Read(ctx).Where("workspace_id = ? AND domain = ?", by.Workspace, name).Limit(1).Find(&r)
	if res.Error != nil {
		return Domain{}, res.Error
	}
	if res.RowsAffected == 0 {
		return Domain{}, fault.ErrNotFound
	}
	look, cancel := context.WithTimeout(ctx, dnsPatience)
	defer cancel()
	records, err := s.LookupTXT(look, r.domain().Host)
	var missing *net.DNSError
	switch {
	case errors.As(err, &missing) && missing.IsNotFound, err == nil && !slices.Contains(records, r.Record):
		return Domain{}, ErrNoRecord
	case err != nil:
		return Domain{}, ErrDNS.Because(err)
	}
	err = s.DB.InTx(ctx, func(tx database.Tx) error {
		now, err := tx.Now()
		if err != nil {
			return err
		}
		r.VerifiedAt = &now
		if err := tx.Model(&domainRow{}).Where("workspace_id = ? AND domain = ?", by.Workspace, name).Updates(map[string]any{"verified_at": now}).Error; err != nil {
			return err
		}
		return audit.RecordAt(tx, by, "sso.domain_proven", by.Workspace, audit.Detail{"domain": name}, now)
	})
	return r.domain(), err
}

// RemoveDomain takes a domain away. The last proven one stays while single sign-on is enforced.
func (s *Service) RemoveDomain(ctx context.Context, by actor.Actor, name string) error {
	return s.DB.InTx(ctx, func(tx database.Tx) error {
		r, err := find(tx.Lock(), by.Workspace)
		if err != nil && !errors.Is(err, ErrNone) {
			return err
		}
		res := tx.Where("workspace_id = ? AND domain = ?", by.Workspace, name).Delete(&domainRow{})
		if res.Error != nil {
			return res.Error
		}
		if res.RowsAffected == 0 {
			return fault.ErrNotFound
		}
		if r.Enforced {
			if err := anyProven(tx.DB, by.Workspace); err != nil {
				return ErrInUse
			}
		}
		return audit.Record(tx, by, "sso.domain_removed", by.Workspace, audit.Detail{"domain": name})
	})
}

// anyProven refuses where the workspace has no proven domain.
func anyProven(db *gorm.DB, workspace string) error {
	var n int64
	err := db.Model(&domainRow{}).Where("workspace_id = ? AND verified_at IS NOT NULL", workspace).Count(&n).Error
	if err == nil && n == 0 {
		return ErrNoDomain
	}
	return err
}

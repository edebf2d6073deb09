package sso

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net/url"
	"time"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/ident"
	"github.com/countersign/countersign/internal/vault"
)

// What keys for signing requests refuse.
var (
	ErrTwoKeys   = fault.New(fault.Conflict, "saml_key_waiting", "There is a next certificate already. Let it sign first. Nothing was changed.")
	ErrNoNextKey = fault.New(fault.Conflict, "saml_no_next_key", "There is no next certificate. Make one first. Nothing was changed.")
)

const certificateLife = 3 * 365 * 24 * time.Hour

// SealedKeys is where the keys lie with which workspaces sign requests to SAML providers.
var SealedKeys = vault.Place{Name: "SAML keys", Table: "saml_keys", Column: "key_sealed", Key: []string{"id"},
	About: func(key []string) string { return aboutKey(key[0]) }}

func aboutKey(id string) string { return "saml key|" + id }

type keyRow struct {
	ID          string
	WorkspaceID string
	Signs       bool
	KeySealed   []byte
	Certificate []byte // DER
	ExpiresAt   time.Time
	CreatedAt   time.Time
}

func (keyRow) TableName() string { return "saml_keys" }

// Party is this service as a SAML provider sees it: one service provider for each workspace.
type Party struct {
	EntityID     string // also the address of its metadata
	ACS          string // where responses are posted to
	Certificates []Certificate
}

// PartyOf is how a workspace is known to its SAML provider. It has no certificate before MakeKey.
func (s *Service) PartyOf(db *gorm.DB, workspace string) (Party, error) {
	var slug string
	if err := db.Table("workspaces").Select("slug").Where("id = ?", workspace).Limit(1).Scan(&slug).Error; err != nil {
		return Party{}, err
	}
	base := s.PublicURL + "/v1/workspaces/" + url.PathEscape(slug) + "/saml/"
	p := Party{EntityID: base + "metadata", ACS: base + "acs"}
	var rows []keyRow
	if err := db.Where("workspace_id = ?", workspace).Order("created_at, id").Find(&rows).Error; err != nil {
		return Party{}, err
	}
	for _, r := range rows {
		p.Certificates = append(p.Certificates, Certificate{Fingerprint: fingerprint(r.Certificate), ExpiresAt: r.ExpiresAt, Signs: r.Signs,
			PEM: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: r.Certificate}))})
	}
	return p, nil
}

// PartyMetadata is the document that a SAML provider is set up with; ErrNone before the workspace has a key.
func (s *Service) PartyMetadata(ctx context.Context, workspace string) ([]byte, error) {
	p, err := s.PartyOf(s.DB.Read(ctx), workspace)
	if err != nil {
		return nil, err
	}
	if len(p.Certificates) == 0 {
		return nil, ErrNone
	}
	return partyMetadata(p)
}

// MakeKey makes the workspace's first key, which signs at once, or the next one, which is only shown in the metadata until UseKey.
func (s *Service) MakeKey(ctx context.Context, by actor.Actor) (Party, error) {
	now, err := s.DB.Now(ctx)
	if err != nil {
		return Party{}, err
	}
	r := keyRow{ID: ident.New("smk"), WorkspaceID: by.Workspace, CreatedAt: now, ExpiresAt: now.Add(certificateLife).Truncate(time.Second)}
	if err := s.newKey(&r, now); err != nil { // before the transaction: it takes a while
		return Party{}, err
	}
	err = s.DB.InTx(ctx, func(tx database.Tx) error {
		rows, err := keysOf(tx, by.Workspace)
		if err != nil {
			return err
		}
		if len(rows) > 1 {
			return ErrTwoKeys
		}
		r.Signs = len(rows) == 0
		if err := tx.Create(&r).Error; err != nil {
			if errors.Is(err, gorm.ErrDuplicatedKey) { // somebody else did the same just now
				return ErrTwoKeys.Because(err)
			}
			return err
		}
		return audit.RecordAt(tx, by, "sso.key_made", by.Workspace, audit.Detail{"fingerprint": fingerprint(r.Certificate)}, now)
	})
	if err != nil {
		return Party{}, err
	}
	return s.PartyOf(s.DB.Read(ctx), by.Workspace)
}

// firstKey is MakeKey where the workspace has no key yet.
func (s *Service) firstKey(ctx context.Context, by actor.Actor) error {
	var n int64
	if err := s.DB.Read(ctx).Model(&keyRow{}).Where("workspace_id = ?", by.Workspace).Count(&n).Error; err != nil || n > 0 {
		return err
	}
	_, err := s.MakeKey(ctx, by)
	if errors.Is(err, ErrTwoKeys) { // made by somebody else just now
		return nil
	}
	return err
}

// UseKey lets the next key sign from now on and forgets the one before.
func (s *Service) UseKey(ctx context.Context, by actor.Actor) (Party, error) {
	err := s.DB.InTx(ctx, func(tx database.Tx) error {
		rows, err := keysOf(tx, by.Workspace)
		if err != nil {
			return err
		}
		if len(rows) != 2 {
			return ErrNoNextKey
		}
		next := rows[0]
		if next.Signs {
			next = rows[1]
		}
		if err := tx.Where("workspace_id = ? AND signs", by.Workspace).Delete(&keyRow{}).Error; err != nil {
			return err
		}
		if err := tx.Model(&keyRow{}).Where("id = ?", next.ID).Updates(map[string]any{"signs": true}).Error; err != nil {
			return err
		}
		return audit.Record(tx, by, "sso.key_used", by.Workspace, audit.Detail{"fingerprint": fingerprint(next.Certificate)})
	})
	if err != nil {
		return Party{}, err
	}
	return s.PartyOf(s.DB.Read(ctx), by.Workspace)
}

func keysOf(tx database.Tx, workspace string) ([]keyRow, error) {
	var rows []keyRow
	err := tx.Lock().Where("workspace_id = ?", workspace).Order("id").Find(&rows).Error
	return rows, err
}

// newKey fills in a key and a certificate that says nothing but the service's name: providers compare the key.
func (s *Service) newKey(r *keyRow, now time.Time) error {
	key, err := rsa.GenerateKey(rand.Reader, shortestRSA) // ECDSA is what too few providers verify
	if err != nil {
		return err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return err
	}
	u, err := url.Parse(s.PublicURL)
	if err != nil {
		return err
	}
	template := &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: u.Hostname()}, NotBefore: now.Add(-time.Hour), NotAfter: r.ExpiresAt,
		KeyUsage: x509.KeyUsageDigitalSignature}
	if r.Certificate, err = x509.CreateCertificate(rand.Reader, template, template, key.Public(), key); err != nil {
		return err
	}
	r.KeySealed, err = s.Vault.Seal(x509.MarshalPKCS1PrivateKey(key), aboutKey(r.ID))
	return err
}

// signer is the key that signs a workspace's requests now.
func (s *Service) signer(ctx context.Context, workspace string) (*rsa.PrivateKey, error) {
	var rows []keyRow
	if err := s.DB.Read(ctx).Where("workspace_id = ? AND signs", workspace).Limit(1).Find(&rows).Error; err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, ErrNone
	}
	der, err := s.Vault.Open(rows[0].KeySealed, aboutKey(rows[0].ID))
	if err != nil {
		return nil, err
	}
	return x509.ParsePKCS1PrivateKey(der)
}

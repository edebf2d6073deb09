// Package serverkeys keeps the server's own keys: the one that signs challenges and that phones pin, and the one that identifies this server
// to Web Push services. They lie sealed in the database, so that replicas share them.
package serverkeys

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"sync"
	"time"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/ident"
	"github.com/countersign/countersign/internal/signing"
	"github.com/countersign/countersign/internal/vault"
)

// Purpose is what a key is for; a key has one.
type Purpose string

// The purposes.
const (
	Challenge Purpose = "challenge" // signs what phones are asked
	VAPID     Purpose = "vapid"     // RFC 8292
	Cursor    Purpose = "cursor"    // HMAC of SCIM paging cursors; its private scalar is the secret
)

// Key is a P-256 key pair of the server.
type Key struct {
	ID      string
	Private *ecdsa.PrivateKey
	SPKI    []byte
}

// fresh is how long a key is remembered before the database is asked again; within it another replica's rotation is unknown, which is
// harmless because a retired key goes on verifying.
const fresh = time.Minute

// Keys reads and makes keys. Safe for concurrent use.
type Keys struct {
	db    *database.DB
	vault *vault.Vault
	now   func() time.Time

	mu   sync.Mutex
	kept map[Purpose]kept
}

type kept struct {
	key Key
	at  time.Time
}

type row struct {
	Kid       string `gorm:"primaryKey"`
	Purpose   string
	Sealed    []byte
	PublicKey []byte
	CreatedAt time.Time
	RetiredAt *time.Time
}

func (row) TableName() string { return "server_keys" }

// New reads keys of db with vault.
func New(db *database.DB, v *vault.Vault, now func() time.Time) *Keys {
	return &Keys{db: db, vault: v, now: now, kept: map[Purpose]kept{}}
}

// Current is the key that is used now; the first call ever makes it.
func (k *Keys) Current(ctx context.Context, p Purpose) (Key, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if old, ok := k.kept[p]; ok && k.now().Sub(old.at) < fresh {
		return old.key, nil
	}
	key, err := k.load(ctx, p)
	if errors.Is(err, gorm.ErrRecordNotFound) {
		if err = k.create(ctx, p); err != nil && !errors.Is(err, gorm.ErrDuplicatedKey) {
			return Key{}, fmt.Errorf("make the server's %s key: %w", p, err)
		}
		key, err = k.load(ctx, p) // another replica may have been first
	}
	if err != nil {
		return Key{}, fmt.Errorf("the server's %s key: %w", p, err)
	}
	k.kept[p] = kept{key, k.now()}
	return key, nil
}

func (k *Keys) load(ctx context.Context, p Purpose) (Key, error) {
	var r row
	if err := k.db.Read(ctx).Where("purpose = ? AND retired_at IS NULL", string(p)).Take(&r).Error; err != nil {
		return Key{}, err
	}
	der, err := k.vault.Open(r.Sealed, about(p, r.Kid))
	if err != nil {
		return Key{}, err
	}
	private, err := x509.ParseECPrivateKey(der)
	if err != nil {
		return Key{}, err
	}
	return Key{ID: r.Kid, Private: private, SPKI: r.PublicKey}, nil
}

func (k *Keys) create(ctx context.Context, p Purpose) error {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		return err
	}
	kid := ident.New("key")
	sealed, err := k.vault.Seal(der, about(p, kid))
	if err != nil {
		return err
	}
	return k.db.InTx(ctx, func(tx database.Tx) error {
		now, err := tx.Now()
		if err != nil {
			return err
		}
		return tx.Create(&row{Kid: kid, Purpose: string(p), Sealed: sealed, PublicKey: signing.SPKI(&private.PublicKey), CreatedAt: now}).Error
	})
}

func about(p Purpose, kid string) string { return "server_key|" + string(p) + "|" + kid }

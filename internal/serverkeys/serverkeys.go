// Package serverkeys keeps the server's own keys: the one that signs challenges and that phones pin, and the one that identifies this server
// to Web Push services. They lie sealed in the database, so that replicas share them, and each can be replaced while it is in use: the old
// key announces the new one under its own signature and goes on serving those who have not moved, until it is ended.
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
	Audit     Purpose = "audit"     // signs the audit's chains
)

// ErrUnknown says that there is no such key, or that it was ended.
var ErrUnknown = errors.New("serverkeys: no such key, or it was ended")

// Key is a P-256 key pair of the server.
type Key struct {
	ID      string
	Private *ecdsa.PrivateKey
	SPKI    []byte
}

// fresh is how long it is remembered which key is current: so late does a replica hear of a rotation on another. Until then it gives new
// phones the old key, which is harmless: they are told of the new one like all others.
const fresh = time.Second

// Keys reads and makes keys. Safe for concurrent use.
type Keys struct {
	db    *database.DB
	vault *vault.Vault
	now   func() time.Time

	mu      sync.Mutex
	current map[Purpose]since
	opened  map[string]Key // by id; what a key id stands for never changes
}

type since struct {
	key Key
	at  time.Time
}

type row struct {
	Kid             string `gorm:"primaryKey"`
	Purpose         Purpose
	Sealed          []byte
	PublicKey       []byte
	CreatedAt       time.Time
	RetiredAt       *time.Time
	Successor       string
	Announcement    []byte
	AnnouncementSig []byte
	EndedAt         *time.Time
}

func (row) TableName() string { return "server_keys" }

// New reads keys of db with vault.
func New(db *database.DB, v *vault.Vault, now func() time.Time) *Keys {
	return &Keys{db: db, vault: v, now: now, current: map[Purpose]since{}, opened: map[string]Key{}}
}

// Current is the key that new phones and subscriptions are given; the first call ever makes it.
func (k *Keys) Current(ctx context.Context, p Purpose) (Key, error) {
	if key, ok := k.remembered(p); ok {
		return key, nil
	}
	const current = "purpose = ? AND retired_at IS NULL"
	key, err := k.load(k.db.Read(ctx), current, p)
	if errors.Is(err, ErrUnknown) {
		if err = k.create(ctx, p); err != nil && !errors.Is(err, gorm.ErrDuplicatedKey) {
			return Key{}, fmt.Errorf("make the server's %s key: %w", p, err)
		}
		key, err = k.load(k.db.Read(ctx), current, p) // another replica may have been first
	}
	if err != nil {
		return Key{}, fmt.Errorf("the server's %s key: %w", p, err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.current[p] = since{key, k.now()}
	return key, nil
}

func (k *Keys) remembered(p Purpose) (Key, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	c, ok := k.current[p]
	return c.key, ok && k.now().Sub(c.at) < fresh
}

// Of is the key with an id, current or not; ErrUnknown where there is none or it was ended before this process saw it. "" is the current one:
// the row of a phone that was made by a version before keys could be replaced. db may be a transaction.
func (k *Keys) Of(db *gorm.DB, p Purpose, kid string) (Key, error) {
	if kid == "" {
		return k.load(db, "purpose = ? AND retired_at IS NULL", p)
	}
	k.mu.Lock()
	key, ok := k.opened[kid]
	k.mu.Unlock()
	if ok {
		return key, nil
	}
	return k.load(db, "purpose = ? AND kid = ? AND ended_at IS NULL", p, kid)
}

// load reads and opens the one key that a condition finds. The lock is not held meanwhile: a transaction may wait here that another waits for.
func (k *Keys) load(db *gorm.DB, where string, args ...any) (Key, error) {
	var r row
	err := db.Where(where, args...).Take(&r).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return Key{}, ErrUnknown
	}
	if err != nil {
		return Key{}, err
	}
	key, err := k.open(r)
	if err == nil {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.opened[key.ID] = key
	}
	return key, err
}

func (k *Keys) open(r row) (Key, error) {
	der, err := k.vault.Open(r.Sealed, about(r.Purpose, r.Kid))
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
	return k.db.InTx(ctx, func(tx database.Tx) error {
		now, err := tx.Now()
		if err != nil {
			return err
		}
		_, err = k.insert(tx, p, now)
		return err
	})
}

// insert makes a key and its row.
func (k *Keys) insert(tx database.Tx, p Purpose, now time.Time) (Key, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Key{}, err
	}
	der, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		return Key{}, err
	}
	key := Key{ID: ident.New("key"), Private: private, SPKI: signing.SPKI(&private.PublicKey)}
	sealed, err := k.vault.Seal(der, about(p, key.ID))
	if err != nil {
		return Key{}, err
	}
	return key, tx.Create(&row{Kid: key.ID, Purpose: p, Sealed: sealed, PublicKey: key.SPKI, CreatedAt: now}).Error
}

func about(p Purpose, kid string) string { return "server_key|" + string(p) + "|" + kid }

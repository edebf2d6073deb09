package serverkeys

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/signing"
)

// Announcement says, signed by the key Kid, which key takes over. Bytes is the JSON that was signed, sent as it is.
type Announcement struct {
	Kid   string
	Bytes []byte
	Sig   []byte
}

// announced is the JSON of an announcement.
type announced struct {
	V   int          `json:"v"`
	Kid string       `json:"kid"` // signs this
	New announcedKey `json:"new"`
	IAT int64        `json:"iat"`
}

type announcedKey struct {
	Kid  string `json:"kid"`
	SPKI string `json:"spki"`
}

// State describes a key without showing it.
type State struct {
	Kid       string     `json:"kid"`
	Purpose   Purpose    `json:"purpose"`
	CreatedAt time.Time  `json:"created_at"`
	RetiredAt *time.Time `json:"retired_at,omitempty"`
	EndedAt   *time.Time `json:"ended_at,omitempty"`
	Successor string     `json:"successor,omitempty"`
}

// What replacing a key refuses.
var (
	ErrCurrent = errors.New("this key is the current one: replace it first")
	ErrNoKey   = errors.New("there is no such key yet; the service makes it when it is first needed")
)

// Rotate makes a new key current. The old one signs the announcement of its successor and goes on serving those who hold to it.
func (k *Keys) Rotate(tx database.Tx, p Purpose) (old, fresh string, err error) {
	var was row
	err = tx.Lock().Where("purpose = ? AND retired_at IS NULL", p).Take(&was).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return "", "", ErrNoKey
	}
	if err != nil {
		return "", "", err
	}
	signer, err := k.open(was)
	if err != nil {
		return "", "", err
	}
	now, err := tx.Now()
	if err != nil {
		return "", "", err
	}
	if err := tx.Model(&row{}).Where("kid = ?", was.Kid).Updates(map[string]any{"retired_at": now}).Error; err != nil {
		return "", "", err
	}
	next, err := k.insert(tx, p, now)
	if err != nil {
		return "", "", err
	}
	text, sig, err := announce(signer, next, now)
	if err != nil {
		return "", "", err
	}
	tx.AfterCommit(k.Forget)
	return was.Kid, next.ID, tx.Model(&row{}).Where("kid = ?", was.Kid).
		Updates(map[string]any{"successor": next.ID, "announcement": text, "announcement_sig": sig}).Error
}

func announce(signer, next Key, now time.Time) (text, sig []byte, err error) {
	text, err = json.Marshal(announced{V: 1, Kid: signer.ID, New: announcedKey{next.ID, signing.B64(next.SPKI)}, IAT: now.Unix()})
	if err != nil {
		return nil, nil, err
	}
	sig, err = signing.Sign(signer.Private, signing.ServerKey(text))
	return text, sig, err
}

// Forget makes this process ask the database again which keys are current.
func (k *Keys) Forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	clear(k.current)
	clear(k.opened)
}

// Path are the announcements that lead from a key to the current one, in order; none where it is the current one. An ended key leads
// nowhere: ErrUnknown.
func Path(db *gorm.DB, from string) (steps []Announcement, current string, err error) {
	const longest = 1000 // rotations; a circle cannot be made, but a loop without an end is not worth the proof
	for kid := from; len(steps) < longest; {
		var r row
		q := db.Where("kid = ? AND purpose = ? AND ended_at IS NULL", kid, Challenge)
		if kid == "" { // see Of
			q = db.Where("purpose = ? AND retired_at IS NULL", Challenge)
		}
		err := q.Take(&r).Error
		if errors.Is(err, gorm.ErrRecordNotFound) {
			return nil, "", ErrUnknown
		}
		if err != nil || r.RetiredAt == nil {
			return steps, r.Kid, err
		}
		steps = append(steps, Announcement{Kid: r.Kid, Bytes: r.Announcement, Sig: r.AnnouncementSig})
		kid = r.Successor
	}
	return nil, "", ErrUnknown
}

// Hold keeps a key from being ended before the transaction is over; ErrUnknown where it was.
func (k *Keys) Hold(tx database.Tx, kid string) error {
	var r row
	err := tx.LockShare().Select("kid").Where("kid = ? AND ended_at IS NULL", kid).Take(&r).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		k.Forget()
		return ErrUnknown
	}
	return err
}

// End retires a key for good: nothing is signed with it and nothing announced under it any more. The caller moves or removes, in the same
// transaction, those who still hold to it.
func (k *Keys) End(tx database.Tx, p Purpose, kid string) error {
	var r row
	err := tx.Lock().Where("kid = ? AND purpose = ? AND ended_at IS NULL", kid, p).Take(&r).Error
	switch {
	case errors.Is(err, gorm.ErrRecordNotFound):
		return fmt.Errorf("%s: %w", kid, ErrUnknown)
	case err != nil:
		return err
	case r.RetiredAt == nil:
		return ErrCurrent
	}
	now, err := tx.Now()
	if err != nil {
		return err
	}
	tx.AfterCommit(k.Forget)
	return tx.Model(&row{}).Where("kid = ?", kid).Updates(map[string]any{"ended_at": now}).Error
}

// ByPublic finds a key of a purpose, not ended, by its public half as SPKI.
func ByPublic(db *gorm.DB, p Purpose, spki []byte) (kid string, err error) {
	var r row
	err = db.Select("kid").Where("purpose = ? AND public_key = ? AND ended_at IS NULL", p, spki).Take(&r).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return "", ErrUnknown
	}
	return r.Kid, err
}

// CurrentID is the id of the current key of a purpose, "" while there is none.
func CurrentID(db *gorm.DB, p Purpose) (kid string, err error) {
	err = db.Model(&row{}).Where("purpose = ? AND retired_at IS NULL", p).Limit(1).Pluck("kid", &kid).Error
	return kid, err
}

// Public is the public half of a key, and what the key has announced when another took over.
type Public struct {
	Kid          string
	SPKI         []byte
	Announcement []byte // nil for the current one
	Sig          []byte
}

// Publics are the public halves of all keys that a purpose ever had, oldest first, ended ones too: what they have signed stays signed.
func Publics(db *gorm.DB, p Purpose) ([]Public, error) {
	var rows []row
	err := db.Omit("sealed").Where("purpose = ?", p).Order("created_at, kid").Find(&rows).Error
	out := make([]Public, len(rows))
	for i, r := range rows {
		out[i] = Public{Kid: r.Kid, SPKI: r.PublicKey, Announcement: r.Announcement, Sig: r.AnnouncementSig}
	}
	return out, err
}

// List describes all keys, oldest first.
func (k *Keys) List(ctx context.Context) ([]State, error) {
	var rows []row
	err := k.db.Read(ctx).Omit("sealed").Order("created_at, kid").Find(&rows).Error
	out := make([]State, len(rows))
	for i, r := range rows {
		out[i] = State{Kid: r.Kid, Purpose: r.Purpose, CreatedAt: r.CreatedAt, RetiredAt: r.RetiredAt, EndedAt: r.EndedAt, Successor: r.Successor}
	}
	return out, err
}

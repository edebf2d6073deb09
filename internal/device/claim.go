package device

import (
	"bytes"
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/httpkit"
	"github.com/countersign/countersign/internal/ident"
	"github.com/countersign/countersign/internal/limit"
	"github.com/countersign/countersign/internal/push"
	"github.com/countersign/countersign/internal/serverkeys"
	"github.com/countersign/countersign/internal/signing"
)

const (
	maxWrongSecrets = 5           // the fifth ends the pairing
	maxWrongCodes   = 5           // for one address in a minute
	codeWindow      = time.Minute // of wrong typed codes
)

// What claiming refuses. None of these ends the pairing.
var (
	ErrBadKey       = fault.New(fault.Invalid, "bad_key", "Both keys must be P-256 public keys as SPKI DER, different from each other and never used before. The pairing stays open.")
	ErrBadSignature = fault.New(fault.Invalid, "bad_signature", "A signature does not fit the keys and the payload. The pairing stays open.")
	ErrTooManyCodes = fault.New(fault.Limited, "rate_limited", "Too many wrong codes. Wait a minute, then type the code again.")
)

// Claim is what a phone sends to claim a pairing (wire.md §3.3).
type Claim struct {
	Payload []byte // the exact JSON bytes
	SigUV   []byte
	SigPoll []byte
}

// ServerKey is a key that signs challenges, for the phone to pin.
type ServerKey struct {
	Kid  string
	SPKI []byte
}

// Named is a workspace or person: the id that challenges name, and the name for people.
type Named struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// ClaimResult is the answer to a claim. The phone pins the ids and the keys: a challenge that names others is refused by it.
type ClaimResult struct {
	Device     string
	Workspace  Named
	Person     Named
	ServerKeys []ServerKey
	SAS        string
}

// Whose says for whom a pairing is, before the phone has shown itself.
type Whose struct {
	ID                string
	Workspace, Person Named
}

type payload struct {
	Secret   string `json:"secret"`
	Name     string `json:"name"`
	Platform string `json:"platform"`
	OS       string `json:"os"`
	App      string `json:"app"`
	Keys     struct {
		UV   string `json:"uv"`
		Poll string `json:"poll"`
	} `json:"keys"`
	Push json.RawMessage `json:"push"`
}

// phone is a claim that has been checked as far as it can be without the database.
type phone struct {
	payload
	uv, poll []byte
	push     *push.Address
}

// Resolve finds the open pairing of a typed code. Wrong codes are counted for the address they come from.
func (s *Service) Resolve(ctx context.Context, code, ip string) (Whose, error) {
	var found Whose
	var wrong error
	err := s.DB.InTx(ctx, func(tx database.Tx) error {
		now, err := tx.Now()
		if err != nil {
			return err
		}
		key := "pairing_code|" + ip
		if n, in, err := limit.Peek(tx, key); err != nil || n > maxWrongCodes {
			return errors.Join(err, over(n, in))
		}
		var p pairingRow
		err = tx.Where("code_hash = ? AND state = ? AND expires_at > ?", ident.Hash(ident.NormalCode(code)), open, now).Take(&p).Error
		if err == nil {
			found, err = s.whose(tx.DB, p)
			return err
		}
		if !errors.Is(err, gorm.ErrRecordNotFound) {
			return err
		}
		wrong = fault.ErrNotFound
		n, in, err := limit.Count(tx, key, codeWindow)
		if n > maxWrongCodes {
			wrong = over(n, in)
		}
		return err
	})
	return found, errors.Join(err, wrong)
}

func over(n int64, in time.Duration) error {
	if n <= maxWrongCodes {
		return nil
	}
	return ErrTooManyCodes.After(in)
}

func (s *Service) whose(db *gorm.DB, p pairingRow) (Whose, error) {
	person, err := directory.Find(db, p.WorkspaceID, p.PersonID)
	if err != nil {
		return Whose{}, err
	}
	var name string
	err = db.Raw("SELECT name FROM workspaces WHERE id = ?", p.WorkspaceID).Scan(&name).Error
	return Whose{ID: p.ID, Workspace: Named{p.WorkspaceID, name}, Person: Named{person.ID, person.Name}}, err
}

// Claim gives a pairing a phone: its keys, checked by what it signed. A wrong secret is counted; the fifth ends the pairing.
func (s *Service) Claim(ctx context.Context, id string, c Claim, ip, userAgent string) (ClaimResult, error) {
	ph, err := s.read(ctx, id, c)
	if err != nil {
		return ClaimResult{}, err
	}
	key, err := s.Keys.Current(ctx, serverkeys.Challenge)
	if err != nil {
		return ClaimResult{}, err
	}
	var out ClaimResult
	var wrong error // a wrong secret is counted, so its transaction commits
	err = s.DB.InTx(ctx, func(tx database.Tx) error {
		var p pairingRow
		err := tx.Lock().Where("id = ?", id).Take(&p).Error
		if errors.Is(err, gorm.ErrRecordNotFound) {
			return fault.ErrNotFound
		}
		if err != nil {
			return err
		}
		if !p.secretIs(ph.Secret) {
			wrong = fault.ErrNotFound
			return s.countWrongSecret(tx, p)
		}
		now, err := tx.Now()
		if err != nil {
			return err
		}
		switch p.now(now) {
		case open:
		case expired, refused:
			return ErrPairingExpired
		default:
			return ErrAlreadyClaimed
		}
		if err := s.Keys.Hold(tx, key.ID); err != nil { // ended this very second on another replica
			return database.ErrBusy.Because(err)
		}
		by := actor.Actor{Kind: actor.Device, Workspace: p.WorkspaceID, Person: p.PersonID, IP: ip, UserAgent: userAgent}
		out, err = s.take(tx, by, p, ph, key, now)
		return err
	})
	return out, errors.Join(err, wrong)
}

func (p pairingRow) secretIs(secret string) bool {
	h := ident.Hash(secret)
	return subtle.ConstantTimeCompare(h, p.SecretHash)|subtle.ConstantTimeCompare(h, p.CodeHash) == 1
}

func (s *Service) countWrongSecret(tx database.Tx, p pairingRow) error {
	if p.State != open {
		return nil
	}
	set := map[string]any{"wrong_secrets": p.WrongSecrets + 1}
	to := open
	if p.WrongSecrets+1 >= maxWrongSecrets {
		to = refused
	}
	return s.move(tx, p, to, set)
}

// read checks everything about a claim that needs no row: form, keys, signatures, push address.
func (s *Service) read(ctx context.Context, id string, c Claim) (phone, error) {
	var ph phone
	if err := httpkit.Strict(c.Payload, &ph.payload); err != nil {
		return ph, err
	}
	if err := ph.tidy(); err != nil {
		return ph, err
	}
	var err1, err2 error
	ph.uv, err1 = signing.Unb64(ph.payload.Keys.UV)
	ph.poll, err2 = signing.Unb64(ph.payload.Keys.Poll)
	_, err3 := signing.PublicKey(ph.uv)
	_, err4 := signing.PublicKey(ph.poll)
	if err := errors.Join(err1, err2, err3, err4); err != nil || bytes.Equal(ph.uv, ph.poll) {
		return ph, ErrBadKey.Because(err)
	}
	message := signing.Pair(id, ph.Secret, ph.uv, ph.poll, c.Payload)
	if !signing.Verify(ph.uv, message, c.SigUV) || !signing.Verify(ph.poll, message, c.SigPoll) {
		return ph, ErrBadSignature
	}
	if len(ph.payload.Push) > 0 && string(ph.payload.Push) != "null" {
		a, err := s.address(ctx, ph.payload.Push)
		if err != nil {
			return ph, err
		}
		ph.push = &a
	}
	return ph, nil
}

// tidy bounds what a phone says of itself: it is shown to people.
func (p *phone) tidy() error {
	for _, field := range []*string{&p.Name, &p.OS, &p.App} {
		*field = Plain(*field)
	}
	if p.Name == "" {
		return httpkit.ErrMalformed.Saying("A phone needs a name. The pairing stays open.")
	}
	if p.Platform != "ios" && p.Platform != "android" && p.Platform != "web" {
		return httpkit.ErrMalformed.Saying(`platform must be "ios", "android" or "web". The pairing stays open.`)
	}
	return nil
}

// Plain makes text of a stranger fit for a trust screen: at most 64 runes, no control or direction-changing characters.
func Plain(s string) string {
	s = Whole(s)
	if r := []rune(s); len(r) > 64 {
		s = string(r[:64])
	}
	return s
}

// Whole is Plain for text of which nothing may be left out, because what it says is signed. Its length is for the caller to bound.
func Whole(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, s)
	return strings.TrimSpace(s)
}

// take writes the phone that claims p.
func (s *Service) take(tx database.Tx, by actor.Actor, p pairingRow, ph phone, key serverkeys.Key, now time.Time) (ClaimResult, error) {
	protection := "unknown"
	if ph.Platform == "web" {
		protection = "software"
	}
	d := row{ID: ident.New("dev"), WorkspaceID: p.WorkspaceID, PersonID: p.PersonID, Name: ph.Name, Platform: ph.Platform, OS: ph.OS, App: ph.App,
		UVKey: ph.uv, PollKey: ph.poll, KeyProtection: protection, ServerKid: key.ID, State: Claimed, PushState: "none", CreatedAt: now, LastSeenAt: &now}
	for _, k := range [][]byte{ph.uv, ph.poll} {
		err := tx.Exec("INSERT INTO device_keys (device_id, key_hash) VALUES (?, ?)", d.ID, ident.Hash(string(k))).Error
		if errors.Is(err, gorm.ErrDuplicatedKey) {
			return ClaimResult{}, ErrBadKey
		}
		if err != nil {
			return ClaimResult{}, err
		}
	}
	by.Device, by.Name = d.ID, d.Name
	if err := tx.Create(&d).Error; err != nil {
		return ClaimResult{}, err
	}
	if ph.push != nil {
		if err := s.register(tx, by, *ph.push, now); err != nil {
			return ClaimResult{}, err
		}
	}
	sas := signing.SAS(p.ID, ph.uv, ph.poll, key.SPKI)
	if err := s.move(tx, p, claimed, map[string]any{"device_id": d.ID, "sas": sas}); err != nil {
		return ClaimResult{}, err
	}
	whose, err := s.whose(tx.DB, p)
	if err != nil {
		return ClaimResult{}, err
	}
	out := ClaimResult{Device: d.ID, Workspace: whose.Workspace, Person: whose.Person, SAS: sas, ServerKeys: []ServerKey{{Kid: key.ID, SPKI: key.SPKI}}}
	return out, audit.RecordAt(tx, by, "pairing.claimed", p.ID, audit.Detail{"name": d.Name, "platform": d.Platform}, now)
}

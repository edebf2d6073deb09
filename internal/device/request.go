package device

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/signing"
)

const (
	skew       = 60 * time.Second // how far a phone's clock may be off
	jtiLife    = 2 * time.Minute  // longer than any accepted ts can live
	seenEvery  = time.Minute      // how often last_seen is written
	badPerMin  = 60               // bad signatures of one phone in a minute before it is told to wait
	maxTracked = 10_000           // phones whose bad signatures are counted at once
)

// Request is a call of a phone as it arrived.
type Request struct {
	Header    string // X-Device-Sig
	Method    string
	Path      string // path and query as sent
	Body      []byte
	IP        string
	UserAgent string
}

// Signed is a call whose signature has been checked. It has to be recorded once, which is where a replay shows.
type Signed struct {
	Actor  actor.Actor
	Device Device
	jti    []byte
	at     time.Time // the database's clock when the signature was checked
	seen   bool      // last_seen is old enough to be written again
}

// Authenticate checks a call's signature by the poll key of the phone it names, and its time. Nothing is written (CVE-2026-31835). Every
// failure of proof reads the same.
func (s *Service) Authenticate(ctx context.Context, r Request) (Signed, error) {
	h, ok := parseHeader(r.Header)
	if !ok {
		return Signed{}, ErrUnauthorized
	}
	if err := s.tooManyBad(h.device); err != nil {
		return Signed{}, err
	}
	d, err := s.proving(ctx, h.device)
	if err != nil {
		return Signed{}, err
	}
	if !signing.Verify(d.PollKey, signing.Request(r.Method, r.Path, h.ts, h.jti, r.Body), h.sig) {
		s.CountBad(h.device)
		return Signed{}, ErrUnauthorized
	}
	now, err := s.DB.Now(ctx)
	if err != nil {
		return Signed{}, err
	}
	if at := time.Unix(h.unix, 0); now.Sub(at).Abs() > skew {
		return Signed{}, ErrClockSkew.With("server_time", now)
	}
	if err := s.Restored.Check(ctx, d.CreatedAt); err != nil { // told to the phone itself alone: it has proven itself
		return Signed{}, err
	}
	by := actor.Actor{Kind: actor.Device, Workspace: d.WorkspaceID, Person: d.PersonID, Name: d.Name, Device: d.ID, IP: r.IP, UserAgent: r.UserAgent}
	return Signed{Actor: by, Device: d.device(), jti: h.jti, at: now, seen: d.LastSeenAt == nil || now.Sub(*d.LastSeenAt) > seenEvery}, nil
}

// proving is the phone whose key has to prove a call.
func (s *Service) proving(ctx context.Context, id string) (row, error) {
	if s.together != nil {
		d, err := s.together.Do(ctx, id)
		if err == nil && d == nil {
			return row{}, ErrUnauthorized
		}
		if err != nil {
			return row{}, err
		}
		return *d, nil
	}
	var d row
	err := s.DB.Read(ctx).Where("id = ? AND state <> ?", id, Removed).Take(&d).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		err = ErrUnauthorized
	}
	return d, err
}

// Record keeps the call's jti in tx; one seen before is refused. A phone that was removed since is refused too, also where the removal is under
// way at this moment: its row is shared until tx ends.
func (s *Service) Record(tx database.Tx, r Signed) error {
	if r.seen { // before the row is shared: two calls that both share it could not both write it
		err := tx.Model(&row{}).Where("id = ? AND state <> ?", r.Device.ID, Removed).Updates(map[string]any{"last_seen_at": r.at}).Error
		if err != nil {
			return err
		}
	}
	share := "FOR SHARE"
	if tx.Dialect() == database.SQLite {
		share = ""
	}
	res := tx.Exec(`INSERT INTO device_requests (device_id, jti, expires_at) SELECT id, ?, ? FROM devices WHERE id = ? AND state <> ? `+share+`
		ON CONFLICT DO NOTHING`, r.jti, r.at.Add(jtiLife), r.Device.ID, Removed)
	if res.Error != nil {
		return res.Error
	}
	if res.RowsAffected == 0 {
		return s.refused(tx, r)
	}
	return nil
}

// refused says why a jti could not be kept.
func (s *Service) refused(tx database.Tx, r Signed) error {
	var n int64
	if err := tx.Model(&row{}).Where("id = ? AND state <> ?", r.Device.ID, Removed).Count(&n).Error; err != nil {
		return err
	}
	if n == 0 {
		return ErrUnauthorized
	}
	return ErrReplayed
}

// RecordNow is Record in a transaction of its own, for calls that write nothing else.
func (s *Service) RecordNow(ctx context.Context, r Signed) error {
	return s.DB.InTx(ctx, func(tx database.Tx) error { return s.Record(tx, r) })
}

// Sweep forgets requests that could not be replayed any more.
func (s *Service) Sweep(ctx context.Context) error {
	return s.DB.InTx(ctx, func(tx database.Tx) error {
		now, err := tx.Now()
		if err != nil {
			return err
		}
		if err := stampKeys(tx); err != nil {
			return err
		}
		return tx.Exec("DELETE FROM device_requests WHERE expires_at < ?", now).Error
	})
}

type header struct {
	device, ts string
	unix       int64
	jti, sig   []byte
}

// parseHeader reads "v1;dev=<id>;ts=<unix>;jti=<b64url>;sig=<b64url>", in that order and nothing else.
func parseHeader(text string) (header, bool) {
	parts := strings.Split(text, ";")
	if len(parts) != 5 || parts[0] != "v1" {
		return header{}, false
	}
	value := make([]string, 4)
	for i, name := range []string{"dev", "ts", "jti", "sig"} {
		v, ok := strings.CutPrefix(parts[i+1], name+"=")
		if !ok || v == "" {
			return header{}, false
		}
		value[i] = v
	}
	h := header{device: value[0], ts: value[1]}
	var err1, err2, err3 error
	h.unix, err1 = strconv.ParseInt(value[1], 10, 64)
	h.jti, err2 = signing.Unb64(value[2])
	h.sig, err3 = signing.Unb64(value[3])
	return h, errors.Join(err1, err2, err3) == nil && len(h.jti) == 16
}

type badSigs struct {
	n     int
	until time.Time
}

// CountBad counts a bad signature of a phone, in memory: rubbish must never write.
func (s *Service) CountBad(device string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.Now()
	b := s.bad[device]
	if b == nil || now.After(b.until) {
		if len(s.bad) >= maxTracked {
			clear(s.bad)
		}
		b = &badSigs{until: now.Add(time.Minute)}
		s.bad[device] = b
	}
	b.n++
}

func (s *Service) tooManyBad(device string) *fault.Error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b := s.bad[device]; b != nil && b.n >= badPerMin && s.Now().Before(b.until) {
		return ErrBadSigs.After(b.until.Sub(s.Now()))
	}
	return nil
}

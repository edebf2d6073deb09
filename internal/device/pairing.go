package device

import (
	"context"
	"errors"
	"time"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/ident"
	"github.com/countersign/countersign/internal/limit"
)

// PairingState is how far a pairing has come (wire.md §3.4).
type PairingState string

const (
	open    PairingState = "open"
	claimed PairingState = "claimed"
	matched PairingState = "matched"
	paired  PairingState = "active"
	refused PairingState = "refused"
	expired PairingState = "expired"
)

const (
	pairingLife = 5 * time.Minute
	freshFor    = 5 * time.Minute // how old a password or single sign-on check may be (wire.md §3.1)
)

// What pairing refuses.
var (
	ErrReauthenticate = fault.New(fault.Forbidden, "reauthentication_required", "Type your password again to go on. Nothing was changed.")
	ErrRecovery       = fault.New(fault.Forbidden, "recovery_required", "Your last phone was removed. A new one can only be paired through recovery: a recovery code, a colleague or the operator.")
	ErrTooMany        = fault.New(fault.Conflict, "too_many_devices", "20 of 20 devices. Remove one first.")
	ErrPairingExpired = fault.New(fault.Expired, "pairing_expired", "This pairing has ended. Start a new one on the computer.")
	ErrAlreadyClaimed = fault.New(fault.Conflict, "already_claimed", "This code was already used. Start a new pairing on the computer.")
	ErrNotClaimed     = fault.New(fault.Conflict, "not_claimed", "No phone has shown itself for this pairing yet.")
)

// Fresh refuses who has not proven within the last five minutes who they are (wire.md §3.1).
func Fresh(by actor.Actor, now time.Time) error {
	if now.Sub(by.Verified) > freshFor {
		return ErrReauthenticate
	}
	return nil
}

// Pairing is what the console shows of a pairing.
type Pairing struct {
	ID        string
	State     PairingState
	ExpiresAt time.Time
	Code      string // only in Begin's answer: the typed alternative, K7QX-93MD
	Link      string // only in Begin's answer: the link with the secret in its fragment
	SAS       string // six digits, from claimed on
	Device    *Device
}

type pairingRow struct {
	ID           string
	WorkspaceID  string
	PersonID     string
	SessionHash  []byte
	BrowserHash  []byte
	Network      string
	SecretHash   []byte
	CodeHash     []byte
	State        PairingState
	WrongSecrets int
	DeviceID     *string
	SAS          string `gorm:"column:sas"`
	Recovery     []byte // hash of the recovery under which it was begun
	CreatedAt    time.Time
	ExpiresAt    time.Time
}

func (pairingRow) TableName() string { return "pairings" }

// Begin starts a pairing for the person who asks. It needs a fresh sign-in; a person who has a phone also needs a confirmation on it, which
// spend consumes in the same transaction; a person who once had one needs a recovery (wire.md §3).
func (s *Service) Begin(ctx context.Context, by actor.Actor, spend func(database.Tx) error) (Pairing, error) {
	secret, code := ident.Secret(16), ident.Code()
	p := pairingRow{ID: ident.New("par"), WorkspaceID: by.Workspace, PersonID: by.Person, SessionHash: by.Session, BrowserHash: by.Browser,
		Network: limit.Network(by.IP), SecretHash: ident.Hash(secret), CodeHash: ident.Hash(code), State: open}
	err := s.DB.InTx(ctx, func(tx database.Tx) error {
		now, err := fresh(tx, by)
		if err != nil {
			return err
		}
		if p.Recovery, err = s.mayPair(tx, by, now, spend); err != nil {
			return err
		}
		err = tx.Model(&pairingRow{}).Where("person_id = ? AND workspace_id = ? AND state IN ?", by.Person, by.Workspace, []PairingState{open, claimed}).
			Updates(map[string]any{"state": refused}).Error
		if err != nil {
			return err
		}
		p.CreatedAt, p.ExpiresAt = now, now.Add(pairingLife)
		if err := tx.Create(&p).Error; err != nil {
			return err
		}
		return audit.RecordAt(tx, by, "pairing.started", p.ID, nil, now)
	})
	if err != nil {
		return Pairing{}, err
	}
	return Pairing{ID: p.ID, State: open, ExpiresAt: p.ExpiresAt, Code: ident.ShownCode(code), Link: s.CompanionURL + "/#pair=" + p.ID + "." + secret}, nil
}

// mayPair says whether by may pair one more phone now, and under which recovery, if it is one.
func (s *Service) mayPair(tx database.Tx, by actor.Actor, now time.Time, spend func(database.Tx) error) ([]byte, error) {
	var states []struct {
		State     State
		Activated bool
		N         int
	}
	err := tx.Model(&row{}).Select("state, activated_at IS NOT NULL AS activated, COUNT(*) AS n").
		Where("workspace_id = ? AND person_id = ?", by.Workspace, by.Person).Group("state, activated_at IS NOT NULL").Find(&states).Error
	if err != nil {
		return nil, err
	}
	active, ever := 0, false
	for _, st := range states {
		if st.State == Active {
			active += st.N
		}
		ever = ever || st.Activated
	}
	recovery, err := s.recovering(tx, by, now)
	switch {
	case err != nil || recovery != nil:
		return recovery, err
	case active >= most:
		return nil, ErrTooMany
	case active > 0:
		return nil, spend(tx)
	case ever:
		return nil, ErrRecovery
	}
	return nil, nil
}

// Pairing is the state of a pairing, for the session that started it and nobody else.
func (s *Service) Pairing(ctx context.Context, by actor.Actor, id string) (Pairing, error) {
	db := s.DB.Read(ctx)
	var p pairingRow
	err := db.Where("workspace_id = ? AND id = ? AND person_id = ? AND session_hash = ?", by.Workspace, id, by.Person, by.Session).Take(&p).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return Pairing{}, fault.ErrNotFound
	}
	if err != nil {
		return Pairing{}, err
	}
	return s.view(ctx, p)
}

func (s *Service) view(ctx context.Context, p pairingRow) (Pairing, error) {
	now, err := s.DB.Now(ctx)
	if err != nil {
		return Pairing{}, err
	}
	v := Pairing{ID: p.ID, State: p.now(now), ExpiresAt: p.ExpiresAt, SAS: p.SAS}
	if p.DeviceID != nil {
		d, err := Find(s.DB.Read(ctx), p.WorkspaceID, *p.DeviceID)
		if err != nil {
			return Pairing{}, err
		}
		v.Device = &d
	}
	return v, nil
}

// now is the state at an instant: a pairing that nobody finished is expired without anybody having written so.
func (p pairingRow) now(now time.Time) PairingState {
	if !now.Before(p.ExpiresAt) && (p.State == open || p.State == claimed || p.State == matched) {
		return expired
	}
	return p.State
}

// WaitPairing is Pairing that waits, at most wait, until the state is another than since.
func (s *Service) WaitPairing(ctx context.Context, by actor.Actor, id, since string, wait time.Duration) (Pairing, error) {
	return s.wait(ctx, id, since, wait, func() (Pairing, error) { return s.Pairing(ctx, by, id) })
}

// WaitPairingOf is WaitPairing for the phone that claimed it.
func (s *Service) WaitPairingOf(ctx context.Context, by actor.Actor, id, since string, wait time.Duration) (Pairing, error) {
	return s.wait(ctx, id, since, wait, func() (Pairing, error) {
		var p pairingRow
		err := s.DB.Read(ctx).Where("workspace_id = ? AND id = ? AND device_id = ?", by.Workspace, id, by.Device).Take(&p).Error
		if errors.Is(err, gorm.ErrRecordNotFound) {
			return Pairing{}, fault.ErrNotFound
		}
		if err != nil {
			return Pairing{}, err
		}
		return s.view(ctx, p)
	})
}

// safety is how often a waiting call looks without having been woken: hints may be lost.
const safety = time.Second

func (s *Service) wait(ctx context.Context, id, since string, wait time.Duration, read func() (Pairing, error)) (Pairing, error) {
	l := s.Hub.Subscribe(topic(id)) // listen first, read second: nothing between the two is missed
	defer l.Close()
	end, tick := time.NewTimer(wait), time.NewTicker(safety)
	defer end.Stop()
	defer tick.Stop()
	for {
		p, err := read()
		if err != nil || since == "" || string(p.State) != since || wait <= 0 {
			return p, err
		}
		select {
		case <-ctx.Done():
			return p, nil
		case <-end.C:
			return p, nil
		case <-l.Woken():
		case <-tick.C:
		}
	}
}

// Match is what the person saw: whether both screens show the same digits. If so the phone is asked for its first signed answer; if not,
// pairing and phone end.
func (s *Service) Match(ctx context.Context, by actor.Actor, id string, match bool) (Pairing, error) {
	err := s.DB.InTx(ctx, func(tx database.Tx) error {
		var p pairingRow
		err := tx.Lock().Where("workspace_id = ? AND id = ? AND person_id = ? AND session_hash = ?", by.Workspace, id, by.Person, by.Session).Take(&p).Error
		if errors.Is(err, gorm.ErrRecordNotFound) {
			return fault.ErrNotFound
		}
		if err != nil {
			return err
		}
		now, err := tx.Now()
		if err != nil {
			return err
		}
		switch at := p.now(now); {
		case at == open:
			return ErrNotClaimed
		case at == expired || at == refused:
			return ErrPairingExpired
		case at == matched && match, at == paired && match:
			return nil // pressed twice
		case at != claimed:
			return ErrAlreadyClaimed
		}
		return s.compare(tx, by, p, match, now)
	})
	if err != nil {
		return Pairing{}, err
	}
	return s.Pairing(ctx, by, id)
}

func (s *Service) compare(tx database.Tx, by actor.Actor, p pairingRow, match bool, now time.Time) error {
	var r row
	if err := tx.Lock().Where("id = ?", *p.DeviceID).Take(&r).Error; err != nil {
		return err
	}
	if !match {
		if err := s.move(tx, p, refused, nil); err != nil {
			return err
		}
		return s.end(tx, by, r, "digits_differ")
	}
	if err := s.move(tx, p, matched, nil); err != nil {
		return err
	}
	if err := tx.Model(&row{}).Where("id = ? AND state = ?", r.ID, Claimed).Updates(map[string]any{"state": Matched}).Error; err != nil {
		return err
	}
	r.State = Matched
	if s.OnMatch != nil {
		if err := s.OnMatch(tx, by, r.device()); err != nil {
			return err
		}
	}
	return audit.RecordAt(tx, by, "pairing.matched", p.ID, audit.Detail{"device": r.ID}, now)
}

// Refuse ends the pairing of a phone that declined its own activation.
func (s *Service) Refuse(tx database.Tx, by actor.Actor, id string) error {
	var r row
	if err := tx.Lock().Where("workspace_id = ? AND id = ?", by.Workspace, id).Take(&r).Error; err != nil {
		return err
	}
	var p pairingRow
	if err := tx.Where("device_id = ?", id).Take(&p).Error; err != nil {
		return err
	}
	if err := s.move(tx, p, refused, nil); err != nil {
		return err
	}
	return s.end(tx, by, r, "activation_declined")
}

// PairedFrom says from which browser and network a phone was paired, for the risk-based mode (wire.md §5).
func PairedFrom(tx database.Tx, device string) (browser []byte, network string, err error) {
	var p pairingRow
	err = tx.Select("browser_hash, network").Where("device_id = ?", device).Take(&p).Error
	return p.BrowserHash, p.Network, err
}

// move writes a new state and wakes who waits, here and on other replicas.
func (s *Service) move(tx database.Tx, p pairingRow, to PairingState, more map[string]any) error {
	set := map[string]any{"state": to}
	for k, v := range more {
		set[k] = v
	}
	if err := tx.Model(&pairingRow{}).Where("id = ?", p.ID).Updates(set).Error; err != nil {
		return err
	}
	return s.Bus.Publish(tx, topic(p.ID), 0)
}

func topic(pairing string) string { return "pairing:" + pairing }

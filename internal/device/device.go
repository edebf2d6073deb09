// Package device keeps paired phones: how one is paired, the two public keys that prove it, where it is pushed to and how it ends. Phones
// belong to people; what a phone is asked and answers is not known here.
package device

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"time"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/hub"
	"github.com/countersign/countersign/internal/notice"
	"github.com/countersign/countersign/internal/push"
	"github.com/countersign/countersign/internal/restored"
	"github.com/countersign/countersign/internal/serverkeys"
)

// State is how far a phone has come.
type State string

// The states of a phone. Removed is final; the row stays for the audit.
const (
	Claimed State = "claimed" // has shown its keys, digits not compared yet
	Matched State = "matched" // digits compared, first signed answer outstanding
	Active  State = "active"
	Removed State = "removed"
)

// most is how many phones a person may have.
const most = 20

// colleagueAdded is the notice of somebody else's new phone. It goes to the console and by mail, not to phones as those of "device." do: there a
// company's many would push out what the phone's own person has to see.
const colleagueAdded = "colleague.device_added"

// Device is a phone of a person.
type Device struct {
	ID            string
	Workspace     string
	Person        string
	Name          string
	Platform      string // ios, android or web
	OS, App       string
	UVKey         []byte // SPKI DER; its use needs the phone's unlock
	PollKey       []byte // SPKI DER
	KeyProtection string // unknown or software
	ServerKid     string // the server's key that this phone holds to: what it is asked is signed with it
	State         State
	Push          *push.Address // nil: reached by its own asking only
	PushState     string        // none, registered, working, failing or dead
	PushDetail    string        // the provider's own word, where delivery failed
	PushSince     time.Time     // when the address was registered
	Delivered     *time.Time    // last push that a provider took
	CreatedAt     time.Time
	LastSeen      *time.Time
	RemovedAt     *time.Time
}

// What the domain refuses.
var (
	ErrUnauthorized = fault.ErrUnauthorized
	ErrReplayed     = fault.New(fault.Unauthorized, "replayed", "This request was used before. Nothing was changed. Sign a new one.")
	ErrClockSkew    = fault.New(fault.Unauthorized, "clock_skew", "The phone's clock is more than 60 seconds off. Correct by server_time and sign again.")
	ErrBadSigs      = fault.New(fault.Limited, "rate_limited", "Too many bad signatures for this phone.")
	ErrPush         = fault.New(fault.Invalid, "malformed", "The push registration is not well formed. Nothing was changed.")
	ErrEndpoint     = fault.New(fault.Invalid, "push_endpoint", "This push endpoint is refused: it must be https on a public address. Nothing was changed.")
)

// Ended is told, in the transaction that removes a phone, that it is gone.
type Ended func(tx database.Tx, by actor.Actor, d Device, reason string, at time.Time) error

// Matching is told, in the transaction in which both screens were compared, that a phone now has to give its first signed answer.
type Matching func(tx database.Tx, by actor.Actor, d Device) error

// Deps is what phones need of others.
type Deps struct {
	DB           *database.DB
	Keys         *serverkeys.Keys
	Hub          *hub.Hub
	Bus          hub.Bus // carries hints to this and other processes; nil: this one alone
	CompanionURL string
	// CheckEndpoint says whether a Web Push endpoint may be reached; it looks names up, so it runs outside transactions.
	CheckEndpoint func(ctx context.Context, endpoint string) error
	// Stretch is the slow hash of a recovery code under a salt; it runs outside transactions.
	Stretch func(ctx context.Context, secret string, salt []byte) ([]byte, error)
	OnEnd   Ended
	OnMatch Matching
	Now     func() time.Time
	// Restored holds back phones, and recovery codes, of before a restore; nil holds nothing back.
	Restored *restored.Gate
}

// Service is the phones of all workspaces. Make it with New.
type Service struct {
	Deps
	together *database.Gather[string, *row] // reads phones, on Postgres
	mu       sync.Mutex
	bad      map[string]*badSigs
}

// New is the phones.
func New(d Deps) *Service {
	if d.Bus == nil {
		d.Bus = hub.Here(d.Hub)
	}
	s := &Service{Deps: d, bad: map[string]*badSigs{}}
	if d.DB != nil && d.DB.Dialect == database.Postgres {
		s.together = database.NewGather(readLanes, s.live)
	}
	return s
}

// List are a person's phones, the removed ones too, newest first.
func (s *Service) List(ctx context.Context, by actor.Actor) ([]Device, error) {
	return s.ListOf(ctx, by, by.Person)
}

// ListOf is List for another person of by's workspace.
func (s *Service) ListOf(ctx context.Context, by actor.Actor, person string) ([]Device, error) {
	var rows []row
	err := s.DB.Read(ctx).Where("workspace_id = ? AND person_id = ? AND state <> ?", by.Workspace, person, Claimed).
		Order("created_at DESC").Limit(100).Find(&rows).Error
	out := make([]Device, len(rows))
	for i, r := range rows {
		out[i] = r.device()
	}
	return out, err
}

// ActiveOf are the phones that a person can answer on.
func ActiveOf(db *gorm.DB, workspace, person string) ([]Device, error) {
	var rows []row
	err := db.Where("workspace_id = ? AND person_id = ? AND state = ?", workspace, person, Active).Order("created_at").Find(&rows).Error
	out := make([]Device, len(rows))
	for i, r := range rows {
		out[i] = r.device()
	}
	return out, err
}

// Find reads one phone, removed or not.
func Find(db *gorm.DB, workspace, id string) (Device, error) {
	var r row
	err := db.Where("workspace_id = ? AND id = ?", workspace, id).Take(&r).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return Device{}, fault.ErrNotFound
	}
	return r.device(), err
}

// Activate makes a matched phone active; confirm calls it when the phone's first signed answer has come.
func (s *Service) Activate(tx database.Tx, by actor.Actor, id string, at time.Time) error {
	res := tx.Model(&row{}).Where("workspace_id = ? AND id = ? AND state = ?", by.Workspace, id, Matched).
		Updates(map[string]any{"state": Active, "activated_at": at, "last_seen_at": at})
	if res.Error != nil {
		return res.Error
	}
	if res.RowsAffected == 0 {
		return ErrUnauthorized
	}
	var p pairingRow
	if err := tx.Where("device_id = ?", id).Take(&p).Error; err != nil {
		return err
	}
	if err := s.move(tx, p, paired, nil); err != nil {
		return err
	}
	if err := s.endRecovery(tx, by, id, p, at); err != nil {
		return err
	}
	if err := s.tellAdded(tx, p, id, at); err != nil {
		return err
	}
	return audit.RecordAt(tx, by, "device.added", id, nil, at)
}

// tellAdded tells the person of a new phone, which their other phones show them, and the Owner (ASVS 6.3.7); where it came by recovery, every
// admin: nobody's old phone was asked for it.
func (s *Service) tellAdded(tx database.Tx, p pairingRow, id string, at time.Time) error {
	d, err := Find(tx.DB, p.WorkspaceID, id)
	if err != nil {
		return err
	}
	who, err := directory.Find(tx.DB, p.WorkspaceID, p.PersonID)
	if err != nil {
		return err
	}
	params := notice.Params{"device": d.Name, "person": who.Name}
	if p.Recovery != nil {
		return s.tell(tx, p.WorkspaceID, "recovery.done", params, at, p.PersonID)
	}
	if err := notice.Tell(tx, p.WorkspaceID, []string{p.PersonID}, "device.added", notice.Params{"device": d.Name}, at); err != nil {
		return err
	}
	owners, err := directory.Owners(tx.DB, p.WorkspaceID)
	if err != nil {
		return err
	}
	others := slices.DeleteFunc(owners, func(owner string) bool { return owner == p.PersonID })
	return notice.Tell(tx, p.WorkspaceID, others, colleagueAdded, params, at)
}

// Remove ends a phone of the person who asks; spend consumes the confirmation that allows it, in the same transaction.
func (s *Service) Remove(ctx context.Context, by actor.Actor, id string, spend func(database.Tx) error) error {
	return s.DB.InTx(ctx, func(tx database.Tx) error {
		if err := hold(tx, by.Person); err != nil {
			return err
		}
		var r row
		err := tx.Lock().Where("workspace_id = ? AND person_id = ? AND id = ? AND state <> ?", by.Workspace, by.Person, id, Removed).Take(&r).Error
		if errors.Is(err, gorm.ErrRecordNotFound) {
			return fault.ErrNotFound
		}
		if err != nil {
			return err
		}
		if err := spend(tx); err != nil {
			return err
		}
		now, err := tx.Now()
		if err != nil {
			return err
		}
		if err := notice.Tell(tx, by.Workspace, []string{by.Person}, "device.removed", notice.Params{"device": r.Name, "itself": by.Kind == actor.Device}, now); err != nil {
			return err
		}
		return s.end(tx, by, r, "removed")
	})
}

// RemoveSelf is a phone that removes itself.
func (s *Service) RemoveSelf(ctx context.Context, by actor.Actor) error {
	return s.Remove(ctx, by, by.Device, func(database.Tx) error { return nil })
}

// EndAll ends every phone and every open recovery of a person, in the transaction that deactivates them.
func (s *Service) EndAll(tx database.Tx, by actor.Actor, workspace, person, reason string) error {
	now, err := tx.Now()
	if err != nil {
		return err
	}
	if err := s.endRecoveries(tx, by, workspace, person, now); err != nil {
		return err
	}
	return s.endOthers(tx, by, workspace, person, "", reason)
}

func (s *Service) endOthers(tx database.Tx, by actor.Actor, workspace, person, keep, reason string) error {
	var rows []row
	if err := tx.Lock().Where("workspace_id = ? AND person_id = ? AND state <> ? AND id <> ?", workspace, person, Removed, keep).Order("id").Find(&rows).Error; err != nil {
		return err
	}
	for _, r := range rows {
		if err := s.end(tx, by, r, reason); err != nil {
			return err
		}
	}
	return tx.Model(&pairingRow{}).Where("workspace_id = ? AND person_id = ? AND state IN ? AND (device_id IS NULL OR device_id <> ?)", workspace, person,
		[]PairingState{open, claimed, matched}, keep).Updates(map[string]any{"state": refused}).Error
}

func (s *Service) end(tx database.Tx, by actor.Actor, r row, reason string) error {
	now, err := tx.Now()
	if err != nil {
		return err
	}
	err = tx.Model(&row{}).Where("id = ?", r.ID).Updates(map[string]any{"state": Removed, "removed_at": now, "removed_reason": reason,
		"push_key": nil, "push_address": "", "push_kind": "", "push_state": "none"}).Error
	if err != nil {
		return err
	}
	if s.OnEnd != nil {
		if err := s.OnEnd(tx, by, r.device(), reason, now); err != nil {
			return err
		}
	}
	return audit.RecordAt(tx, by, "device.removed", r.ID, audit.Detail{"reason": reason, "name": r.Name}, now)
}

// row is the table devices.
type row struct {
	ID               string
	WorkspaceID      string
	PersonID         string
	Name             string
	Platform         string
	OS               string `gorm:"column:os"`
	App              string
	UVKey            []byte `gorm:"column:uv_key"`
	PollKey          []byte
	KeyProtection    string
	ServerKid        string
	VAPIDKid         string `gorm:"column:vapid_kid"`
	State            State
	PushKind         string
	PushKey          *string
	PushAddress      string
	PushState        string
	PushDetail       string
	PushRegisteredAt *time.Time
	PushDeliveredAt  *time.Time
	CreatedAt        time.Time
	ActivatedAt      *time.Time
	LastSeenAt       *time.Time
	RemovedAt        *time.Time
	RemovedReason    string
}

func (row) TableName() string { return "devices" }

func (r row) device() Device {
	d := Device{ID: r.ID, Workspace: r.WorkspaceID, Person: r.PersonID, Name: r.Name, Platform: r.Platform, OS: r.OS, App: r.App, UVKey: r.UVKey,
		PollKey: r.PollKey, KeyProtection: r.KeyProtection, ServerKid: r.ServerKid, State: r.State, PushState: r.PushState, PushDetail: r.PushDetail,
		Delivered: r.PushDeliveredAt, CreatedAt: r.CreatedAt, LastSeen: r.LastSeenAt, RemovedAt: r.RemovedAt}
	if r.PushRegisteredAt != nil {
		d.PushSince = *r.PushRegisteredAt
	}
	if r.PushAddress != "" {
		var a push.Address
		if json.Unmarshal([]byte(r.PushAddress), &a) == nil {
			a.VAPID = r.VAPIDKid
			d.Push = &a
		}
	}
	return d
}

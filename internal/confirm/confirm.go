// Package confirm asks a person on their phone and keeps the answer. The row is the truth: every decision is lock, test, compare-and-set on
// it, judged by the database's clock after the lock is held. An approval is no login and no token; it lets one session do one thing once,
// within a minute, and the stored signature is verified again when it does.
package confirm

import (
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"slices"
	"time"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/device"
	"github.com/countersign/countersign/internal/failpoint"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/hub"
	"github.com/countersign/countersign/internal/outbox"
	"github.com/countersign/countersign/internal/passkey"
	"github.com/countersign/countersign/internal/push"
	"github.com/countersign/countersign/internal/restored"
	"github.com/countersign/countersign/internal/serverkeys"
	"github.com/countersign/countersign/internal/signing"
	"github.com/countersign/countersign/internal/vault"
	"github.com/countersign/countersign/internal/workspace"
)

// State is where a confirmation stands.
type State string

// The states. Denied, Expired, Cancelled and Consumed are final.
const (
	Pending   State = "pending"
	Approved  State = "approved"
	Denied    State = "denied"
	Expired   State = "expired"
	Cancelled State = "cancelled"
	Consumed  State = "consumed"
)

// Reasons beside a state (wire.md §4).
const (
	reasonNotCollected = "not_collected"
	reasonSuperseded   = "superseded"
	reasonByRequester  = "cancelled_by_requester"
	reasonTooMany      = "too_many_attempts"
	reasonReported     = "reported"
	reasonMistake      = "mistake"
	reasonDevice       = "device_removed"
	reasonMismatch     = "network_mismatch"
	// SignedOut, Deactivated and RoleLost are given by those who end a session, a person or an admin's rights.
	SignedOut   = "signed_out"
	Deactivated = "deactivated"
	RoleLost    = "role_lost"
)

// The two modes: one tap, or six digits typed on the phone first (design.md §3.8).
const (
	Tap  = "tap"
	Code = "code"
)

// Numbers of protocol.md §10.
const (
	collectFor     = 60 * time.Second
	maxLive        = 3
	maxPer10m      = 5
	maxPerHour     = 10
	maxPushes      = 10
	maxResends     = 2
	resendEvery    = 20 * time.Second
	maxWrongCodes  = 3
	lockAtWrong    = 10
	doubtAfterDeny = 15 * time.Minute
	doubtAfterAsk  = 10 * time.Minute
	unseenFor      = 60 * 24 * time.Hour // a phone not heard of for so long is not pushed
	pushSlack      = 10 * time.Second    // a push that would arrive this short before the end is not sent
)

// What confirm refuses.
var (
	ErrForbidden        = fault.New(fault.Forbidden, "forbidden", "Your role may not do this.")
	ErrNoDevice         = fault.New(fault.Conflict, "no_device", "You have no paired phone. Pair one under My Profile, My trusted devices.")
	ErrLocked           = fault.New(fault.Locked, "locked", "Confirmations are locked for a while after too many wrong codes.")
	ErrLimited          = fault.New(fault.Limited, "rate_limited", "Too many requests.")
	ErrAlreadyAnswered  = fault.New(fault.Conflict, "already_answered", "This request was answered or ended already. Nothing was changed.")
	ErrExpired          = fault.New(fault.Expired, "confirmation_expired", "This request has expired. Nothing was changed.")
	ErrWrongCode        = fault.New(fault.Unprocessable, "wrong_code", "That is not the code on the computer.")
	ErrNotApproved      = fault.New(fault.Conflict, "not_approved", "This confirmation is not approved.")
	ErrAlreadyCollected = fault.New(fault.Conflict, "already_collected", "The token was handed out already. Confirm again to see it.")
	ErrCollectExpired   = fault.New(fault.Expired, "collect_expired", "The confirmation has expired: more than 60 seconds passed since it was approved. Confirm again.")
	ErrRequired         = fault.New(fault.Forbidden, "confirmation_required", "This needs a confirmation on your phone first. Nothing was changed.")
	ErrNoSignature      = fault.New(fault.Forbidden, "no_valid_signature", "The stored approval carries no valid signature of the phone, so nothing is handed out. Tell the operator.")
	ErrNoSecond         = fault.New(fault.Conflict, "no_second_admin", "This workspace wants two admins to approve, and nobody else who may has a paired phone.")
	ErrTooLong          = fault.New(fault.Invalid, "malformed", "What the phone would have to show is too long to be read there. Ask for less at once.")
	ErrUnknownAction    = fault.New(fault.Invalid, "malformed", "There is no such action, or it does not fit that resource.")
)

// Deps is what confirmations need of others.
type Deps struct {
	DB         *database.DB
	Vault      *vault.Vault
	Keys       *serverkeys.Keys
	Hub        *hub.Hub
	Bus        hub.Bus // carries hints to this and other processes; nil: this one alone
	Outbox     *outbox.Outbox
	Devices    *device.Service
	Workspaces *workspace.Service
	Push       push.Sender
	Passkeys   func() *passkey.Service // made after this one; nil: nobody confirms with one
	// SignOut ends the sign-in that asked, in the transaction in which somebody reports its question.
	SignOut func(tx database.Tx, workspace string, session []byte) error
	Log     *slog.Logger
	// Restored holds back what was asked, and what answers, of before a restore; nil holds nothing back.
	Restored *restored.Gate
}

// Service is the confirmations of all workspaces. Make it with New.
type Service struct {
	Deps
	actions map[string]Action // the registry; only Register writes it, before anything runs
	// What waits at the same time is done together, on Postgres; nil on SQLite.
	reads  *database.Gather[askedOf, *asked]
	taps   *database.Gather[tap, bool]
	pushes *database.Gather[pushTask, *pushable]
	sents  *database.Gather[sent, struct{}]
	lines  map[push.Kind]chan struct{} // to the push services
}

// New is the engine; it takes the tasks "push" and "withdraw" of the outbox.
func New(d Deps) *Service {
	if d.Bus == nil {
		d.Bus = hub.Here(d.Hub)
	}
	s := &Service{Deps: d, actions: map[string]Action{}, lines: newLines()}
	s.own()
	s.gather()
	d.Outbox.Handle(taskPush, s.push)
	d.Outbox.Handle(taskWithdraw, s.withdraw)
	d.Outbox.HandleLast(taskNews, s.news)
	return s
}

// Delivery is how far one phone's question has come.
type Delivery struct {
	ID, Name string
	Delivery string // queued, sent, failed, pulled or opened
	At       time.Time
	Detail   string // why it failed, in the provider's own word
}

// View is what the asking session may see of a confirmation.
type View struct {
	ID           string
	Version      int64
	Action       string
	Resource     string
	Mode         string
	Code         string // mode code, pending, and only where the caller may show it
	State        State
	Reason       string
	CreatedAt    time.Time
	ExpiresAt    time.Time
	CollectUntil *time.Time
	DecidedBy    string // the phone's name, or the passkey's
	DecidedHow   string // phone or passkey
	Passkey      bool   // a passkey may answer; told to who asks, when they ask
	DecidedAt    *time.Time
	Devices      []Delivery
	Quorum       *Quorum // nil where one approval is enough
	ServerTime   time.Time
}

// Final says whether nothing can change any more.
func (v View) Final() bool { return v.State != Pending && v.State != Approved }

// EndedWithSession says whether it was cancelled because who asked is signed out, turned off or no admin any more.
func (v View) EndedWithSession() bool {
	return v.State == Cancelled && (v.Reason == SignedOut || v.Reason == Deactivated || v.Reason == RoleLost)
}

// row is the table confirmations.
type row struct {
	ID              string
	WorkspaceID     string
	PersonID        string
	SessionHash     []byte
	BrowserHash     []byte
	Network         string
	Action          string
	Resource        string
	Params          []byte
	Mode            string
	CodeSealed      []byte
	Context         string
	State           State
	Reason          string
	Version         int64
	WrongCodes      int
	LastWrong       []byte // the hashes of the wrong answers, one after the other
	Resends         int
	PushedAt        *time.Time
	CreatedAt       time.Time
	ExpiresAt       time.Time
	DecidedAt       *time.Time
	DecidedBy       *string
	DecidedName     string
	DecidedResponse []byte
	DecidedSig      []byte
	DecidedHow      how `gorm:"default:phone"`
	ConsumedAt      *time.Time
	ApprovalsNeeded int        `gorm:"default:1"`
	ReportedAt      *time.Time // when the person said that they do not know this request
}

func (row) TableName() string { return "confirmations" }

// challengeRow is the table challenges.
type challengeRow struct {
	ConfirmationID string
	DeviceID       string
	Challenge      string // b64url of the exact bytes
	ServerSig      []byte
	Kid            string
	Delivery       string
	DeliveryAt     time.Time
	Detail         string
}

func (challengeRow) TableName() string { return "challenges" }

// personRow is the table confirmation_people: what survives a single question.
type personRow struct {
	PersonID    string
	WrongCodes  int
	Pushes      int
	Locks       int
	LockedUntil *time.Time
	DeniedAt    *time.Time
	LastNetwork string
}

func (personRow) TableName() string { return "confirmation_people" }

// lock reads a row and holds it until the transaction ends.
func lock(tx database.Tx, workspaceID, id string) (row, error) {
	var r row
	err := tx.Lock().Where("workspace_id = ? AND id = ?", workspaceID, id).Take(&r).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return row{}, fault.ErrNotFound
	}
	return r, err
}

// lockPerson reads what survives a question and holds it: all of a person's questions are made one after the other. The order of locks is the
// same everywhere, so that nobody waits for somebody who waits for them: workspace, persons by id, phones, confirmations by id.
func lockPerson(tx database.Tx, person string) (personRow, error) {
	all, err := lockPeople(tx, person)
	return all[person], err
}

// lockPeople is lockPerson for several, in the order of their ids.
func lockPeople(tx database.Tx, people ...string) (map[string]personRow, error) {
	slices.Sort(people)
	out := make(map[string]personRow, len(people))
	for _, id := range slices.Compact(people) {
		if err := tx.Exec("INSERT INTO confirmation_people (person_id) VALUES (?) ON CONFLICT DO NOTHING", id).Error; err != nil {
			return nil, err
		}
		var p personRow
		if err := tx.Lock().Where("person_id = ?", id).Take(&p).Error; err != nil {
			return nil, err
		}
		out[id] = p
	}
	return out, nil
}

// at is a row as it is at an instant: past its time it is expired, whether or not the sweeper has written so.
func (r row) at(now time.Time) row {
	switch {
	case r.State == Pending && !now.Before(r.ExpiresAt):
		r.State, r.Reason, r.Version, r.CodeSealed = Expired, "", r.Version+1, nil
	case r.State == Approved && !now.Before(r.DecidedAt.Add(collectFor)):
		r.State, r.Reason, r.Version = Expired, reasonNotCollected, r.Version+1
	}
	return r
}

// set moves a locked row from its state; the guard in the WHERE holds even where a caller forgot the lock.
func set(tx database.Tx, r row, to State, more map[string]any) error {
	values := map[string]any{"state": to, "version": gorm.Expr("version + 1"), "code_sealed": nil}
	for k, v := range more {
		values[k] = v
	}
	res := tx.Model(&row{}).Where("id = ? AND state = ? AND version = ?", r.ID, r.State, r.Version).Updates(values)
	if res.Error == nil && res.RowsAffected == 0 {
		return ErrAlreadyAnswered.With("state", r.State)
	}
	failpoint.Reach("to " + string(to))
	return res.Error
}

// announce tells whoever waits, here at commit and on other replicas through the bus. It is a hint; the row is the truth.
func (s *Service) announce(tx database.Tx, id string, version int64) error {
	return s.Bus.Publish(tx, Topic(id), version)
}

// Topic is the hub's topic of a confirmation.
func Topic(id string) string { return "confirmation:" + id }

// View is a confirmation as the session that asked may see it, the code included. Everybody else gets ErrNotFound.
func (s *Service) View(ctx context.Context, by actor.Actor, id string) (View, error) {
	v, r, err := s.glance(ctx, by, id)
	if err == nil && v.State == Pending && v.Mode == Code {
		v.Code, err = s.code(r)
	}
	return v, err
}

// Glance is View without the code, for the websocket.
func (s *Service) Glance(ctx context.Context, by actor.Actor, id string) (View, error) {
	v, _, err := s.glance(ctx, by, id)
	return v, err
}

// sightRow is one line of what a dialog sees: a confirmation beside one of its challenges.
type sightRow struct {
	ID, WorkspaceID, Action, Resource, Mode string
	CodeSealed                              []byte
	State                                   State
	Reason                                  string
	Version                                 int64
	CreatedAt, ExpiresAt                    time.Time
	DecidedAt                               *time.Time
	DecidedName                             string
	DecidedHow                              how
	PersonID                                string
	ApprovalsNeeded                         int
	DeviceID, DeviceName, Delivery, Detail  string
	DeliveryAt                              time.Time
}

func (l sightRow) confirmation() row {
	return row{ID: l.ID, WorkspaceID: l.WorkspaceID, Action: l.Action, Resource: l.Resource, Mode: l.Mode, CodeSealed: l.CodeSealed, State: l.State,
		Reason: l.Reason, Version: l.Version, CreatedAt: l.CreatedAt, ExpiresAt: l.ExpiresAt, DecidedAt: l.DecidedAt, DecidedName: l.DecidedName, DecidedHow: l.DecidedHow, PersonID: l.PersonID,
		ApprovalsNeeded: l.ApprovalsNeeded}
}

// seen are the columns of a confirmation that a dialog needs: what the phone signed and was shown stays where it is.
const seen = `c.id, c.workspace_id, c.action, c.resource, c.mode, c.code_sealed, c.state, c.reason, c.version, c.created_at, c.expires_at,
	c.decided_at, c.decided_name, c.decided_how, c.person_id, c.approvals_needed, ch.device_id, d.name AS device_name, ch.delivery, ch.delivery_at, ch.detail`

func (s *Service) glance(ctx context.Context, by actor.Actor, id string) (View, row, error) {
	now, err := s.DB.Now(ctx)
	if err != nil {
		return View{}, row{}, err
	}
	var lines []sightRow
	err = s.DB.Read(ctx).Raw("SELECT "+seen+` FROM confirmations c JOIN challenges ch ON ch.confirmation_id = c.id JOIN devices d ON d.id = ch.device_id AND d.person_id = c.person_id
		WHERE c.id = ? AND c.session_hash = ? AND c.workspace_id = ? AND c.person_id = ? ORDER BY d.created_at`, id, by.Session, by.Workspace, by.Person).Scan(&lines).Error
	if err != nil {
		return View{}, row{}, err
	}
	if len(lines) == 0 {
		return View{}, row{}, fault.ErrNotFound
	}
	r := lines[0].confirmation()
	v := present(r, now)
	for _, l := range lines {
		v.Devices = append(v.Devices, Delivery{ID: l.DeviceID, Name: l.DeviceName, Delivery: l.Delivery, At: l.DeliveryAt, Detail: l.Detail})
	}
	v.Quorum, err = quorumOf(s.DB.Read(ctx), r)
	return v, r, err
}

// WorkspaceOf says in which workspace a confirmation is, for a door that has to find out whose session to ask about. It proves nothing.
func (s *Service) WorkspaceOf(ctx context.Context, id string) (string, error) {
	var r row
	err := s.DB.Read(ctx).Select("workspace_id").Where("id = ?", id).Take(&r).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return "", fault.ErrNotFound
	}
	return r.WorkspaceID, err
}

// Wait is View that waits, at most wait, until the version is above since.
func (s *Service) Wait(ctx context.Context, by actor.Actor, id string, since int64, wait time.Duration) (View, error) {
	l := s.Hub.Subscribe(Topic(id)) // listen first, read second: nothing between the two is missed
	defer l.Close()
	end, tick := time.NewTimer(wait), time.NewTicker(safetyPoll)
	defer end.Stop()
	defer tick.Stop()
	for {
		v, err := s.View(ctx, by, id)
		if err != nil || wait <= 0 || v.Version > since || v.Final() {
			return v, err
		}
		select {
		case <-ctx.Done():
			return v, nil
		case <-end.C:
			return v, nil
		case <-l.Woken():
		case <-tick.C:
		}
	}
}

func (s *Service) view(db *gorm.DB, r row, now time.Time) (View, error) {
	v := present(r, now)
	err := db.Raw(`SELECT c.device_id AS id, d.name, c.delivery, c.delivery_at AS at, c.detail FROM challenges c
		JOIN devices d ON d.id = c.device_id AND d.person_id = ? WHERE c.confirmation_id = ? ORDER BY d.created_at`, r.PersonID, r.ID).Scan(&v.Devices).Error
	if err != nil {
		return v, err
	}
	v.Quorum, err = quorumOf(db, r)
	return v, err
}

// present is a row as its requester may see it at an instant.
func present(r row, now time.Time) View {
	r = r.at(now)
	v := View{ID: r.ID, Version: r.Version, Action: r.Action, Resource: r.Resource, Mode: r.Mode, State: r.State, Reason: shownReason(r),
		CreatedAt: r.CreatedAt, ExpiresAt: r.ExpiresAt, DecidedBy: r.DecidedName, DecidedHow: string(r.DecidedHow), DecidedAt: r.DecidedAt, ServerTime: now}
	if r.State == Approved {
		until := r.DecidedAt.Add(collectFor)
		v.CollectUntil = &until
	}
	return v
}

// shownReason hides from the requester whether a denial was reported: the requester may be the attacker.
func shownReason(r row) string {
	if r.State == Denied && r.Reason != reasonTooMany && r.Reason != reasonMismatch || r.Reason == reasonReported {
		return "denied"
	}
	return r.Reason
}

// code opens the six digits of a pending confirmation.
func (s *Service) code(r row) (string, error) {
	b, err := s.Vault.Open(r.CodeSealed, codePlace(r.ID))
	return string(b), err
}

func codePlace(id string) string { return "confirmation_code|" + id }

// sessionMark is what a challenge says of the asking session: it binds without revealing (wire.md §2).
func sessionMark(hash []byte) string { return signing.B64(hash[:8]) }

func hash(b []byte) []byte {
	h := sha256.Sum256(b)
	return h[:]
}

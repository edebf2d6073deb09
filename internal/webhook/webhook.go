// Package webhook tells an operator's own systems of what happens to people, teams, tokens and confirmations. It follows the sealed audit, so
// nothing that was committed is left out, and it signs by the Standard Webhooks specification
// (https://github.com/standard-webhooks/standard-webhooks). Requests are made by the outbox, at least once; they hold no secret.
package webhook

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/ident"
	"github.com/countersign/countersign/internal/outbox"
	"github.com/countersign/countersign/internal/push/webpush"
	"github.com/countersign/countersign/internal/vault"
	"github.com/countersign/countersign/internal/workspace"
)

const (
	// Most is how many endpoints a workspace has at most.
	Most = 10
	// OldSecret is how long the replaced secret of an endpoint signs beside the new one.
	OldSecret = 24 * time.Hour
)

// Groups are the events an endpoint can ask for.
var Groups = []string{"user", "group", "token", "confirmation"}

// What webhooks refuse.
var (
	ErrURL     = fault.New(fault.Unprocessable, "bad_url", "The address of a webhook begins with https:// and leads to a public host.")
	ErrEvents  = fault.New(fault.Unprocessable, "bad_events", "Choose from user, group, token and confirmation.")
	ErrStopped = fault.New(fault.Conflict, "webhook_stopped", "The webhook is stopped. Start it first; nothing was sent.")
	ErrMany    = fault.New(fault.Conflict, "too_many_webhooks", "A workspace has ten webhooks at most. Remove one first.")
)

// Endpoint is where a workspace's events go.
type Endpoint struct {
	ID        string
	URL       string
	Events    []string // of Groups
	CreatedBy string   // person id
	CreatedAt time.Time
	StoppedAt *time.Time // nothing is sent since
	FailingAt *time.Time // since when no delivery has come through
	OldUntil  *time.Time // a replaced secret signs too until then
}

type endpointRow struct {
	ID          string
	WorkspaceID string
	URL         string   `gorm:"column:url"`
	Events      []string `gorm:"serializer:json"`
	Secret      []byte   `gorm:"column:secret_sealed"`
	OldSecret   []byte   `gorm:"column:old_secret_sealed"`
	OldUntil    *time.Time
	Position    int64
	CreatedBy   string
	CreatedAt   time.Time
	StoppedAt   *time.Time
	FailingAt   *time.Time
}

func (endpointRow) TableName() string { return "webhooks" }

func (r endpointRow) endpoint() Endpoint {
	return Endpoint{ID: r.ID, URL: r.URL, Events: r.Events, CreatedBy: r.CreatedBy, CreatedAt: r.CreatedAt, StoppedAt: r.StoppedAt, FailingAt: r.FailingAt,
		OldUntil: r.OldUntil}
}

func about(workspace, id string) string { return "webhook " + workspace + " " + id }

// Sealed and SealedOld are where the secrets of endpoints lie.
var (
	Sealed = vault.Place{Name: "secrets of webhooks", Table: "webhooks", Column: "secret_sealed", Key: []string{"workspace_id", "id"},
		About: func(key []string) string { return about(key[0], key[1]) }}
	SealedOld = vault.Place{Name: "replaced secrets of webhooks", Table: "webhooks", Column: "old_secret_sealed", Key: []string{"workspace_id", "id"},
		About: func(key []string) string { return about(key[0], key[1]) }}
)

// Deps is what webhooks stand on.
type Deps struct {
	DB     *database.DB
	Vault  *vault.Vault
	Outbox *outbox.Outbox
	Log    *slog.Logger
	Brand  string
	Allow  []string       // hosts that may be reached though their addresses are private (PUSH_ALLOW_HOSTS)
	Roots  *x509.CertPool // nil are the system's
}

// Service is the webhooks. Make it with New, then Run it.
type Service struct {
	Deps
	guard  *webpush.Guard
	client *http.Client
	mu     sync.Mutex
	busy   map[string]int // requests in hand, by endpoint
}

// New is the webhooks; it names itself to the outbox.
func New(d Deps) (*Service, error) {
	guard, err := webpush.NewGuard(d.Allow)
	if err != nil {
		return nil, err
	}
	s := &Service{Deps: d, guard: guard, busy: map[string]int{}}
	s.client = &http.Client{Transport: guard.Transport(d.Roots), Timeout: requestTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	d.Outbox.HandleLast(task, s.deliver)
	return s, nil
}

// List are a workspace's endpoints, the oldest first.
func (s *Service) List(ctx context.Context, by actor.Actor) ([]Endpoint, error) {
	var rows []endpointRow
	err := s.DB.Read(ctx).Where("workspace_id = ?", by.Workspace).Order("created_at, id").Find(&rows).Error
	out := make([]Endpoint, len(rows))
	for i, r := range rows {
		out[i] = r.endpoint()
	}
	return out, err
}

// Add makes an endpoint that is told of everything from now on. The secret ("whsec_…") is shown this once.
func (s *Service) Add(ctx context.Context, by actor.Actor, address string, events []string) (e Endpoint, secret string, err error) {
	events, err = s.check(ctx, address, events)
	if err != nil {
		return e, "", err
	}
	err = s.DB.InTx(ctx, func(tx database.Tx) error {
		if err := directory.RequireManager(tx, by); err != nil {
			return err
		}
		if err := s.room(tx, by.Workspace); err != nil {
			return err
		}
		now, err := tx.Now()
		if err != nil {
			return err
		}
		r := endpointRow{ID: ident.New("whk"), WorkspaceID: by.Workspace, URL: address, Events: events, CreatedBy: by.Person, CreatedAt: now}
		if r.Position, err = audit.Head(tx.DB, by.Workspace); err != nil {
			return err
		}
		if secret, r.Secret, err = s.newSecret(by.Workspace, r.ID); err != nil {
			return err
		}
		if err := tx.Create(&r).Error; err != nil {
			return err
		}
		e = r.endpoint()
		return audit.RecordAt(tx, by, "webhook.added", r.ID, audit.Detail{"url": shown(address), "events": events}, now)
	})
	return e, secret, err
}

func (s *Service) room(tx database.Tx, in string) error {
	if _, err := workspace.Lock(tx, in); err != nil { // two at once count one after the other
		return err
	}
	var n int64
	if err := tx.Model(&endpointRow{}).Where("workspace_id = ?", in).Count(&n).Error; err != nil {
		return err
	}
	if n >= Most {
		return ErrMany
	}
	return nil
}

func (s *Service) newSecret(workspace, id string) (plain string, sealed []byte, err error) {
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return "", nil, err
	}
	plain = "whsec_" + base64.StdEncoding.EncodeToString(key)
	sealed, err = s.Vault.Seal([]byte(plain), about(workspace, id))
	return plain, sealed, err
}

// check judges what somebody wants an endpoint to be. The address is judged again at every connection.
func (s *Service) check(ctx context.Context, address string, events []string) ([]string, error) {
	if err := s.guard.CheckEndpoint(ctx, address); err != nil {
		return nil, ErrURL.Because(err)
	}
	if u, err := url.Parse(address); err != nil || !reachable(u.Port()) {
		return nil, ErrURL.Because(err)
	}
	var want []string
	for _, g := range Groups {
		if slices.Contains(events, g) {
			want = append(want, g)
		}
	}
	if len(want) == 0 || len(want) != len(events) {
		return nil, ErrEvents
	}
	return want, nil
}

// reachable says whether there can be a port of that number; "" is https's own.
func reachable(port string) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	return port == "" || err == nil && n > 0
}

// shown is the address of an endpoint as audit, notices and mails tell it: without path and query, in which readers often want a secret of theirs.
func shown(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	if u.Path != "" && u.Path != "/" || u.RawQuery != "" {
		return u.Scheme + "://" + u.Host + "/…"
	}
	return u.Scheme + "://" + u.Host
}

// Wanted is what an endpoint shall be; a nil field stays.
type Wanted struct {
	URL     *string
	Events  *[]string
	Stopped *bool
}

// Change changes an endpoint. Who starts a stopped one is told of events from now on, not of what happened meanwhile.
func (s *Service) Change(ctx context.Context, by actor.Actor, id string, want Wanted) (Endpoint, error) {
	var e Endpoint
	err := s.DB.InTx(ctx, func(tx database.Tx) error {
		r, now, err := s.own(tx, by, id)
		if err != nil {
			return err
		}
		before := r.endpoint()
		if want.URL != nil {
			r.URL = *want.URL
		}
		if want.Events != nil {
			r.Events = *want.Events
		}
		if r.Events, err = s.check(ctx, r.URL, r.Events); err != nil {
			return err
		}
		if err := turn(tx, &r, want.Stopped, now); err != nil {
			return err
		}
		e = r.endpoint()
		if before.URL == e.URL && slices.Equal(before.Events, e.Events) && (before.StoppedAt == nil) == (e.StoppedAt == nil) {
			return nil
		}
		if err := tx.Save(&r).Error; err != nil {
			return err
		}
		return audit.RecordAt(tx, by, "webhook.changed", id, audit.Detail{"url": shown(e.URL), "events": e.Events, "stopped": e.StoppedAt != nil}, now)
	})
	return e, err
}

func turn(tx database.Tx, r *endpointRow, stopped *bool, now time.Time) (err error) {
	switch {
	case stopped == nil || *stopped == (r.StoppedAt != nil):
	case *stopped:
		r.StoppedAt = &now
	default:
		r.StoppedAt, r.FailingAt = nil, nil
		r.Position, err = audit.Head(tx.DB, r.WorkspaceID)
	}
	return err
}

// Renew gives an endpoint another secret; the old one signs too for a day, so that its reader can change over.
func (s *Service) Renew(ctx context.Context, by actor.Actor, id string) (e Endpoint, secret string, err error) {
	err = s.DB.InTx(ctx, func(tx database.Tx) error {
		r, now, err := s.own(tx, by, id)
		if err != nil {
			return err
		}
		until := now.Add(OldSecret)
		r.OldSecret, r.OldUntil = r.Secret, &until
		if secret, r.Secret, err = s.newSecret(by.Workspace, id); err != nil {
			return err
		}
		e = r.endpoint()
		if err := tx.Save(&r).Error; err != nil {
			return err
		}
		return audit.RecordAt(tx, by, "webhook.secret_renewed", id, nil, now)
	})
	return e, secret, err
}

// Remove forgets an endpoint and its log; what is on its way to it is dropped.
func (s *Service) Remove(ctx context.Context, by actor.Actor, id string) error {
	return s.DB.InTx(ctx, func(tx database.Tx) error {
		r, now, err := s.own(tx, by, id)
		if err != nil {
			return err
		}
		if err := tx.Delete(&endpointRow{}, "id = ?", id).Error; err != nil {
			return err
		}
		return audit.RecordAt(tx, by, "webhook.removed", id, audit.Detail{"url": shown(r.URL)}, now)
	})
}

// own reads an endpoint of by's workspace, locked, for somebody who may manage it.
func (s *Service) own(tx database.Tx, by actor.Actor, id string) (r endpointRow, now time.Time, err error) {
	if err = directory.RequireManager(tx, by); err != nil {
		return r, now, err
	}
	if r, err = take(tx.Lock(), by.Workspace, id); err != nil {
		return r, now, err
	}
	now, err = tx.Now()
	return r, now, err
}

func take(db *gorm.DB, workspace, id string) (r endpointRow, err error) {
	err = db.Where("workspace_id = ? AND id = ?", workspace, id).Take(&r).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		err = fault.ErrNotFound
	}
	return r, err
}

// types are the webhook's names of audit events, where they are other than the event's own.
var types = map[string]string{
	"person.created": "user.created", "person.added": "user.created", "person.adopted": "user.updated", "person.revived": "user.created",
	"person.changed": "user.updated", "person.role_changed": "user.updated", "person.deactivated": "user.deactivated",
	"person.reactivated": "user.reactivated", "person.deleted": "user.deleted", "person.restored": "user.restored", "person.forgotten": "user.purged",
	"team.created": "group.created", "team.changed": "group.updated", "team.deleted": "group.deleted", "team.restored": "group.restored", "team.forgotten": "group.purged",
}

// typeOf is what an audit event is called in a webhook; "" for what webhooks do not tell.
func typeOf(event string) string {
	if t, listed := types[event]; listed {
		return t
	}
	if strings.HasPrefix(event, "token.") || strings.HasPrefix(event, "confirmation.") {
		return event
	}
	return ""
}

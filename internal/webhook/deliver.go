package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/ident"
	"github.com/countersign/countersign/internal/notice"
	"github.com/countersign/countersign/internal/outbox"
)

const (
	task           = "webhook"
	look           = time.Second     // between looks for new events
	batch          = 200             // events handed on in one transaction
	requestTimeout = 8 * time.Second // below the outbox's lease
	busyMost       = 4               // requests in hand for one endpoint: a slow one takes no hands from others
	busyAll        = 16              // and for all, so that pushes always find hands
	giveUp         = 72 * time.Hour  // an endpoint that fails for so long is stopped
	keepFor        = 30 * 24 * time.Hour
	shownMost      = 100
	testType       = "webhook.test"
)

// retries are the pauses before each further try, as the specification suggests; the last one repeats until giveUp.
var retries = []time.Duration{5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour}

// State is how a delivery stands.
type State string

// The states of a delivery.
const (
	Waiting   State = "waiting"
	Delivered State = "delivered"
	Failed    State = "failed"
)

// Delivery is one event on its way to one endpoint.
type Delivery struct {
	ID        string // the webhook-id header; the same for each try
	EventID   string
	Type      string
	Body      json.RawMessage
	CreatedAt time.Time
	State     State
	Attempts  int
	Status    int    // of the last answer; 0 where there was none
	Error     string // why the last try did not count
	TookMS    int
	TriedAt   *time.Time
}

type deliveryRow struct {
	ID        string
	WebhookID string
	EventID   string
	Type      string
	Body      string
	CreatedAt time.Time
	State     State
	Attempts  int
	Status    int
	Error     string
	TookMS    int `gorm:"column:took_ms"`
	TriedAt   *time.Time
}

func (deliveryRow) TableName() string { return "webhook_deliveries" }

func (r deliveryRow) delivery() Delivery {
	return Delivery{ID: r.ID, EventID: r.EventID, Type: r.Type, Body: json.RawMessage(r.Body), CreatedAt: r.CreatedAt, State: r.State, Attempts: r.Attempts,
		Status: r.Status, Error: r.Error, TookMS: r.TookMS, TriedAt: r.TriedAt}
}

// message is what is sent.
type message struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      data      `json:"data"`
}

type data struct {
	Event     string          `json:"event_id,omitempty"`
	Position  int64           `json:"position,omitempty"` // of the audit's chain: the order of events
	Workspace string          `json:"workspace"`
	Subject   string          `json:"subject,omitempty"` // id of whom or what it happened to
	Actor     *who            `json:"actor,omitempty"`
	Detail    json.RawMessage `json:"detail,omitempty"`
}

type who struct {
	Kind string `json:"kind"`
	ID   string `json:"id,omitempty"`
	Name string `json:"name,omitempty"`
}

// Run hands sealed events on to the outbox until ctx ends.
func (s *Service) Run(ctx context.Context) {
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := s.Follow(ctx); err != nil && ctx.Err() == nil {
			s.Log.Error("webhooks: events wait", "err", err)
		}
	}
}

// Follow hands every endpoint the events that were sealed since the last time.
func (s *Service) Follow(ctx context.Context) error {
	var behind []endpointRow
	err := s.DB.Read(ctx).Raw("SELECT w.id, w.workspace_id FROM webhooks w JOIN audit_chains c ON c.workspace_id = w.workspace_id" +
		" WHERE w.stopped_at IS NULL AND c.position > w.position ORDER BY w.id").Scan(&behind).Error
	for _, r := range behind {
		for more := true; more && ctx.Err() == nil; {
			var failed error
			more, failed = s.follow(ctx, r.ID)
			err = errors.Join(err, failed)
			more = more && failed == nil
		}
	}
	return err
}

// follow hands one endpoint a batch and says whether there is more.
func (s *Service) follow(ctx context.Context, id string) (more bool, err error) {
	err = s.DB.InTx(ctx, func(tx database.Tx) error {
		var found []endpointRow // none: another replica is at it, or it was removed
		if err := tx.SkipLocked().Where("id = ? AND stopped_at IS NULL", id).Limit(1).Find(&found).Error; err != nil || len(found) == 0 {
			return err
		}
		r := found[0]
		events, err := audit.Feed(tx.DB, r.WorkspaceID, r.Position, batch)
		if err != nil || len(events) == 0 {
			return err
		}
		now, err := tx.Now()
		if err != nil {
			return err
		}
		for _, e := range events {
			kind := typeOf(e.Event)
			if group, _, _ := strings.Cut(kind, "."); kind == "" || !slices.Contains(r.Events, group) {
				continue
			}
			m := message{Type: kind, Timestamp: e.At, Data: data{Event: e.ID, Position: e.Position, Workspace: r.WorkspaceID, Subject: e.Subject,
				Actor: &who{e.ActorKind, e.ActorID, e.ActorName}, Detail: e.Detail}}
			if _, err := s.put(tx, r.ID, m, now); err != nil {
				return err
			}
		}
		more = len(events) == batch
		return tx.Model(&endpointRow{}).Where("id = ?", id).Updates(map[string]any{"position": events[len(events)-1].Position}).Error
	})
	return more, err
}

func (s *Service) put(tx database.Tx, endpoint string, m message, now time.Time) (deliveryRow, error) {
	body, err := json.Marshal(m)
	if err != nil {
		return deliveryRow{}, err
	}
	r := deliveryRow{ID: ident.New("msg"), WebhookID: endpoint, EventID: m.Data.Event, Type: m.Type, Body: string(body), CreatedAt: now, State: Waiting}
	if err := tx.Create(&r).Error; err != nil {
		return r, err
	}
	return r, s.Outbox.Add(tx, task, []byte(r.ID), now, now.Add(giveUp))
}

// Test sends an endpoint an event of type "webhook.test", also a stopped one.
func (s *Service) Test(ctx context.Context, by actor.Actor, id string) (Delivery, error) {
	var d Delivery
	err := s.DB.InTx(ctx, func(tx database.Tx) error {
		r, now, err := s.own(tx, by, id)
		if err != nil {
			return err
		}
		row, err := s.put(tx, r.ID, message{Type: testType, Timestamp: now, Data: data{Workspace: by.Workspace, Actor: &who{string(by.Kind), by.Person, by.Name}}}, now)
		d = row.delivery()
		return err
	})
	return d, err
}

// Deliveries are an endpoint's last hundred, the newest first.
func (s *Service) Deliveries(ctx context.Context, by actor.Actor, id string) ([]Delivery, error) {
	db := s.DB.Read(ctx)
	if _, err := take(db, by.Workspace, id); err != nil {
		return nil, err
	}
	var rows []deliveryRow
	err := db.Where("webhook_id = ?", id).Order("created_at DESC, id DESC").Limit(shownMost).Find(&rows).Error
	out := make([]Delivery, len(rows))
	for i, r := range rows {
		out[i] = r.delivery()
	}
	return out, err
}

// Resend sends a delivery once more, under the id it had, so that a reader who has it already knows it. A stopped endpoint takes tests alone.
func (s *Service) Resend(ctx context.Context, by actor.Actor, id, delivery string) (Delivery, error) {
	var d Delivery
	err := s.DB.InTx(ctx, func(tx database.Tx) error {
		e, now, err := s.own(tx, by, id)
		if err != nil {
			return err
		}
		var r deliveryRow
		err = tx.Where("id = ? AND webhook_id = ?", delivery, id).Take(&r).Error
		switch {
		case errors.Is(err, gorm.ErrRecordNotFound):
			return fault.ErrNotFound
		case err != nil:
			return err
		case e.StoppedAt != nil && r.Type != testType:
			return ErrStopped
		}
		res := tx.Model(&deliveryRow{}).Where("id = ? AND state <> ?", delivery, Waiting).Updates(map[string]any{"state": Waiting, "attempts": 0, "error": ""})
		if err := errors.Join(res.Error, tx.Where("id = ?", delivery).Take(&r).Error); err != nil {
			return err
		}
		d = r.delivery()
		if res.RowsAffected == 0 { // it is on its way already
			return nil
		}
		return s.Outbox.Add(tx, task, []byte(delivery), now, now.Add(giveUp))
	})
	return d, err
}

// Sweep forgets deliveries of last month, and replaced secrets that sign no more.
func (s *Service) Sweep(ctx context.Context) error {
	return s.DB.InTx(ctx, func(tx database.Tx) error {
		now, err := tx.Now()
		if err != nil {
			return err
		}
		return errors.Join(tx.Where("created_at < ?", now.Add(-keepFor)).Delete(&deliveryRow{}).Error,
			tx.Model(&endpointRow{}).Where("old_until <= ?", now).Updates(map[string]any{"old_secret_sealed": nil, "old_until": nil}).Error)
	})
}

// deliver is the outbox's handler: one request, and what came of it.
func (s *Service) deliver(ctx context.Context, t outbox.Task) error {
	d, e, err := s.open(ctx, string(t.Payload))
	if err != nil || d.State != Waiting {
		return err // removed meanwhile, or delivered by another
	}
	if e.StoppedAt != nil && d.Type != testType {
		return s.end(ctx, d)
	}
	if !s.hand(e.ID) {
		return outbox.Again{After: time.Second, Reason: "other requests are in hand"}
	}
	defer s.release(e.ID)
	began := time.Now()
	status, err := s.post(ctx, d, e)
	d.TookMS = int(time.Since(began).Milliseconds())
	return s.note(ctx, d, e, status, err)
}

// open reads a delivery and its endpoint; a State that is not Waiting says that there is nothing to do.
func (s *Service) open(ctx context.Context, id string) (d deliveryRow, e endpointRow, err error) {
	db := s.DB.Read(ctx)
	if err = db.Where("id = ?", id).Take(&d).Error; err == nil {
		err = db.Where("id = ?", d.WebhookID).Take(&e).Error
	}
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return deliveryRow{}, endpointRow{}, nil
	}
	return d, e, err
}

// end closes a delivery to an endpoint that was stopped while it waited.
func (s *Service) end(ctx context.Context, d deliveryRow) error {
	return s.DB.InTx(ctx, func(tx database.Tx) error {
		return tx.Model(&deliveryRow{}).Where("id = ? AND state = ?", d.ID, Waiting).Updates(map[string]any{"state": Failed, "error": "the webhook was stopped"}).Error
	})
}

func (s *Service) hand(endpoint string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := 0
	for _, n := range s.busy {
		all += n
	}
	if s.busy[endpoint] >= busyMost || all >= busyAll {
		return false
	}
	s.busy[endpoint]++
	return true
}

func (s *Service) release(endpoint string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy[endpoint]--; s.busy[endpoint] == 0 {
		delete(s.busy, endpoint)
	}
}

// post makes the request. The error says, in words that may be shown, why an answer does not count or did not come.
func (s *Service) post(ctx context.Context, d deliveryRow, e endpointRow) (status int, err error) {
	now, err := s.DB.Now(ctx)
	if err != nil {
		return 0, err
	}
	signatures, err := s.sign(d, e, now)
	if err != nil {
		return 0, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.URL, bytes.NewReader([]byte(d.Body)))
	if err != nil {
		return 0, unreached{err}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", s.Brand+" webhooks")
	req.Header.Set(standardwebhooks.HeaderWebhookID, d.ID)
	req.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	req.Header.Set(standardwebhooks.HeaderWebhookSignature, signatures)
	res, err := s.client.Do(req)
	if err != nil {
		return 0, unreached{err}
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10))
	_ = res.Body.Close()
	return res.StatusCode, nil
}

// unreached is a request that got no answer.
type unreached struct{ cause error }

// Error leaves the address out: the log of an endpoint need not repeat it, and it may hold a secret of its reader.
func (u unreached) Error() string {
	cause := u.cause
	if named := (*url.Error)(nil); errors.As(cause, &named) {
		cause = named.Err
	}
	return "no answer: " + clip(cause.Error(), 200)
}
func (u unreached) Unwrap() error { return u.cause }

func clip(text string, most int) string {
	if len(text) > most {
		text = text[:most]
	}
	return strings.ToValidUTF8(text, "")
}

// sign signs with the secret, and with the replaced one while that is good.
func (s *Service) sign(d deliveryRow, e endpointRow, now time.Time) (string, error) {
	sealed := [][]byte{e.Secret}
	if e.OldUntil != nil && now.Before(*e.OldUntil) {
		sealed = append(sealed, e.OldSecret)
	}
	var out []string
	for _, one := range sealed {
		secret, err := s.Vault.Open(one, about(e.WorkspaceID, e.ID))
		if err != nil {
			return "", err
		}
		key, err := standardwebhooks.NewWebhook(string(secret))
		if err != nil {
			return "", err
		}
		signature, err := key.Sign(d.ID, now, []byte(d.Body))
		if err != nil {
			return "", err
		}
		out = append(out, signature)
	}
	return strings.Join(out, " "), nil
}

// note writes down what came of a try and says when the next one is.
func (s *Service) note(ctx context.Context, d deliveryRow, e endpointRow, status int, result error) error {
	var none unreached
	if result != nil && !errors.As(result, &none) {
		return result // ours: the database or the keyset
	}
	good := result == nil && status >= 200 && status < 300
	var next time.Duration
	err := s.DB.InTx(ctx, func(tx database.Tx) error {
		now, err := tx.Now()
		if err != nil {
			return err
		}
		set := map[string]any{"attempts": gorm.Expr("attempts + 1"), "status": status, "took_ms": d.TookMS, "tried_at": now, "error": ""}
		switch {
		case good:
			set["state"] = Delivered
		case now.Add(pause(d.Attempts)).Sub(d.CreatedAt) > giveUp && d.Attempts > 0, status == http.StatusGone:
			set["state"] = Failed
		default:
			next = pause(d.Attempts)
		}
		if result != nil {
			set["error"] = result.Error()
		}
		if err := tx.Model(&deliveryRow{}).Where("id = ?", d.ID).Updates(set).Error; err != nil {
			return err
		}
		return s.health(tx, e, good, status == http.StatusGone, now)
	})
	if err != nil || next == 0 {
		return err
	}
	return outbox.Again{After: next, Reason: "the endpoint did not take it"}
}

func pause(attempts int) time.Duration { return retries[min(attempts, len(retries)-1)] }

// health keeps since when an endpoint fails, and stops one that has failed for days or says that it is gone.
func (s *Service) health(tx database.Tx, e endpointRow, good, gone bool, now time.Time) error {
	var r endpointRow
	err := tx.Lock().Where("id = ?", e.ID).Take(&r).Error
	switch {
	case errors.Is(err, gorm.ErrRecordNotFound):
		return nil
	case err != nil:
		return err
	case good && r.FailingAt == nil, r.StoppedAt != nil:
		return nil
	case good:
		return tx.Model(&r).Where("id = ?", r.ID).Updates(map[string]any{"failing_at": nil}).Error
	case r.FailingAt == nil && !gone:
		return tx.Model(&r).Where("id = ?", r.ID).Updates(map[string]any{"failing_at": now}).Error
	case !gone && now.Sub(*r.FailingAt) < giveUp:
		return nil
	}
	if err := tx.Model(&r).Where("id = ?", r.ID).Updates(map[string]any{"stopped_at": now}).Error; err != nil {
		return err
	}
	by := actor.Actor{Kind: actor.System, Workspace: r.WorkspaceID}
	if err := audit.RecordAt(tx, by, "webhook.stopped", r.ID, audit.Detail{"url": shown(r.URL), "gone": gone}, now); err != nil {
		return err
	}
	admins, err := directory.Admins(tx.DB, r.WorkspaceID)
	if err != nil {
		return err
	}
	return notice.Tell(tx, r.WorkspaceID, admins, "webhook.stopped", notice.Params{"url": shown(r.URL)}, now)
}

// Package mail sends people by e-mail what the console tells them as notices, and the link with which somebody sets a password. No mail holds a
// token or a way to confirm anything: each says what happened and where to look. Without a mail server nothing is sent, and the console says so.
package mail

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/limit"
	"github.com/countersign/countersign/internal/notice"
	"github.com/countersign/countersign/internal/outbox"
	"github.com/countersign/countersign/internal/workspace"
)

const (
	noticeTask   = "mail.notice"
	passwordTask = "mail.password"
	gatherTask   = "mail.gathered"

	atOnce  = 4                // mails in hand of one process: a mail server that hangs holds up no push
	batch   = 100              // notices handed on in one transaction
	look    = time.Second      // between looks for new notices
	young   = 24 * time.Hour   // an older notice is not mailed any more, for example when mail was off
	keep    = 48 * time.Hour   // how long a mail is tried
	testGap = 10 * time.Second // between two test mails of one person
	gather  = time.Hour        // what comes in it after a first mail is told in one second mail
)

// What mail refuses.
var (
	ErrOff    = fault.New(fault.Conflict, "mail_off", "This service has no mail server. The operator names one with COUNTERSIGN_SMTP_URL and COUNTERSIGN_MAIL_FROM. Nothing was sent.")
	ErrFailed = fault.New(fault.Unavailable, "mail_failed", "The mail server did not take the mail.")
	errOften  = fault.New(fault.Limited, "rate_limited", "A test mail was sent just now. Try again in a moment.")
)

// Deps is what mail stands on.
type Deps struct {
	DB        *database.DB
	Outbox    *outbox.Outbox
	Log       *slog.Logger
	Sender    *Sender // nil: no mail server
	Brand     string
	PublicURL string
	// Link makes a new link with which an active person sets their password.
	Link func(ctx context.Context, workspace, person string) (url string, until time.Time, err error)
}

// Service is the mailing. Make it with New, then Run it.
type Service struct {
	Deps
	hands chan struct{}
}

// New is the mailing; it names itself to the outbox.
func New(d Deps) *Service {
	s := &Service{Deps: d, hands: make(chan struct{}, atOnce)}
	d.Outbox.HandleLast(noticeTask, s.inTurn(s.sendNotice))
	d.Outbox.HandleLast(passwordTask, s.inTurn(s.sendPassword))
	d.Outbox.HandleLast(gatherTask, s.inTurn(s.sendGathered))
	return s
}

// On tells whether there is a mail server.
func (s *Service) On() bool { return s.Sender != nil }

// Run hands new notices on to the outbox until ctx ends.
func (s *Service) Run(ctx context.Context) {
	if !s.On() {
		return
	}
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for {
			n, err := s.HandOn(ctx)
			if err != nil && ctx.Err() == nil {
				s.Log.Error("mail: notices wait", "err", err)
			}
			if err != nil || n < batch {
				break
			}
		}
	}
}

type noticeMail struct {
	Workspace string         `json:"workspace"`
	Person    string         `json:"person"`
	Kind      string         `json:"kind"`
	Params    map[string]any `json:"params"`
	At        time.Time      `json:"at"`
}

// HandOn puts a batch of new notices into the outbox, as far as they are to be mailed, and says how many there were.
func (s *Service) HandOn(ctx context.Context) (n int, err error) {
	err = s.DB.InTx(ctx, func(tx database.Tx) error {
		now, err := tx.Now()
		if err != nil {
			return err
		}
		notices, err := notice.HandOn(tx, batch, now)
		if err != nil {
			return err
		}
		n = len(notices)
		off := map[string]Settings{}
		for _, one := range notices {
			set, known := off[one.Workspace]
			if !known {
				if set, err = settingsOf(tx.DB, one.Workspace); err != nil {
					return err
				}
				off[one.Workspace] = set
			}
			if now.Sub(one.CreatedAt) > young || !set.Mails(EventOf(one.Kind)) {
				continue
			}
			if err := s.put(tx, one, now); err != nil {
				return err
			}
		}
		return nil
	})
	return n, err
}

// put has one notice mailed, at once or gathered with others.
func (s *Service) put(tx database.Tx, n notice.Outgoing, now time.Time) error {
	if gathered[n.Kind] != "" {
		if alone, err := s.gather(tx, n, now); err != nil || !alone {
			return err
		}
	}
	body, err := json.Marshal(noticeMail{n.Workspace, n.Person, n.Kind, n.Params, n.CreatedAt})
	if err != nil {
		return err
	}
	return s.Outbox.Add(tx, noticeTask, body, now, now.Add(keep))
}

// PasswordLink mails person a new link to set their password, once tx is committed. The link is made when the mail is, so none lies in the
// database meanwhile.
func (s *Service) PasswordLink(tx database.Tx, workspace, person string) error {
	if !s.On() {
		return ErrOff
	}
	now, err := tx.Now()
	if err != nil {
		return err
	}
	body, err := json.Marshal(noticeMail{Workspace: workspace, Person: person, At: now})
	if err != nil {
		return err
	}
	return s.Outbox.Add(tx, passwordTask, body, now, now.Add(keep))
}

// Test sends one mail to who asks for it and waits for the mail server's answer, which ErrFailed repeats.
func (s *Service) Test(ctx context.Context, by actor.Actor) (to string, err error) {
	if !s.On() {
		return "", ErrOff
	}
	err = s.DB.InTx(ctx, func(tx database.Tx) error {
		n, left, err := limit.Count(tx, "mail test "+by.Person, testGap)
		if err == nil && n > 1 {
			err = errOften.After(left)
		}
		return err
	})
	if err != nil {
		return "", err
	}
	m, err := s.write(ctx, noticeMail{Workspace: by.Workspace, Person: by.Person, Kind: "test"}, "test/"+by.Person+"/"+time.Now().UTC().Format(time.RFC3339Nano))
	if err != nil {
		return "", err
	}
	if err := s.Sender.Send(ctx, m); err != nil {
		return "", ErrFailed.Saying("The mail server did not take the mail: %s", err).Because(err)
	}
	return m.To, nil
}

// inTurn lets only a few mails be in hand at once and turns a refusal of the mail server into what the outbox understands.
func (s *Service) inTurn(do func(context.Context, outbox.Task) error) outbox.Handler {
	return func(ctx context.Context, t outbox.Task) error {
		if !s.On() {
			return nil // mail was turned off since
		}
		select {
		case s.hands <- struct{}{}:
			defer func() { <-s.hands }()
		default:
			return outbox.Again{After: 2 * time.Second, Reason: "other mails are in hand"}
		}
		err := do(ctx, t)
		var refused *Refusal
		if !errors.As(err, &refused) || refused.Final {
			return err
		}
		now, err := s.DB.Now(ctx)
		if err != nil {
			return err
		}
		return outbox.Again{After: pause(keep - t.GiveUpAt.Sub(now)), Reason: refused.Error()}
	}
}

// pause is as long as a mail has waited already, from half a minute to half an hour. Its attempts say nothing: those that found all hands full
// count among them.
func pause(waited time.Duration) time.Duration {
	return min(max(waited, 30*time.Second), 30*time.Minute)
}

func (s *Service) sendNotice(ctx context.Context, t outbox.Task) error {
	var n noticeMail
	if err := json.Unmarshal(t.Payload, &n); err != nil {
		return err
	}
	m, err := s.write(ctx, n, t.ID)
	if err != nil {
		return gone(err)
	}
	return s.sent(ctx, n, m)
}

func (s *Service) sendPassword(ctx context.Context, t outbox.Task) error {
	var n noticeMail
	if err := json.Unmarshal(t.Payload, &n); err != nil {
		return err
	}
	link, until, err := s.Link(ctx, n.Workspace, n.Person)
	if err != nil {
		return gone(err)
	}
	n.Kind, n.Params = "password", map[string]any{"until": until.UTC().Format(time.RFC3339)}
	m, err := s.write(ctx, n, t.ID)
	if err != nil {
		return gone(err)
	}
	m.Link = link
	return s.sent(ctx, n, m)
}

// sent sends m; what the mail server refuses for good is put into the audit, where admins see it.
func (s *Service) sent(ctx context.Context, n noticeMail, m Message) error {
	err := s.Sender.Send(ctx, m)
	var refused *Refusal
	if errors.As(err, &refused) && refused.Final {
		return errors.Join(err, s.DB.InTx(ctx, func(tx database.Tx) error {
			return audit.Record(tx, actor.Actor{Kind: actor.System, Workspace: n.Workspace}, "mail.refused", n.Person, audit.Detail{"about": n.Kind, "answer": refused.Error()})
		}))
	}
	return err
}

// errGone is a mail whose reader has left since: nothing is sent, and nothing is wrong.
var errGone = errors.New("mail: nobody to send it to")

func gone(err error) error {
	if errors.Is(err, errGone) || errors.Is(err, fault.ErrNotFound) {
		return nil
	}
	return err
}

// write is the mail about n to its person, in the workspace's language. errGone: they have no address, or are not active.
func (s *Service) write(ctx context.Context, n noticeMail, id string) (Message, error) {
	db := s.DB.Read(ctx)
	p, err := directory.Find(db, n.Workspace, n.Person)
	if err != nil {
		return Message{}, err
	}
	if !p.Active || p.Email == "" {
		return Message{}, errGone
	}
	ws, err := workspace.Find(db, n.Workspace)
	if err != nil {
		return Message{}, err
	}
	set, err := settingsOf(db, n.Workspace)
	if err != nil {
		return Message{}, err
	}
	m := compose(set.Language, n.Kind, filling{Brand: s.Brand, Workspace: ws.Name, Name: p.Name, At: n.At, Params: n.Params})
	m.To, m.ToName, m.ID = p.Email, p.Name, id
	m.Link = s.PublicURL + pageOf(n.Kind)
	return m, nil
}

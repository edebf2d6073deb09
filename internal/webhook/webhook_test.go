package webhook_test

import (
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/apitest"
	"github.com/countersign/countersign/internal/assembly"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/webhook"
)

// got is one request that the operator's system received.
type got struct {
	header http.Header
	body   []byte
}

func (g got) message(t *testing.T) (m struct {
	Type string
	Data struct {
		Subject  string
		Position int64
	}
}) {
	t.Helper()
	if err := json.Unmarshal(g.body, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// system is an operator's own, on https.
type system struct {
	*httptest.Server
	mu     sync.Mutex
	answer int
	came   chan got
}

func newSystem(t *testing.T) *system {
	s := &system{answer: http.StatusNoContent, came: make(chan got, 1000)}
	s.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		answer := s.answer
		s.mu.Unlock()
		w.Header().Set("Location", "https://elsewhere.test/")
		w.WriteHeader(answer)
		s.came <- got{r.Header, body}
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *system) answers(status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = status
}

func (s *system) next(t *testing.T) got {
	t.Helper()
	select {
	case g := <-s.came:
		return g
	case <-time.After(time.Minute):
		t.Fatal("no request came")
		return got{}
	}
}

// each runs do beside a system that webhooks may reach, with a running outbox.
func each(t *testing.T, do func(t *testing.T, w *apitest.World, s *system)) {
	for _, d := range dbtest.Dialects {
		t.Run(d, func(t *testing.T) {
			s := newSystem(t)
			w := apitest.With(t, dbtest.URL(t, d), func(deps *assembly.Deps) {
				deps.AllowHosts, deps.WebhookRoots = []string{"127.0.0.1"}, x509.NewCertPool()
				deps.WebhookRoots.AddCert(s.Certificate())
			})
			w.RunOutbox()
			do(t, w, s)
		})
	}
}

// follow seals what has happened and hands it on.
func follow(t *testing.T, w *apitest.World) {
	t.Helper()
	if err := errors.Join(w.Audit.Seal(w.Ctx), w.Webhooks.Follow(w.Ctx)); err != nil {
		t.Fatal(err)
	}
}

func deliveries(t *testing.T, w *apitest.World, by actor.Actor, id string) []webhook.Delivery {
	t.Helper()
	all, err := w.Webhooks.Deliveries(w.Ctx, by, id)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestAnEventIsSentOnceSignedToWhoAskedForItsKind(t *testing.T) {
	each(t, func(t *testing.T, w *apitest.World, s *system) {
		ana := w.Workspace("acme")
		w.Colleague(ana, "before", directory.User) // before there was a webhook
		follow(t, w)
		e, secret, err := w.Webhooks.Add(w.Ctx, ana, s.URL, []string{"user"})
		if err != nil {
			t.Fatal(err)
		}
		ben := w.Colleague(ana, "ben", directory.Admin)
		if _, err := w.Directory.Change(w.Ctx, ana, ben.Person, role(directory.User), nil); err != nil {
			t.Fatal(err)
		}
		follow(t, w)
		follow(t, w)
		found := map[string]int64{}
		for range 2 {
			g := s.next(t)
			key, err := standardwebhooks.NewWebhook(secret)
			if err != nil {
				t.Fatal(err)
			}
			if err := key.VerifyIgnoringTimestamp(g.body, g.header); err != nil {
				t.Errorf("the signature: %v", err)
			}
			if err := key.VerifyIgnoringTimestamp(append(g.body, ' '), g.header); err == nil {
				t.Error("another body has the same signature")
			}
			m := g.message(t)
			if m.Data.Subject != ben.Person {
				t.Errorf("about %s, want %s", m.Data.Subject, ben.Person)
			}
			found[m.Type] = m.Data.Position
		}
		if len(found) != 2 || found["user.created"] >= found["user.updated"] || found["user.created"] == 0 {
			t.Errorf("%v", found)
		}
		apitest.Until(t, "both are delivered", func() bool {
			all := deliveries(t, w, ana, e.ID)
			return len(all) == 2 && all[0].State == webhook.Delivered && all[1].State == webhook.Delivered && all[0].Status == 204
		})
		if len(s.came) != 0 {
			t.Errorf("%d requests too many", len(s.came))
		}
		stopped := true
		if _, err := w.Webhooks.Change(w.Ctx, ana, e.ID, webhook.Wanted{Stopped: &stopped}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Webhooks.Resend(w.Ctx, ana, e.ID, deliveries(t, w, ana, e.ID)[0].ID); !errors.Is(err, webhook.ErrStopped) {
			t.Errorf("sent again to a stopped one: %v", err)
		}
		if d := deliveries(t, w, ana, e.ID)[0]; d.State != webhook.Delivered {
			t.Errorf("what was delivered is %s", d.State)
		}
	})
}

func role(r directory.Role) *directory.Role { return &r }

func TestWhatFailsIsTriedAgainUnderTheSameIDAndStoppedAfterDays(t *testing.T) {
	each(t, func(t *testing.T, w *apitest.World, s *system) {
		ana := w.Workspace("acme")
		e, _, err := w.Webhooks.Add(w.Ctx, ana, s.URL, []string{"user"})
		if err != nil {
			t.Fatal(err)
		}
		s.answers(http.StatusFound) // no redirect is followed
		if _, err := w.Webhooks.Test(w.Ctx, ana, e.ID); err != nil {
			t.Fatal(err)
		}
		id := s.next(t).header.Get("webhook-id")
		apitest.Until(t, "the failure is noted", func() bool {
			d := deliveries(t, w, ana, e.ID)[0]
			return d.Attempts == 1 && d.Status == 302 && d.State == webhook.Waiting
		})
		apitest.Until(t, "it waits for its next try", func() bool { n, err := w.Outbox.Stats(w.Ctx); return err == nil && n.Waiting == 1 && n.Oldest == 0 })
		s.answers(http.StatusOK)
		w.Offset.Advance(time.Minute)
		w.Outbox.Wake()
		if again := s.next(t).header.Get("webhook-id"); again != id {
			t.Errorf("another id: %s, want %s", again, id)
		}
		apitest.Until(t, "it is delivered", func() bool { return deliveries(t, w, ana, e.ID)[0].State == webhook.Delivered })

		if _, err := w.Webhooks.Resend(w.Ctx, ana, e.ID, id); err != nil {
			t.Fatal(err)
		}
		if again := s.next(t).header.Get("webhook-id"); again != id {
			t.Errorf("sent again with another id: %s, want %s", again, id)
		}
		apitest.Until(t, "it is delivered again", func() bool { return deliveries(t, w, ana, e.ID)[0].State == webhook.Delivered })

		s.answers(http.StatusGone)
		if _, err := w.Webhooks.Test(w.Ctx, ana, e.ID); err != nil {
			t.Fatal(err)
		}
		s.next(t)
		apitest.Until(t, "a webhook that says it is gone is stopped", func() bool {
			all, err := w.Webhooks.List(w.Ctx, ana)
			return err == nil && all[0].StoppedAt != nil
		})
		w.Colleague(ana, "unheard", directory.User)
		follow(t, w)
		if n := len(deliveries(t, w, ana, e.ID)); n != 2 {
			t.Errorf("%d deliveries, want the two tests", n)
		}
		started := false
		if _, err := w.Webhooks.Change(w.Ctx, ana, e.ID, webhook.Wanted{Stopped: &started}); err != nil {
			t.Fatal(err)
		}
		follow(t, w)
		if n := len(deliveries(t, w, ana, e.ID)); n != 2 {
			t.Errorf("%d deliveries after the start: what happened meanwhile was sent", n)
		}
	})
}

func TestAReplacedSecretSignsForADay(t *testing.T) {
	each(t, func(t *testing.T, w *apitest.World, s *system) {
		ana := w.Workspace("acme")
		e, old, err := w.Webhooks.Add(w.Ctx, ana, s.URL, []string{"token"})
		if err != nil {
			t.Fatal(err)
		}
		_, fresh, err := w.Webhooks.Renew(w.Ctx, ana, e.ID)
		if err != nil {
			t.Fatal(err)
		}
		signed := func(secret string, g got) bool {
			key, err := standardwebhooks.NewWebhook(secret)
			if err != nil {
				t.Fatal(err)
			}
			return key.VerifyIgnoringTimestamp(g.body, g.header) == nil
		}
		test := func() got {
			if _, err := w.Webhooks.Test(w.Ctx, ana, e.ID); err != nil {
				t.Fatal(err)
			}
			return s.next(t)
		}
		if g := test(); !signed(old, g) || !signed(fresh, g) {
			t.Error("one of the two secrets does not sign")
		}
		w.Offset.Advance(webhook.OldSecret)
		if err := w.Webhooks.Sweep(w.Ctx); err != nil {
			t.Fatal(err)
		}
		if g := test(); signed(old, g) || !signed(fresh, g) {
			t.Error("after a day the old secret signs still, or the new one does not")
		}
	})
}

func TestWhatAWebhookMayBe(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		ana := w.Workspace("acme")
		eve := w.Workspace("evil")
		guest := w.Colleague(ana, "guest", directory.Admin)
		for url, want := range map[string]error{
			"http://8.8.8.8/x": webhook.ErrURL, "https://10.0.0.8/x": webhook.ErrURL, "https://localhost/x": webhook.ErrURL, "https://[::1]/x": webhook.ErrURL,
			"https://169.254.169.254/latest": webhook.ErrURL, "https://u:p@8.8.8.8/": webhook.ErrURL, "": webhook.ErrURL,
			"https://8.8.8.8:0/": webhook.ErrURL, "https://8.8.8.8:99999/": webhook.ErrURL,
		} {
			if _, _, err := w.Webhooks.Add(w.Ctx, ana, url, []string{"user"}); !errors.Is(err, want) {
				t.Errorf("%q: %v, want %v", url, err, want)
			}
		}
		for _, events := range [][]string{nil, {"user", "user"}, {"audit"}, {"user", "x"}} {
			if _, _, err := w.Webhooks.Add(w.Ctx, ana, "https://8.8.8.8/", events); !errors.Is(err, webhook.ErrEvents) {
				t.Errorf("%v: %v", events, err)
			}
		}
		if _, _, err := w.Webhooks.Add(w.Ctx, guest, "https://8.8.8.8/", []string{"user"}); !errors.Is(err, directory.ErrForbidden) {
			t.Errorf("an admin added one: %v", err)
		}
		var id string
		for range webhook.Most {
			e, secret, err := w.Webhooks.Add(w.Ctx, ana, "https://8.8.8.8/", []string{"user"})
			if err != nil || !strings.HasPrefix(secret, "whsec_") {
				t.Fatal(err)
			}
			id = e.ID
		}
		if _, _, err := w.Webhooks.Add(w.Ctx, ana, "https://8.8.8.8/", []string{"user"}); !errors.Is(err, webhook.ErrMany) {
			t.Errorf("one too many: %v", err)
		}
		for name, try := range map[string]func() error{
			"change":     func() error { _, err := w.Webhooks.Change(w.Ctx, eve, id, webhook.Wanted{}); return err },
			"remove":     func() error { return w.Webhooks.Remove(w.Ctx, eve, id) },
			"renew":      func() error { _, _, err := w.Webhooks.Renew(w.Ctx, eve, id); return err },
			"test":       func() error { _, err := w.Webhooks.Test(w.Ctx, eve, id); return err },
			"deliveries": func() error { _, err := w.Webhooks.Deliveries(w.Ctx, eve, id); return err },
		} {
			if err := try(); !errors.Is(err, fault.ErrNotFound) {
				t.Errorf("another workspace: %s: %v", name, err)
			}
		}
		if err := w.Webhooks.Remove(w.Ctx, ana, id); err != nil {
			t.Error(err)
		}
	})
}

// TestANameThatLeadsInsideLaterIsRefused: what counts is the address of the connection, not the one at the time it was added.
func TestANameThatLeadsInsideLaterIsRefused(t *testing.T) {
	each(t, func(t *testing.T, w *apitest.World, s *system) {
		ana := w.Workspace("acme")
		e, _, err := w.Webhooks.Add(w.Ctx, ana, "https://8.8.8.8/", []string{"user"})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.DB.InTx(w.Ctx, moved(e.ID, strings.Replace(s.URL, "127.0.0.1", "127.0.0.2", 1))); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Webhooks.Test(w.Ctx, ana, e.ID); err != nil {
			t.Fatal(err)
		}
		apitest.Until(t, "the try is noted", func() bool {
			d := deliveries(t, w, ana, e.ID)[0]
			return d.Attempts == 1 && d.Status == 0 && strings.Contains(d.Error, "not a public address")
		})
	})
}

// TestTheAddressOfAWebhookStaysWithIt: paths and queries of addresses are often what lets a request in; audit, notices, mails and errors tell the
// host alone.
func TestTheAddressOfAWebhookStaysWithIt(t *testing.T) {
	each(t, func(t *testing.T, w *apitest.World, s *system) {
		ana := w.Workspace("acme")
		e, _, err := w.Webhooks.Add(w.Ctx, ana, s.URL+"/hush?key=hush", []string{"user"})
		if err != nil {
			t.Fatal(err)
		}
		s.Close() // nobody answers, and the error is shown
		if _, err := w.Webhooks.Test(w.Ctx, ana, e.ID); err != nil {
			t.Fatal(err)
		}
		apitest.Until(t, "the try is noted", func() bool {
			d := deliveries(t, w, ana, e.ID)[0]
			if strings.Contains(d.Error, "hush") {
				t.Fatalf("the error names the address: %s", d.Error)
			}
			return d.Attempts >= 1 && d.Error != ""
		})
		stopped := true
		if _, err := w.Webhooks.Change(w.Ctx, ana, e.ID, webhook.Wanted{Stopped: &stopped}); err != nil {
			t.Fatal(err)
		}
		if err := w.Webhooks.Remove(w.Ctx, ana, e.ID); err != nil {
			t.Fatal(err)
		}
		events, err := audit.Newest(w.DB.Read(w.Ctx), ana.Workspace, 50)
		if err != nil {
			t.Fatal(err)
		}
		told := 0
		for _, one := range events {
			if address, ok := one.Detail["url"].(string); ok {
				told++
				if address != s.URL+"/…" {
					t.Errorf("%s tells %s", one.Event, address)
				}
			}
		}
		if told != 3 {
			t.Errorf("%d events tell the address, want added, changed and removed", told)
		}
	})
}

func moved(id, to string) func(tx database.Tx) error {
	return func(tx database.Tx) error { return tx.Exec("UPDATE webhooks SET url = ? WHERE id = ?", to, id).Error }
}

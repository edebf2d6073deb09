package apitest_test

import (
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/apitest"
	"github.com/countersign/countersign/internal/assembly"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
	"github.com/countersign/countersign/internal/mail"
	"github.com/countersign/countersign/internal/phonesim"
)

// hung is a mail server and a system for webhooks that take every connection and say nothing until the test ends.
type hung struct {
	smtp     net.Listener
	system   *httptest.Server
	visited  chan struct{} // closed at the first connection of a mail
	asked    chan struct{} // closed at the first webhook
	released chan struct{}
}

func newHung(t *testing.T) *hung {
	t.Helper()
	h := &hung{visited: make(chan struct{}), asked: make(chan struct{}), released: make(chan struct{})}
	var err error
	if h.smtp, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	visit, ask := sync.OnceFunc(func() { close(h.visited) }), sync.OnceFunc(func() { close(h.asked) })
	go func() {
		for {
			c, err := h.smtp.Accept()
			if err != nil {
				return
			}
			visit()
			go func() { <-h.released; _ = c.Close() }()
		}
	}()
	h.system = httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		ask()
		<-h.released
	}))
	return h
}

// release lets go of everybody who hangs.
func (h *hung) release() {
	close(h.released)
	_ = h.smtp.Close()
	h.system.Close()
}

// TestMailsAndWebhooksThatHangHoldUpNoPush: hundreds of them are due, and neither the mail server nor the system behind the webhook says a word. Were
// they to take the outbox's hands as pushes do, somebody at a dialog would wait for them.
func TestMailsAndWebhooksThatHangHoldUpNoPush(t *testing.T) {
	const mails, webhooks = 200, 40
	for _, d := range dbtest.Dialects {
		t.Run(d, func(t *testing.T) {
			h := newHung(t)
			fake, sender := fakes(t)
			mailer, err := mail.NewSender("smtp://"+h.smtp.Addr().String(), "Countersign <no-reply@acme.test>", nil)
			if err != nil {
				t.Fatal(err)
			}
			s := apitest.With(t, dbtest.URL(t, d), func(deps *assembly.Deps) {
				deps.Push, deps.Mail, deps.Brand = sender, mailer, "Countersign"
				deps.AllowHosts, deps.WebhookRoots = []string{"127.0.0.1"}, x509.NewCertPool()
				deps.WebhookRoots.AddCert(h.system.Certificate())
			}).Serve()
			t.Cleanup(h.release) // before the service is stopped, which waits for what is in hand
			ana := s.Owner("acme")
			ana.Pair(phonesim.Options{Platform: "android", Push: &phonesim.Push{Kind: "fcm", Token: "registration"}})
			owner := s.Session(owner(t, s.World, "acme", "ana@acme.test"))
			s.InTx(func(tx database.Tx) error {
				now, err := tx.Now()
				notice, jerr := json.Marshal(map[string]any{"workspace": owner.Workspace, "person": owner.Person, "kind": "device.added", "params": map[string]string{"device": "Pixel"}, "at": now})
				err = errors.Join(err, jerr)
				for range mails {
					err = errors.Join(err, s.Outbox.Add(tx, "mail.notice", notice, now.Add(-time.Hour), now.Add(24*time.Hour)))
				}
				return err
			})
			hook, _, err := s.Webhooks.Add(s.Ctx, owner, h.system.URL, []string{"user"})
			if err != nil {
				t.Fatal(err)
			}
			for range webhooks {
				if _, err := s.Webhooks.Test(s.Ctx, owner, hook.ID); err != nil {
					t.Fatal(err)
				}
			}
			<-h.visited
			<-h.asked
			id := ana.Ask().Text("id")
			p := pushed{s, fake}
			apitest.Until(t, "the push", func() bool { return p.about("registration", map[string]bool{id: true}) == 1 })
			if left, err := s.Outbox.Stats(s.Ctx); err != nil || left.Waiting < mails+webhooks || left.Dead != 0 {
				t.Errorf("%+v, %v: %d mails and %d webhooks were to hang", left, err, mails, webhooks)
			}
		})
	}
}

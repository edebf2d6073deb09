package mail_test

import (
	"crypto/x509"
	"errors"
	"io"
	"mime/quotedprintable"
	"net"
	"net/http/httptest"
	stdmail "net/mail"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/apitest"
	"github.com/countersign/countersign/internal/assembly"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/mail"
	"github.com/countersign/countersign/internal/notice"
	"github.com/countersign/countersign/internal/signin"
)

// post is a real mail server that keeps what it takes.
type post struct {
	mu     sync.Mutex
	mails  []string
	refuse func(to string) error
	login  string // who signed in last
	came   chan string
}

func (p *post) NewSession(*smtp.Conn) (smtp.Session, error) { return &visit{p: p}, nil }

type visit struct {
	p  *post
	to string
}

func (v *visit) AuthMechanisms() []string { return []string{sasl.Plain} }
func (v *visit) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if password != "hush hush" {
			return smtp.ErrAuthFailed
		}
		v.p.mu.Lock()
		defer v.p.mu.Unlock()
		v.p.login = user
		return nil
	}), nil
}
func (v *visit) Mail(string, *smtp.MailOptions) error { return nil }
func (v *visit) Rcpt(to string, _ *smtp.RcptOptions) error {
	v.p.mu.Lock()
	defer v.p.mu.Unlock()
	v.to = to
	if v.p.refuse != nil {
		return v.p.refuse(to)
	}
	return nil
}
func (v *visit) Data(r io.Reader) error {
	m, err := stdmail.ReadMessage(r)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(quotedprintable.NewReader(m.Body))
	if err != nil {
		return err
	}
	b := ""
	for name, values := range m.Header {
		b += name + ": " + strings.Join(values, ", ") + "\r\n"
	}
	b += "\r\n" + string(body)
	v.p.mu.Lock()
	v.p.mails = append(v.p.mails, b)
	v.p.mu.Unlock()
	v.p.came <- b
	return nil
}
func (v *visit) Reset()        {}
func (v *visit) Logout() error { return nil }

// start serves p until the test ends and is a sender to it.
func (p *post) start(t *testing.T, user string) *mail.Sender {
	t.Helper()
	p.came = make(chan string, 100)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := smtp.NewServer(p)
	server.Domain = "mail.acme.test"
	certified := httptest.NewTLSServer(nil) // lends its certificate, so that STARTTLS is spoken
	t.Cleanup(certified.Close)
	server.TLSConfig = certified.TLS
	roots := x509.NewCertPool()
	roots.AddCert(certified.Certificate())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = server.Serve(l) }()
	t.Cleanup(func() { _, _ = server.Close(), l.Close(); <-ended }) // Close knows the listener only once Serve has begun
	sender, err := mail.NewSender("smtp://"+user+l.Addr().String(), "Countersign <no-reply@acme.test>", roots)
	if err != nil {
		t.Fatal(err)
	}
	return sender
}

func (p *post) next(t *testing.T) string {
	t.Helper()
	select {
	case m := <-p.came:
		return m
	case <-time.After(time.Minute):
		t.Fatal("no mail came")
		return ""
	}
}

// each runs do in a service with a mail server, whose outbox runs.
func each(t *testing.T, do func(t *testing.T, w *apitest.World, p *post)) {
	for _, d := range dbtest.Dialects {
		t.Run(d, func(t *testing.T) {
			p := &post{}
			sender := p.start(t, "")
			w := apitest.With(t, dbtest.URL(t, d), func(deps *assembly.Deps) { deps.Mail, deps.Brand = sender, "Countersign" })
			do(t, w, p)
		})
	}
}

func tell(w *apitest.World, to actor.Actor, kind string, params notice.Params) {
	w.T.Helper()
	w.InTx(func(tx database.Tx) error {
		now, err := tx.Now()
		if err != nil {
			return err
		}
		return notice.Tell(tx, to.Workspace, []string{to.Person}, kind, params, now)
	})
}

func handOn(w *apitest.World) int {
	w.T.Helper()
	n, err := w.Mail.HandOn(w.Ctx)
	if err != nil {
		w.T.Fatal(err)
	}
	return n
}

func TestANoticeIsMailedOnceInTheConsolesWords(t *testing.T) {
	each(t, func(t *testing.T, w *apitest.World, p *post) {
		ana := w.Workspace("acme")
		tell(w, ana, "device.added", notice.Params{"device": "Pixel\r\nBcc: eve@evil.test"})
		if n := handOn(w); n != 1 {
			t.Fatalf("%d notices were handed on", n)
		}
		if n := handOn(w); n != 0 {
			t.Errorf("%d were handed on twice", n)
		}
		w.RunOutbox()
		m := p.next(t)
		head, body, _ := strings.Cut(m, "\r\n\r\n")
		for _, want := range []string{"To: ", "ana@acme.test", "From: \"Countersign\" <no-reply@acme.test>", "Auto-Submitted: auto-generated", "Subject: "} {
			if !strings.Contains(head, want) {
				t.Errorf("the head lacks %q:\n%s", want, head)
			}
		}
		if strings.Contains(head, "eve@evil.test") || !strings.Contains(body, "A new phone was added: Pixel") || !strings.Contains(body, "/notices") {
			t.Errorf("%s", m)
		}
	})
}

func TestWhoIsNotMailed(t *testing.T) {
	each(t, func(t *testing.T, w *apitest.World, p *post) {
		ana := w.Workspace("acme")
		ben := w.Colleague(ana, "ben", directory.Admin)
		off := mail.Settings{Language: "de", Off: []string{"removal.held"}}
		if err := w.Mail.Change(w.Ctx, ana, off); err != nil {
			t.Fatal(err)
		}
		tell(w, ana, "removal.held", nil)                              // turned off
		tell(w, ben, "device.added", notice.Params{"device": "Pixel"}) // gone before the mail is written
		w.InTx(func(tx database.Tx) error {                            // too old
			now, err := tx.Now()
			if err != nil {
				return err
			}
			return notice.Tell(tx, ana.Workspace, []string{ana.Person}, "device.added", notice.Params{"device": "Old"}, now.Add(-25*time.Hour))
		})
		handOn(w)
		gone := false
		if _, err := w.Directory.Change(w.Ctx, ana, ben.Person, nil, &gone); err != nil {
			t.Fatal(err)
		}
		tell(w, ana, "recovery.code_used", notice.Params{"person": "Ana Kovač", "left": 9})
		handOn(w)
		w.RunOutbox()
		if m := p.next(t); !strings.Contains(m, "Wiederherstellungscode") {
			t.Errorf("a mail that should not have come, or not in German:\n%s", m)
		}
		apitest.Until(t, "the outbox is empty", func() bool { n, err := w.Outbox.Stats(w.Ctx); return err == nil && n.Waiting == 0 })
		p.mu.Lock()
		defer p.mu.Unlock()
		if len(p.mails) != 1 {
			t.Errorf("%d mails, want 1: %q", len(p.mails), p.mails)
		}
	})
}

func TestAMailServerThatIsBusyIsAskedAgainAndOneThatRefusesIsNot(t *testing.T) {
	each(t, func(t *testing.T, w *apitest.World, p *post) {
		ana := w.Workspace("acme")
		tries := 0
		p.refuse = func(string) error {
			if tries++; tries == 1 {
				return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "greylisted"}
			}
			return nil
		}
		tell(w, ana, "device.added", notice.Params{"device": "Pixel"})
		handOn(w)
		w.RunOutbox()
		apitest.Until(t, "the first try has failed", func() bool { p.mu.Lock(); defer p.mu.Unlock(); return tries == 1 })
		w.Offset.Advance(time.Minute)
		w.Outbox.Wake()
		p.next(t)

		p.mu.Lock()
		p.refuse = func(string) error {
			return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such mailbox"}
		}
		p.mu.Unlock()
		tell(w, ana, "device.removed", notice.Params{"device": "Pixel"})
		handOn(w)
		w.Outbox.Wake()
		apitest.Until(t, "the refusal is in the audit", func() bool {
			events, err := audit.Newest(w.DB.Read(w.Ctx), ana.Workspace, 50)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range events {
				if e.Event == "mail.refused" && strings.Contains(e.Detail["answer"].(string), "no such mailbox") {
					return true
				}
			}
			return false
		})
	})
}

func TestAPasswordLinkIsMadeWhenItsMailIs(t *testing.T) {
	each(t, func(t *testing.T, w *apitest.World, p *post) {
		ana := w.Workspace("acme")
		ben := w.Colleague(ana, "ben", directory.Admin)
		w.InTx(func(tx database.Tx) error { return w.Mail.PasswordLink(tx, ben.Workspace, ben.Person) })
		var links int64
		if err := w.DB.Read(w.Ctx).Raw("SELECT COUNT(*) FROM password_links").Scan(&links).Error; err != nil || links != 0 {
			t.Fatalf("%d links before the mail, %v", links, err)
		}
		w.RunOutbox()
		m := p.next(t)
		link := regexp.MustCompile(`/set-password#(\S+)`).FindStringSubmatch(m)
		if link == nil {
			t.Fatalf("no link in\n%s", m)
		}
		if err := w.Signin.SetPassword(w.Ctx, signin.Browser{}, link[1], "correct horse battery"); err != nil {
			t.Error(err)
		}
	})
}

func TestTheTestMailSaysWhatTheServerSaid(t *testing.T) {
	each(t, func(t *testing.T, w *apitest.World, p *post) {
		ana := w.Workspace("acme")
		if to, err := w.Mail.Test(w.Ctx, ana); err != nil || to != "ana@acme.test" {
			t.Fatalf("%q, %v", to, err)
		}
		if _, err := w.Mail.Test(w.Ctx, ana); err == nil || !strings.Contains(err.Error(), "just now") {
			t.Errorf("two at once: %v", err)
		}
		w.Offset.Advance(time.Minute)
		p.mu.Lock()
		p.refuse = func(string) error { return &smtp.SMTPError{Code: 554, Message: "relay access denied"} }
		p.mu.Unlock()
		if _, err := w.Mail.Test(w.Ctx, ana); !errors.Is(err, mail.ErrFailed) || !strings.Contains(err.Error(), "relay access denied") {
			t.Errorf("refused: %v", err)
		}
	})
}

func TestThePasswordOfTheMailServerStaysHere(t *testing.T) {
	p := &post{}
	good := p.start(t, "robot:hush%20hush@")
	if err := good.Send(t.Context(), mail.Message{ID: "x", To: "ana@acme.test", Subject: "s"}); err != nil {
		t.Fatal(err)
	}
	if p.login != "robot" {
		t.Errorf("signed in as %q", p.login)
	}
	q := &post{}
	bad := q.start(t, "robot:not%20hush@")
	if err := bad.Send(t.Context(), mail.Message{ID: "x", To: "ana@acme.test"}); err == nil || strings.Contains(err.Error(), "not hush") {
		t.Errorf("a wrong password: %v", err)
	}
}

func TestAServerElsewhereHasToSpeakTLS(t *testing.T) {
	for _, address := range []string{"", "http://x", "smtp://", "smtp://x:y", "mail.acme.test"} {
		if _, err := mail.NewSender(address, "a@b.test", nil); err == nil {
			t.Errorf("%q was taken for a mail server", address)
		}
	}
	if _, err := mail.NewSender("smtp://x", "nobody", nil); err == nil {
		t.Error("a sender without an address was taken")
	}
}

// TestEveryNoticeHasItsMail compares the kinds that the console has sentences for with those that mails have.
func TestEveryNoticeHasItsMail(t *testing.T) {
	source, err := os.ReadFile(filepath.Join("..", "..", "webapp", "src", "console", "recovery", "notices.ts"))
	if err != nil {
		t.Fatal(err)
	}
	told := regexp.MustCompile(`'([a-z_]+\.[a-z_]+)': \{ key: '([a-z_.]+)'`).FindAllStringSubmatch(string(source), -1)
	if len(told) < 20 {
		t.Fatalf("%d kinds found in notices.ts", len(told))
	}
	for _, k := range told {
		if key := mail.SentenceKey(k[1], nil); key != k[2] {
			t.Errorf("%s: the console says %s, a mail %q (internal/mail/events.go)", k[1], k[2], key)
		}
	}
	for _, kind := range mail.Kinds() {
		for _, l := range mail.Languages {
			m := mail.Compose(l, kind)
			if strings.Contains(m.Subject+m.Text, "{{") || strings.Contains(m.Subject, kind) {
				t.Errorf("%s in %s: %q, %q", kind, l, m.Subject, m.Text)
			}
		}
	}
}

// TestThePhonesOfACompanyAreNotAMailEach: the Owner hears of the first at once, and of those of the hour after it in one mail.
func TestThePhonesOfACompanyAreNotAMailEach(t *testing.T) {
	each(t, func(t *testing.T, w *apitest.World, p *post) {
		ana := w.Workspace("acme")
		add := func(names ...string) { // handed on together
			for _, name := range names {
				tell(w, ana, "colleague.device_added", notice.Params{"person": name, "device": "Pixel of " + name})
			}
			handOn(w)
		}
		later := func() { // only what is gathered waits: a task that is being finished would be taken over, as if its worker had died
			apitest.Until(t, "the other mails are done", func() bool { n, err := w.Outbox.Stats(w.Ctx); return err == nil && n.Waiting == 1 })
			w.Offset.Advance(2 * time.Hour)
			w.Outbox.Wake()
		}
		w.RunOutbox()
		add("Ben", "Cleo")
		if m := p.next(t); !strings.Contains(m, "Ben added a phone: Pixel of Ben") {
			t.Errorf("the first:\n%s", m)
		}
		add("Dora\r\nBcc: eve@evil.test")
		add("Emil")
		tell(w, ana, "recovery.code_used", notice.Params{"person": "Ana Kova\u010d", "left": 9})
		handOn(w)
		if m := p.next(t); !strings.Contains(m, "recovery code") {
			t.Errorf("before what is gathered comes something else:\n%s", m)
		}
		later()
		m := p.next(t)
		for _, want := range []string{"added 3 phones", "Cleo (Pixel of Cleo), Dora", "Emil (Pixel of Emil)", "Subject: ", "/notices"} {
			if !strings.Contains(m, want) {
				t.Errorf("what is gathered lacks %q:\n%s", want, m)
			}
		}
		if strings.Contains(m, "of Ben") || strings.Contains(m, "\nBcc") {
			t.Errorf("what is gathered:\n%s", m)
		}
		add("Finn") // an hour of its own
		if m := p.next(t); !strings.Contains(m, "Finn added a phone") {
			t.Errorf("the first of another hour:\n%s", m)
		}
		add("Gina")
		later()
		if m := p.next(t); !strings.Contains(m, "Gina added a phone") { // alone, so in the words of one
			t.Errorf("the second of another hour:\n%s", m)
		}
		if all, _, err := notice.Of(w.DB.Read(w.Ctx), ana); err != nil || len(all) != 7 {
			t.Errorf("%d notices, %v: each stands in the console", len(all), err)
		}
	})
}

func TestAMailOfANewTokenSaysHowLongTheOldOneWorks(t *testing.T) {
	for _, c := range []struct {
		name   string
		kind   string
		params map[string]any
		want   string
	}{
		{"with an overlap", "token.renewed", map[string]any{"previous": "aaaa", "until": "2026-11-24T14:02:00Z"}, "works until 24 November 2026, 14:02 UTC"},
		{"without one", "token.renewed", map[string]any{"previous": "aaaa", "exposed": false}, "stopped at once: nothing syncs"},
		{"exposed", "token.renewed", map[string]any{"previous": "aaaa", "exposed": true}, "may be known to strangers"},
		{"by support", "token.renewed_support", map[string]any{"previous": "aaaa"}, "stopped at once"},
		{"on the server", "token.regenerated", map[string]any{"previous": "aaaa"}, "stopped at once"},
		{"taken back", "token.regeneration_cancelled", map[string]any{"previous": "aaaa"}, ""},
		{"something else", "token.viewed", map[string]any{"previous": "aaaa"}, ""},
	} {
		text := mail.Tell("en", c.kind, c.params)
		if c.want != "" && !strings.Contains(text, c.want) || c.want == "" && strings.Contains(text, "The old token") || strings.Contains(text, "{{") {
			t.Errorf("%s: %s", c.name, text)
		}
	}
}

func TestAMailWaitsLongerTheLongerItHasWaited(t *testing.T) {
	for waited, want := range map[time.Duration]time.Duration{-time.Second: 30 * time.Second, 0: 30 * time.Second, time.Minute: time.Minute, 5 * time.Hour: 30 * time.Minute} {
		if got := mail.Pause(waited); got != want {
			t.Errorf("after %s: %s, want %s", waited, got, want)
		}
	}
}

package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/url"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"
)

const sendTimeout = 10 * time.Second // below the outbox's lease

// Sender hands mails to one mail server.
type Sender struct {
	host  string
	port  int
	tls   bool // from the first byte; otherwise STARTTLS
	plain bool // a server on this machine may go without
	user  string
	pass  string
	roots *x509.CertPool
	from  *mail.Address
}

// NewSender reads smtp://user:password@host:587 (STARTTLS is demanded, but from a server on this machine) or smtps://user:password@host:465, and
// the sender, "Acme <no-reply@acme.test>" or the address alone. roots nil are the system's.
func NewSender(server, from string, roots *x509.CertPool) (*Sender, error) {
	u, err := url.Parse(server)
	if err != nil || u.Hostname() == "" || (u.Scheme != "smtp" && u.Scheme != "smtps") {
		return nil, errors.New("mail: the server is smtp://user:password@host:port or smtps://…")
	}
	s := &Sender{host: u.Hostname(), tls: u.Scheme == "smtps", port: 587, roots: roots, user: u.User.Username()}
	s.pass, _ = u.User.Password()
	if s.tls {
		s.port = 465
	}
	if text := u.Port(); text != "" {
		if s.port, err = strconv.Atoi(text); err != nil {
			return nil, errors.New("mail: the server's port is no number")
		}
	}
	ip := net.ParseIP(s.host)
	s.plain = s.host == "localhost" || (ip != nil && ip.IsLoopback())
	if s.from, err = mail.ParseAddress(from); err != nil {
		return nil, fmt.Errorf("mail: %q is no sender", from)
	}
	return s, nil
}

// From is the address that mails come from.
func (s *Sender) From() string { return s.from.Address }

// Message is one mail: plain text, one reader, one link.
type Message struct {
	ID       string // the same for each try, so that a mail that was sent twice is known for one
	To       string
	ToName   string
	Subject  string
	Greeting string
	Text     string
	Link     string
	Foot     string
}

// Refusal is what the mail server said. Its text holds no password.
type Refusal struct {
	Final bool // trying again would change nothing
	Said  string
}

// Error is what the server said.
func (r *Refusal) Error() string { return r.Said }

// Send hands m to the server and returns when the server has taken it; a *Refusal says why not.
func (s *Sender) Send(ctx context.Context, m Message) error {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	client, err := s.client()
	if err != nil {
		return err
	}
	msg, err := s.message(m)
	if err != nil {
		return &Refusal{Final: true, Said: "the address is none that mail can be sent to"}
	}
	if err := client.DialAndSendWithContext(ctx, msg); err != nil {
		return s.refusal(err)
	}
	return nil
}

func (s *Sender) client() (*gomail.Client, error) {
	opts := []gomail.Option{gomail.WithPort(s.port), gomail.WithTimeout(sendTimeout), gomail.WithTLSConfig(&tls.Config{ServerName: s.host, RootCAs: s.roots, MinVersion: tls.VersionTLS12})}
	switch {
	case s.tls:
		opts = append(opts, gomail.WithSSL())
	case s.plain:
		opts = append(opts, gomail.WithTLSPolicy(gomail.TLSOpportunistic))
	default:
		opts = append(opts, gomail.WithTLSPolicy(gomail.TLSMandatory))
	}
	if s.user != "" {
		opts = append(opts, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover), gomail.WithUsername(s.user), gomail.WithPassword(s.pass))
	}
	return gomail.NewClient(s.host, opts...)
}

func (s *Sender) message(m Message) (*gomail.Msg, error) {
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	msg.FromMailAddress(s.from)
	if err := msg.AddToFormat(line(m.ToName), m.To); err != nil {
		return nil, err
	}
	msg.Subject(line(m.Subject))
	msg.SetDate()
	msg.SetMessageIDWithValue(line(m.ID) + "@" + domain(s.from.Address))
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834 §5: nobody's vacation answers it
	msg.SetBodyString(gomail.TypeTextPlain, strings.Join([]string{m.Greeting, m.Text, m.Link, "-- \n" + m.Foot}, "\n\n")+"\n")
	return msg, nil
}

// refusal keeps what the server said and drops what could repeat a password.
func (s *Sender) refusal(err error) error {
	said := strings.ToValidUTF8(err.Error(), "�")
	if s.pass != "" {
		said = strings.ReplaceAll(said, s.pass, "…")
	}
	if len(said) > 300 {
		said = strings.ToValidUTF8(said[:300], "") + "…"
	}
	var sent *gomail.SendError
	return &Refusal{Final: errors.As(err, &sent) && !sent.IsTemp() && sent.ErrorCode() >= 500, Said: said}
}

// line keeps a header to one line.
func line(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == 0x2028 || r == 0x2029 {
			return ' '
		}
		return r
	}, s))
}

func domain(address string) string { return address[strings.LastIndexByte(address, '@')+1:] }

package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"mime/quotedprintable"
	"net"
	stdmail "net/mail"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
)

// local is a certificate for servers of a story on this machine: its mail server, and what receives webhooks.
type local struct{ cert, key []byte } // PEM

func newLocal(t *testing.T) local {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "a story"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(365 * 24 * time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return local{cert: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), key: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})}
}

// post is a real mail server that keeps what it takes.
type post struct {
	mu    sync.Mutex
	mails []letter
}

// letter is a mail as somebody got it.
type letter struct {
	To      string `json:"to"`
	Subject string `json:"subject"`
	Text    string `json:"text"`
}

// NewSession is a visit of a sender.
func (p *post) NewSession(*smtp.Conn) (smtp.Session, error) { return &visit{p: p}, nil }

type visit struct {
	p  *post
	to string
}

func (v *visit) Mail(string, *smtp.MailOptions) error      { return nil }
func (v *visit) Rcpt(to string, _ *smtp.RcptOptions) error { v.to = to; return nil }
func (v *visit) Reset()                                    {}
func (v *visit) Logout() error                             { return nil }
func (v *visit) Data(r io.Reader) error {
	m, err := stdmail.ReadMessage(r)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(quotedprintable.NewReader(m.Body))
	if err != nil {
		return err
	}
	v.p.mu.Lock()
	defer v.p.mu.Unlock()
	v.p.mails = append(v.p.mails, letter{v.to, m.Header.Get("Subject"), string(text)})
	return nil
}

// all are the mails so far.
func (p *post) all() []letter {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]letter{}, p.mails...)
}

// turnOnMail starts the service again with a mail server, as an operator does who has found one.
func (s *story) turnOnMail(t *testing.T) error {
	t.Helper()
	pair, err := tls.X509KeyPair(s.local.cert, s.local.key)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := smtp.NewServer(s.post)
	server.Domain = "mail.acme.test"
	server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = server.Serve(l) }()
	t.Cleanup(func() { _, _ = server.Close(), l.Close(); <-ended })
	if err := s.stop(); err != nil {
		return err
	}
	s.env["SMTP_URL"], s.env["MAIL_FROM"] = "smtp://"+l.Addr().String(), "Countersign <no-reply@acme.test>"
	return s.start()
}

// mails are those to an address, once there are as many as asked for.
func (s *story) mails(ctx context.Context, to string, least int) (any, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		found := []letter{}
		for _, m := range s.post.all() {
			if m.To == to {
				found = append(found, m)
			}
		}
		if len(found) >= least {
			return map[string]any{"items": found}, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, errors.Join(errors.New("no mail came"), ctx.Err())
		}
	}
}

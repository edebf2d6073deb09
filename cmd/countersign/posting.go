package main

import (
	"crypto/x509"
	"fmt"

	"github.com/countersign/countersign/internal/config"
	"github.com/countersign/countersign/internal/mail"
	"github.com/countersign/countersign/internal/push"
)

// posting is the way to the mail server, nil where there is none, and the authorities that mail servers and webhooks are believed by.
func posting(cfg config.Config) (*mail.Sender, *x509.CertPool, error) {
	roots, err := push.Roots(cfg.PushCA)
	if err != nil || cfg.SMTPURL == "" {
		return nil, roots, err
	}
	sender, err := mail.NewSender(cfg.SMTPURL.Reveal(), cfg.MailFrom, roots)
	if err != nil {
		return nil, roots, fmt.Errorf("%s: %w", config.Variable("smtp-url"), err)
	}
	return sender, roots, nil
}

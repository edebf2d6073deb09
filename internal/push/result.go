package push

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Outcome says what the caller should do next, in one word that is also the metric's label.
type Outcome string

const (
	Sent          Outcome = "sent"           // the service took it; the phone may still be off
	Retry         Outcome = "retry"          // the service could not be asked or could not say: again later, the same way
	Dead          Outcome = "dead"           // the registration is gone: retire it, if it is still the one that was used
	Misconfigured Outcome = "misconfigured"  // the service refuses us, not the phone: alarm, keep the registration, do not repeat
	Rejected      Outcome = "rejected"       // the service refuses this message: do not repeat it, keep the registration
	Expired       Outcome = "expired"        // the question had ended already, nothing was sent
	NotConfigured Outcome = "not_configured" // no sender for this kind of address, nothing was sent
)

// Result is how one Send went.
type Result struct {
	Outcome Outcome
	// Reason is the service's own word ("UNREGISTERED", "BadDeviceToken", "http_503") or one of ours ("timeout", "connection").
	// It is at most 64 plain characters and safe to log and to show; empty when Sent.
	Reason string
	// RetryAfter is, with Retry, the least time to wait as the service asked or its guide demands; zero leaves it to the caller.
	RetryAfter time.Duration
	// DeadSince is, with Dead, when the service saw the registration die, where it says so (APNs, milliseconds). A registration
	// made after that moment is a new one and must be kept. Zero: retire it if it is still the one that was used.
	DeadSince time.Time
	// ProviderID is the service's id of the notification, where it has one.
	ProviderID string
}

var word = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.:%-]{0,63}$`)

// Word returns s when it is one plain word, and otherwise the fallback: what a service (or somebody who plays one) writes in its
// answers ends up in logs and on screens.
func Word(s, fallback string) string {
	if word.MatchString(s) {
		return s
	}
	return fallback
}

// HTTPReason names an answer that gave no word of its own, "http_502".
func HTTPReason(status int) string { return "http_" + strconv.Itoa(status) }

// RetryAfter reads the header of that name, in seconds or as a date (RFC 9110 §10.2.3); zero when absent, past or unreadable, a
// day at most.
func RetryAfter(h http.Header, now time.Time) time.Duration {
	const longest = 24 * time.Hour
	text := strings.TrimSpace(h.Get("Retry-After"))
	if n, err := strconv.ParseInt(text, 10, 32); err == nil {
		return min(max(time.Duration(n)*time.Second, 0), longest)
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), longest)
}

// Unreached is the result of an attempt that got no answer. The request may have been carried out all the same, which is why
// every notification replaces its equal on the phone.
func Unreached(ctx context.Context, err error) Result {
	var (
		certificate *tls.CertificateVerificationError
		authority   x509.UnknownAuthorityError
		name        *net.DNSError
		timeout     net.Error
	)
	r := Result{Outcome: Retry, Reason: "connection"}
	switch {
	case errors.Is(err, context.Canceled) || errors.Is(ctx.Err(), context.Canceled):
		r.Reason = "cancelled"
	case errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil:
		r.Reason = "timeout"
	case errors.As(err, &certificate) || errors.As(err, &authority):
		r.Reason = "certificate"
	case errors.As(err, &name):
		r.Reason = "dns"
	case errors.As(err, &timeout) && timeout.Timeout():
		r.Reason = "timeout"
	}
	return r
}

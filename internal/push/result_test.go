package push_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/push"
)

func TestRetryAfter(t *testing.T) {
	for _, c := range []struct {
		name, header string
		want         time.Duration
	}{
		{"seconds", "120", 2 * time.Minute},
		{"seconds with blanks", " 7 ", 7 * time.Second},
		{"a date", now.Add(90 * time.Second).Format(http.TimeFormat), 90 * time.Second},
		{"a past date", now.Add(-time.Hour).Format(http.TimeFormat), 0},
		{"a negative number", "-5", 0},
		{"a year", "31536000", 24 * time.Hour},
		{"a number beyond all", "99999999999999999999", 0},
		{"words", "soon", 0},
		{"nothing", "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := push.RetryAfter(http.Header{"Retry-After": {c.header}}, now); got != c.want {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

func TestWordLetsOnlyPlainWordsThrough(t *testing.T) {
	for word, want := range map[string]string{
		"BadDeviceToken": "BadDeviceToken", "SENDER_ID_MISMATCH": "SENDER_ID_MISMATCH", "": "other", "two words": "other",
		"<script>": "other", "a\nb": "other", "\u202eabc": "other", strings.Repeat("a", 65): "other", "token=secret": "other",
	} {
		if got := push.Word(word, "other"); got != want {
			t.Errorf("%q became %q, want %q", word, got, want)
		}
	}
}

func TestUnreached(t *testing.T) {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	late, cancelLate := context.WithDeadline(context.Background(), time.Unix(1, 0))
	defer cancelLate()
	for _, c := range []struct {
		name string
		ctx  context.Context
		err  error
		want string
	}{
		{"the caller gave up", ended, errors.New("x"), "cancelled"},
		{"the time was over", late, errors.New("x"), "timeout"},
		{"a deadline below", context.Background(), fmt.Errorf("x: %w", context.DeadlineExceeded), "timeout"},
		{"a certificate", context.Background(), &tls.CertificateVerificationError{Err: errors.New("x")}, "certificate"},
		{"an unknown authority", context.Background(), fmt.Errorf("x: %w", x509.UnknownAuthorityError{}), "certificate"},
		{"no such name", context.Background(), &net.DNSError{Err: "no such host", Name: "x"}, "dns"},
		{"a slow handshake", context.Background(), &net.OpError{Op: "dial", Err: &timeoutError{}}, "timeout"},
		{"anything else", context.Background(), errors.New("connection reset"), "connection"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := push.Unreached(c.ctx, c.err); got.Outcome != push.Retry || got.Reason != c.want {
				t.Errorf("%+v, want retry for %q", got, c.want)
			}
		})
	}
}

type timeoutError struct{}

func (*timeoutError) Error() string   { return "slow" }
func (*timeoutError) Timeout() bool   { return true }
func (*timeoutError) Temporary() bool { return true }

func TestRoots(t *testing.T) {
	if pool, err := push.Roots(nil); pool != nil || err != nil {
		t.Errorf("without extra authorities: %v, %v", pool, err)
	}
	if _, err := push.Roots([]byte("no certificate")); err == nil {
		t.Error("text without a certificate was accepted")
	}
}

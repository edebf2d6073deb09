package apns

import (
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/fakepush"
	"github.com/countersign/countersign/internal/push"
)

// FuzzAnswer: whatever somebody who plays APNs answers, a push ends in one of the known outcomes, with a reason that is a plain word.
func FuzzAnswer(f *testing.F) {
	fake, err := fakepush.New(fakepush.Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = fake.Close() })
	var mu sync.Mutex
	var status int
	var body, later, id string
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		w.Header()["Retry-After"], w.Header()["Apns-Id"] = []string{later}, []string{id}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	f.Cleanup(srv.Close)
	roots := x509.NewCertPool()
	roots.AddCert(srv.Certificate())
	c := config(fake)
	c.Host, c.RootCAs = srv.URL, roots
	s, err := New(c)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(410, `{"reason":"Unregistered","timestamp":1767225600000}`, "", "")
	f.Add(410, `{"reason":"Unregistered","timestamp":-9223372036854775808}`, "", "")
	f.Add(400, `{"reason":"BadDeviceToken"}`, "", "")
	f.Add(403, `{"reason":"ExpiredProviderToken"}`, "", "")
	f.Add(502, `<html>`, "9223372036854775807", "x\ny")
	f.Add(429, `{"reason":"\u202e"}`, "Fri, 31 Dec 9999 23:59:59 GMT", "")
	f.Add(200, `{"reason":["x"],"timestamp":"y"}`, "", "00000000-0000-0000-0000-000000000000")
	f.Fuzz(func(t *testing.T, code int, text, after, name string) {
		if code < 200 || code > 599 || code == 204 || code == 304 || strings.ContainsAny(after+name, "\r\n\x00") {
			return
		}
		mu.Lock()
		status, body, later, id = code, text, after, name
		mu.Unlock()
		r := s.Send(t.Context(), push.Address{Kind: push.APNs, Token: strings.Repeat("ab", 32), Env: push.Production, Topic: fake.Topic}, confirm())
		switch r.Outcome {
		case push.Sent, push.Retry, push.Dead, push.Misconfigured, push.Rejected:
		default:
			t.Errorf("outcome %q", r.Outcome)
		}
		if r.Outcome == push.Sent && code != 200 || r.Outcome == push.Dead && (code < 400 || code >= 500 && !strings.Contains(text, "BadDeviceToken")) {
			t.Errorf("%d %q is %s", code, text, r.Outcome)
		}
		if r.Reason != "" && push.Word(r.Reason, "") == "" || r.ProviderID != "" && push.Word(r.ProviderID, "") == "" {
			t.Errorf("reason %q, id %q", r.Reason, r.ProviderID)
		}
		if r.RetryAfter < 0 || r.RetryAfter > 24*time.Hour {
			t.Errorf("again after %v", r.RetryAfter)
		}
	})
}

package webpush

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/push"
)

// FuzzAnswer: whatever somebody who plays a push service answers, a push ends in one of the known outcomes, with a reason that is a plain word,
// and a subscription is retired by a 404 or a 410 alone.
func FuzzAnswer(f *testing.F) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	var mu sync.Mutex
	var status int
	var body, later, where string
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		w.Header()["Retry-After"], w.Header()["Location"] = []string{later}, []string{where}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	f.Cleanup(srv.Close)
	roots := x509.NewCertPool()
	roots.AddCert(srv.Certificate())
	s, err := New(Config{Key: func(context.Context, string) (*ecdsa.PrivateKey, error) { return key, nil }, Subject: "mailto:ops@acme.test", RootCAs: roots,
		AllowHosts: []string{strings.TrimPrefix(srv.URL, "https://")}})
	if err != nil {
		f.Fatal(err)
	}
	to := push.Address{Kind: push.WebPush, Endpoint: srv.URL + "/wp/1", Auth: "tBHItJI5svbpez7KI4CCXg",
		P256DH: "BNcRdreALRFXTkOOUHK1EtK2wtaz5Ry4YfYCA_0QTpQtUbVlUls0VJXg7A8u-Ts1XbjhazAkj7I99e8QcYP7DkM"}
	f.Add(201, "", "", "https://push.example/message/1")
	f.Add(410, "", "", "")
	f.Add(307, "", "", "https://127.0.0.1/x")
	f.Add(403, `{"reason":"BadJwtToken"}`, "", "")
	f.Add(403, `{"reason":"\u202e<script>"}`, "", "")
	f.Add(429, "", "99999999999999999999999", "")
	f.Add(413, strings.Repeat("x", 70_000), "", "")
	f.Fuzz(func(t *testing.T, code int, text, after, at string) {
		if code < 200 || code > 599 || code == 204 || code == 304 || strings.ContainsAny(after+at, "\r\n\x00") {
			return
		}
		mu.Lock()
		status, body, later, where = code, text, after, at
		mu.Unlock()
		r := s.Send(t.Context(), to, push.Message{Type: push.Confirm, Confirmation: "cnf_1", Workspace: "wsp_1", Expires: time.Now().Add(time.Minute)})
		switch r.Outcome {
		case push.Sent, push.Retry, push.Dead, push.Misconfigured, push.Rejected:
		default:
			t.Errorf("outcome %q", r.Outcome)
		}
		if r.Outcome == push.Sent && code >= 300 || r.Outcome == push.Dead && code != 404 && code != 410 {
			t.Errorf("%d is %s", code, r.Outcome)
		}
		if r.Reason != "" && push.Word(r.Reason, "") == "" || r.ProviderID != "" && push.Word(r.ProviderID, "") == "" && len(r.ProviderID) > 2000 {
			t.Errorf("reason %q, id %q", r.Reason, r.ProviderID)
		}
		if r.RetryAfter < 0 || r.RetryAfter > 24*time.Hour {
			t.Errorf("again after %v", r.RetryAfter)
		}
	})
}

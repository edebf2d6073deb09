package fcm_test

import (
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/fakepush"
	"github.com/countersign/countersign/internal/push"
	"github.com/countersign/countersign/internal/push/fcm"
)

// FuzzAnswer: whatever somebody who plays FCM answers, a push ends in time in one of the known outcomes, with a reason that is a plain word; a
// registration is never retired by an answer that does not say so.
func FuzzAnswer(f *testing.F) {
	fake, err := fakepush.New(fakepush.Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = fake.Close() })
	var mu sync.Mutex
	var status int
	var body, later string
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		w.Header()["Retry-After"] = []string{later}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	f.Cleanup(srv.Close)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(fake.CAPEM())
	roots.AppendCertsFromPEM(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}))
	s, err := fcm.New(f.Context(), fcm.Config{CredentialsJSON: fake.FCMCredentials(), Endpoint: srv.URL + "/v1", RootCAs: roots})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(404, `{"error":{"code":404,"status":"NOT_FOUND","details":[{"@type":"type.googleapis.com/google.firebase.fcm.v1.FcmError","errorCode":"UNREGISTERED"}]}}`, "")
	f.Add(400, `{"error":{"status":"INVALID_ARGUMENT","message":"The registration token is not a valid FCM registration token"}}`, "")
	f.Add(429, `{"error":{"status":"RESOURCE_EXHAUSTED"}}`, "-1")
	f.Add(503, `<html>`, "Fri, 31 Dec 9999 23:59:59 GMT")
	f.Add(200, `{"name":"projects/p/messages/1"}`, "")
	f.Add(200, `{"name":{"a":[1]}}`, "99999999999999999999")
	f.Add(302, "", "")
	f.Add(500, `{"error":{"status":"\u202eINTERNAL\n"}}`, "1")
	f.Fuzz(func(t *testing.T, code int, text, after string) {
		if code < 200 || code > 599 || code == 204 || code == 304 {
			return
		}
		mu.Lock()
		status, body, later = code, text, strconv.Quote(after)
		if len(after) < 40 {
			later = after
		}
		mu.Unlock()
		sound(t, s.Send(t.Context(), to("phone"), question()), code)
	})
}

// sound says what holds for every result.
func sound(t *testing.T, r push.Result, code int) {
	t.Helper()
	switch r.Outcome {
	case push.Sent, push.Retry, push.Dead, push.Misconfigured, push.Rejected:
	default:
		t.Errorf("outcome %q", r.Outcome)
	}
	if r.Outcome == push.Sent && code >= 300 || r.Outcome == push.Dead && (code < 400 || code >= 500) {
		t.Errorf("%d is %s", code, r.Outcome)
	}
	if r.Reason != "" && push.Word(r.Reason, "") == "" || r.ProviderID != "" && len(r.ProviderID) > 200 {
		t.Errorf("reason %q, id %q", r.Reason, r.ProviderID)
	}
	if r.RetryAfter < 0 || r.RetryAfter > 24*time.Hour {
		t.Errorf("again after %v", r.RetryAfter)
	}
}

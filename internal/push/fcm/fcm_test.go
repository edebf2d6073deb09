package fcm_test

import (
	"context"
	"encoding/json"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/fakepush"
	"github.com/countersign/countersign/internal/push"
	"github.com/countersign/countersign/internal/push/fcm"
)

func start(t *testing.T, o fakepush.Options) *fakepush.Fake {
	t.Helper()
	f, err := fakepush.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

func sender(t *testing.T, f *fakepush.Fake) *fcm.Sender {
	t.Helper()
	s, err := fcm.New(t.Context(), fcm.Config{CredentialsJSON: f.FCMCredentials(), Endpoint: f.FCMEndpoint(), RootCAs: f.Pool()})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func to(token string) push.Address { return push.Address{Kind: push.FCM, Token: token} }

func question() push.Message {
	return push.Message{Type: push.Confirm, Confirmation: "cnf_4Kq8", Workspace: "wsp_1", Expires: time.Now().Add(5 * time.Minute)}
}

func TestAQuestionIsDataOnlyAndCarriesNothingElse(t *testing.T) {
	f := start(t, fakepush.Options{})
	m := question()
	if r := sender(t, f).Send(t.Context(), to("phone"), m); r.Outcome != push.Sent || r.ProviderID == "" {
		t.Fatalf("%+v", r)
	}
	d, err := f.Wait(t.Context(), "phone")
	if err != nil {
		t.Fatal(err)
	}
	var msg struct {
		Token        string
		Data         map[string]string
		Notification any
		Android      map[string]any
		APNS         struct {
			Headers map[string]string
			Payload map[string]map[string]any
		}
	}
	if err := json.Unmarshal(d.Raw, &msg); err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(msg.Data, m.Data()) {
		t.Errorf("data %v", msg.Data)
	}
	if got := slices.Sorted(maps.Keys(msg.Android)); !slices.Equal(got, []string{"collapse_key", "priority", "ttl"}) {
		t.Errorf("android has %v; a notification block would take the words out of the app's hands", got)
	}
	if msg.Android["priority"] != "high" || msg.Android["collapse_key"] != "confirm" || msg.Notification != nil {
		t.Errorf("android %v, notification %v", msg.Android, msg.Notification)
	}
	if ttl := d.Expires.Sub(m.Expires).Abs(); ttl > 2*time.Second {
		t.Errorf("ttl is %v away from the question's end", ttl)
	}
	if h := msg.APNS.Headers; h["apns-collapse-id"] != m.Confirmation || h["apns-priority"] != "10" || h["apns-push-type"] != "alert" {
		t.Errorf("apns headers %v", h)
	}
	if got := slices.Collect(maps.Keys(msg.APNS.Payload)); !slices.Equal(got, []string{"aps"}) {
		t.Errorf("apns payload has %v", got)
	}
	alert, _ := msg.APNS.Payload["aps"]["alert"].(map[string]any)
	if len(alert) != 2 || alert["title"] != push.Title || alert["body"] != push.Body {
		t.Errorf("words %v", alert)
	}
}

func TestAWithdrawalIsSilent(t *testing.T) {
	f := start(t, fakepush.Options{})
	m := question()
	m.Type = push.Done
	if r := sender(t, f).Send(t.Context(), to("phone"), m); r.Outcome != push.Sent {
		t.Fatalf("%+v", r)
	}
	d := f.Delivered("phone")[0]
	if string(d.Payload) != `{"cid":"cnf_4Kq8","t":"done"}` {
		t.Errorf("payload %s", d.Payload)
	}
	for _, part := range []string{`"priority":"normal"`, `"interruption-level":"passive"`, `"apns-priority":"5"`, `"content-available":1`, push.DoneBody} {
		if !strings.Contains(string(d.Raw), part) {
			t.Errorf("%s lacks %s", d.Raw, part)
		}
	}
	if strings.Contains(string(d.Raw), "sound") {
		t.Errorf("%s makes a sound", d.Raw)
	}
}

func TestEachAnswerHasItsOutcomeAndIsAskedForOnce(t *testing.T) {
	f := start(t, fakepush.Options{})
	s := sender(t, f)
	for _, c := range []struct {
		step fakepush.Step
		want push.Result
	}{
		{fakepush.Step{Do: "INVALID_ARGUMENT"}, push.Result{Outcome: push.Rejected, Reason: "INVALID_ARGUMENT"}}, // nothing has worked yet
		{fakepush.Step{Do: fakepush.OK}, push.Result{Outcome: push.Sent}},
		{fakepush.Step{Do: "INVALID_ARGUMENT"}, push.Result{Outcome: push.Dead, Reason: "INVALID_ARGUMENT"}},
		{fakepush.Step{Do: "INVALID_PAYLOAD"}, push.Result{Outcome: push.Rejected, Reason: "INVALID_ARGUMENT"}},
		{fakepush.Step{Do: "BAD_FIELD"}, push.Result{Outcome: push.Rejected, Reason: "INVALID_ARGUMENT"}},
		{fakepush.Step{Do: "UNREGISTERED"}, push.Result{Outcome: push.Dead, Reason: "UNREGISTERED"}},
		{fakepush.Step{Do: "NOT_FOUND"}, push.Result{Outcome: push.Misconfigured, Reason: "NOT_FOUND"}},
		{fakepush.Step{Do: "SENDER_ID_MISMATCH"}, push.Result{Outcome: push.Misconfigured, Reason: "SENDER_ID_MISMATCH"}},
		{fakepush.Step{Do: "PERMISSION_DENIED"}, push.Result{Outcome: push.Misconfigured, Reason: "PERMISSION_DENIED"}},
		{fakepush.Step{Do: "THIRD_PARTY_AUTH_ERROR"}, push.Result{Outcome: push.Misconfigured, Reason: "THIRD_PARTY_AUTH_ERROR"}},
		{fakepush.Step{Do: "QUOTA_EXCEEDED", RetryAfter: 7}, push.Result{Outcome: push.Retry, Reason: "QUOTA_EXCEEDED", RetryAfter: 7 * time.Second}},
		{fakepush.Step{Do: "QUOTA_EXCEEDED"}, push.Result{Outcome: push.Retry, Reason: "QUOTA_EXCEEDED", RetryAfter: time.Minute}},
		{fakepush.Step{Do: "UNAVAILABLE", RetryAfter: 130}, push.Result{Outcome: push.Retry, Reason: "UNAVAILABLE", RetryAfter: 130 * time.Second}},
		{fakepush.Step{Do: "UNAVAILABLE"}, push.Result{Outcome: push.Retry, Reason: "UNAVAILABLE", RetryAfter: 10 * time.Second}},
		{fakepush.Step{Do: "INTERNAL"}, push.Result{Outcome: push.Retry, Reason: "INTERNAL", RetryAfter: 10 * time.Second}},
		{fakepush.Step{Do: fakepush.HTML502}, push.Result{Outcome: push.Retry, Reason: "http_502", RetryAfter: 10 * time.Second}},
		{fakepush.Step{Do: fakepush.Flood}, push.Result{Outcome: push.Retry, Reason: "http_500", RetryAfter: 10 * time.Second}},
		{fakepush.Step{Do: fakepush.Garbage}, push.Result{Outcome: push.Retry, Reason: "bad_answer"}},
		{fakepush.Step{Do: fakepush.Redirect}, push.Result{Outcome: push.Misconfigured, Reason: "http_307"}},
		{fakepush.Step{Do: fakepush.Drop}, push.Result{Outcome: push.Retry, Reason: "connection"}},
		{fakepush.Step{Do: fakepush.GoAway}, push.Result{Outcome: push.Sent}},
		{fakepush.Step{Do: fakepush.OK, DelayMS: 1}, push.Result{Outcome: push.Sent}},
	} {
		t.Run(c.step.Do, func(t *testing.T) {
			before := f.Requests("phone")
			f.Script("phone", c.step)
			got := s.Send(t.Context(), to("phone"), question())
			got.ProviderID = ""
			if got != c.want {
				t.Errorf("%+v, want %+v", got, c.want)
			}
			if n := f.Requests("phone") - before; n != 1 {
				t.Errorf("asked %d times", n)
			}
		})
	}
}

func TestSendEndsWithItsContext(t *testing.T) {
	f := start(t, fakepush.Options{})
	for _, c := range []struct {
		name    string
		address string
		step    string
	}{
		{"while the service is silent", "phone", fakepush.Hold},
		{"on a connection that died", "phone", fakepush.BlackHole},
		{"while the token endpoint is silent", fakepush.TokenEndpoint, fakepush.Hold},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := sender(t, f)
			f.Script(c.address, fakepush.Step{Do: c.step})
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			began := time.Now()
			if r := s.Send(ctx, to("phone"), question()); r.Outcome != push.Retry || r.Reason != "timeout" {
				t.Errorf("%+v", r)
			}
			if took := time.Since(began); took > 2*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

func TestADeadConnectionCostsOnePush(t *testing.T) {
	f := start(t, fakepush.Options{})
	s := sender(t, f)
	if r := s.Send(t.Context(), to("phone"), question()); r.Outcome != push.Sent {
		t.Fatalf("%+v", r)
	}
	f.Script("phone", fakepush.Step{Do: fakepush.BlackHole})
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if r := s.Send(ctx, to("phone"), question()); r.Reason != "timeout" {
		t.Fatalf("%+v", r)
	}
	before := f.Connections(fakepush.FCM)
	if r := s.Send(t.Context(), to("phone"), question()); r.Outcome != push.Sent {
		t.Errorf("the next push: %+v", r)
	}
	if n := f.Connections(fakepush.FCM) - before; n != 1 {
		t.Errorf("%d new connections, want 1", n)
	}
}

func TestAPeerThatNeverFinishesTLS(t *testing.T) {
	f := start(t, fakepush.Options{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	s, err := fcm.New(t.Context(), fcm.Config{CredentialsJSON: f.FCMCredentials(), Endpoint: "https://" + l.Addr().String() + "/v1", RootCAs: f.Pool()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	began := time.Now()
	if r := s.Send(ctx, to("phone"), question()); r.Outcome != push.Retry || r.Reason != "timeout" {
		t.Errorf("%+v", r)
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("took %v", took)
	}
}

func TestAnAuthorityThatIsNotTrustedIsNamed(t *testing.T) {
	f := start(t, fakepush.Options{})
	s, err := fcm.New(t.Context(), fcm.Config{CredentialsJSON: f.FCMCredentials(), Endpoint: f.FCMEndpoint()})
	if err != nil {
		t.Fatal(err)
	}
	if r := s.Send(t.Context(), to("phone"), question()); r.Outcome != push.Retry || r.Reason != "certificate" {
		t.Errorf("%+v", r)
	}
}

func TestNothingIsSentForAQuestionThatEnded(t *testing.T) {
	f := start(t, fakepush.Options{})
	m := question()
	m.Expires = time.Now()
	if r := sender(t, f).Send(t.Context(), to("phone"), m); r.Outcome != push.Expired {
		t.Errorf("%+v", r)
	}
	if n := f.Requests("phone") + f.Requests(fakepush.TokenEndpoint); n != 0 {
		t.Errorf("%d requests", n)
	}
}

func TestManyPushesShareOneAccessToken(t *testing.T) {
	f := start(t, fakepush.Options{})
	s := sender(t, f)
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if r := s.Send(t.Context(), to("phone"), question()); r.Outcome != push.Sent {
				t.Errorf("%+v", r)
			}
		})
	}
	all.Wait()
	if n := f.Requests(fakepush.TokenEndpoint); n != 1 {
		t.Errorf("%d tokens were fetched", n)
	}
	if n := f.Requests("phone"); n != 50 {
		t.Errorf("%d requests for 50 pushes", n)
	}
}

func TestAccessTokens(t *testing.T) {
	f := start(t, fakepush.Options{})
	s := sender(t, f)
	send := func(want push.Outcome, reason string) {
		t.Helper()
		if r := s.Send(t.Context(), to("phone"), question()); r.Outcome != want || r.Reason != reason {
			t.Errorf("%+v, want %s %q", r, want, reason)
		}
	}
	f.Script(fakepush.TokenEndpoint, fakepush.Step{Do: "400"}, fakepush.Step{Do: "503"}, fakepush.Step{Do: fakepush.HTML502}, fakepush.Step{Do: fakepush.Drop})
	send(push.Misconfigured, "invalid_grant") // the key was deleted at Google
	send(push.Retry, "invalid_grant")
	send(push.Retry, "token_http_502")
	send(push.Retry, "connection")
	send(push.Sent, "")
	f.RevokeAccessTokens()
	send(push.Retry, "UNAUTHENTICATED") // it worked before, so it was withdrawn
	send(push.Sent, "")
	f.RevokeAccessTokens()
	f.Script("phone", fakepush.Step{Do: "UNAUTHENTICATED", Times: 2})
	send(push.Retry, "UNAUTHENTICATED")
	send(push.Misconfigured, "UNAUTHENTICATED") // a new one never worked
	send(push.Misconfigured, "UNAUTHENTICATED")
	send(push.Sent, "")
}

func TestNewRefusesWhatCouldNotWork(t *testing.T) {
	f := start(t, fakepush.Options{})
	good := string(f.FCMCredentials())
	for _, c := range []struct {
		name, credentials, endpoint string
		ok                          bool
	}{
		{"the fake's own", good, f.FCMEndpoint(), true},
		{"the default endpoint", good, "", true},
		{"no file", "", "", false},
		{"another kind of account", strings.Replace(good, "service_account", "authorized_user", 1), "", false},
		{"no project", strings.Replace(good, `"project_id"`, `"x"`, 1), "", false},
		{"a damaged key", strings.Replace(good, "BEGIN PRIVATE", "BEGIN BROKEN", 1), "", false},
		{"a key that is cut", strings.Replace(good, "MII", "", 1), "", false},
		{"a token endpoint over plain http", strings.Replace(good, f.FCMURL, "http://oauth2.example.com", 1), "", false},
		{"an endpoint over plain http", good, "http://fcm.example.com/v1", false},
		{"an endpoint over plain http on this machine", good, "http://127.0.0.1:9099/v1", true},
		{"an endpoint that is none", good, "fcm", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := fcm.New(t.Context(), fcm.Config{CredentialsJSON: []byte(c.credentials), Endpoint: c.endpoint})
			if (err == nil) != c.ok {
				t.Errorf("error %v", err)
			}
			if err != nil && strings.Contains(err.Error(), "MII") {
				t.Errorf("the error shows the key: %v", err)
			}
		})
	}
}

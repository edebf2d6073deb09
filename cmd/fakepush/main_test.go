package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"github.com/countersign/countersign/internal/config"
	"github.com/countersign/countersign/internal/push"
	"github.com/countersign/countersign/internal/push/apns"
	"github.com/countersign/countersign/internal/push/fcm"
	"github.com/countersign/countersign/internal/push/webpush"
)

func TestWrongUse(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		want int
	}{
		"an unknown flag":             {[]string{"--what"}, wrongUse},
		"help":                        {[]string{"--help"}, done},
		"an address that is none":     {[]string{"--dir", t.TempDir(), "--fcm", "127.0.0.1:x"}, failed},
		"a directory that is a file":  {onFreePorts("--dir", "main.go"), failed},
		"an address with a bad start": {onFreePorts("--dir", t.TempDir(), "--control", "256.0.0.1:0"), failed},
	} {
		if got := run(t.Context(), c.args, io.Discard, io.Discard); got != c.want {
			t.Errorf("%s: status %d, want %d", name, got, c.want)
		}
	}
}

func onFreePorts(args ...string) []string {
	return append([]string{"--fcm=127.0.0.1:0", "--apns=127.0.0.1:0", "--apns-sandbox=127.0.0.1:0", "--web-push=127.0.0.1:0", "--control=127.0.0.1:0"}, args...)
}

// settings reads what was written as the server would.
func settings(t *testing.T, file string) config.Config {
	t.Helper()
	b, err := os.ReadFile(filepath.Clean(file))
	if err != nil {
		t.Fatal(err)
	}
	env := map[string]string{}
	for line := range strings.Lines(string(b)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		env[name] = value
	}
	var flags struct {
		config.Store
		config.Web
	}
	resolver := config.NewEnvironment(func(name string) string { return env[name] })
	parser, err := kong.New(&flags, kong.Resolvers(resolver))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse(nil); err != nil {
		t.Fatal(err)
	}
	if err := resolver.Err(); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(flags.Store, flags.Web, nil)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func TestAServerWithTheWrittenSettingsReachesThePhones(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	dir := t.TempDir()
	printed, out := io.Pipe()
	status := make(chan int)
	running, stop := context.WithCancel(ctx)
	go func() { status <- run(running, onFreePorts("--dir", dir), out, io.Discard) }()
	var where map[string]string
	if err := json.NewDecoder(printed).Decode(&where); err != nil {
		t.Fatal(err)
	}
	cfg := settings(t, filepath.Join(dir, "settings.env"))
	roots, err := push.Roots(cfg.PushCA)
	if err != nil {
		t.Fatal(err)
	}
	android, err := fcm.New(ctx, fcm.Config{CredentialsJSON: []byte(cfg.FCM.Credentials.Reveal()), Endpoint: cfg.FCM.Endpoint, RootCAs: roots})
	if err != nil {
		t.Fatal(err)
	}
	apple, err := apns.New(apns.Config{
		KeyPEM: []byte(cfg.APNS.Key.Reveal()), KeyID: cfg.APNS.KeyID, TeamID: cfg.APNS.TeamID, Topic: cfg.APNS.Topic, Host: cfg.APNS.Host, RootCAs: roots,
	})
	if err != nil {
		t.Fatal(err)
	}
	senders := push.Mux{push.FCM: android, push.APNs: apple}
	m := push.Message{Type: push.Confirm, Confirmation: "cnf_4Kq8", Workspace: "wsp_1", Expires: time.Now().Add(time.Minute)}
	for _, to := range []push.Address{
		{Kind: push.FCM, Token: "phone"},
		{Kind: push.APNs, Token: strings.Repeat("ab", 32), Env: push.Production, Topic: where["apns_topic"]},
	} {
		if r := senders.Send(ctx, to, m); r.Outcome != push.Sent {
			t.Errorf("%s: %+v", to.Kind, r)
		}
		if got := get(ctx, t, where["control"]+"/deliveries?wait=5&address="+to.Token); !bytes.Contains(got, []byte(m.Confirmation)) {
			t.Errorf("%s: delivered %s", to.Kind, got)
		}
	}
	if len(cfg.PushAllowHosts) != 1 || where["web_push"] != "https://"+cfg.PushAllowHosts[0] {
		t.Errorf("allowed hosts %v, web push at %s", cfg.PushAllowHosts, where["web_push"])
	}
	stop()
	if got := <-status; got != done {
		t.Errorf("status %d", got)
	}
}

// TestTheProgramMisbehavesAsItIsTold scripts the running program over its control address, as somebody without Go would.
func TestTheProgramMisbehavesAsItIsTold(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	dir := t.TempDir()
	printed, out := io.Pipe()
	running, stop := context.WithCancel(ctx)
	status := make(chan int, 1)
	go func() { status <- run(running, onFreePorts("--dir", dir), out, io.Discard) }()
	var where map[string]string
	if err := json.NewDecoder(printed).Decode(&where); err != nil {
		t.Fatal(err)
	}
	cfg := settings(t, filepath.Join(dir, "settings.env"))
	roots, err := push.Roots(cfg.PushCA)
	if err != nil {
		t.Fatal(err)
	}
	android, err1 := fcm.New(ctx, fcm.Config{CredentialsJSON: []byte(cfg.FCM.Credentials.Reveal()), Endpoint: cfg.FCM.Endpoint, RootCAs: roots})
	apple, err2 := apns.New(apns.Config{KeyPEM: []byte(cfg.APNS.Key.Reveal()), KeyID: cfg.APNS.KeyID, TeamID: cfg.APNS.TeamID, Topic: cfg.APNS.Topic, Host: cfg.APNS.Host, RootCAs: roots})
	vapid, err3 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	web, err4 := webpush.New(webpush.Config{Key: func(context.Context, string) (*ecdsa.PrivateKey, error) { return vapid, nil }, Subject: cfg.VAPIDSubject, RootCAs: roots, AllowHosts: cfg.PushAllowHosts})
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		t.Fatal(err)
	}
	senders := push.Mux{push.FCM: android, push.APNs: apple, push.WebPush: web}
	public, err := webpush.PublicKey(vapid)
	if err != nil {
		t.Fatal(err)
	}
	var browser struct {
		Endpoint string
		Keys     struct{ P256DH, Auth string }
	}
	if err := json.Unmarshal(post(ctx, t, where["control"]+"/subscribe", map[string]any{"application_server_key": public}), &browser); err != nil {
		t.Fatal(err)
	}
	at := map[push.Kind]push.Address{
		push.FCM:     {Kind: push.FCM, Token: "phone"},
		push.APNs:    {Kind: push.APNs, Token: strings.Repeat("cd", 32), Env: push.Production, Topic: where["apns_topic"]},
		push.WebPush: {Kind: push.WebPush, Endpoint: browser.Endpoint, P256DH: browser.Keys.P256DH, Auth: browser.Keys.Auth},
	}
	address := func(k push.Kind) string { return at[k].Token + at[k].Endpoint }
	send := func(k push.Kind, cid string) push.Result {
		return senders.Send(ctx, at[k], push.Message{Type: push.Confirm, Confirmation: cid, Workspace: "wsp_1", Expires: time.Now().Add(time.Minute)})
	}
	died := time.Now().Add(-time.Hour).Truncate(time.Millisecond)
	for _, c := range []struct {
		name string
		kind push.Kind
		step map[string]any
		want push.Result
	}{
		{"FCM: the app was removed", push.FCM, map[string]any{"do": "UNREGISTERED"}, push.Result{Outcome: push.Dead, Reason: "UNREGISTERED"}},
		{"FCM: too much", push.FCM, map[string]any{"do": "QUOTA_EXCEEDED", "retry_after": 90}, push.Result{Outcome: push.Retry, Reason: "QUOTA_EXCEEDED", RetryAfter: 90 * time.Second}},
		{"APNs: 410 with the moment", push.APNs, map[string]any{"do": "Unregistered", "timestamp": died.UnixMilli()}, push.Result{Outcome: push.Dead, Reason: "Unregistered", DeadSince: died}},
		{"APNs: GOAWAY after it was taken", push.APNs, map[string]any{"do": "goaway"}, push.Result{Outcome: push.Sent}},
		{"APNs: a black hole", push.APNs, map[string]any{"do": "blackhole"}, push.Result{Outcome: push.Retry, Reason: "timeout"}},
		{"Web Push: gone", push.WebPush, map[string]any{"do": "410"}, push.Result{Outcome: push.Dead}},
		{"Web Push: a proxy's page", push.WebPush, map[string]any{"do": "html502"}, push.Result{Outcome: push.Retry}},
	} {
		post(ctx, t, where["control"]+"/script", map[string]any{"address": address(c.kind), "steps": []any{c.step}})
		got := send(c.kind, "cnf_scripted")
		if got.Outcome != c.want.Outcome || c.want.Reason != "" && got.Reason != c.want.Reason || got.RetryAfter < c.want.RetryAfter || !got.DeadSince.Equal(c.want.DeadSince) {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
	for k := range at { // all is well again, and Web Push comes out as it went in
		if r := send(k, "cnf_well"); r.Outcome != push.Sent {
			t.Errorf("%s: %+v", k, r)
		}
	}
	if got := get(ctx, t, where["control"]+"/deliveries?wait=5&address="+url.QueryEscape(browser.Endpoint)); !bytes.Contains(got, []byte("cnf_well")) {
		t.Errorf("the browser reads %s", got)
	}
	post(ctx, t, where["control"]+"/phone", map[string]any{"address": address(push.APNs), "off": true})
	before := bytes.Count(get(ctx, t, where["control"]+"/deliveries?address="+address(push.APNs)), []byte(`"collapse":`))
	for _, cid := range []string{"cnf_a", "cnf_b"} {
		if r := send(push.APNs, cid); r.Outcome != push.Sent {
			t.Errorf("to a phone that is off: %+v", r)
		}
	}
	post(ctx, t, where["control"]+"/phone", map[string]any{"address": address(push.APNs), "off": false})
	after := get(ctx, t, where["control"]+"/deliveries?address="+address(push.APNs))
	if n := bytes.Count(after, []byte(`"collapse":`)) - before; n != 1 || !bytes.Contains(after, []byte("cnf_b")) || bytes.Contains(after, []byte("cnf_a")) {
		t.Errorf("APNs keeps one for each phone; %d came: %s", n, after)
	}
	stop()
	<-status
}

func post(ctx context.Context, t *testing.T, address string, body any) []byte {
	t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	got, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode >= 300 {
		t.Fatalf("%s: %d %s (%v)", address, res.StatusCode, got, err)
	}
	return got
}

func TestHelpNamesTheControlCalls(t *testing.T) {
	var out bytes.Buffer
	run(t.Context(), []string{"--help"}, &out, io.Discard)
	for _, word := range []string{"/deliveries", "/subscribe", "/phone", "/script", "blackhole", "goaway", "UNREGISTERED", "--apns-sandbox", "--web-push", "--dir", "--topic"} {
		if !strings.Contains(out.String(), word) {
			t.Errorf("--help does not name %s:\n%s", word, out.String())
		}
	}
}

func get(ctx context.Context, t *testing.T, address string) []byte {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
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

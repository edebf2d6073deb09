package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
	"github.com/countersign/countersign/internal/serverkeys"
	"github.com/countersign/countersign/internal/vault"
)

// watched is an output that a test can wait on.
type watched struct {
	mu   sync.Mutex
	text bytes.Buffer
	more chan struct{}
}

func newWatched() *watched { return &watched{more: make(chan struct{}, 1)} }

func (w *watched) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text.Write(b)
	select {
	case w.more <- struct{}{}:
	default:
	}
	return len(b), nil
}

func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// await waits until the output holds text.
func (w *watched) await(t *testing.T, text string) {
	t.Helper()
	limit := time.NewTimer(60 * time.Second)
	defer limit.Stop()
	for !strings.Contains(w.String(), text) {
		select {
		case <-w.more:
		case <-limit.C:
			t.Fatalf("%q did not come; the output is:\n%s", text, w.String())
		}
	}
}

// outcome is what one run of a command left.
type outcome struct {
	code           int
	stdout, stderr string
}

// countersign runs a command with nothing but env for its environment.
func countersign(t *testing.T, env map[string]string, stdin string, args ...string) outcome {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), args, func(k string) string { return env[k] }, strings.NewReader(stdin), &stdout, &stderr)
	return outcome{code, stdout.String(), stderr.String()}
}

// field reads one value of a JSON result by its path.
func (o outcome) field(t *testing.T, path ...string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(o.stdout), &v); err != nil {
		t.Fatalf("the result is not JSON: %v\n%s%s", err, o.stdout, o.stderr)
	}
	for _, p := range path {
		m, ok := v.(map[string]any)
		if !ok {
			t.Fatalf("no %v in %s", path, o.stdout)
		}
		v = m[p]
	}
	return v
}

func (o outcome) must(t *testing.T, code int) outcome {
	t.Helper()
	if o.code != code {
		t.Fatalf("exit status %d, want %d\n%s%s", o.code, code, o.stdout, o.stderr)
	}
	return o
}

// everyDatabase runs do with the settings of an empty database of each kind and a keyset where one is demanded.
func everyDatabase(t *testing.T, do func(t *testing.T, env map[string]string)) {
	t.Helper()
	for _, d := range dbtest.Dialects {
		t.Run(d, func(t *testing.T) {
			dir := t.TempDir()
			env := map[string]string{"COUNTERSIGN_DATA_DIR": dir, "COUNTERSIGN_DATABASE_URL": dbtest.Empty(t, d)}
			if d == database.Postgres {
				env["COUNTERSIGN_KEYSET"] = filepath.Join(dir, "keyset.json")
				countersign(t, env, "", "keys", "init").must(t, done)
			}
			do(t, env)
		})
	}
}

func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// running is a service in this process.
type running struct {
	console, companion string // base URLs
	stdout, stderr     *watched
	stop               func() int // ends it and gives its exit status
}

// start serves until the test ends or stop is called.
func start(t *testing.T, env map[string]string, args ...string) *running {
	t.Helper()
	settings := map[string]string{"COUNTERSIGN_ADDR": free(t), "COUNTERSIGN_COMPANION_ADDR": free(t)}
	for k, v := range env {
		settings[k] = v
	}
	r := &running{stdout: newWatched(), stderr: newWatched(), console: "http://localhost:" + portOf(settings["COUNTERSIGN_ADDR"]),
		companion: "http://localhost:" + portOf(settings["COUNTERSIGN_COMPANION_ADDR"])}
	ctx, cancel := context.WithCancel(context.Background())
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, args, func(k string) string { return settings[k] }, strings.NewReader(""), r.stdout, r.stderr)
	}()
	var once sync.Once
	ended := -1
	r.stop = func() int {
		once.Do(func() {
			cancel()
			ended = <-code
		})
		return ended
	}
	t.Cleanup(func() { r.stop() })
	return r
}

// serve starts `countersign serve` and waits until it listens.
func serve(t *testing.T, env map[string]string) *running {
	t.Helper()
	r := start(t, env, "serve")
	r.stderr.await(t, `"listener":"companion"`)
	return r
}

var client = &http.Client{Timeout: 30 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// call sends JSON (or nothing) and gives back the status and the body.
func call(t *testing.T, method, target, body string, headers ...string) (int, string, http.Header) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	res, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var b bytes.Buffer
	if _, err := b.ReadFrom(res.Body); err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, b.String(), res.Header
}

func TestHelpVersionAndWrongUse(t *testing.T) {
	for _, c := range []struct {
		name   string
		env    map[string]string
		args   []string
		code   int
		stdout string
		stderr string
	}{
		{name: "nothing", code: done, stdout: "Commands:"},
		{name: "help", args: []string{"--help"}, code: done, stdout: "countersign"},
		{name: "help of a command names the variables", args: []string{"serve", "--help"}, code: done, stdout: "$COUNTERSIGN_PUBLIC_URL"},
		{name: "version", args: []string{"version"}, code: done, stdout: `"schema":`},
		{name: "an unknown command", args: []string{"fly"}, code: wrongUse, stderr: "unexpected argument fly"},
		{name: "an unknown flag", args: []string{"migrate", "--wings"}, code: wrongUse, stderr: "unknown flag --wings"},
		{name: "a missing flag", args: []string{"workspace", "create"}, code: wrongUse, stderr: "missing flags"},
		{name: "a bad setting", env: map[string]string{"COUNTERSIGN_DATABASE_URL": "mysql://u:hush@x"}, args: []string{"migrate"}, code: wrongUse, stderr: "COUNTERSIGN_DATABASE_URL"},
		{name: "several bad settings, a line each", env: map[string]string{"COUNTERSIGN_SCIM_RATE": "x", "COUNTERSIGN_ADDR": "y"}, args: []string{"serve"}, code: wrongUse,
			stderr: "countersign: COUNTERSIGN_ADDR (--addr): is host:port such as 127.0.0.1:8080, not \"y\"\ncountersign: COUNTERSIGN_SCIM_RATE"},
		{name: "Postgres without a keyset", env: map[string]string{"COUNTERSIGN_DATABASE_URL": ""}, args: []string{"serve", "--migrate=false", "--addr", "127.0.0.1:1", "--companion-addr", "127.0.0.1:1"}, code: wrongUse, stderr: "two addresses"},
		{name: "a demo on a shared database", env: map[string]string{"COUNTERSIGN_DATABASE_URL": "postgres://u:hush@db/x"}, args: []string{"demo"}, code: wrongUse, stderr: "does not take --database-url"},
		{name: "a demo for the whole network", args: []string{"demo", "--addr", "0.0.0.0:8080"}, code: wrongUse, stderr: "would offer the demo to the network"},
		{name: "printing a confirmed token", args: []string{"token", "regenerate", "--workspace", "a", "--requested-by", "b", "--operator", "c", "--reason", "d", "--print"}, code: wrongUse, stderr: "--print needs --without-confirmation"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := countersign(t, c.env, "", c.args...)
			if got.code != c.code || !strings.Contains(got.stdout, c.stdout) || !strings.Contains(got.stderr, c.stderr) || strings.Contains(got.stdout+got.stderr, "hush") {
				t.Errorf("%d\nstdout: %s\nstderr: %s", got.code, got.stdout, got.stderr)
			}
		})
	}
}

func TestMigrate(t *testing.T) {
	everyDatabase(t, func(t *testing.T, env map[string]string) {
		wants := countersign(t, env, "", "version").field(t, "schema")
		first := countersign(t, env, "", "migrate").must(t, done)
		if first.field(t, "schema") != wants || first.field(t, "steps").(float64) < 1 {
			t.Errorf("first: %s, want schema %v", first.stdout, wants)
		}
		if again := countersign(t, env, "", "migrate").must(t, done); again.field(t, "steps") != 0.0 || again.field(t, "schema") != wants {
			t.Errorf("again: %s", again.stdout)
		}
	})
}

func TestKeys(t *testing.T) {
	file := filepath.Join(t.TempDir(), "below", "keyset.json")
	first := countersign(t, nil, "", "keys", "init", "--keyset", file).must(t, done)
	if st, err := os.Stat(file); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("mode %v (%v), want 0600", st.Mode(), err)
	}
	if again := countersign(t, nil, "", "keys", "init", "--keyset", file); again.code != failed || !strings.Contains(again.stderr, "never replaced") {
		t.Errorf("a second init: %d %s", again.code, again.stderr)
	}
	rotated := countersign(t, nil, "", "keys", "rotate", "--keyset", file).must(t, done)
	if len(rotated.field(t, "keys").([]any)) != 2 || rotated.field(t, "primary") == first.field(t, "primary") {
		t.Errorf("rotated: %s", rotated.stdout)
	}
	if st, err := os.Stat(file); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("mode after rotation %v (%v), want 0600", st.Mode(), err)
	}
	if now := countersign(t, map[string]string{"COUNTERSIGN_KEYSET": file}, "", "keys", "status").must(t, done); now.field(t, "primary") != rotated.field(t, "primary") {
		t.Errorf("status: %s", now.stdout)
	}
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	if open := countersign(t, nil, "", "keys", "status", "--keyset", file); open.code != failed || !strings.Contains(open.stderr, "chmod 600") {
		t.Errorf("a keyset that everybody reads: %d %s", open.code, open.stderr)
	}
}

const password = "correct horse battery staple"

// makeWorkspace makes the workspace acme with its Owner Ana.
func makeWorkspace(t *testing.T, env map[string]string) outcome {
	t.Helper()
	return countersign(t, env, password+"\n", "workspace", "create", "--slug", "acme", "--name", "Acme", "--owner-name", "Ana Kovač",
		"--owner-email", "ana@acme.test", "--owner-password-stdin")
}

func TestWorkspaceCreate(t *testing.T) {
	everyDatabase(t, func(t *testing.T, env map[string]string) {
		made := makeWorkspace(t, env).must(t, done)
		if made.field(t, "workspace", "slug") != "acme" || made.field(t, "owner", "email") != "ana@acme.test" || made.field(t, "owner", "id") == "" {
			t.Errorf("%s", made.stdout)
		}
		if strings.Contains(made.stdout+made.stderr, password) {
			t.Error("the password is shown")
		}
		if again := makeWorkspace(t, env); again.code != failed || strings.Count(again.stderr, "\n") != 1 {
			t.Errorf("the same slug again: %d %s", again.code, again.stderr)
		}
		empty := countersign(t, env, "", "workspace", "create", "--slug", "b", "--name", "B", "--owner-name", "Ben", "--owner-email", "ben@acme.test", "--owner-password-stdin")
		if empty.code != wrongUse || !strings.Contains(empty.stderr, "standard input") {
			t.Errorf("no password: %d %s", empty.code, empty.stderr)
		}
		r := serve(t, env)
		if status, body, _ := call(t, "POST", r.console+"/v1/session", `{"workspace":"acme","email":"ana@acme.test","password":"`+password+`"}`); status != http.StatusOK {
			t.Errorf("the Owner cannot sign in: %d %s", status, body)
		}
	})
}

func TestDoctor(t *testing.T) {
	everyDatabase(t, func(t *testing.T, env map[string]string) {
		if before := countersign(t, env, "", "doctor"); before.code != failed || state(t, before, "schema") != "failed" {
			t.Errorf("an empty database: %d %s", before.code, before.stdout)
		}
		r := serve(t, env)
		useServerKeys(t, env)
		with := map[string]string{"COUNTERSIGN_PUBLIC_URL": r.console, "COUNTERSIGN_COMPANION_URL": r.companion}
		for k, v := range env {
			with[k] = v
		}
		if ok := countersign(t, with, "", "doctor").must(t, done); ok.field(t, "ok") != true || state(t, ok, "public URL") != "ok" || state(t, ok, "keyset") != "ok" || state(t, ok, "audit") == "failed" {
			t.Errorf("beside a running service: %s", ok.stdout)
		}
		countersign(t, env, "", "doctor", "--ready", r.console+"/readyz").must(t, done)
		r.stop()
		if down := countersign(t, env, "", "doctor", "--ready", r.console+"/readyz"); down.code != failed {
			t.Errorf("a health check of a service that is down: %d", down.code)
		}
		other := filepath.Join(t.TempDir(), "other.json")
		countersign(t, nil, "", "keys", "init", "--keyset", other).must(t, done)
		with["COUNTERSIGN_KEYSET"] = other
		if strange := countersign(t, with, "", "doctor"); strange.code != failed || state(t, strange, "server keys") != "failed" {
			t.Errorf("with another keyset: %d %s", strange.code, strange.stdout)
		}
	})
}

// useServerKeys makes the server's keys, as the first phone would.
func useServerKeys(t *testing.T, env map[string]string) {
	t.Helper()
	v, err := vault.Open(filepath.Join(env["COUNTERSIGN_DATA_DIR"], "keyset.json"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := serverkeys.New(dbtest.Open(t, env["COUNTERSIGN_DATABASE_URL"]), v, time.Now).Current(t.Context(), serverkeys.Challenge); err != nil {
		t.Fatal(err)
	}
}

// state is what doctor says of one check.
func state(t *testing.T, o outcome, name string) string {
	t.Helper()
	for _, c := range o.field(t, "checks").([]any) {
		if m := c.(map[string]any); m["name"] == name {
			return fmt.Sprint(m["state"])
		}
	}
	t.Fatalf("no check %q in %s", name, o.stdout)
	return ""
}

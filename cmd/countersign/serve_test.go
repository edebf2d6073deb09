package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/countersign/countersign/internal/apitest"
	"github.com/countersign/countersign/internal/dbtest"
	"github.com/countersign/countersign/internal/localca"
	"github.com/countersign/countersign/internal/phonesim"
)

var codeForm = regexp.MustCompile(`\n    ([0-9A-Z]{4}(?:-[0-9A-Z]{4})+)\n`)

func TestAFirstRunIsClaimedWithThePrintedCode(t *testing.T) {
	everyDatabase(t, func(t *testing.T, env map[string]string) {
		r := serve(t, env)
		found := codeForm.FindStringSubmatch(r.stdout.String())
		if found == nil || !strings.Contains(r.stdout.String(), r.console) {
			t.Fatalf("no code or address is printed: %s", r.stdout)
		}
		claim := func(code string) (int, string) {
			status, body, _ := call(t, "POST", r.console+"/v1/setup", `{"code":"`+code+`","workspace":{"slug":"acme","name":"Acme"},"owner":{"name":"Ana Kovač","email":"ana@acme.test","password":"`+password+`"}}`)
			return status, body
		}
		if status, body := claim("AAAA-BBBB-CCCC-DDDD"); status != http.StatusUnprocessableEntity || !strings.Contains(body, "wrong_setup_code") {
			t.Errorf("a wrong code: %d %s", status, body)
		}
		if status, body := claim(found[1]); status != http.StatusCreated {
			t.Fatalf("the printed code: %d %s", status, body)
		}
		if status, body := claim(found[1]); status != http.StatusConflict {
			t.Errorf("the code again: %d %s", status, body)
		}
		if code := r.stop(); code != done {
			t.Errorf("exit status %d: %s", code, r.stderr)
		}
		if log := r.stderr.String(); strings.Contains(log, found[1]) || strings.Contains(log, password) || strings.Contains(log, "ana@acme.test") {
			t.Error("the log holds the code, the password or the address")
		}
		again := serve(t, env)
		if codeForm.MatchString(again.stdout.String()) {
			t.Error("a code is printed though there is a workspace")
		}
	})
}

func TestTheTwoOriginsOfARunningService(t *testing.T) {
	env := map[string]string{"COUNTERSIGN_DATA_DIR": t.TempDir()}
	r := serve(t, env)
	for _, path := range []string{"/v1/session", "/v1/setup", "/v1/people", "/v1/directory", "/v1/confirmations/cnf_x", "/v1/pairings/x", "/v1/devices", "/v1/scim/v2/Users", "/settings/workspace", "/w/acme"} {
		if status, body, _ := call(t, "GET", r.companion+path, "", "Accept", "text/html"); status != http.StatusNotFound || !strings.Contains(body, `"code":"not_found"`) {
			t.Errorf("the companion answers %s with %d %s", path, status, body)
		}
	}
	for _, base := range []string{r.console, r.companion} {
		if status, _, _ := call(t, "GET", base+"/v1/device", ""); status != http.StatusUnauthorized {
			t.Errorf("%s/v1/device: %d, want 401 on both origins", base, status)
		}
		if status, body, _ := call(t, "GET", base+"/readyz", ""); status != http.StatusOK {
			t.Errorf("%s/readyz: %d %s", base, status, body)
		}
		elsewhere := strings.Replace(base, "localhost", "127.0.0.1", 1)
		if status, _, h := call(t, "GET", elsewhere+"/w/acme", "", "Accept", "text/html"); status != http.StatusTemporaryRedirect || h.Get("Location") != base+"/w/acme" {
			t.Errorf("%s: %d to %s", elsewhere, status, h.Get("Location"))
		}
	}
	if status, _, h := call(t, "GET", r.console+"/v1/session", ""); status != http.StatusUnauthorized || h.Get("Content-Security-Policy") == "" {
		t.Errorf("session: %d", status)
	}
}

func TestABusyPortGetsOneClearLine(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	for flag, other := range map[string]string{"--addr": "--companion-addr", "--companion-addr": "--addr"} {
		for _, command := range []string{"serve", "demo"} {
			dir := t.TempDir()
			got := countersign(t, nil, "", command, "--data-dir", dir, flag, taken.Addr().String(), other, free(t))
			if got.code != failed || strings.Count(got.stderr, "\n") != 1 || !strings.Contains(got.stderr, taken.Addr().String()) || !strings.Contains(got.stderr, flag+" 127.0.0.1:1808") {
				t.Errorf("%s: %d %q", command, got.code, got.stderr)
			}
			if left, _ := os.ReadDir(dir); len(left) != 0 {
				t.Errorf("%s left %v behind", command, left)
			}
		}
	}
}

func TestPostgresDemandsAKeyset(t *testing.T) {
	got := countersign(t, map[string]string{"COUNTERSIGN_DATABASE_URL": dbtest.URL(t, "postgres"), "COUNTERSIGN_DATA_DIR": t.TempDir()}, "", "serve",
		"--addr", free(t), "--companion-addr", free(t))
	if got.code != wrongUse || !strings.Contains(got.stderr, "COUNTERSIGN_KEYSET") || !strings.Contains(got.stderr, "keys init") {
		t.Errorf("%d %s", got.code, got.stderr)
	}
}

func TestServeWithoutMigratingDemandsTheSchema(t *testing.T) {
	got := countersign(t, map[string]string{"COUNTERSIGN_DATA_DIR": t.TempDir()}, "", "serve", "--migrate=false", "--addr", free(t), "--companion-addr", free(t))
	if got.code != failed || !strings.Contains(got.stderr, "countersign migrate") {
		t.Errorf("%d %s", got.code, got.stderr)
	}
}

// trusting is a client that trusts one more authority.
func trusting(authority []byte) *http.Client {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)
	return &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}}
}

func TestTheServiceOverTLSFromFiles(t *testing.T) {
	dir := t.TempDir()
	authority, err := localca.Load(dir, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := authority.Leaf(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(leaf.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"COUNTERSIGN_DATA_DIR": dir, "COUNTERSIGN_TLS_CERT": filepath.Join(dir, "cert.pem"), "COUNTERSIGN_TLS_KEY": filepath.Join(dir, "key.pem")}
	for name, block := range map[string]*pem.Block{"COUNTERSIGN_TLS_CERT": {Type: "CERTIFICATE", Bytes: leaf.Certificate[0]}, "COUNTERSIGN_TLS_KEY": {Type: "PRIVATE KEY", Bytes: key}} {
		if err := os.WriteFile(env[name], pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r := serve(t, env)
	for _, base := range []string{r.console, r.companion} {
		res, err := trusting(authority.PEM()).Get(strings.Replace(base, "http:", "https:", 1) + "/readyz")
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusOK || res.Header.Get("Strict-Transport-Security") == "" {
			t.Errorf("%s: %d, HSTS %q", base, res.StatusCode, res.Header.Get("Strict-Transport-Security"))
		}
	}
}

func TestTheCompanionOnTheLocalNetwork(t *testing.T) {
	dir := t.TempDir()
	port := portOf(free(t))
	r := start(t, map[string]string{"COUNTERSIGN_DATA_DIR": dir, "COUNTERSIGN_LAN": "1", "COUNTERSIGN_COMPANION_URL": "https://192.168.7.5:" + port}, "demo", "--verbose")
	r.stderr.await(t, lanListener)
	authority, err := os.ReadFile(filepath.Join(dir, "demo", "ca.crt"))
	if err != nil {
		t.Fatal(err)
	}
	res, err := trusting(authority).Get("https://localhost:" + port + "/ca.crt")
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "application/x-x509-ca-cert" {
		t.Errorf("the authority is not offered: %d %q", res.StatusCode, res.Header.Get("Content-Type"))
	}
	shown := r.stdout.String()
	if !strings.Contains(shown, "https://192.168.7.5:"+port) || !strings.Contains(shown, "█") || !regexp.MustCompile(`([0-9A-F]{2}:){31}[0-9A-F]{2}`).MatchString(shown) {
		t.Errorf("link, QR or fingerprint are not shown:\n%s", shown)
	}
	if status, _, _ := call(t, "GET", r.companion+"/v1/session", ""); status != http.StatusNotFound {
		t.Errorf("the companion has calls of the console: %d", status)
	}
	byNumber := strings.Replace(r.companion, "localhost", "127.0.0.1", 1)
	if status, _, h := call(t, "GET", byNumber+"/", "", "Accept", "text/html"); status != http.StatusTemporaryRedirect || h.Get("Location") != "https://192.168.7.5:"+port+"/" {
		t.Errorf("plain http under another host: %d to %q, want the address that works", status, h.Get("Location"))
	}
}

func TestASecondDemoGoesOnAndAFreshOneStartsOver(t *testing.T) {
	dir := t.TempDir()
	shown := func(args ...string) string {
		r := start(t, map[string]string{"COUNTERSIGN_DATA_DIR": dir}, append([]string{"demo", "--verbose"}, args...)...)
		r.stderr.await(t, `"listener":"companion"`)
		if code := r.stop(); code != done {
			t.Fatalf("exit status %d: %s", code, r.stderr)
		}
		for _, a := range read(t, dir) {
			if !strings.Contains(r.stdout.String(), a.Password) || strings.Contains(r.stderr.String(), a.Password) {
				t.Errorf("%s: the password is not printed, or is in the log", a.Email)
			}
		}
		return r.stdout.String()
	}
	first := shown()
	for _, want := range []string{"owner", "super_admin", "admin", "user", "guest", "http://localhost:", "adb reverse", "LAN=1"} {
		if !strings.Contains(first, want) {
			t.Errorf("%q is not shown:\n%s", want, first)
		}
	}
	kept := read(t, dir)
	shown()
	if again := read(t, dir); again[0].Password != kept[0].Password {
		t.Error("a second start made new passwords")
	}
	shown("--fresh")
	if fresh := read(t, dir); fresh[0].Password == kept[0].Password {
		t.Error("--fresh kept the passwords")
	}
}

type account struct{ Email, Password string }

func read(t *testing.T, dir string) (out []account) {
	t.Helper()
	name := filepath.Join(dir, "demo", passwords)
	st, err := os.Stat(name)
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v (%v), want 0600", st.Mode(), err)
	}
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &out); err != nil || len(out) != 5 {
		t.Fatalf("%v: %s", err, b)
	}
	return out
}

func TestMetricsAreOnAListenerOfTheirOwn(t *testing.T) {
	metrics := free(t)
	r := serve(t, map[string]string{"COUNTERSIGN_DATA_DIR": t.TempDir(), "COUNTERSIGN_METRICS_ADDR": metrics})
	call(t, "GET", r.console+"/v1/people/ppl_hush", "")
	status, body, _ := call(t, "GET", "http://"+metrics+"/metrics", "")
	for _, want := range []string{"countersign_request_seconds", `route="/v1/people/:id"`, "countersign_outbox_tasks", "countersign_open_dialogs", "go_goroutines"} {
		if !strings.Contains(body, want) {
			t.Errorf("%d, no %s", status, want)
		}
	}
	if strings.Contains(body, "hush") {
		t.Error("what somebody typed is a label")
	}
	if status, _, _ := call(t, "GET", r.console+"/metrics", ""); status != http.StatusNotFound {
		t.Errorf("metrics on the public address: %d", status)
	}
}

func TestAnOperatorMakesATokenWithoutAPhone(t *testing.T) {
	everyDatabase(t, func(t *testing.T, env map[string]string) {
		makeWorkspace(t, env).must(t, done)
		args := []string{"token", "regenerate", "--workspace", "acme", "--requested-by", "ana@acme.test", "--operator", "Sam", "--reason", "automation", "--without-confirmation"}
		silent := countersign(t, env, "", args...).must(t, done)
		if strings.Contains(silent.stdout+silent.stderr, "cs_scim_") || silent.field(t, "confirmed") != false || silent.field(t, "previous", "hint") == nil {
			t.Errorf("%s", silent.stdout)
		}
		printed := countersign(t, env, "", append(args, "--print")...).must(t, done)
		if token, _ := printed.field(t, "token").(string); !strings.HasPrefix(token, "cs_scim_") || strings.Contains(printed.stderr, token) {
			t.Errorf("%s", printed.stdout)
		}
		r := serve(t, env)
		if status, body, _ := call(t, "GET", r.console+"/v1/scim/v2/Users", "", "Authorization", "Bearer "+printed.field(t, "token").(string)); status != http.StatusOK {
			t.Errorf("SCIM with the printed token: %d %s", status, body)
		}
		args[5] = "nobody@acme.test"
		if none := countersign(t, env, "", args...); none.code != failed {
			t.Errorf("for nobody: %d %s", none.code, none.stdout)
		}
		args[5] = "ana@acme.test"
		if phone := countersign(t, env, "", args[:len(args)-1]...); phone.code != failed || !strings.Contains(phone.stderr, "no paired phone") {
			t.Errorf("without a phone: %d %s", phone.code, phone.stderr)
		}
	})
}

func TestRecoverPrintsALinkAndItsEnd(t *testing.T) {
	everyDatabase(t, func(t *testing.T, env map[string]string) {
		makeWorkspace(t, env).must(t, done)
		got := countersign(t, env, "", "recover", "--workspace", "acme", "--email", "ana@acme.test").must(t, done)
		link, _ := got.field(t, "url").(string)
		end, err := time.Parse(time.RFC3339, got.field(t, "expires_at").(string))
		if !strings.HasPrefix(link, "http://localhost:8080/w/acme/recover#") || err != nil || time.Until(end) > 10*time.Minute || time.Until(end) < 9*time.Minute {
			t.Errorf("%s (%v)", got.stdout, err)
		}
		password := countersign(t, env, "", "workspace", "password-link", "--workspace", "acme", "--email", "ana@acme.test").must(t, done)
		if url, _ := password.field(t, "url").(string); !strings.HasPrefix(url, "http://localhost:8080/w/acme/set-password#") {
			t.Errorf("a password link: %s", password.stdout)
		}
		if none := countersign(t, env, "", "recover", "--workspace", "acme", "--email", "x@acme.test"); none.code != failed || none.stdout != "" {
			t.Errorf("for nobody: %d %s", none.code, none.stdout)
		}
	})
}

func TestAStopTellsAWaitingDialogToComeBackAndIsQuick(t *testing.T) {
	env := map[string]string{"COUNTERSIGN_DATA_DIR": t.TempDir()}
	countersign(t, env, apitest.Password+"\n", "workspace", "create", "--slug", "acme", "--name", "Acme", "--owner-name", "Ana Kovač",
		"--owner-email", "ana@acme.test", "--owner-password-stdin").must(t, done)
	r := serve(t, env)
	ana := apitest.Visit(t, r.console, r.console)
	ana.SignIn("acme", "ana@acme.test")
	ana.Pair(phonesim.Options{Platform: "ios"})
	id := ana.Ask().Text("id")
	dialog, _, err := ana.Dial(id, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = dialog.Close() }()
	polling := make(chan apitest.Reply, 1)
	go func() {
		reply, _ := ana.Try("GET", "/v1/confirmations/"+id+"?wait=25&since_version=1", nil)
		polling <- reply
	}()
	var closed *websocket.CloseError
	begun := time.Now()
	ended := make(chan int, 1)
	for first := true; ; first = false {
		_, _, err := dialog.ReadMessage()
		if errors.As(err, &closed) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if first { // the snapshot has come, so the dialog waits
			begun = time.Now()
			go func() { ended <- r.stop() }()
		}
	}
	if closed.Code != websocket.CloseServiceRestart {
		t.Errorf("the dialog was closed with %d", closed.Code)
	}
	if code := <-ended; code != done || time.Since(begun) > 10*time.Second {
		t.Errorf("exit status %d after %v", code, time.Since(begun))
	}
	<-polling
}

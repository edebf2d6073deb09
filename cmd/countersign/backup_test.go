package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/countersign/countersign/internal/apitest"
	"github.com/countersign/countersign/internal/dbtest"
	"github.com/countersign/countersign/internal/phonesim"
)

// scimCall says how SCIM answers a token.
func scimCall(t *testing.T, base, token string) (int, http.Header) {
	t.Helper()
	status, _, h := call(t, "GET", base+scimPath+"/Users?count=1", "", "Authorization", "Bearer "+token)
	return status, h
}

func TestABackupIsBroughtBack(t *testing.T) {
	dir, kept := t.TempDir(), filepath.Join(t.TempDir(), "monday.db")
	env := map[string]string{"COUNTERSIGN_DATA_DIR": dir}
	countersign(t, env, apitest.Password+"\n", "workspace", "create", "--slug", "acme", "--name", "Acme", "--owner-name", "Ana Kovač",
		"--owner-email", "ana@acme.test", "--owner-password-stdin").must(t, done)
	renew := func() string {
		made := countersign(t, env, "", "token", "regenerate", "--workspace", "acme", "--requested-by", "ana@acme.test", "--operator", "Sam", "--reason", "r",
			"--overlap", "0", "--without-confirmation", "--print").must(t, done)
		token, _ := made.field(t, "token").(string)
		return token
	}
	monday := renew()
	r := serve(t, env)
	ana := apitest.Visit(t, r.console, r.console)
	ana.SignIn("acme", "ana@acme.test")
	phone := ana.Pair(phonesim.Options{})

	made := countersign(t, env, "", "backup", "--to", kept).must(t, done)
	if st, err := os.Stat(kept); err != nil || st.Mode().Perm() != 0o600 || made.field(t, "bytes") != float64(st.Size()) {
		t.Errorf("the backup: %v, %v, %s", st, err, made.stdout)
	}
	if again := countersign(t, env, "", "backup", "--to", kept); again.code != failed {
		t.Errorf("a file that is there was replaced: %s", again.stdout)
	}
	tuesday := renew()
	restore := func(args ...string) outcome {
		return countersign(t, env, "", append([]string{"restore", "--operator", "Sam"}, args...)...)
	}
	if got := restore("--from", kept); got.code != failed || !strings.Contains(got.stderr, "stop the service") {
		t.Errorf("while it runs: %d %s", got.code, got.stderr)
	}
	if status, _ := scimCall(t, r.console, tuesday); status != http.StatusOK {
		t.Errorf("a restore that was refused has changed something: %d", status)
	}
	if code := r.stop(); code != done {
		t.Fatalf("stopped with %d: %s", code, r.stderr)
	}
	refusesOtherFiles(t, dir, env, kept)

	got := restore("--from", kept).must(t, done)
	if got.field(t, "held", "phones") != 1.0 || got.field(t, "held", "scim_tokens") != 1.0 || got.field(t, "waits_for_confirmation") != true {
		t.Errorf("restored: %s", got.stdout)
	}
	before, _ := got.field(t, "kept").(string)
	if _, err := os.Stat(before); err != nil {
		t.Errorf("what was there is not kept: %v", err)
	}
	r = serve(t, env)
	if status, h := scimCall(t, r.console, monday); status != http.StatusServiceUnavailable || h.Get("Retry-After") == "" {
		t.Errorf("the token of the backup: %d, Retry-After %q", status, h.Get("Retry-After"))
	}
	if status, _ := scimCall(t, r.console, tuesday); status != http.StatusUnauthorized {
		t.Errorf("the token of after the backup: %d", status)
	}
	phone, ana = phone.Via(r.console), ana.Via(r.console)
	if _, err := phone.Pending(t.Context()); !phonesim.HasCode(err, http.StatusServiceUnavailable, "restored") {
		t.Errorf("the phone: %v", err)
	}
	if reply := ana.Do("GET", "/v1/session", nil); reply.Status != http.StatusUnauthorized {
		t.Errorf("the session goes on: %d", reply.Status)
	}
	if doc := countersign(t, env, "", "doctor"); state(t, doc, "restore") != "warning" {
		t.Errorf("doctor: %s", doc.stdout)
	}
	restore("--confirm").must(t, done)
	apitest.Until(t, "the service noticed", func() bool {
		status, _ := scimCall(t, r.console, monday)
		return status == http.StatusOK
	})
	if _, err := phone.Pending(t.Context()); err != nil {
		t.Errorf("the phone, confirmed: %v", err)
	}
	if again := restore("--confirm"); again.code != failed || !strings.Contains(again.stderr, "Nothing waits") {
		t.Errorf("confirmed twice: %d %s", again.code, again.stderr)
	}
}

// refusesOtherFiles tries what must not be put in the place of a database, and looks that nothing is left of it.
func refusesOtherFiles(t *testing.T, dir string, env map[string]string, backup string) {
	t.Helper()
	rubbish, foreign := filepath.Join(t.TempDir(), "rubbish.db"), filepath.Join(t.TempDir(), "foreign.db")
	if err := os.WriteFile(rubbish, []byte(strings.Repeat("no database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	other := map[string]string{"COUNTERSIGN_DATA_DIR": t.TempDir()}
	countersign(t, other, apitest.Password+"\n", "workspace", "create", "--slug", "other", "--name", "Other", "--owner-name", "Ben", "--owner-email", "ben@other.test",
		"--owner-password-stdin").must(t, done)
	countersign(t, other, "", "backup", "--to", foreign).must(t, done)
	files := namesIn(t, dir)
	for name, c := range map[string]struct {
		env  map[string]string
		from string
		code int
		says string
	}{
		"no such file":               {env, filepath.Join(dir, "none.db"), failed, "no such file"},
		"no database":                {env, rubbish, failed, "not a database"},
		"a backup of another keyset": {env, foreign, failed, "keyset"},
		"a database on Postgres": {map[string]string{"COUNTERSIGN_DATA_DIR": dir, "COUNTERSIGN_DATABASE_URL": dbtest.URL(t, "postgres"),
			"COUNTERSIGN_KEYSET": filepath.Join(dir, "keyset.json")}, backup, wrongUse, "pg_dump"},
	} {
		got := countersign(t, c.env, "", "restore", "--operator", "Sam", "--from", c.from)
		if got.code != c.code || !strings.Contains(got.stderr, c.says) {
			t.Errorf("%s: %d %s", name, got.code, got.stderr)
		}
		if now := namesIn(t, dir); now != files {
			t.Errorf("%s left %s, was %s", name, now, files)
		}
	}
}

// namesIn are the names in a folder.
func namesIn(t *testing.T, dir string) string {
	t.Helper()
	all, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range all {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

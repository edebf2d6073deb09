package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/countersign/countersign/internal/apitest"
)

// TestTheAuditIsCheckedWhereItLiesAndOnAnotherMachine: a signed export is fetched from a running service and checked without its data.
func TestTheAuditIsCheckedWhereItLiesAndOnAnotherMachine(t *testing.T) {
	everyDatabase(t, func(t *testing.T, env map[string]string) {
		countersign(t, env, apitest.Password+"\n", "workspace", "create", "--slug", "acme", "--name", "Acme", "--owner-name", "Ana Kovač",
			"--owner-email", "ana@acme.test", "--owner-password-stdin").must(t, done)
		if o := countersign(t, env, "", "audit", "verify", "--workspace", "acme").must(t, done); o.field(t, "unsealed", "events") == float64(0) {
			t.Errorf("nothing has sealed yet: %s", o.stdout)
		}
		if o := countersign(t, env, "", "audit", "key"); o.code != failed || !strings.Contains(o.stderr, "no audit key yet") {
			t.Errorf("a key before its time: %d %s", o.code, o.stderr)
		}
		r := serve(t, env)
		ana := apitest.Visit(t, r.console, r.console)
		ana.SignIn("acme", "ana@acme.test")
		made := ana.Do("POST", "/v1/activity/exports", map[string]string{"format": "signed"})
		file := ana.Do("GET", made.Text("url"), nil).Body
		name := filepath.Join(t.TempDir(), "activity.zip")
		write := func(b []byte) {
			if err := os.WriteFile(name, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		write(file)
		elsewhere := map[string]string{"COUNTERSIGN_DATA_DIR": t.TempDir()}
		o := countersign(t, elsewhere, "", "audit", "verify", name).must(t, done)
		if !strings.Contains(o.stderr, "chain unbroken") || o.field(t, "workspace") != "acme" || o.field(t, "pinned") != false {
			t.Errorf("%s%s", o.stdout, o.stderr)
		}
		key := countersign(t, env, "", "audit", "key").must(t, done)
		if !strings.Contains(key.stdout, fmt.Sprint(o.field(t, "key"))) {
			t.Errorf("signed by %v: %s", o.field(t, "key"), key.stdout)
		}
		countersign(t, elsewhere, "", "audit", "verify", name, "--key", fmt.Sprint(o.field(t, "key"))).must(t, done)
		if o := countersign(t, elsewhere, "", "audit", "verify", name, "--key", "sha256:00"); o.code != failed || !strings.Contains(o.stderr, "key you gave") {
			t.Errorf("a strange key: %d %s", o.code, o.stderr)
		}

		changed := bytes.Replace(file, []byte(`"event":"session.started"`), []byte(`"event":"session.startet"`), 1)
		if bytes.Equal(changed, file) {
			t.Fatal("the export tells of no sign-in")
		}
		write(changed)
		if o := countersign(t, elsewhere, "", "audit", "verify", name); o.code != failed || !strings.Contains(o.stderr, "BROKEN: event ") || !strings.Contains(o.stderr, "evt_") {
			t.Errorf("a changed byte: %d %s", o.code, o.stderr)
		}
		write([]byte("no zip"))
		if o := countersign(t, elsewhere, "", "audit", "verify", name); o.code != failed || !strings.Contains(o.stderr, "not a signed export") {
			t.Errorf("no export: %d %s", o.code, o.stderr)
		}
		for _, args := range [][]string{{}, {name, "--workspace", "acme"}, {name, "--head", "1:x"}} {
			if o := countersign(t, env, "", append([]string{"audit", "verify"}, args...)...); o.code != wrongUse {
				t.Errorf("%v: %d %s", args, o.code, o.stderr)
			}
		}

		// Where it lies, after the key was replaced, and with somebody erased.
		first := countersign(t, env, "", "audit", "verify", "--workspace", "acme").must(t, done)
		countersign(t, env, "", "keys", "rotate", "audit").must(t, done)
		erased := countersign(t, env, "", "audit", "erase", "--workspace", "acme", "--email", "ana@acme.test", "--operator", "Sam").must(t, done)
		if erased.field(t, "erased", "actors") == float64(0) {
			t.Errorf("%s", erased.stdout)
		}
		head := fmt.Sprintf("%.0f:%v", first.field(t, "last"), first.field(t, "head"))
		after := countersign(t, env, "", "audit", "verify", "--workspace", "acme", "--head", head, "--key", fmt.Sprint(first.field(t, "key"))).must(t, done)
		if after.field(t, "erased") == nil || after.field(t, "pinned") != true {
			t.Errorf("%s", after.stdout)
		}
		if o := countersign(t, env, "", "audit", "verify", "--workspace", "acme", "--head", "1:00"); o.code != failed || !strings.Contains(o.stderr, "noted earlier") {
			t.Errorf("another head: %d %s", o.code, o.stderr)
		}
	})
}

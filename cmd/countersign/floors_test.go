package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/countersign/countersign"

// floors is the house: every import points down. Changing it is a reviewed line of code (docs/decisions/0009-floors.md).
var floors = [][]string{
	0: {"internal/fault", "internal/actor", "internal/ident", "internal/hub", "internal/push", "internal/config", "internal/signing", "internal/vault",
		"internal/failpoint", "internal/egress", "migrations", "webapp"},
	1: {"internal/database", "internal/httpkit", "internal/scim", "internal/hub/relay", "internal/push/fcm", "internal/push/apns", "internal/push/webpush", "internal/localca"},
	2: {"internal/audit", "internal/outbox", "internal/serverkeys", "internal/reseal", "internal/server", "internal/limit", "internal/notice", "internal/restored"},
	3: {"internal/passkey", "internal/sso", "internal/directory", "internal/workspace", "internal/provisioning"},
	4: {"internal/device", "internal/signin", "internal/apikey", "internal/mail", "internal/webhook"},
	5: {"internal/confirm"},
	6: {"internal/assembly"},
	7: {"mobileapi", "internal/consoleapi", "internal/dialogapi", "internal/scimapi", "internal/seed"},
	8: {"cmd/countersign"},
}

// besides are packages that only tests and tools use: they may look at anything, and no floor may look at them.
var besides = []string{"internal/dbtest", "internal/apitest", "internal/hub/hubtest", "internal/chaos", "internal/fakepush", "internal/phonesim", "internal/softkey", "mobileapi/vectors", "cmd/fakepush", "cmd/phonesim", "bench"}

type listed struct {
	ImportPath string
	Imports    []string
}

func TestEveryImportPointsDown(t *testing.T) {
	floor := map[string]int{}
	for n, names := range floors {
		for _, name := range names {
			floor[name] = n
		}
	}
	arrows := 0
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, module+"/")
		if aside(name) {
			continue
		}
		from, placed := floor[name]
		if !placed {
			t.Errorf("%s has no floor: give it one in floors_test.go", name)
			continue
		}
		for _, imported := range p.Imports {
			to, ours := strings.CutPrefix(imported, module+"/")
			if !ours {
				continue
			}
			arrows++
			switch at, placed := floor[to]; {
			case aside(to):
				t.Errorf("%s imports %s, which is for tests alone", name, to)
			case placed && at >= from:
				t.Errorf("%s (floor %d) imports %s (floor %d): imports point down", name, from, to, at)
			}
		}
	}
	t.Logf("%d floors, %d packages, %d arrows", len(floors), len(floor), arrows)
}

func TestThePhoneSimulatorKnowsTheProductOnlyByItsDocuments(t *testing.T) {
	for _, p := range packages(t) {
		name, by := strings.TrimPrefix(p.ImportPath, module+"/"), false
		for _, written := range []string{"internal/phonesim", "cmd/phonesim", "mobileapi/vectors"} { // from the published contract alone
			by = by || name == written || strings.HasPrefix(name, written+"/")
		}
		if !by {
			continue
		}
		for _, imported := range p.Imports {
			if strings.HasPrefix(imported, module) && !strings.HasPrefix(imported, module+"/internal/phonesim") {
				t.Errorf("%s imports %s: it would agree with a mistake instead of finding it", p.ImportPath, imported)
			}
		}
	}
}

func aside(name string) bool {
	for _, b := range besides {
		if name == b || strings.HasPrefix(name, b+"/") {
			return true
		}
	}
	return false
}

func packages(t *testing.T) (out []listed) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports", "./...")
	cmd.Dir = "../.."
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	b, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	for d := json.NewDecoder(bytes.NewReader(b)); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return out
		} else if err != nil {
			t.Fatal(err)
		}
		out = append(out, p)
	}
}

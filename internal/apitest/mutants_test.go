package apitest_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// For each attack of docs/security.md one line of the product is changed and the attack's test has to fail: a test that fails for nothing proves
// nothing. `make mutants` does it, in a copy of the file that only the compiler sees; `-args -mutant A05` does one attack. The everyday test keeps
// the table true: the line is there, once, and docs/attacks.md is the table.

var (
	runMutants = flag.Bool("mutants", false, "change the product line by line and see the attacks' tests fail")
	oneMutant  = flag.String("mutant", "", "only the mutants of this attack, such as A05")
	update     = flag.Bool("update", false, "write docs/attacks.md anew")
)

type mutant struct {
	attack   string // "A05"
	change   string // in words
	file     string
	old, new string
	more     edit // of the same file, where two lines keep the same thing
}

type edit struct{ old, new string }

// homes are the packages of attack tests that are not in this one.
var homes = map[string]string{"A04": "./internal/dialogapi"}

var mutants = []mutant{
	{"A01", "no limit on open questions", "internal/confirm/ask.go",
		"if others >= maxLive {", "if others >= 1000 {", edit{}},
	{"A01", "no budget for pushes", "internal/confirm/ask.go",
		"case pushed >= maxPushes-q.people[d.Person].Pushes:", "case pushed < 0:", edit{}},
	{"A02", "the network of the asking browser is not compared", "internal/confirm/ask.go",
		"if network != limit.Network(by.IP) {", `if network == "?" {`, edit{}},
	{"A02", "the policy of one network is not kept", "internal/confirm/answer.go",
		"if ch.SameNetwork && ", "if false && ch.SameNetwork && ", edit{}},
	{"A03", "collecting does not look at the session", "internal/confirm/collect.go",
		`"id = ? AND session_hash = ? AND workspace_id = ? AND person_id = ?", id, by.Session, by.Workspace, by.Person).Take(&r)`,
		`"id = ? AND workspace_id = ? AND person_id = ?", id, by.Workspace, by.Person).Take(&r)`, edit{}},
	{"A03", "signing in keeps the session's value", "internal/signin/session.go",
		"if err := m.RenewToken(ctx); err != nil {", "if err := error(nil); err != nil {", edit{}},
	{"A04", "any Origin opens a websocket (both lines that look at it)", "internal/dialogapi/stream.go",
		`if c.GetHeader("Origin") != a.PublicURL {`, `if c.GetHeader("Origin") == "?" {`,
		edit{`return r.Header.Get("Origin") == a.PublicURL }`, "return true }"}},
	{"A04", "any subprotocol opens a websocket", "internal/dialogapi/stream.go",
		"if !slices.Contains(websocket.Subprotocols(c.Request), subprotocol) {", "if false {", edit{}},
	{"A05", "an answer does not look whether there was one", "internal/confirm/answer.go",
		`case r.State != Pending, mine != nil && resp.DEC == "approve":`, "case r.State == Consumed:", edit{}},
	{"A06", "collecting does not look whether it was collected", "internal/confirm/collect.go",
		"case r.State == Approved:\n\t\treturn nil\n\tcase r.State == Consumed:\n\t\treturn ErrAlreadyCollected\n",
		"case r.State == Approved, r.State == Consumed:\n\t\treturn nil\n", edit{}},
	{"A07", "a phone may note any question of its workspace as opened", "internal/confirm/phone.go",
		"if err := s.Foreign(ctx, by, id); err != nil {", "if err := error(nil); err != nil {", edit{}},
	{"A07", "a phone to remove is looked up without its person", "internal/device/device.go",
		`"workspace_id = ? AND person_id = ? AND id = ? AND state <> ?", by.Workspace, by.Person, id, Removed).Take`,
		`"id = ? AND state <> ?", id, Removed).Take`, edit{}},
	{"A07", "sending again looks up the phones of anybody's question", "internal/confirm/cancel.go",
		"WHERE id = ? AND workspace_id = ? AND session_hash = ?)\",", "WHERE id = ? OR workspace_id = ? AND session_hash = ?)\",", edit{}},
	{"A08", "neither the signature nor the ids of an answer are looked at (two lines, each holds without the other)", "internal/confirm/answer.go",
		"if !byUV && !signing.Verify(d.PollKey, message, a.Sig) {", "if byUV = true; !byUV {",
		edit{"if resp.CID != id || resp.DEV != d.ID || resp.CHS != signing.B64(hash(challenge)) {", "if resp.DEV != d.ID {"}},
	{"A08", "a phone that repeats itself is not known again", "internal/confirm/answer.go",
		"case r.DecidedBy != nil && *r.DecidedBy == d.ID:", "case false:", edit{}},
	{"A09", "a call that came before is not refused", "internal/device/request.go",
		"if res.RowsAffected == 0 {", "if res.RowsAffected < 0 {", edit{}},
	{"A09", "a call may be as old as it likes", "internal/device/request.go",
		"now.Sub(at).Abs() > skew", "now.Sub(at).Abs() > 1000*skew", edit{}},
	{"A10", "an answer has a second more", "internal/confirm/confirm.go",
		"case r.State == Pending && !now.Before(r.ExpiresAt):", "case r.State == Pending && !now.Before(r.ExpiresAt.Add(time.Second)):", edit{}},
	{"A10", "collecting has 61 seconds", "internal/confirm/confirm.go",
		"collectFor     = 60 * time.Second", "collectFor     = 61 * time.Second", edit{}},
	{"A11", "wrong codes of a person are not counted", "internal/confirm/answer.go",
		`values := map[string]any{"wrong_codes": p.WrongCodes + 1}`, `values := map[string]any{"wrong_codes": p.WrongCodes}`, edit{}},
	{"A11", "a wrong code's transaction is rolled back", "internal/confirm/answer.go",
		"state, refused, err = s.judge(tx, by, d, ch, h, resp, a)",
		"if state, refused, err = s.judge(tx, by, d, ch, h, resp, a); err == nil {\n\t\t\terr = refused\n\t\t}", edit{}},
	{"A12", "approving takes the other key too", "internal/confirm/answer.go",
		`if resp.DEC == "approve" && !byUV {`, `if resp.DEC == "?" && !byUV {`, edit{}},
	{"A12", "a field may be named twice", "internal/httpkit/httpkit.go",
		"return unique(b)", "return nil", edit{}},
	{"A12", "an answer need not say which question it is to", "internal/confirm/answer.go",
		"if resp.CID != id || resp.DEV != d.ID || resp.CHS != signing.B64(hash(challenge)) {", "if resp.DEV != d.ID {", edit{}},
	{"A13", "the token asked for need not be the workspace's", "internal/confirm/registry.go",
		"\tcase asked != \"\" && asked != tokenPrefix+t.ID:", "\tcase false:", edit{}},
	{"A14", "the role is not read again", "internal/confirm/collect.go",
		"if err := act.mayCollect(by, who, r.ApprovalsNeeded); err != nil {", `if err := act.mayCollect(by, "owner", r.ApprovalsNeeded); err != nil || who == "" {`, edit{}},
	{"A14", "a phone that was removed may finish what it began", "internal/device/request.go",
		"r.jti, r.at.Add(jtiLife), r.Device.ID, Removed)", `r.jti, r.at.Add(jtiLife), r.Device.ID, "?")`, edit{}},
	{"A15", "a report leaves what is approved", "internal/confirm/report.go",
		"if err := s.endAll(tx, by, reasonReported, open); err != nil {", "if err := error(nil); err != nil || open == nil {", edit{}},
	{"A16", "the code is only looked at where there is one", "internal/confirm/answer.go",
		"if r.Mode == Code {\n\t\tright", "if r.Mode == Code && resp.Code != \"\" {\n\t\tright", edit{}},
	{"A17", "a line of the log at debug level has the token", "internal/dialogapi/dialogapi.go",
		"\tbody := tokenBody{", "\ta.Log.Debug(\"revealed\", \"token\", t.Plain)\n\tbody := tokenBody{", edit{}},
	{"A18", "the older phone keeps an address that another registers", "internal/device/register.go",
		"for _, o := range others {", "for _, o := range others[:0] {", edit{}},
	{"A19", "names are not looked at when an endpoint is registered", "internal/egress/egress.go",
		"if err := g.CheckName(host, port); err != nil || g.Lets(host, port) {", "if err := error(nil); err != nil || g.Lets(host, port) {", edit{}},
	{"A20", "an APNs token may be anything", "internal/push/address.go",
		"regexp.MustCompile(`^[0-9a-f]{64,200}$`)", "regexp.MustCompile(`^.*$`)", edit{}},
	{"A20", "direction-changing characters stay in texts", "internal/device/claim.go",
		"unicode.Is(unicode.Bidi_Control, r) || unicode.Is(unicode.Cf, r)", "false", edit{}},
	{"A21", "Google's library asks again by itself", "internal/push/fcm/once.go",
		"if !ok || a.made {", "if !ok {", edit{"a.err = err\n\t\treturn substitute(r), nil\n\t}\n\tbody, err", "return nil, err\n\t}\n\tbody, err"}},
	{"A22", "a frame may take as long as it likes", "internal/dialogapi/stream.go",
		"SetWriteDeadline(time.Now().Add(writeWait))", "SetWriteDeadline(time.Now().Add(100 * writeWait))", edit{}},
	{"A22", "compression is accepted", "internal/dialogapi/stream.go",
		"WriteBufferPool: &buffers, Subprotocols", "WriteBufferPool: &buffers, EnableCompression: true, Subprotocols", edit{}},
	{"A22", "as many calls are held open as somebody likes", "internal/httpkit/waits.go",
		"if w.held[caller] >= mostHeld {", "if mostHeld == 0 {", edit{}},
	{"A23", "a call's time is judged by the process's clock", "internal/device/request.go",
		"now, err := s.DB.Now(ctx)", "now, err := s.Now(), error(nil)", edit{}},
	{"A23", "a phone with a wrong clock is not told the right time", "internal/device/request.go",
		`ErrClockSkew.With("server_time", now)`, "ErrClockSkew", edit{}},
	{"A24", "nobody looks at rows that were not announced", "internal/confirm/watch.go",
		"const safetyPoll = 1500 * time.Millisecond", "const safetyPoll = 1500 * time.Second", edit{}},
	{"A25", "a pairing may be claimed twice", "internal/device/claim.go",
		"\t\tcase open:\n\t\tcase expired, refused:", "\t\tcase open, claimed:\n\t\tcase expired, refused:", edit{}},
	{"A25", "secrets may be guessed fifty times", "internal/device/claim.go",
		"maxWrongSecrets = 5 ", "maxWrongSecrets = 50 ", edit{}},
	{"A26", "the reason of a denial is shown", "internal/confirm/confirm.go",
		"if r.State == Denied && r.Reason != reasonTooMany && r.Reason != reasonMismatch || r.Reason == reasonReported {", "if r.Reason == reasonReported {", edit{}},
	{"A27", "the stored signature is not verified again", "internal/confirm/collect.go",
		"!signing.Verify(d.UVKey, signing.Response(challenge, answer), sig)", "false", edit{}},
	{"A27", "the hash of an audit event is not compared", "internal/audit/check.go", "!bytes.Equal(hash, l.Hash)", "false", edit{}},
	{"A27", "the signature of a seal is not verified", "internal/audit/check.go", "!signing.Verify(k.SPKI, message, sig)", "len(k.SPKI) == 0", edit{}},
	{"A28", "scripts may be inline", "internal/server/headers.go",
		"script-src 'self'; style-src", "script-src 'self' 'unsafe-inline'; style-src", edit{}},
}

func TestMutants(t *testing.T) {
	tests := attackTests(t)
	seen := map[string]bool{}
	for _, m := range mutants {
		seen[m.attack] = true
		text := source(t, m.file)
		for _, old := range []string{m.old, m.more.old} {
			if n := strings.Count(text, old); n != 1 && old != "" {
				t.Errorf("%s (%s): the line to change is %d times in %s:\n%s", m.attack, m.change, n, m.file, old)
			}
		}
	}
	for n := range 28 {
		attack := fmt.Sprintf("A%02d", n+1)
		if !seen[attack] || len(tests[attack]) == 0 {
			t.Errorf("%s has tests %v, and a line whose change makes them fail: %v", attack, tests[attack], seen[attack])
		}
	}
	page := attackPage(tests)
	if *update {
		if err := os.WriteFile(filepath.Join(root, "docs/attacks.md"), []byte(page), 0o644); err != nil { //nolint:gosec // a page for everybody
			t.Fatal(err)
		}
	}
	if source(t, "docs/attacks.md") != page {
		t.Error("docs/attacks.md is not this table: go test ./internal/apitest -run TestMutants -args -update")
	}
	if !*runMutants && *oneMutant == "" {
		return
	}
	for _, m := range mutants {
		if *oneMutant == "" || *oneMutant == m.attack {
			t.Run(m.attack+" "+m.change, m.run)
		}
	}
}

// sound are the attacks whose tests pass while nothing is changed; the others' failures would prove nothing.
var sound = map[string]bool{}

// run changes the line for the compiler alone and wants the attack's test to fail.
func (m mutant) run(t *testing.T) {
	dir := t.TempDir()
	changed := filepath.Join(dir, "changed.go")
	text := strings.Replace(source(t, m.file), m.old, m.new, 1)
	if m.more.old != "" {
		text = strings.Replace(text, m.more.old, m.more.new, 1)
	}
	if err := os.WriteFile(changed, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := filepath.Abs(filepath.Join(root, m.file))
	if err != nil {
		t.Fatal(err)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{file: changed}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "overlay.json"), overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	if !sound[m.attack] {
		if out, err := m.test(t); err != nil {
			t.Fatalf("the test fails with nothing changed: %s", out)
		}
		sound[m.attack] = true
	}
	out, err := m.test(t, "-overlay", filepath.Join(dir, "overlay.json"))
	switch {
	case err == nil:
		t.Error("the test still passes")
	case !strings.Contains(string(out), "--- FAIL: Test"+m.attack+"_"):
		t.Errorf("the test did not run: %s", out)
	default:
		t.Logf("caught: %s", firstComplaint(string(out)))
	}
}

// test runs the attack's tests.
func (m mutant) test(t *testing.T, flags ...string) ([]byte, error) {
	t.Helper()
	home := homes[m.attack]
	if home == "" {
		home = "./internal/apitest"
	}
	args := append(append([]string{"test", "-vet=off"}, flags...), "-run", "^Test"+m.attack+"_", home)
	cmd := exec.CommandContext(t.Context(), "go", args...) //nolint:gosec // the table's own words
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	return cmd.CombinedOutput()
}

func firstComplaint(out string) string {
	if found := regexp.MustCompile(`(?m)^\s+\w+\.go:\d+: (.*)$`).FindStringSubmatch(out); found != nil {
		return found[1]
	}
	return "by its failure"
}

const root = "../.."

func source(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// attackTests are the tests of each attack, by "A05".
func attackTests(t *testing.T) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for _, pattern := range []string{"internal/apitest/attack_*_test.go", "internal/dialogapi/*_test.go"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range regexp.MustCompile(`(?m)^func (Test(A\d\d)_\w+)\(`).FindAllStringSubmatch(string(b), -1) {
				all[m[2]] = append(all[m[2]], m[1])
			}
		}
	}
	return all
}

// attackPage is docs/attacks.md.
func attackPage(tests map[string][]string) string {
	var b strings.Builder
	b.WriteString(`# Attacks, their tests, and the line that makes each test fail

What the attacks are and what must hold is in [security.md](security.md). Each line below is a change of the product that was made and seen to
be caught by the attack's test; ` + "`make mutants`" + ` makes them all again, one at a time, in copies that only the compiler sees. A test keeps this
page in step with the table in ` + "`internal/apitest/mutants_test.go`" + `: the line has to be there, and an attack without one fails.

| attack | test | what is changed | where |
|---|---|---|---|
`)
	for _, attack := range slices.Sorted(maps.Keys(tests)) {
		for _, m := range mutants {
			if m.attack == attack {
				fmt.Fprintf(&b, "| A-%s | `%s` | %s | `%s` |\n", strings.TrimLeft(attack[1:], "0"), strings.Join(tests[attack], "`, `"), m.change, m.file)
			}
		}
	}
	return b.String()
}

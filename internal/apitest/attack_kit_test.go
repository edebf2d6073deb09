package apitest_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/apitest"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/confirm"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/fakepush"
	"github.com/countersign/countersign/internal/phonesim"
	"github.com/countersign/countersign/internal/push"
	"github.com/countersign/countersign/internal/push/apns"
	"github.com/countersign/countersign/internal/push/fcm"
	"github.com/countersign/countersign/internal/workspace"
)

// The attacks of docs/security.md, one test each, in the files attack_*_test.go here and, where an attack has a narrower home, in that package.

// rounds is how often a race is run: few in everyday tests; `go test ./internal/apitest -run TestA05 -args -rounds 1000` for a long look.
var rounds = flag.Int("rounds", 3, "rounds of each race")

// demo is a service with Ana signed in and her phone paired.
type demo struct {
	*apitest.Site
	ana   *apitest.Browser
	phone *phonesim.Phone
}

func attacked(t *testing.T, do func(t *testing.T, d demo)) {
	t.Helper()
	apitest.Doors(t, func(t *testing.T, s *apitest.Site) {
		ana := s.Owner("acme")
		do(t, demo{s, ana, ana.Pair(phonesim.Options{})})
	})
}

// empty is the body of a POST that has no fields.
var empty = map[string]string{}

func (d demo) confirmation(id, what string) apitest.Reply {
	return d.ana.Do("POST", "/v1/confirmations/"+id+"/"+what, empty)
}

func (d demo) state(id string) string {
	return d.ana.Do("GET", "/v1/confirmations/"+id, nil).Text("state")
}

// approved asks and taps.
func (d demo) approved(t *testing.T) (id string) {
	t.Helper()
	asked := d.ana.Ask()
	if state, err := d.phone.Approve(d.Ctx, asked.Text("id"), phonesim.ApproveOptions{Code: asked.Text("code")}); err != nil || state != "approved" {
		t.Fatalf("tapped: %s, %v", state, err)
	}
	return asked.Text("id")
}

// row is a confirmation as the database has it.
type row struct {
	State, Reason string
	Version       int64
	WrongCodes    int
	ExpiresAt     time.Time
	DecidedAt     *time.Time
}

func rowOf(t testing.TB, w *apitest.World, id string) row {
	t.Helper()
	var r row
	if err := w.DB.Read(w.Ctx).Raw("SELECT state, reason, version, wrong_codes, expires_at, decided_at FROM confirmations WHERE id = ?", id).Scan(&r).Error; err != nil {
		t.Fatal(err)
	}
	return r
}

// unchanged fails when the row is not what it was.
func unchanged(t testing.TB, w *apitest.World, id string, before row, after string) {
	t.Helper()
	if now := rowOf(t, w, id); now.State != before.State || now.Version != before.Version || now.WrongCodes != before.WrongCodes {
		t.Errorf("%s: the row is %+v, was %+v", after, now, before)
	}
}

// told counts events of a confirmation, or of a workspace where subject is "".
func told(t testing.TB, w *apitest.World, workspace, subject, event string) int {
	t.Helper()
	all, err := audit.Newest(w.DB.Read(w.Ctx), workspace, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, e := range all {
		if e.Event == event && (subject == "" || e.Subject == subject) {
			n++
		}
	}
	return n
}

// problem fails unless err is the phone door's refusal with that status and code.
func problem(t testing.TB, what string, err error, status int, code string) {
	t.Helper()
	if !phonesim.HasCode(err, status, code) {
		t.Errorf("%s: %v, want %d %s", what, err, status, code)
	}
}

// refusal fails unless r is that refusal.
func refusal(t testing.TB, what string, r apitest.Reply, status int, code string) {
	t.Helper()
	if r.Status != status || r.Code() != code {
		t.Errorf("%s: %d %s, want %d %s", what, r.Status, r.Body, status, code)
	}
}

// ask asks to see the token, straight at the domain.
func ask(t testing.TB, w *apitest.World, by actor.Actor) confirm.View {
	t.Helper()
	v, _, err := w.Confirms.Ask(w.Ctx, by, confirm.Ask{Action: confirm.RevealToken})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// free lets a test pair a further phone without asking the first.
func free(database.Tx) error { return nil }

func alwaysCode(w *apitest.World, by actor.Actor) {
	w.InTx(func(tx database.Tx) error {
		return w.Workspaces.SetPolicy(tx, by, by.Workspace, workspace.AlwaysCode, 5*time.Minute)
	})
}

// owner is a person of a world as the domain sees them.
func owner(t testing.TB, w *apitest.World, workspace, email string) directory.Person {
	t.Helper()
	var id struct{ ID, WorkspaceID string }
	err := w.DB.Read(w.Ctx).Raw("SELECT p.id, p.workspace_id FROM people p JOIN workspaces w ON w.id = p.workspace_id WHERE w.slug = ? AND p.email = ?", workspace, email).Scan(&id).Error
	if err != nil {
		t.Fatal(err)
	}
	p, err := directory.Find(w.DB.Read(w.Ctx), id.WorkspaceID, id.ID)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// frame is what a dialog hears.
type frame struct {
	T            string         `json:"t"`
	Confirmation map[string]any `json:"confirmation"`
}

// eventually is how long a test waits for what takes milliseconds on a machine that has nothing else to do.
const eventually = time.Minute

// until reads frames until the dialog shows a state and says how long that took.
func until(t testing.TB, c *websocket.Conn, state string) time.Duration {
	t.Helper()
	began := time.Now()
	if err := c.SetReadDeadline(began.Add(eventually)); err != nil {
		t.Fatal(err)
	}
	for {
		var f frame
		if err := c.ReadJSON(&f); err != nil {
			t.Fatalf("no %s within %v: %v", state, eventually, err)
		}
		if f.Confirmation["state"] == state {
			return time.Since(began)
		}
	}
}

// dial opens a dialog.
func dial(t testing.TB, b *apitest.Browser, id string) *websocket.Conn {
	t.Helper()
	c, _, err := b.Dial(id, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// pushed is a service whose phones are pushed through the production senders to strict stand-ins.
type pushed struct {
	*apitest.Site
	fake *fakepush.Fake
}

func withPush(t *testing.T, do func(t *testing.T, p pushed)) {
	t.Helper()
	for _, d := range dbtest.Dialects {
		t.Run(d, func(t *testing.T) {
			fake, sender := fakes(t)
			w := apitest.On(t, dbtest.URL(t, d), sender)
			do(t, pushed{w.Serve(), fake})
		})
	}
}

func fakes(t *testing.T) (*fakepush.Fake, push.Mux) {
	t.Helper()
	fake, err := fakepush.New(fakepush.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = fake.Close() })
	android, err := fcm.New(t.Context(), fcm.Config{CredentialsJSON: fake.FCMCredentials(), Endpoint: fake.FCMEndpoint(), RootCAs: fake.Pool()})
	if err != nil {
		t.Fatal(err)
	}
	iphone, err := apns.New(apns.Config{KeyPEM: fake.APNsKeyPEM(), KeyID: fake.APNsKeyID, TeamID: fake.APNsTeamID, Topic: fake.Topic, Host: fake.APNsURL,
		RootCAs: fake.Pool()})
	if err != nil {
		t.Fatal(err)
	}
	return fake, push.Mux{push.FCM: android, push.APNs: iphone}
}

// about are the deliveries to an address that are questions about confirmations a test knows.
func (p pushed) about(address string, ids map[string]bool) int {
	n := 0
	for _, d := range p.fake.Delivered(address) {
		var said struct{ T, CID string }
		if json.Unmarshal(d.Payload, &said) == nil && said.T == "confirm" && ids[said.CID] {
			n++
		}
	}
	return n
}

// settled waits until nothing is left to push.
func settled(t testing.TB, w *apitest.World) {
	t.Helper()
	for end := time.Now().Add(eventually); ; {
		s, err := w.Outbox.Stats(w.Ctx)
		if err != nil {
			t.Fatal(err)
		}
		if s.Waiting == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("the outbox still has %d tasks", s.Waiting)
		}
	}
}

// is says whether err is one of those.
func is(err error, wanted ...error) bool {
	for _, w := range wanted {
		if errors.Is(err, w) {
			return true
		}
	}
	return false
}

func holds(text []byte, secrets ...string) string {
	for _, s := range secrets {
		if s != "" && strings.Contains(string(text), s) {
			return s
		}
	}
	return ""
}

func wrongCode(right string, n int) string {
	guess := fmt.Sprintf("%06d", n)
	if guess == right {
		return "999999"
	}
	return guess
}

func asProblem(err error, into **phonesim.Problem) bool { return errors.As(err, into) }

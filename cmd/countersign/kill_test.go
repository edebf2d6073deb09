package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/countersign/countersign/internal/apitest"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
	"github.com/countersign/countersign/internal/fakepush"
	"github.com/countersign/countersign/internal/phonesim"
)

// mined is the program with its fail points, built once.
var mined = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "countersign-mined")
	if err != nil {
		return "", err
	}
	built := filepath.Join(dir, "countersign")
	cmd := exec.Command("go", "build", "-tags", "failpoints", "-o", built, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return built, nil
})

// replica is a process of its own that can be killed and started again on the same data, at the same address.
type replica struct {
	t    *testing.T
	env  []string
	addr string
	cmd  *exec.Cmd
	mine chan struct{} // closed when the fail point is reached
}

// newReplica prepares a process; pushes go to fake.
func newReplica(t *testing.T, dir, url string, fake *fakepush.Fake) *replica {
	t.Helper()
	r := &replica{t: t, addr: free(t)}
	ca, fcm, keyset := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "fcm.json"), filepath.Join(dir, "keyset.json")
	for file, text := range map[string][]byte{ca: fake.CAPEM(), fcm: fake.FCMCredentials()} {
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(keyset); errors.Is(err, os.ErrNotExist) {
		countersign(t, nil, "", "keys", "init", "--keyset", keyset).must(t, 0)
	}
	companion := free(t)
	r.env = []string{"COUNTERSIGN_ADDR=" + r.addr, "COUNTERSIGN_COMPANION_ADDR=" + companion, "COUNTERSIGN_PUBLIC_URL=http://" + r.addr,
		"COUNTERSIGN_COMPANION_URL=http://" + companion, "COUNTERSIGN_DATABASE_URL=" + url, "COUNTERSIGN_DATA_DIR=" + dir, "COUNTERSIGN_KEYSET=" + keyset,
		"COUNTERSIGN_FCM_CREDENTIALS_FILE=" + fcm, "COUNTERSIGN_FCM_ENDPOINT=" + fake.FCMEndpoint(), "COUNTERSIGN_PUSH_CA=" + ca}
	return r
}

// start runs the process, with a mine at a fail point or "" for none.
func (r *replica) start(failpoint string) {
	r.t.Helper()
	program, err := mined()
	if err != nil {
		r.t.Fatal(err)
	}
	r.cmd = exec.Command(program, "serve")
	r.cmd.Env = append(os.Environ(), r.env...)
	r.cmd.Env = append(r.cmd.Env, "COUNTERSIGN_FAILPOINT="+failpoint)
	errs, err := r.cmd.StderrPipe()
	if err != nil {
		r.t.Fatal(err)
	}
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := r.cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	mine := make(chan struct{})
	r.mine = mine
	var said strings.Builder
	go func() {
		lines := bufio.NewScanner(errs)
		for lines.Scan() {
			said.WriteString(lines.Text() + "\n")
			if strings.HasPrefix(lines.Text(), "failpoint reached") {
				close(mine)
			}
		}
	}()
	for end := time.Now().Add(60 * time.Second); ; {
		res, err := http.Get("http://" + r.addr + "/readyz")
		if err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return
			}
		}
		if time.Now().After(end) {
			r.kill()
			r.t.Fatalf("not ready: %v\n%s", err, said.String())
		}
		<-time.After(20 * time.Millisecond)
	}
}

// await waits until the mine is reached.
func (r *replica) await() {
	r.t.Helper()
	select {
	case <-r.mine:
	case <-time.After(30 * time.Second):
		r.t.Fatal("the fail point was not reached")
	}
}

// kill is kill -9 from outside.
func (r *replica) kill() {
	_ = r.cmd.Process.Kill()
	_ = r.cmd.Wait()
}

func (r *replica) base() string { return "http://" + r.addr }

// scene is a workspace whose Owner waits in front of a dialog, with a phone that is pushed through FCM.
type scene struct {
	*replica
	fake  *fakepush.Fake
	owner *apitest.Browser
	phone *phonesim.Phone
	token string // the phone's registration

	url    string       // of the database
	behind *database.DB // the database past the service, once somebody looks
}

func onEveryDatabase(t *testing.T, do func(t *testing.T, s *scene)) {
	t.Helper()
	for _, d := range dbtest.Dialects {
		t.Run(d, func(t *testing.T) {
			t.Parallel()
			fake, err := fakepush.New(fakepush.Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = fake.Close() })
			dir := t.TempDir()
			url := dbtest.URL(t, d)
			s := &scene{replica: newReplica(t, dir, url, fake), fake: fake, token: "registration-" + d, url: url}
			t.Cleanup(s.kill)
			s.found(dir)
			do(t, s)
		})
	}
}

// found makes the workspace and pairs the phone on a process without mines.
func (s *scene) found(dir string) {
	s.t.Helper()
	program, err := mined()
	if err != nil {
		s.t.Fatal(err)
	}
	make := exec.Command(program, "workspace", "create", "--slug", "acme", "--name", "Acme", "--owner-name", "Ana Kovač", "--owner-email", "ana@acme.test", "--owner-password-stdin")
	make.Env = append(os.Environ(), s.env...)
	make.Stdin = strings.NewReader(apitest.Password + "\n")
	if out, err := make.CombinedOutput(); err != nil {
		s.t.Fatalf("%v: %s", err, out)
	}
	s.start("")
	s.owner = apitest.Visit(s.t, s.base(), s.base())
	s.owner.SignIn("acme", "ana@acme.test")
	s.phone = s.owner.Pair(phonesim.Options{Platform: "android", Push: &phonesim.Push{Kind: "fcm", Token: s.token}})
}

// restart starts the process with a mine.
func (s *scene) restart(failpoint string) {
	s.t.Helper()
	s.kill()
	s.start(failpoint)
}

// asks presses View Token; the answer is lost where the process stands on a mine.
func (s *scene) asks() string {
	s.t.Helper()
	return s.owner.Ask().Text("id")
}

// ends says how the dialog ends when it comes back: what its websocket's first frame tells.
func (s *scene) ends(id string) map[string]any {
	s.t.Helper()
	c, _, err := s.owner.Dial(id, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	return snapshot(s.t, c)
}

func snapshot(t *testing.T, c *websocket.Conn) map[string]any {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	for {
		var f struct {
			T            string         `json:"t"`
			Confirmation map[string]any `json:"confirmation"`
		}
		if err := c.ReadJSON(&f); err != nil {
			t.Fatal(err)
		}
		if f.T == "snapshot" {
			return f.Confirmation
		}
	}
}

func (s *scene) reveals(id string) apitest.Reply {
	s.t.Helper()
	return s.owner.Do("POST", "/v1/confirmations/"+id+"/reveal", map[string]string{})
}

// pushed waits for the n-th delivery of a confirmation to the phone.
func (s *scene) pushed(id string, n int) {
	s.t.Helper()
	for end := time.Now().Add(40 * time.Second); ; {
		got := 0
		for _, d := range s.fake.Delivered(s.token) {
			if b, err := json.Marshal(d); err == nil && strings.Contains(string(b), id) {
				got++
			}
		}
		if got >= n {
			return
		}
		if time.Now().After(end) {
			s.t.Fatalf("%d pushes for %s, want %d", got, id, n)
		}
		<-time.After(50 * time.Millisecond)
	}
}

func TestKilledWhenCreatedButNotPushed(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, s *scene) {
		s.restart("unpushed")
		id := s.asks()
		s.await()
		s.restart("")
		if got := s.ends(id); got["state"] != "pending" {
			t.Fatalf("after the restart: %v", got["state"])
		}
		s.pushed(id, 1)
		s.confirmAndReveal(id)
	})
}

func TestKilledWhenPushedButNotRecorded(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, s *scene) {
		s.restart("pushed")
		id := s.asks()
		s.await()
		s.restart("")
		s.pushed(id, 2) // sent again; it replaces itself on the phone
		s.confirmAndReveal(id)
	})
}

func TestKilledWhenDecidedButNotAnnounced(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, s *scene) {
		s.restart("decided")
		id := s.asks()
		lost := make(chan error, 1)
		go func() {
			_, err := s.phone.Approve(t.Context(), id, phonesim.ApproveOptions{})
			lost <- err
		}()
		s.await()
		s.restart("")
		if err := <-lost; err == nil {
			t.Error("the phone was answered by a dead process")
		}
		if got := s.ends(id); got["state"] != "approved" {
			t.Fatalf("after the restart: %v", got["state"])
		}
		if state, err := s.phone.Approve(t.Context(), id, phonesim.ApproveOptions{}); err != nil || state != "approved" {
			t.Errorf("the phone asks again: %s, %v", state, err)
		}
		if r := s.reveals(id); r.Status != http.StatusOK {
			t.Errorf("reveal: %d %s", r.Status, r.Code())
		}
	})
}

func TestKilledWhenApprovedButNotCollected(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, s *scene) {
		id := s.asks()
		if _, err := s.phone.Approve(t.Context(), id, phonesim.ApproveOptions{}); err != nil {
			t.Fatal(err)
		}
		s.restart("")
		if got := s.ends(id); got["state"] != "approved" {
			t.Fatalf("after the restart: %v", got["state"])
		}
		if r := s.reveals(id); r.Status != http.StatusOK || !strings.HasPrefix(r.Text("token"), "cs_scim_") {
			t.Errorf("reveal: %d %s", r.Status, r.Code())
		}
	})
}

func TestKilledWhenConsumedButTheAnswerNotSent(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, s *scene) {
		s.restart("consumed")
		id := s.asks()
		if _, err := s.phone.Approve(t.Context(), id, phonesim.ApproveOptions{}); err != nil {
			t.Fatal(err)
		}
		dead := make(chan struct{})
		go func() {
			defer close(dead)
			res, err := s.owner.Try("POST", "/v1/confirmations/"+id+"/reveal", map[string]string{})
			if err == nil {
				t.Errorf("a dead process answered %d", res.Status)
			}
		}()
		s.await()
		s.restart("")
		<-dead
		if got := s.ends(id); got["state"] != "consumed" {
			t.Fatalf("after the restart: %v; the dialog would not know that it was handed out", got["state"])
		}
		if r := s.reveals(id); r.Status != http.StatusConflict || r.Code() != "already_collected" {
			t.Errorf("reveal: %d %s", r.Status, r.Code())
		}
		s.confirmAndReveal(s.asks())
	})
}

// confirmAndReveal is the rest of the journey.
func (s *scene) confirmAndReveal(id string) {
	s.t.Helper()
	code := s.owner.Do("GET", "/v1/confirmations/"+id, nil).Text("code")
	if state, err := s.phone.Approve(s.t.Context(), id, phonesim.ApproveOptions{Code: code}); err != nil || state != "approved" {
		s.t.Fatalf("%s, %v", state, err)
	}
	if r := s.reveals(id); r.Status != http.StatusOK {
		s.t.Fatalf("reveal: %d %s", r.Status, r.Code())
	}
}

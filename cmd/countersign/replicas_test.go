package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/countersign/countersign/internal/apitest"
	"github.com/countersign/countersign/internal/dbtest"
	"github.com/countersign/countersign/internal/fakepush"
	"github.com/countersign/countersign/internal/phonesim"
)

// cluster is three processes on one Postgres, behind one public URL.
type cluster struct {
	*scene
	all []*replica
	mu  sync.Mutex
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	fake, err := fakepush.New(fakepush.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = fake.Close() })
	dir, url := t.TempDir(), dbtest.URL(t, "postgres")
	c := &cluster{scene: &scene{replica: newReplica(t, dir, url, fake), fake: fake, token: "registration", url: url}}
	t.Cleanup(c.kill)
	c.found(dir)
	c.all = []*replica{c.replica}
	for range 2 {
		r := newReplica(t, dir, url, fake)
		r.env = append(r.env, "COUNTERSIGN_PUBLIC_URL="+c.base())
		r.start("")
		t.Cleanup(r.kill)
		c.all = append(c.all, r)
	}
	return c
}

// stop is SIGTERM: the process says goodbye and ends by itself.
func (r *replica) stop() error {
	if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- r.cmd.Wait() }()
	select {
	case err := <-ended:
		return err
	case <-time.After(20 * time.Second):
		return fmt.Errorf("%s does not end", r.addr)
	}
}

func TestOneReplicaTakesTheClickAnotherTheAnswerAThirdHoldsTheDialog(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	for turn := range c.all {
		click, answer, hold := c.all[turn], c.all[(turn+1)%3], c.all[(turn+2)%3]
		asked := c.owner.Via(click.base()).Ask()
		id := asked.Text("id")
		dialog, _, err := c.owner.Via(hold.base()).Dial(id, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := snapshot(t, dialog); got["state"] != "pending" {
			t.Fatalf("first frame: %v", got["state"])
		}
		phone := c.phone.Via(answer.base())
		if _, err := phone.Open(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if state, err := phone.Approve(t.Context(), id, phonesim.ApproveOptions{Code: asked.Text("code")}); err != nil || state != "approved" {
			t.Fatalf("%s, %v", state, err)
		}
		for snapshot(t, dialog)["state"] != "approved" {
		}
		took := time.Since(began)
		if took > 2500*time.Millisecond {
			t.Errorf("the dialog heard after %v", took)
		}
		t.Logf("turn %d: the third replica's dialog showed the second's answer after %v", turn, took.Round(time.Millisecond))
		if r := c.owner.Via(answer.base()).Do("POST", "/v1/confirmations/"+id+"/reveal", map[string]string{}); r.Status != http.StatusOK {
			t.Errorf("reveal: %d %s", r.Status, r.Code())
		}
		for snapshot(t, dialog)["state"] != "consumed" {
		}
	}
}

// busyPerson is somebody who confirms again and again while replicas come and go.
type busyPerson struct {
	c     *cluster
	tab   *apitest.Browser
	phone *phonesim.Phone
	n     int // moves on to another replica whenever one does not answer
}

// TestRollingRestartUnderLoad restarts one replica after the other while people confirm: every dialog ends as its person decided.
func TestRollingRestartUnderLoad(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	people := make([]*busyPerson, 3)
	for i := range people {
		people[i] = c.join(fmt.Sprintf("busy%d", i))
	}
	ctx, stop := context.WithCancel(t.Context())
	var working sync.WaitGroup
	ends := make([]map[string]int, len(people))
	for i, p := range people {
		working.Go(func() { ends[i] = p.work(ctx) })
	}
	for _, r := range c.all {
		if err := r.stop(); err != nil {
			t.Errorf("%s: %v", r.addr, err)
		}
		r.start("")
	}
	stop()
	working.Wait()
	total := 0
	for _, e := range ends {
		for state, n := range e {
			total += n
			if state != "consumed" && state != "denied" {
				t.Errorf("%d dialogs ended as %s", n, state)
			}
		}
	}
	if total < 6 {
		t.Errorf("only %d confirmations; that is no load", total)
	}
	t.Logf("three restarts, %d confirmations, ended as %v", total, ends)
}

// join makes a workspace with an Owner who has a phone.
func (c *cluster) join(slug string) *busyPerson {
	c.t.Helper()
	program, err := mined()
	if err != nil {
		c.t.Fatal(err)
	}
	cmd := exec.Command(program, "workspace", "create", "--slug", slug, "--name", slug, "--owner-name", "Ben", "--owner-email", "ben@"+slug+".test", "--owner-password-stdin")
	cmd.Env, cmd.Stdin = append(os.Environ(), c.env...), strings.NewReader(apitest.Password+"\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		c.t.Fatalf("%v: %s", err, out)
	}
	tab := apitest.Visit(c.t, c.base(), c.base())
	tab.SignIn(slug, "ben@"+slug+".test")
	return &busyPerson{c: c, tab: tab, phone: tab.Pair(phonesim.Options{})}
}

// work confirms until ctx ends, and says how the dialogs ended.
func (p *busyPerson) work(ctx context.Context) map[string]int {
	ends := map[string]int{}
	for turn := 0; ctx.Err() == nil; turn++ {
		if err := p.c.past(); err != nil { // below the limits on requests
			p.c.t.Error(err)
			return ends
		}
		ends[p.confirm(turn%4 == 3)]++
	}
	return ends
}

// somewhere repeats a call at one replica after the other until one answers.
func (p *busyPerson) somewhere(do func(base string) (done bool)) bool {
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); p.n++ {
		if do(p.c.all[p.n%len(p.c.all)].base()) {
			return true
		}
		<-time.After(20 * time.Millisecond)
	}
	return false
}

func (p *busyPerson) call(method, path string, body any) (r apitest.Reply) {
	p.somewhere(func(base string) bool {
		var err error
		r, err = p.tab.Via(base).Try(method, path, body)
		return err == nil && r.Status < 500
	})
	return r
}

// confirm lives one confirmation and says what its dialog showed last.
func (p *busyPerson) confirm(denies bool) string {
	asked := p.call("POST", "/v1/confirmations", map[string]string{"action": "scim.token.reveal"})
	id := asked.Text("id")
	if id == "" {
		return fmt.Sprintf("not asked: %d %s", asked.Status, asked.Body)
	}
	shown := make(chan string, 1)
	go func() { shown <- p.dialog(id) }()
	answer := phonesim.Answer{Decision: "approve", Code: asked.Text("code")}
	if denies {
		answer = phonesim.Answer{Decision: "deny"}
	}
	var told string
	var failed error
	p.somewhere(func(base string) bool {
		told, failed = p.phone.Via(base).Answer(p.c.t.Context(), id, answer)
		return failed == nil
	})
	if failed != nil {
		return "not answered: " + failed.Error()
	}
	if told == "approved" {
		if r := p.call("POST", "/v1/confirmations/"+id+"/reveal", map[string]string{}); r.Status != http.StatusOK {
			return fmt.Sprintf("not revealed: %d %s", r.Status, r.Body)
		}
	}
	return <-shown
}

// dialog waits in front of a confirmation, coming back at another replica whenever it is told to, and says what was shown last.
func (p *busyPerson) dialog(id string) (last string) {
	for n, end := 0, time.Now().Add(60*time.Second); time.Now().Before(end); n++ {
		c, _, err := p.tab.Via(p.c.all[n%len(p.c.all)].base()).Dial(id, nil)
		if err != nil {
			<-time.After(20 * time.Millisecond)
			continue
		}
		last = watchTo(c, last)
		_ = c.Close()
		if last != "pending" && last != "approved" {
			return last
		}
	}
	return last + ", for ever"
}

func watchTo(c *websocket.Conn, last string) string {
	for {
		var f struct {
			T            string                 `json:"t"`
			Confirmation struct{ State string } `json:"confirmation"`
		}
		if c.SetReadDeadline(time.Now().Add(20*time.Second)) != nil || c.ReadJSON(&f) != nil {
			return last
		}
		if f.T == "snapshot" {
			last = f.Confirmation.State
		}
	}
}

// past moves what has ended into the past.
func (c *cluster) past() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.longAgo()
}

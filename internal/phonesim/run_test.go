package phonesim_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/phonesim"
)

// notices collects what a running phone tells.
type notices chan phonesim.Event

func (n notices) next(t *testing.T, kind string) phonesim.Event {
	t.Helper()
	for {
		select {
		case e := <-n:
			if e.Kind == "failed" && kind != "failed" {
				t.Fatalf("failed: %v", e.Err)
			}
			if e.Kind == kind {
				return e
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("nothing was %s", kind)
		}
	}
}

func confirm(cid string) string {
	return fmt.Sprintf(`{"aps":{"alert":{}},"t":"confirm","v":1,"cid":%q,"ws":"wsp_test","exp":1}`, cid)
}

func approve(phonesim.Challenge) phonesim.Decision {
	return phonesim.Decision{Answer: phonesim.Answer{Decision: phonesim.DecisionApprove}}
}

func TestPhoneThatIsWokenByPushesOnly(t *testing.T) {
	heard := make(notices, 100)
	s := newServer(t)
	p := phonesim.New("", phonesim.Options{Notice: func(e phonesim.Event) { heard <- e }})
	if _, err := p.Pair(t.Context(), s.link()); err != nil {
		t.Fatal(err)
	}
	withdrawn := make(chan struct{})
	decide := func(c phonesim.Challenge) phonesim.Decision {
		switch c.CID {
		case "cnf_withdrawn":
			<-withdrawn
		case "cnf_left":
			return phonesim.Decision{Ignore: true}
		case "cnf_denied":
			return phonesim.Decision{Answer: phonesim.Answer{Decision: phonesim.DecisionDeny, Reason: "mistake"}}
		}
		return approve(c)
	}
	wake := make(chan string)
	ended := make(chan error, 1)
	go func() { ended <- p.Run(t.Context(), wake, decide) }()

	s.match(true)
	wake <- `not JSON`
	wake <- `{"t":"confirm"}`
	wake <- confirm("cnf_activate")
	if e := heard.next(t, "answered"); e.CID != "cnf_activate" || e.State != "approved" {
		t.Errorf("the activation: %+v", e)
	}
	if err := p.WaitFor(t.Context(), "active"); err != nil {
		t.Fatal(err)
	}

	for _, cid := range []string{"cnf_tapped", "cnf_denied", "cnf_left", "cnf_withdrawn", "cnf_silent"} {
		s.set(func() { s.ask(cid, "scim.token.reveal", "tap", "") })
	}
	wake <- confirm("cnf_tapped")
	if e := heard.next(t, "answered"); e.State != "approved" {
		t.Errorf("tapped: %+v", e)
	}
	wake <- confirm("cnf_denied")
	if e := heard.next(t, "answered"); e.State != "denied" {
		t.Errorf("denied: %+v", e)
	}
	wake <- confirm("cnf_left")
	heard.next(t, "ignored")

	wake <- confirm("cnf_withdrawn")
	heard.next(t, "opened")
	wake <- confirm("cnf_withdrawn") // a second push for what is on the screen changes nothing
	wake <- `{"t":"done","cid":"cnf_withdrawn"}`
	wake <- `taken only after the one before was dealt with`
	close(withdrawn)
	if e := heard.next(t, "withdrawn"); e.CID != "cnf_withdrawn" {
		t.Errorf("withdrawn: %+v", e)
	}

	wake <- confirm("cnf_unknown")
	if e := heard.next(t, "failed"); !phonesim.HasCode(e.Err, 404, "not_found") {
		t.Errorf("failed: %+v", e)
	}
	close(wake)
	if err := <-ended; err != nil {
		t.Errorf("ended with %v", err)
	}
	if n := s.called("GET /v1/device/confirmations"); n != 0 {
		t.Errorf("the phone asked for the list %d times", n)
	}
	for cid, state := range map[string]string{"cnf_left": "pending", "cnf_withdrawn": "pending", "cnf_silent": "pending", "cnf_tapped": "approved"} {
		if got := s.question(cid).state; got != state {
			t.Errorf("%s is %s", cid, got)
		}
	}
	if q := s.question("cnf_tapped"); q.opened != 1 {
		t.Errorf("seen %d times", q.opened)
	}
}

func TestPhoneThatLooksByItself(t *testing.T) {
	heard := make(notices, 100)
	s, p := paired(t, phonesim.Options{Notice: func(e phonesim.Event) { heard <- e }})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	open := make(chan struct{})
	go func() {
		ended <- p.Pull(ctx, time.Millisecond, func(c phonesim.Challenge) phonesim.Decision {
			if c.CID == "cnf_elsewhere" {
				<-open
			}
			return approve(c)
		})
	}()
	s.set(func() { s.ask("cnf_1", "scim.token.reveal", "tap", "") })
	if e := heard.next(t, "answered"); e.CID != "cnf_1" || e.State != "approved" {
		t.Errorf("answered: %+v", e)
	}
	s.set(func() { s.ask("cnf_elsewhere", "scim.token.reveal", "tap", "") })
	heard.next(t, "opened")
	s.set(func() { s.asked["cnf_elsewhere"].state = "cancelled" })
	for range 4 { // one may be old, one under way: after two more the phone has noticed
		<-s.looked
	}
	close(open)
	heard.next(t, "withdrawn")
	stop()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
	if n := s.question("cnf_1").counted; n != 1 {
		t.Errorf("answered %d times", n)
	}
}

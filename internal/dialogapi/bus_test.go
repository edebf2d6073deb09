package dialogapi_test

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/countersign/countersign/internal/apitest"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
	"github.com/countersign/countersign/internal/hub"
	"github.com/countersign/countersign/internal/hub/hubtest"
	"github.com/countersign/countersign/internal/phonesim"
)

// inTime is how long a dialog may show something that is true no more, whatever the bus does.
const inTime = 2500 * time.Millisecond

// strict is for a machine that has nothing else to do; on another one a time says more about the machine.
var strict = flag.Bool("in-time", false, "hold dialogs to the time in which they have to hear")

// buses are all there are. A bus that is added stands here, and has to hold what TestEveryBus demands.
var buses = map[string]struct {
	dialect  string
	replicas bool // the dialog waits at one process, everything else happens at another
}{
	"within one process":              {database.SQLite, false},
	"the relay between two processes": {database.Postgres, true},
}

// TestMain: what runs in parallel here waits for the safety poll and not for processors.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// TestEveryBus demands the right state at the dialog within two and a half seconds, whatever the bus does with hints.
func TestEveryBus(t *testing.T) {
	for name, bus := range buses {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, fault := range slices.Sorted(maps.Keys(hubtest.Each)) {
				t.Run(fault, func(t *testing.T) {
					t.Parallel()
					conform(t, bus.dialect, bus.replicas, hubtest.Each[fault])
				})
			}
		})
	}
}

// player is somebody in front of a dialog here, with a phone and another tab there.
type player struct {
	t     *testing.T
	clock *apitest.Clock
	ana   *apitest.Browser // where the dialog waits
	afar  *apitest.Browser // the same browser where everything else happens
	phone *phonesim.Phone  // there, too
	id    string
	open  *websocket.Conn
}

func conform(t *testing.T, dialect string, replicas bool, faults hubtest.Faults) {
	t.Helper()
	url := dbtest.URL(t, dialect)
	setup := apitest.Setup{URL: url, Wrap: func(b hub.Bus, _ *hub.Hub) hub.Bus { return hubtest.Break(b, faults) }}
	if replicas {
		setup.Listen = url
	}
	w := apitest.Make(t, setup)
	here := w.Serve()
	there := here
	if replicas {
		there = w.Replica(nil).Serve()
	}
	ends := []func(p *player){(*player).collects, (*player).refuses, (*player).leaves}
	players := make([]*player, len(ends))
	for i := range players {
		p := &player{t: t, clock: w.Offset, ana: here.Owner(fmt.Sprintf("acme%d", i))}
		p.afar = p.ana.Via(there.Server.URL)
		p.phone = p.ana.Pair(phonesim.Options{}).Via(there.Server.URL)
		players[i] = p
	}
	var playing sync.WaitGroup
	for i, p := range players {
		playing.Go(func() { ends[i](p) })
	}
	playing.Wait()
	if t.Failed() {
		return
	}
	players[0].outlives(players[1])
}

// collects: one dialog sees the phone pull, the approval, and that another tab was given the token.
func (p *player) collects() {
	p.waits()
	_, err := p.phone.Open(p.t.Context(), p.id)
	p.sees("pulled", err)
	p.sees("approved", p.approve())
	p.sees("consumed", p.post("/reveal"))
}

// refuses: the phone denies; the next question is cancelled in another tab.
func (p *player) refuses() {
	p.waits()
	_, err := p.phone.Deny(p.t.Context(), p.id, "")
	p.sees("denied", err)
	p.waits()
	p.sees("cancelled", p.post("/cancel"))
}

// leaves: another tab asks for something else, and then signs out.
func (p *player) leaves() {
	p.waits()
	p.sees("cancelled", status(p.afar.Do("POST", "/v1/confirmations", map[string]string{"action": "device.add"}), http.StatusCreated))
	p.waits()
	p.sees("cancelled", status(p.afar.Do("DELETE", "/v1/session", nil), http.StatusNoContent))
}

// outlives: time ends an approval that nobody collects and a question that nobody answers.
func (p *player) outlives(other *player) {
	p.waits()
	other.waits()
	if err := p.approve(); err != nil {
		p.t.Fatal(err)
	}
	p.sees("approved", nil)
	p.clock.Advance(5 * time.Minute)
	p.sees("expired", nil)
	other.sees("expired", nil)
}

// waits asks and opens the dialog.
func (p *player) waits() {
	p.t.Helper()
	p.id = p.ana.Ask().Text("id")
	c, _, err := p.ana.Dial(p.id, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	p.open = c
	next(p.t, c)
}

func (p *player) approve() error {
	code := p.afar.Do("GET", "/v1/confirmations/"+p.id, nil).Text("code")
	_, err := p.phone.Approve(p.t.Context(), p.id, phonesim.ApproveOptions{Code: code})
	return err
}

func (p *player) post(path string) error {
	return status(p.afar.Do("POST", "/v1/confirmations/"+p.id+path, map[string]string{}), http.StatusOK)
}

// sees waits until the dialog shows a state, or that the phone has pulled the question, and demands it in time.
func (p *player) sees(want string, err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatalf("before %s: %v", want, err)
	}
	began := time.Now()
	for {
		f := next(p.t, p.open)
		devices, _ := f.Confirmation["devices"].([]any)
		if f.Confirmation["state"] == want || len(devices) > 0 && devices[0].(map[string]any)["delivery"] == want {
			break
		}
	}
	took := time.Since(began)
	p.t.Logf("the dialog showed %s after %v", want, took.Round(time.Millisecond))
	if *strict && took > inTime {
		p.t.Errorf("that is more than %v", inTime)
	}
}

func status(r apitest.Reply, want int) error {
	if r.Status != want {
		return errors.New(string(r.Body))
	}
	return nil
}

package chaos_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/countersign/countersign/internal/apitest"
	"github.com/countersign/countersign/internal/phonesim"
)

// The patience of everybody in a schedule.
const (
	patience = 20 * time.Second // with a service that fails
	truthful = 40 * time.Second // with a dialog, once nothing fails any more: it polls within two seconds, the rest is for a busy machine
)

// schedule is one confirmation, from asking to its end, while faults strike.
type schedule struct {
	*stage
	r      *rand.Rand // of the drawing alone: what is drawn does not depend on what happens
	faults []fault
	hands  []hand
	tabs   int // that collect
	cancel time.Duration
	waits  time.Duration // of a tab between seeing the approval and going for the token

	approved chan struct{} // closed when a tab sees the approval, or nobody will
	once     sync.Once
	ctx      context.Context
	id       string
	code     string

	mu     sync.Mutex
	heard  []string // what each client was told, in order
	tokens []string
	frames []frame // what the dialog showed
	acks   []ack
	wrong  []string // what must not be
}

// hand is a phone that answers.
type hand struct {
	phone, front int
	decision     string // approve or deny
	after        time.Duration
}

// ack is an answer that a phone was thanked for.
type ack struct {
	phone int
	state string
}

type frame struct {
	version int64
	state   string
	reason  string
}

// plan draws a schedule.
func (s *stage) plan(r *rand.Rand) *schedule {
	c := &schedule{stage: s, r: r, tabs: r.IntN(3), waits: time.Duration(r.IntN(80)) * time.Millisecond, approved: make(chan struct{})}
	for range 1 + r.IntN(4) {
		c.faults = append(c.faults, draw(r, s.names[r.IntN(len(s.names))]))
	}
	if r.IntN(2) == 0 && s.wires["database a"] != nil { // one that is aimed at a commit that matters
		c.faults = append(c.faults, fault{Wire: s.names[1+3*r.IntN(len(s.fronts))], Kind: databaseKinds[r.IntN(2)], Approved: r.IntN(2) == 0,
			At: time.Duration(r.IntN(10)) * time.Millisecond, Last: time.Duration(200+r.IntN(400)) * time.Millisecond})
	}
	for n := range s.phones {
		if r.IntN(4) == 0 && n > 0 || r.IntN(8) == 0 {
			continue // this phone lies in a drawer
		}
		decision := "approve"
		if r.IntN(4) == 0 {
			decision = "deny"
		}
		c.hands = append(c.hands, hand{phone: n, front: r.IntN(len(s.fronts)), decision: decision, after: time.Duration(r.IntN(500)) * time.Millisecond})
	}
	if r.IntN(5) == 0 {
		c.cancel = time.Duration(1+r.IntN(700)) * time.Millisecond
	}
	return c
}

// run lives it and says what must not be.
func (c *schedule) run() []string {
	ctx, end := context.WithTimeout(c.t.Context(), 3*patience)
	defer end()
	c.ctx = ctx
	c.advance(11 * time.Minute) // below the limits on requests
	var striking, acting, watching sync.WaitGroup
	for _, f := range c.faults {
		striking.Go(func() { c.strike(f) })
	}
	c.ask()
	if c.id == "" {
		c.seen()
		striking.Wait()
		return append(c.wrong, "the question could not be asked, not even when nothing failed any more")
	}
	watch, stop := context.WithCancel(ctx)
	watching.Go(func() { c.watch(watch) })
	for _, h := range c.hands {
		acting.Go(func() { c.answer(h) })
	}
	for n := range c.tabs {
		acting.Go(func() { c.collect(watch, n) })
	}
	if c.cancel > 0 {
		acting.Go(func() { c.cancels() })
	}
	over := make(chan struct{})
	go func() { acting.Wait(); close(over) }()
	c.finish(over)
	c.seen()
	striking.Wait()
	<-over
	c.judge()
	stop()
	watching.Wait()
	return c.wrong
}

func (c *schedule) pause(d time.Duration) bool {
	select {
	case <-c.ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

func (c *schedule) strike(f fault) {
	if f.Approved {
		<-c.approved
	}
	if c.pause(f.At) {
		heal := c.wires[f.Wire].strike(f)
		c.pause(f.Last)
		heal()
	}
}

// seen lets the faults strike that wait for the approval.
func (c *schedule) seen() { c.once.Do(func() { close(c.approved) }) }

func (c *schedule) note(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.heard = append(c.heard, fmt.Sprintf(format, args...))
}

func (c *schedule) fail(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wrong = append(c.wrong, fmt.Sprintf(format, args...))
}

// call repeats a call of the browser at any replica until it has an answer that means something.
func (c *schedule) call(seed int, method, path string, body any) (apitest.Reply, bool) {
	began := time.Now()
	for n := seed; time.Since(began) < patience; n++ {
		r, err := c.tabsAt(n).Try(method, path, body)
		if err == nil && r.Status < 500 && r.Status != http.StatusTooManyRequests {
			return r, true
		}
		if !c.pause(30 * time.Millisecond) {
			break
		}
	}
	return apitest.Reply{}, false
}

func (c *schedule) tabsAt(n int) *apitest.Browser { return c.stage.tabs[n%len(c.stage.tabs)] }

// ask presses View Token until somebody answers; asking again gives back the same question.
func (c *schedule) ask() {
	r, ok := c.call(len(c.faults), "POST", "/v1/confirmations", map[string]string{"action": "scim.token.reveal"})
	if !ok || r.Status != http.StatusCreated && r.Status != http.StatusOK {
		c.fail("asking: %d %s", r.Status, r.Body)
		return
	}
	c.id, c.code = r.Text("id"), r.Text("code")
}

// answer taps until the phone has an answer that means something. The HTTP client may have repeated a signed call by itself on a connection
// that broke; the phone is then told that it was replayed, and signs anew, as it does when its clock is wrong.
func (c *schedule) answer(h hand) {
	if !c.pause(h.after) {
		return
	}
	began := time.Now()
	for n := h.front; time.Since(began) < patience; n++ {
		phone := c.phones[h.phone].Via(c.fronts[n%len(c.fronts)])
		ctx, cancel := context.WithTimeout(c.ctx, 5*time.Second)
		state, err := phone.Answer(ctx, c.id, phonesim.Answer{Decision: h.decision, Code: c.code})
		cancel()
		if err == nil {
			c.mu.Lock()
			c.acks = append(c.acks, ack{h.phone, state})
			c.mu.Unlock()
			c.note("phone %d: %s", h.phone, state)
			return
		}
		var refused *phonesim.Problem
		if errors.As(err, &refused) && refused.Status < 500 && !slices.Contains([]string{"rate_limited", "replayed", "clock_skew"}, refused.Code) {
			c.note("phone %d: refused, %s", h.phone, refused.Code)
			if !slices.Contains([]string{"already_answered", "confirmation_expired"}, refused.Code) {
				c.fail("phone %d was refused with %d %s", h.phone, refused.Status, refused.Code)
			}
			return
		}
		if !c.pause(30 * time.Millisecond) {
			return
		}
	}
	c.fail("phone %d was never answered", h.phone)
}

// collect waits for the approval and asks for the token, in one of several tabs that all do so.
func (c *schedule) collect(watch context.Context, tab int) {
	path := "/v1/confirmations/" + c.id
	for watch.Err() == nil {
		r, ok := c.call(tab, "GET", path, nil)
		if !ok || r.Status != http.StatusOK {
			c.fail("tab %d: %d %s", tab, r.Status, r.Body)
			return
		}
		if state := r.Text("state"); state == "approved" {
			c.seen()
			c.pause(c.waits)
			break
		} else if state != "pending" {
			return
		}
		c.pause(20 * time.Millisecond)
	}
	r, ok := c.call(tab+1, "POST", path+"/reveal", map[string]string{})
	c.note("tab %d: %d %s", tab, r.Status, r.Code())
	switch {
	case ok && r.Status == http.StatusOK && strings.HasPrefix(r.Text("token"), "cs_scim_"):
		c.mu.Lock()
		c.tokens = append(c.tokens, r.Text("token"))
		c.mu.Unlock()
	case !ok || !slices.Contains([]string{"already_collected", "not_approved", "collect_expired"}, r.Code()):
		c.fail("tab %d: %d %s", tab, r.Status, r.Body)
	}
}

func (c *schedule) cancels() {
	if c.pause(c.cancel) {
		r, ok := c.call(2, "POST", "/v1/confirmations/"+c.id+"/cancel", map[string]string{})
		c.note("cancel: %d %s", r.Status, r.Text("state"))
		if !ok || r.Status != http.StatusOK {
			c.fail("cancel: %d %s", r.Status, r.Body)
		}
	}
}

// watch is the dialog: a websocket that comes back, at any replica, until it has shown an end.
func (c *schedule) watch(ctx context.Context) {
	for n := 1; ctx.Err() == nil && !c.ended(); n++ {
		dialog, _, err := c.tabsAt(n).Dial(c.id, nil)
		if err == nil {
			c.frames1(dialog)
			_ = dialog.Close()
		}
		select {
		case <-ctx.Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// frames1 reads one websocket until it ends or is silent for as long as a console would wait.
func (c *schedule) frames1(dialog *websocket.Conn) {
	for !c.ended() {
		if err := dialog.SetReadDeadline(time.Now().Add(2 * time.Second)); err != nil {
			return
		}
		var f struct {
			T            string `json:"t"`
			Confirmation struct {
				Version       int64 `json:"version"`
				State, Reason string
			} `json:"confirmation"`
		}
		if err := dialog.ReadJSON(&f); err != nil {
			return
		}
		if f.T == "snapshot" {
			c.mu.Lock()
			c.frames = append(c.frames, frame{f.Confirmation.Version, f.Confirmation.State, f.Confirmation.Reason})
			c.mu.Unlock()
		}
	}
}

func (c *schedule) last() frame {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.frames) == 0 {
		return frame{}
	}
	return c.frames[len(c.frames)-1]
}

func (c *schedule) ended() bool {
	s := c.last().state
	return s != "" && s != "pending" && s != "approved"
}

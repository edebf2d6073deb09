package phonesim

import (
	"context"
	"encoding/json"
	"sync"
	"time"
)

// Decision is what the person does with a request.
type Decision struct {
	Answer
	Ignore bool               // leave it alone
	Edits  []func(*Answering) // for phones that do not keep the contract
}

// Event is what Run and Pull tell through Options.Notice.
type Event struct {
	Kind  string // woken, opened, answered, ignored, withdrawn or failed
	CID   string
	Act   string
	State string // of an answered request
	Err   error  // of a failed one
}

// Run is a phone that is woken by pushes and by nothing else: it never asks what is open. wake carries push payloads as JSON, {"t","cid",…}
// in whatever envelope the channel adds beside them. A "confirm" is pulled, shown to decide and answered; a "done" withdraws it.
// device.activate is answered without decide. Run ends with ctx or with wake, when nothing is on the screen any more.
func (p *Phone) Run(ctx context.Context, wake <-chan string, decide func(Challenge) Decision) error {
	s := newScreen(p, decide)
	defer s.showing.Wait()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case payload, more := <-wake:
			if !more {
				return nil
			}
			s.push(ctx, payload)
		}
	}
}

// Pull is a phone without push whose app is open: it asks what is open now and then every so often, until ctx ends.
func (p *Phone) Pull(ctx context.Context, every time.Duration, decide func(Challenge) Decision) error {
	s := newScreen(p, decide)
	defer s.showing.Wait()
	again := time.NewTicker(every)
	defer again.Stop()
	for {
		if err := s.pull(ctx); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-again.C:
		}
	}
}

// screen holds the requests that are being shown, each once.
type screen struct {
	phone   *Phone
	decide  func(Challenge) Decision
	showing sync.WaitGroup

	mu   sync.Mutex
	open map[string]context.CancelCauseFunc // by cid
	seen map[string]bool
}

func newScreen(p *Phone, decide func(Challenge) Decision) *screen {
	return &screen{phone: p, decide: decide, open: map[string]context.CancelCauseFunc{}, seen: map[string]bool{}}
}

func (s *screen) push(ctx context.Context, payload string) {
	var got struct {
		T   string `json:"t"`
		CID string `json:"cid"`
	}
	if json.Unmarshal([]byte(payload), &got) != nil || got.CID == "" {
		return // not one of ours
	}
	switch got.T {
	case "confirm":
		s.phone.o.Notice(Event{Kind: "woken", CID: got.CID})
		s.show(ctx, got.CID)
	case "done":
		s.withdraw(got.CID)
	}
}

func (s *screen) pull(ctx context.Context) error {
	items, err := s.phone.Pending(ctx)
	if err != nil {
		return err
	}
	waiting := map[string]bool{}
	for _, item := range items {
		waiting[item.CID] = true
		s.mu.Lock()
		known := s.seen[item.CID]
		s.mu.Unlock()
		if !known {
			s.show(ctx, item.CID)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for cid, withdraw := range s.open {
		if !waiting[cid] {
			withdraw(ErrWithdrawn)
		}
	}
	return nil
}

// show puts a request on the screen; one that is there already stays as it is.
func (s *screen) show(ctx context.Context, cid string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, there := s.open[cid]; there {
		return
	}
	shown, withdraw := context.WithCancelCause(ctx)
	s.open[cid], s.seen[cid] = withdraw, true
	s.showing.Go(func() {
		s.phone.o.Notice(s.handle(ctx, shown, cid))
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.open, cid)
		withdraw(nil)
	})
}

func (s *screen) withdraw(cid string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if withdraw, there := s.open[cid]; there {
		withdraw(ErrWithdrawn)
	}
}

// tapped takes the request off the screen: from here on the phone's own answer is under way, and a "done" that it causes is not a withdrawal.
func (s *screen) tapped(cid string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open[cid] = func(error) {}
}

// handle takes one request from the pull to the answer; shown ends when it is withdrawn.
func (s *screen) handle(ctx, shown context.Context, cid string) Event {
	c, err := s.phone.Open(shown, cid)
	if err != nil {
		return ended(shown, Event{CID: cid}, err)
	}
	e := Event{CID: cid, Act: c.Act}
	d := Decision{Answer: Answer{Decision: DecisionApprove}}
	if c.Act != ActionActivate {
		if err := s.phone.Opened(shown, cid); err != nil {
			return ended(shown, e, err)
		}
		s.phone.o.Notice(Event{Kind: "opened", CID: cid, Act: c.Act})
		d = s.decide(c)
	}
	if d.Ignore {
		e.Kind = "ignored"
		return e
	}
	if shown.Err() != nil {
		return ended(shown, e, context.Cause(shown))
	}
	s.tapped(cid)
	if e.State, err = s.phone.Answer(ctx, cid, d.Answer, d.Edits...); err != nil {
		return ended(ctx, e, err)
	}
	e.Kind = "answered"
	return e
}

// ended is how a request leaves the screen without an answer.
func ended(shown context.Context, e Event, err error) Event {
	e.Kind, e.Err = "failed", err
	if context.Cause(shown) == ErrWithdrawn { //nolint:errorlint // the cause is this very value
		e.Kind, e.Err = "withdrawn", nil
	}
	return e
}

package fakepush

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"
)

// Delivery is one notification that reached (or would have reached) a phone.
type Delivery struct {
	Service Service `json:"service"`
	Address string  `json:"address"` // token, or endpoint
	ID      string  `json:"id"`      // the service's own
	// Payload is what the companion reads: FCM's data, APNs' payload without aps, the decrypted web push.
	Payload json.RawMessage `json:"payload"`
	// Raw is all the service was given: FCM's message, APNs' payload. For web push it equals Payload.
	Raw      json.RawMessage   `json:"raw"`
	Header   map[string]string `json:"header,omitempty"`   // APNs and web push, lower case, without the authorization
	Collapse string            `json:"collapse,omitempty"` // collapse key, apns-collapse-id or Topic
	Expires  time.Time         `json:"expires"`            // the service drops it from then on
}

// phone is what is known of one address.
type phone struct {
	off       bool
	stored    []Delivery // waiting for the phone to come back
	delivered []Delivery
	waited    int // how many of delivered were handed out by Wait
	requests  int
	script    []Step
}

// book remembers, under one lock, all addresses of all services.
type book struct {
	mu      sync.Mutex
	phones  map[string]*phone
	changed chan struct{} // closed and replaced at every delivery
}

func newBook() *book { return &book{phones: map[string]*phone{}, changed: make(chan struct{})} }

// at returns the phone at an address. The lock is held.
func (b *book) at(address string) *phone {
	p := b.phones[address]
	if p == nil {
		p = new(phone)
		b.phones[address] = p
	}
	return p
}

// arrive counts a request and takes the step that the script has for it.
func (b *book) arrive(address string) Step {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.at(address)
	p.requests++
	if len(p.script) == 0 {
		return Step{Do: OK}
	}
	step := p.script[0]
	if step.Times > 1 {
		p.script[0].Times--
	} else if step.Times >= 0 {
		p.script = p.script[1:]
	}
	return step
}

// deliver gives a notification to the phone, or keeps it as its service would while the phone is off. replaces says which of the
// kept ones give way.
func (b *book) deliver(d Delivery, replaces func(old Delivery) bool, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.at(d.Address)
	if p.off {
		p.stored = slices.DeleteFunc(p.stored, replaces)
		if d.Expires.After(now) {
			p.stored = append(p.stored, d)
		}
		return
	}
	p.delivered = append(p.delivered, d)
	b.announce()
}

func (b *book) announce() {
	close(b.changed)
	b.changed = make(chan struct{})
}

func (b *book) turn(address string, off bool, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.at(address)
	p.off = off
	if off {
		return
	}
	for _, d := range p.stored {
		if d.Expires.After(now) {
			p.delivered = append(p.delivered, d)
		}
	}
	p.stored = nil
	b.announce()
}

// after returns the deliveries from the n-th on, and a channel that is closed when there may be more.
func (b *book) after(address string, n int) ([]Delivery, <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := b.at(address).delivered
	return slices.Clone(all[min(max(n, 0), len(all)):]), b.changed
}

// Delivered returns everything that reached the address, oldest first.
func (f *Fake) Delivered(address string) []Delivery {
	all, _ := f.book.after(address, 0)
	return all
}

// Wait returns the next delivery to the address that no Wait has returned yet, and blocks until there is one or the context ends.
func (f *Fake) Wait(ctx context.Context, address string) (Delivery, error) {
	for {
		d, found, changed := f.book.next(address)
		if found {
			return d, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return Delivery{}, ctx.Err()
		}
	}
}

func (b *book) next(address string) (d Delivery, found bool, changed <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.at(address)
	if p.waited < len(p.delivered) {
		p.waited++
		return p.delivered[p.waited-1], true, nil
	}
	return Delivery{}, false, b.changed
}

// Requests counts the requests for an address that were well formed enough to have one, whatever became of them.
func (f *Fake) Requests(address string) int {
	f.book.mu.Lock()
	defer f.book.mu.Unlock()
	return f.book.at(address).requests
}

// SwitchOff and SwitchOn say whether the phone has a network. While it is off its service keeps what it would keep: APNs the last
// notification, FCM the last of each collapse key, a web push service the last of each topic.
func (f *Fake) SwitchOff(address string) { f.book.turn(address, true, f.now()) }

// SwitchOn delivers what was kept and has not expired; see SwitchOff.
func (f *Fake) SwitchOn(address string) { f.book.turn(address, false, f.now()) }

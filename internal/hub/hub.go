// Package hub wakes those who wait on a topic in this process. It carries topics and versions, not confirmations or websockets: a wake-up is
// a hint, the database is the truth.
package hub

import (
	"slices"
	"sync"
)

// Hub is safe for concurrent use. Publishing never blocks.
type Hub struct {
	mu      sync.Mutex
	waiting map[string][]*Listener // few for each: the dialogs of one confirmation
}

// Listener hears of one topic. It has one slot: a wake-up that was not taken yet stands for all that follow it.
type Listener struct {
	hub   *Hub
	topic string
	woken chan struct{}
	call  func(version int64)
}

// New is an empty hub.
func New() *Hub { return &Hub{waiting: map[string][]*Listener{}} }

// Subscribe listens on topic until Close; wait on Woken, then read the row.
func (h *Hub) Subscribe(topic string) *Listener {
	l := &Listener{hub: h, topic: topic, woken: make(chan struct{}, 1)}
	h.add(l)
	return l
}

// Call listens on topic without a goroutine: f is called for each wake-up, in the publisher's goroutine, and must not block.
func (h *Hub) Call(topic string, f func(version int64)) *Listener {
	l := &Listener{hub: h, topic: topic, call: f}
	h.add(l)
	return l
}

// Woken receives when something may have changed.
func (l *Listener) Woken() <-chan struct{} { return l.woken }

// Close ends listening; a wake-up already under way may still arrive.
func (l *Listener) Close() {
	l.hub.mu.Lock()
	defer l.hub.mu.Unlock()
	rest := slices.DeleteFunc(l.hub.waiting[l.topic], func(o *Listener) bool { return o == l })
	if len(rest) == 0 {
		delete(l.hub.waiting, l.topic)
		return
	}
	l.hub.waiting[l.topic] = rest
}

// Publish wakes everybody who waits on topic.
func (h *Hub) Publish(topic string, version int64) {
	for _, l := range h.listeners(topic) {
		l.offer(version)
	}
}

// WakeAll is for the moment after a bus came back: hints may have been missed, so everybody reads again.
func (h *Hub) WakeAll() {
	h.mu.Lock()
	var all []*Listener
	for _, ls := range h.waiting {
		all = append(all, ls...)
	}
	h.mu.Unlock()
	for _, l := range all {
		l.offer(0)
	}
}

// Topics are the topics somebody waits on now, for the safety poll.
func (h *Hub) Topics() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := make([]string, 0, len(h.waiting))
	for t := range h.waiting {
		out = append(out, t)
	}
	return out
}

func (h *Hub) add(l *Listener) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.waiting[l.topic] = append(h.waiting[l.topic], l)
}

func (h *Hub) listeners(topic string) []*Listener {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.waiting[topic])
}

func (l *Listener) offer(version int64) {
	if l.call != nil {
		l.call(version)
		return
	}
	select {
	case l.woken <- struct{}{}:
	default: // not taken yet: the listener will read the newest row anyway
	}
}

package dialogapi

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/gorilla/websocket"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/confirm"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/hub"
)

// subprotocol is the only one spoken; a client that does not ask for it is refused.
const subprotocol = "countersign.v1"

// Numbers of protocol.md §8.
const (
	heartbeat  = 15 * time.Second
	pingEvery  = 20 * time.Second
	pongWait   = 45 * time.Second
	writeWait  = 5 * time.Second
	recheck    = 30 * time.Second // how often the session behind a socket is looked at again
	readLimit  = 1024
	afterlife  = 70 * time.Second // beyond the confirmation's end: collect time and a margin
	writers    = 8
	perDialog  = 3
	perPerson  = 20
	mostInAll  = 50_000
	closeGrace = 5 * time.Second
)

// Close codes (protocol.md §8).
const (
	closeSession  = 4401
	closeGone     = 4404
	closeSilent   = 4408
	closeReplaced = 4409
	closeLifetime = 4410
)

// What the upgrade refuses.
var (
	ErrOrigin      = fault.New(fault.Forbidden, "forbidden_origin", "This websocket can only be opened from the console.")
	ErrSubprotocol = fault.New(fault.Invalid, "subprotocol", "Ask for the subprotocol "+subprotocol+".")
	ErrOverloaded  = fault.New(fault.Unavailable, "overloaded", "Too many dialogs wait here. Poll instead.")
)

var buffers sync.Pool

// stream answers 404, 403 or 400 before the upgrade; after it the handler returns and leaves one goroutine behind, which reads.
func (a *API) stream(c *gin.Context) error {
	if c.GetHeader("Origin") != a.PublicURL {
		return ErrOrigin
	}
	if !slices.Contains(websocket.Subprotocols(c.Request), subprotocol) {
		return ErrSubprotocol
	}
	id := c.Param("id")
	// Whether it does not exist, or is of somebody else, or nobody is signed in: the same statements, the same answer.
	ws, err := a.Confirms.WorkspaceOf(c.Request.Context(), id)
	if onlyInternal(err) != nil {
		return err
	}
	by, err := a.Sessions.In(c.Request, ws)
	if onlyInternal(err) != nil {
		return err
	}
	v, err := a.Confirms.View(c.Request.Context(), by, id)
	if err != nil {
		return err
	}
	s := &socket{id: id, by: by, cookies: c.Request.Header["Cookie"], end: v.ExpiresAt.Add(afterlife)}
	if !a.streams.admit(s) {
		return ErrOverloaded.After(5 * time.Second)
	}
	up := websocket.Upgrader{ReadBufferSize: 512, WriteBufferSize: 1024, WriteBufferPool: &buffers, Subprotocols: []string{subprotocol},
		CheckOrigin: func(r *http.Request) bool { return r.Header.Get("Origin") == a.PublicURL }}
	conn, err := up.Upgrade(c.Writer, c.Request, nil)
	if err != nil {
		a.streams.drop(s)
		return nil // gorilla has answered
	}
	a.streams.start(s, conn)
	return nil
}

func onlyInternal(err error) error {
	if fault.From(err).Kind == fault.Internal {
		return err
	}
	return nil
}

// socket is one waiting dialog.
type socket struct {
	id      string
	by      actor.Actor
	cookies []string // by which its session is looked at again; the rest of the request would cost two kilobytes for each dialog
	conn    *websocket.Conn
	heard   *hub.Listener
	end     time.Time

	queued  atomic.Bool // in the writers' queue already: one slot, the newest state wins
	closed  atomic.Bool
	seen    atomic.Int64 // the version of the last frame
	mu      sync.Mutex   // held while a frame is written
	framed  time.Time
	pinged  time.Time
	checked time.Time
	beat    bool // a heartbeat is due
}

// streams are all waiting dialogs of the process: one reading goroutine each, a few shared writers, one clock.
type streams struct {
	Deps
	stopping context.Context //nolint:containedctx // the life of the process, handed to polling calls
	stop     context.CancelFunc

	mu     sync.Mutex
	all    map[*socket]struct{}
	queue  []*socket
	filled *sync.Cond
	ended  bool
}

func newStreams(d Deps) *streams {
	s := &streams{Deps: d, all: map[*socket]struct{}{}}
	s.filled = sync.NewCond(&s.mu)
	s.stopping, s.stop = context.WithCancel(context.Background())
	return s
}

func (m *streams) count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.all)
}

// admit counts a socket in, unless too many are open. The oldest of more than three for one dialog makes room.
func (m *streams) admit(s *socket) bool {
	m.mu.Lock()
	var same []*socket
	person := 0
	for o := range m.all {
		if o.by.Person != s.by.Person {
			continue
		}
		person++
		if o.id == s.id && o.conn != nil {
			same = append(same, o)
		}
	}
	full := m.ended || len(m.all) >= mostInAll || person >= perPerson && len(same) == 0
	if !full {
		m.all[s] = struct{}{}
	}
	m.mu.Unlock()
	if !full && len(same) >= perDialog {
		oldest := slices.MinFunc(same, func(a, b *socket) int { return a.checked.Compare(b.checked) })
		m.close(oldest, closeReplaced, "replaced")
	}
	return !full
}

// start listens first and reads second, so that nothing between the two is missed.
func (m *streams) start(s *socket, conn *websocket.Conn) {
	conn.SetReadLimit(readLimit)
	now := time.Now()
	m.mu.Lock()
	s.conn, s.framed, s.pinged, s.checked = conn, now, now, now
	s.heard = m.Hub.Call(confirm.Topic(s.id), func(version int64) {
		if version == 0 || version > s.seen.Load() { // an event is heard twice over a bus, and once more by the safety poll: one look is enough
			m.enqueue(s)
		}
	})
	ended := m.ended
	m.mu.Unlock()
	if ended {
		m.close(s, websocket.CloseServiceRestart, "restart")
		return
	}
	m.enqueue(s)
	go m.read(s)
}

// read is the one goroutine of an idle dialog. The client has nothing to say: a message is a violation.
func (m *streams) read(s *socket) {
	extend := func(string) error { return s.conn.SetReadDeadline(time.Now().Add(pongWait)) }
	_ = extend("")
	s.conn.SetPongHandler(extend)
	_, _, err := s.conn.NextReader()
	switch {
	case err == nil:
		m.close(s, websocket.ClosePolicyViolation, "nothing is expected from the client")
	case isTimeout(err):
		m.close(s, closeSilent, "no pong")
	default:
		m.drop(s)
	}
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

// enqueue asks for a look at the row; asked again before it happens, it is one look.
func (m *streams) enqueue(s *socket) {
	if s.closed.Load() || !s.queued.CompareAndSwap(false, true) {
		return
	}
	m.mu.Lock()
	m.queue = append(m.queue, s)
	m.mu.Unlock()
	m.filled.Signal()
}

func (m *streams) run(ctx context.Context) {
	var wg sync.WaitGroup
	for range writers {
		wg.Go(m.write)
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-tick.C:
			m.clock(time.Now())
		}
	}
	m.stop()
	m.mu.Lock()
	m.ended = true
	open := m.open()
	m.mu.Unlock()
	m.filled.Broadcast()
	for _, s := range open {
		m.close(s, websocket.CloseServiceRestart, "restart")
	}
	wg.Wait()
}

func (m *streams) open() []*socket {
	out := make([]*socket, 0, len(m.all))
	for s := range m.all {
		if s.conn != nil {
			out = append(out, s)
		}
	}
	return out
}

// write serves sockets that something happened to.
func (m *streams) write() {
	for {
		m.mu.Lock()
		for len(m.queue) == 0 && !m.ended {
			m.filled.Wait()
		}
		if m.ended {
			m.mu.Unlock()
			return
		}
		s := m.queue[0]
		m.queue = m.queue[1:]
		m.mu.Unlock()
		s.queued.Store(false) // from here on a new event asks for a new look
		m.serve(s)
	}
}

type frame struct {
	T            string            `json:"t"`
	Confirmation *confirmationBody `json:"confirmation,omitempty"`
	ServerTime   *time.Time        `json:"server_time,omitempty"`
}

// serve reads the row and sends what is new; the code never travels here.
func (m *streams) serve(s *socket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed.Load() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), writeWait)
	defer cancel()
	v, err := m.Confirms.Glance(ctx, s.by, s.id)
	switch {
	case errors.Is(err, fault.ErrNotFound):
		m.close(s, closeGone, "gone")
		return
	case err != nil:
		m.Log.Error("dialog", "err", err)
		m.close(s, websocket.CloseInternalServerErr, "internal")
		return
	}
	if v.Version > s.seen.Load() {
		v.Code = ""
		b := present(v)
		if !m.send(s, frame{T: "snapshot", Confirmation: &b}) {
			return
		}
		s.seen.Store(v.Version)
		if v.Final() {
			m.close(s, websocket.CloseNormalClosure, string(v.State))
		}
	} else if s.beat {
		m.send(s, frame{T: "hb", ServerTime: &v.ServerTime})
	}
	s.beat = false
}

func (m *streams) send(s *socket, f frame) bool {
	_ = s.conn.SetWriteDeadline(time.Now().Add(writeWait))
	if err := s.conn.WriteJSON(f); err != nil {
		m.drop(s)
		return false
	}
	s.framed = time.Now()
	return true
}

// clock does what time asks for: heartbeats, pings, another look at the session, the end of a socket's life.
func (m *streams) clock(now time.Time) {
	m.mu.Lock()
	open := m.open()
	m.mu.Unlock()
	for _, s := range open {
		if !s.mu.TryLock() {
			continue // a frame is under way: it lives
		}
		beat, ping, look := now.Sub(s.framed) >= heartbeat && !s.beat, now.Sub(s.pinged) >= pingEvery, now.Sub(s.checked) >= recheck
		s.beat = s.beat || beat
		if ping {
			s.pinged = now
		}
		if look {
			s.checked = now
		}
		s.mu.Unlock()
		switch {
		case now.After(s.end):
			m.close(s, closeLifetime, "lifetime")
		case look && !m.stillSignedIn(s):
			m.close(s, closeSession, "session ended")
		case beat:
			m.enqueue(s)
		}
		if ping {
			_ = s.conn.WriteControl(websocket.PingMessage, nil, now.Add(writeWait))
		}
	}
}

func (m *streams) stillSignedIn(s *socket) bool {
	ctx, cancel := context.WithTimeout(context.Background(), writeWait)
	defer cancel()
	r := (&http.Request{Header: http.Header{"Cookie": s.cookies}}).WithContext(ctx)
	by, err := m.Sessions.In(r, s.by.Workspace)
	if err != nil {
		return fault.From(err).Kind == fault.Internal // a database that does not answer ends no session
	}
	return by.Person == s.by.Person && by.Admin() == s.by.Admin()
}

// close says why and hangs up.
func (m *streams) close(s *socket, code int, why string) {
	if s.closed.Load() {
		return
	}
	_ = s.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, why), time.Now().Add(closeGrace))
	m.drop(s)
}

func (m *streams) drop(s *socket) {
	if !s.closed.CompareAndSwap(false, true) {
		return
	}
	m.mu.Lock()
	delete(m.all, s)
	m.mu.Unlock()
	if s.heard != nil {
		s.heard.Close()
	}
	if s.conn != nil {
		_ = s.conn.Close()
	}
}

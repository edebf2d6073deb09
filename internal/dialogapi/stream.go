package dialogapi

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unique"

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
	recheck    = 30 * time.Second // how often the session behind a socket is looked at again; after each snapshot it is at the clock's next tick
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
	s := a.streams.socketOf(id, by, c.Request.Header["Cookie"], v.ExpiresAt.Add(afterlife))
	if !a.streams.admit(s) {
		return ErrOverloaded.After(5 * time.Second)
	}
	up := websocket.Upgrader{ReadBufferSize: 1, WriteBufferSize: 1024, WriteBufferPool: &buffers, Subprotocols: []string{subprotocol},
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

// socket is one waiting dialog. There may be tens of thousands, so it holds what is needed and nothing of the request it came with.
type socket struct {
	topic     string                // of the confirmation, as the hub holds it
	workspace unique.Handle[string] // many have the same
	person    string
	session   []byte
	cookies   string // by which its session is looked at again
	conn      *websocket.Conn
	heard     *hub.Listener
	partial   []byte // of a frame of the client's
	fd        int32  // by which it is watched; 0: it has a goroutine that reads
	admin     bool
	beat      bool // a heartbeat is due
	failed    bool // the last look did not come off

	queued atomic.Bool // in the writers' queue already: one slot, the newest state wins
	news   atomic.Bool // something has happened to its row: it has to be read
	closed atomic.Bool
	echoes atomic.Bool  // a ping of the client's is being answered
	mu     sync.Mutex   // held while a frame is written
	seen   atomic.Int64 // the version of the last frame
	ponged atomic.Int64 // when it last showed that it lives

	// Times since the process began to serve dialogs.
	opened, framed, pinged, checked, end int64
}

func (m *streams) socketOf(id string, by actor.Actor, cookies []string, end time.Time) *socket {
	return &socket{topic: confirm.Topic(id), workspace: unique.Make(by.Workspace), person: strings.Clone(by.Person), session: slices.Clone(by.Session),
		admin: by.Admin(), cookies: strings.Clone(strings.Join(cookies, "; ")), end: int64(end.Sub(m.born))}
}

// id is the confirmation's.
func (s *socket) id() string { return s.topic[len(confirm.Topic("")):] }

// by is who waits, as far as the confirmation's row asks.
func (s *socket) by() actor.Actor {
	return actor.Actor{Kind: actor.Person, Workspace: s.workspace.Value(), Person: s.person, Session: s.session}
}

// streams are all waiting dialogs of the process: one goroutine that reads, a few writers, one clock.
type streams struct {
	Deps
	born     time.Time
	ears     *ears           // nil where nothing can be watched
	stopping context.Context //nolint:containedctx // the life of the process, handed to polling calls
	stop     context.CancelFunc

	opened atomic.Int64

	mu     sync.Mutex
	all    map[*socket]struct{}
	queue  []*socket
	filled *sync.Cond
	ended  bool
}

func newStreams(d Deps) *streams {
	s := &streams{Deps: d, born: time.Now(), all: map[*socket]struct{}{}}
	if ears, err := newEars(); err == nil {
		s.ears = ears
	}
	s.filled = sync.NewCond(&s.mu)
	s.stopping, s.stop = context.WithCancel(context.Background())
	return s
}

// since is the time since the process began to serve dialogs.
func (m *streams) since() int64 { return int64(time.Since(m.born)) }

// soon is when a write has to be done.
func (m *streams) soon() time.Time { return time.Now().Add(writeWait) }

// came is what ears have heard.
func (m *streams) came(s *socket, b []byte) {
	if b == nil {
		m.drop(s)
		return
	}
	if !m.heardOf(s, b) {
		m.ears.mute(s)
	}
}

func (m *streams) count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.all)
}

// tidyEvery is after how many new dialogs garbage is collected. What a dialog keeps lies strewn among the garbage of the request that opened it,
// and a page of memory stays as long as anything in it does: collected often, those who come by the thousand fill it densely, in half the memory.
const tidyEvery = 128

// tidy is told of each new dialog.
func (m *streams) tidy() {
	if m.opened.Add(1)%tidyEvery == 0 {
		go runtime.GC()
	}
}

// admit counts a socket in, unless too many are open. The oldest of more than three for one dialog makes room.
func (m *streams) admit(s *socket) bool {
	m.mu.Lock()
	var same []*socket
	person := 0
	for o := range m.all {
		if o.person != s.person {
			continue
		}
		person++
		if o.topic == s.topic && o.conn != nil {
			same = append(same, o)
		}
	}
	full := m.ended || len(m.all) >= mostInAll || person >= perPerson && len(same) == 0
	if !full {
		m.all[s] = struct{}{}
	}
	m.mu.Unlock()
	if !full && len(same) >= perDialog {
		oldest := slices.MinFunc(same, func(a, b *socket) int { return cmp.Compare(a.opened, b.opened) })
		m.close(oldest, closeReplaced, "replaced")
	}
	return !full
}

// start listens first and reads second, so that nothing between the two is missed.
func (m *streams) start(s *socket, conn *websocket.Conn) {
	now := m.since()
	m.mu.Lock()
	s.conn, s.opened, s.framed, s.pinged, s.checked = conn, now, now, now, now
	s.ponged.Store(now)
	s.heard = m.Hub.Call(s.topic, func(version int64) {
		if version == 0 || version > s.seen.Load() { // an event is heard twice over a bus, and once more by the safety poll: one look is enough
			m.look(s)
		}
	})
	ended := m.ended
	m.mu.Unlock()
	if ended {
		m.close(s, websocket.CloseServiceRestart, "restart")
		return
	}
	m.look(s)
	m.tidy()
	if m.ears == nil || m.ears.watch(s) != nil {
		go m.read(s)
	} else if s.closed.Load() { // meanwhile
		m.ears.forget(s)
	}
}

// look asks for a look at the row; asked again before it happens, it is one look.
func (m *streams) look(s *socket) {
	s.news.Store(true)
	m.enqueue(s)
}

// enqueue asks a writer to serve a socket.
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
	if m.ears != nil {
		wg.Go(func() { m.ears.run(m.came) })
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-tick.C:
			m.clock(m.since())
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
	if m.ears != nil {
		m.ears.close()
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

// serve sends what is due: what is new in the row, or else a heartbeat.
func (m *streams) serve(s *socket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed.Load() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), writeWait)
	defer cancel()
	told, err := false, error(nil)
	if s.news.Swap(false) {
		told, err = m.tell(ctx, s)
	}
	if err == nil && !told && s.beat {
		err = m.heartbeat(ctx, s)
	}
	s.beat = false
	again := !s.failed
	s.failed = err != nil
	switch {
	case err == nil:
	case errors.Is(err, fault.ErrNotFound):
		m.close(s, closeGone, "gone")
	case again: // to come again costs a busy database more than another look
		m.look(s)
	default:
		m.Log.Error("dialog", "err", err)
		m.close(s, websocket.CloseInternalServerErr, "internal")
	}
}

// tell reads the row and sends it if it is newer than what was sent; the code never travels here.
func (m *streams) tell(ctx context.Context, s *socket) (told bool, err error) {
	v, err := m.Confirms.Glance(ctx, s.by(), s.id())
	if err != nil || v.Version <= s.seen.Load() {
		return false, err
	}
	v.Code = ""
	b := present(v)
	if !m.send(s, frame{T: "snapshot", Confirmation: &b}) {
		return true, nil
	}
	first := s.seen.Swap(v.Version) == 0
	switch {
	case v.Final() && v.EndedWithSession():
		m.close(s, closeSession, "session ended")
	case v.Final():
		m.close(s, websocket.CloseNormalClosure, string(v.State))
	case !first: // who waits is looked at again as well, at the clock's next tick: not in the way of the frame
		s.checked = m.since() - int64(recheck)
	}
	return true, nil
}

// heartbeat shows that the dialog is not forgotten. It reads no row: whatever happens to one is heard, or found by the safety poll.
func (m *streams) heartbeat(ctx context.Context, s *socket) error {
	now, err := m.Confirms.DB.Now(ctx)
	if err == nil {
		m.send(s, frame{T: "hb", ServerTime: &now})
	}
	return err
}

func (m *streams) send(s *socket, f frame) bool {
	_ = s.conn.SetWriteDeadline(time.Now().Add(writeWait))
	if err := s.conn.WriteJSON(f); err != nil {
		m.drop(s)
		return false
	}
	s.framed = m.since()
	return true
}

// clock does what time asks for: heartbeats, pings, another look at the session, the end of a socket's life.
func (m *streams) clock(now int64) {
	m.mu.Lock()
	open := m.open()
	m.mu.Unlock()
	for _, s := range open {
		if !s.mu.TryLock() {
			continue // a frame is under way: it lives
		}
		past := func(at int64, by time.Duration) bool { return now-at >= int64(by) }
		beat, ping, look := past(s.framed, heartbeat) && !s.beat, past(s.pinged, pingEvery), past(s.checked, recheck)
		s.beat = s.beat || beat
		if ping {
			s.pinged = now
		}
		if look {
			s.checked = now
		}
		s.mu.Unlock()
		switch {
		case now > s.end:
			m.close(s, closeLifetime, "lifetime")
		case past(s.ponged.Load(), pongWait):
			m.close(s, closeSilent, "no pong")
		case look && !m.stillSignedIn(s):
			m.close(s, closeSession, "session ended")
		case beat:
			m.enqueue(s)
		}
		if ping {
			_ = s.conn.WriteControl(websocket.PingMessage, nil, m.soon())
		}
	}
}

func (m *streams) stillSignedIn(s *socket) bool {
	ctx, cancel := context.WithTimeout(context.Background(), writeWait)
	defer cancel()
	r := (&http.Request{Header: http.Header{"Cookie": {s.cookies}}}).WithContext(ctx)
	by, err := m.Sessions.In(r, s.workspace.Value())
	if err != nil {
		return fault.From(err).Kind == fault.Internal // a database that does not answer ends no session
	}
	return by.Person == s.person && by.Admin() == s.admin
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
		if m.ears != nil {
			m.ears.forget(s)
		}
		_ = s.conn.Close()
	}
}

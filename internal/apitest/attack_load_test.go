package apitest_test

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/gorilla/websocket"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/apitest"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dialogapi"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/ident"
)

// dialogs is how many wait in TestA22. What one costs does not depend on how many there are, so a thousand show it; two descriptors each.
var dialogs = flag.Int("dialogs", 1000, "dialogs that wait at once in TestA22")

const (
	mostPerDialog = 8 << 10         // bytes of an idle dialog, both ends and its state
	stuckFor      = 5 * time.Second // how long a reader may be stuck
)

// crowd is a dialogs' door with many people behind it; who asks is told by a header, because signing in thousands would measure hashing.
type crowd struct {
	*apitest.World
	doors  *dialogapi.API
	server *httptest.Server
	who    map[string]actor.Actor
	ids    []string
}

func (c *crowd) Who(r *http.Request) (actor.Actor, error) {
	by, known := c.who[r.Header.Get("X-Who")]
	if !known {
		return by, fault.ErrUnauthorized
	}
	return by, nil
}

func (c *crowd) In(r *http.Request, _ string) (actor.Actor, error) { return c.Who(r) }

// gather makes n confirmations, twenty for each person, all copies of one real one.
func gather(t testing.TB, n int, serve func(http.Handler) *httptest.Server) *crowd {
	t.Helper()
	c := &crowd{World: apitest.New(t, database.SQLite, nil), who: map[string]actor.Actor{}}
	ana := c.Workspace("acme")
	c.Phone(ana)
	v := ask(t, c.World, ana)
	c.InTx(func(tx database.Tx) error {
		confirmation, challenge := map[string]any{}, map[string]any{}
		if err := tx.Table("confirmations").Where("id = ?", v.ID).Limit(1).Find(&confirmation).Error; err != nil {
			return err
		}
		if err := tx.Table("challenges").Where("confirmation_id = ?", v.ID).Limit(1).Find(&challenge).Error; err != nil {
			return err
		}
		phone := map[string]any{}
		if err := tx.Table("devices").Where("person_id = ?", ana.Person).Limit(1).Find(&phone).Error; err != nil {
			return err
		}
		by := ana
		for i := range n {
			if i%20 == 0 {
				p, err := directory.Add(tx, ana, fmt.Sprint("p", i), fmt.Sprint("p", i, "@acme.test"), directory.Admin)
				if err != nil {
					return err
				}
				by.Person = p.ID
				phone["id"], phone["person_id"] = ident.New("dev"), p.ID
				challenge["device_id"] = phone["id"]
				if err := tx.Table("devices").Create(phone).Error; err != nil {
					return err
				}
				delete(phone, "@id")
			}
			by.Session = ident.Hash(fmt.Sprint("session", i))
			id := ident.New("cnf")
			confirmation["id"], confirmation["person_id"], confirmation["session_hash"] = id, by.Person, by.Session
			challenge["confirmation_id"] = id
			if err := tx.Table("confirmations").Create(confirmation).Error; err != nil {
				return err
			}
			if err := tx.Table("challenges").Create(challenge).Error; err != nil {
				return err
			}
			delete(confirmation, "@id") // gorm's note of the last row
			delete(challenge, "@id")
			c.who[id] = by
			c.ids = append(c.ids, id)
		}
		return nil
	})
	c.doors = dialogapi.New(dialogapi.Deps{Confirms: c.Confirms, Hub: c.Hub, Sessions: c, PublicURL: apitest.PublicURL, Log: slog.New(slog.DiscardHandler)})
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	c.doors.Mount(e.Group("/v1/confirmations"))
	c.server = serve(e)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { c.doors.Run(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait(); c.server.Close() })
	return c
}

// upgrade opens a dialog over a connection with the least a client needs, and reads its first frame.
func (c *crowd) upgrade(conn net.Conn, id string) error {
	_, err := fmt.Fprintf(conn, "GET /v1/confirmations/%s/ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: countersign.v1\r\nOrigin: %s\r\nX-Who: %s\r\n\r\n", id, apitest.PublicURL, id)
	if err != nil {
		return err
	}
	r := bufio.NewReaderSize(conn, 512)
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusSwitchingProtocols {
		return fmt.Errorf("status %d", res.StatusCode)
	}
	head := make([]byte, 4) // a text frame of 126 to 65,535 bytes
	if _, err := io.ReadFull(r, head); err != nil {
		return err
	}
	_, err = io.CopyN(io.Discard, r, int64(head[2])<<8|int64(head[3]))
	return err
}

// TestA22_WaitingCostsLittleAndNobodyStopsTheOthers: what an idle dialog costs, a reader that does not read, and frames that are no frames.
func TestA22_WaitingCostsLittleAndNobodyStopsTheOthers(t *testing.T) {
	t.Run("many idle dialogs", func(t *testing.T) {
		c := gather(t, *dialogs, func(h http.Handler) *httptest.Server { return httptest.NewServer(h) })
		c.who["none"] = actor.Actor{}
		open := make([]net.Conn, 0, *dialogs)
		before := used()
		for _, id := range c.ids {
			conn, err := net.Dial("tcp", c.server.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			open = append(open, conn)
			if err := c.upgrade(conn, id); err != nil {
				t.Fatal(err)
			}
		}
		each := (used() - before) / int64(len(open))
		if n := c.doors.Open(); n != len(open) {
			t.Errorf("%d of %d dialogs are open", n, len(open))
		}
		t.Logf("%d dialogs: %d bytes of heap and stack each, both ends", len(open), each)
		if most := int64(mostPerDialog); each > most*slower {
			t.Errorf("a waiting dialog costs %d bytes, more than %d", each, most)
		}
		for _, conn := range open {
			_ = conn.Close()
		}
	})
	t.Run("a reader that is stuck", func(t *testing.T) {
		pipes := &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
		c := gather(t, 2, func(h http.Handler) *httptest.Server {
			s := httptest.NewUnstartedServer(h)
			_ = s.Listener.Close()
			s.Listener = pipes
			s.Start()
			return s
		})
		stuck, well := pipes.dial(), pipes.dial() // no buffer between the ends: what is not read is not written
		for i, conn := range []net.Conn{stuck, well} {
			if err := c.upgrade(conn, c.ids[i]); err != nil {
				t.Fatal(err)
			}
		}
		began := time.Now()
		c.InTx(func(tx database.Tx) error { return tx.Exec("UPDATE confirmations SET version = version + 1").Error })
		for _, id := range c.ids {
			c.Hub.Publish("confirmation:"+id, 2)
		}
		if err := well.SetReadDeadline(began.Add(eventually)); err != nil {
			t.Fatal(err)
		}
		if _, err := well.Read(make([]byte, 2048)); err != nil {
			t.Errorf("the dialog beside it hears nothing: %v", err)
		}
		for c.doors.Open() > 1 && time.Since(began) < stuckFor+eventually {
			time.Sleep(50 * time.Millisecond)
		}
		if c.doors.Open() != 1 {
			t.Errorf("%d dialogs are open after %v", c.doors.Open(), time.Since(began))
		}
		_ = well.Close()
	})
	attacked(t, func(t *testing.T, d demo) {
		id := d.ana.Ask().Text("id")
		for name, send := range map[string]func(*websocket.Conn) error{
			"a message":                  func(c *websocket.Conn) error { return c.WriteMessage(websocket.TextMessage, []byte("{}")) },
			"a message of a megabyte":    func(c *websocket.Conn) error { return c.WriteMessage(websocket.BinaryMessage, make([]byte, 1<<20)) },
			"a compressed frame":         func(c *websocket.Conn) error { return raw(c, 0xc1, 0x85, 0, 0, 0, 0, 1, 2, 3, 4, 5) },
			"an unmasked frame":          func(c *websocket.Conn) error { return raw(c, 0x81, 0x02, '{', '}') },
			"a frame of 2^62 bytes":      func(c *websocket.Conn) error { return raw(c, 0x82, 0xff, 0x40, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4) },
			"a ping with a long payload": func(c *websocket.Conn) error { return raw(c, 0x89, 0xfe, 0xff, 0xff, 1, 2, 3, 4) },
		} {
			c, res, err := d.ana.Dial(id, nil) // offers compression
			if err != nil || res.Header.Get("Sec-WebSocket-Extensions") != "" {
				t.Fatalf("extensions %q, %v", res.Header.Get("Sec-WebSocket-Extensions"), err)
			}
			if err := send(c); err != nil && !strings.Contains(err.Error(), "reset") && !strings.Contains(err.Error(), "broken pipe") {
				t.Errorf("%s: %v", name, err)
			}
			_ = c.SetReadDeadline(time.Now().Add(eventually))
			for err == nil {
				_, _, err = c.ReadMessage()
			}
			if timeout, ok := err.(net.Error); ok && timeout.Timeout() { //nolint:errorlint // as the library gives it
				t.Errorf("%s: the dialog stays open", name)
			}
			_ = c.Close()
		}
		if s := d.state(id); s != "pending" {
			t.Errorf("the confirmation is %s", s)
		}

		// Twenty polls of a person are held, which is told by the others being answered before their time. The news reaches those who wait.
		const polls = 25
		replies, began := make(chan apitest.Reply, polls), time.Now()
		for range polls {
			go func() {
				r, err := d.ana.Try("GET", "/v1/confirmations/"+id+"?wait=25&since_version=1000000", nil)
				if err != nil {
					t.Errorf("a poll: %v", err)
				}
				replies <- r
			}()
		}
		if r := <-replies; r.Status != http.StatusOK || r.Text("state") != "pending" || time.Since(began) >= 25*time.Second {
			t.Errorf("of %d polls the first is answered after %v: %d %s", polls, time.Since(began), r.Status, r.Body)
		}
		d.ana.Do("POST", "/v1/confirmations/"+id+"/cancel", map[string]string{})
		early := 1
		for range polls - 1 {
			r := <-replies
			if r.Status != http.StatusOK {
				t.Errorf("a poll: %d %s", r.Status, r.Body)
			}
			if r.Text("state") == "pending" {
				early++
			}
		}
		if early > polls-20 {
			t.Errorf("of %d polls %d have not waited for the news", polls, early)
		}
	})
}

// FuzzFrames: bytes of anybody's on an open websocket end it or leave it as it is; the door lives, and what waits goes on waiting.
func FuzzFrames(f *testing.F) {
	pipes := &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
	c := gather(f, 1, func(h http.Handler) *httptest.Server {
		s := httptest.NewUnstartedServer(h)
		_ = s.Listener.Close()
		s.Listener = pipes
		s.Start()
		return s
	})
	for _, seed := range []string{"\x81\x82\x00\x00\x00\x00{}", "\x88\x82\x00\x00\x00\x00\x03\xe8", "\x89\x80\x01\x02\x03\x04", "\x8a\x80\x00\x00\x00\x00", "\xc1\x85\x00\x00\x00\x00\x01\x02\x03\x04\x05",
		"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00", "\x01\x80\x00\x00\x00\x00\x80\x80\x00\x00\x00\x00", "\x88\xfe\x00\x7e\x00\x00\x00\x00", "GET / HTTP/1.1\r\n\r\n", ""} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		conn := pipes.dial()
		if err := c.upgrade(conn, c.ids[0]); err != nil {
			t.Fatal(err)
		}
		drained := make(chan struct{})
		go func() { defer close(drained); _, _ = io.Copy(io.Discard, conn) }()
		_ = conn.SetWriteDeadline(time.Now().Add(5 * time.Second)) // a closed door takes nothing more
		_, _ = conn.Write(b)
		_ = conn.Close()
		<-drained
		for end := time.Now().Add(eventually); c.doors.Open() > 0; {
			if time.Now().After(end) {
				t.Fatalf("%d dialogs stay open after %x", c.doors.Open(), b)
			}
			runtime.Gosched()
		}
		if r := rowOf(t, c.World, c.ids[0]); r.State != "pending" {
			t.Fatalf("%x made it %+v", b, r)
		}
	})
}

func raw(c *websocket.Conn, b ...byte) error {
	_, err := c.NetConn().Write(b)
	return err
}

// used is live heap and stacks.
func used() int64 {
	var m runtime.MemStats
	for range 3 {
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse) //nolint:gosec // a test's memory fits
}

// pipeListener hands out connections in memory.
type pipeListener struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func (l *pipeListener) dial() net.Conn {
	near, far := net.Pipe()
	l.conns <- far
	return near
}

// Accept is net.Listener.
func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// Close is net.Listener.
func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

// Addr is net.Listener.
func (l *pipeListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

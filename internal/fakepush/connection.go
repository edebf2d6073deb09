package fakepush

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// listener hands out connections that can fail in ways a handler alone cannot make them.
type listener struct {
	net.Listener
	accepted *atomic.Int64
}

func (l *listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.accepted.Add(1)
	return &connection{Conn: c}, nil
}

// connection is one TCP connection from a client.
type connection struct {
	net.Conn
	silent atomic.Bool

	mu         sync.Mutex
	bearer     string // the provider token last seen on it (APNs)
	bearerSeen time.Time
}

// Read swallows what arrives once the connection is silent.
func (c *connection) Read(p []byte) (int, error) {
	for {
		n, err := c.Conn.Read(p)
		if err != nil || !c.silent.Load() {
			return n, err
		}
	}
}

// Write pretends once the connection is silent.
func (c *connection) Write(p []byte) (int, error) {
	if c.silent.Load() {
		return len(p), nil
	}
	return c.Conn.Write(p)
}

// drop ends the connection without a word.
func (c *connection) drop() { _ = c.Conn.Close() }

type connectionKey struct{}

func withConn(ctx context.Context, c net.Conn) context.Context {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	return context.WithValue(ctx, connectionKey{}, c)
}

func connectionOf(r *http.Request) *connection {
	c, ok := r.Context().Value(connectionKey{}).(*connection)
	if !ok {
		panic("fakepush: a request without its connection")
	}
	return c
}

package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// wire is the line between the clients and one listener of the service. It keeps every byte that the service sends, so that a secret can be
// looked for in all of them, and it can be cut.
type wire struct {
	URL string // what clients use

	name  string
	mode  atomic.Value // string: how the line is
	front *http.Server

	mu    sync.Mutex
	lines map[net.Conn]bool
	kept  []*exchange
	built map[string]bool // hashed files of the web build are kept once
}

// How a line can be.
const (
	lineOpen   = "open"
	lineCut    = "cut"    // every connection is closed, new ones at once
	lineSilent = "silent" // connections stay and nothing comes through, as behind a box that forgot them
	linePlain  = "plain"  // websockets are refused, as by a proxy that knows none
)

// exchange is one request and its answer.
type exchange struct {
	Method, Target, Agent string
	Status                int
	request, response     recorder
	header                http.Header // of the answer
	frames                recorder    // what the service sent after an upgrade
	authorization         string
}

// recorder keeps what goes through it.
type recorder struct {
	mu   sync.Mutex
	kept bytes.Buffer
}

func (r *recorder) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.kept.Write(b)
}

func (r *recorder) bytes() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return bytes.Clone(r.kept.Bytes())
}

// newWire opens the line to a service that listens (or will listen) at addr.
func newWire(t *testing.T, name, addr string) *wire {
	t.Helper()
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{URL: "http://localhost:" + portOf(socket.Addr().String()), name: name, lines: map[net.Conn]bool{}, built: map[string]bool{}}
	w.mode.Store(lineOpen)
	to := &url.URL{Scheme: "http", Host: addr}
	proxy := &httputil.ReverseProxy{
		FlushInterval: -1,
		Transport:     &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64, IdleConnTimeout: time.Minute}, // ended before the service does, which may be under a request
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.Host = r.In.Host
		},
		ModifyResponse: w.answered,
		ErrorHandler:   func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) }, // as if nobody listened
	}
	w.front = &http.Server{Handler: w.asked(proxy), ConnState: w.state} //nolint:gosec // a test's own clients
	go func() { _ = w.front.Serve(&wireListener{socket, w}) }()         // ends with Close
	t.Cleanup(func() { _ = w.front.Close(); w.set(lineCut) })
	return w
}

type exchangeKey struct{}

// asked notes a request before the service sees it.
func (w *wire) asked(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		x := &exchange{Method: r.Method, Target: r.URL.RequestURI(), Agent: r.UserAgent(), authorization: r.Header.Get("Authorization")}
		if r.Body != nil {
			r.Body = tee{r.Body, &x.request}
		}
		w.mu.Lock()
		w.kept = append(w.kept, x)
		w.mu.Unlock()
		if w.mode.Load() == linePlain && r.Header.Get("Upgrade") != "" {
			http.Error(rw, "no upgrades here", http.StatusBadRequest)
			return
		}
		next.ServeHTTP(rw, r.WithContext(context.WithValue(r.Context(), exchangeKey{}, x)))
	})
}

// answered notes the answer as it goes by.
func (w *wire) answered(res *http.Response) error {
	x, ok := res.Request.Context().Value(exchangeKey{}).(*exchange)
	if !ok {
		panic("an answer without its request")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	x.Status, x.header = res.StatusCode, res.Header.Clone()
	if upgraded, ok := res.Body.(io.ReadWriteCloser); ok && res.StatusCode == http.StatusSwitchingProtocols {
		res.Body = frames{upgraded, &x.frames}
		return nil
	}
	if strings.HasPrefix(res.Request.URL.Path, "/assets/") {
		if w.built[res.Request.URL.Path] {
			return nil
		}
		w.built[res.Request.URL.Path] = true
	}
	res.Body = tee{res.Body, &x.response}
	return nil
}

// body is the answer as its reader sees it.
func (x *exchange) body() []byte {
	raw := x.response.bytes()
	if x.header.Get("Content-Encoding") != "gzip" {
		return raw
	}
	z, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		return raw
	}
	text, _ := io.ReadAll(z) // of an answer that was broken off, as much as came
	return append(text, raw...)
}

// all are the exchanges so far.
func (w *wire) all() []*exchange {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]*exchange(nil), w.kept...)
}

// set makes the line what mode says. What was connected before is disconnected, except that a line that falls silent says nothing.
func (w *wire) set(mode string) {
	w.mode.Store(mode)
	if mode == lineSilent {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.lines {
		_ = c.Close()
	}
	clear(w.lines)
}

func (w *wire) state(c net.Conn, s http.ConnState) {
	if s == http.StateClosed {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.lines, c)
	}
}

type tee struct {
	io.ReadCloser
	to io.Writer
}

func (t tee) Read(b []byte) (int, error) {
	n, err := t.ReadCloser.Read(b)
	_, _ = t.to.Write(b[:n]) // memory
	return n, err
}

// frames is the upgraded connection: what is read from it are the service's frames, which are not masked.
type frames struct {
	io.ReadWriteCloser
	to io.Writer
}

func (f frames) Read(b []byte) (int, error) {
	n, err := f.ReadWriteCloser.Read(b)
	_, _ = f.to.Write(b[:n]) // memory
	return n, err
}

type wireListener struct {
	net.Listener
	w *wire
}

func (l *wireListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if l.w.mode.Load() == lineCut {
			_ = c.Close()
			continue
		}
		line := &wireConn{c, l.w}
		l.w.mu.Lock()
		l.w.lines[line] = true
		l.w.mu.Unlock()
		return line, nil
	}
}

type wireConn struct {
	net.Conn
	w *wire
}

// Read swallows what arrives while the line is silent.
func (c *wireConn) Read(b []byte) (int, error) {
	for {
		n, err := c.Conn.Read(b)
		if err != nil || c.w.mode.Load() != lineSilent {
			return n, err
		}
	}
}

// Write pretends while the line is silent.
func (c *wireConn) Write(b []byte) (int, error) {
	if c.w.mode.Load() == lineSilent {
		return len(b), nil
	}
	return c.Conn.Write(b)
}

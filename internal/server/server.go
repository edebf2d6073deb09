package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"
)

// The times of a connection. A long poll waits 25 seconds inside its handler, and Go counts that as reading and writing.
const (
	readHeader = 5 * time.Second
	readAll    = 60 * time.Second
	writeAll   = 60 * time.Second
	idleTime   = 2 * time.Minute
	headerSize = 32 << 10
)

// The times of a graceful stop: ordinary requests may finish, then long polls are ended, then connections are closed.
const (
	finish = 3 * time.Second
	cutOff = 2 * time.Second
)

// Listener is one address to listen at.
type Listener struct {
	Name string // for log lines and faults: "console", "companion", "metrics", …
	Addr string
	TLS  *tls.Config // nil: plain http
}

// BusyError says that another program listens at an address already.
type BusyError struct {
	Name, Addr string
}

// Error is one line for a person.
func (e *BusyError) Error() string {
	return fmt.Sprintf("%s is in use by another program, so the %s cannot listen there", e.Addr, e.Name)
}

// Server is a set of listeners that start and stop together.
type Server struct {
	log    *slog.Logger
	parts  []part
	base   context.Context //nolint:containedctx // the parent of every request's context, ended by a stop
	cutoff context.CancelFunc
}

type part struct {
	Listener
	socket net.Listener
	http   *http.Server
}

// Listen takes every address or none, before anything else is begun that a busy port would make useless. Nothing is answered before Run.
func Listen(ctx context.Context, log *slog.Logger, listeners ...Listener) (*Server, error) {
	s := &Server{log: log}
	s.base, s.cutoff = context.WithCancel(context.WithoutCancel(ctx))
	for _, l := range listeners {
		var lc net.ListenConfig
		socket, err := lc.Listen(ctx, "tcp", l.Addr)
		if err != nil {
			s.Close()
			if errors.Is(err, syscall.EADDRINUSE) {
				return nil, &BusyError{Name: l.Name, Addr: l.Addr}
			}
			return nil, fmt.Errorf("the %s cannot listen: %w", l.Name, err)
		}
		s.parts = append(s.parts, part{Listener: l, socket: socket, http: s.server(l)})
	}
	return s, nil
}

func (s *Server) server(l Listener) *http.Server {
	return &http.Server{
		TLSConfig:         l.TLS.Clone(), // a server writes into it, and two may share one
		ReadHeaderTimeout: readHeader, ReadTimeout: readAll, WriteTimeout: writeAll, IdleTimeout: idleTime,
		MaxHeaderBytes: headerSize, BaseContext: func(net.Listener) context.Context { return s.base },
		ErrorLog: slog.NewLogLogger(s.log.With("listener", l.Name).Handler(), slog.LevelWarn),
	}
}

// Close gives the addresses back without having run.
func (s *Server) Close() {
	for _, p := range s.parts {
		_ = p.socket.Close()
	}
	s.cutoff()
}

// Run answers with the handler of each listener's name until ctx ends or a listener fails. Then it calls goingAway, which tells those who wait on a connection of their own
// (websockets) to come back, lets requests finish, ends long polls, and closes what is left: five seconds at most after goingAway returned.
func (s *Server) Run(ctx context.Context, handlers map[string]http.Handler, goingAway func(context.Context)) error {
	failed := make(chan error, len(s.parts))
	for _, p := range s.parts {
		p.http.Handler = handlers[p.Name]
		s.log.Info("listening", "listener", p.Name, "addr", p.socket.Addr().String(), "tls", p.TLS != nil)
		go func() { failed <- p.serve() }()
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	stopping := context.WithoutCancel(ctx)
	if goingAway != nil {
		goingAway(stopping)
	}
	s.shutdown(stopping)
	return err
}

func (p part) serve() error {
	var err error
	if p.TLS != nil {
		err = p.http.ServeTLS(p.socket, "", "")
	} else {
		err = p.http.Serve(p.socket)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("the %s stopped: %w", p.Name, err)
}

func (s *Server) shutdown(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, finish+cutOff)
	defer cancel()
	longPolls := time.AfterFunc(finish, s.cutoff)
	defer longPolls.Stop()
	defer s.cutoff()
	var wg sync.WaitGroup
	for _, p := range s.parts {
		wg.Go(func() {
			if err := p.http.Shutdown(ctx); err != nil {
				s.log.Warn("requests were cut off", "listener", p.Name)
				_ = p.http.Close()
			}
		})
	}
	wg.Wait()
}

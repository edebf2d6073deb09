package main

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"sync"
	"time"

	"github.com/countersign/countersign/internal/config"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/localca"
	"github.com/countersign/countersign/internal/server"
	"github.com/countersign/countersign/internal/serverkeys"
)

// A stop takes at most ten seconds: dialogs hear of it, requests finish (server.Run, five seconds), background work finishes.
const (
	goodbye = 2 * time.Second
	drain   = 3 * time.Second
)

// The names of the listeners.
const (
	consoleListener   = "console"
	companionListener = "companion"
	lanListener       = "companion on the network"
	acmeListener      = "redirect to https"
	metricsListener   = "metrics"
)

type serveCmd struct {
	config.Store
	config.Web
	Migrate bool `default:"true" negatable:"" help:"Bring the schema up to date first."`
}

// Run is `countersign serve`.
func (c serveCmd) Run(p *process) error {
	cfg, err := settings(c.Store, c.Web)
	if err != nil {
		return err
	}
	return p.serve(cfg, serving{migrate: c.Migrate, log: p.logger(slog.LevelInfo), welcome: func(ctx context.Context, s *service) error {
		return s.sayFirstRun(ctx, p)
	}})
}

// serving is how serve and demo differ.
type serving struct {
	migrate bool
	log     *slog.Logger
	fresh   func() error                                // runs once the ports are ours, before the database is opened
	welcome func(ctx context.Context, s *service) error // runs when everything is wired, before the first request
}

// serve runs the service until ctx ends.
func (p *process) serve(cfg config.Config, how serving) (err error) {
	govern()
	l, err := listen(cfg)
	if err != nil {
		return err
	}
	sockets, err := server.Listen(p.ctx, how.log, l.at...)
	if err != nil {
		return busy(err)
	}
	defer sockets.Close()
	if how.fresh != nil {
		if err := how.fresh(); err != nil {
			return err
		}
	}
	db, err := p.ready(cfg.Database, how.migrate)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	s, err := newService(cfg, db, how.log, l.lan, func(keys *serverkeys.Keys) (pushing, error) { return senders(p.ctx, cfg, vapidKey(keys, db)) })
	if err != nil {
		return err
	}
	if err := s.doors(p.ctx); err != nil {
		return err
	}
	handlers, err := s.handlers(l.redirect)
	if err != nil {
		return err
	}
	if how.welcome != nil {
		if err := how.welcome(p.ctx, s); err != nil {
			return err
		}
	}
	debug.FreeOSMemory() // starting takes six times the memory that serving does: pages are compressed, the schema is read
	return s.run(p.ctx, sockets, handlers)
}

// run serves until ctx ends, then stops in order: no new work, those who wait are told to come back (to another replica, or here after a
// restart), requests finish, background work finishes.
func (s *service) run(ctx context.Context, sockets *server.Server, handlers map[string]http.Handler) error {
	work, endWork := loops(ctx, s.domains.Run, tidy)
	dialogs, endDialogs := loops(ctx, s.dialogs.Run)
	err := sockets.Run(ctx, handlers, func(context.Context) {
		s.health.Stop()
		close(s.stop)
		endDialogs()
		within(dialogs, goodbye)
	})
	endWork()
	if !within(work, drain) {
		s.log.Warn("background work was cut off; what is left is in the outbox and goes on at the next start")
	}
	s.log.Info("stopped")
	return err
}

// loops runs functions until the returned one is called, whatever happens to ctx; the channel is closed when all have returned.
func loops(ctx context.Context, run ...func(context.Context)) (<-chan struct{}, context.CancelFunc) {
	ctx, end := context.WithCancel(context.WithoutCancel(ctx))
	finished := make(chan struct{})
	var wg sync.WaitGroup
	for _, f := range run {
		wg.Go(func() { f(ctx) })
	}
	go func() {
		wg.Wait()
		close(finished)
	}()
	return finished, end
}

func within(finished <-chan struct{}, most time.Duration) bool {
	select {
	case <-finished:
		return true
	case <-time.After(most):
		return false
	}
}

// listening is what the settings say about sockets.
type listening struct {
	at       []server.Listener
	lan      *localca.Authority // of --lan, or nil
	redirect http.Handler       // of --acme-domain on port 80, or nil
}

func listen(cfg config.Config) (l listening, err error) {
	var secure *tls.Config
	switch {
	case cfg.TLSCert != "":
		if secure, err = server.Files(cfg.TLSCert, cfg.TLSKey); err != nil {
			return l, err
		}
	case cfg.ACMEDomain != "":
		secure, l.redirect = server.ACME(cfg.DataDir, cfg.PublicURL.Hostname(), cfg.CompanionURL.Hostname())
	}
	l.add(consoleListener, cfg.Addr, secure)
	switch {
	case cfg.ACMEDomain == "":
		l.add(companionListener, cfg.CompanionAddr, secure)
	case server.At(cfg.CompanionURL) != server.At(cfg.PublicURL): // one name with two ports; with two names the console's listener has both
		l.add(companionListener, server.At(cfg.CompanionURL), secure)
	}
	if l.redirect != nil {
		l.add(acmeListener, ":80", nil)
	}
	if cfg.MetricsAddr != "" {
		l.add(metricsListener, cfg.MetricsAddr, nil)
	}
	if cfg.LAN {
		return l, l.addLAN(cfg, time.Now())
	}
	return l, nil
}

func (l *listening) add(name, addr string, secure *tls.Config) {
	l.at = append(l.at, server.Listener{Name: name, Addr: addr, TLS: secure})
}

func (l *listening) addLAN(cfg config.Config, now time.Time) (err error) {
	if l.lan, err = localca.Load(cfg.DataDir, now); err != nil {
		return err
	}
	leaf, err := l.lan.Leaf(now)
	if err != nil {
		return err
	}
	l.add(lanListener, net.JoinHostPort("", lanPort(cfg)), server.Pair(leaf))
	return nil
}

// lanPort is the port that phones on this network use: the companion URL's, which is 8443 unless somebody chose another.
func lanPort(cfg config.Config) string {
	if cfg.CompanionURL.Scheme == "https" && !config.Loopback(cfg.CompanionURL.Hostname()) {
		return server.Port(cfg.CompanionURL)
	}
	return config.LANPort
}

// flagOf is the setting that chooses another address for a listener.
var flagOf = map[string]string{consoleListener: "addr", companionListener: "companion-addr", lanListener: "companion-url", metricsListener: "metrics-addr"}

// busy says in one line which port is in use and how to choose another.
func busy(err error) error {
	var b *server.BusyError
	if !errors.As(err, &b) {
		return err
	}
	flag, example := flagOf[b.Name], "127.0.0.1:18080"
	switch b.Name {
	case companionListener, metricsListener:
		example = "127.0.0.1:18081"
	case lanListener:
		example = "https://<address of this machine>:18443"
	case acmeListener:
		return errors.New("port 80 is in use by another program; --acme-domain needs it to get a certificate, so stop that program or use --tls-cert")
	}
	return errors.New(b.Error() + ". Stop that program, or choose another address: --" + flag + " " + example + " (or " + config.Variable(flag) + ")")
}

// sayFirstRun prints a set-up code where there is no workspace yet.
func (s *service) sayFirstRun(ctx context.Context, p *process) error {
	code, err := s.newSetupCode(ctx)
	if err != nil || code == "" {
		return err
	}
	p.say("No workspace yet. Open %s and enter this set-up code (it is valid for 24 hours):\n\n    %s\n", s.cfg.PublicURL, code)
	return nil
}

// readiness are the checks behind /readyz.
func readiness(db *database.DB) []server.Check {
	current := false
	return []server.Check{
		{Name: "database", Do: db.Ping},
		{Name: "schema", Do: func(ctx context.Context) error {
			if current {
				return nil // it does not go back
			}
			err := schemaCurrent(ctx, db)
			current = err == nil
			return err
		}},
	}
}

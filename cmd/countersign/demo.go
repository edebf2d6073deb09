package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/mdp/qrterminal/v3"

	"github.com/countersign/countersign/internal/config"
	"github.com/countersign/countersign/internal/seed"
	"github.com/countersign/countersign/internal/server"
)

// passwords is the file in the demo's data folder that keeps what is printed at each start.
const passwords = "passwords.json"

type demoCmd struct {
	config.Store
	config.Web
	Fresh   bool `help:"Start over: forget the demo's workspace, phones and passwords."`
	Verbose bool `help:"Log every request, as serve does."`
}

// Run is `countersign demo`.
func (c demoCmd) Run(p *process) error {
	if c.DatabaseURL != "" {
		return usageError{errors.New("the demo keeps a SQLite database of its own and prints passwords, so it does not take --database-url; use `countersign serve` with `countersign workspace create`")}
	}
	c.DataDir = filepath.Join(c.DataDir, "demo") // a folder of its own, so that --fresh can never touch anything else
	cfg, err := settings(c.Store, c.Web)
	if err != nil {
		return err
	}
	if err := onlyHere(cfg, c.Web); err != nil {
		return err
	}
	least := slog.LevelWarn // the addresses and passwords below stay in sight
	if c.Verbose {
		least = slog.LevelInfo
	}
	how := serving{migrate: true, log: p.logger(least), welcome: func(ctx context.Context, s *service) error { return s.welcome(ctx, p) }}
	if c.Fresh {
		how.fresh = func() error { return forget(c.DataDir) }
	}
	return p.serve(cfg, how)
}

// onlyHere keeps a service whose passwords stand on the screen on this machine, unless somebody says how others shall reach it.
func onlyHere(cfg config.Config, w config.Web) error {
	for flag, addr := range map[string]string{"addr": cfg.Addr, "companion-addr": cfg.CompanionAddr} {
		if !config.OnlyHere(addr) && w.PublicURL == "" && w.CompanionURL == "" && !cfg.LAN && cfg.ACMEDomain == "" {
			return usageError{fmt.Errorf("--%s %s would offer the demo to the network; use 127.0.0.1, --lan, or --public-url and --companion-url", flag, addr)}
		}
	}
	return nil
}

// forget removes what a demo keeps, but not the local authority, which phones may have installed.
func forget(dir string) error {
	for _, name := range []string{"countersign.db", "countersign.db-wal", "countersign.db-shm", "keyset.json", passwords} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// welcome makes the demo's people where they are missing, and prints what somebody needs who sees this for the first time.
func (s *service) welcome(ctx context.Context, p *process) error {
	accounts, err := s.accounts(ctx)
	if err != nil {
		return err
	}
	p.say("\nCountersign demo (Ctrl-C ends it; what you do stays in %s)\n", s.cfg.DataDir)
	p.say("  Console    %s/w/%s", s.cfg.PublicURL, seed.Slug)
	p.say("  SCIM       %s/v1/scim/v2", s.cfg.PublicURL)
	p.say("  Companion  %s\n", s.cfg.CompanionURL)
	p.say("Sign in as one of them (passwords were made at the first start and stand in %s):\n", filepath.Join(s.cfg.DataDir, passwords))
	for _, a := range accounts {
		password := a.Password
		if password == "" {
			password = "(deactivated)"
		}
		p.say("  %-12s %-11s %-16s %s", a.Role, a.Name, a.Email, password)
	}
	p.say("\nThen pair a phone (My Profile, My trusted devices), open Settings, IDP Settings, and press View Token.\n\nWays to a phone:\n")
	s.waysToAPhone(p)
	return nil
}

// accounts are the demo's people with their passwords, which are made once and kept in a file that only its owner reads.
func (s *service) accounts(ctx context.Context) ([]seed.Account, error) {
	name := filepath.Join(s.cfg.DataDir, passwords)
	known := map[string]string{}
	var kept []seed.Account
	b, err := os.ReadFile(filepath.Clean(name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, err
	default:
		if err := json.Unmarshal(b, &kept); err != nil {
			return nil, fmt.Errorf("%s: %w (remove it, and new passwords are made)", name, err)
		}
	}
	for _, a := range kept {
		known[a.Email] = a.Password
	}
	accounts, err := seed.Demo(ctx, s.db, s.domains.Signin, known)
	if err != nil {
		return nil, err
	}
	if b, err = json.MarshalIndent(accounts, "", "  "); err != nil {
		return nil, err
	}
	return accounts, replace(name, append(b, '\n'))
}

// replace writes a file for its owner alone, whole or not at all.
func replace(name string, b []byte) error {
	if err := os.WriteFile(name+".new", b, 0o600); err != nil {
		return err
	}
	return os.Rename(name+".new", name)
}

// waysToAPhone is the README's table for this very start.
func (s *service) waysToAPhone(p *process) {
	here := "http://localhost:" + portOf(s.cfg.CompanionAddr)
	if s.cfg.TLSCert != "" {
		here = strings.Replace(here, "http:", "https:", 1)
	}
	if s.lan != nil {
		s.sayLAN(p)
	} else {
		p.say("  This computer       open %s in a second window; it plays the phone.", s.cfg.CompanionURL)
		p.say("  Same network        make run LAN=1 (or --lan): the companion on https://<this computer>:%s.", config.LANPort)
	}
	if config.Loopback(s.cfg.CompanionURL.Hostname()) {
		port := server.Port(s.cfg.CompanionURL)
		p.say("  Android by cable    adb reverse tcp:%s tcp:%s, then open %s on the phone.", port, port, here)
	}
	p.say("  Any phone by https  a tunnel or proxy to %s with --companion-url https://…; or --tls-cert; or --acme-domain.", s.cfg.CompanionAddr)
	p.say("\nThe README's table says which of them can do what (keys, camera, push).\n")
}

func (s *service) sayLAN(p *process) {
	p.say("  This computer and phones on this network: %s\n", s.cfg.CompanionURL)
	var qr strings.Builder
	qrterminal.GenerateHalfBlock(s.cfg.CompanionURL.String(), qrterminal.M, &qr)
	for row := range strings.SplitSeq(strings.TrimRight(qr.String(), "\n"), "\n") {
		p.say("    %s", row)
	}
	p.say("\n    The phone warns, because no public authority knows this computer. Going on is enough for pairing, the camera and")
	p.say("    answering. For push, install the local authority from %s/ca.crt;", s.cfg.CompanionURL)
	p.say("    its SHA-256 fingerprint is\n    %s\n", s.lan.Fingerprint())
}

func portOf(addr string) string {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return ""
	}
	return port
}

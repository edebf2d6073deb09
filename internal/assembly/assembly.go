// Package assembly builds all domains of one service by hand, without any door. The program and the tests share it, so that what is tested is
// what runs.
package assembly

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/confirm"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/device"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/hub"
	"github.com/countersign/countersign/internal/hub/relay"
	"github.com/countersign/countersign/internal/limit"
	"github.com/countersign/countersign/internal/outbox"
	"github.com/countersign/countersign/internal/push"
	"github.com/countersign/countersign/internal/serverkeys"
	"github.com/countersign/countersign/internal/signin"
	"github.com/countersign/countersign/internal/vault"
	"github.com/countersign/countersign/internal/workspace"
)

// Deps is what differs between a program and a test.
type Deps struct {
	DB           *database.DB
	Vault        *vault.Vault
	Log          *slog.Logger
	PublicURL    string // console and SCIM, without a path
	CompanionURL string
	Idle         time.Duration // a console session unused for so long is over; 0: the default
	Push         push.Sender
	// CheckEndpoint says whether a Web Push endpoint may be reached; nil takes every well-formed one.
	CheckEndpoint func(ctx context.Context, endpoint string) error
	// ListenURL is where LISTEN goes, past a pooler; empty for one process alone.
	ListenURL string
	Now       func() time.Time
}

// Domains is everything below the doors.
type Domains struct {
	DB         *database.DB
	Hub        *hub.Hub
	Keys       *serverkeys.Keys
	Outbox     *outbox.Outbox
	Workspaces *workspace.Service
	Directory  *directory.Service
	Signin     *signin.Service
	Devices    *device.Service
	Confirms   *confirm.Service
	log        *slog.Logger
	listenURL  string
}

// housekeeping is how often what has run out is swept away.
const housekeeping = time.Minute

// New wires the domains. What must end with a person, a session or a phone is handed down here, because nothing below may look up.
func New(d Deps) (*Domains, error) {
	var err error
	m := &Domains{DB: d.DB, Hub: hub.New(), log: d.Log, listenURL: d.ListenURL}
	m.Keys = serverkeys.New(d.DB, d.Vault, d.Now)
	m.Outbox = outbox.New(d.DB, d.Log)
	m.Workspaces = workspace.New(d.DB, d.Vault)
	m.Devices = device.New(device.Deps{DB: d.DB, Keys: m.Keys, Hub: m.Hub, CompanionURL: d.CompanionURL, CheckEndpoint: d.CheckEndpoint, Now: d.Now,
		OnEnd: func(tx database.Tx, by actor.Actor, dev device.Device, reason string, at time.Time) error {
			return m.Confirms.EndDevice(tx, by, dev, reason, at)
		},
		OnMatch: func(tx database.Tx, by actor.Actor, dev device.Device) error {
			return m.Confirms.AskActivation(tx, by, dev)
		}})
	m.Confirms = confirm.New(confirm.Deps{DB: d.DB, Vault: d.Vault, Keys: m.Keys, Hub: m.Hub, Outbox: m.Outbox, Devices: m.Devices,
		Workspaces: m.Workspaces, Push: d.Push, Log: d.Log})
	m.Signin, err = signin.New(signin.Config{DB: d.DB, Workspaces: m.Workspaces, PublicURL: d.PublicURL, Idle: d.Idle,
		OnEnd: []signin.Ended{func(tx database.Tx, by actor.Actor, _ time.Time) error {
			return m.Confirms.EndSession(tx, by, confirm.SignedOut)
		}}})
	if err != nil {
		return nil, err
	}
	m.Directory = directory.New(d.DB,
		func(tx database.Tx, by actor.Actor, p directory.Person, _ time.Time) error {
			return m.Confirms.EndPerson(tx, by, p.ID, confirm.Deactivated)
		},
		func(tx database.Tx, by actor.Actor, p directory.Person, _ time.Time) error {
			return m.Devices.EndAll(tx, by, p.Workspace, p.ID, confirm.Deactivated)
		},
		m.Signin.EndAll)
	return m, nil
}

// Run does the work that no request does, until ctx ends: the outbox, the ends of confirmations, hints of other replicas, clean-up.
func (m *Domains) Run(ctx context.Context) {
	var wg sync.WaitGroup
	wg.Go(func() { m.Outbox.Run(ctx) })
	wg.Go(func() { m.Confirms.Watch(ctx) })
	wg.Go(func() { m.sweep(ctx) })
	if m.listenURL != "" {
		wg.Go(func() {
			if err := relay.Listen(ctx, m.listenURL, m.Hub, m.log); err != nil {
				m.log.Error("relay", "err", err)
			}
		})
	}
	wg.Wait()
}

func (m *Domains) sweep(ctx context.Context) {
	tick := time.NewTicker(housekeeping)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for what, do := range map[string]func(context.Context) error{
			"device requests": m.Devices.Sweep,
			"counters":        func(ctx context.Context) error { return limit.Sweep(ctx, m.DB) },
			"sessions":        m.Signin.Sweep,
			"outbox":          func(ctx context.Context) error { return m.Outbox.Sweep(ctx, 30*24*time.Hour) },
		} {
			if err := do(ctx); err != nil && ctx.Err() == nil {
				m.log.Error("sweep", "what", what, "err", err)
			}
		}
	}
}

// Package assembly builds all domains of one service by hand, without any door. The program and the tests share it, so that what is tested is
// what runs.
package assembly

import (
	"context"
	"crypto/x509"
	"log/slog"
	"sync"
	"time"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/apikey"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/confirm"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/device"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/hub"
	"github.com/countersign/countersign/internal/hub/relay"
	"github.com/countersign/countersign/internal/limit"
	"github.com/countersign/countersign/internal/mail"
	"github.com/countersign/countersign/internal/notice"
	"github.com/countersign/countersign/internal/outbox"
	"github.com/countersign/countersign/internal/passkey"
	"github.com/countersign/countersign/internal/provisioning"
	"github.com/countersign/countersign/internal/push"
	"github.com/countersign/countersign/internal/reseal"
	"github.com/countersign/countersign/internal/restored"
	"github.com/countersign/countersign/internal/serverkeys"
	"github.com/countersign/countersign/internal/signin"
	"github.com/countersign/countersign/internal/sso"
	"github.com/countersign/countersign/internal/vault"
	"github.com/countersign/countersign/internal/webhook"
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
	Brand         string         // how mails and webhooks name this service
	Mail          *mail.Sender   // nil: no mail server
	AllowHosts    []string       // hosts that webhooks and identity providers may be at though their addresses are private
	WebhookRoots  *x509.CertPool // nil are the system's
	// ListenURL is where LISTEN goes, past a pooler; empty for one process alone.
	ListenURL string
	// Wrap changes the bus between replicas; tests alone set it.
	Wrap func(hub.Bus, *hub.Hub) hub.Bus
	// HashMemory is how much memory a password's hash takes, in KiB; tests alone set it, because hashing is most of what they would do.
	HashMemory uint32
	Now        func() time.Time
}

// Domains is everything below the doors.
type Domains struct {
	DB         *database.DB
	Hub        *hub.Hub
	Keys       *serverkeys.Keys
	Audit      *audit.Chains
	Outbox     *outbox.Outbox
	Workspaces *workspace.Service
	Directory  *directory.Service
	SyncLog    *provisioning.Log
	SSO        *sso.Service
	Signin     *signin.Service
	APIKeys    *apikey.Service
	Devices    *device.Service
	Confirms   *confirm.Service
	Mail       *mail.Service
	Webhooks   *webhook.Service
	bus        hub.Bus
	log        *slog.Logger
	vault      *vault.Vault
	resealed   uint32 // the key of the keyset under which housekeeping has brought everything
}

// housekeeping is how often what has run out is swept away.
const housekeeping = time.Minute

// New wires the domains. What must end with a person, a session or a phone is handed down here, because nothing below may look up.
func New(d Deps) (*Domains, error) {
	var err error
	m := &Domains{DB: d.DB, Hub: hub.New(), log: d.Log, vault: d.Vault}
	m.bus = d.bus(m.Hub)
	m.Keys = serverkeys.New(d.DB, d.Vault, d.Now)
	m.Audit = chains(d, m.Keys)
	m.Outbox = outbox.New(d.DB, d.Log)
	m.Workspaces = workspace.New(d.DB, d.Vault)
	m.Workspaces.Tell(m.tellTokens)
	gate := restored.New(d.DB)
	m.Workspaces.HoldBack(gate)
	m.SyncLog = provisioning.New(d.DB, d.Vault, d.Log)
	m.Devices = device.New(device.Deps{DB: d.DB, Keys: m.Keys, Hub: m.Hub, Bus: m.bus, CompanionURL: d.CompanionURL, CheckEndpoint: d.CheckEndpoint, Now: d.Now, Restored: gate,
		Stretch: func(ctx context.Context, secret string, salt []byte) ([]byte, error) {
			return m.Signin.Stretch(ctx, secret, salt)
		},
		OnEnd: func(tx database.Tx, by actor.Actor, dev device.Device, reason string, at time.Time) error {
			return m.Confirms.EndDevice(tx, by, dev, reason, at)
		},
		OnMatch: func(tx database.Tx, by actor.Actor, dev device.Device) error {
			return m.Confirms.AskActivation(tx, by, dev)
		}})
	m.Confirms = confirm.New(confirm.Deps{DB: d.DB, Vault: d.Vault, Keys: m.Keys, Hub: m.Hub, Bus: m.bus, Outbox: m.Outbox, Devices: m.Devices,
		Workspaces: m.Workspaces, Push: d.Push, Log: d.Log, Restored: gate, Passkeys: func() *passkey.Service { return m.Signin.Passkeys }, SignOut: func(tx database.Tx, ws string, session []byte) error { return m.Signin.EndOf(tx, ws, session) }})
	registerRecovery(m.Confirms)
	registerDirectory(m.Confirms)
	registerMapping(m.Confirms)
	registerOwnership(m.Confirms)
	m.registerTurnOff()
	registerAPIKeys(m.Confirms)
	m.APIKeys = apikey.New(d.DB)
	m.APIKeys.HoldBack(gate)
	m.SSO, err = sso.New(sso.Deps{DB: d.DB, Vault: d.Vault, PublicURL: d.PublicURL, AllowHosts: d.AllowHosts})
	if err != nil {
		return nil, err
	}
	m.Signin, err = signin.New(signin.Config{DB: d.DB, Workspaces: m.Workspaces, PublicURL: d.PublicURL, Idle: d.Idle, SSO: m.SSO, HashMemory: d.HashMemory,
		OnEnd: []signin.Ended{func(tx database.Tx, by actor.Actor, _ time.Time) error {
			return m.Confirms.EndSession(tx, by, confirm.SignedOut)
		}, m.Devices.EndSession}})
	if err != nil {
		return nil, err
	}
	registerSessions(m.Confirms, m.Signin)
	m.Directory = directory.New(d.DB,
		func(tx database.Tx, _ actor.Actor, p directory.Person, _ time.Time) error {
			return m.Confirms.Hold(tx, p.ID) // person, phones, confirmations: the order in which everybody locks
		},
		func(tx database.Tx, by actor.Actor, p directory.Person, _ time.Time) error {
			return m.Confirms.EndPerson(tx, by, p.ID, confirm.Deactivated)
		},
		func(tx database.Tx, by actor.Actor, p directory.Person, _ time.Time) error {
			return m.Devices.EndAll(tx, by, p.Workspace, p.ID, confirm.Deactivated)
		},
		func(tx database.Tx, by actor.Actor, p directory.Person, at time.Time) error {
			return m.APIKeys.EndAll(tx, by, p.ID, apikey.Deactivated, at)
		},
		m.Signin.EndAll)
	m.registerPeople()
	m.Directory.OnUrgent(m.pushNews)
	m.Directory.OnDemoted(func(tx database.Tx, by actor.Actor, p directory.Person, at time.Time) error {
		if err := m.Confirms.Hold(tx, p.ID); err != nil {
			return err
		}
		if err := m.Confirms.EndPending(tx, by, p.ID, confirm.RoleLost); err != nil {
			return err
		}
		return m.APIKeys.EndAll(tx, by, p.ID, apikey.RoleLost, at)
	})
	m.Mail = mail.New(mail.Deps{DB: d.DB, Outbox: m.Outbox, Log: d.Log, Sender: d.Mail, Brand: d.Brand, PublicURL: d.PublicURL, Link: m.Signin.LinkFor})
	m.Webhooks, err = webhook.New(webhook.Deps{DB: d.DB, Vault: d.Vault, Outbox: m.Outbox, Log: d.Log, Brand: d.Brand, Allow: d.AllowHosts, Roots: d.WebhookRoots})
	if err != nil {
		return nil, err
	}
	m.Directory.Witness("sessions", signin.CountOpen)
	m.Directory.Witness("phones", device.CountOpen)
	m.Directory.Witness("confirmations", confirm.CountOpen)
	m.Directory.Witness("api_keys", apikey.CountLive)
	return m, nil
}

// bus is how wake-ups travel: within this process, or between all processes on one Postgres.
func (d Deps) bus(h *hub.Hub) hub.Bus {
	b := hub.Here(h)
	if d.ListenURL != "" {
		b = relay.New(h, d.ListenURL, d.Log)
	}
	if d.Wrap != nil {
		b = d.Wrap(b, h)
	}
	return b
}

// Run does the work that no request does, until ctx ends: the outbox, the ends of confirmations, hints of other replicas, clean-up.
func (m *Domains) Run(ctx context.Context) {
	var wg sync.WaitGroup
	wg.Go(func() { m.Outbox.Run(ctx) })
	wg.Go(func() { m.SyncLog.Run(ctx) })
	wg.Go(func() { m.Confirms.Watch(ctx) })
	wg.Go(func() { m.Audit.Run(ctx) })
	wg.Go(func() { m.Mail.Run(ctx) })
	wg.Go(func() { m.Webhooks.Run(ctx) })
	wg.Go(func() { m.sweep(ctx) })
	wg.Go(func() {
		m.SSO.RefreshEvery(ctx, housekeeping, func(err error) { m.log.Error("metadata of identity providers", "err", err) })
	})
	wg.Go(func() { reseal.Beat(ctx, m.DB, m.vault, m.log) })
	wg.Go(func() {
		if err := m.bus.Run(ctx); err != nil {
			m.log.Error("bus between replicas: dialogs fall back to the safety poll", "err", err)
		}
	})
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
			"provisioning":    m.SyncLog.Sweep,
			"silence":         m.TellSilence,
			"tokens":          m.Workspaces.Warn,
			"token addresses": m.Workspaces.Sweep,
			"keyset":          m.reseal,
			"counters":        func(ctx context.Context) error { return limit.Sweep(ctx, m.DB) },
			"sessions":        m.Signin.Sweep,
			"single sign-on":  m.SSO.Sweep,
			"certificates":    m.Signin.WarnOfCertificates,
			"role mapping":    m.Directory.Settle,
			"ownership":       m.Directory.SweepTransfers,
			"API keys":        m.APIKeys.Sweep,
			"recoveries":      m.Devices.SweepAppeals,
			"notices":         func(ctx context.Context) error { return notice.Sweep(ctx, m.DB) },
			"audit":           m.Audit.Sweep,
			"webhooks":        m.Webhooks.Sweep,
			"outbox":          func(ctx context.Context) error { return m.Outbox.Sweep(ctx, 30*24*time.Hour) },
			"totals":          m.Directory.FoldTotals,
			"deleted people":  m.Directory.Forget,
		} {
			if err := do(ctx); err != nil && ctx.Err() == nil {
				m.log.Error("sweep", "what", what, "err", err)
			}
		}
	}
}

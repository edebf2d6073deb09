package main

import (
	"context"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/countersign/countersign/internal/assembly"
	"github.com/countersign/countersign/internal/config"
	"github.com/countersign/countersign/internal/consoleapi"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dialogapi"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/localca"
	"github.com/countersign/countersign/internal/push"
	"github.com/countersign/countersign/internal/scimapi"
	"github.com/countersign/countersign/internal/server"
	"github.com/countersign/countersign/internal/serverkeys"
	"github.com/countersign/countersign/internal/workspace"
	"github.com/countersign/countersign/mobileapi"
	"github.com/countersign/countersign/webapp"
)

// service is everything that runs, wired by hand: domains from assembly, the doors above them, the two sites, the loops beside.
type service struct {
	cfg     config.Config
	db      *database.DB
	log     *slog.Logger
	lan     *localca.Authority // nil without --lan
	domains *assembly.Domains
	metrics *metrics
	health  *server.Health
	stop    chan struct{} // closed when the service stops: calls that wait answer at once
	phones  *mobileapi.API
	dialogs *dialogapi.API
	console *consoleapi.API
	scim    *scimapi.API
}

// newService builds the service over an open database. sends makes the push senders; nil is for commands that push nothing themselves.
func newService(cfg config.Config, db *database.DB, log *slog.Logger, lan *localca.Authority, sends func(*serverkeys.Keys) (pushing, error)) (*service, error) {
	v, err := keyset(cfg.Database)
	if err != nil {
		return nil, err
	}
	s := &service{cfg: cfg, db: db, log: log, lan: lan, metrics: newMetrics(), health: server.NewHealth(readiness(db)...), stop: make(chan struct{})}
	keys := serverkeys.New(db, v, time.Now)
	out := pushing{Mux: push.Mux{}}
	if sends != nil {
		if out, err = sends(keys); err != nil {
			return nil, err
		}
	}
	deps := assembly.Deps{DB: db, Vault: v, Log: log, PublicURL: cfg.PublicURL.String(), CompanionURL: cfg.CompanionURL.String(), Idle: cfg.SessionIdle,
		Push: counted{out, s.metrics, log}, CheckEndpoint: out.check, Brand: cfg.Brand, AllowHosts: cfg.PushAllowHosts, Now: time.Now}
	if deps.Mail, deps.WebhookRoots, err = posting(cfg); err != nil {
		return nil, err
	}
	if !cfg.SQLite {
		deps.ListenURL = cfg.DirectURL.Reveal()
	}
	if s.domains, err = assembly.New(deps); err != nil {
		return nil, err
	}
	return s, nil
}

// scimPath is where identity providers find SCIM below the public URL.
const scimPath = "/v1/scim/v2"

// doors opens the domains to each kind of client.
func (s *service) doors(ctx context.Context) error {
	gin.SetMode(gin.ReleaseMode) // before the first engine: gin would print every route
	d, tenantURL := s.domains, s.cfg.PublicURL.String()+scimPath
	cursor, err := d.Keys.Current(ctx, serverkeys.Cursor)
	if err != nil {
		return err
	}
	cursorKey, err := cursor.Private.Bytes()
	if err != nil {
		return err
	}
	s.scim = scimapi.New(scimapi.Deps{Directory: directory.NewProvisioning(d.Directory, tenantURL, cursorKey, time.Now), Base: tenantURL,
		Authenticate: d.Workspaces.Authenticate, Claims: d.Workspaces.Claims, Used: d.Workspaces.Used,
		Log: d.SyncLog, Recognise: d.Workspaces.Recognise, Rate: s.cfg.SCIMRate, Now: time.Now})
	s.phones = mobileapi.New(mobileapi.Deps{Devices: d.Devices, Confirms: d.Confirms, VAPID: vapidPublic(d.Keys), ConsoleURL: s.cfg.PublicURL.String(), Stop: s.stop})
	s.dialogs = dialogapi.New(dialogapi.Deps{Confirms: d.Confirms, Hub: d.Hub, Sessions: d.Signin, PublicURL: s.cfg.PublicURL.String(),
		TenantURL: tenantURL, Log: s.log})
	s.console, err = consoleapi.New(consoleapi.Deps{DB: s.db, SignIn: d.Signin, Directory: d.Directory, Devices: d.Devices, Confirms: d.Confirms,
		SyncLog: d.SyncLog, Audit: d.Audit, APIKeys: d.APIKeys, Mail: d.Mail, Webhooks: d.Webhooks, Replay: s.scim.Replay, PushCheck: pushCheck(s.cfg.VAPIDSubject, d.Keys), PublicURL: s.cfg.PublicURL.String(), CompanionURL: s.cfg.CompanionURL.String(), Brand: s.cfg.Brand})
	s.metrics.outbox(d.Outbox, s.log)
	s.metrics.audit(d.Audit, s.log)
	s.metrics.gauge("provisioning_rows_dropped", "Rows of the provisioning log that this process could not write and gave up.", func() float64 { return float64(d.SyncLog.Dropped()) })
	s.metrics.gauge("scim_unknown_tokens", "Calls of SCIM with a token that was never one of this service.", func() float64 { return float64(s.scim.UnknownTokens()) })
	s.metrics.gauge("open_dialogs", "Dialogs that wait on this process.", func() float64 { return float64(s.dialogs.Open()) })
	return err
}

// handlers are what each listener answers with.
func (s *service) handlers(redirect http.Handler) (map[string]http.Handler, error) {
	console, companion, err := server.Handlers(s.consoleSite(), s.companionSite(), server.Options{Log: s.log, Proxies: s.cfg.TrustedProxies,
		Health: s.health, Observe: s.metrics.observe})
	if err != nil {
		return nil, err
	}
	return map[string]http.Handler{consoleListener: console, companionListener: companion, lanListener: companion, acmeListener: redirect,
		metricsListener: s.metrics.handler()}, nil
}

// consoleSite is the public URL: the web console, SCIM and the phones' calls.
func (s *service) consoleSite() server.Site {
	return server.Site{Name: "console", URL: s.cfg.PublicURL, Build: s.built(webapp.Console), Pages: true, Mount: func(e *gin.Engine) {
		s.phones.Mount(e.Group("/v1/device"))
		s.console.Mount(e.Group("/v1"))
		s.dialogs.Mount(e.Group("/v1/confirmations", s.console.Guard()...))
		s.scim.Mount(e.Group(scimPath))
	}, Unknown: s.scim.Unknown}
}

// companionSite is the companion's own origin: its pages and the phones' calls, and nothing of the console.
func (s *service) companionSite() server.Site {
	return server.Site{Name: "companion", URL: s.cfg.CompanionURL, Also: s.companionHosts(), Build: s.built(webapp.Companion), Camera: true, Mount: func(e *gin.Engine) {
		s.phones.Mount(e.Group("/v1/device"))
		if s.lan != nil {
			e.GET("/ca.crt", func(c *gin.Context) {
				c.Header("Content-Disposition", `attachment; filename="countersign-local.crt"`)
				c.Data(http.StatusOK, "application/x-x509-ca-cert", s.lan.DER())
			})
		}
	}}
}

// companionHosts are the further addresses of the companion with --lan: any of this machine's, and localhost for a window on it.
func (s *service) companionHosts() []string {
	if s.lan == nil {
		return nil
	}
	hosts := []string{net.JoinHostPort("localhost", lanPort(s.cfg))}
	for _, ip := range localca.Addresses() {
		hosts = append(hosts, net.JoinHostPort(ip.String(), lanPort(s.cfg)))
	}
	if _, port, err := net.SplitHostPort(s.cfg.CompanionAddr); err == nil {
		hosts = append(hosts, net.JoinHostPort("localhost", port))
	}
	return hosts
}

// built is a web build, or nil with a line in the log where this binary has none.
func (s *service) built(open func() (fs.FS, error)) fs.FS {
	build, err := open()
	if err != nil {
		s.log.Warn("pages", "err", err)
		return nil
	}
	return build
}

// newSetupCode makes a code that claims this server, "" where a workspace exists.
func (s *service) newSetupCode(ctx context.Context) (string, error) {
	return workspace.NewSetupCode(ctx, s.db)
}

package main

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/countersign/countersign/internal/config"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/device"
	"github.com/countersign/countersign/internal/ident"
	"github.com/countersign/countersign/internal/push"
	"github.com/countersign/countersign/internal/serverkeys"
	"github.com/countersign/countersign/internal/vault"
)

// farOff is a difference between two clocks that breaks deadlines of a minute.
const farOff = 5 * time.Second

type doctorCmd struct {
	config.Store
	config.Web
	Send  string `placeholder:"DEVICE" help:"Also send one real push to this phone and print what its provider answers."`
	Ready string `placeholder:"URL" help:"Only ask this address and exit 0 when it answers 200, for container health checks."`
}

// finding is one thing that was looked at. A warning is worth reading and no reason to fail.
type finding struct {
	Name   string `json:"name"`
	State  string `json:"state"` // ok, warning or failed
	Detail string `json:"detail,omitempty"`
}

type diagnosis struct {
	OK     bool      `json:"ok"`
	Checks []finding `json:"checks"`
}

func (d *diagnosis) add(name string, err error, detail string) {
	f := finding{Name: name, State: "ok", Detail: detail}
	var w warning
	switch {
	case errors.As(err, &w):
		f.State, f.Detail = "warning", err.Error()
	case err != nil:
		f.State, f.Detail = "failed", err.Error()
		d.OK = false
	}
	d.Checks = append(d.Checks, f)
}

type warning struct{ error }

// Run is `countersign doctor`.
func (c doctorCmd) Run(p *process) error {
	if c.Ready != "" {
		return answers(p.ctx, c.Ready)
	}
	cfg, err := settings(c.Store, c.Web)
	if err != nil {
		return err
	}
	d := diagnosis{OK: true}
	d.database(p, cfg)
	d.addresses(p.ctx, cfg)
	d.push(p.ctx, cfg)
	if c.Send != "" {
		d.add("push to "+c.Send, p.offline(c.Store, c.Web, func(s *service) error { return s.pushOnce(p.ctx, c.Send) }), "the provider took it")
	}
	if err := p.result(d); err != nil {
		return err
	}
	if !d.OK {
		return errors.New("something is wrong; the result says what")
	}
	return nil
}

func (d *diagnosis) database(p *process, cfg config.Config) {
	db, err := p.open(cfg.Database)
	if err != nil {
		d.add("database", err, "")
		return
	}
	defer func() { _ = db.Close() }()
	d.add("database", db.Ping(p.ctx), db.Dialect)
	has, wants, err := db.SchemaVersion(p.ctx)
	if err == nil && has < wants {
		err = schemaCurrent(p.ctx, db)
	}
	d.add("schema", err, fmt.Sprintf("version %d of %d", has, wants))
	v, err := openKeyset(cfg.Database)
	d.add("keyset", err, "")
	if err == nil && has >= wants {
		d.add("server keys", opens(p.ctx, db, v), "sealed with this keyset")
	}
	d.clock(p.ctx, db)
}

// openKeyset opens the keyset without making one: looking must change nothing.
func openKeyset(d config.Database) (*vault.Vault, error) {
	if d.Keyset == "" {
		return nil, fmt.Errorf("%s is not set, and Postgres demands it", config.Variable("keyset"))
	}
	return vault.Open(d.Keyset)
}

// opens says whether the keyset is the one that this database was made with.
func opens(ctx context.Context, db *database.DB, v *vault.Vault) error {
	return serverkeys.New(db, v, time.Now).Check(ctx)
}

func (d *diagnosis) clock(ctx context.Context, db *database.DB) {
	before := time.Now()
	at, err := db.Now(ctx)
	between := before.Add(time.Since(before) / 2)
	off := at.Sub(between).Abs().Round(time.Millisecond)
	if err == nil && off > farOff {
		err = fmt.Errorf("the database's clock and this machine's are %v apart; people see deadlines by one and are judged by the other", off)
	}
	d.add("clock", err, fmt.Sprintf("%v beside the database's", off))
}

func (d *diagnosis) addresses(ctx context.Context, cfg config.Config) {
	for _, u := range []*url.URL{cfg.PublicURL, cfg.CompanionURL} {
		name := "public URL"
		if u == cfg.CompanionURL {
			name = "companion URL"
		}
		err := answers(ctx, u.String()+"/healthz")
		if err != nil {
			err = warning{fmt.Errorf("%w (from here; a browser elsewhere may reach it all the same)", err)}
		}
		d.add(name, err, u.String())
	}
}

func (d *diagnosis) push(ctx context.Context, cfg config.Config) {
	senders, err := senders(ctx, cfg, func(context.Context) (*ecdsa.PrivateKey, error) { return nil, errors.New("not asked") })
	var on []string
	for _, k := range []push.Kind{push.FCM, push.APNs, push.WebPush} {
		if senders.Configured(k) {
			on = append(on, string(k))
		}
	}
	d.add("push credentials", err, "configured: "+strings.Join(on, ", "))
}

// pushOnce sends one push for a question that does not exist: the phone wakes up, asks, and finds nothing.
func (s *service) pushOnce(ctx context.Context, id string) error {
	phone, err := device.Locate(s.db.Read(ctx), id)
	switch {
	case err != nil:
		return fmt.Errorf("no such phone: %w", err)
	case phone.Push == nil:
		return errors.New("this phone has registered no push address; it asks by itself when it is opened")
	}
	out, err := senders(ctx, s.cfg, vapidKey(s.domains.Keys))
	if err != nil {
		return err
	}
	r := out.Send(ctx, *phone.Push, push.Message{Type: push.Confirm, Confirmation: ident.New("cnf"), Workspace: phone.Workspace, Expires: time.Now().Add(time.Minute)})
	if r.Outcome != push.Sent {
		return fmt.Errorf("%s: %s %s", phone.Push.Kind, r.Outcome, r.Reason)
	}
	return nil
}

// answers says whether an address answers 200 within five seconds.
func answers(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return usageError{err}
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		b, _ := io.ReadAll(io.LimitReader(res.Body, 200))
		return fmt.Errorf("%s answers %d %s", address, res.StatusCode, strings.TrimSpace(string(b)))
	}
	return nil
}

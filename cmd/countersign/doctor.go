package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/config"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/hub/relay"
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
	JSON  bool   `name:"json" help:"Print the result as JSON alone, without the lines for people."`
}

// finding is one thing that was looked at. A warning is worth reading and no reason to fail.
type finding struct {
	Name   string `json:"name"`
	State  string `json:"state"` // ok, warning or failed
	Detail string `json:"detail,omitempty"`
	Do     string `json:"do,omitempty"` // what to do about it
}

// words are the states as people see them, all of one width.
var words = map[string]string{"ok": "ok  ", "warning": "warn", "failed": "FAIL"}

// line is a finding for people.
func (f finding) line() string {
	out := words[f.State] + "  " + f.Name
	if f.Detail != "" {
		out += ": " + strings.ReplaceAll(f.Detail, "\n", "; ")
	}
	if f.Do != "" {
		out += " → " + f.Do
	}
	return out
}

type diagnosis struct {
	OK     bool      `json:"ok"`
	Checks []finding `json:"checks"`
}

// add notes a check; do is what to do where it is not ok.
func (d *diagnosis) add(name string, err error, detail, do string) {
	f := finding{Name: name, State: "ok", Detail: detail}
	var w warning
	switch {
	case errors.As(err, &w):
		f.State, f.Detail, f.Do = "warning", err.Error(), do
	case err != nil:
		f.State, f.Detail, f.Do = "failed", err.Error(), do
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
	d.pooler(p.ctx, cfg)
	d.addresses(p.ctx, cfg)
	d.push(p.ctx, cfg)
	if c.Send != "" {
		d.send(p, c)
	}
	if !c.JSON {
		for _, f := range d.Checks {
			p.note("%s", f.line())
		}
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
	const do = "check --database-url, and that the database runs and lets this account in"
	db, err := p.open(cfg.Database)
	if err != nil {
		d.add("database", err, "", do)
		return
	}
	defer func() { _ = db.Close() }()
	d.add("database", db.Ping(p.ctx), db.Dialect, do)
	has, wants, err := db.SchemaVersion(p.ctx)
	if err == nil && has < wants {
		err = schemaCurrent(p.ctx, db)
	}
	d.add("schema", err, fmt.Sprintf("version %d of %d", has, wants), "run `countersign migrate`")
	v, err := openKeyset(cfg.Database)
	if err != nil {
		d.add("keyset", err, "", "name the file with --keyset and chmod 600 it; without the right one nothing sealed opens")
	} else {
		d.add("keyset", nil, fmt.Sprintf("key %d seals, %d in all", v.Info().Primary, len(v.Info().Keys)), "")
	}
	if err == nil && has >= wants {
		d.keys(p, db, v)
	}
	if has >= wants {
		d.restore(p.ctx, db)
		d.audit(p.ctx, db)
	}
	d.clock(p.ctx, db)
}

// keys looks at what the keyset has to open, and at keys that were replaced and are still needed.
func (d *diagnosis) keys(p *process, db *database.DB, v *vault.Vault) {
	d.add("server keys", opens(p.ctx, db, v), "sealed with this keyset", "use the keyset that this database was made with")
	sealed, err := sealedWith(p.ctx, db)
	if err != nil {
		d.add("sealed values", err, "", "")
		return
	}
	lost, old := unopened(sealed, v)
	if lost > 0 {
		d.add("sealed values", fmt.Errorf("%d are sealed with a key that this keyset does not have", lost), "", "bring back the keyset that has it; every replica needs the same file")
		return
	}
	d.add("sealed values", nil, fmt.Sprintf("all can be opened; %d wait to be sealed with the newest key", old), "")
	d.replaced(p, db, v)
}

// unopened are how many sealed values a keyset cannot open, and how many it opens with a key that was replaced.
func unopened(sealed map[string]map[uint32]int64, v *vault.Vault) (lost, old int64) {
	for _, counts := range sealed {
		for id, n := range counts {
			switch {
			case !slices.Contains(v.Info().Keys, id):
				lost += n
			case id != v.Info().Primary:
				old += n
			}
		}
	}
	return lost, old
}

// sealLate is how old the oldest event without a seal may be before something is wrong: a running service seals within a second.
const sealLate = time.Minute

// audit says how far the audit is sealed.
func (d *diagnosis) audit(ctx context.Context, db *database.DB) {
	chains := audit.NewChains(audit.Deps{DB: db})
	tail, err := chains.Unsealed(ctx, "")
	var last *time.Time
	if err == nil {
		last, err = chains.LastSeal(ctx)
	}
	said := "every event is sealed"
	if tail.Events > 0 {
		said = fmt.Sprintf("%d events wait for their seal, the oldest for %v", tail.Events, tail.Oldest.Round(time.Second))
	}
	if last == nil {
		said += "; nothing was sealed yet"
	} else {
		said += "; the last seal is of " + last.Format(time.RFC3339)
	}
	if err == nil && tail.Oldest > sealLate {
		err = warning{errors.New(said)}
	}
	d.add("audit", err, said, "a running service seals within a second: start it, or look for \"audit\" in its log; `countersign audit verify --workspace` checks the chain")
}

// replaced warns of keys of the server that were replaced and that phones still hold to.
func (d *diagnosis) replaced(p *process, db *database.DB, v *vault.Vault) {
	all, err := p.serverKeys(db, v)
	if err != nil {
		d.add("replaced keys", err, "", "")
		return
	}
	var held []string
	for _, k := range all {
		if k.RetiredAt != nil && k.EndedAt == nil && k.Holding > 0 {
			held = append(held, fmt.Sprintf("%d phones hold to the %s key %s", k.Holding, k.Purpose, k.Kid))
		}
	}
	if len(held) > 0 {
		err = warning{errors.New(strings.Join(held, ", ") + ", which was replaced")}
	}
	d.add("replaced keys", err, "no phone holds to one", "nothing, until they were opened once; `countersign keys end` is for a key that leaked")
}

// pooler says whether one in transaction mode stands in between, and whether hints between replicas arrive.
func (d *diagnosis) pooler(ctx context.Context, cfg config.Config) {
	if cfg.SQLite {
		return
	}
	if cfg.Direct == "" {
		d.add("sessions", database.ProbePooled(ctx, cfg.URL.Reveal()), "no pooler takes them apart",
			"let COUNTERSIGN_DATABASE_DIRECT_URL name Postgres itself: then nothing is prepared through the pooler")
	}
	err := relay.Probe(ctx, cfg.DirectURL.Reveal())
	if errors.Is(err, relay.ErrPooler) {
		err = warning{err}
	}
	d.add("hints between replicas", err, "NOTIFY arrives", "let COUNTERSIGN_DATABASE_DIRECT_URL name Postgres itself, past the pooler; until then dialogs on other replicas are a second or two late")
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
	d.add("clock", err, fmt.Sprintf("%v beside the database's", off), "let both machines set their clocks by the network (NTP)")
}

func (d *diagnosis) addresses(ctx context.Context, cfg config.Config) {
	for _, u := range []*url.URL{cfg.PublicURL, cfg.CompanionURL} {
		name := "public URL"
		if u == cfg.CompanionURL {
			name = "companion URL"
		}
		err := answers(ctx, u.String()+"/healthz")
		do := "is the service running, and does the name point here? TLS_CERT, ACME_DOMAIN or a proxy has to answer https for it"
		switch {
		case err != nil:
			err = warning{fmt.Errorf("%w (from here; a browser elsewhere may reach it all the same)", err)}
		case u.Scheme != "https" && !config.Loopback(u.Hostname()):
			err = warning{fmt.Errorf("%s is not https: browsers give it no keys, camera or notifications", u)}
		}
		d.add(name, err, u.String(), do)
	}
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

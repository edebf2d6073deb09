package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/countersign/countersign/internal/assembly"
	"github.com/countersign/countersign/internal/config"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/device"
	"github.com/countersign/countersign/internal/reseal"
	"github.com/countersign/countersign/internal/serverkeys"
	"github.com/countersign/countersign/internal/vault"
)

type (
	keysInitCmd   struct{ config.Store }
	keysRotateCmd struct {
		config.Store
		What  string `arg:"" optional:"" default:"keyset" enum:"keyset,challenge,vapid,audit" help:"keyset: what seals secrets in the database. challenge: what signs what phones are asked. vapid: what Web Push services know this server by. audit: what signs the audit."`
		Stage bool   `help:"keyset only: add the key, and let it open and not seal yet, until 'keys promote': for replicas with copies of the file."`
	}
	keysPromoteCmd struct {
		config.Store
		Force bool `help:"Do it although a process that runs may not have the key: what is sealed from then on it cannot open."`
	}
	keysResealCmd struct{ config.Store }
	keysRemoveCmd struct {
		config.Store
		ID uint32 `arg:"" help:"Id of a key of the keyset, as 'keys status' shows it."`
	}
	keysEndCmd struct {
		config.Store
		config.Web
		Kid string `arg:"" help:"Id of a replaced challenge or vapid key, as 'keys status' shows it."`
		Yes bool   `help:"Do it; without it the command only says what would happen."`
	}
	keysStatusCmd struct{ config.Store }
)

type keysResult struct {
	Keyset string `json:"keyset"`
	vault.Info
	// Sealed counts, for each place in the database, the values sealed with each key of the keyset.
	Sealed     map[string]map[uint32]int64 `json:"sealed,omitempty"`
	ServerKeys []serverKey                 `json:"server_keys,omitempty"`
	Replicas   []reseal.Replica            `json:"replicas,omitempty"` // the processes that run, and the keys each has
	Database   string                      `json:"database,omitempty"` // why it was not looked at
}

// serverKey is a key of the server and how many phones or subscriptions hold to it.
type serverKey struct {
	serverkeys.State
	Holding int64 `json:"holding"`
}

var errNoDatabase = errors.New("there is no database yet")

// file is the keyset's: the one named, or the one in the data folder.
func file(s config.Store) string {
	if s.Keyset != "" {
		return s.Keyset
	}
	return filepath.Join(s.DataDir, "keyset.json")
}

func status(p *process, name string) error {
	v, err := vault.Open(name)
	if err != nil {
		return err
	}
	return p.result(keysResult{Keyset: name, Info: v.Info()})
}

// Run is `countersign keys init`.
func (c keysInitCmd) Run(p *process) error {
	name := file(c.Store)
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	if err := vault.Create(name); err != nil {
		return err
	}
	return status(p, name)
}

// Run is `countersign keys rotate`.
func (c keysRotateCmd) Run(p *process) error {
	if c.What != "keyset" {
		if c.Stage {
			return usageError{errors.New("--stage is for the keyset alone; the server's keys lie in the database, which replicas share")}
		}
		return p.withKeys(c.Store, func(db *database.DB, v *vault.Vault) error { return p.rotate(db, v, serverkeys.Purpose(c.What)) })
	}
	name, change := file(c.Store), vault.Rotate
	if c.Stage {
		change = vault.Stage
	}
	if err := change(name); err != nil {
		return err
	}
	return status(p, name)
}

func (p *process) rotate(db *database.DB, v *vault.Vault, what serverkeys.Purpose) error {
	keys := serverkeys.New(db, v, time.Now)
	var old, fresh string
	err := db.InTx(p.ctx, func(tx database.Tx) (err error) {
		old, fresh, err = keys.Rotate(tx, what)
		return err
	})
	if err != nil {
		return fmt.Errorf("the server's %s key: %w", what, err)
	}
	p.note("New phones and subscriptions get %s. Those that hold to %s are told when they next ask; `countersign keys status` counts them.", fresh, old)
	return p.result(map[string]string{"purpose": string(what), "old": old, "new": fresh})
}

// Run is `countersign keys promote`.
func (c keysPromoteCmd) Run(p *process) error {
	name := file(c.Store)
	if !c.Force {
		if err := p.everywhere(c.Store, name); err != nil {
			return fmt.Errorf("%w; --force does it all the same", err)
		}
	}
	if err := vault.Promote(name); err != nil {
		return err
	}
	return status(p, name)
}

// everywhere is an error unless every process that runs can open with the youngest key of the keyset.
func (p *process) everywhere(s config.Store, name string) error {
	v, err := vault.Open(name)
	if err != nil {
		return err
	}
	keys := v.Info().Keys
	youngest := keys[len(keys)-1]
	if youngest == v.Info().Primary {
		return nil // there is nothing to promote, which vault.Promote says
	}
	var behind []string
	err = p.withKeys(s, func(db *database.DB, _ *vault.Vault) error {
		all, err := replicas(p.ctx, db)
		for _, r := range reseal.Without(all, youngest) {
			behind = append(behind, fmt.Sprintf("%s (started %s, last seen %s)", r.Host, r.StartedAt.Format(time.RFC3339), r.SeenAt.Format(time.RFC3339)))
		}
		return err
	})
	switch {
	case errors.Is(err, errNoDatabase):
		return nil
	case err != nil:
		return fmt.Errorf("whether each process has the key cannot be seen: %w", err)
	case len(behind) > 0:
		return fmt.Errorf("key %d is not yet on %s: copy the file there; a process reads it within a second, and one that was killed is forgotten after a minute",
			youngest, strings.Join(behind, ", "))
	}
	return nil
}

func replicas(ctx context.Context, db *database.DB) ([]reseal.Replica, error) {
	now, err := db.Now(ctx)
	if err != nil {
		return nil, err
	}
	return reseal.Replicas(db.Read(ctx), now)
}

// Run is `countersign keys reseal`.
func (c keysResealCmd) Run(p *process) error {
	return p.withKeys(c.Store, func(db *database.DB, v *vault.Vault) error {
		moved := map[string]int{}
		var faults []error
		for _, place := range assembly.Sealed {
			done, unopened, err := reseal.Run(p.ctx, db, v, place)
			if unopened > 0 {
				err = errors.Join(err, fmt.Errorf("%s: %d values cannot be opened with this keyset", place.Name, unopened))
			}
			moved[place.Name] = done
			faults = append(faults, err)
		}
		return errors.Join(p.result(map[string]any{"sealed_anew": moved, "primary": v.Info().Primary}), errors.Join(faults...))
	})
}

// Run is `countersign keys remove`.
func (c keysRemoveCmd) Run(p *process) error {
	return p.withKeys(c.Store, func(db *database.DB, _ *vault.Vault) error {
		sealed, err := sealedWith(p.ctx, db)
		if err != nil {
			return err
		}
		var needed []string
		for place, counts := range sealed {
			if n := counts[c.ID]; n > 0 {
				needed = append(needed, fmt.Sprintf("%d %s", n, place))
			}
		}
		if len(needed) > 0 {
			return fmt.Errorf("key %d still opens %s; run `countersign keys reseal` first", c.ID, strings.Join(needed, ", "))
		}
		if err := vault.Remove(file(c.Store), c.ID); err != nil {
			return err
		}
		p.note("Backups from before need this key: keep a copy of the old keyset with them.")
		return status(p, file(c.Store))
	})
}

// Run is `countersign keys status`.
func (c keysStatusCmd) Run(p *process) error {
	name := file(c.Store)
	v, err := vault.Open(name)
	if err != nil {
		return err
	}
	out := keysResult{Keyset: name, Info: v.Info()}
	err = p.withKeys(c.Store, func(db *database.DB, v *vault.Vault) error {
		if out.Sealed, err = sealedWith(p.ctx, db); err != nil {
			return err
		}
		if out.Replicas, err = replicas(p.ctx, db); err != nil {
			return err
		}
		out.ServerKeys, err = p.serverKeys(db, v)
		return err
	})
	if err != nil {
		out.Sealed, out.Replicas, out.ServerKeys, out.Database = nil, nil, nil, err.Error()
	}
	return p.result(out)
}

func (p *process) serverKeys(db *database.DB, v *vault.Vault) ([]serverKey, error) {
	all, err := serverkeys.New(db, v, time.Now).List(p.ctx)
	if err != nil {
		return nil, err
	}
	holding, err := device.Holding(db.Read(p.ctx))
	out := make([]serverKey, len(all))
	for i, k := range all {
		out[i] = serverKey{k, holding[k.Kid]}
	}
	return out, err
}

func sealedWith(ctx context.Context, db *database.DB) (map[string]map[uint32]int64, error) {
	out := map[string]map[uint32]int64{}
	for _, place := range assembly.Sealed {
		n, err := reseal.Count(db.Read(ctx), place)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", place.Name, err)
		}
		out[place.Name] = n
	}
	return out, nil
}

// Run is `countersign keys end`.
func (c keysEndCmd) Run(p *process) error {
	return p.offline(c.Store, c.Web, func(s *service) error {
		all, err := s.domains.Keys.List(p.ctx)
		if err != nil {
			return err
		}
		holding, err := device.Holding(s.db.Read(p.ctx))
		if err != nil {
			return err
		}
		for _, k := range all {
			if k.Kid == c.Kid {
				return s.endKey(p, k, holding[k.Kid], c.Yes)
			}
		}
		return fmt.Errorf("there is no key %s; `countersign keys status` lists them", c.Kid)
	})
}

// endKey ends a replaced key of the server, or says what that would do.
func (s *service) endKey(p *process, k serverkeys.State, holding int64, yes bool) error {
	does := "phones have to be paired again"
	if k.Purpose == serverkeys.VAPID {
		does = "phones get no pushes until they are opened again"
	}
	switch {
	case k.Purpose == serverkeys.Cursor:
		return errors.New("nothing holds to a cursor key")
	case k.Purpose == serverkeys.Audit:
		return errors.New("what an audit key has signed stays signed: there is nothing to end")
	case k.RetiredAt == nil:
		return fmt.Errorf("%s: %w (`countersign keys rotate %s`)", k.Kid, serverkeys.ErrCurrent, k.Purpose)
	case !yes:
		p.note("%d %s. Run it again with --yes to do it.", holding, does)
		return p.result(map[string]any{"kid": k.Kid, "purpose": k.Purpose, "holding": holding, "ended": false})
	}
	n, err := s.domains.Devices.EndServerKey(p.ctx, operator(""), k.Purpose, k.Kid)
	for tries := 1; errors.Is(err, database.ErrBusy) && tries < 5; tries++ { // answers of those very phones are under way
		n, err = s.domains.Devices.EndServerKey(p.ctx, operator(""), k.Purpose, k.Kid)
	}
	if err != nil {
		return err
	}
	return p.result(map[string]any{"kid": k.Kid, "purpose": k.Purpose, "holding": n, "ended": true})
}

// withKeys opens the database as it is, and the keyset; it makes neither.
func (p *process) withKeys(s config.Store, do func(*database.DB, *vault.Vault) error) (err error) {
	d, err := s.Load()
	if err != nil {
		return usageError{err}
	}
	v, err := vault.Open(file(s))
	if err != nil {
		return err
	}
	if name, ok := strings.CutPrefix(d.URL.Reveal(), "sqlite://"); ok {
		if _, err := os.Stat(name); errors.Is(err, fs.ErrNotExist) {
			return errNoDatabase
		}
	}
	db, err := p.open(d)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := schemaCurrent(p.ctx, db); err != nil {
		return err
	}
	return do(db, v)
}

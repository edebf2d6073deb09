package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"slices"

	"github.com/countersign/countersign/internal/config"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/localca"
	"github.com/countersign/countersign/internal/vault"
)

// process is what surrounds a command.
type process struct {
	ctx            context.Context //nolint:containedctx // the one context of the process, handed to each command
	stdin          io.Reader
	stdout, stderr io.Writer
	env            *config.Environment
	databaseOpts   []database.Option // tests alone set it
}

// result prints a command's result as one line of JSON.
func (p *process) result(v any) error { return json.NewEncoder(p.stdout).Encode(v) }

// say prints a line for a person who watches a terminal.
func (p *process) say(format string, args ...any) { _, _ = fmt.Fprintf(p.stdout, format+"\n", args...) }

// note prints a line on what a command is doing; the result stays alone on stdout.
func (p *process) note(format string, args ...any) {
	_, _ = fmt.Fprintf(p.stderr, format+"\n", args...)
}

func (p *process) logger(least slog.Level) *slog.Logger {
	return slog.New(slog.NewJSONHandler(p.stderr, &slog.HandlerOptions{Level: least}))
}

// settings checks every setting; a fault is wrong use.
func settings(s config.Store, w config.Web) (config.Config, error) {
	c, err := config.Load(s, w, localca.Address)
	if err != nil {
		return c, usageError{err}
	}
	return c, nil
}

// open opens the database as it is.
func (p *process) open(d config.Database) (*database.DB, error) {
	opts := slices.Clone(p.databaseOpts)
	if d.Direct != "" {
		opts = append(opts, database.BehindPooler(d.Direct.Reveal()))
	}
	return database.Open(p.ctx, d.URL.Reveal(), opts...)
}

// errSchema says that a schema is older or newer than this program.
var errSchema = errors.New("the schema is not this program's")

// ready opens the database and brings its schema up to date, or demands that it is.
func (p *process) ready(d config.Database, migrate bool) (*database.DB, error) {
	db, err := p.open(d)
	if err != nil {
		return nil, err
	}
	if migrate {
		_, _, err = db.Migrate(p.ctx)
	} else {
		err = schemaCurrent(p.ctx, db)
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

func schemaCurrent(ctx context.Context, db *database.DB) error {
	has, wants, err := db.SchemaVersion(ctx)
	switch {
	case err != nil:
		return err
	case has < wants:
		return fmt.Errorf("%w: it is at version %d and %d is needed; run `countersign migrate`", errSchema, has, wants)
	}
	return nil // a newer one is fine: old code runs on the new schema while replicas are replaced
}

// keyset opens the keyset. SQLite makes one by itself where there is none; on Postgres, which replicas share, it has to be named.
func keyset(d config.Database) (*vault.Vault, error) {
	if d.Keyset == "" {
		return nil, usageError{fmt.Errorf("%s (--keyset) must name the keyset file on Postgres; every replica needs the same one. `countersign keys init --keyset FILE` makes it", config.Variable("keyset"))}
	}
	_, err := os.Stat(d.Keyset)
	if errors.Is(err, fs.ErrNotExist) && d.SQLite {
		if err := os.MkdirAll(d.DataDir, 0o700); err != nil {
			return nil, err
		}
		if err := vault.Create(d.Keyset); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
	}
	return vault.Open(d.Keyset)
}

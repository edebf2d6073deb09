package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/countersign/countersign/internal/assembly"
	"github.com/countersign/countersign/internal/config"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/restored"
)

type backupCmd struct {
	config.Store
	To string `required:"" placeholder:"FILE" help:"The new file; one that exists is never replaced."`
}

type backupResult struct {
	File  string `json:"file"`
	Bytes int64  `json:"bytes"`
}

// errPostgres says that a command is about SQLite's file.
var errPostgres = errors.New("this is about SQLite. Postgres has tools of its own, pg_dump and snapshots: docs/operations.md, Backup and restore")

// Run is `countersign backup`: a copy of the SQLite database as it is at this instant, made while the service runs.
func (c backupCmd) Run(p *process) error {
	d, err := c.Load()
	switch {
	case err != nil:
		return usageError{err}
	case !d.SQLite:
		return usageError{errPostgres}
	}
	if err := database.CopyFile(p.ctx, sqliteFile(d), c.To); err != nil {
		return err
	}
	made, err := os.Stat(c.To)
	if err != nil {
		return err
	}
	p.note("Keep the keyset (%s) as well, in another place: without it this file opens nothing, and with both anybody has everything.", d.Keyset)
	return p.result(backupResult{File: c.To, Bytes: made.Size()})
}

func sqliteFile(d config.Database) string { return strings.TrimPrefix(d.URL.Reveal(), "sqlite://") }

type restoreCmd struct {
	config.Store
	config.Web
	From     string `xor:"what" required:"" placeholder:"FILE" help:"Put this backup in the place of the SQLite database; the service must not run. What was there is kept beside it."`
	Mark     bool   `xor:"what" required:"" help:"Note that the database was just restored by other means, such as pg_restore, before any replica starts."`
	Confirm  bool   `xor:"what" required:"" help:"Let tokens, phones and approvals of before the restore be used again."`
	Operator string `required:"" help:"Your name, for the audit."`
}

type restoreResult struct {
	Database string        `json:"database,omitempty"` // the file that was replaced
	Kept     string        `json:"kept,omitempty"`     // where that went
	Cut      time.Time     `json:"cut"`
	Held     assembly.Held `json:"held"` // what is older than the cut
	Waits    bool          `json:"waits_for_confirmation"`
}

// Run is `countersign restore`.
func (c restoreCmd) Run(p *process) error {
	if c.From != "" {
		return c.from(p)
	}
	return p.offline(c.Store, c.Web, func(s *service) (err error) {
		out := restoreResult{Waits: c.Mark}
		do := s.domains.ConfirmRestored
		if c.Mark {
			do = s.domains.MarkRestored
		}
		if out.Cut, out.Held, err = do(p.ctx, operator(c.Operator)); err != nil {
			return err
		}
		return p.result(out)
	})
}

// from prepares the backup beside the database and then puts it in its place, so that nothing is half restored.
func (c restoreCmd) from(p *process) error {
	cfg, err := settings(c.Store, c.Web)
	switch {
	case err != nil:
		return err
	case !cfg.SQLite:
		return usageError{errPostgres}
	}
	out := restoreResult{Database: sqliteFile(cfg.Database), Waits: true}
	next := out.Database + ".restoring"
	if err := errors.Join(os.MkdirAll(filepath.Dir(next), 0o700), unprepare(next)); err != nil {
		return err
	}
	defer func() { _ = unprepare(next) }() // there is none where everything went well
	if err := database.CopyFile(p.ctx, c.From, next); err != nil {
		return err
	}
	if err := c.prepare(p, cfg, next, &out); err != nil {
		return err
	}
	kept := out.Database + ".before-" + out.Cut.Format("20060102T150405Z")
	if _, err := os.Stat(out.Database); err == nil {
		out.Kept = kept
		if err := database.Settle(p.ctx, out.Database); errors.Is(err, database.ErrInUse) { // a damaged one is what a restore is for
			return err
		}
	}
	if err := database.Replace(next, out.Database, kept); err != nil {
		return err
	}
	p.note("Start the service, look whether this is what you meant, then let it be used: countersign restore --confirm --operator NAME")
	return p.result(out)
}

// unprepare removes what is left of a database that was being prepared.
func unprepare(file string) (err error) {
	for _, name := range []string{file, file + "-wal", file + "-shm", file + ".lock"} {
		if gone := os.Remove(name); !errors.Is(gone, os.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}
	return err
}

// prepare checks that a copied backup is one that this program and this keyset can go on with, brings its schema up to date and marks it.
func (c restoreCmd) prepare(p *process, cfg config.Config, file string, out *restoreResult) (err error) {
	cfg.URL = config.Secret("sqlite://" + file)
	db, err := p.open(cfg.Database)
	if err != nil {
		return err
	}
	defer func() {
		if err = errors.Join(err, db.Close()); err == nil {
			err = database.Settle(p.ctx, file)
		}
	}()
	has, wants, err := db.SchemaVersion(p.ctx)
	switch {
	case err != nil:
		return err
	case has == 0:
		return fmt.Errorf("%s is no backup of this service", c.From)
	case has > wants:
		return fmt.Errorf("%s was made by a newer version (schema %d, this one knows %d)", c.From, has, wants)
	}
	v, err := openKeyset(cfg.Database)
	if err != nil {
		return fmt.Errorf("the keyset of the backup has to be at %s: %w", cfg.Keyset, err)
	}
	if _, _, err := db.Migrate(p.ctx); err != nil {
		return err
	}
	sealed, err := sealedWith(p.ctx, db)
	if err != nil {
		return err
	}
	if lost, _ := unopened(sealed, v); lost > 0 {
		return fmt.Errorf("the keyset %s does not open this backup: %d values in it are sealed with another one", cfg.Keyset, lost)
	}
	if err := opens(p.ctx, db, v); err != nil {
		return fmt.Errorf("the keyset %s does not open this backup: %w", cfg.Keyset, err)
	}
	s, err := newService(cfg, db, p.logger(slog.LevelWarn), nil, nil)
	if err != nil {
		return err
	}
	out.Cut, out.Held, err = s.domains.MarkRestored(p.ctx, operator(c.Operator))
	return err
}

// restore says whether a restore waits to be confirmed.
func (d *diagnosis) restore(ctx context.Context, db *database.DB) {
	cut, err := restored.Cut(db.Read(ctx))
	if err == nil && !cut.IsZero() {
		err = warning{fmt.Errorf("the database was restored on %s; tokens, phones and approvals of before are refused", cut.Format(time.RFC3339))}
	}
	d.add("restore", err, "none waits", "look whether it is what you meant, then `countersign restore --confirm`")
}

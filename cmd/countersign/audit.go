package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/countersign/countersign/internal/assembly"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/config"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/serverkeys"
	"github.com/countersign/countersign/internal/vault"
	"github.com/countersign/countersign/internal/workspace"
)

type auditVerifyCmd struct {
	config.Store
	File      string `arg:"" optional:"" help:"A signed export. It is checked without a database and a network."`
	Workspace string `help:"Instead of a file: slug of the workspace whose audit is checked where it lies."`
	Key       string `help:"Fingerprint of the audit key that has to be behind it, as 'audit key' prints it; a later key counts if that one announced it. Also the name of a file that holds it."`
	Head      string `help:"With --workspace: POSITION:HASH of an earlier check, which has to be in the chain still."`
}

// Run is `countersign audit verify`: exit status 0 where all is well, 1 where something is broken or cannot be read.
func (c auditVerifyCmd) Run(p *process) error {
	switch {
	case (c.File == "") == (c.Workspace == ""):
		return usageError{errors.New("name either a FILE or a --workspace")}
	case c.Head != "" && c.Workspace == "":
		return usageError{errors.New("--head is for --workspace: an export has its end signed")}
	}
	key, err := pinnedKey(c.Key)
	if err != nil {
		return err
	}
	if c.File != "" {
		r, err := verifyFile(c.File, key)
		if err != nil {
			return err
		}
		return p.verified(r)
	}
	return p.withAudit(c.Store, func(chains *audit.Chains, db *database.DB) error {
		w, err := workspace.BySlug(db.Read(p.ctx), c.Workspace)
		if err != nil {
			return missing(err, "there is no workspace %q", c.Workspace)
		}
		r, err := chains.VerifyDatabase(p.ctx, w.ID, w.Slug, key, c.Head)
		if err != nil {
			return err
		}
		return p.verified(r)
	})
}

// pinnedKey is a key as it was given, or as a file of that name holds it.
func pinnedKey(text string) (string, error) {
	if _, err := os.Stat(text); text == "" || err != nil {
		return text, nil //nolint:nilerr // it is no file, so it is the key itself
	}
	b, err := os.ReadFile(text) //nolint:gosec // the operator names it
	return strings.TrimSpace(string(b)), err
}

func verifyFile(name, key string) (r audit.Report, err error) {
	f, err := os.Open(name) //nolint:gosec // the operator names it
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return r, err
	}
	return audit.Verify(f, info.Size(), key)
}

// verified prints a report, and says it in words for who watches.
func (p *process) verified(r audit.Report) error {
	if err := p.result(r); err != nil {
		return err
	}
	if !r.OK {
		return fmt.Errorf("BROKEN: %w", r.Broken)
	}
	p.note("OK, %d events, chain unbroken.", r.Events)
	if r.Deleted > 0 {
		p.note("The first %d are deleted by retention; a signed checkpoint stands for them.", r.Deleted)
	}
	if r.Unsealed.Events > 0 {
		p.note("%d events at the end are not sealed yet: %s to %s.", r.Unsealed.Events, r.Unsealed.First, r.Unsealed.Last)
	}
	if !r.Pinned && r.Key != "" {
		p.note("Signed by %s. Compare it with what the service's people say, or give it as --key: nothing else shows that this is their key.", r.Key)
	}
	return nil
}

type auditKeyCmd struct{ config.Store }

type auditKey struct {
	Kid         string `json:"kid"`
	Fingerprint string `json:"fingerprint"`
	Current     bool   `json:"current"`
}

// Run is `countersign audit key`.
func (c auditKeyCmd) Run(p *process) error {
	return p.withKeys(c.Store, func(db *database.DB, _ *vault.Vault) error {
		keys, err := serverkeys.Publics(db.Read(p.ctx), serverkeys.Audit)
		if err != nil {
			return err
		}
		if len(keys) == 0 {
			return errors.New("there is no audit key yet: the service makes it when it seals the first event")
		}
		out := make([]auditKey, len(keys))
		for i, k := range keys {
			out[i] = auditKey{k.Kid, audit.Fingerprint(k.SPKI), len(k.Announcement) == 0}
		}
		return p.result(map[string]any{"keys": out})
	})
}

type auditEraseCmd struct {
	config.Store
	Workspace string   `required:"" help:"Slug of the workspace."`
	Email     string   `help:"E-mail address of the person, as long as they are in the workspace."`
	Person    string   `help:"Id of the person, where the address is gone already."`
	Also      []string `help:"Further words that name them, such as an older name or address; details that hold one are erased too."`
	Operator  string   `required:"" help:"Your name, for the audit."`
}

// Run is `countersign audit erase`.
func (c auditEraseCmd) Run(p *process) error {
	if (c.Email == "") == (c.Person == "") {
		return usageError{errors.New("name the person by either --email or --person")}
	}
	return p.withAudit(c.Store, func(chains *audit.Chains, db *database.DB) error {
		read := db.Read(p.ctx)
		w, err := workspace.BySlug(read, c.Workspace)
		if err != nil {
			return missing(err, "there is no workspace %q", c.Workspace)
		}
		person, words := c.Person, c.Also
		if c.Email != "" {
			who, err := directory.ByLogin(read, w.ID, c.Email)
			if err != nil {
				return missing(err, "nobody in the workspace %q has the e-mail address %q", c.Workspace, c.Email)
			}
			person, words = who.ID, append(words, who.Name, who.Email, who.UserName)
		}
		by := operator(c.Operator)
		by.Workspace = w.ID
		done, err := chains.Erase(p.ctx, by, person, words...)
		if err != nil {
			return err
		}
		return p.result(map[string]any{"person": person, "erased": done})
	})
}

// withAudit opens the database as it is, and the audit in it.
func (p *process) withAudit(s config.Store, do func(*audit.Chains, *database.DB) error) error {
	return p.withKeys(s, func(db *database.DB, v *vault.Vault) error {
		return do(assembly.Chains(db, v, p.logger(slog.LevelWarn), time.Now), db)
	})
}

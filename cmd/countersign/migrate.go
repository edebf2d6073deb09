package main

import (
	"errors"

	"github.com/countersign/countersign/internal/config"
)

type migrateCmd struct{ config.Store }

// Run is `countersign migrate`.
func (c migrateCmd) Run(p *process) error {
	d, err := c.Load()
	if err != nil {
		return usageError{err}
	}
	db, err := p.open(d)
	if err != nil {
		return err
	}
	steps, version, err := db.Migrate(p.ctx)
	if err = errors.Join(err, db.Close()); err != nil {
		return err
	}
	return p.result(map[string]any{"steps": steps, "schema": version})
}

package main

import (
	"os"
	"path/filepath"

	"github.com/countersign/countersign/internal/config"
	"github.com/countersign/countersign/internal/vault"
)

type (
	keysInitCmd   struct{ config.Store }
	keysRotateCmd struct{ config.Store }
	keysStatusCmd struct{ config.Store }
)

type keysResult struct {
	Keyset string `json:"keyset"`
	vault.Info
}

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
	name := file(c.Store)
	if err := vault.Rotate(name); err != nil {
		return err
	}
	return status(p, name)
}

// Run is `countersign keys status`.
func (c keysStatusCmd) Run(p *process) error { return status(p, file(c.Store)) }

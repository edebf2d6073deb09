package main

import (
	"io/fs"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/countersign/countersign/migrations"
)

// Set by the build: -ldflags "-X main.version=… -X main.commit=…".
var version, commit = "dev", ""

type versionCmd struct{}

// Run is `countersign version`.
func (versionCmd) Run(p *process) error {
	schema, err := newestSchema()
	if err != nil {
		return err
	}
	return p.result(map[string]any{"version": version, "commit": builtFrom(), "schema": schema})
}

// builtFrom is the commit this binary was built from, "" where the build did not say.
func builtFrom() string {
	if info, ok := debug.ReadBuildInfo(); ok && commit == "" {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				return s.Value
			}
		}
	}
	return commit
}

// newestSchema is the number of the last migration that this binary carries.
func newestSchema() (int, error) {
	files, err := migrations.For("sqlite")
	if err != nil {
		return 0, err
	}
	names, err := fs.Glob(files, "*.sql")
	newest := 0
	for _, name := range names {
		digits, _, _ := strings.Cut(name, "_")
		if n, err := strconv.Atoi(digits); err == nil {
			newest = max(newest, n)
		}
	}
	return newest, err
}

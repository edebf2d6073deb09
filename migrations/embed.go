// Package migrations carries the schema, written once; the few words in which the two databases differ are filled in before goose sees a file.
package migrations

import (
	"bytes"
	"embed"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"text/template"
	"time"
)

//go:embed [0-9]*.sql
var files embed.FS

var words = map[string]map[string]string{
	"postgres": {"Timestamp": "timestamptz", "JSON": "jsonb", "Bytes": "bytea", "Bool": "boolean", "Key": `text COLLATE "C"`},
	"sqlite":   {"Timestamp": "datetime", "JSON": "text", "Bytes": "blob", "Bool": "boolean", "Key": "text"},
}

// For is the migrations as plain SQL for one dialect ("postgres" or "sqlite").
func For(dialect string) (fs.FS, error) {
	w, ok := words[dialect]
	if !ok {
		return nil, fmt.Errorf("migrations: unknown dialect %q", dialect)
	}
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		return nil, err
	}
	out := memFS{}
	for _, name := range names {
		as := name
		if base, only, ok := cutDialect(name); ok { // 0009_x.sqlite.sql
			if only != dialect {
				continue
			}
			as = base
		}
		raw, err := files.ReadFile(name)
		if err != nil {
			return nil, err
		}
		t, err := template.New(name).Option("missingkey=error").Parse(string(raw))
		if err != nil {
			return nil, err
		}
		var b bytes.Buffer
		if err := t.Execute(&b, w); err != nil {
			return nil, err
		}
		out[as] = b.Bytes()
	}
	return out, nil
}

func cutDialect(name string) (base, dialect string, ok bool) {
	stem := strings.TrimSuffix(name, ".sql")
	for d := range words {
		if b, found := strings.CutSuffix(stem, "."+d); found {
			return b + ".sql", d, true
		}
	}
	return "", "", false
}

// memFS is a flat, read-only fs.FS with fs.ReadDirFS (fs.Glob needs it); no testing/fstest in the product.
type memFS map[string][]byte

func (m memFS) Open(name string) (fs.File, error) {
	b, ok := m[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return &memFile{info{name, int64(len(b))}, bytes.NewReader(b)}, nil
}

func (m memFS) ReadDir(name string) ([]fs.DirEntry, error) {
	if name != "." {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: fs.ErrNotExist}
	}
	var out []fs.DirEntry
	for _, n := range slices.Sorted(maps.Keys(m)) { // in order of name, as fs.ReadDirFS promises; goose takes the last for the newest
		out = append(out, fs.FileInfoToDirEntry(info{n, int64(len(m[n]))}))
	}
	return out, nil
}

func (m memFS) Stat(name string) (fs.FileInfo, error) {
	if b, ok := m[name]; ok {
		return info{name, int64(len(b))}, nil
	}
	return nil, &fs.PathError{Op: "stat", Path: name, Err: fs.ErrNotExist}
}

type memFile struct {
	i info
	io.Reader
}

func (f *memFile) Stat() (fs.FileInfo, error) { return f.i, nil }
func (f *memFile) Close() error               { return nil }

type info struct {
	name string
	size int64
}

func (i info) Name() string       { return path.Base(i.name) }
func (i info) Size() int64        { return i.size }
func (i info) Mode() fs.FileMode  { return 0o444 }
func (i info) ModTime() time.Time { return time.Time{} }
func (i info) IsDir() bool        { return false }
func (i info) Sys() any           { return nil }

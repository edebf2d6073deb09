package database_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/countersign/countersign/internal/database"
)

func TestAReplacedDatabaseIsKeptWithItsLog(t *testing.T) {
	for _, c := range []struct {
		name  string
		there map[string]string // of the database that is replaced, by ending
	}{
		{name: "a settled one", there: map[string]string{"": "old"}},
		{name: "a damaged one with its log", there: map[string]string{"": "old", "-wal": "log", "-shm": "index"}},
		{name: "a log alone", there: map[string]string{"-wal": "log", "-shm": "index"}},
		{name: "nothing", there: nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			next, current, kept := filepath.Join(dir, "next"), filepath.Join(dir, "current"), filepath.Join(dir, "kept")
			write := func(name, text string) {
				t.Helper()
				if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			write(next, "new")
			for ending, text := range c.there {
				write(current+ending, text)
			}
			if err := database.Replace(next, current, kept); err != nil {
				t.Fatal(err)
			}
			for name, want := range map[string]string{current: "new", current + "-wal": "", current + "-shm": "", next: "",
				kept: c.there[""], kept + "-wal": c.there["-wal"], kept + "-shm": c.there["-shm"]} {
				got, err := os.ReadFile(name) //nolint:gosec // the test's own
				if string(got) != want || want == "" && !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("%s: %q, %v; want %q", filepath.Base(name), got, err, want)
				}
			}
		})
	}
}

package main

import (
	"context"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/webapp"
)

// The stories that people live, in real browsers against the running service: webapp/e2e has the browsers' side, this package everything else.

func TestJourneysInTheBrowser(t *testing.T) {
	newStory(t, database.SQLite).browse(t, "all")
}

func TestSingleSignOnAndJ3OnPostgres(t *testing.T) {
	newStory(t, database.Postgres).browse(t, "once")
}

// longestStory ends a run that hangs.
const longestStory = 40 * time.Minute

// browse starts the service, lets the browsers live a set of journeys, and then looks for secrets where none may be.
func (s *story) browse(t *testing.T, journeys string) {
	t.Helper()
	for _, open := range []func() (fs.FS, error){webapp.Console, webapp.Companion} {
		if _, err := open(); err != nil {
			t.Fatalf("the pages are not built (run `make web`, then this test again): %v", err)
		}
	}
	scripts := scripts(t)
	chromium := chromium(t)
	if err := s.start(); err != nil {
		t.Fatal(err)
	}
	told, err := json.Marshal(map[string]string{"console": s.console.URL, "companion": s.companion.URL, "control": s.control(t), "push": s.push.ControlURL,
		"chromium": chromium, "journeys": journeys})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), longestStory)
	defer cancel()
	node := exec.CommandContext(ctx, "node", filepath.Join(scripts, "run.mjs"))
	node.Cancel = func() error { return node.Process.Signal(syscall.SIGTERM) } // its driver then ends the browsers
	node.WaitDelay = 15 * time.Second
	node.Env = append(os.Environ(), "COUNTERSIGN_E2E="+string(told))
	node.Stdout, node.Stderr = os.Stdout, os.Stderr
	if err := node.Run(); err != nil {
		t.Errorf("the browsers' side: %v", err)
	}
	if n := s.asksByItself(); n > 0 {
		t.Errorf("native phones looked for requests %d times without having been woken", n)
	}
	if err := s.stop(); err != nil {
		t.Error(err)
	}
	s.checkSecrets(t)
	if t.Failed() {
		for line := range strings.Lines(s.log.String()) {
			if strings.Contains(line, `"level":"ERROR"`) {
				t.Logf("the service: %s", line)
			}
		}
	}
	if kept := os.Getenv("COUNTERSIGN_E2E_LOG"); kept != "" {
		if err := os.WriteFile(kept, []byte(s.log.String()), 0o600); err != nil {
			t.Error(err)
		}
	}
}

// scripts is the folder of the browsers' side. Reading every file makes `go test` run again when one has changed.
func scripts(t *testing.T) string {
	t.Helper()
	dir := filepath.Join("..", "..", "webapp", "e2e")
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			_, err = os.ReadFile(path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join("..", "..", "webapp", "node_modules", "playwright-core")); err != nil {
		t.Fatalf("the browser's driver is not installed (run `make web`): %v", err)
	}
	return dir
}

// chromium is the browser: $CHROMIUM or the machine's own.
func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{os.Getenv("CHROMIUM"), "chromium", "chromium-browser", "google-chrome"} {
		if name == "" {
			continue
		}
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatal("Chromium is needed for the journeys (apt-get install chromium, or name one in CHROMIUM)")
	return ""
}

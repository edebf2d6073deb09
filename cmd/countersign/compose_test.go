package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/countersign/countersign/internal/config"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
)

type composeFile struct {
	Services map[string]struct {
		Image       string
		Environment map[string]string
		Secrets     []string
		Ports       []string
		Healthcheck struct{ Test []string }
		Grace       string `yaml:"stop_grace_period"`
	}
	Secrets map[string]struct{ File string }
}

func readCompose(t *testing.T) (f composeFile) {
	t.Helper()
	b, err := os.ReadFile("../../docker-compose.yml")
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(b, &f); err != nil {
		t.Fatal(err)
	}
	return f
}

// binary is the program as it is released (without cgo and the race detector), built once.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "countersign-test")
	if err != nil {
		return "", err
	}
	built := filepath.Join(dir, "countersign")
	cmd := exec.Command("go", "build", "-o", built, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return built, nil
})

// container does to a text what a container engine does around the program: secrets lie in another folder and ports are mapped.
type container struct {
	secrets string
	ports   map[string]string
}

var portForm = regexp.MustCompile(`:(\d{4})\b`)

func (c *container) see(t *testing.T, text string) string {
	t.Helper()
	text = strings.ReplaceAll(text, "/run/secrets/", c.secrets+"/")
	return portForm.ReplaceAllStringFunc(text, func(p string) string {
		if c.ports[p] == "" {
			c.ports[p] = ":" + portOf(free(t))
		}
		return c.ports[p]
	})
}

func (c *container) command(t *testing.T, ctx context.Context, env map[string]string, args ...string) *exec.Cmd {
	t.Helper()
	built, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, built, args...)
	cmd.Dir = t.TempDir()
	for k, v := range env { // nothing but this: an empty base has no other environment
		cmd.Env = append(cmd.Env, k+"="+c.see(t, v))
	}
	return cmd
}

func TestTheComposeFileRunsTheRealBinary(t *testing.T) {
	f := readCompose(t)
	s := f.Services["countersign"]
	c := &container{secrets: t.TempDir(), ports: map[string]string{}}
	files := map[string]func(path string){
		"database_url": func(path string) {
			if err := os.WriteFile(path, []byte(dbtest.Empty(t, database.Postgres)), 0o644); err != nil { //nolint:gosec // as tools/secrets.sh leaves it
				t.Fatal(err)
			}
		},
		"keyset.json": func(path string) { // the line that the file documents
			if out, err := c.command(t, t.Context(), nil, "keys", "init", "--keyset", path).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
		},
	}
	for _, name := range s.Secrets {
		if f.Secrets[name].File != "./secrets/"+name || files[name] == nil {
			t.Fatalf("secret %s: file %q", name, f.Secrets[name].File)
		}
		files[name](filepath.Join(c.secrets, name))
	}
	health := func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		args := make([]string, 0, len(s.Healthcheck.Test))
		for _, a := range s.Healthcheck.Test[2:] {
			args = append(args, c.see(t, a))
		}
		return c.command(t, ctx, s.Environment, args...).Run()
	}
	if s.Healthcheck.Test[0] != "CMD" || s.Healthcheck.Test[1] != "/countersign" {
		t.Fatalf("the health check %v needs a shell, which an empty base has not", s.Healthcheck.Test)
	}
	if health() == nil {
		t.Error("healthy before it runs")
	}

	cmd := c.command(t, context.WithoutCancel(t.Context()), s.Environment, "serve")
	stderr := newWatched()
	stdout := newWatched()
	cmd.Stdout, cmd.Stderr = stdout, stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	stderr.await(t, `"listener":"companion"`)
	if err := health(); err != nil {
		t.Errorf("not healthy: %v\n%s", err, stderr)
	}
	if !codeForm.MatchString(stdout.String()) {
		t.Errorf("no set-up code: %s", stdout)
	}
	grace, err := time.ParseDuration(s.Grace)
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("after SIGTERM: %v\n%s", err, stderr)
		}
	case <-time.After(grace):
		t.Errorf("still running %v after SIGTERM", grace)
	}
}

func TestTheComposeFileNamesOnlyWhatExists(t *testing.T) {
	f := readCompose(t)
	for name := range f.Services["countersign"].Environment {
		flag := strings.ToLower(strings.ReplaceAll(strings.TrimSuffix(strings.TrimPrefix(name, config.Prefix), "_FILE"), "_", "-"))
		if !config.Known(flag) {
			t.Errorf("%s is no setting", name)
		}
	}
	for name, s := range f.Services {
		for _, secret := range s.Secrets {
			if _, there := f.Secrets[secret]; !there {
				t.Errorf("%s uses the secret %s, which is not declared", name, secret)
			}
		}
		for _, p := range s.Ports {
			if !strings.HasPrefix(p, "127.0.0.1:") {
				t.Errorf("%s offers %s to the network over plain http", name, p)
			}
		}
	}
	var running string
	if err := dbtest.Open(t, dbtest.URL(t, database.Postgres)).Read(t.Context()).Raw("SHOW server_version").Scan(&running).Error; err != nil {
		t.Fatal(err)
	}
	major, _, _ := strings.Cut(running, ".")
	if image := f.Services["postgres"].Image; !strings.HasPrefix(image, "postgres:") || major == "" {
		t.Errorf("the database is %q, the tests run on %s", image, running)
	}
}

func TestTheImageIsEmptyButForTheBinary(t *testing.T) {
	b, err := os.ReadFile("../../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	last := text[strings.LastIndex(text, "\nFROM "):]
	for _, want := range []string{"FROM scratch", "ca-certificates.crt", "USER 65532", `ENTRYPOINT ["/countersign"]`, "doctor"} {
		if !strings.Contains(last, want) {
			t.Errorf("the last stage lacks %s", want)
		}
	}
	if check := readCompose(t).Services["countersign"].Healthcheck.Test; !slices.Contains(check, "--ready") || !strings.Contains(last, `"`+strings.Join(check[1:], `", "`)+`"`) {
		t.Errorf("the image's health check is another one than %v", check)
	}
	if !strings.Contains(text, "CGO_ENABLED=0") {
		t.Error("the binary is not static")
	}
}

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"github.com/countersign/countersign/internal/assembly"
	"github.com/countersign/countersign/internal/config"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
	"github.com/countersign/countersign/internal/fakepush"
)

// story is a running service with everything around it: push services, the lines to its clients, a clock that a test moves, native phones.
type story struct {
	life               context.Context // of the test
	env                map[string]string
	console, companion *wire
	push               *fakepush.Fake
	local              local
	post               *post
	clock              atomic.Int64 // nanoseconds that the database's clock is ahead
	log, terminal      *watched     // all standard error and output, of every start

	mu        sync.Mutex
	end       context.CancelFunc // of the service that runs now; nil while there is none
	domains   *assembly.Domains  // of the same
	ended     chan error
	addresses []string // where pushes may have gone
	natives   map[string]*native
	seen      []sighting          // what the browsers told: page sources, storage, addresses
	shown     []secret            // what the browsers say they were shown
	records   map[string][]string // DNS: texts by name
	provider  string              // the token with which the story's identity provider calls; "" while it has none that works
}

// newStory makes an empty database of that kind and everything around it. The service is not started.
func newStory(t *testing.T, dialect string) *story {
	t.Helper()
	push, err := fakepush.New(fakepush.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := push.Close(); err != nil {
			t.Error(err)
		}
	})
	addr, companion := free(t), free(t)
	s := &story{life: t.Context(), console: newWire(t, "console", addr), companion: newWire(t, "companion", companion), push: push, log: newWatched(), terminal: newWatched(), natives: map[string]*native{},
		local: newLocal(t), post: &post{}}
	webPush, err := url.Parse(push.WebPushURL)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	s.env = map[string]string{
		"ADDR": addr, "COMPANION_ADDR": companion, "PUBLIC_URL": s.console.URL, "COMPANION_URL": s.companion.URL, "DATA_DIR": dir,
		"DATABASE_URL": dbtest.Empty(t, dialect), "FCM_CREDENTIALS": string(push.FCMCredentials()), "FCM_ENDPOINT": push.FCMEndpoint(),
		"APNS_KEY": string(push.APNsKeyPEM()), "APNS_KEY_ID": push.APNsKeyID, "APNS_TEAM_ID": push.APNsTeamID, "APNS_TOPIC": push.Topic,
		"APNS_HOST": push.APNsURL, "VAPID_SUBJECT": "mailto:ops@acme.test", "PUSH_CA": string(push.CAPEM()) + "\n" + string(s.local.cert),
		"PUSH_ALLOW_HOSTS": webPush.Hostname() + ",127.0.0.1",
	}
	if dialect == database.Postgres {
		s.env["KEYSET"] = filepath.Join(dir, "keyset.json")
		if err := s.command(s.terminal, "keys", "init"); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// now is the service's clock.
func (s *story) now() time.Time { return time.Now().Add(s.offset()) }

func (s *story) offset() time.Duration { return time.Duration(s.clock.Load()) }

// process is one process of the program, with the clock of the story.
func (s *story) process(ctx context.Context, stdout, stderr io.Writer) *process {
	return &process{ctx: ctx, stdin: strings.NewReader(""), stdout: stdout, stderr: stderr,
		env: config.NewEnvironment(s.getenv), databaseOpts: []database.Option{database.WithClockOffset(s.offset)}}
}

func (s *story) getenv(name string) string { return s.env[strings.TrimPrefix(name, config.Prefix)] }

// parse reads a command line as main does.
func parse(p *process, args ...string) (*commands, *kong.Context, error) {
	var c commands
	k, err := kong.New(&c, kong.Name("countersign"), kong.Resolvers(p.env), kong.Bind(p))
	if err != nil {
		return nil, nil, err
	}
	parsed, err := k.Parse(args)
	return &c, parsed, errors.Join(err, p.env.Err())
}

// command runs one command beside the service and puts its result on stdout.
func (s *story) command(stdout io.Writer, args ...string) error {
	p := s.process(context.Background(), stdout, s.log)
	_, parsed, err := parse(p, args...)
	if err != nil {
		return err
	}
	return parsed.Run()
}

// start starts the service on the data that is there, with every log line kept, and returns when it listens.
func (s *story) start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.end != nil {
		return errors.New("the service runs already")
	}
	ctx, end := context.WithCancel(context.Background())
	log := newWatched()
	p := s.process(ctx, s.terminal, io.MultiWriter(s.log, log))
	c, _, err := parse(p, "serve")
	if err != nil {
		end()
		return err
	}
	cfg, err := settings(c.Serve.Store, c.Serve.Web)
	if err != nil {
		end()
		return err
	}
	ended := make(chan error, 1)
	var domains *assembly.Domains
	go func() {
		ended <- p.serve(cfg, serving{migrate: true, log: p.logger(slog.LevelDebug), welcome: func(ctx context.Context, running *service) error {
			running.domains.SSO.LookupTXT = s.lookupTXT
			domains = running.domains // read when the service listens, which is after this
			return running.sayFirstRun(ctx, p)
		}})
	}()
	limit := time.NewTimer(time.Minute)
	defer limit.Stop()
	for strings.Count(log.String(), `"msg":"listening"`) < 2 {
		select {
		case <-log.more:
		case err := <-ended:
			end()
			return errors.Join(errors.New("the service did not start"), err)
		case <-limit.C:
			end()
			return errors.New("the service does not listen")
		}
	}
	s.end, s.ended, s.domains = end, ended, domains
	return nil
}

// stop ends the service as SIGTERM does, if it runs.
func (s *story) stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.end == nil {
		return nil
	}
	s.end()
	s.end = nil
	select {
	case err := <-s.ended:
		return err
	case <-time.After(time.Minute):
		return errors.New("the service does not stop")
	}
}

// setupCode is the code that the last start printed.
func (s *story) setupCode() (string, error) {
	all := codeForm.FindAllStringSubmatch(s.terminal.String(), -1)
	if len(all) == 0 {
		return "", errors.New("no set-up code is printed")
	}
	return all[len(all)-1][1], nil
}

// renewToken replaces the SCIM token, so that each story hands out one of its own.
func (s *story) renewToken(workspace, email string) error {
	var result bytes.Buffer
	err := s.command(&result, "token", "regenerate", "--workspace", workspace, "--requested-by", email, "--operator", "Sam", "--reason", "end-to-end test",
		"--overlap", "0s", "--without-confirmation")
	s.see("the result of token regenerate", result.String())
	return err
}

// makeWorkspace makes one more workspace: Kind is its Owner's name and Text the password.
func (s *story) makeWorkspace(in asking) error {
	var result bytes.Buffer
	p := s.process(context.Background(), &result, s.log)
	p.stdin = strings.NewReader(in.Text + "\n")
	_, parsed, err := parse(p, "workspace", "create", "--slug", in.Workspace, "--name", in.Name, "--owner-name", in.Kind, "--owner-email", in.Email, "--owner-password-stdin")
	if err != nil {
		return err
	}
	return parsed.Run()
}

// recoveryLink is what the operator makes for somebody whom nobody else can help.
func (s *story) recoveryLink(workspace, email string) (map[string]string, error) {
	var result bytes.Buffer
	if err := s.command(&result, "recover", "--workspace", workspace, "--email", email); err != nil {
		return nil, err
	}
	out := map[string]string{}
	return out, json.Unmarshal(result.Bytes(), &out)
}

// row reads how a confirmation stands in the database.
func (s *story) row(id string) (state, reason string, err error) {
	raw := s.env["DATABASE_URL"]
	db, err := database.Open(context.Background(), raw, database.WithClockOffset(s.offset))
	if err != nil {
		return "", "", err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	err = db.Read(context.Background()).Raw("SELECT state, reason FROM confirmations WHERE id = ?", id).Row().Scan(&state, &reason)
	return state, reason, err
}

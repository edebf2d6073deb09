// Command phonesim is a phone on the command line: it pairs, watches what is asked, and answers. It is for trying a server out and for
// writing clients against it; its keys lie in a file, so it protects nothing.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"github.com/countersign/countersign/internal/phonesim"
)

const about = "A simulated phone for Countersign. Its keys lie in the state file: use it for tests and demos only."

// The statuses this program ends with.
const (
	done     = 0
	failed   = 1
	wrongUse = 2
)

type commands struct {
	State string `help:"Where the phone keeps its keys and its pairing." default:"phonesim.json" placeholder:"FILE"`
	CA    string `help:"One more certificate authority to trust (PEM), e.g. the one of --lan." placeholder:"FILE"`

	Pair    pairCommand    `cmd:"" help:"Pair with a server, wait for They match, and activate."`
	Watch   watchCommand   `cmd:"" help:"Look for requests, print them, and answer them if told how."`
	Approve approveCommand `cmd:"" help:"Answer It's me!"`
	Deny    denyCommand    `cmd:"" help:"Answer It's not me."`
	Status  statusCommand  `cmd:"" help:"What the server keeps about this phone, and what is asked."`
	Push    pushCommand    `cmd:"" help:"Register where this phone is woken."`
	Remove  removeCommand  `cmd:"" help:"Take this phone out of its workspace."`

	EvilServer evilServerCommand `cmd:"" name:"evil-server" help:"Be a server that misbehaves, and say whether the client that pairs with it refused (also --evil-server)."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// env is what every command gets.
type env struct {
	context.Context //nolint:containedctx // lives as long as one command
	out, log        io.Writer
	state           string
	http            *http.Client
}

// run is the program: results as JSON lines on out, words for people on log.
func run(ctx context.Context, args []string, out, log io.Writer) int {
	var c commands
	exited := false
	parser, err := kong.New(&c, kong.Name("phonesim"), kong.Description(about), kong.Writers(out, log), kong.Exit(func(int) { exited = true }),
		kong.Vars{"evils": strings.Join(slices.Sorted(maps.Keys(evils)), ",")})
	if err != nil {
		_, _ = fmt.Fprintln(log, err)
		return failed
	}
	if len(args) > 0 && args[0] == "--evil-server" {
		args = append([]string{"evil-server"}, args[1:]...)
	}
	command, err := parser.Parse(args)
	if exited { // --help was asked for and answered
		return done
	}
	if err != nil {
		_, _ = fmt.Fprintln(log, err)
		return wrongUse
	}
	client, err := trusting(c.CA)
	if err == nil {
		err = command.Run(env{ctx, out, log, c.State, client})
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		_, _ = fmt.Fprintln(log, err)
		return failed
	}
	return done
}

func trusting(file string) (*http.Client, error) {
	client := &http.Client{Timeout: 40 * time.Second}
	if file == "" {
		return client, nil
	}
	pem, err := os.ReadFile(file) //nolint:gosec // named by the person at the terminal
	if err != nil {
		return nil, err
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		return nil, err
	}
	if !roots.AppendCertsFromPEM(pem) {
		return nil, errors.New("the file of --ca holds no certificate")
	}
	client.Transport = &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
	return client, nil
}

func (e env) load(o phonesim.Options) (*phonesim.Phone, error) {
	kept, err := os.ReadFile(e.state)
	if errors.Is(err, os.ErrNotExist) {
		return nil, errors.New("no phone in the state file: pair first")
	}
	if err != nil {
		return nil, err
	}
	o.HTTP, o.Keep = e.http, e.save // a new key of the server is kept before the server hears of it
	return phonesim.Load(kept, o)
}

func (e env) save(p *phonesim.Phone) error {
	kept, err := p.Save()
	if err != nil {
		return err
	}
	return os.WriteFile(e.state, kept, 0o600)
}

func (e env) print(v any) error { return json.NewEncoder(e.out).Encode(v) }

type pairCommand struct {
	Link     string `help:"The link of the QR code." xor:"how" required:""`
	Code     string `help:"The typed code, e.g. K7QX-93MD; needs --url." xor:"how" required:""`
	URL      string `help:"The companion URL, where a code does not say it." default:"http://localhost:8081"`
	Name     string `help:"What the phone is called." default:"Simulated phone"`
	Platform string `help:"ios, android or web." enum:"ios,android,web" default:"ios"`
	Force    bool   `help:"Forget the phone that is in the state file."`
}

// Run pairs.
func (c *pairCommand) Run(e env) error {
	if _, err := os.Stat(e.state); err == nil && !c.Force {
		return errors.New("the state file holds a phone already: name another one with --state, or forget it with --force")
	}
	url := c.URL
	if c.Link != "" {
		url = ""
	}
	p := phonesim.New(url, phonesim.Options{Name: c.Name, Platform: c.Platform, HTTP: e.http})
	sas, err := "", error(nil)
	if c.Link != "" {
		sas, err = p.Pair(e, c.Link)
	} else {
		sas, err = p.PairCode(e, c.Code)
	}
	if err != nil {
		return err
	}
	if err := e.save(p); err != nil {
		return err
	}
	_, _ = fmt.Fprintf(e.log, "Both screens must show %s %s. Press They match in the console.\n", sas[:3], sas[3:])
	if err := p.WaitMatched(e); err != nil {
		return err
	}
	if err := e.save(p); err != nil { // the clock may have been set
		return err
	}
	id := p.Identity()
	return e.print(map[string]any{"device": id.Device, "workspace": id.Workspace, "person": id.Person, "state": "active"})
}

type approveCommand struct {
	CID  string `arg:"" optional:"" help:"Which request; the newest open one if left out."`
	Code string `help:"The six digits, in mode code."`
}

// Run approves.
func (c *approveCommand) Run(e env) error {
	return answer(e, c.CID, phonesim.Answer{Decision: phonesim.DecisionApprove, Code: c.Code})
}

type denyCommand struct {
	CID    string `arg:"" optional:"" help:"Which request; the newest open one if left out."`
	Reason string `help:"not_me, mistake or nothing." enum:",not_me,mistake" default:""`
}

// Run denies.
func (c *denyCommand) Run(e env) error {
	return answer(e, c.CID, phonesim.Answer{Decision: phonesim.DecisionDeny, Reason: c.Reason})
}

func answer(e env, cid string, a phonesim.Answer) error {
	p, err := e.load(phonesim.Options{})
	if err != nil {
		return err
	}
	if cid == "" {
		open, err := p.Pending(e)
		if err != nil {
			return err
		}
		if len(open) == 0 {
			return errors.New("nothing is asked right now")
		}
		cid = open[0].CID
	}
	state, err := p.Answer(e, cid, a)
	if err != nil {
		return err
	}
	if err := e.save(p); err != nil { // the clock may have been set
		return err
	}
	return e.print(map[string]string{"cid": cid, "state": state})
}

type statusCommand struct{}

// Run tells what both sides know.
func (c *statusCommand) Run(e env) error {
	p, err := e.load(phonesim.Options{})
	if err != nil {
		return err
	}
	me, err := p.Me(e)
	if err != nil {
		return err
	}
	open, err := p.Pending(e)
	if err != nil {
		return err
	}
	id := p.Identity()
	return e.print(map[string]any{"device": me, "workspace": id.Workspace, "person": id.Person, "server_keys": id.ServerKeys, "pending": open})
}

type pushCommand struct {
	Address string `arg:"" help:"The push object as JSON, e.g. '{\"kind\":\"fcm\",\"token\":\"…\"}'."`
}

// Run registers a push address.
func (c *pushCommand) Run(e env) error {
	var push phonesim.Push
	if err := json.Unmarshal([]byte(c.Address), &push); err != nil {
		return fmt.Errorf("the push object is not JSON: %w", err)
	}
	p, err := e.load(phonesim.Options{})
	if err != nil {
		return err
	}
	if err := p.RegisterPush(e, push); err != nil {
		return err
	}
	now, err := p.PushState(e)
	if err != nil {
		return err
	}
	return e.print(now)
}

type removeCommand struct{}

// Run removes the phone and forgets its keys.
func (c *removeCommand) Run(e env) error {
	p, err := e.load(phonesim.Options{})
	if err != nil {
		return err
	}
	if err := p.Remove(e); err != nil && !phonesim.HasCode(err, http.StatusUnauthorized, "unauthorized") {
		return err
	}
	return os.Remove(e.state)
}

package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/countersign/countersign/internal/phonesim/evilserver"
)

type evilServerCommand struct {
	Addr      string        `help:"Where to listen, plain http." default:"127.0.0.1:8090" placeholder:"HOST:PORT"`
	Cert      string        `help:"Certificate (PEM) to listen with https instead; needs --key." placeholder:"FILE"`
	Key       string        `help:"Its private key (PEM)." placeholder:"FILE"`
	URL       string        `help:"The address that the client reaches it at, where it is another one than --addr." placeholder:"URL"`
	Patience  time.Duration `help:"How long the client may take to answer what it has pulled." default:"3s"`
	Attention time.Duration `help:"How long to wait for the client to look." default:"1m"`
	Case      []string      `help:"Play only this case (may be given again), after the honest ones it builds on." placeholder:"NAME"`
	List      bool          `help:"Print the names of all cases and exit."`
}

// Help is the longer help of the command.
func (evilServerCommand) Help() string {
	return "Pair the client under test with the link or the code that is printed; no console is needed, the digits count as compared. Let it approve " +
		"whatever it shows. First it is asked rightly, then wrongly in every way there is: wrong signature, swapped action, old key, replay, wrong " +
		"device, wrong workspace, expired, keys announced by the wrong key. Each case prints one line of JSON: what the server did, what the client " +
		"did, and ok. The exit status is 0 when the client did the right thing each time."
}

// Run is the server; it ends when every case was played.
func (c *evilServerCommand) Run(e env) error {
	if c.List {
		return e.print(evilserver.Names())
	}
	s := evilserver.New(evilserver.Options{Patience: c.Patience, Attention: c.Attention, Only: c.Case, Notice: func(r evilserver.Result) { _ = e.print(r) }})
	listener, err := (&net.ListenConfig{}).Listen(e, "tcp", c.Addr)
	if err != nil {
		return err
	}
	site := &http.Server{Handler: s.Handler(), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = c.serve(site, listener) }()
	defer func() { _ = site.Close() }()
	origin := c.URL
	if origin == "" {
		scheme := "http://"
		if c.Cert != "" {
			scheme = "https://"
		}
		origin = scheme + listener.Addr().String()
	}
	if err := e.print(map[string]string{"url": origin, "link": s.Link(origin), "code": s.Code()}); err != nil {
		return err
	}
	go func() {
		if sas, err := s.SAS(e); err == nil {
			_, _ = fmt.Fprintf(e.log, "The phone should show %s %s.\n", sas[:3], sas[3:])
		}
	}()
	all, err := s.Run(e)
	if err != nil { // interrupted: what was not played is no good behaviour
		return fmt.Errorf("ended after %d cases: %v", len(all), err) //nolint:errorlint // an interruption that is wrapped would count as done
	}
	bad := evilserver.Misbehaved(all)
	if err := e.print(map[string]int{"played": len(all), "misbehaved": bad}); err != nil {
		return err
	}
	if bad > 0 {
		return errors.New("the client misbehaved; the lines with ok false say how")
	}
	return nil
}

func (c *evilServerCommand) serve(site *http.Server, l net.Listener) error {
	if c.Cert != "" {
		return site.ServeTLS(l, c.Cert, c.Key)
	}
	return site.Serve(l)
}

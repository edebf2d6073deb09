package main

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/countersign/countersign/internal/phonesim"
)

type watchCommand struct {
	Every  time.Duration `help:"How often to look." default:"2s"`
	Answer string        `help:"approve, deny or none." enum:"approve,deny,none" default:"none"`
	Code   string        `help:"The six digits for approving in mode code."`
	Reason string        `help:"What a denial says: not_me, mistake or nothing." enum:",not_me,mistake" default:""`

	Late    time.Duration `help:"A late phone: wait this long before answering."`
	Offline time.Duration `help:"A phone that is off: do not look for this long, then go on."`
	Twice   bool          `help:"A double-tapping phone: send each answer twice at once."`
	Clock   time.Duration `help:"A phone whose clock is this much ahead, e.g. 1h or -10m. It is set right by the server's refusal."`
	Old     bool          `help:"An old app that knows one tap only: it approves in mode code without the digits."`
	Wrong   bool          `help:"A person who types wrong digits: 000000 in mode code."`
	Evil    string        `help:"An evil phone: ${evils}." enum:",${evils}" default:""`
}

// evils are the ways not to keep the contract, by name.
var evils = map[string]func(*phonesim.Phone) func(*phonesim.Answering){
	"raw-signature": func(*phonesim.Phone) func(*phonesim.Answering) {
		return func(a *phonesim.Answering) { a.EditSignature = phonesim.RawForm }
	},
	"trailing-byte": func(*phonesim.Phone) func(*phonesim.Answering) {
		return func(a *phonesim.Answering) { a.EditSignature = phonesim.Trailing }
	},
	"another-domain": func(*phonesim.Phone) func(*phonesim.Answering) {
		return func(a *phonesim.Answering) { a.Domain = phonesim.DomainChallenge }
	},
	"poll-key": func(p *phonesim.Phone) func(*phonesim.Answering) {
		return func(a *phonesim.Answering) { _, a.Key = p.Keys() }
	},
	"stranger-key": func(*phonesim.Phone) func(*phonesim.Answering) {
		return func(a *phonesim.Answering) { a.Key = phonesim.NewKey() }
	},
	"unknown-field": func(*phonesim.Phone) func(*phonesim.Answering) {
		return func(a *phonesim.Answering) { a.Response = phonesim.Member(a.Response, "admin", "true") }
	},
	"repeated-field": func(*phonesim.Phone) func(*phonesim.Answering) {
		return func(a *phonesim.Answering) { a.Response = phonesim.Member(a.Response, "dec", `"approve"`) }
	},
	"deny-as-approve": func(*phonesim.Phone) func(*phonesim.Answering) {
		return func(a *phonesim.Answering) {
			a.Tamper = func(a *phonesim.Answering) {
				a.Response = bytes.Replace(a.Response, []byte(`"dec":"deny"`), []byte(`"dec":"approve"`), 1)
			}
		}
	},
}

// Run watches until it is interrupted.
func (c *watchCommand) Run(e env) error {
	var mu sync.Mutex
	line := func(v any) {
		mu.Lock()
		defer mu.Unlock()
		_ = e.print(v)
	}
	p, err := e.load(phonesim.Options{DoubleTap: c.Twice, BeforeAnswer: c.late, ClockOffset: c.Clock, Notice: func(n phonesim.Event) {
		said := map[string]any{"event": n.Kind, "cid": n.CID, "act": n.Act, "state": n.State}
		if n.Err != nil {
			said["error"] = n.Err.Error()
		}
		line(said)
	}})
	if err != nil {
		return err
	}
	if err := pause(e, c.Offline); err != nil {
		return err
	}
	return p.Pull(e, c.Every, func(asked phonesim.Challenge) phonesim.Decision {
		line(map[string]any{"event": "asked", "cid": asked.CID, "act": asked.Act, "mode": asked.Mode, "ctx": asked.Ctx, "expires_at": time.Unix(asked.Exp, 0).UTC()})
		return c.decide(p, asked)
	})
}

// decide is what the person does.
func (c *watchCommand) decide(p *phonesim.Phone, asked phonesim.Challenge) phonesim.Decision {
	d := phonesim.Decision{Answer: phonesim.Answer{Decision: c.Answer}, Ignore: c.Answer == "none"}
	switch {
	case c.Answer == phonesim.DecisionDeny:
		d.Reason = c.Reason
	case asked.Mode == "code" && !c.Old:
		d.Code = c.Code
		if c.Wrong {
			d.Code = "000000"
		}
	}
	if c.Evil != "" {
		d.Edits = append(d.Edits, evils[c.Evil](p))
	}
	return d
}

func (c *watchCommand) late(ctx context.Context, asked phonesim.Challenge) error {
	if asked.Act == phonesim.ActionActivate {
		return nil
	}
	return pause(ctx, c.Late)
}

func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	wait := time.NewTimer(d)
	defer wait.Stop()
	select {
	case <-wait.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("interrupted: %w", ctx.Err())
	}
}

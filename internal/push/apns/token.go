package apns

import (
	"fmt"
	"sync"
	"time"

	"github.com/sideshow/apns2/token"
)

const (
	// Apple wants a new provider token at least once an hour and at most every 20 minutes. The library would renew at 50 minutes
	// by itself but swallows a signing error; it never comes to that, because this package is a minute earlier.
	renewAfter    = token.TokenTimeout*time.Second - time.Minute
	renewNoSooner = 20 * time.Minute
)

// tokens holds the provider token of this process. A library token renews itself in place, which races with pushes that read it,
// so here a new one takes its place instead.
type tokens struct {
	blank func() *token.Token
	now   func() time.Time

	mu      sync.Mutex
	current *token.Token
	signed  time.Time
}

func newTokens(c Config) (*tokens, error) {
	key, err := token.AuthKeyFromBytes(c.KeyPEM)
	if err != nil {
		return nil, fmt.Errorf("apns: key: %w", err)
	}
	t := &tokens{now: c.Now, blank: func() *token.Token { return &token.Token{AuthKey: key, KeyID: c.KeyID, TeamID: c.TeamID} }}
	if err := t.sign(); err != nil {
		return nil, fmt.Errorf("apns: key: %w", err)
	}
	return t, nil
}

// get returns the token to use now.
func (t *tokens) get() (*token.Token, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.age() < renewAfter {
		return t.current, nil
	}
	err := t.sign()
	return t.current, err
}

// renew replaces a token that Apple called expired. It declines when that token is younger than Apple's rule allows: then a clock
// is wrong, and more tokens would only be answered with TooManyProviderTokenUpdates.
func (t *tokens) renew(refused *token.Token) (*token.Token, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.current != refused {
		return t.current, true
	}
	if t.age() < renewNoSooner || t.sign() != nil {
		return nil, false
	}
	return t.current, true
}

// age is by the wall clock: a machine that slept has an old token although its monotonic clock stood still.
func (t *tokens) age() time.Duration { return t.now().Round(0).Sub(t.signed) }

// sign makes a new token. The lock is held, or nobody else has t yet.
func (t *tokens) sign() error {
	fresh := t.blank()
	if _, err := fresh.Generate(); err != nil {
		return err
	}
	t.current, t.signed = fresh, t.now().Round(0)
	return nil
}

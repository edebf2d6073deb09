package webpush

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"

	"github.com/countersign/countersign/internal/egress"
	"github.com/countersign/countersign/internal/push"
)

// Guard keeps an endpoint that a client chose from reaching into the network this service runs in (security.md A-19): package egress in the
// terms of push.
type Guard struct{ egress *egress.Guard }

// NewGuard returns a guard that lets the allowed hosts ("host" or "host:port", PUSH_ALLOW_HOSTS in wire.md §1) through.
func NewGuard(allowed []string) (*Guard, error) {
	g, err := egress.New(allowed)
	if err != nil {
		return nil, fmt.Errorf("webpush: %w", err)
	}
	return &Guard{egress: g}, nil
}

// CheckEndpoint judges an endpoint when it is registered, by its form, its name and, as far as they can be had within two seconds, all its
// addresses. What cannot be known now is let through: every later connection is judged again.
func (g *Guard) CheckEndpoint(ctx context.Context, endpoint string) error {
	u, err := parsed(endpoint)
	if err != nil {
		return err
	}
	return refusal(g.egress.Check(ctx, u.Hostname(), u.Port()))
}

// checkName is what can be said without the network.
func (g *Guard) checkName(endpoint string) error {
	u, err := parsed(endpoint)
	if err != nil {
		return err
	}
	return refusal(g.egress.CheckName(u.Hostname(), u.Port()))
}

func parsed(endpoint string) (*url.URL, error) {
	if err := push.CheckEndpoint(endpoint); err != nil {
		return nil, err
	}
	u, err := url.Parse(endpoint)
	if err != nil {
		return nil, push.ErrEndpoint
	}
	return u, nil
}

// dial is the transport's DialContext.
func (g *Guard) dial(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := g.egress.Dial(ctx, network, address)
	return c, refusal(err)
}

// refusal says in the terms of push that an address was refused.
func refusal(err error) error {
	if errors.Is(err, egress.ErrRefused) {
		return fmt.Errorf("%w: %w", push.ErrEndpoint, err)
	}
	return err
}

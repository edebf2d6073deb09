package push

import (
	"context"
	"sync/atomic"
)

// Either is a Sender with two sets of credentials for one service, for the days in which a key is replaced: what the one is refused for its
// credentials is sent with the other, and the one that works is tried first from then on. Only Misconfigured is such a refusal, so a message
// that the service took is never sent again.
func Either(now, next Sender) Sender { return &either{senders: [2]Sender{now, next}} }

type either struct {
	senders [2]Sender
	first   atomic.Int32
}

// Send tries the credentials that worked last, and the other ones where those are refused.
func (e *either) Send(ctx context.Context, to Address, m Message) Result {
	first := e.first.Load()
	r := e.senders[first].Send(ctx, to, m)
	if r.Outcome != Misconfigured {
		return r
	}
	other := e.senders[1-first].Send(ctx, to, m)
	if other.Outcome == Misconfigured {
		return r // both are refused: the first reason is the one to look at
	}
	e.first.CompareAndSwap(first, 1-first)
	return other
}

package push_test

import (
	"context"
	"testing"

	"github.com/countersign/countersign/internal/push"
)

type answering struct {
	outcome push.Outcome
	reason  string
	asked   int
}

func (a *answering) Send(context.Context, push.Address, push.Message) push.Result {
	a.asked++
	return push.Result{Outcome: a.outcome, Reason: a.reason}
}

func TestTheOtherCredentialsAreTriedOnlyWhereTheFirstAreRefused(t *testing.T) {
	for _, c := range []struct {
		name        string
		now, next   push.Outcome
		want        push.Outcome
		asked       [2]int
		then        [2]int // after a second message
		reasonOfNow bool
	}{
		{name: "the first work", now: push.Sent, next: push.Sent, want: push.Sent, asked: [2]int{1, 0}, then: [2]int{2, 0}},
		{name: "the first are revoked", now: push.Misconfigured, next: push.Sent, want: push.Sent, asked: [2]int{1, 1}, then: [2]int{1, 2}},
		{name: "both are refused", now: push.Misconfigured, next: push.Misconfigured, want: push.Misconfigured, asked: [2]int{1, 1}, then: [2]int{2, 2}, reasonOfNow: true},
		{name: "the phone is gone", now: push.Dead, next: push.Sent, want: push.Dead, asked: [2]int{1, 0}, then: [2]int{2, 0}},
		{name: "the service is down", now: push.Retry, next: push.Sent, want: push.Retry, asked: [2]int{1, 0}, then: [2]int{2, 0}},
		{name: "the others cannot be asked", now: push.Misconfigured, next: push.Retry, want: push.Retry, asked: [2]int{1, 1}, then: [2]int{1, 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			now, next := &answering{outcome: c.now, reason: "now"}, &answering{outcome: c.next, reason: "next"}
			s := push.Either(now, next)
			r := s.Send(t.Context(), push.Address{}, push.Message{})
			if r.Outcome != c.want || [2]int{now.asked, next.asked} != c.asked || c.reasonOfNow && r.Reason != "now" {
				t.Errorf("%+v after asking %d and %d", r, now.asked, next.asked)
			}
			s.Send(t.Context(), push.Address{}, push.Message{})
			if got := [2]int{now.asked, next.asked}; got != c.then {
				t.Errorf("after a second message they were asked %v, want %v", got, c.then)
			}
		})
	}
}

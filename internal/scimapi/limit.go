package scimapi

import (
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/countersign/countersign/internal/fault"
)

// leastRate is what Entra's gallery asks of a service, so no setting goes below it.
const leastRate = 25

var errRate = fault.New(fault.Limited, "rate_limited", "")

// burst is how many requests may come at once: as many as the limit lets through in a second, and of what it lets through above the least
// rate four seconds' more. A cycle of a provider begins with a rush, and a limit that met it would cost it a retry for nothing; but whoever
// sets the least wants no more than that.
func (l *limits) burst() int { return l.rate + 4*(l.rate-leastRate) }

// limits keeps how many requests each workspace makes in this process.
type limits struct {
	rate int
	now  func() time.Time

	mu sync.Mutex
	of map[string]*rate.Limiter
}

func newLimits(perSecond int, now func() time.Time) *limits {
	if perSecond > 0 {
		perSecond = max(perSecond, leastRate)
	}
	return &limits{rate: perSecond, now: now, of: map[string]*rate.Limiter{}}
}

// take counts one request of a workspace; over the limit it says in whole seconds when to come back, which is all that Okta understands.
func (l *limits) take(workspace string) error {
	if l.rate <= 0 {
		return nil
	}
	now := l.now()
	l.mu.Lock()
	lim := l.of[workspace]
	if lim == nil {
		l.forget(now)
		lim = rate.NewLimiter(rate.Limit(l.rate), l.burst())
		l.of[workspace] = lim
	}
	l.mu.Unlock()
	if lim.AllowN(now, 1) {
		return nil
	}
	return errRate.Saying("More than %d requests a second for this workspace. Nothing was changed. Try again in a second.", l.rate).After(time.Second)
}

// forget drops limiters that are full again, when there are many: they say nothing a new one would not.
func (l *limits) forget(now time.Time) {
	if len(l.of) < 10_000 {
		return
	}
	for workspace, lim := range l.of {
		if lim.TokensAt(now) >= float64(l.burst()) {
			delete(l.of, workspace)
		}
	}
}

package workspace

import (
	"crypto/sha256"
	"sync"

	"github.com/countersign/countersign/internal/actor"
)

// mostClaims is how many tokens a process remembers.
const mostClaims = 10_000

// claims remembers, by their digests, whose the tokens are that were found live. It proves nothing: a token may have been revoked since, by
// another process too.
type claims struct {
	mu sync.RWMutex
	of map[[sha256.Size]byte]actor.Actor
}

func (c *claims) keep(raw string, by actor.Actor) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of == nil || len(c.of) >= mostClaims {
		c.of = map[[sha256.Size]byte]actor.Actor{}
	}
	c.of[sha256.Sum256([]byte(raw))] = by
}

// Claims says whose token raw was when Authenticate last found it live, without asking the database. Whoever goes by it lets the statement that
// reads or writes check the token's state as well, so that a revocation counts from its commit on, everywhere.
func (s *Service) Claims(raw string) (actor.Actor, bool) {
	s.claims.mu.RLock()
	defer s.claims.mu.RUnlock()
	by, ok := s.claims.of[sha256.Sum256([]byte(raw))]
	return by, ok
}

package apikey

import (
	"context"
	"sync"
	"time"

	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/limit"
)

// block is how many calls a process takes out of a key's minute at once: the replicas share the minute, and a call does not cost a transaction.
const block = 25

// shares are what this process has taken out of the minutes of keys and not used yet.
type shares struct {
	most int64 // calls of one key in a minute, at all replicas together
	mu   sync.Mutex
	of   map[string]*share
}

type share struct {
	left int
	none bool // there is nothing left to take in this minute
	ends time.Time
}

// take counts one call of a key; over the limit it says after which time to come back.
func (s *shares) take(ctx context.Context, db *database.DB, key string, now time.Time) (time.Duration, error) {
	if wait, known := s.have(key, now); known {
		return wait, nil
	}
	var taken int64
	var in time.Duration
	err := db.InTx(ctx, func(tx database.Tx) (err error) {
		taken, in, err = limit.CountMany(tx, "apikey|"+key, block, time.Minute)
		return err
	})
	if err != nil {
		return 0, err
	}
	return s.got(key, int(min(block, s.most-(taken-block))), now.Add(in), now), nil
}

// have takes one of the calls that are here; known is false where the database has to be asked.
func (s *shares) have(key string, now time.Time) (wait time.Duration, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.of[key]
	switch {
	case h == nil || !now.Before(h.ends) || h.ends.Sub(now) > time.Minute:
		return 0, false
	case h.left > 0:
		h.left--
		return 0, true
	}
	return h.ends.Sub(now), h.none
}

// got keeps calls that were taken, less the one that asked.
func (s *shares) got(key string, calls int, ends, now time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.of[key]
	if h == nil || !now.Before(h.ends) || h.ends.Sub(now) > time.Minute {
		if s.of == nil {
			s.of = map[string]*share{}
		}
		h = &share{}
		s.of[key] = h
	}
	h.ends = ends
	if calls > 0 {
		h.left += calls - 1
		return 0
	}
	h.none = true
	return ends.Sub(now)
}

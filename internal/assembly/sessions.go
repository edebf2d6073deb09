package assembly

import (
	"fmt"
	"time"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/confirm"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/httpkit"
	"github.com/countersign/countersign/internal/signin"
)

// SessionLimits changes how long the sessions of a workspace last. Its parameters are a SessionLimitsParams.
const SessionLimits = "session.limits"

// SessionLimitsParams are limits as they travel and as a phone signs them.
type SessionLimitsParams struct {
	IdleSeconds int64 `json:"idle_seconds"`
	LifeSeconds int64 `json:"life_seconds"`
}

func (p SessionLimitsParams) limits() signin.Limits {
	return signin.Limits{Idle: time.Duration(p.IdleSeconds) * time.Second, Life: time.Duration(p.LifeSeconds) * time.Second}
}

func registerSessions(c *confirm.Service, s *signin.Service) {
	read := func(raw []byte) (signin.Limits, error) {
		var p SessionLimitsParams
		if raw == nil {
			return signin.Limits{}, signin.ErrLimits
		}
		if err := httpkit.Strict(raw, &p); err != nil {
			return signin.Limits{}, err
		}
		return p.limits(), s.Check(p.limits())
	}
	c.Register(confirm.Action{Name: SessionLimits, Says: "Change how long sessions last", Roles: directory.ManagerRoles, Lowest: confirm.Code, Locks: true,
		Params: func(raw []byte) error {
			_, err := read(raw)
			return err
		},
		Shows: func(_ database.Tx, _ actor.Actor, _ string, raw []byte) (string, error) {
			l, err := read(raw)
			return fmt.Sprintf("Change how long sessions last: %s without use, %s in any case", span(l.Idle), span(l.Life)), err
		},
		Consume: func(tx database.Tx, by actor.Actor, done confirm.Confirmed) error {
			l, err := read(done.Params)
			if err != nil {
				return err
			}
			return s.SetLimits(tx, by, l)
		}})
}

// span says a time in the largest unit that fits.
func span(d time.Duration) string {
	for _, u := range []struct {
		of        time.Duration
		one, many string
	}{{24 * time.Hour, "day", "days"}, {time.Hour, "hour", "hours"}, {time.Minute, "minute", "minutes"}} {
		if d == u.of {
			return "1 " + u.one
		}
		if d > u.of && d%u.of == 0 {
			return fmt.Sprintf("%d %s", d/u.of, u.many)
		}
	}
	return fmt.Sprintf("%d seconds", d/time.Second)
}

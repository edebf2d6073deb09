package apikey

import (
	"context"
	"sync"
	"time"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/ident"
	"github.com/countersign/countersign/internal/notice"
)

const (
	perMinute = 300         // calls of one key, at all replicas together
	usedEvery = time.Minute // how often last_used_at is written
	atOnce    = 100         // keys that one transaction of the sweeper ends
)

// ErrLimited refuses a key that is used too much.
var ErrLimited = fault.New(fault.Limited, "rate_limited", "This API key was used more than 300 times in a minute. Nothing was changed.")

// Caller is who calls with a key.
type Caller struct {
	Key           Key
	Actor         actor.Actor // the key's owner, without a session; Actor.Key names the key
	Email         string
	Slug          string // address of the workspace
	WorkspaceName string
	Now           time.Time // by the clock that judged the key
}

type callerRow struct {
	Named         named `gorm:"embedded"`
	Email         string
	Role          string
	Slug          string
	WorkspaceName string
}

// Authenticate says who calls with raw, as their role is now. Whatever is wrong with a key is fault.ErrUnauthorized; one that is used too
// often is ErrLimited. Its use is noted.
func (s *Service) Authenticate(ctx context.Context, raw, ip, userAgent string) (Caller, error) {
	if !ident.IsToken(prefix, raw) {
		return Caller{}, fault.ErrUnauthorized
	}
	now, err := s.db.Now(ctx)
	if err != nil {
		return Caller{}, err
	}
	var r callerRow
	res := s.db.Read(ctx).Table("api_keys k").Select("k.*, p.name AS person_name, p.email, p.role, w.slug, w.name AS workspace_name").
		Joins("JOIN people p ON p.id = k.person_id").Joins("JOIN workspaces w ON w.id = k.workspace_id").
		Where("k.digest = ? AND k.ended_at IS NULL AND p.active AND p.deleted_at IS NULL AND p.role IN ?", ident.Hash(raw), directory.AdminRoles).Limit(1).Scan(&r)
	if res.Error != nil {
		return Caller{}, res.Error
	}
	if res.RowsAffected == 0 || !now.Before(r.Named.Row.ExpiresAt) {
		return Caller{}, fault.ErrUnauthorized
	}
	if err := s.restored.Check(ctx, r.Named.Row.CreatedAt); err != nil {
		return Caller{}, err
	}
	if in, err := s.counts.take(ctx, s.db, r.Named.Row.ID, now); err != nil {
		return Caller{}, err
	} else if in > 0 {
		return Caller{}, ErrLimited.After(in)
	}
	k := r.Named.key()
	c := Caller{Key: k, Email: r.Email, Slug: r.Slug, WorkspaceName: r.WorkspaceName, Now: now,
		Actor: actor.Actor{Kind: actor.Person, Workspace: k.Workspace, Person: k.Person, Name: k.PersonName, Role: r.Role, Key: k.ID, IP: ip, UserAgent: userAgent}}
	return c, s.use(ctx, c)
}

// use notes a use: the first one always, later ones once a minute at most, and those as well as it goes.
func (s *Service) use(ctx context.Context, c Caller) error {
	first := c.Key.FirstUsedAt == nil
	if !s.used.due(c.Key.ID, c.Now) && !first {
		return nil
	}
	err := s.db.InTx(ctx, func(tx database.Tx) error {
		if first {
			res := tx.Model(&row{}).Where("id = ? AND first_used_at IS NULL AND ended_at IS NULL", c.Key.ID).Updates(map[string]any{"first_used_at": c.Now})
			if res.Error != nil {
				return res.Error
			}
			if res.RowsAffected > 0 {
				if err := audit.RecordAt(tx, c.Actor, "apikey.first_used", c.Key.ID, audit.Detail{"name": c.Key.Name, "hint": c.Key.Hint}, c.Now); err != nil {
					return err
				}
			}
		}
		return tx.Model(&row{}).Where("id = ? AND ended_at IS NULL AND (last_used_at IS NULL OR last_used_at <= ?)", c.Key.ID, c.Now.Add(-usedEvery)).
			Updates(map[string]any{"last_used_at": c.Now, "last_used_ip": c.Actor.IP}).Error
	})
	if first {
		return err
	}
	return nil
}

// lastUse remembers when this process last wrote a key's use, so that a busy key does not cost a transaction for each call.
type lastUse struct {
	mu sync.Mutex
	at map[string]time.Time
}

// due says whether the use of a key has to be written again, and then counts it as written.
func (l *lastUse) due(key string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if last, ok := l.at[key]; ok && now.Sub(last) < usedEvery && !now.Before(last) {
		return false
	}
	if l.at == nil {
		l.at = map[string]time.Time{}
	}
	l.at[key] = now
	return true
}

// Sweep writes the end of keys whose time is over, and tells the owners of those that end within a week.
func (s *Service) Sweep(ctx context.Context) error {
	return s.db.InTx(ctx, func(tx database.Tx) error {
		now, err := tx.Now()
		if err != nil {
			return err
		}
		var over []row
		if err := tx.Lock().Where("ended_at IS NULL AND expires_at <= ?", now).Order("id").Limit(atOnce).Find(&over).Error; err != nil {
			return err
		}
		for _, r := range over {
			if err := end(tx, actor.Actor{Kind: actor.System, Workspace: r.WorkspaceID, Name: "Countersign"}, r, Expired, now); err != nil {
				return err
			}
		}
		var soon []row
		err = tx.Lock().Where("ended_at IS NULL AND warned_at IS NULL AND expires_at > ? AND expires_at <= ?", now, now.Add(warnFor)).Order("id").Limit(atOnce).Find(&soon).Error
		if err != nil {
			return err
		}
		for _, r := range soon {
			if err := tx.Model(&row{}).Where("id = ?", r.ID).Updates(map[string]any{"warned_at": now}).Error; err != nil {
				return err
			}
			if err := notice.Tell(tx, r.WorkspaceID, []string{r.PersonID}, "apikey.expiring", notice.Params{"name": r.Name, "expires_at": r.ExpiresAt}, now); err != nil {
				return err
			}
		}
		return nil
	})
}

package signin

import (
	"cmp"
	"context"
	"errors"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/ident"
	"github.com/countersign/countersign/internal/notice"
)

// The shortest limits that a workspace may set. The longest are the service's own: a workspace can be stricter, not laxer.
const (
	ShortestIdle = 5 * time.Minute
	ShortestLife = time.Hour
)

// ErrLimits says which limits can hold.
var ErrLimits = fault.New(fault.Invalid, "bad_session_limits", "")

// Limits is how long the sessions of a workspace last, in whole seconds.
type Limits struct {
	Idle time.Duration // unused
	Life time.Duration // however much they are used
}

// over says whether a session is over at now.
func (l Limits) over(signedIn, seen, now time.Time) bool {
	return !now.Before(seen.Add(l.Idle)) || !now.Before(signedIn.Add(l.Life))
}

// Longest are the service's own limits; they hold where a workspace has set none.
func (s *Service) Longest() Limits { return Limits{Idle: s.Idle, Life: sessionLife} }

// within are a workspace's limits where they are stricter than the service's; 0 is none.
func (s *Service) within(l Limits) Limits {
	return Limits{Idle: min(cmp.Or(l.Idle, s.Idle), s.Idle), Life: min(cmp.Or(l.Life, sessionLife), sessionLife)}
}

// Check refuses limits that are too short, longer than the service's, or no whole seconds.
func (s *Service) Check(l Limits) error {
	most := s.Longest()
	if l.Idle < min(ShortestIdle, most.Idle) || l.Idle > most.Idle || l.Life < ShortestLife || l.Life > most.Life || l.Idle%time.Second != 0 || l.Life%time.Second != 0 {
		return ErrLimits.Saying("Sessions end after %d to %d seconds without use, and after %d to %d seconds in any case.", int64(min(ShortestIdle, most.Idle)/time.Second),
			int64(most.Idle/time.Second), int64(ShortestLife/time.Second), int64(most.Life/time.Second))
	}
	return nil
}

type limitsRow struct {
	WorkspaceID string
	IdleSeconds int64
	LifeSeconds int64
	ChangedAt   time.Time
}

func (limitsRow) TableName() string { return "session_limits" }

func (r limitsRow) limits() Limits {
	return Limits{Idle: time.Duration(r.IdleSeconds) * time.Second, Life: time.Duration(r.LifeSeconds) * time.Second}
}

// LimitsOf are the limits that hold in a workspace.
func (s *Service) LimitsOf(db *gorm.DB, workspace string) (Limits, error) {
	var r limitsRow
	err := db.Where("workspace_id = ?", workspace).Limit(1).Find(&r).Error
	return s.within(r.limits()), err
}

// SetLimits changes the limits of by's workspace. They hold for open sessions at once: those that are over by them end here, with what hangs on
// them. The other admins are told. The caller has had it confirmed.
func (s *Service) SetLimits(tx database.Tx, by actor.Actor, l Limits) error {
	if err := directory.RequireManager(tx, by); err != nil {
		return err
	}
	if err := s.Check(l); err != nil {
		return err
	}
	now, err := tx.Now()
	if err != nil {
		return err
	}
	old, err := s.LimitsOf(tx.DB, by.Workspace)
	if err != nil {
		return err
	}
	r := limitsRow{WorkspaceID: by.Workspace, IdleSeconds: int64(l.Idle / time.Second), LifeSeconds: int64(l.Life / time.Second), ChangedAt: now}
	err = tx.Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "workspace_id"}},
		DoUpdates: clause.AssignmentColumns([]string{"idle_seconds", "life_seconds", "changed_at"})}).Create(&r).Error
	if err != nil {
		return err
	}
	// Not the one that asks: its confirmation is being spent. If it is over too, its next call is refused.
	err = s.end(tx, Browser{}, "s.workspace_id = ? AND s.session_hash <> ? AND (s.last_seen_at <= ? OR s.signed_in_at <= ?)", by.Workspace,
		append([]byte{}, by.Session...), now.Add(-l.Idle), now.Add(-l.Life))
	if err != nil {
		return err
	}
	admins, err := directory.Admins(tx.DB, by.Workspace)
	if err != nil {
		return err
	}
	if err := notice.Tell(tx, by.Workspace, admins, "session.limits_changed", notice.Params{"person": by.Name}, now); err != nil {
		return err
	}
	return audit.RecordAt(tx, by, "session.limits_changed", by.Workspace, audit.Detail{"idle_seconds": r.IdleSeconds, "life_seconds": r.LifeSeconds,
		"idle_seconds_before": int64(old.Idle / time.Second), "life_seconds_before": int64(old.Life / time.Second)}, now)
}

// sweepLimited deletes the sessions that are over by the limits of their workspace.
func (s *Service) sweepLimited(tx database.Tx, now time.Time) error {
	var rows []limitsRow
	if err := tx.Find(&rows).Error; err != nil {
		return err
	}
	for _, r := range rows {
		l := s.within(r.limits())
		err := tx.Where("workspace_id = ? AND (last_seen_at <= ? OR signed_in_at <= ?)", r.WorkspaceID, now.Add(-l.Idle), now.Add(-l.Life)).Delete(&signInRow{}).Error
		if err != nil {
			return err
		}
	}
	return nil
}

// How a browser's session stands.
const (
	Opened      = "open"
	Over        = "ended"
	Deactivated = "deactivated" // the person lost their access while it was open
)

// State is how a browser's session stands in the workspace with that address, or its newest one where slug is "", and who has it while it is
// open. Asking does not count as use. Why a session ended is told to the browser that had it alone.
func (s *Service) State(ctx context.Context, from Browser, slug string) (string, SignedIn, error) {
	in, err := s.Find(ctx, from, slug, true)
	if err == nil {
		return Opened, in, nil
	}
	if !errors.Is(err, fault.ErrUnauthorized) {
		return "", SignedIn{}, err
	}
	if in.Now, err = s.DB.Now(ctx); err != nil || from.Session == "" {
		return Over, in, err
	}
	find := s.DB.Read(ctx).Table("session_ends e").Joins("JOIN workspaces w ON w.id = e.workspace_id").Where("e.session_hash = ?", ident.Hash(from.Session))
	if slug != "" {
		find = find.Where("w.slug = ?", slug)
	}
	var n int64
	if err := find.Count(&n).Error; err != nil || n == 0 {
		return Over, in, err
	}
	return Deactivated, in, nil
}

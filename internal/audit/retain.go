package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/fault"
)

// How long events are kept, in days.
const (
	RetentionDays  = 400 // unless a workspace says otherwise
	RetentionLeast = 90
	RetentionMost  = 3650
	pruneMost      = 1000 // events that one transaction deletes or erases
)

// ErrRetention says that a number of days cannot be chosen.
var ErrRetention = fault.New(fault.Invalid, "bad_retention", "Activity is kept for 90 to 3,650 days.")

// errHeld says that another process is at the chain; it is tried again.
var errHeld = database.ErrBusy

// Retention is how many days a workspace keeps its events.
func Retention(db *gorm.DB, workspace string) (days int, err error) {
	days = RetentionDays
	err = db.Raw("SELECT retention_days FROM audit_chains WHERE workspace_id = ?", workspace).Scan(&days).Error
	return days, err
}

// Retain sets for how many days by's workspace keeps its events. The caller has checked who asks.
func (c *Chains) Retain(ctx context.Context, by actor.Actor, days int) error {
	if days < RetentionLeast || days > RetentionMost {
		return ErrRetention
	}
	return c.DB.InTx(ctx, func(tx database.Tx) error {
		was, err := Retention(tx.DB, by.Workspace)
		if err != nil || was == days {
			return err
		}
		err = tx.Exec("INSERT INTO audit_chains (workspace_id, position, head, retention_days) VALUES (?, 0, ?, ?)"+
			" ON CONFLICT (workspace_id) DO UPDATE SET retention_days = excluded.retention_days", by.Workspace, Start(by.Workspace), days).Error
		if err != nil {
			return err
		}
		return Record(tx, by, "audit.retention_changed", by.Workspace, Detail{"from": was, "to": days})
	})
}

// Sweep deletes events that are older than their workspace keeps them, and exports that can be fetched no more.
func (c *Chains) Sweep(ctx context.Context) error {
	now, err := c.DB.Now(ctx)
	if err != nil {
		return err
	}
	var chains []chainRow
	if err := c.DB.Read(ctx).Where("position > pruned_to").Order("workspace_id").Find(&chains).Error; err != nil {
		return err
	}
	failed := c.sweepExports(ctx, now)
	for _, r := range chains {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := c.prune(ctx, r, now.AddDate(0, 0, -r.RetentionDays)); err != nil && !errors.Is(err, errHeld) {
			failed = errors.Join(failed, fmt.Errorf("workspace %s: %w", r.WorkspaceID, err))
		}
	}
	return failed
}

func (c *Chains) sweepExports(ctx context.Context, now time.Time) error {
	var old []string
	err := c.DB.Read(ctx).Raw("SELECT id FROM audit_exports WHERE expires_at < ? LIMIT 1", now).Scan(&old).Error
	if err != nil || len(old) == 0 {
		return err
	}
	return c.DB.InTx(ctx, func(tx database.Tx) error {
		return tx.Exec("DELETE FROM audit_exports WHERE expires_at < ?", now).Error
	})
}

// prune deletes the beginning of a chain that is older than cut, and leaves a signed checkpoint in its place.
func (c *Chains) prune(ctx context.Context, seen chainRow, cut time.Time) error {
	var first time.Time
	err := c.DB.Read(ctx).Raw("SELECT at FROM audit_events WHERE workspace_id = ? AND position IS NOT NULL AND position > ? ORDER BY position LIMIT 1",
		seen.WorkspaceID, seen.PrunedTo).Scan(&first).Error
	if err != nil || first.IsZero() || !first.Before(cut) {
		return err
	}
	key, err := c.Current(ctx)
	if err != nil {
		return err
	}
	return c.DB.InTx(ctx, func(tx database.Tx) error {
		r, ok, err := hold(tx, seen.WorkspaceID)
		if err != nil || !ok {
			return err
		}
		old, err := expired(tx.DB, r, cut)
		if err != nil || old.Position == 0 {
			return err
		}
		now, err := tx.Now()
		if err != nil {
			return err
		}
		mark := Cut{To: old.Position, Hash: old.Hash, At: now.UTC().Truncate(time.Microsecond), Kid: key.Kid}
		if mark.Sig, err = key.Sign(mark.message(r.WorkspaceID)); err != nil {
			return err
		}
		// The checkpoint first: the database lets go of no event that it does not stand for.
		err = tx.Model(&chainRow{}).Where("workspace_id = ?", r.WorkspaceID).Updates(map[string]any{"pruned_to": mark.To, "pruned_hash": mark.Hash,
			"pruned_at": mark.At, "pruned_kid": mark.Kid, "pruned_sig": mark.Sig}).Error
		if err != nil {
			return err
		}
		if err := tx.Exec("DELETE FROM audit_events WHERE workspace_id = ? AND position <= ?", r.WorkspaceID, mark.To).Error; err != nil {
			return err
		}
		return tx.Exec("DELETE FROM audit_seals WHERE workspace_id = ? AND last <= ?", r.WorkspaceID, mark.To).Error
	})
}

// errBroken says that a chain does not fit at its beginning. Nothing of it is deleted: it is the evidence.
var errBroken = errors.New("audit: the chain is broken where retention would cut it; run `countersign audit verify --workspace`")

// expired is the last event of the run at the beginning of a chain that is older than cut; its position is 0 where there is none.
func expired(db *gorm.DB, r chainRow, cut time.Time) (last Link, err error) {
	run, err := links(db, "WHERE workspace_id = ? AND position IS NOT NULL AND position > ? ORDER BY position LIMIT ?", r.WorkspaceID, r.PrunedTo, pruneMost)
	if err != nil {
		return Link{}, err
	}
	before := r.cut().from(r.WorkspaceID)
	for i, l := range run {
		if !l.At.Before(cut) {
			break
		}
		if l.Position != r.PrunedTo+int64(i)+1 || !bytes.Equal(l.Chained(before), l.Hash) {
			return Link{}, errBroken
		}
		last, before = l, l.Hash
	}
	return last, nil
}

// Erased counts what an erasure has blanked.
type Erased struct {
	Actors  int `json:"actors"`  // events of which name, address and browser of the actor are gone
	Details int `json:"details"` // events of which the detail is gone
}

// Erase takes a person out of a workspace's events: their name, address and browser where they acted, and the details of what they did, of
// what was done to them, and of everything that holds one of the words, such as their name or e-mail address. What happened, when and to
// which id stays, and the chain stays whole. Events are sealed first, so that nothing can be slipped in this way.
func (c *Chains) Erase(ctx context.Context, by actor.Actor, person string, words ...string) (Erased, error) {
	var out Erased
	if err := c.Seal(ctx); err != nil {
		return out, err
	}
	key, err := c.Current(ctx)
	if err != nil {
		return out, err
	}
	where, args := aboutPerson(by.Workspace, person, words)
	for after := int64(0); ; {
		var n int
		err := c.DB.InTx(ctx, func(tx database.Tx) error {
			if err := c.sealRest(tx, by.Workspace, key); err != nil {
				return err
			}
			run, err := links(tx.DB, where+" AND position > ? ORDER BY position LIMIT ?", append(slices.Clone(args), after, pruneMost)...)
			if err != nil {
				return err
			}
			for _, l := range run {
				done, err := blank(tx, l, l.ActorID == person)
				if err != nil {
					return err
				}
				out.Actors, out.Details, after = out.Actors+done.Actors, out.Details+done.Details, l.Position
			}
			n = len(run)
			return nil
		})
		if err != nil {
			return out, err
		}
		if n < pruneMost {
			break
		}
	}
	return out, c.DB.InTx(ctx, func(tx database.Tx) error {
		return Record(tx, by, "audit.erased", person, Detail{"actors": out.Actors, "details": out.Details})
	})
}

// sealRest holds a chain for the transaction and seals what is committed behind it.
func (c *Chains) sealRest(tx database.Tx, workspace string, key Key) error {
	r, ok, err := hold(tx, workspace)
	if err == nil && !ok {
		err = errHeld
	}
	for n := sealMost; err == nil && n == sealMost; {
		n, err = extend(tx, &r, key)
	}
	return err
}

func aboutPerson(workspace, person string, words []string) (where string, args []any) {
	where, args = "WHERE workspace_id = ? AND position IS NOT NULL AND event <> 'audit.erased' AND (actor_id = ? OR subject = ?", []any{workspace, person, person}
	for _, w := range words {
		if w = strings.TrimSpace(w); w == "" {
			continue
		}
		quoted, err := plain(w)
		if err != nil {
			continue
		}
		where += " OR LOWER(CAST(detail AS text)) LIKE ? ESCAPE '!'"
		args = append(args, "%"+likely.Replace(strings.ToLower(string(quoted[1:len(quoted)-1])))+"%")
	}
	return where + ")", args
}

// likely keeps a word from meaning more than itself in LIKE.
var likely = strings.NewReplacer("!", "!!", "%", "!%", "_", "!_")

// blank erases the detail of an event, and with who also the actor's name, address and browser. What stood for them in the chain is kept.
func blank(tx database.Tx, l Link, who bool) (done Erased, err error) {
	set, salt := map[string]any{}, make([]byte, 2*halfSalt)
	copy(salt, l.Salt)
	if who && len(l.WhoHash) == 0 {
		clear(salt[:halfSalt])
		set["who_hash"], set["actor_name"], set["ip"], set["user_agent"] = l.who(), "", "", ""
		done.Actors = 1
	}
	if len(l.WhatHash) == 0 && string(l.Detail) != "{}" {
		clear(salt[halfSalt:])
		set["what_hash"], set["detail"] = l.what(), "{}"
		done.Details = 1
	}
	if len(set) == 0 {
		return done, nil
	}
	set["salt"] = salt
	return done, tx.Table("audit_events").Where("id = ?", l.ID).Updates(set).Error
}

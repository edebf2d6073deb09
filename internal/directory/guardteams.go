package directory

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/scim"
)

// errHold starts a transaction over with what it takes from teams held: whom it takes has to be known before they are gone.
var errHold = errors.New("hold what is taken")

// attempt is how a change of a team runs: with the workspace locked, with its removals held. Most need neither.
type attempt struct{ locked, hold bool }

// attempts runs do in a transaction, and again with what it asks for by errLockFirst and errHold.
func (p *Provisioning) attempts(ctx context.Context, workspace string, do func(tx database.Tx, a attempt) error) error {
	for a := (attempt{}); ; {
		err := p.s.db.InTx(ctx, func(tx database.Tx) error {
			if a.locked {
				if err := lockWorkspace(tx, workspace); err != nil {
					return err
				}
			}
			return do(tx, a)
		})
		switch {
		case errors.Is(err, errLockFirst) && !a.locked:
			a.locked = true
		case errors.Is(err, errHold) && !a.hold:
			a.hold = true
		default:
			return err
		}
	}
}

// teamWatch follows a change of a team's members for what hangs on them: roles, and the guard against mass removals.
type teamWatch struct {
	attempt
	p      *Provisioning
	by     actor.Actor
	team   string
	mapped bool     // a rule gives a role for this team
	before []string // members who may be gone afterwards
	added  []string // people who may be members afterwards
	facts  guardFacts
}

// watch looks at the members before a change; nil where nothing hangs on it. Once a workspace is above its threshold, removals are held from the
// start and not in a second attempt.
func (p *Provisioning) watch(tx database.Tx, by actor.Actor, team string, changes []scim.MemberChange, a attempt, now time.Time) (*teamWatch, error) {
	w := &teamWatch{attempt: a, p: p, by: by, team: team, mapped: p.rules.roleMapping().names(team)}
	takes, whole := false, false
	var named []string
	for _, c := range changes {
		takes = takes || c.Kind != scim.AddMembers
		whole = whole || c.Kind == scim.ReplaceMembers || c.Kind == scim.RemoveWhere
		if c.Kind == scim.RemoveMembers {
			named = append(named, c.IDs...)
		} else {
			w.added = append(w.added, c.IDs...)
		}
	}
	if !takes && !w.mapped {
		return nil, nil //nolint:nilnil // nothing hangs on it
	}
	if !takes {
		return w, nil
	}
	var err error
	if by.Kind == actor.Provider {
		if w.facts, err = lookAtGuard(tx.DB, by.Workspace, HeldMembers, now); err != nil {
			return nil, err
		}
	}
	if g := p.rules.guardPolicy(); g.Enabled && g.Count > 0 && by.Kind == actor.Provider && !w.hold {
		w.hold = w.facts.Taken >= g.Count
	}
	if !w.mapped && !w.hold {
		return w, nil
	}
	w.before, err = membersAmong(tx, team, named, whole)
	return w, err
}

// membersAmong are the members of a team that SCIM sees, all of them or those among ids.
func membersAmong(tx database.Tx, team string, ids []string, all bool) ([]string, error) {
	const sql = "SELECT tm.person_id FROM team_members tm JOIN people m ON m.id = tm.person_id AND m.source = 'directory' AND m.deleted_at IS NULL WHERE tm.team_id = ?"
	var out []string
	if all {
		return out, tx.Raw(sql, team).Scan(&out).Error
	}
	for some := range slices.Chunk(ids, atOnce) {
		var found []string
		if err := tx.Raw(sql+" AND tm.person_id IN ?", team, some).Scan(&found).Error; err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	return out, nil
}

// done looks at the members after the change: it holds what is a mass removal, and gives the others their roles.
func (w *teamWatch) done(tx database.Tx, m *membership) error {
	if w == nil {
		return nil
	}
	held := false
	if m.removed > 0 && w.by.Kind == actor.Provider {
		reason := w.p.rules.guardPolicy().crossed(w.facts.Taken+int(m.removed), 0, w.facts.People)
		if err := count(tx, w.by.Workspace, HeldMembers, int(m.removed), m.now); err != nil {
			return err
		}
		if held = reason != ""; held && !w.hold {
			return errHold
		}
		if held {
			if err := w.keep(tx, reason, m.now); err != nil {
				return err
			}
		}
	}
	if !w.mapped {
		return nil
	}
	ids := w.added
	if !held {
		ids = append(ids, w.before...)
	}
	return w.p.rolesAfter(tx, w.by, ids, w.locked, m.now)
}

// keep writes down who was taken out of the team, so that a decision can bring them back.
func (w *teamWatch) keep(tx database.Tx, reason string, now time.Time) error {
	removal, _, err := w.p.s.openRemoval(tx, w.by, HeldMembers, reason, now)
	if err != nil {
		return err
	}
	for some := range slices.Chunk(w.before, atOnce) {
		err := tx.Exec(`INSERT INTO held_items (removal_id, workspace_id, person_id, team_id, role, at) SELECT ?, workspace_id, id, ?, role, ? FROM people
			WHERE id IN ? AND NOT EXISTS (SELECT 1 FROM team_members tm WHERE tm.team_id = ? AND tm.person_id = people.id) ON CONFLICT DO NOTHING`,
			removal, w.team, now, some, w.team).Error
		if err != nil {
			return err
		}
	}
	return nil
}

// teamGone does for a team that has just been deleted what done does for members.
func (p *Provisioning) teamGone(tx database.Tx, by actor.Actor, team string, a attempt, now time.Time) error {
	mapped := p.rules.roleMapping().names(team)
	g := p.rules.guardPolicy()
	if !mapped && (!g.Enabled || by.Kind != actor.Provider) {
		return nil
	}
	members, err := membersAmong(tx, team, nil, true)
	if err != nil {
		return err
	}
	if by.Kind == actor.Provider {
		reason, err := take(tx, by.Workspace, HeldMembers, g, len(members), now)
		if err != nil {
			return err
		}
		if reason != "" && len(members) > 0 {
			removal, _, err := p.s.openRemoval(tx, by, HeldMembers, reason, now)
			if err != nil {
				return err
			}
			return holdItem(tx, removal, by.Workspace, "", team, "", now)
		}
	}
	if !mapped {
		return nil
	}
	return p.rolesAfter(tx, by, members, a.locked, now)
}

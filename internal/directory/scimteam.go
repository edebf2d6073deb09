package directory

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/ident"
	"github.com/countersign/countersign/internal/scim"
)

// teamRow is a team as SCIM reads it.
type teamRow struct {
	ID             string
	WorkspaceID    string
	DisplayName    string
	DisplayNameKey string
	ExternalID     *string
	Attributes     string
	Version        int64
	CreatedAt      time.Time
	UpdatedAt      time.Time

	Sorted *string // what a page is sorted by
}

const teamColumnsList = "r.id, r.workspace_id, r.display_name, r.display_name_key, r.external_id, r.attributes, r.version, r.created_at, r.updated_at"

// written is what clients have written, without the members.
func (r teamRow) written() (scim.Resource, error) {
	res, err := scim.Decode([]byte(r.Attributes))
	if err != nil {
		return nil, fmt.Errorf("attributes of team %s: %w", r.ID, err)
	}
	res["displayName"] = r.DisplayName
	if r.ExternalID != nil {
		res["externalId"] = *r.ExternalID
	}
	return res, nil
}

// group is the complete resource with the members that are given; nil for none.
func (p *Provisioning) group(r teamRow, members []any) (scim.Resource, error) {
	res, err := r.written()
	if err != nil {
		return nil, err
	}
	res["id"] = r.ID
	res["schemas"] = p.teams.schemasOf(res)
	res["meta"] = meta("Group", p.base+"/Groups/"+r.ID, r.Version, r.CreatedAt, r.UpdatedAt)
	if len(members) > 0 {
		res["members"] = members
	}
	return res, nil
}

// setWritten puts what clients have written into the row.
func (p *Provisioning) setWritten(r *teamRow, written scim.Resource) (search string, err error) {
	r.DisplayName, r.ExternalID = scim.Text(written, "displayName"), optional(scim.Text(written, "externalId"))
	r.DisplayNameKey = scim.Fold(r.DisplayName)
	rest := maps.Clone(written)
	delete(rest, "displayName")
	delete(rest, "externalId")
	attributes, err := scim.Encode(rest)
	if err != nil {
		return "", err
	}
	r.Attributes = string(attributes)
	keys, err := scim.Encode(p.teams.rt.Keys(rest))
	return string(keys), err
}

// CreateGroup makes a team from a POST. Its displayName must be free in the workspace; a local team that has it is adopted.
func (p *Provisioning) CreateGroup(ctx context.Context, by actor.Actor, in scim.Incoming) (scim.Resource, error) {
	var out scim.Resource
	err := p.attempts(ctx, by.Workspace, func(tx database.Tx, a attempt) error {
		now, err := tx.Now()
		if err != nil {
			return err
		}
		r := teamRow{ID: ident.New("tea"), WorkspaceID: by.Workspace, Version: 1, CreatedAt: now, UpdatedAt: now}
		search, err := p.setWritten(&r, in.Resource)
		if err != nil {
			return err
		}
		other, source, err := teamNamed(tx, r)
		if err != nil {
			return err
		}
		if other != "" && source == Local {
			out, err = p.adoptTeam(tx, by, other, in, a, now)
			return err
		}
		if other != "" {
			return ErrTeamNameTaken
		}
		err = tx.Exec(`INSERT INTO teams (id, workspace_id, display_name, display_name_key, external_id, attributes, search, version, created_at, updated_at)
			VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?, ?)`, r.ID, r.WorkspaceID, r.DisplayName, r.DisplayNameKey, r.ExternalID, r.Attributes, search, now, now).Error
		if err != nil {
			return err
		}
		m := membership{tx: tx, workspace: by.Workspace, team: r.ID, now: now}
		if err := m.add(in.Members); err != nil {
			return err
		}
		if err := audit.RecordAt(tx, by, "team.created", r.ID, m.detail(nil), now); err != nil {
			return err
		}
		members, err := p.members(tx.DB, in.Members != nil, r.ID)
		if err != nil {
			return err
		}
		if out, err = p.group(r, members); err != nil {
			return err
		}
		return recorded(tx, changedTeam("team.created", r, nil, in.Resource, m, out))
	})
	return out, duplicate(err, ErrTeamNameTaken)
}

// teamNamed is another team of the workspace with the displayName, and where it comes from; "" for none.
func teamNamed(tx database.Tx, r teamRow) (id string, source Source, err error) {
	var other struct{ ID, Source string }
	err = tx.Raw("SELECT id, source FROM teams WHERE workspace_id = ? AND display_name_key = ? AND deleted_at IS NULL AND id <> ?", r.WorkspaceID, r.DisplayNameKey, r.ID).
		Scan(&other).Error
	return other.ID, Source(other.Source), err
}

func freeTeamName(tx database.Tx, r teamRow) error {
	other, _, err := teamNamed(tx, r)
	if err == nil && other != "" {
		return ErrTeamNameTaken
	}
	return err
}

// ReplaceGroup is PUT. Without members in the body the members stay: a body that does not speak of them never empties a team.
func (p *Provisioning) ReplaceGroup(ctx context.Context, by actor.Actor, id string, in scim.Incoming, match IfMatch, shown scim.Projection) (scim.Resource, error) {
	return p.changeGroup(ctx, by, id, match, shown, func(old scim.Resource) (scim.Patched, error) {
		next := scim.Patched{Resource: p.teams.rt.Replaced(old, in)}
		if in.Members != nil {
			next.Members = []scim.MemberChange{{Kind: scim.ReplaceMembers, IDs: in.Members}}
		}
		return next, nil
	})
}

// PatchGroup applies operations, all or none of them. The resource it gives has members only where shown wants them; nil shown gives no
// resource at all and reads no member.
func (p *Provisioning) PatchGroup(ctx context.Context, by actor.Actor, id string, ops []scim.Operation, match IfMatch, shown scim.Projection) (scim.Resource, error) {
	return p.changeGroup(ctx, by, id, match, shown, func(old scim.Resource) (scim.Patched, error) { return p.teams.rt.Patch(old, ops) })
}

func (p *Provisioning) changeGroup(ctx context.Context, by actor.Actor, id string, match IfMatch, shown scim.Projection,
	next func(scim.Resource) (scim.Patched, error)) (scim.Resource, error) {
	var out scim.Resource
	err := p.attempts(ctx, by.Workspace, func(tx database.Tx, a attempt) error {
		r, err := lockTeam(tx, by.Workspace, id, match)
		if err != nil {
			return err
		}
		old, err := r.written()
		if err != nil {
			return err
		}
		patched, err := next(old)
		if err != nil {
			return err
		}
		event, m, err := p.rewriteTeam(tx, by, &r, old, patched, a)
		if err != nil {
			return err
		}
		members, err := p.members(tx.DB, shown.Wants("members"), r.ID)
		if err != nil {
			return err
		}
		if out, err = p.group(r, members); err != nil || event == "" {
			return err
		}
		return recorded(tx, changedTeam(event, r, old, patched.Resource, m, out))
	})
	return out, duplicate(err, ErrTeamNameTaken)
}

// rewriteTeam writes what has changed of a locked team, its membership rows first, and names that; "" when nothing has.
func (p *Provisioning) rewriteTeam(tx database.Tx, by actor.Actor, r *teamRow, old scim.Resource, patched scim.Patched, a attempt) (event string, m membership, err error) {
	now, err := tx.Now()
	if err != nil {
		return "", m, err
	}
	m = membership{tx: tx, workspace: by.Workspace, team: r.ID, base: p.base, now: now}
	watch, err := p.watch(tx, by, r.ID, patched.Members, a, now)
	if err != nil {
		return "", m, err
	}
	for _, change := range patched.Members {
		if err := m.apply(change); err != nil {
			return "", m, err
		}
	}
	if err := watch.done(tx, &m); err != nil {
		return "", m, err
	}
	if err := m.fell(); err != nil {
		return "", m, err
	}
	changed := changedNames(old, patched.Resource)
	switch {
	case len(changed) > 0 || m.changed():
		return "team.changed", m, p.writeTeam(tx, by, r, patched.Resource, changed, m)
	case m.unknown > 0:
		return "team.unknown_members", m, audit.RecordAt(tx, by, "team.unknown_members", r.ID, m.detail(nil), now)
	}
	return "", m, nil
}

// writeTeam writes the columns of a team that has changed, or whose members have.
func (p *Provisioning) writeTeam(tx database.Tx, by actor.Actor, r *teamRow, written scim.Resource, changed []string, m membership) error {
	now := m.now
	values := map[string]any{"version": r.Version + 1, "updated_at": now}
	if len(changed) > 0 {
		search, err := p.setWritten(r, written)
		if err != nil {
			return err
		}
		if err := freeTeamName(tx, *r); err != nil {
			return err
		}
		maps.Copy(values, map[string]any{"display_name": r.DisplayName, "display_name_key": r.DisplayNameKey, "external_id": r.ExternalID,
			"attributes": r.Attributes, "search": search})
	}
	r.Version, r.UpdatedAt = r.Version+1, now
	if err := tx.Table("teams").Where("id = ?", r.ID).Updates(values).Error; err != nil {
		return err
	}
	return audit.RecordAt(tx, by, "team.changed", r.ID, m.detail(changed), now)
}

func lockTeam(tx database.Tx, workspace, id string, match IfMatch) (teamRow, error) {
	var rows []teamRow
	if !scim.Storable(id) {
		return teamRow{}, ErrNoGroup
	}
	err := tx.Raw("SELECT "+teamColumnsList+" FROM teams r WHERE r.id = ? AND "+visible+forUpdate(tx),
		id, workspace).Scan(&rows).Error
	if err != nil {
		return teamRow{}, err
	}
	if len(rows) == 0 {
		return teamRow{}, ErrNoGroup
	}
	return rows[0], match.allows(rows[0].Version)
}

// DeleteGroup hides a team and frees its name; its people stay.
func (p *Provisioning) DeleteGroup(ctx context.Context, by actor.Actor, id string, match IfMatch) error {
	return p.attempts(ctx, by.Workspace, func(tx database.Tx, a attempt) error {
		r, err := lockTeam(tx, by.Workspace, id, match)
		if err != nil {
			return err
		}
		now, err := tx.Now()
		if err != nil {
			return err
		}
		err = tx.Exec("UPDATE teams SET deleted_at = ?, version = version + 1, updated_at = ? WHERE id = ?", now, now, r.ID).Error
		if err != nil {
			return err
		}
		if err := tx.Exec("DELETE FROM team_pending WHERE team_id = ?", r.ID).Error; err != nil {
			return err
		}
		if err := p.teamGone(tx, by, r.ID, a, now); err != nil {
			return err
		}
		before, err := r.written()
		if err != nil {
			return err
		}
		if err := audit.RecordAt(tx, by, "team.deleted", r.ID, nil, now); err != nil {
			return err
		}
		return recorded(tx, changedTeam("team.deleted", r, before, nil, membership{now: now}, nil))
	})
}

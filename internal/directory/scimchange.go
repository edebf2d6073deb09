package directory

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/scim"
)

// errLockFirst starts a transaction over with the workspace locked: the last active admin may be at stake, and the workspace is always locked
// before its people.
var errLockFirst = errors.New("lock the workspace first")

// guarded runs do in a transaction, a second time with the workspace locked if do asks for that with errLockFirst.
func (p *Provisioning) guarded(ctx context.Context, workspace string, do func(tx database.Tx, locked bool) error) error {
	err := p.s.db.InTx(ctx, func(tx database.Tx) error { return do(tx, false) })
	if !errors.Is(err, errLockFirst) {
		return err
	}
	return p.s.db.InTx(ctx, func(tx database.Tx) error {
		if err := lockWorkspace(tx, workspace); err != nil {
			return err
		}
		return do(tx, true)
	})
}

// ReplaceUser is PUT: attributes that the body leaves out are cleared (see scim.ResourceType.Replaced).
func (p *Provisioning) ReplaceUser(ctx context.Context, by actor.Actor, id string, in scim.Incoming, match IfMatch) (scim.Resource, error) {
	return p.changeUser(ctx, by, id, match, func(old scim.Resource) (scim.Resource, error) { return p.people.rt.Replaced(old, in), nil })
}

// PatchUser applies operations, all or none of them.
func (p *Provisioning) PatchUser(ctx context.Context, by actor.Actor, id string, ops []scim.Operation, match IfMatch) (scim.Resource, error) {
	return p.changeUser(ctx, by, id, match, func(old scim.Resource) (scim.Resource, error) {
		patched, err := p.people.rt.Patch(old, ops)
		return patched.Resource, err
	})
}

// changeUser locks the person, lets next say what becomes of what clients have written, and writes that. What changes nothing writes nothing.
func (p *Provisioning) changeUser(ctx context.Context, by actor.Actor, id string, match IfMatch, next func(scim.Resource) (scim.Resource, error)) (scim.Resource, error) {
	var out scim.Resource
	err := p.guarded(ctx, by.Workspace, func(tx database.Tx, locked bool) error {
		r, err := p.lockUser(tx, by.Workspace, id, match)
		if err != nil {
			return err
		}
		old, err := r.written()
		if err != nil {
			return err
		}
		written, err := next(old)
		if err != nil {
			return err
		}
		if scim.Equal(old, written) {
			out, err = p.user(r)
			return err
		}
		out, err = p.rewrite(tx, by, r, old, written, locked)
		return err
	})
	return out, duplicate(err, ErrUserNameTaken)
}

// rewrite makes what clients have written into what is stored, and tells the audit which attributes changed.
func (p *Provisioning) rewrite(tx database.Tx, by actor.Actor, r userRow, old, written scim.Resource, locked bool) (scim.Resource, error) {
	c, err := p.columnsOf(written, r.Email)
	if err != nil {
		return nil, err
	}
	now, err := tx.Now()
	if err != nil {
		return nil, err
	}
	if err := p.freeName(tx, by, r, c, now); err != nil {
		return nil, err
	}
	was, manager := r.person(), deref(r.ManagerID)
	if err := p.update(tx, by, &r, was, c, now, locked); err != nil {
		return nil, err
	}
	if err := p.rolesOfUser(tx, by, r.ID, locked, now); err != nil {
		return nil, err
	}
	told := audit.Detail{"changed": changedNames(old, written)}
	if was.UserName != r.UserName { // so that people who look for the old name find whom it was
		told["from"], told["to"] = was.UserName, r.UserName
	}
	if err := audit.RecordAt(tx, by, changeEvent(was, r), r.ID, told, now); err != nil {
		return nil, err
	}
	var out scim.Resource
	if deref(r.ManagerID) != manager {
		out, err = p.reread(tx, r.ID)
	} else {
		out, err = p.user(r)
	}
	if err != nil {
		return nil, err
	}
	return out, recorded(tx, changedUser(changeEvent(was, r), r, old, written, out, now))
}

// freeName looks for another person with the new userName; the unique index is the last guard.
func (p *Provisioning) freeName(tx database.Tx, by actor.Actor, r userRow, c personColumns, now time.Time) error {
	if c.userNameKey == r.UserNameKey {
		return nil
	}
	var other string
	err := tx.Raw("SELECT id FROM people WHERE workspace_id = ? AND user_name_key = ? AND deleted_at IS NULL AND id <> ?", r.WorkspaceID, c.userNameKey, r.ID).
		Scan(&other).Error
	if err == nil && other != "" {
		return p.settle(tx, by, r, other, now)
	}
	return err
}

func changeEvent(was Person, r userRow) string {
	switch {
	case was.Active && !r.Active:
		return "person.deactivated"
	case !was.Active && r.Active:
		return "person.reactivated"
	}
	return "person.changed"
}

// changedNames are the attributes in which two resources differ, sorted.
func changedNames(a, b scim.Resource) []string {
	var names []string
	for _, r := range []scim.Resource{a, b} {
		for name := range r {
			if !slices.Contains(names, name) && !scim.Equal(scim.Resource{"": a[name]}, scim.Resource{"": b[name]}) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return names
}

// lockUser reads a person that SCIM sees and keeps others from changing them.
func (p *Provisioning) lockUser(tx database.Tx, workspace, id string, match IfMatch) (userRow, error) {
	var rows []userRow
	if !scim.Storable(id) {
		return userRow{}, ErrNoUser
	}
	err := tx.Raw(p.selectUsers(scim.Projection{})+" WHERE r.id = ? AND "+visible+forUpdate(tx), id, workspace).
		Scan(&rows).Error
	if err != nil {
		return userRow{}, err
	}
	if len(rows) == 0 {
		return userRow{}, ErrNoUser
	}
	return rows[0], match.allows(rows[0].Version)
}

// update writes the columns of a locked person. One who was active and is not any more loses at once what must not outlive them.
func (p *Provisioning) update(tx database.Tx, by actor.Actor, r *userRow, was Person, c personColumns, now time.Time, locked bool) error {
	ends := was.Active && !c.active
	if ends {
		if err := stillAdmins(tx, was, locked); err != nil {
			return err
		}
	}
	written, err := r.written()
	if err != nil {
		return err
	}
	before := p.furtherAddresses(written, r.Email)
	c.apply(r)
	r.Version, r.UpdatedAt = r.Version+1, now
	values := c.values()
	values["source"], values["version"], values["updated_at"] = r.Source, r.Version, now
	if err := tx.Table("people").Where("id = ?", r.ID).Updates(values).Error; err != nil {
		return err
	}
	if err := replaceEmails(tx, *r, before, c.emails); err != nil {
		return err
	}
	if ends {
		return p.s.end(tx, by, r.person(), now)
	}
	if c.active && !was.Active && was.Source == Provider {
		return p.returned(tx, by, r, now)
	}
	return nil
}

// replaceEmails writes the further addresses of a person, unless they are the same as before.
func replaceEmails(tx database.Tx, r userRow, before, keys []string) error {
	if slices.Equal(before, keys) {
		return nil
	}
	if err := tx.Exec("DELETE FROM person_emails WHERE person_id = ?", r.ID).Error; err != nil {
		return err
	}
	return insertEmails(tx, r.WorkspaceID, r.ID, keys)
}

// stillAdmins refuses to lose the last active admin (rule O1).
func stillAdmins(tx database.Tx, was Person, locked bool) error {
	switch {
	case !was.Role.Admin():
		return nil
	case !locked:
		return errLockFirst
	}
	return keepAdmin(tx, was.Workspace, was.ID)
}

// DeleteUser hides a person from everybody and frees their userName. The row stays, with its memberships, to be restored.
func (p *Provisioning) DeleteUser(ctx context.Context, by actor.Actor, id string, match IfMatch) error {
	return p.guarded(ctx, by.Workspace, func(tx database.Tx, locked bool) error {
		r, err := p.lockUser(tx, by.Workspace, id, match)
		if err != nil {
			return err
		}
		was := r.person()
		if was.Active {
			if err := stillAdmins(tx, was, locked); err != nil {
				return err
			}
		}
		now, err := tx.Now()
		if err != nil {
			return err
		}
		err = tx.Exec("UPDATE people SET deleted_at = ?, active_before = active, active = ?, version = version + 1, updated_at = ? WHERE id = ?", now, false, now, r.ID).Error
		if err != nil {
			return err
		}
		before, err := r.written()
		if err != nil {
			return err
		}
		r.Active = false
		if err := p.ended(tx, by, r.person(), now); err != nil {
			return err
		}
		if err := audit.RecordAt(tx, by, "person.deleted", r.ID, nil, now); err != nil {
			return err
		}
		return recorded(tx, changedUser("person.deleted", r, before, nil, nil, now))
	})
}

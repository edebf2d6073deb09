package directory

import (
	"context"
	"errors"
	"time"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/ident"
	"github.com/countersign/countersign/internal/scim"
)

// CreateUser makes a person from a POST. A local person with the userName is adopted: same id, role and password, from now on kept by the
// directory. An inactive directory person with the externalId, which nobody active shares, is revived: same id, and everything as sent. Any other
// clash of userNames, also with an inactive person, is ErrUserNameTaken. Nobody is ever matched by e-mail address or in another workspace.
func (p *Provisioning) CreateUser(ctx context.Context, by actor.Actor, in scim.Incoming) (scim.Resource, error) {
	var out scim.Resource
	err := p.guarded(ctx, by.Workspace, func(tx database.Tx, locked bool) error {
		written := scim.Clone(in.Resource)
		if written["active"] == nil {
			written["active"] = true
		}
		old, err := p.clash(tx, by.Workspace, written)
		if err != nil {
			return err
		}
		c, err := p.columnsOf(written, deref(emailOf(old)))
		if err != nil {
			return err
		}
		now, err := tx.Now()
		if err != nil {
			return err
		}
		var r userRow
		if old == nil {
			r, err = p.insertUser(tx, by, c, now)
		} else {
			r, err = p.takeOver(tx, by, *old, c, now, locked)
		}
		if err != nil {
			return err
		}
		joined, err := p.arrived(tx, r, now)
		if err != nil {
			return err
		}
		if err := p.rolesAfter(tx, by, []string{r.ID}, locked, now); err != nil {
			return err
		}
		if old != nil || joined || r.ManagerID != nil { // other rows have a say in how the person is shown
			out, err = p.reread(tx, r.ID)
		} else {
			out, err = p.user(r)
		}
		if err != nil {
			return err
		}
		event, before, err := arrival(old)
		if err != nil {
			return err
		}
		return recorded(tx, changedUser(event, r, before, written, out, now))
	})
	return out, duplicate(err, ErrUserNameTaken)
}

// arrival names how a person came: old is who they were before, nil for nobody.
func arrival(old *userRow) (event string, before scim.Resource, err error) {
	switch {
	case old == nil:
		return "person.created", nil, nil
	case Source(old.Source) == Local:
		event = "person.adopted"
	case old.Active: // settled by hand, see Claim
		event = "person.changed"
	default:
		event = "person.revived"
	}
	before, err = old.written()
	return event, before, err
}

func emailOf(r *userRow) *string {
	if r == nil {
		return nil
	}
	return &r.Email
}

// clash finds whom the new person is, if there already: nil for nobody.
func (p *Provisioning) clash(tx database.Tx, workspace string, written scim.Resource) (*userRow, error) {
	name, external := scim.Fold(scim.Text(written, "userName")), scim.Text(written, "externalId")
	// Two index look-ups, each by itself: no planner makes them of an OR that it cannot estimate.
	ids, args := "SELECT id FROM people WHERE workspace_id = ? AND user_name_key = ? AND deleted_at IS NULL", []any{workspace, name}
	if external != "" {
		ids += " UNION ALL SELECT id FROM people WHERE workspace_id = ? AND external_id = ? AND deleted_at IS NULL"
		args = append(args, workspace, external)
	}
	var rows []userRow
	err := tx.Raw("SELECT "+userColumns+" FROM people r WHERE "+among(tx.Dialect(), ids)+" AND r.deleted_at IS NULL"+
		" ORDER BY CASE WHEN r.user_name_key = ? THEN 0 WHEN r.active THEN 1 ELSE 2 END, r.created_at, r.id LIMIT 10"+forUpdate(tx), append(args, name)...).Scan(&rows).Error
	if err != nil {
		return nil, err
	}
	var found *userRow
	shared := false
	for i := range rows {
		r := &rows[i]
		same := external != "" && deref(r.ExternalID) == external
		switch {
		case r.UserNameKey == name && (Source(r.Source) == Local || !r.Active && same):
			return r, nil
		case r.UserNameKey == name && claims(tx, r.person(), wayOfArrival(r.person())):
			return r, nil
		case r.UserNameKey == name:
			return nil, ErrUserNameTaken
		case Source(r.Source) == Provider && r.Active:
			shared = true
		case found == nil && Source(r.Source) == Provider:
			found = r
		}
	}
	if shared {
		return nil, nil //nolint:nilnil // somebody active has the externalId too, so it does not say who is meant
	}
	return found, nil
}

func (p *Provisioning) insertUser(tx database.Tx, by actor.Actor, c personColumns, now time.Time) (userRow, error) {
	r := userRow{ID: ident.New("ppl"), WorkspaceID: by.Workspace, Source: string(Provider), Role: string(User), Version: 1, CreatedAt: now, UpdatedAt: now}
	c.apply(&r)
	err := tx.Exec(`INSERT INTO people (id, workspace_id, source, role, active, user_name, user_name_key, name, name_key, email, email_key, external_id,
		manager_id, attributes, search, version, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?)`,
		r.ID, r.WorkspaceID, r.Source, r.Role, c.active, c.userName, c.userNameKey, c.name, c.nameKey, c.email, c.emailKey, c.externalID,
		c.managerID, c.attributes, c.search, now, now).Error
	if err != nil {
		return r, err
	}
	if err := insertEmails(tx, r.WorkspaceID, r.ID, c.emails); err != nil {
		return r, err
	}
	return r, audit.RecordAt(tx, by, "person.created", r.ID, nil, now)
}

// takeOver makes an existing person the one that was sent.
func (p *Provisioning) takeOver(tx database.Tx, by actor.Actor, r userRow, c personColumns, now time.Time, locked bool) (userRow, error) {
	was := r.person()
	event, _, err := arrival(&r)
	if err != nil {
		return r, err
	}
	r.Source = string(Provider)
	if err := p.update(tx, by, &r, was, c, now, locked); err != nil {
		return r, err
	}
	return r, audit.RecordAt(tx, by, event, r.ID, nil, now)
}

// arrived lets a person into the teams that named them before they came.
func (p *Provisioning) arrived(tx database.Tx, r userRow, now time.Time) (joined bool, err error) {
	ids := []string{r.ID}
	if r.ExternalID != nil {
		ids = append(ids, *r.ExternalID)
	}
	var teams []string
	err = tx.Raw("DELETE FROM team_pending WHERE workspace_id = ? AND member_id IN ? RETURNING team_id", r.WorkspaceID, ids).Scan(&teams).Error
	if err != nil || len(teams) == 0 {
		return false, err
	}
	err = tx.Exec("INSERT INTO team_members (team_id, person_id, workspace_id) SELECT id, ?, workspace_id FROM teams"+
		" WHERE COALESCE(workspace_id, '') = ? AND deleted_at IS NULL AND id IN ? ON CONFLICT DO NOTHING", r.ID, r.WorkspaceID, teams).Error
	if err != nil {
		return false, err
	}
	return true, tx.Exec("UPDATE teams SET version = version + 1, updated_at = ? WHERE COALESCE(workspace_id, '') = ? AND id IN ?", now, r.WorkspaceID, teams).Error
}

// reread is the complete resource of a person who was just written.
func (p *Provisioning) reread(tx database.Tx, id string) (scim.Resource, error) {
	var r userRow
	if err := tx.Raw(p.selectUsers(scim.Projection{})+" WHERE r.id = ?", id).Scan(&r).Error; err != nil {
		return nil, err
	}
	return p.user(r)
}

func insertEmails(tx database.Tx, workspace, person string, keys []string) error {
	for _, key := range keys {
		if err := tx.Exec("INSERT INTO person_emails (person_id, value_key, workspace_id) VALUES (?, ?, ?)", person, key, workspace).Error; err != nil {
			return err
		}
	}
	return nil
}

// duplicate names what a unique index refused; a race that looking first cannot see.
func duplicate(err, as error) error {
	if errors.Is(err, gorm.ErrDuplicatedKey) {
		return as
	}
	return err
}

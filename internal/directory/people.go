package directory

import (
	"context"
	"errors"
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/ident"
	"github.com/countersign/countersign/internal/scim"
)

// ManagerRoles may change people and tokens.
var ManagerRoles = []Role{Owner, SuperAdmin}

// What changing people refuses.
var (
	ErrForbidden  = fault.New(fault.Forbidden, "forbidden", "This needs the Owner or a Super Admin.").With("allowed_roles", ManagerRoles)
	ErrOwnerOnly  = fault.New(fault.Forbidden, "forbidden", "Only the Owner can do this to the Owner's account.").With("allowed_roles", []Role{Owner})
	ErrOneOwner   = fault.New(fault.Conflict, "one_owner", "A workspace has exactly one Owner. The role cannot be given or taken here.")
	ErrEmailTaken = fault.New(fault.Conflict, "email_taken", "There is a person with this e-mail address in the workspace already.")
	ErrSelf       = fault.New(fault.Conflict, "own_account", "You cannot deactivate your own account. Ask another Owner or Super Admin.")
	ErrLastAdmin  = fault.New(fault.Conflict, "last_admin", "This is the last active admin of the workspace. Make somebody else one first.")
	ErrRole       = fault.New(fault.Invalid, "bad_role", "The role is one of super_admin, admin, user and guest.")
	ErrName       = fault.New(fault.Invalid, "bad_name", "A name has 1 to 200 characters.")
	ErrEmail      = fault.New(fault.Invalid, "bad_email", "This is not an e-mail address.")
)

// Add makes a local person, who signs in with their e-mail address. Nobody can be made Owner here.
func Add(tx database.Tx, by actor.Actor, name, email string, role Role) (Person, error) {
	if err := RequireManager(tx, by); err != nil {
		return Person{}, err
	}
	switch {
	case role == Owner:
		return Person{}, ErrOneOwner
	case !role.Known():
		return Person{}, ErrRole
	}
	return add(tx, by, name, email, role)
}

// AddOwner makes the Owner of a workspace that is being made in the same transaction.
func AddOwner(tx database.Tx, by actor.Actor, workspace, name, email string) (Person, error) {
	return AddOwnerAs(tx, by, workspace, NewPersonID(), name, email)
}

// NewPersonID is an id that nobody has, for AddOwnerAs.
func NewPersonID() string { return ident.New("ppl") }

// AddOwnerAs is AddOwner with an id that was made before, because a passkey was made for it.
func AddOwnerAs(tx database.Tx, by actor.Actor, workspace, id, name, email string) (Person, error) {
	by.Workspace = workspace
	return addAs(tx, by, id, name, email, Owner)
}

func add(tx database.Tx, by actor.Actor, name, email string, role Role) (Person, error) {
	return addAs(tx, by, NewPersonID(), name, email, role)
}

func addAs(tx database.Tx, by actor.Actor, id, name, email string, role Role) (Person, error) {
	name, email = strings.TrimSpace(name), strings.TrimSpace(email)
	if !goodName(name) {
		return Person{}, ErrName
	}
	if !goodEmail(email) {
		return Person{}, ErrEmail
	}
	key := Key(email)
	var taken string
	err := tx.Raw(`SELECT id FROM people WHERE workspace_id = ? AND user_name_key = ? AND deleted_at IS NULL UNION ALL
		SELECT id FROM people WHERE workspace_id = ? AND email_key = ? AND deleted_at IS NULL LIMIT 1`, by.Workspace, key, by.Workspace, key).Scan(&taken).Error
	if err != nil {
		return Person{}, err
	}
	if taken != "" {
		return Person{}, ErrEmailTaken
	}
	now, err := tx.Now()
	if err != nil {
		return Person{}, err
	}
	r := personRow{ID: id, WorkspaceID: by.Workspace, Source: string(Local), Role: string(role), Active: true, UserName: email,
		UserNameKey: key, Name: name, NameKey: Key(name), Email: email, EmailKey: key, Attributes: "{}", Version: 1, CreatedAt: now, UpdatedAt: now}
	err = tx.Create(&r).Error
	if errors.Is(err, gorm.ErrDuplicatedKey) {
		return Person{}, ErrEmailTaken
	}
	if err != nil {
		return Person{}, err
	}
	return r.person(), audit.RecordAt(tx, by, "person.added", r.ID, audit.Detail{"role": role}, now)
}

// Change sets a person's role, or switches a person on or off; nil leaves a thing as it is. Switching off ends, in the same
// transaction, what must not outlive the person. What is decided here about a person of the directory holds until the directory says otherwise.
func (s *Service) Change(ctx context.Context, by actor.Actor, id string, role *Role, active *bool) (Person, error) {
	return s.ChangeFrom(ctx, by, id, "", role, active)
}

// ChangeFrom is Change of somebody whose role was that when the change was begun: where it is neither that nor the wanted one any more, the change is
// refused with fault.ErrEdited, also where it would only switch the person on or off. "" is whatever it was.
func (s *Service) ChangeFrom(ctx context.Context, by actor.Actor, id string, was Role, role *Role, active *bool) (Person, error) {
	var p Person
	err := s.db.InTx(ctx, func(tx database.Tx) error {
		if err := asManager(tx, by); err != nil {
			return err
		}
		var r personRow
		err := tx.Lock().Where("workspace_id = ? AND id = ? AND deleted_at IS NULL", by.Workspace, id).Take(&r).Error
		if errors.Is(err, gorm.ErrRecordNotFound) {
			return fault.ErrNotFound
		}
		if err != nil {
			return err
		}
		if was != "" && r.Role != string(was) && (role == nil || r.Role != string(*role)) {
			return fault.ErrEdited.With("now", map[string]string{"role": r.Role})
		}
		if err := s.setRole(tx, by, &r, role); err != nil {
			return err
		}
		if err := s.setActive(tx, by, &r, active); err != nil {
			return err
		}
		p = r.person()
		return nil
	})
	return p, err
}

func (s *Service) setRole(tx database.Tx, by actor.Actor, r *personRow, role *Role) error {
	switch {
	case role == nil || string(*role) == r.Role:
		return nil
	case !role.Known():
		return ErrRole
	case *role == Owner || Role(r.Role) == Owner:
		return ErrOneOwner
	}
	if !role.Admin() && Role(r.Role).Admin() {
		if err := keepAdmin(tx, r.WorkspaceID, r.ID); err != nil {
			return err
		}
	}
	if r.RoleMapped {
		return ErrRoleMapped
	}
	from := r.Role
	r.Role = string(*role)
	if err := touch(tx, r, "role", r.Role); err != nil {
		return err
	}
	if err := s.demoted(tx, by, r.person(), Role(from), *role, r.UpdatedAt); err != nil {
		return err
	}
	return audit.RecordAt(tx, by, "person.role_changed", r.ID, audit.Detail{"from": from, "to": r.Role}, r.UpdatedAt)
}

func (s *Service) setActive(tx database.Tx, by actor.Actor, r *personRow, active *bool) error {
	switch {
	case active == nil || *active == r.Active:
		return nil
	case !*active && r.ID == by.Person:
		return ErrSelf
	case Role(r.Role) == Owner && Role(by.Role) != Owner:
		return ErrOwnerOnly
	}
	if !*active && Role(r.Role).Admin() {
		if err := keepAdmin(tx, r.WorkspaceID, r.ID); err != nil {
			return err
		}
	}
	r.Active = *active
	if err := touch(tx, r, "active", r.Active); err != nil {
		return err
	}
	if r.Active {
		return audit.RecordAt(tx, by, "person.reactivated", r.ID, nil, r.UpdatedAt)
	}
	if err := s.end(tx, by, r.person(), r.UpdatedAt); err != nil {
		return err
	}
	return audit.RecordAt(tx, by, "person.deactivated", r.ID, nil, r.UpdatedAt)
}

// touch writes one column of a locked row and counts its version up.
func touch(tx database.Tx, r *personRow, column string, value any) error {
	now, err := tx.Now()
	if err != nil {
		return err
	}
	r.Version, r.UpdatedAt = r.Version+1, now
	return tx.Model(&personRow{}).Where("id = ?", r.ID).Updates(map[string]any{column: value, "version": r.Version, "updated_at": now}).Error
}

// asManager locks the workspace for a change that only a manager of people may make, and sees that by is still one.
func asManager(tx database.Tx, by actor.Actor) error {
	if err := lockWorkspace(tx, by.Workspace); err != nil {
		return err
	}
	return RequireManager(tx, by)
}

// RequireManager refuses who may not change people. The role is read again in tx: the actor's own copy is from before the workspace was locked.
func RequireManager(tx database.Tx, by actor.Actor) error {
	if by.Kind == actor.Operator || by.Kind == actor.System {
		return nil
	}
	p, err := Find(tx.DB, by.Workspace, by.Person)
	if err != nil && !errors.Is(err, fault.ErrNotFound) {
		return err
	}
	if err != nil || !p.Active || !p.Role.Manager() {
		return ErrForbidden
	}
	return nil
}

// lockWorkspace makes changes that could leave a workspace without an admin wait for each other.
func lockWorkspace(tx database.Tx, workspace string) error {
	var id string
	return tx.Lock().Table("workspaces").Select("id").Where("id = ?", workspace).Scan(&id).Error
}

// keepAdmin refuses to lose a person who is the last active admin. The caller holds lockWorkspace.
func keepAdmin(tx database.Tx, workspace, without string) error {
	var other string // the roles are spelt out, so that both planners see that the partial index people_admins holds the answer
	res := tx.Raw(`SELECT id FROM people WHERE workspace_id = ? AND role IN ('owner', 'super_admin', 'admin') AND active = true AND deleted_at IS NULL
		AND id <> ? LIMIT 1`, workspace, without).Scan(&other)
	if res.Error == nil && other == "" {
		return ErrLastAdmin
	}
	return res.Error
}

// ByLogin finds who signs in with login: the person whose userName it is, else the only one whose e-mail address it is. An address that
// several people share names none of them.
func ByLogin(db *gorm.DB, workspace, login string) (Person, error) {
	key := Key(login)
	if key == "" || !scim.Storable(key) {
		return Person{}, fault.ErrNotFound
	}
	var rows []personRow // two looks, because SQLite reads the whole table for an OR
	for _, column := range []string{"user_name_key", "email_key"} {
		err := db.Where("workspace_id = ? AND "+column+" = ? AND deleted_at IS NULL", workspace, key).Limit(2).Find(&rows).Error
		if err != nil {
			return Person{}, err
		}
		if len(rows) == 1 {
			return rows[0].person(), nil
		}
	}
	return Person{}, fault.ErrNotFound
}

// Hold reads a person and keeps them from being changed until tx ends, so that what is given to an active person (a session, a phone) cannot
// outlive a deactivation that happens at the same time.
func Hold(tx database.Tx, workspace, id string) (Person, error) {
	return Find(tx.LockShare(), workspace, id)
}

func goodName(name string) bool {
	n := utf8.RuneCountInString(name)
	return n >= 1 && n <= 200 && utf8.ValidString(name) && !strings.ContainsFunc(name, unicode.IsControl)
}

// goodEmail wants a bare address, as one types it to sign in: no display name, no comment, no blank.
func goodEmail(email string) bool {
	a, err := mail.ParseAddress(email)
	return err == nil && a.Address == email && len(email) <= 254 && !strings.ContainsFunc(email, unicode.IsSpace)
}

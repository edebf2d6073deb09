package directory

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/scim"
)

// RoleMapping gives roles to people of the directory by their teams or by the app roles that the provider sends. Its rules stand in their order
// of precedence: the first that a person meets counts. A person who meets none any more, and whose role came from a rule, is a user again; a
// role that was given by hand stays. The Owner is never touched and never made.
type RoleMapping struct {
	Rules []RoleRule `json:"rules"`
	// KeepOnReturn lets a person whom the directory switches on again have the admin's role that somebody gave them by hand before. Otherwise
	// they come back as a user, and a role has to be given anew.
	KeepOnReturn bool `json:"keep_on_return,omitempty"`
}

// RoleRule gives a role to the members of a team, or to those who have a value among their roles.
type RoleRule struct {
	Team    string `json:"team_id,omitempty"`
	AppRole string `json:"app_role,omitempty"` // compared without regard to case
	Role    Role   `json:"role"`
}

const mostRoleRules = 100

// What a role mapping refuses.
var (
	ErrRoleMapping = fault.New(fault.Invalid, "bad_role_mapping", "")
	ErrRoleMapped  = fault.New(fault.Conflict, "managed_by_mapping", "This role comes from a rule of the group to role mapping. Change the rule, or the person's teams in your identity provider.")
)

// teams are the teams that any rule names.
func (m RoleMapping) teams() []string {
	var out []string
	for _, r := range m.Rules {
		if r.Team != "" && !slices.Contains(out, r.Team) {
			out = append(out, r.Team)
		}
	}
	return out
}

// names says whether a rule names the team.
func (m RoleMapping) names(team string) bool { return slices.Contains(m.teams(), team) }

// byAppRole says whether a rule looks at the roles that the provider sends.
func (m RoleMapping) byAppRole() bool {
	return slices.ContainsFunc(m.Rules, func(r RoleRule) bool { return r.AppRole != "" })
}

func (m RoleMapping) check(db *gorm.DB, workspace string) error {
	if len(m.Rules) > mostRoleRules {
		return ErrRoleMapping.Saying("There are at most %d rules.", mostRoleRules)
	}
	seen := map[RoleRule]bool{}
	for _, r := range m.Rules {
		key := RoleRule{Team: r.Team, AppRole: scim.Fold(r.AppRole)}
		switch {
		case r.Role == Owner:
			return ErrRoleMapping.Saying("No rule makes an Owner.")
		case !r.Role.Known():
			return ErrRole
		case (r.Team == "") == (r.AppRole == ""), !scim.Storable(r.Team + r.AppRole), len(r.AppRole) > 200:
			return ErrRoleMapping.Saying("A rule names a team or an app role, one of the two.")
		case seen[key]:
			return ErrRoleMapping.Saying("Two rules name the same team or app role.")
		}
		seen[key] = true
	}
	teams := m.teams()
	if len(teams) == 0 {
		return nil
	}
	var there int64
	err := db.Raw("SELECT count(*) FROM teams WHERE workspace_id = ? AND id IN ? AND deleted_at IS NULL", workspace, teams).Scan(&there).Error
	if err == nil && int(there) != len(teams) {
		return ErrRoleMapping.Saying("A rule names a team that this workspace does not have.")
	}
	return err
}

// RoleChange is what a mapping makes of one person's role.
type RoleChange struct {
	Person   Person
	From, To Role
	Because  RoleRule // the rule that counts; zero when none does any more
	mapped   bool
}

// demotes says whether the change takes an admin's rights away.
func (c RoleChange) demotes() bool { return c.From.Admin() && rank[c.To] > rank[c.From] }

var rank = map[Role]int{Owner: 0, SuperAdmin: 1, Admin: 2, User: 3, Guest: 4}

// roleInput is a person as the rules look at them.
type roleInput struct {
	Row        userRow `gorm:"embedded"`
	RoleMapped bool
}

// plan says what the rules make of the people among ids who are not as the rules want them.
func (m RoleMapping) plan(db *gorm.DB, workspace string, ids []string, lock string) ([]RoleChange, error) {
	var out []RoleChange
	columns := userColumns
	if !m.byAppRole() { // what is long and not looked at
		columns = strings.Replace(columns, "r.attributes", "'{}' AS attributes", 1)
	}
	slices.Sort(ids)
	for some := range slices.Chunk(slices.Compact(ids), atOnce) {
		var rows []roleInput
		err := db.Raw("SELECT "+columns+", r.role_mapped FROM people r WHERE r.id IN ? AND COALESCE(r.workspace_id, '') = ? AND r.source = 'directory'"+
			" AND r.role <> 'owner' AND r.deleted_at IS NULL ORDER BY r.id"+lock, some, workspace).Scan(&rows).Error
		if err != nil {
			return nil, err
		}
		in, err := m.memberships(db, workspace, some)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			c, err := m.of(r, in[r.Row.ID])
			if err != nil {
				return nil, err
			}
			if c.To != c.From || c.mapped != r.RoleMapped {
				out = append(out, c)
			}
		}
	}
	return out, nil
}

// memberships are the mapped teams of people. A membership or a team whose removal is held still counts: the role waits for the decision.
func (m RoleMapping) memberships(db *gorm.DB, workspace string, people []string) (map[string][]string, error) {
	teams := m.teams()
	if len(teams) == 0 {
		return nil, nil //nolint:nilnil // no rule looks at teams
	}
	const held = "SELECT 1 FROM held_items i JOIN held_removals h ON h.id = i.removal_id AND h.state = 'held' WHERE i.workspace_id = t.workspace_id AND i.team_id = t.id AND i.person_id = ''"
	var rows []struct{ PersonID, TeamID string }
	err := db.Raw("SELECT tm.person_id, tm.team_id FROM team_members tm JOIN teams t ON t.id = tm.team_id AND (t.deleted_at IS NULL OR EXISTS ("+held+"))"+
		" WHERE tm.workspace_id = ? AND tm.team_id IN ? AND tm.person_id IN ? UNION"+
		" SELECT i.person_id, i.team_id FROM held_items i JOIN held_removals h ON h.id = i.removal_id AND h.state = 'held'"+
		" WHERE i.workspace_id = ? AND i.team_id IN ? AND i.person_id IN ?", workspace, teams, people, workspace, teams, people).Scan(&rows).Error
	out := map[string][]string{}
	for _, r := range rows {
		out[r.PersonID] = append(out[r.PersonID], r.TeamID)
	}
	return out, err
}

// of is the role that the rules give one person.
func (m RoleMapping) of(r roleInput, teams []string) (RoleChange, error) {
	c := RoleChange{Person: r.Row.person(), From: Role(r.Row.Role), To: Role(r.Row.Role)}
	var said []string
	if m.byAppRole() {
		written, err := r.Row.written()
		if err != nil {
			return c, err
		}
		said = appRoles(written)
	}
	for _, rule := range m.Rules {
		if rule.Team != "" && slices.Contains(teams, rule.Team) || rule.AppRole != "" && slices.Contains(said, scim.Fold(rule.AppRole)) {
			c.To, c.Because, c.mapped = rule.Role, rule, true
			return c, nil
		}
	}
	if r.RoleMapped {
		c.To = User
	}
	return c, nil
}

// appRoles are the values of a person's roles, folded.
func appRoles(written scim.Resource) []string {
	list, _ := written["roles"].([]any)
	var out []string
	for _, e := range list {
		m, _ := e.(map[string]any)
		if v := scim.Text(m, "value"); v != "" {
			out = append(out, scim.Fold(scim.AppRole(v)))
		}
	}
	return out
}

// giveRoles brings the roles of the people among ids in line with the rules, and says whether it changed any. Without the workspace's lock it
// asks for it (errLockFirst) before it takes an admin's role. What a provider's mass removal would take is held.
func (s *Service) giveRoles(tx database.Tx, by actor.Actor, m RoleMapping, g GuardPolicy, ids []string, locked bool, now time.Time) (int, error) {
	changes, err := m.plan(tx.DB, by.Workspace, ids, forUpdate(tx))
	if err != nil {
		return 0, err
	}
	if by.Kind == actor.Provider {
		if changes, err = s.holdRoles(tx, by, g, changes, now); err != nil {
			return 0, err
		}
	}
	done := 0
	for _, c := range changes {
		did, err := s.giveRole(tx, by, c, locked, now)
		if err != nil {
			return done, err
		}
		if did {
			done++
		}
	}
	return done, nil
}

func (s *Service) giveRole(tx database.Tx, by actor.Actor, c RoleChange, locked bool, now time.Time) (bool, error) {
	if c.From.Admin() && !c.To.Admin() && c.Person.Active {
		if !locked {
			return false, errLockFirst
		}
		err := keepAdmin(tx, by.Workspace, c.Person.ID)
		if errors.Is(err, ErrLastAdmin) {
			return false, audit.RecordAt(tx, by, "person.role_kept", c.Person.ID, audit.Detail{"role": c.From, "wanted": c.To, "reason": "last_admin"}, now)
		}
		if err != nil {
			return false, err
		}
	}
	err := tx.Exec("UPDATE people SET role = ?, role_mapped = ? WHERE id = ?", string(c.To), c.mapped, c.Person.ID).Error
	if err != nil || c.From == c.To {
		return false, err
	}
	if err := s.demoted(tx, by, c.Person, c.From, c.To, now); err != nil {
		return false, err
	}
	detail := audit.Detail{"from": c.From, "to": c.To, "by": "mapping"}
	if c.Because.Team != "" {
		detail["team"] = c.Because.Team
	} else if c.Because.AppRole != "" {
		detail["app_role"] = c.Because.AppRole
	}
	return true, audit.RecordAt(tx, by, "person.role_changed", c.Person.ID, detail, now)
}

// concerned are the people whose role one of two mappings may have a say in.
func concerned(db *gorm.DB, dialect, workspace string, old, next RoleMapping) ([]string, error) {
	sql, args := "SELECT id FROM people"+database.Along(db, "people_role_mapped")+" WHERE workspace_id = ? AND role_mapped AND deleted_at IS NULL", []any{workspace}
	if teams := append(old.teams(), next.teams()...); len(teams) > 0 {
		sql += " UNION SELECT person_id FROM team_members WHERE team_id IN ? AND workspace_id = ?"
		args = append(args, teams, workspace)
	}
	if old.byAppRole() || next.byAppRole() {
		has := "json_extract(attributes, '$.roles') IS NOT NULL"
		if dialect == database.Postgres {
			has = "jsonb_exists(attributes, 'roles')"
		}
		sql += " UNION SELECT id FROM people WHERE workspace_id = ? AND source = 'directory' AND deleted_at IS NULL AND " + has
		args = append(args, workspace)
	}
	var ids []string
	return ids, db.Raw(sql, args...).Scan(&ids).Error
}

// RoleMappingOf is a workspace's role mapping, and whether it offers its roles at /Roles.
func (s *Service) RoleMappingOf(ctx context.Context, workspace string) (m RoleMapping, offers bool, err error) {
	return roleSettingsIn(s.db.Read(ctx), workspace)
}

func roleSettingsIn(db *gorm.DB, workspace string) (m RoleMapping, offers bool, err error) {
	var row rulesRow
	if err := db.Where("workspace_id = ?", workspace).Limit(1).Find(&row).Error; err != nil {
		return m, false, err
	}
	return m, row.OffersRoles, stored(row.Roles, &m)
}

func roleMappingIn(db *gorm.DB, workspace string) (RoleMapping, error) {
	m, _, err := roleSettingsIn(db, workspace)
	return m, err
}

// PreviewRoles tells whose role a mapping would change. Nothing is written.
func (s *Service) PreviewRoles(ctx context.Context, workspace string, want RoleMapping) ([]RoleChange, error) {
	db := s.db.Read(ctx)
	if err := want.check(db, workspace); err != nil {
		return nil, err
	}
	old, err := roleMappingIn(db, workspace)
	if err != nil {
		return nil, err
	}
	ids, err := concerned(db, s.db.Dialect, workspace, old, want)
	if err != nil {
		return nil, err
	}
	changes, err := want.plan(db, workspace, ids, "")
	return slices.DeleteFunc(changes, func(c RoleChange) bool { return c.From == c.To }), err
}

// SampleRole tells which role a mapping gives to a user as a request holds it: by the roles that they send, and by the teams that somebody who has
// their userName already is in. Nothing is written.
func (s *Service) SampleRole(ctx context.Context, workspace string, want RoleMapping, sample map[string]any) (RoleChange, error) {
	rules, err := s.rulesOf(ctx, workspace)
	if err != nil {
		return RoleChange{}, err
	}
	in, err := rules.userType().Read(sample)
	if err != nil {
		return RoleChange{}, err
	}
	db := s.db.Read(ctx)
	if err := want.check(db, workspace); err != nil {
		return RoleChange{}, err
	}
	name := scim.Text(in.Resource, "userName")
	r := roleInput{Row: userRow{Role: string(User)}}
	err = db.Raw("SELECT "+userColumns+", r.role_mapped FROM people r WHERE r.workspace_id = ? AND r.user_name_key = ? AND r.deleted_at IS NULL", workspace, scim.Fold(name)).
		Scan(&r).Error
	if err != nil {
		return RoleChange{}, err
	}
	attributes, err := scim.Encode(in.Resource)
	if err != nil {
		return RoleChange{}, err
	}
	r.Row.UserName, r.Row.Attributes = name, string(attributes)
	if Role(r.Row.Role) == Owner {
		return RoleChange{Person: r.Row.person(), From: Owner, To: Owner}, nil
	}
	teams, err := want.memberships(db, workspace, []string{r.Row.ID})
	if err != nil {
		return RoleChange{}, err
	}
	return want.of(r, teams[r.Row.ID])
}

// RoleSettings are a role mapping and whether the roles are shown at /Roles; nil is as it is.
type RoleSettings struct {
	RoleMapping
	OfferRoles *bool
}

// hold says whether these are the settings that hold, which name both.
func (r RoleSettings) hold(m RoleMapping, offers bool) bool {
	return slices.Equal(r.Rules, m.Rules) && r.KeepOnReturn == m.KeepOnReturn && (r.OfferRoles == nil || *r.OfferRoles == offers)
}

// SetRoles keeps a mapping and gives everybody their role by it, in one transaction. It says of how many the role has changed. offer, where it
// is not nil, says whether the roles are shown at /Roles.
func (s *Service) SetRoles(ctx context.Context, by actor.Actor, want RoleMapping, offer *bool) (changed int, err error) {
	return s.SetRolesFrom(ctx, by, nil, RoleSettings{want, offer})
}

// SetRolesFrom is SetRoles of somebody who began with the settings was: where neither those nor the wanted ones hold any more, it is refused with
// fault.ErrEdited. nil is whatever held.
func (s *Service) SetRolesFrom(ctx context.Context, by actor.Actor, was *RoleSettings, settings RoleSettings) (changed int, err error) {
	want, offer := settings.RoleMapping, settings.OfferRoles
	err = s.db.InTx(ctx, func(tx database.Tx) error {
		if err := asManager(tx, by); err != nil {
			return err
		}
		old, offers, err := roleSettingsIn(tx.DB, by.Workspace)
		if err != nil {
			return err
		}
		if was != nil && !was.hold(old, offers) && !settings.hold(old, offers) {
			return fault.ErrEdited.With("now", map[string]any{"rules": append([]RoleRule{}, old.Rules...), "offer_roles": offers, "keep_on_return": old.KeepOnReturn})
		}
		if err := want.check(tx.DB, by.Workspace); err != nil {
			return err
		}
		ids, err := concerned(tx.DB, tx.Dialect(), by.Workspace, old, want)
		if err != nil {
			return err
		}
		now, err := tx.Now()
		if err != nil {
			return err
		}
		if err := s.saveRules(tx, by.Workspace, "roles", want, now); err != nil {
			return err
		}
		if offer != nil {
			if err := s.saveRules(tx, by.Workspace, "offers_roles", *offer, now); err != nil {
				return err
			}
		}
		if changed, err = s.giveRoles(tx, by, want, GuardPolicy{}, ids, true, now); err != nil {
			return err
		}
		return audit.RecordAt(tx, by, "role_mapping.changed", by.Workspace, audit.Detail{"rules": len(want.Rules), "people": changed}, now)
	})
	return changed, err
}

// rolesAfter gives the people among ids their role by the workspace's rules, as they are now in the database; nothing where there are none.
func (p *Provisioning) rolesAfter(tx database.Tx, by actor.Actor, ids []string, locked bool, now time.Time) error {
	if p.rules == nil || len(p.rules.roles.Rules) == 0 || len(ids) == 0 {
		return nil
	}
	m, err := roleMappingIn(tx.DB, by.Workspace)
	if err != nil {
		return err
	}
	_, err = p.s.giveRoles(tx, by, m, p.rules.guardPolicy(), ids, locked, now)
	return err
}

// returned takes from a person whom the directory has just switched on again the admin's role that was given by hand, unless the workspace wants
// it otherwise. Who leaves and comes back gets rights from those who are there now. An Owner who is back is the Owner.
func (p *Provisioning) returned(tx database.Tx, by actor.Actor, r *userRow, now time.Time) error {
	if Role(r.Role) == Owner {
		return ownerReturned(tx, by, r.ID, now)
	}
	if !Role(r.Role).Admin() || p.rules.roleMapping().KeepOnReturn {
		return nil
	}
	res := tx.Exec("UPDATE people SET role = 'user' WHERE id = ? AND NOT role_mapped", r.ID)
	if res.Error != nil || res.RowsAffected == 0 {
		return res.Error
	}
	from := r.Role
	r.Role = string(User)
	if err := p.s.demoted(tx, by, r.person(), Role(from), User, now); err != nil {
		return err
	}
	return audit.RecordAt(tx, by, "person.role_changed", r.ID, audit.Detail{"from": from, "to": User, "by": "return"}, now)
}

// Settle gives roles once more in the workspaces whose rules have changed in the last minutes: another process may have changed a team by the
// rules that it still remembered.
func (s *Service) Settle(ctx context.Context) error {
	now, err := s.db.Now(ctx)
	if err != nil {
		return err
	}
	var workspaces []string
	err = s.db.Read(ctx).Model(&rulesRow{}).Where("updated_at > ?", now.Add(-settleFor)).Pluck("workspace_id", &workspaces).Error
	if err != nil {
		return err
	}
	for _, workspace := range workspaces {
		by := actor.Actor{Kind: actor.System, Workspace: workspace, Name: "Countersign"}
		err := s.db.InTx(ctx, func(tx database.Tx) error {
			if err := lockWorkspace(tx, workspace); err != nil {
				return err
			}
			m, err := roleMappingIn(tx.DB, workspace)
			if err != nil {
				return err
			}
			ids, err := concerned(tx.DB, tx.Dialect(), workspace, m, m)
			if err != nil {
				return err
			}
			now, err := tx.Now()
			if err != nil {
				return err
			}
			_, err = s.giveRoles(tx, by, m, GuardPolicy{}, ids, true, now)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// settleFor is how long after a change of rules roles are looked at again.
const settleFor = 5 * time.Minute

// rolesOfUser is rolesAfter for one person whose own attributes have changed.
func (p *Provisioning) rolesOfUser(tx database.Tx, by actor.Actor, id string, locked bool, now time.Time) error {
	if p.rules == nil || !p.rules.roles.byAppRole() {
		return nil
	}
	return p.rolesAfter(tx, by, []string{id}, locked, now)
}

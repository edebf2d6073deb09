package directory

import (
	"context"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/ident"
	"github.com/countersign/countersign/internal/notice"
)

// GuardPolicy says from when on what a provider removes within an hour is held. Deactivations are never held.
type GuardPolicy struct {
	Enabled bool `json:"enabled"`
	Count   int  `json:"count"`   // more than so many; 0: not by number
	Percent int  `json:"percent"` // more than this share of the directory's people, from the fourth on; 0: not by share
}

// DefaultGuard is the policy of a workspace that has none of its own.
var DefaultGuard = GuardPolicy{Enabled: true, Count: 20, Percent: 10}

// window is how far back removals are counted.
const window = time.Hour

// aMoment is longer than a deletion takes.
const aMoment = 2 * time.Second

// few is how many removals are never a mass, however small the workspace: a test person and a leaver or two.
const few = 3

// Kinds of held removals.
const (
	HeldPeople  = "people"  // deleted people
	HeldMembers = "members" // people taken out of teams, and deleted teams
	HeldRoles   = "roles"   // roles that a rule would take
)

// ErrGuard says what is wrong with a guard policy.
var ErrGuard = fault.New(fault.Invalid, "bad_guard", "The guard holds above 0 to 100,000 removals, or 0 to 100 percent, in an hour; 0 switches a threshold off.")

// Guard is a workspace's policy.
func (s *Service) Guard(ctx context.Context, workspace string) (GuardPolicy, error) {
	var row rulesRow
	g := DefaultGuard
	if err := s.db.Read(ctx).Where("workspace_id = ?", workspace).Limit(1).Find(&row).Error; err != nil {
		return g, err
	}
	return g, stored(row.Guard, &g)
}

// SetGuard keeps a policy. What is held already stays held.
func (s *Service) SetGuard(ctx context.Context, by actor.Actor, g GuardPolicy) error {
	if g.Count < 0 || g.Count > 100_000 || g.Percent < 0 || g.Percent > 100 {
		return ErrGuard
	}
	return s.db.InTx(ctx, func(tx database.Tx) error {
		if err := asManager(tx, by); err != nil {
			return err
		}
		now, err := tx.Now()
		if err != nil {
			return err
		}
		if err := s.saveRules(tx, by.Workspace, "guard", g, now); err != nil {
			return err
		}
		return audit.RecordAt(tx, by, "guard.changed", by.Workspace, audit.Detail{"enabled": g.Enabled, "count": g.Count, "percent": g.Percent}, now)
	})
}

// above says whether n removals within an hour are more than the policy lets through, and by which rule. gone of them are people who are not
// counted among the directory's any more.
func (g GuardPolicy) above(db *gorm.DB, workspace string, n, gone int) (string, error) {
	var people int64
	err := db.Raw(totalOf, workspace, "people").Scan(&people).Error
	return g.crossed(n, gone, people), err
}

// crossed names the rule by which n removals within an hour are too many, among so many people of the directory; "" for none.
func (g GuardPolicy) crossed(n, gone int, people int64) string {
	switch {
	case !g.Enabled || n <= 0:
	case g.Count > 0 && n > g.Count:
		return fmt.Sprintf("more than %d in an hour", g.Count)
	case g.Percent > 0 && n > few && int64(100*n) > int64(g.Percent)*(people+int64(gone)):
		return fmt.Sprintf("more than %d percent of the directory in an hour", g.Percent)
	}
	return ""
}

type removalRow struct {
	ID          string
	WorkspaceID string
	Kind        string
	State       string
	OpenedAt    time.Time
	OpenedBy    string
	Reason      string
	DecidedAt   *time.Time
	DecidedBy   string
}

func (removalRow) TableName() string { return "held_removals" }

// openRemoval is the removal of a kind that is held now; it opens one where there is none, and says so.
func (s *Service) openRemoval(tx database.Tx, by actor.Actor, kind, reason string, now time.Time) (removal string, opened bool, err error) {
	var id string
	find := func() error {
		return tx.Raw("SELECT id FROM held_removals WHERE workspace_id = ? AND kind = ? AND state = 'held'", by.Workspace, kind).Scan(&id).Error
	}
	if err := find(); err != nil || id != "" {
		return id, false, err
	}
	fresh := ident.New("rmv")
	res := tx.Exec("INSERT INTO held_removals (id, workspace_id, kind, state, opened_at, opened_by, reason) VALUES (?, ?, ?, 'held', ?, ?, ?)"+
		" ON CONFLICT DO NOTHING", fresh, by.Workspace, kind, now, by.Name, reason)
	if res.Error != nil {
		return "", false, res.Error
	}
	if res.RowsAffected == 0 { // another has opened it meanwhile
		err := find()
		return id, false, err
	}
	if err := s.tellUrgently(tx, by.Workspace, ManagerRoles, "removal.held", notice.Params{"removal": fresh, "kind": kind}, now); err != nil {
		return "", false, err
	}
	return fresh, true, audit.RecordAt(tx, by, "removal.held", fresh, audit.Detail{"kind": kind, "reason": reason}, now)
}

// holdPerson holds the deletion of a person that has just been written, when it is one of too many. Those of the same hour before it are held
// with it, so that one decision brings all of them back.
func (p *Provisioning) holdPerson(tx database.Tx, by actor.Actor, now time.Time) error {
	g := p.rules.guardPolicy()
	if !g.Enabled || by.Kind != actor.Provider {
		return nil
	}
	since, most := now.Add(-window), 1_000_000
	if g.Count > 0 {
		most = g.Count + 1 // more than that decide nothing else
	}
	var n int
	err := tx.Raw("SELECT count(*) FROM (SELECT 1 FROM people WHERE workspace_id = ? AND deleted_at > ? AND source = 'directory' LIMIT ?) a", by.Workspace, since, most).Scan(&n).Error
	if err != nil {
		return err
	}
	reason, err := g.above(tx.DB, by.Workspace, n, n)
	if err != nil || reason == "" {
		return err
	}
	id, opened, err := p.s.openRemoval(tx, by, HeldPeople, reason, now)
	if err != nil {
		return err
	}
	if !opened { // those before are in it already, but for some that were under way when it was opened
		since = now.Add(-aMoment)
	}
	return tx.Exec(`INSERT INTO held_items (removal_id, workspace_id, person_id, team_id, role, at) SELECT ?, workspace_id, id, '', role, deleted_at FROM people
		WHERE workspace_id = ? AND deleted_at > ? AND source = 'directory' AND NOT EXISTS (SELECT 1 FROM held_items i JOIN held_removals h ON h.id = i.removal_id
		WHERE i.workspace_id = people.workspace_id AND i.person_id = people.id AND i.team_id = '' AND (h.state = 'held' OR i.at >= people.deleted_at))
		ORDER BY id ON CONFLICT DO NOTHING`, id, by.Workspace, since).Error
}

// holdRoles takes the demotions out of changes when they are too many: the roles stay until somebody decides.
func (s *Service) holdRoles(tx database.Tx, by actor.Actor, g GuardPolicy, changes []RoleChange, now time.Time) ([]RoleChange, error) {
	var down, rest []RoleChange
	for _, c := range changes {
		if c.demotes() {
			down = append(down, c)
		} else {
			rest = append(rest, c)
		}
	}
	if len(down) == 0 {
		return changes, nil
	}
	down, err := notHeld(tx, by.Workspace, down)
	if err != nil || len(down) == 0 {
		return rest, err
	}
	reason, err := take(tx, by.Workspace, HeldRoles, g, len(down), now)
	if err != nil {
		return nil, err
	}
	if reason == "" {
		return append(rest, down...), nil
	}
	id, _, err := s.openRemoval(tx, by, HeldRoles, reason, now)
	if err != nil {
		return nil, err
	}
	for _, c := range down {
		if err := holdItem(tx, id, by.Workspace, c.Person.ID, "", string(c.From), now); err != nil {
			return nil, err
		}
	}
	return rest, nil
}

// notHeld leaves out those whose role waits for a decision already.
func notHeld(tx database.Tx, workspace string, changes []RoleChange) ([]RoleChange, error) {
	var held []string
	err := tx.Raw("SELECT i.person_id FROM held_items i JOIN held_removals h ON h.id = i.removal_id AND h.state = 'held' AND h.kind = 'roles'"+
		" WHERE i.workspace_id = ?", workspace).Scan(&held).Error
	return slices.DeleteFunc(changes, func(c RoleChange) bool { return slices.Contains(held, c.Person.ID) }), err
}

func holdItem(tx database.Tx, removal, workspace, person, team, role string, now time.Time) error {
	return tx.Exec("INSERT INTO held_items (removal_id, workspace_id, person_id, team_id, role, at) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
		removal, workspace, person, team, role, now).Error
}

// ended does for a person who has just been deleted what end does for a deactivated one, and holds the deletion when it is one of too many.
func (p *Provisioning) ended(tx database.Tx, by actor.Actor, person Person, now time.Time) error {
	if err := p.s.ownerGone(tx, by, person, now); err != nil {
		return err
	}
	if err := p.s.offboard(tx, by, person, causeDeleted, now); err != nil {
		return err
	}
	return p.holdPerson(tx, by, now)
}

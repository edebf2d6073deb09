package directory

import (
	"context"
	"time"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
)

// Way is how a clash of userNames can be settled.
type Way string

// The ways. Each keeps the id by which the identity provider knows the person.
const (
	WayMerge  Way = "merge"  // the provider's other record of the same person is written over
	WayRevive Way = "revive" // somebody inactive comes back as sent
	WayFold   Way = "fold"   // a local member gives way to the directory's person, who gets their teams; they can be restored for 30 days
	WayNone   Way = ""       // only the provider, or an admin by hand, can settle it
)

// Claim goes with a replayed call by WithClaim. The call notes whom it met, and how that can be settled; whoever Person names is settled with.
// Without a claim a clash is a clash: no call of a provider ever merges two people.
type Claim struct {
	Person string // an id; "" asks only
	Holder *Person
	Way    Way
}

type claimKey struct{}

// WithClaim is ctx for one replayed call.
func WithClaim(ctx context.Context, c *Claim) context.Context {
	return context.WithValue(ctx, claimKey{}, c)
}

// claims notes that holder has the userName and says whether the call may settle that in this way.
func claims(tx database.Tx, holder Person, way Way) bool {
	c, ok := tx.Statement.Context.Value(claimKey{}).(*Claim)
	if !ok {
		return false
	}
	c.Holder, c.Way = &holder, way
	return way != WayNone && c.Person == holder.ID
}

// wayOfArrival is how somebody of the directory who has the userName of a newcomer can be that newcomer.
func wayOfArrival(holder Person) Way {
	if holder.Active {
		return WayMerge
	}
	return WayRevive
}

// settle is for a person of the directory who is to get a userName that other has. A local member who is no admin may give way to them: their
// teams go over, and they are deleted as if by the directory. Everybody else keeps the name, because what an admin may do is not given on, and two
// people of a directory are the provider's to tell apart.
func (p *Provisioning) settle(tx database.Tx, by actor.Actor, r userRow, other string, now time.Time) error {
	var rows []personRow
	err := tx.Lock().Where("workspace_id = ? AND id = ? AND deleted_at IS NULL", r.WorkspaceID, other).Find(&rows).Error
	if err != nil || len(rows) == 0 {
		return err // gone meanwhile: the unique index has the last word
	}
	holder, way := rows[0].person(), WayNone
	if holder.Source == Local && !holder.Role.Admin() {
		way = WayFold
	}
	if !claims(tx, holder, way) {
		return ErrUserNameTaken
	}
	err = tx.Exec("INSERT INTO team_members (team_id, person_id, workspace_id) SELECT m.team_id, ?, m.workspace_id FROM team_members m"+
		" JOIN teams t ON t.id = m.team_id WHERE m.person_id = ? AND m.workspace_id = ? AND t.deleted_at IS NULL ON CONFLICT DO NOTHING", r.ID, holder.ID, r.WorkspaceID).Error
	if err != nil {
		return err
	}
	err = tx.Exec("UPDATE teams SET version = version + 1, updated_at = ? WHERE COALESCE(workspace_id, '') = ? AND deleted_at IS NULL"+
		" AND id IN (SELECT team_id FROM team_members WHERE person_id = ?)", now, r.WorkspaceID, holder.ID).Error
	if err != nil {
		return err
	}
	err = tx.Exec("UPDATE people SET deleted_at = ?, active_before = active, active = ?, version = version + 1, updated_at = ? WHERE id = ?", now, false, now, holder.ID).Error
	if err != nil {
		return err
	}
	holder.Active = false
	if err := p.s.offboard(tx, by, holder, causeDeleted, now); err != nil {
		return err
	}
	return audit.RecordAt(tx, by, "person.deleted", holder.ID, audit.Detail{"merged_into": r.ID}, now)
}

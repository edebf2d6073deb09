package directory

import (
	"time"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/scim"
)

// adoptTeam makes a local team, one that stayed when a directory was turned off, the one that was sent: same id, and everything as sent. Its
// members stay where the body does not speak of them.
func (p *Provisioning) adoptTeam(tx database.Tx, by actor.Actor, id string, in scim.Incoming, a attempt, now time.Time) (scim.Resource, error) {
	err := tx.Exec("UPDATE teams SET source = 'directory', version = version + 1, updated_at = ? WHERE id = ?", now, id).Error
	if err != nil {
		return nil, err
	}
	r, err := lockTeam(tx, by.Workspace, id, nil)
	if err != nil {
		return nil, err
	}
	old, err := r.written()
	if err != nil {
		return nil, err
	}
	next := scim.Patched{Resource: in.Resource}
	if in.Members != nil {
		next.Members = []scim.MemberChange{{Kind: scim.ReplaceMembers, IDs: in.Members}}
	}
	_, m, err := p.rewriteTeam(tx, by, &r, old, next, a)
	if err != nil {
		return nil, err
	}
	if err := audit.RecordAt(tx, by, "team.adopted", r.ID, m.detail(nil), now); err != nil {
		return nil, err
	}
	members, err := p.members(tx.DB, true, r.ID)
	if err != nil {
		return nil, err
	}
	out, err := p.group(r, members)
	if err != nil {
		return nil, err
	}
	return out, recorded(tx, changedTeam("team.adopted", r, old, in.Resource, m, out))
}

package confirm

import (
	"encoding/json"
	"time"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/notice"
	"github.com/countersign/countersign/internal/workspace"
)

// reports says whether an answer is the lever: the person who is said to ask does not know the request. A phone that is only being paired has no
// such say, and a colleague who was asked for a second approval denies this request alone.
func reports(by actor.Actor, ch asked, resp response) bool {
	return resp.Reason == "not_me" && ch.Action != ActivateDevice && by.Person == ch.PersonID
}

// lockLive locks all that a person has open, in the order of ids: a report ends them together.
func lockLive(tx database.Tx, person string) error {
	var ids []string
	return tx.Lock().Model(&row{}).Where("person_id = ? AND state IN ?", person, []State{Pending, Approved}).Order("id").Pluck("id", &ids).Error
}

// verdict is what judge said of an answer.
type verdict struct {
	state   State
	refused error
	err     error
}

// report pulls the lever of "I don't know this request", once for each confirmation: what is approved and not collected is cancelled, the
// person's other questions too, the session that asked is signed out, by policy nothing is revealed until the Owner says so, and all admins
// are told. It works for a request that was answered or has run out already: the answer then stays what it was, and the lever is written.
// r is the row as it was locked.
func (s *Service) report(tx database.Tx, by actor.Actor, r row, now time.Time, v verdict) (State, error, error) {
	late := fault.From(v.err)
	if v.err != nil && late.Kind != fault.Conflict && late.Kind != fault.Expired || r.ReportedAt != nil {
		return v.state, v.refused, v.err
	}
	if err := tx.Model(&row{}).Where("id = ?", r.ID).Updates(map[string]any{"reported_at": now}).Error; err != nil {
		return "", nil, err
	}
	if now := r.at(now); now.State == Approved { // approved, and not collected yet
		late = late.With("state", Cancelled)
	}
	open := tx.Where("person_id = ? AND workspace_id = ?", r.PersonID, r.WorkspaceID)
	if err := s.endAll(tx, by, reasonReported, open); err != nil {
		return "", nil, err
	}
	if err := s.SignOut(tx, r.WorkspaceID, r.SessionHash); err != nil {
		return "", nil, err
	}
	ws, err := workspace.Find(tx.DB, r.WorkspaceID)
	if err != nil {
		return "", nil, err
	}
	frozen := ws.FrozenAt != nil
	if ws.FreezeOnReport {
		if _, err := s.Workspaces.Freeze(tx, by, ws.ID, r.ID, now); err != nil {
			return "", nil, err
		}
		frozen = true
	}
	if err := s.tellReported(tx, by, r, frozen, now); err != nil {
		return "", nil, err
	}
	if v.err != nil {
		return "", late, nil // written down, and still too late
	}
	return v.state, v.refused, nil
}

// tellReported writes the incident and tells every admin.
func (s *Service) tellReported(tx database.Tx, by actor.Actor, r row, frozen bool, now time.Time) error {
	var from shownContext
	if err := json.Unmarshal([]byte(r.Context), &from); err != nil {
		return err
	}
	detail := audit.Detail{"action": r.Action, "state": r.at(now).State, "browser": from.Browser, "os": from.OS, "ip": from.IP, "frozen": frozen}
	if err := audit.RecordAt(tx, by, "confirmation.reported", r.ID, detail, now); err != nil {
		return err
	}
	admins, err := directory.Admins(tx.DB, r.WorkspaceID)
	if err != nil {
		return err
	}
	params := notice.Params{"person": from.Person, "action": r.Action, "browser": from.Browser, "os": from.OS, "ip": from.IP, "frozen": frozen}
	return notice.Tell(tx, r.WorkspaceID, admins, "confirmation.reported", params, now)
}

// tellLocked tells the person and every admin that wrong codes have locked somebody, and until when.
func (s *Service) tellLocked(tx database.Tx, ws, person string, until, now time.Time) error {
	who, err := directory.Find(tx.DB, ws, person)
	if err != nil {
		return err
	}
	admins, err := directory.Admins(tx.DB, ws)
	if err != nil {
		return err
	}
	return notice.Tell(tx, ws, append(admins, person), "confirmation.locked", notice.Params{"person": who.Name, "person_id": person, "until": until}, now)
}

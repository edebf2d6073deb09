package confirm

import (
	"errors"
	"time"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/device"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/workspace"
)

// mostSeconds is how many other admins are asked for a second approval at once.
const mostSeconds = 20

// Quorum is how far a confirmation that needs several persons has come.
type Quorum struct {
	Needed    int
	Approvals []Approval // in the order in which they came
}

// Approval is one person's approval.
type Approval struct {
	Person string // name
	Device string // name of the phone
	At     time.Time
}

// approvalRow is the table approvals.
type approvalRow struct {
	ConfirmationID string
	PersonID       string
	PersonName     string
	DeviceID       string
	DeviceName     string
	Response       []byte
	Sig            []byte
	ApprovedAt     time.Time
}

func (approvalRow) TableName() string { return "approvals" }

// seconds are the other admins who may give the second approval, with their phones.
type seconds struct {
	needed bool
	people []string
	phones []device.Device
}

func (s seconds) ids() []string { return append([]string(nil), s.people...) }

// seconds finds who is asked beside by. Only who may do the thing alone, had they asked, may approve it for somebody else.
func (s *Service) seconds(tx database.Tx, by actor.Actor, act Action, ws workspace.Workspace) (out seconds, err error) {
	alone := act.allows(by, directory.Role(by.Role)) == nil
	if alone && (!act.Guarded || !ws.TwoAdmins) {
		return out, nil
	}
	out.needed = true
	// All are admins; said so, and so plainly, SQLite finds them by their index.
	err = tx.Raw(`SELECT p.id FROM people p WHERE p.workspace_id = ? AND p.active = true AND p.deleted_at IS NULL
		AND p.role IN ('owner', 'super_admin', 'admin') AND p.role IN ? AND p.id <> ?
		AND EXISTS (SELECT 1 FROM devices d WHERE d.person_id = p.id AND d.state = ?) ORDER BY p.id LIMIT ?`,
		by.Workspace, act.Roles, by.Person, device.Active, mostSeconds).Scan(&out.people).Error
	if err != nil {
		return out, err
	}
	for _, id := range out.people {
		phones, err := device.ActiveOf(tx.DB, by.Workspace, id)
		if err != nil {
			return out, err
		}
		out.phones = append(out.phones, phones...)
	}
	return out, nil
}

// quorumOf reads how far a confirmation has come that needs more than one approval; nil where it does not.
func quorumOf(db *gorm.DB, r row) (*Quorum, error) {
	if r.ApprovalsNeeded < 2 {
		return nil, nil //nolint:nilnil // one approval is enough
	}
	all, err := approvalsOf(db, r.ID)
	if err != nil {
		return nil, err
	}
	q := &Quorum{Needed: r.ApprovalsNeeded, Approvals: make([]Approval, len(all))}
	for i, a := range all {
		q.Approvals[i] = Approval{a.PersonName, a.DeviceName, a.ApprovedAt}
	}
	return q, nil
}

func approvalsOf(db *gorm.DB, confirmation string) (all []approvalRow, err error) {
	err = db.Where("confirmation_id = ?", confirmation).Order("approved_at, person_id").Find(&all).Error
	return all, err
}

// voted is what a person has already said to a confirmation that needs several; nil when nothing.
func voted(tx database.Tx, r row, person string) (*approvalRow, error) {
	if r.ApprovalsNeeded < 2 {
		return nil, nil //nolint:nilnil // there is nothing to look for
	}
	var a approvalRow
	err := tx.Where("confirmation_id = ? AND person_id = ?", r.ID, person).Take(&a).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, nil //nolint:nilnil // nothing yet
	}
	return &a, err
}

// vote writes one person's approval of a locked, pending row. The one that completes the quorum approves the confirmation, with the asking
// person's own answer as the decision, whoever was last.
func (s *Service) vote(tx database.Tx, by actor.Actor, d device.Device, r row, a Answer, now time.Time) (State, error) {
	p, err := directory.Find(tx.DB, r.WorkspaceID, by.Person) // a deactivation waits for the person's lock, which is held
	if err != nil {
		return "", err
	}
	if err := s.mayApprove(p, r); err != nil {
		return "", err
	}
	mine := approvalRow{ConfirmationID: r.ID, PersonID: p.ID, PersonName: p.Name, DeviceID: d.ID, DeviceName: d.Name, Response: a.Response, Sig: a.Sig, ApprovedAt: now}
	if err := tx.Create(&mine).Error; err != nil {
		return "", err
	}
	all, err := approvalsOf(tx.DB, r.ID)
	if err != nil {
		return "", err
	}
	var own *approvalRow
	for i := range all {
		if all[i].PersonID == r.PersonID {
			own = &all[i]
		}
	}
	if own == nil || len(all) < r.ApprovalsNeeded {
		return Pending, s.counted(tx, by, r, now)
	}
	err = set(tx, r, Approved, map[string]any{"decided_at": now, "decided_by": own.DeviceID, "decided_name": own.DeviceName,
		"decided_response": own.Response, "decided_sig": own.Sig})
	if err != nil {
		return "", err
	}
	return Approved, s.told(tx, by, r, "confirmation.approved", audit.Detail{"approvals": len(all)}, now)
}

// mayApprove: who asked has been let through already; everybody else needs the role at this moment.
func (s *Service) mayApprove(p directory.Person, r row) error {
	if !p.Active {
		return ErrForbidden
	}
	if p.ID == r.PersonID {
		return nil
	}
	return s.actions[r.Action].allows(actor.Actor{Kind: actor.Person}, p.Role)
}

// counted notes an approval that does not decide yet.
func (s *Service) counted(tx database.Tx, by actor.Actor, r row, now time.Time) error {
	err := tx.Model(&row{}).Where("id = ? AND state = ?", r.ID, Pending).Updates(map[string]any{"version": gorm.Expr("version + 1")}).Error
	if err != nil {
		return err
	}
	if err := audit.RecordAt(tx, by, "confirmation.approved_by_one", r.ID, audit.Detail{"action": r.Action}, now); err != nil {
		return err
	}
	return s.announce(tx, r.ID, r.Version+1)
}

// quorumProven verifies, when a confirmation is consumed, the signature of every approval beside the asking person's own, and that each who
// gave one may still give it. It does nothing where one approval is enough.
func (s *Service) quorumProven(tx database.Tx, r row) error {
	if r.ApprovalsNeeded < 2 {
		return nil
	}
	all, err := approvalsOf(tx.DB, r.ID)
	if err != nil {
		return err
	}
	good := 1 // the asking person's own has been verified
	for _, a := range all {
		if a.PersonID == r.PersonID {
			continue
		}
		p, err := directory.Find(tx.DB, r.WorkspaceID, a.PersonID)
		if err != nil {
			return err
		}
		if err := s.mayApprove(p, r); err != nil {
			return ErrNoSignature.Because(err)
		}
		if err := s.signed(tx, r, a.PersonID, a.DeviceID, a.Response, a.Sig); err != nil {
			return err
		}
		good++
	}
	if good < r.ApprovalsNeeded {
		return ErrNoSignature
	}
	return nil
}

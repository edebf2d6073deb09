package confirm

import (
	"strings"
	"time"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/device"
	"github.com/countersign/countersign/internal/failpoint"
	"github.com/countersign/countersign/internal/fault"
)

// A person waits for every round trip between a tap and the frame at the dialog. What follows does in one statement each, on Postgres, what
// lock and set do in several. On SQLite there are no round trips, and the plain way is taken.

// held is a confirmation that is locked, the clock read after that, and what is known against the person who answers.
type held struct {
	Row         row `gorm:"embedded"`
	Clock       time.Time
	LockedUntil *time.Time
}

// lockAt locks a row, then reads the clock, then the person's lock. The outer SELECT takes its row from the inner one, which has it only once
// it is locked, so the clock is read after any wait.
func (s *Service) lockAt(tx database.Tx, by actor.Actor, id string) (held, error) {
	if tx.Dialect() == database.SQLite {
		return s.lockAtPlainly(tx, by, id)
	}
	var h held
	res := tx.Raw(`WITH c AS MATERIALIZED (SELECT * FROM confirmations WHERE workspace_id = ? AND id = ? FOR NO KEY UPDATE)
		SELECT c.*, clock_timestamp() AS clock, (SELECT p.locked_until FROM confirmation_people p WHERE p.person_id = ?) AS locked_until FROM c`,
		by.Workspace, id, by.Person).Scan(&h)
	if res.Error == nil && res.RowsAffected == 0 {
		return h, fault.ErrNotFound
	}
	h.Clock = tx.At(h.Clock)
	return h, res.Error
}

func (s *Service) lockAtPlainly(tx database.Tx, by actor.Actor, id string) (h held, err error) {
	if h.Row, err = lock(tx, by.Workspace, id); err != nil {
		return h, err
	}
	if h.Clock, err = tx.Now(); err != nil {
		return h, err
	}
	var p personRow
	err = tx.Where("person_id = ?", by.Person).Limit(1).Find(&p).Error
	h.LockedUntil = p.LockedUntil
	return h, err
}

// hint collects what a bus would notify, for a statement that does it itself.
type hint struct {
	database.Tx
	channel, payload string
}

// Notify is hub.Tx.
func (h *hint) Notify(channel, payload string) error {
	h.channel, h.payload = channel, payload
	return nil
}

// approveAtOnce is decide and told for an approval that decides: the row moves, the audit is written and other replicas are told.
func (s *Service) approveAtOnce(tx database.Tx, by actor.Actor, d device.Device, r row, a Answer, now time.Time) error {
	if tx.Dialect() == database.SQLite {
		if err := s.decide(tx, d, r, Approved, "", a, now); err != nil {
			return err
		}
		return s.told(tx, by, r, "confirmation.approved", nil, now)
	}
	event, err := audit.Row(by, "confirmation.approved", r.ID, audit.Detail{"action": r.Action}, now)
	if err != nil {
		return err
	}
	h := &hint{Tx: tx}
	if err := s.Bus.Publish(h, Topic(r.ID), r.Version+1); err != nil {
		return err
	}
	var notify string
	values := append([]any{Approved, now, d.ID, d.Name, a.Response, a.Sig, r.ID, r.State, r.Version}, event...)
	if h.channel != "" {
		notify = ", pg_notify(?, ?)"
		values = append(values, h.channel, h.payload)
	}
	marks := strings.TrimSuffix(strings.Repeat("?, ", len(event)), ", ")
	res := tx.Exec(`WITH moved AS (UPDATE confirmations SET state = ?, version = version + 1, code_sealed = NULL, reason = '', decided_at = ?, decided_by = ?,
			decided_name = ?, decided_response = ?, decided_sig = ? WHERE id = ? AND state = ? AND version = ? RETURNING id),
		told AS (INSERT INTO audit_events (`+audit.Columns+`) SELECT `+marks+` FROM moved)
		SELECT moved.id`+notify+` FROM moved`, values...)
	if res.Error != nil {
		return res.Error
	}
	if res.RowsAffected == 0 {
		return answered(r)
	}
	failpoint.Reach("to " + string(Approved))
	if err := s.addWithdraw(tx, r, now); err != nil {
		return err
	}
	tx.AfterCommit(func() { failpoint.Reach("decided") })
	return nil
}

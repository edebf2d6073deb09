package provisioning

import (
	"context"
	"encoding/json"
	"time"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
)

// Detail is all that is kept of a call, but the request as it was sent.
type Detail struct {
	Row
	Reason                  *Reason
	Said                    string // the sentence a refusal was answered with
	Changes                 []FieldChange
	Added, Removed, Unknown int64
	Request, Response       string // masked JSON, "" for none
	IP, UserAgent           string
	RawUntil                *time.Time // until when the request as it was sent can be opened; nil where it is not kept
	Replayable              bool
	Related                 []Row // the last calls about the same person or team
	Parts                   []Row // of a bulk call: its operations, 200 at most
}

type detailRow struct {
	Row
	Detail    string
	Added     int64
	Removed   int64
	Unknown   int64
	Changes   *string
	Request   *string
	Response  *string
	IP        string
	UserAgent string
	HasRaw    bool
}

const related = 10

// Show reads one call of a workspace; ErrNoRow where it has none like it.
func (l *Log) Show(db *gorm.DB, workspace, id string) (Detail, error) {
	var rows []detailRow
	if !wellFormed(id) {
		return Detail{}, ErrNoRow
	}
	err := db.Raw("SELECT "+rowColumns+", detail, added, removed, unknown, changes, request, response, ip, user_agent, sealed IS NOT NULL AS has_raw"+
		" FROM provisioning_log WHERE workspace_id = ? AND id = ?", workspace, id).Scan(&rows).Error
	if err != nil {
		return Detail{}, err
	}
	if len(rows) == 0 {
		return Detail{}, ErrNoRow
	}
	d := rows[0].detail()
	if d.SubjectID != "" {
		q := Query{Workspace: workspace, Limit: related, Person: d.SubjectID}
		if d.SubjectKind == Team {
			q.Person, q.Team = "", d.SubjectID
		}
		p, err := l.List(db, q)
		if err != nil {
			return Detail{}, err
		}
		d.Related = p.Rows
	}
	if d.Operation == "bulk" {
		p, err := l.List(db, Query{Workspace: workspace, Limit: PageMost, Bulk: d.ID})
		if err != nil {
			return Detail{}, err
		}
		d.Parts = p.Rows
	}
	return d, nil
}

func (r detailRow) detail() Detail {
	d := Detail{Row: r.Row, Said: r.Detail, Added: r.Added, Removed: r.Removed, Unknown: r.Unknown, Request: text(r.Request), Response: text(r.Response),
		IP: r.IP, UserAgent: r.UserAgent, Changes: []FieldChange{}}
	if reason, ok := ReasonOf(r.Code); ok {
		d.Reason = &reason
	}
	switch {
	case r.Changes != nil:
		_ = json.Unmarshal([]byte(*r.Changes), &d.Changes) // ours
	case r.Result == OK && r.Event != "":
		d.Changes = ofAnswer(d.Response)
	}
	if r.HasRaw {
		until := r.At.Add(RawFor)
		d.RawUntil = &until
		d.Replayable = Raw{Method: r.Method, Target: r.Target}.Replayable()
	}
	return d
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// Reveal opens the request of a call as it was sent, without passwords and tokens, and tells the audit who looked. The caller has checked the role.
func (l *Log) Reveal(ctx context.Context, by actor.Actor, id string) (Raw, error) {
	var raw Raw
	err := l.db.InTx(ctx, func(tx database.Tx) error {
		var err error
		if raw, err = l.Raw(tx.DB, by.Workspace, id); err != nil {
			return err
		}
		return audit.Record(tx, by, "provisioning_log.revealed", id, nil)
	})
	return raw, err
}

// Raw opens the request of a call for its replay; what people read goes through Reveal.
func (l *Log) Raw(db *gorm.DB, workspace, id string) (Raw, error) {
	if !wellFormed(id) {
		return Raw{}, ErrNoRow
	}
	var rows []struct {
		At     time.Time
		Sealed []byte
	}
	err := db.Raw("SELECT at, sealed FROM provisioning_log WHERE workspace_id = ? AND id = ?", workspace, id).Scan(&rows).Error
	if err != nil {
		return Raw{}, err
	}
	if len(rows) == 0 {
		return Raw{}, ErrNoRow
	}
	now, err := l.db.Now(db.Statement.Context)
	if err != nil {
		return Raw{}, err
	}
	if len(rows[0].Sealed) == 0 || !now.Before(rows[0].At.Add(RawFor)) {
		return Raw{}, ErrNoRaw
	}
	return l.open(rows[0].Sealed, workspace, id)
}

// Replayed tells the audit that a call was replayed, and marks a failure that has come right by it.
func (l *Log) Replayed(ctx context.Context, by actor.Actor, id string, r Replayed) error {
	return l.db.InTx(ctx, func(tx database.Tx) error {
		now, err := tx.Now()
		if err != nil {
			return err
		}
		if r.Status < 300 && !r.DryRun {
			err := tx.Exec("UPDATE provisioning_log SET resolved_at = ?, resolved_by = ? WHERE workspace_id = ? AND id = ? AND result = 'failed' AND resolved_at IS NULL",
				now, r.Row, by.Workspace, id).Error
			if err != nil {
				return err
			}
		}
		return audit.RecordAt(tx, by, "provisioning_log.replayed", id, audit.Detail{"dry_run": r.DryRun, "status": r.Status}, now)
	})
}

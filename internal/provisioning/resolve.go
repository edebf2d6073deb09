package provisioning

import (
	"slices"
	"strings"
	"time"

	"github.com/countersign/countersign/internal/database"
)

// atOnce is how many values one statement names.
const atOnce = 500

// resolve marks failures that have come right: of a person or team, when a later call about them was done; of a token or of haste, when a later
// call was let in at all, after a pause where it was haste. Every step goes by indexes that hold open failures alone, so that a workspace
// without any pays nothing.
func resolve(tx database.Tx, right map[string][]rightNow, rows []*Entry) error {
	let := map[string]rightNow{}
	for _, e := range rows {
		if e.Result == OK || e.Result == Unchanged {
			later(let, e.Workspace, rightNow{id: e.ID, at: e.At})
		}
	}
	for workspace, list := range right {
		for _, r := range list {
			later(let, workspace, r)
		}
	}
	for workspace, r := range let {
		open, err := anyOpen(tx, workspace)
		if err != nil {
			return err
		}
		if !open {
			continue
		}
		for some := range slices.Chunk(right[workspace], atOnce) {
			if err := resolveSubjects(tx, workspace, some); err != nil {
				return err
			}
		}
		// SQLite takes the index of open failures only where its own condition stands
		err = tx.Exec("UPDATE provisioning_log SET resolved_at = ?, resolved_by = ? WHERE workspace_id = ? AND result IN ('rejected', 'slowed') AND resolved_at IS NULL"+
			" AND result IN ('failed', 'rejected', 'slowed') AND subject_key = '' AND last_at < ? AND (result = 'rejected' OR last_at < ?)", r.at, r.id, workspace, r.at,
			r.at.Add(-slowFor)).Error
		if err != nil {
			return err
		}
	}
	return nil
}

// anyOpen says whether a workspace has a failure that has not come right. Most have none, and naming everybody who was changed costs more than this look.
func anyOpen(tx database.Tx, workspace string) (bool, error) {
	var ids []string
	err := tx.Raw("SELECT id FROM provisioning_log WHERE workspace_id = ? AND result IN ('failed', 'rejected', 'slowed') AND resolved_at IS NULL LIMIT 1", workspace).Scan(&ids).Error
	return len(ids) > 0, err
}

// slowFor is how long nothing has been slowed down when a call that is let in ends a rush: within one, some always are.
const slowFor = time.Minute

func later(m map[string]rightNow, workspace string, r rightNow) {
	if old, ok := m[workspace]; !ok || r.at.After(old.at) {
		m[workspace] = r
	}
}

type openFailure struct {
	ID          string
	SubjectKind string
	SubjectID   string
	SubjectKey  string
	LastAt      time.Time
}

// resolveSubjects looks at the open failures of a workspace, of which there are few, and closes those that a change has made right.
func resolveSubjects(tx database.Tx, workspace string, list []rightNow) error {
	byID, byKey := map[string]rightNow{}, map[string]rightNow{}
	for _, r := range list {
		if r.subject != "" {
			later(byID, r.subject, r)
		}
		if r.key != "" {
			later(byKey, r.kind+"|"+r.key, r)
		}
	}
	var open []openFailure
	err := tx.Raw("SELECT id, subject_kind, subject_id, subject_key, last_at FROM provisioning_log WHERE workspace_id = ? AND result = 'failed'"+
		" AND resolved_at IS NULL AND result IN ('failed', 'rejected', 'slowed') AND (subject_id IN ? OR subject_key IN ?) LIMIT 5000",
		workspace, keysOf(byID, ""), keysOf(byKey, "|")).Scan(&open).Error
	if err != nil {
		return err
	}
	for _, f := range open {
		r, ok := byID[f.SubjectID]
		if k, also := byKey[f.SubjectKind+"|"+f.SubjectKey]; also && (!ok || k.at.After(r.at)) {
			r, ok = k, true
		}
		if !ok || !r.at.After(f.LastAt) {
			continue
		}
		// Who could not be made had no id yet; now the failure is found among the calls about them.
		err := tx.Exec("UPDATE provisioning_log SET resolved_at = ?, resolved_by = ?, subject_id = CASE WHEN subject_id = '' THEN ? ELSE subject_id END"+
			" WHERE workspace_id = ? AND id = ?", r.at, r.id, r.subject, workspace, f.ID).Error
		if err != nil {
			return err
		}
	}
	return nil
}

// keysOf are the names of m behind the separator.
func keysOf(m map[string]rightNow, after string) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		if after != "" {
			_, k, _ = strings.Cut(k, after)
		}
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

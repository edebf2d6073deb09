package assembly

import (
	"context"
	"errors"
	"slices"
	"time"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/notice"
	"github.com/countersign/countersign/internal/provisioning"
	"github.com/countersign/countersign/internal/workspace"
)

// silenceLeast is how long a provider has to be silent before its health is looked at: a workspace whose provider calls costs nothing here.
const silenceLeast = time.Hour

// ending is what was told last before a provider turns its job off; it is told after the state itself.
const ending = "ending"

// TellSilence tells the admins of a workspace, once, that their identity provider has fallen silent or is not let in any more, and once more
// in the week before it turns its job off. When it has called again and falls silent anew, they are told anew. It is housekeeping: whoever comes second finds nothing left to tell.
func (m *Domains) TellSilence(ctx context.Context) error {
	now, err := m.DB.Now(ctx)
	if err != nil {
		return err
	}
	var quiet []struct{ WorkspaceID, State string }
	err = m.DB.Read(ctx).Raw(`SELECT t.workspace_id, COALESCE(MAX(s.state), '') AS state FROM scim_tokens t
		LEFT JOIN sync_told s ON s.workspace_id = t.workspace_id AND s.told_at >= t.last_used_at
		WHERE t.last_used_at IS NOT NULL GROUP BY t.workspace_id HAVING MAX(t.last_used_at) < ? ORDER BY t.workspace_id`, now.Add(-silenceLeast)).Scan(&quiet).Error
	for _, q := range quiet {
		err = errors.Join(err, m.tellSilenceOf(ctx, q.WorkspaceID, q.State))
	}
	return err
}

func (m *Domains) tellSilenceOf(ctx context.Context, in, told string) error {
	tokens, err := workspace.Tokens(m.DB.Read(ctx), in)
	if err != nil {
		return err
	}
	now, err := m.DB.Now(ctx)
	if err != nil {
		return err
	}
	h, err := m.SyncLog.Health(ctx, in, slices.ContainsFunc(tokens, func(t workspace.Token) bool { return t.Live(now) }))
	if err != nil || h.LastCall == nil {
		return err
	}
	kind, params, state := silenceNotice(h)
	if kind == "" || told == state || told == ending {
		return nil
	}
	return m.DB.InTx(ctx, func(tx database.Tx) error {
		if _, err := workspace.Lock(tx, in); err != nil { // another replica looks at the same time
			return err
		}
		if again, err := toldOf(tx.DB, in, *h.LastCall); err != nil || again == state || again == ending {
			return err
		}
		now, err := tx.Now()
		if err != nil {
			return err
		}
		err = tx.Exec(`INSERT INTO sync_told (workspace_id, state, told_at) VALUES (?, ?, ?)
			ON CONFLICT (workspace_id) DO UPDATE SET state = excluded.state, told_at = excluded.told_at`, in, state, now).Error
		if err != nil {
			return err
		}
		admins, err := directory.Admins(tx.DB, in)
		if err != nil {
			return err
		}
		return notice.Tell(tx, in, admins, kind, params, now)
	})
}

// silenceNotice is what a workspace's health gives reason to tell, and the state that is then told; the kind is "" where there is none.
func silenceNotice(h provisioning.Health) (kind string, params notice.Params, state string) {
	params = notice.Params{"last": h.LastCall.UTC(), "state": string(h.State)}
	if off := h.OffSoon(); off != nil {
		params["off"] = off.UTC()
		return "sync.ending", params, ending
	}
	if h.State == provisioning.Silent || h.State == provisioning.Stopped {
		return "sync.stopped", params, string(h.State)
	}
	return "", nil, ""
}

// toldOf is what the admins were told since a call; "" where they were told nothing.
func toldOf(db *gorm.DB, in string, call time.Time) (state string, err error) {
	err = db.Raw("SELECT state FROM sync_told WHERE workspace_id = ? AND told_at >= ?", in, call).Scan(&state).Error
	return state, err
}

package provisioning

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/countersign/countersign/internal/database"
)

type minuteKey struct {
	workspace, token string
	minute           time.Time
}

// minute is the calls of one token in one minute.
type minute struct {
	client                                                string
	calls, looked, created, updated, deactivated, deleted int64
	teams, unchanged, failed, rejected, slowed            int64
	first, last                                           time.Time
}

// count adds a call to its minute. The parts of a bulk call are changes and not calls.
func (w *waiting) count(e *Entry) {
	if e.ReplayedBy != "" {
		return // not the provider's traffic
	}
	n := max(1, e.Times)
	m := &minute{client: e.Client.Name, calls: n, first: e.At, last: e.At}
	if e.Bulk != "" {
		m.calls = 0
	}
	m.kind(e, n)
	w.minute(minuteKey{e.Workspace, e.Token, e.At.UTC().Truncate(time.Minute)}).add(m)
}

// kind counts what a call was.
func (m *minute) kind(e *Entry, n int64) {
	switch {
	case e.Result == Failed:
		m.failed = n
	case e.Result == Rejected:
		m.rejected = n
	case e.Result == Slowed:
		m.slowed = n
	case e.Result == Unchanged:
		m.unchanged = n
	case e.Event == "":
		m.looked = n
	case slices.Contains(broughtIn, e.Event):
		m.created = n
	case e.Event == "person.deactivated":
		m.deactivated = n
	case e.Event == "person.deleted":
		m.deleted = n
	case strings.HasPrefix(e.Event, "team."):
		m.teams = n
	default:
		m.updated = n
	}
}

func (w *waiting) minute(k minuteKey) *minute {
	if w.minutes == nil {
		w.minutes = map[minuteKey]*minute{}
	}
	m := w.minutes[k]
	if m == nil {
		m = &minute{}
		w.minutes[k] = m
	}
	return m
}

func (m *minute) add(o *minute) {
	if o.client != "" {
		m.client = o.client
	}
	m.calls += o.calls
	m.looked += o.looked
	m.created += o.created
	m.updated += o.updated
	m.deactivated += o.deactivated
	m.deleted += o.deleted
	m.teams += o.teams
	m.unchanged += o.unchanged
	m.failed += o.failed
	m.rejected += o.rejected
	m.slowed += o.slowed
	if m.first.IsZero() || o.first.Before(m.first) {
		m.first = o.first
	}
	if o.last.After(m.last) {
		m.last = o.last
	}
}

const minuteColumns = "workspace_id, minute, token_id, client, calls, looked, created, updated, deactivated, deleted, teams, unchanged, failed, rejected, slowed, first_at, last_at"

var addUp = func() string {
	var b strings.Builder
	for _, c := range []string{"calls", "looked", "created", "updated", "deactivated", "deleted", "teams", "unchanged", "failed", "rejected", "slowed"} {
		b.WriteString(c + " = provisioning_minutes." + c + " + excluded." + c + ", ")
	}
	return b.String() + "client = CASE WHEN excluded.client = '' THEN provisioning_minutes.client ELSE excluded.client END," +
		" first_at = CASE WHEN excluded.first_at < provisioning_minutes.first_at THEN excluded.first_at ELSE provisioning_minutes.first_at END," +
		" last_at = CASE WHEN excluded.last_at > provisioning_minutes.last_at THEN excluded.last_at ELSE provisioning_minutes.last_at END"
}()

// addMinutes adds the counts to those that are stored, in a fixed order, so that two replicas never wait for each other in a circle.
func addMinutes(tx database.Tx, minutes map[minuteKey]*minute) error {
	keys := make([]minuteKey, 0, len(minutes))
	for k := range minutes {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b minuteKey) int {
		return cmp.Or(cmp.Compare(a.workspace, b.workspace), a.minute.Compare(b.minute), cmp.Compare(a.token, b.token))
	})
	row := "(" + strings.TrimSuffix(strings.Repeat("?, ", 17), ", ") + ")"
	for some := range slices.Chunk(keys, atOnce) {
		var args []any
		for _, k := range some {
			m := minutes[k]
			args = append(args, k.workspace, k.minute, k.token, m.client, m.calls, m.looked, m.created, m.updated, m.deactivated, m.deleted, m.teams,
				m.unchanged, m.failed, m.rejected, m.slowed, m.first, m.last)
		}
		err := tx.Exec("INSERT INTO provisioning_minutes ("+minuteColumns+") VALUES "+strings.TrimSuffix(strings.Repeat(row+", ", len(some)), ", ")+
			" ON CONFLICT (workspace_id, minute, token_id) DO UPDATE SET "+addUp, args...).Error
		if err != nil {
			return err
		}
	}
	return nil
}

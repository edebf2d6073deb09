package directory

import (
	"context"
	"time"

	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/scim"
)

// Change is what one SCIM call has changed, told inside its transaction. It holds what was written before and after, so that whoever keeps a log
// computes the difference without another query.
type Change struct {
	Event string // as in the audit, such as "person.created"
	Kind  string // ChangedPerson or ChangedTeam
	ID    string
	Key   string // userName or displayName, folded
	Name  string // as people are shown it
	// Before is what clients had written, nil for what is new; After what they have written now, nil for what is deleted.
	Before, After scim.Resource
	// Shown is the complete resource that the call answers with; nil for a deletion.
	Shown                   scim.Resource
	Added, Removed, Unknown int64 // members of a team; Unknown are kept until those people arrive
	FellFrom, FellTo        int64 // members of a team before and after, where more than half have gone; 0 otherwise
	At                      time.Time
}

// The kinds of what changes.
const (
	ChangedPerson = "person"
	ChangedTeam   = "team"
)

// Recorder gives the row that keeps a change, to be written in the transaction that makes it. Its error takes the change back. A call that
// changes nothing is not told, and one transaction tells one change. What writes without a Tx asks rowOf itself, writes Into and Values beside the
// change, and calls Written when both are committed.
type Recorder func(c Change) (Row, error)

// Row is one row of a log, as a statement of its own or as a part of another one.
type Row struct {
	Insert  string // a whole INSERT with a question mark for each value; "" for a change that is not kept
	Into    string // its table and columns, for INSERT INTO … SELECT
	Values  []any
	Written func() // to be called when the transaction is committed; may be nil
}

type recorderKey struct{}

// Recording gives ctx a recorder for the changes that are made under it.
func Recording(ctx context.Context, r Recorder) context.Context {
	return context.WithValue(ctx, recorderKey{}, r)
}

// recorded tells a change to the call's recorder, where there is one. It comes last in the transaction, when the answer is known.
func recorded(tx database.Tx, c Change) error {
	row, err := rowOf(tx.Statement.Context, c)
	if err != nil || row.Insert == "" {
		return err
	}
	if row.Written != nil {
		tx.AfterCommit(row.Written)
	}
	return tx.Exec(row.Insert, row.Values...).Error
}

// rowOf is the row that keeps a change made under ctx; empty where nobody keeps any.
func rowOf(ctx context.Context, c Change) (Row, error) {
	if r, ok := ctx.Value(recorderKey{}).(Recorder); ok {
		return r(c)
	}
	return Row{}, nil
}

// changedUser is the change of a person from what was to what is written now.
func changedUser(event string, r userRow, before, after, shown scim.Resource, at time.Time) Change {
	return Change{Event: event, Kind: ChangedPerson, ID: r.ID, Key: r.UserNameKey, Name: r.Name, Before: before, After: after, Shown: shown, At: at}
}

// changedTeam is the same for a team, whose members changed as m says.
func changedTeam(event string, r teamRow, before, after scim.Resource, m membership, shown scim.Resource) Change {
	return Change{Event: event, Kind: ChangedTeam, ID: r.ID, Key: r.DisplayNameKey, Name: r.DisplayName, Before: before, After: after, Shown: shown,
		Added: m.added, Removed: m.removed, Unknown: m.unknown, FellFrom: m.before, FellTo: m.after, At: m.now}
}

// Named is the shown name of a person or team that SCIM sees, and the folded one; nothing where there is none. It serves logs: it never fails.
func (p *Provisioning) Named(ctx context.Context, workspace, kind, id string) (name, key string) {
	table, columns := "people", "name, user_name_key AS folded"
	if kind == ChangedTeam {
		table, columns = "teams", "display_name AS name, display_name_key AS folded"
	}
	var r struct{ Name, Folded string }
	if err := p.read(ctx).Raw("SELECT "+columns+" FROM "+table+" WHERE id = ? AND workspace_id = ?", id, workspace).Scan(&r).Error; err != nil {
		return "", ""
	}
	return r.Name, r.Folded
}

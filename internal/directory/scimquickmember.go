package directory

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/scim"
)

// memberAdd is a PATCH that adds one member to a team and does nothing else.
type memberAdd struct {
	ctx    context.Context // that of the call, for its recorder
	by     actor.Actor
	team   string
	person string
	match  IfMatch
	ops    []scim.Operation
}

// addedMember is what became of the team; nil where that is the ordinary way's work.
type addedMember struct {
	out scim.Resource
	row Row
}

// AddMember is Provisioning.PatchGroup for operations that add one person; the resource it gives has no members. Calls for one team that wait
// together lock it once and commit together: the lock of one after the other would cost each of them a turn of the disk.
func (q *Quick) AddMember(ctx context.Context, by actor.Actor, team string, ops []scim.Operation, match IfMatch) (scim.Resource, bool, error) {
	person := onlyMember(q.p.teams.rt, ops)
	if person == "" || !scim.Storable(team) || !scim.Storable(person) || !q.plain(ctx, by.Workspace) {
		return nil, false, nil
	}
	got, err := q.members.Do(ctx, memberAdd{ctx: ctx, by: by, team: team, person: person, match: match, ops: ops})
	if err != nil || got == nil {
		return nil, false, uncertain(err)
	}
	got.row.told()
	return got.out, true, nil
}

// onlyMember is the one person whom the operations add to an empty team, "" where they do anything else to it.
func onlyMember(rt *scim.ResourceType, ops []scim.Operation) string {
	empty := scim.Resource{"displayName": "x"}
	patched, err := rt.Patch(empty, ops)
	if err != nil || len(patched.Members) != 1 || !scim.Equal(empty, patched.Resource) {
		return ""
	}
	if m := patched.Members[0]; m.Kind == scim.AddMembers && len(m.IDs) == 1 {
		return m.IDs[0]
	}
	return ""
}

// teamState is a locked team, and what the calls of a batch are to find out about it.
type teamState struct {
	row   *teamRow
	added map[string]bool // people whom calls of this batch have added
}

// add adds the members of a batch in one transaction and two round trips.
func (q *Quick) add(ctx context.Context, calls []memberAdd) ([]*addedMember, error) {
	out := make([]*addedMember, len(calls))
	teams := map[string]*teamState{}
	facts := make([]memberFacts, len(calls))
	err := q.p.s.db.Native(ctx, func(c *pgx.Conn) error {
		return transaction(ctx, c, func() error {
			if err := q.lockTeams(ctx, c, calls, teams, facts); err != nil {
				return err
			}
			now, err := q.p.s.db.Now(ctx)
			if err != nil {
				return errOrdinary
			}
			batch := &pgx.Batch{}
			for i, call := range calls {
				out[i] = q.addOne(batch, call, facts[i], teams[call.team], now)
			}
			for id, t := range teams {
				if len(t.added) > 0 {
					batch.Queue("UPDATE teams SET version = $1, updated_at = $2 WHERE id = $3", t.row.Version, now, id)
				}
			}
			batch.Queue("COMMIT")
			return c.SendBatch(ctx, batch).Close()
		})
	})
	if errors.Is(err, errOrdinary) {
		return make([]*addedMember, len(calls)), nil
	}
	return out, err
}

// memberFacts are what the database says of a call once its team is locked.
type memberFacts struct {
	live   bool // the token
	known  bool // the person may be a member
	member bool // and is one
}

// lockTeams begins the transaction, locks the teams in the order of their ids and looks at each call's person.
func (q *Quick) lockTeams(ctx context.Context, c *pgx.Conn, calls []memberAdd, teams map[string]*teamState, facts []memberFacts) error {
	batch := &pgx.Batch{}
	batch.Queue("BEGIN")
	for _, i := range inOrder(len(calls), func(i int) string { return calls[i].team }) {
		t := &teamState{added: map[string]bool{}}
		teams[calls[i].team] = t
		batch.Queue(numbered("SELECT "+teamColumnsList+" FROM teams r WHERE r.id = ? AND "+visible+" FOR UPDATE OF r"), calls[i].team, calls[i].by.Workspace).
			Query(func(found pgx.Rows) error {
				for found.Next() {
					t.row = &teamRow{}
					if err := found.Scan(t.row.fields()...); err != nil {
						return err
					}
				}
				return found.Err()
			})
	}
	for i, call := range calls {
		batch.Queue(numbered("SELECT "+live+", EXISTS (SELECT FROM people WHERE id = ? AND "+known+"), EXISTS (SELECT FROM team_members WHERE team_id = ? AND person_id = ?)"),
			call.by.Token, call.by.Workspace, call.person, call.by.Workspace, call.team, call.person).QueryRow(func(r pgx.Row) error {
			return r.Scan(&facts[i].live, &facts[i].known, &facts[i].member)
		})
	}
	return c.SendBatch(ctx, batch).Close()
}

const insertMember = "INSERT INTO team_members (team_id, person_id, workspace_id) VALUES (?, ?, ?) RETURNING team_id AS id"

// addOne queues what one call writes; nil where that is not plain.
func (q *Quick) addOne(batch *pgx.Batch, call memberAdd, f memberFacts, t *teamState, now time.Time) *addedMember {
	if t.row == nil || t.row.WorkspaceID != call.by.Workspace || !f.live || !f.known || call.match.allows(t.row.Version) != nil {
		return nil
	}
	done := &addedMember{}
	var err error
	if f.member || t.added[call.person] {
		if done.out, err = q.p.group(*t.row, nil); err != nil {
			return nil
		}
		return done
	}
	next := *t.row
	next.Version, next.UpdatedAt = next.Version+1, now
	written, err := next.written()
	if err != nil {
		return nil
	}
	if patched, err := q.p.teams.rt.Patch(written, call.ops); err != nil || len(patched.Members) != 1 || !scim.Equal(written, patched.Resource) {
		return nil // it does more to this team than it would do to an empty one
	}
	if done.out, err = q.p.group(next, nil); err != nil {
		return nil
	}
	m := membership{added: 1, now: now}
	told, err := audit.Row(call.by, "team.changed", next.ID, m.detail(nil), now)
	if err != nil {
		return nil
	}
	if done.row, err = rowOf(call.ctx, changedTeam("team.changed", next, written, written, m, done.out)); err != nil {
		return nil
	}
	tell(batch, insertMember, database.Args(next.ID, call.person, next.WorkspaceID), told, done.row)
	*t.row, t.added[call.person] = next, true
	return done
}

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

// memberPatch is a PATCH that adds one member to a team, or takes one out, and does nothing else.
type memberPatch struct {
	ctx    context.Context // that of the call, for its recorder
	by     actor.Actor
	team   string
	person string
	takes  bool
	match  IfMatch
	ops    []scim.Operation
}

// patchedTeam is what became of the team; nil where that is the ordinary way's work.
type patchedTeam struct {
	out scim.Resource
	row Row
}

// PatchMember is Provisioning.PatchGroup for operations that add or remove one person; the resource it gives has no members. Calls for one team
// that wait together lock it once and commit together: the lock of one after the other would cost each of them a turn of the disk.
func (q *Quick) PatchMember(ctx context.Context, by actor.Actor, team string, ops []scim.Operation, match IfMatch) (scim.Resource, bool, error) {
	person, takes := onlyMember(q.p.teams.rt, ops)
	if person == "" || by.Kind != actor.Provider || !scim.Storable(team) || !scim.Storable(person) || !q.plain(ctx, by.Workspace) {
		return nil, false, nil
	}
	got, err := q.members.Do(ctx, memberPatch{ctx: ctx, by: by, team: team, person: person, takes: takes, match: match, ops: ops})
	if err != nil || got == nil {
		return nil, false, uncertain(err)
	}
	got.row.told()
	return got.out, true, nil
}

// onlyMember is the one person whom the operations add to a team without attributes, or take out of it; "" where they do anything else to it.
func onlyMember(rt *scim.ResourceType, ops []scim.Operation) (person string, takes bool) {
	empty := scim.Resource{"displayName": "x"}
	patched, err := rt.Patch(empty, ops)
	if err != nil || len(patched.Members) != 1 || !scim.Equal(empty, patched.Resource) {
		return "", false
	}
	m := patched.Members[0]
	if len(m.IDs) != 1 || m.Kind != scim.AddMembers && m.Kind != scim.RemoveMembers {
		return "", false
	}
	return m.IDs[0], m.Kind == scim.RemoveMembers
}

// teamState is a locked team, and what the calls of a batch have made of it.
type teamState struct {
	row *teamRow
	now map[string]bool // people whom calls of this batch have added (true) or taken out (false)
}

// memberBatch is what a batch knows and finds out.
type memberBatch struct {
	q      *Quick
	calls  []memberPatch
	now    time.Time
	teams  map[string]*teamState
	facts  []memberFacts
	guards map[string]*batchGuard // of the workspaces of calls that take somebody out
}

// memberFacts are what the database says of a call once its team is locked.
type memberFacts struct {
	live   bool // the token
	known  bool // the person may be a member
	member bool // and is one
}

// batchGuard is what the guard goes by, with what this batch has taken.
type batchGuard struct {
	guardFacts
	counted int // of Taken, by this batch
}

// patchMembers does the calls of a batch in one transaction and two round trips.
func (q *Quick) patchMembers(ctx context.Context, calls []memberPatch) ([]*patchedTeam, error) {
	out := make([]*patchedTeam, len(calls))
	err := q.p.s.db.Native(ctx, func(c *pgx.Conn) error {
		return transaction(ctx, c, func() error {
			now, err := q.p.s.db.Now(ctx)
			if err != nil {
				return errOrdinary
			}
			b := &memberBatch{q: q, calls: calls, now: now, teams: map[string]*teamState{}, facts: make([]memberFacts, len(calls)), guards: map[string]*batchGuard{}}
			if err := b.lock(ctx, c); err != nil {
				return err
			}
			batch := &pgx.Batch{}
			for i, call := range calls {
				out[i] = b.patch(batch, call, b.facts[i], b.teams[call.team])
			}
			b.finish(batch)
			return c.SendBatch(ctx, batch).Close()
		})
	})
	if errors.Is(err, errOrdinary) {
		return make([]*patchedTeam, len(calls)), nil
	}
	return out, err
}

// lock begins the transaction, locks the teams in the order of their ids and looks at each call's person, and at what was taken lately.
func (b *memberBatch) lock(ctx context.Context, c *pgx.Conn) error {
	batch := &pgx.Batch{}
	batch.Queue("BEGIN")
	for _, i := range inOrder(len(b.calls), func(i int) string { return b.calls[i].team }) {
		t := &teamState{now: map[string]bool{}}
		b.teams[b.calls[i].team] = t
		batch.Queue(lockTeamSQL, b.calls[i].team, b.calls[i].by.Workspace).Query(func(found pgx.Rows) error {
			for found.Next() {
				t.row = &teamRow{}
				if err := found.Scan(t.row.fields()...); err != nil {
					return err
				}
			}
			return found.Err()
		})
	}
	for i, call := range b.calls {
		f := &b.facts[i]
		batch.Queue(memberSQL, call.by.Token, call.by.Workspace, call.person, call.by.Workspace, call.team, call.person).QueryRow(func(r pgx.Row) error {
			return r.Scan(&f.live, &f.known, &f.member)
		})
		if w := call.by.Workspace; call.takes && b.guards[w] == nil {
			g := &batchGuard{}
			b.guards[w] = g
			batch.Queue(guardSQL, database.Args(guardArgs(w, HeldMembers, b.now)...)...).QueryRow(func(r pgx.Row) error {
				return r.Scan(&g.Taken, &g.Removal, &g.People)
			})
		}
	}
	return c.SendBatch(ctx, batch).Close()
}

var (
	lockTeamSQL   = numbered("SELECT " + teamColumnsList + " FROM teams r WHERE r.id = ? AND " + visible + " FOR UPDATE OF r")
	memberSQL     = numbered("SELECT " + live + ", EXISTS (SELECT FROM people WHERE id = ? AND " + known + "), EXISTS (SELECT FROM team_members WHERE team_id = ? AND person_id = ?)")
	guardSQL      = numbered(guardLook)
	countTakenSQL = numbered(countTaken(ownShard))
)

const (
	insertMember = "INSERT INTO team_members (team_id, person_id, workspace_id) VALUES (?, ?, ?) RETURNING team_id AS id"
	deleteMember = "DELETE FROM team_members WHERE team_id = ? AND person_id = ? RETURNING team_id AS id"
	holdMember   = "INSERT INTO held_items (removal_id, workspace_id, person_id, team_id, role, at) SELECT ?, p.workspace_id, p.id, ?, p.role, ?" +
		" FROM people p, made WHERE p.id = ? ON CONFLICT DO NOTHING"
)

// patch queues what one call writes; nil where that is not plain.
func (b *memberBatch) patch(batch *pgx.Batch, call memberPatch, f memberFacts, t *teamState) *patchedTeam {
	if t.row == nil || t.row.WorkspaceID != call.by.Workspace || !f.live || !f.known || call.match.allows(t.row.Version) != nil {
		return nil
	}
	member, changed := t.now[call.person]
	if !changed {
		member = f.member
	}
	if member != call.takes {
		if call.takes { // perhaps a team waits for them: that ends, too
			return nil
		}
		out, err := b.q.p.group(*t.row, nil)
		if err != nil {
			return nil
		}
		return &patchedTeam{out: out}
	}
	next := *t.row
	next.Version, next.UpdatedAt = next.Version+1, b.now
	m := membership{now: b.now, added: 1}
	change, args := insertMember, database.Args(next.ID, call.person, next.WorkspaceID)
	var held []beside
	if call.takes {
		m.added, m.removed = 0, 1
		change, args = deleteMember, database.Args(next.ID, call.person)
		plain := false
		if held, plain = b.guard(call, next.ID); !plain {
			return nil
		}
	}
	done, event := b.told(call, *t.row, next, m)
	if done == nil {
		return nil
	}
	tell(batch, change, args, event, done.row, held...)
	*t.row, t.now[call.person] = next, !call.takes
	if call.takes {
		g := b.guards[call.by.Workspace]
		g.Taken, g.counted = g.Taken+1, g.counted+1
	}
	return done
}

// told is a changed team as it is answered and logged, with the audit's row; nil where the operations do more to this team than to one without
// attributes.
func (b *memberBatch) told(call memberPatch, was, next teamRow, m membership) (*patchedTeam, []any) {
	written, err := was.written()
	if err != nil {
		return nil, nil
	}
	if patched, err := b.q.p.teams.rt.Patch(written, call.ops); err != nil || len(patched.Members) != 1 || !scim.Equal(written, patched.Resource) {
		return nil, nil
	}
	done := &patchedTeam{}
	if done.out, err = b.q.p.group(next, nil); err != nil {
		return nil, nil
	}
	event, err := audit.Row(call.by, "team.changed", next.ID, m.detail(nil), b.now)
	if err != nil {
		return nil, nil
	}
	if done.row, err = rowOf(call.ctx, changedTeam("team.changed", next, written, written, m, done.out)); err != nil {
		return nil, nil
	}
	return done, event
}

// guard is what keeps a membership that goes as one of too many; nil where it is not. It is not plain to be the first that is held.
func (b *memberBatch) guard(call memberPatch, team string) (held []beside, plain bool) {
	g := b.guards[call.by.Workspace]
	if DefaultGuard.crossed(g.Taken+1, 0, g.People) == "" {
		return nil, true
	}
	if g.Removal == "" {
		return nil, false
	}
	return []beside{{holdMember, database.Args(g.Removal, team, b.now, call.person)}}, true
}

// finish queues what is written once for each team and workspace, and the end.
func (b *memberBatch) finish(batch *pgx.Batch) {
	for id, t := range b.teams {
		if len(t.now) > 0 {
			batch.Queue("UPDATE teams SET version = $1, updated_at = $2 WHERE id = $3", t.row.Version, b.now, id)
		}
	}
	for workspace, g := range b.guards {
		if g.counted > 0 {
			batch.Queue(countTakenSQL, database.Args(workspace, HeldMembers, b.now.Truncate(time.Minute), g.counted)...)
		}
	}
	batch.Queue("COMMIT")
}

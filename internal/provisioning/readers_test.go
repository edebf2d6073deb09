package provisioning_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/provisioning"
)

// kept writes rows of the log as they would lie there: one for each kind of what it is told, a second apart.
func (b *book) kept(from time.Time, calls []keptCall) {
	b.Helper()
	b.must(b.db.InTx(b.Context(), func(tx database.Tx) error {
		for i, c := range calls {
			at := from.Add(time.Duration(i) * time.Second)
			err := tx.Exec("INSERT INTO provisioning_log (workspace_id, id, at, last_at, result, operation, status, sentence, subject_kind, subject_id, subject_key, member_id, method, target, added, removed)"+
				" VALUES (?, ?, ?, ?, ?, 'x', 200, 'said', ?, ?, ?, ?, 'PATCH', '/', ?, ?)", acme, provisioning.NewID(at), at, at, string(c.result), c.kind, c.subject, c.subject, c.member, c.added, c.removed).Error
			if err != nil {
				return err
			}
		}
		return nil
	}))
}

type keptCall struct {
	result                provisioning.Result
	kind, subject, member string
	added, removed        int
}

func TestReadersOfALongLogFindWhatTheyWant(t *testing.T) {
	onBoth(t, func(t *testing.T, b *book) {
		now, err := b.Now(t.Context())
		b.must(err)
		person := func(r provisioning.Result, id string) keptCall {
			return keptCall{result: r, kind: provisioning.Person, subject: id}
		}
		team := func(id, member string, added, removed int) keptCall {
			return keptCall{provisioning.OK, provisioning.Team, id, member, added, removed}
		}
		b.kept(now.Add(-time.Hour), []keptCall{
			team("tea_old", "", 0, 9), // before what is counted below
			person(provisioning.OK, "ppl_1"), team("tea_1", "ppl_1", 1, 0), person(provisioning.Failed, "ppl_1"), team("tea_2", "ppl_1", 1, 0), person(provisioning.Unchanged, "ppl_1"),
			team("tea_1", "ppl_1", 0, 1), person(provisioning.Failed, "ppl_1"), person(provisioning.Failed, "ppl_2"), person(provisioning.OK, "ppl_3"),
			team("tea_1", "", 2, 7), team("tea_1", "", 1, 0), team("tea_2", "", 0, 4), team("tea_2", "", 4, 0), team("tea_3", "", 5, 0),
		})
		read := b.db.Read(t.Context())
		{ // a person's calls lie along two indexes, and come in one order
			all := b.rows(provisioning.Query{Person: "ppl_1"})
			if len(all) != 7 || !slices.IsSortedFunc(all, func(x, y provisioning.Row) int { return y.At.Compare(x.At) }) {
				t.Fatalf("%d calls", len(all))
			}
			var older, newer []string
			q := provisioning.Query{Workspace: acme, Person: "ppl_1", Limit: 2}
			for range 9 {
				p, err := b.List(read, q)
				b.must(err)
				for _, r := range p.Rows {
					older = append(older, r.ID)
				}
				if q.After = p.Next; q.After == "" {
					break
				}
			}
			q = provisioning.Query{Workspace: acme, Person: "ppl_1", Limit: 2, Before: all[6].ID}
			for range 3 {
				p, err := b.List(read, q)
				b.must(err)
				for _, r := range p.Rows {
					newer = append([]string{r.ID}, newer...)
				}
				slices.Sort(newer)
				q.Before = p.Newer
			}
			want := make([]string, len(all))
			for i, r := range all {
				want[i] = r.ID
			}
			slices.Reverse(newer)
			if !slices.Equal(older, want) || !slices.Equal(newer, want[:6]) {
				t.Errorf("want %v\nolder %v\nnewer %v", want, older, newer)
			}
			if failed := b.rows(provisioning.Query{Person: "ppl_1", Result: provisioning.Failed}); len(failed) != 2 {
				t.Errorf("%d of them failed", len(failed))
			}
		}
		{ // the last good call of each of several people
			got, err := provisioning.LastGood(read, acme, []string{"ppl_1", "ppl_2", "ppl_3", "ppl_4"})
			b.must(err)
			want := map[string]time.Time{"ppl_1": now.Add(-time.Hour + 5*time.Second), "ppl_3": now.Add(-time.Hour + 9*time.Second)}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		}
		{ // people about whom calls failed, as long as they have not come right
			ids, err := provisioning.PeopleWithProblems(read, acme)
			b.must(err)
			if !slices.Equal(ids, []string{"ppl_1", "ppl_2"}) {
				t.Errorf("%v", ids)
			}
		}
		{ // what teams have lost since they began to lose
			got, err := provisioning.MembersLost(read, acme, []string{"tea_1", "tea_2", "tea_3", "tea_old", "tea_none"}, now.Add(-time.Hour+time.Second))
			b.must(err)
			if diff := cmp.Diff(map[string]int64{"tea_1": 5}, got); diff != "" {
				t.Error(diff)
			}
		}
		{ // a team's rare calls are looked for piece by piece
			b.ScanAtMost(4) // of one team half as many
			q := provisioning.Query{Workspace: acme, Team: "tea_1", Result: provisioning.Failed}
			p, err := b.List(read, q)
			b.must(err)
			if len(p.Rows) != 0 || p.Next == "" || p.To == nil {
				t.Fatalf("the first piece: %+v", p)
			}
			for n := 0; q.After != "" || n == 0; n++ {
				if q.After = p.Next; n > 9 {
					t.Fatal("there is no end")
				}
				p, err = b.List(read, q)
				b.must(err)
				if p.Next == "" {
					break
				}
			}
		}
	})
}

func TestTrafficIsToldByDays(t *testing.T) {
	onBoth(t, func(t *testing.T, b *book) {
		noon := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
		b.must(b.db.InTx(t.Context(), func(tx database.Tx) error {
			for i, m := range []struct {
				at              time.Time
				token, client   string
				calls, rejected int
			}{
				{noon.Add(-49 * time.Hour), "tok_1", "Okta", 100, 0},                                                               // before what is asked for
				{noon.Add(-36*time.Hour - time.Minute), "tok_1", "Okta", 3, 1}, {noon.Add(-36 * time.Hour), "tok_1", "Okta", 5, 0}, // on both sides of midnight
				{noon, "tok_1", "", 2, 1}, {noon.Add(time.Minute), "tok_1", "Entra ID", 4, 4}, {noon.Add(time.Minute), "tok_2", "Entra ID", 7, 7},
			} {
				err := tx.Exec("INSERT INTO provisioning_minutes (workspace_id, minute, token_id, client, calls, rejected, first_at, last_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
					acme, m.at, m.token, m.client, m.calls, m.rejected, m.at, m.at.Add(time.Duration(i)*time.Second)).Error
				if err != nil {
					return err
				}
			}
			return nil
		}))
		got, err := provisioning.TrafficOf(b.db.Read(t.Context()), acme, noon.Add(-48*time.Hour), "tok_1", "tok_2", "tok_3")
		b.must(err)
		day := func(d int, calls, rejected int64) provisioning.Day {
			return provisioning.Day{Day: time.Date(2026, 11, d, 0, 0, 0, 0, time.UTC), Calls: calls, Rejected: rejected}
		}
		want := map[string]provisioning.Traffic{
			"tok_1": {Client: "Okta", LastAt: noon.Add(3 * time.Second), Good: 8, Days: []provisioning.Day{day(20, 6, 5), day(19, 5, 0), day(18, 3, 1)}},
			"tok_2": {Days: []provisioning.Day{day(20, 7, 7)}},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(- want, + got)\n%s", diff)
		}
	})
}

// A number of sync health leads to the rows that were counted, and to no others.
func TestEachEffectLeadsToTheCallsThatWereCounted(t *testing.T) {
	onBoth(t, func(t *testing.T, b *book) {
		start := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
		for i, c := range []struct {
			event  string
			result provisioning.Result
			by     string
		}{
			{"person.created", provisioning.OK, ""}, {"person.adopted", provisioning.OK, ""}, {"person.updated", provisioning.OK, ""}, {"person.renamed", provisioning.OK, ""},
			{"person.deactivated", provisioning.OK, ""}, {"person.deleted", provisioning.OK, ""}, {"team.created", provisioning.OK, ""},
			{"", provisioning.OK, ""}, {"person.updated", provisioning.Unchanged, ""}, {"person.updated", provisioning.Failed, ""},
			{"person.created", provisioning.OK, "ppl_ana"}, // a replay
		} {
			b.Later(b.entry(func(e *provisioning.Entry) {
				e.At, e.Event, e.Result, e.ReplayedBy = start.Add(time.Duration(i)*time.Second), c.event, c.result, c.by
			}))
		}
		got := map[provisioning.Effect][]string{}
		for _, effect := range provisioning.Effects {
			for _, row := range b.rows(provisioning.Query{Effect: effect}) {
				got[effect] = append([]string{row.Event}, got[effect]...)
			}
		}
		want := map[provisioning.Effect][]string{
			provisioning.Created: {"person.created", "person.adopted"}, provisioning.Updated: {"person.updated", "person.renamed"},
			provisioning.Off: {"person.deactivated", "person.deleted"}, provisioning.Teams: {"team.created"}, provisioning.Refused: {"person.updated"},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

package directory_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/ident"
	"github.com/countersign/countersign/internal/scim"
)

// quick is a house whose token has a row, and the quick way beside the ordinary one.
func quick(t *testing.T) (*house, *directory.Quick) {
	t.Helper()
	h := newHouse(t, dbtest.Open(t, dbtest.URL(t, database.Postgres)))
	h.by.Token = ident.New("tok")
	h.exec("INSERT INTO scim_tokens (id, workspace_id, digest, sealed, hint, state, created_at, created_by) VALUES (?, ?, ?, ?, '', 'active', ?, '')",
		h.by.Token, h.by.Workspace, []byte(h.by.Token), []byte{}, time.Now())
	return h, h.p.Quick()
}

func (h *house) exec(sql string, args ...any) {
	h.t.Helper()
	if err := h.db.InTx(h.t.Context(), func(tx database.Tx) error { return tx.Exec(sql, args...).Error }); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) number(sql string, args ...any) (n int64) {
	h.t.Helper()
	if err := h.db.Read(h.t.Context()).Raw(sql, args...).Scan(&n).Error; err != nil {
		h.t.Fatal(err)
	}
	return n
}

// doings are one call of each kind that the quick way knows, on a person and a team that are there; each says whether it was done.
func doings(h *house, q *directory.Quick, person, team string) map[string]func() (bool, error) {
	ctx := context.Background()
	return map[string]func() (bool, error){
		"reading a person": func() (bool, error) {
			_, done := q.User(ctx, h.by, person, scim.Projection{})
			return done, nil
		},
		"reading a team": func() (bool, error) {
			_, done := q.Group(ctx, h.by, team, h.p.GroupType().ParseProjection(nil, []string{"members"}))
			return done, nil
		},
		"a list": func() (bool, error) {
			_, done := q.Users(ctx, h.by, directory.Query{Count: 10})
			return done, nil
		},
		"a search that finds nobody": func() (bool, error) {
			f, err := h.p.UserType().ParseFilter(`userName eq "nobody"`)
			if err != nil {
				return false, err
			}
			_, done := q.Users(ctx, h.by, directory.Query{Count: 10, Filter: f})
			return done, nil
		},
		"a creation": func() (bool, error) {
			_, done, err := q.CreateUser(ctx, h.by, incoming(h.t, h.p.UserType(), `{"userName":"`+ident.New("u")+`","externalId":"`+ident.New("e")+`"}`))
			return done, err
		},
		"a change": func() (bool, error) {
			_, done, err := q.PatchUser(ctx, h.by, person, operations(h.t, `{"op":"replace","path":"title","value":"`+ident.New("t")+`"}`), nil)
			return done, err
		},
		"a change of nothing": func() (bool, error) {
			_, done, err := q.PatchUser(ctx, h.by, person, operations(h.t, `{"op":"replace","path":"displayName","value":"Ana"}`), nil)
			return done, err
		},
		"a member": func() (bool, error) {
			_, done, err := q.PatchMember(ctx, h.by, team, operations(h.t, `{"op":"add","path":"members","value":[{"value":"`+person+`"}]}`), nil)
			return done, err
		},
	}
}

func TestTheQuickWayNeedsATokenThatIsLiveAtThatMoment(t *testing.T) {
	h, q := quick(t)
	person, team := h.user(`{"userName":"ana","displayName":"Ana"}`), h.group(`{"displayName":"Support"}`)
	for name, do := range doings(h, q, person, team) {
		if done, err := do(); !done || err != nil {
			t.Errorf("%s with a live token: %v, %v", name, done, err)
		}
	}
	people, events := h.number("SELECT count(*) FROM people"), h.number("SELECT count(*) FROM audit_events")
	for state, sql := range map[string]string{
		"revoked":          "UPDATE scim_tokens SET state = 'revoked', revoked_at = created_at WHERE id = ?",
		"replaced":         "UPDATE scim_tokens SET state = 'replaced', valid_until = created_at WHERE id = ?",
		"with an end":      "UPDATE scim_tokens SET state = 'active', expires_at = created_at WHERE id = ?",
		"in another house": "UPDATE scim_tokens SET state = 'active', expires_at = NULL, workspace_id = '" + workspace(t, h.db) + "' WHERE id = ?",
	} {
		h.exec(sql, h.by.Token)
		for name, do := range doings(h, q, person, team) {
			if done, err := do(); done || err != nil {
				t.Errorf("%s with a token that is %s: done %v, %v", name, state, done, err)
			}
		}
	}
	if h.number("SELECT count(*) FROM people") != people || h.number("SELECT count(*) FROM audit_events") != events {
		t.Error("a dead token has changed something")
	}
}

// TestWhoComesTogetherIsMadeAsIfAlone: one statement makes those of a batch against whom nothing stands, with their rows, and leaves the others.
func TestWhoComesTogetherIsMadeAsIfAlone(t *testing.T) {
	h, q := quick(t)
	h.user(`{"userName":"there"}`)
	h.user(`{"userName":"gone","externalId":"e-gone","active":false}`)
	h.group(`{"displayName":"Support","members":[{"value":"e-awaited"}]}`)
	kept := func(c directory.Change) (directory.Row, error) {
		return directory.Row{Insert: "unused", Into: "counters (key, count, expires_at)", Values: []any{c.ID, 1, c.At}}, nil
	}
	people := []struct {
		body string
		made bool
	}{
		{`{"userName":"Zoë","name":{"givenName":"Zoë","familyName":"O'Neil"},"title":"\\ \"x\"","externalId":"e-1","emails":[{"value":"zoe@acme.test","type":"work"}]}`, true},
		{`{"userName":"There"}`, false},
		{`{"userName":"plain"}`, true},
		{`{"userName":"back","externalId":"e-gone"}`, false},
		{`{"userName":"awaited","externalId":"e-awaited"}`, false},
		{`{"userName":"asleep","active":false,"externalId":"e-2"}`, true},
	}
	var in []scim.Incoming
	for _, p := range people {
		in = append(in, incoming(t, h.p.UserType(), p.body))
	}
	in = append(in, in[0]) // twice the same
	made, shown, err := q.CreateTogether(directory.Recording(t.Context(), kept), h.by, in...)
	if err != nil {
		t.Fatal(err)
	}
	if made[0] == made[len(people)] {
		t.Errorf("of two who are the same %v and %v were made", made[0], made[len(people)])
	}
	for i, p := range people[1:] {
		if made[i+1] != p.made {
			t.Errorf("%s: made %v, want %v", p.body, made[i+1], p.made)
		}
	}
	for i, r := range shown {
		id := scim.Text(r, "id")
		for _, count := range []string{"SELECT count(*) FROM audit_events WHERE event = 'person.created' AND subject = ?", "SELECT count(*) FROM counters WHERE key = ?"} {
			if told := h.number(count, id); (told == 1) != made[i] {
				t.Errorf("person %d, made %v: %s: %d", i, made[i], count, told)
			}
		}
		if !made[i] {
			continue
		}
		read, err := h.p.User(t.Context(), h.by, id, scim.Projection{})
		if diff := cmp.Diff(r, read); err != nil || diff != "" {
			t.Errorf("person %d is read as another one than was answered: %v\n%s", i, err, diff)
		}
	}
}

// TestARevocationCountsFromItsCommitOn: whoever is answered after a revocation was committed was refused, while others create as fast as they can.
func TestARevocationCountsFromItsCommitOn(t *testing.T) {
	h, q := quick(t)
	var revoked atomic.Bool
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for n := 0; ; n++ {
				late := revoked.Load()
				_, done, err := q.CreateUser(context.Background(), h.by, incoming(t, h.p.UserType(), fmt.Sprintf(`{"userName":"u%d-%d"}`, w, n)))
				if err != nil {
					t.Error(err)
				}
				if late {
					if done {
						t.Error("a call that began after the revocation was done")
					}
					return
				}
			}
		})
	}
	h.exec("UPDATE scim_tokens SET state = 'revoked', revoked_at = created_at WHERE id = ?", h.by.Token)
	revoked.Store(true)
	wg.Wait()
}

func TestTheQuickWayLeavesToTheOrdinaryWhatIsNotPlain(t *testing.T) {
	h, q := quick(t)
	boss := h.user(`{"userName":"boss"}`)
	gone := h.user(`{"userName":"gone","externalId":"e-gone","active":false}`)
	team := h.group(`{"displayName":"Support","members":[{"value":"e-awaited"}]}`)
	h.local("ben", directory.Admin)
	for name, body := range map[string]string{
		"a userName that is taken, in other letters": `{"userName":"BOSS"}`,
		"the userName of a local person":             `{"userName":"ben@acme.test"}`,
		"the externalId of an inactive person":       `{"userName":"back","externalId":"e-gone"}`,
		"somebody a team waits for":                  `{"userName":"late","externalId":"e-awaited"}`,
		"a manager":                                  `{"userName":"x","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"manager":{"value":"` + boss + `"}}}`,
		"two addresses":                              `{"userName":"y","emails":[{"value":"a@acme.test"},{"value":"b@acme.test"}]}`,
	} {
		if r, done, err := q.CreateUser(t.Context(), h.by, incoming(t, h.p.UserType(), body)); done || err != nil {
			t.Errorf("%s: %v, %v", name, r, err)
		}
	}
	for name, op := range map[string]string{
		"active and a name": `{"op":"replace","value":{"active":false,"userName":"chief"}}`,
		"userName":          `{"op":"replace","path":"userName","value":"chief"}`,
		"a manager":         `{"op":"add","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager","value":"` + gone + `"}`,
		"further addresses": `{"op":"add","path":"emails","value":[{"value":"a@acme.test"},{"value":"b@acme.test"}]}`,
		"a wrong value":     `{"op":"replace","path":"active","value":"perhaps"}`,
	} {
		if r, done, err := q.PatchUser(t.Context(), h.by, boss, operations(t, op), nil); done || err != nil {
			t.Errorf("%s: %v, %v", name, r, err)
		}
	}
	for name, op := range map[string]string{
		"somebody unknown":    `{"op":"add","path":"members","value":[{"value":"nobody"}]}`,
		"two at once":         `{"op":"add","path":"members","value":[{"value":"` + boss + `"},{"value":"` + gone + `"}]}`,
		"a removal":           `{"op":"remove","path":"members[value eq \"` + boss + `\"]"}`,
		"a member and a name": `{"op":"add","value":{"members":[{"value":"` + boss + `"}],"displayName":"Other"}}`,
		"all members":         `{"op":"replace","path":"members","value":[{"value":"` + boss + `"}]}`,
	} {
		if r, done, err := q.PatchMember(t.Context(), h.by, team, operations(t, op), nil); done || err != nil {
			t.Errorf("%s: %v, %v", name, r, err)
		}
	}
	if r, done, err := q.PatchUser(t.Context(), h.by, gone, operations(t, `{"op":"replace","path":"active","value":true}`), nil); done || err != nil {
		t.Errorf("a return: %v, %v", r, err)
	}
	if _, done, _ := q.PatchUser(t.Context(), h.by, boss, operations(t, `{"op":"replace","path":"title","value":"x"}`), func(string) bool { return false }); done {
		t.Error("If-Match was passed over")
	}
	if n := h.number("SELECT count(*) FROM team_members") + h.number("SELECT sum(version) - 3 FROM people"); n != 0 {
		t.Errorf("%d things were changed all the same", n)
	}
}

func TestTheQuickWayAnswersAsTheOrdinary(t *testing.T) {
	h, q := quick(t)
	body := `{"userName":"Ana@acme.test","externalId":"e1","displayName":"Ana Kovač","title":"CTO","emails":[{"value":"Ana@acme.test","type":"work","primary":true}]}`
	made, done, err := q.CreateUser(t.Context(), h.by, incoming(t, h.p.UserType(), body))
	if !done || err != nil {
		t.Fatal(done, err)
	}
	id := scim.Text(made, "id")
	same := func(what string, quick scim.Resource) {
		t.Helper()
		if diff := cmp.Diff(plain(t, h.read(id)), plain(t, quick)); diff != "" {
			t.Errorf("%s (- ordinary, + quick):\n%s", what, diff)
		}
	}
	same("created", made)
	changed, done, err := q.PatchUser(t.Context(), h.by, id, operations(t, `{"op":"replace","value":{"title":"CEO","externalId":"e2"}}`), nil)
	if !done || err != nil {
		t.Fatal(done, err)
	}
	same("changed", changed)
	read, done := q.User(t.Context(), h.by, id, scim.Projection{})
	same("read", read)
	if got := h.find(`title eq "ceo" and externalId eq "e2"`); !done || !cmp.Equal(got, []string{id}) {
		t.Errorf("found %v", got)
	}
	team := h.group(`{"displayName":"Support"}`)
	if _, done, err := q.PatchMember(t.Context(), h.by, team, operations(t, `{"op":"add","path":"members","value":"`+id+`"}`), nil); !done || err != nil {
		t.Fatal(done, err)
	}
	if diff := cmp.Diff([]string{id}, h.members(team)); diff != "" {
		t.Error(diff)
	}
	// The quick way's clock is exact to a round trip, so two events that come at once may stand the other way round.
	if diff := cmp.Diff([]string{"person.changed", "person.created", "team.changed", "team.created"}, slices.Sorted(slices.Values(h.events()))); diff != "" {
		t.Error(diff)
	}
}

func plain(t *testing.T, r scim.Resource) (out map[string]any) {
	t.Helper()
	raw, err := json.Marshal(r)
	if err == nil {
		err = json.Unmarshal(raw, &out)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestManyAtOnceTheQuickWay(t *testing.T) {
	h, q := quick(t)
	team := h.group(`{"displayName":"Support"}`)
	ctx := context.Background()
	var wg sync.WaitGroup
	var won, clashed, added atomic.Int64
	for w := range 32 {
		wg.Go(func() {
			for n := range 20 {
				// Every name is wanted by two; who loses goes the ordinary way and hears of the clash there.
				in := incoming(t, h.p.UserType(), fmt.Sprintf(`{"userName":"u%d-%d","externalId":"e%d-%d"}`, w/2, n, w, n))
				r, done, err := q.CreateUser(ctx, h.by, in)
				if !done && err == nil {
					r, err = h.p.CreateUser(ctx, h.by, in)
				}
				if errors.Is(err, directory.ErrUserNameTaken) {
					clashed.Add(1)
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				won.Add(1)
				ops := operations(t, `{"op":"add","path":"members","value":[{"value":"`+scim.Text(r, "id")+`"}]}`)
				if _, done, err = q.PatchMember(ctx, h.by, team, ops, nil); !done && err == nil {
					_, err = h.p.PatchGroup(ctx, h.by, team, ops, nil, scim.Projection{})
				}
				if err != nil {
					t.Error(err)
					return
				}
				added.Add(1)
			}
		})
	}
	wg.Wait()
	if won.Load() != 320 || clashed.Load() != 320 || added.Load() != 320 || len(h.members(team)) != 320 {
		t.Errorf("%d made, %d refused, %d added, %d members", won.Load(), clashed.Load(), added.Load(), len(h.members(team)))
	}
	if n := h.number("SELECT version FROM teams WHERE id = ?", team); n != 321 {
		t.Errorf("the team is at version %d", n)
	}
	if n := h.number("SELECT count(*) FROM audit_events WHERE event IN ('person.created', 'team.changed')"); n != 640 {
		t.Errorf("%d audit rows", n)
	}
}

// TestTheQuickWayOfLeaving: who has nothing that ends is deactivated with a receipt; who has, or had, is the ordinary way's work.
func TestTheQuickWayOfLeaving(t *testing.T) {
	h, _ := quick(t)
	h.dir.Witness("teams", "SELECT count(*) FROM team_members WHERE person_id = ?")
	if _, done, err := h.p.Quick().PatchUser(t.Context(), h.by, h.user(`{"userName":"zoe"}`), operations(t, `{"op":"replace","path":"active","value":false}`), nil); done || err != nil {
		t.Errorf("without a word on what ends it was done: %v, %v", done, err)
	}
	h.dir.Trace("SELECT FROM team_members WHERE person_id = ?")
	q := h.p.Quick()
	free, bound := h.user(`{"userName":"ana","displayName":"Ana","title":"CTO"}`), h.user(`{"userName":"ben"}`)
	h.group(`{"displayName":"Support","members":["` + bound + `"]}`)
	admin := h.user(`{"userName":"cleo"}`)
	h.exec("UPDATE people SET role = 'admin' WHERE id = ?", admin)
	came := time.Now().Add(-time.Hour).UTC().Truncate(time.Microsecond)
	leave := func(id, ops string) (scim.Resource, bool) {
		r, done, err := q.PatchUser(directory.Arrived(t.Context(), came), h.by, id, operations(t, ops), nil)
		if err != nil {
			t.Error(err)
		}
		return r, done
	}
	for _, id := range []string{bound, admin} {
		if r, done := leave(id, `{"op":"replace","path":"active","value":"False"}`); done {
			t.Errorf("%v", r)
		}
	}
	left, done := leave(free, `{"op":"replace","value":{"active":false,"title":"gone"}}`)
	if diff := cmp.Diff(plain(t, h.read(free)), plain(t, left)); !done || diff != "" || left["active"] != false {
		t.Errorf("done %v (- ordinary, + quick):\n%s", done, diff)
	}
	all, _, err := directory.Offboardings(h.db.Read(t.Context()), h.by.Workspace, "", "", 0)
	h.must(err)
	if len(all) != 1 || all[0].PersonID != free || all[0].PersonName != "Ana" || all[0].Cause != "deactivated" || !all[0].RequestedAt.Equal(came) ||
		len(all[0].Ended) != 1 || all[0].Ended[0].Count != 0 {
		t.Errorf("%+v", all)
	}
	if got := h.events(); !slices.Contains(got, "person.deactivated") {
		t.Error(got)
	}
	other := h.user(`{"userName":"dora","title":"CFO"}`)
	if r, done := leave(other, `{"op":"replace","path":"active","value":false}`); !done || !cmp.Equal(plain(t, h.read(other)), plain(t, r)) || r["title"] != "CFO" {
		t.Errorf("%v %v", done, r)
	}
}

// TestTheQuickWayKnowsTheGuard: one member after the other is taken out; from the threshold on each is held.
func TestTheQuickWayKnowsTheGuard(t *testing.T) {
	h, q := quick(t)
	ids := h.users(12) // 10 % of 12 are less than four, and three are never too many
	team := h.group(`{"displayName":"T","members":["` + strings.Join(ids, `","`) + `"]}`)
	for i, id := range ids[:10] {
		ops := operations(t, `{"op":"remove","path":"members[value eq \"`+id+`\"]"}`)
		_, done, err := q.PatchMember(t.Context(), h.by, team, ops, nil)
		if err != nil || done != (i != 3) {
			t.Errorf("%d: done %v, %v", i, done, err)
		}
		if !done {
			h.must(h.patchTeam(team, `{"op":"remove","path":"members","value":["`+id+`"]}`))
		}
	}
	if _, done, err := q.PatchMember(t.Context(), h.by, team, operations(t, `{"op":"remove","path":"members","value":["`+ids[0]+`"]}`), nil); done || err != nil {
		t.Errorf("who is no member: %v, %v", done, err)
	}
	r := h.removals()
	if len(r) != 1 || r[0].Items != 7 || len(h.members(team)) != 2 {
		t.Fatalf("%+v, %d members", r, len(h.members(team)))
	}
	if n := h.number("SELECT sum(n) FROM removal_counts"); n != 10 {
		t.Errorf("%d were counted", n)
	}
	if n := h.number("SELECT version FROM teams WHERE id = ?", team); n != 11 {
		t.Errorf("the team is at version %d", n)
	}
	h.must(h.dir.KeepRemoval(t.Context(), h.console(h.local("ana", directory.Owner)), r[0].ID, freely))
	if got := len(h.members(team)); got != 9 {
		t.Errorf("%d members afterwards", got)
	}
}

// TestTheQuickWayShowsTeamsAndManagers: one by one and on a page, as the ordinary way does.
func TestTheQuickWayShowsTeamsAndManagers(t *testing.T) {
	h, q := quick(t)
	const manager = `"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"manager":{"value":"%s"}}`
	boss := h.user(`{"userName":"boss","displayName":"Boss"}`)
	ana := h.user(fmt.Sprintf(`{"userName":"ana",`+manager+`}`, boss))
	ben := h.user(fmt.Sprintf(`{"userName":"ben",`+manager+`}`, "nobody"))
	h.user(fmt.Sprintf(`{"userName":"cleo",`+manager+`}`, ana))
	first := h.group(`{"displayName":"Z","members":["` + ana + `","` + ben + `"]}`)
	h.group(`{"displayName":"A","members":["` + ana + `"]}`)
	gone := h.group(`{"displayName":"Gone","members":["` + ana + `","` + boss + `"]}`)
	h.must(h.p.DeleteGroup(t.Context(), h.by, gone, nil))
	some := h.p.UserType().ParseProjection([]string{"userName", "groups.value"}, nil)
	none := h.p.UserType().ParseProjection(nil, []string{"groups"})
	for _, projection := range []scim.Projection{{}, some, none} {
		query := directory.Query{Count: 3, Projection: projection}
		want, err := h.p.Users(t.Context(), h.by, query)
		h.must(err)
		got, done := q.Users(t.Context(), h.by, query)
		if !done || got.Total != 4 || len(got.Resources) != 3 {
			t.Fatalf("%v: %d of %d", done, len(got.Resources), got.Total)
		}
		for i, r := range want.Resources {
			if diff := cmp.Diff(plain(t, r), plain(t, got.Resources[i])); diff != "" {
				t.Errorf("on a page (- ordinary, + quick):\n%s", diff)
			}
			one, done := q.User(t.Context(), h.by, scim.Text(r, "id"), projection)
			if diff := cmp.Diff(plain(t, r), plain(t, one)); !done || diff != "" {
				t.Errorf("alone (- ordinary, + quick):\n%s", diff)
			}
		}
	}
	if r := h.read(ana); len(r["groups"].([]any)) != 2 || scim.Text(r["groups"].([]any)[0].(map[string]any), "value") != first {
		t.Errorf("%v", r["groups"])
	}
}

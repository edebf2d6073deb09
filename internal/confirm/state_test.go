package confirm_test

import (
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/apitest"
	"github.com/countersign/countersign/internal/confirm"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/ident"
	"github.com/countersign/countersign/internal/passkey"
	"github.com/countersign/countersign/internal/softkey"
	"github.com/countersign/countersign/internal/workspace"
)

// lives is how many are lived on each database; make chaos lives more.
const lives = "40"

// machine drives the real service and the model through the same steps.
type machine struct {
	m        model
	w        *apitest.World
	rt       *rapid.T
	owner    actor.Actor
	by       actor.Actor   // the person all of it is about
	sessions []actor.Actor // of theirs
	phones   []*apitest.Phone
	key      *softkey.Key   // theirs
	begun    map[string]int // ceremonies of it, by question
	versions map[string]int64
	states   map[string]confirm.State
}

// TestRandomLivesFollowTheModel: random operation sequences against the real service on both databases, compared after every step with a
// small model in memory.
func TestRandomLivesFollowTheModel(t *testing.T) {
	if f := flag.Lookup("rapid.checks"); f.Value.String() == f.DefValue {
		if err := flag.Set("rapid.checks", lives); err != nil {
			t.Fatal(err)
		}
	}
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		n := 0
		rapid.Check(t, func(rt *rapid.T) {
			n++
			newMachine(rt, w, fmt.Sprintf("life%d", n)).live()
		})
	})
}

func newMachine(rt *rapid.T, w *apitest.World, slug string) *machine {
	s := &machine{w: w, rt: rt, begun: map[string]int{}, versions: map[string]int64{}, states: map[string]confirm.State{}}
	s.owner = w.Workspace(slug)
	s.by = w.Colleague(s.owner, "ben", directory.SuperAdmin)
	s.m.two, s.m.freeze, s.m.passkeys = rapid.IntRange(0, 2).Draw(rt, "two admins") == 0, rapid.Bool().Draw(rt, "freeze"), rapid.Bool().Draw(rt, "passkeys")
	w.Rules(s.owner, func(r *workspace.Rules) {
		r.Mode = rapid.SampledFrom([]workspace.Policy{workspace.RiskBased, workspace.AlwaysCode, workspace.TapOnly}).Draw(rt, "policy")
		r.TwoAdmins, r.FreezeOnReport, r.Passkeys = s.m.two, s.m.freeze, s.m.passkeys
	})
	if s.m.two {
		s.settle()
		s.owner.Verified = s.m.now
		s.phones, s.m.phones = append(s.phones, w.Phone(s.owner)), append(s.m.phones, &phoneModel{person: colleague})
	}
	for range 4 {
		another := s.by
		another.Session = ident.Hash(ident.Secret(16))
		s.sessions = append(s.sessions, another)
	}
	s.m.active = true
	s.key, _ = addPasskey(w.T, w, s.by)
	w.Offset.Advance(24 * time.Hour) // only then it may answer
	s.settle()
	s.pair()
	return s
}

// live is one random life, step by step.
func (s *machine) live() {
	for range rapid.IntRange(1, 40).Draw(s.rt, "steps") {
		s.settle()
		steps := []func(){s.ask, s.ask, s.wait, s.wait}
		if len(s.m.asked) > 0 {
			steps = append(steps, s.answer, s.answer, s.answer, s.usePasskey, s.collect, s.collect, s.spend, s.cancel, s.resend, s.signOut)
		}
		if s.m.active && s.m.working() > 0 && s.m.working() < 3 { // after the last one only recovery pairs again
			steps = append(steps, s.pair)
		}
		if s.m.working() > 0 {
			steps = append(steps, s.remove)
		}
		if rapid.IntRange(0, 9).Draw(s.rt, "seldom") == 0 {
			steps = append(steps, s.toggle)
		}
		rapid.SampledFrom(steps).Draw(s.rt, "step")()
		s.settle()
		s.compare()
	}
}

// settle takes the clock away from instants at which a rule changes its mind: this test is about order; edges have tests of their own.
func (s *machine) settle() {
	for {
		now, err := s.w.DB.Now(s.w.Ctx)
		if err != nil {
			s.rt.Fatal(err)
		}
		near := slices.ContainsFunc(s.m.edges(), func(e time.Time) bool { return now.Sub(e).Abs() < time.Second })
		if !near {
			s.m.tick(now)
			return
		}
		s.w.Offset.Advance(2 * time.Second)
	}
}

// wait lets time pass: a while, or until just after the next instant at which a rule changes its mind.
func (s *machine) wait() {
	d := rapid.SampledFrom([]time.Duration{0, 0, 0, 5 * time.Second, 25 * time.Second, 61 * time.Second, 11 * time.Minute, 61 * time.Minute}).Draw(s.rt, "wait")
	if d == 0 {
		d = time.Hour
		for _, e := range s.m.edges() {
			if left := e.Sub(s.m.now); left > 0 {
				d = min(d, left+1500*time.Millisecond)
			}
		}
	}
	s.w.Offset.Advance(d)
}

func (s *machine) session() int { return rapid.IntRange(0, len(s.sessions)-1).Draw(s.rt, "session") }

// pick is a question, more often a young one, and a session, more often the one that asked.
func (s *machine) pick() (a *askedModel, session int) {
	n := len(s.m.asked)
	a = s.m.asked[n-1-min(rapid.IntRange(0, 5).Draw(s.rt, "question"), n-1)]
	if rapid.IntRange(0, 7).Draw(s.rt, "whose") == 0 {
		return a, s.session()
	}
	return a, a.session
}

// agree demands the error that the model foresaw; a refusal of the model's nil is a failure too.
func (s *machine) agree(what string, want, got error) {
	s.rt.Helper()
	s.rt.Logf("%s: %v", what, got)
	if (want == nil) != (got == nil) || want != nil && !errors.Is(got, want) {
		s.rt.Fatalf("%s: got %v; the model says %v", what, got, want)
	}
}

func (s *machine) ask() {
	i := s.session()
	a := confirm.Ask{Action: rapid.SampledFrom([]string{confirm.RevealToken, confirm.RevealToken, confirm.RegenerateToken, confirm.AddDevice}).Draw(s.rt, "action")}
	if a.Action == confirm.RegenerateToken {
		a.Params = []byte(rapid.SampledFrom([]string{`{"reason":"a"}`, `{"reason":"b"}`}).Draw(s.rt, "params"))
	}
	v, created, err := s.w.Confirms.Ask(s.w.Ctx, s.sessions[i], a)
	what := fmt.Sprintf("session %d asks %s %s", i, a.Action, a.Params)
	if same := s.m.same(i, a.Action, string(a.Params)); same != nil {
		s.agree(what, nil, err)
		if created || v.ID != same.id || v.Code != same.code {
			s.rt.Fatalf("%s: created %v, %s; the model has %s waiting", what, created, v.ID, same.id)
		}
		return
	}
	want := s.m.ask(i, a.Action)
	s.agree(what, want, err)
	if err != nil {
		return
	}
	if !created || (v.Mode == confirm.Code) != (len(v.Code) == 6) || a.Action != confirm.RevealToken && v.Mode != confirm.Code {
		s.rt.Fatalf("%s: created %v, mode %s, a code of %d", what, created, v.Mode, len(v.Code))
	}
	q := &askedModel{id: v.ID, session: i, action: a.Action, params: string(a.Params), tokenGen: s.m.tokenGen, mode: v.Mode, code: v.Code,
		state: confirm.Pending, created: v.CreatedAt, expires: v.ExpiresAt, pushed: v.CreatedAt, by: -1}
	if s.m.two && a.Action != confirm.AddDevice {
		q.votes = map[int]int{}
	}
	for n, p := range s.m.phones {
		if !p.removed && (p.person == asker || q.votes != nil) {
			q.phones = append(q.phones, n)
		}
	}
	s.m.asked = append(s.m.asked, q)
}

func (s *machine) answer() {
	a, _ := s.pick()
	n := rapid.IntRange(0, len(s.phones)-1).Draw(s.rt, "phone")
	if len(a.phones) > 0 && rapid.Bool().Draw(s.rt, "asked") {
		n = rapid.SampledFrom(a.phones).Draw(s.rt, "asked phone")
	}
	say := said{approve: rapid.IntRange(0, 3).Draw(s.rt, "approves") > 0, code: a.code}
	if say.approve && rapid.IntRange(0, 2).Draw(s.rt, "wrong") == 0 {
		say.code = rapid.SampledFrom([]string{"", "x", "y"}).Draw(s.rt, "code")
	}
	decision := "approve"
	if !say.approve {
		decision, say.code = "deny", ""
		say.reason = rapid.SampledFrom([]string{"", "", "mistake", "not_me"}).Draw(s.rt, "reason")
	}
	what := fmt.Sprintf("phone %d says %s %q %q to %s", n, decision, say.code, say.reason, a.id)
	if !slices.Contains(a.phones, n) { // it never saw the question: it can only make one up
		_, err := s.phones[n].Send(a.id, confirm.Answer{Response: []byte("{}"), Sig: []byte{1}})
		_, want := s.m.answer(n, a, say)
		s.agree(what, want, err)
		return
	}
	answer := s.phones[n].Answer(a.id, decision, say.code, say.reason, s.phones[n].UV)
	say.bytes = answer.Response
	state, err := s.phones[n].Send(a.id, answer)
	was := a.state
	wanted, want := s.m.answer(n, a, say)
	s.agree(what, want, err)
	if state != wanted {
		s.rt.Fatalf("%s: hears %q; the model says %q", what, state, wanted)
	}
	if a.state != was && a.by >= 0 { // the service's clock judged; the model goes on from its time
		v, err := s.w.Confirms.View(s.w.Ctx, s.sessions[a.session], a.id)
		if err != nil || v.DecidedAt == nil {
			s.rt.Fatalf("%s: decided at %v, %v", what, v.DecidedAt, err)
		}
		a.decided = *v.DecidedAt
	}
}

// usePasskey answers with the passkey from the dialog, now and then with one of another page.
func (s *machine) usePasskey() {
	a, i := s.pick()
	if s.begun[a.id]++; s.begun[a.id] > 9 { // the limit on ceremonies has a test of its own
		return
	}
	what := fmt.Sprintf("session %d begins with its passkey for %s", i, a.id)
	begun, err := s.w.Confirms.BeginPasskey(s.w.Ctx, s.sessions[i], a.id)
	s.agree(what, s.m.passkey(i, a), err)
	if err != nil {
		return
	}
	key := *s.key
	if rapid.IntRange(0, 3).Draw(s.rt, "phished") == 0 {
		key.Origin = "http://evil.test"
	}
	v, err := s.w.Confirms.AnswerPasskey(s.w.Ctx, s.sessions[i], a.id, begun.ID, key.Get(begun.Options))
	if key.Origin != s.key.Origin {
		s.agree("it answers another page", passkey.ErrWrong, err)
		return
	}
	s.agree("it answers", nil, err)
	if v.State != confirm.Approved || v.DecidedAt == nil || v.DecidedHow != "passkey" {
		s.rt.Fatalf("%s: %s at %v by %q", what, v.State, v.DecidedAt, v.DecidedHow)
	}
	s.m.byPasskey(a)
	a.decided = *v.DecidedAt
}

func (s *machine) collect() {
	a, i := s.pick()
	token, err := s.w.Confirms.Collect(s.w.Ctx, s.sessions[i], a.id)
	s.agree(fmt.Sprintf("session %d collects %s", i, a.id), s.m.collect(i, a), err)
	if (err == nil) != strings.HasPrefix(token.Plain, "cs_scim_") {
		s.rt.Fatalf("a token of %d characters beside %v", len(token.Plain), err)
	}
}

func (s *machine) spend() {
	a, i := s.pick()
	err := s.w.DB.InTx(s.w.Ctx, func(tx database.Tx) error {
		return s.w.Confirms.Spend(tx, s.sessions[i], a.id, confirm.AddDevice, "")
	})
	s.agree(fmt.Sprintf("session %d spends %s", i, a.id), s.m.spend(i, a), err)
}

func (s *machine) cancel() {
	a, i := s.pick()
	_, err := s.w.Confirms.Cancel(s.w.Ctx, s.sessions[i], a.id)
	s.agree(fmt.Sprintf("session %d cancels %s", i, a.id), s.m.cancel(i, a), err)
}

func (s *machine) resend() {
	a, i := s.pick()
	_, err := s.w.Confirms.Resend(s.w.Ctx, s.sessions[i], a.id)
	s.agree(fmt.Sprintf("session %d resends %s", i, a.id), s.m.resend(i, a), err)
}

func (s *machine) signOut() {
	i := s.session()
	err := s.w.DB.InTx(s.w.Ctx, func(tx database.Tx) error { return s.w.Confirms.EndSession(tx, s.sessions[i], confirm.SignedOut) })
	s.agree(fmt.Sprintf("session %d signs out", i), nil, err)
	s.m.signOut(i)
}

func (s *machine) pair() {
	now, err := s.w.DB.Now(s.w.Ctx)
	if err != nil {
		s.rt.Fatal(err)
	}
	s.by.Verified = now // they have just typed their password
	s.phones = append(s.phones, s.w.PhoneWith(s.by, func(database.Tx) error { return nil }, ""))
	s.m.phones = append(s.m.phones, &phoneModel{})
	s.rt.Logf("phone %d is paired", len(s.phones)-1)
}

func (s *machine) remove() {
	var working []int
	for n, p := range s.m.phones {
		if p.person == asker && !p.removed {
			working = append(working, n)
		}
	}
	n := rapid.SampledFrom(working).Draw(s.rt, "removed phone")
	s.agree(fmt.Sprintf("phone %d is removed", n), nil, s.w.Devices.Remove(s.w.Ctx, s.by, s.phones[n].ID, func(database.Tx) error { return nil }))
	s.m.remove(n)
}

// toggle deactivates the person, or brings them back.
func (s *machine) toggle() {
	to := !s.m.active
	_, err := s.w.Directory.Change(s.w.Ctx, s.owner, s.by.Person, nil, &to)
	s.agree(fmt.Sprintf("the person is active: %v", to), nil, err)
	if to {
		s.m.active = true
	} else {
		s.m.deactivate()
	}
}

// compare holds every question of the person against the model: what each session reads, and what the row says.
func (s *machine) compare() {
	for _, a := range s.m.asked {
		v, err := s.w.Confirms.View(s.w.Ctx, s.sessions[a.session], a.id)
		if err != nil {
			s.rt.Fatal(err)
		}
		if got := fmt.Sprintf("%s %q", v.State, v.Reason); got != a.shown() {
			s.rt.Fatalf("%s is %s; the model says %s", a.id, got, a.shown())
		}
		if (v.Code != "") != (a.state == confirm.Pending && a.mode == confirm.Code) {
			s.rt.Fatalf("%s, %s in mode %s, shows a code of %d", a.id, v.State, v.Mode, len(v.Code))
		}
		if v.Version < s.versions[a.id] || v.State != s.states[a.id] && v.Version == s.versions[a.id] {
			s.rt.Fatalf("%s went from version %d, %s, to version %d, %s", a.id, s.versions[a.id], s.states[a.id], v.Version, v.State)
		}
		s.versions[a.id], s.states[a.id] = v.Version, v.State
		if paid := s.paidOut(a.id); paid != a.paid || paid > 1 {
			s.rt.Fatalf("%s was consumed %d times; the model says %d", a.id, paid, a.paid)
		}
	}
}

func (s *machine) paidOut(id string) int {
	var n int
	err := s.w.DB.Read(s.w.Ctx).Raw("SELECT count(*) FROM audit_events WHERE workspace_id = ? AND subject = ? AND event = 'confirmation.consumed'",
		s.by.Workspace, id).Scan(&n).Error
	if err != nil {
		s.rt.Fatal(err)
	}
	return n
}

package apitest_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/apitest"
	"github.com/countersign/countersign/internal/confirm"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
	"github.com/countersign/countersign/internal/device"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/ident"
	"github.com/countersign/countersign/internal/phonesim"
)

// TestA05_ARaceHasOneWinner: a hundred answers at once from five phones, half approving and half denying; on Postgres also through three
// replicas. One decision counts and is the only one in the audit.
func TestA05_ARaceHasOneWinner(t *testing.T) {
	for _, c := range []struct {
		name, dialect string
		replicas      int
	}{{"sqlite", database.SQLite, 1}, {"postgres", database.Postgres, 1}, {"three replicas", database.Postgres, 3}} {
		t.Run(c.name, func(t *testing.T) {
			url := dbtest.URL(t, c.dialect)
			w := apitest.On(t, url, nil)
			at := []*apitest.World{w}
			for len(at) < c.replicas {
				at = append(at, w.Replica(nil))
			}
			ana := w.Workspace("acme")
			phones := []*apitest.Phone{w.Phone(ana)}
			for range 4 {
				phones = append(phones, w.PhoneWith(ana, free, ""))
			}
			for n := range *rounds {
				w.Offset.Advance(11 * time.Minute) // below the limits on requests
				v := ask(t, w, ana)
				race(t, at, phones, v)
				if n := told(t, w, ana.Workspace, v.ID, "confirmation.approved") + told(t, w, ana.Workspace, v.ID, "confirmation.denied"); n != 1 {
					t.Fatalf("round %d: %d decisions in the audit", n, n)
				}
				if t.Failed() {
					t.Fatalf("round %d", n)
				}
			}
		})
	}
}

// race lets a hundred answers of all phones reach all replicas at once.
func race(t *testing.T, at []*apitest.World, phones []*apitest.Phone, v confirm.View) {
	t.Helper()
	const answers = 100
	won := make([]string, answers)
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range answers {
		w, p := at[i%len(at)], phones[i%len(phones)]
		decision, key, code := "approve", p.UV, v.Code
		if i%2 == 1 {
			decision, key, code = "deny", p.Poll, ""
		}
		a, jti := p.Answer(v.ID, decision, code, "", key), ident.Secret(16)
		wg.Go(func() {
			<-start
			now, err := w.DB.Now(w.Ctx)
			if err != nil {
				t.Error(err)
				return
			}
			req, err := w.Devices.Authenticate(w.Ctx, p.Request(now, jti))
			if err != nil {
				t.Error(err)
				return
			}
			state, err := w.Confirms.Answer(w.Ctx, req, v.ID, a)
			switch {
			case err == nil:
				won[i] = fmt.Sprint(state, " by ", p.ID)
			case !is(err, confirm.ErrAlreadyAnswered, database.ErrBusy):
				t.Error(err)
			}
		})
	}
	close(start)
	wg.Wait()
	distinct := map[string]bool{}
	for _, s := range won {
		if s != "" {
			distinct[s] = true
		}
	}
	if len(distinct) != 1 { // the winner repeating itself hears the same again
		t.Errorf("winners: %v", distinct)
	}
}

// TestA06_ADoubleRevealPaysOutOnce: a hundred reveals of one approval at once.
func TestA06_ADoubleRevealPaysOutOnce(t *testing.T) {
	attacked(t, func(t *testing.T, d demo) {
		id := d.approved(t)
		var mu sync.Mutex
		statuses, tokens := map[string]int{}, 0
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				r := d.confirmation(id, "reveal")
				mu.Lock()
				defer mu.Unlock()
				statuses[fmt.Sprint(r.Status, " ", r.Code())]++
				if r.Text("token") != "" {
					tokens++
				}
			})
		}
		wg.Wait()
		if tokens != 1 || statuses["200 "] != 1 || statuses["409 already_collected"] != 99 {
			t.Errorf("%d tokens: %v", tokens, statuses)
		}
		ws := owner(t, d.World, "acme", "ana@acme.test").Workspace
		if n := told(t, d.World, ws, "", "token.viewed"); n != 1 {
			t.Errorf("%d views in the audit", n)
		}
	})
}

// TestA08_AnAnswerIsGoodForOneQuestion: a captured approval does nothing for another question, another phone, or once more.
func TestA08_AnAnswerIsGoodForOneQuestion(t *testing.T) {
	attacked(t, func(t *testing.T, d demo) {
		first := d.ana.Ask().Text("id")
		var captured []byte
		keep := func(a *phonesim.Answering) { a.EditBody = func(b []byte) []byte { captured = b; return b } }
		if state, err := d.phone.Approve(d.Ctx, first, phonesim.ApproveOptions{}, keep); err != nil || state != "approved" {
			t.Fatalf("%s, %v", state, err)
		}
		replay := func(to string) (string, error) {
			r, err := d.phone.Do(d.Ctx, "POST", "/v1/device/confirmations/"+to+"/respond", captured)
			if err != nil {
				return "", err
			}
			var got struct{ State string }
			return got.State, r.JSON(&got)
		}
		before := rowOf(t, d.World, first)
		if state, err := replay(first); err != nil || state != "approved" {
			t.Errorf("the same phone repeating itself: %s, %v", state, err)
		}
		unchanged(t, d.World, first, before, "the same bytes again")
		if r := d.confirmation(first, "reveal"); r.Status != 200 {
			t.Fatalf("reveal: %d %s", r.Status, r.Body)
		}
		before = rowOf(t, d.World, first)
		if _, err := replay(first); err != nil {
			t.Errorf("after it was collected the same phone hears: %v", err)
		}
		unchanged(t, d.World, first, before, "the same bytes after it was collected")
		refusal(t, "and pays nothing out", d.confirmation(first, "reveal"), 409, "already_collected")

		second := d.ana.Ask().Text("id")
		before = rowOf(t, d.World, second)
		_, err := replay(second)
		problem(t, "for the next question", err, 401, "unauthorized")
		other := d.ana.Do("POST", "/v1/confirmations", map[string]string{"action": "device.add"}).Text("id")
		_, err = replay(other)
		problem(t, "for another action", err, 401, "unauthorized")
		_ = before
		if s := d.state(other); s != "pending" {
			t.Errorf("the other question is %s", s)
		}

		late := d.ana.Ask().Text("id")
		if _, err := d.phone.Open(d.Ctx, late); err != nil {
			t.Fatal(err)
		}
		d.Offset.Advance(5*time.Minute + time.Second)
		_, err = d.phone.Approve(d.Ctx, late, phonesim.ApproveOptions{}, keep)
		problem(t, "kept back until the question is over", err, 410, "confirmation_expired")
		if s := d.state(late); s != "expired" {
			t.Errorf("it is %s", s)
		}
	})
}

// TestA10_TheDeadlineIsExact: the last millisecond counts, the next does not; collecting likewise. The clock is the database's, read after the
// row's lock is held.
func TestA10_TheDeadlineIsExact(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		t.Run(dialect, func(t *testing.T) {
			for name, c := range map[string]struct {
				answer  time.Duration // after the deadline
				collect time.Duration // after the approval
				refused error
			}{
				"answered a millisecond before the end": {answer: -time.Millisecond, collect: time.Second},
				"answered at the end":                   {refused: confirm.ErrExpired},
				"collected after 59.9 seconds":          {answer: -time.Minute, collect: 59900 * time.Millisecond},
				"collected after 60 seconds":            {answer: -time.Minute, collect: time.Minute, refused: confirm.ErrCollectExpired},
				"collected after 60.1 seconds":          {answer: -time.Minute, collect: 60100 * time.Millisecond, refused: confirm.ErrCollectExpired},
			} {
				t.Run(name, func(t *testing.T) {
					w := apitest.New(t, dialect, nil)
					ana := w.Workspace("acme")
					phone := w.Phone(ana)
					v := ask(t, w, ana)
					ready := phone.Answer(v.ID, "approve", v.Code, "", phone.UV)
					w.Offset.Stop(v.ExpiresAt.Add(c.answer))
					_, err := phone.Send(v.ID, ready)
					if err == nil {
						w.Offset.Stop(rowOf(t, w, v.ID).DecidedAt.Add(c.collect))
						_, err = w.Confirms.Collect(w.Ctx, ana, v.ID)
					}
					if c.refused == nil && err != nil || c.refused != nil && !is(err, c.refused) {
						t.Errorf("%v, want %v", err, c.refused)
					}
				})
			}
		})
	}
	t.Run("an answer held by a lock past the deadline", func(t *testing.T) {
		w := apitest.New(t, database.Postgres, nil)
		ana := w.Workspace("acme")
		phone := w.Phone(ana)
		v := ask(t, w, ana)
		answered := make(chan error, 1)
		w.InTx(func(tx database.Tx) error {
			if err := tx.Exec("SELECT 1 FROM confirmations WHERE id = ? FOR UPDATE", v.ID).Error; err != nil {
				return err
			}
			go func() {
				_, err := phone.Approve(v.ID, "")
				answered <- err
			}()
			for waiting := int64(0); waiting == 0; { // until the answer stands before the lock
				err := w.DB.Read(w.Ctx).Raw("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%confirmations%'").Scan(&waiting).Error
				if err != nil {
					return err
				}
			}
			w.Offset.Advance(5*time.Minute + time.Second)
			return nil
		})
		if err := <-answered; !is(err, confirm.ErrExpired) {
			t.Errorf("%v, want %v", err, confirm.ErrExpired)
		}
	})
}

// TestA11_GuessingTheCodeEndsAtTen: somebody with the phone and a session, but without sight of the dialog, tries codes for hours, across
// questions, locks and restarts.
func TestA11_GuessingTheCodeEndsAtTen(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		ana := w.Workspace("acme")
		phone := w.Phone(ana)
		alwaysCode(w, ana)
		again := w.Replica(nil) // another process on the same rows: nothing is counted in memory
		tried, locked := 0, []time.Duration(nil)
		for range 40 {
			w.Offset.Advance(7 * time.Minute)
			v, _, err := w.Confirms.Ask(w.Ctx, ana, confirm.Ask{Action: confirm.RevealToken})
			if is(err, confirm.ErrLocked) {
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			for n := range 4 {
				at := []*apitest.World{w, again}[n%2]
				_, err := guess(at, phone, v, wrongCode(v.Code, tried))
				if is(err, confirm.ErrWrongCode) {
					tried++
				}
				if is(err, confirm.ErrLocked) {
					locked = append(locked, 0)
					break
				}
			}
			if tried > 30 {
				break
			}
		}
		// Ten, a quarter of an hour, ten, an hour, ten, and then nothing until somebody unlocks: thirty of a million.
		if tried != 30 {
			t.Errorf("%d codes could be tried in 4 hours and 40 minutes, want 30 (locked %d times)", tried, len(locked))
		}
	})
}

// TestA11_WrongAnswersAtOnceAreAllCounted: fifty different wrong answers at once to three open questions: three for each question are judged,
// and every one of those counts for the person.
func TestA11_WrongAnswersAtOnceAreAllCounted(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		ana := w.Workspace("acme")
		phone := w.Phone(ana)
		alwaysCode(w, ana)
		var open []confirm.View
		for range 3 {
			s := ana
			s.Session = ident.Hash(ident.Secret(8))
			open = append(open, ask(t, w, s))
		}
		var mu sync.Mutex
		wrong := 0
		var wg sync.WaitGroup
		for n := range 50 {
			v := open[n%3]
			wg.Go(func() {
				_, err := guess(w, phone, v, wrongCode(v.Code, n))
				mu.Lock()
				defer mu.Unlock()
				switch {
				case is(err, confirm.ErrWrongCode):
					wrong++
				case !is(err, confirm.ErrAlreadyAnswered, database.ErrBusy):
					t.Error(err)
				}
			})
		}
		wg.Wait()
		var counted int
		if err := w.DB.Read(w.Ctx).Raw("SELECT wrong_codes FROM confirmation_people WHERE person_id = ?", ana.Person).Scan(&counted).Error; err != nil {
			t.Fatal(err)
		}
		if wrong != 9 || counted != 9 {
			t.Errorf("%d were judged and %d counted, want 9 and 9", wrong, counted)
		}
	})
}

func guess(w *apitest.World, p *apitest.Phone, v confirm.View, code string) (confirm.State, error) {
	now, err := w.DB.Now(w.Ctx)
	if err != nil {
		return "", err
	}
	req, err := w.Devices.Authenticate(w.Ctx, p.Request(now, ident.Secret(16)))
	if err != nil {
		return "", err
	}
	return w.Confirms.Answer(w.Ctx, req, v.ID, p.Answer(v.ID, "approve", code, "", p.UV))
}

// TestA12_ASignatureMeansOneThing: what was signed for one purpose, in one form, by one key, is nothing else; and nothing is written before it
// is known to be right.
func TestA12_ASignatureMeansOneThing(t *testing.T) {
	attacked(t, func(t *testing.T, d demo) {
		id := d.ana.Ask().Text("id")
		if _, err := d.phone.Open(d.Ctx, id); err != nil {
			t.Fatal(err)
		}
		uv, poll := d.phone.Keys()
		before := rowOf(t, d.World, id)
		type edit = func(*phonesim.Answering)
		domain := func(name string) edit { return func(a *phonesim.Answering) { a.Domain = name } }
		for name, c := range map[string]struct {
			edit   edit
			status int
			code   string
		}{
			"signed as a pairing":                      {domain("countersign/pair/v1"), 401, "unauthorized"},
			"signed as a challenge":                    {domain("countersign/challenge/v1"), 401, "unauthorized"},
			"signed as a request":                      {domain("countersign/request/v1"), 401, "unauthorized"},
			"signed without a domain":                  {domain(""), 401, "unauthorized"},
			"approved by the key that needs no unlock": {func(a *phonesim.Answering) { a.Key = poll }, 401, "unauthorized"},
			"signed by a stranger's key":               {func(a *phonesim.Answering) { a.Key = phonesim.NewKey() }, 401, "unauthorized"},
			"a denial turned into an approval afterwards": {func(a *phonesim.Answering) {
				approve := a.Response
				a.Response, a.Key = []byte(strings.Replace(string(approve), `"approve"`, `"deny"`, 1)), uv
				a.Tamper = func(a *phonesim.Answering) { a.Response = approve }
			}, 401, "unauthorized"},
			"a byte after the DER":      {func(a *phonesim.Answering) { a.EditSignature = phonesim.Trailing }, 401, "unauthorized"},
			"r‖s instead of DER":        {func(a *phonesim.Answering) { a.EditSignature = phonesim.RawForm }, 401, "unauthorized"},
			"no signature":              {func(a *phonesim.Answering) { a.EditSignature = func([]byte) []byte { return nil } }, 401, "unauthorized"},
			"another challenge's hash":  {replace(`"chs":"`, `"chs":"A`), 401, "unauthorized"},
			"another confirmation":      {replace(id, "cnf_other"), 401, "unauthorized"},
			"another phone":             {replace(d.phone.Identity().Device, "dev_other"), 401, "unauthorized"},
			"two decisions":             {member("dec", `"deny"`), 400, "malformed"},
			"two decisions, other case": {member("DEC", `"deny"`), 400, "malformed"},
			"a field nobody knows":      {member("alg", `"none"`), 400, "unknown_field"},
			"another version":           {replace(`"v":1`, `"v":2`), 400, "malformed"},
		} {
			_, err := d.phone.Approve(d.Ctx, id, phonesim.ApproveOptions{}, c.edit)
			problem(t, name, err, c.status, c.code)
			unchanged(t, d.World, id, before, name)
		}
		if state, err := d.phone.Approve(d.Ctx, id, phonesim.ApproveOptions{}); err != nil || state != "approved" {
			t.Errorf("the right one: %s, %v", state, err)
		}
	})
}

func replace(old, with string) func(*phonesim.Answering) {
	return func(a *phonesim.Answering) { a.Response = []byte(strings.Replace(string(a.Response), old, with, 1)) }
}

func member(name, value string) func(*phonesim.Answering) {
	return func(a *phonesim.Answering) { a.Response = phonesim.Member(a.Response, name, value) }
}

// TestA14_WhatIsTakenAwayInMidFlightIsGone: the phone revoked, the person disabled, the role lost, the session ended, each between the question
// and the answer, and between the answer and the collecting.
func TestA14_WhatIsTakenAwayInMidFlightIsGone(t *testing.T) {
	off, user := false, directory.User
	for name, c := range map[string]struct {
		take    func(w *apitest.World, boss, ben actor.Actor, p *apitest.Phone) error
		answer  error // of the phone afterwards; nil where it may still answer
		collect []error
	}{
		"the phone is revoked": {func(w *apitest.World, _, ben actor.Actor, p *apitest.Phone) error {
			return w.Devices.Remove(w.Ctx, ben, p.ID, free)
		}, device.ErrUnauthorized, []error{confirm.ErrNotApproved}},
		"the person is disabled": {func(w *apitest.World, boss, ben actor.Actor, _ *apitest.Phone) error {
			_, err := w.Directory.Change(w.Ctx, boss, ben.Person, nil, &off)
			return err
		}, device.ErrUnauthorized, []error{confirm.ErrNotApproved, confirm.ErrForbidden}},
		"the role is lost": {func(w *apitest.World, boss, ben actor.Actor, _ *apitest.Phone) error {
			_, err := w.Directory.Change(w.Ctx, boss, ben.Person, &user, nil)
			return err
		}, nil, []error{confirm.ErrForbidden, confirm.ErrNotApproved}},
		"the session is ended": {func(w *apitest.World, _, ben actor.Actor, _ *apitest.Phone) error {
			return w.DB.InTx(w.Ctx, func(tx database.Tx) error { return w.Confirms.EndSession(tx, ben, confirm.SignedOut) })
		}, confirm.ErrAlreadyAnswered, []error{confirm.ErrNotApproved}},
	} {
		for _, answered := range []bool{false, true} {
			when := map[bool]string{false: " before the answer", true: " before the collecting"}[answered]
			t.Run(name+when, func(t *testing.T) {
				apitest.Each(t, func(t *testing.T, w *apitest.World) {
					boss := w.Workspace("acme")
					ben := w.Colleague(boss, "ben", directory.Admin)
					phone := w.Phone(ben)
					v := ask(t, w, ben)
					ready := phone.Answer(v.ID, "approve", v.Code, "", phone.UV)
					inFlight, err := phone.Signed() // checked already, not recorded yet
					if err != nil {
						t.Fatal(err)
					}
					if answered {
						if _, err := phone.Send(v.ID, ready); err != nil {
							t.Fatal(err)
						}
					}
					if err := c.take(w, boss, ben, phone); err != nil {
						t.Fatal(err)
					}
					if !answered {
						_, err := w.Confirms.Answer(w.Ctx, inFlight, v.ID, ready)
						if c.answer != nil && !is(err, c.answer) || c.answer == nil && err != nil && !is(err, confirm.ErrAlreadyAnswered) {
							t.Errorf("the answer that was on its way: %v, want %v", err, c.answer)
						}
					}
					if token, err := w.Confirms.Collect(w.Ctx, ben, v.ID); token.Plain != "" || !is(err, c.collect...) {
						t.Errorf("collecting: %v, want %v", err, c.collect)
					}
				})
			})
		}
	}
}

// TestA15_TheFirstAnswerCounts: denying on one phone and approving on the other, in both orders.
func TestA15_TheFirstAnswerCounts(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		ana := w.Workspace("acme")
		one, two := w.Phone(ana), w.PhoneWith(ana, free, "")
		v := ask(t, w, ana)
		if _, err := one.Deny(v.ID, ""); err != nil {
			t.Fatal(err)
		}
		if _, err := two.Approve(v.ID, v.Code); !is(err, confirm.ErrAlreadyAnswered) {
			t.Errorf("approved after a denial: %v", err)
		}
		if _, err := one.Approve(v.ID, v.Code); !is(err, confirm.ErrAlreadyAnswered) {
			t.Errorf("approved after one's own denial: %v", err)
		}
		if _, err := w.Confirms.Collect(w.Ctx, ana, v.ID); !is(err, confirm.ErrNotApproved) {
			t.Errorf("collected after a denial: %v", err)
		}

		v = ask(t, w, ana)
		if _, err := one.Approve(v.ID, v.Code); err != nil {
			t.Fatal(err)
		}
		if _, err := two.Deny(v.ID, "mistake"); !is(err, confirm.ErrAlreadyAnswered) {
			t.Errorf("denied after an approval: %v", err)
		}
		if r := rowOf(t, w, v.ID); r.State != "approved" {
			t.Errorf("it is %+v", r)
		}
		// What nobody has collected can still be called back by whoever did not ask for it.
		if _, err := two.Deny(v.ID, "not_me"); !is(err, confirm.ErrAlreadyAnswered) {
			t.Errorf("reported after an approval: %v", err)
		}
		if token, err := w.Confirms.Collect(w.Ctx, ana, v.ID); token.Plain != "" || err == nil {
			t.Errorf("collected after a report: %v", err)
		}
		if r := rowOf(t, w, v.ID); r.State != "cancelled" || r.Reason != "reported" {
			t.Errorf("after a report it is %+v", r)
		}
	})
}

// TestA16_NobodyGetsAnEasierMode: the mode is in the row; neither the page nor the phone can lower it.
func TestA16_NobodyGetsAnEasierMode(t *testing.T) {
	attacked(t, func(t *testing.T, d demo) {
		for name, body := range map[string]any{
			"a mode beside the action": map[string]string{"action": "device.add", "mode": "tap"},
			"a mode in capitals":       map[string]string{"action": "device.add", "Mode": "tap"},
		} {
			refusal(t, name, d.ana.Do("POST", "/v1/confirmations", body), 400, "unknown_field")
		}
		r := d.ana.Do("POST", "/v1/confirmations", map[string]any{"action": "device.add", "params": map[string]string{"mode": "tap"}})
		if r.Status < 300 && r.Text("mode") != "code" {
			t.Errorf("a mode in the parameters: %s", r.Body)
		}
		asked := d.ana.Do("POST", "/v1/confirmations", map[string]string{"action": "device.add"})
		id := asked.Text("id")
		c, err := d.phone.Open(d.Ctx, id)
		if err != nil || c.Mode != "code" || asked.Text("mode") != "code" {
			t.Fatalf("mode %q in the dialog, %q on the phone (%v)", asked.Text("mode"), c.Mode, err)
		}
		for name, e := range map[string]func(*phonesim.Answering){
			"a mode in the answer":       member("mode", `"tap"`),
			"a number of an old app":     member("num", `"tap"`),
			"a code that is not text":    member("code", `123456`),
			"a code and its own absence": member("code", `null`),
		} {
			_, err := d.phone.Approve(d.Ctx, id, phonesim.ApproveOptions{}, e)
			if phonesim.HasCode(err, 422, "wrong_code") {
				continue // counted as a wrong code
			}
			if err == nil {
				t.Errorf("%s was accepted", name)
			}
		}
		_, err = d.phone.Approve(d.Ctx, id, phonesim.ApproveOptions{})
		if err == nil || phonesim.HasCode(err, 200, "") {
			t.Errorf("without the code: %v", err)
		}
		if s := d.state(id); s == "approved" {
			t.Errorf("it is %s", s)
		}
	})
}

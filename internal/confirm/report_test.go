package confirm_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/apitest"
	"github.com/countersign/countersign/internal/confirm"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/device"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/ident"
	"github.com/countersign/countersign/internal/notice"
	"github.com/countersign/countersign/internal/workspace"
)

// elsewhere is the same person in another session.
func elsewhere(by actor.Actor) actor.Actor {
	by.Session = ident.Hash(ident.Secret(16))
	return by
}

func TestARequestThatThePersonDoesNotKnowIsALever(t *testing.T) {
	for name, freeze := range map[string]bool{"with the freeze": true, "without the freeze": false} {
		t.Run(name, func(t *testing.T) {
			apitest.Each(t, func(t *testing.T, w *apitest.World) {
				ana := w.Workspace("acme")
				cleo := w.Colleague(ana, "cleo", directory.Admin)
				dora := w.Colleague(ana, "dora", directory.User)
				phone := w.Phone(ana)
				w.Rules(ana, func(r *workspace.Rules) { r.FreezeOnReport = freeze })
				v, waiting, approved := ask(t, w, ana), ask(t, w, elsewhere(ana)), elsewhere(ana)
				third := ask(t, w, approved)
				if _, err := phone.Approve(third.ID, third.Code); err != nil {
					t.Fatal(err)
				}
				refused(t, confirm.ErrNotReported, w.Confirms.Annotate(w.Ctx, phone.Actor(ana), v.ID, "too soon"))
				state, err := phone.Deny(v.ID, "not_me")
				must(t, confirm.Denied, state, err)
				for _, bad := range []string{"", " \n", strings.Repeat("x", 501), "\xff"} {
					refused(t, confirm.ErrNote, w.Confirms.Annotate(w.Ctx, phone.Actor(ana), v.ID, bad))
				}
				must(t, true, true, w.Confirms.Annotate(w.Ctx, phone.Actor(ana), v.ID, "I was\n at lunch."))
				refused(t, confirm.ErrNoted, w.Confirms.Annotate(w.Ctx, phone.Actor(ana), v.ID, "and another"))
				must(t, 1, count(t, w, ana, v.ID, "confirmation.report_noted"), nil)
				state, err = phone.Deny(v.ID, "not_me") // the lever is pulled once
				must(t, confirm.Denied, state, err)

				got, err := w.Confirms.View(w.Ctx, ana, v.ID)
				must(t, "denied denied", string(got.State)+" "+got.Reason, err)
				var states []string
				err = w.DB.Read(w.Ctx).Raw("SELECT state || ' ' || reason FROM confirmations WHERE id IN ?", []string{waiting.ID, third.ID}).Scan(&states).Error
				must(t, []string{"cancelled reported", "cancelled reported"}, states, err)
				_, err = w.Confirms.Collect(w.Ctx, approved, third.ID)
				refused(t, confirm.ErrNotApproved, err)
				must(t, 1, count(t, w, ana, v.ID, "confirmation.reported"), nil)
				for _, who := range []actor.Actor{ana, cleo, dora} {
					items, _, err := notice.Of(w.DB.Read(w.Ctx), who)
					told := 0
					for _, n := range items {
						if n.Kind == "confirmation.reported" {
							told++
							must(t, freeze, n.Params["frozen"].(bool), nil)
						}
					}
					must(t, who.Admin(), told == 1, err)
				}
				_, _, err = w.Confirms.Ask(w.Ctx, cleo, confirm.Ask{Action: confirm.RevealToken})
				if !freeze {
					refused(t, confirm.ErrNoDevice, err)
					return
				}
				if f := refused(t, confirm.ErrFrozen, err); f.Fields["since"] == nil {
					t.Errorf("%v", f.Fields)
				}
				lifted := confirmed(t, w, ana, phone, confirm.Ask{Action: confirm.LiftFreeze})
				if err := w.Confirms.Perform(w.Ctx, ana, lifted.ID, confirm.LiftFreeze, "", nil); err != nil {
					t.Fatal(err)
				}
				ask(t, w, ana)
			})
		})
	}
}

func TestTheSessionThatAskedIsSignedOutByAReport(t *testing.T) {
	apitest.Doors(t, func(t *testing.T, s *apitest.Site) {
		b, other := s.Owner("acme"), s.Browser()
		other.SignIn("acme", "ana@acme.test")
		me := b.Do("GET", "/v1/session", nil).JSON["person"].(map[string]any)["id"].(string)
		pairing := b.Do("POST", "/v1/pairings", map[string]string{})
		p := s.Claim(device.Pairing{ID: pairing.Text("id"), Link: pairing.Text("link")}, "")
		b.Do("POST", "/v1/pairings/"+pairing.Text("id")+"/match", map[string]bool{"match": true})
		var workspaceID string
		if err := s.DB.Read(s.Ctx).Raw("SELECT workspace_id FROM people WHERE id = ?", me).Scan(&workspaceID).Error; err != nil {
			t.Fatal(err)
		}
		all, _, err := s.Confirms.Waiting(s.Ctx, p.Actor(actor.Actor{Workspace: workspaceID, Person: me}))
		must(t, 1, len(all), err)
		if _, err := p.Approve(all[0].CID, ""); err != nil {
			t.Fatal(err)
		}
		id := b.Ask().Text("id")
		state, err := p.Deny(id, "not_me")
		must(t, confirm.Denied, state, err)
		must(t, 401, b.Do("GET", "/v1/session", nil).Status, nil)
		must(t, 401, b.Do("GET", "/v1/confirmations/"+id, nil).Status, nil)
		must(t, 200, other.Do("GET", "/v1/session", nil).Status, nil) // the person's own, elsewhere, goes on
	})
}

func TestAReportComesLateAndStillCounts(t *testing.T) {
	for name, tc := range map[string]struct {
		before func(t *testing.T, w *apitest.World, by actor.Actor, p, second *apitest.Phone, v confirm.View)
		want   error
		state  confirm.State // the row's, afterwards
	}{
		"approved and not collected": {func(t *testing.T, _ *apitest.World, _ actor.Actor, p, _ *apitest.Phone, v confirm.View) {
			_, err := p.Approve(v.ID, v.Code)
			must(t, nil, err, nil)
		}, confirm.ErrAlreadyAnswered, confirm.Cancelled},
		"approved on another phone": {func(t *testing.T, _ *apitest.World, _ actor.Actor, _, second *apitest.Phone, v confirm.View) {
			_, err := second.Approve(v.ID, v.Code)
			must(t, nil, err, nil)
		}, confirm.ErrAlreadyAnswered, confirm.Cancelled},
		"collected already": {func(t *testing.T, w *apitest.World, by actor.Actor, p, _ *apitest.Phone, v confirm.View) {
			_, err := p.Approve(v.ID, v.Code)
			must(t, nil, err, nil)
			_, err = w.Confirms.Collect(w.Ctx, by, v.ID)
			must(t, nil, err, nil)
		}, confirm.ErrAlreadyAnswered, confirm.Consumed},
		"denied on another phone": {func(t *testing.T, _ *apitest.World, _ actor.Actor, _, second *apitest.Phone, v confirm.View) {
			_, err := second.Deny(v.ID, "")
			must(t, nil, err, nil)
		}, confirm.ErrAlreadyAnswered, confirm.Denied},
		"run out": {func(*testing.T, *apitest.World, actor.Actor, *apitest.Phone, *apitest.Phone, confirm.View) {
		}, confirm.ErrExpired, confirm.Expired},
		"cancelled at the computer": {func(t *testing.T, w *apitest.World, by actor.Actor, _, _ *apitest.Phone, v confirm.View) {
			_, err := w.Confirms.Cancel(w.Ctx, by, v.ID)
			must(t, nil, err, nil)
		}, confirm.ErrAlreadyAnswered, confirm.Cancelled},
	} {
		t.Run(name, func(t *testing.T) {
			apitest.Each(t, func(t *testing.T, w *apitest.World) {
				ana := w.Workspace("acme")
				p := w.Phone(ana)
				second := w.PhoneWith(ana, func(database.Tx) error { return nil }, "")
				w.Rules(ana, func(r *workspace.Rules) { r.FreezeOnReport = true })
				v := ask(t, w, ana)
				tc.before(t, w, ana, p, second, v)
				other := ask(t, w, elsewhere(ana))
				if name == "run out" { // as it is before anybody has written that its time is over
					w.Offset.Advance(6 * time.Minute)
					other = ask(t, w, elsewhere(ana))
				}
				_, err := p.Deny(v.ID, "not_me")
				f := refused(t, tc.want, err)
				if tc.want == error(confirm.ErrAlreadyAnswered) && f.Fields["state"] != tc.state {
					t.Errorf("the phone is told %v, want %s", f.Fields, tc.state)
				}
				_, _ = p.Deny(v.ID, "not_me")
				got, err := w.Confirms.View(w.Ctx, ana, v.ID)
				must(t, tc.state, got.State, err)
				must(t, 1, count(t, w, ana, v.ID, "confirmation.reported"), nil)
				var state string
				err = w.DB.Read(w.Ctx).Raw("SELECT state FROM confirmations WHERE id = ?", other.ID).Scan(&state).Error
				must(t, "cancelled", state, err)
				ws, err := workspace.Find(w.DB.Read(w.Ctx), ana.Workspace)
				must(t, true, ws.FrozenAt != nil, err)
			})
		})
	}
}

func TestAReportDoesNotSayWhichItWas(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		ana := w.Workspace("acme")
		p := w.Phone(ana)
		v := ask(t, w, ana)
		if _, err := p.Approve(v.ID, v.Code); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Deny(v.ID, "not_me"); !errors.Is(err, confirm.ErrAlreadyAnswered) {
			t.Fatal(err)
		}
		got, err := w.Confirms.View(w.Ctx, ana, v.ID)
		must(t, "cancelled denied", string(got.State)+" "+got.Reason, err)
	})
}

func TestAColleagueAndAPhoneThatIsBeingPairedPullNoLever(t *testing.T) {
	withTwo(t, func(t *testing.T, w *two) {
		v := w.ask(w.reveal)
		if _, err := w.cleos.Deny(v.ID, "not_me"); err != nil {
			t.Fatal(err)
		}
		must(t, 0, count(t, w.World, w.ana, v.ID, "confirmation.reported"), nil)
		par, err := w.Devices.Begin(w.Ctx, w.ana, func(database.Tx) error { return nil })
		if err != nil {
			t.Fatal(err)
		}
		fresh := w.Claim(par, "")
		if _, err := w.Devices.Match(w.Ctx, w.ana, par.ID, true); err != nil {
			t.Fatal(err)
		}
		all, _, err := w.Confirms.Waiting(w.Ctx, fresh.Actor(w.ana))
		must(t, 1, len(all), err)
		state, err := fresh.Deny(all[0].CID, "not_me")
		must(t, confirm.Denied, state, err)
		must(t, 0, count(t, w.World, w.ana, all[0].CID, "confirmation.reported"), nil)
	})
}

func TestASupersededRequestTellsThePhoneWhy(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		ana := w.Workspace("acme")
		p := w.Phone(ana)
		v := ask(t, w, ana)
		if _, _, err := w.Confirms.Ask(w.Ctx, ana, confirm.Ask{Action: confirm.AddDevice}); err != nil {
			t.Fatal(err)
		}
		_, err := p.Approve(v.ID, v.Code)
		if f := refused(t, confirm.ErrAlreadyAnswered, err); f.Fields["reason"] != "superseded" || f.Fields["state"] != confirm.Cancelled {
			t.Errorf("%v", f.Fields)
		}
		_, err = w.Confirms.Pull(w.Ctx, p.Actor(ana), v.ID)
		if f := refused(t, confirm.ErrAlreadyAnswered, err); f.Fields["reason"] != "superseded" {
			t.Errorf("%v", f.Fields)
		}
	})
}

func TestAnswersFromAnotherNetworkAreRefusedWhereThePolicySaysSo(t *testing.T) {
	for name, tc := range map[string]struct {
		rule bool
		ip   string
		want error
	}{
		"without the rule":        {false, "198.51.100.9", nil},
		"from the same network":   {true, "192.0.2.200", nil},
		"from another network":    {true, "198.51.100.9", confirm.ErrAlreadyAnswered},
		"from an address in IPv6": {true, "2001:db8::1", confirm.ErrAlreadyAnswered},
		"from nobody knows where": {true, "", confirm.ErrAlreadyAnswered},
		"from a proxy gone mad":   {true, "not an address", confirm.ErrAlreadyAnswered},
	} {
		t.Run(name, func(t *testing.T) {
			apitest.Each(t, func(t *testing.T, w *apitest.World) {
				ana := w.Workspace("acme")
				p := w.Phone(ana)
				w.Rules(ana, func(r *workspace.Rules) { r.SameNetwork = tc.rule })
				v := ask(t, w, ana)
				req, err := p.Signed()
				if err != nil {
					t.Fatal(err)
				}
				req.Actor.IP = tc.ip
				_, err = w.Confirms.Answer(w.Ctx, req, v.ID, p.Answer(v.ID, "approve", v.Code, "", p.UV))
				if tc.want == nil {
					must(t, nil, err, nil)
					return
				}
				if f := refused(t, tc.want, err); f.Fields["reason"] != "network_mismatch" {
					t.Errorf("%v", f.Fields)
				}
				got, err := w.Confirms.View(w.Ctx, ana, v.ID)
				must(t, "denied network_mismatch", string(got.State)+" "+got.Reason, err)
				must(t, 1, count(t, w, ana, v.ID, "confirmation.denied"), nil)
			})
		})
	}
}

func TestALockEndsByTimeByAColleagueOrByTheOperator(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		ana := w.Workspace("acme")
		cleo := w.Colleague(ana, "cleo", directory.SuperAdmin)
		phone, cleos := w.Phone(ana), w.Phone(cleo)
		w.Rules(ana, func(r *workspace.Rules) { r.Mode = workspace.AlwaysCode })
		lock := func() *fault.Error {
			t.Helper()
			for n := range 10 {
				if n%3 == 0 {
					w.Offset.Advance(31 * time.Minute)
				}
				v := ask(t, w, ana)
				_, err := phone.Approve(v.ID, fmt.Sprint("bad", n))
				refused(t, confirm.ErrWrongCode, err)
			}
			_, _, err := w.Confirms.Ask(w.Ctx, ana, confirm.Ask{Action: confirm.AddDevice})
			return refused(t, confirm.ErrLocked, err)
		}
		within := func(f *fault.Error, most time.Duration) {
			t.Helper()
			if f.RetryAfter > most || f.RetryAfter < most-time.Minute {
				t.Errorf("locked for %v, want %v", f.RetryAfter, most)
			}
		}
		within(lock(), 15*time.Minute)
		w.Offset.Advance(15*time.Minute + time.Second)
		within(lock(), time.Hour)
		w.Offset.Advance(time.Hour + time.Second)
		if f := lock(); f.RetryAfter < 365*24*time.Hour {
			t.Errorf("the third lock ends by itself after %v", f.RetryAfter)
		}
		items, _, err := notice.Of(w.DB.Read(w.Ctx), cleo)
		if err != nil || !strings.Contains(kinds(items), "confirmation.locked") {
			t.Errorf("the colleague is told %s, %v", kinds(items), err)
		}
		v := confirmed(t, w, cleo, cleos, confirm.Ask{Action: confirm.UnlockPerson, Resource: "person:" + ana.Person})
		if err := w.Confirms.Perform(w.Ctx, cleo, v.ID, confirm.UnlockPerson, v.Resource, nil); err != nil {
			t.Fatal(err)
		}
		must(t, 1, count(t, w, ana, ana.Person, "confirmation.unlocked"), nil)
		ask(t, w, ana)
		within(lock(), 15*time.Minute) // the count begins anew
		w.InTx(func(tx database.Tx) error {
			return w.Confirms.Unlock(tx, actor.Actor{Kind: actor.Operator, Workspace: ana.Workspace, Name: "support"}, ana.Person)
		})
		ask(t, w, ana)
	})
}

func kinds(all []notice.Notice) string {
	var out []string
	for _, n := range all {
		out = append(out, n.Kind)
	}
	return strings.Join(out, " ")
}

// A lock holds for a question that was asked before it, in either mode.
func TestALockedPersonCannotApproveWhatWaits(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		ana := w.Workspace("acme")
		p := w.Phone(ana)
		v := ask(t, w, ana)
		must(t, confirm.Tap, v.Mode, nil)
		w.InTx(func(tx database.Tx) error {
			now, err := tx.Now()
			if err != nil {
				return err
			}
			return tx.Exec("UPDATE confirmation_people SET locked_until = ? WHERE person_id = ?", now.Add(time.Minute), ana.Person).Error
		})
		_, err := p.Approve(v.ID, "")
		refused(t, confirm.ErrLocked, err)
		state, err := p.Deny(v.ID, "")
		must(t, confirm.Denied, state, err)
	})
}

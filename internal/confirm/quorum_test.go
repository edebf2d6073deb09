package confirm_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/apitest"
	"github.com/countersign/countersign/internal/confirm"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/workspace"
)

// two is a workspace that wants two admins: Ana asks, Cleo may second, Dora is a plain user.
type two struct {
	*apitest.World
	ana, cleo          actor.Actor
	anas, cleos, doras *apitest.Phone
	dora               actor.Actor
	reveal, regenerate confirm.Ask
	t                  *testing.T
}

func withTwo(t *testing.T, do func(t *testing.T, w *two)) {
	t.Helper()
	apitest.Each(t, func(t *testing.T, world *apitest.World) {
		w := &two{World: world, t: t, reveal: confirm.Ask{Action: confirm.RevealToken}, regenerate: confirm.Ask{Action: confirm.RegenerateToken}}
		w.ana = w.Workspace("acme")
		w.cleo, w.dora = w.Colleague(w.ana, "cleo", directory.SuperAdmin), w.Colleague(w.ana, "dora", directory.User)
		w.anas, w.cleos, w.doras = w.Phone(w.ana), w.Phone(w.cleo), w.Phone(w.dora)
		world.Rules(w.ana, func(r *workspace.Rules) { r.TwoAdmins, r.Mode = true, workspace.TapOnly })
		do(t, w)
	})
}

func (w *two) ask(a confirm.Ask) confirm.View {
	w.t.Helper()
	v, _, err := w.Confirms.Ask(w.Ctx, w.ana, a)
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}

func (w *two) view(id string) confirm.View {
	w.t.Helper()
	v, err := w.Confirms.View(w.Ctx, w.ana, id)
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}

func TestTwoAdminsApproveInEitherOrder(t *testing.T) {
	withTwo(t, func(t *testing.T, w *two) {
		for name, order := range map[string][]*apitest.Phone{"who asked first": {w.anas, w.cleos}, "the colleague first": {w.cleos, w.anas}} {
			for _, a := range []confirm.Ask{w.reveal, w.regenerate} {
				v := w.ask(a)
				if v.Mode != confirm.Code || v.Quorum == nil || v.Quorum.Needed != 2 || len(v.Quorum.Approvals) != 0 || len(v.Devices) != 1 {
					t.Fatalf("%s: asked %+v", name, v)
				}
				state, err := order[0].Approve(v.ID, v.Code)
				must(t, confirm.Pending, state, err)
				half := w.view(v.ID)
				if half.State != confirm.Pending || half.Version <= v.Version || len(half.Quorum.Approvals) != 1 || half.Code != v.Code {
					t.Errorf("%s: after one approval %+v", name, half)
				}
				_, err = w.Confirms.Collect(w.Ctx, w.ana, v.ID)
				refused(t, confirm.ErrNotApproved, err)
				state, err = order[0].Approve(v.ID, v.Code) // once more, counted once
				must(t, confirm.Pending, state, err)
				state, err = order[1].Approve(v.ID, v.Code)
				must(t, confirm.Approved, state, err)
				done := w.view(v.ID)
				if done.DecidedBy != "iPhone of Ana" || len(done.Quorum.Approvals) != 2 || done.CollectUntil == nil {
					t.Errorf("%s: after both %+v", name, done)
				}
				state, err = order[0].Approve(v.ID, v.Code)
				must(t, confirm.Approved, state, err)
				if got, err := w.Confirms.Collect(w.Ctx, w.ana, v.ID); err != nil || !strings.HasPrefix(got.Plain, "cs_scim_") {
					t.Errorf("%s: %v", name, err)
				}
				w.Offset.Advance(16 * time.Minute)
			}
		}
	})
}

func TestWhatTheColleaguesPhoneShows(t *testing.T) {
	withTwo(t, func(t *testing.T, w *two) {
		v := w.ask(w.reveal)
		all, _, err := w.Confirms.Waiting(w.Ctx, w.cleos.Actor(w.cleo))
		must(t, 1, len(all), err)
		shown := string(w.cleos.Challenge(v.ID))
		for _, part := range []string{`"usr":"` + w.cleo.Person, `"action":"Approve for Ana Kovač: View the SCIM API authentication token"`, `"mode":"code"`} {
			if !strings.Contains(shown, part) {
				t.Errorf("%s is not in %s", part, shown)
			}
		}
		if strings.Contains(shown, v.Code) {
			t.Error("the code is in the challenge")
		}
		if _, err := w.cleos.Approve(v.ID, v.Code); err != nil {
			t.Fatal(err)
		}
		all, _, err = w.Confirms.Waiting(w.Ctx, w.cleos.Actor(w.cleo))
		must(t, 0, len(all), err)
		none, _, err := w.Confirms.Waiting(w.Ctx, w.doras.Actor(w.dora))
		must(t, 0, len(none), err)
	})
}

func TestOneNoOfTwoIsNo(t *testing.T) {
	withTwo(t, func(t *testing.T, w *two) {
		for name, deny := range map[string]func(id, code string) (confirm.State, error){
			"the colleague":             func(id, _ string) (confirm.State, error) { return w.cleos.Deny(id, "") },
			"the colleague, as unknown": func(id, _ string) (confirm.State, error) { return w.cleos.Deny(id, "not_me") },
			"who asked":                 func(id, _ string) (confirm.State, error) { return w.anas.Deny(id, "mistake") },
			"the colleague after approving": func(id, code string) (confirm.State, error) {
				if _, err := w.cleos.Approve(id, code); err != nil {
					return "", err
				}
				return w.cleos.Deny(id, "")
			},
		} {
			v := w.ask(w.reveal)
			state, err := deny(v.ID, v.Code)
			must(t, confirm.Denied, state, err)
			for _, p := range []*apitest.Phone{w.anas, w.cleos} {
				if _, err := p.Approve(v.ID, v.Code); !errors.Is(err, confirm.ErrAlreadyAnswered) && !errors.Is(err, nil) {
					t.Errorf("%s: %v", name, err)
				}
			}
			must(t, confirm.Denied, w.view(v.ID).State, nil)
			w.Offset.Advance(16 * time.Minute)
		}
	})
}

func TestASecondApprovalIsWorthWhatItsGiverIsWorthWhenItIsUsed(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(w *two) error
		want   error
	}{
		"the colleague was deactivated": {func(w *two) error {
			off := false
			_, err := w.Directory.Change(w.Ctx, w.ana, w.cleo.Person, nil, &off)
			return err
		}, confirm.ErrNotApproved},
		"the colleague's phone was removed": {func(w *two) error {
			return w.Devices.Remove(w.Ctx, w.cleo, w.cleos.ID, func(database.Tx) error { return nil })
		}, confirm.ErrNotApproved},
		"the colleague lost the role": {func(w *two) error {
			user := directory.User
			_, err := w.Directory.Change(w.Ctx, w.ana, w.cleo.Person, &user, nil)
			return err
		}, confirm.ErrNoSignature},
	} {
		t.Run(name, func(t *testing.T) {
			withTwo(t, func(t *testing.T, w *two) {
				v := w.ask(w.reveal)
				for _, p := range []*apitest.Phone{w.cleos, w.anas} {
					if _, err := p.Approve(v.ID, v.Code); err != nil {
						t.Fatal(err)
					}
				}
				if err := tc.change(w); err != nil {
					t.Fatal(err)
				}
				_, err := w.Confirms.Collect(w.Ctx, w.ana, v.ID)
				refused(t, tc.want, err)
			})
		})
	}
}

func TestNobodySecondsWithoutTheRoleOrAPhone(t *testing.T) {
	withTwo(t, func(t *testing.T, w *two) {
		v := w.ask(w.reveal)
		user := directory.User
		if _, err := w.Directory.Change(w.Ctx, w.ana, w.cleo.Person, &user, nil); err != nil {
			t.Fatal(err)
		}
		_, err := w.cleos.Approve(v.ID, v.Code)
		refused(t, confirm.ErrForbidden, err)
		if _, err := w.Confirms.Cancel(w.Ctx, w.ana, v.ID); err != nil {
			t.Fatal(err)
		}
		_, _, err = w.Confirms.Ask(w.Ctx, w.ana, w.reveal)
		refused(t, confirm.ErrNoSecond, err)
		if _, _, err := w.Confirms.Ask(w.Ctx, w.ana, confirm.Ask{Action: confirm.AddDevice}); err != nil {
			t.Errorf("an action that needs one admin: %v", err)
		}
	})
}

func TestAColleaguesWrongCodesCountForTheColleague(t *testing.T) {
	withTwo(t, func(t *testing.T, w *two) {
		v := w.ask(w.reveal)
		_, err := w.cleos.Approve(v.ID, "")
		if f := refused(t, confirm.ErrWrongCode, err); f.Fields["tries_left"] != 2 {
			t.Errorf("%v", f.Fields)
		}
		var n []int
		if err := w.DB.Read(w.Ctx).Raw("SELECT wrong_codes FROM confirmation_people WHERE person_id IN (?, ?) ORDER BY CASE person_id WHEN ? THEN 0 ELSE 1 END",
			w.ana.Person, w.cleo.Person, w.ana.Person).Scan(&n).Error; err != nil {
			t.Fatal(err)
		}
		must(t, []int{0, 1}, n, nil)
	})
}

func TestTheDatabaseItselfCountsTheApprovals(t *testing.T) {
	withTwo(t, func(t *testing.T, w *two) {
		v := w.ask(w.reveal)
		if _, err := w.cleos.Approve(v.ID, v.Code); err != nil {
			t.Fatal(err)
		}
		w.World.Rules(w.ana, func(r *workspace.Rules) { r.TwoAdmins = false })
		other := w.cleo
		tap, _, err := w.Confirms.Ask(w.Ctx, other, w.reveal)
		if err != nil {
			t.Fatal(err)
		}
		approve := "UPDATE confirmations SET state = 'approved', version = version + 1, code_sealed = NULL, decided_at = created_at, decided_by = 'x', decided_sig = session_hash WHERE id = '" + v.ID + "'"
		for name, sql := range map[string]string{
			"approved with one of two":           approve,
			"one approval is enough from now on": "UPDATE confirmations SET approvals_needed = 1 WHERE id = '" + v.ID + "'",
			"an approval given to somebody else": "UPDATE approvals SET person_id = '" + w.ana.Person + "' WHERE confirmation_id = '" + v.ID + "'",
			"an approval taken back":             "DELETE FROM approvals WHERE confirmation_id = '" + v.ID + "'",
			"an approval where none is needed":   "INSERT INTO approvals SELECT '" + tap.ID + "', person_id, person_name, device_id, device_name, response, sig, approved_at FROM approvals",
			"two approvals without who asked":    "INSERT INTO approvals SELECT confirmation_id, '" + w.dora.Person + "', person_name, device_id, device_name, response, sig, approved_at FROM approvals; " + approve,
		} {
			if err := w.DB.InTx(w.Ctx, func(tx database.Tx) error {
				for _, one := range strings.Split(sql, "; ") {
					if err := tx.Exec(one).Error; err != nil {
						return err
					}
				}
				return nil
			}); err == nil {
				t.Errorf("%s was accepted", name)
			}
		}
		must(t, confirm.Pending, w.view(v.ID).State, nil)
	})
}

// An approval that somebody wrote into the table by hand is worth nothing when it is used.
func TestAForgedSecondApprovalPaysNothingOut(t *testing.T) {
	withTwo(t, func(t *testing.T, w *two) {
		v := w.ask(w.reveal)
		forged := w.cleos.Answer(v.ID, "approve", v.Code, "", apitest.Key(t))
		w.InTx(func(tx database.Tx) error {
			now, err := tx.Now()
			if err != nil {
				return err
			}
			return tx.Exec("INSERT INTO approvals VALUES (?, ?, 'cleo', ?, 'phone', ?, ?, ?)", v.ID, w.cleo.Person, w.cleos.ID, forged.Response, forged.Sig, now).Error
		})
		state, err := w.anas.Approve(v.ID, v.Code)
		must(t, confirm.Approved, state, err)
		_, err = w.Confirms.Collect(w.Ctx, w.ana, v.ID)
		refused(t, confirm.ErrNoSignature, err)
	})
}

func TestBothAnswersAtOnceHaveOneOutcome(t *testing.T) {
	withTwo(t, func(t *testing.T, w *two) {
		for round := range 6 {
			v := w.ask(w.reveal)
			a := w.anas.Answer(v.ID, "approve", v.Code, "", w.anas.UV)
			c := w.cleos.Answer(v.ID, "approve", v.Code, "", w.cleos.UV)
			no := w.cleos.Answer(v.ID, "deny", "", "", w.cleos.Poll)
			var wg sync.WaitGroup
			send := func(p *apitest.Phone, ans confirm.Answer) {
				wg.Go(func() {
					_, err := p.Send(v.ID, ans)
					if err != nil && !errors.Is(err, confirm.ErrAlreadyAnswered) && !errors.Is(err, database.ErrBusy) {
						t.Error(err)
					}
				})
			}
			for range 3 {
				send(w.anas, a)
				send(w.cleos, c)
			}
			if round%2 == 1 {
				send(w.cleos, no)
			}
			wg.Wait()
			got := w.view(v.ID)
			decisions := count(t, w.World, w.ana, v.ID, "confirmation.approved", "confirmation.denied")
			ok := got.State == confirm.Approved || round%2 == 1 && got.State == confirm.Denied
			if !ok || decisions != 1 {
				t.Errorf("round %d: %s, %d decisions in the audit", round, got.State, decisions)
			}
			if _, err := w.Confirms.Cancel(w.Ctx, w.ana, v.ID); err != nil {
				t.Fatal(err)
			}
			w.Offset.Advance(16 * time.Minute)
		}
	})
}

func TestAskingAgainWakesOnlyThoseWhoHaveNotApproved(t *testing.T) {
	withTwo(t, func(t *testing.T, w *two) {
		for who, p := range map[actor.Kind]*apitest.Phone{"ana": w.anas, "cleo": w.cleos} {
			by := map[actor.Kind]actor.Actor{"ana": w.ana, "cleo": w.cleo}[who]
			if err := w.Devices.Register(w.Ctx, p.Actor(by), []byte(`{"kind":"fcm","token":"token-of-`+string(who)+`"}`)); err != nil {
				t.Fatal(err)
			}
		}
		pushes := func() (n []int) {
			t.Helper()
			for _, by := range []actor.Actor{w.ana, w.cleo} {
				var one int
				if err := w.DB.Read(w.Ctx).Raw("SELECT pushes FROM confirmation_people WHERE person_id = ?", by.Person).Scan(&one).Error; err != nil {
					t.Fatal(err)
				}
				n = append(n, one)
			}
			return n
		}
		v := w.ask(w.reveal)
		must(t, []int{1, 1}, pushes(), nil)
		if _, err := w.cleos.Approve(v.ID, v.Code); err != nil {
			t.Fatal(err)
		}
		w.Offset.Advance(21 * time.Second)
		if _, err := w.Confirms.Resend(w.Ctx, w.ana, v.ID); err != nil {
			t.Fatal(err)
		}
		must(t, []int{2, 1}, pushes(), nil)
	})
}

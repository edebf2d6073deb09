package device_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/apitest"
	"github.com/countersign/countersign/internal/assembly"
	"github.com/countersign/countersign/internal/confirm"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/device"
	"github.com/countersign/countersign/internal/directory"
)

// lostPhone is a workspace in which Ben, an Admin, has lost his phone and Cleo, a Super Admin, has hers.
type lostPhone struct {
	ana, ben, cleo   actor.Actor
	bens, cleosPhone *apitest.Phone
}

func lose(w *apitest.World) lostPhone {
	l := lostPhone{ana: w.Workspace("acme")}
	l.ben, l.cleo = w.Colleague(l.ana, "ben", directory.Admin), w.Colleague(l.ana, "cleo", directory.SuperAdmin)
	l.bens, l.cleosPhone = w.Phone(l.ben), w.Phone(l.cleo)
	return l
}

func (l lostPhone) ask(t *testing.T, w *apitest.World) device.Appeal {
	t.Helper()
	r, err := w.Devices.AskColleague(w.Ctx, l.ben, l.cleo.Person, "Left it in the train")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (l lostPhone) compare(t *testing.T, w *apitest.World, r device.Appeal) {
	t.Helper()
	if got, err := w.Devices.Compare(w.Ctx, l.cleo, r.ID, r.Words); err != nil || !got.Compared {
		t.Fatalf("%+v, %v", got, err)
	}
}

func TestAColleagueApprovesAfterComparingWords(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		l := lose(w)
		s, err := w.Devices.Recovery(w.Ctx, l.ben)
		if err != nil || len(s.Approvers) != 1 || s.Approvers[0].ID != l.cleo.Person {
			t.Fatalf("Ben may ask %+v, %v; Ana has no phone", s.Approvers, err)
		}
		r := l.ask(t, w)
		if len(strings.Fields(r.Words)) != 3 || r.Choices != nil || !r.Own || r.ExpiresAt.Sub(r.CreatedAt) != 24*time.Hour {
			t.Errorf("Ben sees %+v", r)
		}
		all, err := w.Devices.Asked(w.Ctx, l.cleo)
		if err != nil || len(all) != 1 || all[0].Words != "" || len(all[0].Choices) != 3 || !slices.Contains(all[0].Choices, r.Words) || all[0].Note != "Left it in the train" {
			t.Fatalf("Cleo sees %+v, %v", all, err)
		}
		if _, _, err := w.Confirms.Ask(w.Ctx, l.cleo, confirm.Ask{Action: assembly.ApproveRecovery, Resource: "recovery:" + r.ID}); !errors.Is(err, device.ErrCompare) {
			t.Errorf("before the words were compared: %v", err)
		}
		l.compare(t, w, r)
		id, spend := confirmed(t, w, l.cleo, l.cleosPhone, assembly.ApproveRecovery, "recovery:"+r.ID)
		var shown struct {
			Ctx struct{ Action string } `json:"ctx"`
		}
		if err := json.Unmarshal(l.cleosPhone.Challenge(id), &shown); err != nil || !strings.Contains(shown.Ctx.Action, r.Words) || !strings.Contains(shown.Ctx.Action, "ben") {
			t.Errorf("Cleo's phone shows %q, %v", shown.Ctx.Action, err)
		}
		if _, err := w.Devices.ApproveAppeal(w.Ctx, l.cleo, r.ID, id, apitest.NoConfirmation); !errors.Is(err, confirm.ErrRequired) {
			t.Errorf("without spending the confirmation: %v", err)
		}
		if got, err := w.Devices.ApproveAppeal(w.Ctx, l.cleo, r.ID, id, spend); err != nil || got.State != "approved" {
			t.Fatalf("%+v, %v", got, err)
		}
		if _, err := l.bens.Signed(); !errors.Is(err, device.ErrUnauthorized) {
			t.Errorf("the lost phone still speaks: %v", err)
		}
		if _, err := w.Devices.Begin(w.Ctx, w.Session(person(t, w, l.ben)), apitest.NoConfirmation); !errors.Is(err, device.ErrRecovery) {
			t.Errorf("another session of Ben pairs: %v", err)
		}
		w.Phone(l.ben)
		for _, who := range []actor.Actor{l.ana, l.ben, l.cleo} {
			if got := told(t, w, who); !slices.Contains(got, "recovery.approved") || !slices.Contains(got, "recovery.done") {
				t.Errorf("%s was told %v", who.Name, got)
			}
		}
	})
}

func TestWhoMayApproveWhom(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		l := lose(w)
		w.Phone(l.ana)
		dora, finn := w.Colleague(l.ana, "dora", directory.User), w.Colleague(l.ana, "finn", directory.Admin)
		gina := w.Colleague(l.ana, "gina", directory.SuperAdmin) // without a phone
		for _, p := range []actor.Actor{dora, finn} {
			w.Phone(p)
		}
		eve := w.Workspace("evil")
		w.Phone(eve)
		for name, tc := range map[string]struct {
			asks, helps actor.Actor
			want        error
		}{
			"an Admin asks the Owner":             {l.ben, l.ana, nil},
			"the Owner asks a Super Admin":        {l.ana, l.cleo, nil},
			"a User asks an Admin":                {dora, l.ben, nil},
			"an Admin asks an Admin":              {l.ben, finn, device.ErrApprover},
			"the Owner asks an Admin":             {l.ana, l.ben, device.ErrApprover},
			"somebody asks themselves":            {l.cleo, l.cleo, device.ErrApprover},
			"somebody asks a User":                {l.ben, dora, device.ErrApprover},
			"somebody asks who has no phone":      {l.ben, gina, device.ErrApprover},
			"somebody asks another workspace":     {l.ben, eve, device.ErrApprover},
			"somebody asks who never had a phone": {gina, l.cleo, device.ErrNothingLost},
		} {
			if _, err := w.Devices.AskColleague(w.Ctx, tc.asks, tc.helps.Person, ""); !errors.Is(err, tc.want) {
				t.Errorf("%s: %v, want %v", name, err, tc.want)
			}
		}
	})
}

func TestWrongWordsRefuseTheQuestionForGood(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		l := lose(w)
		r := l.ask(t, w)
		all, err := w.Devices.Asked(w.Ctx, l.cleo)
		if err != nil {
			t.Fatal(err)
		}
		wrong := slices.DeleteFunc(all[0].Choices, func(c string) bool { return c == r.Words })[0]
		if _, err := w.Devices.Compare(w.Ctx, l.ana, r.ID, r.Words); err == nil {
			t.Error("somebody who was not asked compared the words")
		}
		if _, err := w.Devices.Compare(w.Ctx, l.cleo, r.ID, wrong); !errors.Is(err, device.ErrWordsDiffer) {
			t.Fatalf("wrong words: %v", err)
		}
		if _, err := w.Devices.Compare(w.Ctx, l.cleo, r.ID, r.Words); !errors.Is(err, device.ErrAppealOver) {
			t.Errorf("the right words afterwards: %v", err)
		}
		if got, err := w.Devices.Appeal(w.Ctx, l.ben, r.ID); err != nil || got.State != "refused" || got.Reason != "words_differ" || got.Words != "" {
			t.Errorf("Ben sees %+v, %v", got, err)
		}
		for _, who := range []actor.Actor{l.ben, l.cleo} {
			if got := told(t, w, who); !slices.Contains(got, "recovery.refused") {
				t.Errorf("%s was told %v", who.Name, got)
			}
		}
		if _, err := l.bens.Signed(); err != nil {
			t.Errorf("Ben's phone ended with a refusal: %v", err)
		}
	})
}

func TestAQuestionEndsBeforeItIsApproved(t *testing.T) {
	for name, tc := range map[string]struct {
		end  func(t *testing.T, w *apitest.World, l *lostPhone, r device.Appeal)
		want error
	}{
		"taken back by another session of the person": {func(t *testing.T, w *apitest.World, l *lostPhone, r device.Appeal) {
			if _, err := w.Devices.CancelAppeal(w.Ctx, w.Session(person(t, w, l.ben)), r.ID); err != nil {
				t.Fatal(err)
			}
		}, device.ErrAppealOver},
		"declined": {func(t *testing.T, w *apitest.World, l *lostPhone, r device.Appeal) {
			if _, err := w.Devices.Decline(w.Ctx, l.cleo, r.ID); err != nil {
				t.Fatal(err)
			}
		}, device.ErrAppealOver},
		"superseded by a newer one": {func(t *testing.T, w *apitest.World, l *lostPhone, _ device.Appeal) { l.ask(t, w) }, device.ErrAppealOver},
		"signed out": {func(t *testing.T, w *apitest.World, l *lostPhone, _ device.Appeal) {
			w.InTx(func(tx database.Tx) error {
				now, err := tx.Now()
				return errors.Join(err, w.Devices.EndSession(tx, l.ben, now))
			})
		}, device.ErrAppealOver},
		"deactivated": {func(t *testing.T, w *apitest.World, l *lostPhone, _ device.Appeal) {
			off := false
			if _, err := w.Directory.Change(w.Ctx, l.ana, l.ben.Person, nil, &off); err != nil {
				t.Fatal(err)
			}
		}, device.ErrAppealOver},
		"a day old": {func(_ *testing.T, w *apitest.World, l *lostPhone, _ device.Appeal) {
			w.Offset.Advance(24*time.Hour + time.Second)
		}, device.ErrAppealOver},
		"the colleague lost the role": {func(t *testing.T, w *apitest.World, l *lostPhone, _ device.Appeal) {
			role := directory.Admin
			if _, err := w.Directory.Change(w.Ctx, l.ana, l.cleo.Person, &role, nil); err != nil {
				t.Fatal(err)
			}
		}, device.ErrApprover},
	} {
		t.Run(name, func(t *testing.T) {
			apitest.Each(t, func(t *testing.T, w *apitest.World) {
				l := lose(w)
				r := l.ask(t, w)
				l.compare(t, w, r)
				id, spend := confirmed(t, w, l.cleo, l.cleosPhone, assembly.ApproveRecovery, "recovery:"+r.ID)
				tc.end(t, w, &l, r)
				if _, err := w.Devices.ApproveAppeal(w.Ctx, l.cleo, r.ID, id, spend); !errors.Is(err, tc.want) {
					t.Errorf("approved: %v, want %v", err, tc.want)
				}
				var grants int64
				if err := w.DB.Read(w.Ctx).Raw("SELECT COUNT(*) FROM recoveries").Scan(&grants).Error; err != nil || grants != 0 {
					t.Errorf("%d permissions, %v", grants, err)
				}
			})
		})
	}
}

func TestAnUnansweredQuestionIsSweptAndBothAreTold(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		l := lose(w)
		l.ask(t, w)
		w.Offset.Advance(24*time.Hour + time.Second)
		if err := w.Devices.SweepAppeals(w.Ctx); err != nil {
			t.Fatal(err)
		}
		for _, who := range []actor.Actor{l.ben, l.cleo} {
			if got := told(t, w, who); !slices.Contains(got, "recovery.expired") {
				t.Errorf("%s was told %v", who.Name, got)
			}
		}
	})
}

func TestAConfirmationForOneQuestionApprovesNoOther(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		l := lose(w)
		dora := w.Colleague(l.ana, "dora", directory.User)
		w.Phone(dora)
		bens := l.ask(t, w)
		doras, err := w.Devices.AskColleague(w.Ctx, dora, l.cleo.Person, "")
		if err != nil {
			t.Fatal(err)
		}
		l.compare(t, w, bens)
		l.compare(t, w, doras)
		id, _ := confirmed(t, w, l.cleo, l.cleosPhone, assembly.ApproveRecovery, "recovery:"+bens.ID)
		spend := func(tx database.Tx) error {
			return w.Confirms.Spend(tx, l.cleo, id, assembly.ApproveRecovery, "recovery:"+doras.ID)
		}
		if _, err := w.Devices.ApproveAppeal(w.Ctx, l.cleo, doras.ID, id, spend); !errors.Is(err, confirm.ErrRequired) {
			t.Errorf("%v", err)
		}
	})
}

func TestManyApprovalsAndCancellationsOfOneQuestionHaveOneEnd(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		l := lose(w)
		r := l.ask(t, w)
		l.compare(t, w, r)
		id, spend := confirmed(t, w, l.cleo, l.cleosPhone, assembly.ApproveRecovery, "recovery:"+r.ID)
		results := make([]error, 16)
		var wg sync.WaitGroup
		for i := range results {
			wg.Go(func() {
				if i%4 == 3 {
					_, results[i] = w.Devices.CancelAppeal(w.Ctx, l.ben, r.ID)
				} else {
					_, results[i] = w.Devices.ApproveAppeal(w.Ctx, l.cleo, r.ID, id, spend)
				}
			})
		}
		wg.Wait()
		lost := slices.DeleteFunc(slices.Clone(results), func(err error) bool { return err == nil })
		if len(lost) != 15 {
			t.Errorf("%d won: %v", 16-len(lost), results)
		}
		for _, err := range lost {
			if !errors.Is(err, device.ErrAppealOver) {
				t.Errorf("lost with %v", err)
			}
		}
		got, err := w.Devices.Appeal(w.Ctx, l.ben, r.ID)
		var grants int64
		err = errors.Join(err, w.DB.Read(w.Ctx).Raw("SELECT COUNT(*) FROM recoveries").Scan(&grants).Error)
		if err != nil || (got.State == "approved") != (grants == 1) || got.State == "open" {
			t.Errorf("%s with %d permissions, %v", got.State, grants, err)
		}
	})
}

// Two colleagues who recover each other at once take each other's locks; in one order they wait, in another they would be deadlocked.
func TestTwoColleaguesWhoApproveEachOtherDoNotBlock(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		l := lose(w)
		owners := w.Phone(l.ana)
		first, err := w.Devices.AskColleague(w.Ctx, l.ana, l.cleo.Person, "")
		if err != nil {
			t.Fatal(err)
		}
		second, err := w.Devices.AskColleague(w.Ctx, l.cleo, l.ana.Person, "")
		if err != nil {
			t.Fatal(err)
		}
		l.compare(t, w, first)
		if _, err := w.Devices.Compare(w.Ctx, l.ana, second.ID, second.Words); err != nil {
			t.Fatal(err)
		}
		one, spendOne := confirmed(t, w, l.cleo, l.cleosPhone, assembly.ApproveRecovery, "recovery:"+first.ID)
		two, spendTwo := confirmed(t, w, l.ana, owners, assembly.ApproveRecovery, "recovery:"+second.ID)
		results := make([]error, 2)
		var wg sync.WaitGroup
		wg.Go(func() { _, results[0] = w.Devices.ApproveAppeal(w.Ctx, l.cleo, first.ID, one, spendOne) })
		wg.Go(func() { _, results[1] = w.Devices.ApproveAppeal(w.Ctx, l.ana, second.ID, two, spendTwo) })
		wg.Wait()
		// Whoever comes second has lost the phone that approved, so that approval is worth nothing any more.
		if (results[0] == nil) == (results[1] == nil) || errors.Is(errors.Join(results...), database.ErrBusy) {
			t.Errorf("%v", results)
		}
	})
}

func TestNobodysQuestionsKeepSomebodyElseFromBeingHelped(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		l := lose(w)
		for _, name := range []string{"dora", "emil", "finn", "gina"} {
			flood := w.Colleague(l.ana, name, directory.User)
			w.Phone(flood)
			for n := range 8 {
				_, err := w.Devices.AskColleague(w.Ctx, flood, l.cleo.Person, "")
				if n < 5 && err != nil || n >= 5 && !errors.Is(err, device.ErrAskedOften) {
					t.Fatalf("question %d of %s: %v", n+1, name, err)
				}
			}
		}
		r := l.ask(t, w)
		all, err := w.Devices.Asked(w.Ctx, l.cleo)
		if err != nil || len(all) != 5 {
			t.Fatalf("Cleo sees %d questions, want one of each person; %v", len(all), err)
		}
		l.compare(t, w, r)
		id, spend := confirmed(t, w, l.cleo, l.cleosPhone, assembly.ApproveRecovery, "recovery:"+r.ID)
		if _, err := w.Devices.ApproveAppeal(w.Ctx, l.cleo, r.ID, id, spend); err != nil {
			t.Errorf("%v", err)
		}
	})
}

package confirm_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/apitest"
	"github.com/countersign/countersign/internal/confirm"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/device"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/fault"
)

// TestNobodyWaitsForSomebodyWhoWaitsForThem runs everything that locks a person's phones and confirmations against everything else. On a
// deadlock Postgres ends one of the two with an error after a second; with one order of locks there is none.
func TestNobodyWaitsForSomebodyWhoWaitsForThem(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		ana := w.Workspace("acme")
		for n := range 8 {
			ben := w.Colleague(ana, fmt.Sprint("ben", n), directory.SuperAdmin)
			p := w.Phone(ben)
			second := w.PhoneWith(ben, spent, "")
			par, err := w.Devices.Begin(w.Ctx, ben, spent)
			if err != nil {
				t.Fatal(err)
			}
			third := w.Claim(par, "")
			if _, err := w.Devices.Match(w.Ctx, ben, par.ID, true); err != nil {
				t.Fatal(err)
			}
			activation, _, err := w.Confirms.Waiting(w.Ctx, third.Actor(ben))
			must(t, 1, len(activation), err)
			v := ask(t, w, ben)
			regenerate, _, err := w.Confirms.Ask(w.Ctx, elsewhere(ben), confirm.Ask{Action: confirm.RegenerateToken})
			if err != nil {
				t.Fatal(err)
			}
			off := false
			together(t,
				func() error { _, err := p.Approve(v.ID, v.Code); return err },
				func() error { _, err := second.Deny(v.ID, "not_me"); return err },
				func() error { _, err := second.Approve(regenerate.ID, regenerate.Code); return err },
				func() error { _, err := third.Approve(activation[0].CID, ""); return err },
				func() error { _, err := third.Approve(activation[0].CID, ""); return err },
				func() error { _, err := w.Confirms.Pull(w.Ctx, p.Actor(ben), v.ID); return err },
				func() error { return w.Devices.Remove(w.Ctx, ben, p.ID, spent) },
				func() error { return w.Devices.RemoveSelf(w.Ctx, second.Actor(ben)) },
				func() error { _, err := w.Confirms.Collect(w.Ctx, ben, v.ID); return err },
				func() error { _, err := w.Confirms.Cancel(w.Ctx, ben, v.ID); return err },
				func() error {
					_, _, err := w.Confirms.Ask(w.Ctx, elsewhere(ben), confirm.Ask{Action: confirm.AddDevice})
					return err
				},
				func() error {
					return w.DB.InTx(w.Ctx, func(tx database.Tx) error { return w.Confirms.EndSession(tx, ben, confirm.SignedOut) })
				},
				func() error { _, err := w.Directory.Change(w.Ctx, ana, ben.Person, nil, &off); return err },
			)
		}
	})
}

// TestARegenerationAndADeactivationDoNotWaitForEachOther: the one writes the workspace last, the other locks it first.
func TestARegenerationAndADeactivationDoNotWaitForEachOther(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		ana := w.Workspace("acme")
		for n := range 6 {
			ben := w.Colleague(ana, fmt.Sprint("ben", n), directory.SuperAdmin)
			p := w.Phone(ben)
			v := confirmed(t, w, ben, p, confirm.Ask{Action: confirm.RegenerateToken})
			other := elsewhere(ben)
			rule := confirmed(t, w, other, p, confirm.Ask{Action: confirm.ChangePolicy, Params: policy()})
			off := false
			together(t,
				func() error { _, err := w.Confirms.Collect(w.Ctx, ben, v.ID); return err },
				func() error {
					return w.Confirms.Perform(w.Ctx, other, rule.ID, confirm.ChangePolicy, "", policy())
				},
				func() error { _, err := w.Directory.Change(w.Ctx, ana, ben.Person, nil, &off); return err },
				func() error { _, err := p.Deny(v.ID, "not_me"); return err },
			)
			w.Offset.Advance(time.Hour)
		}
	})
}

// A phone that answers while it is removed is either in time or refused; its approval never outlives it.
func TestAnAnswerInFlightDoesNotOutliveItsPhone(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		ana := w.Workspace("acme")
		w.Phone(ana)
		for range 6 {
			ana.Verified = now(t, w)
			p := w.PhoneWith(ana, spent, "")
			v := ask(t, w, ana)
			together(t,
				func() error { _, err := p.Approve(v.ID, v.Code); return err },
				func() error { return w.Devices.Remove(w.Ctx, ana, p.ID, spent) },
			)
			got, err := w.Confirms.View(w.Ctx, ana, v.ID)
			if err != nil || got.State == confirm.Approved {
				t.Errorf("%s, %v", got.State, err)
			}
			if _, err := w.Confirms.Cancel(w.Ctx, ana, v.ID); err != nil {
				t.Fatal(err)
			}
			w.Offset.Advance(11 * time.Minute)
		}
	})
}

func now(t *testing.T, w *apitest.World) time.Time {
	t.Helper()
	at, err := w.DB.Now(w.Ctx)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func spent(database.Tx) error { return nil }

// together runs all at once. Each may come too late for another; none may meet a deadlock or an error of the service.
func together(t *testing.T, all ...func() error) {
	t.Helper()
	var wg sync.WaitGroup
	start := make(chan struct{})
	for _, do := range all {
		wg.Go(func() {
			<-start
			err := do()
			if errors.Is(err, database.ErrBusy) || err != nil && !known(err) {
				t.Errorf("%v", err)
			}
		})
	}
	close(start)
	wg.Wait()
}

func known(err error) bool {
	for _, e := range []error{confirm.ErrAlreadyAnswered, confirm.ErrNotApproved, confirm.ErrExpired, confirm.ErrForbidden, confirm.ErrNoDevice, confirm.ErrRequired,
		confirm.ErrLimited, confirm.ErrAlreadyCollected, confirm.ErrNoSignature, device.ErrUnauthorized, fault.ErrNotFound} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

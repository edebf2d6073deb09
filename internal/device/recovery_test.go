package device_test

import (
	"errors"
	"fmt"
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
	"github.com/countersign/countersign/internal/dbtest"
	"github.com/countersign/countersign/internal/device"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/notice"
)

// codes are the first recovery codes of somebody who has just paired a phone.
func codes(t *testing.T, w *apitest.World, by actor.Actor) []string {
	t.Helper()
	all, _, err := w.Devices.MakeCodes(w.Ctx, by, nil)
	if err != nil || len(all) != 10 {
		t.Fatalf("%d codes, %v", len(all), err)
	}
	return all
}

// confirmed asks for an action and approves it on the phone; what it gives spends the confirmation.
func confirmed(t *testing.T, w *apitest.World, by actor.Actor, phone *apitest.Phone, action, resource string) (id string, spend func(database.Tx) error) {
	t.Helper()
	v, _, err := w.Confirms.Ask(w.Ctx, by, confirm.Ask{Action: action, Resource: resource})
	if err != nil {
		t.Fatal(err)
	}
	if v.Mode != confirm.Code || len(v.Code) != 6 {
		t.Errorf("%s is asked in mode %s", action, v.Mode)
	}
	if _, err := phone.Approve(v.ID, v.Code); err != nil {
		t.Fatal(err)
	}
	return v.ID, func(tx database.Tx) error { return w.Confirms.Spend(tx, by, v.ID, action, resource) }
}

// told are the kinds of notice a person has, oldest first.
func told(t *testing.T, w *apitest.World, by actor.Actor) (kinds []string) {
	t.Helper()
	all, _, err := notice.Of(w.DB.Read(w.Ctx), by)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range slices.Backward(all) {
		kinds = append(kinds, n.Kind)
	}
	return kinds
}

func TestARecoveryCodeLetsItsPersonPairOneNewPhone(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		ana := w.Workspace("acme")
		cleo := w.Colleague(ana, "cleo", directory.SuperAdmin)
		lost := w.Phone(ana)
		all := codes(t, w, ana)
		if s, err := w.Devices.Recovery(w.Ctx, ana); err != nil || s.Codes.Left != 10 || s.Codes.Total != 10 || s.PairUntil != nil {
			t.Fatalf("%+v, %v", s, err)
		}
		asked, _, err := w.Confirms.Ask(w.Ctx, ana, confirm.Ask{Action: confirm.RevealToken})
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := w.Devices.UseCode(w.Ctx, cleo, all[0]); !errors.Is(err, device.ErrWrongBackup) {
			t.Errorf("somebody else's code: %v", err)
		}
		old := ana
		old.Verified = ana.Verified.Add(-6 * time.Minute)
		if _, _, err := w.Devices.UseCode(w.Ctx, old, all[0]); !errors.Is(err, device.ErrReauthenticate) {
			t.Errorf("with an old sign-in: %v", err)
		}
		typed := strings.ToLower(strings.ReplaceAll(all[0], "-", " "))
		until, left, err := w.Devices.UseCode(w.Ctx, ana, typed)
		if err != nil || left != 9 || until.Sub(ana.Verified) < 59*time.Minute {
			t.Fatalf("until %v, %d left, %v", until, left, err)
		}
		if _, err := lost.Signed(); !errors.Is(err, device.ErrUnauthorized) {
			t.Errorf("the lost phone still speaks: %v", err)
		}
		if v, err := w.Confirms.View(w.Ctx, ana, asked.ID); err != nil || v.State != confirm.Cancelled {
			t.Errorf("what the lost phone was asked is %s, %v", v.State, err)
		}
		if _, err := w.Confirms.Collect(w.Ctx, ana, asked.ID); err == nil {
			t.Error("a code alone showed the token")
		}
		if _, err := w.Devices.Begin(w.Ctx, w.Session(person(t, w, ana)), apitest.NoConfirmation); !errors.Is(err, device.ErrRecovery) {
			t.Errorf("another session of the person pairs: %v", err)
		}
		if _, _, err := w.Devices.UseCode(w.Ctx, ana, all[0]); !errors.Is(err, device.ErrWrongBackup) {
			t.Errorf("the code again: %v", err)
		}
		w.Phone(ana)
		if _, err := w.Devices.Begin(w.Ctx, ana, apitest.NoConfirmation); !errors.Is(err, confirm.ErrRequired) {
			t.Errorf("a second phone from one recovery: %v", err)
		}
		if got := told(t, w, ana); !slices.Equal(got, []string{"device.added", "recovery.codes_made", "recovery.code_used", "recovery.done"}) {
			t.Errorf("the person was told %v", got)
		}
		if got := told(t, w, cleo); !slices.Equal(got, []string{"recovery.code_used", "recovery.done"}) {
			t.Errorf("the other admin was told %v", got)
		}
	})
}

func TestTheOwnerHearsOfEveryNewPhone(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		ana := w.Workspace("acme")
		ben, cleo := w.Colleague(ana, "ben", directory.User), w.Colleague(ana, "cleo", directory.SuperAdmin)
		elsewhere := w.Workspace("beta")
		steps := []struct {
			name  string
			do    func()
			tells map[string][]string
		}{
			{"the Owner's own phone", func() { w.Phone(ana) }, map[string][]string{"ana": {"device.added"}}},
			{"a user's first phone", func() { w.Phone(ben) }, map[string][]string{"ana": {"colleague.device_added"}, "ben": {"device.added"}}},
			{"a second phone", func() { w.PhoneWith(ben, func(database.Tx) error { return nil }, "") },
				map[string][]string{"ana": {"colleague.device_added"}, "ben": {"device.added"}}},
			{"a phone that was claimed and no more", func() { w.Claim(begin(t, w, cleo), "") }, nil},
			{"a phone while the directory has turned off the Owner", func() {
				w.InTx(func(tx database.Tx) error {
					return tx.Exec("UPDATE people SET active = false WHERE id = ?", ana.Person).Error
				})
				w.PhoneWith(ben, func(database.Tx) error { return nil }, "")
			}, map[string][]string{"cleo": {"colleague.device_added"}, "ben": {"device.added"}}},
		}
		people := map[string]actor.Actor{"ana": ana, "ben": ben, "cleo": cleo, "the Owner of another workspace": elsewhere}
		before := map[string]int{}
		for _, step := range steps {
			step.do()
			for name, who := range people {
				all := told(t, w, who)
				if got := all[before[name]:]; !slices.Equal(got, step.tells[name]) {
					t.Errorf("%s: %s is told %v, want %v", step.name, name, got, step.tells[name])
				}
				before[name] = len(all)
			}
		}
		all, _, err := notice.Of(w.DB.Read(w.Ctx), cleo)
		if err != nil || len(all) != 1 || all[0].Params["person"] != "ben" || all[0].Params["device"] == "" {
			t.Errorf("whose phone it is: %+v, %v", all, err)
		}
	})
}

func person(t *testing.T, w *apitest.World, by actor.Actor) directory.Person {
	t.Helper()
	p, err := directory.Find(w.DB.Read(w.Ctx), by.Workspace, by.Person)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestNewRecoveryCodesNeedTheSessionThatPairedOrAConfirmation(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		ana := w.Workspace("acme")
		if _, _, err := w.Devices.MakeCodes(w.Ctx, ana, nil); !errors.Is(err, confirm.ErrRequired) {
			t.Errorf("without a phone: %v", err)
		}
		phone := w.Phone(ana)
		thief := w.Session(person(t, w, ana))
		if _, _, err := w.Devices.MakeCodes(w.Ctx, thief, nil); !errors.Is(err, confirm.ErrRequired) {
			t.Errorf("another session with the password: %v", err)
		}
		first := codes(t, w, ana)
		if _, _, err := w.Devices.MakeCodes(w.Ctx, ana, nil); !errors.Is(err, confirm.ErrRequired) {
			t.Errorf("a second set: %v", err)
		}
		_, spend := confirmed(t, w, ana, phone, assembly.MakeCodes, "")
		second, _, err := w.Devices.MakeCodes(w.Ctx, ana, spend)
		if err != nil || len(second) != 10 {
			t.Fatal(err)
		}
		if _, _, err := w.Devices.MakeCodes(w.Ctx, ana, spend); !errors.Is(err, confirm.ErrRequired) {
			t.Errorf("the confirmation twice: %v", err)
		}
		if _, _, err := w.Devices.UseCode(w.Ctx, ana, first[3]); !errors.Is(err, device.ErrWrongBackup) {
			t.Errorf("a code of the old set: %v", err)
		}
		if _, left, err := w.Devices.UseCode(w.Ctx, ana, second[3]); err != nil || left != 9 {
			t.Errorf("a code of the new set: %d left, %v", left, err)
		}
	})
}

func TestTheFirstCodesWithoutAConfirmationEndAQuarterOfAnHourAfterPairing(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		ana := w.Workspace("acme")
		w.Phone(ana)
		w.Offset.Advance(15*time.Minute + time.Second)
		ana.Verified = ana.Verified.Add(15 * time.Minute)
		if _, _, err := w.Devices.MakeCodes(w.Ctx, ana, nil); !errors.Is(err, confirm.ErrRequired) {
			t.Errorf("%v", err)
		}
	})
}

// tryCode uses a code, again while the server is too busy to look at it.
func tryCode(w *apitest.World, by actor.Actor, code string) error {
	for {
		_, _, err := w.Devices.UseCode(w.Ctx, by, code)
		if err == nil || fault.From(err).Kind != fault.Unavailable {
			return err
		}
	}
}

func TestFiftyUsesOfOneRecoveryCodeHaveOneWinner(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		ana := w.Workspace("acme")
		w.Phone(ana)
		code := codes(t, w, ana)[0]
		results := make([]error, 50)
		var wg sync.WaitGroup
		for i := range results {
			by := w.Session(person(t, w, ana))
			wg.Go(func() { results[i] = tryCode(w, by, code) })
		}
		wg.Wait()
		won := 0
		for _, err := range results {
			switch {
			case err == nil:
				won++
			case !errors.Is(err, device.ErrWrongBackup) && !errors.Is(err, device.ErrBackupLimit):
				t.Errorf("lost with %v", err)
			}
		}
		var grants, used int64
		read := w.DB.Read(w.Ctx)
		if err := read.Raw("SELECT COUNT(*) FROM recoveries WHERE pair_until IS NOT NULL").Scan(&grants).Error; err != nil {
			t.Fatal(err)
		}
		if err := read.Raw("SELECT COUNT(*) FROM recovery_codes WHERE used_at IS NOT NULL").Scan(&used).Error; err != nil {
			t.Fatal(err)
		}
		if won != 1 || grants != 1 || used != 1 {
			t.Errorf("%d winners, %d permissions, %d codes used", won, grants, used)
		}
	})
}

func TestGuessingRecoveryCodesStopsAtTenAndLocksNothingElse(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		t.Run(dialect, func(t *testing.T) {
			url := dbtest.URL(t, dialect)
			w := apitest.On(t, url, nil)
			ana := w.Workspace("acme")
			ben := w.Colleague(ana, "ben", directory.Admin)
			phone := w.Phone(ana)
			w.Phone(ben)
			all, bens := codes(t, w, ana), codes(t, w, ben)
			var wg sync.WaitGroup
			results := make([]error, 50)
			for i := range results {
				wg.Go(func() { results[i] = tryCode(w, ana, fmt.Sprintf("AAAAA-%05d", i)) })
			}
			wg.Wait()
			refused := 0
			for _, err := range results {
				if errors.Is(err, device.ErrWrongBackup) {
					refused++
				} else if !errors.Is(err, device.ErrBackupLimit) || fault.From(err).RetryAfter <= 0 {
					t.Errorf("guess: %v", err)
				}
			}
			if refused != 10 {
				t.Errorf("%d guesses were looked at, want 10", refused)
			}
			again := apitest.With(t, url, func(d *assembly.Deps) {}) // the process started anew
			if _, _, err := again.Devices.UseCode(again.Ctx, ana, all[0]); !errors.Is(err, device.ErrBackupLimit) {
				t.Errorf("a right code after a restart, in the pause: %v", err)
			}
			if v, _, err := w.Confirms.Ask(w.Ctx, ana, confirm.Ask{Action: confirm.AddDevice}); err != nil {
				t.Errorf("the phone is locked too: %v", err)
			} else if _, err := phone.Approve(v.ID, v.Code); err != nil {
				t.Errorf("the phone is locked too: %v", err)
			}
			if _, left, err := w.Devices.UseCode(w.Ctx, ben, bens[0]); err != nil || left != 9 {
				t.Errorf("somebody else's codes: %v", err)
			}
			if got := told(t, w, ana); !slices.Contains(got, "recovery.codes_paused") {
				t.Errorf("the person was told %v", got)
			}
			w.Offset.Advance(time.Hour + time.Second)
			ana.Verified = ana.Verified.Add(time.Hour)
			if _, _, err := w.Devices.UseCode(w.Ctx, ana, all[0]); err != nil {
				t.Errorf("after the pause: %v", err)
			}
		})
	}
}

func TestRecoveryCodesAreStoredAsSlowHashesAlone(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		ana := w.Workspace("acme")
		w.Phone(ana)
		all := codes(t, w, ana)
		var kept []map[string]any
		err := w.DB.Read(w.Ctx).Raw("SELECT c.*, s.* FROM recovery_codes c JOIN recovery_code_sets s ON s.id = c.set_id").Scan(&kept).Error
		if err != nil || len(kept) != 10 {
			t.Fatal(len(kept), err)
		}
		seen := map[string]bool{}
		for _, code := range all {
			plain := strings.ReplaceAll(code, "-", "")
			if len(plain) != 10 || seen[plain] {
				t.Errorf("%q: not ten characters, or drawn twice", code)
			}
			seen[plain] = true
			if strings.Contains(fmt.Sprintf("%s", kept), plain) {
				t.Error("a row shows a code")
			}
		}
		for _, row := range kept {
			if hash, _ := row["code_hash"].([]byte); len(hash) != 32 {
				t.Errorf("a hash of %d bytes", len(hash))
			}
		}
	})
}

func TestTheNewestRecoveryEndsEveryOtherOne(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		ana := w.Workspace("acme")
		w.Phone(ana)
		all := codes(t, w, ana)
		var link string
		w.InTx(func(tx database.Tx) (err error) {
			link, _, err = w.Devices.OpenRecovery(tx, actor.Actor{Kind: actor.Operator, Workspace: ana.Workspace}, ana.Person)
			return err
		})
		if _, _, err := w.Devices.UseCode(w.Ctx, ana, all[0]); err != nil {
			t.Fatal(err)
		}
		thief := begin(t, w, ana) // whoever used the first code begins to pair
		stolen := w.Claim(thief, "")
		if _, err := w.Devices.Match(w.Ctx, ana, thief.ID, true); err != nil {
			t.Fatal(err)
		}
		waiting, _, err := w.Confirms.Waiting(w.Ctx, stolen.Actor(ana))
		if err != nil || len(waiting) != 1 {
			t.Fatal(waiting, err)
		}
		other := w.Session(person(t, w, ana))
		if _, _, err := w.Devices.UseCode(w.Ctx, other, all[1]); err != nil {
			t.Fatal(err)
		}
		if _, err := stolen.Approve(waiting[0].CID, ""); err == nil {
			t.Error("a phone begun under the older recovery was activated")
		}
		if err := w.Devices.UseRecovery(w.Ctx, other, link); !errors.Is(err, device.ErrRecoveryLink) {
			t.Errorf("the operator's link outlived it: %v", err)
		}
		if _, err := w.Devices.Begin(w.Ctx, ana, apitest.NoConfirmation); !errors.Is(err, device.ErrRecovery) {
			t.Errorf("the older session pairs: %v", err)
		}
		w.Phone(other)
	})
}

func TestARecoveryEndsWithItsHourItsSessionAndItsPerson(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, w *apitest.World, by *actor.Actor){
		"an hour later": func(_ *testing.T, w *apitest.World, by *actor.Actor) {
			w.Offset.Advance(time.Hour + time.Second)
			by.Verified = by.Verified.Add(time.Hour)
		},
		"after signing out": func(_ *testing.T, w *apitest.World, by *actor.Actor) {
			w.InTx(func(tx database.Tx) error {
				now, err := tx.Now()
				return errors.Join(err, w.Devices.EndSession(tx, *by, now))
			})
		},
		"after being deactivated": func(_ *testing.T, w *apitest.World, by *actor.Actor) {
			w.InTx(func(tx database.Tx) error {
				return w.Devices.EndAll(tx, *by, by.Workspace, by.Person, confirm.Deactivated)
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			apitest.Each(t, func(t *testing.T, w *apitest.World) {
				ana := w.Workspace("acme")
				w.Phone(ana)
				if _, _, err := w.Devices.UseCode(w.Ctx, ana, codes(t, w, ana)[0]); err != nil {
					t.Fatal(err)
				}
				end(t, w, &ana)
				if _, err := w.Devices.Begin(w.Ctx, ana, apitest.NoConfirmation); !errors.Is(err, device.ErrRecovery) {
					t.Errorf("pairing: %v", err)
				}
			})
		})
	}
}

func TestTheDatabaseItselfGuardsRecovery(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		ana := w.Workspace("acme")
		cleo := w.Colleague(ana, "cleo", directory.SuperAdmin)
		w.Phone(ana)
		w.Phone(cleo)
		all := codes(t, w, ana)
		r, err := w.Devices.AskColleague(w.Ctx, ana, cleo.Person, "")
		if err != nil {
			t.Fatal(err)
		}
		refused := map[string]string{
			"approved without a confirmation": "UPDATE recovery_requests SET state = 'approved', decided_at = created_at WHERE state = 'open'",
			"longer than a day":               "UPDATE recovery_requests SET expires_at = '2099-01-01 00:00:00+00:00'",
			"another approver":                "UPDATE recovery_requests SET approver_id = person_id",
			"other words":                     "UPDATE recovery_requests SET words = 'apple apple apple'",
		}
		try := func(refused map[string]string) {
			t.Helper()
			for name, sql := range refused {
				if err := w.DB.InTx(w.Ctx, func(tx database.Tx) error { return tx.Exec(sql).Error }); err == nil {
					t.Errorf("%s: the database let it through", name)
				}
			}
		}
		try(refused)
		if _, err := w.Devices.Decline(w.Ctx, cleo, r.ID); err != nil {
			t.Fatal(err)
		}
		try(map[string]string{"opened again": "UPDATE recovery_requests SET state = 'open', decided_at = NULL"})
		if _, _, err := w.Devices.UseCode(w.Ctx, ana, all[0]); err != nil {
			t.Fatal(err)
		}
		try(map[string]string{
			"a used code made new":         "UPDATE recovery_codes SET used_at = NULL WHERE used_at IS NOT NULL",
			"a permission for longer":      "UPDATE recoveries SET pair_until = '2099-01-01 00:00:00+00:00'",
			"a permission for another":     "UPDATE recoveries SET person_id = '" + cleo.Person + "'",
			"another session's":            "UPDATE recoveries SET session_hash = secret_hash",
			"a second one beside it":       "INSERT INTO recoveries (secret_hash, workspace_id, person_id, session_hash, how, created_at, expires_at, pair_until) SELECT session_hash, workspace_id, person_id, session_hash, how, created_at, expires_at, pair_until FROM recoveries",
			"a way that there is not":      "UPDATE recoveries SET how = 'e-mail'",
			"a permission with no session": "INSERT INTO recoveries (secret_hash, workspace_id, person_id, how, created_at, expires_at, pair_until) SELECT session_hash, workspace_id, '" + cleo.Person + "', how, created_at, expires_at, pair_until FROM recoveries",
		})
	})
}

package confirm_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/apitest"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/confirm"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/device"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/ident"
	"github.com/countersign/countersign/internal/workspace"
)

// ask asks to see the token.
func ask(t *testing.T, w *apitest.World, by actor.Actor) confirm.View {
	t.Helper()
	v, _, err := w.Confirms.Ask(w.Ctx, by, confirm.Ask{Action: confirm.RevealToken})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func must[T any](t *testing.T, wanted T, got T, err error) {
	t.Helper()
	if err != nil || fmt.Sprint(got) != fmt.Sprint(wanted) {
		t.Fatalf("got %v, %v; want %v", got, err, wanted)
	}
}

func refused(t *testing.T, wanted, got error) *fault.Error {
	t.Helper()
	if !errors.Is(got, wanted) {
		t.Fatalf("got %v; want %v", got, wanted)
	}
	return fault.From(got)
}

func TestATapRevealsTheTokenOnceToTheSessionThatAsked(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		ana := w.Workspace("acme")
		phone := w.Phone(ana)
		v := ask(t, w, ana)
		if v.State != confirm.Pending || v.Mode != confirm.Tap || v.Code != "" || len(v.Devices) != 1 || !strings.HasPrefix(v.Resource, "scim_token:") {
			t.Fatalf("asked: %+v", v)
		}
		_, err := w.Confirms.Collect(w.Ctx, ana, v.ID)
		refused(t, confirm.ErrNotApproved, err)

		state, err := phone.Approve(v.ID, "")
		must(t, confirm.Approved, state, err)
		stranger := ana
		stranger.Session = ident.Hash("another session")
		_, err = w.Confirms.Collect(w.Ctx, stranger, v.ID)
		refused(t, fault.ErrNotFound, err)

		token, err := w.Confirms.Collect(w.Ctx, ana, v.ID)
		if err != nil || !strings.HasPrefix(token.Plain, "cs_scim_") || len(token.Plain) != len("cs_scim_")+49 {
			t.Fatalf("collected %d characters, %v", len(token.Plain), err)
		}
		if who, err := w.Workspaces.Authenticate(w.Ctx, token.Plain); err != nil || who.Workspace != ana.Workspace {
			t.Fatalf("the token opens %q, %v", who.Workspace, err)
		}
		_, err = w.Confirms.Collect(w.Ctx, ana, v.ID)
		refused(t, confirm.ErrAlreadyCollected, err)
	})
}

func count(t *testing.T, w *apitest.World, by actor.Actor, subject string, events ...string) int {
	t.Helper()
	all, err := audit.Newest(w.DB.Read(w.Ctx), by.Workspace, 1000)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, e := range all {
		if e.Subject == subject && slices.Contains(events, e.Event) {
			n++
		}
	}
	return n
}

func TestTheDeadlineIsJudgedByTheDatabaseClock(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		ana := w.Workspace("acme")
		phone := w.Phone(ana)
		v := ask(t, w, ana)
		w.Offset.Advance(5*time.Minute + time.Second)
		_, err := phone.Approve(v.ID, "")
		refused(t, confirm.ErrExpired, err)
		got, err := w.Confirms.View(w.Ctx, ana, v.ID)
		must(t, confirm.Expired, got.State, err)

		again := ask(t, w, ana)
		if again.Mode != confirm.Code {
			t.Errorf("after an unanswered request the mode is %s, want the code", again.Mode)
		}
		state, err := phone.Approve(again.ID, again.Code)
		must(t, confirm.Approved, state, err)
		w.Offset.Advance(61 * time.Second)
		_, err = w.Confirms.Collect(w.Ctx, ana, again.ID)
		refused(t, confirm.ErrCollectExpired, err)
		_, err = w.Confirms.Collect(w.Ctx, ana, again.ID)
		refused(t, confirm.ErrCollectExpired, err)
	})
}

func TestWrongCodes(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		ana := w.Workspace("acme")
		phone := w.Phone(ana)
		w.InTx(func(tx database.Tx) error {
			return w.Workspaces.SetPolicy(tx, ana, ana.Workspace, workspace.AlwaysCode, 5*time.Minute)
		})
		v := ask(t, w, ana)
		if v.Mode != confirm.Code || len(v.Code) != 6 {
			t.Fatalf("asked: %s %q", v.Mode, v.Code)
		}
		wrong := "000000"
		if v.Code == wrong {
			wrong = "000001"
		}
		first := phone.Answer(v.ID, "approve", wrong, "", phone.UV)
		for range 2 { // the same bytes twice are counted once
			_, err := phone.Send(v.ID, first)
			if f := refused(t, confirm.ErrWrongCode, err); f.Fields["tries_left"] != 2 {
				t.Errorf("tries left %v, want 2", f.Fields["tries_left"])
			}
		}
		_, err := phone.Approve(v.ID, "") // a missing code counts
		if f := refused(t, confirm.ErrWrongCode, err); f.Fields["tries_left"] != 1 {
			t.Errorf("tries left %v, want 1", f.Fields["tries_left"])
		}
		_, err = phone.Send(v.ID, first) // not the last one, and still not a new one
		if f := refused(t, confirm.ErrWrongCode, err); f.Fields["tries_left"] != 1 {
			t.Errorf("the first again: tries left %v, want 1", f.Fields["tries_left"])
		}
		third := phone.Answer(v.ID, "approve", "99999x", "", phone.UV)
		for range 2 {
			_, err = phone.Send(v.ID, third)
			if f := refused(t, confirm.ErrWrongCode, err); f.Fields["tries_left"] != 0 {
				t.Errorf("tries left %v, want 0", f.Fields["tries_left"])
			}
		}
		got, err := w.Confirms.View(w.Ctx, ana, v.ID)
		must(t, confirm.Denied, got.State, err)
		if got.Reason != "too_many_attempts" || got.Code != "" {
			t.Errorf("ended as %q, code shown %v", got.Reason, got.Code != "")
		}
		_, err = phone.Approve(v.ID, v.Code)
		refused(t, confirm.ErrAlreadyAnswered, err)
	})
}

func TestTenWrongCodesAcrossRequestsLockThePerson(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		ana := w.Workspace("acme")
		phone := w.Phone(ana)
		w.InTx(func(tx database.Tx) error {
			return w.Workspaces.SetPolicy(tx, ana, ana.Workspace, workspace.AlwaysCode, 5*time.Minute)
		})
		for n := range 10 {
			if n%3 == 0 && n > 0 {
				w.Offset.Advance(11 * time.Minute) // stay below the limit on requests
			}
			v := ask(t, w, ana)
			_, err := phone.Approve(v.ID, fmt.Sprintf("bad%03d", n))
			refused(t, confirm.ErrWrongCode, err)
		}
		_, _, err := w.Confirms.Ask(w.Ctx, ana, confirm.Ask{Action: confirm.RegenerateToken})
		if f := refused(t, confirm.ErrLocked, err); f.RetryAfter < 14*time.Minute {
			t.Errorf("retry after %v, want about 15 minutes", f.RetryAfter)
		}
		w.Offset.Advance(15*time.Minute + time.Second)
		if v := ask(t, w, ana); v.State != confirm.Pending {
			t.Errorf("after the lock: %s", v.State)
		}
	})
}

func TestADenialIsShownAndNeverSaysWhetherItWasReported(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		ana := w.Workspace("acme")
		phone := w.Phone(ana)
		v := ask(t, w, ana)
		state, err := phone.Deny(v.ID, "")
		must(t, confirm.Denied, state, err)
		plain, err := w.Confirms.View(w.Ctx, ana, v.ID)
		must(t, confirm.Denied, plain.State, err)
		state, err = phone.Deny(v.ID, "not_me") // the same decision gains its reason
		must(t, confirm.Denied, state, err)
		reported, err := w.Confirms.View(w.Ctx, ana, v.ID)
		if err != nil || reported.Reason != plain.Reason || reported.Version != plain.Version || reported.DecidedBy != "iPhone of Ana" {
			t.Errorf("reported reads %q v%d by %q, denied %q v%d", reported.Reason, reported.Version, reported.DecidedBy, plain.Reason, plain.Version)
		}
		_, err = phone.Approve(v.ID, "")
		refused(t, confirm.ErrAlreadyAnswered, err)
		if next := ask(t, w, ana); next.Mode != confirm.Code {
			t.Errorf("after a denial the mode is %s, want the code", next.Mode)
		}
	})
}

func TestTheSameQuestionIsTheSameRowAndAnotherSupersedesIt(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		ana := w.Workspace("acme")
		w.Phone(ana)
		v := ask(t, w, ana)
		again, created, err := w.Confirms.Ask(w.Ctx, ana, confirm.Ask{Action: confirm.RevealToken})
		if err != nil || created || again.ID != v.ID {
			t.Fatalf("asked again: %s created %v, %v", again.ID, created, err)
		}
		other, _, err := w.Confirms.Ask(w.Ctx, ana, confirm.Ask{Action: confirm.AddDevice})
		if err != nil || other.Mode != confirm.Code {
			t.Fatalf("another action: %v %v", other.Mode, err)
		}
		got, err := w.Confirms.View(w.Ctx, ana, v.ID)
		must(t, confirm.Cancelled, got.State, err)
		if got.Reason != "superseded" {
			t.Errorf("reason %q", got.Reason)
		}
	})
}

func TestLimitsAreForThePersonWhoeverAsks(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		ana := w.Workspace("acme")
		w.Phone(ana)
		sessions := []actor.Actor{ana}
		for range 5 {
			s := ana
			s.Session, s.IP = ident.Hash(ident.Secret(8)), "198.51.100.9"
			sessions = append(sessions, s)
		}
		for _, s := range sessions[:3] {
			ask(t, w, s)
		}
		_, _, err := w.Confirms.Ask(w.Ctx, sessions[3], confirm.Ask{Action: confirm.RevealToken})
		refused(t, confirm.ErrLimited, err)
		w.Offset.Advance(5*time.Minute + time.Second)
		for _, s := range sessions[3:5] {
			ask(t, w, s)
		}
		_, _, err = w.Confirms.Ask(w.Ctx, sessions[5], confirm.Ask{Action: confirm.RevealToken})
		if f := refused(t, confirm.ErrLimited, err); f.RetryAfter <= 0 || f.RetryAfter > 10*time.Minute {
			t.Errorf("retry after %v", f.RetryAfter)
		}
	})
}

func TestWhoMayAsk(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		ana := w.Workspace("acme")
		for role, allowed := range map[directory.Role]bool{directory.SuperAdmin: true, directory.Admin: true, directory.User: false, directory.Guest: false} {
			by := w.Colleague(ana, string(role), role)
			w.Phone(by)
			_, _, err := w.Confirms.Ask(w.Ctx, by, confirm.Ask{Action: confirm.RevealToken})
			if allowed && err != nil {
				t.Errorf("%s: %v", role, err)
			}
			if !allowed {
				if f := refused(t, confirm.ErrForbidden, err); f.Fields["allowed_roles"] == nil {
					t.Error("the refusal does not name the roles")
				}
			}
		}
		_, _, err := w.Confirms.Ask(w.Ctx, ana, confirm.Ask{Action: confirm.RevealToken})
		refused(t, confirm.ErrNoDevice, err)
		_, _, err = w.Confirms.Ask(w.Ctx, ana, confirm.Ask{Action: "scim.token.steal"})
		refused(t, confirm.ErrUnknownAction, err)
		_, _, err = w.Confirms.Ask(w.Ctx, ana, confirm.Ask{Action: confirm.ActivateDevice, Resource: "device:x"})
		refused(t, confirm.ErrUnknownAction, err)
	})
}

func TestNothingOfAnotherWorkspaceExists(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		ana, eve := w.Workspace("acme"), w.Workspace("evil")
		phone, evil := w.Phone(ana), w.Phone(eve)
		v := ask(t, w, ana)
		req, err := evil.Signed()
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.Confirms.Answer(w.Ctx, req, v.ID, phone.Answer(v.ID, "approve", "", "", evil.UV))
		refused(t, fault.ErrNotFound, err)
		for name, do := range map[string]func() error{
			"view":    func() error { _, err := w.Confirms.View(w.Ctx, eve, v.ID); return err },
			"cancel":  func() error { _, err := w.Confirms.Cancel(w.Ctx, eve, v.ID); return err },
			"resend":  func() error { _, err := w.Confirms.Resend(w.Ctx, eve, v.ID); return err },
			"collect": func() error { _, err := w.Confirms.Collect(w.Ctx, eve, v.ID); return err },
			"seen":    func() error { return w.Confirms.Seen(w.Ctx, eve, v.ID, "copied") },
			"pull":    func() error { _, err := w.Confirms.Pull(w.Ctx, evil.Actor(eve), v.ID); return err },
			"opened":  func() error { return w.Confirms.Opened(w.Ctx, evil.Actor(eve), v.ID) },
			"token": func() error {
				_, _, err := w.Confirms.Ask(w.Ctx, eve, confirm.Ask{Action: confirm.RevealToken, Resource: v.Resource})
				return err
			},
		} {
			if err := do(); !errors.Is(err, fault.ErrNotFound) {
				t.Errorf("%s: %v, want not found", name, err)
			}
		}
		got, err := w.Confirms.View(w.Ctx, ana, v.ID)
		must(t, confirm.Pending, got.State, err)
	})
}

func TestASignatureHasToFit(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		ana := w.Workspace("acme")
		phone := w.Phone(ana)
		v := ask(t, w, ana)
		good := phone.Answer(v.ID, "approve", "", "", phone.UV)
		for name, a := range map[string]confirm.Answer{
			"approve signed by the poll key":      phone.Answer(v.ID, "approve", "", "", phone.Poll),
			"a key nobody paired":                 phone.Answer(v.ID, "approve", "", "", apitest.Key(t)),
			"a byte after the signature":          {Response: good.Response, Sig: append(slices.Clone(good.Sig), 0)},
			"another response under it":           {Response: []byte(strings.Replace(string(good.Response), "approve", "deny", 1)), Sig: good.Sig},
			"no signature":                        {Response: good.Response},
			"the answer to another confirmation":  phone.Sign(v.ID, []byte(strings.Replace(string(good.Response), v.ID, "cnf_other", 1)), phone.UV),
			"a response that names another phone": phone.Sign(v.ID, []byte(strings.Replace(string(good.Response), phone.ID, "dev_other", 1)), phone.UV),
		} {
			if _, err := phone.Send(v.ID, a); !errors.Is(err, device.ErrUnauthorized) {
				t.Errorf("%s: %v", name, err)
			}
		}
		for name, body := range map[string]string{
			"a field twice":    strings.Replace(string(good.Response), `"v":1`, `"v":1,"dec":"deny"`, 1),
			"an unknown field": strings.Replace(string(good.Response), `"v":1`, `"v":1,"mode":"tap"`, 1),
			"another version":  strings.Replace(string(good.Response), `"v":1`, `"v":2`, 1),
			"not an object":    `[]`,
		} {
			if _, err := phone.Send(v.ID, phone.Sign(v.ID, []byte(body), phone.UV)); fault.From(err).Kind != fault.Invalid {
				t.Errorf("%s: %v", name, err)
			}
		}
		got, err := w.Confirms.View(w.Ctx, ana, v.ID)
		must(t, confirm.Pending, got.State, err)
		if got.Version != v.Version {
			t.Errorf("version %d, want %d: something was written", got.Version, v.Version)
		}
		state, err := phone.Send(v.ID, good)
		must(t, confirm.Approved, state, err)
		state, err = phone.Send(v.ID, good) // the same bytes again
		must(t, confirm.Approved, state, err)
		if n := count(t, w, ana, v.ID, "confirmation.approved"); n != 1 {
			t.Errorf("%d approvals in the audit", n)
		}
	})
}

func TestWhatEndsWithItsCause(t *testing.T) {
	spend := func(database.Tx) error { return nil }
	for name, tc := range map[string]struct {
		end    func(t *testing.T, w *apitest.World, owner, by actor.Actor, p *apitest.Phone)
		reason string
	}{
		"the session signed out": {func(t *testing.T, w *apitest.World, _, by actor.Actor, _ *apitest.Phone) {
			w.InTx(func(tx database.Tx) error { return w.Confirms.EndSession(tx, by, confirm.SignedOut) })
		}, "signed_out"},
		"the person deactivated": {func(t *testing.T, w *apitest.World, owner, by actor.Actor, _ *apitest.Phone) {
			off := false
			if _, err := w.Directory.Change(w.Ctx, owner, by.Person, nil, &off); err != nil {
				t.Fatal(err)
			}
		}, "deactivated"},
		"the only phone removed": {func(t *testing.T, w *apitest.World, _, by actor.Actor, p *apitest.Phone) {
			if err := w.Devices.Remove(w.Ctx, by, p.ID, spend); err != nil {
				t.Fatal(err)
			}
		}, "device_removed"},
	} {
		t.Run(name, func(t *testing.T) {
			apitest.Each(t, func(t *testing.T, w *apitest.World) {
				ana := w.Workspace("acme")
				ben := w.Colleague(ana, "ben", directory.Admin)
				phone := w.Phone(ben)
				v := ask(t, w, ben)
				if _, err := phone.Approve(v.ID, ""); err != nil {
					t.Fatal(err)
				}
				tc.end(t, w, ana, ben, phone)
				_, err := w.Confirms.Collect(w.Ctx, ben, v.ID)
				refused(t, confirm.ErrNotApproved, err)
				got, err := w.Confirms.View(w.Ctx, ben, v.ID)
				must(t, confirm.Cancelled, got.State, err)
				if got.Reason != tc.reason {
					t.Errorf("reason %q, want %q", got.Reason, tc.reason)
				}
			})
		})
	}
}

func TestARoleLostBetweenApprovalAndRevealCounts(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		ana := w.Workspace("acme")
		ben := w.Colleague(ana, "ben", directory.Admin)
		phone := w.Phone(ben)
		v := ask(t, w, ben)
		if _, err := phone.Approve(v.ID, ""); err != nil {
			t.Fatal(err)
		}
		user := directory.User
		if _, err := w.Directory.Change(w.Ctx, ana, ben.Person, &user, nil); err != nil {
			t.Fatal(err)
		}
		_, err := w.Confirms.Collect(w.Ctx, ben, v.ID)
		refused(t, confirm.ErrForbidden, err)
	})
}

func TestRiskBasedModeAsksForTheCodeWhereSomethingIsUnusual(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*actor.Actor)
		want   string
	}{
		"the browser that paired, the same network":     {func(*actor.Actor) {}, confirm.Tap},
		"another address of the same /24":               {func(a *actor.Actor) { a.IP = "192.0.2.200" }, confirm.Tap},
		"another network":                               {func(a *actor.Actor) { a.IP = "198.51.100.7" }, confirm.Code},
		"a browser not seen before":                     {func(a *actor.Actor) { a.Browser = ident.Hash("new") }, confirm.Code},
		"a browser that sends no long-lived cookie":     {func(a *actor.Actor) { a.Browser = nil }, confirm.Code},
		"another session of the known browser":          {func(a *actor.Actor) { a.Session = ident.Hash("s2") }, confirm.Tap},
		"no address at all (a broken proxy in between)": {func(a *actor.Actor) { a.IP = "" }, confirm.Code},
	} {
		t.Run(name, func(t *testing.T) {
			apitest.Each(t, func(t *testing.T, w *apitest.World) {
				ana := w.Workspace("acme")
				w.Phone(ana)
				tc.change(&ana)
				if v := ask(t, w, ana); v.Mode != tc.want {
					t.Errorf("mode %s, want %s", v.Mode, tc.want)
				}
			})
		})
	}
}

func TestSupportAsksThePhoneOfAnAdminWhoCouldNotRegenerateAlone(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		ana := w.Workspace("acme")
		ben := w.Colleague(ana, "ben", directory.Admin)
		phone := w.Phone(ben)
		ask := confirm.Ask{Action: confirm.RegenerateToken, Params: []byte(`{"reason":"audit","overlap_seconds":3600}`)}
		_, _, err := w.Confirms.Ask(w.Ctx, ben, ask)
		refused(t, confirm.ErrNoSecond, err)
		support := ben
		support.Kind, support.Browser, support.Session = actor.Operator, nil, ident.Hash("terminal")
		v, _, err := w.Confirms.Ask(w.Ctx, support, ask)
		if err != nil || v.Mode != confirm.Code {
			t.Fatalf("%s, %v", v.Mode, err)
		}
		if _, err := phone.Approve(v.ID, v.Code); err != nil {
			t.Fatal(err)
		}
		token, err := w.Confirms.Collect(w.Ctx, support, v.ID)
		if err != nil || token.Previous == nil {
			t.Fatalf("%+v, %v", token.Previous, err)
		}
		for params, want := range map[string]error{`{"overlap_seconds":-1}`: workspace.ErrOverlap, `{"overlap_seconds":604801}`: workspace.ErrOverlap} {
			_, _, err := w.Confirms.Ask(w.Ctx, support, confirm.Ask{Action: confirm.RegenerateToken, Params: []byte(params)})
			refused(t, want, err)
		}
	})
}

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
	"github.com/countersign/countersign/internal/confirm"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/device"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/workspace"
)

// confirmed asks for an action and approves it on the phone.
func confirmed(t *testing.T, w *apitest.World, by actor.Actor, phone *apitest.Phone, a confirm.Ask) confirm.View {
	t.Helper()
	v, _, err := w.Confirms.Ask(w.Ctx, by, a)
	if err != nil {
		t.Fatal(err)
	}
	state, err := phone.Approve(v.ID, v.Code)
	must(t, confirm.Approved, state, err)
	return v
}

func liveToken(t *testing.T, w *apitest.World, by actor.Actor) workspace.Token {
	t.Helper()
	tok, err := workspace.ActiveToken(w.DB.Read(w.Ctx), by.Workspace)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// policy is the default one as it travels, changed.
func policy(change ...string) []byte {
	p := `{"mode":"risk","pending_seconds":300,"show_once":false,"two_admins":false,"same_network":false,"freeze_on_report":false}`
	for i := 0; i < len(change); i += 2 {
		p = strings.Replace(p, change[i], change[i+1], 1)
	}
	return []byte(p)
}

// TestTheRegistry holds what each action is: who may ask, the lowest mode, what the phone shows and what consuming it does.
func TestTheRegistry(t *testing.T) {
	owner, super, admin, user := directory.Owner, directory.SuperAdmin, directory.Admin, directory.User
	everybody := []directory.Role{owner, super, admin, user, directory.Guest}
	type does func(t *testing.T, w *apitest.World, by actor.Actor, v confirm.View)
	for name, tc := range map[string]struct {
		roles []directory.Role
		mode  string
		shows string
		ask   func(w *apitest.World, by actor.Actor, phone *apitest.Phone, other actor.Actor) confirm.Ask
		does  does
	}{
		confirm.RevealToken: {roles: directory.AdminRoles, mode: confirm.Tap, shows: "View the SCIM API authentication token",
			does: func(t *testing.T, w *apitest.World, by actor.Actor, v confirm.View) {
				if got, err := w.Confirms.Collect(w.Ctx, by, v.ID); err != nil || got.Info.ID != liveToken(t, w, by).ID {
					t.Errorf("collected %v, %v", got.Info.ID, err)
				}
			}},
		confirm.RegenerateToken: {roles: []directory.Role{owner, super, admin}, mode: confirm.Code, shows: "Regenerate the SCIM API authentication token. The old one works 2 hours more. Reason: “audit”",
			ask: func(*apitest.World, actor.Actor, *apitest.Phone, actor.Actor) confirm.Ask {
				return confirm.Ask{Params: []byte(`{"reason":"audit","overlap_seconds":7200}`)}
			},
			does: func(t *testing.T, w *apitest.World, by actor.Actor, v confirm.View) {
				before := liveToken(t, w, by)
				got, err := w.Confirms.Collect(w.Ctx, by, v.ID)
				if err != nil || got.Info.ID == before.ID || got.Previous == nil || got.Previous.ID != before.ID {
					t.Errorf("collected %v, %v", got.Info, err)
				}
			}},
		confirm.RevokeToken: {roles: []directory.Role{owner, super}, mode: confirm.Code, shows: "Revoke the SCIM API authentication token …",
			ask: func(w *apitest.World, by actor.Actor, _ *apitest.Phone, _ actor.Actor) confirm.Ask {
				return confirm.Ask{Resource: "scim_token:" + liveToken(t, w, by).ID, Params: []byte(`{"reason":"leaked"}`)}
			},
			does: func(t *testing.T, w *apitest.World, by actor.Actor, v confirm.View) {
				refused(t, confirm.ErrRequired, w.Confirms.Perform(w.Ctx, by, v.ID, confirm.RevokeToken, v.Resource, []byte(`{"reason":"something else"}`)))
				if err := w.Confirms.Perform(w.Ctx, by, v.ID, confirm.RevokeToken, v.Resource, []byte(`{"reason":"leaked"}`)); err != nil {
					t.Fatal(err)
				}
				if _, err := workspace.ActiveToken(w.DB.Read(w.Ctx), by.Workspace); !errors.Is(err, workspace.ErrNoToken) {
					t.Errorf("%v, want no token", err)
				}
			}},
		confirm.ChangePolicy: {roles: []directory.Role{owner, super}, mode: confirm.Code, shows: "Change the confirmation policy: always code, requests wait 10 minutes, two admins approve",
			ask: func(*apitest.World, actor.Actor, *apitest.Phone, actor.Actor) confirm.Ask {
				return confirm.Ask{Params: policy(`"risk"`, `"code"`, `300`, `600`, `"two_admins":false`, `"two_admins":true`)}
			},
			does: func(t *testing.T, w *apitest.World, by actor.Actor, v confirm.View) {
				refused(t, confirm.ErrRequired, w.Confirms.Perform(w.Ctx, by, v.ID, confirm.ChangePolicy, "", policy()))
				other := []byte(`{"two_admins":true,"pending_seconds":600,"mode":"code","show_once":false,"freeze_on_report":false,"same_network":false}`)
				if err := w.Confirms.Perform(w.Ctx, by, v.ID, confirm.ChangePolicy, "", other); err != nil {
					t.Fatal(err)
				}
				ws, err := workspace.Find(w.DB.Read(w.Ctx), by.Workspace)
				must(t, workspace.Rules{Mode: workspace.AlwaysCode, TTL: 10 * time.Minute, TwoAdmins: true}, ws.Rules(), err)
			}},
		confirm.LiftFreeze: {roles: []directory.Role{owner}, mode: confirm.Code, shows: "Let the token be shown again",
			does: func(t *testing.T, w *apitest.World, by actor.Actor, v confirm.View) {
				w.InTx(func(tx database.Tx) error {
					now, err := tx.Now()
					if err == nil {
						_, err = w.Workspaces.Freeze(tx, by, by.Workspace, "cnf_x", now)
					}
					return err
				})
				if err := w.Confirms.Perform(w.Ctx, by, v.ID, confirm.LiftFreeze, "", nil); err != nil {
					t.Fatal(err)
				}
				ws, err := workspace.Find(w.DB.Read(w.Ctx), by.Workspace)
				must(t, true, ws.FrozenAt == nil, err)
			}},
		confirm.UnlockPerson: {roles: []directory.Role{owner, super}, mode: confirm.Code, shows: "Unlock the confirmations of other",
			ask: func(_ *apitest.World, _ actor.Actor, _ *apitest.Phone, other actor.Actor) confirm.Ask {
				return confirm.Ask{Resource: "person:" + other.Person}
			},
			does: func(t *testing.T, w *apitest.World, by actor.Actor, v confirm.View) {
				if err := w.Confirms.Perform(w.Ctx, by, v.ID, confirm.UnlockPerson, v.Resource, nil); err != nil {
					t.Fatal(err)
				}
			}},
		confirm.AddDevice: {roles: everybody, mode: confirm.Code, shows: "Pair another phone",
			does: func(t *testing.T, w *apitest.World, by actor.Actor, v confirm.View) {
				if _, err := w.Devices.Begin(w.Ctx, by, func(tx database.Tx) error {
					return w.Confirms.Spend(tx, by, v.ID, confirm.AddDevice, "")
				}); err != nil {
					t.Error(err)
				}
			}},
		confirm.RemoveDevice: {roles: everybody, mode: confirm.Code, shows: "Remove the phone iPhone of Ana",
			ask: func(_ *apitest.World, _ actor.Actor, p *apitest.Phone, _ actor.Actor) confirm.Ask {
				return confirm.Ask{Resource: "device:" + p.ID}
			},
			does: func(t *testing.T, w *apitest.World, by actor.Actor, v confirm.View) {
				id := strings.TrimPrefix(v.Resource, "device:")
				if err := w.Devices.Remove(w.Ctx, by, id, func(tx database.Tx) error {
					return w.Confirms.Spend(tx, by, v.ID, confirm.RemoveDevice, v.Resource)
				}); err != nil {
					t.Error(err)
				}
				d, err := device.Find(w.DB.Read(w.Ctx), by.Workspace, id)
				must(t, device.Removed, d.State, err)
			}},
	} {
		t.Run(name, func(t *testing.T) {
			apitest.Each(t, func(t *testing.T, w *apitest.World) {
				if !slices.Contains(w.Confirms.Actions(), name) {
					t.Fatalf("%s is not registered: %v", name, w.Confirms.Actions())
				}
				ana := w.Workspace("acme")
				phone := w.Phone(ana)
				other := w.Colleague(ana, "other", admin)
				a := confirm.Ask{}
				if tc.ask != nil {
					a = tc.ask(w, ana, phone, other)
				}
				a.Action = name
				for _, role := range everybody[1:] {
					by := w.Colleague(ana, string(role), role)
					_, _, err := w.Confirms.Ask(w.Ctx, by, a)
					if may := slices.Contains(tc.roles, role); may == errors.Is(err, confirm.ErrForbidden) {
						t.Errorf("%s: %v", role, err)
					}
				}
				v, _, err := w.Confirms.Ask(w.Ctx, ana, a)
				must(t, tc.mode, v.Mode, err)
				if shown := string(phone.Challenge(v.ID)); !strings.Contains(shown, `"action":"`+tc.shows) {
					t.Errorf("the phone shows %s, want %s", shown, tc.shows)
				}
				state, err := phone.Approve(v.ID, v.Code)
				must(t, confirm.Approved, state, err)
				tc.does(t, w, ana, v)
				got, err := w.Confirms.View(w.Ctx, ana, v.ID)
				must(t, confirm.Consumed, got.State, err)
			})
		})
	}
}

func TestWhatAnActionCannotDoIsRefusedBeforeAnybodyIsAsked(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		ana, eve := w.Workspace("acme"), w.Workspace("evil")
		w.Phone(ana)
		for name, tc := range map[string]struct {
			ask  confirm.Ask
			want error
		}{
			"a policy without parameters":     {confirm.Ask{Action: confirm.ChangePolicy}, workspace.ErrPolicy},
			"a policy with a member missing":  {confirm.Ask{Action: confirm.ChangePolicy, Params: []byte(`{"mode":"code","pending_seconds":300}`)}, workspace.ErrPolicy},
			"a policy that waits 11 minutes":  {confirm.Ask{Action: confirm.ChangePolicy, Params: policy("300", "660")}, workspace.ErrPolicy},
			"a policy that waits 59 seconds":  {confirm.Ask{Action: confirm.ChangePolicy, Params: policy("300", "59")}, workspace.ErrPolicy},
			"a policy that waits for ever":    {confirm.Ask{Action: confirm.ChangePolicy, Params: policy("300", "99999999999")}, workspace.ErrPolicy},
			"a policy about a resource":       {confirm.Ask{Action: confirm.ChangePolicy, Resource: "scim_token:x", Params: policy()}, confirm.ErrUnknownAction},
			"unlocking oneself":               {confirm.Ask{Action: confirm.UnlockPerson, Resource: "person:" + ana.Person}, confirm.ErrUnlockSelf},
			"unlocking somebody elsewhere":    {confirm.Ask{Action: confirm.UnlockPerson, Resource: "person:" + eve.Person}, fault.ErrNotFound},
			"revoking without saying what":    {confirm.Ask{Action: confirm.RevokeToken}, confirm.ErrUnknownAction},
			"revoking another's token":        {confirm.Ask{Action: confirm.RevokeToken, Resource: "scim_token:" + liveToken(t, w, eve).ID}, fault.ErrNotFound},
			"regenerating with a long tail":   {confirm.Ask{Action: confirm.RegenerateToken, Params: []byte(`{"overlap_seconds":604801}`)}, workspace.ErrOverlap},
			"an action that nobody knows":     {confirm.Ask{Action: "scim.token.steal"}, confirm.ErrUnknownAction},
			"an action that only pairing has": {confirm.Ask{Action: confirm.ActivateDevice}, confirm.ErrUnknownAction},
		} {
			if _, _, err := w.Confirms.Ask(w.Ctx, ana, tc.ask); !errors.Is(err, tc.want) {
				t.Errorf("%s: %v, want %v", name, err, tc.want)
			}
		}
	})
}

func TestAnEntryOfAnotherDomainIsConsumedInOneTransaction(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		var got []confirm.Confirmed
		var fails error
		w.Confirms.Register(confirm.Action{Name: "test.act", Says: "Do it", Lowest: confirm.Tap,
			Resource: func(_ database.Tx, _ actor.Actor, asked string, _ time.Time) (string, error) { return asked, nil },
			Consume: func(_ database.Tx, _ actor.Actor, c confirm.Confirmed) error {
				got = append(got, c)
				return fails
			}})
		for _, broken := range []confirm.Action{{}, {Name: "test.act", Says: "again", Lowest: confirm.Tap}, {Name: "x", Lowest: confirm.Tap}, {Name: "y", Says: "y", Lowest: "scan"}} {
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("%+v was registered", broken)
					}
				}()
				w.Confirms.Register(broken)
			}()
		}
		ana := w.Workspace("acme")
		phone := w.Phone(ana)
		v := confirmed(t, w, ana, phone, confirm.Ask{Action: "test.act", Resource: "thing:1", Params: []byte(`{"n":1}`)})
		fails = errors.New("the domain could not")
		err := w.Confirms.Perform(w.Ctx, ana, v.ID, "test.act", "thing:1", []byte(`{ "n" : 1 }`))
		refused(t, fails, err)
		view, err := w.Confirms.View(w.Ctx, ana, v.ID)
		must(t, confirm.Approved, view.State, err) // rolled back with what it allowed
		fails = nil
		for _, wrong := range []error{
			w.Confirms.Perform(w.Ctx, ana, v.ID, "test.act", "thing:2", []byte(`{"n":1}`)),
			w.Confirms.Perform(w.Ctx, ana, v.ID, "test.act", "thing:1", []byte(`{"n":2}`)),
			w.Confirms.Perform(w.Ctx, ana, v.ID, "test.act", "thing:1", nil),
			w.Confirms.Perform(w.Ctx, ana, v.ID, confirm.AddDevice, "", nil),
			w.Confirms.Perform(w.Ctx, ana, "cnf_none", "test.act", "thing:1", []byte(`{"n":1}`)),
		} {
			refused(t, confirm.ErrRequired, wrong)
		}
		if err := w.Confirms.Perform(w.Ctx, ana, v.ID, "test.act", "thing:1", []byte(`{"n":1}`)); err != nil {
			t.Fatal(err)
		}
		last := got[len(got)-1]
		must(t, `test.act thing:1 {"n":1} iPhone of Ana`, fmt.Sprintf("%s %s %s %s", last.Action, last.Resource, last.Params, last.Device), nil)
		refused(t, confirm.ErrRequired, w.Confirms.Perform(w.Ctx, ana, v.ID, "test.act", "thing:1", []byte(`{"n":1}`)))
	})
}

func TestATokenIsShownOnceWhereThePolicySaysSo(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		ana := w.Workspace("acme")
		phone := w.Phone(ana)
		w.Rules(ana, func(r *workspace.Rules) { r.ShowOnce = true })
		first := confirmed(t, w, ana, phone, confirm.Ask{Action: confirm.RevealToken})
		if _, err := w.Confirms.Collect(w.Ctx, ana, first.ID); err != nil {
			t.Fatal(err)
		}
		_, _, err := w.Confirms.Ask(w.Ctx, ana, confirm.Ask{Action: confirm.RevealToken})
		refused(t, workspace.ErrShownOnce, err)
		again := confirmed(t, w, ana, phone, confirm.Ask{Action: confirm.RegenerateToken})
		if _, err := w.Confirms.Collect(w.Ctx, ana, again.ID); err != nil {
			t.Fatal(err)
		}
		_, _, err = w.Confirms.Ask(w.Ctx, ana, confirm.Ask{Action: confirm.RevealToken})
		refused(t, workspace.ErrShownOnce, err)
		w.Rules(ana, func(r *workspace.Rules) { r.ShowOnce = false }) // what is gone stays gone, and no phone is asked for it
		_, _, err = w.Confirms.Ask(w.Ctx, ana, confirm.Ask{Action: confirm.RevealToken})
		refused(t, workspace.ErrShownOnce, err)
		again = confirmed(t, w, ana, phone, confirm.Ask{Action: confirm.RegenerateToken})
		if _, err := w.Confirms.Collect(w.Ctx, ana, again.ID); err != nil {
			t.Fatal(err)
		}
		if _, _, err = w.Confirms.Ask(w.Ctx, ana, confirm.Ask{Action: confirm.RevealToken}); err != nil {
			t.Error(err)
		}
	})
}

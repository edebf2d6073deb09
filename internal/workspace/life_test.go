package workspace_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/workspace"
)

const aDay = 24 * time.Hour

// later moves the clock.
func (w world) later(d time.Duration) { w.ahead.Add(int64(d)) }

// renew makes a token as a person of the workspace.
func (w world) renew(ws string, r workspace.Renewal) (plain string, t workspace.Token, previous *workspace.Token) {
	w.Helper()
	w.must(w.in(func(tx database.Tx) (err error) {
		plain, t, previous, err = w.s.Renew(tx, w.ana(ws), ws, r)
		return err
	}))
	return plain, t, previous
}

func (w world) ana(ws string) actor.Actor {
	return actor.Actor{Kind: actor.Person, Workspace: ws, Person: "ppl_ana", Name: "Ana Kovač", Role: "owner", IP: "192.0.2.1", UserAgent: "Test/1"}
}

// found reads a token and says its state now.
func (w world) found(ws, id string) (workspace.Token, workspace.TokenState) {
	w.Helper()
	t, err := workspace.FindToken(w.db.Read(w.Context()), ws, id)
	w.must(err)
	now, err := w.db.Now(w.Context())
	w.must(err)
	return t, t.At(now)
}

// heard collects what is told.
type heard struct {
	mu     sync.Mutex
	events []workspace.Event
}

func (h *heard) tell(_ database.Tx, e workspace.Event) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, e)
	return nil
}

// kinds are what was told since the last call.
func (h *heard) kinds() (out []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range h.events {
		text := e.Kind
		if days, ok := e.Params["days"]; ok {
			text += fmt.Sprintf(" %v", days)
		}
		out = append(out, text)
	}
	h.events = nil
	return out
}

func TestTheEndsOfAnOverlap(t *testing.T) {
	each(t, func(w world) {
		told := &heard{}
		w.s.Tell(told.tell)
		for i, tc := range []struct {
			name             string
			do               func(tx database.Tx, by actor.Actor, ws, old, fresh string) error
			after            time.Duration
			used             bool
			want             error
			oldOpens, opens  bool
			state, newsState workspace.TokenState
			says             string
		}{
			{name: "ended now", do: func(tx database.Tx, by actor.Actor, ws, old, _ string) error { return w.s.EndOverlap(tx, by, ws, old) },
				opens: true, state: workspace.Expired, newsState: workspace.Active, says: workspace.TokenOverlapEnded},
			{name: "ended of the new one", do: func(tx database.Tx, by actor.Actor, ws, _, fresh string) error {
				return w.s.EndOverlap(tx, by, ws, fresh)
			},
				want: workspace.ErrNoOverlap, oldOpens: true, opens: true, state: workspace.Replaced, newsState: workspace.Active},
			{name: "ended when it was over", after: 2 * time.Hour, do: func(tx database.Tx, by actor.Actor, ws, old, _ string) error { return w.s.EndOverlap(tx, by, ws, old) },
				want: workspace.ErrNoOverlap, opens: true, state: workspace.Expired, newsState: workspace.Active},
			{name: "extended by a day", do: func(tx database.Tx, by actor.Actor, ws, old, _ string) error {
				return w.s.Extend(tx, by, ws, old, aDay)
			},
				oldOpens: true, opens: true, state: workspace.Replaced, newsState: workspace.Active, says: workspace.TokenExtended},
			{name: "extended to less than it has", do: func(tx database.Tx, by actor.Actor, ws, old, _ string) error {
				return w.s.Extend(tx, by, ws, old, time.Minute)
			}, want: workspace.ErrExtend, oldOpens: true, opens: true, state: workspace.Replaced, newsState: workspace.Active},
			{name: "extended over seven days", do: func(tx database.Tx, by actor.Actor, ws, old, _ string) error {
				return w.s.Extend(tx, by, ws, old, 7*aDay+time.Second)
			}, want: workspace.ErrExtend, oldOpens: true, opens: true, state: workspace.Replaced, newsState: workspace.Active},
			{name: "extended when it was over", after: 2 * time.Hour, do: func(tx database.Tx, by actor.Actor, ws, old, _ string) error {
				return w.s.Extend(tx, by, ws, old, aDay)
			},
				want: workspace.ErrNoOverlap, opens: true, state: workspace.Expired, newsState: workspace.Active},
			{name: "cancelled before the first use", do: func(tx database.Tx, by actor.Actor, ws, _, fresh string) error { return w.s.Cancel(tx, by, ws, fresh) },
				oldOpens: true, state: workspace.Active, newsState: workspace.Revoked, says: workspace.TokenCancelled},
			{name: "cancelled after the first use", used: true, do: func(tx database.Tx, by actor.Actor, ws, _, fresh string) error { return w.s.Cancel(tx, by, ws, fresh) },
				want: workspace.ErrUsed, oldOpens: true, opens: true, state: workspace.Replaced, newsState: workspace.Active},
			{name: "cancelled when the old one had ended", after: 2 * time.Hour, do: func(tx database.Tx, by actor.Actor, ws, _, fresh string) error { return w.s.Cancel(tx, by, ws, fresh) },
				want: workspace.ErrNoOverlap, opens: true, state: workspace.Expired, newsState: workspace.Active},
			{name: "cancelled with the old one's id", do: func(tx database.Tx, by actor.Actor, ws, old, _ string) error { return w.s.Cancel(tx, by, ws, old) },
				want: workspace.ErrNoOverlap, oldOpens: true, opens: true, state: workspace.Replaced, newsState: workspace.Active},
			{name: "the old one revoked", do: func(tx database.Tx, by actor.Actor, ws, old, _ string) error {
				return w.s.Revoke(tx, by, ws, old, "leaked")
			},
				opens: true, state: workspace.Revoked, newsState: workspace.Active, says: workspace.TokenRevoked},
			{name: "the new one revoked", do: func(tx database.Tx, by actor.Actor, ws, _, fresh string) error {
				return w.s.Revoke(tx, by, ws, fresh, "leaked")
			}, oldOpens: true, state: workspace.Replaced, newsState: workspace.Revoked, says: workspace.TokenRevoked},
			{name: "by an Admin", do: func(tx database.Tx, by actor.Actor, ws, old, _ string) error {
				by.Role = "admin"
				return w.s.EndOverlap(tx, by, ws, old)
			}, want: workspace.ErrForbidden, oldOpens: true, opens: true, state: workspace.Replaced, newsState: workspace.Active},
		} {
			w.Run(tc.name, func(t *testing.T) {
				v := world{T: t, db: w.db, s: w.s, ahead: w.ahead, by: w.by}
				ws := v.make(fmt.Sprintf("acme-%d", i)).ID
				first, old, _ := v.renew(ws, workspace.Renewal{})
				second, fresh, previous := v.renew(ws, workspace.Renewal{Overlap: time.Hour, Reason: "Security"})
				if previous == nil || previous.ID != old.ID || fresh.Replaces != old.ID || fresh.Reason != "Security" {
					t.Fatalf("previous %+v, new %+v", previous, fresh)
				}
				if tc.used {
					v.must(v.s.Used(t.Context(), fresh.ID, "Entra ID"))
				}
				v.later(tc.after)
				told.kinds()
				err := v.in(func(tx database.Tx) error { return tc.do(tx, v.ana(ws), ws, old.ID, fresh.ID) })
				if !errors.Is(err, tc.want) {
					t.Fatalf("%v, want %v", err, tc.want)
				}
				if v.opens(first) != tc.oldOpens || v.opens(second) != tc.opens {
					t.Errorf("the old one opens: %v, the new one: %v", v.opens(first), v.opens(second))
				}
				_, state := v.found(ws, old.ID)
				_, news := v.found(ws, fresh.ID)
				if state != tc.state || news != tc.newsState {
					t.Errorf("old %s, new %s", state, news)
				}
				var want []string
				if tc.says != "" {
					want = []string{tc.says}
				}
				if got := told.kinds(); !slices.Equal(got, want) {
					t.Errorf("told %v, want %v", got, want)
				}
			})
		}
	})
}

func TestAnExposedTokenStopsAtOnceWithAllThatLive(t *testing.T) {
	each(t, func(w world) {
		ws := w.make("acme").ID
		first, one, _ := w.renew(ws, workspace.Renewal{})
		second, two, _ := w.renew(ws, workspace.Renewal{Overlap: aDay})
		third, fresh, previous := w.renew(ws, workspace.Renewal{Overlap: aDay, Exposed: true, Reason: "Security"})
		if previous != nil || w.opens(first) || w.opens(second) || !w.opens(third) {
			w.Errorf("previous %+v, first %v, second %v, third %v", previous, w.opens(first), w.opens(second), w.opens(third))
		}
		for _, id := range []string{one.ID, two.ID} {
			if got, state := w.found(ws, id); state != workspace.Revoked || !got.Exposed || got.EndedBy != "Ana Kovač" {
				w.Errorf("%s %+v", state, got)
			}
		}
		err := w.in(func(tx database.Tx) error { return w.s.Cancel(tx, w.ana(ws), ws, fresh.ID) })
		if !errors.Is(err, workspace.ErrNoOverlap) {
			w.Errorf("an exposed token came back: %v", err)
		}
		events, err := audit.Newest(w.db.Read(w.Context()), ws, 1)
		w.must(err)
		if events[0].Event != "token.regenerated" || events[0].Detail["exposed"] != true || events[0].Detail["reason"] != "Security" {
			w.Errorf("%+v", events[0])
		}
	})
}

func TestAnExpiryIsWarnedOfOnceAtEachStep(t *testing.T) {
	each(t, func(w world) {
		told := &heard{}
		w.s.Tell(told.tell)
		ws := w.make("acme").ID
		plain, tok, _ := w.renew(ws, workspace.Renewal{Days: 90})
		warn := func(want ...string) {
			w.Helper()
			for range 2 { // the second time there is nothing left to tell
				w.must(w.s.Warn(w.Context()))
			}
			if got := told.kinds(); !slices.Equal(got, want) {
				w.Errorf("told %v, want %v", got, want)
			}
		}
		warn()
		w.later(60*aDay - time.Minute)
		warn()
		w.later(2 * time.Minute)
		warn("token.expiring 30")
		w.later(16 * aDay)
		warn("token.expiring 14")
		w.later(8 * aDay) // the service did not run for a week: what is missed is not told late
		warn("token.expiring 7")
		w.later(5 * aDay)
		warn("token.expiring 1")
		if !w.opens(plain) {
			w.Error("ended too early")
		}
		w.later(aDay)
		warn("token.expired 0")
		if w.opens(plain) {
			w.Error("an expired token opens")
		}
		if _, state := w.found(ws, tok.ID); state != workspace.Expired {
			w.Errorf("%s", state)
		}
		err := w.in(func(tx database.Tx) error { return w.s.SetExpiry(tx, w.ana(ws), ws, tok.ID, 0) })
		if !errors.Is(err, workspace.ErrNoToken) {
			w.Errorf("an expired token was brought back: %v", err)
		}
		again, fresh, previous := w.renew(ws, workspace.Renewal{Overlap: aDay})
		if !w.opens(again) || w.opens(plain) || previous != nil {
			w.Error("an expired token lives on after a regeneration")
		}
		told.kinds()
		w.must(w.in(func(tx database.Tx) error { return w.s.SetExpiry(tx, w.ana(ws), ws, fresh.ID, 90) }))
		w.must(w.in(func(tx database.Tx) error { return w.s.SetExpiry(tx, w.ana(ws), ws, fresh.ID, 0) }))
		told.kinds()
		w.later(100 * aDay)
		warn()
		for _, days := range []int{-1, 1, 89, 731} {
			err := w.in(func(tx database.Tx) error { return w.s.SetExpiry(tx, w.ana(ws), ws, fresh.ID, days) })
			if !errors.Is(err, workspace.ErrLifetime) {
				w.Errorf("%d days: %v", days, err)
			}
		}
	})
}

func TestTwoReplicasWarnOnce(t *testing.T) {
	each(t, func(w world) {
		told := &heard{}
		w.s.Tell(told.tell)
		for i := range 3 {
			w.renew(w.make(fmt.Sprintf("acme-%d", i)).ID, workspace.Renewal{Days: 90})
		}
		w.later(61 * aDay)
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				if err := w.s.Warn(w.Context()); err != nil {
					w.Error(err)
				}
			})
		}
		wg.Wait()
		if got := told.kinds(); len(got) != 3 {
			w.Errorf("told %v", got)
		}
	})
}

func TestAnOldTokenInUseIsWarnedOfBeforeItsOverlapEnds(t *testing.T) {
	each(t, func(w world) {
		told := &heard{}
		w.s.Tell(told.tell)
		ws, quiet := w.make("acme").ID, w.make("quiet").ID
		_, old, _ := w.renew(ws, workspace.Renewal{})
		w.renew(quiet, workspace.Renewal{})
		w.renew(quiet, workspace.Renewal{Overlap: aDay})
		w.renew(ws, workspace.Renewal{Overlap: aDay})
		w.later(time.Hour)
		w.must(w.s.Used(w.Context(), old.ID, "Entra ID"))
		told.kinds()
		w.later(20 * time.Hour)
		w.must(w.s.Warn(w.Context()))
		if got := told.kinds(); got != nil {
			w.Errorf("three hours before: %v", got)
		}
		w.later(61 * time.Minute)
		for range 2 {
			w.must(w.s.Warn(w.Context()))
		}
		if got := told.kinds(); !slices.Equal(got, []string{workspace.TokenOverlapEnding}) {
			w.Errorf("two hours before: %v", got)
		}
		w.must(w.in(func(tx database.Tx) error { return w.s.Extend(tx, w.ana(ws), ws, old.ID, aDay) }))
		told.kinds()
		w.must(w.s.Warn(w.Context()))
		if got := told.kinds(); got != nil {
			w.Errorf("after it was extended: %v", got)
		}
		w.later(23 * time.Hour)
		w.must(w.s.Warn(w.Context()))
		if got := told.kinds(); !slices.Equal(got, []string{workspace.TokenOverlapEnding}) {
			w.Errorf("before the longer one ends: %v", got)
		}
	})
}

func TestAddressLists(t *testing.T) {
	for _, tc := range []struct {
		name string
		in   []string
		want []string
		bad  bool
	}{
		{name: "an address is a network of one", in: []string{"203.0.113.7"}, want: []string{"203.0.113.7/32"}},
		{name: "the bits of the host go", in: []string{" 203.0.113.7/24 "}, want: []string{"203.0.113.0/24"}},
		{name: "doubles go, and there is one order", in: []string{"2001:db8::1/32", "10.0.0.0/8", "10.1.2.3/8"}, want: []string{"10.0.0.0/8", "2001:db8::/32"}},
		{name: "IPv4 in IPv6's clothes", in: []string{"::ffff:192.0.2.1"}, want: []string{"192.0.2.1/32"}},
		{name: "a network of IPv4 in IPv6's clothes", in: []string{"::ffff:203.0.113.7/120"}, want: []string{"203.0.113.0/24"}},
		{name: "a name", in: []string{"example.com"}, bad: true},
		{name: "too many bits", in: []string{"10.0.0.0/33"}, bad: true},
		{name: "nothing", in: []string{""}, bad: true},
		{name: "a line break inside", in: []string{"10.0.0.1\n0.0.0.0/0"}, bad: true},
		{name: "none at all", in: nil, bad: true},
		{name: "too many", in: slices.Repeat([]string{"10.0.0.1"}, 101), bad: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := workspace.Addresses{Mode: workspace.AddressesEnforce, List: tc.in}.Normal()
			if tc.bad != errors.Is(err, workspace.ErrList) || !tc.bad && !slices.Equal(got.List, tc.want) {
				t.Errorf("%v, %v", got, err)
			}
		})
	}
	list := workspace.Addresses{Mode: workspace.AddressesEnforce, List: []string{"203.0.113.0/24", "2001:db8::/32"}}
	for ip, want := range map[string]bool{"203.0.113.9": true, "::ffff:203.0.113.9": true, "2001:db8::5": true, "203.0.114.1": false, "": false, "nonsense": false, "203.0.113.9, 10.0.0.1": false} {
		if list.Holds(ip) != want {
			t.Errorf("%q: %v", ip, !want)
		}
	}
}

func TestAnAddressListObservesFirstAndThenRefuses(t *testing.T) {
	each(t, func(w world) {
		ws := w.make("acme").ID
		plain, tok, _ := w.renew(ws, workspace.Renewal{})
		from := func(plain, ip string) (bool, error) {
			c := &workspace.Caller{IP: ip, UserAgent: "Azure AD/1"}
			ctx := workspace.CalledFrom(w.Context(), c)
			by, err := w.s.Authenticate(ctx, plain)
			if err == nil {
				w.must(w.s.Used(ctx, by.Token, "Entra ID"))
			}
			return c.Outside, err
		}
		set := func(mode workspace.AddressMode, list ...string) {
			w.Helper()
			w.must(w.in(func(tx database.Tx) error {
				return w.s.SetAddresses(tx, w.ana(ws), ws, tok.ID, workspace.Addresses{Mode: mode, List: list})
			}))
		}
		if outside, err := from(plain, "198.51.100.7"); outside || err != nil {
			w.Errorf("without a list: %v %v", outside, err)
		}
		set(workspace.AddressesObserve, "203.0.113.0/24")
		if outside, err := from(plain, "198.51.100.7"); !outside || err != nil {
			w.Errorf("observing: %v %v", outside, err)
		}
		if outside, err := from(plain, "203.0.113.4"); outside || err != nil {
			w.Errorf("observing, on the list: %v %v", outside, err)
		}
		set(workspace.AddressesEnforce, "203.0.113.0/24")
		for _, ip := range []string{"198.51.100.7", "", "::1"} {
			if _, err := from(plain, ip); !errors.Is(err, workspace.ErrAddress) {
				w.Errorf("enforcing, from %q: %v", ip, err)
			}
		}
		if _, err := from(plain, "203.0.113.4"); err != nil {
			w.Errorf("enforcing, on the list: %v", err)
		}
		if _, err := from("cs_scim_nonsense", "203.0.113.4"); !errors.Is(err, workspace.ErrToken) {
			w.Errorf("a wrong token from a listed address: %v", err)
		}
		now, err := w.db.Now(w.Context())
		w.must(err)
		seen, err := workspace.SeenFrom(w.db.Read(w.Context()), tok.ID, now)
		w.must(err)
		got := map[string]bool{}
		for _, s := range seen {
			got[s.IP] = s.RefusedAt != nil
		}
		if len(got) != 3 || !got["198.51.100.7"] || got["203.0.113.4"] || !got["::1"] {
			w.Errorf("seen %v", got)
		}
		next, fresh, _ := w.renew(ws, workspace.Renewal{Overlap: time.Hour})
		if fresh.Addresses.Mode != workspace.AddressesEnforce || !slices.Equal(fresh.Addresses.List, []string{"203.0.113.0/24"}) {
			w.Errorf("the new token has %+v", fresh.Addresses)
		}
		if _, err := from(next, "198.51.100.7"); !errors.Is(err, workspace.ErrAddress) {
			w.Errorf("the new token from outside: %v", err)
		}
		w.later(31 * aDay)
		w.must(w.s.Sweep(w.Context()))
		now, err = w.db.Now(w.Context())
		w.must(err)
		if seen, err = workspace.SeenFrom(w.db.Read(w.Context()), tok.ID, now); err != nil || len(seen) != 0 {
			w.Errorf("after a month: %v %v", seen, err)
		}
	})
}

func TestReceiptsAndTokensThatAreShownOnce(t *testing.T) {
	each(t, func(w world) {
		told := &heard{}
		w.s.Tell(told.tell)
		ws := w.make("acme").ID
		plain, tok, _ := w.renew(ws, workspace.Renewal{})
		hand := func(confirmation string) {
			w.Helper()
			w.must(w.in(func(tx database.Tx) error {
				now, err := tx.Now()
				if err != nil {
					return err
				}
				return w.s.Handed(tx, w.ana(ws), tok, workspace.ViewedToken, confirmation, "iPhone of Ana", now)
			}))
		}
		report := func(by actor.Actor, event string) {
			w.Helper()
			w.must(w.in(func(tx database.Tx) error {
				now, err := tx.Now()
				if err != nil {
					return err
				}
				return workspace.Reported(tx, by, "cnf_1", event, now)
			}))
		}
		open := func() error {
			return w.in(func(tx database.Tx) error {
				_, _, err := w.s.Open(tx, ws, tok.ID)
				return err
			})
		}
		hand("cnf_1")
		if got := told.kinds(); !slices.Equal(got, []string{workspace.TokenViewed}) {
			w.Errorf("told %v", got)
		}
		stranger := w.ana(ws)
		stranger.Person = "ppl_other"
		for _, event := range []string{"shown", "copied", "copied", "closed", "nonsense"} {
			report(w.ana(ws), event)
		}
		report(stranger, "copied")
		views, total, err := workspace.Views(w.db.Read(w.Context()), ws, tok.ID)
		w.must(err)
		if total != 1 || views[0].Name != "Ana Kovač" || views[0].Device != "iPhone of Ana" || views[0].IP != "192.0.2.1" || views[0].Copied != 2 || views[0].Shown != 1 ||
			views[0].CopiedAt == nil || views[0].ClosedAt == nil {
			w.Errorf("%d %+v", total, views)
		}
		if err := open(); err != nil {
			w.Errorf("a token that may be shown again: %v", err)
		}
		w.must(w.in(func(tx database.Tx) error {
			r := workspace.Rules{Mode: workspace.RiskBased, TTL: 5 * time.Minute, ShowOnce: true}
			return w.s.SetRules(tx, w.ana(ws), ws, r)
		}))
		if err := open(); !errors.Is(err, workspace.ErrShownOnce) {
			w.Errorf("shown before the rule came: %v", err)
		}
		var sealed int64
		w.must(w.db.Read(w.Context()).Raw("SELECT COUNT(*) FROM scim_tokens WHERE workspace_id = ? AND length(sealed) > 0", ws).Scan(&sealed).Error)
		if sealed != 0 || !w.opens(plain) {
			w.Errorf("%d sealed tokens are left, opens %v", sealed, w.opens(plain))
		}
		if fault.From(open()).Code != "shown_once" {
			w.Error("another code than the console knows")
		}
	})
}

// TestWhatEndsATokenTogether: of an end, a cancellation, a revocation and a regeneration at once, whatever comes first, one token is active at
// most, two live, and nobody is answered by the database.
func TestWhatEndsATokenTogether(t *testing.T) {
	each(t, func(w world) {
		ws := w.make("acme").ID
		w.renew(ws, workspace.Renewal{})
		for range 5 {
			_, fresh, previous := w.renew(ws, workspace.Renewal{Overlap: time.Hour})
			old := previous.ID
			var wg sync.WaitGroup
			for _, do := range []func(tx database.Tx) error{
				func(tx database.Tx) error { return w.s.EndOverlap(tx, w.ana(ws), ws, old) },
				func(tx database.Tx) error { return w.s.Cancel(tx, w.ana(ws), ws, fresh.ID) },
				func(tx database.Tx) error { return w.s.Extend(tx, w.ana(ws), ws, old, aDay) },
				func(tx database.Tx) error { return w.s.Revoke(tx, w.ana(ws), ws, old, "") },
				func(tx database.Tx) error {
					_, _, _, err := w.s.Renew(tx, w.ana(ws), ws, workspace.Renewal{Overlap: time.Hour})
					return err
				},
			} {
				wg.Go(func() {
					err := w.db.InTx(context.WithoutCancel(w.Context()), do)
					if err != nil && fault.From(err).Kind != fault.Conflict {
						w.Error(err)
					}
				})
			}
			wg.Wait()
			all, err := workspace.Tokens(w.db.Read(w.Context()), ws)
			w.must(err)
			now, err := w.db.Now(w.Context())
			w.must(err)
			live, active := 0, 0
			for _, tok := range all {
				if tok.Live(now) {
					live++
				}
				if tok.State == workspace.Active {
					active++
				}
			}
			if active != 1 || live > 2 {
				w.Fatalf("%d active, %d live", active, live)
			}
		}
	})
}

// TestALimitOnTheLifeOfTokens: a new token lives no longer than the workspace allows; those that there are keep their end.
func TestALimitOnTheLifeOfTokens(t *testing.T) {
	each(t, func(w world) {
		ws := w.make("acme").ID
		_, before, _ := w.renew(ws, workspace.Renewal{})
		limit := func(days int) error {
			return w.in(func(tx database.Tx) error {
				return w.s.SetRules(tx, w.ana(ws), ws, workspace.Rules{Mode: workspace.RiskBased, TTL: 5 * time.Minute, MaxTokenDays: days})
			})
		}
		if err := limit(91); !errors.Is(err, workspace.ErrLifetime) {
			w.Errorf("91 days: %v", err)
		}
		w.must(limit(180))
		w.must(limit(workspace.SameLifetime))
		kept, err := workspace.FindToken(w.db.Read(w.Context()), ws, before.ID)
		w.must(err)
		if kept.ExpiresAt != nil {
			w.Errorf("the token that was there ends on %v", kept.ExpiresAt)
		}
		for _, days := range []int{0, 365} {
			err := w.in(func(tx database.Tx) error { return w.s.SetExpiry(tx, w.ana(ws), ws, before.ID, days) })
			if !errors.Is(err, workspace.ErrTooLong) {
				w.Errorf("expiry after %d days: %v", days, err)
			}
		}
		w.must(w.in(func(tx database.Tx) error { return w.s.SetExpiry(tx, w.ana(ws), ws, before.ID, 90) }))
		for days, want := range map[int]int{0: 180, 90: 90, 180: 180} {
			_, fresh, _ := w.renew(ws, workspace.Renewal{Days: days})
			if fresh.ExpiresAt == nil || !fresh.ExpiresAt.Equal(fresh.CreatedAt.Add(time.Duration(want)*24*time.Hour)) {
				w.Errorf("asked for %d days, made %v, ends %v", days, fresh.CreatedAt, fresh.ExpiresAt)
			}
		}
		err = w.in(func(tx database.Tx) error {
			_, _, _, err := w.s.Renew(tx, w.ana(ws), ws, workspace.Renewal{Days: 730})
			return err
		})
		if !errors.Is(err, workspace.ErrTooLong) {
			w.Errorf("730 days: %v", err)
		}
	})
}

package apikey_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/apikey"
	"github.com/countersign/countersign/internal/apitest"
	"github.com/countersign/countersign/internal/confirm"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/ident"
	"github.com/countersign/countersign/internal/notice"
	"github.com/countersign/countersign/internal/scim"
)

func free(database.Tx) error { return nil }

func days(n int) *int { return &n }

// made makes a key without a confirmation, which the door tests.
func made(t *testing.T, w *apitest.World, by actor.Actor, want apikey.Wanted) (string, apikey.Key) {
	t.Helper()
	if want.Name == "" {
		want.Name = "Nightly report"
	}
	if want.Scopes == nil {
		want.Scopes = []apikey.Scope{apikey.PeopleRead}
	}
	plain, k, err := w.APIKeys.Make(w.Ctx, by, want, ident.New("cnf"), free)
	if err != nil {
		t.Fatal(err)
	}
	return plain, k
}

func opens(w *apitest.World, plain string) bool {
	_, err := w.APIKeys.Authenticate(w.Ctx, plain, "192.0.2.1", "Script/1")
	if err != nil && !errors.Is(err, fault.ErrUnauthorized) {
		panic(err)
	}
	return err == nil
}

func find(t *testing.T, w *apitest.World, by actor.Actor, id string) apikey.Key {
	t.Helper()
	all, err := apikey.List(w.DB.Read(w.Ctx), by)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range all {
		if k.ID == id {
			return k
		}
	}
	t.Fatalf("no key %s among %v", id, all)
	return apikey.Key{}
}

// events are what the audit says of a key, the oldest first.
func events(t *testing.T, w *apitest.World, key string) (out []string) {
	t.Helper()
	if err := w.DB.Read(w.Ctx).Raw("SELECT event FROM audit_events WHERE subject = ? ORDER BY at, event", key).Scan(&out).Error; err != nil {
		t.Fatal(err)
	}
	return out
}

func told(t *testing.T, w *apitest.World, who actor.Actor) (kinds []string) {
	t.Helper()
	all, _, err := notice.Of(w.DB.Read(w.Ctx), who)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range all {
		kinds = append(kinds, n.Kind)
	}
	return kinds
}

func TestWhatNoKeyCanBe(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		ana := w.Workspace("acme")
		dora := w.Colleague(ana, "dora", directory.User)
		good := []apikey.Scope{apikey.TeamsRead}
		for name, c := range map[string]struct {
			by   actor.Actor
			want apikey.Wanted
			err  error
		}{
			"one without a name":                {ana, apikey.Wanted{Scopes: good}, apikey.ErrName},
			"one with a blank before its name":  {ana, apikey.Wanted{Name: " a", Scopes: good}, apikey.ErrName},
			"one with a long name":              {ana, apikey.Wanted{Name: strings.Repeat("ä", 65), Scopes: good}, apikey.ErrName},
			"one with a line break in its name": {ana, apikey.Wanted{Name: "a\nb", Scopes: good}, apikey.ErrName},
			"one without scopes":                {ana, apikey.Wanted{Name: "a"}, apikey.ErrScopes},
			"one with a scope that is none":     {ana, apikey.Wanted{Name: "a", Scopes: []apikey.Scope{"token:reveal"}}, apikey.ErrScopes},
			"one with the scope of nothing":     {ana, apikey.Wanted{Name: "a", Scopes: []apikey.Scope{""}}, apikey.ErrScopes},
			"one with a scope twice":            {ana, apikey.Wanted{Name: "a", Scopes: append(good, good...)}, apikey.ErrScopes},
			"one that is over already":          {ana, apikey.Wanted{Name: "a", Scopes: good, Days: days(0)}, apikey.ErrDays},
			"one for more than a year":          {ana, apikey.Wanted{Name: "a", Scopes: good, Days: days(366)}, apikey.ErrDays},
			"a user's":                          {dora, apikey.Wanted{Name: "a", Scopes: good}, apikey.ErrAdmin},
		} {
			if _, _, err := w.APIKeys.Make(w.Ctx, c.by, c.want, "cnf_x", free); !errors.Is(err, c.err) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, _, err := w.APIKeys.Make(w.Ctx, ana, apikey.Wanted{Name: "a", Scopes: good}, "cnf_x", func(database.Tx) error { return confirm.ErrRequired }); !errors.Is(err, confirm.ErrRequired) {
			t.Errorf("one without a confirmation: %v", err)
		}
		if all, err := apikey.List(w.DB.Read(w.Ctx), ana); err != nil || len(all) != 0 {
			t.Errorf("%v %v", all, err)
		}
		for range 20 {
			made(t, w, ana, apikey.Wanted{})
		}
		if _, _, err := w.APIKeys.Make(w.Ctx, ana, apikey.Wanted{Name: "a", Scopes: good}, "cnf_x", free); !errors.Is(err, apikey.ErrMost) {
			t.Errorf("the 21st: %v", err)
		}
	})
}

func TestAKeyLivesUntilItsTimeIsOver(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		ana := w.Workspace("acme")
		plain, k := made(t, w, ana, apikey.Wanted{Days: days(30)})
		if k.ExpiresAt.Sub(k.CreatedAt) != 30*24*time.Hour || k.Hint != plain[len(plain)-4:] {
			t.Errorf("made %+v", k)
		}
		c, err := w.APIKeys.Authenticate(w.Ctx, plain, "192.0.2.1", "Script/1")
		if err != nil || c.Actor.Person != ana.Person || c.Actor.Role != "owner" || c.Actor.Key != k.ID || c.Actor.Session != nil || c.Slug != "acme" {
			t.Fatalf("%+v %v", c, err)
		}
		if _, _, err := w.Confirms.Ask(w.Ctx, c.Actor, confirm.Ask{Action: confirm.RevealToken}); !errors.Is(err, confirm.ErrForbidden) {
			t.Errorf("a program asks to see the token: %v", err)
		}
		first := find(t, w, ana, k.ID)
		if first.FirstUsedAt == nil || first.LastUsedAt == nil || first.LastUsedIP != "192.0.2.1" {
			t.Errorf("after its first use %+v", first)
		}
		w.Offset.Advance(2 * time.Hour)
		for range 3 {
			opens(w, plain)
		}
		if later := find(t, w, ana, k.ID); later.LastUsedAt.Sub(*first.LastUsedAt) < 2*time.Hour || !later.FirstUsedAt.Equal(*first.FirstUsedAt) {
			t.Errorf("after later uses %+v", later)
		}
		sweep := func() {
			if err := w.APIKeys.Sweep(w.Ctx); err != nil {
				t.Fatal(err)
			}
		}
		sweep()
		if slices.Contains(told(t, w, ana), "apikey.expiring") {
			t.Error("told four weeks before the end")
		}
		w.Offset.Advance(24 * 24 * time.Hour)
		sweep()
		sweep()
		if n := told(t, w, ana); len(slices.DeleteFunc(n, func(k string) bool { return k != "apikey.expiring" })) != 1 {
			t.Errorf("told %v in the last week", told(t, w, ana))
		}
		w.Offset.Stop(k.ExpiresAt.Add(-time.Minute))
		if !opens(w, plain) {
			t.Error("it ended before its time")
		}
		w.Offset.Stop(k.ExpiresAt.Add(time.Minute))
		if opens(w, plain) {
			t.Error("it outlives its time")
		}
		sweep()
		sweep()
		if over := find(t, w, ana, k.ID); over.EndedBecause != apikey.Expired {
			t.Errorf("ended %+v", over)
		}
		if got := events(t, w, k.ID); !slices.Equal(got, []string{"apikey.created", "apikey.first_used", "apikey.expired"}) {
			t.Errorf("the audit says %v", got)
		}
	})
}

// TestAKeyEndsWithWhatItRestsOn: in the transaction that takes it, whoever takes it, and it never comes back.
func TestAKeyEndsWithWhatItRestsOn(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		ana := w.Workspace("acme")
		idp := directory.NewProvisioning(w.Directory, "https://acme.test/v1/scim/v2", []byte("key"), time.Now)
		provider := actor.Actor{Kind: actor.Provider, Workspace: ana.Workspace, Token: "tok_x", Name: "SCIM token"}
		change := func(id string, role *directory.Role, active *bool) error {
			_, err := w.Directory.Change(w.Ctx, ana, id, role, active)
			return err
		}
		no, yes, user, super := false, true, directory.User, directory.SuperAdmin
		for n, c := range []struct {
			what    string
			scim    bool // the directory keeps this person
			do      func(ctx context.Context, id string) error
			because string
			back    func(id string) error
		}{
			{"deactivated in the console", false, func(_ context.Context, id string) error { return change(id, nil, &no) }, apikey.Deactivated, func(id string) error { return change(id, nil, &yes) }},
			{"deactivated over SCIM", true, func(ctx context.Context, id string) error {
				_, err := idp.PatchUser(ctx, provider, id, []scim.Operation{{Op: "replace", Path: "active", Value: false, Said: true}}, nil)
				return err
			}, apikey.Deactivated, nil},
			{"deleted over SCIM", true, func(ctx context.Context, id string) error { return idp.DeleteUser(ctx, provider, id, nil) }, apikey.Deactivated, nil},
			{"made a user", false, func(_ context.Context, id string) error { return change(id, &user, nil) }, apikey.RoleLost, func(id string) error { return change(id, &super, nil) }},
			{"made a user by a rule", true, func(ctx context.Context, id string) error {
				if err := w.DB.InTx(ctx, func(tx database.Tx) error {
					return tx.Exec("UPDATE people SET role_mapped = ? WHERE id = ?", true, id).Error
				}); err != nil {
					return err
				}
				_, err := w.Directory.SetRoles(ctx, ana, directory.RoleMapping{}, nil)
				return err
			}, apikey.RoleLost, nil},
			{"revoked by the Owner", false, nil, apikey.Revoked, nil},
		} {
			name := fmt.Sprintf("admin%d", n)
			finn := w.Colleague(ana, name, directory.Admin)
			w.Phone(finn)
			if c.scim {
				w.InTx(func(tx database.Tx) error {
					return tx.Exec("UPDATE people SET source = 'directory' WHERE id = ?", finn.Person).Error
				})
			}
			plain, k := made(t, w, finn, apikey.Wanted{})
			asked, _, err := w.Confirms.Ask(w.Ctx, finn, confirm.Ask{Action: confirm.RevealToken})
			if err != nil {
				t.Fatal(err)
			}
			if !opens(w, plain) {
				t.Fatalf("%s: it does not open to begin with", c.what)
			}
			if c.do == nil {
				err = w.APIKeys.Revoke(w.Ctx, ana, k.ID)
			} else {
				err = c.do(w.Ctx, finn.Person)
			}
			if err != nil {
				t.Fatalf("%s: %v", c.what, err)
			}
			if over := find(t, w, ana, k.ID); opens(w, plain) || over.EndedBecause != c.because || over.EndedAt == nil {
				t.Errorf("%s: %+v", c.what, over)
			}
			if c.because != apikey.Revoked { // what waits for them ends at once as well, and with it the dialog
				if v, err := w.Confirms.View(w.Ctx, finn, asked.ID); err != nil || v.State != confirm.Cancelled {
					t.Errorf("%s: what they have asked is %s (%v)", c.what, v.State, err)
				}
			} else if !slices.Contains(told(t, w, finn), "apikey.revoked") {
				t.Errorf("%s: not told", c.what)
			}
			if c.back != nil {
				if err := c.back(finn.Person); err != nil {
					t.Fatalf("%s, and back: %v", c.what, err)
				}
			}
			if opens(w, plain) {
				t.Errorf("%s, and back: the key is back too", c.what)
			}
			if got := events(t, w, k.ID); !slices.Equal(got, []string{"apikey.created", "apikey.first_used", "apikey.revoked"}) {
				t.Errorf("%s: the audit says %v", c.what, got)
			}
			if err := w.DB.InTx(w.Ctx, func(tx database.Tx) error {
				return tx.Exec("UPDATE api_keys SET ended_at = NULL, ended_because = '' WHERE id = ?", k.ID).Error
			}); err == nil {
				t.Errorf("%s: the database lets it live again", c.what)
			}
		}
		plain, k := made(t, w, ana, apikey.Wanted{})
		if err := change(w.Colleague(ana, "gina", directory.Admin).Person, &super, nil); err != nil || !opens(w, plain) {
			t.Errorf("a change of somebody else's role ends it (%v)", err)
		}
		evil := w.Workspace("evil")
		if err := w.APIKeys.Revoke(w.Ctx, evil, k.ID); !errors.Is(err, fault.ErrNotFound) {
			t.Errorf("another workspace's Owner revokes: %v", err)
		}
		admin := w.Colleague(ana, "emil", directory.Admin)
		if err := w.APIKeys.Revoke(w.Ctx, admin, k.ID); !errors.Is(err, fault.ErrNotFound) {
			t.Errorf("an Admin revokes the Owner's: %v", err)
		}
		if all, err := apikey.List(w.DB.Read(w.Ctx), admin); err != nil || len(all) != 0 {
			t.Errorf("an Admin sees %v (%v)", all, err)
		}
	})
}

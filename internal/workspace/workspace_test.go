package workspace_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/vault"
	"github.com/countersign/countersign/internal/workspace"
)

// world is one database with the workspaces of a test and a clock that can be moved.
type world struct {
	*testing.T
	db    *database.DB
	s     *workspace.Service
	ahead *atomic.Int64
	by    actor.Actor
}

func each(t *testing.T, do func(w world)) {
	for _, dialect := range dbtest.Dialects {
		t.Run(dialect, func(t *testing.T) {
			ahead := &atomic.Int64{}
			db := dbtest.Open(t, dbtest.URL(t, dialect), database.WithClockOffset(func() time.Duration { return time.Duration(ahead.Load()) }))
			file := filepath.Join(t.TempDir(), "keyset.json")
			if err := vault.Create(file); err != nil {
				t.Fatal(err)
			}
			v, err := vault.Open(file)
			if err != nil {
				t.Fatal(err)
			}
			do(world{T: t, db: db, s: workspace.New(db, v), ahead: ahead, by: actor.Actor{Kind: actor.Operator, Name: "Ops"}})
		})
	}
}

func (w world) in(do func(tx database.Tx) error) error {
	w.Helper()
	return w.db.InTx(w.Context(), do)
}

func (w world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w world) make(slug string) (ws workspace.Workspace) {
	w.Helper()
	w.must(w.in(func(tx database.Tx) (err error) {
		ws, err = w.s.Create(tx, w.by, slug, "Acme")
		return err
	}))
	return ws
}

func (w world) token(ws string, overlap time.Duration) (plain string, t workspace.Token, previous *workspace.Token) {
	w.Helper()
	w.must(w.in(func(tx database.Tx) (err error) {
		by := w.by
		by.Workspace = ws
		plain, t, previous, err = w.s.Regenerate(tx, by, ws, "a test", overlap)
		return err
	}))
	return plain, t, previous
}

func (w world) opens(plain string) bool {
	w.Helper()
	_, err := w.s.Authenticate(w.Context(), plain)
	if err != nil && !errors.Is(err, workspace.ErrToken) {
		w.Fatal(err)
	}
	return err == nil
}

func TestCreate(t *testing.T) {
	each(t, func(w world) {
		w.make("taken")
		for _, tt := range []struct {
			name, slug, shown string
			want              error
		}{
			{name: "letters", slug: "acme", shown: "Acme"},
			{name: "digits and hyphens", slug: "a-1", shown: "Žluť"},
			{name: "two characters", slug: "ab", shown: "A"},
			{name: "forty characters", slug: strings.Repeat("a", 40), shown: "A"},
			{name: "one character", slug: "a", shown: "A", want: workspace.ErrSlug},
			{name: "forty-one characters", slug: strings.Repeat("a", 41), shown: "A", want: workspace.ErrSlug},
			{name: "capitals", slug: "Acme", shown: "A", want: workspace.ErrSlug},
			{name: "a dot", slug: "acme.test", shown: "A", want: workspace.ErrSlug},
			{name: "a hyphen at the end", slug: "acme-", shown: "A", want: workspace.ErrSlug},
			{name: "a word of the service", slug: "setup", shown: "A", want: workspace.ErrSlug},
			{name: "taken", slug: "taken", shown: "A", want: workspace.ErrSlugTaken},
			{name: "no name", slug: "nameless", shown: "  ", want: workspace.ErrName},
			{name: "a long name", slug: "long", shown: strings.Repeat("x", 101), want: workspace.ErrName},
			{name: "a line break in the name", slug: "break", shown: "A\nB", want: workspace.ErrName},
		} {
			w.Run(tt.name, func(t *testing.T) {
				var got workspace.Workspace
				err := w.db.InTx(t.Context(), func(tx database.Tx) (err error) {
					got, err = w.s.Create(tx, w.by, tt.slug, tt.shown)
					return err
				})
				if !errors.Is(err, tt.want) {
					t.Fatalf("got %v, want %v", err, tt.want)
				}
				if err != nil {
					return
				}
				read, err := workspace.BySlug(w.db.Read(t.Context()), tt.slug)
				if err != nil || read != got || read.Policy != workspace.RiskBased || read.ConfirmationTTL != 5*time.Minute {
					t.Errorf("read back %+v (%v), made %+v", read, err, got)
				}
			})
		}
		for _, slug := range []string{"nobody", "", "a\x00b", "\xff\xff"} {
			if _, err := workspace.BySlug(w.db.Read(w.Context()), slug); !errors.Is(err, fault.ErrNotFound) {
				w.Errorf("%q: %v", slug, err)
			}
		}
	})
}

func TestTokenForm(t *testing.T) {
	each(t, func(w world) {
		ws := w.make("acme")
		plain, tok, previous := w.token(ws.ID, 0)
		if len(plain) != 8+43+6 || !strings.HasPrefix(plain, "cs_scim_") || tok.Hint != plain[len(plain)-4:] || previous != nil {
			w.Fatalf("token of %d characters, hint %s", len(plain), tok.Hint)
		}
		by, err := w.s.Authenticate(w.Context(), plain)
		if err != nil || by.Kind != actor.Provider || by.Workspace != ws.ID || by.Token != tok.ID {
			w.Fatalf("%+v, %v", by, err)
		}
		flip := func(i int) string {
			b := []byte(plain)
			b[i] = map[bool]byte{true: 'B', false: 'A'}[b[i] == 'A']
			return string(b)
		}
		for name, bad := range map[string]string{"empty": "", "a character changed": flip(20), "its sum changed": flip(len(plain) - 1), "cut": plain[:len(plain)-1],
			"longer": plain + "0", "prefix alone": "cs_scim_", "another alphabet": plain[:10] + "-" + plain[11:], "NUL": plain[:10] + "\x00" + plain[11:]} {
			if w.opens(bad) {
				w.Errorf("%s: opened", name)
			}
		}
	})
}

func TestTokenAtRest(t *testing.T) {
	each(t, func(w world) {
		ws, other := w.make("acme"), w.make("beta")
		plain, tok, _ := w.token(ws.ID, 0)
		otherPlain, otherTok, _ := w.token(other.ID, 0)
		w.must(w.in(func(tx database.Tx) error {
			got, read, err := w.s.Open(tx, ws.ID, tok.ID)
			if err != nil || got != plain || read.ID != tok.ID {
				t.Errorf("opened %d characters, %v", len(got), err)
			}
			return nil
		}))
		for name, id := range map[string]string{"another workspace's": otherTok.ID, "unknown": "tok_none"} {
			err := w.in(func(tx database.Tx) error {
				_, _, err := w.s.Open(tx, ws.ID, id)
				return err
			})
			if !errors.Is(err, fault.ErrNotFound) {
				w.Errorf("%s: %v", name, err)
			}
		}
		// Somebody with the database, but without the keyset, moves one workspace's sealed token into another's row.
		w.must(w.in(func(tx database.Tx) error {
			return tx.Exec("UPDATE scim_tokens SET sealed = (SELECT sealed FROM scim_tokens WHERE id = ?) WHERE id = ?", otherTok.ID, tok.ID).Error
		}))
		err := w.in(func(tx database.Tx) error {
			got, _, err := w.s.Open(tx, ws.ID, tok.ID)
			if got == otherPlain {
				t.Error("a token moved to another row was opened")
			}
			return err
		})
		if !errors.Is(err, vault.ErrOpen) {
			w.Errorf("a moved token: %v", err)
		}
		if w.db.Dialect == database.SQLite {
			files, err := filepath.Glob(strings.TrimPrefix(w.db.URL(), "sqlite://") + "*")
			w.must(err)
			for _, file := range files {
				dump, err := os.ReadFile(file)
				if err != nil || strings.Contains(string(dump), plain) {
					w.Errorf("the token is in %s in plain text (%v)", filepath.Base(file), err)
				}
			}
		}
	})
}

func TestOverlap(t *testing.T) {
	each(t, func(w world) {
		ws := w.make("acme")
		first, _, _ := w.token(ws.ID, 0)
		second, _, previous := w.token(ws.ID, time.Hour)
		if previous == nil || previous.State != workspace.Replaced {
			w.Fatalf("previous: %+v", previous)
		}
		if !w.opens(first) || !w.opens(second) {
			w.Error("in the overlap both must open")
		}
		third, _, _ := w.token(ws.ID, time.Hour)
		if w.opens(first) || !w.opens(second) || !w.opens(third) {
			w.Error("two live at most: the one that was replaced before ends")
		}
		w.ahead.Store(int64(time.Hour + time.Second))
		if w.opens(second) || !w.opens(third) {
			w.Error("after the overlap the replaced one must not open")
		}
		fourth, _, _ := w.token(ws.ID, 0)
		if w.opens(third) || !w.opens(fourth) {
			w.Error("without an overlap the old one ends at once")
		}
		all, err := workspace.Tokens(w.db.Read(w.Context()), ws.ID)
		w.must(err)
		now, err := w.db.Now(w.Context())
		w.must(err)
		var states []workspace.TokenState
		for _, tok := range all {
			states = append(states, tok.At(now))
		}
		if want := []workspace.TokenState{workspace.Active, workspace.Expired, workspace.Expired, workspace.Expired}; !slices.Equal(states, want) {
			w.Errorf("listed %v, want %v", states, want)
		}
		for _, overlap := range []time.Duration{-time.Second, 8 * 24 * time.Hour} {
			err := w.in(func(tx database.Tx) error {
				_, _, _, err := w.s.Regenerate(tx, w.by, ws.ID, "", overlap)
				return err
			})
			if !errors.Is(err, workspace.ErrOverlap) {
				w.Errorf("overlap %v: %v", overlap, err)
			}
		}
	})
}

func TestRevoke(t *testing.T) {
	each(t, func(w world) {
		ws, other := w.make("acme"), w.make("beta")
		plain, tok, _ := w.token(ws.ID, 0)
		revoke := func(in string) error {
			return w.in(func(tx database.Tx) error { return w.s.Revoke(tx, w.by, in, tok.ID, "leaked") })
		}
		if err := revoke(other.ID); !errors.Is(err, fault.ErrNotFound) {
			w.Errorf("another workspace: %v", err)
		}
		w.must(revoke(ws.ID))
		if err := revoke(ws.ID); !errors.Is(err, workspace.ErrNoToken) {
			w.Errorf("twice: %v", err)
		}
		if w.opens(plain) {
			w.Error("a revoked token opens")
		}
		if _, err := workspace.ActiveToken(w.db.Read(w.Context()), ws.ID); !errors.Is(err, workspace.ErrNoToken) {
			w.Errorf("active: %v", err)
		}
		err := w.in(func(tx database.Tx) error {
			_, _, err := w.s.Open(tx, ws.ID, tok.ID)
			return err
		})
		if !errors.Is(err, workspace.ErrNoToken) {
			w.Errorf("open: %v", err)
		}
		again, _, previous := w.token(ws.ID, time.Hour)
		if !w.opens(again) || previous != nil {
			w.Error("after a revocation a first token can be made again")
		}
	})
}

func TestOnlyManagersChange(t *testing.T) {
	each(t, func(w world) {
		ws := w.make("acme")
		for role, want := range map[string]error{"owner": nil, "super_admin": nil, "admin": workspace.ErrForbidden, "user": workspace.ErrForbidden, "": workspace.ErrForbidden} {
			by := actor.Actor{Kind: actor.Person, Workspace: ws.ID, Person: "ppl_1", Role: role}
			for what, do := range map[string]func(tx database.Tx) error{
				"regenerate": func(tx database.Tx) error {
					_, _, _, err := w.s.Regenerate(tx, by, ws.ID, "", 0)
					return err
				},
				"policy": func(tx database.Tx) error { return w.s.SetPolicy(tx, by, ws.ID, workspace.AlwaysCode, time.Minute) },
			} {
				if err := w.in(do); !errors.Is(err, want) {
					w.Errorf("%s as %q: %v, want %v", what, role, err, want)
				}
			}
		}
	})
}

func TestPolicy(t *testing.T) {
	each(t, func(w world) {
		ws := w.make("acme")
		for _, tt := range []struct {
			mode workspace.Policy
			ttl  time.Duration
			want error
		}{
			{workspace.AlwaysCode, time.Minute, nil},
			{workspace.TapOnly, 10 * time.Minute, nil},
			{workspace.TapOnly, 59 * time.Second, workspace.ErrPolicy},
			{workspace.TapOnly, 601 * time.Second, workspace.ErrPolicy},
			{"never", time.Minute, workspace.ErrPolicy},
		} {
			by := w.by
			by.Workspace = ws.ID
			err := w.in(func(tx database.Tx) error { return w.s.SetPolicy(tx, by, ws.ID, tt.mode, tt.ttl) })
			if !errors.Is(err, tt.want) {
				w.Errorf("%s, %v: %v", tt.mode, tt.ttl, err)
			}
			got, err := workspace.Find(w.db.Read(w.Context()), ws.ID)
			w.must(err)
			if tt.want == nil && (got.Policy != tt.mode || got.ConfirmationTTL != tt.ttl) {
				w.Errorf("kept %+v", got)
			}
		}
		events, err := audit.Newest(w.db.Read(w.Context()), ws.ID, 10)
		w.must(err)
		if len(events) != 3 || events[0].Event != "policy.changed" || events[0].Detail["from"] != "code" {
			w.Errorf("audit: %+v", events)
		}
	})
}

func TestUsedIsWrittenOnceAMinute(t *testing.T) {
	each(t, func(w world) {
		ws := w.make("acme")
		_, tok, _ := w.token(ws.ID, 0)
		last := func() *time.Time {
			got, err := workspace.FindToken(w.db.Read(w.Context()), ws.ID, tok.ID)
			w.must(err)
			return got.LastUsedAt
		}
		w.must(w.s.Used(w.Context(), tok.ID, "Entra ID"))
		first := last()
		w.must(w.s.Used(w.Context(), tok.ID, "Entra ID"))
		if first == nil || !last().Equal(*first) {
			w.Errorf("written %v, then %v", first, last())
		}
		w.ahead.Store(int64(61 * time.Second))
		w.must(w.s.Used(w.Context(), tok.ID, "Okta"))
		if !last().After(*first) {
			w.Error("not written again after a minute")
		}
	})
}

// TestRegenerateTogether: of several at once each makes a token, and one is active in the end.
func TestRegenerateTogether(t *testing.T) {
	each(t, func(w world) {
		ws := w.make("acme")
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				err := w.db.InTx(w.Context(), func(tx database.Tx) error {
					_, _, _, err := w.s.Regenerate(tx, w.by, ws.ID, "", time.Hour)
					return err
				})
				if err != nil {
					w.Error(err)
				}
			})
		}
		wg.Wait()
		all, err := workspace.Tokens(w.db.Read(w.Context()), ws.ID)
		w.must(err)
		now, err := w.db.Now(w.Context())
		w.must(err)
		live := 0
		for _, tok := range all {
			if tok.Live(now) {
				live++
			}
		}
		if len(all) != 8 || live != 2 {
			w.Errorf("%d tokens, %d live", len(all), live)
		}
	})
}

func TestSetupCodes(t *testing.T) {
	each(t, func(w world) {
		ctx := w.Context()
		code := func() string {
			c, err := workspace.NewSetupCode(ctx, w.db)
			w.must(err)
			return c
		}
		first, second := code(), code()
		for name, typed := range map[string]string{"first start": first, "second start": second, "typed in small letters, with blanks": " " + strings.ToLower(first)} {
			if err := workspace.CheckSetupCode(ctx, w.db, typed, "192.0.2.1"); err != nil {
				w.Errorf("%s: %v", name, err)
			}
		}
		w.ahead.Store(int64(25 * time.Hour))
		third := code()
		if err := workspace.CheckSetupCode(ctx, w.db, first, "192.0.2.1"); !errors.Is(err, workspace.ErrSetupCode) {
			w.Errorf("a code of yesterday: %v", err)
		}
		w.must(w.in(func(tx database.Tx) error {
			if err := workspace.Claim(tx, third); err != nil {
				return err
			}
			_, err := w.s.Create(tx, w.by, "acme", "Acme")
			return err
		}))
		if err := workspace.CheckSetupCode(ctx, w.db, third, "192.0.2.1"); !errors.Is(err, workspace.ErrSetUp) {
			w.Errorf("after set-up: %v", err)
		}
		if c := code(); c != "" {
			w.Error("a set-up code with a workspace there")
		}
	})
}

func TestClaimTogether(t *testing.T) {
	each(t, func(w world) {
		var codes []string
		for range 6 {
			c, err := workspace.NewSetupCode(w.Context(), w.db)
			w.must(err)
			codes = append(codes, c)
		}
		var won, late atomic.Int64
		var wg sync.WaitGroup
		for i, code := range codes {
			wg.Go(func() {
				err := w.db.InTx(w.Context(), func(tx database.Tx) error {
					if err := workspace.Claim(tx, code); err != nil {
						return err
					}
					_, err := w.s.Create(tx, w.by, "acme-"+string(rune('a'+i)), "Acme")
					return err
				})
				switch {
				case err == nil:
					won.Add(1)
				case errors.Is(err, workspace.ErrSetUp):
					late.Add(1)
				default:
					w.Error(err)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 || late.Load() != 5 {
			w.Errorf("%d won, %d were told that it is done", won.Load(), late.Load())
		}
	})
}

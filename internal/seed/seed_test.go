package seed_test

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/seed"
	"github.com/countersign/countersign/internal/signin"
	"github.com/countersign/countersign/internal/vault"
	"github.com/countersign/countersign/internal/workspace"
)

func TestDemo(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		file := filepath.Join(t.TempDir(), "keyset.json")
		if err := vault.Create(file); err != nil {
			t.Fatal(err)
		}
		v, err := vault.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		s, err := signin.New(signin.Config{DB: db, Workspaces: workspace.New(db, v), PublicURL: "http://localhost:8080"})
		if err != nil {
			t.Fatal(err)
		}
		start := func(known map[string]string) map[string]string {
			t.Helper()
			accounts, err := seed.Demo(t.Context(), db, s, known)
			if err != nil {
				t.Fatal(err)
			}
			out := map[string]string{}
			for _, a := range accounts {
				out[a.Email] = a.Password
			}
			if len(out) != 5 || accounts[0].Role != directory.Owner || accounts[4].Role != directory.Guest {
				t.Errorf("accounts: %d", len(out))
			}
			return out
		}
		signsIn := func(email, password string) bool {
			_, err := s.SignIn(t.Context(), signin.Browser{IP: "192.0.2.1"}, seed.Slug, email, password)
			return err == nil
		}

		first := start(nil)
		for email, password := range first {
			if !signsIn(email, password) {
				t.Errorf("%s cannot sign in", email)
			}
		}
		if again := start(first); cmp.Diff(first, again) != "" {
			t.Error("a second start made other passwords")
		}
		lost := map[string]string{"ana@acme.test": first["ana@acme.test"]}
		third := start(lost)
		if third["ana@acme.test"] != first["ana@acme.test"] || third["ben@acme.test"] == first["ben@acme.test"] || !signsIn("ben@acme.test", third["ben@acme.test"]) {
			t.Error("a password that was lost is not made anew, or one that was not is")
		}

		w, err := workspace.BySlug(db.Read(t.Context()), seed.Slug)
		if err != nil {
			t.Fatal(err)
		}
		eva, err := directory.ByLogin(db.Read(t.Context()), w.ID, "eva@acme.test")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := directory.New(db, s.EndAll).Change(t.Context(), actor.Actor{Kind: actor.Operator, Workspace: w.ID}, eva.ID, nil, new(false)); err != nil {
			t.Fatal(err)
		}
		if got := start(third)["eva@acme.test"]; got != "" {
			t.Error("a deactivated person is shown with a password")
		}
	})
}

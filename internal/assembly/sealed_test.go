package assembly_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/apitest"
	"github.com/countersign/countersign/internal/assembly"
	"github.com/countersign/countersign/internal/confirm"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
	"github.com/countersign/countersign/internal/serverkeys"
	"github.com/countersign/countersign/internal/vault"
	"github.com/countersign/countersign/internal/workspace"
)

// TestNoSealedColumnIsForgotten reads the schema: what a rotation does not know of could not be opened any more once the old key is gone.
func TestNoSealedColumnIsForgotten(t *testing.T) {
	dump, err := os.ReadFile("../../migrations/schema.postgres.sql")
	if err != nil {
		t.Fatal(err)
	}
	var known []string
	for _, p := range assembly.Sealed {
		known = append(known, p.Table+"."+p.Column)
	}
	column := regexp.MustCompile(`^\s+(\w*sealed\w*) bytea`)
	table := ""
	for line := range strings.Lines(string(dump)) {
		if name, ok := strings.CutPrefix(line, "CREATE TABLE "); ok {
			table = strings.Fields(name)[0]
		}
		if m := column.FindStringSubmatch(line); m != nil && !slices.Contains(known, table+"."+m[1]) {
			t.Errorf("%s.%s is in no vault.Place", table, m[1])
		}
	}
}

func TestAfterARotationOfTheKeysetEverythingMovesAndOpens(t *testing.T) {
	for _, d := range dbtest.Dialects {
		t.Run(d, func(t *testing.T) {
			file := t.TempDir() + "/keyset.json"
			if err := vault.Create(file); err != nil {
				t.Fatal(err)
			}
			v, err := vault.Open(file)
			if err != nil {
				t.Fatal(err)
			}
			w := apitest.Make(t, apitest.Setup{URL: dbtest.URL(t, d), Vault: v})
			ana := w.Workspace("acme")
			phone := w.Phone(ana)
			w.InTx(func(tx database.Tx) error {
				return w.Workspaces.SetPolicy(tx, ana, ana.Workspace, workspace.AlwaysCode, 5*time.Minute)
			})
			asked, _, err := w.Confirms.Ask(w.Ctx, ana, confirm.Ask{Action: confirm.RevealToken})
			if err != nil {
				t.Fatal(err)
			}
			old := v.Info().Primary
			if err := vault.Rotate(file); err != nil {
				t.Fatal(err)
			}
			other, err := vault.Open(file) // the running service follows within a second; here its successor does
			if err != nil {
				t.Fatal(err)
			}
			after := w.Replica(func(s *apitest.Setup) { s.Vault = other })
			moved, err := after.Reseal(w.Ctx)
			if err != nil || moved[workspace.Sealed.Name] != 1 || moved[serverkeys.Sealed.Name] == 0 || moved[confirm.Sealed.Name] != 1 {
				t.Fatalf("moved %v (%v)", moved, err)
			}
			if again, err := after.Reseal(w.Ctx); err != nil || again[workspace.Sealed.Name]+again[serverkeys.Sealed.Name]+again[confirm.Sealed.Name] != 0 {
				t.Errorf("moved again: %v (%v)", again, err)
			}
			counts, err := after.SealedWith(w.Ctx)
			if err != nil {
				t.Fatal(err)
			}
			for place, n := range counts {
				if n[old] != 0 {
					t.Errorf("%s: %d values are still sealed with the old key", place, n[old])
				}
			}
			if err := vault.Remove(file, old); err != nil {
				t.Fatal(err)
			}
			alone, err := vault.Open(file)
			if err != nil {
				t.Fatal(err)
			}
			last := w.Replica(func(s *apitest.Setup) { s.Vault = alone })
			seen, err := last.Confirms.View(w.Ctx, ana, asked.ID)
			if err != nil || seen.Code != asked.Code || len(seen.Code) != 6 {
				t.Fatalf("the code is %q, was %q (%v)", seen.Code, asked.Code, err)
			}
			if _, err := phone.Approve(asked.ID, asked.Code); err != nil {
				t.Fatal(err)
			}
			if token, err := last.Confirms.Collect(w.Ctx, ana, asked.ID); err != nil || !strings.HasPrefix(token.Plain, "cs_scim_") {
				t.Errorf("without the old key the token does not open: %v", err)
			}
			if err := last.Keys.Check(w.Ctx); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestReplicasWithOneKeysetFileFollowItsRotation(t *testing.T) {
	file := t.TempDir() + "/keyset.json"
	if err := vault.Create(file); err != nil {
		t.Fatal(err)
	}
	opened := func() *vault.Vault {
		v, err := vault.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	first, second := opened(), opened()
	one := apitest.Make(t, apitest.Setup{URL: dbtest.URL(t, database.Postgres), Vault: first})
	two := one.Replica(func(s *apitest.Setup) { s.Vault = second })
	ana := one.Workspace("acme")
	phone := one.Phone(ana)
	if err := vault.Rotate(file); err != nil {
		t.Fatal(err)
	}
	for began := time.Now(); first.Info().Primary == opened().Info().Keys[0]; { // one replica notices by itself
		if time.Since(began) > 5*time.Second {
			t.Fatal("a running replica does not notice the new file")
		}
	}
	one.InTx(func(tx database.Tx) error { // and seals with the new key
		_, _, _, err := one.Workspaces.Regenerate(tx, ana, ana.Workspace, "", 0)
		return err
	})
	asked, _, err := two.Confirms.Ask(two.Ctx, ana, confirm.Ask{Action: confirm.RevealToken})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := phone.Approve(asked.ID, asked.Code); err != nil {
		t.Fatal(err)
	}
	if token, err := two.Confirms.Collect(two.Ctx, ana, asked.ID); err != nil || !strings.HasPrefix(token.Plain, "cs_scim_") { // the other one opens it at once
		t.Errorf("the other replica cannot open the token: %v", err)
	}
}

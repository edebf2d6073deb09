package assembly_test

import (
	"testing"
	"time"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/apitest"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/notice"
	"github.com/countersign/countersign/internal/provisioning"
)

func TestAdminsAreToldOnceThatTheProviderFellSilent(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		ana := w.Workspace("acme")
		ben := w.Colleague(ana, "ben", directory.Admin)
		cleo := w.Colleague(ana, "cleo", directory.User)
		look := func() {
			t.Helper()
			if err := w.Domains.TellSilence(w.Ctx); err != nil {
				t.Fatal(err)
			}
		}
		kind := "sync.stopped"
		told := func(who actor.Actor) (n int) {
			t.Helper()
			all, _, err := notice.Of(w.DB.Read(w.Ctx), who)
			if err != nil {
				t.Fatal(err)
			}
			for _, one := range all {
				if one.Kind == kind {
					n++
				}
			}
			return n
		}
		look()
		if told(ana) != 0 {
			t.Error("a provider that never called fell silent")
		}
		client := "Okta"
		call := func() {
			t.Helper()
			w.InTx(func(tx database.Tx) error {
				now, err := tx.Now()
				if err != nil {
					return err
				}
				if err := tx.Exec("UPDATE scim_tokens SET last_used_at = ? WHERE workspace_id = ?", now, ana.Workspace).Error; err != nil {
					return err
				}
				if err := tx.Exec("DELETE FROM provisioning_minutes WHERE workspace_id = ?", ana.Workspace).Error; err != nil {
					return err
				}
				return tx.Exec(`INSERT INTO provisioning_minutes (workspace_id, minute, token_id, client, calls, looked, created, updated, deactivated, deleted, teams,
					unchanged, failed, rejected, slowed, first_at, last_at) VALUES (?, ?, '', ?, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, ?, ?)`,
					ana.Workspace, now.Truncate(time.Minute), client, now, now).Error
			})
		}
		call()
		awake(t, w)
		look()
		w.Offset.Advance(25 * time.Hour)
		look()
		look()
		if told(ana) != 1 || told(ben) != 1 || told(cleo) != 0 {
			t.Errorf("told %d, %d, %d times; want 1, 1, 0", told(ana), told(ben), told(cleo))
		}
		call()
		look()
		w.Offset.Advance(25 * time.Hour)
		look()
		if told(ana) != 2 {
			t.Errorf("fallen silent again: told %d times, want 2", told(ana))
		}
		client = provisioning.Entra
		call()
		w.Offset.Advance(20 * 24 * time.Hour)
		look()
		kind = "sync.ending"
		if told(ana) != 0 {
			t.Errorf("20 days of silence: told %d times of the end, want 0", told(ana))
		}
		w.Offset.Advance(36 * time.Hour)
		look()
		w.Offset.Advance(10 * 24 * time.Hour)
		look()
		if told(ana) != 1 || told(cleo) != 0 {
			t.Errorf("21 and 31 days of silence: told %d and %d times of the end, want 1 and 0", told(ana), told(cleo))
		}
		if kind = "sync.stopped"; told(ana) != 3 {
			t.Errorf("told of the silence %d times, want 3", told(ana))
		}
	})
}

// awake says that this service has run all the while: of a time in which it did not, nothing is claimed.
func awake(t *testing.T, w *apitest.World) {
	t.Helper()
	w.InTx(func(tx database.Tx) error {
		now, err := tx.Now()
		if err != nil {
			return err
		}
		return tx.Exec("INSERT INTO provisioning_awake (since, until) VALUES (?, ?)", now.Add(-time.Hour), now.Add(100*time.Hour)).Error
	})
}

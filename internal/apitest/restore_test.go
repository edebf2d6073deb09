package apitest_test

import (
	"errors"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/apitest"
	"github.com/countersign/countersign/internal/assembly"
	"github.com/countersign/countersign/internal/confirm"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/ident"
	"github.com/countersign/countersign/internal/restored"
	"github.com/countersign/countersign/internal/workspace"
)

// TestWhatARestoreBringsBackWaitsForTheOperator marks a database as restored and looks at it with a service that is started after that.
func TestWhatARestoreBringsBackWaitsForTheOperator(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		at := time.Now()
		w.Offset.Stop(at)
		ana := w.Workspace("acme")
		phone := w.Phone(ana)
		codes, _, err := w.Devices.MakeCodes(w.Ctx, ana, nil)
		if err != nil {
			t.Fatal(err)
		}
		asked, _, err := w.Confirms.Ask(w.Ctx, ana, confirm.Ask{Action: confirm.RevealToken})
		if err != nil {
			t.Fatal(err)
		}
		if state, err := phone.Approve(asked.ID, asked.Code); err != nil || state != confirm.Approved {
			t.Fatalf("approved: %s, %v", state, err)
		}
		var token string
		w.InTx(func(tx database.Tx) error {
			live, err := workspace.ActiveToken(tx.DB, ana.Workspace)
			if err == nil {
				token, _, err = w.Workspaces.Open(tx, ana.Workspace, live.ID)
			}
			return err
		})
		w.Offset.Stop(at.Add(time.Second))
		ops := actor.Actor{Kind: actor.Operator, Name: "Sam"}
		if _, held, err := w.MarkRestored(w.Ctx, ops); err != nil || held != (assembly.Held{Tokens: 1, Phones: 1}) {
			t.Fatalf("held: %+v, %v", held, err)
		}
		w.Offset.Stop(at.Add(2 * time.Second))
		next := w.Replica(nil)
		old := []struct {
			name string
			use  func() error
		}{
			{"a SCIM token", func() error {
				_, err := next.Workspaces.Authenticate(w.Ctx, token)
				return err
			}},
			{"a call of a phone", func() error {
				_, err := next.Devices.Authenticate(w.Ctx, phone.Request(at.Add(2*time.Second), ident.Secret(16)))
				return err
			}},
			{"an approval", func() error {
				_, err := next.Confirms.Collect(w.Ctx, ana, asked.ID)
				return err
			}},
			{"a question that only a phone of before could answer", func() error {
				_, _, err := next.Confirms.Ask(w.Ctx, ana, confirm.Ask{Action: confirm.RevealToken})
				return err
			}},
			{"a recovery code", func() error {
				_, _, err := next.Devices.UseCode(w.Ctx, ana, codes[0])
				return err
			}},
		}
		for _, o := range old {
			if err := o.use(); !errors.Is(err, restored.ErrHeld) {
				t.Errorf("%s: %v, want that it waits", o.name, err)
			}
		}
		ben := next.Colleague(ana, "Ben", directory.Admin)
		fresh := next.Phone(ben)
		mine, _, err := next.Confirms.Ask(w.Ctx, ben, confirm.Ask{Action: confirm.RevealToken})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fresh.Approve(mine.ID, mine.Code); err != nil {
			t.Errorf("a phone of after the restore: %v", err)
		}
		if _, err := next.Confirms.Collect(w.Ctx, ben, mine.ID); err != nil {
			t.Errorf("an approval of after the restore: %v", err)
		}
		if _, _, err := w.ConfirmRestored(w.Ctx, ops); err != nil {
			t.Fatal(err)
		}
		apitest.Until(t, "the running service noticed", func() bool { return old[0].use() == nil })
		for _, o := range old[1:] {
			if err := o.use(); err != nil {
				t.Errorf("%s, when it was confirmed: %v", o.name, err)
			}
		}
		if _, _, err := w.ConfirmRestored(w.Ctx, ops); !errors.Is(err, restored.ErrNothing) {
			t.Errorf("confirmed twice: %v", err)
		}
		for _, event := range []string{"restore.made", "restore.confirmed"} {
			if n := told(t, w, ana.Workspace, ana.Workspace, event); n != 1 {
				t.Errorf("%s is told %d times", event, n)
			}
		}
	})
}

package apitest_test

import (
	"errors"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/apikey"
	"github.com/countersign/countersign/internal/apitest"
	"github.com/countersign/countersign/internal/assembly"
	"github.com/countersign/countersign/internal/confirm"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/ident"
	passkeys "github.com/countersign/countersign/internal/passkey"
	"github.com/countersign/countersign/internal/restored"
	"github.com/countersign/countersign/internal/softkey"
	"github.com/countersign/countersign/internal/workspace"
)

// TestWhatARestoreBringsBackWaitsForTheOperator marks a database as restored and looks at it with a service that is started after that.
func TestWhatARestoreBringsBackWaitsForTheOperator(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		at := time.Now()
		w.Offset.Stop(at.Add(-25 * time.Hour)) // a passkey confirms when it is a day old
		ana := w.Workspace("acme")
		cleo := w.Colleague(ana, "cleo", directory.SuperAdmin)
		w.Phone(cleo)
		key := keeps(t, w, cleo)
		w.Offset.Stop(at)
		ana, cleo = again(t, w, ana), again(t, w, cleo)
		phone := w.Phone(ana)
		program, _, err := w.APIKeys.Make(w.Ctx, ana, apikey.Wanted{Name: "Nightly report", Scopes: []apikey.Scope{apikey.PeopleRead}}, ident.New("cnf"),
			func(database.Tx) error { return nil })
		if err != nil {
			t.Fatal(err)
		}
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
		if _, held, err := w.MarkRestored(w.Ctx, ops); err != nil || held != (assembly.Held{Tokens: 1, APIKeys: 1, Phones: 2, Passkeys: 1}) {
			t.Fatalf("held: %+v, %v", held, err)
		}
		w.Offset.Stop(at.Add(2 * time.Second))
		next := w.Replica(nil)
		door := next.Serve()
		people := func() apitest.Reply { return door.Browser().Send("GET", "/v1/people", "", with(program)) }
		cleo = again(t, next, cleo)
		question := pairsAnew(t, next, cleo) // her new phone could answer; the passkey of before is to
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
			{"an API key", func() error {
				_, err := next.APIKeys.Authenticate(w.Ctx, program, "192.0.2.1", "Script/1")
				return err
			}},
			{"a passkey", func() error {
				begun, err := next.Confirms.BeginPasskey(w.Ctx, cleo, question)
				if err != nil {
					return err
				}
				_, err = next.Confirms.AnswerPasskey(w.Ctx, cleo, question, begun.ID, key.Get(begun.Options))
				return err
			}},
		}
		for _, o := range old {
			if err := o.use(); !errors.Is(err, restored.ErrHeld) {
				t.Errorf("%s: %v, want that it waits", o.name, err)
			}
		}
		refusal(t, "a program with its API key", people(), 503, "restored")
		if r := rowOf(t, next, question); r.State != string(confirm.Pending) {
			t.Errorf("what the passkey was asked is %s", r.State)
		}
		if _, err := next.Confirms.Collect(w.Ctx, cleo, question); !errors.Is(err, confirm.ErrNotApproved) {
			t.Errorf("collecting what the passkey was asked: %v", err)
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
		if r := people(); r.Status != 200 {
			t.Errorf("a program, when it was confirmed: %d %s", r.Status, r.Body)
		}
		if paid, err := next.Confirms.Collect(w.Ctx, cleo, question); err != nil || paid.Plain == "" {
			t.Errorf("what the passkey approved, when it was confirmed: %v", err)
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

// keeps adds a passkey to by, in a workspace that lets passkeys confirm.
func keeps(t *testing.T, w *apitest.World, by actor.Actor) *softkey.Key {
	t.Helper()
	w.Rules(by, func(r *workspace.Rules) { r.Passkeys = true })
	key := softkey.New(apitest.PublicURL, "localhost")
	whose := passkeys.Owner{Workspace: by.Workspace, Person: by.Person, Name: by.Name, Login: by.Name}
	begun, err := w.Signin.Passkeys.BeginAdd(w.Ctx, by, whose)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Signin.Passkeys.Add(w.Ctx, by, whose, begun.ID, "Laptop", key.Create(begun.Options)); err != nil {
		t.Fatal(err)
	}
	return key
}

// again is a new sign-in of a person.
func again(t *testing.T, w *apitest.World, by actor.Actor) actor.Actor {
	t.Helper()
	p, err := directory.Find(w.DB.Read(w.Ctx), by.Workspace, by.Person)
	if err != nil {
		t.Fatal(err)
	}
	return w.Session(p)
}

// pairsAnew is by's way back after a restore: the operator's link, a new phone, and a question to it, whose id it returns.
func pairsAnew(t *testing.T, w *apitest.World, by actor.Actor) string {
	t.Helper()
	var secret string
	w.InTx(func(tx database.Tx) (err error) {
		secret, _, err = w.Devices.OpenRecovery(tx, actor.Actor{Kind: actor.Operator, Workspace: by.Workspace}, by.Person)
		return err
	})
	if err := w.Devices.UseRecovery(w.Ctx, by, secret); err != nil {
		t.Fatal(err)
	}
	w.Phone(by)
	asked, _, err := w.Confirms.Ask(w.Ctx, by, confirm.Ask{Action: confirm.RevealToken})
	if err != nil {
		t.Fatal(err)
	}
	return asked.ID
}

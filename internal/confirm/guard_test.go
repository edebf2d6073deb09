package confirm_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/countersign/countersign/internal/apitest"
	"github.com/countersign/countersign/internal/confirm"
	"github.com/countersign/countersign/internal/database"
)

var states = []confirm.State{confirm.Pending, confirm.Approved, confirm.Denied, confirm.Expired, confirm.Cancelled, confirm.Consumed}

// legal are the only moves there are (docs/architecture.md draws them).
var legal = map[confirm.State][]confirm.State{
	confirm.Pending:  {confirm.Approved, confirm.Denied, confirm.Expired, confirm.Cancelled},
	confirm.Approved: {confirm.Consumed, confirm.Expired, confirm.Cancelled},
}

// guarded is a world in which rows of every state can be made and moved past all code.
type guarded struct {
	*apitest.World
	t    *testing.T
	like string // the confirmation that others are copies of
	made int
}

func newGuarded(t *testing.T, w *apitest.World) *guarded {
	t.Helper()
	ana := w.Workspace("acme")
	w.Phone(ana)
	return &guarded{World: w, t: t, like: ask(t, w, ana).ID}
}

func (g *guarded) exec(sql string, args ...any) error {
	return g.DB.InTx(g.Ctx, func(tx database.Tx) error { return tx.Exec(sql, args...).Error })
}

// row makes one in a state, complete in every other respect.
func (g *guarded) row(in confirm.State) string {
	g.t.Helper()
	g.made++
	id := fmt.Sprintf("cnf_%d", g.made)
	err := g.exec(`INSERT INTO confirmations (id, workspace_id, person_id, session_hash, action, resource, mode, context, state, version, created_at, expires_at,
		decided_sig, consumed_at) SELECT ?, workspace_id, person_id, session_hash, action, ?, mode, context, ?, 1, created_at, expires_at, session_hash, `+
		consumedAt(in)+" FROM confirmations WHERE id = ?", id, id, in, g.like) // one live for each resource
	if err != nil {
		g.t.Fatal(err)
	}
	return id
}

func consumedAt(s confirm.State) string {
	if s == confirm.Consumed {
		return "created_at"
	}
	return "NULL"
}

func TestTheDatabaseItselfAllowsTheLegalMovesAndNoOther(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		g := newGuarded(t, w)
		for _, from := range states {
			for _, to := range states {
				t.Run(fmt.Sprintf("%s to %s", from, to), func(t *testing.T) {
					id := g.row(from)
					err := g.exec("UPDATE confirmations SET state = ?, version = version + 1, code_sealed = NULL, consumed_at = "+consumedAt(to)+" WHERE id = ?", to, id)
					if want := from == to || slices.Contains(legal[from], to); (err == nil) != want {
						t.Errorf("allowed: %v, want %v (%v)", err == nil, want, err)
					}
					if err != nil && !strings.Contains(err.Error(), "confirmation: illegal move") {
						t.Errorf("refused by something else: %v", err)
					}
				})
			}
		}
		for from, all := range legal {
			for _, to := range all {
				id := g.row(from)
				if err := g.exec("UPDATE confirmations SET state = ?, code_sealed = NULL, consumed_at = "+consumedAt(to)+" WHERE id = ?", to, id); err == nil {
					t.Errorf("%s to %s without a new version: a dialog would not see it", from, to)
				}
			}
		}
	})
}

func TestTheDatabaseItselfKeepsWhatAConfirmationIsAbout(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		g := newGuarded(t, w)
		for column, value := range map[string]string{"id": "'cnf_other'", "workspace_id": "'ws_other'", "person_id": "'ppl_other'", "session_hash": "browser_hash",
			"action": "'device.add'", "resource": "'scim_token:other'", "mode": "'code'", "expires_at": "'2099-01-01 00:00:00+00:00'"} {
			for _, in := range []confirm.State{confirm.Pending, confirm.Approved} {
				id := g.row(in)
				if err := g.exec("UPDATE confirmations SET browser_hash = ? WHERE id = ?", []byte("another session, 32 bytes long..")[:32], id); err != nil {
					t.Fatal(err)
				}
				err := g.exec("UPDATE confirmations SET "+column+" = "+value+", version = version + 1 WHERE id = ?", id)
				if err == nil || !strings.Contains(err.Error(), "bound fields never change") {
					t.Errorf("%s of a row that is %s: %v", column, in, err)
				}
			}
		}
	})
}

// Whatever the service is asked for a row that has ended changes nothing: the code refuses before the database would.
func TestTheCodeRefusesEveryMoveOutOfAnEnd(t *testing.T) {
	apitest.Each(t, func(t *testing.T, w *apitest.World) {
		for _, end := range []confirm.State{confirm.Denied, confirm.Expired, confirm.Cancelled, confirm.Consumed} {
			ana := w.Workspace(string(end))
			phone, other := w.Phone(ana), w.PhoneWith(ana, func(database.Tx) error { return nil }, "")
			v := ask(t, w, ana)
			ends := map[confirm.State]func() error{
				confirm.Denied:    func() error { _, err := phone.Deny(v.ID, ""); return err },
				confirm.Expired:   func() error { w.Offset.Advance(v.ExpiresAt.Sub(v.CreatedAt)); return nil },
				confirm.Cancelled: func() error { _, err := w.Confirms.Cancel(w.Ctx, ana, v.ID); return err },
				confirm.Consumed: func() error {
					if _, err := phone.Approve(v.ID, v.Code); err != nil {
						return err
					}
					_, err := w.Confirms.Collect(w.Ctx, ana, v.ID)
					return err
				},
			}
			if err := ends[end](); err != nil {
				t.Fatal(err)
			}
			before, err := w.Confirms.View(w.Ctx, ana, v.ID)
			must(t, end, before.State, err)
			for name, do := range map[string]func() error{
				"approve": func() error { _, err := other.Approve(v.ID, v.Code); return err },
				"deny":    func() error { _, err := other.Deny(v.ID, ""); return err },
				"collect": func() error { _, err := w.Confirms.Collect(w.Ctx, ana, v.ID); return err },
				"resend":  func() error { _, err := w.Confirms.Resend(w.Ctx, ana, v.ID); return err },
				"pull":    func() error { _, err := w.Confirms.Pull(w.Ctx, other.Actor(ana), v.ID); return err },
				"opened":  func() error { return w.Confirms.Opened(w.Ctx, other.Actor(ana), v.ID) },
				"spend": func() error {
					return w.DB.InTx(w.Ctx, func(tx database.Tx) error { return w.Confirms.Spend(tx, ana, v.ID, v.Action, v.Resource) })
				},
			} {
				if err := do(); err == nil {
					t.Errorf("%s, then %s: taken", end, name)
				}
			}
			for name, do := range map[string]func() error{
				"cancel": func() error { _, err := w.Confirms.Cancel(w.Ctx, ana, v.ID); return err },
				"sign out": func() error {
					return w.DB.InTx(w.Ctx, func(tx database.Tx) error { return w.Confirms.EndSession(tx, ana, confirm.SignedOut) })
				},
				"remove both phones": func() error {
					for _, p := range []*apitest.Phone{phone, other} {
						if err := w.Devices.Remove(w.Ctx, ana, p.ID, func(database.Tx) error { return nil }); err != nil {
							return err
						}
					}
					return nil
				},
			} {
				if err := do(); err != nil {
					t.Errorf("%s, then %s: %v", end, name, err)
				}
			}
			after, err := w.Confirms.View(w.Ctx, ana, v.ID)
			must(t, end, after.State, err)
			if after.Version != before.Version || after.Reason != before.Reason {
				t.Errorf("%s went from version %d %q to version %d %q", end, before.Version, before.Reason, after.Version, after.Reason)
			}
		}
	})
}

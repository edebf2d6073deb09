package confirm_test

import (
	"slices"
	"testing"

	"github.com/countersign/countersign/internal/apitest"
	"github.com/countersign/countersign/internal/assembly"
	"github.com/countersign/countersign/internal/confirm"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
	"github.com/countersign/countersign/internal/device"
)

// Answers that wait at the same moment are decided in one statement on Postgres. One to which anything stands against spoils nothing for the
// others, and leaves nothing behind: its call can be recorded by the ordinary way. Only a call that came before makes all of them go that way.
func TestABatchOfAnswersDecidesWhatIsPlainAndLeavesTheRest(t *testing.T) {
	for name, open := range map[string]func(url string, d *assembly.Deps){
		"on the database's own clock":  func(url string, d *assembly.Deps) { d.DB = dbtest.Open(t, url) },
		"on a clock that may be moved": func(string, *assembly.Deps) {},
	} {
		t.Run(name, func(t *testing.T) {
			url := dbtest.URL(t, database.Postgres)
			decideTogether(t, apitest.With(t, url, func(d *assembly.Deps) { open(url, d) }))
		})
	}
}

func decideTogether(t *testing.T, w *apitest.World) {
	t.Helper()
	ana := w.Workspace("acme")
	first := w.Phone(ana)
	second := w.PhoneWith(ana, spent, "")
	ids := make([]string, 3)
	for i := range ids { // each of a session of its own
		v, _, err := w.Confirms.Ask(w.Ctx, elsewhere(ana), confirm.Ask{Action: confirm.RevealToken})
		if err != nil {
			t.Fatal(err)
		}
		ids[i] = v.ID
	}
	w.InTx(func(tx database.Tx) error { // one is over, without anybody having been told
		return tx.Exec("UPDATE confirmations SET expires_at = created_at WHERE id = ?", ids[2]).Error
	})
	signed := func(p *apitest.Phone) device.Signed {
		s, err := p.Signed()
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	tap := func(p *apitest.Phone, req device.Signed, id string) confirm.Tapped {
		return confirm.Tapped{Req: req, ID: id, Answer: p.Answer(id, "approve", "", "", p.UV)}
	}
	replayed, late := signed(second), signed(first)
	if err := w.Devices.RecordNow(w.Ctx, replayed); err != nil {
		t.Fatal(err)
	}
	batch := []confirm.Tapped{tap(first, late, ids[2]), tap(first, signed(first), ids[0]), tap(second, signed(second), ids[0])}
	done, err := w.Confirms.Together(w.Ctx, append(slices.Clone(batch), tap(second, replayed, ids[1])))
	if err != nil || slices.Contains(done, true) {
		t.Fatalf("%v, %v: a call that came before lets nothing be decided together", done, err)
	}
	if done, err = w.Confirms.Together(w.Ctx, batch); err != nil || !slices.Equal(done, []bool{false, true, false}) {
		t.Fatalf("%v, %v: only the first answer to the first question is plain", done, err)
	}
	for i, want := range []confirm.State{confirm.Approved, confirm.Pending, confirm.Pending} {
		var state confirm.State
		w.InTx(func(tx database.Tx) error {
			return tx.Raw("SELECT state FROM confirmations WHERE id = ?", ids[i]).Scan(&state).Error
		})
		if state != want {
			t.Errorf("question %d is %s", i, state)
		}
	}
	var told int64
	w.InTx(func(tx database.Tx) error {
		return tx.Raw("SELECT count(*) FROM audit_events WHERE event = 'confirmation.approved' AND subject IN ?", ids).Scan(&told).Error
	})
	if told != 1 {
		t.Errorf("%d approvals in the audit", told)
	}
	for what, want := range map[string]struct {
		req device.Signed
		new bool
	}{"the call of the late answer": {late, true}, "the replayed call": {replayed, false}, "the call that decided": {batch[1].Req, false}} {
		if err := w.Devices.RecordNow(w.Ctx, want.req); (err == nil) != want.new {
			t.Errorf("%s recorded again: %v", what, err)
		}
	}
	if state, err := second.Approve(ids[1], ""); err != nil || state != confirm.Approved {
		t.Errorf("the second question: %s, %v", state, err)
	}
}

package confirm_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/apitest"
	"github.com/countersign/countersign/internal/confirm"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/workspace"
)

// event is what one of several at once did to one confirmation.
type event struct {
	do    string // approve, deny, guess (a wrong code), cancel, collect or read
	phone int
}

// register is a confirmation to which everything happens in some order, one after the other.
type register struct {
	state   confirm.State
	by      int // the phone that decided, or -1
	wrong   int
	tooMany bool
}

const busy = "busy: nothing was changed"

// sequential says what a confirmation answers when everything happens one after the other. A history is linearizable when some order of it,
// in which nothing that had ended follows what had not begun, is one that this allows.
var sequential = porcupine.Model{
	Init: func() any { return register{state: confirm.Pending, by: -1} },
	Step: func(state, input, output any) (bool, any) {
		r, e, heard := state.(register), input.(event), output.(string)
		if heard == busy && e.do != "read" {
			return true, r
		}
		wanted, next := r.step(e)
		return heard == wanted, next
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%v: %v", input, output) },
}

func (r register) step(e event) (heard string, next register) {
	switch e.do {
	case "read":
		return string(r.state), r
	case "cancel":
		if r.state == confirm.Pending || r.state == confirm.Approved {
			r.state = confirm.Cancelled
		}
		return "done", r
	case "collect":
		switch r.state {
		case confirm.Approved:
			r.state = confirm.Consumed
			return "token", r
		case confirm.Consumed:
			return "already_collected", r
		}
		return "not_approved", r
	}
	return r.answer(e)
}

func (r register) answer(e event) (heard string, next register) {
	refused := "already_answered " + string(r.state)
	switch {
	case r.by == e.phone && (e.do == "deny") == (r.state == confirm.Denied) && !r.tooMany: // the same phone, the same decision
		if e.do == "deny" {
			return "denied", r
		}
		return "approved", r
	case r.state != confirm.Pending:
		return refused, r
	case e.do == "guess":
		if r.wrong++; r.wrong == 3 {
			r.state, r.by, r.tooMany = confirm.Denied, e.phone, true
		}
		return fmt.Sprintf("wrong_code %d", 3-r.wrong), r
	}
	r.by, r.state = e.phone, map[string]confirm.State{"approve": confirm.Approved, "deny": confirm.Denied}[e.do]
	return string(r.state), r
}

// TestHistoriesOfSeveralAtOnceAreLinearizable: phones answer, tabs cancel, collect and read at the same time, on Postgres at two replicas;
// what each of them heard fits one order of events.
func TestHistoriesOfSeveralAtOnceAreLinearizable(t *testing.T) {
	for _, d := range dbtest.Dialects {
		t.Run(d, func(t *testing.T) {
			w := apitest.New(t, d, nil)
			at := []*apitest.World{w}
			if d == database.Postgres {
				at = append(at, w.Replica(nil))
			}
			ends := map[string]int{}
			for n := range 20 {
				ops := history(t, at, fmt.Sprintf("round%d", n))
				if result := porcupine.CheckOperationsTimeout(sequential, ops, 2*time.Minute); result != porcupine.Ok {
					t.Fatalf("round %d is %s:\n%s", n, result, told(ops))
				}
				ends[ops[len(ops)-1].Output.(string)]++
			}
			t.Logf("ended as %v", ends)
		})
	}
}

// history lets six hands do four things each to one confirmation, and reads once more when all have finished.
func history(t *testing.T, at []*apitest.World, slug string) []porcupine.Operation {
	t.Helper()
	w := at[0]
	ana := w.Workspace(slug)
	code := rand.N(2) == 0
	if code {
		w.InTx(func(tx database.Tx) error {
			return w.Workspaces.SetPolicy(tx, ana, ana.Workspace, workspace.AlwaysCode, 5*time.Minute)
		})
	}
	phones := []*apitest.Phone{w.Phone(ana)}
	for range 2 {
		phones = append(phones, w.PhoneWith(ana, func(database.Tx) error { return nil }, ""))
	}
	v := ask(t, w, ana)
	deeds := []string{"approve", "deny", "cancel", "collect", "collect", "read"}
	if code {
		deeds = []string{"approve", "deny", "guess", "guess", "collect", "read", "cancel"}
	}
	began := time.Now()
	var mu sync.Mutex
	var ops []porcupine.Operation
	var hands sync.WaitGroup
	for hand := range 6 {
		hands.Go(func() {
			for n := range 4 {
				e := event{do: deeds[rand.N(len(deeds))], phone: rand.N(len(phones))}
				call := time.Since(began)
				heard := act(at[rand.N(len(at))], ana, phones[e.phone], v, e, fmt.Sprintf("%d-%d", hand, n))
				op := porcupine.Operation{ClientId: hand, Input: e, Call: int64(call), Output: heard, Return: int64(time.Since(began))}
				mu.Lock()
				ops = append(ops, op)
				mu.Unlock()
			}
		})
	}
	hands.Wait()
	call := time.Since(began)
	last := act(w, ana, nil, v, event{do: "read"}, "")
	return append(ops, porcupine.Operation{Input: event{do: "read"}, Call: int64(call), Output: last, Return: int64(time.Since(began))})
}

// act does one thing at one replica and says what was heard.
func act(w *apitest.World, by actor.Actor, phone *apitest.Phone, v confirm.View, e event, guess string) string {
	var state confirm.State
	var err error
	switch e.do {
	case "read":
		var got confirm.View
		got, err = w.Confirms.View(w.Ctx, by, v.ID)
		state = got.State
	case "cancel":
		_, err = w.Confirms.Cancel(w.Ctx, by, v.ID)
		state = "done"
	case "collect":
		_, err = w.Confirms.Collect(w.Ctx, by, v.ID)
		state = "token"
	default:
		state, err = tap(w, phone, v, e, guess)
	}
	switch f := fault.From(err); {
	case err == nil:
		return string(state)
	case errors.Is(err, database.ErrBusy):
		return busy
	case errors.Is(err, confirm.ErrAlreadyAnswered):
		return fmt.Sprintf("%s %v", f.Code, f.Fields["state"])
	case errors.Is(err, confirm.ErrWrongCode):
		return fmt.Sprintf("%s %v", f.Code, f.Fields["tries_left"])
	case f.Kind == fault.Internal:
		return err.Error()
	default:
		return f.Code
	}
}

// tap answers through a replica with the phone of another.
func tap(w *apitest.World, phone *apitest.Phone, v confirm.View, e event, guess string) (confirm.State, error) {
	req, err := phone.Signed()
	if err != nil {
		return "", err
	}
	a := phone.Answer(v.ID, "deny", "", "", phone.Poll)
	switch e.do {
	case "approve":
		a = phone.Answer(v.ID, "approve", v.Code, "", phone.UV)
	case "guess":
		a = phone.Answer(v.ID, "approve", guess, "", phone.UV)
	}
	return w.Confirms.Answer(w.Ctx, req, v.ID, a)
}

func told(ops []porcupine.Operation) (text string) {
	for _, o := range ops {
		text += fmt.Sprintf("  %8d to %8d µs, hand %d: %+v heard %v\n", o.Call/1000, o.Return/1000, o.ClientId, o.Input, o.Output)
	}
	return text
}

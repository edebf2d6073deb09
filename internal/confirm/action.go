package confirm

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/workspace"
)

// The actions that can be confirmed. Other domains add their own by Register.
const (
	RevealToken     = "scim.token.reveal"
	RegenerateToken = "scim.token.regenerate"
	RevokeToken     = "scim.token.revoke"
	ChangePolicy    = "policy.change"
	LiftFreeze      = "policy.unfreeze"
	UnlockPerson    = "person.unlock"
	AddDevice       = "device.add"
	RemoveDevice    = "device.remove"
	ActivateDevice  = "device.activate" // made by pairing, never by a person's request
)

// Action is one entry of the registry: who may ask, the lowest mode, what the phone shows and what consuming it does.
type Action struct {
	Name    string
	Says    string           // what the phone shows
	Roles   []directory.Role // who may ask and, checked again then, collect; nil: everybody
	Asks    []directory.Role // who may ask and collect as well, if somebody of Roles approves too
	Support []directory.Role // whose phone support may ask from the server's own terminal, where that is wider
	Lowest  string           // Tap or Code
	Guarded bool             // a frozen workspace refuses it, and one that asks for two admins wants a second approval
	Passkey bool             // a passkey may answer instead of the phone, where the workspace's policy lets it
	Locks   bool             // consuming it locks the workspace's row, so that is locked before everything else

	// Params refuses parameters that could not be carried out; nil: they mean nothing to this action. They are kept as the bytes of the request
	// and the phone signs their hash.
	Params func(raw []byte) error
	Needs  bool // there is nothing to confirm without parameters
	// Shows says more precisely than Says what the phone shows, from what will be done; nil: Says alone.
	Shows func(tx database.Tx, by actor.Actor, resource string, params []byte) (string, error)
	// Resource checks what the action is about and names it; nil: it is about nothing in particular.
	Resource func(tx database.Tx, by actor.Actor, asked string, now time.Time) (string, error)
	// Consume does what was confirmed, in the transaction that consumes the confirmation; nil: the caller of Spend does it there itself.
	Consume func(tx database.Tx, by actor.Actor, c Confirmed) error

	collect bool // consumed by Collect, which hands out a token
}

// Confirmed is what a person has confirmed.
type Confirmed struct {
	ID       string
	Action   string
	Resource string
	Params   []byte // the bytes whose hash the phone signed; nil: none
	Device   string // name of the phone that approved
	At       time.Time
}

// Register adds an action of another domain. It is called while the service is wired; an entry that cannot work is a mistake of the program.
func (s *Service) Register(a Action) {
	if _, taken := s.actions[a.Name]; taken || a.Name == "" || a.Says == "" || a.Lowest != Tap && a.Lowest != Code {
		panic("confirm: action " + a.Name + " is registered twice or incomplete")
	}
	s.actions[a.Name] = a
}

// Actions are the names of all registered actions, sorted.
func (s *Service) Actions() []string {
	out := make([]string, 0, len(s.actions))
	for name := range s.actions {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// allows says whether by, whose role is role now, may ask and collect.
func (a Action) allows(by actor.Actor, role directory.Role) error {
	roles := a.Roles
	if by.Kind == actor.Operator && a.Support != nil {
		roles = a.Support
	}
	if roles == nil || slices.Contains(roles, role) {
		return nil
	}
	return ErrForbidden.With("allowed_roles", roles)
}

// mayAsk is allows, for those too who need somebody else's approval.
func (a Action) mayAsk(by actor.Actor, role directory.Role) error {
	err := a.allows(by, role)
	if err != nil && by.Kind == actor.Person && slices.Contains(a.Asks, role) {
		return nil
	}
	return err
}

// mayCollect says whether by, whose role is role now, may collect what so many people have approved.
func (a Action) mayCollect(by actor.Actor, role directory.Role, approvals int) error {
	if approvals < 2 {
		return a.allows(by, role)
	}
	return a.mayAsk(by, role)
}

// checkParams refuses parameters that the action could not carry out.
func (a Action) checkParams(raw []byte) error {
	if a.Params == nil || raw == nil && !a.Needs {
		return nil
	}
	return a.Params(raw)
}

// mostShown is how much of an action a phone shows, in characters. A longer sentence is refused, not cut: what is signed has to be read to its end.
const mostShown = 500

// shows is what the phone shows of it.
func (a Action) shows(tx database.Tx, by actor.Actor, resource string, params []byte) (string, error) {
	if a.Shows == nil {
		return a.Says, nil
	}
	says, err := a.Shows(tx, by, resource, params)
	if err == nil && utf8.RuneCountInString(says) > mostShown {
		return "", ErrTooLong
	}
	return says, err
}

// resource is what the action is about, checked.
func (a Action) resource(tx database.Tx, by actor.Actor, asked string, now time.Time) (string, error) {
	switch {
	case a.Resource != nil:
		return a.Resource(tx, by, asked, now)
	case asked != "":
		return "", ErrUnknownAction
	}
	return "", nil
}

// sameParams says whether two JSON values mean the same, whatever the order of their members.
func sameParams(a, b []byte) bool {
	if a == nil || b == nil {
		return len(a) == len(b)
	}
	read := func(raw []byte) (v any, err error) {
		d := json.NewDecoder(bytes.NewReader(raw))
		d.UseNumber()
		err = d.Decode(&v)
		return v, err
	}
	x, err1 := read(a)
	y, err2 := read(b)
	return err1 == nil && err2 == nil && reflect.DeepEqual(x, y)
}

// ErrFrozen refuses to show tokens after somebody reported a request they did not know.
var ErrFrozen = fault.New(fault.Locked, "frozen", "Tokens are not shown: somebody reported a request they did not make. The Owner lifts this under Workspace Configuration, Security.")

// open refuses a guarded action while the workspace is frozen.
func (a Action) open(ws workspace.Workspace) error {
	if !a.Guarded || ws.FrozenAt == nil {
		return nil
	}
	return ErrFrozen.With("since", *ws.FrozenAt)
}

// Package push knows what is told to a phone, where, and how the telling went: the message, the address, the result and the
// interface of a sender. It does not know confirmations, devices, databases or any one push service; those have packages of
// their own below it (fcm, apns, webpush), one service each.
//
// A push is a hint. It carries an identifier and fixed words, never a name, a number or a secret; the phone pulls, signed, what
// it shows (wire.md §4). Sending never retries by itself: one Send is at most one notification, and the outbox owns time.
package push

import (
	"context"
	"encoding/json"
	"errors"
	"regexp"
	"strconv"
	"time"
)

// Timeout bounds every single Send, whatever the caller's context allows. A question lives five minutes, so a service that has
// not answered in three seconds is asked again later rather than waited for.
const Timeout = 3 * time.Second

// Words are all a person can read on a locked screen. They are fixed so that a push that reaches the wrong phone, or the right
// phone in the wrong hands, says nothing.
const (
	Title    = "Confirmation Request"
	Body     = "Open to review"
	DoneBody = "Already answered"
	TestBody = "Test: notifications reach this phone"

	NewsTitle = "Countersign"
	NewsBody  = "Open to see what is new"
)

// Type says what a message is for.
type Type string

const (
	Confirm Type = "confirm" // a question waits
	Done    Type = "done"    // it no longer does: take the notification away
	Test    Type = "test"    // nothing waits; the person wants to see whether a notification arrives
	News    Type = "news"    // nothing is asked; there is a notice to read
)

// doneLife is how long a withdrawal is worth delivering: a phone that shows the question and then loses its network should still
// learn that it was answered elsewhere.
const doneLife = 10 * time.Minute

// Message is one push. Confirmation and Workspace are ids, Expires is when the question ends; a Done needs no Workspace.
type Message struct {
	Type         Type
	Confirmation string
	Workspace    string
	Expires      time.Time
}

// plainID keeps ids usable as header values (apns-collapse-id has at most 64 bytes) and as text in any payload.
var plainID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// Validate refuses what no service could carry: an unknown type or an id that does not fit a header.
func (m Message) Validate() error {
	switch {
	case m.Type != Confirm && m.Type != Done && m.Type != Test && m.Type != News:
		return errors.New("push: unknown message type")
	case !plainID.MatchString(m.Confirmation):
		return errors.New("push: confirmation is not an id")
	case m.Type == Confirm && !plainID.MatchString(m.Workspace):
		return errors.New("push: workspace is not an id")
	case m.Type != Done && m.Expires.IsZero():
		return errors.New("push: a message without an end")
	}
	return nil
}

// Life is how long the message is still worth delivering at now, in whole seconds; zero means that nothing should be sent. It is
// the remaining life of the question (not a constant), and for a Done at least ten minutes.
func (m Message) Life(now time.Time) time.Duration {
	left := m.Expires.Sub(now).Truncate(time.Second)
	if m.Type == Done {
		return max(left, doneLife)
	}
	return max(left, 0)
}

type confirmPayload struct {
	T   Type   `json:"t"`
	V   int    `json:"v"`
	CID string `json:"cid"`
	WS  string `json:"ws"`
	Exp int64  `json:"exp"`
}

type donePayload struct {
	T   Type   `json:"t"`
	CID string `json:"cid"`
}

const version = 1

// Payload is the JSON that the companion reads, {t:"confirm",v:1,cid,ws,exp}, {t:"done",cid}, {t:"test",cid} or {t:"news",cid}, exp in Unix seconds (wire.md §4).
func (m Message) Payload() []byte {
	var v any = donePayload{T: m.Type, CID: m.Confirmation}
	if m.Type == Confirm {
		v = confirmPayload{T: m.Type, V: version, CID: m.Confirmation, WS: m.Workspace, Exp: m.Expires.Unix()}
	}
	b, err := json.Marshal(v)
	if err != nil {
		panic("push: a struct of strings and numbers did not marshal: " + err.Error())
	}
	return b
}

// Data is Payload for services that carry only text values (FCM).
func (m Message) Data() map[string]string {
	if m.Type != Confirm {
		return map[string]string{"t": string(m.Type), "cid": m.Confirmation}
	}
	return map[string]string{
		"t": string(m.Type), "v": strconv.Itoa(version), "cid": m.Confirmation, "ws": m.Workspace,
		"exp": strconv.FormatInt(m.Expires.Unix(), 10),
	}
}

// Sender delivers to one service. Send returns when the service has answered, the context has ended or Timeout has passed,
// whichever comes first; it makes one attempt and is safe for concurrent use.
type Sender interface {
	Send(ctx context.Context, to Address, m Message) Result
}

// Mux is a Sender that knows one sender for each kind of address; a kind it lacks is answered with NotConfigured.
type Mux map[Kind]Sender

// Send hands the message to the sender of the address's kind. It refuses, without asking any service, a message or an address
// that is not well formed.
func (x Mux) Send(ctx context.Context, to Address, m Message) Result {
	if !x.Configured(to.Kind) {
		return Result{Outcome: NotConfigured, Reason: "not_configured"}
	}
	if m.Validate() != nil {
		return Result{Outcome: Rejected, Reason: "bad_message"}
	}
	if to.Validate() != nil {
		return Result{Outcome: Rejected, Reason: "bad_address"}
	}
	return x[to.Kind].Send(ctx, to, m)
}

// Configured tells whether there is a sender for the kind.
func (x Mux) Configured(k Kind) bool { return x[k] != nil }

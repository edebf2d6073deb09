package confirm_test

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/countersign/countersign/internal/confirm"
	"github.com/countersign/countersign/internal/device"
	"github.com/countersign/countersign/internal/fault"
)

// model is what the engine should do, as plainly as it can be said: no database, no signatures, no concurrency. Every rule in it is one
// sentence of wire.md §4 or protocol.md §3 to §5; state_test.go holds the real service against it.
type model struct {
	now      time.Time
	two      bool // policy: tokens need a second admin
	freeze   bool // policy: a report freezes tokens
	passkeys bool // policy: a passkey may answer in place of a phone
	frozen   bool
	active   bool // who asks
	phones   []*phoneModel
	asked    []*askedModel // every question, oldest first
	wrong    [2]int        // wrong codes since the last success or lock, of each person
	locks    [2]int        // locks since the last success
	locked   [2]time.Time  // until when
	tokenGen int           // how often the token was regenerated
}

// byKey is in askedModel.by where the passkey of who asks has decided.
const byKey = -2

// The two people: who asks, and the colleague who gives second approvals.
const (
	asker = iota
	colleague
)

type phoneModel struct {
	person  int
	removed bool
}

type askedModel struct {
	id        string
	session   int
	action    string
	params    string
	tokenGen  int // which token it is about
	mode      string
	code      string
	phones    []int       // which were asked
	votes     map[int]int // where two have to approve: the phone by which each person has
	reported  bool
	state     confirm.State
	reason    string
	created   time.Time
	expires   time.Time
	decided   time.Time
	by        int // the phone that decided, byKey for the passkey, or -1
	pushed    time.Time
	resends   int
	wrong     int
	lastWrong []byte
	paid      int
}

func (m *model) live() []*askedModel {
	var out []*askedModel
	for _, a := range m.asked {
		if a.state == confirm.Pending || a.state == confirm.Approved {
			out = append(out, a)
		}
	}
	return out
}

// tick moves time on: what is past its time is expired at once, whoever looks.
func (m *model) tick(now time.Time) {
	m.now = now
	for _, a := range m.live() {
		switch {
		case a.state == confirm.Pending && !now.Before(a.expires):
			a.state, a.reason = confirm.Expired, ""
		case a.state == confirm.Approved && !now.Before(a.decided.Add(time.Minute)):
			a.state, a.reason = confirm.Expired, "not_collected"
		}
	}
}

// edges are the instants at which a rule changes its mind.
func (m *model) edges() []time.Time {
	out := m.locked[:]
	for _, a := range m.asked {
		out = append(out, a.expires, a.pushed.Add(20*time.Second), a.created.Add(10*time.Minute), a.created.Add(time.Hour))
		if !a.decided.IsZero() {
			out = append(out, a.decided.Add(time.Minute))
		}
	}
	return out
}

// same is the pending question that asking again gives back.
func (m *model) same(session int, action, params string) *askedModel {
	for _, a := range m.asked {
		if a.state == confirm.Pending && a.session == session && a.action == action && a.params == params && (action == confirm.AddDevice || a.tokenGen == m.tokenGen) {
			return a
		}
	}
	return nil
}

// ask says why a new question is refused; nil makes one, and a pending one of the same session is superseded.
func (m *model) ask(session int, action string) error {
	if m.frozen && action != confirm.AddDevice {
		return confirm.ErrFrozen
	}
	if m.working() == 0 {
		return confirm.ErrNoDevice
	}
	if m.now.Before(m.locked[asker]) {
		return confirm.ErrLocked
	}
	others, tenMinutes, hour := 0, 0, 0
	for _, a := range m.asked {
		if a.state == confirm.Pending && a.session != session {
			others++
		}
		if m.now.Sub(a.created) < 10*time.Minute {
			tenMinutes++
		}
		if m.now.Sub(a.created) < time.Hour {
			hour++
		}
	}
	if others >= 3 || tenMinutes >= 5 || hour >= 10 {
		return confirm.ErrLimited
	}
	for _, a := range m.asked {
		if a.state == confirm.Pending && a.session == session {
			a.end(confirm.Cancelled, "superseded")
		}
	}
	return nil
}

func (m *model) working() int {
	n := 0
	for _, p := range m.phones {
		if p.person == asker && !p.removed {
			n++
		}
	}
	return n
}

func (a *askedModel) end(s confirm.State, reason string) { a.state, a.reason = s, reason }

// said is an answer of a phone.
type said struct {
	approve bool
	code    string
	reason  string
	bytes   []byte
}

// answer says what a phone hears. That somebody else asks pulls a lever, also when it comes too late.
func (m *model) answer(phone int, a *askedModel, s said) (confirm.State, error) {
	p := m.phones[phone]
	switch {
	case p.removed:
		return "", device.ErrUnauthorized
	case !slices.Contains(a.phones, phone):
		return "", fault.ErrNotFound
	}
	state, err := m.judge(phone, a, s)
	if s.reason == "not_me" && p.person == asker && !a.reported {
		a.reported = true
		for _, open := range m.live() {
			open.end(confirm.Cancelled, "reported")
		}
		m.frozen = m.frozen || m.freeze
	}
	return state, err
}

func (m *model) judge(phone int, a *askedModel, s said) (confirm.State, error) {
	person := m.phones[phone].person
	by, voted := a.votes[person]
	switch {
	case voted && by == phone && s.approve && a.state == confirm.Pending:
		return confirm.Pending, nil
	case voted && by == phone && s.approve && a.by >= 0 && a.state != confirm.Denied:
		return confirm.Approved, nil
	case a.by == phone:
		return m.again(a, s)
	case a.state == confirm.Expired && a.reason == "":
		return "", confirm.ErrExpired
	case a.state != confirm.Pending, voted && s.approve:
		return "", confirm.ErrAlreadyAnswered
	case !s.approve:
		a.end(confirm.Denied, denial[s.reason])
		a.by, a.decided = phone, m.now
		return confirm.Denied, nil
	case m.now.Before(m.locked[person]):
		return "", confirm.ErrLocked
	case a.mode == confirm.Code && s.code != a.code:
		return "", m.wrongCode(phone, a, s)
	}
	if a.votes != nil {
		a.votes[person] = phone
		if len(a.votes) < 2 {
			return confirm.Pending, nil
		}
		phone = a.votes[asker] // the asking person's own answer is the decision, whoever was last
	}
	a.end(confirm.Approved, "")
	a.by, a.decided = phone, m.now
	return confirm.Approved, nil
}

// denial is the reason that is kept of what a phone said with a denial.
var denial = map[string]string{"not_me": "reported", "mistake": "mistake"}

// again: the phone that decided repeats itself and hears the same, or says something else and is refused.
func (m *model) again(a *askedModel, s said) (confirm.State, error) {
	if a.state == confirm.Denied && a.reason == "too_many_attempts" {
		if bytes.Equal(a.lastWrong, s.bytes) {
			return "", confirm.ErrWrongCode
		}
		return "", confirm.ErrAlreadyAnswered
	}
	if s.approve == (a.state == confirm.Denied) {
		return "", confirm.ErrAlreadyAnswered
	}
	if s.approve {
		return confirm.Approved, nil
	}
	if a.reason == "" {
		a.reason = denial[s.reason]
	}
	return confirm.Denied, nil
}

// wrongCode: the third ends the question, the tenth of a person locks them, and the same bytes count once.
func (m *model) wrongCode(phone int, a *askedModel, s said) error {
	if bytes.Equal(a.lastWrong, s.bytes) {
		return confirm.ErrWrongCode
	}
	a.wrong, a.lastWrong = a.wrong+1, s.bytes
	if a.wrong == 3 {
		a.end(confirm.Denied, "too_many_attempts")
		a.by, a.decided = phone, m.now
	}
	who := m.phones[phone].person
	if m.wrong[who]++; m.wrong[who] == 10 {
		m.locked[who] = m.now.Add([]time.Duration{15 * time.Minute, time.Hour, 100 * 365 * 24 * time.Hour}[min(m.locks[who], 2)])
		m.locks[who], m.wrong[who] = m.locks[who]+1, 0
	}
	return confirm.ErrWrongCode
}

// passkey says why a passkey may not answer. It may where the policy lets it, never for what a phone has to show, and
// never where two people approve.
func (m *model) passkey(session int, a *askedModel) error {
	switch err := m.own(session, a); {
	case err != nil:
		return err
	case a.state == confirm.Expired && a.reason == "":
		return confirm.ErrExpired
	case a.state != confirm.Pending:
		return confirm.ErrAlreadyAnswered
	case m.now.Before(m.locked[asker]):
		return confirm.ErrLocked
	case !m.passkeys, a.action == confirm.AddDevice, a.votes != nil:
		return confirm.ErrPasskey
	}
	return nil
}

// byPasskey is a good answer of the passkey: it approves, without digits.
func (m *model) byPasskey(a *askedModel) {
	a.end(confirm.Approved, "")
	a.by, a.decided = byKey, m.now
}

// own is nil where a question is none of the session's.
func (m *model) own(session int, a *askedModel) error {
	if a.session != session {
		return fault.ErrNotFound
	}
	return nil
}

func (m *model) cancel(session int, a *askedModel) error {
	if err := m.own(session, a); err != nil {
		return err
	}
	if a.state == confirm.Pending || a.state == confirm.Approved {
		a.end(confirm.Cancelled, "cancelled_by_requester")
	}
	return nil
}

func (m *model) resend(session int, a *askedModel) error {
	switch err := m.own(session, a); {
	case err != nil:
		return err
	case a.state == confirm.Expired:
		return confirm.ErrExpired
	case a.state != confirm.Pending:
		return confirm.ErrAlreadyAnswered
	case a.resends == 2, m.now.Before(a.pushed.Add(20 * time.Second)):
		return confirm.ErrLimited
	}
	a.resends, a.pushed = a.resends+1, m.now
	return nil
}

// collect pays out once, to the session that asked, what is collected and not spent by another call.
func (m *model) collect(session int, a *askedModel) error {
	switch err := m.own(session, a); {
	case err != nil:
		return err
	case a.action == confirm.AddDevice:
		return confirm.ErrNotApproved
	case a.state == confirm.Consumed:
		return confirm.ErrAlreadyCollected
	case a.state == confirm.Expired && a.reason == "not_collected":
		return confirm.ErrCollectExpired
	case a.state != confirm.Approved:
		return confirm.ErrNotApproved
	case m.frozen:
		return confirm.ErrFrozen
	}
	m.consume(a)
	if a.action == confirm.RegenerateToken {
		m.tokenGen++
	}
	return nil
}

func (m *model) spend(session int, a *askedModel) error {
	if a.session != session || a.action != confirm.AddDevice || a.state != confirm.Approved {
		return confirm.ErrRequired
	}
	m.consume(a)
	return nil
}

func (m *model) consume(a *askedModel) {
	a.end(confirm.Consumed, "")
	a.paid++
	m.wrong[asker], m.locks[asker] = 0, 0
}

// remove takes a phone away: what it approved ends, and with the last phone everything that waits.
func (m *model) remove(phone int) {
	m.phones[phone].removed = true
	for _, a := range m.live() {
		if by, voted := a.votes[asker]; a.by == phone || voted && by == phone || m.working() == 0 {
			a.end(confirm.Cancelled, "device_removed")
		}
	}
}

func (m *model) deactivate() {
	m.active = false
	for _, a := range m.live() {
		a.end(confirm.Cancelled, "deactivated")
	}
	for _, p := range m.phones {
		p.removed = p.removed || p.person == asker
	}
}

func (m *model) signOut(session int) {
	for _, a := range m.live() {
		if a.session == session {
			a.end(confirm.Cancelled, "signed_out")
		}
	}
}

// shown is what the asking session reads.
func (a *askedModel) shown() string {
	reason := a.reason
	if a.state == confirm.Denied && reason != "too_many_attempts" || reason == "reported" {
		reason = "denied" // whether it was reported is none of the requester's business
	}
	return fmt.Sprintf("%s %q", a.state, reason)
}

package chaos_test

import (
	"fmt"
	"slices"
	"time"
)

// finish waits for the actors and lets time end what nobody ended.
func (c *schedule) finish(over <-chan struct{}) {
	for {
		switch state := c.row().State; {
		case !fact{State: state}.open():
			return
		case state == "approved" && c.tabs == 0, state == "pending" && len(c.hands) == 0 && c.cancel == 0:
			c.advance(6 * time.Minute)
			return
		}
		select {
		case <-over:
			c.advance(6 * time.Minute)
			return
		case <-c.ctx.Done():
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// fact is a confirmation as the database has it.
type fact struct {
	State, Reason string
	Version       int64
	DecidedName   string
	DecidedBy     string
}

func (f fact) open() bool { return f.State == "pending" || f.State == "approved" }

func (c *schedule) row() (f fact) {
	err := c.truth.Read(c.ctx).Raw("SELECT state, reason, version, decided_name, coalesce(decided_by, '') AS decided_by FROM confirmations WHERE id = ?", c.id).Scan(&f).Error
	if err != nil {
		c.fail("the database itself: %v", err)
	}
	return f
}

func (c *schedule) count(sql string, args ...any) (n int) {
	if err := c.truth.Read(c.ctx).Raw(sql, args...).Scan(&n).Error; err != nil {
		c.fail("the database itself: %v", err)
	}
	return n
}

func (c *schedule) events(name string) int {
	return c.count("SELECT count(*) FROM audit_events WHERE subject = ? AND event = ?", c.id, name)
}

// judge holds the invariants against the database and against what each client saw.
func (c *schedule) judge() {
	began := time.Now()
	row := c.row()
	for (!c.ended() || row.open()) && time.Since(began) < truthful && c.pause(20*time.Millisecond) {
		row = c.row() // the sweeper writes down what time has ended
	}
	c.end(row)
	c.answers(row)
	c.payout(row)
	c.path()
	if n := c.count("SELECT count(*) FROM confirmations WHERE state IN ('pending', 'approved') AND action <> 'device.activate'"); n != 0 {
		c.fail("%d questions are still open", n)
	}
}

// end: the dialog has shown an end, and it is the one in the database.
func (c *schedule) end(row fact) {
	shown := c.last()
	if !c.ended() {
		c.fail("the dialog shows %q and the row is %s %q", shown.state, row.State, row.Reason)
		return
	}
	if shown.state != row.State || row.State != "denied" && shown.reason != row.Reason {
		c.fail("the dialog ended with %s %q; the row is %s %q", shown.state, shown.reason, row.State, row.Reason)
	}
}

// answers: what a phone was thanked for happened, by that phone, once.
func (c *schedule) answers(row fact) {
	for _, a := range c.acks {
		stands := map[string][]string{"approved": {"approved", "consumed", "cancelled", "expired"}, "denied": {"denied"}}[a.state]
		name := []string{"Pixel of Ana", "iPad of Ana"}[a.phone]
		if !slices.Contains(stands, row.State) || row.DecidedName != name || row.DecidedBy == "" {
			c.fail("phone %d was told %s; the row is %s %q, decided by %q", a.phone, a.state, row.State, row.Reason, row.DecidedName)
		}
	}
	approved, denied := c.events("confirmation.approved"), c.events("confirmation.denied")
	if approved+denied > 1 || (row.DecidedBy != "") != (approved+denied == 1) {
		c.fail("%d approvals and %d denials in the audit of a row decided by %q", approved, denied, row.DecidedName)
	}
	if n := c.events("confirmation.asked"); n != 1 {
		c.fail("asked %d times", n)
	}
}

// payout: at most one token, and only from a row that says so.
func (c *schedule) payout(row fact) {
	consumed, viewed := c.events("confirmation.consumed"), c.count("SELECT count(*) FROM audit_events WHERE event = 'token.viewed' AND "+
		"workspace_id = (SELECT workspace_id FROM confirmations WHERE id = ?) AND CAST(detail AS text) LIKE ?", c.id, "%"+c.id+"%")
	if len(c.tokens) > 1 || consumed > 1 || viewed != consumed || (row.State == "consumed") != (consumed == 1) || len(c.tokens) > consumed {
		c.fail("%d tokens were handed out, %d consumed and %d viewed in the audit, of a row that is %s", len(c.tokens), consumed, viewed, row.State)
	}
}

// path: the dialog saw legal moves only, and never went back.
func (c *schedule) path() {
	legal := map[string][]string{"pending": {"approved", "denied", "expired", "cancelled", "consumed"}, "approved": {"consumed", "expired", "cancelled"}}
	c.mu.Lock()
	frames := slices.Clone(c.frames)
	c.mu.Unlock()
	for i := 1; i < len(frames); i++ {
		was, is := frames[i-1], frames[i]
		if is.version < was.version || is.state != was.state && (is.version == was.version || !slices.Contains(legal[was.state], is.state)) {
			c.fail("the dialog went from version %d, %s, to version %d, %s", was.version, was.state, is.version, is.state)
		}
	}
}

// String is the schedule and what became of it.
func (c *schedule) String() string {
	return fmt.Sprintf("faults:\n%s\nhands %+v, %d tabs, cancel after %v\nheard: %q\nframes: %v", lines(c.faults), c.hands, c.tabs, c.cancel, c.heard, c.frames)
}

func lines(faults []fault) (text string) {
	for _, f := range faults {
		text += "  " + f.String() + "\n"
	}
	return text
}

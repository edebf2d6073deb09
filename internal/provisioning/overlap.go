package provisioning

import (
	"time"

	"gorm.io/gorm"
)

// Advice says whether the old token of an overlap can be ended.
type Advice string

// The advices.
const (
	Unused Advice = "unused" // nobody has used either token
	InUse  Advice = "in_use" // the old one is used, or the new one is not yet
	Safe   Advice = "safe"   // the new one is used, and the old one has not been for two cycles
)

// usualCycle is how often a provider calls of which it is not known: Entra ID's.
const usualCycle = 40 * time.Minute

// Overlap is the traffic of two tokens of which the old one is to end.
type Overlap struct {
	Advice   Advice
	Client   string     // who called last with the old token
	OldLast  *time.Time // when
	NewCalls int64      // calls that were let in with the new one
	NewLast  *time.Time
	Unused   time.Duration // since when the old one has not been used
	Cycle    time.Duration // two of these have to pass
}

// Judge says what the traffic of an old token and of the new one allows to be said. every is the provider's rhythm, 0 where none is known; since
// is when the new one was made.
func Judge(old, fresh Traffic, every time.Duration, since, now time.Time) Overlap {
	o := Overlap{Advice: InUse, Client: old.Client, NewCalls: fresh.Good, Cycle: usualCycle, Unused: now.Sub(since)}
	if every > 0 {
		o.Cycle = min(every, 24*time.Hour)
	}
	if !old.LastAt.IsZero() {
		o.OldLast, o.Unused = &old.LastAt, max(0, now.Sub(old.LastAt))
	}
	if !fresh.LastAt.IsZero() {
		o.NewLast = &fresh.LastAt
	}
	switch {
	case o.OldLast == nil && fresh.Good == 0:
		o.Advice = Unused
	case fresh.Good > 0 && (o.OldLast == nil || o.Unused >= 2*o.Cycle):
		o.Advice = Safe
	}
	return o
}

// Day is what was called with a token on one day in UTC.
type Day struct {
	Day      time.Time
	Calls    int64
	Rejected int64 // of them
}

// Traffic is what was called with one token.
type Traffic struct {
	Client string
	LastAt time.Time // zero where nothing was
	Good   int64     // calls that were let in
	Days   []Day     // with calls, the newest first
}

// TrafficOf is the traffic of tokens of a workspace since a time, by their ids.
func TrafficOf(db *gorm.DB, workspace string, since time.Time, tokens ...string) (map[string]Traffic, error) {
	var rows []tokenMinute
	err := db.Raw("SELECT minute, token_id, client, calls, rejected, last_at FROM provisioning_minutes WHERE workspace_id = ? AND minute >= ? AND token_id IN ?"+
		" ORDER BY minute DESC, token_id", workspace, since, tokens).Scan(&rows).Error
	out := map[string]Traffic{}
	for _, r := range rows {
		t := out[r.TokenID]
		good := r.Calls - r.Rejected
		if good > 0 { // a call that was rejected is no use of the token
			if t.LastAt.IsZero() {
				t.LastAt = r.LastAt.UTC()
			}
			if t.Client == "" {
				t.Client = r.Client
			}
		}
		t.Good += good
		day := r.Minute.Minute.UTC().Truncate(24 * time.Hour)
		if n := len(t.Days); n == 0 || !t.Days[n-1].Day.Equal(day) {
			t.Days = append(t.Days, Day{Day: day})
		}
		d := &t.Days[len(t.Days)-1]
		d.Calls, d.Rejected = d.Calls+r.Calls, d.Rejected+r.Rejected
		out[r.TokenID] = t
	}
	return out, err
}

// Refusals are calls with a token that opens nothing any more, and of which none has been let in since.
type Refusals struct {
	Token  string // id
	Hint   string
	Client string
	Times  int64
	At     time.Time // the first
	LastAt time.Time
}

// RefusedNow are the refusals of a workspace that have not come right, of the token that was sent last; nil where there are none.
func RefusedNow(db *gorm.DB, workspace string) (*Refusals, error) {
	var rows []struct {
		TokenID, TokenHint, Client string
		Times                      int64
		At, LastAt                 time.Time
	}
	err := db.Raw("SELECT token_id, token_hint, client, times, at, last_at FROM provisioning_log WHERE workspace_id = ? AND "+refusals+
		" AND result = 'rejected' AND resolved_at IS NULL ORDER BY id DESC LIMIT 100", workspace).Scan(&rows).Error
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	r := &Refusals{Token: rows[0].TokenID, Hint: rows[0].TokenHint, Client: rows[0].Client, LastAt: rows[0].LastAt.UTC()}
	for _, row := range rows {
		if row.TokenID == r.Token {
			r.Times, r.At = r.Times+row.Times, row.At.UTC()
		}
	}
	return r, nil
}

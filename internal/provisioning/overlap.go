package provisioning

import (
	"time"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/database"
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
	day := "substr(minute, 1, 10)"
	if db.Name() == database.Postgres {
		day = "to_char(minute AT TIME ZONE 'UTC', 'YYYY-MM-DD')"
	}
	out := map[string]Traffic{}
	for _, token := range tokens {
		t, err := trafficOf(db, workspace, since, token, day)
		if err != nil {
			return nil, err
		}
		if len(t.Days) > 0 {
			out[token] = t
		}
	}
	return out, nil
}

func trafficOf(db *gorm.DB, workspace string, since time.Time, token, day string) (Traffic, error) {
	const of = " FROM provisioning_minutes WHERE workspace_id = ? AND minute >= ? AND token_id = ?"
	var t Traffic
	var days []struct {
		Day             string
		Calls, Rejected int64
	}
	err := db.Raw("SELECT "+day+" AS day, CAST(SUM(calls) AS bigint) AS calls, CAST(SUM(rejected) AS bigint) AS rejected"+of+" GROUP BY "+day+" ORDER BY 1 DESC", workspace, since, token).
		Scan(&days).Error
	if err != nil {
		return t, err
	}
	for _, d := range days {
		at, err := time.Parse(time.DateOnly, d.Day)
		if err != nil {
			return t, err
		}
		t.Good += d.Calls - d.Rejected // a call that was rejected is no use of the token
		t.Days = append(t.Days, Day{at, d.Calls, d.Rejected})
	}
	var last, known []tokenMinute
	for _, find := range []struct {
		of   string
		into *[]tokenMinute
	}{{"", &last}, {" AND client <> ''", &known}} {
		if err := db.Raw("SELECT last_at, client"+of+" AND calls > rejected"+find.of+" ORDER BY minute DESC LIMIT 1", workspace, since, token).Scan(find.into).Error; err != nil {
			return t, err
		}
	}
	if len(last) > 0 {
		t.LastAt = last[0].LastAt.UTC()
	}
	if len(known) > 0 {
		t.Client = known[0].Client
	}
	return t, nil
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
	err := db.Raw("SELECT token_id, token_hint, client, times, at, last_at FROM provisioning_log"+database.Along(db, "provisioning_log_open")+" WHERE workspace_id = ? AND "+refusals+
		" AND result = 'rejected' AND resolved_at IS NULL AND subject_key = '' ORDER BY id DESC LIMIT 100", workspace).Scan(&rows).Error
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

package provisioning

import (
	"context"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"github.com/countersign/countersign/internal/database"
)

// State is how the synchronisation fares.
type State string

// The states.
const (
	NeverCalled State = "never_called"
	Initial     State = "initial"
	Healthy     State = "healthy"
	SlowedDown  State = "slowed_down"
	Attention   State = "attention"
	Silent      State = "silent"
	Stopped     State = "stopped"
)

// Sentence is one thing that is said, with a stable code for those who say it in their own words. Inferred is said of what no row states. The text
// names times in UTC; Times are the first of them as they are, in the order of the text, for those who show them in their reader's time zone.
type Sentence struct {
	Code     string      `json:"code"`
	Text     string      `json:"text"`
	Inferred bool        `json:"inferred"`
	Times    []time.Time `json:"times,omitempty"`
}

// sentence fills a form in; what is a time is named as sentences name it.
func sentence(code, format string, args []any) Sentence {
	s := Sentence{Code: code}
	filled := slices.Clone(args)
	for i, arg := range args {
		if t, ok := arg.(time.Time); ok {
			filled[i], s.Times = at(t), append(s.Times, t.UTC())
		}
	}
	s.Text = fmt.Sprintf(format, filled...)
	return s
}

// inferred is a sentence of what no row states.
func inferred(code, format string, args []any) Sentence {
	s := sentence(code, format, args)
	s.Inferred = true
	return s
}

// Health is what can be told of a workspace's synchronisation.
type Health struct {
	State        State
	Sentences    []Sentence
	Client       string
	FirstCall    *time.Time
	LastCall     *time.Time
	Cycles       []Cycle // newest first
	Rhythm       *Rhythm
	NextExpected *time.Time // nil where nothing may be said about it
	Open         int64      // refusals that have not come right
	Forecast     *Forecast
	Tokens       []TokenUse // who calls with which token, the last first
	Minutes      []Minute   // of the last day in which there were calls, oldest first
	Now          time.Time
}

const (
	lookBack  = 8 * 24 * time.Hour // how far back before the last call cycles are looked for
	silenceOf = 24 * time.Hour     // a silence that is worth saying where there is no rhythm
	shownMost = 30                 // cycles
	offAfter  = 28 * 24 * time.Hour
	offWarned = 7 * 24 * time.Hour // before that
)

// facts are everything that health is judged by; each comes from stored rows.
type facts struct {
	now         time.Time
	live        bool // a token is live
	first, last time.Time
	minutes     []Minute
	open        int64     // refusals not resolved; what is slowed down is not refused
	refused     *rejected // calls with a bad token that are not resolved
	change      time.Time // the first ever
	awake       []stretch // when this service ran, in order
	tokens      []TokenUse
}

// stretch is a time from one instant to another.
type stretch struct{ Since, Until time.Time }

// rejected are calls with a bad token since the last good one.
type rejected struct {
	Times     int64
	TokenHint string
	At        time.Time // the first
	LastAt    time.Time
}

// Health judges a workspace; live says whether it has a token that opens it.
func (l *Log) Health(ctx context.Context, workspace string, live bool) (Health, error) {
	if err := l.Flush(ctx); err != nil {
		return Health{}, err
	}
	now, err := l.db.Now(ctx)
	if err != nil {
		return Health{}, err
	}
	f, err := load(l.db.Read(ctx), workspace, now)
	f.live = live
	return judge(f), err
}

func load(db *gorm.DB, workspace string, now time.Time) (facts, error) {
	f := facts{now: now}
	var ends []Minute
	for _, order := range []string{"minute", "minute DESC"} {
		var m Minute
		err := db.Raw("SELECT minute, first_at, last_at FROM provisioning_minutes WHERE workspace_id = ? ORDER BY "+order+" LIMIT 1", workspace).Scan(&m).Error
		if err != nil {
			return f, err
		}
		ends = append(ends, m)
	}
	if ends[0].Minute.IsZero() {
		return f, nil
	}
	f.first, f.last = ends[0].FirstAt.UTC(), ends[1].LastAt.UTC()
	rows, err := minutesSince(db, workspace, f.last.Add(-lookBack))
	if err != nil {
		return f, err
	}
	f.minutes, f.tokens = merged(rows), uses(rows, now)
	err = db.Raw("SELECT COUNT(*) FROM (SELECT 1 FROM provisioning_log WHERE workspace_id = ? AND "+refusals+" AND resolved_at IS NULL AND result <> 'slowed' LIMIT 10000) x", workspace).
		Scan(&f.open).Error
	if err != nil {
		return f, err
	}
	var bad []rejected
	err = db.Raw("SELECT times, token_hint, at, last_at FROM provisioning_log"+database.Along(db, "provisioning_log_open")+" WHERE workspace_id = ? AND "+refusals+" AND result = 'rejected' AND resolved_at IS NULL AND subject_key = '' ORDER BY id",
		workspace).Scan(&bad).Error
	if err != nil {
		return f, err
	}
	for i, b := range bad {
		if i == 0 {
			f.refused = &b
			continue
		}
		f.refused.Times, f.refused.TokenHint, f.refused.LastAt = f.refused.Times+b.Times, b.TokenHint, b.LastAt
	}
	var change []time.Time
	err = db.Raw("SELECT minute FROM provisioning_minutes WHERE workspace_id = ? AND created + updated + deactivated + deleted + teams + unchanged + failed > 0"+
		" ORDER BY minute LIMIT 1", workspace).Scan(&change).Error
	if err != nil {
		return f, err
	}
	if len(change) > 0 {
		f.change = change[0].UTC()
	}
	err = db.Raw("SELECT since, until FROM provisioning_awake WHERE until >= ? ORDER BY since", f.last.Add(-lookBack)).Scan(&f.awake).Error
	return f, err
}

// minutesSince reads the minutes of all tokens since a time. There may be ten thousand of them, so each is read into its place without a look at
// its type.
func minutesSince(db *gorm.DB, workspace string, from time.Time) (out []tokenMinute, err error) {
	rows, err := db.Raw("SELECT minute, token_id, client, calls, looked, created, updated, deactivated, deleted, teams, unchanged, failed, rejected, slowed, first_at, last_at"+
		" FROM provisioning_minutes WHERE workspace_id = ? AND minute >= ? ORDER BY minute, token_id", workspace, from).Rows()
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var m tokenMinute
		c := &m.Counts
		err := rows.Scan(&m.Minute.Minute, &m.TokenID, &m.Client, &c.Calls, &c.Looked, &c.Created, &c.Updated, &c.Deactivated, &c.Deleted, &c.Teams, &c.Unchanged, &c.Failed,
			&c.Rejected, &c.Slowed, &m.FirstAt, &m.LastAt)
		if err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return out, rows.Err()
}

// merged adds up what stands for the same minute.
func merged(rows []tokenMinute) []Minute {
	var out []Minute
	for _, r := range rows {
		m := r.Minute
		m.Minute, m.FirstAt, m.LastAt = m.Minute.UTC(), m.FirstAt.UTC(), m.LastAt.UTC()
		n := len(out) - 1
		if n < 0 || !out[n].Minute.Equal(m.Minute) {
			out = append(out, m)
			continue
		}
		o := &out[n]
		o.Counts.add(m.Counts)
		if m.FirstAt.Before(o.FirstAt) {
			o.FirstAt = m.FirstAt
		}
		if m.LastAt.After(o.LastAt) {
			o.LastAt = m.LastAt
		}
		if m.Client != "" {
			o.Client = m.Client
		}
	}
	return out
}

// beat is how often this service writes down that it is awake. What it did not hear while it was not says nothing about a provider.
const (
	beat  = time.Minute
	pause = 3 * beat // a shorter one is none
)

// Awake writes down that this service runs now. All replicas lengthen the same stretch.
func (l *Log) Awake(ctx context.Context) error {
	return l.db.InTx(ctx, func(tx database.Tx) error {
		now, err := tx.Now()
		if err != nil {
			return err
		}
		res := tx.Exec("UPDATE provisioning_awake SET until = ? WHERE until >= ? AND until < ?", now, now.Add(-pause), now)
		if res.Error != nil || res.RowsAffected > 0 {
			return res.Error
		}
		return tx.Exec("INSERT INTO provisioning_awake (since, until) SELECT ?, ? WHERE NOT EXISTS (SELECT 1 FROM provisioning_awake WHERE until >= ?)"+
			" ON CONFLICT DO NOTHING", now, now, now.Add(-pause)).Error
	})
}

// slept is how long this service did not run between two times.
func (f facts) slept(from, to time.Time) time.Duration {
	var total time.Duration
	last := from
	step := func(at time.Time) {
		if gap := at.Sub(last); gap > pause {
			total += gap
		}
	}
	for _, s := range f.awake {
		if s.Until.Before(from) || s.Since.After(to) {
			continue
		}
		if s.Since.After(last) {
			step(s.Since)
		}
		if s.Until.After(last) {
			last = s.Until
		}
	}
	if last.Before(to) {
		step(to)
	}
	return total
}

// judge says what the facts allow, and nothing else.
func judge(f facts) Health {
	h := Health{Now: f.now, Open: f.open, Cycles: []Cycle{}, Minutes: []Minute{}, Tokens: f.tokens}
	if f.first.IsZero() {
		h.State = NeverCalled
		if !f.live {
			h.say("no_token", "There is no live token, so no identity provider can call.")
		} else {
			h.say("never_called", "No identity provider has called yet. Entra ID begins 20 minutes to several hours after provisioning was turned on.")
		}
		return h
	}
	h.FirstCall, h.LastCall = &f.first, &f.last
	all := cycles(f.minutes, f.change, f.last.Add(-lookBack), f.now)
	last := all[len(all)-1]
	intervals := intervals(all, f.slept)
	h.Client, h.Rhythm = last.Client, rhythm(intervals)
	for i := len(all) - 1; i >= 0 && len(h.Cycles) < shownMost; i-- {
		h.Cycles = append(h.Cycles, all[i])
	}
	for _, m := range f.minutes {
		if f.last.Sub(m.Minute) < 24*time.Hour {
			h.Minutes = append(h.Minutes, m)
		}
	}
	h.lastCall(f)
	h.cycle(last)
	h.State = h.state(f, last)
	h.trouble(f, last)
	h.expectation(f, len(intervals))
	h.Forecast = forecast(f, last)
	return h
}

func (h *Health) say(code, format string, args ...any) {
	h.Sentences = append(h.Sentences, sentence(code, format, args))
}

func (h *Health) infer(code, format string, args ...any) {
	h.Sentences = append(h.Sentences, inferred(code, format, args))
}

func (h *Health) who() string {
	if h.Client == "" {
		return "The identity provider"
	}
	return h.Client
}

func (h *Health) lastCall(f facts) {
	h.say("last_call", "%s last called %s, on %s.", h.who(), ago(f.now.Sub(f.last)), f.last)
}

// cycle tells the last one.
func (h *Health) cycle(c Cycle) {
	which, is := "The last cycle", "took "+lasting(c.End.Sub(c.Start))
	if c.Initial {
		which = "The first cycle"
	}
	if c.Running {
		which, is = "A cycle is running; it", "has gone on for "+lasting(c.End.Sub(c.Start))
		if c.Initial {
			which = "The first cycle is running; it"
		}
	}
	h.infer("cycle", "%s began on %s and %s: %s, %d created, %d changed, %d deactivated, %d deleted, %d changes of teams, %d failed.", which, c.Start, is,
		calls(c.Calls), c.Created, c.Updated, c.Deactivated, c.Deleted, c.Teams, c.Failed)
}

func (h *Health) state(f facts, last Cycle) State {
	silence := f.now.Sub(f.last)
	heard := silence - f.slept(f.last, f.now)
	switch {
	case !f.live:
		return Stopped
	case heard >= offAfter:
		return Stopped
	case f.refused != nil:
		return Attention
	case h.Rhythm != nil && heard > 3*h.Rhythm.Every, h.Rhythm == nil && heard > silenceOf:
		return Silent
	case f.change.IsZero(), last.Initial && last.Running:
		return Initial
	case last.Slowed > 0:
		return SlowedDown
	case f.open > 0 && last.Failed > 0:
		return Attention
	}
	return Healthy
}

func (h *Health) trouble(f facts, last Cycle) {
	if f.change.IsZero() {
		h.say("looked_only", "So far it has only looked: nobody was sent yet.")
	}
	switch {
	case !f.live:
		h.say("no_token", "There is no live token, so no call is let in.")
	case h.State == Stopped:
		h.say("gone", "No call has come for four weeks or more.")
	}
	if f.refused != nil {
		h.say("rejected", "Since %s calls with the token …%s are rejected: %d so far, the last on %s. Nothing has been let in since.", f.refused.At, f.refused.TokenHint, f.refused.Times, f.refused.LastAt)
	}
	if last.Failed > 0 {
		h.say("failed", "%s failed in that cycle. Refusals that have not come right yet: %d.", calls(last.Failed), f.open)
	} else if f.open > 0 {
		h.say("open", "Refusals of earlier cycles that have not come right yet: %d.", f.open)
	}
	if last.Slowed > 0 {
		h.say("slowed", "%s in that cycle came faster than this workspace takes them, and had to wait.", calls(last.Slowed))
	}
}

// expectation says when the next call is due, where the traffic allows to say so, and otherwise that it does not.
func (h *Health) expectation(f facts, intervals int) {
	asleep := f.slept(f.last, f.now)
	if asleep > 0 {
		h.say("asleep", "This service did not run for %s since that call. Nothing is known of that time.", about(asleep))
	}
	switch {
	case !f.live:
	case h.Rhythm == nil && intervals < rhythmLeast:
		h.say("too_few", "There have been too few cycles to say how often %s calls.", whoIn(h.Client))
	case h.Rhythm == nil:
		h.say("no_rhythm", "The calls follow no rhythm, so nothing can be said about when the next one is due.")
	default:
		h.infer("rhythm", "Cycles began about every %s, going by the last %d intervals.", about(h.Rhythm.Every), h.Rhythm.From)
		next := h.Cycles[0].Start.Add(h.Rhythm.Every)
		switch {
		case f.now.Before(next.Add(h.Rhythm.Every / 4)):
			h.NextExpected = &next
			h.infer("next", "The next cycle is expected on about %s.", next)
		case asleep > 0:
			h.say("unknown", "Whether a cycle was missed cannot be said.")
		default:
			h.infer("overdue", "A cycle was expected on about %s; no call has come.", next)
		}
	}
}

func whoIn(client string) string {
	if client == "" {
		return "the identity provider"
	}
	return client
}

func calls(n int64) string {
	if n == 1 {
		return "1 call"
	}
	return fmt.Sprintf("%d calls", n)
}

func lasting(d time.Duration) string {
	if d < time.Minute {
		return "less than a minute"
	}
	return about(d)
}

// at is a time as sentences name it.
func at(t time.Time) string { return t.UTC().Format("2 January at 15:04 UTC") }

func ago(d time.Duration) string {
	if d < time.Minute {
		return "less than a minute ago"
	}
	return about(d) + " ago"
}

// about is a duration in its largest unit.
func about(d time.Duration) string {
	unit := func(n int64, name string) string {
		if n == 1 {
			return "1 " + name
		}
		return fmt.Sprintf("%d %ss", n, name)
	}
	switch {
	case d < 2*time.Hour:
		return unit(int64(d.Round(time.Minute)/time.Minute), "minute")
	case d < 48*time.Hour:
		return unit(int64(d.Round(time.Hour)/time.Hour), "hour")
	}
	return unit(int64(d.Round(24*time.Hour)/(24*time.Hour)), "day")
}

package provisioning

import (
	"slices"
	"time"
)

const (
	// Gap is how long a provider says nothing between two cycles, at least. That there are cycles is inferred from such gaps: SCIM does not say
	// where one begins.
	Gap = 10 * time.Minute

	rhythmLeast = 3 // intervals between cycles that a rhythm is inferred from, at least
	rhythmMost  = 12
)

// Counts are calls and changes of a stretch of time.
type Counts struct {
	Calls       int64 `json:"calls"`
	Looked      int64 `json:"looked"`
	Created     int64 `json:"created"`
	Updated     int64 `json:"updated"`
	Deactivated int64 `json:"deactivated"`
	Deleted     int64 `json:"deleted"`
	Teams       int64 `json:"teams"`
	Unchanged   int64 `json:"unchanged"`
	Failed      int64 `json:"failed"`
	Rejected    int64 `json:"rejected"`
	Slowed      int64 `json:"slowed"`
}

func (c *Counts) add(o Counts) {
	c.Calls += o.Calls
	c.Looked += o.Looked
	c.Created += o.Created
	c.Updated += o.Updated
	c.Deactivated += o.Deactivated
	c.Deleted += o.Deleted
	c.Teams += o.Teams
	c.Unchanged += o.Unchanged
	c.Failed += o.Failed
	c.Rejected += o.Rejected
	c.Slowed += o.Slowed
}

// changed is how many changes were made.
func (c Counts) changed() int64 { return c.Created + c.Updated + c.Deactivated + c.Deleted + c.Teams }

// tried is how many changes a provider tried, refused ones and those that found nothing to do with them.
func (c Counts) tried() int64 { return c.changed() + c.Unchanged + c.Failed }

// Minute is one minute of traffic, of all tokens together.
type Minute struct {
	Minute time.Time
	Client string
	Counts
	FirstAt, LastAt time.Time
}

// Cycle is a stretch of calls without a gap.
type Cycle struct {
	Start, End time.Time
	Initial    bool // the first that changed anything, or tried to
	Running    bool // the gap that would end it has not passed yet
	Cut        bool // it began before what was looked at
	Client     string
	Counts
}

// cycles finds the cycles in minutes, which are sorted and begin at from; change is the minute of the very first change.
func cycles(minutes []Minute, change, from, now time.Time) []Cycle {
	var out []Cycle
	for _, m := range minutes {
		n := len(out) - 1
		if n < 0 || m.FirstAt.Sub(out[n].End) >= Gap {
			out = append(out, Cycle{Start: m.FirstAt, End: m.LastAt, Client: m.Client, Counts: m.Counts, Initial: m.Minute.Equal(change),
				Cut: n < 0 && m.FirstAt.Sub(from) < Gap})
			continue
		}
		c := &out[n]
		c.Initial = c.Initial || m.Minute.Equal(change)
		c.Counts.add(m.Counts)
		if m.LastAt.After(c.End) {
			c.End = m.LastAt
		}
		if m.Client != "" {
			c.Client = m.Client
		}
	}
	if n := len(out) - 1; n >= 0 {
		out[n].Running = now.Sub(out[n].End) < Gap
	}
	return out
}

// Rhythm is how often cycles begin, inferred from the last ones.
type Rhythm struct {
	Every time.Duration // to the minute
	From  int           // intervals that it is inferred from
}

// intervals are the times between the beginnings of cycles that a rhythm can be inferred from, the last first: of the provider that called last
// alone, since its first cycle, which takes as long as it takes, and where this service ran all the time.
func intervals(all []Cycle, slept func(from, to time.Time) time.Duration) []time.Duration {
	var out []time.Duration
	for i := len(all) - 1; i > 0 && len(out) < rhythmMost; i-- {
		before := all[i-1]
		if before.Client != all[i].Client || before.Initial || before.tried()+before.Rejected == 0 {
			break
		}
		if !before.Cut && slept(before.Start, all[i].Start) == 0 {
			out = append(out, all[i].Start.Sub(before.Start))
		}
	}
	return out
}

// rhythm is nil where the intervals are too few or not regular: three of four must be within a quarter of the middle one.
func rhythm(intervals []time.Duration) *Rhythm {
	if len(intervals) < rhythmLeast {
		return nil
	}
	sorted := slices.Sorted(slices.Values(intervals))
	middle := sorted[len(sorted)/2]
	near := 0
	for _, d := range intervals {
		if (d - middle).Abs() <= middle/4 {
			near++
		}
	}
	if 4*near < 3*len(intervals) {
		return nil
	}
	return &Rhythm{Every: middle.Round(time.Minute), From: len(intervals)}
}

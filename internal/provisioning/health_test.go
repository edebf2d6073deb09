package provisioning

import (
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 10, 12, 0, 0, 0, time.UTC)

// cyclesEvery are n minutes of one provider, the last one ago before noon.
func cyclesEvery(n int, every, ago time.Duration, client string, last Counts) []Minute {
	var out []Minute
	for i := range n {
		at := noon.Add(-ago - time.Duration(n-1-i)*every)
		m := Minute{Minute: at.Truncate(time.Minute), Client: client, Counts: Counts{Calls: 4, Looked: 2, Updated: 2}, FirstAt: at, LastAt: at.Add(10 * time.Second)}
		if i == n-1 {
			m.Counts = last
		}
		out = append(out, m)
	}
	return out
}

func TestWhatTheFactsAllowToSay(t *testing.T) {
	fine := Counts{Calls: 4, Looked: 2, Updated: 2}
	rhythm := 40 * time.Minute
	for _, c := range []struct {
		name     string
		edit     func(*facts)
		want     State
		says     string // codes, in their order
		forecast string
	}{
		{name: "nobody ever called", edit: func(f *facts) { f.first, f.minutes = time.Time{}, nil }, want: NeverCalled, says: "never_called"},
		{name: "nobody could", edit: func(f *facts) { f.first, f.minutes, f.live = time.Time{}, nil, false }, want: NeverCalled, says: "no_token"},
		{name: "all is well", want: Healthy, says: "last_call cycle rhythm next", forecast: "none"},
		{name: "a call is late", edit: func(f *facts) { f.minutes = cyclesEvery(10, rhythm, 60*time.Minute, Entra, fine) }, want: Healthy,
			says: "last_call cycle rhythm overdue", forecast: "none"},
		{name: "three cycles are missing", edit: func(f *facts) { f.minutes = cyclesEvery(10, rhythm, 121*time.Minute, Entra, fine) }, want: Silent,
			says: "last_call cycle rhythm overdue", forecast: "none"},
		{name: "three cycles are missing, but this service did not run", edit: func(f *facts) {
			f.minutes = cyclesEvery(10, rhythm, 121*time.Minute, Entra, fine)
			f.awake = []stretch{{noon.AddDate(0, 0, -9), noon.Add(-115 * time.Minute)}, {noon.Add(-5 * time.Minute), noon}}
		}, want: Healthy, says: "last_call cycle asleep rhythm unknown", forecast: "none"},
		{name: "two days of silence", edit: func(f *facts) { f.minutes = cyclesEvery(10, rhythm, 50*time.Hour, Entra, fine) }, want: Silent,
			says: "last_call cycle rhythm overdue", forecast: "watch"},
		{name: "four weeks of silence", edit: func(f *facts) { f.minutes = cyclesEvery(10, rhythm, 29*24*time.Hour, Entra, fine) }, want: Stopped,
			says: "last_call cycle gone rhythm overdue", forecast: "watch"},
		{name: "too few cycles", edit: func(f *facts) { f.minutes = cyclesEvery(3, rhythm, time.Minute, Entra, fine) }, want: Healthy, says: "last_call cycle too_few", forecast: "none"},
		{name: "no rhythm", edit: func(f *facts) {
			f.minutes = nil
			for _, ago := range []time.Duration{20 * time.Hour, 17 * time.Hour, 9 * time.Hour, 6 * time.Hour, 5 * time.Hour, 2 * time.Hour} {
				f.minutes = append(f.minutes, cyclesEvery(1, 0, ago, Okta, fine)...)
			}
		}, want: Healthy, says: "last_call cycle no_rhythm"},
		{name: "told to wait", edit: func(f *facts) {
			f.minutes = cyclesEvery(10, rhythm, time.Minute, Entra, Counts{Calls: 500, Created: 490, Slowed: 10})
		}, want: SlowedDown, says: "last_call cycle slowed rhythm next", forecast: "none"},
		{name: "a few failed", edit: func(f *facts) {
			f.minutes, f.open = cyclesEvery(10, rhythm, time.Minute, Entra, Counts{Calls: 100, Created: 90, Failed: 10}), 10
		}, want: Attention, says: "last_call cycle failed rhythm next", forecast: "none"},
		{name: "a third failed", edit: func(f *facts) {
			f.minutes, f.open = cyclesEvery(10, rhythm, time.Minute, Entra, Counts{Calls: 300, Created: 200, Failed: 100}), 100
		}, want: Attention, says: "last_call cycle failed rhythm next", forecast: "watch"},
		{name: "41 % of 5,000 failed", edit: func(f *facts) {
			f.minutes, f.open = cyclesEvery(10, rhythm, time.Minute, Entra, Counts{Calls: 5000, Created: 2950, Failed: 2050}), 2050
		}, want: Attention, says: "last_call cycle failed rhythm next", forecast: "likely"},
		{name: "40,000 failed", edit: func(f *facts) {
			f.minutes, f.open = cyclesEvery(10, rhythm, time.Minute, Entra, Counts{Calls: 400_000, Created: 360_000, Failed: 40_000}), 10_000
		}, want: Attention, says: "last_call cycle failed rhythm next", forecast: "likely"},
		{name: "failures of earlier cycles are open", edit: func(f *facts) { f.open = 3 }, want: Healthy, says: "last_call cycle open rhythm next", forecast: "none"},
		{name: "the token is refused", edit: func(f *facts) {
			f.refused, f.open = &rejected{Times: 4, TokenHint: "9f2c", At: noon.Add(-2 * time.Hour), LastAt: noon.Add(-time.Minute)}, 1
		}, want: Attention, says: "last_call cycle rejected open rhythm next", forecast: "likely"},
		{name: "there is no token any more", edit: func(f *facts) { f.live = false }, want: Stopped, says: "last_call cycle no_token", forecast: "likely"},
		{name: "Okta has no forecast", edit: func(f *facts) { f.minutes = cyclesEvery(10, rhythm, time.Minute, Okta, fine) }, want: Healthy, says: "last_call cycle rhythm next"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := facts{now: noon, live: true, minutes: cyclesEvery(10, rhythm, time.Minute, Entra, fine), first: noon.AddDate(0, -1, 0), change: noon.AddDate(0, -1, 0),
				awake: []stretch{{noon.AddDate(0, -2, 0), noon}}}
			if c.edit != nil {
				c.edit(&f)
			}
			if n := len(f.minutes); n > 0 {
				f.last = f.minutes[n-1].LastAt
			}
			h := judge(f)
			var codes []string
			for _, s := range h.Sentences {
				codes = append(codes, s.Code)
			}
			if said := strings.Join(codes, " "); h.State != c.want || said != c.says {
				t.Errorf("%s: %s; want %s: %s", h.State, said, c.want, c.says)
			}
			level := ""
			if h.Forecast != nil {
				level = h.Forecast.Level
			}
			if level != c.forecast {
				t.Errorf("forecast %q, want %q", level, c.forecast)
			}
		})
	}
}

package provisioning

import (
	"encoding/json"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the sentences down anew")

// forms are one sentence of each form that the log, the health page and the reasons write. The console says them in other languages by their
// form: its own test reads this file and wants a form for each.
func forms() []string {
	var out []string
	add := func(s string) {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	for _, r := range Reasons() {
		add(r.Title)
		add(r.Cause)
		add(r.Remedy)
	}
	for _, c := range checks {
		add(c)
	}
	for _, e := range entries() {
		add(e.sentence())
	}
	for _, h := range judged() {
		for _, s := range h.Sentences {
			add(s.Text)
		}
		if h.Forecast != nil {
			for _, s := range h.Forecast.Sentences {
				add(s.Text)
			}
		}
	}
	return out
}

func entries() []*Entry {
	ana := func(e Entry) *Entry {
		e.Client.Name, e.Kind, e.Name = Entra, Person, "Ana Kovač"
		return &e
	}
	team := func(e Entry) *Entry {
		e.Kind, e.Name = Team, "Marketing"
		return &e
	}
	out := []*Entry{
		ana(Entry{Result: Slowed}), ana(Entry{Result: Unchanged}), ana(Entry{Result: OK, Operation: "user.read"}), ana(Entry{Result: OK, Operation: "other", Target: "/Me"}),
		ana(Entry{Result: Failed, Operation: "bulk", Detail: "The body is not JSON."}), team(Entry{Result: OK, Operation: "group.read"}),
		team(Entry{Result: OK, Operation: "group.list", Found: 3}), ana(Entry{Result: OK, Operation: "user.list", Target: "/Users?filter=x", Found: 1}),
		ana(Entry{Result: OK, Operation: "discovery"}), ana(Entry{Result: OK, Operation: "bulk", Found: 4}), ana(Entry{Result: OK, Operation: "user.read", Status: 404}),
		ana(Entry{Result: OK, Operation: "bulk", Found: 4, Response: map[string]any{Failures: json.Number("2")}}), team(Entry{Result: OK, Operation: "group.read", Status: 404}),
		ana(Entry{Result: OK, Operation: "user.list", Target: "/Users", Found: 2}), team(Entry{Result: OK, Operation: "group.list", Target: "/Groups?filter=x"}),
		ana(Entry{Result: OK, Status: ClientGone}), ana(Entry{Result: OK, Event: "person.changed", ReplayedBy: "Ben"}),
		team(Entry{Result: OK, Event: "team.created", Added: 2, Unknown: 1}), team(Entry{Result: OK, Event: "team.created", Unknown: 2}), team(Entry{Result: OK, Event: "team.created", Added: 1}),
		team(Entry{Result: OK, Event: "team.changed", Added: 2, Removed: 1, Unknown: 1}), team(Entry{Result: OK, Event: "team.changed"}), team(Entry{Result: OK, Event: "team.created"}),
		team(Entry{Result: OK, Event: "team.changed", Removed: 4, FellFrom: 5, FellTo: 1}),
		team(Entry{Result: OK, Event: "team.unknown_members", Unknown: 1}), team(Entry{Result: OK, Event: "team.unknown_members", Unknown: 3}),
	}
	for verb := range tries {
		out = append(out, ana(Entry{Result: Failed, Operation: "user." + verb, Detail: "There is no user with this id."}), team(Entry{Result: Failed, Operation: "group." + verb, Detail: "The body is not JSON."}))
	}
	for event := range events {
		out = append(out, ana(Entry{Result: OK, Event: event}))
	}
	return out
}

func judged() []Health {
	now := time.Date(2026, 11, 22, 14, 5, 0, 0, time.UTC)
	day := 24 * time.Hour
	minute := func(ago time.Duration, c Counts) Minute {
		at := now.Add(-ago)
		return Minute{Minute: at, FirstAt: at, LastAt: at, Client: Entra, Counts: c}
	}
	var steady []Minute
	for i := 12; i >= 0; i-- {
		steady = append(steady, minute(time.Duration(i)*40*time.Minute+time.Minute, Counts{Calls: 3, Looked: 1, Updated: 2}))
	}
	facts := []facts{
		{now: now}, {now: now, live: true},
		{now: now, live: true, first: steady[0].Minute, last: steady[12].Minute, minutes: steady, change: steady[0].Minute, open: 2},
		{now: now.Add(3 * day), live: true, first: steady[0].Minute, last: steady[12].Minute, minutes: steady, change: steady[0].Minute,
			awake: []stretch{{steady[0].Minute, now.Add(4 * day)}}},
		{now: now.Add(40 * day), live: true, first: now, last: now, minutes: []Minute{minute(0, Counts{Calls: 2, Looked: 2})}},
		{now: now, live: true, first: now, last: now, minutes: []Minute{minute(0, Counts{Calls: 9000, Failed: 3000, Updated: 4000, Slowed: 7})}, change: now, open: 3000},
		{now: now, live: true, first: now, last: now, minutes: []Minute{minute(0, Counts{Calls: 9, Failed: 3, Updated: 6})}, change: now, open: 3},
		{now: now, live: true, first: now, last: now, minutes: []Minute{minute(0, Counts{Calls: 50_000, Failed: 45_000})}, change: now, open: 45_000},
		{now: now, live: true, first: now, last: now, minutes: []Minute{minute(0, Counts{Calls: 1, Updated: 1})}, change: now.Add(-day),
			refused: &rejected{Times: 4, TokenHint: "9f2c", At: now.Add(-time.Hour), LastAt: now}},
	}
	out := make([]Health, len(facts))
	for i, f := range facts {
		out[i] = judge(f)
	}
	return out
}

// TestTimesAreGivenAsTheyAre: each time that a sentence names in UTC stands beside it, in the order of the text.
func TestTimesAreGivenAsTheyAre(t *testing.T) {
	named := 0
	for _, h := range judged() {
		all := slices.Clone(h.Sentences)
		if h.Forecast != nil {
			all = append(all, h.Forecast.Sentences...)
		}
		for _, s := range all {
			rest := s.Text
			for _, at := range s.Times {
				var found bool
				if _, rest, found = strings.Cut(rest, at.Format("2 January at 15:04 UTC")); !found {
					t.Errorf("%q: %v is not where it should be", s.Text, at)
				}
				named++
			}
			if strings.Contains(rest, "UTC") {
				t.Errorf("%q names more than %v", s.Text, s.Times)
			}
		}
	}
	if named < 10 {
		t.Errorf("only %d times were named", named)
	}
}

const formsFile = "../../webapp/test/said.json"

// TestTheConsoleKnowsEveryForm compares the sentences with the list that the console's own test translates.
func TestTheConsoleKnowsEveryForm(t *testing.T) {
	got := forms()
	slices.Sort(got)
	b, err := json.MarshalIndent(got, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	b = append(b, '\n')
	if *update {
		if err := os.WriteFile(formsFile, b, 0o644); err != nil { //nolint:gosec // a file of the repository
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(formsFile)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != string(b) {
		t.Errorf("the sentences have changed: run go test ./internal/provisioning -run EveryForm -update, then give new ones a form in webapp/src/i18n/*-sync.json")
	}
}

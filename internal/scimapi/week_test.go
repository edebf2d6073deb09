package scimapi_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
	"github.com/countersign/countersign/internal/ident"
	"github.com/countersign/countersign/internal/workspace"
)

var update = flag.Bool("update", false, "write the golden timeline anew")

// monday is when the week begins.
var monday = time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)

// week is recorded traffic of two providers, replayed on a clock that stands still between calls.
type week struct {
	*provider
	t        *testing.T
	clock    atomic.Int64
	scenes   map[string][]recording
	plan     []moment
	timeline strings.Builder
	told     string
	people   []string // ids that the cycles change
	live     bool
	n        int
}

type moment struct {
	at    time.Time
	label string
	do    func()
}

func (w *week) now() time.Time { return time.Unix(0, w.clock.Load()) }

// at plans something: day 0 is Monday.
func (w *week) at(day int, clock, label string, do func()) {
	w.t.Helper()
	d, err := time.Parse("15:04:05", clock)
	if err != nil {
		w.t.Fatal(err)
	}
	w.plan = append(w.plan, moment{monday.AddDate(0, 0, day).Add(d.Sub(d.Truncate(24 * time.Hour))), label, do})
}

// every plans cycles.
func (w *week) every(interval time.Duration, fromDay int, from string, toDay int, to string, do func()) {
	w.at(fromDay, from, "", do)
	end := len(w.plan)
	w.at(toDay, to, "", nil)
	until := w.plan[end].at
	first := w.plan[end-1].at
	w.plan = w.plan[:end]
	for at := first.Add(interval); !at.After(until); at = at.Add(interval) {
		w.plan = append(w.plan, moment{at, "", do})
	}
}

// play replays a recorded scenario, one call every few seconds.
func (w *week) play(name, agent string, pause time.Duration) {
	p := play{t: w.t, provider: w.provider, vars: map[string]string{"run": fmt.Sprintf("run%d", w.n), "guid": ident.New("guid"), "base": w.url}}
	w.n++
	if len(w.scenes[name]) == 0 {
		w.t.Fatalf("no scenario %s", name)
	}
	for _, r := range w.scenes[name] {
		if r.Headers == nil {
			r.Headers = map[string]*string{}
		}
		r.Headers["User-Agent"] = &agent
		p.replay(r)
		w.clock.Add(int64(pause))
	}
}

// entra is a cycle of Entra ID: it looks for somebody and changes them.
func (w *week) entra(changes int) func() {
	return func() {
		for i := range changes {
			id := w.people[i%len(w.people)]
			w.n++
			w.send("GET", "/Users/"+id+"?aadOptscim062020", "")
			w.clock.Add(int64(3 * time.Second))
			w.send("PATCH", "/Users/"+id+"?aadOptscim062020", fmt.Sprintf(`{"Operations":[{"op":"replace","path":"title","value":"Title %d"}]}`, w.n))
			w.clock.Add(int64(3 * time.Second))
		}
	}
}

// okta is a call of Okta's: it comes when somebody does something there.
func (w *week) okta(name string) func() {
	return func() {
		header := http.Header{"Authorization": {"Bearer " + w.token}, "User-Agent": {"Okta SCIM Client 1.0.0"}, "Content-Type": {"application/scim+json"}}
		w.do("POST", "/Users", header, []byte(`{"userName":"`+name+`@okta.acme.test","displayName":"`+name+`"}`))
	}
}

// rejected is a call with a token that is not valid any more.
func (w *week) rejected() {
	w.do("GET", "/Users?aadOptscim062020", http.Header{"Authorization": {"Bearer old"}, "User-Agent": {"-"}}, nil)
}

// beats writes that this service was awake all week but for one night.
func (w *week) beats() {
	err := w.db.InTx(w.t.Context(), func(tx database.Tx) error {
		return tx.Exec("INSERT INTO provisioning_awake (since, until) VALUES (?, ?), (?, ?)", monday, monday.AddDate(0, 0, 1).Add(2*time.Hour),
			monday.AddDate(0, 0, 1).Add(5*time.Hour), monday.AddDate(0, 0, 8)).Error
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// look writes down what is said now, if it is not what was said before.
func (w *week) look(label string) {
	h, err := w.log.Health(w.t.Context(), w.workspace, w.live)
	if err != nil {
		w.t.Fatal(err)
	}
	key := string(h.State)
	for _, s := range h.Sentences {
		key += " " + s.Code
	}
	if h.Forecast != nil {
		key += " forecast:" + h.Forecast.Level
	}
	if label != "" {
		fmt.Fprintf(&w.timeline, "\n%s  -- %s\n", w.now().UTC().Format("Mon 15:04"), label)
	}
	if key == w.told && label == "" {
		return
	}
	w.told = key
	fmt.Fprintf(&w.timeline, "%s  %s\n", w.now().UTC().Format("Mon 15:04"), h.State)
	for _, s := range h.Sentences {
		mark := ""
		if s.Inferred {
			mark = " (inferred)"
		}
		fmt.Fprintf(&w.timeline, "           %s%s\n", s.Text, mark)
	}
	if h.Forecast != nil {
		for _, s := range h.Forecast.Sentences {
			fmt.Fprintf(&w.timeline, "           forecast, %s: %s\n", h.Forecast.Level, s.Text)
		}
	}
}

func (w *week) run() {
	for at := monday.Add(10*time.Minute + 40*time.Second); at.Before(monday.AddDate(0, 0, 7)); at = at.Add(20 * time.Minute) {
		w.plan = append(w.plan, moment{at: at})
	}
	slices.SortStableFunc(w.plan, func(a, b moment) int { return a.at.Compare(b.at) })
	for _, m := range w.plan {
		if m.at.After(w.now()) { // a scenario may have taken longer
			w.clock.Store(m.at.UnixNano())
		}
		if m.do != nil {
			m.do()
		}
		if m.do == nil || m.label != "" {
			w.look(m.label)
		}
	}
}

// TestAWeekOfTrafficIsToldTheSameWay replays a week of recorded and made-up calls and compares all that is said of it with a committed timeline.
func TestAWeekOfTrafficIsToldTheSameWay(t *testing.T) {
	scenes, _ := recordings(t)
	for _, dialect := range dbtest.Dialects {
		t.Run(dialect, func(t *testing.T) {
			w := &week{t: t, scenes: scenes, live: true}
			w.clock.Store(monday.UnixNano())
			db := dbtest.Open(t, dbtest.URL(t, dialect), database.WithClock(w.now))
			w.provider = newProviderAt(t, db, 0, w.now)
			w.script()
			w.beats()
			w.run()
			golden(t, w.timeline.String())
		})
	}
}

// script is the week.
func (w *week) script() {
	entra, okta := "-", "Okta SCIM Client 1.0.0"
	w.at(0, "08:00:30", "the token is there, nobody calls", func() {})
	w.at(0, "09:12:30", "Entra ID tests the connection", func() { w.play("entra-test-connection", entra, 2*time.Second) })
	w.at(0, "10:00:30", "Entra ID's first cycle begins", func() {
		w.play("entra-user-lifecycle", entra, 20*time.Second)
		w.play("entra-patch-without-flag", entra, 20*time.Second)
	})
	w.at(0, "10:20:30", "", func() {
		for i := range 8 {
			id, _ := w.send("POST", "/Users?aadOptscim062020", fmt.Sprintf(`{"userName":"person%d@acme.test","displayName":"Person %d"}`, i, i)).at(w.t, "$.id").(string)
			w.people = append(w.people, id)
			w.clock.Add(int64(7 * time.Second))
		}
		w.play("entra-group-lifecycle", entra, 7*time.Second)
	})
	w.every(40*time.Minute, 0, "11:00:30", 1, "01:40:30", w.entra(3))
	w.at(1, "02:00:30", "this service is stopped for three hours", func() {})
	w.at(1, "05:00:30", "this service is back", func() {})
	w.every(40*time.Minute, 1, "05:40:30", 2, "08:20:30", w.entra(2))
	w.at(2, "09:00:30", "somebody cannot be created", func() {
		for range 2 {
			w.send("POST", "/Users?aadOptscim062020", `{"userName":"person5@acme.test","displayName":"A second Person 5"}`)
			w.clock.Add(int64(5 * time.Second))
		}
		w.send("POST", "/Users?aadOptscim062020", `{"displayName":"Nameless"}`)
	})
	w.every(40*time.Minute, 2, "09:40:30", 2, "12:20:30", w.entra(2))
	w.at(2, "13:00:30", "the first of them comes right", func() {
		w.send("PATCH", "/Users/"+w.people[5]+"?aadOptscim062020", `{"Operations":[{"op":"replace","path":"title","value":"The one"}]}`)
	})
	w.every(40*time.Minute, 2, "13:40:30", 3, "09:40:30", w.entra(2))
	w.at(3, "10:20:30", "the token is regenerated; Entra ID goes on with the old one", func() {
		at := w.now()
		w.ended["old"] = workspace.Token{ID: "tok_old", Workspace: w.workspace, Hint: "9f2c", State: workspace.Replaced, CreatedAt: monday, CreatedBy: "Ana Kovač", ValidUntil: &at}
		w.rejected()
	})
	w.every(40*time.Minute, 3, "11:00:30", 3, "14:20:30", w.rejected)
	w.at(3, "15:00:30", "Entra ID has the new token", w.entra(2))
	w.every(40*time.Minute, 3, "15:40:30", 4, "06:20:30", w.entra(2))
	w.at(4, "06:21:30", "Entra ID is turned off", func() {})
	w.at(5, "09:13:30", "Okta is set up", func() {
		w.play("okta-spec-test", okta, 3*time.Second)
		w.play("okta-user-lifecycle", okta, 3*time.Second)
	})
	for i, clock := range []string{"09:48:30", "11:02:30", "11:19:30", "14:40:30", "15:01:30", "19:33:30", "22:05:30"} {
		w.at(5, clock, "", w.okta(fmt.Sprintf("finn%d", i)))
	}
	w.at(6, "10:00:30", "Okta calls when something happens there, and nothing does", func() {})
	w.at(6, "20:00:30", "the token is revoked", func() { w.live = false })
}

func golden(t *testing.T, got string) {
	t.Helper()
	file := filepath.Join("testdata", "week.txt")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got == string(want) {
		return
	}
	a, b := strings.Split(string(want), "\n"), strings.Split(got, "\n")
	for i := range max(len(a), len(b)) {
		line := func(lines []string) string {
			if i < len(lines) {
				return lines[i]
			}
			return "(nothing)"
		}
		if line(a) != line(b) {
			report, _ := json.Marshal([]string{line(a), line(b)})
			t.Fatalf("the timeline differs from %s in line %d (want, got): %s", file, i+1, report)
		}
	}
}

package bench

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

const (
	lasting    = 1200 * time.Millisecond // of one window
	rounds     = 3                       // that count
	most       = 5                       // that are tried, so that a benchmark ends on a machine that is never steady
	drift      = 1.25                    // a round whose bare figures differ by more is dropped
	leastOfPG  = 0.25                    // of pgbench's inserts that the bare server must reach
	searchPage = "/Users?count=100"
)

// work is one line of the table: what the product does, and the bare server beside it.
type work struct {
	name          string
	product, bare request
	aim           map[int]float64 // least ratio, by concurrency
}

// line is what was measured: medians over the rounds.
type line struct{ product, bare, before round }

// against measures a work in turns, bare, product, bare, until three rounds are steady.
func (w *world) against(b *testing.B, k work, c int) {
	b.Helper()
	var kept []line
	var ratios []float64
	for n := 0; n < most && len(kept) < rounds; n++ {
		before := w.window(b, w.bare, c, lasting, k.bare)
		product := w.window(b, w.product, c, lasting, k.product)
		after := w.window(b, w.bare, c, lasting, k.bare)
		if max(before.rate, after.rate) > drift*min(before.rate, after.rate) {
			continue
		}
		kept = append(kept, line{product, after, before})
		ratios = append(ratios, product.rate/((before.rate+after.rate)/2))
	}
	if len(kept) == 0 {
		fmt.Printf("%-44s C=%-2d no round was steady\n", k.name, c)
		return
	}
	ratio := median(ratios)
	mid := func(of func(line) float64) float64 {
		var v []float64
		for _, l := range kept {
			v = append(v, of(l))
		}
		return median(v)
	}
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	verdict := "      "
	if aim := k.aim[c]; aim > 0 {
		verdict = fmt.Sprintf("≥ %.2f", aim)
		if ratio < aim {
			verdict += " MISSED"
		}
	}
	fmt.Printf("%-44s C=%-2d %7.0f/s p50 %6.2f p99 %6.2f ms  CPU server %4.0f postgres %4.0f µs  %4.1f queries | bare %7.0f/s p50 %6.2f p99 %6.2f ms  CPU %4.0f + %4.0f µs | ratio %.2f %s (%d rounds)\n",
		k.name, c, mid(func(l line) float64 { return l.product.rate }), mid(func(l line) float64 { return ms(l.product.p50) }), mid(func(l line) float64 { return ms(l.product.p99) }),
		mid(func(l line) float64 { return us(l.product.server) }), mid(func(l line) float64 { return us(l.product.postgres) }), mid(func(l line) float64 { return l.product.queries }),
		mid(func(l line) float64 { return l.bare.rate }), mid(func(l line) float64 { return ms(l.bare.p50) }), mid(func(l line) float64 { return ms(l.bare.p99) }),
		mid(func(l line) float64 { return us(l.bare.server) }), mid(func(l line) float64 { return us(l.bare.postgres) }), ratio, verdict, len(kept))
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(ratio, fmt.Sprintf("C%d-ratio", c))
}

func median(v []float64) float64 {
	v = slices.Clone(v)
	slices.Sort(v)
	return v[len(v)/2]
}

var serial atomic.Int64

func name() string { return fmt.Sprintf("n%d-%d", os.Getpid(), serial.Add(1)) }

// creates makes people at a server.
func creates(t *target, path string, want int, made *atomic.Int64) request {
	return func(int, int) error {
		_, err := t.send(http.MethodPost, path, user(name()), want)
		made.Add(1)
		return err
	}
}

// BenchmarkSCIMCreate: validation, the person, the provisioning log, the audit, one durable commit.
func BenchmarkSCIMCreate(b *testing.B) {
	w := newSCIMStage(b).world(b, shapes["1,000 people"])
	for _, c := range []int{1, 16} {
		pg, bare := w.pgbench(b, c), w.window(b, w.bare, c, lasting, creates(w.bare, "/people", 200, new(atomic.Int64)))
		fmt.Printf("pgbench's single-row inserts C=%d: %.0f/s; the bare server's: %.0f/s, %.2f of it\n", c, pg, bare.rate, bare.rate/pg)
		if bare.rate < leastOfPG*pg {
			b.Fatal("the bare server is too slow on this machine for the figures to say anything")
		}
	}
	const all = "SELECT (SELECT count(*) FROM people) + (SELECT count(*) FROM bare_people)"
	before := count(b, w.db, all)
	var made atomic.Int64
	k := work{name: "create a person", aim: map[int]float64{1: 0.8, 16: 0.7},
		product: creates(w.product, "/Users", http.StatusCreated, &made), bare: creates(w.bare, "/people", http.StatusOK, &made)}
	for _, c := range []int{1, 16} {
		w.against(b, k, c)
	}
	if there := count(b, w.db, all) - before; there != int(made.Load()) {
		b.Errorf("%d people were acknowledged and %d are there", made.Load(), there)
	}
	if told := count(b, w.db, "SELECT count(*) FROM people p WHERE id NOT LIKE 'ppl_bench%' AND user_name LIKE 'n%' AND NOT (id IN"+
		" (SELECT subject FROM audit_events WHERE event = 'person.created') AND id IN (SELECT subject_id FROM provisioning_log WHERE event = 'person.created'))"); told > 0 {
		b.Errorf("%d people have no audit row or no row in the provisioning log", told)
	}
}

// finds is a read that must find the person it asks for.
func finds(t *target, path func(n int) string, most int) request {
	return func(w, _ int) error {
		n := 1 + rand.IntN(most)
		out, err := t.send(http.MethodGet, path(n), nil, http.StatusOK)
		if err == nil && !bytes.Contains(out, fmt.Appendf(nil, `"p%d@acme.test"`, n)) {
			err = fmt.Errorf("%s: somebody else: %.200s", path(n), out)
		}
		return err
	}
}

// reads are the four ways in which a provider finds a person.
func (w *world) reads() []work {
	filter := func(f string) func(int) string {
		return func(n int) string { return "/Users?filter=" + url.QueryEscape(fmt.Sprintf(f, n)) }
	}
	by := func(attribute, value string) func(int) string {
		return func(n int) string { return "/people/" + attribute + "/" + fmt.Sprintf(value, n) }
	}
	aim := map[int]float64{1: 0.7, 16: 0.7}
	return []work{
		{"GET by id", finds(w.product, func(n int) string { return "/Users/" + personID(n) }, w.people), finds(w.bare, func(n int) string { return "/people/id/" + personID(n) }, w.people), aim},
		{"userName eq", finds(w.product, filter(`userName eq "p%d@acme.test"`), w.people), finds(w.bare, by("userName", "p%d@acme.test"), w.people), aim},
		{"externalId eq", finds(w.product, filter(`externalId eq "ext-p%d"`), w.people), finds(w.bare, by("externalId", "ext-p%d"), w.people), aim},
		{`emails[type eq "work"].value eq`, finds(w.product, filter(`emails[type eq "work"].value eq "p%d@acme.test"`), w.people), finds(w.bare, by("email", "p%d@acme.test"), w.people), aim},
	}
}

// pages follows cursors from page to page, from the first one on again at the end.
func (w *world) pages() work {
	next := make([]string, 256)
	return work{"list 100 people", func(i, _ int) error {
		path := searchPage + "&cursor=" + next[i]
		out, err := w.product.send(http.MethodGet, path, nil, http.StatusOK)
		if err != nil {
			return err
		}
		var page struct {
			NextCursor   string            `json:"nextCursor"`
			TotalResults int               `json:"totalResults"`
			Resources    []json.RawMessage `json:"Resources"`
		}
		if err := json.Unmarshal(out, &page); err != nil {
			return err
		}
		if next[i] = page.NextCursor; next[i] != "" && len(page.Resources) != 100 || page.TotalResults != w.people+1 {
			return fmt.Errorf("%d of %d on a page", len(page.Resources), page.TotalResults)
		}
		return nil
	}, w.barePages(), map[int]float64{1: 0.7, 16: 0.7}}
}

func (w *world) barePages() request {
	after := make([]url.Values, 256)
	return func(i, _ int) error {
		if after[i] == nil {
			after[i] = url.Values{"created": {"2000-01-01T00:00:00Z"}, "id": {""}}
		}
		out, err := w.bare.send(http.MethodGet, "/page?"+after[i].Encode(), nil, http.StatusOK)
		if err != nil {
			return err
		}
		var page []struct {
			ID      string `json:"id"`
			Created string `json:"created"`
		}
		if err := json.Unmarshal(out, &page); err != nil {
			return err
		}
		if after[i] = nil; len(page) == 100 {
			after[i] = url.Values{"created": {page[99].Created}, "id": {page[99].ID}}
		}
		return nil
	}
}

// BenchmarkSCIMRead: finding one person, and pages of 100.
func BenchmarkSCIMRead(b *testing.B) {
	w := newSCIMStage(b).world(b, shapes["1,000 people"])
	for _, k := range append(w.reads(), w.pages()) {
		for _, c := range []int{1, 16} {
			w.against(b, k, c)
		}
	}
}

// BenchmarkSCIMFlat: the same in databases of three shapes; what there is more of must not matter.
func BenchmarkSCIMFlat(b *testing.B) {
	s := newSCIMStage(b)
	p50 := map[string]map[string]time.Duration{}
	order := []string{"1,000 people", "100,000 people", "1,000 people in 1,000 workspaces"}
	worlds := map[string]*world{}
	for _, name := range order {
		worlds[name] = s.world(b, shapes[name])
		p50[name] = map[string]time.Duration{}
	}
	for range rounds { // in turns, so that what else the machine does meets all three
		for _, name := range order {
			w := worlds[name]
			for _, k := range append(w.reads(), w.pages()) {
				got := w.window(b, w.product, 1, lasting, k.product).p50
				if was, ok := p50[name][k.name]; !ok || got < was {
					p50[name][k.name] = got
				}
			}
		}
	}
	first := worlds[order[0]]
	for _, k := range append(first.reads(), first.pages()) {
		small, flat := p50[order[0]][k.name], 1.15
		if k.name == "list 100 people" {
			flat = 1.2
		}
		for _, name := range order[1:] {
			ratio := float64(p50[name][k.name]) / float64(small)
			fmt.Printf("%-44s p50 at %-34s %4.0f µs, %.2f of the %.0f µs at 1,000 people%s\n", k.name, name, us(p50[name][k.name]), ratio, us(small), missed(ratio, flat))
		}
	}
	b.ReportMetric(0, "ns/op")
}

func missed(ratio, most float64) string {
	if ratio > most {
		return fmt.Sprintf(" (≤ %.2f MISSED)", most)
	}
	return fmt.Sprintf(" (≤ %.2f)", most)
}

// BenchmarkSCIMChange: PATCH of one attribute, and of active.
func BenchmarkSCIMChange(b *testing.B) {
	w := newSCIMStage(b).world(b, shapes["100,000 people"])
	aim := map[int]float64{1: 0.7, 16: 0.7}
	var changed, ended atomic.Int64
	patch := func(n int, op string) error {
		_, err := w.product.send(http.MethodPatch, "/Users/"+personID(n), []byte(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[`+op+`]}`), http.StatusOK)
		return err
	}
	bare := func(body string) request {
		return func(int, int) error {
			_, err := w.bare.send(http.MethodPatch, "/people/"+personID(1+rand.IntN(w.people/4)), []byte(fmt.Sprintf(body, serial.Add(1))), http.StatusOK)
			return err
		}
	}
	one := work{"PATCH one attribute", func(int, int) error {
		changed.Add(1)
		return patch(w.people/4+1+rand.IntN(w.people/4), fmt.Sprintf(`{"op":"replace","path":"title","value":"T%d"}`, serial.Add(1)))
	}, bare(`{"title":"T%d"}`), aim}
	active := work{"PATCH active=false", func(int, int) error {
		return patch(w.people/2+int(ended.Add(1)), `{"op":"replace","path":"active","value":false}`)
	}, bare(`{"active":false,"title":"T%d"}`), aim}
	for _, k := range []work{one, active} {
		for _, c := range []int{1, 16} {
			w.against(b, k, c)
		}
	}
	if there := count(b, w.db, "SELECT sum(version - 1) FROM people WHERE id > $1 AND id <= $2", personID(w.people/4), personID(w.people/2)); there != int(changed.Load()) {
		b.Errorf("%d changes were acknowledged, %d are there", changed.Load(), there)
	}
	if there := count(b, w.db, "SELECT count(*) FROM people WHERE NOT active AND id > $1 AND id <= $2", personID(w.people/2), personID(w.people)); there != int(ended.Load()) {
		b.Errorf("%d deactivations were acknowledged, %d are there", ended.Load(), there)
	}
	if there := count(b, w.db, "SELECT count(*) FROM audit_events WHERE event IN ('person.changed', 'person.deactivated')"); there != int(changed.Load()+ended.Load()) {
		b.Errorf("%d changes were acknowledged, the audit tells of %d", changed.Load()+ended.Load(), there)
	}
}

// member adds one person to a team, or takes them out again.
func (w *world) member(team string, add bool, person string) error {
	op := `{"op":"add","path":"members","value":[{"value":"` + person + `"}]}`
	if !add {
		op = `{"op":"remove","path":"members[value eq \"` + person + `\"]"}`
	}
	_, err := w.product.send(http.MethodPatch, "/Groups/"+team, []byte(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[`+op+`]}`), http.StatusNoContent)
	return err
}

// adds adds somebody new to each worker's team with every request; removes takes a member out of the large one.
func (w *world) adds(team func(worker int) string, made *atomic.Int64) request {
	return func(i, _ int) error { return w.member(team(i), true, personID(50_000+1+int(made.Add(1))%50_000)) }
}

func (w *world) removes(gone *atomic.Int64) request {
	return func(int, int) error { return w.member(teamOf(50_000, 0), false, personID(int(gone.Add(1)))) }
}

// BenchmarkSCIMTeam: changes of one member, and reading a team without its members; the size of the team must not matter.
func BenchmarkSCIMTeam(b *testing.B) {
	w := newSCIMStage(b).world(b, shapes["100,000 people"])
	inserts := creates(w.bare, "/people", http.StatusOK, new(atomic.Int64))
	large := func(int) string { return teamOf(50_000, 0) }
	var made, gone atomic.Int64
	for _, k := range []work{
		{"PATCH adding 1 member, each to a team of 50", w.adds(func(i int) string { return teamOf(50, i) }, new(atomic.Int64)), inserts, map[int]float64{16: 0.6}},
		{"PATCH adding 1 member, all to one of 50,000", w.adds(large, &made), inserts, map[int]float64{16: 0.6}},
		{"PATCH removing 1 member, all from one team", w.removes(&gone), inserts, map[int]float64{16: 0.6}},
	} {
		for _, c := range []int{1, 16} {
			w.against(b, k, c)
		}
	}
	w.flatTeams(b, &made)
	if there, want := count(b, w.db, "SELECT count(*) FROM team_members WHERE team_id = $1", large(0)), 50_000+int(min(made.Load(), 50_000)-gone.Load()); there != want {
		b.Errorf("the large team has %d members, want %d", there, want)
	}
	w.crowd(b)
	b.ReportMetric(0, "ns/op")
}

// best is the smallest median of some windows, taken in turns.
func (w *world) best(b *testing.B, all ...request) []time.Duration {
	b.Helper()
	out := make([]time.Duration, len(all))
	for range rounds {
		for i, do := range all {
			if got := w.window(b, w.product, 1, lasting, do).p50; out[i] == 0 || got < out[i] {
				out[i] = got
			}
		}
	}
	return out
}

func (w *world) flatTeams(b *testing.B, made *atomic.Int64) {
	b.Helper()
	get := func(path string) request {
		return func(int, int) error {
			_, err := w.product.send(http.MethodGet, path, nil, http.StatusOK)
			return err
		}
	}
	p := w.best(b, w.adds(func(int) string { return teamOf(50, 16) }, new(atomic.Int64)), w.adds(func(int) string { return teamOf(50_000, 0) }, made),
		get("/Users/"+personID(60_000)), get("/Groups/"+teamOf(10, 0)+"?excludedAttributes=members"), get("/Groups/"+teamOf(50_000, 0)+"?excludedAttributes=members"))
	ratio := func(what string, a, of time.Duration, most float64) {
		fmt.Printf("%-66s p50 %4.0f µs, %.2f of %.0f µs%s\n", what, us(a), float64(a)/float64(of), us(of), missed(float64(a)/float64(of), most))
	}
	ratio("PATCH adding 1 member at 50,000 members, beside 50", p[1], p[0], 1.2)
	ratio("GET a team of 10 without its members, beside a person", p[3], p[2], 1.3)
	ratio("GET a team of 50,000 without its members, beside a person", p[4], p[2], 1.3)
}

// crowd adds people to one team from 64 connections at once and counts them.
func (w *world) crowd(b *testing.B) {
	b.Helper()
	team := teamOf(10, 5)
	var added atomic.Int64
	drive(b, 64, 2*lasting, func(int, int) error { return w.member(team, true, personID(10+int(added.Add(1)))) })
	there := count(b, w.db, "SELECT count(*) FROM team_members WHERE team_id = $1", team)
	fmt.Printf("adds to one team at C=64: %d acknowledged, %d lost\n", added.Load(), int(added.Load())+10-there)
	if there != int(added.Load())+10 {
		b.Error("members were lost")
	}
}

// BenchmarkSCIMMemory: resident memory idle and after 100,000 creates.
func BenchmarkSCIMMemory(b *testing.B) {
	w := newSCIMStage(b).world(b, shapes["1,000 people"])
	idle := resident(b, w.product.pid)
	var made atomic.Int64
	began := time.Now()
	for made.Load() < 100_000 {
		drive(b, 16, lasting, creates(w.product, "/Users", http.StatusCreated, &made))
	}
	after := resident(b, w.product.pid)
	fmt.Printf("resident memory: %.0f MiB idle (≤ 60%s), %.0f MiB after %d creates in %.0f s, %.2f of it (≤ 2%s)\n", idle, flag(idle <= 60), after, made.Load(),
		time.Since(began).Seconds(), after/idle, flag(after <= 2*idle))
	if there := count(b, w.db, "SELECT count(*) FROM people WHERE user_name LIKE 'n%'"); there != int(made.Load()) {
		b.Errorf("%d people were acknowledged and %d are there", made.Load(), there)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(idle, "idle-MiB")
	b.ReportMetric(after, "after-MiB")
}

func flag(kept bool) string { return cmp.Or(map[bool]string{false: " MISSED"}[kept], "") }

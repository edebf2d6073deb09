package audit_test

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/audit"
	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
)

func verify(t *testing.T, file []byte, key string) audit.Report {
	t.Helper()
	r, err := audit.Verify(bytes.NewReader(file), int64(len(file)), key)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestASignedExportIsCheckedOffline(t *testing.T) {
	onBoth(t, func(w *world) {
		empty := verify(w.T, w.signed(audit.About{}), "")
		if !empty.OK || empty.Events != 0 {
			w.Errorf("an empty one: %+v", empty.Broken)
		}
		w.record(ana, 7)
		w.seal()
		w.keys.rotate()
		w.record(ana, 5)
		file := w.signed(audit.About{})
		for name, pinned := range map[string]string{"no key": "", "the first key": w.keys.fingerprint(0), "the second": w.keys.fingerprint(1),
			"without its prefix": strings.TrimPrefix(w.keys.fingerprint(1), "sha256:")} {
			r := verify(w.T, file, pinned)
			if !r.OK || r.Events != 12 || r.First != 1 || r.Last != 12 || r.Workspace != "acme" || r.Pinned != (pinned != "") || r.Key != w.keys.fingerprint(1) {
				w.Errorf("%s: %+v, %+v", name, r, r.Broken)
			}
		}
		if r := verify(w.T, file, "sha256:00"); r.OK || !strings.Contains(r.Broken.Why, "key you gave") {
			w.Errorf("a strange key: %+v", r.Broken)
		}
		if again := w.whole(); again.Head != verify(w.T, file, "").Head {
			w.Error("the export ends with another head than the database")
		}
	})
}

// TestAnExportOfATimeHoldsWholeSeals and begins with what the first of them is chained to.
func TestAnExportOfATimeHoldsWholeSeals(t *testing.T) {
	onBoth(t, func(w *world) {
		began, err := w.db.Now(w.Context())
		w.must(err)
		for n := range 4 { // four seals of three events, a day apart
			w.ahead.Store(int64(time.Duration(n) * 24 * time.Hour))
			w.record(ana, 3)
			w.seal()
		}
		day := func(n int) time.Time { return began.Add(time.Duration(n) * 24 * time.Hour) }
		for name, c := range map[string]struct {
			from, to    time.Time
			first, last int64
		}{
			"from the second day":    {day(1), time.Time{}, 4, 12},
			"up to the third":        {time.Time{}, day(2), 1, 6},
			"the second alone":       {day(1), day(2), 4, 6},
			"after everything":       {day(9), time.Time{}, 0, 0},
			"before everything":      {time.Time{}, day(-9), 0, 0},
			"between two days":       {day(1).Add(12 * time.Hour), day(2), 0, 0},
			"a little of the second": {day(1), day(1).Add(time.Hour), 4, 6},
		} {
			r := verify(w.T, w.signed(audit.About{From: c.from, To: c.to}), w.keys.fingerprint(0))
			if !r.OK || r.First != c.first || r.Last != c.last {
				w.Errorf("%s: events %d to %d, %+v", name, r.First, r.Last, r.Broken)
			}
		}
		w.must(w.chains.Retain(w.Context(), ana, 90))
		w.seal()
		w.ahead.Store(int64((91*24 + 12) * time.Hour))
		w.must(w.chains.Sweep(w.Context()))
		if r := verify(w.T, w.signed(audit.About{}), ""); !r.OK || r.Deleted != 6 || r.First != 7 {
			w.Errorf("after retention: %+v, %+v", r, r.Broken)
		}
	})
}

// parts are the files of an export by name.
func parts(t *testing.T, file []byte) (names []string, all map[string][]byte) {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	all = map[string][]byte{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		names, all[f.Name] = append(names, f.Name), b
	}
	return names, all
}

// packed is an export of these files, as somebody with an editor would make it.
func packed(t *testing.T, names []string, all map[string][]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range names {
		f, err := z.Create(name)
		if err == nil {
			_, err = f.Write(all[name])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestOneChangedByteIsNamed changes one byte in every field of an event, and in every line of the other files.
func TestOneChangedByteIsNamed(t *testing.T) {
	w := newWorld(t, dbtest.URL(t, database.SQLite), &keyring{})
	w.record(ana, 4)
	w.seal()
	w.keys.rotate()
	w.record(ana, 3)
	w.seal()
	file := w.signed(audit.About{})
	names, all := parts(t, file)
	if r := verify(t, packed(t, names, all), w.keys.fingerprint(0)); !r.OK {
		t.Fatalf("packed again: %+v", r.Broken)
	}
	// An event's line: a byte in each name and in each value, found by walking the line.
	events := bytes.SplitAfter(all["events.jsonl"], []byte("\n"))
	third := events[2]
	for at := range len(third) {
		changed := slices.Clone(third)
		changed[at] ^= 1
		all["events.jsonl"] = bytes.Join([][]byte{events[0], events[1], changed, bytes.Join(events[3:], nil)}, nil)
		r := verify(t, packed(t, names, all), w.keys.fingerprint(0))
		if r.OK || at < len(third)-1 && r.Broken.Position != 3 && !bytes.Contains(third, []byte(r.Broken.ID)) {
			t.Errorf("byte %d of the third event, %q: %+v", at, third[max(0, at-8):min(len(third), at+8)], r.Broken)
		}
	}
	all["events.jsonl"] = bytes.Join(events, nil)
	for _, name := range []string{"seals.jsonl", "keys.json", "manifest.json", "manifest.sig", "VERIFY.txt"} {
		was := all[name]
		for at := 0; at < len(was); at += 7 {
			all[name] = slices.Clone(was)
			all[name][at] ^= 1
			if r := verify(t, packed(t, names, all), w.keys.fingerprint(0)); r.OK {
				t.Errorf("byte %d of %s can change unseen: %q", at, name, was[max(0, at-8):min(len(was), at+8)])
			}
		}
		all[name] = was
	}
}

// TestWhatSomebodyDoesToAnExportIsFound beyond single bytes.
func TestWhatSomebodyDoesToAnExportIsFound(t *testing.T) {
	w := newWorld(t, dbtest.URL(t, database.SQLite), &keyring{})
	w.record(ana, 4)
	w.seal()
	w.record(ana, 3)
	w.seal()
	file := w.signed(audit.About{})
	strange := &keyring{}
	strange.rotate()
	lines := func(b []byte) [][]byte { return bytes.SplitAfter(bytes.TrimSuffix(b, []byte("\n")), []byte("\n")) }
	join := func(l ...[]byte) []byte { return append(bytes.TrimSuffix(bytes.Join(l, nil), []byte("\n")), '\n') }
	nl := func(b []byte) []byte { return append(bytes.TrimSuffix(slices.Clone(b), []byte("\n")), '\n') }
	for name, c := range map[string]struct {
		do func(all map[string][]byte)
		at int64
	}{
		"an event dropped": {func(a map[string][]byte) {
			e := lines(a["events.jsonl"])
			a["events.jsonl"] = join(append(slices.Clone(e[:2]), e[3:]...)...)
		}, 3},
		"an event doubled": {func(a map[string][]byte) {
			e := lines(a["events.jsonl"])
			a["events.jsonl"] = join(slices.Insert(e, 3, e[2])...)
		}, 3},
		"two events swapped": {func(a map[string][]byte) {
			e := lines(a["events.jsonl"])
			e[1], e[2] = e[2], e[1]
			a["events.jsonl"] = join(e...)
		}, 2},
		"the end cut off": {func(a map[string][]byte) { e := lines(a["events.jsonl"]); a["events.jsonl"] = join(e[:5]...) }, 6},
		"the end and its seal": {func(a map[string][]byte) {
			e, s := lines(a["events.jsonl"]), lines(a["seals.jsonl"])
			a["events.jsonl"], a["seals.jsonl"] = join(e[:4]...), nl(s[0])
		}, 5},
		"the head cut off": {func(a map[string][]byte) { e := lines(a["events.jsonl"]); a["events.jsonl"] = join(e[1:]...) }, 1},
		"the head and its seal": {func(a map[string][]byte) {
			e, s := lines(a["events.jsonl"]), lines(a["seals.jsonl"])
			a["events.jsonl"], a["seals.jsonl"] = join(e[4:]...), nl(s[1])
		}, 1},
		"a line cut in two": {func(a map[string][]byte) { a["events.jsonl"] = a["events.jsonl"][:len(a["events.jsonl"])-20] }, 7},
		"no events":         {func(a map[string][]byte) { a["events.jsonl"] = nil }, 1},
		"no seals":          {func(a map[string][]byte) { a["seals.jsonl"] = nil }, 1},
		"a seal twice": {func(a map[string][]byte) {
			s := lines(a["seals.jsonl"])
			a["seals.jsonl"] = join(nl(s[0]), nl(s[0]), s[1])
		}, 5},
		"another's keys": {func(a map[string][]byte) {
			a["keys.json"] = bytes.ReplaceAll(a["keys.json"], spki(w.keys), spki(strange))
		}, 1},
		"no manifest":         {func(a map[string][]byte) { delete(a, "manifest.json") }, 0},
		"an event not sealed": {func(a map[string][]byte) { a["events.jsonl"] = append(a["events.jsonl"], unsealed...) }, 0},
		"a manifest for another": {func(a map[string][]byte) {
			a["manifest.json"] = bytes.ReplaceAll(a["manifest.json"], []byte("Acme"), []byte("Evil"))
		}, 0},
	} {
		names, all := parts(t, file)
		c.do(all)
		names = slices.DeleteFunc(names, func(n string) bool { _, ok := all[n]; return !ok })
		r := verify(t, packed(t, names, all), "")
		if r.OK || r.Broken.Position != c.at {
			t.Errorf("%s: %+v", name, r.Broken)
		}
	}
	for _, cut := range []int{len(file) / 2, len(file) - 1, 10, 0} {
		if r := verify(t, file[:cut], ""); r.OK {
			t.Errorf("the first %d bytes are taken for an export", cut)
		}
	}
	// The file as it lies on a disk: no byte of the events changes unseen, zip or not.
	for at := bytes.Index(file, []byte(`{"position":2`)); at < bytes.Index(file, []byte(`{"position":3`)); at += 5 {
		damaged := slices.Clone(file)
		damaged[at] ^= 4
		if r := verify(t, damaged, ""); r.OK || r.Broken.Position != 2 {
			t.Errorf("byte %d of the file: %+v", at, r.Broken)
		}
	}
}

const unsealed = `{"position":0,"id":"evt_x","at":"2026-11-22T10:00:00.000000Z","event":"token.viewed","actor_kind":"person","actor_id":"p","actor_name":"Ana","subject":"t","ip":"","user_agent":"","detail":{}}` + "\n"

func spki(k *keyring) []byte {
	b, _ := json.Marshal(k.all[0].SPKI) // base64 with padding; the export has it without
	return bytes.TrimRight(bytes.NewBuffer([]byte(strings.NewReplacer("+", "-", "/", "_").Replace(strings.Trim(string(b), `"`)))).Bytes(), "=")
}

// TestTheUnsealedTailIsNamed: what another replica is about to seal is there without a place.
func TestTheUnsealedTailIsNamed(t *testing.T) {
	w := newWorld(t, dbtest.URL(t, database.Postgres), &keyring{})
	w.record(ana, 3)
	w.seal()
	letGo := w.holdChain()
	w.record(ana, 2)
	now, err := w.db.Now(w.Context())
	w.must(err)
	file := w.signed(audit.About{MadeAt: now.Add(time.Minute)})
	letGo()
	r := verify(t, file, w.keys.fingerprint(0))
	if !r.OK || r.Events != 3 || r.Unsealed.Events != 2 || r.Unsealed.First == "" || r.Unsealed.First == r.Unsealed.Last {
		t.Errorf("the report is %+v, %+v", r, r.Broken)
	}
	names, all := parts(t, file)
	all["events.jsonl"] = bytes.Replace(all["events.jsonl"], []byte(`"position":0,"id":"evt_`), []byte(`"position":0,"id":"evu_`), 1)
	if r := verify(t, packed(t, names, all), ""); r.OK || !strings.Contains(r.Broken.Why, "not sealed") {
		t.Errorf("a change in the tail: %+v", r.Broken)
	}
}

// TestTheSpreadsheetHoldsNoFormula and reads back as it was written.
func TestTheSpreadsheetHoldsNoFormula(t *testing.T) {
	onBoth(t, func(w *world) {
		evil := ana
		evil.Name, evil.UserAgent = `=HYPERLINK("http://x","y")`, "@SUM(1)"
		for _, reason := range []string{"+1", "-1", "\t=1", "plain, \"quoted\"\nsecond line", " =1", "＝1", "ü – 日本"} {
			w.must(w.db.InTx(w.Context(), func(tx database.Tx) error {
				return audit.Record(tx, evil, "token.revoked", "tok_1", audit.Detail{"reason": reason, "device": "=cmd"})
			}))
		}
		w.seal()
		w.ahead.Store(int64(time.Second))
		e, err := w.chains.Begin(w.Context(), ana, audit.CSV, audit.Query{Kind: audit.Tokens})
		w.must(err)
		if e, err = w.chains.Fetch(w.Context(), ana, e.ID); err != nil {
			w.Fatal(err)
		}
		var b bytes.Buffer
		w.must(w.chains.Write(w.Context(), &b, e, audit.About{}))
		text, ok := strings.CutPrefix(b.String(), "\uFEFF")
		if !ok {
			w.Error("no byte order mark")
		}
		rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
		w.must(err)
		if len(rows) != 8 || len(rows[0]) != 16 || !strings.Contains(text, "Event id\r\n") {
			w.Fatalf("%d rows", len(rows))
		}
		formula := regexp.MustCompile(`^\s*[=+\-@＝＋－＠|%]`)
		for _, row := range rows {
			for n, cell := range row {
				if formula.MatchString(cell) {
					w.Errorf("column %d is a formula: %q", n, cell)
				}
			}
		}
		if got := rows[1][9]; got != "ü – 日本" {
			w.Errorf("the newest reason is %q", got)
		}
	})
}

func TestAnExportIsForWhoMadeItAndForADay(t *testing.T) {
	onBoth(t, func(w *world) {
		w.fill(431)
		ben := ana
		ben.Person = "ppl_ben"
		e, err := w.chains.Begin(w.Context(), ana, audit.JSONL, audit.Query{Kind: "token.viewed", Object: "tok_0"})
		w.must(err)
		w.record(ana, 3) // what comes later is not in it
		if _, err := w.chains.Fetch(w.Context(), ben, e.ID); !errors.Is(err, audit.ErrNone) {
			w.Errorf("fetched by another: %v", err)
		}
		for range 2 {
			got, err := w.chains.Fetch(w.Context(), ana, e.ID)
			w.must(err)
			var b bytes.Buffer
			w.must(w.chains.Write(w.Context(), &b, got, audit.About{}))
			if n := strings.Count(b.String(), "\n"); n != int(w.number("SELECT count(*) FROM audit_events WHERE subject = 'tok_0' AND at < ?", e.CreatedAt)) || n < 60 {
				w.Errorf("%d lines", n)
			}
		}
		if _, err := w.chains.Begin(w.Context(), ana, "xml", audit.Query{}); !errors.Is(err, audit.ErrFormat) {
			w.Errorf("xml: %v", err)
		}
		told := map[string]int64{"audit.exported": 1, "audit.fetched": 2}
		for _, event := range slices.Sorted(maps.Keys(told)) {
			if n := w.number("SELECT count(*) FROM audit_events WHERE event = ? AND subject = ?", event, e.ID); n != told[event] {
				w.Errorf("%s: told %d times", event, n)
			}
		}
		w.ahead.Store(int64(25 * time.Hour))
		if _, err := w.chains.Fetch(w.Context(), ana, e.ID); !errors.Is(err, audit.ErrExportGone) {
			w.Errorf("after a day: %v", err)
		}
		w.must(w.chains.Sweep(w.Context()))
		if n := w.number("SELECT count(*) FROM audit_exports"); n != 0 {
			w.Errorf("%d exports are left", n)
		}
	})
}

// TestAnExportOfManyEventsIsWhole over several pages of them.
func TestAnExportOfManyEventsIsWhole(t *testing.T) {
	w := newWorld(t, dbtest.URL(t, database.SQLite), &keyring{})
	w.fill(2600)
	file := w.signed(audit.About{})
	if r := verify(t, file, w.keys.fingerprint(0)); !r.OK || r.Events != 2600 {
		t.Errorf("the report is %s", fmt.Sprintf("%+v, %+v", r, r.Broken))
	}
}

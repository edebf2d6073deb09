package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// sighting is a text that was somewhere in a browser, a push or a log.
type sighting struct{ where, text string }

// secret is what a person was shown on a screen: a token or a code.
type secret struct{ kind, value string }

const (
	pieceLength   = 11 // the longest piece of a token that may be seen anywhere
	longestMoment = 40 // what follows the year of a time that is no code
)

var (
	tokenForm = regexp.MustCompile(`cs_scim_[0-9A-Za-z]{49}`)
	momentOf  = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)`)
	reveal    = regexp.MustCompile(`^/v1/confirmations/[^/]+/reveal$`)
)

// checkSecrets looks for every token and code of the whole story in everything that left the service, in the logs, and in what the browsers
// kept. A token is in one answer, to the call that collects it; a code is on the screen that asked for it, and in what feeds that screen.
func (s *story) checkSecrets(t *testing.T) {
	t.Helper()
	tokens, codes := s.handedOut(t), s.codes()
	shown := map[string]bool{}
	for _, x := range s.shown {
		shown[x.value] = true
		if x.kind == "token" && tokens[x.value] == nil {
			t.Error("a browser shows a token that no call handed out")
		}
	}
	if (len(tokens) == 0 || len(codes) == 0) && os.Getenv("COUNTERSIGN_E2E_JOURNEYS") == "" {
		t.Error("no token or no code was handed out: this proves nothing")
	}
	for token := range tokens {
		if !shown[token] {
			t.Error("a token was handed out that no browser showed")
		}
	}
	pieces, looked, size, began := piecesOf(tokens), map[string]int{}, 0, time.Now()
	for _, c := range s.corpus() {
		size += len(c.text)
		if c.text != "" && (c.kind != "frame" || strings.Contains(c.text, `"t":"snapshot"`)) {
			looked[c.kind]++
		}
		if !c.collects && pieces.in(c.text) {
			t.Errorf("a piece of a token is in %s", c.where)
		}
		if !c.mayShowCode && codes.in(c.text) {
			t.Errorf("a six-digit code is in %s", c.where)
		}
	}
	t.Logf("secrets: %d tokens and %d codes, looked for in %v, %d MB in %.1f s", len(tokens), len(codes), looked, size>>20, time.Since(began).Seconds())
	for _, kind := range kinds {
		if looked[kind] == 0 && os.Getenv("COUNTERSIGN_E2E_JOURNEYS") == "" {
			t.Errorf("nothing was looked through that is a kind of %s: this proves nothing", kind)
		}
	}
}

// kinds are the places that a secret could get to.
var kinds = []string{"answer", "header", "frame", "address", "request", "push", "log", "output", "browser"}

// part is one text of the whole.
type part struct {
	kind, where, text     string
	collects, mayShowCode bool
}

// corpus is every text that a secret could be in.
func (s *story) corpus() []part {
	var all []part
	for _, w := range []*wire{s.console, s.companion} {
		for _, x := range w.all() {
			path, _, _ := strings.Cut(x.Target, "?")
			where := fmt.Sprintf("the %s's answer to %s %s", w.name, x.Method, path)
			asks := w == s.console && strings.HasPrefix(path, "/v1/confirmations")
			all = append(all, part{kind: "answer", where: where, text: string(x.body()), collects: collects(x), mayShowCode: asks},
				part{kind: "header", where: "the header of " + where, text: fmt.Sprint(x.header)},
				part{kind: "frame", where: "frames of " + where, text: string(x.frames.bytes())},
				part{kind: "address", where: "an address: " + where, text: x.Target},
				part{kind: "request", where: "the request of " + where, text: string(x.request.bytes()), mayShowCode: true}) // a phone signs the digits
			if !strings.HasPrefix(path, "/v1/scim/") {
				all = append(all, part{kind: "header", where: "the authorization of " + where, text: x.authorization})
			}
		}
	}
	for _, d := range s.deliveries() {
		all = append(all, part{kind: "push", where: "a push by " + string(d.Service), text: string(d.Raw) + string(d.Payload) + fmt.Sprint(d.Header) + d.Collapse})
	}
	for _, m := range s.post.all() {
		all = append(all, part{kind: "mail", where: "a mail: " + m.Subject, text: m.Subject + "\n" + m.Text})
	}
	lines := bufio.NewScanner(strings.NewReader(s.log.String()))
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		all = append(all, part{kind: "log", where: "the log: " + message(lines.Text()), text: lines.Text()})
	}
	all = append(all, part{kind: "output", where: "standard output", text: s.terminal.String()})
	for _, v := range s.seen {
		all = append(all, part{kind: "browser", where: v.where, text: v.text})
	}
	return all
}

// message is what a log line is about, without what may be secret.
func message(line string) string {
	var l struct {
		Msg string `json:"msg"`
	}
	_ = json.Unmarshal([]byte(line), &l) // a line that is not JSON has none
	return l.Msg
}

func collects(x *exchange) bool {
	return x.Method == http.MethodPost && x.Status == http.StatusOK && reveal.MatchString(x.Target)
}

// handedOut finds the tokens in all answers and checks that each is in exactly one, to the call that collects.
func (s *story) handedOut(t *testing.T) map[string][]*exchange {
	t.Helper()
	found := map[string][]*exchange{}
	for _, w := range []*wire{s.console, s.companion} {
		for _, x := range w.all() {
			for token := range setOf(tokenForm.FindAllString(string(x.body()), -1)) {
				found[token] = append(found[token], x)
			}
		}
	}
	for _, in := range found {
		if len(in) != 1 || !collects(in[0]) {
			where := ""
			for _, x := range in {
				where += fmt.Sprintf(" %s %s %d;", x.Method, x.Target, x.Status)
			}
			t.Errorf("a token is in %d answers:%s", len(in), where)
		}
		if cache := in[0].header.Get("Cache-Control"); !strings.Contains(cache, "no-store") {
			t.Errorf("an answer with a token may be kept: %q", cache)
		}
	}
	return found
}

// codeSet are codes as they were made; each is written in one piece or in two groups.
type codeSet map[string]bool

// in goes once through a text, from one number to the next: however many codes there are, it costs the same.
func (c codeSet) in(text string) bool {
	for i := 0; i < len(text); {
		if !digit(text[i]) {
			i++
			continue
		}
		end := number(text, i)
		moment := 0
		if end-i >= 4 && end < len(text) && text[end] == '-' {
			moment = len(momentOf.FindString(text[end-4 : min(len(text), end+longestMoment)]))
		}
		if moment > 0 {
			end -= 4
		}
		if c.has(text, i, end) {
			return true
		}
		i = end + moment
	}
	return false
}

// has says whether the number text[i:end], or it and the next one, is a code.
func (c codeSet) has(text string, i, end int) bool {
	switch end - i {
	case 6:
		return c[text[i:end]]
	case 7: // a digit between the groups is as good as any other sign
		return c[text[i:i+3]+text[i+4:end]]
	case 3:
		sign, width := utf8.DecodeRuneInString(text[end:])
		next := end + width
		return width > 0 && sign != '\n' && number(text, next) == next+3 && c[text[i:end]+text[next:next+3]]
	}
	return false
}

func digit(b byte) bool { return '0' <= b && b <= '9' }

// number is where the digits that begin at i end.
func number(text string, i int) int {
	for i < len(text) && digit(text[i]) {
		i++
	}
	return i
}

// codes finds the codes in the answers to the sessions that asked.
func (s *story) codes() codeSet {
	found := codeSet{}
	for _, x := range s.console.all() {
		var asked struct {
			Code string `json:"code"`
		}
		if strings.HasPrefix(x.Target, "/v1/confirmations") && json.Unmarshal(x.body(), &asked) == nil && len(asked.Code) == 6 {
			found[asked.Code] = true
		}
	}
	return found
}

func setOf(list []string) map[string]bool {
	set := map[string]bool{}
	for _, l := range list {
		set[l] = true
	}
	return set
}

// pieces are all pieces of all tokens that are too long to be seen anywhere.
type pieces struct {
	all    map[string]bool
	begins []bool // by the first three bytes: most of a text is passed over by this alone
}

func piecesOf(tokens map[string][]*exchange) pieces {
	p := pieces{all: map[string]bool{}, begins: make([]bool, 1<<24)}
	for token := range tokens {
		for i := 0; i+pieceLength+1 <= len(token); i++ {
			p.all[token[i:i+pieceLength+1]] = true
			p.begins[start3(token[i:])] = true
		}
	}
	return p
}

func start3(text string) int { return int(text[0])<<16 | int(text[1])<<8 | int(text[2]) }

func (p pieces) in(text string) bool {
	for i := 0; i+pieceLength+1 <= len(text); i++ {
		if p.begins[start3(text[i:])] && p.all[text[i:i+pieceLength+1]] {
			return true
		}
	}
	return false
}

// TestTheSearchFindsASecret plants pieces of a token and a code in every kind of place.
func TestTheSearchFindsASecret(t *testing.T) {
	const token, code = "cs_scim_0123456789abcdefghijABCDEFGHIJklmnopqrstKLMNOPQRS", "482913"
	for _, c := range []struct {
		name  string
		text  string
		found string // what is found; "" for nothing
	}{
		{name: "a piece of twelve", text: `{"hint":"abcdefghijAB"}`, found: "token"},
		{name: "a piece of eleven", text: `{"hint":"abcdefghijA"}`},
		{name: "the last four", text: "…PQRS"},
		{name: "the code alone", text: `{"code":"482913"}`, found: "code"},
		{name: "the code in two groups", text: "type 482 913 now", found: "code"},
		{name: "the code in two groups with a thin space", text: "482\u202f913", found: "code"},
		{name: "the code in two groups with a digit between", text: "4821913", found: "code"},
		{name: "the code at the very end", text: "your code: 482913", found: "code"},
		{name: "the code after three digits of another number", text: "404 482 913", found: "code"},
		{name: "the code after a moment", text: "2026-11-22T04:24:15Z 482913", found: "code"},
		{name: "the code before a date", text: "482913-11-22", found: "code"},
		{name: "the first group alone", text: "482"},
		{name: "the code in two groups that are longer", text: "1482 913, 482 9130"},
		{name: "the code on two lines", text: "482\n913"},
		{name: "the code within a longer number", text: "port 4829130"},
		{name: "the code in a moment", text: "2026-11-22T04:24:15.482913Z"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := ""
			if piecesOf(map[string][]*exchange{token: nil}).in(c.text) {
				got = "token"
			}
			if (codeSet{code: true}).in(c.text) {
				got = "code"
			}
			if got != c.found {
				t.Errorf("found %q, want %q", got, c.found)
			}
		})
	}
}

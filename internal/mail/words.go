package mail

import (
	"embed"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/countersign/countersign/webapp"
)

//go:embed words/*.json
var wordFiles embed.FS

// book is language → name → sentence. What a notice says is the console's own sentence: one catalogue for screen and mail.
var book = func() map[string]map[string]string {
	out := map[string]map[string]string{}
	for _, l := range Languages {
		page := map[string]string{}
		raw, err := wordFiles.ReadFile("words/" + l + ".json")
		if err == nil {
			err = json.Unmarshal(raw, &page)
		}
		if err == nil {
			raw, err = webapp.Words(l)
		}
		if err == nil {
			err = json.Unmarshal(raw, &page)
		}
		if err != nil {
			panic(fmt.Errorf("mail: the words in %s: %w", l, err)) // both are part of the program
		}
		out[l] = page
	}
	return out
}()

// filling is what a mail's sentences are filled with.
type filling struct {
	Brand     string
	Workspace string
	Name      string
	At        time.Time
	Params    map[string]any
}

// compose is a mail of a kind in a language; where its link leads is the caller's.
func compose(language, kind string, f filling) Message {
	page := book[language]
	fields := map[string]string{"brand": f.Brand, "workspace": f.Workspace, "name": f.Name, "at": when(f.At, language), "kind": kind}
	for name, v := range f.Params {
		if fields[name] == "" {
			fields[name] = value(v, language)
		}
	}
	m := Message{Greeting: fill(page["greeting"], fields), Foot: fill(page["foot"], fields)}
	switch kind {
	case "password", "test":
		fields["event"] = fill(page[kind], fields)
		m.Text = fill(page[kind+"_text"], fields)
	default:
		fields["event"] = page[titleKey(EventOf(kind).Name)]
		if fields["event"] == "" {
			fields["event"] = kind
		}
		m.Text = fill(sentence(page, kind, f.Params), fields) + "\n"
		if key := whatNext(kind, f.Params); key != "" {
			m.Text += fill(page[key], fields) + "\n"
		}
		m.Text += fill(page["at"], fields) + "\n\n" + page["more"]
	}
	m.Subject = fill(page["subject"], fields)
	return m
}

// whatNext is the name of the sentence that says what a new token asks of its readers; "" where there is nothing to do.
func whatNext(kind string, params map[string]any) string {
	switch {
	case EventOf(kind).Name != "token.regenerated" || params["previous"] == nil || kind == "token.regeneration_cancelled":
		return ""
	case params["exposed"] == true:
		return "exposed"
	case params["until"] != nil:
		return "replaced_until"
	}
	return "replaced_now"
}

// titleKey is the name of an event's title in the console's catalogue.
func titleKey(event string) string {
	return "console.notifications.event_" + strings.ReplaceAll(event, ".", "_")
}

// sentence is the console's for a notice; where it counts, the one for that number.
func sentence(page map[string]string, kind string, params map[string]any) string {
	key := sentenceKey(kind, params)
	for _, name := range []string{key, key + "_other"} {
		if text, known := page[name]; known {
			if one, counts := page[key+"_one"]; counts && (number(params["count"]) == 1 || number(params["days"]) == 1) {
				return one
			}
			return text
		}
	}
	return page["console.notices.other"]
}

var (
	blank = regexp.MustCompile(`{{\s*([a-z_]+)\s*}}`)
	tag   = regexp.MustCompile(`</?[a-z]+>`) // the console's emphasis
)

// fill fills a sentence. What people named themselves stays on its line.
func fill(text string, fields map[string]string) string {
	text = tag.ReplaceAllString(text, "")
	return blank.ReplaceAllStringFunc(text, func(b string) string {
		name := blank.FindStringSubmatch(b)[1]
		if name == "count" && fields[name] == "" {
			name = "days"
		}
		if v := line(fields[name]); v != "" {
			return v
		}
		return "?"
	})
}

func number(v any) float64 { n, _ := v.(float64); return n }

// value is a parameter of a notice in words.
func value(v any, language string) string {
	text, ok := v.(string)
	if !ok {
		return fmt.Sprint(v)
	}
	if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return when(at, language)
	}
	return text
}

// when is a time that needs no time zone of the reader.
func when(at time.Time, language string) string {
	if language == "de" {
		return at.UTC().Format("02.01.2006, 15:04") + " UTC"
	}
	return at.UTC().Format("2 January 2006, 15:04") + " UTC"
}

// pageOf is where the console shows what a mail is about.
func pageOf(kind string) string {
	switch {
	case kind == "recovery.asked":
		return "/recovery"
	case strings.HasPrefix(kind, "sync."), strings.HasPrefix(kind, "token."):
		return "/settings/workspace/idp"
	default:
		return "/notices"
	}
}

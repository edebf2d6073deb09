package provisioning

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// who is how a sentence begins.
func (e *Entry) who() string {
	switch {
	case e.ReplayedBy != "":
		return e.ReplayedBy + ", replaying a call,"
	case e.Client.Name != "":
		return e.Client.Name
	}
	return "The identity provider"
}

// whom is the person or team as a sentence names them.
func (e *Entry) whom() string {
	name := clip(e.Name, 120)
	if name == "" {
		name = clip(e.Key, 120)
	}
	switch {
	case e.Kind == Team && name != "":
		return "the team " + name
	case e.Kind == Team:
		return "a team"
	case name != "":
		return name
	case e.Kind == Person:
		return "a person"
	}
	return "a record"
}

// sentence is what happened, for a person to read.
func (e *Entry) sentence() string {
	switch e.Result {
	case Rejected:
		return e.who() + " sent " + e.TokenStory
	case Slowed:
		return e.who() + " made more calls at once than this workspace takes, and was told to wait."
	case Failed:
		return e.failure()
	case Unchanged:
		return e.who() + " sent " + e.whom() + " again. Nothing was different."
	}
	if s := e.eventSentence(); s != "" {
		return s
	}
	return e.lookSentence()
}

var tries = map[string]string{"create": "create", "replace": "change", "patch": "change", "delete": "delete", "read": "look at", "list": "look for"}

func (e *Entry) failure() string {
	kind, verb, _ := strings.Cut(e.Operation, ".")
	detail := clip(e.Detail, 400)
	if do, ok := tries[verb]; ok {
		whom := e.whom()
		if verb == "list" {
			whom = map[string]string{"user": "people", "group": "teams"}[kind]
		}
		return fmt.Sprintf("%s could not %s %s: %s", e.who(), do, whom, detail)
	}
	return fmt.Sprintf("%s was refused: %s", e.who(), detail)
}

var events = map[string]string{
	"person.created": "created %s.", "person.adopted": "took over %s, who had been added here.", "person.revived": "brought %s back.",
	"person.deactivated": "deactivated %s.", "person.reactivated": "activated %s again.", "person.deleted": "deleted %s.", "team.deleted": "deleted %s.",
	"team.adopted": "took over %s, which was here already.",
}

func (e *Entry) eventSentence() string {
	if form, ok := events[e.Event]; ok {
		return e.who() + " " + fmt.Sprintf(form, e.whom())
	}
	switch e.Event {
	case "":
		return ""
	case "person.changed":
		return e.who() + " changed " + e.attributes() + " of " + e.whom() + "."
	case "team.created":
		return e.who() + " created " + e.whom() + e.with() + "."
	case "team.unknown_members":
		return e.who() + " named " + people(e.Unknown) + " for " + e.whom() + " who " + plural(e.Unknown, "is", "are") + " not here yet, and will join on arrival."
	case "team.changed":
		return e.who() + " " + e.memberSentence() + "." + e.fall()
	}
	return e.who() + ": " + strings.ReplaceAll(e.Event, "_", " ") + " (" + e.whom() + ")."
}

// attributes names what changed, three at most.
func (e *Entry) attributes() string {
	var names []string
	for _, c := range Diff(e.Before, e.After) {
		name := c.Attribute
		if strings.HasPrefix(name, "urn:") {
			name = name[strings.LastIndexByte(name, ':')+1:]
		}
		names = append(names, clip(name, 60))
	}
	switch n := len(names); {
	case n == 0:
		return "something"
	case n > 3:
		return strings.Join(names[:2], ", ") + " and " + strconv.Itoa(n-2) + " more attributes"
	case n > 1:
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
	return names[0]
}

func (e *Entry) with() string {
	switch {
	case e.Added > 0 && e.Unknown > 0:
		return fmt.Sprintf(" with %s, and named %d who %s not here yet", people(e.Added), e.Unknown, plural(e.Unknown, "is", "are"))
	case e.Added > 0:
		return " with " + people(e.Added)
	case e.Unknown > 0:
		return fmt.Sprintf(" and named %s who %s not here yet", people(e.Unknown), plural(e.Unknown, "is", "are"))
	}
	return ""
}

func (e *Entry) memberSentence() string {
	var did []string
	if e.Added > 0 {
		did = append(did, "added "+people(e.Added)+" to "+e.whom())
	}
	if e.Removed > 0 {
		did = append(did, "removed "+people(e.Removed)+" from "+e.whom())
	}
	if e.Unknown > 0 {
		did = append(did, "named "+people(e.Unknown)+" who "+plural(e.Unknown, "is", "are")+" not here yet")
	}
	if len(Diff(e.Before, e.After)) > 0 {
		did = append(did, "changed "+e.attributes()+" of "+e.whom())
	}
	if len(did) == 0 {
		return "changed " + e.whom()
	}
	return strings.Join(did, " and ")
}

// fall says how much of a team is left that lost more than half of its members at once.
func (e *Entry) fall() string {
	if e.FellFrom == 0 {
		return ""
	}
	return fmt.Sprintf(" It had %s and has %d left.", people(e.FellFrom), e.FellTo)
}

func people(n int64) string {
	if n == 1 {
		return "1 person"
	}
	return strconv.FormatInt(n, 10) + " people"
}

func plural(n int64, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// lookSentence is for calls that only look.
func (e *Entry) lookSentence() string {
	kind, verb, _ := strings.Cut(e.Operation, ".")
	all := map[string]string{"user": "people", "group": "teams"}[kind]
	switch {
	case e.Status == ClientGone:
		return e.who() + " asked for something and went away before the answer."
	case verb == "list" && strings.Contains(strings.ToLower(e.Target), "filter="):
		return fmt.Sprintf("%s looked for %s and found %d.", e.who(), all, max(0, e.Found))
	case verb == "list":
		return fmt.Sprintf("%s listed %s and got %d.", e.who(), all, max(0, e.Found))
	case verb == "read" && e.Status == 404:
		return e.who() + " looked for " + map[string]string{"user": "a person", "group": "a team"}[kind] + " by an id that is not here."
	case verb == "read":
		return e.who() + " looked at " + e.whom() + "."
	case kind == "discovery":
		return e.who() + " asked what this service offers."
	case kind == "bulk":
		return e.who() + " sent a bulk call of " + strconv.FormatInt(max(0, e.Found), 10) + " operations" + e.bulkFailures() + "."
	}
	return e.who() + " called " + clip(e.Target, 80) + "."
}

// ClientGone stands for the status of a call whose client did not wait for the answer.
const ClientGone = 499

// Failures is the member of a bulk call's Response that says how many of its operations were refused.
const Failures = "failed"

func (e *Entry) bulkFailures() string {
	m, _ := e.Response.(map[string]any)
	if n, _ := m[Failures].(json.Number); n != "" && n != "0" {
		return ", of which " + n.String() + " failed"
	}
	return ""
}

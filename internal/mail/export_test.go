package mail

import (
	"maps"
	"slices"
)

// SentenceKey is sentenceKey for tests.
var SentenceKey = sentenceKey

// Pause is pause for tests.
var Pause = pause

// Tell is the text of a mail of a kind.
func Tell(language, kind string, params map[string]any) string {
	return compose(language, kind, filling{Brand: "Countersign", Workspace: "Acme", Name: "Ana", Params: params}).Text
}

// Kinds are the kinds of notice that mails know.
func Kinds() []string { return slices.Sorted(maps.Keys(kinds)) }

// Compose is a mail of a kind without parameters.
func Compose(language, kind string) Message {
	return compose(language, kind, filling{Brand: "Countersign", Workspace: "Acme", Name: "Ana"})
}

// Package webapp carries the built web console and the built companion.
// `make web` fills dist; a fresh clone has only dist/.gitkeep there and still compiles.
package webapp

import (
	"embed"
	"fmt"
	"io/fs"
)

//go:embed all:dist
var dist embed.FS

//go:embed src/i18n/en-console.json src/i18n/de-console.json
var words embed.FS

// Words is the console's catalogue in a language ("en" or "de"), name → sentence as JSON: mails say things as the console does.
func Words(language string) ([]byte, error) {
	return words.ReadFile("src/i18n/" + language + "-console.json")
}

// Console returns the built console: index.html, theme.js and assets.
func Console() (fs.FS, error) { return built("console") }

// Companion returns the built companion: index.html, the manifest, icons, sw.js and assets.
func Companion() (fs.FS, error) { return built("companion") }

// built opens one build and refuses a folder without its page, so that a
// binary compiled before the web build says what is missing at its start.
func built(name string) (fs.FS, error) {
	part, err := fs.Sub(dist, "dist/"+name)
	if err != nil {
		return nil, fmt.Errorf("web build %s: %w", name, err)
	}
	if _, err := fs.Stat(part, "index.html"); err != nil {
		return nil, fmt.Errorf("the %s is not built into this binary: run `make web` and build again", name)
	}
	return part, nil
}

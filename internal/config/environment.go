package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/alecthomas/kong"
)

// Prefix begins the name of every environment variable of the service.
const Prefix = "COUNTERSIGN_"

// Variable is the environment variable of a flag: "public-url" → "COUNTERSIGN_PUBLIC_URL".
func Variable(flag string) string {
	return Prefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// Environment fills flags that were not given from environment variables; a secret may also lie in the file that COUNTERSIGN_…_FILE names.
// It is kong's resolver, over an injected getenv.
type Environment struct {
	getenv func(string) string
	faults []error
}

// NewEnvironment reads variables with getenv.
func NewEnvironment(getenv func(string) string) *Environment { return &Environment{getenv: getenv} }

// Validate is kong.Resolver.
func (*Environment) Validate(*kong.Application) error { return nil }

// Resolve is kong.Resolver. Only the fields of Store and Web are settings; a command's own flags are never read from the environment.
func (e *Environment) Resolve(_ *kong.Context, _ *kong.Path, f *kong.Flag) (any, error) {
	secret, known := settings[f.Name]
	if !known {
		return nil, nil //nolint:nilnil // kong: no value from here
	}
	name := Variable(f.Name)
	value, file := e.getenv(name), e.getenv(name+"_FILE")
	switch {
	case file == "" && value == "":
		return nil, nil //nolint:nilnil // kong: no value from here
	case file == "":
		return value, nil
	case !secret:
		e.fault("%s_FILE: only secrets may lie in a file; set %s", name, name)
	case value != "":
		e.fault("%s and %s_FILE are both set; set one", name, name)
	default:
		b, err := os.ReadFile(filepath.Clean(file))
		if err != nil {
			e.fault("%s_FILE: %w", name, err)
			return nil, nil //nolint:nilnil // the fault is reported by Err, with all others
		}
		return strings.TrimSpace(string(b)), nil
	}
	return nil, nil //nolint:nilnil // the fault is reported by Err, with all others
}

// Err is everything that was wrong with the variables themselves.
func (e *Environment) Err() error { return errors.Join(e.faults...) }

func (e *Environment) fault(format string, args ...any) {
	err := fmt.Errorf(format, args...)
	for _, f := range e.faults { // kong asks for the same flag once for each command that has it
		if f.Error() == err.Error() {
			return
		}
	}
	e.faults = append(e.faults, err)
}

// settings are the names of all flags that are settings, and whether they are secret.
var settings = named(reflect.TypeFor[Store](), reflect.TypeFor[Web]())

func named(types ...reflect.Type) map[string]bool {
	out := map[string]bool{}
	for _, t := range types {
		for i := range t.NumField() {
			f := t.Field(i)
			out[f.Tag.Get("name")] = f.Type == reflect.TypeFor[Secret]()
		}
	}
	return out
}

// Known says whether a flag is a setting, which may also come from the environment.
func Known(flag string) bool {
	_, known := settings[flag]
	return known
}

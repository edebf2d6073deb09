package webapp

import (
	"io/fs"
	"strings"
	"testing"
)

func TestBuilds(t *testing.T) {
	for name, open := range map[string]func() (fs.FS, error){"console": Console, "companion": Companion} {
		t.Run(name+" opens or says what to run", func(t *testing.T) {
			build, err := open()
			if err != nil {
				if !strings.Contains(err.Error(), "make web") {
					t.Fatalf("error %q does not name the cure", err)
				}
				return
			}
			if _, err := fs.Stat(build, "index.html"); err != nil {
				t.Fatal(err)
			}
		})
	}
}

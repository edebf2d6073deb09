package audit_test

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/countersign/countersign/internal/audit"
)

// written finds the event that a call writes, where it is written out in the call. Events that are put together are in Codes by hand.
var written = regexp.MustCompile(`audit\.(?:Record|RecordAt|Row)\([^"\n]*"([a-z_]+\.[a-z_]+)"[,)]`)

// TestEveryEventIsKnownAndHasASentence looks through the source for events, and into both catalogues of the console for their sentences.
func TestEveryEventIsKnownAndHasASentence(t *testing.T) {
	root := filepath.Join("..", "..")
	known := audit.Codes()
	found := 0
	for _, top := range []string{"internal", "cmd", "mobileapi"} {
		err := filepath.WalkDir(filepath.Join(root, top), func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
				return err
			}
			source, err := os.ReadFile(filepath.Clean(name))
			for _, m := range written.FindAllSubmatch(source, -1) {
				if found++; !slices.Contains(known, string(m[1])) {
					t.Errorf("%s writes %s: add it to codes in internal/audit/codes.go and to webapp/src/i18n/*-activity.json", name, m[1])
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if found < 60 {
		t.Errorf("only %d events were found in the source", found)
	}
	for _, language := range []string{"en", "de"} {
		b, err := os.ReadFile(filepath.Join(root, "webapp", "src", "i18n", language+"-activity.json"))
		if err != nil {
			t.Fatal(err)
		}
		var says map[string]string
		if err := json.Unmarshal(b, &says); err != nil {
			t.Fatal(err)
		}
		for _, code := range known {
			if says["activity."+code] == "" {
				t.Errorf("%s has no sentence for %s", language, code)
			}
			delete(says, "activity."+code)
		}
		for key := range says {
			if !strings.HasPrefix(key, "activity.words.") {
				t.Errorf("%s: %s is a sentence for no event", language, key)
			}
		}
	}
	for _, code := range known {
		if !slices.Contains(audit.Areas, audit.Area(code)) || audit.Area(code) == audit.Other {
			t.Errorf("%s belongs nowhere", code)
		}
	}
}

// TestTheEventsThatWerePromised are those that the Activity page is to show.
func TestTheEventsThatWerePromised(t *testing.T) {
	for _, code := range strings.Fields("token.viewed token.shown token.copied token.regenerated token.revoked token.expired" +
		" confirmation.asked confirmation.approved confirmation.denied confirmation.expired device.added device.removed recovery.used policy.changed" +
		" provisioning_log.replayed audit.exported") {
		if !slices.Contains(audit.Codes(), code) {
			t.Errorf("%s is no event", code)
		}
	}
}

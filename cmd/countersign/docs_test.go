package main

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/countersign/countersign/internal/config"
)

const root = "../.."

func text(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestEverySettingIsDocumentedAndNoOther(t *testing.T) {
	page := text(t, "docs/operations.md")
	documented := map[string]bool{}
	for _, m := range regexp.MustCompile("`COUNTERSIGN_([A-Z_]+)`").FindAllStringSubmatch(page, -1) {
		documented[strings.ToLower(strings.ReplaceAll(m[1], "_", "-"))] = true
	}
	for _, of := range []reflect.Type{reflect.TypeFor[config.Store](), reflect.TypeFor[config.Web]()} {
		for i := range of.NumField() {
			name := of.Field(i).Tag.Get("name")
			if !documented[name] {
				t.Errorf("%s is not in docs/operations.md", config.Variable(name))
			}
			delete(documented, name)
		}
	}
	for name := range documented {
		t.Errorf("docs/operations.md has %s, which is no setting", config.Variable(name))
	}
}

// declared are the names of all tests and fuzz targets.
func declared(t *testing.T) map[string]bool {
	t.Helper()
	there := map[string]bool{}
	form := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git"):
			return filepath.SkipDir
		case !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		b, err := os.ReadFile(path)
		for _, m := range form.FindAllSubmatch(b, -1) {
			there[string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return there
}

var testName = regexp.MustCompile("`((?:Test|Fuzz)\\w+)`")

func TestEveryTestThatTheSecurityPageNamesExists(t *testing.T) {
	there := declared(t)
	for _, page := range []string{"docs/security.md", "docs/attacks.md"} {
		for _, m := range testName.FindAllStringSubmatch(text(t, page), -1) {
			if !there[m[1]] {
				t.Errorf("%s names %s, which does not exist", page, m[1])
			}
		}
	}
}

// rows are the lines of the tables below a heading of the security page whose first column is such an id, by their first column; an empty
// heading is the whole page.
func rows(t *testing.T, heading, id string) map[string][]string {
	t.Helper()
	page := text(t, "docs/security.md")
	if heading != "" {
		_, page, _ = strings.Cut(page, "\n"+heading+"\n")
		page, _, _ = strings.Cut(page, "\n## ")
	}
	out := map[string][]string{}
	for _, m := range regexp.MustCompile(`(?m)^\| (`+id+`[^|]*?) \|.*$`).FindAllStringSubmatch(page, -1) {
		out[m[1]] = append(out[m[1]], m[0])
	}
	return out
}

// Every attack has one row, that row names the tests that carry its number, and no such test is without its row.
func TestEveryAttackHasItsRowAndItsTests(t *testing.T) {
	table := rows(t, "## Attacks", `A-\d+`)
	numbered := regexp.MustCompile(`^TestA(\d\d)_`)
	tests := map[string][]string{}
	for name := range declared(t) {
		if m := numbered.FindStringSubmatch(name); m != nil {
			id := "A-" + strings.TrimLeft(m[1], "0")
			tests[id] = append(tests[id], name)
		}
	}
	for n := range 28 {
		id := fmt.Sprintf("A-%d", n+1)
		if len(table[id]) != 1 || len(tests[id]) == 0 {
			t.Errorf("%s has %d rows in docs/security.md and %d tests", id, len(table[id]), len(tests[id]))
		}
	}
	for id, names := range tests {
		for _, name := range names {
			if len(table[id]) == 0 || !strings.Contains(table[id][0], "`"+name+"`") {
				t.Errorf("%s is in no row of %s in docs/security.md", name, id)
			}
		}
	}
}

func TestEveryRequirementNamesATest(t *testing.T) {
	met := map[string]bool{}
	for first, lines := range rows(t, "", `[NVTW][ -]\d`) {
		for _, line := range lines {
			if !testName.MatchString(line) {
				t.Errorf("%s names no test", first)
			}
		}
		for _, id := range regexp.MustCompile(`[NTW]-\d+`).FindAllString(first, -1) {
			met[id] = true
		}
	}
	for kind, most := range map[string]int{"N": 13, "T": 9, "W": 6} {
		for n := range most {
			if id := fmt.Sprintf("%s-%d", kind, n+1); !met[id] {
				t.Errorf("%s is in no table of docs/security.md", id)
			}
		}
	}
}

// SP 800-63B-4 §3.1.3: "Out-of-band authentication is not phishing-resistant."
func TestTheSecurityPageSaysWhatAConfirmationIsNot(t *testing.T) {
	page := strings.Join(strings.Fields(text(t, "docs/security.md")), " ")
	for _, said := range []string{"is no out-of-band authenticator in NIST's sense", "is not resistant to phishing", "*Always code* is the profile that NIST asks"} {
		if !strings.Contains(page, said) {
			t.Errorf("the page does not say %q", said)
		}
	}
}

func TestEveryLinkInTheDocumentsLeadsSomewhere(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#\s]+)(?:#[^)]*)?\)`)
	pages := []string{"README.md"}
	err := filepath.WalkDir(filepath.Join(root, "docs"), func(path string, _ os.DirEntry, err error) error {
		if strings.HasSuffix(path, ".md") {
			name, rerr := filepath.Rel(root, path)
			pages = append(pages, name)
			return rerr
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range pages {
		for _, m := range link.FindAllStringSubmatch(text(t, page), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(root, filepath.Dir(page), m[1])); err != nil {
				t.Errorf("%s links to %s, which is not there", page, m[1])
			}
		}
	}
}

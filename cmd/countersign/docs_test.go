package main

import (
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

func TestEveryTestThatTheSecurityPageNamesExists(t *testing.T) {
	there := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
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
		for _, m := range declared.FindAllSubmatch(b, -1) {
			there[string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile("`(Test\\w+)`").FindAllStringSubmatch(text(t, "docs/security.md"), -1) {
		if !there[m[1]] {
			t.Errorf("docs/security.md names %s, which does not exist", m[1])
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

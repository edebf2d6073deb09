package assembly

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestEveryTableOfPeopleIsKnown reads the schema: a table that refers to people and is not among the belongings could hold what outlives a
// deactivation, or the name of somebody who is to be forgotten.
func TestEveryTableOfPeopleIsKnown(t *testing.T) {
	dump, err := os.ReadFile("../../migrations/schema.postgres.sql")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, b := range belongings {
		known[b.table] = true
	}
	link := regexp.MustCompile(`FOREIGN KEY \((\w+)\) REFERENCES people\(id\)`)
	table, found := "", 0
	for line := range strings.Lines(string(dump)) {
		if name, ok := strings.CutPrefix(line, "CREATE TABLE "); ok {
			table = strings.Fields(name)[0]
		}
		if m := link.FindStringSubmatch(line); m != nil {
			if found++; !known[table] {
				t.Errorf("%s.%s refers to people: say in belongings what becomes of it when somebody is deactivated or forgotten", table, m[1])
			}
		}
	}
	if found < 15 {
		t.Errorf("only %d tables were found", found)
	}
}

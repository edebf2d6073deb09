package directory_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
	"github.com/countersign/countersign/internal/directory"
	"github.com/countersign/countersign/internal/scim"
)

// ownValues draws what one attribute of every type may have.
var ownValues = map[string]func(*rapid.T, string) any{
	"badge":  func(t *rapid.T, n string) any { return word(t, n) },
	"exact":  func(t *rapid.T, n string) any { return word(t, n) },
	"floor":  func(t *rapid.T, n string) any { return rapid.IntRange(-2, 12).Draw(t, n) },
	"rate":   func(t *rapid.T, n string) any { return float64(rapid.IntRange(-4, 4).Draw(t, n)) / 2 },
	"remote": func(t *rapid.T, n string) any { return rapid.Bool().Draw(t, n) },
	"since":  func(t *rapid.T, n string) any { return ownTime(t, n) },
	"skills": func(t *rapid.T, n string) any {
		return []any{word(t, n+"1"), word(t, n+"2")}[:rapid.IntRange(1, 2).Draw(t, n)]
	},
	"counts": func(t *rapid.T, n string) any { return []any{rapid.IntRange(0, 11).Draw(t, n), 7} },
	"desk":   func(t *rapid.T, n string) any { return map[string]any{"value": word(t, n), "plug": word(t, n+"p")} },
	"keys": func(t *rapid.T, n string) any {
		return []any{map[string]any{"value": word(t, n), "doors": rapid.IntRange(0, 3).Draw(t, n+"d")}, map[string]any{"open": rapid.Bool().Draw(t, n+"o"), "until": ownTime(t, n+"u")}}
	},
}

func ownTime(t *rapid.T, n string) string {
	return rapid.SampledFrom([]string{"2026-01-01T00:00:00Z", "2026-01-01T01:00:00+01:00", "2025-12-31T23:59:59.999999Z", "2026-03-01T00:00:00"}).Draw(t, n)
}

func ownSchema() directory.Schema {
	a := func(name string, t scim.Type) directory.SchemaAttribute {
		return directory.SchemaAttribute{Name: name, Type: t}
	}
	s := directory.Schema{ResourceType: directory.UserResource, URN: acmeURN, Name: "Acme", Attributes: []directory.SchemaAttribute{a("badge", scim.String), a("exact", scim.String),
		a("floor", scim.Integer), a("rate", scim.Decimal), a("remote", scim.Boolean), a("since", scim.DateTime), a("skills", scim.String), a("counts", scim.Integer), a("desk", scim.Complex), a("keys", scim.Complex)}}
	s.Attributes[1].CaseExact = true
	for _, i := range []int{6, 7, 9} {
		s.Attributes[i].MultiValued = true
	}
	s.Attributes[8].SubAttributes = []directory.SchemaAttribute{a("value", scim.String), a("plug", scim.String)}
	s.Attributes[9].SubAttributes = []directory.SchemaAttribute{a("value", scim.String), a("doors", scim.Integer), a("open", scim.Boolean), a("until", scim.DateTime)}
	return s
}

// ownFilter draws a comparison of an attribute with what its type can be compared with, negated or joined with another.
func ownFilter(t *rapid.T, depth int) string {
	order := []string{"eq", "ne", "gt", "ge", "lt", "le"}
	text := append([]string{"co", "sw", "ew"}, order...)
	kind := rapid.SampledFrom([]string{"text", "number", "bool", "time", "pr", "null", "not", "and", "or"}).Draw(t, "kind")
	if depth == 0 && slices.Contains([]string{"not", "and", "or"}, kind) {
		kind = "text"
	}
	pick := func(of ...string) string { return rapid.SampledFrom(of).Draw(t, "of") }
	switch kind {
	case "not":
		return "not (" + ownFilter(t, depth-1) + ")"
	case "and", "or":
		return "(" + ownFilter(t, depth-1) + " " + kind + " " + ownFilter(t, depth-1) + ")"
	case "pr":
		return acmeURN + ":" + pick("badge", "floor", "skills", "counts", "desk", "desk.plug", "keys", "keys.until", "keys[doors gt 1]") + " pr"
	case "null":
		return acmeURN + ":" + pick("badge", "rate", "skills", "keys.open") + pick(" eq", " ne") + " null"
	case "bool":
		return acmeURN + ":" + pick("remote", "keys.open", `keys[until pr].open`) + pick(" eq", " ne") + pick(" true", ` "False"`)
	case "time":
		return acmeURN + ":" + pick("since", "keys.until", "keys[open eq true].until") + " " + pick(order...) + fmt.Sprintf(" %q", ownTime(t, "value"))
	case "number":
		return acmeURN + ":" + pick("floor", "rate", "counts", "keys.doors", `keys[value pr].doors`) + " " + pick(order...) + pick(" 0", " -1.5", " 7", " 10", " 1e1")
	}
	return acmeURN + ":" + pick("badge", "exact", "skills", "desk", "desk.plug", "keys", "keys[doors ge 1].value", "desk[plug pr].value") + " " + pick(text...) + fmt.Sprintf(" %q", word(t, "value"))
}

func TestAFilterOnOwnAttributesMeansTheSameInMemoryAndInSQL(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		h := newHouse(t, db)
		_, err := h.dir.DefineSchema(t.Context(), h.console(h.local("ana", directory.Owner)), ownSchema())
		h.must(err)
		h.arranged()
		var people []string
		rapid.Check(t, func(rt *rapid.T) {
			if len(people) < 12 {
				ext := map[string]any{}
				for _, a := range ownSchema().Attributes {
					if rapid.Bool().Draw(rt, a.Name+"?") {
						ext[a.Name] = ownValues[a.Name](rt, a.Name)
					}
				}
				body, err := json.Marshal(map[string]any{"userName": fmt.Sprint("u", len(people)), acmeURN: ext})
				h.must(err)
				people = append(people, h.user(string(body)))
			}
			for range 4 {
				h.agree(rt, h.p.UserType(), people, ownFilter(rt, 2), h.p.User, h.p.Users)
			}
		})
	})
}

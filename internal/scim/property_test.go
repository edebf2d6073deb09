package scim_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/countersign/countersign/internal/scim"
)

// element draws a value of emails, sometimes with parts left out.
func element(t *rapid.T) map[string]any {
	m := map[string]any{}
	for name, values := range map[string][]any{"value": {"a@x", "A@x", "b@x", "", nil}, "type": {"work", "home", "Work", nil}, "primary": {true, false, "True", nil}, "display": {"d", nil}} {
		if rapid.Bool().Draw(t, name+"?") {
			m[name] = rapid.SampledFrom(values).Draw(t, name)
		}
	}
	return m
}

func elements(t *rapid.T) []any {
	list := []any{}
	for range rapid.IntRange(0, 3).Draw(t, "elements") {
		list = append(list, element(t))
	}
	return list
}

// operation draws an operation of any dialect.
func operation(t *rapid.T) map[string]any {
	op := map[string]any{"op": rapid.SampledFrom([]string{"add", "Replace", "REMOVE"}).Draw(t, "op")}
	path := rapid.SampledFrom([]string{"", "emails", "emails[type eq \"work\"]", "emails[type eq \"work\"].value", "emails[primary eq \"True\"].display", "emails.type",
		"emails[value eq \"a@x\"].primary", "name", "name.givenName", "title", "manager", "department", "active", scim.EnterpriseURN}).Draw(t, "path")
	text := rapid.SampledFrom([]any{"x", "", nil, "True", 5}).Draw(t, "text")
	var value any
	switch path {
	case "":
		value = map[string]any{"emails": elements(t), "name.givenName": text, "title": text, "id": "x", "nonsense": text}
	case "emails":
		value = elements(t)
	case "emails[type eq \"work\"]":
		value = element(t)
	case "name":
		value = map[string]any{"givenName": text, "familyName": "F"}
	case scim.EnterpriseURN:
		value = map[string]any{"manager": text, "division": "d"}
	case "emails[value eq \"a@x\"].primary", "active":
		value = rapid.SampledFrom([]any{true, "False"}).Draw(t, "bool")
	default:
		value = text
	}
	if path != "" {
		op["path"] = path
	}
	if op["op"] != "REMOVE" || path == "emails" && rapid.Bool().Draw(t, "named") {
		op["value"] = value
	}
	return op
}

func TestPatchKeepsResourcesCanonicalAndIsIdempotent(t *testing.T) {
	users := scim.Users()
	rapid.Check(t, func(rt *rapid.T) {
		before, err := users.Read(map[string]any{"userName": "u", "emails": elements(rt), "title": "t", "name": map[string]any{"familyName": "B"},
			scim.EnterpriseURN: map[string]any{"manager": "m"}})
		if err != nil {
			rt.Fatal(err)
		}
		raw, err := json.Marshal([]any{operation(rt)})
		if err != nil {
			rt.Fatal(err)
		}
		body, err := scim.ParseObject(fmt.Appendf(nil, `{"Operations":%s}`, raw))
		if err != nil {
			rt.Fatal(err)
		}
		ops, err := scim.ParsePatch(body)
		if err != nil {
			rt.Fatal(err)
		}
		once, err := users.Patch(before.Resource, ops)
		if err != nil {
			return // a refusal changes nothing; what is refused is tested by itself
		}
		if err := onePrimary(once.Resource); err != nil {
			rt.Fatalf("%s: %v", raw, err)
		}
		canonical(t, users, once.Resource)
		twice, err := users.Patch(once.Resource, ops)
		if err != nil {
			return // such as a filter that chooses nothing any more
		}
		if !scim.Equal(once.Resource, twice.Resource) {
			rt.Fatalf("%s is not idempotent: %s", raw, cmp.Diff(once.Resource, twice.Resource))
		}
	})
}

func onePrimary(r scim.Resource) error {
	list, _ := r["emails"].([]any)
	n := 0
	for _, e := range list {
		if e.(map[string]any)["primary"] == true {
			n++
		}
	}
	if n > 1 {
		return fmt.Errorf("%d primary values in %v", n, list)
	}
	return nil
}

func TestProjectionNeverInventsAndNeverLosesTheID(t *testing.T) {
	users := scim.Users()
	names := []string{"id", "userName", "emails", "emails.value", "name", "name.givenName", "meta", "meta.version", "groups.value", scim.EnterpriseURN, "department", "nonsense", "password", "schemas"}
	rapid.Check(t, func(rt *rapid.T) {
		some := func(label string) []string { return rapid.SliceOfN(rapid.SampledFrom(names), 0, 4).Draw(rt, label) }
		got := users.Project(ada, users.ParseProjection(some("attributes"), some("excluded")))
		if got["id"] != ada["id"] || got["schemas"] == nil {
			rt.Fatalf("%v has lost what is always returned", got)
		}
		if !within(got, ada) {
			rt.Fatalf("%v says what %v does not", got, ada)
		}
	})
}

// within says whether everything in part is in whole.
func within(part, whole any) bool {
	switch p := part.(type) {
	case map[string]any:
		w, ok := whole.(map[string]any)
		for name, v := range p {
			if !ok || !within(v, w[name]) {
				return false
			}
		}
		return ok
	case []any:
		w, ok := whole.([]any)
		for i, v := range p {
			if !ok || i >= len(w) || !within(v, w[i]) {
				return false
			}
		}
		return ok
	}
	return part == whole
}

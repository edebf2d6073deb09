package scim_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/scim"
)

// own is an extension as a workspace may define one, with every type.
func own() *scim.Schema {
	part := func(name string, t scim.Type) *scim.Attribute { return &scim.Attribute{Name: name, Type: t} }
	return &scim.Schema{ID: "urn:acme:own:2.0:User", Name: "Own", Attributes: []*scim.Attribute{
		part("badge", scim.String), part("floor", scim.Integer), part("rate", scim.Decimal), part("remote", scim.Boolean), part("since", scim.DateTime), part("page", scim.Reference),
		{Name: "skills", Type: scim.String, Multi: true}, {Name: "days", Type: scim.Integer, Multi: true}, {Name: "desk", Type: scim.Complex, Sub: []*scim.Attribute{part("plug", scim.String)}},
		{Name: "keys", Type: scim.Complex, Multi: true, Sub: []*scim.Attribute{part("value", scim.String), part("type", scim.String), part("doors", scim.Integer), {Name: "days", Type: scim.String, Multi: true}}},
	}}
}

func TestTextsOfAPath(t *testing.T) {
	rt := scim.Users(own())
	r := resource(t, rt, `{"userName":"ada","displayName":"Ada","emails":[{"value":"h@x.test","type":"home"},{"value":"w@x.test","type":"work","primary":true}],"active":false,
		"urn:acme:own:2.0:User":{"floor":3,"skills":["Go","SQL"],"keys":[{"value":"k1","days":["mon","tue"]},{"doors":2}],"remote":true},
		"roles":[{"value":"{\"value\":\"25\"}"}]}`)
	for path, want := range map[string][]string{
		"userName": {"ada"}, "emails": {"w@x.test", "h@x.test"}, `emails[type eq "home"].value`: {"h@x.test"}, `emails[type eq "other"].value`: nil, "emails.type": {"work", "home"},
		"active": {"false"}, "title": nil, "name": nil, "urn:acme:own:2.0:User:floor": {"3"}, "skills": {"Go", "SQL"}, "urn:acme:own:2.0:User:keys": {"k1"}, "keys.days": {"mon", "tue"},
		"keys.doors": {"2"}, "remote": {"true"}, "desk": nil, "urn:acme:own:2.0:User": nil,
	} {
		p, err := rt.ParsePath(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, p.Texts(r)); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
	}
	for value, want := range map[string]string{`{"id":"1","value":"25","displayName":"R"}`: "25", `{"Value":7}`: "7", "Admin": "Admin", "": "", "{": "{", `{"x":1}`: `{"x":1}`, `{"value":[]}`: `{"value":[]}`} {
		if got := scim.AppRole(value); got != want {
			t.Errorf("AppRole(%s) is %s, want %s", value, got, want)
		}
	}
}

func resource(t *testing.T, rt *scim.ResourceType, body string) scim.Resource {
	t.Helper()
	m, err := scim.ParseObject([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	in, err := rt.Read(m)
	if err != nil {
		t.Fatal(err)
	}
	return in.Resource
}

// FuzzPath reads paths of PATCH: what is refused is refused as a path or a filter, what is accepted reaches its values without a panic, and
// every operation on it gives a canonical resource or a clear refusal.
func FuzzPath(f *testing.F) {
	for _, s := range []string{
		"userName", "name.familyName", `emails[type eq "work"].value`, `emails[type eq "work" and primary eq true]`, "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value",
		"urn:acme:own:2.0:User", `urn:acme:own:2.0:User:keys[value eq "a" or not (doors gt 3)].days`, "keys[", "emails.", "members", `desk[plug pr].plug`, "days", "$ref", `manager[value eq ""]`,
	} {
		f.Add(s)
	}
	users := scim.Users(own())
	f.Fuzz(func(t *testing.T, text string) {
		p, err := users.ParsePath(text)
		if err != nil {
			if !errors.Is(err, fault.New(fault.Invalid, scim.InvalidPath, "")) && !errors.Is(err, fault.New(fault.Invalid, scim.InvalidFilter, "")) {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		r := resource(t, users, `{"userName":"ada","active":true,"emails":[{"value":"w@x.test","type":"work"}],"urn:acme:own:2.0:User":{"skills":["Go"],"keys":[{"value":"a","doors":4}]}}`)
		p.Texts(r)
		for _, op := range []string{"add", "replace", "remove"} {
			for _, value := range []any{nil, "x", true, []any{"x"}, map[string]any{"value": "x", "plug": "y"}} {
				got, err := users.Patch(r, []scim.Operation{{Op: op, Path: text, Value: value, Said: true}})
				if err != nil {
					if k := fault.From(err).Kind; k != fault.Invalid && k != fault.TooLarge {
						t.Fatalf("%s %q %v: %v", op, text, value, err)
					}
					continue
				}
				canonical(t, users, got.Resource)
			}
		}
	})
}

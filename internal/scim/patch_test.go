package scim_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/scim"
)

const ent = `"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"`

func TestPatchOfAUser(t *testing.T) {
	for _, c := range []struct{ name, before, ops, want string }{
		{"Entra without flag disables with a string", `{}`, `[{"op":"Replace","path":"active","value":"False"}]`, `{"active":false}`},
		{"Okta disables without a path", `{"title":"VP"}`, `[{"op":"replace","value":{"active":false}}]`, `{"active":false,"title":"VP"}`},
		{"operations in capitals, member names too", `{}`, `[{"OP":"ADD","Path":"nickname","VALUE":"Babs"}]`, `{"nickName":"Babs"}`},
		{"replace makes the missing work address once", `{}`,
			`[{"op":"Replace","path":"emails[type eq \"work\"].value","value":"a@x"},{"op":"Replace","path":"emails[type eq \"work\"].primary","value":"True"},{"op":"replace","path":"emails[type eq \"work\"].value","value":"b@x"}]`,
			`{"emails":[{"type":"work","value":"b@x","primary":true}]}`},
		{"add makes a value of any type", `{}`, `[{"op":"add","path":"ims[type eq \"signal\"].value","value":"a"}]`, `{"ims":[{"type":"signal","value":"a"}]}`},
		{"the validator's role", `{}`,
			`[{"op":"add","path":"roles[primary eq \"True\"].display","value":"D"},{"op":"add","path":"roles[primary eq \"True\"].value","value":"V"},{"op":"replace","path":"roles[primary eq \"True\"].type","value":"T"}]`,
			`{"roles":[{"primary":true,"display":"D","value":"V","type":"T"}]}`},
		{"a boolean in a filter finds what was sent as a string", `{"photos":[{"primary":true,"value":"x"}]}`,
			`[{"op":"replace","path":"photos[primary eq true].value","value":"y"}]`, `{"photos":[{"primary":true,"value":"y"}]}`},
		{"dotted and URN keys", `{"name":{"familyName":"B"}}`,
			`[{"op":"replace","value":{"displayName":"D","name.givenName":"A","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber":"1"}}]`,
			`{"displayName":"D","name":{"familyName":"B","givenName":"A"},` + ent + `:{"employeeNumber":"1"}}`},
		{"an extension object", `{` + ent + `:{"department":"a","division":"b"}}`, `[{"op":"replace","value":{` + ent + `:{"department":"c","manager":{"value":"m"}}}}]`,
			`{` + ent + `:{"department":"c","division":"b","manager":{"value":"m"}}}`},
		{"an extension as path", `{}`, `[{"op":"add","path":` + ent + `,"value":{"department":"c"}}]`, `{` + ent + `:{"department":"c"}}`},
		{"an extension removed", `{"title":"x",` + ent + `:{"department":"a"}}`, `[{"op":"remove","path":` + ent + `}]`, `{"title":"x"}`},
		{"a filter as key", `{"emails":[{"type":"work","value":"a"}]}`, `[{"op":"replace","value":{"emails[type eq \"work\"].value":"b"}}]`, `{"emails":[{"type":"work","value":"b"}]}`},
		{"the core URN before a path", `{}`, `[{"op":"replace","path":"urn:ietf:params:scim:schemas:core:2.0:User:name.familyName","value":"F"}]`, `{"name":{"familyName":"F"}}`},
		{"a value with dots and @ in a filter", `{"emails":[{"value":"a.b@c.d"},{"value":"x"}]}`, `[{"op":"remove","path":"emails[value eq \"a.b@c.d\"]"}]`, `{"emails":[{"value":"x"}]}`},
		{"a name merges", `{"name":{"givenName":"A","familyName":"B"}}`, `[{"op":"replace","path":"name","value":{"givenName":"C"}}]`, `{"name":{"givenName":"C","familyName":"B"}}`},
		{"nulls clear only what they name", `{"name":{"givenName":"A","familyName":"B"},"title":"x"}`, `[{"op":"replace","value":{"name":{"givenName":null},"title":null}}]`, `{"name":{"familyName":"B"}}`},
		{"null on a multi-valued attribute", `{"emails":[{"value":"a"}]}`, `[{"op":"replace","path":"emails","value":null}]`, `{}`},
		{"an empty array", `{"emails":[{"value":"a"}]}`, `[{"op":"replace","path":"emails","value":[]}]`, `{}`},
		{"an empty string", `{"title":"a"}`, `[{"op":"replace","path":"title","value":""}]`, `{}`},
		{"pathless null of active says nothing", `{"active":false}`, `[{"op":"replace","value":{"active":null}}]`, `{"active":false}`},
		{"add appends", `{"emails":[{"value":"a"}]}`, `[{"op":"add","value":{"emails":[{"value":"b","type":"home"}]}}]`, `{"emails":[{"value":"a"},{"value":"b","type":"home"}]}`},
		{"add of what is there changes nothing", `{"emails":[{"value":"a","type":"work"}]}`, `[{"op":"add","path":"emails","value":[{"value":"A","type":"work"}]}]`, `{"emails":[{"value":"A","type":"work"}]}`},
		{"replace of an address resets the other primary", `{"addresses":[{"type":"work","locality":"a"},{"type":"home","primary":true}]}`,
			`[{"op":"replace","path":"addresses[type eq \"work\"]","value":{"primary":true}}]`,
			`{"addresses":[{"type":"work","locality":"a","primary":true},{"type":"home","primary":false}]}`},
		{"an added primary wins", `{"emails":[{"value":"a","primary":true}]}`, `[{"op":"add","path":"emails","value":{"value":"b","primary":"true"}}]`,
			`{"emails":[{"value":"a","primary":false},{"value":"b","primary":true}]}`},
		{"remove of the last value", `{"emails":[{"value":"a@example.com","type":"work"}]}`, `[{"op":"remove","path":"emails[type eq \"work\" and value ew \"example.com\"]"}]`, `{}`},
		{"remove of nothing", `{"title":"x"}`, `[{"op":"remove","path":"emails[type eq \"work\"]"},{"op":"remove","path":"nickName"}]`, `{"title":"x"}`},
		{"active removed is as it is for somebody new", `{"active":false}`, `[{"op":"remove","path":"active"}]`, `{"active":true}`},
		{"remove of a part", `{"emails":[{"value":"a","display":"A"}]}`, `[{"op":"remove","path":"emails[value eq \"a\"].display"}]`, `{"emails":[{"value":"a"}]}`},
		{"remove of the value drops the hollow rest", `{"emails":[{"value":"a","type":"work","primary":true}]}`, `[{"op":"remove","path":"emails[type eq \"work\"].value"}]`, `{}`},
		{"clearing with an empty string too", `{"emails":[{"value":"a","type":"work"}]}`, `[{"op":"replace","path":"emails[type eq \"work\"].value","value":""}]`, `{}`},
		{"remove with values removes only those", `{"emails":[{"value":"a","type":"work"},{"value":"b"}]}`, `[{"op":"Remove","path":"emails","value":[{"value":"A"}]}]`, `{"emails":[{"value":"b"}]}`},
		{"remove with no values removes none", `{"emails":[{"value":"a"}]}`, `[{"op":"remove","path":"emails","value":[]}]`, `{"emails":[{"value":"a"}]}`},
		{"a part of all values", `{"emails":[{"value":"a"},{"value":"b"}]}`, `[{"op":"replace","path":"emails.type","value":"work"}]`, `{"emails":[{"value":"a","type":"work"},{"value":"b","type":"work"}]}`},
		{"roles replaced as a set", `{"roles":[{"value":"old"}]}`, `[{"op":"replace","path":"roles","value":[{"value":"a","primary":false},{"value":"b","displayName":"B"}]}]`, `{"roles":[{"value":"a","primary":false},{"value":"b","display":"B"}]}`},
		{"JSON in a string stays a string", `{}`, `[{"op":"Add","path":"roles","value":[{"value":"{\"id\":1}"}]}]`, `{"roles":[{"value":"{\"id\":1}"}]}`},
		{"Entra's manager", `{}`, `[{"op":"Add","path":"manager","value":[{"$ref":"x","value":"m"}]}]`, `{` + ent + `:{"manager":{"value":"m"}}}`},
		{"a manager as a string", `{` + ent + `:{"manager":{"value":"a"}}}`, `[{"op":"Replace","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager","value":"m"}]`, `{` + ent + `:{"manager":{"value":"m"}}}`},
		{"a manager cleared by an empty string", `{` + ent + `:{"manager":{"value":"a"}}}`, `[{"op":"Replace","path":"manager","value":""}]`, `{}`},
		{"a manager cleared by an empty value", `{` + ent + `:{"manager":{"value":"a"}}}`, `[{"op":"Replace","path":"manager","value":{"value":""}}]`, `{}`},
		{"a manager cleared by null", `{` + ent + `:{"manager":{"value":"a"}}}`, `[{"op":"Replace","path":"manager","value":null}]`, `{}`},
		{"a manager cleared by its part", `{` + ent + `:{"manager":{"value":"a"}}}`, `[{"op":"Remove","path":"manager.value"}]`, `{}`},
		{"a manager removed by filter", `{` + ent + `:{"manager":{"value":"a"}}}`, `[{"op":"remove","path":"manager[value eq \"a\"]"}]`, `{}`},
		{"an old manager removed after the new one came", `{` + ent + `:{"manager":{"value":"new"}}}`, `[{"op":"Remove","path":"manager","value":[{"value":"old"}]}]`, `{` + ent + `:{"manager":{"value":"new"}}}`},
		{"an un-prefixed name of the extension", `{}`, `[{"op":"add","path":"department","value":"d"}]`, `{` + ent + `:{"department":"d"}}`},
		{"unknown and read-only names without a path", `{}`, `[{"op":"replace","value":{"id":"x","meta":{},"groups":[],"schemas":[],"nonsense":1,"title":"t"}}]`, `{"title":"t"}`},
		{"a password", `{}`, `[{"op":"replace","value":{"password":"x"}},{"op":"replace","path":"password","value":"y"}]`, `{}`},
		{"numbers and booleans for strings", `{}`, `[{"op":"add","path":"title","value":5},{"op":"add","path":"nickName","value":true}]`, `{"title":"5","nickName":"true"}`},
		{"each operation sees the one before", `{}`, `[{"op":"add","path":"title","value":"a"},{"op":"remove","path":"title"},{"op":"add","path":"nickName","value":"b"}]`, `{"nickName":"b"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := patch(scim.Users(), c.before, c.ops)
			if err != nil {
				t.Fatal(err)
			}
			want := mustDecode(c.want)
			want["userName"] = "u"
			if diff := cmp.Diff(want, got.Resource); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// patch applies operations to a resource that has the required name.
func patch(rt *scim.ResourceType, before, ops string) (scim.Patched, error) {
	r := mustDecode(before)
	r["userName"] = "u"
	if rt.Name == "Group" {
		delete(r, "userName")
		r["displayName"] = "g"
	}
	body, err := scim.ParseObject([]byte(`{"Operations":` + ops + `}`))
	if err != nil {
		return scim.Patched{}, err
	}
	parsed, err := scim.ParsePatch(body)
	if err != nil {
		return scim.Patched{}, err
	}
	kept, _ := json.Marshal(r)
	got, err := rt.Patch(r, parsed)
	if after, _ := json.Marshal(r); string(after) != string(kept) {
		return got, errors.New("the resource itself was changed")
	}
	return got, err
}

func TestPatchesThatAreRefused(t *testing.T) {
	for _, c := range []struct{ name, ops, want string }{
		{"no operations", `[]`, scim.InvalidSyntax},
		{"operations that are none", `"x"`, scim.InvalidSyntax},
		{"an operation that is none", `[1]`, scim.InvalidSyntax},
		{"an unknown op", `[{"op":"move","path":"title","value":"x"}]`, scim.InvalidSyntax},
		{"no op", `[{"path":"title","value":"x"}]`, scim.InvalidSyntax},
		{"remove without a path", `[{"op":"remove"}]`, scim.NoTarget},
		{"remove of a required attribute", `[{"op":"remove","path":"userName"}]`, scim.MutabilityErr},
		{"a required attribute emptied", `[{"op":"replace","path":"userName","value":""}]`, scim.InvalidValue},
		{"a required attribute made null without a path", `[{"op":"replace","value":{"userName":null}}]`, scim.InvalidValue},
		{"a required attribute made blank", `[{"op":"replace","path":"userName","value":"  "}]`, scim.InvalidValue},
		{"active emptied", `[{"op":"replace","path":"active","value":""}]`, scim.InvalidValue},
		{"active made null", `[{"op":"replace","path":"active","value":null}]`, scim.InvalidValue},
		{"a read-only attribute", `[{"op":"replace","path":"id","value":"x"}]`, scim.MutabilityErr},
		{"read-only groups", `[{"op":"add","path":"groups","value":[{"value":"x"}]}]`, scim.MutabilityErr},
		{"a read-only part", `[{"op":"replace","path":"manager.displayName","value":"x"}]`, scim.MutabilityErr},
		{"an unknown path", `[{"op":"replace","path":"nonsense","value":"x"}]`, scim.InvalidPath},
		{"a malformed path", `[{"op":"replace","path":"emails[type eq \"work\"","value":"x"}]`, scim.InvalidFilter},
		{"a path with something after it", `[{"op":"replace","path":"title x","value":"x"}]`, scim.InvalidPath},
		{"a path that is no string", `[{"op":"replace","path":7,"value":"x"}]`, scim.InvalidPath},
		{"a bad filter in a path", `[{"op":"replace","path":"emails[type xx \"work\"].value","value":"x"}]`, scim.InvalidFilter},
		{"no value", `[{"op":"replace","path":"title"}]`, scim.InvalidValue},
		{"a value that is no object, without a path", `[{"op":"add","value":"x"}]`, scim.InvalidValue},
		{"a boolean that is none", `[{"op":"replace","path":"active","value":"maybe"}]`, scim.InvalidValue},
		{"an object for a string", `[{"op":"replace","path":"title","value":{"a":1}}]`, scim.InvalidValue},
		{"a string for a name", `[{"op":"replace","path":"name","value":"x"}]`, scim.InvalidValue},
		{"replace of a value of an unusual kind", `[{"op":"replace","path":"emails[type eq \"nonexistent\"].value","value":"x"}]`, scim.NoTarget},
		{"replace of a value by its value", `[{"op":"replace","path":"emails[value eq \"x\"].display","value":"x"}]`, scim.NoTarget},
		{"replace of a whole value", `[{"op":"replace","path":"emails[type eq \"work\"]","value":{"value":"x"}}]`, scim.NoTarget},
		{"add by or", `[{"op":"add","path":"emails[type eq \"work\" or type eq \"home\"].value","value":"x"}]`, scim.NoTarget},
		{"remove naming nothing known", `[{"op":"add","path":"emails","value":"x"},{"op":"remove","path":"emails","value":[{"nonsense":1}]}]`, scim.InvalidValue},
		{"a NUL", `[{"op":"replace","path":"title","value":"a\u0000"}]`, scim.InvalidValue},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := patch(scim.Users(), `{}`, c.ops)
			if !errors.Is(err, fault.New(fault.Invalid, c.want, "")) {
				t.Errorf("%v, want %s", err, c.want)
			}
		})
	}
}

func TestTooManyOperations(t *testing.T) {
	ops := make([]map[string]any, scim.MaxOperations+1)
	for i := range ops {
		ops[i] = map[string]any{"op": "add", "path": "title", "value": "x"}
	}
	for n, kind := range map[int]fault.Kind{scim.MaxOperations: fault.Internal, scim.MaxOperations + 1: fault.TooLarge} {
		raw, err := json.Marshal(ops[:n])
		if err != nil {
			t.Fatal(err)
		}
		_, err = patch(scim.Users(), `{}`, string(raw))
		if (err != nil) != (kind == fault.TooLarge) || err != nil && fault.From(err).Kind != kind {
			t.Errorf("%d operations: %v", n, err)
		}
	}
}

func TestPatchOfMembersIsAListOfChanges(t *testing.T) {
	for _, c := range []struct {
		name, ops string
		want      []scim.MemberChange
	}{
		{"add", `[{"op":"Add","path":"members","value":[{"$ref":null,"value":"a"},{"value":"b"},{"value":"a"}]}]`, []scim.MemberChange{{Kind: scim.AddMembers, IDs: []string{"a", "b"}}}},
		{"add of one object", `[{"op":"add","path":"members","value":{"value":"a"}}]`, []scim.MemberChange{{Kind: scim.AddMembers, IDs: []string{"a"}}}},
		{"add of a bare id", `[{"op":"add","path":"members","value":"a"}]`, []scim.MemberChange{{Kind: scim.AddMembers, IDs: []string{"a"}}}},
		{"add without a path", `[{"op":"add","value":{"members":[{"value":"a"}],"displayName":"n"}}]`, []scim.MemberChange{{Kind: scim.AddMembers, IDs: []string{"a"}}}},
		{"add by reference only", `[{"op":"add","path":"members","value":[{"$ref":"https://x/Users/a"}]}]`, []scim.MemberChange{{Kind: scim.AddMembers, IDs: []string{"a"}}}},
		{"Entra's remove with values", `[{"op":"Remove","path":"members","value":[{"$ref":null,"value":"a"}]}]`, []scim.MemberChange{{Kind: scim.RemoveMembers, IDs: []string{"a"}}}},
		{"remove by filter", `[{"op":"remove","path":"members[value eq\"a\"]"}]`, []scim.MemberChange{{Kind: scim.RemoveMembers, IDs: []string{"a"}}}},
		{"remove by two values", `[{"op":"remove","path":"members[value eq \"a\" or value eq \"b\"]"}]`, []scim.MemberChange{{Kind: scim.RemoveMembers, IDs: []string{"a", "b"}}}},
		{"remove of an empty list", `[{"op":"remove","path":"members","value":[]}]`, []scim.MemberChange{{Kind: scim.RemoveMembers}}},
		{"remove of all", `[{"op":"remove","path":"members"}]`, []scim.MemberChange{{Kind: scim.ReplaceMembers}}},
		{"replace", `[{"op":"replace","path":"members","value":[{"value":"a"}]}]`, []scim.MemberChange{{Kind: scim.ReplaceMembers, IDs: []string{"a"}}}},
		{"replace by nobody", `[{"op":"replace","path":"members","value":[]}]`, []scim.MemberChange{{Kind: scim.ReplaceMembers}}},
		{"in order", `[{"op":"remove","path":"members"},{"op":"add","path":"members","value":[{"value":"a"}]}]`, []scim.MemberChange{{Kind: scim.ReplaceMembers}, {Kind: scim.AddMembers, IDs: []string{"a"}}}},
		{"Okta's rename", `[{"op":"replace","value":{"id":"x","displayName":"n"}}]`, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := patch(scim.Groups(), `{}`, c.ops)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got.Members); diff != "" {
				t.Error(diff)
			}
		})
	}
	got, err := patch(scim.Groups(), `{}`, `[{"op":"remove","path":"members[display co \"x\"]"}]`)
	if err != nil || len(got.Members) != 1 || got.Members[0].Kind != scim.RemoveWhere || got.Members[0].Where == nil {
		t.Errorf("by another filter: %+v, %v", got.Members, err)
	}
}

func TestMemberPatchesThatAreRefused(t *testing.T) {
	for _, c := range []struct{ name, ops, want string }{
		{"a team in a team", `[{"op":"add","path":"members","value":[{"value":"x","type":"Group"}]}]`, scim.InvalidValue},
		{"a value that names nobody", `[{"op":"remove","path":"members","value":[{"display":"x"}]}]`, scim.InvalidValue},
		{"a member changed", `[{"op":"replace","path":"members[value eq \"a\"].display","value":"x"}]`, scim.MutabilityErr},
		{"a member replaced", `[{"op":"replace","path":"members[value eq \"a\"]","value":{"value":"b"}}]`, scim.MutabilityErr},
		{"a boolean", `[{"op":"add","path":"members","value":true}]`, scim.InvalidValue},
		{"the name removed", `[{"op":"remove","path":"displayName"}]`, scim.MutabilityErr},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := patch(scim.Groups(), `{}`, c.ops); !errors.Is(err, fault.New(fault.Invalid, c.want, "")) {
				t.Errorf("%v, want %s", err, c.want)
			}
		})
	}
}

func FuzzPatch(f *testing.F) {
	for _, s := range []string{
		`[{"op":"add","path":"emails[type eq \"work\"].value","value":"x"}]`, `[{"op":"replace","value":{"name.givenName":null,"roles":[{"primary":"True"}]}}]`,
		`[{"op":"remove","path":"manager","value":[{"value":1}]}]`, `[{"op":"add","path":"members","value":[null,{},"a",[1]]}]`,
		`[{"op":"replace","path":"addresses","value":{"primary":true,"type":{"a":1}}}]`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, ops string) {
		person := `{"active":true,"emails":[{"value":"a","type":"work","primary":true}],"addresses":[{"type":"home"}],` + ent + `:{"manager":{"value":"m"}}}`
		for before, rt := range map[string]*scim.ResourceType{person: scim.Users(), `{}`: scim.Groups()} {
			got, err := patch(rt, before, ops)
			if err != nil {
				if k := fault.From(err).Kind; k != fault.Invalid && k != fault.TooLarge {
					t.Fatalf("%s: %v", ops, err)
				}
				continue
			}
			canonical(t, rt, got.Resource)
		}
	})
}

// canonical checks what every resource promises: it renders to JSON, nothing in it is empty, and reading it back gives the same.
func canonical(t *testing.T, rt *scim.ResourceType, r scim.Resource) {
	t.Helper()
	back, err := scim.Decode(rt.AppendJSON(nil, r))
	if err != nil {
		t.Fatal(err)
	}
	again, err := rt.Read(back)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r, again.Resource); diff != "" {
		t.Errorf("it does not come back the same: %s", diff)
	}
}

func TestPatchesThatWouldCostTooMuchAreRefused(t *testing.T) {
	many := func(n int) string {
		list := make([]map[string]any, n)
		for i := range list {
			list[i] = map[string]any{"value": fmt.Sprint(i)}
		}
		raw, err := json.Marshal(list)
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	if _, err := patch(scim.Users(), `{}`, `[{"op":"add","path":"roles","value":`+many(scim.MaxValues)+`}]`); err != nil {
		t.Errorf("as many values as may be: %v", err)
	}
	for _, ops := range []string{
		`[{"op":"add","path":"roles","value":` + many(scim.MaxValues+1) + `}]`,
		`[{"op":"add","path":"roles","value":` + many(scim.MaxValues) + `},{"op":"add","path":"roles","value":"one more"}]`,
	} {
		if _, err := patch(scim.Users(), `{}`, ops); !errors.Is(err, fault.New(fault.Invalid, scim.InvalidValue, "")) {
			t.Errorf("too many values: %v", err)
		}
	}
	costly := `{"op":"remove","path":"roles[` + strings.Repeat(`value eq \"x\" or `, 150) + `value pr]"}`
	ops := `[` + strings.Repeat(`{"op":"add","path":"roles","value":`+many(100)+`},`+costly+`,`, 400) + costly + `]`
	if _, err := patch(scim.Users(), `{}`, ops); fault.From(err).Kind != fault.TooLarge {
		t.Errorf("%v, want too large", err)
	}
}

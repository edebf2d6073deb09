package scim_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/scim"
)

func read(rt *scim.ResourceType, body string) (scim.Incoming, error) {
	m, err := scim.ParseObject([]byte(body))
	if err != nil {
		return scim.Incoming{}, err
	}
	return rt.Read(m)
}

func TestReadingWhatClientsSend(t *testing.T) {
	for _, c := range []struct{ name, body, want string }{
		{"names in any case", `{"UserName":"u","Active":"True","Emails":[{"Primary":"true","Type":"work","VALUE":"a"}]}`,
			`{"userName":"u","active":true,"emails":[{"primary":true,"type":"work","value":"a"}]}`},
		{"nulls and empty strings are absent", `{"userName":"u","title":"","addresses":null,"emails":[null,{},{"value":null,"type":"work"}],"name":{"givenName":null}}`,
			`{"userName":"u"}`},
		{"unknown names and URNs", `{"userName":"u","adreses":[1],"schemas":["urn:scim:schemas:core:1.0"],"urn:x:y":{"a":1}}`, `{"userName":"u"}`},
		{"read-only and password", `{"userName":"u","id":"x","meta":{"created":5},"groups":[{"value":"g"}],"password":"p"}`, `{"userName":"u"}`},
		{"flat URN keys", `{"userName":"u","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department":"d"}`, `{"userName":"u",` + ent + `:{"department":"d"}}`},
		{"dotted keys", `{"userName":"u","name.givenName":"A","name":{"familyName":"B"}}`, `{"userName":"u","name":{"givenName":"A","familyName":"B"}}`},
		{"a dotted key in an extension", `{"userName":"u",` + ent + `:{"Manager.Value":"m","Department":"d"}}`, `{"userName":"u",` + ent + `:{"manager":{"value":"m"},"department":"d"}}`},
		{"a manager as a string", `{"userName":"u",` + ent + `:{"manager":"m"}}`, `{"userName":"u",` + ent + `:{"manager":{"value":"m"}}}`},
		{"OneLogin's manager", `{"userName":"u",` + ent + `:{"manager":{"value":"m","displayName":"Boss"}}}`, `{"userName":"u",` + ent + `:{"manager":{"value":"m"}}}`},
		{"numbers for strings", `{"userName":"u","addresses":[{"postalCode":91608}],` + ent + `:{"employeeNumber":701984}}`,
			`{"userName":"u","addresses":[{"postalCode":"91608"}],` + ent + `:{"employeeNumber":"701984"}}`},
		{"two primaries", `{"userName":"u","emails":[{"value":"a","primary":true},{"value":"b","primary":true}]}`,
			`{"userName":"u","emails":[{"value":"a","primary":true},{"value":"b","primary":false}]}`},
		{"roles of one type", `{"userName":"u","roles":[{"type":"W","value":"A","displayName":"a"},{"type":"W","value":"B"}]}`,
			`{"userName":"u","roles":[{"type":"W","value":"A","display":"a"},{"type":"W","value":"B"}]}`},
		{"one value for an array", `{"userName":"u","emails":{"value":"a"},"phoneNumbers":"5"}`, `{"userName":"u","emails":[{"value":"a"}],"phoneNumbers":[{"value":"5"}]}`},
		{"text kept as sent", `{"userName":" O'Malley\\\"😀 ","phoneNumbers":[{"value":"555-555"}],"locale":"RJWN"}`, `{"userName":" O'Malley\\\"😀 ","phoneNumbers":[{"value":"555-555"}],"locale":"RJWN"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := read(scim.Users(), c.body)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(mustDecode(c.want), got.Resource); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestBodiesThatAreRefused(t *testing.T) {
	for _, c := range []struct{ name, body, want string }{
		{"no JSON", `{"userName":`, scim.InvalidSyntax},
		{"something after the object", `{"userName":"u"} x`, scim.InvalidSyntax},
		{"an array", `[]`, scim.InvalidSyntax},
		{"null", `null`, scim.InvalidSyntax},
		{"bytes that are no text", "{\"userName\":\"\xff\"}", scim.InvalidSyntax},
		{"nested beyond reason", strings.Repeat(`{"a":`, 20000), scim.InvalidSyntax},
		{"no userName", `{"displayName":"x"}`, scim.InvalidValue},
		{"an empty userName", `{"userName":""}`, scim.InvalidValue},
		{"a blank userName", `{"userName":"  "}`, scim.InvalidValue},
		{"null for userName", `{"userName":null}`, scim.InvalidValue},
		{"an object for userName", `{"userName":{}}`, scim.InvalidSyntax},
		{"an array of arrays", `{"userName":"u","emails":[[1]]}`, scim.InvalidSyntax},
		{"a string for a name", `{"userName":"u","name":"x"}`, scim.InvalidSyntax},
		{"a string for an extension", `{"userName":"u",` + ent + `:"x"}`, scim.InvalidSyntax},
		{"a boolean that is none", `{"userName":"u","active":"yes"}`, scim.InvalidValue},
		{"a number for a boolean", `{"userName":"u","active":1}`, scim.InvalidSyntax},
		{"a NUL", `{"userName":"u\u0000"}`, scim.InvalidValue},
		{"a userName too long for an index", `{"userName":"` + strings.Repeat("x", 2001) + `"}`, scim.InvalidValue},
		{"an address too long for an index", `{"userName":"u","emails":[{"value":"` + strings.Repeat("x", 2001) + `"}]}`, scim.InvalidValue},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := read(scim.Users(), c.body); !errors.Is(err, fault.New(fault.Invalid, c.want, "")) {
				t.Errorf("%v, want %s", err, c.want)
			}
		})
	}
}

func TestMembersOfABody(t *testing.T) {
	for body, want := range map[string][]string{
		`{"displayName":"g"}`:                nil,
		`{"displayName":"g","members":null}`: nil,
		`{"displayName":"g","members":[]}`:   {},
		`{"displayName":"g","members":[{"value":"a","displayName":"x"},"b",{"value":"a"},null,{}]}`: {"a", "b"},
	} {
		got, err := read(scim.Groups(), body)
		if err != nil || cmp.Diff(want, got.Members) != "" {
			t.Errorf("%s: %v, %v, want %v", body, got.Members, err, want)
		}
	}
}

func TestReplacing(t *testing.T) {
	old := mustDecode(`{"userName":"u","active":false,"title":"x",` + ent + `:{"department":"d"}}`)
	for _, c := range []struct{ name, body, want string }{
		{"a core body clears the core and leaves the extension", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"u"}`, `{"userName":"u","active":false,` + ent + `:{"department":"d"}}`},
		{"a listed extension without values is cleared", `{"schemas":[` + strings.ToUpper(ent) + `],"userName":"u","active":true}`, `{"userName":"u","active":true}`},
		{"a present extension is replaced", `{"schemas":["urn:wrong"],"userName":"u",` + ent + `:{"division":"v"}}`, `{"userName":"u","active":false,` + ent + `:{"division":"v"}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			in, err := read(scim.Users(), c.body)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(mustDecode(c.want), scim.Users().Replaced(old, in)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestProjection(t *testing.T) {
	users := scim.Users()
	for _, c := range []struct {
		name                 string
		attributes, excluded string
		want                 string
	}{
		{"one attribute", "username", "", `{"userName":"Ada@Acme.test"}`},
		{"a part, its URN, any case", "urn:ietf:params:scim:schemas:core:2.0:User:EMAILS.value,name.givenname", "", `{"emails":[{"value":"ada@acme.test"},{"value":"ada@home.test"}],"name":{"givenName":"Ada"}}`},
		{"parts of an extension", "department,manager.value", "", `{` + ent + `:{"department":"R&D","manager":{"value":"ppl_Boss"}}}`},
		{"a whole extension less a part", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User", "manager", `{` + ent + `:{"department":"R&D","employeeNumber":"701984"}}`},
		{"meta in part", "meta.version", "", `{"meta":{"version":"W/\"2\""}}`},
		{"only unknown names", "nonsense,also.nonsense", "", `{}`},
		{"the password", "password", "", `{}`},
		{"all but what is excluded, never id", "", "id,schemas,meta,groups,roles,emails,name,nickName,urn:ietf:params:scim:schemas:extension:enterprise:2.0:User", `{"userName":"Ada@Acme.test","active":true,"title":"Head of \"It\" 100%","externalId":"X1"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := mustDecode(c.want)
			want["id"], want["schemas"] = ada["id"], ada["schemas"]
			p := users.ParseProjection([]string{c.attributes}, []string{c.excluded})
			if diff := cmp.Diff(want, users.Project(ada, p)); diff != "" {
				t.Error(diff)
			}
		})
	}
	groups := scim.Groups()
	for _, c := range []struct {
		attributes, excluded string
		want                 bool
	}{{"", "", true}, {"", "Members", false}, {"displayName", "", false}, {"members", "", true}, {"members.value", "", true}, {"", "members.value", true}, {"members", "members", false}} {
		if got := groups.ParseProjection([]string{c.attributes}, []string{c.excluded}).Wants("members"); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

func TestRenderingKeepsTheOrderOfTheSchema(t *testing.T) {
	r := mustDecode(`{"meta":{"version":"1","resourceType":"User"},"active":false,"id":"i","userName":"a\"b<ü","emails":[{"primary":true,"value":"v"}],` + ent + `:{"department":"d"},"schemas":["s"]}`)
	want := `{"schemas":["s"],"id":"i","userName":"a\"b\u003cü","active":false,"emails":[{"value":"v","primary":true}],` + ent + `:{"department":"d"},"meta":{"resourceType":"User","version":"1"}}`
	if got := string(scim.Users().AppendJSON(nil, r)); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

func TestFold(t *testing.T) {
	for _, c := range [][2]string{{"ADA", "ada"}, {"Straße", "STRASSE"}, {"ÉCOLE", "e\u0301cole"}, {"ＡＤＡ", "ada"}, {"ΣΊΣΥΦΟΣ", "σίσυφος"}, {"Kovač", "KOVAČ"}} {
		if scim.Fold(c[0]) != scim.Fold(c[1]) {
			t.Errorf("%q and %q differ: %q, %q", c[0], c[1], scim.Fold(c[0]), scim.Fold(c[1]))
		}
	}
}

func FuzzBody(f *testing.F) {
	for _, s := range []string{`{"userName":"u","emails":[{"primary":"TRUE"}]}`, `{"userName":1,"name.givenName":{"a":[]}}`, `{"displayName":"g","members":[{"value":1}]}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		for _, rt := range []*scim.ResourceType{scim.Users(), scim.Groups()} {
			got, err := read(rt, body)
			if err != nil {
				if fault.From(err).Kind != fault.Invalid {
					t.Fatal(err)
				}
				continue
			}
			canonical(t, rt, got.Resource)
		}
	})
}

package scim

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// FuzzReadText: what the textReader reads, encoding/json reads as the same; what encoding/json refuses it does not read.
func FuzzReadText(f *testing.F) {
	for _, s := range []string{`{}`, `{"a":[1,-0.5e+3,true,false,null,"x"],"b":{"c":"é"}} `, `{"a":1,"a":2}`, `[01]`, `[1.]`, `-`, `"\u0041"`, "\"\x01\"", `{"a":1,}`, `[,]`,
		`tru`, `nulll`, `1e`, ` 7 `, `{"a" : "b"}x`, `""`, strings.Repeat("[", 40) + strings.Repeat("]", 40), `{1:2}`, `[1 2]`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) {
			return
		}
		got, ok := readText(text)
		if !ok {
			return
		}
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		var want any
		if err := d.Decode(&want); err != nil {
			t.Fatalf("read %q, which encoding/json refuses: %v", text, err)
		}
		if _, err := d.Token(); err == nil {
			t.Fatalf("read %q, behind which something follows", text)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
		out, err := appendCanonical(nil, got)
		if err != nil {
			t.Fatal(err)
		}
		var again any
		if err := unmarshal(out, &again); err != nil || !cmp.Equal(again, want) {
			t.Fatalf("%q was written as %q (%v)", text, out, err)
		}
	})
}

// TestWhatIsReturnedByDefaultNeedsNoCopy: writing a resource as it is projected is writing its projection.
func TestWhatIsReturnedByDefaultNeedsNoCopy(t *testing.T) {
	ext := &Schema{ID: "urn:x:User", Attributes: []*Attribute{{Name: "kept", Type: String}, {Name: "never", Type: String, Returned: Never}}}
	quiet := &Schema{ID: "urn:y:User", Attributes: []*Attribute{{Name: "asked", Type: String, Returned: OnRequest}}}
	core := &Schema{ID: "urn:z:User", Attributes: []*Attribute{{Name: "password", Type: String, Returned: Never}, {Name: "userName", Type: String, Returned: Always},
		{Name: "asked", Type: String, Returned: OnRequest}, {Name: "title", Type: String}, {Name: "active", Type: Boolean},
		{Name: "emails", Type: Complex, Multi: true, Sub: []*Attribute{{Name: "value", Type: String}}}}}
	rt := NewResourceType("User", "/Users", "", core, ext, quiet)
	whole := Resource{"id": "1", "schemas": []any{"urn:z:User"}, "password": "p", "userName": "é\"", "asked": "a", "title": "T", "active": false, "unknown": "u",
		"emails": []any{map[string]any{"value": "a"}, map[string]any{}}, "urn:x:User": map[string]any{"kept": "k", "never": "n"}, "urn:y:User": map[string]any{"asked": "a"},
		"meta": map[string]any{"version": "1"}}
	for name, p := range map[string]Projection{"nothing": {}, "empty lists": rt.ParseProjection(nil, []string{""}), "a list": rt.ParseProjection([]string{"title", "asked"}, nil),
		"all but one": rt.ParseProjection(nil, []string{"title"}), "an unknown one": rt.ParseProjection([]string{"nobody"}, nil)} {
		got, want := string(rt.AppendProjected([]byte("["), whole, p)), "["+string(rt.AppendJSON(nil, rt.Project(whole, p)))
		if got != want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, want)
		}
	}
}

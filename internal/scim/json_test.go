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

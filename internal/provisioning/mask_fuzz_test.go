package provisioning

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/countersign/countersign/internal/scim"
)

// FuzzMask: whatever a client sends, what is kept of it is JSON of a bounded size, and its password is in neither form.
func FuzzMask(f *testing.F) {
	for _, seed := range []string{
		`{"userName":"ben","password":"hunter2-hunter2"}`,
		`{"Operations":[{"op":"replace","path":"password","value":"hunter2-hunter2"}]}`,
		`{"Operations":[{"OP":"Replace","PATH":"urn:ietf:params:scim:schemas:core:2.0:User:PassWord","VALUE":{"a":"hunter2-hunter2"}}]}`,
		`{"a":{"b":[{"c":[[[{"authToken":"hunter2-hunter2"}]]]}]},"n":1e999,"x":"\u0000\ud800","":null}`,
		`{"phoneNumbers":"not a list","emails":{"value":[1,true,null]},"members":[[],{},0]}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		body, err := scim.ParseObject([]byte(text))
		if err != nil {
			return
		}
		masked := maskedBody(body)
		if masked == nil || !json.Valid([]byte(*masked)) || len(*masked) > bodyMost+64<<10 {
			t.Fatalf("masked %v of %q", masked, text)
		}
		kept := clean([]byte(text), body)
		if !json.Valid(kept) {
			t.Fatalf("kept %q of %q", kept, text)
		}
		again, err := scim.ParseObject(kept)
		if err != nil || dirty(again) && strings.Contains(string(kept), "hunter2") {
			t.Fatalf("kept %q of %q: %v", kept, text, err)
		}
		Diff(body, again)
		(&Entry{Kind: Team, Added: 1, Body: body}).members()
	})
}

package provisioning_test

import (
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/provisioning"
	"github.com/countersign/countersign/internal/scim"
	"github.com/countersign/countersign/internal/vault"
)

// BenchmarkRow is what a create pays for its row before the database sees it: the sentence, two masked bodies and a sealed one.
func BenchmarkRow(b *testing.B) {
	file := filepath.Join(b.TempDir(), "keyset.json")
	if err := vault.Create(file); err != nil {
		b.Fatal(err)
	}
	v, err := vault.Open(file)
	if err != nil {
		b.Fatal(err)
	}
	l := provisioning.New(nil, v, slog.New(slog.DiscardHandler))
	raw := []byte(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"ben@acme.test","externalId":"0f3c9a5d-7e0b-2846-ac51-d0e9f7b3286c","active":true,
		"displayName":"Ben","name":{"givenName":"Ben","familyName":"Okafor"},"emails":[{"value":"ben@acme.test","type":"work","primary":true}],"title":"Captain"}`)
	body, err := scim.ParseObject(raw)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		e := provisioning.Entry{Workspace: "wsp_1", At: time.Unix(1_700_000_000, 0), Result: provisioning.OK, Operation: "user.create", Event: "person.created", Status: 201,
			Kind: provisioning.Person, Subject: "ppl_1", Key: "ben@acme.test", Name: "Ben", Token: "tok_1", Method: "POST", Target: "/Users", Body: body, Raw: raw,
			Response: body, After: body}
		if _, _, err := l.Row(&e); err != nil {
			b.Fatal(err)
		}
	}
}

package directory_test

import (
	"fmt"
	"testing"

	"github.com/countersign/countersign/internal/dbtest"
	"github.com/countersign/countersign/internal/directory"
)

func BenchmarkList(b *testing.B) {
	for _, d := range dbtest.Dialects {
		db := dbtest.Open(b, dbtest.URL(b, d))
		h := newHouse(b, db)
		for i := range 1500 {
			h.user(fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"externalId":"e%d","userName":"u%d@acme.test","active":true,"emails":[{"primary":true,"type":"work","value":"u%d@acme.test"}],"name":{"familyName":"F","givenName":"G"}}`, i, i, i))
		}
		b.Run(d, func(b *testing.B) {
			for b.Loop() {
				h.names(directory.Query{Count: 100})
			}
		})
	}
}

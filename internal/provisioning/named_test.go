package provisioning

import (
	"slices"
	"testing"
	"time"
)

func TestASentenceNamesItsTimes(t *testing.T) {
	end := time.Date(2026, 5, 3, 14, 20, 0, 0, time.UTC)
	for _, tc := range []struct {
		name string
		row  Row
		want []time.Time
	}{
		{"of a revoked token", Row{Result: Rejected, Sentence: "Okta sent the token (…9f2c) that Ana revoked on 3 May 2026 at 14:20 UTC."}, []time.Time{end}},
		{"of a replaced one, the day apart", Row{Result: Rejected, Sentence: "Okta sent the token (…9f2c) that was replaced on 2 May 2026. It has not been valid since 3 May 2026 at 14:20 UTC."}, []time.Time{end}},
		{"of a call that was let in, which only quotes one", Row{Result: Failed, Sentence: "Okta could not create 3 May 2026 at 14:20 UTC: no."}, nil},
		{"none that there is not", Row{Result: Rejected, Sentence: "Okta sent a token that expired on 99 Foo 2026 at 14:20 UTC."}, nil},
	} {
		if got := tc.row.Named(); !slices.EqualFunc(got, tc.want, time.Time.Equal) {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
}

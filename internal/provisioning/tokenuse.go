package provisioning

import (
	"slices"
	"time"
)

// TokenUse is who calls with a token, so that nobody has to guess whether an old one is still in use.
type TokenUse struct {
	Token  string // id
	Client string
	LastAt time.Time
	Calls  int64 // within the last 24 hours; rejected ones too
	Good   int64 // of them, those that were let in
}

// tokenMinute is one minute of one token.
type tokenMinute struct {
	TokenID string
	Minute  `gorm:"embedded"`
}

// uses adds up what was called with each token, the last used first.
func uses(rows []tokenMinute, now time.Time) []TokenUse {
	by := map[string]*TokenUse{}
	for _, r := range rows {
		u := by[r.TokenID]
		if u == nil {
			u = &TokenUse{Token: r.TokenID}
			by[r.TokenID] = u
		}
		if r.LastAt.After(u.LastAt) {
			u.LastAt = r.LastAt.UTC()
		}
		if r.Client != "" {
			u.Client = r.Client
		}
		if now.Sub(r.LastAt) < 24*time.Hour {
			u.Calls, u.Good = u.Calls+r.Calls, u.Good+r.Calls-r.Rejected
		}
	}
	out := make([]TokenUse, 0, len(by))
	for _, u := range by {
		out = append(out, *u)
	}
	slices.SortFunc(out, func(a, b TokenUse) int { return b.LastAt.Compare(a.LastAt) })
	return out
}

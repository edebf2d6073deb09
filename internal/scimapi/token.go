package scimapi

import (
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/countersign/countersign/internal/actor"
	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/workspace"
)

var errToken = fault.New(fault.Unauthorized, "unauthorized", "The bearer token is missing, wrong or no longer valid.")

// authenticate finds out whose token the request carries. It comes first, on every path, so that nobody without one learns what is here.
func (a *API) authenticate(c *gin.Context) (actor.Actor, error) {
	token := bearer(c.GetHeader("Authorization"))
	if token == "" {
		return actor.Actor{}, errToken
	}
	from := &workspace.Caller{IP: c.ClientIP(), UserAgent: clip(c.Request.UserAgent(), 256)}
	c.Request = c.Request.WithContext(workspace.CalledFrom(c.Request.Context(), from))
	by, err := a.Authenticate(c.Request.Context(), token)
	by.IP, by.UserAgent = from.IP, from.UserAgent
	if err != nil {
		return by, err // of an address that is not on the list it is known whose token it was
	}
	if from.Outside {
		c.Set(outside, from.IP)
	}
	a.use(c, by)
	return by, nil
}

// outside is where a call keeps its address when the token's list, which only observes, does not have it.
const outside = "scim_outside"

// use tells that a token was used; best effort: the call goes on.
func (a *API) use(c *gin.Context, by actor.Actor) {
	if a.Used != nil && a.uses.due(by.Token+"|"+by.IP) {
		ctx := workspace.CalledFrom(c.Request.Context(), &workspace.Caller{IP: by.IP, UserAgent: by.UserAgent})
		_ = a.Used(ctx, by.Token, client(by.UserAgent))
	}
}

// bearer is the token of an Authorization header. The scheme has any letter case; written twice, as in a secret pasted with its scheme, it
// counts once.
func bearer(header string) string {
	token := strings.TrimSpace(header)
	found := false
	for {
		scheme, rest, ok := strings.Cut(token, " ")
		if !ok || !strings.EqualFold(scheme, "Bearer") {
			break
		}
		token, found = strings.TrimSpace(rest), true
	}
	if !found || len(token) > 512 {
		return ""
	}
	return token
}

// client names who is calling as far as the User-Agent says; it is shown to admins and decides nothing.
func client(userAgent string) string {
	for _, known := range []struct{ part, name string }{
		{"okta", "Okta"}, {"azure", "Entra ID"}, {"microsoft", "Entra ID"}, {"onelogin", "OneLogin"}, {"jumpcloud", "JumpCloud"},
		{"pingidentity", "Ping Identity"}, {"pingone", "Ping Identity"}, {"sailpoint", "SailPoint"}, {"google", "Google"},
	} {
		if strings.Contains(strings.ToLower(userAgent), known.part) {
			return known.name
		}
	}
	return clip(userAgent, 60)
}

// clip is s, cut to n bytes at a letter and without what no header should hold.
func clip(s string, n int) string {
	s = strings.ToValidUTF8(s, "")
	s = strings.Map(func(r rune) rune {
		if r < ' ' {
			return -1
		}
		return r
	}, s)
	if len(s) > n {
		s = strings.ToValidUTF8(s[:n], "")
	}
	return s
}

// uses remembers when the use of each token was last told.
type uses struct {
	mu   sync.Mutex
	now  func() time.Time
	told map[string]time.Time
}

func newUses(now func() time.Time) *uses { return &uses{now: now, told: map[string]time.Time{}} }

func (u *uses) due(token string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	now := u.now()
	if last, ok := u.told[token]; ok && now.Sub(last) < time.Minute {
		return false
	}
	if len(u.told) > 10_000 { // far more than live tokens of one process; start over instead of growing
		clear(u.told)
	}
	u.told[token] = now
	return true
}

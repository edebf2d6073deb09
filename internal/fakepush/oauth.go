package fakepush

import (
	"crypto/rand"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	grantType    = "urn:ietf:params:oauth:grant-type:jwt-bearer"
	fcmScope     = "https://www.googleapis.com/auth/firebase.messaging"
	cloudScope   = "https://www.googleapis.com/auth/cloud-platform"
	bearerLife   = time.Hour
	assertedSlop = 5 * time.Minute // how wrong a client's clock may be
)

// oauth knows the access tokens that were given out.
type oauth struct {
	mu      sync.Mutex
	bearers map[string]time.Time // until when
}

func newOAuth() *oauth { return &oauth{bearers: map[string]time.Time{}} }

func (o *oauth) issue(now time.Time) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	token := "ya29.fake-" + rand.Text()
	o.bearers[token] = now.Add(bearerLife)
	return token
}

func (o *oauth) accepts(header string, now time.Time) bool {
	token, isBearer := strings.CutPrefix(header, "Bearer ")
	o.mu.Lock()
	defer o.mu.Unlock()
	return isBearer && now.Before(o.bearers[token])
}

// RevokeAccessTokens makes FCM refuse every access token given out so far.
func (f *Fake) RevokeAccessTokens() {
	f.oauth.mu.Lock()
	defer f.oauth.mu.Unlock()
	clear(f.oauth.bearers)
}

// token is Google's token endpoint for service accounts (RFC 7523).
func (f *Fake) token(w http.ResponseWriter, r *http.Request) {
	step := f.book.arrive(TokenEndpoint)
	if !play(w, r, step) {
		return
	}
	if status, err := strconv.Atoi(step.Do); err == nil {
		writeJSON(w, status, map[string]string{"error": "invalid_grant", "error_description": "scripted"})
		return
	}
	if r.PostFormValue("grant_type") != grantType {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": "unsupported_grant_type"})
		return
	}
	if err := f.checkAssertion(r.PostFormValue("assertion")); err != nil {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": "invalid_grant", "error_description": err.Error()})
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"access_token": f.oauth.issue(f.now()), "token_type": "Bearer", "expires_in": int(bearerLife / time.Second),
	})
}

func (f *Fake) checkAssertion(text string) error {
	t, err := parseJWT(text)
	if err != nil {
		return err
	}
	now, iat, exp := f.now(), time.Unix(t.claims.Iat, 0), time.Unix(t.claims.Exp, 0)
	scopes := strings.Fields(t.claims.Scope)
	switch {
	case !t.signedRS256(&f.keys.account.PublicKey) || t.header.Kid != accountKeyID:
		return errors.New("invalid signature")
	case t.claims.Iss != accountEmail:
		return errors.New("account not found")
	case t.claims.Aud != f.FCMURL+"/token":
		return errors.New("another audience")
	case iat.Sub(now).Abs() > assertedSlop || !exp.After(now) || exp.Sub(iat) > time.Hour:
		return errors.New("not a short-lived token of now")
	case !slices.Contains(scopes, fcmScope) && !slices.Contains(scopes, cloudScope):
		return errors.New("no scope for messaging")
	}
	return nil
}

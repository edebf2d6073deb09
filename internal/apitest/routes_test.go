package apitest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/countersign/countersign/internal/apitest"
)

// Who a route lets in.
const (
	anyone  = "anyone" // proves nothing, or proves itself by the secret in the body
	session = "session"
	phone   = "phone"
)

// open are the routes that ask for no credential. Every other route has to refuse whoever has none: below /v1/device whoever is no phone,
// elsewhere whoever has no session.
var open = map[string]bool{
	"GET /v1/setup":                          true,
	"POST /v1/setup":                         true,
	"POST /v1/setup/passkey":                 true,
	"GET /v1/setup/ws":                       true, // while there is no workspace
	"GET /v1/workspaces/:slug":               true,
	"POST /v1/workspaces/:slug/sso":          true, // begins a single sign-on
	"GET /v1/sso/callback":                   true, // ends one, with what the identity provider sent
	"GET /v1/sso/finish":                     true, // ends one with SAML, with the secret that stands for what the provider sent
	"GET /v1/workspaces/:slug/saml/metadata": true, // for SAML providers to read
	"POST /v1/workspaces/:slug/saml/acs":     true, // takes what a SAML provider sent, from its site
	"GET /v1/sso/signed-out":                 true, // from the provider, after signing out there
	"GET /v1/session/state":                  true, // tells a browser that it is signed in nowhere
	"POST /v1/session":                       true,
	"POST /v1/session/password":              true,
	"POST /v1/session/passkey":               true,
	"POST /v1/session/passkey/options":       true,
	"DELETE /v1/session":                     true, // signing out when nobody is signed in changes nothing
	"POST /v1/device/pairings/resolve":       true,
	"POST /v1/device/pairings/:id/claim":     true,
}

// fromElsewhere is the one route that takes a form from another site: there a SAML provider's page lets the browser post its answer. It neither
// reads nor sets a cookie.
const fromElsewhere = "POST /v1/workspaces/:slug/saml/acs"

// postFromElsewhere is that form, as somebody's page could send it: nobody is signed in, and the browser is sent to a page that says so.
func postFromElsewhere(t *testing.T, s *apitest.Site, path string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.Server.URL+path, strings.NewReader("RelayState=x&SAMLResponse=x"))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"Content-Type": "application/x-www-form-urlencoded", "Origin": "https://evil.test", "Sec-Fetch-Site": "cross-site"} {
		req.Header.Set(name, value)
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/signin?sso_error=sso_over" || len(res.Cookies()) > 0 || res.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("POST %s from another site: %d %v", path, res.StatusCode, res.Header)
	}
}

// kinds says what the id in a path is of. A path with an id that has no line here fails TestEveryRouteIsInTheMatrix.
var kinds = map[string]string{
	"/v1/people/:id":                        "person",
	"/v1/teams/:id":                         "team",
	"/v1/tokens/:id":                        "token",
	"/v1/sessions/:id":                      "session",
	"/v1/passkeys/:id":                      "passkey",
	"/v1/api-keys/:id":                      "key",
	"/v1/pairings/:id":                      "pairing",
	"/v1/devices/:id":                       "device",
	"/v1/recovery/requests/:id":             "recovery",
	"/v1/notices/:id":                       "notice",
	"/v1/webhooks/:id":                      "webhook",
	"/v1/confirmations/:id":                 "confirmation",
	"/v1/directory/schemas/:id":             "schema",
	"/v1/provisioning/log/:id":              "call",
	"/v1/activity/events/:id":               "event",
	"/v1/activity/exports/:id":              "export",
	"/v1/removals/:id":                      "removal",
	"/v1/offboardings/:id":                  "offboarding",
	"/v1/identity-provider/domains/:domain": "domain",
	"/v1/device/pairings/:id":               "pairing",
	"/v1/device/confirmations/:id":          "confirmation",
}

// bodies make a call on a foreign object valid in every other respect; without a line it is {}.
var bodies = map[string]any{
	"PATCH /v1/people/:id":                      map[string]bool{"active": false},
	"POST /v1/pairings/:id/match":               map[string]bool{"match": true},
	"DELETE /v1/devices/:id":                    map[string]string{"confirmation_id": "cnf_x"},
	"PATCH /v1/devices/:id":                     map[string]string{"name": "Mine now"},
	"PATCH /v1/teams/:id":                       map[string]string{"alias": "Mine now"},
	"PATCH /v1/passkeys/:id":                    map[string]string{"name": "Mine now"},
	"POST /v1/recovery/requests/:id/compare":    map[string]string{"words": "amber river violin"},
	"POST /v1/provisioning/log/:id/replay":      map[string]bool{"dry_run": true},
	"POST /v1/provisioning/log/:id/conflict":    map[string]any{"dry_run": true, "person_id": "ppl_x"},
	"POST /v1/confirmations/:id/events":         map[string]string{"event": "shown"},
	"POST /v1/device/confirmations/:id/note":    map[string]string{"note": "I was at lunch."},
	"POST /v1/device/confirmations/:id/respond": map[string]string{"response": "e30", "sig": "AA"},
}

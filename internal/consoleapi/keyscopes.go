package consoleapi

import "github.com/countersign/countersign/internal/apikey"

// never is for routes that no API key opens, whatever its scopes: signing in and what it depends on, phones, confirmations and everything that
// needs one, SCIM tokens, API keys, people's own affairs, and what would give a key's holder more rights than the key has.
const never apikey.Scope = ""

// keyScopes says for each route which scope a key needs. A route without a line here is closed to keys, and fails a test.
var keyScopes = map[string]apikey.Scope{
	"GET /v1/people":              apikey.PeopleRead,
	"GET /v1/people/:id":          apikey.PeopleRead,
	"PATCH /v1/people/:id":        apikey.PeopleWrite, // users and guests alone: see changePerson
	"GET /v1/people/:id/profile":  apikey.PeopleRead,
	"GET /v1/people/:id/sso":      apikey.PeopleRead,
	"GET /v1/deleted/people":      apikey.PeopleRead,
	"POST /v1/people/:id/restore": never, // somebody may come back as an admin
	"GET /v1/offboardings":        apikey.PeopleRead,
	"GET /v1/offboardings/:id":    apikey.PeopleRead,

	"GET /v1/teams":              apikey.TeamsRead,
	"GET /v1/teams/:id":          apikey.TeamsRead,
	"PATCH /v1/teams/:id":        never, // people say how they call a team
	"GET /v1/deleted/teams":      apikey.TeamsRead,
	"POST /v1/teams/:id/restore": never, // a team may give roles

	"GET /v1/tokens/:id":                      apikey.DirectoryRead,
	"GET /v1/directory":                       apikey.DirectoryRead,
	"GET /v1/directory/schemas":               apikey.DirectoryRead,
	"POST /v1/directory/schemas":              apikey.DirectoryWrite,
	"DELETE /v1/directory/schemas/:id":        apikey.DirectoryWrite,
	"GET /v1/directory/mapping":               apikey.DirectoryRead,
	"PUT /v1/directory/mapping":               never, // says who somebody is, and may feed rules for roles
	"POST /v1/directory/mapping/preview":      apikey.DirectoryRead,
	"GET /v1/directory/role-mapping":          apikey.DirectoryRead,
	"PUT /v1/directory/role-mapping":          never, // gives roles
	"POST /v1/directory/role-mapping/preview": apikey.DirectoryRead,
	"GET /v1/directory/guard":                 apikey.DirectoryRead,
	"PUT /v1/directory/guard":                 never, // switches a protection off
	"GET /v1/directory/turn-off":              never, // the dry run of what a phone confirms
	"POST /v1/directory/turn-off":             never,
	"GET /v1/removals":                        apikey.DirectoryRead,
	"GET /v1/removals/:id":                    apikey.DirectoryRead,
	"POST /v1/removals/:id/allow":             never,
	"POST /v1/removals/:id/keep":              never,

	"GET /v1/provisioning/log":             apikey.LogRead,
	"GET /v1/provisioning/log/:id":         apikey.LogRead,
	"POST /v1/provisioning/log/:id/raw":    never, // unmasked
	"POST /v1/provisioning/log/:id/replay": apikey.LogWrite,

	"GET /v1/provisioning/log/:id/conflict":  never, // a rehearsal
	"POST /v1/provisioning/log/:id/conflict": never, // merges two people

	"GET /v1/provisioning/missing":    apikey.LogRead,
	"GET /v1/provisioning/health":     apikey.LogRead,
	"GET /v1/provisioning/setup":      apikey.LogRead,
	"GET /v1/provisioning/reasons":    apikey.LogRead,
	"GET /v1/provisioning/settings":   apikey.LogRead,
	"PATCH /v1/provisioning/settings": never, // shortens what is kept of a key's own doings

	"GET /v1/policy":            apikey.SettingsRead,
	"GET /v1/session-limits":    apikey.SettingsRead,
	"GET /v1/identity-provider": apikey.SettingsRead,
	"GET /v1/ownership":         apikey.SettingsRead,
	"GET /v1/notifications":     apikey.SettingsRead,
	"PUT /v1/notifications":     never, // silences what warns of a key's own doings

	"POST /v1/notifications/test":                       never,
	"GET /v1/webhooks":                                  apikey.SettingsRead,
	"POST /v1/webhooks":                                 never, // sends everything elsewhere
	"PATCH /v1/webhooks/:id":                            never,
	"DELETE /v1/webhooks/:id":                           never,
	"POST /v1/webhooks/:id/secret":                      never,
	"POST /v1/webhooks/:id/test":                        never,
	"GET /v1/webhooks/:id/deliveries":                   apikey.SettingsRead,
	"POST /v1/webhooks/:id/deliveries/:delivery/resend": never,

	"GET /v1/setup":                                    never,
	"POST /v1/setup":                                   never,
	"POST /v1/setup/passkey":                           never,
	"GET /v1/setup/ws":                                 never,
	"GET /v1/workspaces/:slug":                         never,
	"POST /v1/workspaces/:slug/sso":                    never,
	"GET /v1/sso/callback":                             never,
	"POST /v1/session":                                 never,
	"GET /v1/session":                                  never,
	"DELETE /v1/session":                               never,
	"GET /v1/session/state":                            never,
	"POST /v1/session/sso-sign-out":                    never,
	"GET /v1/sso/signed-out":                           never,
	"PUT /v1/session-limits":                           never,
	"POST /v1/session/verify":                          never,
	"POST /v1/session/password":                        never,
	"POST /v1/session/recover":                         never,
	"POST /v1/session/passkey/options":                 never,
	"POST /v1/session/passkey":                         never,
	"POST /v1/session/verify/passkey/options":          never,
	"POST /v1/session/verify/passkey":                  never,
	"GET /v1/passkeys":                                 never,
	"POST /v1/passkeys/options":                        never,
	"POST /v1/passkeys":                                never,
	"PATCH /v1/passkeys/:id":                           never,
	"DELETE /v1/passkeys/:id":                          never,
	"PUT /v1/identity-provider":                        never,
	"DELETE /v1/identity-provider":                     never,
	"PUT /v1/identity-provider/state":                  never,
	"POST /v1/identity-provider/test":                  never,
	"POST /v1/identity-provider/domains":               never,
	"POST /v1/identity-provider/domains/:domain/prove": never,
	"DELETE /v1/identity-provider/domains/:domain":     never,
	"GET /v1/sessions":                                 never,
	"DELETE /v1/sessions":                              never,
	"DELETE /v1/sessions/:id":                          never,
	"POST /v1/people":                                  never, // answers with a link that sets a password
	"POST /v1/people/:id/password-link":                never,
	"GET /v1/people/:id/sessions":                      never,
	"DELETE /v1/people/:id/sessions":                   never,
	"DELETE /v1/people/:id/sessions/:session":          never,
	"GET /v1/people/:id/devices":                       never,
	"POST /v1/people/:id/unlock":                       never,
	"PUT /v1/policy":                                   never,
	"POST /v1/policy/unfreeze":                         never,
	"POST /v1/tokens/:id/revoke":                       never,
	"POST /v1/pairings":                                never,
	"GET /v1/pairings/:id":                             never,
	"POST /v1/pairings/:id/match":                      never,
	"GET /v1/devices":                                  never,
	"PATCH /v1/devices/:id":                            never,
	"DELETE /v1/devices/:id":                           never,
	"POST /v1/devices/:id/test":                        never,
	"GET /v1/recovery":                                 never,
	"POST /v1/recovery/codes":                          never,
	"POST /v1/recovery/codes/use":                      never,
	"GET /v1/recovery/requests":                        never,
	"POST /v1/recovery/requests":                       never,
	"GET /v1/recovery/requests/:id":                    never,
	"POST /v1/recovery/requests/:id/compare":           never,
	"POST /v1/recovery/requests/:id/approve":           never,
	"POST /v1/recovery/requests/:id/decline":           never,
	"POST /v1/recovery/requests/:id/cancel":            never,
	"GET /v1/notices":                                  never,
	"POST /v1/notices/:id/seen":                        never,
	"POST /v1/ownership/take-over":                     never,
	"GET /v1/ownership/transfer":                       never,
	"POST /v1/ownership/transfer":                      never,
	"DELETE /v1/ownership/transfer":                    never,
	"POST /v1/ownership/transfer/accept":               never,
	"POST /v1/ownership/transfer/decline":              never,
	"GET /v1/sso/finish":                               never,
	"GET /v1/workspaces/:slug/saml/metadata":           never,
	"POST /v1/workspaces/:slug/saml/acs":               never,
	"POST /v1/identity-provider/certificates":          never,
	"POST /v1/identity-provider/certificates/use":      never,
	"POST /v1/identity-provider/metadata":              never,
	"POST /v1/tokens/:id/cancel-regeneration":          never,
	"POST /v1/tokens/:id/end-overlap":                  never,
	"POST /v1/tokens/:id/extend-overlap":               never,
	"PUT /v1/tokens/:id/addresses":                     never,
	"PUT /v1/tokens/:id/expiry":                        never,
	"GET /v1/activity":                                 apikey.AuditRead,
	"GET /v1/activity/events/:id":                      apikey.AuditRead,
	"GET /v1/activity/exports/:id":                     apikey.AuditRead,
	"POST /v1/activity/exports":                        apikey.AuditRead,
	"PATCH /v1/activity/settings":                      never, // shortens what is kept of a key's own doings
	"GET /v1/api-keys":                                 never,
	"POST /v1/api-keys":                                never,
	"DELETE /v1/api-keys/:id":                          never,
	"POST /v1/confirmations":                           never,
	"GET /v1/confirmations/:id":                        never,
	"GET /v1/confirmations/:id/ws":                     never,
	"POST /v1/confirmations/:id/cancel":                never,
	"POST /v1/confirmations/:id/resend":                never,
	"POST /v1/confirmations/:id/reveal":                never,
	"POST /v1/confirmations/:id/events":                never,
	"POST /v1/confirmations/:id/passkey":               never,
	"POST /v1/confirmations/:id/passkey/options":       never,
}

// KeyScope says which scope an API key needs for a route, named by its method and its pattern; "" where no key may. known is false where
// nobody has decided, and then no key may either.
func KeyScope(method, pattern string) (scope apikey.Scope, known bool) {
	scope, known = keyScopes[method+" "+pattern]
	return scope, known
}

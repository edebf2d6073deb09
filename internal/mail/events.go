package mail

// Event is something people are told of, as the Notifications tab lists it.
type Event struct {
	Name     string // such as "token.viewed"
	Push     bool   // told by a push to the companion, not by mail
	News     bool   // some of it is so urgent that a push says besides that there is something to read
	Enforced bool   // no workspace can turn it off
}

// Events are all of them, in the order of the screen.
var Events = []Event{
	{Name: "confirmation.request", Push: true, Enforced: true},
	{Name: "device.added", Enforced: true},
	{Name: "token.viewed", Enforced: true},
	{Name: "token.regenerated", Enforced: true},
	{Name: "token.revoked", Enforced: true},
	{Name: "token.expiring", Enforced: true, News: true},
	{Name: "recovery.used", Enforced: true},
	{Name: "sync.stopped", Enforced: true},
	{Name: "confirmation.reported"},
	{Name: "device.changed"},
	{Name: "recovery.asked"},
	{Name: "token.changed"},
	{Name: "removal.held", News: true},
	{Name: "ownership.changed", News: true},
	{Name: "apikey.changed"},
	{Name: "policy.changed"},
	{Name: "webhook.stopped"},
	{Name: "sso.expiring"},
}

// kinds are the notices: the event each tells of, and its sentence in the console's catalogue.
var kinds = map[string]struct{ event, key string }{
	"device.added":                 {"device.added", "console.notices.device_added"},
	"colleague.device_added":       {"device.added", "console.notices.colleague_device_added"},
	"colleague.devices_added":      {"device.added", "phones"}, // several at once; no notice, so in the words of mails
	"device.removed":               {"device.changed", "console.notices.device_removed"},
	"device.key_ended":             {"device.changed", "console.notices.device_key_ended"},
	"device.push_detached":         {"device.changed", "console.notices.push_detached"},
	"recovery.codes_made":          {"recovery.asked", "console.notices.codes_made"},
	"recovery.code_used":           {"recovery.used", "console.notices.code_used"},
	"recovery.codes_paused":        {"recovery.used", "console.notices.codes_paused"},
	"recovery.link_made":           {"recovery.used", "console.notices.link_made"},
	"recovery.link_used":           {"recovery.used", "console.notices.link_used"},
	"recovery.approved":            {"recovery.used", "console.notices.approved"},
	"recovery.done":                {"recovery.used", "console.notices.done"},
	"recovery.asked":               {"recovery.asked", "console.notices.asked"},
	"recovery.refused":             {"recovery.asked", "console.notices.refused"},
	"recovery.cancelled":           {"recovery.asked", "console.notices.cancelled"},
	"recovery.expired":             {"recovery.asked", "console.notices.expired"},
	"confirmation.reported":        {"confirmation.reported", "console.notices.reported"},
	"confirmation.locked":          {"confirmation.reported", "console.notices.locked"},
	"removal.held":                 {"removal.held", "console.notices.removal_held"},
	"ownership.frozen":             {"ownership.changed", "console.notices.ownership_frozen"},
	"session.limits_changed":       {"policy.changed", "console.notices.session_limits"},
	"token.viewed":                 {"token.viewed", "console.notices.token_viewed"},
	"token.regenerated":            {"token.regenerated", "console.notices.token_regenerated"},
	"token.renewed":                {"token.regenerated", "console.notices.token_renewed"},
	"token.renewed_support":        {"token.regenerated", "console.notices.token_renewed_support"},
	"token.support_answered":       {"token.regenerated", "console.notices.token_answered"},
	"token.regeneration_cancelled": {"token.regenerated", "console.notices.token_cancelled"},
	"token.revoked":                {"token.revoked", "console.notices.token_revoked"},
	"token.expiring":               {"token.expiring", "console.notices.token_expiring"},
	"token.expired":                {"token.expiring", "console.notices.token_expired"},
	"token.overlap_ending":         {"token.expiring", "console.notices.token_ending"},
	"token.overlap_ended":          {"token.changed", "console.notices.token_ended"},
	"token.overlap_extended":       {"token.changed", "console.notices.token_extended"},
	"token.addresses_changed":      {"token.changed", "console.notices.token_addresses"},
	"token.expiry_changed":         {"token.changed", "console.notices.token_expiry"},
	"ownership.offered":            {"ownership.changed", "console.notices.ownership_offered"},
	"ownership.transferred":        {"ownership.changed", "console.notices.ownership_transferred"},
	"ownership.offer_declined":     {"ownership.changed", "console.notices.ownership_declined"},
	"ownership.offer_cancelled":    {"ownership.changed", "console.notices.ownership_cancelled"},
	"ownership.offer_expired":      {"ownership.changed", "console.notices.ownership_expired"},
	"apikey.created":               {"apikey.changed", "console.notices.key_created"},
	"apikey.revoked":               {"apikey.changed", "console.notices.key_revoked"},
	"apikey.expiring":              {"apikey.changed", "console.notices.key_expiring"},
	"passkey.added":                {"device.added", "console.notices.passkey_added"},
	"sync.stopped":                 {"sync.stopped", "console.notices.sync_stopped"},
	"sync.ending":                  {"sync.stopped", "console.notices.sync_ending"},
	"webhook.stopped":              {"webhook.stopped", "console.notices.webhook_stopped"},
	"sso.certificate_expiring":     {"sso.expiring", "console.notices.certificate_expiring"},
	"sso.certificate_expired":      {"sso.expiring", "console.notices.certificate_expired"},
	"sso.key_expiring":             {"sso.expiring", "console.notices.sso_key_expiring"},
	"sso.key_expired":              {"sso.expiring", "console.notices.sso_key_expired"},
}

// EventOf is the event that a kind of notice tells of; a kind that is in no list is an event of its own.
func EventOf(kind string) Event {
	name := kinds[kind].event
	for _, e := range Events {
		if e.Name == name {
			return e
		}
	}
	return Event{Name: kind}
}

// sentenceKey is the name of a notice's sentence in the console's catalogue; webapp/src/console/recovery/notices.ts chooses the same.
func sentenceKey(kind string, params map[string]any) string {
	switch {
	case kind == "recovery.refused" && params["reason"] == "words_differ":
		return "console.notices.words_differ"
	case kind == "confirmation.reported" && params["frozen"] == true:
		return "console.notices.reported_frozen"
	default:
		return kinds[kind].key
	}
}

package audit

import (
	"maps"
	"slices"
	"strings"
)

// Areas are what the Activity page sorts events by.
const (
	Tokens        = "tokens"
	Confirmations = "confirmations"
	Phones        = "phones"
	SignIn        = "signin"
	People        = "people"
	Directory     = "directory"
	Policy        = "policy"
	Integrations  = "integrations"
	Audit         = "audit"
	Other         = "other"
)

// Areas are all areas, in the order in which they are shown.
var Areas = []string{Tokens, Confirmations, Phones, SignIn, People, Directory, Policy, Integrations, Audit, Other}

// areas says where an event belongs, by what stands before the dot.
var areas = map[string]string{
	"token": Tokens, "reveals": Tokens,
	"confirmation": Confirmations,
	"device":       Phones, "pairing": Phones, "recovery": Phones,
	"session": SignIn, "passkey": SignIn, "sso": SignIn, "saml": SignIn,
	"person": People, "team": People, "ownership": People, "workspace": People,
	"provisioning_log": Directory, "mapping": Directory, "role_mapping": Directory, "guard": Directory, "removal": Directory, "schema": Directory, "directory": Directory,
	"policy": Policy,
	"apikey": Integrations, "webhook": Integrations, "mail": Integrations, "notifications": Integrations,
	"audit": Audit, "restore": Audit,
}

// Area is where an event belongs.
func Area(event string) string {
	kind, _, _ := strings.Cut(event, ".")
	if a, ok := areas[kind]; ok {
		return a
	}
	return Other
}

// codes are the events that the product writes, by what stands before the dot. A test finds every one in the source and its sentences in
// both catalogues of the console.
var codes = map[string][]string{
	"apikey": {"created", "expired", "first_used", "revoked"},
	"audit":  {"erased", "exported", "fetched", "retention_changed"},
	"confirmation": {"approved", "approved_by_one", "asked", "cancelled", "consumed", "denied", "expired", "locked", "report_noted", "reported", "resent",
		"unlocked"},
	"directory":     {"turned_off"},
	"device":        {"added", "key_ended", "push_detached", "removed", "renamed", "server_key"},
	"guard":         {"changed"},
	"mapping":       {"changed"},
	"mail":          {"refused"},
	"notifications": {"changed"},
	"ownership":     {"frozen", "offer_cancelled", "offer_declined", "offer_expired", "offered", "proposed", "returned", "taken_over", "transferred"},
	"pairing":       {"claimed", "matched", "started"},
	"passkey":       {"added", "removed"},
	"person": {"added", "adopted", "changed", "created", "deactivated", "deleted", "forgotten", "password_link_made", "password_set", "reactivated", "restored",
		"revived", "role_changed", "role_kept"},
	"policy":           {"changed"},
	"provisioning_log": {"replayed", "retention_changed", "revealed"},
	"recovery": {"approved", "asked", "cancelled", "code_refused", "codes_made", "codes_paused", "expired", "opened", "refused", "used",
		"words_compared"},
	"removal":      {"allowed", "held", "kept"},
	"restore":      {"confirmed", "made"},
	"reveals":      {"frozen", "unfrozen"},
	"role_mapping": {"changed"},
	"schema":       {"defined", "dropped"},
	"session":      {"ended", "failed", "limits_changed", "started", "verified"},
	"sso": {"certificate_expired", "certificate_expiring", "changed", "domain_added", "domain_proven", "domain_removed", "key_expired", "key_expiring",
		"key_made", "key_used", "linked", "metadata_changed", "removed", "turned"},
	"team": {"adopted", "alias_changed", "changed", "created", "deleted", "forgotten", "restored", "unknown_members"},
	"token": {"addresses_changed", "copied", "created", "expired", "expiring", "expiry_changed", "overlap_ended", "overlap_ending",
		"overlap_extended", "regenerated", "regenerated_without_confirmation", "regeneration_asked", "regeneration_cancelled", "revoked", "shown",
		"viewed"},
	"webhook":   {"added", "changed", "removed", "secret_renewed", "stopped"},
	"workspace": {"created"},
}

// Codes are all events that the product writes, sorted.
func Codes() []string {
	var out []string
	for _, kind := range slices.Sorted(maps.Keys(codes)) {
		for _, what := range codes[kind] {
			out = append(out, kind+"."+what)
		}
	}
	return out
}

package provisioning

import (
	"slices"
	"strings"
)

// Reason explains a refusal: what caused it and what to do, in the identity provider or here.
type Reason struct {
	Code   string `json:"code"`
	Title  string `json:"title"`
	Cause  string `json:"cause"`
	Remedy string `json:"remedy"`
}

// rule says which refusals a reason explains: the stable code of the fault, and optionally a status and the beginning of the operation's name.
type rule struct {
	fault     string
	status    int
	operation string
	Reason
}

// rules are tried in order. Codes are never given a second meaning.
var rules = []rule{
	{"unauthorized", 0, "", Reason{"DS-1001", "Token rejected", "The call carried a token that is not, or no longer, valid.",
		"Copy the current token with View Token, put it into the provider's Secret Token field, test the connection and restart provisioning. People who are here already are found again."}},
	{"address_refused", 0, "", Reason{"DS-1006", "Address not on the list", "The token was good, but the call came from an address that is not on its address list.",
		"Open the token's details under IDP Settings and add the address, or let the list observe only until you know all of the provider's addresses."}},
	{"rate_limited", 0, "", Reason{"DS-1002", "Slowed down", "More calls came in a second than this workspace takes.",
		"Nothing to do: the provider waits for the time it was told and tries again."}},
	{"busy", 0, "", Reason{"DS-1003", "Server busy", "Another change held the same records for too long. Nothing was changed.",
		"Nothing to do: the provider tries again. If it stays, tell whoever operates this service."}},
	{"database_unavailable", 0, "", Reason{"DS-1004", "Storage unavailable", "This service could not reach its database.",
		"Nothing to do in the provider: it tries again. Whoever operates this service should look at the database."}},
	{"internal", 0, "", Reason{"DS-1005", "Fault of this service", "Something went wrong in this service. Nothing was changed.",
		"Give the request id to whoever operates this service, then replay the call."}},
	{"method_not_allowed", 0, "", Reason{"DS-1101", "Method not offered", "The address exists but does not take that method.",
		"Check the provisioning actions that are turned on in the provider."}},
	{"not_implemented", 0, "", Reason{"DS-1102", "Not offered", "The SCIM feature exists but this service does not offer it.",
		"Turn the feature off in the provider; nothing else depends on it."}},
	{"media_type", 0, "", Reason{"DS-1103", "Body of another type", "The body was not sent as application/scim+json or application/json.",
		"Correct the content type in the provider's header settings."}},
	{"too_large", 0, "", Reason{"DS-1104", "Too large", "The request is over a limit that the answer names.",
		"Send fewer members or operations in one call."}},
	{"version_mismatch", 0, "", Reason{"DS-1105", "Changed meanwhile", "The call was meant for an older version of the record.",
		"Nothing to do: the provider reads the record again and repeats the change."}},
	{"forbidden", 0, "", Reason{"DS-1106", "Not allowed", "The call asked for something that nobody may do over SCIM.", "Leave the parameter out."}},
	{"uniqueness", 0, "user", Reason{"DS-1201", "Name taken", "Another person of this workspace has the same userName, active or not.",
		"Look the person up in All Members. If both are the same person, let the provider match on userName and provision again; if not, give one of them another userName in the provider."}},
	{"uniqueness", 0, "group", Reason{"DS-1202", "Team name taken", "Another team of this workspace has the same name.",
		"Rename one of the two groups in the provider, or delete the team that is not needed any more."}},
	{"invalidValue", 0, "user", Reason{"DS-1203", "Attribute missing or wrong", "An attribute that is required is empty, or a value has a form that it may not have. The answer names it.",
		"Fill the attribute for this person in the provider, or correct its mapping, then provision the person again."}},
	{"invalidValue", 0, "group", Reason{"DS-1204", "Attribute of a team wrong", "A value of the team has a form that it may not have. The answer names it.",
		"Correct the group's name or members in the provider. Teams cannot be members of teams: assign the inner group itself."}},
	{"invalidValue", 0, "", Reason{"DS-1205", "Value not taken", "A value has a form that it may not have. The answer names it.", "Correct the value or its mapping in the provider."}},
	{"last_admin", 0, "", Reason{"DS-1206", "Last admin", "The call would have left the workspace without an active admin.",
		"Make somebody else an admin here, then let the provider try again."}},
	{"not_found", 0, "user", Reason{"DS-1207", "Person not here", "The provider changed a person by an id that this workspace does not have, or not any more.",
		"Provision the person again from the provider, so that it looks them up by userName and learns the new id."}},
	{"not_found", 0, "group", Reason{"DS-1208", "Team not here", "The provider changed a team by an id that this workspace does not have, or not any more.",
		"Push the group again from the provider, so that it learns the new id."}},
	{"not_found", 0, "", Reason{"DS-1209", "Nothing at this address", "The address after the tenant URL does not exist.",
		"Check the tenant URL in the provider: it ends with /scim/v2."}},
	{"invalidSyntax", 0, "", Reason{"DS-1301", "Malformed", "The body or the address is not what SCIM says. The answer names the place.",
		"Check the mapping or the template of the provider for a wrong type or a broken expression."}},
	{"invalidFilter", 0, "", Reason{"DS-1302", "Filter not understood", "The filter is not well formed, or compares what cannot be compared.",
		"Choose userName, externalId or emails as the matching attribute in the provider."}},
	{"invalidPath", 0, "", Reason{"DS-1303", "Attribute not known", "A change names an attribute that this service does not have.",
		"Remove the attribute from the provider's mapping, or add it to the workspace's own attributes."}},
	{"noTarget", 0, "", Reason{"DS-1304", "Nothing to change", "A change names an element of a list that the record does not have.",
		"Let the provider send the whole list, or clear its stored state for this person."}},
	{"mutability", 0, "", Reason{"DS-1305", "Cannot be changed", "The attribute is kept by this service and cannot be written.", "Remove the attribute from the provider's mapping."}},
	{"tooMany", 0, "", Reason{"DS-1306", "Too many results", "The question matches more than can be answered at once.", "Ask with a filter, or page by page."}},
	{"invalidCursor", 0, "", Reason{"DS-1307", "Page not found", "The cursor was not given for this question.", "Nothing to do: the provider starts from the first page."}},
	{"expiredCursor", 0, "", Reason{"DS-1308", "Page too old", "The cursor is older than an hour.", "Nothing to do: the provider starts from the first page."}},
	{"invalidCount", 0, "", Reason{"DS-1309", "Page size wrong", "The page size is not a whole number.", "Correct the page size in the provider."}},
	{"circular", 0, "", Reason{"DS-1310", "Operations wait for each other", "Two operations of a bulk call need each other's result.", "Send them in two calls."}},
}

// byStatus explain what no rule does.
var byStatus = []rule{
	{"", 400, "", Reason{"DS-1400", "Not accepted", "The request is not one that this service accepts. The answer says why.", "Correct the mapping in the provider."}},
	{"", 403, "", Reason{"DS-1403", "Not allowed", "The request is understood and not allowed. The answer says why.", "Ask an Owner or Super Admin of the workspace."}},
	{"", 404, "", Reason{"DS-1404", "Not here", "The request names something that is not here.", "Provision the person or team again from the provider."}},
	{"", 409, "", Reason{"DS-1409", "Conflict", "What is stored does not allow the change. The answer says why.", "Settle the conflict here or in the provider, then replay the call."}},
	{"", 412, "", Reason{"DS-1412", "Changed meanwhile", "The record has changed since the provider read it.", "Nothing to do: the provider reads it again."}},
	{"", 413, "", Reason{"DS-1413", "Too large", "The request is over a limit that the answer names.", "Send less in one call."}},
	{"", 503, "", Reason{"DS-1503", "Not available now", "This service could not do it at that moment.", "Nothing to do: the provider tries again."}},
}

var unexplained = Reason{"DS-1000", "Refused", "The request was refused. The answer says why.", "Correct the request in the provider, then replay the call."}

// ReasonFor is the reason of a refusal: by the code of the fault, its status and the operation.
func ReasonFor(fault string, status int, operation string) Reason {
	for _, r := range rules {
		if r.fault == fault && (r.status == 0 || r.status == status) && strings.HasPrefix(operation, r.operation) {
			return r.Reason
		}
	}
	for _, r := range byStatus {
		if r.status == status {
			return r.Reason
		}
	}
	return unexplained
}

// Reasons are all reasons there are, by code.
func Reasons() []Reason {
	out := []Reason{unexplained}
	for _, list := range [][]rule{rules, byStatus} {
		for _, r := range list {
			out = append(out, r.Reason)
		}
	}
	slices.SortFunc(out, func(a, b Reason) int { return strings.Compare(a.Code, b.Code) })
	return out
}

// ReasonOf finds a reason by its code.
func ReasonOf(code string) (Reason, bool) {
	for _, r := range Reasons() {
		if r.Code == code {
			return r, true
		}
	}
	return Reason{}, false
}

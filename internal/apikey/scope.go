package apikey

import "strings"

// Scope is one thing that a key may do. What a key can do is its scopes and, at each call, its owner's role.
type Scope string

// The scopes.
const (
	PeopleRead     Scope = "people:read"
	PeopleWrite    Scope = "people:write" // access of users and guests, restoring who was deleted; never admins, never roles of admins
	TeamsRead      Scope = "teams:read"
	DirectoryRead  Scope = "directory:read"
	DirectoryWrite Scope = "directory:write" // schemas; mappings give roles and names, so people change them
	LogRead        Scope = "log:read"        // the provisioning log, masked
	LogWrite       Scope = "log:write"
	AuditRead      Scope = "audit:read"
	SettingsRead   Scope = "settings:read"
)

// Scopes are all of them, in the order in which people read them.
var Scopes = []Scope{PeopleRead, PeopleWrite, TeamsRead, DirectoryRead, DirectoryWrite, LogRead, LogWrite, AuditRead, SettingsRead}

// areas are the words for the first half of a scope.
var areas = map[string]string{"people": "people", "teams": "teams", "directory": "directory settings", "log": "the provisioning log", "audit": "the activity",
	"settings": "workspace settings"}

// Says is what a phone shows of scopes, such as "read people; change teams".
func Says(scopes []Scope) string {
	var parts []string
	for _, known := range Scopes {
		for _, s := range scopes {
			if s != known {
				continue
			}
			area, what, _ := strings.Cut(string(s), ":")
			verb := "read "
			if what == "write" {
				verb = "change "
			}
			parts = append(parts, verb+areas[area])
		}
	}
	return strings.Join(parts, "; ")
}

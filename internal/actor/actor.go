// Package actor says who acts, in which workspace and from where. It is a value: it proves nothing by itself, doors fill it after they
// have checked a session, a device signature, a bearer token or that the caller is the operator's own terminal.
package actor

import "time"

// Kind is the sort of actor, as audit rows name it.
type Kind string

// The kinds of actor.
const (
	Person   Kind = "person"   // a signed-in person in the console
	Device   Kind = "device"   // a paired phone of that person
	Provider Kind = "provider" // an identity provider with a SCIM token
	Operator Kind = "operator" // somebody on the server's own terminal
	System   Kind = "system"   // the service itself: expiry, clean-up
)

// Actor is who acts. Workspace is always set, except for the operator before a workspace exists.
type Actor struct {
	Kind      Kind
	Workspace string    // workspace id
	Person    string    // person id, for Person and Device
	Name      string    // shown in audit: the person's, the operator's or the token's name
	Role      string    // role of the person at the time of the check, one of owner, super_admin, admin, user, guest
	Device    string    // device id, for Device
	Token     string    // SCIM token id, for Provider
	Key       string    // API key id, for a Person whose program calls; Session is nil then
	Session   []byte    // SHA-256 of the session cookie's value, for Person
	SignedIn  time.Time // when this person signed in with this session
	Verified  time.Time // when they last proved who they are with it (password or single sign-on)
	Browser   []byte    // SHA-256 of the long-lived browser cookie's value; nil when the browser sent none
	IP        string    // address the request came from, proxies resolved
	UserAgent string    // as sent, at most 256 bytes
}

// Admin says whether the role may see the directory's settings: Owner, Super Admin or Admin.
func (a Actor) Admin() bool { return a.Role == "owner" || a.Role == "super_admin" || a.Role == "admin" }

// Manager says whether the role may change people and tokens: Owner or Super Admin.
func (a Actor) Manager() bool { return a.Role == "owner" || a.Role == "super_admin" }

// Package fault names what can go wrong in a way that every door can translate: a kind, a stable code and a sentence for a person.
// It knows no HTTP and no database.
package fault

import (
	"errors"
	"fmt"
	"maps"
	"time"
)

// Kind says what sort of error it is; each door maps kinds to its own statuses.
type Kind int

// The kinds. Internal is the zero value, so an error nobody classified is never shown as the caller's mistake.
const (
	Internal       Kind = iota
	Invalid             // the request is malformed or breaks a rule of its own
	Unauthorized        // nobody, or somebody whose proof does not hold
	Forbidden           // known, but not allowed
	NotFound            // unknown, foreign, or another workspace's
	Conflict            // the state does not allow it
	Expired             // it was right once
	TooLarge            // over a size limit
	Unsupported         // another media type is needed
	Unprocessable       // well formed, but the answer is wrong (a code, a password)
	Locked              // closed for a while for this person
	Limited             // too many
	Unavailable         // try again later
	Precondition        // a version named by the caller is not the current one
	NotImplemented      // known to the protocol, not offered here
)

// Error is a classified error. Code is stable and machine-readable, Detail one sentence for a person; neither holds a secret.
type Error struct {
	Kind       Kind
	Code       string
	Detail     string
	Fields     map[string]any // further members of the answer, e.g. tries_left
	RetryAfter time.Duration  // when trying again makes sense; 0 = not said
	cause      error          // for the log only
}

// New declares an error.
func New(kind Kind, code, detail string) *Error {
	return &Error{Kind: kind, Code: code, Detail: detail}
}

// Error is for the log: code, detail and cause.
func (e *Error) Error() string {
	if e.cause != nil {
		return fmt.Sprintf("%s: %s: %v", e.Code, e.Detail, e.cause)
	}
	return e.Code + ": " + e.Detail
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.cause }

// Is compares kind and code, so that errors.Is finds a copy with a cause, a field or another sentence.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Kind == e.Kind && t.Code == e.Code
}

// Because returns a copy with a cause for the log.
func (e *Error) Because(cause error) *Error { c := *e; c.cause = cause; return &c }

// Saying returns a copy with another sentence.
func (e *Error) Saying(format string, args ...any) *Error {
	c := *e
	c.Detail = fmt.Sprintf(format, args...)
	return &c
}

// With returns a copy with one more field of the answer.
func (e *Error) With(name string, value any) *Error {
	c := *e
	c.Fields = maps.Clone(e.Fields)
	if c.Fields == nil {
		c.Fields = map[string]any{}
	}
	c.Fields[name] = value
	return &c
}

// After returns a copy that says when to try again; it is rounded up to whole seconds, at least one.
func (e *Error) After(d time.Duration) *Error {
	c := *e
	c.RetryAfter = max(time.Second, (d + time.Second - 1).Truncate(time.Second))
	return &c
}

// From finds the classified error in err's chain; an unclassified one becomes Internal with a neutral sentence and err as its cause.
func From(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Kind: Internal, Code: "internal", Detail: "Something went wrong on our side. Nothing was changed. Try again; if it stays, give the operator the request id.", cause: err}
}

// ErrNotFound is the one answer for everything unknown, foreign or in another workspace.
var ErrNotFound = New(NotFound, "not_found", "There is no such thing here.")

// ErrEdited refuses a change that was made up from what is not so any more. Whoever answers it says in the field "now" what is so.
var ErrEdited = New(Conflict, "edit_conflict", "Somebody else has changed this in the meantime. Nothing was changed. Look at what holds now, and decide.")

// ErrUnauthorized is the one answer for everybody whose proof is missing or does not hold, with the same bytes on every path (wire.md §4).
var ErrUnauthorized = New(Unauthorized, "unauthorized", "This call needs a valid sign-in or a valid signature of a paired phone.")

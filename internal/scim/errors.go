package scim

import "github.com/countersign/countersign/internal/fault"

// The scimTypes of RFC 7644 Table 9 and RFC 9865 §2.1. They are the codes of the faults of this package.
const (
	InvalidFilter = "invalidFilter"
	TooMany       = "tooMany"
	Uniqueness    = "uniqueness"
	MutabilityErr = "mutability"
	InvalidSyntax = "invalidSyntax"
	InvalidPath   = "invalidPath"
	NoTarget      = "noTarget"
	InvalidValue  = "invalidValue"
	InvalidVers   = "invalidVers"
	Sensitive     = "sensitive"
	InvalidCursor = "invalidCursor"
	ExpiredCursor = "expiredCursor"
	InvalidCount  = "invalidCount"
)

// invalid is a refusal with a scimType: 400 at the door.
func invalid(scimType, format string, args ...any) error {
	return fault.New(fault.Invalid, scimType, "").Saying(format, args...)
}

// tooLarge is a refusal for size: 413 at the door; format names the limit.
func tooLarge(format string, args ...any) error {
	return fault.New(fault.TooLarge, "too_large", "").Saying(format, args...)
}

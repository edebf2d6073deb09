package config

import "log/slog"

// secretShown is what a secret looks like to everybody but the code that uses it.
const secretShown = "[secret]"

// Secret is a setting that must not appear in a log line, an error or a dump: every way of printing it says "[secret]".
type Secret string

// Reveal is the secret itself, for the one place that uses it.
func (s Secret) Reveal() string { return string(s) }

// String is fmt.Stringer.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return secretShown
}

// GoString is fmt.GoStringer, for %#v.
func (s Secret) GoString() string { return s.String() }

// LogValue is slog.LogValuer.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText is encoding.TextMarshaler, so that JSON does not show it either.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

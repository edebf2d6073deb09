package scim

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
	"golang.org/x/text/width"
)

// Fold is the form in which strings without regard to case are compared: full-width letters as ASCII, full Unicode case folding ("Straße" is
// "STRASSE"), NFC. It follows the comparison of the PRECIS profile UsernameCaseMapped (RFC 8265 §3.3) but forbids no character. It is computed
// here and kept in columns, because the databases fold differently and SQLite only ASCII.
func Fold(s string) string {
	if ascii(s) {
		return strings.ToLower(s)
	}
	return norm.NFC.String(cases.Fold().String(norm.NFD.String(width.Fold.String(s))))
}

func ascii(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// Storable says whether both databases can keep s as text: valid UTF-8 without NUL, which Postgres refuses.
func Storable(s string) bool { return utf8.ValidString(s) && !strings.Contains(s, "\x00") }

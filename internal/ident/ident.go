// Package ident makes ids and secrets from the operating system's randomness. Ids are opaque and never a credential.
package ident

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// crockford leaves out I, L, O and U, which people misread (wire.md §3).
const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// New is a fresh id: prefix, "_", 22 base62 characters (130 random bits).
func New(prefix string) string { return prefix + "_" + Base62(22) }

// Base62 is n random characters of 0-9A-Za-z, each uniform.
func Base62(n int) string { return draw(base62, n) }

// Secret is n random bytes as base64url without padding.
func Secret(n int) string {
	b := make([]byte, n)
	fill(b)
	return base64.RawURLEncoding.EncodeToString(b)
}

// Digits is n uniform decimal digits, leading zeros included (SP 800-63B-4 §3.1.3.1).
func Digits(n int) string { return draw("0123456789", n) }

// Code is an 8-character Crockford code such as K7QX93MD (40 random bits), to be typed by a person.
func Code() string { return draw(crockford, 8) }

// BackupCode is n Crockford characters (5 random bits each), for codes that people keep on paper.
func BackupCode(n int) string { return draw(crockford, n) }

// ShownCode is a code in the two groups that people read: K7QX-93MD.
func ShownCode(code string) string { return code[:4] + "-" + code[4:] }

// NormalCode is what a person typed, in the form Code gives: upper case, no blanks or hyphens, I and L read as 1, O as 0.
func NormalCode(typed string) string {
	return strings.NewReplacer("-", "", " ", "", "I", "1", "L", "1", "O", "0").Replace(strings.ToUpper(typed))
}

// Hash is SHA-256 of a secret, the only form in which this service keeps secrets it need not show again.
func Hash(secret string) []byte {
	h := sha256.Sum256([]byte(secret))
	return h[:]
}

// draw takes bytes until n of them are below the largest multiple of the alphabet's size, so that each character is uniform.
func draw(alphabet string, n int) string {
	size := len(alphabet)
	below := 256 - 256%size
	out := make([]byte, 0, n)
	var some [64]byte
	for len(out) < n {
		b := some[:min(len(some), n-len(out)+n/8+1)]
		fill(b)
		for _, x := range b {
			if int(x) < below && len(out) < n {
				out = append(out, alphabet[int(x)%size])
			}
		}
	}
	return string(out)
}

func fill(b []byte) {
	if _, err := rand.Read(b); err != nil {
		panic("ident: the operating system gives no randomness: " + err.Error())
	}
}

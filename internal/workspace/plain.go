package workspace

import (
	"hash/crc32"
	"strings"

	"github.com/countersign/countersign/internal/ident"
)

// A token in plain text is "cs_scim_", 43 random base62 characters (256 bits) and the CRC-32 of all that in 6 base62 characters, so that
// secret scanners find it and a mistyped one never reaches the database.
const (
	tokenPrefix = "cs_scim_"
	tokenRandom = 43
	tokenSum    = 6
	base62      = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

func newPlain() string {
	body := tokenPrefix + ident.Base62(tokenRandom)
	return body + checksum(body)
}

// wellFormed says whether raw has the form of a token, its sum included.
func wellFormed(raw string) bool {
	if len(raw) != len(tokenPrefix)+tokenRandom+tokenSum || !strings.HasPrefix(raw, tokenPrefix) {
		return false
	}
	body := raw[:len(raw)-tokenSum]
	if strings.Trim(body[len(tokenPrefix):], base62) != "" {
		return false
	}
	return raw[len(body):] == checksum(body)
}

// checksum is CRC-32 (IEEE) of body in base62, the most significant digit first, padded with 0.
func checksum(body string) string {
	sum := crc32.ChecksumIEEE([]byte(body))
	var out [tokenSum]byte
	for i := tokenSum - 1; i >= 0; i-- {
		out[i] = base62[sum%62]
		sum /= 62
	}
	return string(out[:])
}

package ident

import (
	"hash/crc32"
	"strings"
)

// A bearer token in plain text is a prefix, 43 random base62 characters (256 bits) and the CRC-32 of all that in 6 base62 characters, so that
// secret scanners find it and a mistyped one never reaches the database.
const (
	tokenRandom = 43
	tokenSum    = 6
)

// Token is a fresh bearer token that begins with prefix, such as "cs_scim_".
func Token(prefix string) string {
	body := prefix + Base62(tokenRandom)
	return body + checksum(body)
}

// IsToken says whether raw has the form of a token with that prefix, its sum included.
func IsToken(prefix, raw string) bool {
	if len(raw) != len(prefix)+tokenRandom+tokenSum || !strings.HasPrefix(raw, prefix) {
		return false
	}
	body := raw[:len(raw)-tokenSum]
	if strings.Trim(body[len(prefix):], base62) != "" {
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

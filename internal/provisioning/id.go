package provisioning

import (
	"crypto/rand"
	"encoding/binary"
	"strings"
	"time"
)

const (
	idPrefix = "plg_"
	alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" // in byte order, so that ids sort as their times do
	timePart = 9                                                                // microseconds since 1970 in base 62, until the year 2398
	luckPart = 9
)

// newID is an id that sorts by time, so that the primary key of the log is also its order.
func newID(at time.Time) string {
	var luck [8]byte
	_, _ = rand.Read(luck[:])                                                                                                 // it never fails
	return idPrefix + digits(max(0, at.UnixMicro()), timePart) + digits(int64(binary.BigEndian.Uint64(luck[:])>>1), luckPart) //nolint:gosec // one bit less fits
}

// digits are the last n digits of a number in base 62.
func digits(number int64, n int) string {
	var b [timePart + luckPart]byte
	for i := n - 1; i >= 0; i-- {
		b[i] = alphabet[number%62]
		number /= 62
	}
	return string(b[:n])
}

// since is the least id of a row at a time.
func since(at time.Time) string { return idPrefix + digits(max(0, at.UnixMicro()), timePart) }

// known form of an id; what has another one is nobody's.
func wellFormed(id string) bool {
	rest, ok := strings.CutPrefix(id, idPrefix)
	return ok && len(rest) == timePart+luckPart && strings.Trim(rest, alphabet) == ""
}

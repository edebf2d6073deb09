package dialogapi_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/countersign/countersign/internal/dialogapi"
)

func TestWhatAClientMaySay(t *testing.T) {
	for _, c := range []struct {
		name, bytes string
		pong        bool
		ping        string
		end         int
		rest        string
	}{
		{name: "nothing"},
		{name: "a pong", bytes: "\x8a\x80\x00\x00\x00\x00", pong: true},
		{name: "a pong with a payload", bytes: "\x8a\x82\x01\x02\x03\x04ab", pong: true},
		{name: "the beginning of a pong", bytes: "\x8a\x82\x01\x02\x03\x04a", rest: "\x8a\x82\x01\x02\x03\x04a"},
		{name: "one byte", bytes: "\x8a", rest: "\x8a"},
		{name: "a pong, and the beginning of the next", bytes: "\x8a\x80\x00\x00\x00\x00\x8a\x80", pong: true, rest: "\x8a\x80"},
		{name: "a ping", bytes: "\x89\x82\x01\x02\x01\x02`b", ping: "a`"},
		{name: "good-bye", bytes: "\x88\x82\x00\x00\x00\x00\x03\xe8", end: 1000},
		{name: "good-bye without a code", bytes: "\x88\x80\x00\x00\x00\x00", end: 1000},
		{name: "a pong and then a message", bytes: "\x8a\x80\x00\x00\x00\x00\x81\x82\x00\x00\x00\x00{}", pong: true, end: 1008},
		{name: "a message", bytes: "\x81\x82\x00\x00\x00\x00{}", end: 1008},
		{name: "a message of 2^62 bytes", bytes: "\x82\xff\x40\x00\x00\x00\x00\x00\x00\x00", end: 1008},
		{name: "a part of a message", bytes: "\x01\x80\x00\x00\x00\x00", end: 1008},
		{name: "a compressed message", bytes: "\xc1\x85\x00\x00\x00\x00\x01\x02\x03\x04\x05", end: 1002},
		{name: "an unmasked pong", bytes: "\x8a\x00", end: 1002},
		{name: "a ping in parts", bytes: "\x09\x80\x00\x00\x00\x00", end: 1002},
		{name: "a ping that is too long", bytes: "\x89\xfe\x00\x7e", end: 1002},
		{name: "an opcode that there is not", bytes: "\x8b\x80\x00\x00\x00\x00", end: 1002},
		{name: "another protocol", bytes: "GET / HTTP/1.1\r\n\r\n", end: 1002},
	} {
		t.Run(c.name, func(t *testing.T) {
			pong, ping, end, rest := dialogapi.Hear([]byte(c.bytes))
			if pong != c.pong || string(ping) != c.ping || end != c.end || string(rest) != c.rest {
				t.Errorf("pong %v, ping %q, end %d, rest %q", pong, ping, end, rest)
			}
		})
	}
}

// However the bytes of a client arrive, they mean the same; and what is kept for later is never more than one control frame.
func TestWhatAClientSaysArrivesInAnyParts(t *testing.T) {
	all := []byte(strings.Repeat("\x8a\x83\x05\x06\x07\x08xyz\x89\x81\x00\x00\x00\x00!", 3))
	for size := 1; size <= len(all); size++ {
		var kept []byte
		pongs, pings := 0, 0
		for part := range slices.Chunk(all, size) {
			pong, ping, end, rest := dialogapi.Hear(append(kept, part...))
			if kept = bytes.Clone(rest); end != 0 || len(kept) > 131 {
				t.Fatalf("in parts of %d: end %d, %d bytes kept", size, end, len(kept))
			}
			if pong {
				pongs++
			}
			if ping != nil {
				pings++
			}
		}
		if pongs == 0 || pings == 0 || len(kept) != 0 {
			t.Errorf("in parts of %d: %d with pongs, %d with pings, %d bytes kept", size, pongs, pings, len(kept))
		}
	}
}

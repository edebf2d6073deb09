// Package signing holds the bytes that phones and server sign (wire.md §2) and checks signatures over them: P-256 with SHA-256, ASN.1 DER,
// nothing else. It knows no database and no HTTP.
package signing

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// The domains: a signature made for one purpose can never be shown for another.
const (
	DomainPair      = "countersign/pair/v1"
	DomainSAS       = "countersign/sas/v1"
	DomainChallenge = "countersign/challenge/v1"
	DomainResponse  = "countersign/response/v1"
	DomainRequest   = "countersign/request/v1"
	DomainServerKey = "countersign/server-key/v1"
	DomainPasskey   = "countersign/passkey/v1"
)

// ErrKey says that a key is not a P-256 public key in SPKI DER.
var ErrKey = errors.New("the key must be a P-256 public key as SPKI DER")

// LP is domain ‖ 0x00 ‖ u32be(len p1) ‖ p1 ‖ …: no part can run into the next.
func LP(domain string, parts ...[]byte) []byte {
	size := len(domain) + 1
	for _, p := range parts {
		size += 4 + len(p)
	}
	b := append(make([]byte, 0, size), domain...)
	b = append(b, 0)
	for _, p := range parts {
		b = binary.BigEndian.AppendUint32(b, uint32(len(p))) //nolint:gosec // parts are bounded by the body limits
		b = append(b, p...)
	}
	return b
}

// PublicKey parses SPKI DER and accepts only P-256.
func PublicKey(spki []byte) (*ecdsa.PublicKey, error) {
	k, err := x509.ParsePKIXPublicKey(spki)
	if err != nil {
		return nil, ErrKey
	}
	p, ok := k.(*ecdsa.PublicKey)
	if !ok || p.Curve != elliptic.P256() {
		return nil, ErrKey
	}
	return p, nil
}

// SPKI is the DER form of a public key.
func SPKI(k *ecdsa.PublicKey) []byte {
	b, err := x509.MarshalPKIXPublicKey(k)
	if err != nil {
		panic("signing: a P-256 key has no SPKI form: " + err.Error())
	}
	return b
}

// Verify says whether sig (ASN.1 DER, no trailing bytes) is spki's signature over message.
func Verify(spki, message, sig []byte) bool {
	k, err := PublicKey(spki)
	if err != nil {
		return false
	}
	h := sha256.Sum256(message)
	return ecdsa.VerifyASN1(k, h[:], sig)
}

// Sign signs message in ASN.1 DER.
func Sign(k *ecdsa.PrivateKey, message []byte) ([]byte, error) {
	h := sha256.Sum256(message)
	return ecdsa.SignASN1(rand.Reader, k, h[:])
}

// SAS is the six digits that both screens show while pairing (wire.md §3.4).
func SAS(pairing string, uv, poll, server []byte) string {
	h := sha256.Sum256(LP(DomainSAS, []byte(pairing), uv, poll, server))
	return fmt.Sprintf("%06d", binary.BigEndian.Uint64(h[:8])%1_000_000)
}

// Pair is what a phone signs with both keys when it claims a pairing (wire.md §3.3).
func Pair(pairing, secret string, uv, poll, payload []byte) []byte {
	s, p := sha256.Sum256([]byte(secret)), sha256.Sum256(payload)
	return LP(DomainPair, []byte(pairing), s[:], uv, poll, p[:])
}

// Response is what a phone signs when it answers: the challenge bytes it received and its response bytes.
func Response(challenge, response []byte) []byte { return LP(DomainResponse, challenge, response) }

// ServerKey is what the server's old key signs when another takes over: phones that hold to the old one believe it.
func ServerKey(announcement []byte) []byte { return LP(DomainServerKey, announcement) }

// Challenge is what the server signs for each phone.
func Challenge(challenge []byte) []byte { return LP(DomainChallenge, challenge) }

// Request is what a phone signs for each call (header X-Device-Sig): ts in ASCII decimal, jti 16 raw bytes, body hashed.
func Request(method, pathAndQuery, ts string, jti, body []byte) []byte {
	h := sha256.Sum256(body)
	return LP(DomainRequest, []byte(method), []byte(pathAndQuery), []byte(ts), jti, h[:])
}

// B64 is base64url without padding, the only base64 on the wire.
func B64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// Unb64 reads base64url without padding and nothing else: stray bits and line ends are refused.
func Unb64(s string) ([]byte, error) {
	if at := strings.IndexAny(s, "\r\n"); at >= 0 { // which encoding/base64 skips, strict or not
		return nil, base64.CorruptInputError(at)
	}
	return base64.RawURLEncoding.Strict().DecodeString(s)
}

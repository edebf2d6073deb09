package phonesim

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

// The domains of signed bytes.
const (
	DomainPair      = "countersign/pair/v1"
	DomainSAS       = "countersign/sas/v1"
	DomainChallenge = "countersign/challenge/v1"
	DomainResponse  = "countersign/response/v1"
	DomainRequest   = "countersign/request/v1"
	DomainServerKey = "countersign/server-key/v1"
)

const coordinate = 32 // bytes of a P-256 number

// LP joins parts so that none can run into the next: domain ‖ 0x00 ‖ u32be(length) ‖ part ‖ …
func LP(domain string, parts ...[]byte) []byte {
	out := append([]byte(domain), 0)
	for _, part := range parts {
		out = binary.BigEndian.AppendUint32(out, uint32(len(part)))
		out = append(out, part...)
	}
	return out
}

// PairMessage is what both keys of a phone sign to claim a pairing; secret is the text of the payload's secret.
func PairMessage(pairing, secret string, uvSPKI, pollSPKI, payload []byte) []byte {
	return LP(DomainPair, []byte(pairing), hash([]byte(secret)), uvSPKI, pollSPKI, hash(payload))
}

// ChallengeMessage is what the server signs.
func ChallengeMessage(challenge []byte) []byte { return LP(DomainChallenge, challenge) }

// AnnouncementMessage is what the server's old key signs when another takes over.
func AnnouncementMessage(announcement []byte) []byte { return LP(DomainServerKey, announcement) }

// ResponseMessage is what a phone signs to answer.
func ResponseMessage(challenge, response []byte) []byte {
	return LP(DomainResponse, challenge, response)
}

// RequestMessage is what the poll key signs for each call; target is path and query exactly as sent, jti the 16 raw bytes.
func RequestMessage(method, target string, ts int64, jti, body []byte) []byte {
	return LP(DomainRequest, []byte(method), []byte(target), []byte(strconv.FormatInt(ts, 10)), jti, hash(body))
}

// SAS is the six digits that both screens show.
func SAS(pairing string, uvSPKI, pollSPKI, serverSPKI []byte) string {
	h := hash(LP(DomainSAS, []byte(pairing), uvSPKI, pollSPKI, serverSPKI))
	return fmt.Sprintf("%06d", binary.BigEndian.Uint64(h[:8])%1_000_000)
}

// SPKI is a public key in DER (RFC 5280 SubjectPublicKeyInfo).
func SPKI(k *ecdsa.PublicKey) []byte {
	der, err := x509.MarshalPKIXPublicKey(k)
	if err != nil {
		panic("phonesim: " + err.Error())
	}
	return der
}

// Sign is k's signature over SHA-256(message) in ASN.1 DER.
func Sign(k *ecdsa.PrivateKey, message []byte) []byte {
	der, err := ecdsa.SignASN1(rand.Reader, k, hash(message))
	if err != nil {
		panic("phonesim: " + err.Error())
	}
	return der
}

// Verify checks a DER signature by a P-256 key given as SPKI.
func Verify(spki, message, der []byte) bool {
	k, err := x509.ParsePKIXPublicKey(spki)
	if err != nil {
		return false
	}
	pub, ok := k.(*ecdsa.PublicKey)
	return ok && pub.Curve == elliptic.P256() && ecdsa.VerifyASN1(pub, hash(message), der)
}

type rs struct{ R, S *big.Int }

// Raw turns a P-256 signature from ASN.1 DER into r‖s, 64 bytes, the form WebCrypto and CryptoKit's rawRepresentation use.
func Raw(der []byte) ([]byte, error) {
	var sig rs
	rest, err := asn1.Unmarshal(der, &sig)
	if err != nil || len(rest) > 0 || sig.R.Sign() <= 0 || sig.S.Sign() <= 0 || sig.R.BitLen() > 8*coordinate || sig.S.BitLen() > 8*coordinate {
		return nil, errors.New("phonesim: not a P-256 signature in DER")
	}
	out := make([]byte, 2*coordinate)
	sig.R.FillBytes(out[:coordinate])
	sig.S.FillBytes(out[coordinate:])
	return out, nil
}

// DER turns r‖s into the form that the wire wants.
func DER(raw []byte) ([]byte, error) {
	if len(raw) != 2*coordinate {
		return nil, errors.New("phonesim: a raw P-256 signature has 64 bytes")
	}
	return asn1.Marshal(rs{new(big.Int).SetBytes(raw[:coordinate]), new(big.Int).SetBytes(raw[coordinate:])})
}

// NormalCode is a typed pairing code in the form that is hashed and signed: upper case, no hyphens or blanks, I and L read as 1, O as 0.
func NormalCode(typed string) string {
	return strings.NewReplacer("-", "", " ", "", "I", "1", "L", "1", "O", "0").Replace(strings.ToUpper(typed))
}

// B64 is base64url without padding.
func B64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// Unb64 reads base64url without padding.
func Unb64(s string) ([]byte, error) { return base64.RawURLEncoding.Strict().DecodeString(s) }

func hash(b []byte) []byte {
	h := sha256.Sum256(b)
	return h[:]
}

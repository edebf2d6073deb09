package fakepush

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"strings"
)

// jwt is a token taken apart; nothing in it is believed before a check.
type jwt struct {
	header struct{ Alg, Typ, Kid string }
	claims struct {
		Iss   string
		Sub   string
		Aud   string
		Scope string
		Iat   int64
		Exp   int64
	}
	digest    [32]byte
	signature []byte
}

func parseJWT(text string) (*jwt, error) {
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return nil, errors.New("not a JWT")
	}
	t := &jwt{digest: sha256.Sum256([]byte(parts[0] + "." + parts[1]))}
	for i, into := range []any{&t.header, &t.claims} {
		raw, err := base64.RawURLEncoding.Strict().DecodeString(parts[i])
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(raw, into); err != nil {
			return nil, err
		}
	}
	var err error
	t.signature, err = base64.RawURLEncoding.Strict().DecodeString(parts[2])
	return t, err
}

// signedES256 wants r‖s, 64 bytes (RFC 7518 §3.4).
func (t *jwt) signedES256(key *ecdsa.PublicKey) bool {
	if t.header.Alg != "ES256" || len(t.signature) != 64 {
		return false
	}
	r, s := new(big.Int).SetBytes(t.signature[:32]), new(big.Int).SetBytes(t.signature[32:])
	return ecdsa.Verify(key, t.digest[:], r, s)
}

func (t *jwt) signedRS256(key *rsa.PublicKey) bool {
	return t.header.Alg == "RS256" && rsa.VerifyPKCS1v15(key, crypto.SHA256, t.digest[:], t.signature) == nil
}

package webpush

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"
)

// ErrSubject is what SelfTest finds wrong with a subject.
var ErrSubject = errors.New("webpush: push services refuse this subject")

// SelfTest signs for a push service that does not exist and checks the signature as one would (RFC 8292 §2), so that a subject that services
// refuse (ErrSubject) or a key that does not sign is found before a push is lost by it. It asks nobody.
func SelfTest(key *ecdsa.PrivateKey, subject string, now time.Time) error {
	if err := checkSubject(subject); err != nil {
		return fmt.Errorf("%w: %w", ErrSubject, err)
	}
	header, err := vapid(key, "https://push.example", subject, now)
	if err != nil {
		return err
	}
	token, _, _ := strings.Cut(strings.TrimPrefix(header, "vapid t="), ",")
	end := strings.LastIndexByte(token, '.')
	signature, err := base64.RawURLEncoding.DecodeString(token[end+1:])
	if err != nil {
		return err
	}
	digest := sha256.Sum256([]byte(token[:end]))
	if !ecdsa.Verify(&key.PublicKey, digest[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])) {
		return errors.New("webpush: the VAPID key does not sign what its public half checks")
	}
	return nil
}

package webpush

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"testing"
	"time"
)

func TestSelfTest(t *testing.T) {
	made := func(curve elliptic.Curve) *ecdsa.PrivateKey {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	good, other := made(elliptic.P256()), made(elliptic.P256())
	mixed := *good
	mixed.PublicKey = other.PublicKey
	for _, c := range []struct {
		name, subject string
		key           *ecdsa.PrivateKey
		ok, subjects  bool
	}{
		{"a good key and subject", "mailto:ops@acme.test", good, true, false},
		{"a subject that Apple refuses", "mailto:ops@localhost", good, false, true},
		{"no key", "mailto:ops@acme.test", nil, false, false},
		{"a key on another curve", "mailto:ops@acme.test", made(elliptic.P384()), false, false},
		{"halves of two keys", "mailto:ops@acme.test", &mixed, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := SelfTest(c.key, c.subject, time.Unix(1767225600, 0))
			if (err == nil) != c.ok || errors.Is(err, ErrSubject) != c.subjects {
				t.Errorf("error %v", err)
			}
		})
	}
}

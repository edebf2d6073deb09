package signin

import (
	"context"

	"golang.org/x/crypto/argon2"
)

// Stretch is the slow hash of a secret under a salt, in the same slots as passwords: for secrets that people keep on paper and that are short
// enough to be guessed from a stolen database otherwise.
func (s *Service) Stretch(ctx context.Context, secret string, salt []byte) (out []byte, err error) {
	err = s.hasher.do(ctx, func() {
		out = argon2.IDKey(normal(secret), salt, argonTime, s.hasher.memory, argonThreads, argonKey)
	})
	return out, err
}

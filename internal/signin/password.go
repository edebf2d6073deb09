package signin

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"

	"github.com/countersign/countersign/internal/fault"
)

// argon2id as OWASP's cheat sheet has it: 19 MiB, two passes, one lane; about 50 ms of one core.
const (
	argonTime    = 2
	argonMemory  = 19 * 1024 // KiB
	argonThreads = 1
	argonKey     = 32
	argonSalt    = 16
)

const (
	minPassword = 12  // characters
	maxPassword = 128 // characters
	hashWait    = 10 * time.Second
)

// ErrWeakPassword says that a password is too short or too long; nothing else is asked of it (SP 800-63B-4 §3.1.1.2).
var ErrWeakPassword = fault.New(fault.Invalid, "weak_password", "A password has 12 to 128 characters.")

// errBusy says that too many passwords wait to be checked.
var errBusy = fault.New(fault.Unavailable, "busy", "The server is busy. Nothing was changed. Try again in a moment.")

// errHash says that a stored hash is not one.
var errHash = errors.New("signin: a stored password hash is malformed")

// hasher computes hashes, as many at once as there are processors: each takes 19 MiB, and more at once would only take longer.
type hasher struct {
	slots  chan struct{}
	memory uint32 // KiB
	dummy  string // hash of nothing anybody knows, checked where there is no account
}

func newHasher(memory uint32) *hasher {
	h := &hasher{slots: make(chan struct{}, runtime.NumCPU()), memory: cmp.Or(memory, argonMemory)}
	h.dummy = encode(h.memory, random(argonSalt), random(argonKey))
	return h
}

// do runs f in a slot, or gives up when ctx ends or nobody gives one back in time.
func (h *hasher) do(ctx context.Context, f func()) error {
	late := time.NewTimer(hashWait)
	defer late.Stop()
	select {
	case h.slots <- struct{}{}:
	case <-ctx.Done():
		return errBusy.After(time.Second).Because(ctx.Err())
	case <-late.C:
		return errBusy.After(hashWait)
	}
	defer func() { <-h.slots }()
	f()
	return nil
}

// hash is the PHC string of a password, $argon2id$v=19$m=19456,t=2,p=1$salt$hash.
func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	salt := random(argonSalt)
	var out string
	err := h.do(ctx, func() {
		out = encode(h.memory, salt, argon2.IDKey(normal(password), salt, argonTime, h.memory, argonThreads, argonKey))
	})
	return out, err
}

// verify says whether password belongs to a PHC string. An empty one, of a person without a password or of nobody, costs the same and is
// never right.
func (h *hasher) verify(ctx context.Context, password, phc string) (bool, error) {
	known := phc != ""
	if !known {
		phc = h.dummy
	}
	p, err := decode(phc)
	if err != nil {
		return false, err
	}
	right := false
	err = h.do(ctx, func() {
		got := argon2.IDKey(normal(password), p.salt, p.time, p.memory, p.threads, uint32(len(p.key))) //nolint:gosec // decode bounds it
		right = subtle.ConstantTimeCompare(got, p.key) == 1
	})
	return right && known, err
}

// CheckPassword says whether a password may be set.
func CheckPassword(password string) error {
	if n := utf8.RuneCount(normal(password)); n < minPassword || n > maxPassword || !utf8.ValidString(password) {
		return ErrWeakPassword
	}
	return nil
}

// normal is the same bytes for what people see as the same characters, whichever keyboard typed them (SP 800-63B-4 §3.1.1.2).
func normal(password string) []byte { return norm.NFKC.Bytes([]byte(password)) }

// phc is what a PHC string holds.
type phc struct {
	time, memory uint32
	threads      uint8
	salt, key    []byte
}

func encode(memory uint32, salt, key []byte) string {
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, memory, argonTime, argonThreads, b64(salt), b64(key))
}

func decode(text string) (phc, error) {
	parts := strings.Split(text, "$")
	if len(parts) != 6 || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return phc{}, errHash
	}
	var p phc
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &p.memory, &p.time, &p.threads); err != nil {
		return phc{}, errHash
	}
	var err1, err2 error
	p.salt, err1 = base64.RawStdEncoding.DecodeString(parts[4])
	p.key, err2 = base64.RawStdEncoding.DecodeString(parts[5])
	if err1 != nil || err2 != nil || p.time < 1 || p.threads < 1 || p.memory > 1<<20 || len(p.key) < 16 || len(p.key) > 64 {
		return phc{}, errHash
	}
	return p, nil
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails; it ends the program where the system gives no randomness
	return b
}

// Package vault seals what has to be shown again (the SCIM token, the six-digit code, the server's own keys) with a Tink keyset. The keyset
// is a file with mode 0600, read again when it changes, so that a running service follows a rotation; a key-management service can stand
// behind the same two methods.
package vault

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// Vault seals and opens with associated data: what was sealed for one row cannot be opened as another. Safe for concurrent use.
type Vault struct {
	file string

	mu      sync.Mutex
	current loaded
	looked  time.Time
}

// loaded is the keyset as it was read.
type loaded struct {
	aead  tink.AEAD
	info  Info
	stamp stamp
}

// stamp tells whether a file is the one that was read.
type stamp struct {
	size    int64
	changed time.Time
}

// lookAgain is how long a keyset is used before the file is looked at again.
const lookAgain = time.Second

// Info describes a keyset without showing it.
type Info struct {
	Primary uint32   `json:"primary"` // key id that seals now
	Keys    []uint32 `json:"keys"`    // all key ids that open
}

// ErrOpen says that something sealed cannot be opened: another keyset, another row, or changed bytes.
var ErrOpen = errors.New("vault: cannot be opened with this keyset; is it the keyset this database was made with?")

// Create writes a new keyset file (0600) and refuses to replace one.
func Create(file string) error {
	h, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return err
	}
	return write(file, h, os.O_EXCL)
}

// Open reads a keyset file; one that others may read is refused.
func Open(file string) (*Vault, error) {
	l, err := load(file)
	if err != nil {
		return nil, err
	}
	return &Vault{file: file, current: l, looked: time.Now()}, nil
}

func load(file string) (loaded, error) {
	before, err := os.Stat(file)
	if err != nil {
		return loaded{}, fmt.Errorf("keyset: %w", err)
	}
	h, err := read(file)
	if err != nil {
		return loaded{}, err
	}
	a, err := aead.New(h)
	if err != nil {
		return loaded{}, err
	}
	return loaded{aead: a, info: infoOf(h), stamp: stamp{before.Size(), before.ModTime()}}, nil
}

func infoOf(h *keyset.Handle) Info {
	ki := h.KeysetInfo()
	i := Info{Primary: ki.GetPrimaryKeyId()}
	for _, k := range ki.GetKeyInfo() {
		i.Keys = append(i.Keys, k.GetKeyId())
	}
	return i
}

// use is the keyset as it is now. A file that cannot be read any more, or is half copied, leaves the old one in use.
func (v *Vault) use(now bool) loaded {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !now && time.Since(v.looked) < lookAgain {
		return v.current
	}
	v.looked = time.Now()
	st, err := os.Stat(v.file)
	if err != nil || (stamp{st.Size(), st.ModTime()}) == v.current.stamp {
		return v.current
	}
	if l, err := load(v.file); err == nil {
		v.current = l
	}
	return v.current
}

// Info describes the keyset.
func (v *Vault) Info() Info { return v.use(false).info }

// Seal encrypts plain for the place named by about (for example workspace and token id).
func (v *Vault) Seal(plain []byte, about string) ([]byte, error) {
	return v.use(false).aead.Encrypt(plain, []byte(about))
}

// Open decrypts what Seal made for the same place. Where a key is missing the file is read again: another replica may have rotated.
func (v *Vault) Open(sealed []byte, about string) ([]byte, error) {
	l := v.use(false)
	if id, ok := KeyID(sealed); ok && !slices.Contains(l.info.Keys, id) {
		l = v.use(true)
	}
	b, err := l.aead.Decrypt(sealed, []byte(about))
	if err != nil {
		return nil, ErrOpen
	}
	return b, nil
}

// prefix is how many bytes in front of what was sealed name the key.
const prefix = 5

// KeyID is the id of the key that sealed something, from Tink's prefix: a byte 1 and the id, big-endian.
func KeyID(sealed []byte) (uint32, bool) {
	if len(sealed) < prefix || sealed[0] != 1 {
		return 0, false
	}
	return binary.BigEndian.Uint32(sealed[1:prefix]), true
}

// Prefix is what everything that a key sealed begins with.
func Prefix(id uint32) []byte { return binary.BigEndian.AppendUint32([]byte{1}, id) }

func read(file string) (*keyset.Handle, error) {
	st, err := os.Stat(file)
	if err != nil {
		return nil, fmt.Errorf("keyset: %w", err)
	}
	if st.Mode().Perm()&0o077 != 0 && st.Mode().Type() == 0 && !readOnlyMount(file) {
		return nil, fmt.Errorf("keyset %s can be read by others (mode %04o): chmod 600 it", file, st.Mode().Perm())
	}
	b, err := os.ReadFile(filepath.Clean(file))
	if err != nil {
		return nil, fmt.Errorf("keyset: %w", err)
	}
	h, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(b)))
	if err != nil {
		return nil, fmt.Errorf("keyset %s is not a keyset: %w", file, err)
	}
	return h, nil
}

// readOnlyMount is true for secrets that a container engine mounts (always world-readable in an otherwise empty container).
func readOnlyMount(file string) bool {
	abs, err := filepath.Abs(file)
	return err == nil && filepath.Dir(abs) == "/run/secrets"
}

func write(file string, h *keyset.Handle, how int, rename ...string) error {
	var b bytes.Buffer
	if err := insecurecleartextkeyset.Write(h, keyset.NewJSONWriter(&b)); err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Clean(file), os.O_WRONLY|os.O_CREATE|how, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("keyset %s exists already; it is never replaced", file)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(b.Bytes())
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	for _, to := range rename {
		return os.Rename(file, to)
	}
	return nil
}

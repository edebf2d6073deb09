// Package vault seals what has to be shown again (the SCIM token, the six-digit code, the server's own keys) with a Tink keyset. The keyset
// is a file with mode 0600; a key-management service can stand behind the same two methods.
package vault

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// Vault seals and opens with associated data: what was sealed for one row cannot be opened as another.
type Vault struct {
	aead tink.AEAD
	info Info
}

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
	h, err := read(file)
	if err != nil {
		return nil, err
	}
	a, err := aead.New(h)
	if err != nil {
		return nil, err
	}
	v := &Vault{aead: a}
	ki := h.KeysetInfo()
	v.info.Primary = ki.GetPrimaryKeyId()
	for _, k := range ki.GetKeyInfo() {
		v.info.Keys = append(v.info.Keys, k.GetKeyId())
	}
	return v, nil
}

// Rotate adds a new key to the file and makes it the one that seals; the old keys go on opening.
func Rotate(file string) error {
	h, err := read(file)
	if err != nil {
		return err
	}
	m := keyset.NewManagerFromHandle(h)
	id, err := m.Add(aead.AES256GCMKeyTemplate())
	if err != nil {
		return err
	}
	if err := m.SetPrimary(id); err != nil {
		return err
	}
	if h, err = m.Handle(); err != nil {
		return err
	}
	return write(file+".new", h, os.O_TRUNC, file)
}

// Info describes the keyset.
func (v *Vault) Info() Info { return v.info }

// Seal encrypts plain for the place named by about (for example workspace and token id).
func (v *Vault) Seal(plain []byte, about string) ([]byte, error) {
	return v.aead.Encrypt(plain, []byte(about))
}

// Open decrypts what Seal made for the same place.
func (v *Vault) Open(sealed []byte, about string) ([]byte, error) {
	b, err := v.aead.Decrypt(sealed, []byte(about))
	if err != nil {
		return nil, ErrOpen
	}
	return b, nil
}

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

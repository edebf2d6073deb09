package vault

import (
	"fmt"
	"os"
	"slices"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"
)

// Rotate adds a new key to the file and makes it the one that seals; the old keys go on opening. Where replicas have copies of the file, use
// Stage and Promote: a replica that does not have the new key yet cannot open what it sealed.
func Rotate(file string) error {
	return change(file, func(m *keyset.Manager, _ Info) error {
		id, err := m.Add(aead.AES256GCMKeyTemplate())
		if err != nil {
			return err
		}
		return m.SetPrimary(id)
	})
}

// Stage adds a new key to the file that opens and does not seal yet.
func Stage(file string) error {
	return change(file, func(m *keyset.Manager, _ Info) error {
		_, err := m.Add(aead.AES256GCMKeyTemplate())
		return err
	})
}

// Promote makes the youngest key the one that seals.
func Promote(file string) error {
	return change(file, func(m *keyset.Manager, i Info) error {
		youngest := i.Keys[len(i.Keys)-1]
		if youngest == i.Primary {
			return fmt.Errorf("keyset %s: the youngest key, %d, seals already; add one with `countersign keys rotate --stage`", file, youngest)
		}
		return m.SetPrimary(youngest)
	})
}

// Remove takes a key out of the file. What is sealed with it cannot be opened any more: the caller has looked.
func Remove(file string, id uint32) error {
	return change(file, func(m *keyset.Manager, i Info) error {
		switch {
		case !slices.Contains(i.Keys, id):
			return fmt.Errorf("keyset %s has no key %d", file, id)
		case id == i.Primary:
			return fmt.Errorf("keyset %s: key %d seals now; rotate first", file, id)
		}
		return m.Delete(id)
	})
}

// change writes the file anew, in one step for those who read it.
func change(file string, do func(*keyset.Manager, Info) error) error {
	h, err := read(file)
	if err != nil {
		return err
	}
	m := keyset.NewManagerFromHandle(h)
	if err := do(m, infoOf(h)); err != nil {
		return err
	}
	if h, err = m.Handle(); err != nil {
		return err
	}
	return write(file+".new", h, os.O_TRUNC, file)
}

package vault_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/vault"
)

func create(t *testing.T) (string, *vault.Vault) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "keyset.json")
	if err := vault.Create(file); err != nil {
		t.Fatal(err)
	}
	return file, open(t, file)
}

func open(t *testing.T, file string) *vault.Vault {
	t.Helper()
	v, err := vault.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestWhatIsSealedOpensInItsOwnPlaceOnly(t *testing.T) {
	_, v := create(t)
	_, other := create(t)
	sealed, err := v.Seal([]byte("hush"), "scim_token|w1|t1")
	if err != nil {
		t.Fatal(err)
	}
	changed := append([]byte(nil), sealed...)
	changed[len(changed)-1] ^= 1
	for _, c := range []struct {
		name   string
		v      *vault.Vault
		sealed []byte
		about  string
		opens  bool
	}{
		{name: "its place", v: v, sealed: sealed, about: "scim_token|w1|t1", opens: true},
		{name: "another row", v: v, sealed: sealed, about: "scim_token|w1|t2"},
		{name: "another workspace", v: v, sealed: sealed, about: "scim_token|w2|t1"},
		{name: "another keyset", v: other, sealed: sealed, about: "scim_token|w1|t1"},
		{name: "changed bytes", v: v, sealed: changed, about: "scim_token|w1|t1"},
		{name: "nothing", v: v, about: "scim_token|w1|t1"},
	} {
		got, err := c.v.Open(c.sealed, c.about)
		if c.opens && (err != nil || string(got) != "hush") || !c.opens && !errors.Is(err, vault.ErrOpen) {
			t.Errorf("%s: %q %v", c.name, got, err)
		}
	}
}

func TestAfterARotationOldSealsOpenAndNewOnesUseTheNewKey(t *testing.T) {
	file, before := create(t)
	old, err := before.Seal([]byte("old"), "x")
	if err != nil {
		t.Fatal(err)
	}
	was, err := os.ReadFile(file)
	copied := file + ".copy"
	if err := errors.Join(err, os.WriteFile(copied, was, 0o600)); err != nil {
		t.Fatal(err)
	}
	before = open(t, copied) // a replica that does not have the new key
	if err := vault.Rotate(file); err != nil {
		t.Fatal(err)
	}
	after := open(t, file)
	if after.Info().Primary == before.Info().Primary || len(after.Info().Keys) != 2 {
		t.Errorf("%+v after %+v", after.Info(), before.Info())
	}
	if got, err := after.Open(old, "x"); err != nil || string(got) != "old" {
		t.Errorf("%q %v", got, err)
	}
	fresh, err := after.Seal([]byte("new"), "x")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := before.Open(fresh, "x"); !errors.Is(err, vault.ErrOpen) {
		t.Errorf("the old keyset opens what the new key sealed: %v", err)
	}
}

func TestAKeysetIsAPrivateFileThatIsNeverReplaced(t *testing.T) {
	file, _ := create(t)
	if st, err := os.Stat(file); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("mode %v (%v)", st.Mode(), err)
	}
	was, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if vault.Create(file) == nil {
		t.Error("a keyset was replaced")
	}
	if is, err := os.ReadFile(file); err != nil || string(is) != string(was) {
		t.Error("the keyset was changed")
	}
	if err := os.Chmod(file, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := vault.Open(file); err == nil {
		t.Error("a keyset that a group reads was opened")
	}
	for name, content := range map[string]string{"nonsense": "nonsense", "empty": "", "JSON": "{}"} {
		bad := filepath.Join(t.TempDir(), "bad.json")
		if err := os.WriteFile(bad, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := vault.Open(bad); err == nil {
			t.Errorf("%s was taken for a keyset", name)
		}
		if err := vault.Rotate(bad); err == nil {
			t.Errorf("%s was rotated", name)
		}
	}
	if _, err := vault.Open(file + ".none"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

func TestARunningServiceFollowsTheFile(t *testing.T) {
	file, one := create(t)
	two := open(t, file) // another process with the same file
	if err := vault.Rotate(file); err != nil {
		t.Fatal(err)
	}
	three := open(t, file)
	sealed, err := three.Seal([]byte("new"), "x")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := one.Open(sealed, "x"); err != nil || string(got) != "new" { // at once: it lacks the key, so it looks
		t.Errorf("%q %v", got, err)
	}
	if got, want := one.Info(), three.Info(); got.Primary != want.Primary {
		t.Errorf("it seals with %d, want %d", got.Primary, want.Primary)
	}
	for began := time.Now(); two.Info().Primary != three.Info().Primary; { // by itself, without anything to open
		if time.Since(began) > 5*time.Second {
			t.Fatal("a rotation is not noticed")
		}
	}
	if err := os.WriteFile(file, []byte("half a cop"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := one.Open([]byte{1, 0, 0, 0, 0, 9}, "x"); !errors.Is(err, vault.ErrOpen) { // makes it look at what is broken now
		t.Error(err)
	}
	if got, err := one.Open(sealed, "x"); err != nil || string(got) != "new" {
		t.Errorf("after a bad copy: %q %v", got, err)
	}
}

func TestAStagedKeyOpensBeforeItSeals(t *testing.T) {
	file, first := create(t)
	if err := vault.Promote(file); err == nil {
		t.Error("the only key was promoted")
	}
	if err := vault.Stage(file); err != nil {
		t.Fatal(err)
	}
	staged := open(t, file)
	if i := staged.Info(); i.Primary != first.Info().Primary || len(i.Keys) != 2 {
		t.Errorf("staged: %+v", i)
	}
	if err := vault.Promote(file); err != nil {
		t.Fatal(err)
	}
	promoted := open(t, file)
	sealed, err := promoted.Seal([]byte("x"), "x")
	if err != nil {
		t.Fatal(err)
	}
	if id, ok := vault.KeyID(sealed); !ok || id != promoted.Info().Primary || id == first.Info().Primary || !bytes.HasPrefix(sealed, vault.Prefix(id)) {
		t.Errorf("sealed with %d of %+v", id, promoted.Info())
	}
	if _, err := staged.Open(sealed, "x"); err != nil {
		t.Errorf("a replica with the staged key: %v", err)
	}
}

func TestAKeyIsRemovedUnlessItSeals(t *testing.T) {
	file, v := create(t)
	old := v.Info().Primary
	if err := vault.Remove(file, old); err == nil {
		t.Error("the only key was removed")
	}
	if err := vault.Rotate(file); err != nil {
		t.Fatal(err)
	}
	if err := vault.Remove(file, 1); err == nil {
		t.Error("a key that is none was removed")
	}
	if err := vault.Remove(file, old); err != nil {
		t.Fatal(err)
	}
	if i := open(t, file).Info(); len(i.Keys) != 1 || i.Primary == old {
		t.Errorf("%+v", i)
	}
	if _, ok := vault.KeyID([]byte("no")); ok {
		t.Error("two bytes name a key")
	}
}

package vault_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

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

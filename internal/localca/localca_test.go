package localca

import (
	"crypto/x509"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestTheAuthoritySignsForLocalNamesAndAddressesOnly(t *testing.T) {
	now := time.Now()
	a, err := Load(t.TempDir(), now)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(a.PEM()) {
		t.Fatal("the offered certificate is not PEM")
	}
	for name, want := range map[string]bool{
		"192.168.1.7": true, "10.0.0.3": true, "172.31.255.1": true, "127.0.0.1": true, "fd00::7": true, "::1": true, "localhost": true, "phone.local": true,
		"8.8.8.8": false, "192.0.2.2": false, "172.32.0.1": false, "2001:db8::1": false, "accounts.google.com": false, "example.com": false, "local.example.com": false,
	} {
		var ips []net.IP
		var names []string
		if ip := net.ParseIP(name); ip != nil {
			ips = []net.IP{ip}
		} else {
			names = []string{name}
		}
		pair, err := a.leaf(now, ips, names)
		if err != nil {
			t.Fatal(err)
		}
		leaf, err := x509.ParseCertificate(pair.Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		_, err = leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: name})
		if (err == nil) != want {
			t.Errorf("%s: verified %v (%v), want %v", name, err == nil, err, want)
		}
	}
}

func TestTheAuthorityStaysAndItsKeyIsPrivate(t *testing.T) {
	dir, now := t.TempDir(), time.Now()
	first, err := Load(dir, now)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Load(dir, now.Add(24*time.Hour))
	if err != nil || again.Fingerprint() != first.Fingerprint() {
		t.Errorf("a second start made another authority (%v): a phone would have to install it again", err)
	}
	later, err := Load(dir, now.Add(authorityLife))
	if err != nil || later.Fingerprint() == first.Fingerprint() {
		t.Errorf("an authority that has ended is used on (%v)", err)
	}
	st, err := os.Stat(filepath.Join(dir, "ca.key"))
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("the key's mode is %v (%v), want 0600", st.Mode().Perm(), err)
	}
}

func TestALeafOfEachStartIsForThisMachine(t *testing.T) {
	a, err := Load(t.TempDir(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	pair, err := a.Leaf(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"localhost", "127.0.0.1"} {
		if err := leaf.VerifyHostname(name); err != nil {
			t.Error(err)
		}
	}
	if len(a.Fingerprint()) != 32*3-1 {
		t.Errorf("fingerprint %s", a.Fingerprint())
	}
}

func TestABrokenAuthorityIsReportedAndNotReplaced(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "ca.crt"), []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(dir, time.Now()); err == nil {
		t.Error("nonsense was taken or replaced")
	}
}

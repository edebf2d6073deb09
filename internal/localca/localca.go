// Package localca makes a certificate for this machine's own addresses, from an authority that lies in the data folder and can sign for
// nothing but private addresses, localhost and .local names (RFC 5280 §4.2.1.10), so that a phone that trusts it risks nothing else. It is
// for trying the companion on a phone of the same network; it is no substitute for a real certificate.
package localca

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	authorityLife = 2 * 365 * 24 * time.Hour
	leafLife      = 90 * 24 * time.Hour // iOS takes 825 days at most, other browsers less
	skew          = time.Hour           // phones' clocks may be behind
)

// ErrNoNetwork says that this machine has no private address that a phone could reach.
var ErrNoNetwork = errors.New("this machine has no address on a local network")

// permitted is all that the authority can sign for.
var permitted = []string{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "127.0.0.0/8", "fc00::/7", "fe80::/10", "::1/128"}

// Authority signs certificates for this machine.
type Authority struct {
	cert *x509.Certificate
	pem  []byte
	key  crypto.Signer
}

// Addresses are this machine's private addresses, IPv4 first.
func Addresses() []net.IP {
	var four, six []net.IP
	as, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	for _, a := range as {
		n, ok := a.(*net.IPNet)
		switch {
		case !ok || !n.IP.IsPrivate():
		case n.IP.To4() != nil:
			four = append(four, n.IP.To4())
		default:
			six = append(six, n.IP)
		}
	}
	return append(four, six...)
}

// Address is the private address by which a phone on the same network most likely reaches this machine: the one that outgoing traffic uses.
func Address() (string, error) {
	all := Addresses()
	if len(all) == 0 {
		return "", ErrNoNetwork
	}
	probe := net.Dialer{}
	if c, err := probe.Dial("udp4", "192.0.2.1:9"); err == nil { // UDP: nothing is sent, the kernel only chooses the way
		defer func() { _ = c.Close() }()
		if u, ok := c.LocalAddr().(*net.UDPAddr); ok && u.IP.IsPrivate() {
			return u.IP.String(), nil
		}
	}
	return all[0].String(), nil
}

// Load reads the authority of a data folder (ca.crt, ca.key), or makes it where there is none or it has ended.
func Load(dir string, now time.Time) (*Authority, error) {
	crt, key := filepath.Join(dir, "ca.crt"), filepath.Join(dir, "ca.key")
	if _, err := os.Stat(crt); errors.Is(err, fs.ErrNotExist) {
		return create(dir, crt, key, now)
	}
	a, err := read(crt, key)
	if err != nil {
		return nil, fmt.Errorf("local certificate authority in %s: %w", dir, err)
	}
	if now.Add(leafLife).After(a.cert.NotAfter) {
		return create(dir, crt, key, now)
	}
	return a, nil
}

func read(crt, key string) (*Authority, error) {
	text, err := os.ReadFile(filepath.Clean(crt))
	if err != nil {
		return nil, err
	}
	pair, err := tls.LoadX509KeyPair(crt, key)
	if err != nil {
		return nil, err
	}
	signer, ok := pair.PrivateKey.(crypto.Signer)
	if !ok {
		return nil, errors.New("the key cannot sign")
	}
	cert, err := x509.ParseCertificate(pair.Certificate[0])
	return &Authority{cert: cert, pem: text, key: signer}, err
}

func create(dir, crtFile, keyFile string, now time.Time) (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template, err := authorityTemplate(now)
	if err != nil {
		return nil, err
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	a := &Authority{cert: cert, pem: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), key: key}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if err := os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), 0o600); err != nil {
		return nil, err
	}
	return a, os.WriteFile(crtFile, a.pem, 0o600)
}

func authorityTemplate(now time.Time) (*x509.Certificate, error) {
	number, err := serial()
	if err != nil {
		return nil, err
	}
	host, _ := os.Hostname()
	t := &x509.Certificate{
		SerialNumber: number, Subject: pkix.Name{CommonName: "Countersign on " + host + " (local networks only)"},
		NotBefore: now.Add(-skew), NotAfter: now.Add(authorityLife),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign,
		ExtKeyUsage:                 []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		PermittedDNSDomainsCritical: true, PermittedDNSDomains: []string{"localhost", "local"},
	}
	for _, p := range permitted {
		_, n, err := net.ParseCIDR(p)
		if err != nil {
			return nil, err
		}
		t.PermittedIPRanges = append(t.PermittedIPRanges, n)
	}
	return t, nil
}

// Leaf is a server certificate for this machine's addresses now, localhost and <hostname>.local; a new one is made at each start, because
// addresses change with the network.
func (a *Authority) Leaf(now time.Time) (tls.Certificate, error) {
	names := []string{"localhost"}
	if host, err := os.Hostname(); err == nil {
		if short, _, _ := strings.Cut(host, "."); short != "" && short != "localhost" {
			names = append(names, strings.ToLower(short)+".local")
		}
	}
	return a.leaf(now, append(Addresses(), net.IPv4(127, 0, 0, 1), net.IPv6loopback), names)
}

func (a *Authority) leaf(now time.Time, ips []net.IP, names []string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	number, err := serial()
	if err != nil {
		return tls.Certificate{}, err
	}
	t := &x509.Certificate{SerialNumber: number, Subject: pkix.Name{CommonName: "countersign"}, NotBefore: now.Add(-skew), NotAfter: now.Add(leafLife),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, IPAddresses: ips, DNSNames: names}
	der, err := x509.CreateCertificate(rand.Reader, t, a.cert, key.Public(), a.key)
	return tls.Certificate{Certificate: [][]byte{der, a.cert.Raw}, PrivateKey: key}, err
}

// PEM is the authority's certificate, offered to phones for installing. It holds no key.
func (a *Authority) PEM() []byte { return a.pem }

// DER is PEM's content, the form that phones install.
func (a *Authority) DER() []byte { return a.cert.Raw }

// Fingerprint is SHA-256 of the certificate as phones show it: upper-case pairs with colons.
func (a *Authority) Fingerprint() string {
	sum := sha256.Sum256(a.cert.Raw)
	text := strings.ToUpper(hex.EncodeToString(sum[:]))
	pairs := make([]string, 0, len(sum))
	for i := 0; i < len(text); i += 2 {
		pairs = append(pairs, text[i:i+2])
	}
	return strings.Join(pairs, ":")
}

func serial() (*big.Int, error) { return rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)) }

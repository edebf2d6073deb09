package server

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/crypto/acme/autocert"
)

// looked is how often a certificate's files are looked at for a change.
const looked = 10 * time.Second

// Files is TLS from a certificate and key on disk. They are read again when they change, so that whoever renews them need not restart this.
func Files(cert, key string) (*tls.Config, error) { return filesLookedAt(cert, key, looked) }

func filesLookedAt(cert, key string, every time.Duration) (*tls.Config, error) {
	f := &files{cert: cert, key: key, every: every}
	if err := f.load(); err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: f.get}, nil
}

type files struct {
	cert, key string
	every     time.Duration

	mu     sync.Mutex
	pair   *tls.Certificate
	loaded [2]time.Time
	at     time.Time
}

func (f *files) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if time.Since(f.at) >= f.every && f.changed() != f.loaded {
		_ = f.load() // half-written files: the old certificate goes on until both fit
	}
	return f.pair, nil
}

func (f *files) load() error {
	f.at = time.Now()
	changed := f.changed()
	pair, err := tls.LoadX509KeyPair(f.cert, f.key)
	if err != nil {
		return err
	}
	f.pair, f.loaded = &pair, changed
	return nil
}

func (f *files) changed() (at [2]time.Time) {
	for i, name := range []string{f.cert, f.key} {
		if st, err := os.Stat(name); err == nil {
			at[i] = st.ModTime()
		}
	}
	return at
}

// Pair is TLS with one certificate.
func Pair(c tls.Certificate) *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{c}}
}

// ACME is TLS with certificates that an ACME authority (Let's Encrypt) gives for the hosts named, kept in dir; the handler is for port 80,
// where it answers the authority and sends everybody else to https.
func ACME(dir string, hosts ...string) (*tls.Config, http.Handler) {
	m := &autocert.Manager{Prompt: autocert.AcceptTOS, Cache: autocert.DirCache(filepath.Join(dir, "acme")), HostPolicy: autocert.HostWhitelist(hosts...)}
	c := m.TLSConfig()
	c.MinVersion = tls.VersionTLS12
	return c, m.HTTPHandler(nil)
}

// Port is the port a URL is reached at.
func Port(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	if u.Scheme == "https" {
		return "443"
	}
	return "80"
}

// At is the address at which every network interface listens on a URL's port.
func At(u *url.URL) string { return net.JoinHostPort("", Port(u)) }

package server_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/localca"
	"github.com/countersign/countersign/internal/server"
)

var quiet = slog.New(slog.DiscardHandler)

// free is an address nobody listens at.
func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func fetch(t *testing.T, c *http.Client, target string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

func TestAStopTellsThoseWhoWaitAndLetsRequestsFinish(t *testing.T) {
	addr := free(t)
	inside, ended := make(chan struct{}, 2), make(chan string, 1)
	mux := http.NewServeMux()
	mux.HandleFunc("/slow", func(w http.ResponseWriter, r *http.Request) { // an ordinary request that a stop must not cut
		inside <- struct{}{}
		<-time.After(200 * time.Millisecond)
		_, _ = io.WriteString(w, "done")
	})
	mux.HandleFunc("/wait", func(_ http.ResponseWriter, r *http.Request) { // a long poll that nothing answers
		inside <- struct{}{}
		<-r.Context().Done()
		ended <- "cut off"
	})
	s, err := server.Listen(t.Context(), quiet, server.Listener{Name: "console", Addr: addr})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	told, over := false, make(chan error, 1)
	go func() {
		over <- s.Run(ctx, map[string]http.Handler{"console": mux}, func(context.Context) { told = true })
	}()

	slow := make(chan string, 1)
	go func() {
		_, body := fetch(t, http.DefaultClient, "http://"+addr+"/slow")
		slow <- body
	}()
	go func() {
		r, _ := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://"+addr+"/wait", nil)
		if res, err := http.DefaultClient.Do(r); err == nil {
			_ = res.Body.Close()
		}
	}()
	<-inside
	<-inside
	start := time.Now()
	stop()
	if err := <-over; err != nil {
		t.Error(err)
	}
	if !told {
		t.Error("those who wait were not told")
	}
	if body := <-slow; body != "done" {
		t.Errorf("a request was cut off: %q", body)
	}
	if <-ended; time.Since(start) > 8*time.Second {
		t.Errorf("the stop took %v", time.Since(start))
	}
	if c, err := net.Dial("tcp", addr); err == nil {
		_ = c.Close()
		t.Error("still listening")
	}
}

func TestABusyPortIsNamedAndNothingIsLeftListening(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	first := free(t)
	_, err = server.Listen(t.Context(), quiet, server.Listener{Name: "console", Addr: first}, server.Listener{Name: "companion", Addr: taken.Addr().String()})
	var busy *server.BusyError
	if !errors.As(err, &busy) || busy.Name != "companion" || busy.Addr != taken.Addr().String() || strings.Contains(err.Error(), "\n") {
		t.Fatalf("%v", err)
	}
	again, err := net.Listen("tcp", first)
	if err != nil {
		t.Fatalf("the console's address was not given back: %v", err)
	}
	_ = again.Close()
}

// certificate writes a leaf of a fresh authority and returns the files and a client that trusts it.
func certificate(t *testing.T, dir string) *http.Client {
	t.Helper()
	a, err := localca.Load(t.TempDir(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := a.Leaf(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(leaf.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: leaf.Certificate[0]}, "key.pem": {Type: "PRIVATE KEY", Bytes: key}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(a.PEM())
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true, DisableKeepAlives: true}}
}

func TestTLSFromFilesFollowsTheirChange(t *testing.T) {
	dir, addr := t.TempDir(), free(t)
	old := certificate(t, dir)
	c, err := server.FilesLookedAt(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"), 0)
	if err != nil {
		t.Fatal(err)
	}
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Proto) })
	s, err := server.Listen(t.Context(), quiet, server.Listener{Name: "console", Addr: addr, TLS: c})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	over := make(chan error, 1)
	go func() { over <- s.Run(ctx, map[string]http.Handler{"console": h}, nil) }()
	if status, proto := fetch(t, old, "https://"+addr+"/"); status != 200 || proto != "HTTP/2.0" {
		t.Errorf("%d %s", status, proto)
	}
	renewed := certificate(t, dir)
	if status, _ := fetch(t, renewed, "https://"+addr+"/"); status != 200 {
		t.Errorf("the renewed certificate is not used: %d", status)
	}
	if err := os.WriteFile(filepath.Join(dir, "key.pem"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if status, _ := fetch(t, renewed, "https://"+addr+"/"); status != 200 {
		t.Errorf("a half-written key ended TLS: %d", status)
	}
	stop()
	if err := <-over; err != nil {
		t.Error(err)
	}
}

func TestMissingCertificatesAreReportedAtTheStart(t *testing.T) {
	if _, err := server.Files("/none/cert.pem", "/none/key.pem"); err == nil {
		t.Error("files that are not there were taken")
	}
}

func TestACMEServesOnlyTheHostsNamed(t *testing.T) {
	c, redirect := server.ACME(t.TempDir(), "id.example.com", "phone.example.com")
	if _, err := c.GetCertificate(&tls.ClientHelloInfo{ServerName: "evil.example.com"}); err == nil || !strings.Contains(err.Error(), "not configured") {
		t.Errorf("a certificate for a foreign host would be asked for: %v", err)
	}
	if got := get(redirect, "http://id.example.com/w/acme", browser); got.Code != http.StatusFound || got.Header().Get("Location") != "https://id.example.com/w/acme" {
		t.Errorf("%d %s", got.Code, got.Header().Get("Location"))
	}
}

func TestALongPollFitsIntoTheTimeouts(t *testing.T) {
	if longest := 25 * time.Second; server.ReadAll < 2*longest || server.WriteAll < 2*longest {
		t.Errorf("a long poll of %v does not fit into reading %v or writing %v", longest, server.ReadAll, server.WriteAll)
	}
}

func TestDiagnosticsServeMetricsAndProfiles(t *testing.T) {
	h := server.Diagnostics(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "up 1") }))
	for path, want := range map[string]int{"/metrics": 200, "/debug/pprof/": 200, "/v1/session": 404} {
		if got := get(h, "http://127.0.0.1:9090"+path, program); got.Code != want {
			t.Errorf("%s: %d, want %d", path, got.Code, want)
		}
	}
}

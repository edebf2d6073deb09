// Command limits is what the engine's benchmarks measure the product against, in processes of their own: a websocket server with nothing behind
// it, and a push service with nothing behind it.
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

func main() {
	run := map[string]func() error{
		"return":   func() error { return dialogs(false) }, // the handler returns, nobody reads
		"read":     func() error { return dialogs(true) },  // the handler stays and reads
		"provider": provider,
	}[os.Args[1]]
	if run == nil {
		run = func() error { return errors.New("return, read or provider") }
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// say prints where it listens, as JSON.
func say(v any) error { return json.NewEncoder(os.Stdout).Encode(v) }

// dialogs upgrades everybody, writes one frame of a snapshot's size and keeps the connection.
func dialogs(reads bool) error {
	var mu sync.Mutex
	open := map[*websocket.Conn]struct{}{}
	up := websocket.Upgrader{ReadBufferSize: 512, WriteBufferSize: 1024, WriteBufferPool: &sync.Pool{}, Subprotocols: []string{"countersign.v1"},
		CheckOrigin: func(*http.Request) bool { return true }}
	first := make([]byte, 600)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("POST /over", func(http.ResponseWriter, *http.Request) { // where nobody reads, nobody hears that a client has gone
		mu.Lock()
		defer mu.Unlock()
		for c := range open {
			_ = c.Close()
		}
		clear(open)
	})
	mux.HandleFunc("GET /v1/confirmations/{id}/ws", func(w http.ResponseWriter, r *http.Request) {
		c, err := up.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		mu.Lock()
		open[c] = struct{}{}
		mu.Unlock()
		if c.WriteMessage(websocket.TextMessage, first) != nil || !reads {
			return
		}
		_, _, _ = c.NextReader()
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if err := say(map[string]string{"addr": l.Addr().String()}); err != nil {
		return err
	}
	return (&http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}).Serve(l)
}

// answersAfter is how long the push service thinks.
const answersAfter = 50 * time.Millisecond

// provider takes every push as APNs would, over HTTP/2.
func provider() error {
	certificate, authority, err := selfSigned()
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if err := say(map[string]string{"addr": l.Addr().String(), "ca": authority}); err != nil {
		return err
	}
	s := &http.Server{ReadHeaderTimeout: time.Minute, TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12},
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(answersAfter)
			w.Header().Set("Apns-Id", "00000000-0000-0000-0000-000000000000")
		})}
	return s.ServeTLS(l, "", "")
}

func selfSigned() (tls.Certificate, string, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, "", err
	}
	now := time.Now()
	t := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, "", err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), nil
}

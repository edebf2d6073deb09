package phonesim

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

var errState = errors.New("phonesim: this is no saved phone")

// saved is a phone at rest. It holds private keys in the clear: a simulator has no secure element.
type saved struct {
	Version    int           `json:"version"`
	URL        string        `json:"url"`
	Name       string        `json:"name"`
	Platform   string        `json:"platform"`
	OS         string        `json:"os"`
	App        string        `json:"app"`
	Unlock     string        `json:"unlock"`
	UV         string        `json:"uv_key"`   // PKCS #8, base64url
	Poll       string        `json:"poll_key"` // PKCS #8, base64url
	Correction time.Duration `json:"clock_correction_ns,omitempty"`
	Identity
}

// Save gives the phone as JSON, private keys included: keep it where only its owner can read.
func (p *Phone) Save() ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	uv, err := pkcs8(p.uv)
	if err != nil {
		return nil, err
	}
	poll, err := pkcs8(p.poll)
	if err != nil {
		return nil, err
	}
	return json.MarshalIndent(saved{1, p.base, p.o.Name, p.o.Platform, p.o.OS, p.o.App, p.o.UV, uv, poll, p.correction, p.id}, "", "  ")
}

// Load makes a phone from what Save gave. What it is called comes from there, how it behaves from o.
func Load(data []byte, o Options) (*Phone, error) {
	var s saved
	if json.Unmarshal(data, &s) != nil || s.Version != 1 {
		return nil, errState
	}
	uv, err := parsePKCS8(s.UV)
	if err != nil {
		return nil, err
	}
	poll, err := parsePKCS8(s.Poll)
	if err != nil {
		return nil, err
	}
	o.Name, o.Platform, o.OS, o.App, o.UV = s.Name, s.Platform, s.OS, s.App, s.Unlock
	p := newPhone(s.URL, o, uv, poll)
	p.id, p.correction = s.Identity, s.Correction
	return p, nil
}

func pkcs8(k *ecdsa.PrivateKey) (string, error) {
	der, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		return "", fmt.Errorf("phonesim: %w", err)
	}
	return B64(der), nil
}

func parsePKCS8(s string) (*ecdsa.PrivateKey, error) {
	der, err := Unb64(s)
	if err != nil {
		return nil, errState
	}
	k, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, errState
	}
	key, ok := k.(*ecdsa.PrivateKey)
	if !ok {
		return nil, errState
	}
	return key, nil
}

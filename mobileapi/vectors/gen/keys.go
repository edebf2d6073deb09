package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/hex"

	"github.com/countersign/countersign/internal/phonesim"
)

// The keys of the vectors, each made from a sentence.
var (
	uvKey      = p256("countersign test key uv")
	pollKey    = p256("countersign test key poll")
	serverKey  = p256("countersign test key server")
	nextServer = p256("countersign test key server 2")
	stranger   = p256("countersign test key stranger")
	p384Key    = p384("countersign test key p384")
)

type key struct {
	*ecdsa.PrivateKey
	seed string
}

func p256(seed string) key {
	d := sha256.Sum256([]byte(seed))
	return key{must(ecdsa.ParseRawPrivateKey(elliptic.P256(), d[:])), seed}
}

func p384(seed string) key {
	d := sha512.Sum384([]byte(seed))
	return key{must(ecdsa.ParseRawPrivateKey(elliptic.P384(), d[:])), seed}
}

func (k key) spki() []byte { return phonesim.SPKI(&k.PublicKey) }

// sign is deterministic: no randomness means RFC 6979.
func (k key) sign(message []byte) []byte {
	h := sha256.Sum256(message)
	return must(k.Sign(nil, h[:], crypto.SHA256))
}

// keyVector is a key in every form that a platform may want to read.
type keyVector struct {
	Use   string `json:"use"`
	Curve string `json:"curve"`
	Seed  string `json:"seed"` // the private number is the SHA-256 (P-384: SHA-384) of this text
	D     string `json:"d_hex"`
	PKCS8 string `json:"pkcs8"`
	SPKI  string `json:"spki"`
	JWK   jwk    `json:"jwk"`
}

type jwk struct {
	Kty string `json:"kty"`
	Crv string `json:"crv"`
	D   string `json:"d"`
	X   string `json:"x"`
	Y   string `json:"y"`
}

func (k key) vector(use string) keyVector {
	d, point := must(k.Bytes()), must(k.PublicKey.Bytes())
	half := (len(point) - 1) / 2
	return keyVector{
		Use: use, Curve: k.Params().Name, Seed: k.seed, D: hex.EncodeToString(d),
		PKCS8: phonesim.B64(must(x509.MarshalPKCS8PrivateKey(k.PrivateKey))), SPKI: phonesim.B64(k.spki()),
		JWK: jwk{"EC", k.Params().Name, phonesim.B64(d), phonesim.B64(point[1 : 1+half]), phonesim.B64(point[1+half:])},
	}
}

// part is one part of a signed message.
type part struct {
	Name string `json:"name"`
	Hex  string `json:"hex"`
}

// message is what is signed, in every step of its making.
type message struct {
	Domain string `json:"domain"`
	Parts  []part `json:"parts"`
	Hex    string `json:"lp_hex"`
	LP     string `json:"lp"`
	SHA256 string `json:"lp_sha256_hex"`
}

func newMessage(domain string, parts ...part) message {
	raw := make([][]byte, len(parts))
	for i, p := range parts {
		raw[i] = must(hex.DecodeString(p.Hex))
	}
	lp := phonesim.LP(domain, raw...)
	return message{domain, parts, hex.EncodeToString(lp), phonesim.B64(lp), hexHash(lp)}
}

func (m message) bytes() []byte { return must(hex.DecodeString(m.Hex)) }

func text(name, s string) part          { return part{name, hex.EncodeToString([]byte(s))} }
func binary(name string, b []byte) part { return part{name, hex.EncodeToString(b)} }

// signature is one signature in both forms; the wire takes der.
type signature struct {
	DER string `json:"der"`
	Raw string `json:"raw"`
}

func (k key) signature(m message) signature {
	der := k.sign(m.bytes())
	return signature{phonesim.B64(der), phonesim.B64(must(phonesim.Raw(der)))}
}

func hexHash(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

func b64Hash(b []byte) string {
	h := sha256.Sum256(b)
	return phonesim.B64(h[:])
}

// must ends the program: the inputs are constants, so an error is a mistake in this one.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

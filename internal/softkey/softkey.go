// Package softkey is a passkey made of software, for tests: it answers WebAuthn's two ceremonies as a browser with an authenticator would, and
// as an evil one would.
package softkey

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"slices"

	"github.com/fxamacker/cbor/v2"
)

// Key is one passkey. Its fields are what it claims; a test may change them.
type Key struct {
	Origin  string // of the page that asks
	RPID    string // of the relying party that it belongs to
	User    []byte // handle it was made for
	ID      []byte
	Counter uint32 // 0: an authenticator without one
	NoUV    bool   // does not ask its holder for a finger or a PIN
	private *ecdsa.PrivateKey
}

// New is a passkey that has not been added anywhere yet, in a browser on a page of origin.
func New(origin, rpID string) *Key {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	id := make([]byte, 20)
	_, _ = rand.Read(id)
	return &Key{Origin: origin, RPID: rpID, ID: id, private: private}
}

// Create answers PublicKeyCredentialCreationOptionsJSON with RegistrationResponseJSON.
func (k *Key) Create(options []byte) []byte {
	var o struct {
		Challenge string `json:"challenge"`
		User      struct {
			ID string `json:"id"`
		} `json:"user"`
	}
	must(json.Unmarshal(options, &o))
	k.User = unbase(o.User.ID)
	point, err := k.private.PublicKey.Bytes()
	must(err)
	public := encode(map[int]any{1: 2, 3: -7, -1: 1, -2: point[1:33], -3: point[33:]})
	attested := make([]byte, 16) // no AAGUID
	attested = binary.BigEndian.AppendUint16(attested, uint16(len(k.ID)))
	attested = slices.Concat(attested, k.ID, public)
	client := k.client("webauthn.create", o.Challenge)
	object := encode(map[string]any{"fmt": "none", "attStmt": map[string]any{}, "authData": append(k.data(1<<6), attested...)})
	return k.answer(map[string]any{"clientDataJSON": base(client), "attestationObject": base(object), "transports": []string{"internal"}})
}

// Get answers PublicKeyCredentialRequestOptionsJSON with AuthenticationResponseJSON.
func (k *Key) Get(options []byte) []byte {
	var o struct {
		Challenge string `json:"challenge"`
	}
	must(json.Unmarshal(options, &o))
	client, data := k.client("webauthn.get", o.Challenge), k.data(0)
	hash := sha256.Sum256(client)
	digest := sha256.Sum256(append(data, hash[:]...))
	sig, err := ecdsa.SignASN1(rand.Reader, k.private, digest[:])
	must(err)
	return k.answer(map[string]any{"clientDataJSON": base(client), "authenticatorData": base(data), "signature": base(sig), "userHandle": base(k.User)})
}

func (k *Key) answer(response map[string]any) []byte {
	out, err := json.Marshal(map[string]any{"id": base(k.ID), "rawId": base(k.ID), "type": "public-key", "response": response, "clientExtensionResults": map[string]any{}})
	must(err)
	return out
}

func (k *Key) client(kind, challenge string) []byte {
	out, err := json.Marshal(map[string]any{"type": kind, "challenge": challenge, "origin": k.Origin, "crossOrigin": false})
	must(err)
	return out
}

// data is the authenticator data without what is attested (WebAuthn §6.1).
func (k *Key) data(flags byte) []byte {
	flags |= 1 // somebody is there
	if !k.NoUV {
		flags |= 1 << 2
	}
	if k.Counter > 0 {
		k.Counter++
	}
	rp := sha256.Sum256([]byte(k.RPID))
	return binary.BigEndian.AppendUint32(append(rp[:], flags), k.Counter)
}

func encode(v any) []byte {
	mode, err := cbor.CTAP2EncOptions().EncMode()
	must(err)
	out, err := mode.Marshal(v)
	must(err)
	return out
}

func base(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func unbase(s string) []byte {
	b, err := base64.RawURLEncoding.DecodeString(s)
	must(err)
	return b
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

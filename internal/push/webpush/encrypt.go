package webpush

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"slices"
)

const (
	recordSize = 4096
	saltSize   = 16
	// What a record holds besides the text: salt, record size, key length and key (86 bytes), a delimiter and the GCM tag.
	overhead = saltSize + 4 + 1 + 65 + 1 + 16
)

// encrypt returns the body for Content-Encoding aes128gcm (RFC 8291 §3.4, RFC 8188): one record of at most 4096 bytes that only
// the browser with this subscription can read.
func encrypt(text []byte, point *ecdh.PublicKey, secret []byte) ([]byte, error) {
	once, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	salt := make([]byte, saltSize)
	if _, err := rand.Read(salt); err != nil {
		return nil, err
	}
	return seal(text, point, secret, once, salt)
}

func seal(text []byte, point *ecdh.PublicKey, secret []byte, once *ecdh.PrivateKey, salt []byte) ([]byte, error) {
	if len(text) > recordSize-overhead {
		return nil, errors.New("webpush: text too long for one record")
	}
	shared, err := once.ECDH(point)
	if err != nil {
		return nil, err
	}
	ours := once.PublicKey().Bytes()
	ikm, err := hkdf.Key(sha256.New, shared, secret, "WebPush: info\x00"+string(point.Bytes())+string(ours), 32)
	if err != nil {
		return nil, err
	}
	key, err := hkdf.Key(sha256.New, ikm, salt, "Content-Encoding: aes128gcm\x00", 16)
	if err != nil {
		return nil, err
	}
	nonce, err := hkdf.Key(sha256.New, ikm, salt, "Content-Encoding: nonce\x00", 12)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	out := binary.BigEndian.AppendUint32(slices.Clone(salt), recordSize)
	out = append(append(out, byte(len(ours))), ours...)
	return gcm.Seal(out, nonce, append(slices.Clone(text), 2), nil), nil // 2 ends the last record
}

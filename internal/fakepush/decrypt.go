package fakepush

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
)

// open is the browser's side of RFC 8291: one aes128gcm record, at most 4096 bytes, for this subscription.
func open(body []byte, key *ecdh.PrivateKey, auth []byte) ([]byte, error) {
	const header = 16 + 4 + 1 + 65
	if len(body) < header+17 || body[20] != 65 {
		return nil, errors.New("not a record with a P-256 key")
	}
	salt, size, point, sealed := body[:16], binary.BigEndian.Uint32(body[16:20]), body[21:header], body[header:]
	if size < 18 || uint64(len(sealed)) > uint64(size) {
		return nil, errors.New("more than one record")
	}
	sender, err := ecdh.P256().NewPublicKey(point)
	if err != nil {
		return nil, err
	}
	shared, err := key.ECDH(sender)
	if err != nil {
		return nil, err
	}
	ikm, err := hkdf.Key(sha256.New, shared, auth, "WebPush: info\x00"+string(key.PublicKey().Bytes())+string(point), 32)
	if err != nil {
		return nil, err
	}
	cek, err := hkdf.Key(sha256.New, ikm, salt, "Content-Encoding: aes128gcm\x00", 16)
	if err != nil {
		return nil, err
	}
	nonce, err := hkdf.Key(sha256.New, ikm, salt, "Content-Encoding: nonce\x00", 12)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(cek)
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	text, err := gcm.Open(nil, nonce, sealed, nil)
	if err != nil {
		return nil, err
	}
	return unpad(text)
}

// unpad cuts the padding of a last record: a 2, then zeros (RFC 8188 §2).
func unpad(text []byte) ([]byte, error) {
	for i := len(text) - 1; i >= 0; i-- {
		switch text[i] {
		case 0:
		case 2:
			return text[:i], nil
		default:
			return nil, errors.New("bad padding")
		}
	}
	return nil, errors.New("no delimiter")
}

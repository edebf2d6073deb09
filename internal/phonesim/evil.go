package phonesim

import (
	"bytes"
	"crypto/ecdsa"
	"fmt"
	"time"
)

// Edits of a Request, for phones that do not keep the contract. Each gives one edit for Do.

// SignedBy signs with another key.
func SignedBy(k *ecdsa.PrivateKey) func(*Request) { return func(r *Request) { r.Key = k } }

// AsDevice names another device.
func AsDevice(id string) func(*Request) { return func(r *Request) { r.Device = id } }

// At signs and sends another time, e.g. an old one.
func At(t time.Time) func(*Request) { return func(r *Request) { r.Time = t.Unix() } }

// WithJTI signs and sends a jti that may have been used before.
func WithJTI(jti []byte) func(*Request) { return func(r *Request) { r.JTI = jti } }

// KeepJTI notes the jti that is used, for a replay.
func KeepJTI(jti *[]byte) func(*Request) { return func(r *Request) { *jti = r.JTI } }

// InDomain signs under another domain.
func InDomain(domain string) func(*Request) { return func(r *Request) { r.Domain = domain } }

// BadSignature sends another form of the signature, e.g. RawForm or Trailing.
func BadSignature(form func(der []byte) []byte) func(*Request) {
	return func(r *Request) { r.EditSignature = form }
}

// WithoutSignature sends no X-Device-Sig.
func WithoutSignature() func(*Request) { return func(r *Request) { r.Unsigned = true } }

// SignatureHeader sends this text as the X-Device-Sig.
func SignatureHeader(text string) func(*Request) {
	return func(r *Request) { r.Header.Set("X-Device-Sig", text) }
}

// SendBody sends another body than the signed one.
func SendBody(body []byte) func(*Request) { return afterSigning(func(r *Request) { r.Body = body }) }

// SendTarget sends the call to another path or query than the signed one.
func SendTarget(target string) func(*Request) {
	return afterSigning(func(r *Request) { r.Target = target })
}

// SendMethod sends another method than the signed one.
func SendMethod(method string) func(*Request) {
	return afterSigning(func(r *Request) { r.Method = method })
}

// ContentType sends another content type.
func ContentType(t string) func(*Request) {
	return func(r *Request) { r.Header.Set("Content-Type", t) }
}

func afterSigning(f func(*Request)) func(*Request) {
	return func(r *Request) {
		before := r.Tamper
		r.Tamper = func(r *Request) {
			if before != nil {
				before(r)
			}
			f(r)
		}
	}
}

// RawForm is r‖s in place of DER, the mistake of a client that did not convert.
func RawForm(der []byte) []byte {
	raw, err := Raw(der)
	if err != nil {
		panic("phonesim: " + err.Error())
	}
	return raw
}

// Trailing is a signature with one byte behind it.
func Trailing(der []byte) []byte { return append(bytes.Clone(der), 0) }

// Member puts one more member at the end of a JSON object without looking whether it is there already: a repeated or an unknown field.
// value is JSON.
func Member(object []byte, name, value string) []byte {
	cut := bytes.LastIndexByte(object, '}')
	if cut < 0 {
		panic("phonesim: Member needs a JSON object")
	}
	comma := ","
	if len(bytes.TrimSpace(object[:cut])) == 1 {
		comma = ""
	}
	return append(fmt.Appendf(bytes.Clone(object[:cut]), "%s%q:%s", comma, name, value), object[cut:]...)
}

// Padded makes a JSON text n bytes long without changing what it says.
func Padded(object []byte, n int) []byte {
	if len(object) >= n {
		return object
	}
	return append(bytes.Repeat([]byte{' '}, n-len(object)), object...)
}

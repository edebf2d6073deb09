package mobileapi_test

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/countersign/countersign/internal/signing"
)

func TestRequestVectors(t *testing.T) {
	var v struct {
		keyed
		Now      int64
		Accepted []struct {
			Name, Method, Target, TS, JTI, Header string
			Body                                  string `json:"body_json"`
			Message                               message
			Sig                                   signature
		}
		Refused []struct {
			Name, Code, Method, Target, Header string
			Body                               string `json:"body_json"`
		}
	}
	load(t, "request.json", &v)
	poll := v.spki(t, "poll")
	for _, c := range v.Accepted {
		t.Run(c.Name, func(t *testing.T) {
			lp := signing.Request(c.Method, c.Target, c.TS, unb64(t, c.JTI), []byte(c.Body))
			c.Message.same(t, lp)
			c.Sig.holds(t, poll, lp)
			if err := request(c.Method, c.Target, c.Body, c.Header, v.Now, poll); err != nil {
				t.Errorf("the request is refused: %v", err)
			}
		})
	}
	for _, c := range v.Refused {
		t.Run(c.Name, func(t *testing.T) {
			if err := request(c.Method, c.Target, c.Body, c.Header, v.Now, poll); err == nil || err.Error() != c.Code {
				t.Errorf("want %s, got %v", c.Code, err)
			}
		})
	}
}

// request judges a header as the document says, but for the memory of used jtis.
func request(method, target, body, header string, now int64, poll []byte) error {
	unauthorized := errors.New("unauthorized")
	f := strings.Split(header, ";")
	if len(f) != 5 || f[0] != "v1" {
		return unauthorized
	}
	for i, name := range []string{"", "dev=", "ts=", "jti=", "sig="} {
		value, ok := strings.CutPrefix(f[i], name)
		if !ok {
			return unauthorized
		}
		f[i] = value
	}
	jti, err := signing.Unb64(f[3])
	if err != nil || len(jti) != 16 {
		return unauthorized
	}
	sig, err := signing.Unb64(f[4])
	if err != nil || !signing.Verify(poll, signing.Request(method, target, f[2], jti, []byte(body)), sig) {
		return unauthorized
	}
	ts, err := strconv.ParseInt(f[2], 10, 64)
	if err != nil {
		return unauthorized
	}
	if ts < now-60 || ts > now+60 {
		return errors.New("clock_skew")
	}
	return nil
}

func TestSignatureVectors(t *testing.T) {
	var v struct {
		keyed
		Accepted []struct {
			Name    string
			Message string `json:"message_json"`
			Sig     signature
			Length  int `json:"der_length"`
		}
	}
	load(t, "signature.json", &v)
	for _, c := range v.Accepted {
		t.Run(c.Name, func(t *testing.T) {
			c.Sig.holds(t, v.spki(t, "uv"), []byte(c.Message))
			der := unb64(t, c.Sig.DER)
			if len(der) != c.Length {
				t.Errorf("der_length is %d, the signature has %d", c.Length, len(der))
			}
			if !bytes.Equal(derFromRaw(unb64(t, c.Sig.Raw)), der) {
				t.Error("the two forms are not one signature")
			}
		})
	}
}

// derFromRaw is the conversion as the document describes it, byte by byte.
func derFromRaw(raw []byte) []byte {
	var out []byte
	for _, n := range [][]byte{raw[:32], raw[32:]} {
		for len(n) > 1 && n[0] == 0 {
			n = n[1:]
		}
		if n[0] >= 0x80 {
			n = append([]byte{0}, n...)
		}
		out = append(append(out, 0x02, byte(len(n))), n...)
	}
	return append([]byte{0x30, byte(len(out))}, out...)
}

package device

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/countersign/countersign/internal/signing"
)

func fuzzKey(f *testing.F) *ecdsa.PrivateKey {
	f.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	return k
}

// FuzzClaim: whatever a phone claims and signs with its two keys, a claim is taken only with two different P-256 keys, a known platform, a name
// fit for a trust screen, and a push address that is one.
func FuzzClaim(f *testing.F) {
	uv, poll := fuzzKey(f), fuzzKey(f)
	u, p := signing.B64(signing.SPKI(&uv.PublicKey)), signing.B64(signing.SPKI(&poll.PublicKey))
	for _, seed := range []string{
		`{"secret":"s","name":"iPhone of Ana","platform":"ios","os":"iOS 26","app":"1","keys":{"uv":"UV","poll":"POLL"}}`,
		`{"secret":"s","name":"x","platform":"web","os":"","app":"","keys":{"uv":"UV","poll":"POLL"},"push":{"kind":"fcm","token":"a"}}`,
		`{"secret":"s","name":"x","platform":"android","os":"","app":"","keys":{"uv":"UV","poll":"UV"}}`,
		`{"secret":"s","name":"\u202egnp.exe\n","platform":"ios","os":"","app":"","keys":{"uv":"UV","poll":"POLL"}}`,
		`{"secret":"s","name":"x","platform":"ios","os":"","app":"","keys":{"uv":"UV","poll":"POLL"},"push":{"kind":"apns","token":"../x","env":"production","topic":"a.b"}}`,
		`{"secret":"s","name":"x","platform":"ios","keys":{"uv":"UV","poll":"POLL"},"keys":{"uv":"UV","poll":"POLL"}}`,
		`{"push":null}`, `[]`, ``,
	} {
		f.Add(seed, "s")
	}
	s := New(Deps{Now: time.Now})
	f.Fuzz(func(t *testing.T, text, secret string) {
		body := []byte(strings.NewReplacer("UV", u, "POLL", p).Replace(text))
		message := signing.Pair("par_1", secret, signing.SPKI(&uv.PublicKey), signing.SPKI(&poll.PublicKey), body)
		a, err := signing.Sign(uv, message)
		if err != nil {
			t.Fatal(err)
		}
		b, err := signing.Sign(poll, message)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.read(context.Background(), "par_1", Claim{Payload: body, SigUV: b, SigPoll: a}); err == nil {
			t.Fatalf("taken with its signatures exchanged: %q", body)
		}
		got, err := s.read(context.Background(), "par_1", Claim{Payload: body, SigUV: a, SigPoll: b})
		if err != nil {
			return
		}
		if got.Secret != secret || string(got.uv) == string(got.poll) || got.Platform != "ios" && got.Platform != "android" && got.Platform != "web" {
			t.Errorf("taken: %+v", got.payload)
		}
		for _, shown := range []string{got.Name, got.payload.OS, got.App} {
			if utf8.RuneCountInString(shown) > 64 || strings.ContainsFunc(shown, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }) {
				t.Errorf("shown: %q", shown)
			}
		}
		if got.push != nil && got.push.Validate() != nil {
			t.Errorf("registered: %q", body)
		}
	})
}

// FuzzRequestSignature: a header that is read says exactly what it is put together of again, so that there is one way to write each.
func FuzzRequestSignature(f *testing.F) {
	for _, seed := range []string{
		"v1;dev=dev_1;ts=1767225600;jti=AAAAAAAAAAAAAAAAAAAAAA;sig=MEUCIQ",
		"v1;dev=;ts=;jti=;sig=", "v1;ts=1;dev=a;jti=AAAAAAAAAAAAAAAAAAAAAA;sig=AA", "v1;dev=a;ts=1;jti=AAAAAAAAAAAAAAAAAAAAAA;sig=AA;",
		"v1;dev=a;ts=-9223372036854775808;jti=AAAAAAAAAAAAAAAAAAAAAA;sig=AA", "v1;dev=a;ts=1;jti=AAAAAAAAAAAAAAAAAAAAAB;sig=AA", "v2", "",
		"v1;dev=a;ts=+1;jti=AAAAAAAAAAAAAAAAAAAAAA;sig=AA=",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		h, ok := parseHeader(text)
		if !ok {
			return
		}
		if again := "v1;dev=" + h.device + ";ts=" + h.ts + ";jti=" + signing.B64(h.jti) + ";sig=" + signing.B64(h.sig); again != text || len(h.jti) != 16 {
			t.Errorf("%q is read as %q", text, again)
		}
	})
}

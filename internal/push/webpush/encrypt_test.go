package webpush

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"strings"
	"testing"
	"time"
)

func decode(t *testing.T, s string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestTheExampleOfRFC8291(t *testing.T) { // §5, byte for byte
	sender, err := ecdh.P256().NewPrivateKey(decode(t, "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"))
	if err != nil {
		t.Fatal(err)
	}
	point, err := ecdh.P256().NewPublicKey(decode(t, "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := seal([]byte("When I grow up, I want to be a watermelon"), point, decode(t, "BTBZMqHH6r4Tts7J_aSIgg"), sender, decode(t, "DGv6ra1nlYgDCS1FRnbzlw"))
	if err != nil {
		t.Fatal(err)
	}
	want := decode(t, "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN")
	if !bytes.Equal(got, want) {
		t.Errorf("got  %x\nwant %x", got, want)
	}
}

func TestARecordIsAtMost4096Bytes(t *testing.T) {
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		size int
		ok   bool
	}{
		{"the longest text", recordSize - overhead, true},
		{"one byte more", recordSize - overhead + 1, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := encrypt(make([]byte, c.size), key.PublicKey(), make([]byte, 16))
			if (err == nil) != c.ok || c.ok && len(got) != recordSize {
				t.Errorf("%d bytes, error %v", len(got), err)
			}
		})
	}
}

func TestSubject(t *testing.T) {
	for subject, ok := range map[string]bool{
		"mailto:ops@acme.test": true, "https://acme.test/contact": true, "": false, "ops@acme.test": false, "mailto:": false,
		"mailto:mailto:ops@acme.test": false, "mailto:Ops <ops@acme.test>": false, "mailto:ops@localhost": false, "mailto:ops@LOCALHOST.": false,
		"http://acme.test": false, "https://": false, "https://localhost:8080/": false, "https://app.localhost": false,
	} {
		if err := checkSubject(subject); (err == nil) != ok {
			t.Errorf("%q: error %v", subject, err)
		}
	}
}

func TestVAPIDIsForOneOriginAndHalfADay(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1767225600, 0)
	for endpoint, aud := range map[string]string{
		"https://Push.Example.net/wp/1?x=2": "https://push.example.net", "https://push.example.net:443/1": "https://push.example.net",
		"https://push.example.net:8443/1": "https://push.example.net:8443", "https://[2600::1]/x": "https://[2600::1]",
	} {
		header, err := vapid(key, endpoint, "mailto:ops@acme.test", now)
		if err != nil {
			t.Fatal(err)
		}
		claims := string(decode(t, strings.Split(header, ".")[1]))
		if want := `{"aud":"` + aud + `","exp":1767268800,"sub":"mailto:ops@acme.test"}`; claims != want {
			t.Errorf("%s, want %s", claims, want)
		}
	}
	other, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := vapid(other, "https://push.example.net", "mailto:ops@acme.test", now); err == nil {
		t.Error("a key on another curve was used")
	}
}

func TestTopicHoldsInTheAlphabetOfRFC8030(t *testing.T) {
	for _, id := range []string{"cnf_4Kq8", "", strings.Repeat("ü", 100)} {
		if got := topic(id); len(got) != 22 || strings.Trim(got, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			t.Errorf("topic %q", got)
		}
	}
}

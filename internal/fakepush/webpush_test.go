package fakepush

import (
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"
)

func b64(t *testing.T, s string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The example of RFC 8291 §5, from the browser's side.
func example(t *testing.T) (body []byte, key *ecdh.PrivateKey, auth []byte) {
	t.Helper()
	key, err := ecdh.P256().NewPrivateKey(b64(t, "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"))
	if err != nil {
		t.Fatal(err)
	}
	body = b64(t, "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN")
	return body, key, b64(t, "BTBZMqHH6r4Tts7J_aSIgg")
}

func TestTheBrowserReadsTheExampleOfRFC8291(t *testing.T) {
	body, key, auth := example(t)
	if got, err := open(body, key, auth); err != nil || string(got) != "When I grow up, I want to be a watermelon" {
		t.Errorf("%q, %v", got, err)
	}
	for i := range body {
		if i >= 16 && i < 20 { // the record size only bounds
			continue
		}
		bad := append([]byte(nil), body...)
		bad[i] ^= 1
		if _, err := open(bad, key, auth); err == nil {
			t.Errorf("byte %d may be changed", i)
		}
	}
}

func FuzzOpen(f *testing.F) {
	f.Add([]byte{})
	f.Add(make([]byte, 103))
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if _, err := open(body, key, make([]byte, 16)); err == nil {
			t.Error("something that nobody sealed was opened")
		}
	})
}

func TestWebPushIsStrict(t *testing.T) {
	f := start(t, Options{})
	server, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, err := server.PublicKey.ECDH()
	if err != nil {
		t.Fatal(err)
	}
	k := base64.RawURLEncoding.EncodeToString(public.Bytes())
	s := f.Subscribe(k)
	// A browser whose key is known, so that a record from elsewhere can be read.
	body, key, auth := example(t)
	f.browsers.find(strings.TrimPrefix(s.Endpoint, f.WebPushURL)).key = key
	f.browsers.find(strings.TrimPrefix(s.Endpoint, f.WebPushURL)).auth = auth
	origin := f.WebPushURL
	vapid := func(aud string, exp time.Duration, sub string) string {
		return "vapid t=" + sign(t, server, map[string]any{"alg": "ES256", "typ": "JWT"}, map[string]any{"aud": aud, "exp": time.Now().Add(exp).Unix(), "sub": sub}) + ", k=" + k
	}
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	// The example's text is not JSON, which the companion would have to read: what is right about everything else ends there.
	const right = "400 Undecryptable"
	for _, c := range []struct{ name, header, value, want string }{
		{"all but the text", "", "", right},
		{"no authorization", "Authorization", "", "403 MissingAuthorization"},
		{"the old scheme", "Authorization", "WebPush x", "403 MissingAuthorization"},
		{"no key", "Authorization", "vapid t=x", "403 BadAuthorizationHeader"},
		{"another origin", "Authorization", vapid("https://push.example.net", time.Hour, "mailto:a@acme.test"), "403 BadJwtToken"},
		{"more than a day", "Authorization", vapid(origin, 25*time.Hour, "mailto:a@acme.test"), "403 BadJwtToken"},
		{"an old token", "Authorization", vapid(origin, -time.Minute, "mailto:a@acme.test"), "403 BadJwtToken"},
		{"a subject that is no address", "Authorization", vapid(origin, time.Hour, "ops"), "403 BadJwtToken"},
		{"a doubled mailto", "Authorization", vapid(origin, time.Hour, "mailto:ops"), "403 BadJwtToken"},
		{"a subject at localhost", "Authorization", vapid(origin, time.Hour, "mailto:a@localhost"), "403 BadJwtToken"},
		{"a subject on the web", "Authorization", vapid(origin, time.Hour, "https://acme.test/"), right},
		{
			"another signer", "Authorization",
			"vapid t=" + sign(t, other, map[string]any{"alg": "ES256"}, map[string]any{"aud": origin, "exp": time.Now().Add(time.Hour).Unix(), "sub": "mailto:a@acme.test"}) + ", k=" + k,
			"403 BadJwtToken",
		},
		{"no TTL", "TTL", "", "400 BadTtl"},
		{"a negative TTL", "TTL", "-1", "400 BadTtl"},
		{"a topic with a dot", "Topic", "a.b", "400 BadTopic"},
		{"a long topic", "Topic", strings.Repeat("a", 33), "400 BadTopic"},
		{"no topic", "Topic", "", right},
		{"another urgency", "Urgency", "now", "400 BadUrgency"},
		{"the old encoding", "Content-Encoding", "aesgcm", "400 BadEncoding"},
	} {
		t.Run(c.name, func(t *testing.T) {
			header := map[string]string{
				"Authorization": vapid(origin, time.Hour, "mailto:a@acme.test"), "TTL": "60", "Topic": "abc", "Urgency": "high", "Content-Encoding": "aes128gcm",
			}
			if c.header != "" {
				header[c.header] = c.value
				if c.value == "" {
					delete(header, c.header)
				}
			}
			status, _, answer := post(t, client(f), s.Endpoint, header, body)
			word := strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(answer), `{"reason":"`), `"}`)
			if got := fmt.Sprint(status, " ", word); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
	header := map[string]string{"Authorization": vapid(origin, time.Hour, "mailto:a@acme.test"), "TTL": "60", "Content-Encoding": "aes128gcm"}
	if status, _, _ := post(t, client(f), s.Endpoint, header, make([]byte, 4097)); status != 413 {
		t.Errorf("4097 bytes: %d", status)
	}
	if status, _, _ := post(t, client(f), f.Subscribe("BOther").Endpoint, header, body); status != 403 {
		t.Errorf("a subscription for another server: %d", status)
	}
	if status, _, _ := post(t, client(f), f.WebPushURL+"/wp/x", header, body); status != 404 {
		t.Errorf("no subscription: %d", status)
	}
}

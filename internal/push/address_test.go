package push_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/countersign/countersign/internal/push"
)

const (
	p256dh    = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4" // RFC 8291 §5
	auth      = "BTBZMqHH6r4Tts7J_aSIgg"
	fcmToken  = "dQw4w9WgXcQ:APA91bF-_x0"
	apnsToken = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	endpoint  = "https://push.example.net/wp/abc?x=1"
)

func web(endpoint, p256dh, auth string) string {
	return fmt.Sprintf(`{"kind":"webpush","endpoint":%q,"keys":{"p256dh":%q,"auth":%q}}`, endpoint, p256dh, auth)
}

func apple(token, env, topic string) string {
	return fmt.Sprintf(`{"kind":"apns","token":%q,"env":%q,"topic":%q}`, token, env, topic)
}

func TestParse(t *testing.T) {
	const bundle = "test.countersign.companion"
	ok := error(nil)
	for _, c := range []struct {
		name string
		in   string
		want error
	}{
		{"fcm", `{"kind":"fcm","token":"` + fcmToken + `"}`, ok},
		{"fields in another order, with blanks", ` {"token" : "x", "kind":"fcm"} `, ok},
		{"fcm without token", `{"kind":"fcm"}`, push.ErrMalformed},
		{"fcm with a token of blanks", `{"kind":"fcm","token":"a b"}`, push.ErrMalformed},
		{"fcm with a quote in the token", `{"kind":"fcm","token":"a\"b"}`, push.ErrMalformed},
		{"fcm with an endless token", `{"kind":"fcm","token":"` + strings.Repeat("a", 4097) + `"}`, push.ErrMalformed},
		{"a token that is a number", `{"kind":"fcm","token":5}`, push.ErrMalformed},
		{"a token that is null", `{"kind":"fcm","token":null}`, push.ErrMalformed},

		{"apns production", apple(apnsToken, "production", bundle), ok},
		{"apns sandbox", apple(apnsToken, "sandbox", bundle), ok},
		{"apns with another environment", apple(apnsToken, "staging", bundle), push.ErrMalformed},
		{"apns with a path in the token", apple("aa/../../evil?x=1", "sandbox", bundle), push.ErrMalformed},
		{"apns with capitals", apple(strings.ToUpper(apnsToken), "sandbox", bundle), push.ErrMalformed},
		{"apns with a short token", apple(apnsToken[:63], "sandbox", bundle), push.ErrMalformed},
		{"apns with a long token", apple(strings.Repeat("a", 201), "sandbox", bundle), push.ErrMalformed},
		{"apns with a line end in the topic", apple(apnsToken, "sandbox", "a\nb"), push.ErrMalformed},
		{"apns without topic", `{"kind":"apns","token":"` + apnsToken + `","env":"sandbox"}`, push.ErrMalformed},

		{"webpush", web(endpoint, p256dh, auth), ok},
		{"webpush over plain http", web("http://push.example.net/x", p256dh, auth), push.ErrEndpoint},
		{"webpush with a user", web("https://u:p@push.example.net/x", p256dh, auth), push.ErrEndpoint},
		{"webpush with an empty user", web("https://@push.example.net/x", p256dh, auth), push.ErrEndpoint},
		{"webpush with a fragment", web(endpoint+"#f", p256dh, auth), push.ErrEndpoint},
		{"webpush without host", web("https:///x", p256dh, auth), push.ErrEndpoint},
		{"webpush with an opaque URL", web("https:push.example.net", p256dh, auth), push.ErrEndpoint},
		{"webpush with a backslash", web(`https://push.example.net\@10.0.0.1/`, p256dh, auth), push.ErrEndpoint},
		{"webpush with a letter that looks like another", web("https://puѕh.example.net/", p256dh, auth), push.ErrEndpoint},
		{"webpush with a line end", web("https://push.example.net/\r\nHost: x", p256dh, auth), push.ErrEndpoint},
		{"webpush with an endless endpoint", web("https://push.example.net/"+strings.Repeat("a", 2048), p256dh, auth), push.ErrEndpoint},
		{"webpush with a point off the curve", web(endpoint, "BA"+strings.Repeat("A", 85), auth), push.ErrMalformed},
		{"webpush with a compressed point", web(endpoint, "AiVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcx", auth), push.ErrMalformed},
		{"webpush with padding", web(endpoint, p256dh, auth+"=="), push.ErrMalformed},
		{"webpush with a short secret", web(endpoint, p256dh, auth[:20]), push.ErrMalformed},
		{"webpush without keys", `{"kind":"webpush","endpoint":"` + endpoint + `"}`, push.ErrMalformed},
		{"webpush with an unknown key", `{"kind":"webpush","endpoint":"` + endpoint + `","keys":{"p256dh":"` + p256dh + `","auth":"` + auth + `","x":1}}`, push.ErrUnknownField},

		{"an unknown field", `{"kind":"fcm","token":"x","env":"sandbox"}`, push.ErrUnknownField},
		{"a repeated field", `{"kind":"fcm","token":"x","token":"y"}`, push.ErrUnknownField},
		{"a field in other letters", `{"kind":"fcm","Token":"x"}`, push.ErrMalformed},
		{"another kind", `{"kind":"sms","token":"x"}`, push.ErrMalformed},
		{"no kind", `{"token":"x"}`, push.ErrMalformed},
		{"an array", `[]`, push.ErrMalformed},
		{"null", `null`, push.ErrMalformed},
		{"nothing", ``, push.ErrMalformed},
		{"half an object", `{"kind":"fcm"`, push.ErrMalformed},
		{"two objects", `{"kind":"fcm","token":"x"}{}`, push.ErrMalformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, err := push.Parse([]byte(c.in))
			if !errors.Is(err, c.want) {
				t.Fatalf("error %v, want %v", err, c.want)
			}
			if err != nil {
				return
			}
			if err := a.Validate(); err != nil {
				t.Errorf("parsed and yet not valid: %v", err)
			}
		})
	}
}

func TestAddressIsWrittenInOneForm(t *testing.T) {
	for _, in := range []string{
		`{"kind":"fcm","token":"` + fcmToken + `"}`,
		apple(apnsToken, "sandbox", "test.countersign.companion"),
		web(endpoint, p256dh, auth),
	} {
		var a push.Address
		if err := json.Unmarshal([]byte(in), &a); err != nil {
			t.Fatal(err)
		}
		out, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		if want := strings.ReplaceAll(in, "&", `\u0026`); string(out) != want {
			t.Errorf("%s became %s", in, out)
		}
	}
}

func TestKey(t *testing.T) {
	a := push.Address{Kind: push.WebPush, Endpoint: "https://push.example.net/A"}
	for _, c := range []struct {
		name string
		b    push.Address
		same bool
	}{
		{"the same endpoint with other keys", push.Address{Kind: push.WebPush, Endpoint: a.Endpoint, Auth: "x"}, true},
		{"the same host spelled otherwise", push.Address{Kind: push.WebPush, Endpoint: "https://PUSH.example.net:443/A"}, true},
		{"a path in other letters", push.Address{Kind: push.WebPush, Endpoint: "https://push.example.net/a"}, false},
		{"another port", push.Address{Kind: push.WebPush, Endpoint: "https://push.example.net:4443/A"}, false},
		{"another kind", push.Address{Kind: push.FCM, Token: a.Endpoint}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := a.Key() == c.b.Key(); got != c.same {
				t.Errorf("same key: %v", got)
			}
		})
	}
	if len(a.Key()) != 64 {
		t.Errorf("key %q is not SHA-256 in hex", a.Key())
	}
}

func TestAddressDoesNotPrintItself(t *testing.T) {
	for _, in := range []string{`{"kind":"fcm","token":"` + fcmToken + `"}`, apple(apnsToken, "sandbox", "a"), web(endpoint, p256dh, auth)} {
		a, err := push.Parse([]byte(in))
		if err != nil {
			t.Fatal(err)
		}
		var log strings.Builder
		slog.New(slog.NewJSONHandler(&log, nil)).Info("push", "to", a)
		for _, text := range []string{fmt.Sprint(a), fmt.Sprintf("%+v %#v", a, a), fmt.Sprintf("%v", struct{ A push.Address }{a}), log.String()} {
			for _, secret := range []string{fcmToken, apnsToken, "/wp/abc", p256dh, auth} {
				if strings.Contains(text, secret) {
					t.Errorf("%q shows %q", text, secret)
				}
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"kind":"fcm","token":"x"}`))
	f.Add([]byte(apple(apnsToken, "sandbox", "test.countersign.companion")))
	f.Add([]byte(web(endpoint, p256dh, auth)))
	f.Fuzz(func(t *testing.T, in []byte) {
		a, err := push.Parse(in)
		if err != nil {
			for _, known := range []error{push.ErrMalformed, push.ErrUnknownField, push.ErrEndpoint} {
				if errors.Is(err, known) {
					return
				}
			}
			t.Fatalf("an error that no door knows: %v", err)
		}
		out, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		again, err := push.Parse(out)
		if err != nil || again != a || again.Key() != a.Key() {
			t.Fatalf("%s is not read back as it was: %v", out, err)
		}
		for _, r := range a.Token + a.Endpoint + a.Topic + a.Env {
			if r <= ' ' || r > '~' {
				t.Fatalf("a character that no header or path can hold: %q", r)
			}
		}
	})
}

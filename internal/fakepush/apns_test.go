package fakepush

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

func providerToken(t *testing.T, f *Fake, iat time.Time) string {
	t.Helper()
	return sign(t, f.keys.apple, map[string]any{"alg": "ES256", "kid": f.APNsKeyID}, map[string]any{"iss": f.APNsTeamID, "iat": iat.Unix()})
}

func alert(f *Fake, bearer string) map[string]string {
	return map[string]string{
		"authorization": "bearer " + bearer, "apns-topic": f.Topic, "apns-push-type": "alert", "apns-priority": "10",
		"apns-expiration": fmt.Sprint(f.now().Add(time.Hour).Unix()), "apns-collapse-id": "c",
	}
}

const hello = `{"aps":{"alert":"hello"},"n":1}`

func TestAPNsIsStrict(t *testing.T) {
	f := start(t, Options{})
	good, foreign := f.APNsToken("production"), f.APNsToken("sandbox")
	bearer := providerToken(t, f, time.Now())
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	jwt := func(kid, iss string, key *ecdsa.PrivateKey, iat time.Time) string {
		return "bearer " + sign(t, key, map[string]any{"alg": "ES256", "kid": kid}, map[string]any{"iss": iss, "iat": iat.Unix()})
	}
	now := time.Now()
	path := "/3/device/" + good
	for _, c := range []struct {
		name, path    string
		header, value string
		body          string
		want          string
	}{
		{"an alert", path, "", "", hello, "200"},
		{"another path", "/2/device/" + good, "", "", hello, "404 BadPath"},
		{"a token with a slash", path + "/x", "", "", hello, "400 BadDeviceToken"},
		{"a short token", "/3/device/abc", "", "", hello, "400 BadDeviceToken"},
		{"no token", "/3/device/", "", "", hello, "400 MissingDeviceToken"},
		{"a token of the sandbox", "/3/device/" + foreign, "", "", hello, "400 BadDeviceToken"},

		{"no provider token", path, "authorization", "", hello, "403 MissingProviderToken"},
		{"an empty provider token", path, "authorization", "bearer ", hello, "403 MissingProviderToken"},
		{"rubbish for a provider token", path, "authorization", "bearer x.y.z", hello, "403 InvalidProviderToken"},
		{"another key", path, "authorization", jwt(f.APNsKeyID, f.APNsTeamID, stranger, now), hello, "403 InvalidProviderToken"},
		{"another key id", path, "authorization", jwt("OTHER", f.APNsTeamID, f.keys.apple, now), hello, "403 InvalidProviderToken"},
		{"another team", path, "authorization", jwt(f.APNsKeyID, "OTHER", f.keys.apple, now), hello, "403 InvalidProviderToken"},
		{"a token of tomorrow", path, "authorization", jwt(f.APNsKeyID, f.APNsTeamID, f.keys.apple, now.Add(time.Hour)), hello, "403 InvalidProviderToken"},
		{"a token older than an hour", path, "authorization", jwt(f.APNsKeyID, f.APNsTeamID, f.keys.apple, now.Add(-61*time.Minute)), hello, "403 ExpiredProviderToken"},

		{"no topic", path, "apns-topic", "", hello, "400 MissingTopic"},
		{"another topic", path, "apns-topic", "com.example.other", hello, "400 DeviceTokenNotForTopic"},
		{"no push type", path, "apns-push-type", "", hello, "400 InvalidPushType"},
		{"another push type", path, "apns-push-type", "shout", hello, "400 InvalidPushType"},
		{"no priority", path, "apns-priority", "", hello, "400 BadPriority"},
		{"another priority", path, "apns-priority", "7", hello, "400 BadPriority"},
		{"a background push in a hurry", path, "apns-push-type", "background", `{"aps":{"content-available":1}}`, "400 BadPriority"},
		{"no expiration", path, "apns-expiration", "", hello, "400 BadExpirationDate"},
		{"an expiration in words", path, "apns-expiration", "soon", hello, "400 BadExpirationDate"},
		{"a long collapse id", path, "apns-collapse-id", strings.Repeat("a", 65), hello, "400 BadCollapseId"},
		{"a collapse id of 64", path, "apns-collapse-id", strings.Repeat("a", 64), hello, "200"},
		{"an id that is no UUID", path, "apns-id", "1", hello, "400 BadMessageId"},
		{"an id", path, "apns-id", "123e4567-e89b-12d3-a456-426614174000", hello, "200"},

		{"no payload", path, "", "", "", "400 PayloadEmpty"},
		{"a payload without aps", path, "", "", `{"n":1}`, "400 PayloadEmpty"},
		{"too much payload", path, "", "", `{"aps":{"alert":"` + strings.Repeat("a", 4096) + `"}}`, "413 PayloadTooLarge"},
		{"an alert without anything to see", path, "", "", `{"aps":{"content-available":1}}`, "400 InvalidPushType"},
	} {
		t.Run(c.name, func(t *testing.T) {
			header := alert(f, bearer)
			if c.header != "" {
				header[c.header] = c.value
				if c.value == "" {
					delete(header, c.header)
				}
			}
			status, answer, body := post(t, client(f), f.APNsURL+c.path, header, []byte(c.body))
			word := strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(body), `{"reason":"`), `"}`)
			if got := strings.TrimSpace(fmt.Sprint(status, " ", word)); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
			if answer.Get("apns-id") == "" {
				t.Error("no apns-id")
			}
		})
	}
}

func TestABackgroundPushShowsNothing(t *testing.T) {
	f := start(t, Options{})
	header := alert(f, providerToken(t, f, time.Now()))
	header["apns-push-type"], header["apns-priority"] = "background", "5"
	for body, want := range map[string]int{`{"aps":{"content-available":1}}`: 200, `{"aps":{}}`: 400, `{"aps":{"content-available":1,"alert":"x"}}`: 400, `{"aps":{"alert":"x"}}`: 400} {
		if status, _, answer := post(t, client(f), f.APNsURL+"/3/device/"+f.APNsToken("production"), header, []byte(body)); status != want {
			t.Errorf("%s: %d %s", body, status, answer)
		}
	}
}

func TestAPNsSpeaksOnlyHTTP2(t *testing.T) {
	f := start(t, Options{})
	for name, config := range map[string]*tls.Config{"by ALPN": {RootCAs: f.Pool(), NextProtos: []string{"http/1.1"}}, "without ALPN": {RootCAs: f.Pool()}} {
		c := &http.Client{Transport: &http.Transport{TLSClientConfig: config}}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.APNsURL+"/3/device/x", bytes.NewReader([]byte(hello)))
		if err != nil {
			t.Fatal(err)
		}
		if res, err := c.Do(req); err == nil {
			_ = res.Body.Close()
			t.Errorf("%s: answered over %s with %d", name, res.Proto, res.StatusCode)
		}
	}
}

func TestAProviderTokenMayChangeEvery20MinutesOnAConnection(t *testing.T) {
	clock := new(clock)
	f := start(t, Options{Now: clock.now})
	c, token := client(f), f.APNsToken("production")
	send := func(c *http.Client, bearer string, want int) {
		t.Helper()
		if status, _, body := post(t, c, f.APNsURL+"/3/device/"+token, alert(f, bearer), []byte(hello)); status != want {
			t.Errorf("%d %s, want %d", status, body, want)
		}
	}
	first, second := providerToken(t, f, clock.now()), providerToken(t, f, clock.now().Add(-time.Minute))
	send(c, first, 200)
	send(c, second, 429)
	send(c, first, 200)
	send(client(f), second, 200) // a connection of its own
	clock.move(20 * time.Minute)
	send(c, second, 200)
	send(c, first, 429)
}

func TestAPNsKeepsOneNotificationForAPhoneThatIsOff(t *testing.T) {
	clock := new(clock)
	f := start(t, Options{Now: clock.now})
	token, bearer, now := f.APNsToken("production"), providerToken(t, f, clock.now()), clock.now()
	send := func(n int, expires time.Time) {
		t.Helper()
		header := alert(f, bearer)
		header["apns-collapse-id"] = fmt.Sprint(n)
		header["apns-expiration"] = fmt.Sprint(expires.Unix())
		if status, _, body := post(t, client(f), f.APNsURL+"/3/device/"+token, header, fmt.Appendf(nil, `{"aps":{"alert":"x"},"n":%d}`, n)); status != 200 {
			t.Fatalf("%d %s", status, body)
		}
	}
	f.SwitchOff(token)
	send(1, now.Add(time.Hour))
	send(2, now.Add(time.Hour))
	f.SwitchOn(token)
	d, err := f.Wait(soon(t), token)
	if err != nil || string(d.Payload) != `{"n":2}` || len(f.Delivered(token)) != 1 {
		t.Errorf("%s, %v; %d delivered", d.Payload, err, len(f.Delivered(token)))
	}
	f.SwitchOff(token)
	send(3, now.Add(time.Minute))
	send(4, time.Unix(0, 0)) // once, now or never; it still takes the place of what waited
	clock.move(2 * time.Minute)
	f.SwitchOn(token)
	if n := len(f.Delivered(token)); n != 1 {
		t.Errorf("%d delivered after all had expired", n)
	}
}

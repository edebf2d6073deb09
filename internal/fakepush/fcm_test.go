package fakepush

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"
)

func assertion(t *testing.T, f *Fake, change func(header, claims map[string]any)) string {
	t.Helper()
	now := time.Now().Unix()
	header := map[string]any{"alg": "RS256", "typ": "JWT", "kid": accountKeyID}
	claims := map[string]any{"iss": accountEmail, "scope": fcmScope, "aud": f.FCMURL + "/token", "iat": now, "exp": now + 3600}
	change(header, claims)
	return sign(t, f.keys.account, header, claims)
}

func askToken(t *testing.T, f *Fake, grant, jwt string) (status int, token string) {
	t.Helper()
	form := url.Values{"grant_type": {grant}, "assertion": {jwt}}.Encode()
	status, _, body := post(t, client(f), f.FCMURL+"/token", map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, []byte(form))
	var answer struct {
		Token string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		t.Fatal(err)
	}
	return status, answer.Token
}

func TestTheTokenEndpointIsStrict(t *testing.T) {
	f := start(t, Options{})
	for _, c := range []struct {
		name   string
		grant  string
		change func(header, claims map[string]any)
		want   int
	}{
		{"a good assertion", grantType, func(_, _ map[string]any) {}, 200},
		{"the wide scope", grantType, func(_, c map[string]any) { c["scope"] = "a " + cloudScope }, 200},
		{"another grant", "password", func(_, _ map[string]any) {}, 400},
		{"another algorithm", grantType, func(h, _ map[string]any) { h["alg"] = "HS256" }, 400},
		{"another key id", grantType, func(h, _ map[string]any) { h["kid"] = "x" }, 400},
		{"another account", grantType, func(_, c map[string]any) { c["iss"] = "x" }, 400},
		{"another audience", grantType, func(_, c map[string]any) { c["aud"] = "https://oauth2.googleapis.com/token" }, 400},
		{"no scope", grantType, func(_, c map[string]any) { c["scope"] = "" }, 400},
		{"an old one", grantType, func(_, c map[string]any) { c["iat"] = time.Now().Unix() - 3600 }, 400},
		{"one for two hours", grantType, func(_, c map[string]any) { c["exp"] = time.Now().Unix() + 7200 }, 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, token := askToken(t, f, c.grant, assertion(t, f, c.change))
			if status != c.want || (token != "") != (c.want == 200) {
				t.Errorf("status %d, token %v", status, token != "")
			}
		})
	}
	if status, _ := askToken(t, f, grantType, "x.y"); status != 400 {
		t.Errorf("rubbish: status %d", status)
	}
}

func TestFCMIsStrict(t *testing.T) {
	f := start(t, Options{})
	_, token := askToken(t, f, grantType, assertion(t, f, func(_, _ map[string]any) {}))
	good := f.FCMEndpoint() + "/projects/" + f.Project + "/messages:send"
	for _, c := range []struct {
		name, url, bearer, body string
		want                    int
		word                    string
	}{
		{"a data message", good, token, `{"message":{"token":"a","data":{"t":"done"},"android":{"priority":"high","ttl":"60s"}}}`, 200, "messages/0:"},
		{"an apns block", good, token, `{"message":{"token":"a","apns":{"headers":{"apns-priority":"5","apns-push-type":"background"},"payload":{"aps":{"content-available":1}}}}}`, 200, ""},
		{"no bearer", good, "", `{"message":{"token":"a"}}`, 401, "UNAUTHENTICATED"},
		{"a bearer of somebody else", good, "ya29.x", `{"message":{"token":"a"}}`, 401, "UNAUTHENTICATED"},
		{"another project", f.FCMEndpoint() + "/projects/other/messages:send", token, `{"message":{"token":"a"}}`, 403, "PERMISSION_DENIED"},
		{"another method", f.FCMEndpoint() + "/projects/" + f.Project + "/messages:batch", token, `{}`, 404, ""},
		{"no version in the path", f.FCMURL + "/projects/" + f.Project + "/messages:send", token, `{}`, 404, ""},
		{"no JSON", good, token, `x`, 400, "INVALID_ARGUMENT"},
		{"two values", good, token, `{"message":{"token":"a"}} {}`, 400, "INVALID_ARGUMENT"},
		{"an unknown field", good, token, `{"message":{"token":"a","colour":1}}`, 400, "Unknown name"},
		{"an unknown field deeper", good, token, `{"message":{"token":"a","android":{"prioritee":"high"}}}`, 400, "android.prioritee"},
		{"a field in other letters", good, token, `{"message":{"Token":"a"}}`, 400, "Unknown name"},
		{"no target", good, token, `{"message":{"data":{}}}`, 400, "BadRequest"},
		{"two targets", good, token, `{"message":{"token":"a","topic":"b"}}`, 400, "BadRequest"},
		{"data that is a number", good, token, `{"message":{"token":"a","data":{"v":1}}}`, 400, "data[v]"},
		{"a reserved name", good, token, `{"message":{"token":"a","data":{"from":"x"}}}`, 400, "data[from]"},
		{"a ttl without unit", good, token, `{"message":{"token":"a","android":{"ttl":"60"}}}`, 400, "ttl"},
		{"a ttl of more than four weeks", good, token, `{"message":{"token":"a","android":{"ttl":"2419201s"}}}`, 400, "ttl"},
		{"a ttl of four weeks", good, token, `{"message":{"token":"a","android":{"ttl":"2419200s"}}}`, 200, ""},
		{"another priority", good, token, `{"message":{"token":"a","android":{"priority":"urgent"}}}`, 400, "priority"},
		{"a hurried background push", good, token, `{"message":{"token":"a","apns":{"headers":{"apns-priority":"10","apns-push-type":"background"}}}}`, 400, "priority"},
		{"an apns payload without aps", good, token, `{"message":{"token":"a","apns":{"payload":{}}}}`, 400, "aps"},
		{"a long collapse id", good, token, `{"message":{"token":"a","apns":{"headers":{"apns-collapse-id":"` + strings.Repeat("a", 65) + `"}}}}`, 400, "collapse"},
		{"a token with blanks", good, token, `{"message":{"token":"a b"}}`, 400, "not a valid FCM registration token"},
		{"too much data", good, token, `{"message":{"token":"a","data":{"x":"` + strings.Repeat("a", 4096) + `"}}}`, 400, "too big"},
		{"just enough data", good, token, `{"message":{"token":"a","data":{"x":"` + strings.Repeat("a", 4095) + `"}}}`, 200, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, _, body := post(t, client(f), c.url, map[string]string{"Authorization": "Bearer " + c.bearer}, []byte(c.body))
			if status != c.want || !strings.Contains(body, c.word) {
				t.Errorf("status %d, %s", status, body)
			}
		})
	}
}

func TestAnAccessTokenLastsAnHour(t *testing.T) {
	clock := new(clock)
	f := start(t, Options{Now: clock.now})
	_, token := askToken(t, f, grantType, assertion(t, f, func(_, _ map[string]any) {}))
	send := func() int {
		status, _, _ := post(t, client(f), f.FCMEndpoint()+"/projects/"+f.Project+"/messages:send", map[string]string{"Authorization": "Bearer " + token}, []byte(`{"message":{"token":"a"}}`))
		return status
	}
	clock.move(59 * time.Minute)
	if got := send(); got != 200 {
		t.Errorf("after 59 minutes: %d", got)
	}
	clock.move(time.Minute)
	if got := send(); got != 401 {
		t.Errorf("after an hour: %d", got)
	}
}

func TestFCMKeepsTheLastOfEachCollapseKey(t *testing.T) {
	f := start(t, Options{})
	_, token := askToken(t, f, grantType, assertion(t, f, func(_, _ map[string]any) {}))
	f.SwitchOff("a")
	for i, key := range []string{"confirm", "confirm", "done", ""} {
		body := fmt.Sprintf(`{"message":{"token":"a","data":{"n":"%d"},"android":{"collapse_key":%q}}}`, i, key)
		if status, _, answer := post(t, client(f), f.FCMEndpoint()+"/projects/"+f.Project+"/messages:send", map[string]string{"Authorization": "Bearer " + token}, []byte(body)); status != 200 {
			t.Fatalf("status %d, %s", status, answer)
		}
	}
	if n := len(f.Delivered("a")); n != 0 {
		t.Errorf("%d messages reached a phone that is off", n)
	}
	f.SwitchOn("a")
	var got []string
	for _, d := range f.Delivered("a") {
		got = append(got, string(d.Payload))
	}
	if want := `{"n":"1"} {"n":"2"} {"n":"3"}`; strings.Join(got, " ") != want {
		t.Errorf("delivered %v, want %s", got, want)
	}
}

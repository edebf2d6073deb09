package mobileapi_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/apitest"
	"github.com/countersign/countersign/internal/phonesim"
)

func refused(t *testing.T, name string, err error, status int, code string) *phonesim.Problem {
	t.Helper()
	var p *phonesim.Problem
	if !errors.As(err, &p) || p.Status != status || p.Code != code {
		t.Errorf("%s: %v, want %d %s", name, err, status, code)
		return &phonesim.Problem{}
	}
	return p
}

func TestAPhonePairsByTypedCodeAndAnswersWithTheCode(t *testing.T) {
	apitest.Doors(t, func(t *testing.T, s *apitest.Site) {
		ana := s.Owner("acme")
		r := ana.Do("POST", "/v1/pairings", map[string]string{})
		phone := phonesim.New(s.Server.URL, phonesim.Options{Name: "Pixel of Ana", Platform: "android"})
		to, err := phone.Resolve(s.Ctx, strings.ToLower(r.Text("code")))
		if err != nil || to.Workspace.Name != "Workspace acme" || to.Person.Name != "Ana Kovač" {
			t.Fatalf("resolved %+v, %v", to, err)
		}
		sas, err := phone.Claim(s.Ctx, to)
		if err != nil {
			t.Fatal(err)
		}
		if m := ana.Do("POST", "/v1/pairings/"+r.Text("id")+"/match", map[string]bool{"match": true}); m.Text("sas") != sas || m.Text("state") != "matched" {
			t.Fatalf("match: %s", m.Body)
		}
		if err := phone.WaitMatched(s.Ctx); err != nil {
			t.Fatal(err)
		}
		asked := ana.Do("POST", "/v1/confirmations", map[string]string{"action": "device.add"})
		if asked.Text("mode") != "code" || len(asked.Text("code")) != 6 {
			t.Fatalf("asked: %s", asked.Body)
		}
		open, err := phone.Pending(s.Ctx)
		if err != nil || len(open) != 1 {
			t.Fatalf("pending %v, %v", open, err)
		}
		_, err = phone.Approve(s.Ctx, open[0].CID, phonesim.ApproveOptions{})
		if p := refused(t, "no code", err, 422, "wrong_code"); p.Int("tries_left") != 2 {
			t.Errorf("tries left %d", p.Int("tries_left"))
		}
		if state, err := phone.Approve(s.Ctx, open[0].CID, phonesim.ApproveOptions{Code: asked.Text("code")}); err != nil || state != "approved" {
			t.Errorf("%s, %v", state, err)
		}
		second := ana.Do("POST", "/v1/pairings", map[string]string{"confirmation_id": asked.Text("id")})
		if second.Status != http.StatusCreated {
			t.Errorf("a second phone: %d %s", second.Status, second.Body)
		}
	})
}

func TestEveryFailureOfProofReadsTheSame(t *testing.T) {
	apitest.Doors(t, func(t *testing.T, s *apitest.Site) {
		ana := s.Owner("acme")
		phone := ana.Pair(phonesim.Options{})
		gone := s.Owner("evil").Pair(phonesim.Options{})
		if err := gone.Remove(s.Ctx); err != nil {
			t.Fatal(err)
		}
		id := ana.Ask().Text("id")
		target := "/v1/device/confirmations/" + id
		var first []byte
		for name, edit := range map[string]func(*phonesim.Request){
			"no signature":         phonesim.WithoutSignature(),
			"another key":          phonesim.SignedBy(phonesim.NewKey()),
			"an unknown phone":     phonesim.AsDevice("dev_unknown"),
			"a removed phone":      phonesim.AsDevice(gone.Identity().Device),
			"raw instead of DER":   phonesim.BadSignature(phonesim.RawForm),
			"a byte too many":      phonesim.BadSignature(phonesim.Trailing),
			"another domain":       phonesim.InDomain("countersign/response/v1"),
			"another path":         phonesim.SendTarget("/v1/device/confirmations?state=pending"),
			"a header of nonsense": phonesim.SignatureHeader("v1;dev=;ts=;jti=;sig="),
		} {
			_, err := phone.Do(s.Ctx, http.MethodGet, target, nil, edit)
			p := refused(t, name, err, 401, "unauthorized")
			if first == nil {
				first = p.Body
			}
			if !bytes.Equal(p.Body, first) {
				t.Errorf("%s: another body:\n%s\n%s", name, p.Body, first)
			}
		}
		_, err := phone.Do(s.Ctx, http.MethodGet, "/v1/device", nil, phonesim.SendMethod(http.MethodDelete))
		refused(t, "another method", err, 401, "unauthorized")
		if _, err := gone.Pending(s.Ctx); !phonesim.HasCode(err, 401, "unauthorized") {
			t.Errorf("a removed phone: %v", err)
		}
		r := s.Browser().Do("GET", "/v1/session", nil)
		if r.Status != 401 || !bytes.Equal(r.Body, first) {
			t.Errorf("the console says it otherwise:\n%s\n%s", r.Body, first)
		}
	})
}

func TestReplaysAndClocks(t *testing.T) {
	apitest.Doors(t, func(t *testing.T, s *apitest.Site) {
		ana := s.Owner("acme")
		phone := ana.Pair(phonesim.Options{})
		var jti []byte
		if _, err := phone.Do(s.Ctx, http.MethodGet, "/v1/device", nil, phonesim.KeepJTI(&jti)); err != nil {
			t.Fatal(err)
		}
		_, err := phone.Do(s.Ctx, http.MethodGet, "/v1/device", nil, phonesim.WithJTI(jti))
		refused(t, "the same jti", err, 401, "replayed")
		_, err = phone.Do(s.Ctx, http.MethodGet, "/v1/device/confirmations?state=pending", nil, phonesim.WithJTI(jti))
		refused(t, "the same jti for another call", err, 401, "replayed")

		wrong := ana.Do("GET", "/v1/session", nil)
		if wrong.Status != 200 {
			t.Fatal(wrong.Status)
		}
		ben := s.Owner("north").Pair(phonesim.Options{ClockOffset: time.Hour}) // corrects itself by server_time
		if me, err := ben.Me(s.Ctx); err != nil || me.State != "active" {
			t.Errorf("a phone whose clock is an hour off: %+v, %v", me, err)
		}
		_, err = phone.Do(s.Ctx, http.MethodGet, "/v1/device", nil, phonesim.At(time.Now().Add(-2*time.Minute)))
		if err != nil && !phonesim.HasCode(err, 401, "clock_skew") {
			t.Errorf("two minutes old: %v", err)
		}
	})
}

func TestBadInput(t *testing.T) {
	apitest.Doors(t, func(t *testing.T, s *apitest.Site) {
		ana := s.Owner("acme")
		phone := ana.Pair(phonesim.Options{})
		id := ana.Ask().Text("id")
		respond := "/v1/device/confirmations/" + id + "/respond"
		for name, tc := range map[string]struct {
			method, target, body string
			edit                 func(*phonesim.Request)
			status               int
			code                 string
		}{
			"not JSON":                       {"POST", respond, `{`, nil, 400, "malformed"},
			"two values":                     {"POST", respond, `{} {}`, nil, 400, "malformed"},
			"an unknown field":               {"POST", respond, `{"response":"e30","sig":"AA","mode":"tap"}`, nil, 400, "unknown_field"},
			"a field twice":                  {"POST", respond, `{"sig":"AA","sig":"AB","response":"e30"}`, nil, 400, "malformed"},
			"base64 with padding":            {"POST", respond, `{"response":"e30=","sig":"AA"}`, nil, 400, "malformed"},
			"another content type":           {"POST", respond, `{}`, phonesim.ContentType("text/plain"), 415, "malformed"},
			"a body over 8 KiB":              {"POST", respond, `{"response":"` + strings.Repeat("A", 9000) + `"}`, nil, 413, "too_large"},
			"an unknown confirmation":        {"GET", "/v1/device/confirmations/cnf_unknown", "", nil, 404, "not_found"},
			"answering an unknown one":       {"POST", "/v1/device/confirmations/cnf_unknown/respond", `{"response":"e30","sig":"AA"}`, nil, 404, "not_found"},
			"another list":                   {"GET", "/v1/device/confirmations?state=denied", "", nil, 400, "malformed"},
			"a push kind nobody knows":       {"PUT", "/v1/device/push", `{"push":{"kind":"sms","token":"x"}}`, nil, 400, "malformed"},
			"no push":                        {"PUT", "/v1/device/push", `{}`, nil, 400, "malformed"},
			"a push endpoint on plain http":  {"PUT", "/v1/device/push", `{"push":{"kind":"webpush","endpoint":"http://push.example/x","keys":{"p256dh":"BNcRdreALRFXTkOOUHK1EtK2wtaz5Ry4YfYCA_0QTpQtUbVlUls0VJXg7A8u-Ts1XbjhazAkj7I99e8QcYP7DkM","auth":"tBHItJI5svbpez7KI4CCXg"}}}`, nil, 400, "push_endpoint"},
			"an APNs token that is a path":   {"PUT", "/v1/device/push", `{"push":{"kind":"apns","token":"../../evil","env":"production","topic":"a.b"}}`, nil, 400, "malformed"},
			"a bad signature of an answer":   {"POST", respond, `{"response":"e30","sig":"AA"}`, nil, 401, "unauthorized"},
			"opened with a field":            {"POST", "/v1/device/confirmations/" + id + "/opened", `{"x":1}`, nil, 400, "unknown_field"},
			"a pairing that is not this one": {"GET", "/v1/device/pairings/par_unknown", "", nil, 404, "not_found"},
		} {
			var body []byte
			if tc.body != "" {
				body = []byte(tc.body)
			}
			var edits []func(*phonesim.Request)
			if tc.edit != nil {
				edits = append(edits, tc.edit)
			}
			_, err := phone.Do(s.Ctx, tc.method, tc.target, body, edits...)
			refused(t, name, err, tc.status, tc.code)
		}
		if r := ana.Do("GET", "/v1/confirmations/"+id, nil); r.Text("state") != "pending" {
			t.Errorf("the confirmation is %s", r.Text("state"))
		}
	})
}

func TestAClaimIsBounded(t *testing.T) {
	apitest.Doors(t, func(t *testing.T, s *apitest.Site) {
		post := func(path, body string) (int, string) {
			res, err := http.Post(s.Server.URL+path, "application/json", strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = res.Body.Close() }()
			text, err := io.ReadAll(res.Body)
			if err != nil {
				t.Fatal(err)
			}
			return res.StatusCode, string(text)
		}
		if status, text := post("/v1/device/pairings/par_x/claim", `{"payload":"`+strings.Repeat("A", 17000)+`"}`); status != 413 || !strings.Contains(text, "too_large") {
			t.Errorf("17 KB: %d %s", status, text)
		}
		if status, text := post("/v1/device/pairings/par_x/claim", `{"payload":"!","sig_uv":"","sig_poll":""}`); status != 400 {
			t.Errorf("no base64: %d %s", status, text)
		}
		for n := range 6 {
			status, _ := post("/v1/device/pairings/resolve", fmt.Sprintf(`{"code":"AAAA-AAA%d"}`, n))
			if want := map[bool]int{true: 404, false: 429}[n < 5]; status != want {
				t.Errorf("wrong code %d: %d, want %d", n+1, status, want)
			}
		}
	})
}

func TestAnAnswerToWhatIsOver(t *testing.T) {
	apitest.Doors(t, func(t *testing.T, s *apitest.Site) {
		ana := s.Owner("acme")
		phone := ana.Pair(phonesim.Options{})
		id := ana.Ask().Text("id")
		if _, err := phone.Open(s.Ctx, id); err != nil {
			t.Fatal(err)
		}
		ana.Do("POST", "/v1/confirmations/"+id+"/cancel", map[string]string{})
		_, err := phone.Approve(s.Ctx, id, phonesim.ApproveOptions{})
		if p := refused(t, "cancelled", err, 409, "already_answered"); p.Fields["state"] != "cancelled" {
			t.Errorf("state %v", p.Fields["state"])
		}
		late := ana.Ask().Text("id")
		if _, err := phone.Open(s.Ctx, late); err != nil {
			t.Fatal(err)
		}
		s.Offset.Advance(301 * time.Second)
		_, err = phone.Approve(s.Ctx, late, phonesim.ApproveOptions{})
		refused(t, "too late", err, 410, "confirmation_expired")
		_, err = phone.Open(s.Ctx, late)
		refused(t, "pulled too late", err, 410, "confirmation_expired")
	})
}

func TestADoubleTapIsOneAnswer(t *testing.T) {
	apitest.Doors(t, func(t *testing.T, s *apitest.Site) {
		ana := s.Owner("acme")
		phone := ana.Pair(phonesim.Options{DoubleTap: true})
		id := ana.Ask().Text("id")
		if state, err := phone.Approve(s.Ctx, id, phonesim.ApproveOptions{}); err != nil || state != "approved" {
			t.Errorf("%s, %v", state, err)
		}
	})
}

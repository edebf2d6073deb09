package phonesim_test

import (
	"bytes"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/phonesim"
)

func TestDevice(t *testing.T) {
	s, p := paired(t, phonesim.Options{})
	d, err := p.Me(t.Context())
	if err != nil || d.ID != deviceID || d.State != "active" || d.Push.State != "working" {
		t.Errorf("me %+v, %v", d, err)
	}
	if got, err := p.PushState(t.Context()); err != nil || got.Registered {
		t.Errorf("push state %+v, %v", got, err)
	}
	web := phonesim.Push{Kind: "webpush", Endpoint: "https://push.example/1", Keys: &phonesim.PushKeys{P256DH: "BA", Auth: "AA"}}
	if err := p.RegisterPush(t.Context(), web); err != nil {
		t.Fatal(err)
	}
	if want := `{"kind":"webpush","endpoint":"https://push.example/1","keys":{"p256dh":"BA","auth":"AA"}}`; string(s.push) != want {
		t.Errorf("registered %s", s.push)
	}
	if got, err := p.PushState(t.Context()); err != nil || !got.Registered || got.VAPIDPublicKey == "" {
		t.Errorf("push state %+v, %v", got, err)
	}
	if err := p.Remove(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err = p.Me(t.Context())
	wantCode(t, err, 401, "unauthorized")
}

func TestSavedPhone(t *testing.T) {
	s, p := paired(t, phonesim.Options{Name: "Pixel of Ben", Platform: "android", ClockOffset: time.Hour})
	kept, err := p.Save()
	if err != nil {
		t.Fatal(err)
	}
	again, err := phonesim.Load(kept, phonesim.Options{ClockOffset: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	s.set(func() { s.ask("cnf_1", "scim.token.reveal", "tap", "") })
	if state, err := again.Approve(t.Context(), "cnf_1", phonesim.ApproveOptions{}); err != nil || state != "approved" {
		t.Fatalf("%s, %v", state, err)
	}
	if twice, err := again.Save(); err != nil || !bytes.Equal(kept, twice) {
		t.Errorf("saved again it is another phone (%v)", err)
	}
	for _, rubbish := range []string{"", "{}", `{"version":2}`, strings.Replace(string(kept), `"uv_key": "M`, `"uv_key": "N`, 1)} {
		if _, err := phonesim.Load([]byte(rubbish), phonesim.Options{}); err == nil {
			t.Errorf("%.20q is read as a phone", rubbish)
		}
	}
}

func TestPhoneAtAnotherAddress(t *testing.T) {
	s, p := paired(t, phonesim.Options{})
	elsewhere := httptest.NewServer(s.http.Config.Handler)
	defer elsewhere.Close()
	s.http.Close()
	if _, err := p.Me(t.Context()); err == nil {
		t.Error("a server that is gone answers")
	}
	if me, err := p.Via(elsewhere.URL).Me(t.Context()); err != nil || me.ID != deviceID {
		t.Errorf("me %+v, %v", me, err)
	}
}

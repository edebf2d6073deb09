package fakepush

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

func get(t *testing.T, address string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(soon(t), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestControl(t *testing.T) {
	f := start(t, Options{})
	c := http.DefaultClient
	status, _, body := post(t, c, f.ControlURL+"/subscribe", nil, []byte(`{}`))
	var s Subscription
	if err := json.Unmarshal([]byte(body), &s); err != nil || status != 200 || !strings.HasPrefix(s.Endpoint, f.WebPushURL+"/wp/") || len(s.Keys.P256DH) != 87 || len(s.Keys.Auth) != 22 {
		t.Errorf("subscribe: %d %s", status, body)
	}
	address, err := json.Marshal(s.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	for request, want := range map[string]int{
		`{"address":` + string(address) + `,"steps":[{"do":"410"}]}`:      204,
		`{"address":` + string(address) + `,"steps":[{"do":"Gone"}]}`:     400,
		`{"address":"phone","steps":[{"do":"UNREGISTERED"},{"do":"ok"}]}`: 204,
		`{"address":"phone","steps":[{"do":"BadDeviceToken"}]}`:           400,
		`{"address":"phone","stepz":[]}`:                                  400,
	} {
		if status, _, body := post(t, c, f.ControlURL+"/script", nil, []byte(request)); status != want {
			t.Errorf("%s: %d %s", request, status, body)
		}
	}
	if status, _, _ := post(t, c, f.ControlURL+"/phone", nil, []byte(`{"address":"phone","off":true}`)); status != 204 || !f.book.at("phone").off {
		t.Errorf("phone: %d", status)
	}
	if got := get(t, f.ControlURL+"/"); !strings.Contains(got, f.FCMEndpoint()) {
		t.Errorf("where: %s", got)
	}
	if got := get(t, f.ControlURL+"/deliveries?address=x&wait=x&after=-1"); strings.TrimSpace(got) != `{"items":[],"next":0}` {
		t.Errorf("nothing yet: %s", got)
	}
}

func TestSomebodyWhoWaitsHearsOfADelivery(t *testing.T) {
	f := start(t, Options{})
	heard := make(chan string)
	go func() { heard <- get(t, f.ControlURL+"/deliveries?wait=9&address="+url.QueryEscape("a")) }()
	waited := make(chan error)
	go func() {
		_, err := f.Wait(soon(t), "a")
		waited <- err
	}()
	d := Delivery{Service: FCM, Address: "a", Payload: []byte(`{"t":"done"}`), Raw: []byte(`{}`), Expires: time.Now().Add(time.Hour)}
	f.book.deliver(d, func(Delivery) bool { return false }, time.Now())
	if got := <-heard; !strings.Contains(got, `"payload":{"t":"done"}`) || !strings.Contains(got, `"next":1`) {
		t.Errorf("deliveries: %s", got)
	}
	if err := <-waited; err != nil {
		t.Error(err)
	}
	if got := get(t, f.ControlURL+"/deliveries?address=a&after=1"); !strings.Contains(got, `"items":[],"next":1`) {
		t.Errorf("after the first: %s", got)
	}
}

func TestAScriptPanicsAtAStepThatTheServiceDoesNotHave(t *testing.T) {
	f := start(t, Options{})
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	f.Script("phone", Step{Do: "BadDeviceToken"})
}

func TestTimes(t *testing.T) {
	b := newBook()
	b.at("a").script = []Step{{Do: "x", Times: 2}, {Do: "y"}, {Do: "z", Times: -1}}
	var got []string
	for range 6 {
		got = append(got, b.arrive("a").Do)
	}
	if want := "x x y z z z"; strings.Join(got, " ") != want {
		t.Errorf("%v, want %s", got, want)
	}
}

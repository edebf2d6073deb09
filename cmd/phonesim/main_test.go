package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/countersign/countersign/internal/phonesim"
)

func TestExitStatus(t *testing.T) {
	state := filepath.Join(t.TempDir(), "phone.json")
	for _, c := range []struct {
		name string
		args []string
		want int
		says string
	}{
		{"help", []string{"--help"}, done, "simulated phone"},
		{"nothing to do", nil, wrongUse, "expected one of"},
		{"neither link nor code", []string{"pair"}, wrongUse, "--link"},
		{"both link and code", []string{"pair", "--link=x", "--code=y"}, wrongUse, "--link"},
		{"an unknown reason", []string{"deny", "--reason=bored"}, wrongUse, "not_me"},
		{"no phone yet", []string{"status"}, failed, "pair first"},
		{"no link", []string{"pair", "--link=https://phone.example/"}, failed, "no pairing link"},
		{"a server that is not there", []string{"pair", "--link=http://127.0.0.1:1/#pair=a.b"}, failed, "127.0.0.1:1"},
		{"no such authority", []string{"status", "--ca=" + state}, failed, "no such file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out, log bytes.Buffer
			if got := run(t.Context(), append(c.args, "--state="+state), &out, &log); got != c.want {
				t.Errorf("want status %d, got %d", c.want, got)
			}
			if said := out.String() + log.String(); !strings.Contains(said, c.says) {
				t.Errorf("it says %q", said)
			}
		})
	}
}

// kept puts a phone into a state file whose server answers every call with body.
func kept(t *testing.T, status int, body string) (file string, calls *[]string) {
	t.Helper()
	calls = &[]string{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent, _ := io.ReadAll(r.Body)
		*calls = append(*calls, strings.TrimSpace(r.Method+" "+r.RequestURI+" "+string(sent)))
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	phone, err := phonesim.New(server.URL, phonesim.Options{}).Save()
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "phone.json")
	if err := os.WriteFile(file, phone, 0o600); err != nil {
		t.Fatal(err)
	}
	return file, calls
}

func TestStatus(t *testing.T) {
	file, _ := kept(t, 200, `{"id":"dev_1","name":"Pixel of Ben","state":"active","items":[{"cid":"cnf_1","act":"scim.token.reveal","exp":"2026-11-22T14:07:00Z"}]}`)
	var out, log bytes.Buffer
	if code := run(t.Context(), []string{"status", "--state", file}, &out, &log); code != done {
		t.Fatalf("status %d: %s", code, log.String())
	}
	var got struct {
		Device  phonesim.Device
		Pending []phonesim.Item
	}
	if err := json.Unmarshal(out.Bytes(), &got); err != nil || got.Device.Name != "Pixel of Ben" || got.Pending[0].CID != "cnf_1" {
		t.Errorf("it prints %s (%v)", out.String(), err)
	}
	if strings.Contains(out.String(), "uv_key") {
		t.Error("it prints private keys")
	}
}

func TestPush(t *testing.T) {
	file, calls := kept(t, 200, `{"vapid_public_key":"BA","registered":true}`)
	var out, log bytes.Buffer
	if code := run(t.Context(), []string{"push", `{"kind":"fcm","token":"abc"}`, "--state", file}, &out, &log); code != done {
		t.Fatalf("status %d: %s", code, log.String())
	}
	if want := `PUT /v1/device/push {"push":{"kind":"fcm","token":"abc"}}`; (*calls)[0] != want {
		t.Errorf("it called %q", *calls)
	}
}

func TestRemovedPhoneIsForgotten(t *testing.T) {
	file, _ := kept(t, 401, `{"status":401,"code":"unauthorized"}`)
	var out, log bytes.Buffer
	if code := run(t.Context(), []string{"remove", "--state", file}, &out, &log); code != done {
		t.Fatalf("status %d: %s", code, log.String())
	}
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("the keys are still there: %v", err)
	}
}

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/phonesim"
	"github.com/countersign/countersign/internal/phonesim/evilserver"
)

// heard is what the server got in answer to its one question.
type heard struct {
	at       time.Time
	response map[string]any
	raw      string // the response as it was signed
	holds    map[string]bool
}

// asking is a state file of a phone, and a server that asks it one thing and tells what it hears.
func asking(t *testing.T, mode string) (file string, answers <-chan heard, looks func() []time.Time) {
	t.Helper()
	key := phonesim.NewKey()
	now := time.Now().Unix()
	scene := evilserver.Scene{Device: "dev_1", Workspace: "wsp_1", Person: "ppl_1", CID: "cnf_1", IAT: now, Exp: now + 300, Non: "AAAA",
		Sign: func(_ string, message []byte) []byte { return phonesim.Sign(key, message) }}
	question := scene.Honest(func(f *evilserver.Fields) { f.Mode, f.KID = mode, "srv_1" })
	got := make(chan heard, 4)
	var mu sync.Mutex
	var looked []time.Time
	var uv, poll []byte
	site := http.NewServeMux()
	site.HandleFunc("GET /v1/device/confirmations", func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		looked = append(looked, time.Now())
		mu.Unlock()
		if strings.Contains(r.Header.Get("X-Device-Sig"), "ts=") && ahead(r) {
			w.WriteHeader(http.StatusUnauthorized)
			_ = json.NewEncoder(w).Encode(map[string]any{"status": 401, "code": "clock_skew", "server_time": time.Now().UTC()})
			return
		}
		_, _ = io.WriteString(w, `{"items":[{"cid":"cnf_1","act":"scim.token.reveal","exp":"2036-01-01T00:00:00Z"}]}`)
	})
	site.HandleFunc("GET /v1/device/confirmations/cnf_1", func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(question) })
	site.HandleFunc("POST /v1/device/confirmations/cnf_1/opened", func(http.ResponseWriter, *http.Request) {})
	site.HandleFunc("POST /v1/device/confirmations/cnf_1/respond", func(w http.ResponseWriter, r *http.Request) {
		var sent struct{ Response, Sig string }
		_ = json.NewDecoder(r.Body).Decode(&sent)
		h := heard{at: time.Now(), holds: map[string]bool{}}
		raw, _ := phonesim.Unb64(sent.Response)
		sig, _ := phonesim.Unb64(sent.Sig)
		challenge, _ := phonesim.Unb64(question.Challenge)
		_ = json.Unmarshal(raw, &h.response)
		h.raw = string(raw)
		h.holds["uv"] = phonesim.Verify(uv, phonesim.ResponseMessage(challenge, raw), sig)
		h.holds["poll"] = phonesim.Verify(poll, phonesim.ResponseMessage(challenge, raw), sig)
		_, _ = io.WriteString(w, `{"state":"approved"}`)
		got <- h
	})
	server := httptest.NewServer(site)
	t.Cleanup(server.Close)
	p := phonesim.New(server.URL, phonesim.Options{})
	k, q := p.Keys()
	uv, poll = phonesim.SPKI(&k.PublicKey), phonesim.SPKI(&q.PublicKey)
	kept, err := p.Save()
	if err != nil {
		t.Fatal(err)
	}
	var state map[string]any
	if err := json.Unmarshal(kept, &state); err != nil {
		t.Fatal(err)
	}
	state["device"], state["workspace"], state["person"] = "dev_1", map[string]string{"id": "wsp_1"}, map[string]string{"id": "ppl_1"}
	state["server_keys"] = []map[string]string{{"kid": "srv_1", "spki": phonesim.B64(phonesim.SPKI(&key.PublicKey))}}
	kept, err = json.Marshal(state)
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "phone.json")
	if err := os.WriteFile(file, kept, 0o600); err != nil {
		t.Fatal(err)
	}
	return file, got, func() []time.Time {
		mu.Lock()
		defer mu.Unlock()
		return append([]time.Time(nil), looked...)
	}
}

// ahead says whether a call is signed for a time more than a minute off.
func ahead(r *http.Request) bool {
	_, rest, _ := strings.Cut(r.Header.Get("X-Device-Sig"), "ts=")
	ts, _, _ := strings.Cut(rest, ";")
	at, err := time.Parse("2006-01-02", "1970-01-01")
	if err != nil {
		return true
	}
	seconds, err := time.ParseDuration(ts + "s")
	return err != nil || time.Until(at.Add(seconds)).Abs() > time.Minute
}

// watching runs `phonesim watch` with flags until it has answered n times.
func watching(t *testing.T, mode string, n int, flags ...string) (all []heard, started time.Time, looks []time.Time) {
	t.Helper()
	file, answers, looked := asking(t, mode)
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	var log bytes.Buffer
	done := make(chan int, 1)
	started = time.Now()
	go func() {
		done <- run(ctx, append([]string{"watch", "--every=20ms", "--state=" + file}, flags...), io.Discard, &log)
	}()
	for range n {
		select {
		case h := <-answers:
			all = append(all, h)
		case <-ctx.Done():
			t.Fatalf("it answered %d times of %d", len(all), n)
		}
	}
	stop()
	<-done
	return all, started, looked()
}

func TestEachKindOfPhoneDoesWhatItsFlagSays(t *testing.T) {
	const pause = 300 * time.Millisecond
	for _, c := range []struct {
		name, mode string
		flags      []string
		answers    int
		check      func(h heard) bool
	}{
		{"a good one", "tap", []string{"--answer=approve"}, 1, func(h heard) bool { return h.holds["uv"] && h.response["dec"] == "approve" }},
		{"a good one with the digits", "code", []string{"--answer=approve", "--code=048213"}, 1, func(h heard) bool { return h.response["code"] == "048213" }},
		{"one that denies with a reason", "tap", []string{"--answer=deny", "--reason=not_me"}, 1, func(h heard) bool { return h.holds["poll"] && h.response["reason"] == "not_me" }},
		{"a double-tapping one", "tap", []string{"--answer=approve", "--twice"}, 2, func(h heard) bool { return h.holds["uv"] }},
		{"one with a wrong clock", "tap", []string{"--answer=approve", "--clock=1h"}, 1, func(h heard) bool {
			iat, _ := h.response["iat"].(float64)
			return time.Since(time.Unix(int64(iat), 0)).Abs() < time.Minute // set right by the refusal
		}},
		{"an old one", "code", []string{"--answer=approve", "--old", "--code=048213"}, 1, func(h heard) bool { return h.response["code"] == nil && h.holds["uv"] }},
		{"one with wrong digits", "code", []string{"--answer=approve", "--wrong"}, 1, func(h heard) bool { return h.response["code"] == "000000" }},
		{"evil: raw signature", "tap", []string{"--answer=approve", "--evil=raw-signature"}, 1, func(h heard) bool { return !h.holds["uv"] }},
		{"evil: trailing byte", "tap", []string{"--answer=approve", "--evil=trailing-byte"}, 1, func(h heard) bool { return !h.holds["uv"] }},
		{"evil: another domain", "tap", []string{"--answer=approve", "--evil=another-domain"}, 1, func(h heard) bool { return !h.holds["uv"] }},
		{"evil: poll key", "tap", []string{"--answer=approve", "--evil=poll-key"}, 1, func(h heard) bool { return h.holds["poll"] && h.response["dec"] == "approve" }},
		{"evil: stranger key", "tap", []string{"--answer=approve", "--evil=stranger-key"}, 1, func(h heard) bool { return !h.holds["uv"] && !h.holds["poll"] }},
		{"evil: unknown field", "tap", []string{"--answer=approve", "--evil=unknown-field"}, 1, func(h heard) bool { return h.response["admin"] == true }},
		{"evil: repeated field", "tap", []string{"--answer=deny", "--evil=repeated-field"}, 1, func(h heard) bool { return strings.Count(h.raw, `"dec"`) == 2 }},
		{"evil: a denial turned round", "tap", []string{"--answer=deny", "--evil=deny-as-approve"}, 1, func(h heard) bool {
			return h.response["dec"] == "approve" && !h.holds["poll"] && !h.holds["uv"]
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			all, _, _ := watching(t, c.mode, c.answers, c.flags...)
			for _, h := range all {
				if !c.check(h) {
					t.Errorf("the server heard %s, %v", h.raw, h.holds)
				}
			}
		})
	}
	t.Run("a late one", func(t *testing.T) {
		all, started, _ := watching(t, "tap", 1, "--answer=approve", "--late="+pause.String())
		if after := all[0].at.Sub(started); after < pause {
			t.Errorf("it answered after %v", after)
		}
	})
	t.Run("one that is off", func(t *testing.T) {
		_, started, looks := watching(t, "tap", 1, "--answer=approve", "--offline="+pause.String())
		if after := looks[0].Sub(started); after < pause {
			t.Errorf("it looked after %v", after)
		}
	})
}

func TestHelpNamesEveryKindOfPhone(t *testing.T) {
	var out bytes.Buffer
	if code := run(t.Context(), []string{"watch", "--help"}, &out, &out); code != done {
		t.Fatalf("status %d", code)
	}
	for _, flag := range []string{"--late", "--offline", "--twice", "--clock", "--old", "--wrong", "--evil"} {
		if !strings.Contains(out.String(), flag) {
			t.Errorf("--help does not name %s", flag)
		}
	}
	for name := range evils {
		if !strings.Contains(out.String(), name) {
			t.Errorf("--help does not name --evil=%s", name)
		}
	}
	var other bytes.Buffer
	if code := run(t.Context(), []string{"watch", "--evil=dragon"}, &other, &other); code != wrongUse {
		t.Errorf("an unknown evil: status %d", code)
	}
}

// TestTheEvilServerAsAProgram pairs this program's phone with this program's evil server, both as they are run from a terminal.
func TestTheEvilServerAsAProgram(t *testing.T) {
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	printed, out := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"--evil-server", "--addr=127.0.0.1:0", "--patience=150ms"}, out, io.Discard)
		_ = out.Close()
	}()
	lines := json.NewDecoder(printed)
	var where struct{ Link, Code string }
	if err := lines.Decode(&where); err != nil {
		t.Fatal(err)
	}
	state := filepath.Join(t.TempDir(), "phone.json")
	client := make(chan int, 1)
	go func() {
		if code := run(ctx, []string{"pair", "--link=" + where.Link, "--state=" + state}, io.Discard, io.Discard); code != done {
			client <- code
			return
		}
		client <- run(ctx, []string{"watch", "--every=20ms", "--answer=approve", "--state=" + state}, io.Discard, io.Discard)
	}()
	var last struct {
		evilserver.Result
		Played, Misbehaved int
	}
	for lines.Decode(&last) == nil {
		if last.Case != "" && last.Played == 0 && !last.OK {
			t.Errorf("%s: the client %s", last.Case, last.Client)
		}
	}
	if code := <-ended; code != done || last.Played != len(evilserver.Names()) || last.Misbehaved != 0 {
		t.Errorf("status %d, %d played, %d misbehaved", code, last.Played, last.Misbehaved)
	}
	stop()
	<-client
	kept, err := os.ReadFile(state)
	if err != nil {
		t.Fatal(err)
	}
	var phone struct {
		ServerKeys []phonesim.ServerKey `json:"server_keys"`
	}
	if err := json.Unmarshal(kept, &phone); err != nil || len(phone.ServerKeys) == 0 || phone.ServerKeys[0].KID != evilserver.Current || phone.ServerKeys[0].Until != 0 {
		t.Errorf("the phone keeps %+v (%v)", phone.ServerKeys, err)
	}
}

func TestTheEvilServerFailsAClientThatMisbehaves(t *testing.T) {
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	printed, out := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"evil-server", "--addr=127.0.0.1:0", "--patience=150ms"}, out, io.Discard)
		_ = out.Close()
	}()
	lines := json.NewDecoder(printed)
	var where struct{ Link string }
	if err := lines.Decode(&where); err != nil {
		t.Fatal(err)
	}
	state := filepath.Join(t.TempDir(), "phone.json")
	go func() { _, _ = io.Copy(io.Discard, printed) }()
	go func() {
		if run(ctx, []string{"pair", "--link=" + where.Link, "--state=" + state}, io.Discard, io.Discard) == done {
			run(ctx, []string{"watch", "--every=20ms", "--answer=approve", "--evil=poll-key", "--state=" + state}, io.Discard, io.Discard)
		}
	}()
	if code := <-ended; code != failed {
		t.Errorf("status %d for a client whose answers do not hold", code)
	}
}

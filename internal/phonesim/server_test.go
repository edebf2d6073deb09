package phonesim_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// server is a small service with signatures of its own making: nothing here calls the simulator's functions. It knows one pairing.
type server struct {
	t    *testing.T
	http *httptest.Server
	key  *ecdsa.PrivateKey

	mu       sync.Mutex
	changed  chan struct{} // closed at each change of state
	ahead    time.Duration // how far the server's clock is ahead
	state    string        // of the pairing
	uv, poll []byte        // SPKI; nil before the claim
	push     json.RawMessage
	removed  bool
	used     map[string]bool // jti
	asked    map[string]*question
	order    []string
	calls    map[string]int // by "METHOD path"
	wrongSAS bool
	looked   chan struct{} // told of each list
	forge    func(*reply)  // spoils the reply of a challenge
}

type question struct {
	act, mode, code string
	challenge       []byte
	exp             time.Time
	state           string
	dec             string
	wrong, counted  int
	opened          int
	lastUV, lastWhy string
}

type reply struct {
	Challenge  string `json:"challenge"`
	ServerSig  string `json:"server_sig"`
	KID        string `json:"kid"`
	ServerTime string `json:"server_time"`
}

const (
	pairingID = "par_test"
	secret    = "c2VjcmV0LXNlY3JldA"
	typedCode = "K7QX93MD"
	deviceID  = "dev_test"
)

func newServer(t *testing.T) *server {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, key: key, changed: make(chan struct{}), state: "open", used: map[string]bool{}, asked: map[string]*question{}, calls: map[string]int{}, looked: make(chan struct{}, 1)}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/device/pairings/resolve", s.resolve)
	mux.HandleFunc("POST /v1/device/pairings/{id}/claim", s.claim)
	mux.HandleFunc("GET /v1/device/pairings/{id}", s.signed(s.pairing))
	mux.HandleFunc("GET /v1/device/confirmations", s.signed(s.list))
	mux.HandleFunc("GET /v1/device/confirmations/{cid}", s.signed(s.get))
	mux.HandleFunc("POST /v1/device/confirmations/{cid}/opened", s.signed(s.opened))
	mux.HandleFunc("POST /v1/device/confirmations/{cid}/respond", s.signed(s.respond))
	mux.HandleFunc("GET /v1/device", s.signed(s.device))
	mux.HandleFunc("DELETE /v1/device", s.signed(s.remove))
	mux.HandleFunc("PUT /v1/device/push", s.signed(s.putPush))
	mux.HandleFunc("GET /v1/device/push", s.signed(s.getPush))
	s.http = httptest.NewServer(mux)
	t.Cleanup(s.http.Close)
	return s
}

func (s *server) link() string { return s.http.URL + "/#pair=" + pairingID + "." + secret }

func (s *server) now() time.Time { return time.Now().Add(s.ahead) }

func (s *server) set(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
	close(s.changed)
	s.changed = make(chan struct{})
}

// match presses "They match", or "No".
func (s *server) match(yes bool) {
	s.set(func() {
		s.state = "refused"
		if yes {
			s.state = "matched"
			s.ask("cnf_activate", "device.activate", "tap", "")
		}
	})
}

// ask opens a question; the caller holds the lock.
func (s *server) ask(cid, act, mode, code string) {
	challenge, err := json.Marshal(map[string]any{
		"v": 1, "kid": "srv_1", "cid": cid, "wsp": "wsp_test", "usr": "ppl_test", "dev": deviceID, "act": act, "res": "", "par": "", "ses": "AAAAAAAAAAA",
		"non": b64(random(32)), "mode": mode, "iat": s.now().Unix(), "exp": s.now().Add(5 * time.Minute).Unix(),
		"ctx": map[string]any{"action": "View the token", "workspace": "Acme", "person": "Ana Kovač", "browser": "Chrome", "os": "Windows", "ip": "203.0.113.7", "since": 1, "new": []string{"browser"}},
	})
	if err != nil {
		s.t.Error(err)
	}
	s.asked[cid] = &question{act: act, mode: mode, code: code, challenge: challenge, exp: s.now().Add(5 * time.Minute), state: "pending"}
	s.order = append(s.order, cid)
}

func (s *server) question(cid string) question {
	s.mu.Lock()
	defer s.mu.Unlock()
	return *s.asked[cid]
}

func (s *server) called(call string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[call]
}

// lp is the document's LP, written with encoding/binary.Write.
func lp(domain string, parts ...[]byte) []byte {
	var b bytes.Buffer
	b.WriteString(domain + "\x00")
	for _, p := range parts {
		_ = binary.Write(&b, binary.BigEndian, uint32(len(p)))
		b.Write(p)
	}
	return b.Bytes()
}

func sum(b []byte) []byte {
	h := sha256.Sum256(b)
	return h[:]
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

func holds(spki, message []byte, sig string) bool {
	der, err := base64.RawURLEncoding.Strict().DecodeString(sig)
	k, kerr := x509.ParsePKIXPublicKey(spki)
	if err != nil || kerr != nil {
		return false
	}
	pub, ok := k.(*ecdsa.PublicKey)
	return ok && pub.Curve == elliptic.P256() && ecdsa.VerifyASN1(pub, sum(message), der)
}

func refuse(w http.ResponseWriter, status int, code string, more ...any) {
	body := map[string]any{"type": "about:blank", "title": http.StatusText(status), "status": status, "code": code}
	for i := 0; i+1 < len(more); i += 2 {
		body[fmt.Sprint(more[i])] = more[i+1]
	}
	w.Header().Set("Content-Type", "application/problem+json")
	if status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", "7")
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

// strict reads one object; "" means it is well formed, else the problem's code.
func strict(b []byte, into any, fields ...string) string {
	d := json.NewDecoder(bytes.NewReader(b))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return "malformed"
	}
	seen := map[string]bool{}
	for d.More() {
		name, err := d.Token()
		var skip json.RawMessage
		if err != nil || d.Decode(&skip) != nil || seen[fmt.Sprint(name)] {
			return "malformed"
		}
		if !strings.Contains(" "+strings.Join(fields, " ")+" ", fmt.Sprintf(" %s ", name)) {
			return "unknown_field"
		}
		seen[fmt.Sprint(name)] = true
	}
	if json.Unmarshal(b, into) != nil {
		return "malformed"
	}
	return ""
}

func (s *server) resolve(w http.ResponseWriter, r *http.Request) {
	var got struct{ Code string }
	_ = json.NewDecoder(r.Body).Decode(&got)
	switch strings.ToUpper(strings.ReplaceAll(got.Code, "-", "")) {
	case typedCode:
		answer(w, 200, map[string]any{"id": pairingID, "workspace": named("wsp_test", "Acme"), "person": named("ppl_test", "Ana Kovač")})
	case "BUSY0000":
		refuse(w, 429, "rate_limited")
	default:
		refuse(w, 404, "not_found")
	}
}

func named(id, name string) map[string]string { return map[string]string{"id": id, "name": name} }

func (s *server) claim(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 16<<10))
	if err != nil {
		refuse(w, 413, "too_large")
		return
	}
	var got struct {
		Payload string
		SigUV   string `json:"sig_uv"`
		SigPoll string `json:"sig_poll"`
	}
	if code := strict(body, &got, "payload", "sig_uv", "sig_poll"); code != "" {
		refuse(w, 400, code)
		return
	}
	payload, err := base64.RawURLEncoding.Strict().DecodeString(got.Payload)
	var said struct {
		Secret, Name, Platform, OS, App string
		Keys                            struct{ UV, Poll string }
		Push                            json.RawMessage
	}
	code := strict(payload, &said, "secret", "name", "platform", "os", "app", "keys", "push")
	if err != nil || code != "" {
		refuse(w, 400, code)
		return
	}
	uv, _ := base64.RawURLEncoding.DecodeString(said.Keys.UV)
	poll, _ := base64.RawURLEncoding.DecodeString(said.Keys.Poll)
	message := lp("countersign/pair/v1", []byte(r.PathValue("id")), sum([]byte(said.Secret)), uv, poll, sum(payload))
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case r.PathValue("id") != pairingID || (said.Secret != secret && said.Secret != typedCode):
		refuse(w, 404, "not_found")
	case len(uv) != 91 || len(poll) != 91 || bytes.Equal(uv, poll):
		refuse(w, 400, "bad_key")
	case !holds(uv, message, got.SigUV) || !holds(poll, message, got.SigPoll):
		refuse(w, 400, "bad_signature")
	case s.state != "open":
		refuse(w, 409, "already_claimed")
	default:
		s.state, s.uv, s.poll, s.push = "claimed", uv, poll, said.Push
		answer(w, 201, s.claimed())
	}
}

func (s *server) claimed() map[string]any {
	own, err := x509.MarshalPKIXPublicKey(&s.key.PublicKey)
	if err != nil {
		s.t.Error(err)
	}
	sas := fmt.Sprintf("%06d", binary.BigEndian.Uint64(sum(lp("countersign/sas/v1", []byte(pairingID), s.uv, s.poll, own)))%1_000_000)
	if s.wrongSAS {
		sas = "x"
	}
	return map[string]any{
		"device_id": deviceID, "workspace": named("wsp_test", "Acme"), "person": named("ppl_test", "Ana Kovač"),
		"server_keys": []any{map[string]string{"kid": "srv_1", "spki": b64(own)}}, "sas": sas,
	}
}

// signed checks X-Device-Sig and hands the body on, with the lock held.
func (s *server) signed(next func(http.ResponseWriter, *http.Request, []byte)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 8<<10))
		if err != nil {
			refuse(w, 413, "too_large")
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.calls[r.Method+" "+r.URL.Path]++
		if code := s.check(r, body); code != "" {
			refuse(w, 401, code, "server_time", s.now().UTC().Format(time.RFC3339Nano))
			return
		}
		if (r.Method == "POST" || r.Method == "PUT") && r.Header.Get("Content-Type") != "application/json" {
			refuse(w, 415, "malformed")
			return
		}
		next(w, r, body)
	}
}

func (s *server) check(r *http.Request, body []byte) string {
	var dev, ts, jti, sig string
	f := strings.Split(r.Header.Get("X-Device-Sig"), ";")
	if len(f) != 5 || f[0] != "v1" {
		return "unauthorized"
	}
	for i, into := range []*string{&dev, &ts, &jti, &sig} {
		_, *into, _ = strings.Cut(f[i+1], "=")
	}
	rawJTI, err := base64.RawURLEncoding.Strict().DecodeString(jti)
	at, terr := strconv.ParseInt(ts, 10, 64)
	message := lp("countersign/request/v1", []byte(r.Method), []byte(r.RequestURI), []byte(ts), rawJTI, sum(body))
	switch {
	case err != nil || terr != nil || len(rawJTI) != 16 || dev != deviceID || s.removed || !holds(s.poll, message, sig):
		return "unauthorized"
	case s.now().Unix()-at > 60 || at-s.now().Unix() > 60:
		return "clock_skew"
	case s.used[jti]:
		return "replayed"
	}
	s.used[jti] = true
	return ""
}

func (s *server) pairing(w http.ResponseWriter, r *http.Request, _ []byte) {
	wait, _ := strconv.Atoi(r.URL.Query().Get("wait"))
	over := time.After(time.Duration(wait) * time.Second)
	for waiting := wait > 0; waiting && s.state == r.URL.Query().Get("since"); {
		changed := s.changed
		s.mu.Unlock()
		select {
		case <-changed:
		case <-over:
			waiting = false
		case <-r.Context().Done():
			waiting = false
		}
		s.mu.Lock()
	}
	answer(w, 200, map[string]string{"id": pairingID, "state": s.state})
}

func (s *server) list(w http.ResponseWriter, r *http.Request, _ []byte) {
	select {
	case s.looked <- struct{}{}:
	default:
	}
	items := []any{}
	for _, cid := range s.order {
		if q := s.asked[cid]; q.state == "pending" && s.now().Before(q.exp) {
			items = append(items, map[string]any{"cid": cid, "act": q.act, "exp": q.exp.UTC()})
		}
	}
	answer(w, 200, map[string]any{"items": items, "server_time": s.now().UTC()})
}

func (s *server) get(w http.ResponseWriter, r *http.Request, _ []byte) {
	q := s.asked[r.PathValue("cid")]
	if q == nil {
		refuse(w, 404, "not_found")
		return
	}
	out := s.sign(q.challenge)
	if s.forge != nil {
		s.forge(&out)
	}
	answer(w, 200, out)
}

func (s *server) sign(challenge []byte) reply {
	sig, err := ecdsa.SignASN1(rand.Reader, s.key, sum(lp("countersign/challenge/v1", challenge)))
	if err != nil {
		s.t.Error(err)
	}
	return reply{b64(challenge), b64(sig), "srv_1", s.now().UTC().Format(time.RFC3339Nano)}
}

func (s *server) opened(w http.ResponseWriter, r *http.Request, _ []byte) {
	s.asked[r.PathValue("cid")].opened++
	w.WriteHeader(204)
}

func (s *server) respond(w http.ResponseWriter, r *http.Request, body []byte) {
	q := s.asked[r.PathValue("cid")]
	var got struct{ Response, Sig string }
	if code := strict(body, &got, "response", "sig"); code != "" {
		refuse(w, 400, code)
		return
	}
	response, _ := base64.RawURLEncoding.DecodeString(got.Response)
	message := lp("countersign/response/v1", q.challenge, response)
	byUV := holds(s.uv, message, got.Sig)
	if !byUV && !holds(s.poll, message, got.Sig) {
		refuse(w, 401, "unauthorized")
		return
	}
	var said struct {
		V                                         int
		CID, CHS, Dev, Dec, Code, Reason, UV, Iat any
	}
	if code := strict(response, &said, "v", "cid", "chs", "dev", "dec", "code", "reason", "uv", "iat"); code != "" {
		refuse(w, 400, code)
		return
	}
	switch {
	case said.CID != r.PathValue("cid") || said.CHS != b64(sum(q.challenge)) || said.Dev != deviceID || said.Dec == "approve" && !byUV:
		refuse(w, 401, "unauthorized")
	case said.V != 1:
		refuse(w, 400, "malformed")
	case q.state != "pending" && q.dec == said.Dec:
		answer(w, 200, map[string]string{"state": q.state})
	case q.state != "pending":
		refuse(w, 409, "already_answered", "state", q.state)
	case !s.now().Before(q.exp):
		refuse(w, 410, "confirmation_expired")
	case said.Dec == "approve" && q.mode == "code" && said.Code != q.code:
		q.wrong++
		refuse(w, 422, "wrong_code", "tries_left", 3-q.wrong)
	default:
		s.settle(q, fmt.Sprint(said.Dec), fmt.Sprint(said.UV), fmt.Sprint(said.Reason))
		answer(w, 200, map[string]string{"state": q.state})
	}
}

func (s *server) settle(q *question, dec, uv, why string) {
	q.dec, q.lastUV, q.lastWhy = dec, uv, why
	q.counted++
	q.state = map[string]string{"approve": "approved", "deny": "denied"}[dec]
	if q.act == "device.activate" && q.state == "approved" {
		s.state = "active"
	}
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *server) device(w http.ResponseWriter, _ *http.Request, _ []byte) {
	answer(w, 200, map[string]any{
		"id": deviceID, "name": "iPhone of Ana", "platform": "ios", "state": s.state, "key_protection": "unknown",
		"push": map[string]string{"state": "working"},
	})
}

func (s *server) remove(w http.ResponseWriter, _ *http.Request, _ []byte) {
	s.removed = true
	w.WriteHeader(204)
}

func (s *server) putPush(w http.ResponseWriter, _ *http.Request, body []byte) {
	var got struct{ Push json.RawMessage }
	if code := strict(body, &got, "push"); code != "" {
		refuse(w, 400, code)
		return
	}
	s.push = got.Push
	w.WriteHeader(204)
}

func (s *server) getPush(w http.ResponseWriter, _ *http.Request, _ []byte) {
	answer(w, 200, map[string]any{"vapid_public_key": "BL", "registered": s.push != nil})
}

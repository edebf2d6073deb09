package evilserver

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/countersign/countersign/internal/phonesim"
)

// Options say how long a client is watched.
type Options struct {
	// Patience is how long a client may take to answer after it has pulled a request; one that has not answered then has refused it.
	Patience time.Duration
	// Attention is how long the server waits for the client to look.
	Attention time.Duration
	Only      []string     // names of the cases to play; empty means all
	Notice    func(Result) // told of each case as it ends; must not block
}

// Result is what one case showed.
type Result struct {
	Case   string `json:"case"`
	Did    string `json:"did"`    // what the server did
	Client string `json:"client"` // what the client did
	OK     bool   `json:"ok"`
}

const (
	pairing   = "par_evil"
	device    = "dev_evil"
	workspace = "wsp_evil"
	person    = "ppl_evil"
	code      = "EV11EV11" // the typed code in its normal form
)

// Server is a server for one phone. Make it with New, serve Handler, then Run.
type Server struct {
	o    Options
	keys map[string]*ecdsa.PrivateKey

	mu       sync.Mutex
	changed  chan struct{} // closed at each change
	secret   string
	uv, poll []byte // SPKI; nil before the claim
	claimed  bool
	state    string // of the pairing
	sas      string
	holds    string // the key that the phone holds to
	moved    int64
	turn     turn
	n        int
}

// turn is what the client is offered now, and what it did about it.
type turn struct {
	cid, listedAs string
	reply         *Reply
	keys          *Keys  // nil: none but the one that the phone holds to
	named         string // server_key of the list
	skew          bool   // every call is refused for its clock
	listed        int
	pulled        bool
	opened        bool
	asked         int    // calls, while skew
	fetched       bool   // asked for keys
	moved         string // said that it holds to
	answer        string // approve or deny
	fault         string // what was wrong with the answer
}

// New makes a server with keys of its own.
func New(o Options) *Server {
	if o.Patience == 0 {
		o.Patience = 3 * time.Second
	}
	if o.Attention == 0 {
		o.Attention = time.Minute
	}
	if o.Notice == nil {
		o.Notice = func(Result) {}
	}
	s := &Server{o: o, keys: map[string]*ecdsa.PrivateKey{}, changed: make(chan struct{}), state: "open", holds: Old, secret: random(16)}
	for _, name := range []string{Old, Current, Next, Strange} {
		s.keys[name] = phonesim.NewKey()
	}
	return s
}

// Link is the pairing link for a companion URL, Code the same to type.
func (s *Server) Link(origin string) string { return origin + "/#pair=" + pairing + "." + s.secret }

// Code is the typed code.
func (s *Server) Code() string { return code[:4] + "-" + code[4:] }

// SAS waits until a phone has claimed the pairing and gives the six digits.
func (s *Server) SAS(ctx context.Context) (string, error) {
	err := s.wait(ctx, func() bool { return s.claimed })
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sas, err
}

// Handler is the mobile API.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/device/pairings/resolve", s.resolve)
	mux.HandleFunc("POST /v1/device/pairings/{id}/claim", s.claim)
	for route, h := range map[string]func(http.ResponseWriter, *http.Request, []byte){
		"GET /v1/device/pairings/{id}":                s.pairing,
		"GET /v1/device/confirmations":                s.list,
		"GET /v1/device/confirmations/{cid}":          s.pull,
		"POST /v1/device/confirmations/{cid}/opened":  s.opened,
		"POST /v1/device/confirmations/{cid}/respond": s.respond,
		"GET /v1/device/keys":                         s.serverKeys,
		"POST /v1/device/keys":                        s.move,
		"GET /v1/device":                              s.me,
		"DELETE /v1/device":                           s.remove,
		"GET /v1/device/push":                         s.push,
		"PUT /v1/device/push":                         s.putPush,
	} {
		mux.HandleFunc(route, s.signed(h))
	}
	return mux
}

// set changes the server and wakes who waits.
func (s *Server) set(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
	close(s.changed)
	s.changed = make(chan struct{})
}

// wait waits until a condition holds.
func (s *Server) wait(ctx context.Context, until func() bool) error {
	for {
		s.mu.Lock()
		done, changed := until(), s.changed
		s.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// scene is what the phone is asked in; iat and exp are those of an honest question asked now.
func (s *Server) scene(cid string) Scene {
	spki := map[string]string{}
	for name, k := range s.keys {
		spki[name] = phonesim.B64(phonesim.SPKI(&k.PublicKey))
	}
	now := time.Now().Unix()
	return Scene{Device: device, Workspace: workspace, Person: person, CID: cid, IAT: now, Exp: now + 300, Moved: s.moved, SPKI: spki, Non: random(32),
		Sign: func(kid string, message []byte) []byte { return phonesim.Sign(s.keys[kid], message) }}
}

func (s *Server) resolve(w http.ResponseWriter, r *http.Request) {
	var got struct{ Code string }
	if json.NewDecoder(io.LimitReader(r.Body, 8<<10)).Decode(&got) != nil || phonesim.NormalCode(got.Code) != code {
		refuse(w, http.StatusNotFound, "not_found")
		return
	}
	answer(w, http.StatusOK, map[string]any{"id": pairing, "workspace": named(workspace), "person": named(person)})
}

// claim takes the first phone that comes; its proofs are checked as the contract says.
func (s *Server) claim(w http.ResponseWriter, r *http.Request) {
	var got struct {
		Payload string `json:"payload"`
		SigUV   string `json:"sig_uv"`
		SigPoll string `json:"sig_poll"`
	}
	var told struct {
		Secret string `json:"secret"`
		Keys   struct{ UV, Poll string }
	}
	if json.NewDecoder(io.LimitReader(r.Body, 16<<10)).Decode(&got) != nil || r.PathValue("id") != pairing {
		refuse(w, http.StatusNotFound, "not_found")
		return
	}
	payload, _ := phonesim.Unb64(got.Payload)
	if json.Unmarshal(payload, &told) != nil || told.Secret != s.secret && told.Secret != code {
		refuse(w, http.StatusNotFound, "not_found")
		return
	}
	uv, _ := phonesim.Unb64(told.Keys.UV)
	poll, _ := phonesim.Unb64(told.Keys.Poll)
	message := phonesim.PairMessage(pairing, told.Secret, uv, poll, payload)
	sigUV, _ := phonesim.Unb64(got.SigUV)
	sigPoll, _ := phonesim.Unb64(got.SigPoll)
	if !phonesim.Verify(uv, message, sigUV) || !phonesim.Verify(poll, message, sigPoll) {
		refuse(w, http.StatusBadRequest, "bad_signature")
		return
	}
	first := false
	s.set(func() {
		if first = !s.claimed; !first {
			return
		}
		s.claimed, s.uv, s.poll, s.state = true, uv, poll, "matched"
		s.sas = phonesim.SAS(pairing, uv, poll, phonesim.SPKI(&s.keys[Old].PublicKey))
	})
	if !first {
		refuse(w, http.StatusConflict, "already_claimed")
		return
	}
	answer(w, http.StatusCreated, map[string]any{"device_id": device, "workspace": named(workspace), "person": named(person), "sas": s.sas,
		"server_keys": []any{map[string]string{"kid": Old, "spki": phonesim.B64(phonesim.SPKI(&s.keys[Old].PublicKey))}}})
}

// signed checks the signature of a call, so that a client's own mistakes are not taken for caution.
func (s *Server) signed(h func(http.ResponseWriter, *http.Request, []byte)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(io.LimitReader(r.Body, 8<<10))
		if err != nil || !s.authentic(r, body) {
			refuse(w, http.StatusUnauthorized, "unauthorized")
			return
		}
		s.mu.Lock()
		skew := s.turn.skew
		s.mu.Unlock()
		if skew {
			s.set(func() { s.turn.asked++ })
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = fmt.Fprintf(w, `{"type":"about:blank","title":"Unauthorized","status":401,"code":"clock_skew","server_time":%q}`, time.Now().UTC().Format(time.RFC3339))
			return
		}
		h(w, r, body)
	}
}

func (s *Server) authentic(r *http.Request, body []byte) bool {
	fields := map[string]string{}
	for _, part := range strings.Split(r.Header.Get("X-Device-Sig"), ";") {
		name, value, _ := strings.Cut(part, "=")
		fields[name] = value
	}
	ts, err := strconv.ParseInt(fields["ts"], 10, 64)
	jti, err2 := phonesim.Unb64(fields["jti"])
	sig, err3 := phonesim.Unb64(fields["sig"])
	s.mu.Lock()
	poll := s.poll
	s.mu.Unlock()
	if err != nil || err2 != nil || err3 != nil || len(jti) != 16 || fields["dev"] != device || poll == nil {
		return false
	}
	_, v1 := fields["v1"]
	return v1 && phonesim.Verify(poll, phonesim.RequestMessage(r.Method, r.RequestURI, ts, jti, body), sig)
}

func named(id string) map[string]string { return map[string]string{"id": id, "name": "Evil " + id} }

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"type":"about:blank","title":%q,"status":%d,"code":%q}`, http.StatusText(status), status, code)
}

func random(n int) string {
	b := make([]byte, n)
	if _, err := rand.Read(b); err != nil {
		panic("evilserver: no randomness: " + err.Error())
	}
	return phonesim.B64(b)
}

// valid says whether a client's answer is signed by the right key.
func (s *Server) valid(challenge, response, sig []byte, decision string) bool {
	message := phonesim.ResponseMessage(challenge, response)
	if phonesim.Verify(s.uv, message, sig) {
		return true
	}
	return decision == phonesim.DecisionDeny && phonesim.Verify(s.poll, message, sig)
}

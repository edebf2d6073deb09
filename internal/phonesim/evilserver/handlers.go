package evilserver

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/countersign/countersign/internal/phonesim"
)

func (s *Server) pairing(w http.ResponseWriter, r *http.Request, _ []byte) {
	if since := r.URL.Query().Get("since"); since == "matched" && s.pairingState() == since { // a short hold is enough between two programs
		hold := time.NewTimer(100 * time.Millisecond)
		defer hold.Stop()
		select {
		case <-hold.C:
		case <-r.Context().Done():
			return
		}
	}
	answer(w, http.StatusOK, map[string]string{"id": pairing, "state": s.pairingState()})
}

func (s *Server) pairingState() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}

func (s *Server) list(w http.ResponseWriter, _ *http.Request, _ []byte) {
	items := []any{}
	var key string
	s.set(func() {
		s.turn.listed++
		if key = s.turn.named; key == "" {
			key = s.holds
		}
		if s.turn.reply != nil && s.turn.answer == "" {
			items = append(items, map[string]any{"cid": s.turn.cid, "act": s.turn.listedAs, "exp": time.Now().Add(5 * time.Minute).UTC()})
		}
	})
	answer(w, http.StatusOK, map[string]any{"items": items, "server_time": time.Now().UTC(), "server_key": key})
}

func (s *Server) pull(w http.ResponseWriter, r *http.Request, _ []byte) {
	var reply *Reply
	s.set(func() {
		if r.PathValue("cid") == s.turn.cid && s.turn.reply != nil {
			reply, s.turn.pulled = s.turn.reply, true
		}
	})
	if reply == nil {
		refuse(w, http.StatusNotFound, "not_found")
		return
	}
	answer(w, http.StatusOK, map[string]any{"challenge": reply.Challenge, "server_sig": reply.ServerSig, "kid": reply.KID, "server_time": time.Now().UTC()})
}

func (s *Server) opened(w http.ResponseWriter, _ *http.Request, _ []byte) {
	s.set(func() { s.turn.opened = true })
	w.WriteHeader(http.StatusNoContent)
}

// respond takes every answer, so that what a client is ready to sign comes to light.
func (s *Server) respond(w http.ResponseWriter, r *http.Request, body []byte) {
	var got struct{ Response, Sig string }
	var said struct{ Dec, CID string }
	_ = json.Unmarshal(body, &got)
	response, _ := phonesim.Unb64(got.Response)
	sig, _ := phonesim.Unb64(got.Sig)
	_ = json.Unmarshal(response, &said)
	state := "denied"
	if said.Dec == phonesim.DecisionApprove {
		state = "approved"
	}
	s.set(func() {
		if s.turn.reply == nil || r.PathValue("cid") != s.turn.cid {
			return // late, for a case that is over
		}
		challenge, _ := phonesim.Unb64(s.turn.reply.Challenge)
		if s.turn.answer = said.Dec; said.Dec == "" {
			s.turn.answer = "something unreadable"
		}
		if !s.valid(challenge, response, sig, said.Dec) {
			s.turn.fault = "the signature of the answer does not hold"
		}
	})
	answer(w, http.StatusOK, map[string]string{"state": state})
}

func (s *Server) serverKeys(w http.ResponseWriter, _ *http.Request, _ []byte) {
	var keys Keys
	s.set(func() {
		s.turn.fetched = true
		keys = Keys{s.holds, s.holds, nil}
		if s.turn.keys != nil {
			keys = *s.turn.keys
		}
	})
	if keys.Announcements == nil {
		keys.Announcements = []phonesim.Announced{}
	}
	answer(w, http.StatusOK, keys)
}

func (s *Server) move(w http.ResponseWriter, _ *http.Request, body []byte) {
	var got struct{ KID string }
	_ = json.Unmarshal(body, &got)
	now := time.Now()
	s.set(func() {
		s.turn.moved = got.KID
		if got.KID == Current && s.holds == Old {
			s.holds, s.moved = Current, now.Unix()
		}
	})
	answer(w, http.StatusOK, map[string]any{"server_key": got.KID, "old_until": now.Add(5 * time.Second).UTC().Truncate(time.Second)})
}

func (s *Server) me(w http.ResponseWriter, _ *http.Request, _ []byte) {
	answer(w, http.StatusOK, map[string]any{"id": device, "name": "Phone under test", "platform": "ios", "state": "active", "key_protection": "unknown",
		"push": map[string]string{"state": "none"}})
}

func (s *Server) remove(w http.ResponseWriter, _ *http.Request, _ []byte) {
	s.set(func() { s.poll = nil })
	w.WriteHeader(http.StatusNoContent)
}

func (s *Server) push(w http.ResponseWriter, _ *http.Request, _ []byte) {
	answer(w, http.StatusOK, map[string]any{"vapid_public_key": "", "registered": false, "resubscribe": false})
}

func (s *Server) putPush(w http.ResponseWriter, _ *http.Request, _ []byte) {
	w.WriteHeader(http.StatusNoContent)
}

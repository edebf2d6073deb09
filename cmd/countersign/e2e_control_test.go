package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/phonesim"
)

// tapLimit is how long a story waits for a native phone to be woken.
const tapLimit = time.Minute

// control is what the browser's side may ask the story for, as JSON over HTTP: POST /<name> with a body, an object back.
func (s *story) control(t *testing.T) string {
	t.Helper()
	m := http.NewServeMux()
	on := func(name string, do func(context.Context, asking) (any, error)) {
		m.HandleFunc("POST /"+name, func(w http.ResponseWriter, r *http.Request) {
			var in asking
			err := json.NewDecoder(r.Body).Decode(&in)
			var out any
			if err == nil {
				out, err = do(r.Context(), in)
			}
			if err != nil {
				w.WriteHeader(http.StatusInternalServerError)
				out = map[string]string{"error": name + ": " + err.Error()}
			}
			if out == nil {
				out = struct{}{}
			}
			_ = json.NewEncoder(w).Encode(out)
		})
	}
	on("setup-code", func(context.Context, asking) (any, error) {
		code, err := s.setupCode()
		return map[string]string{"code": code}, err
	})
	on("advance", func(_ context.Context, in asking) (any, error) {
		s.clock.Add(int64(time.Duration(in.MS) * time.Millisecond))
		return map[string]int64{"now": s.now().UnixMilli()}, nil
	})
	on("pass", func(ctx context.Context, in asking) (any, error) {
		return nil, s.pass(ctx, time.Duration(in.MS)*time.Millisecond)
	})
	on("housekeep", func(ctx context.Context, _ asking) (any, error) { return nil, s.housekeep(ctx) })
	on("setting", func(_ context.Context, in asking) (any, error) { return nil, s.setting(in.Name, in.Text) })
	on("spare-devices", func(ctx context.Context, in asking) (any, error) { return nil, s.spareDevices(ctx, in.Email, in.Least) })
	on("saml-key", func(_ context.Context, in asking) (any, error) {
		return s.samlKey(in.MS / (24 * time.Hour).Milliseconds())
	})
	on("start", func(context.Context, asking) (any, error) { return nil, s.start() })
	on("stop", func(context.Context, asking) (any, error) { return nil, s.stop() })
	on("line", s.setLine)
	on("exchanges", s.listExchanges)
	on("subscribe", func(_ context.Context, in asking) (any, error) {
		sub := s.push.Subscribe(in.Key)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.addresses = append(s.addresses, sub.Endpoint)
		return sub, nil
	})
	on("requests", func(_ context.Context, in asking) (any, error) {
		return map[string]int{"count": s.push.Requests(in.Address)}, nil
	})
	on("renew-token", func(_ context.Context, in asking) (any, error) { return nil, s.renewToken(in.Workspace, in.Email) })
	on("workspace", func(_ context.Context, in asking) (any, error) { return nil, s.makeWorkspace(in) })
	on("recover", func(_ context.Context, in asking) (any, error) { return s.recoveryLink(in.Workspace, in.Email) })
	on("confirmation", func(_ context.Context, in asking) (any, error) {
		state, reason, err := s.row(in.ID)
		return map[string]string{"state": state, "reason": reason}, err
	})
	on("dns", func(_ context.Context, in asking) (any, error) {
		s.setTXT(in.Name, in.Text)
		return nil, nil
	})
	on("certificate", func(context.Context, asking) (any, error) {
		return map[string]string{"cert": string(s.local.cert), "key": string(s.local.key)}, nil
	})
	on("mail-on", func(context.Context, asking) (any, error) { return nil, s.turnOnMail(t) })
	on("mails", func(ctx context.Context, in asking) (any, error) { return s.mails(ctx, in.Email, in.Least) })
	on("scim", s.scim)
	on("verify", s.verify)
	on("native", func(ctx context.Context, in asking) (any, error) {
		sas, err := s.pairNative(ctx, in.Kind, in.Name, in.Link)
		return map[string]string{"sas": sas}, err
	})
	on("tap", func(ctx context.Context, in asking) (any, error) {
		ctx, cancel := context.WithTimeout(ctx, tapLimit)
		defer cancel()
		asked, at, state, err := s.tap(ctx, in.Name, phonesim.Answer{Decision: phonesim.DecisionApprove, Code: in.Code})
		return map[string]any{"state": state, "tapped_at": float64(at.UnixMicro()) / 1000, "cid": asked.CID, "mode": asked.Mode, "act": asked.Act, "ctx": asked.Ctx}, err
	})
	on("seen", func(_ context.Context, in asking) (any, error) {
		s.see(in.Where, in.Text)
		return nil, nil
	})
	on("shown", func(_ context.Context, in asking) (any, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.shown = append(s.shown, secret{in.Kind, in.Text})
		return nil, nil
	})
	server := httptest.NewServer(m)
	t.Cleanup(server.Close)
	return server.URL
}

// asking is the body of every request to the control server; each uses the fields it needs.
type asking struct {
	Address   string          `json:"address"`
	Body      json.RawMessage `json:"body"`
	Code      string          `json:"code"`
	Email     string          `json:"email"`
	ID        string          `json:"id"`
	Key       string          `json:"application_server_key"`
	Kind      string          `json:"kind"`
	Least     int             `json:"least"`
	Line      string          `json:"line"`
	Link      string          `json:"link"`
	Method    string          `json:"method"`
	Mode      string          `json:"mode"`
	MS        int64           `json:"ms"`
	Name      string          `json:"name"`
	Path      string          `json:"path"`
	Text      string          `json:"text"`
	Where     string          `json:"where"`
	Workspace string          `json:"workspace"`
}

func (s *story) line(name string) (*wire, error) {
	for _, w := range []*wire{s.console, s.companion} {
		if w.name == name {
			return w, nil
		}
	}
	return nil, errors.New("no such line")
}

func (s *story) setLine(_ context.Context, in asking) (any, error) {
	w, err := s.line(in.Line)
	if err == nil {
		w.set(in.Mode)
	}
	return nil, err
}

// listExchanges tells what went over a line, without bodies.
func (s *story) listExchanges(_ context.Context, in asking) (any, error) {
	w, err := s.line(in.Line)
	if err != nil {
		return nil, err
	}
	type told struct {
		Method string `json:"method"`
		Target string `json:"target"`
		Status int    `json:"status"`
	}
	list := []told{}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, x := range w.kept {
		list = append(list, told{x.Method, x.Target, x.Status})
	}
	return map[string]any{"items": list}, nil
}

func (s *story) see(where, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, sighting{where, text})
}

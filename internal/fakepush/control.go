package fakepush

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

const longestWait = 30 * time.Second

// controlHandler lets another process do what a Go test does by calling methods:
//
//	GET  /                                       → where the services are
//	GET  /deliveries?address=A&after=N&wait=S    → {"items":[…],"next":N'}; waits up to S seconds for something after N
//	POST /subscribe {"application_server_key"?}  → a Subscription
//	POST /script    {"address","steps":[…]}      → 204; 400 for a step that the service does not have
//	POST /phone     {"address","off":true|false} → 204
//
// It is plain HTTP without any check of who asks: keep it on loopback.
func (f *Fake) controlHandler() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, f.Where()) })
	m.HandleFunc("GET /deliveries", f.listDeliveries)
	m.HandleFunc("POST /subscribe", handle(func(in struct {
		Key string `json:"application_server_key"`
	}) (any, error) {
		return f.Subscribe(in.Key), nil
	}))
	m.HandleFunc("POST /script", handle(func(in struct {
		Address string `json:"address"`
		Steps   []Step `json:"steps"`
	}) (any, error) {
		return nil, f.script(in.Address, in.Steps)
	}))
	m.HandleFunc("POST /phone", handle(func(in struct {
		Address string `json:"address"`
		Off     bool   `json:"off"`
	}) (any, error) {
		f.book.turn(in.Address, in.Off, f.now())
		return nil, nil
	}))
	return m
}

// Where tells where the services are and how to address them; cmd/fakepush prints it.
func (f *Fake) Where() map[string]string {
	return map[string]string{
		"fcm_endpoint": f.FCMEndpoint(), "fcm_project": f.Project, "apns_host": f.APNsURL, "apns_sandbox_host": f.APNsSandboxURL,
		"apns_key_id": f.APNsKeyID, "apns_team_id": f.APNsTeamID, "apns_topic": f.Topic, "web_push": f.WebPushURL, "control": f.ControlURL,
	}
}

func (f *Fake) listDeliveries(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	after, _ := strconv.Atoi(q.Get("after"))  // absent or wrong: from the first
	seconds, _ := strconv.Atoi(q.Get("wait")) // absent or wrong: at once
	ctx, cancel := context.WithTimeout(r.Context(), min(time.Duration(seconds)*time.Second, longestWait))
	defer cancel()
	after = max(after, 0)
	items, changed := f.book.after(q.Get("address"), after)
	for len(items) == 0 && ctx.Err() == nil {
		select {
		case <-changed:
		case <-ctx.Done():
		}
		items, changed = f.book.after(q.Get("address"), after)
	}
	if items == nil {
		items = []Delivery{}
	}
	writeJSON(w, http.StatusOK, map[string]any{"items": items, "next": after + len(items)})
}

func handle[In any](do func(In) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var in In
		d := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10))
		d.DisallowUnknownFields()
		err := d.Decode(&in)
		var out any
		if err == nil {
			out, err = do(in)
		}
		switch {
		case err != nil:
			writeJSON(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
		case out == nil:
			w.WriteHeader(http.StatusNoContent)
		default:
			writeJSON(w, http.StatusOK, out)
		}
	}
}

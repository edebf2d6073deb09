package consoleapi_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/countersign/countersign/internal/workspace"
)

func TestTheFirstRunTestsThisService(t *testing.T) {
	onBoth(t, func(w *world) {
		b := w.browser()
		if a := b.get("/v1/setup").is(200); a.at("push.ok") != false || a.text("push.code") != "vapid_subject" {
			w.Errorf("what is said of push: %s", a.raw)
		}
		dial := func(origin, protocol string) (*websocket.Conn, int) {
			w.Helper()
			dialer := websocket.Dialer{HandshakeTimeout: time.Minute}
			if protocol != "" {
				dialer.Subprotocols = []string{protocol}
			}
			conn, res, err := dialer.DialContext(w.Context(), strings.Replace(w.server.URL, "http", "ws", 1)+"/v1/setup/ws", http.Header{"Origin": {origin}})
			if res == nil {
				w.Fatalf("no answer: %v", err)
			}
			_ = res.Body.Close()
			return conn, res.StatusCode
		}
		for _, c := range []struct {
			name, origin, protocol string
			want                   int
		}{
			{"from another site", "https://evil.test", "countersign.v1", http.StatusForbidden},
			{"without an origin", "", "countersign.v1", http.StatusForbidden},
			{"another subprotocol", w.public, "chat", http.StatusBadRequest},
			{"no subprotocol", w.public, "", http.StatusBadRequest},
		} {
			if _, status := dial(c.origin, c.protocol); status != c.want {
				w.Errorf("%s: %d, want %d", c.name, status, c.want)
			}
		}
		conn, status := dial(w.public, "countersign.v1")
		if status != http.StatusSwitchingProtocols {
			w.Fatalf("the self-test: %d", status)
		}
		defer func() { _ = conn.Close() }()
		var frame map[string]any
		w.must(conn.SetReadDeadline(time.Now().Add(time.Minute)))
		if err := conn.ReadJSON(&frame); err != nil || frame["t"] != "hb" || frame["server_time"] == nil {
			w.Errorf("the frame: %v, %v", frame, err)
		}
		if _, _, err := conn.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseNormalClosure) {
			w.Errorf("the end: %v", err)
		}
		code, err := workspace.NewSetupCode(w.Context(), w.db)
		w.must(err)
		b.post("/v1/setup", setupBody(code)).is(201)
		if _, status := dial(w.public, "countersign.v1"); status != http.StatusNotFound {
			w.Errorf("once there is a workspace: %d", status)
		}
		if a := w.browser().get("/v1/setup").is(200); a.at("push") != nil {
			w.Errorf("once there is a workspace: %s", a.raw)
		}
	})
}

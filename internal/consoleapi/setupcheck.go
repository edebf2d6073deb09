package consoleapi

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/gorilla/websocket"

	"github.com/countersign/countersign/internal/fault"
	"github.com/countersign/countersign/internal/workspace"
)

// PushCheck says whether this service can sign for push services: "" where it can, else PushSubject or PushKey.
type PushCheck func(ctx context.Context) string

// What PushCheck finds.
const (
	PushSubject = "vapid_subject" // push services refuse the address by which they reach the operator
	PushKey     = "vapid_key"     // the key cannot be read, or does not sign
)

// pushState is what the first run shows of push: "" in Code where all is well.
type pushState struct {
	OK   bool   `json:"ok"`
	Code string `json:"code,omitempty"`
}

func (a *API) pushState(ctx context.Context) *pushState {
	if a.PushCheck == nil {
		return nil
	}
	code := a.PushCheck(ctx)
	return &pushState{OK: code == "", Code: code}
}

// What the self-test of the live connection refuses; the same words as those of the waiting dialog's socket.
var (
	errSocketOrigin   = fault.New(fault.Forbidden, "forbidden_origin", "This websocket can only be opened from the console.")
	errSocketProtocol = fault.New(fault.Invalid, "subprotocol", "Ask for the subprotocol "+socketProtocol+".")
)

const (
	socketProtocol = "countersign.v1"
	socketWait     = 30 * time.Second
)

// setupSocket is the self-test of the live connection during the first run: one frame, and the end. It shows whether websockets get through
// whatever stands in front; once there is a workspace it is nothing that exists.
func (a *API) setupSocket(c *gin.Context) error {
	made, err := workspace.Any(a.DB.Read(c.Request.Context()))
	switch {
	case err != nil:
		return err
	case made:
		return fault.ErrNotFound
	case c.GetHeader("Origin") != a.PublicURL:
		return errSocketOrigin
	case !slices.Contains(websocket.Subprotocols(c.Request), socketProtocol):
		return errSocketProtocol
	}
	up := websocket.Upgrader{Subprotocols: []string{socketProtocol}, CheckOrigin: func(r *http.Request) bool { return r.Header.Get("Origin") == a.PublicURL }}
	conn, err := up.Upgrade(c.Writer, c.Request, nil)
	if err != nil {
		return nil // it has answered itself
	}
	defer func() { _ = conn.Close() }()
	deadline := time.Now().Add(socketWait)
	err = errors.Join(conn.SetWriteDeadline(deadline), conn.WriteJSON(map[string]any{"t": "hb", "server_time": time.Now().UTC()}),
		conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), deadline))
	if err != nil {
		return nil // whoever asked is gone
	}
	_ = conn.SetReadDeadline(deadline)
	_, _, _ = conn.ReadMessage() // waits for the other side's end, so that the frame is not cut off with the connection
	return nil
}

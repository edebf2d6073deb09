package dialogapi

import (
	"errors"

	"github.com/gorilla/websocket"
)

// What a waiting dialog sends is read here and not by the websocket library: the library reads with a goroutine for each connection, which would
// cost more memory than all the rest of a dialog that waits. A client has nothing to say but pongs and good-bye, so little has to be understood
// (RFC 6455 §5.2).

// Opcodes of control frames.
const (
	opClose = 8
	opPing  = 9
	opPong  = 10
)

// mostControl is the longest payload of a control frame.
const mostControl = 125

// said is what a client has sent, as far as it matters.
type said struct {
	pong bool
	ping []byte // payload of the last ping, to give back; nil: there was none
	end  int    // the code to close with; 0: go on
	why  string
}

// hear understands bytes of a client; rest is the beginning of a frame that has not wholly come.
func hear(b []byte) (s said, rest []byte) {
	for s.end == 0 && len(b) >= 2 {
		op, length := b[0]&0x0f, int(b[1]&0x7f)
		switch {
		case b[0]&0x80 == 0 && op >= opClose, b[0]&0x70 != 0, b[1]&0x80 == 0, op > opPong, op >= opClose && length > mostControl:
			s.end, s.why = websocket.CloseProtocolError, "not a frame of a client"
			return s, nil
		case op < opClose:
			s.end, s.why = websocket.ClosePolicyViolation, "nothing is expected from the client"
			return s, nil
		case len(b) < 6+length:
			return s, b
		}
		payload := make([]byte, length)
		for i := range payload {
			payload[i] = b[6+i] ^ b[2+i%4]
		}
		b = b[6+length:]
		switch op {
		case opPong:
			s.pong = true
		case opPing:
			s.ping = payload
		case opClose:
			s.end = websocket.CloseNormalClosure
		}
	}
	return s, b
}

// heardOf acts on bytes of a client; false: nothing more is to be read.
func (m *streams) heardOf(s *socket, b []byte) bool {
	if len(s.partial) > 0 {
		b = append(s.partial, b...)
	}
	got, rest := hear(b)
	s.partial = nil
	if len(rest) > 0 {
		s.partial = append([]byte(nil), rest...)
	}
	if got.pong {
		s.ponged.Store(m.since())
	}
	answer := got.ping != nil && s.echoes.CompareAndSwap(false, true) // one at a time, whatever comes
	if !answer && got.end == 0 {
		return true
	}
	go func() { // a client that does not read must not keep the others from being heard
		if answer {
			_ = s.conn.WriteControl(websocket.PongMessage, got.ping, m.soon())
			s.echoes.Store(false)
		}
		if got.end != 0 {
			m.close(s, got.end, got.why)
		}
	}()
	return got.end == 0
}

// read is the goroutine of a dialog whose connection cannot be watched together with others.
func (m *streams) read(s *socket) {
	b := make([]byte, 256)
	for {
		n, err := s.conn.NetConn().Read(b)
		if n > 0 && !m.heardOf(s, b[:n]) {
			return
		}
		if err != nil {
			m.drop(s)
			return
		}
	}
}

// errWatch says that a connection, or a system, cannot be watched.
var errWatch = errors.New("not to be watched")

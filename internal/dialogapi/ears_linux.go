package dialogapi

import (
	"errors"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// ears watch the connections of all waiting dialogs with one goroutine (epoll(7)); one for each would double what a dialog costs. The descriptors
// stay Go's: they are only looked at, and read without waiting when something has come. The instance is itself watched by Go's poller, so that no
// thread waits in it.
type ears struct {
	file *os.File
	raw  syscall.RawConn
	mu   sync.Mutex
	of   []*socket // by descriptor; those are small numbers
}

func newEars() (*ears, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	e := &ears{file: os.NewFile(uintptr(fd), "dialogs")}
	if e.raw, err = e.file.SyscallConn(); err != nil {
		return nil, errors.Join(err, e.file.Close())
	}
	return e, nil
}

// watch begins to watch a dialog's connection. Its descriptor is forgotten by the kernel when it is closed.
func (e *ears) watch(s *socket) error {
	c, ok := s.conn.NetConn().(syscall.Conn)
	if !ok {
		return errWatch // TLS: what has come may lie in its buffer
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	failed := error(nil)
	err = raw.Control(func(fd uintptr) {
		s.fd = int32(fd) //nolint:gosec // a descriptor is small
		e.mu.Lock()
		if need := int(s.fd) + 1 - len(e.of); need > 0 {
			e.of = append(e.of, make([]*socket, need)...)
		}
		e.of[s.fd] = s
		e.mu.Unlock()
		failed = e.control(func(ep int) error {
			return unix.EpollCtl(ep, unix.EPOLL_CTL_ADD, int(fd), &unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLRDHUP, Fd: s.fd}) //nolint:gosec // a descriptor is small
		})
	})
	if err = errors.Join(err, failed); err != nil {
		e.forget(s)
	}
	return err
}

func (e *ears) control(do func(ep int) error) (failed error) {
	err := e.raw.Control(func(ep uintptr) { failed = do(int(ep)) }) //nolint:gosec // a descriptor is small
	return errors.Join(err, failed)
}

// forget is called before a connection is closed: from then on its descriptor may be another one's.
func (e *ears) forget(s *socket) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if s.fd != 0 && e.of[s.fd] == s {
		e.of[s.fd] = nil
	}
}

// mute stops hearing a dialog that is being closed for what it said.
func (e *ears) mute(s *socket) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.of[s.fd] != s {
		return // closed already: the number may be another one's
	}
	_ = e.control(func(ep int) error { return unix.EpollCtl(ep, unix.EPOLL_CTL_DEL, int(s.fd), nil) })
}

func (e *ears) close() { _ = e.file.Close() }

// run calls heard with what has come on each connection, and with nil when it is over, until close.
func (e *ears) run(heard func(*socket, []byte)) {
	events, b := make([]unix.EpollEvent, 64), make([]byte, 512)
	for {
		n := 0
		err := e.raw.Read(func(ep uintptr) bool {
			n, _ = unix.EpollWait(int(ep), events, 0) //nolint:gosec // a descriptor is small
			return n > 0
		})
		if err != nil {
			return
		}
		for _, event := range events[:n] {
			e.mu.Lock()
			s := e.of[event.Fd] // watched once, so within it
			e.mu.Unlock()
			if s != nil {
				e.readOne(s, b, heard)
			}
		}
	}
}

// readOne reads what has come, without waiting. An event may be that of an older connection with the same number; then nothing has.
func (e *ears) readOne(s *socket, b []byte, heard func(*socket, []byte)) {
	c, _ := s.conn.NetConn().(syscall.Conn)
	raw, err := c.SyscallConn()
	if err != nil {
		heard(s, nil)
		return
	}
	n, failed := 0, error(nil)
	err = raw.Read(func(fd uintptr) bool {
		n, failed = unix.Read(int(fd), b) //nolint:gosec // a descriptor is small
		return true
	})
	switch {
	case errors.Is(failed, unix.EAGAIN), errors.Is(failed, unix.EINTR):
	case err != nil, failed != nil, n <= 0:
		heard(s, nil)
	default:
		heard(s, b[:n])
	}
}

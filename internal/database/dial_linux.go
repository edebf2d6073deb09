package database

import (
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// giveUp bounds how long the kernel sends again what nobody acknowledges. A system that refuses it connects all the same.
func giveUp(network, _ string, c syscall.RawConn) error {
	if !strings.HasPrefix(network, "tcp") {
		return nil
	}
	return c.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(unanswered.Milliseconds())) //nolint:gosec // a descriptor is small
	})
}

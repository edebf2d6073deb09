//go:build failpoints

// Package failpoint marks the moments at which a test kills the process from outside.
package failpoint

import (
	"fmt"
	"os"
)

// Reach stops the goroutine for ever at the moment named in COUNTERSIGN_FAILPOINT, after saying so on standard error, so that a test can
// send kill -9 exactly there.
func Reach(name string) {
	if os.Getenv("COUNTERSIGN_FAILPOINT") == name {
		fmt.Fprintln(os.Stderr, "failpoint reached: "+name)
		select {}
	}
}

//go:build !failpoints

// Package failpoint marks the moments at which a test kills the process from outside. In every ordinary build the marks do nothing;
// they exist only under the build tag "failpoints".
package failpoint

// Reach is passed at a named moment.
func Reach(string) {}

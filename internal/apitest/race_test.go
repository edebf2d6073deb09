//go:build race

package apitest_test

// slower is by how much the race detector may make memory and time worse.
const slower = 4

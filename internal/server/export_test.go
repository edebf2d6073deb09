package server

// The timeouts, for a test that compares them with a long poll.
const (
	ReadAll  = readAll
	WriteAll = writeAll
)

// FilesLookedAt is Files with a time of one's own between two looks.
var FilesLookedAt = filesLookedAt

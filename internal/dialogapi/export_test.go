package dialogapi

// Hear is hear, for a test outside of the package: whether a pong came, the last ping's payload, the code to close with, and what is kept for later.
func Hear(b []byte) (pong bool, ping []byte, end int, rest []byte) {
	s, rest := hear(b)
	return s.pong, s.ping, s.end, rest
}

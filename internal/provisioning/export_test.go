package provisioning

// ScanAtMost makes a page look through fewer rows, so that a test need not make many.
func (l *Log) ScanAtMost(n int) { l.scanMost = n }

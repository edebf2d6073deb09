package database

import (
	"net"
	"time"

	"github.com/jackc/pgx/v5"
)

// A server that is gone without a word, or that a firewall on the way forgot, is noticed within half a minute. Left alone, the kernel would
// wait for a quarter of an hour on what was sent and for ever on what was not.
const (
	askAfter   = 10 * time.Second // of silence
	askEvery   = 5 * time.Second
	askTimes   = 3
	unanswered = 25 * time.Second // what was sent and never acknowledged
)

// dial connects to Postgres so that a dead connection is noticed.
func dial(pc *pgx.ConnConfig) {
	d := net.Dialer{Timeout: pc.ConnectTimeout, Control: giveUp, KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: askAfter, Interval: askEvery, Count: askTimes}}
	pc.DialFunc = d.DialContext
}

// Package relay carries hub wake-ups between replicas over Postgres LISTEN/NOTIFY, on a connection of its own outside every pool. A hint may
// be lost, doubled or late; whoever waits reads the row, and a safety poll covers the rest.
package relay

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/countersign/countersign/internal/hub"
)

// Channel is the one channel; payloads are "topic version".
const Channel = "countersign"

// errAddress keeps the address, which holds a password, out of the text.
var errAddress = errors.New("the address to LISTEN at is not a Postgres address")

// again is the pause before a lost connection is made anew.
const again = 200 * time.Millisecond

// A connection that was silent for silence has to answer within answerIn.
const (
	silence  = 15 * time.Second
	answerIn = 5 * time.Second
)

// bus is hub.Bus over one Postgres.
type bus struct {
	hub *hub.Hub
	url string
	log *slog.Logger
}

// New is a bus between all processes on the Postgres at databaseURL, which must be reached past a pooler in transaction mode (see Probe).
// Publishing needs no connection of the bus: NOTIFY belongs to the deciding transaction.
func New(h *hub.Hub, databaseURL string, log *slog.Logger) hub.Bus {
	return bus{hub: h, url: databaseURL, log: log}
}

// Publish wakes this process at commit without a way over the network, and every process through NOTIFY.
func (b bus) Publish(tx hub.Tx, topic string, version int64) error {
	tx.AfterCommit(func() { b.hub.Publish(topic, version) })
	return tx.Notify(Channel, payload(topic, version))
}

func payload(topic string, version int64) string {
	return topic + " " + strconv.FormatInt(version, 10)
}

// Run hears until ctx ends, reconnecting for ever. Only an address that is none is an error.
func (b bus) Run(ctx context.Context) error {
	h, log := b.hub, b.log
	cfg, err := pgx.ParseConfig(b.url)
	if err != nil {
		return errAddress // pgx repeats the password in its text
	}
	if err := Probe(ctx, b.url); errors.Is(err, ErrPooler) {
		log.Warn("relay: dialogs on other replicas hear by the safety poll alone", "err", err)
	}
	for ctx.Err() == nil {
		if err := hear(ctx, cfg, h); err != nil && ctx.Err() == nil {
			log.Warn("relay: not listening, dialogs fall back to the safety poll", "err", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(again):
		}
	}
	return nil
}

func hear(ctx context.Context, cfg *pgx.ConnConfig, h *hub.Hub) error {
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return err
	}
	defer hangUp(ctx, conn)
	if _, err := conn.Exec(ctx, "LISTEN "+pgx.Identifier{Channel}.Sanitize()); err != nil {
		return err
	}
	h.WakeAll() // what happened before LISTEN was missed
	for {
		n, err := next(ctx, conn, silence, answerIn)
		if err != nil {
			return err
		}
		topic, version, _ := strings.Cut(n.Payload, " ")
		v, err := strconv.ParseInt(version, 10, 64)
		if err != nil {
			v = 0
		}
		h.Publish(topic, v)
	}
}

// next waits for a hint. A connection that has been silent for a while is asked whether it still lives: one that a firewall forgot would
// wait for ever.
func next(ctx context.Context, conn *pgx.Conn, silence, answerIn time.Duration) (*pgconn.Notification, error) {
	for {
		quiet, cancel := context.WithTimeout(ctx, silence)
		n, err := conn.WaitForNotification(quiet)
		over := quiet.Err() != nil && ctx.Err() == nil
		cancel()
		if err == nil || !over {
			return n, err
		}
		asked, cancel := context.WithTimeout(ctx, answerIn)
		err = conn.Ping(asked)
		cancel()
		if err != nil {
			return nil, err
		}
	}
}

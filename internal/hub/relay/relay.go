// Package relay carries hub wake-ups between replicas over Postgres LISTEN/NOTIFY, on a connection of its own outside every pool. A hint may
// be lost, doubled or late; whoever waits reads the row, and a safety poll covers the rest.
package relay

import (
	"context"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/countersign/countersign/internal/hub"
)

// Channel is the one channel; payloads are "topic version".
const Channel = "countersign"

// again is the pause before a lost connection is made anew.
const again = 200 * time.Millisecond

// Payload is what a deciding transaction gives to NOTIFY.
func Payload(topic string, version int64) string { return topic + " " + strconv.FormatInt(version, 10) }

// Listen hears until ctx ends, reconnecting for ever. databaseURL must reach Postgres itself, past a pooler in transaction mode.
func Listen(ctx context.Context, databaseURL string, h *hub.Hub, log *slog.Logger) error {
	cfg, err := pgx.ParseConfig(databaseURL)
	if err != nil {
		return err
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
	defer func() {
		c, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = conn.Close(c)
	}()
	if _, err := conn.Exec(ctx, "LISTEN "+pgx.Identifier{Channel}.Sanitize()); err != nil {
		return err
	}
	h.WakeAll() // what happened before LISTEN was missed
	for {
		n, err := conn.WaitForNotification(ctx)
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

package relay

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// ErrPooler says that LISTEN is taken and nothing ever comes: a pooler that lends a server connection for one transaction only, such as
// PgBouncer in transaction mode, stands in between. Dialogs on other replicas then hear by the safety poll, a second and a half later.
var ErrPooler = errors.New("NOTIFY does not arrive: a pooler in transaction mode? Let COUNTERSIGN_DATABASE_DIRECT_URL name Postgres itself, past the pooler")

// patience is how long Probe waits for its own hint; on one Postgres it takes about a millisecond.
const patience = 2 * time.Second

// Probe says whether a hint sent over one connection to databaseURL is heard on another: nil, ErrPooler, or why it could not be tried.
func Probe(ctx context.Context, databaseURL string) error {
	cfg, err := pgx.ParseConfig(databaseURL)
	if err != nil {
		return errAddress
	}
	ctx, cancel := context.WithTimeout(ctx, 3*patience)
	defer cancel()
	hearing, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return fmt.Errorf("connect to LISTEN: %w", err)
	}
	defer hangUp(ctx, hearing)
	saying, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return fmt.Errorf("connect to NOTIFY: %w", err)
	}
	defer hangUp(ctx, saying)
	return heard(ctx, hearing, saying)
}

// heard sends on one connection and waits on the other, over a channel that nobody else uses.
func heard(ctx context.Context, hearing, saying *pgx.Conn) error {
	channel := pgx.Identifier{Channel + "_probe_" + rand.Text()}.Sanitize()
	if _, err := hearing.Exec(ctx, "LISTEN "+channel); err != nil {
		return fmt.Errorf("%w (LISTEN is refused: %w)", ErrPooler, err)
	}
	if _, err := saying.Exec(ctx, "NOTIFY "+channel); err != nil {
		return fmt.Errorf("NOTIFY: %w", err)
	}
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, err := hearing.WaitForNotification(waiting)
	if err != nil && waiting.Err() != nil && ctx.Err() == nil {
		return ErrPooler
	}
	return err
}

func hangUp(ctx context.Context, c *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = c.Close(ctx)
}

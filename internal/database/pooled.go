package database

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// ErrPooled says that what is prepared on a connection may be gone with its next statement: a pooler that lends a server connection for one
// transaction, such as PgBouncer before 1.21 in transaction mode, stands in between.
var ErrPooled = errors.New("a pooler in transaction mode loses prepared statements")

// ProbePooled says whether the statements of one connection to a Postgres reach one session, as prepared ones need: nil, ErrPooled, or why it
// could not be tried. An address that says default_query_exec_mode=exec prepares none, and is fine.
func ProbePooled(ctx context.Context, rawURL string) error {
	cfg, err := pgx.ParseConfig(rawURL)
	if err != nil {
		return errors.New("database URL: not a Postgres address") // pgx repeats the password in its text
	}
	if cfg.DefaultQueryExecMode != pgx.QueryExecModeCacheStatement {
		return nil
	}
	one, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer func() { _ = one.Close(context.WithoutCancel(ctx)) }()
	other, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer func() { _ = other.Close(context.WithoutCancel(ctx)) }()
	const name = "countersign_probe"
	if _, err := one.Prepare(ctx, name, "SELECT 1"); err != nil {
		return fmt.Errorf("prepare: %w", err)
	}
	if _, err := other.Exec(ctx, "BEGIN"); err != nil { // a pooler lends it what one used last, for as long as this lasts
		return fmt.Errorf("begin: %w", err)
	}
	_, err = one.Exec(ctx, name)
	var refused *pgconn.PgError
	if errors.As(err, &refused) && refused.Code == "26000" { // no such prepared statement
		return ErrPooled
	}
	return err
}

// Package database opens Postgres or SQLite behind one face, brings the schema up to date and runs transactions. It knows no table.
package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/stdlib"
	"gorm.io/driver/postgres"
	gsqlite "gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

// The two dialects.
const (
	Postgres = "postgres"
	SQLite   = "sqlite"
)

// poolSize bounds the connections to Postgres of one process, and the readers of SQLite.
const poolSize = 20

// DB is an open database. Writing goes through InTx, looking through Read.
type DB struct {
	Dialect string
	url     string
	file    string
	clock   func(real time.Time) time.Time
	moved   bool // clock may show anything
	tracer  pgx.QueryTracer
	direct  string // Postgres itself, where the address leads through a pooler
	seen    lookedAt
	turns   turns // for SQLite's writer
	writer  *sql.DB
	reader  *sql.DB // another pool on SQLite, the same on Postgres
	w, r    *gorm.DB
}

// Option changes how a database is opened.
type Option func(*DB)

// WithClockOffset moves the clock that judges deadlines; tests alone construct a database like this.
func WithClockOffset(offset func() time.Duration) Option {
	return WithMovedClock(func(real time.Time) time.Time { return real.Add(offset()) })
}

// WithMovedClock makes of every reading of the real clock another one; a test's clock that can be moved and stopped.
func WithMovedClock(moved func(real time.Time) time.Time) Option {
	return func(db *DB) { db.clock, db.moved = moved, true }
}

// WithClock puts a clock of the caller's own in the place of the one that judges deadlines, for a test in which time stands still.
func WithClock(now func() time.Time) Option {
	return WithMovedClock(func(time.Time) time.Time { return now() })
}

// BehindPooler says that the address leads through a pooler, which may lend another session for each transaction, and where Postgres itself is:
// nothing is prepared on such a connection, and the schema is changed past it.
func BehindPooler(direct string) Option {
	return func(db *DB) { db.direct = direct }
}

// WithTracer lets tracer hear of every statement that goes to Postgres, however it is sent, with its context.
func WithTracer(tracer pgx.QueryTracer) Option {
	return func(db *DB) { db.tracer = tracer }
}

// Open opens "sqlite:///absolute/path", "sqlite://relative/path" or "postgres://…" and asserts that it behaves as this program needs.
func Open(ctx context.Context, rawURL string, opts ...Option) (*DB, error) {
	db := &DB{url: rawURL, clock: func(real time.Time) time.Time { return real }}
	for _, o := range opts {
		o(db)
	}
	var err error
	switch {
	case strings.HasPrefix(rawURL, "sqlite://"):
		err = db.openSQLite(ctx, strings.TrimPrefix(rawURL, "sqlite://"))
	case strings.HasPrefix(rawURL, "postgres://"), strings.HasPrefix(rawURL, "postgresql://"):
		err = db.openPostgres(ctx, rawURL)
	default:
		return nil, errors.New("database URL must begin with sqlite:// or postgres://")
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

func (db *DB) config() *gorm.Config {
	return &gorm.Config{
		SkipDefaultTransaction: true,
		TranslateError:         true,
		QueryFields:            true, // SELECT * breaks pgx's cached statements when another replica migrates
		NowFunc:                func() time.Time { return utc(time.Now()) },
		Logger:                 logger.Discard, // errors are logged once, at the edge, without SQL values
	}
}

// uriPath writes a file's name into a URI: folders may have any name.
var uriPath = strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23")

func (db *DB) openSQLite(ctx context.Context, file string) (err error) {
	db.Dialect, db.file = SQLite, file
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	q := url.Values{"_txlock": {"immediate"}, "_time_format": {"sqlite"}, "_timezone": {"UTC"},
		"_pragma": {"busy_timeout(10000)", "journal_mode(WAL)", "foreign_keys(1)", "synchronous(FULL)"}}
	write, err := newKeeping("file:" + uriPath.Replace(file) + "?" + q.Encode())
	if err != nil {
		return err
	}
	db.writer = sql.OpenDB(write)
	db.writer.SetMaxOpenConns(1)
	if db.w, err = gorm.Open(&dialector{gsqlite.Dialector{DriverName: "sqlite", Conn: gate{db.writer}}}, db.config()); err != nil {
		return fmt.Errorf("open %s: %w", file, err)
	}
	q.Add("_pragma", "query_only(1)")
	q.Add("_pragma", "cache_size(-512)") // KiB for each reader, a quarter of SQLite's own: the system keeps the file's pages once for all
	q.Del("_txlock")
	read, err := newKeeping("file:" + uriPath.Replace(file) + "?" + q.Encode())
	if err != nil {
		return err
	}
	db.reader = sql.OpenDB(read)
	db.reader.SetMaxOpenConns(8)
	db.reader.SetMaxIdleConns(8)
	if db.r, err = gorm.Open(&dialector{gsqlite.Dialector{DriverName: "sqlite", Conn: gate{db.reader}}}, db.config()); err != nil {
		return fmt.Errorf("open %s: %w", file, err)
	}
	return db.assertPragmas(ctx)
}

// assertPragmas: a driver that ignores a pragma in its address says nothing, so each is read back.
func (db *DB) assertPragmas(ctx context.Context) error {
	want := map[string]string{"journal_mode": "wal", "foreign_keys": "1", "busy_timeout": "10000", "synchronous": "2"}
	for pragma, value := range want {
		var got string
		if err := db.writer.QueryRowContext(ctx, "PRAGMA "+pragma).Scan(&got); err != nil {
			return err
		}
		if got != value {
			return fmt.Errorf("SQLite pragma %s is %s, not %s", pragma, got, value)
		}
	}
	var only string
	if err := db.reader.QueryRowContext(ctx, "PRAGMA query_only").Scan(&only); err != nil || only != "1" {
		return fmt.Errorf("SQLite reader may write (query_only %q, %w)", only, err)
	}
	return nil
}

func (db *DB) openPostgres(ctx context.Context, rawURL string) error {
	db.Dialect = Postgres
	pc, err := pgx.ParseConfig(rawURL)
	if err != nil {
		return errors.New("database URL: not a Postgres address") // pgx repeats the password in its text
	}
	dial(pc)
	pc.Tracer = db.tracer
	if db.direct != "" {
		pc.DefaultQueryExecMode = pgx.QueryExecModeExec
	}
	db.writer = stdlib.OpenDB(*pc, stdlib.OptionAfterConnect(func(ctx context.Context, c *pgx.Conn) error {
		c.TypeMap().RegisterType(&pgtype.Type{Name: "timestamptz", OID: pgtype.TimestamptzOID, Codec: &pgtype.TimestamptzCodec{ScanLocation: time.UTC}})
		_, err := c.Exec(ctx, "SET lock_timeout = '5s'")
		return err
	}))
	db.writer.SetMaxOpenConns(poolSize)
	db.writer.SetMaxIdleConns(poolSize) // database/sql keeps two by default and reconnects for the rest
	db.reader = db.writer
	if err := db.writer.PingContext(ctx); err != nil {
		return fmt.Errorf("database: %w", err)
	}
	if db.w, err = gorm.Open(postgres.New(postgres.Config{Conn: gate{db.writer}}), db.config()); err != nil {
		return err
	}
	db.r = db.w
	return nil
}

// URL is the address the database was opened with.
func (db *DB) URL() string { return db.url }

// Ping says whether the database answers.
func (db *DB) Ping(ctx context.Context) error { return db.reader.PingContext(ctx) }

// Close closes every connection.
func (db *DB) Close() error {
	var err error
	if db.writer != nil {
		err = db.writer.Close()
	}
	if db.reader != nil && db.reader != db.writer {
		err = errors.Join(err, db.reader.Close())
	}
	return err
}

// Read is for looking only. On SQLite it is another pool that cannot write.
func (db *DB) Read(ctx context.Context) *gorm.DB { return db.r.WithContext(ctx) }

// now asks the clock: the database's on Postgres, the process's on SQLite.
func (db *DB) now(g *gorm.DB) (time.Time, error) {
	if db.Dialect == SQLite {
		return utc(db.clock(time.Now())), nil
	}
	now, err := clock(g)
	return utc(db.clock(now)), err
}

// clock is the database's own.
func clock(g *gorm.DB) (now time.Time, err error) {
	err = g.Raw("SELECT clock_timestamp()").Scan(&now).Error
	return now, err
}

func utc(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

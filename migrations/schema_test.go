package migrations_test

import (
	"context"
	"database/sql"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign/countersign/internal/database"
	"github.com/countersign/countersign/internal/dbtest"
	"github.com/countersign/countersign/migrations"
)

var update = flag.Bool("update", false, "write schema.sqlite.sql and schema.postgres.sql anew (make schema)")

// column is what must be the same in both databases, type names aside.
type column struct {
	Name    string
	NotNull bool
	Key     int // place in the primary key, 0 outside
}

type index struct {
	Name    string
	Unique  bool
	Columns []string
	Partial bool
}

type table struct {
	Columns []column
	Indexes []index
	Links   []string // foreign keys as "column → table(column)"
}

func TestBothDatabasesHaveTheSameSchema(t *testing.T) {
	ctx := t.Context()
	found := map[string]map[string]table{}
	for dialect, read := range map[string]func(context.Context, *testing.T, *sql.DB) map[string]table{database.SQLite: readSQLite, database.Postgres: readPostgres} {
		found[dialect] = read(ctx, t, migrated(t, dialect))
	}
	if diff := cmp.Diff(found[database.SQLite], found[database.Postgres]); diff != "" {
		t.Errorf("the twins differ (- SQLite, + Postgres):\n%s", diff)
	}
	if len(found[database.SQLite]) < 10 {
		t.Errorf("only %d tables were read", len(found[database.SQLite]))
	}
}

func TestTheDumpsAreFresh(t *testing.T) {
	for dialect, dump := range map[string]func(context.Context, *testing.T, *sql.DB) string{database.SQLite: dumpSQLite, database.Postgres: dumpPostgres} {
		t.Run(dialect, func(t *testing.T) {
			name := "schema." + dialect + ".sql"
			now := "-- Written by `make schema`; do not edit. The schema as all migrations leave it.\n\n" + dump(t.Context(), t, migrated(t, dialect))
			if *update {
				if err := os.WriteFile(name, []byte(now), 0o644); err != nil { //nolint:gosec // a checked-in file
					t.Fatal(err)
				}
			}
			was, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(was), now); diff != "" {
				t.Errorf("%s is stale, run `make schema` (- file, + migrations):\n%s", name, diff)
			}
		})
	}
}

// migrated is a plain connection to a migrated database.
func migrated(t *testing.T, dialect string) *sql.DB {
	t.Helper()
	address := dbtest.URL(t, dialect)
	dbtest.Open(t, address)
	driver, dsn := "pgx", address
	if dialect == database.SQLite {
		driver, dsn = "sqlite", strings.TrimPrefix(address, "sqlite://")
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// rows reads a query of text columns.
func rows(ctx context.Context, t *testing.T, db *sql.DB, query string, args ...any) (out [][]string) {
	t.Helper()
	r, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		t.Fatalf("%v: %s", err, query)
	}
	defer func() { _ = r.Close() }()
	names, err := r.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for r.Next() {
		texts := make([]sql.NullString, len(names))
		into := make([]any, len(names))
		for i := range texts {
			into[i] = &texts[i]
		}
		if err := r.Scan(into...); err != nil {
			t.Fatal(err)
		}
		line := make([]string, len(texts))
		for i, s := range texts {
			line[i] = s.String
		}
		out = append(out, line)
	}
	if err := r.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// book is goose's own table.
const book = "goose_db_version"

func readSQLite(ctx context.Context, t *testing.T, db *sql.DB) map[string]table {
	t.Helper()
	out := map[string]table{}
	for _, r := range rows(ctx, t, db, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> ?", book) {
		var tab table
		for _, c := range rows(ctx, t, db, "SELECT name, \"notnull\", pk FROM pragma_table_info(?) ORDER BY cid", r[0]) {
			tab.Columns = append(tab.Columns, column{Name: c[0], NotNull: c[1] == "1", Key: int(c[2][0] - '0')})
		}
		for _, i := range rows(ctx, t, db, "SELECT name, \"unique\", partial FROM pragma_index_list(?) WHERE origin = 'c' ORDER BY name", r[0]) {
			ix := index{Name: i[0], Unique: i[1] == "1", Partial: i[2] == "1"}
			for _, c := range rows(ctx, t, db, "SELECT coalesce(name, '(expression)') FROM pragma_index_info(?) ORDER BY seqno", i[0]) {
				ix.Columns = append(ix.Columns, c[0])
			}
			tab.Indexes = append(tab.Indexes, ix)
		}
		for _, f := range rows(ctx, t, db, "SELECT \"from\", \"table\", \"to\" FROM pragma_foreign_key_list(?)", r[0]) {
			tab.Links = append(tab.Links, fmt.Sprintf("%s → %s(%s)", f[0], f[1], f[2]))
		}
		sort.Strings(tab.Links)
		out[r[0]] = tab
	}
	return out
}

func readPostgres(ctx context.Context, t *testing.T, db *sql.DB) map[string]table {
	t.Helper()
	out := map[string]table{}
	for _, r := range rows(ctx, t, db, "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema() AND table_name <> $1", book) {
		var tab table
		for _, c := range rows(ctx, t, db, `SELECT a.attname, a.attnotnull::int::text,
			coalesce(array_position((SELECT conkey::int[] FROM pg_constraint WHERE conrelid = a.attrelid AND contype = 'p'), a.attnum::int), 0)::text
			FROM pg_attribute a WHERE a.attrelid = $1::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`, r[0]) {
			tab.Columns = append(tab.Columns, column{Name: c[0], NotNull: c[1] == "1", Key: int(c[2][0] - '0')})
		}
		for _, i := range rows(ctx, t, db, `SELECT c.relname, i.indisunique::int::text, (i.indpred IS NOT NULL)::int::text,
			(SELECT string_agg(coalesce(a.attname, '(expression)'), ',' ORDER BY k.n) FROM unnest(i.indkey) WITH ORDINALITY k(attnum, n)
			 LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum AND k.attnum > 0)
			FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = $1::regclass AND NOT i.indisprimary
			AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = i.indexrelid AND contype = 'u') ORDER BY c.relname COLLATE "C"`, r[0]) {
			tab.Indexes = append(tab.Indexes, index{Name: i[0], Unique: i[1] == "1", Partial: i[2] == "1", Columns: strings.Split(i[3], ",")})
		}
		for _, f := range rows(ctx, t, db, `SELECT a.attname, c.confrelid::regclass::text, b.attname FROM pg_constraint c
			JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1] JOIN pg_attribute b ON b.attrelid = c.confrelid AND b.attnum = c.confkey[1]
			WHERE c.contype = 'f' AND c.conrelid = $1::regclass`, r[0]) {
			tab.Links = append(tab.Links, fmt.Sprintf("%s → %s(%s)", f[0], f[1], f[2]))
		}
		sort.Strings(tab.Links)
		out[r[0]] = tab
	}
	return out
}

func dumpSQLite(ctx context.Context, t *testing.T, db *sql.DB) string {
	t.Helper()
	var out strings.Builder
	for _, r := range rows(ctx, t, db, `SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND tbl_name <> ? AND name NOT LIKE 'sqlite_%'
		ORDER BY tbl_name, CASE type WHEN 'table' THEN 0 WHEN 'index' THEN 1 ELSE 2 END, name`, book) {
		out.WriteString(strings.TrimSpace(r[0]) + ";\n\n")
	}
	return strings.TrimSpace(out.String()) + "\n"
}

func dumpPostgres(ctx context.Context, t *testing.T, db *sql.DB) string {
	t.Helper()
	var schema string
	if err := db.QueryRowContext(ctx, "SELECT current_schema()").Scan(&schema); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	tables := rows(ctx, t, db, `SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema() AND table_name <> $1
		ORDER BY table_name COLLATE "C"`, book)
	for _, r := range tables {
		var lines []string
		for _, c := range rows(ctx, t, db, `SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull::text, pg_get_expr(d.adbin, d.adrelid)
			FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
			WHERE a.attrelid = $1::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`, r[0]) {
			line := "    " + c[0] + " " + c[1]
			if c[2] == "true" {
				line += " NOT NULL"
			}
			if c[3] != "" {
				line += " DEFAULT " + c[3]
			}
			lines = append(lines, line)
		}
		for _, c := range rows(ctx, t, db, `SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = $1::regclass AND contype IN ('p', 'u', 'f', 'c')
			ORDER BY position(contype::text in 'pucf'), conname COLLATE "C"`, r[0]) {
			lines = append(lines, "    CONSTRAINT "+c[0]+" "+c[1])
		}
		fmt.Fprintf(&out, "CREATE TABLE %s (\n%s\n);\n\n", r[0], strings.Join(lines, ",\n"))
		for _, i := range rows(ctx, t, db, `SELECT pg_get_indexdef(i.indexrelid) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = $1::regclass
			AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = i.indexrelid AND contype IN ('p', 'u')) ORDER BY c.relname COLLATE "C"`, r[0]) {
			out.WriteString(i[0] + ";\n\n")
		}
		for _, g := range rows(ctx, t, db, `SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = $1::regclass AND NOT tgisinternal ORDER BY tgname`, r[0]) {
			out.WriteString(g[0] + ";\n\n")
		}
	}
	for _, f := range rows(ctx, t, db, `SELECT pg_get_functiondef(p.oid) FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = current_schema() ORDER BY proname`) {
		out.WriteString(strings.TrimSpace(f[0]) + ";\n\n")
	}
	text := regexp.MustCompile(regexp.QuoteMeta(schema)+`\.`).ReplaceAllString(out.String(), "")
	return strings.TrimSpace(text) + "\n"
}

func TestFilesComeInOrderOfTheirNumbers(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		files, err := migrations.For(dialect)
		if err != nil {
			t.Fatal(err)
		}
		for range 20 { // a map's order is another one each time
			names, err := fs.Glob(files, "*.sql")
			if err != nil || !sort.StringsAreSorted(names) || len(names) == 0 {
				t.Fatalf("%s: %v (%v)", dialect, names, err)
			}
		}
	}
}

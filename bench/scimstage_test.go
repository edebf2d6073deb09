package bench

import (
	"bufio"
	"bytes"
	"database/sql"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/countersign/countersign/internal/dbtest"
)

// scimStage is a durable Postgres of its own and the programs that are measured on it.
type scimStage struct {
	pg       dbtest.Server
	admin    *sql.DB
	dir      string
	product  string // the program
	bare     string
	insertOK map[int]float64 // pgbench's single-row inserts a second, by concurrency
}

// built builds the two programs once for all benchmarks of a run, and starts the Postgres that they share.
var built = sync.OnceValues(func() (*scimStage, error) {
	dir, err := os.MkdirTemp("", "countersign-bench")
	if err != nil {
		return nil, err
	}
	s := &scimStage{dir: dir, product: filepath.Join(dir, "countersign"), bare: filepath.Join(dir, "bare"), insertOK: map[int]float64{}}
	for out, pkg := range map[string]string{s.product: "../cmd/countersign", s.bare: "./bare"} {
		cmd := exec.Command("go", "build", "-o", out, pkg)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if said, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("build %s: %w\n%s", pkg, err, said)
		}
	}
	s.pg, err = dbtest.Durable("-c", "shared_preload_libraries=pg_stat_statements", "-c", "shared_buffers=512MB", "-c", "max_wal_size=4GB")
	if err != nil {
		return nil, err
	}
	if s.admin, err = sql.Open("pgx", s.pg.URL); err != nil {
		return nil, err
	}
	_, err = s.admin.Exec("CREATE EXTENSION pg_stat_statements")
	return s, err
})

func newSCIMStage(b *testing.B) *scimStage {
	b.Helper()
	s, err := built()
	if err != nil {
		b.Fatal(err)
	}
	return s
}

// world is one database with people in it, and both servers over it.
type world struct {
	*scimStage
	db        *sql.DB
	url       string
	workspace string
	people    int
	product   *target
	bare      *target
}

// shape is how much lies in a database.
type shape struct {
	name       string
	workspaces int
	people     int // of the measured workspace; the others have people of their own, 100,000 in all where there are many
}

var shapes = map[string]shape{
	"1,000 people":                     {"few", 1, 1000},
	"100,000 people":                   {"many", 1, 100_000},
	"1,000 people in 1,000 workspaces": {"tenants", 1000, 1000},
}

// world makes a database of a shape, and both servers over it.
func (s *scimStage) world(b *testing.B, sh shape) *world {
	b.Helper()
	exec1(b, s.admin, "DROP DATABASE IF EXISTS "+sh.name+" WITH (FORCE)")
	exec1(b, s.admin, "CREATE DATABASE "+sh.name)
	w := &world{scimStage: s, url: strings.Replace(s.pg.URL, "/postgres?", "/"+sh.name+"?", 1), people: sh.people}
	keyset := filepath.Join(s.dir, sh.name+".keyset")
	_ = os.Remove(keyset) // of an earlier benchmark
	s.run(b, "", "keys", "init", "--keyset", keyset)
	store := []string{"--database-url", w.url, "--keyset", keyset}
	token := w.prepare(b, store)
	var err error
	if w.db, err = sql.Open("pgx", w.url); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = w.db.Close() })
	w.product = s.serve(b, token, store...)
	w.fill(b, sh)
	w.bare = s.serveBare(b, w.url, w.workspace)
	return w
}

// prepare migrates, makes the workspace and says its token.
func (w *world) prepare(b *testing.B, store []string) string {
	b.Helper()
	made := w.run(b, "a long password for a bench\n", append([]string{"workspace", "create", "--slug", "acme", "--name", "Acme", "--owner-name", "Ana Kovač",
		"--owner-email", "ana@acme.test", "--owner-password-stdin"}, store...)...)
	var created struct {
		Workspace struct{ ID string } `json:"workspace"`
	}
	if err := json.Unmarshal(made, &created); err != nil {
		b.Fatalf("%v: %s", err, made)
	}
	w.workspace = created.Workspace.ID
	var renewed struct{ Token string }
	out := w.run(b, "", append([]string{"token", "regenerate", "--workspace", "acme", "--requested-by", "ana@acme.test", "--operator", "bench", "--reason", "bench",
		"--without-confirmation", "--print", "--overlap", "0s"}, store...)...)
	if err := json.Unmarshal(out, &renewed); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	return renewed.Token
}

// run runs the program to its end and gives what it prints.
func (s *scimStage) run(b *testing.B, stdin string, args ...string) []byte {
	b.Helper()
	cmd := exec.Command(s.product, args...)
	var out, said bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &said
	if err := cmd.Run(); err != nil {
		b.Fatalf("countersign %s: %v\n%s", args[0], err, said.Bytes())
	}
	return out.Bytes()
}

// serve runs the product as a service whose SCIM has no rate limit.
func (s *scimStage) serve(b *testing.B, token string, store ...string) *target {
	b.Helper()
	addr, metrics := free(b), free(b)
	cmd := exec.Command(s.product, append([]string{"serve", "--addr", addr, "--companion-addr", free(b), "--metrics-addr", metrics,
		"--public-url", "http://" + addr}, store...)...)
	cmd.Env = append(os.Environ(), "COUNTERSIGN_SCIM_RATE=0")
	log, err := os.Create(filepath.Join(s.dir, "serve.log"))
	if err != nil {
		b.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = log, log
	start(b, cmd)
	t := newTarget("http://"+addr+"/v1/scim/v2", token, cmd.Process.Pid)
	for range 500 {
		if res, err := http.Get("http://" + addr + "/readyz"); err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				if to := os.Getenv("BENCH_METRICS"); to != "" { // where somebody who profiles finds the diagnostics
					_ = os.WriteFile(to, []byte(metrics), 0o600)
				}
				return t
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	said, _ := os.ReadFile(log.Name())
	b.Fatalf("serve did not come up: %s", said)
	return nil
}

func (s *scimStage) serveBare(b *testing.B, url, workspace string) *target {
	b.Helper()
	cmd := exec.Command(s.bare, url, workspace)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	start(b, cmd)
	addr, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	return newTarget("http://"+strings.TrimSpace(addr), "", cmd.Process.Pid)
}

// start starts a program that ends with the benchmark.
func start(b *testing.B, cmd *exec.Cmd) {
	b.Helper()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
}

func free(b *testing.B) string {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func exec1(b *testing.B, db *sql.DB, statement string, args ...any) {
	b.Helper()
	if _, err := db.Exec(statement, args...); err != nil {
		b.Fatalf("%s: %v", statement, err)
	}
}

// personID is the id of the n-th loaded person of the measured workspace, from 1 on.
func personID(n int) string { return fmt.Sprintf("ppl_bench%07d", n) }

// teamOf is the id of a loaded team.
func teamOf(members, n int) string { return fmt.Sprintf("tea_bench%d_%d", members, n) }

// fill multiplies one person, whom the product has made, into all that the shape wants, and makes the teams.
func (w *world) fill(b *testing.B, sh shape) {
	b.Helper()
	if _, err := w.product.send(http.MethodPost, "/Users", user("proto"), http.StatusCreated); err != nil {
		b.Fatal(err)
	}
	if _, err := w.product.send(http.MethodPost, "/Groups", []byte(`{"displayName":"proto"}`), http.StatusCreated); err != nil {
		b.Fatal(err)
	}
	many := `INSERT INTO people (id, workspace_id, source, role, active, user_name, user_name_key, name, name_key, email, email_key, external_id, attributes, search,
		version, created_at, updated_at) SELECT $1 || lpad(i::text, 7, '0'), $2, source, role, active, replace(user_name, 'proto', 'p' || i),
		replace(user_name_key, 'proto', 'p' || i), replace(name, 'proto', 'p' || i), replace(name_key, 'proto', 'p' || i), replace(email, 'proto', 'p' || i),
		replace(email_key, 'proto', 'p' || i), replace(external_id, 'proto', 'p' || i), replace(attributes::text, 'proto', 'p' || i)::jsonb,
		replace(search::text, 'proto', 'p' || i)::jsonb, 1, created_at + i * interval '1 ms', updated_at
		FROM people, generate_series(1, $3::int) i WHERE user_name_key = 'proto@acme.test'`
	exec1(b, w.db, many, "ppl_bench", w.workspace, sh.people)
	if sh.workspaces > 1 {
		exec1(b, w.db, `INSERT INTO workspaces (id, slug, name, created_at) SELECT 'wsp_bench' || i, 'other' || i, 'Other', now() FROM generate_series(1, $1::int) i`, sh.workspaces-1)
		exec1(b, w.db, strings.NewReplacer("$1 || lpad(i::text, 7, '0')", "$1 || i", "$2", "'wsp_bench' || (1 + i % ($2::int))", "user_name_key = 'proto", "workspace_id = '"+w.workspace+"' AND user_name_key = 'proto").Replace(many),
			"ppl_other", sh.workspaces-1, 100_000-sh.people)
	}
	team := `INSERT INTO teams (id, workspace_id, display_name, display_name_key, attributes, search, created_at, updated_at)
		SELECT $1, workspace_id, $1, lower($1), attributes, search, created_at, updated_at FROM teams WHERE display_name = 'proto'`
	half := w.people / 2 // of the people are in a team, however many there are
	for _, members := range []int{10, 50, half} {
		for n := range 17 {
			if members == half && n > 0 {
				break
			}
			exec1(b, w.db, team, teamOf(members, n))
			exec1(b, w.db, "INSERT INTO team_members (team_id, person_id, workspace_id) SELECT $1, 'ppl_bench' || lpad(i::text, 7, '0'), $2 FROM generate_series(1, $3::int) i",
				teamOf(members, n), w.workspace, members)
		}
	}
	// The bare server inserts into a twin of the table, which has the same indexes and keys but not the triggers that keep totals.
	exec1(b, w.db, "CREATE TABLE bare_people (LIKE people INCLUDING ALL, FOREIGN KEY (workspace_id) REFERENCES workspaces (id))")
	exec1(b, w.db, "INSERT INTO bare_people SELECT * FROM people")
	exec1(b, w.db, "VACUUM ANALYZE")
	exec1(b, w.db, "CHECKPOINT")
}

var tps = regexp.MustCompile(`tps = ([0-9.]+)`)

// pgbench is how many single rows a second pgbench inserts into the bare server's table with c clients.
func (w *world) pgbench(b *testing.B, c int) float64 {
	b.Helper()
	script := filepath.Join(w.dir, "insert.sql")
	row := "INSERT INTO bare_people (id, workspace_id, source, role, user_name, user_name_key, name, email, email_key, attributes, search, created_at, updated_at) " +
		"VALUES (md5(random()::text || clock_timestamp()), '" + w.workspace + "', 'directory', 'user', 'x', md5(random()::text || clock_timestamp()), 'x', 'x', 'x', '{}', '{}', now(), now());\n"
	if err := os.WriteFile(script, []byte(row), 0o600); err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(w.pg.Bin, "pgbench"), "-n", "-M", "prepared", "-c", strconv.Itoa(c), "-j", strconv.Itoa(min(c, 2)), "-T", "2", "-f", script, w.url)
	out, err := cmd.CombinedOutput()
	found := tps.FindSubmatch(out)
	if err != nil || found == nil {
		b.Fatalf("pgbench: %v\n%s", err, out)
	}
	rate, _ := strconv.ParseFloat(string(found[1]), 64)
	exec1(b, w.db, "DELETE FROM bare_people WHERE user_name = 'x'")
	return rate
}

func count(b *testing.B, db *sql.DB, query string, args ...any) (n int) {
	b.Helper()
	if err := db.QueryRow(query, args...).Scan(&n); err != nil {
		b.Fatal(err)
	}
	return n
}

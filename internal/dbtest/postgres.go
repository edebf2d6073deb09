package dbtest

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"sort"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// postgres starts one private server for this process and says where it is; it ends with the process. It forgets what it has written when the
// machine fails, which no test minds.
var postgres = sync.OnceValues(func() (string, error) {
	s, err := fresh("-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off", "-c", "shared_buffers=32MB", "-c", "autovacuum=off")
	return s.URL, err
})

// Server is a private Postgres.
type Server struct {
	URL string // of its database postgres
	PID int    // of its first process, the parent of all others
	Bin string // the folder of its programs
}

// Durable starts a private Postgres that keeps what it has acknowledged, as in production, for measuring. It ends with the process.
func Durable(settings ...string) (Server, error) {
	return fresh(append([]string{"-c", "fsync=on", "-c", "synchronous_commit=on", "-c", "full_page_writes=on"}, settings...)...)
}

func fresh(settings ...string) (Server, error) {
	bin, err := binaries()
	if err != nil {
		return Server{}, err
	}
	owner, err := serverUser()
	if err != nil {
		return Server{}, err
	}
	template, err := template(bin, owner)
	if err != nil {
		return Server{}, err
	}
	dir, err := folder()
	if err != nil {
		return Server{}, err
	}
	if err := own(dir, owner); err != nil {
		return Server{}, err
	}
	if err := as(owner, "cp", "-a", template, filepath.Join(dir, "data")); err != nil {
		return Server{}, err
	}
	return start(bin, dir, owner, settings)
}

// folder is a new one for a server. Whoever holds its lock is alive; what processes that have ended left behind is removed first, because nobody
// else can: they may have been killed.
func folder() (string, error) {
	left, err := filepath.Glob(filepath.Join(os.TempDir(), prefix+"*"))
	if err != nil {
		return "", err
	}
	for _, dir := range left {
		if abandoned(dir) {
			_ = os.RemoveAll(dir)
		}
	}
	dir, err := os.MkdirTemp("", prefix)
	if err != nil {
		return "", err
	}
	held, making := filepath.Join(dir, "held"), filepath.Join(dir, "making")
	fd, err := syscall.Open(making, syscall.O_CREAT|syscall.O_RDWR|syscall.O_CLOEXEC, 0o600) // it stays open, and so locked, as long as this process
	if err != nil {
		return "", err
	}
	if err := syscall.Flock(fd, syscall.LOCK_EX); err != nil {
		return "", err
	}
	return dir, os.Rename(making, held) // never seen without its lock
}

const prefix = "cspg" // short: a socket's path has at most 107 bytes

// abandoned tells whether nobody holds the folder's lock. A folder without a lock is just being made.
func abandoned(dir string) bool {
	held, err := os.OpenFile(filepath.Join(dir, "held"), os.O_RDWR, 0)
	if err != nil {
		return false
	}
	defer func() { _ = held.Close() }()
	return syscall.Flock(int(held.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil
}

// Binaries is the folder with initdb and postgres: the one that $PGBIN names, or Debian's newest.
func binaries() (string, error) {
	if dir := os.Getenv("PGBIN"); dir != "" {
		return dir, nil
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil || len(found) == 0 {
		return "", errors.New("no server under /usr/lib/postgresql")
	}
	sort.Slice(found, func(i, j int) bool { return major(found[i]) < major(found[j]) })
	return filepath.Dir(found[len(found)-1]), nil
}

func major(binary string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(binary))))
	return n
}

// serverUser is who runs the server: Postgres refuses to run as root.
func serverUser() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil //nolint:nilnil // no other user is needed
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		if u, err = user.Lookup("nobody"); err != nil {
			return nil, err
		}
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

func own(path string, owner *syscall.Credential) error {
	if owner == nil {
		return nil
	}
	return os.Chown(path, int(owner.Uid), int(owner.Gid))
}

func as(owner *syscall.Credential, name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Dir = os.TempDir()
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: owner}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", name, err, out)
	}
	return nil
}

// template is a fresh cluster that every process copies: initdb takes seconds, a copy a fraction. The first process makes it, others wait.
func template(bin string, owner *syscall.Credential) (string, error) {
	out, err := exec.Command(filepath.Join(bin, "postgres"), "--version").Output()
	if err != nil {
		return "", err
	}
	version := bytes.Fields(out)
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("countersign-postgres-%s-%d", version[2], os.Geteuid()))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	if err := own(dir, owner); err != nil {
		return "", err
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return "", err
	}
	defer func() { _ = lock.Close() }()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", err
	}
	data, ready := filepath.Join(dir, "data"), filepath.Join(dir, "ready")
	if _, err := os.Stat(ready); err == nil {
		return data, nil
	}
	if err := os.RemoveAll(data); err != nil {
		return "", err
	}
	if err := as(owner, filepath.Join(bin, "initdb"), "-D", data, "-A", "trust", "-U", "postgres", "--no-sync", "-E", "UTF8", "--locale=C"); err != nil {
		return "", err
	}
	return data, os.WriteFile(ready, nil, 0o600)
}

// start runs the server as a child that the kernel ends with this process, however that dies.
func start(bin, dir string, owner *syscall.Credential, settings []string) (Server, error) {
	port, err := freePort()
	if err != nil {
		return Server{}, err
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return Server{}, err
	}
	cmd := exec.Command(filepath.Join(bin, "postgres"), append([]string{"-D", filepath.Join(dir, "data"), "-p", strconv.Itoa(port), "-k", dir,
		"-c", "listen_addresses=127.0.0.1", "-c", "max_connections=300"}, settings...)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: owner, Pdeathsig: syscall.SIGQUIT}
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // the death signal follows the thread that started the child, so this one stays
		started <- cmd.Start()
		_ = cmd.Wait()
		_ = os.RemoveAll(dir)
		select {}
	}()
	if err := <-started; err != nil {
		return Server{}, err
	}
	server := Server{URL: fmt.Sprintf("postgres://postgres@127.0.0.1:%d/postgres?sslmode=disable", port), PID: cmd.Process.Pid, Bin: bin}
	return server, ready(server.URL, log.Name())
}

func ready(server, log string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	db, err := sql.Open("pgx", server)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if err = db.PingContext(ctx); err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			said, _ := os.ReadFile(filepath.Clean(log))
			return fmt.Errorf("the server did not come up: %w\n%s", err, said)
		case <-tick.C:
		}
	}
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port, nil
}
